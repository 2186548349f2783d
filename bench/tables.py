#!/usr/bin/env python3
"""tables.py: what the runs of versus.sh and failover.sh come to.

    tables.py add FILE ROW TARGET ROUND <RUN    append a run, one JSON object, to FILE
    tables.py add FILE CAUSE TARGET NODE LEADER <RUN
                                                likewise; what else was seen of it may follow in
                                                objects of their own
    tables.py line <RUN                         a run on one line, for a person
    tables.py versus FILE ABOUT [--write DOC]   medians over the rounds, and ratios
    tables.py failover FILE ABOUT [--write DOC] the worst node of each target and cause
    tables.py self-test                         the medians, ratios and verdicts of made-up runs

--write puts the tables into DOC too, between <!-- NAME:begin --> and <!-- NAME:end -->, where NAME
is versus or failover.
"""
import json
import statistics
import sys

NAMES = {"dkv": "dkv", "etcd": "etcd", "etcd-tuned": "etcd, heartbeat 20 ms, election 200 ms",
         "zookeeper": "ZooKeeper"}

# Row: what it is, and which rows of the peers it is compared with.
ROWS = {
    "puts-64": "puts, 64 clients",
    "puts-256": "puts, 256 clients",
    "gets-64": "linearizable gets, 64 clients",
    "gets-256": "linearizable gets, 256 clients",
    "barrier-64": "the same by barrier, 64 clients",
    "barrier-256": "the same by barrier, 256 clients",
    "half-64": "half puts, half linearizable gets, 64 clients",
    "local-64": "sequential gets, 64 clients",
    "puts-1": "puts, 1 client",
    "batch-256": "puts, 255 under way on 3 connections",
    "pinned-64": "puts, 64 clients on one node",
}
PEER_ROW = {"barrier-64": "gets-64", "barrier-256": "gets-256"}


class Medians:
    """The median over the rounds of each figure of each row and target."""

    def __init__(self, runs):
        self.runs = runs

    def get(self, row, target, field):
        values = [r[field] for r in self.runs if r["row"] == row and r["target"] == target]
        values = [v for v in values if v is not None]
        return statistics.median(values) if values else None

    def ratio(self, row, peer, field="ops_per_s"):
        ours = self.get(row, "dkv", field)
        theirs = self.get(PEER_ROW.get(row, row), peer, field)
        return ours / theirs if ours is not None and theirs else None


def goals(m, row):
    """(what is wanted, whether it is so) of a row; None: not known."""
    def peers(field, names=("zookeeper", "etcd")):
        return [m.ratio(row, p, field) for p in names if m.ratio(row, p, field) is not None]

    def times(least, names):
        ratios = peers("ops_per_s", names)
        return None if len(ratios) < len(names) else min(ratios) >= least

    if row == "puts-64":
        tail = peers("p999_ms", ("etcd",))
        yield "1.5 x ZooKeeper", times(1.5, ("zookeeper",))
        yield "p99.9 of etcd", tail[0] <= 1 if tail else None
    for name, least in (("puts-256", 1.5), ("gets-64", 1.5), ("gets-256", 1.3), ("half-64", 1.8),
                        ("local-64", 1.0)):
        if row == name:
            yield f"{least:g} x ZooKeeper", times(least, ("zookeeper",))
    if row == "puts-1":
        middle = peers("p50_ms", ("etcd",))
        yield "p50 of etcd", middle[0] <= 1 if middle else None
    if row == "batch-256":
        yield "3 x either", times(3, ("zookeeper", "etcd"))
    if row == "pinned-64":
        ours, spread = m.get(row, "dkv", "ops_per_s"), m.get("puts-64", "dkv", "ops_per_s")
        yield "within 30 % of spread", 0.7 <= ours / spread <= 1.3 if ours and spread else None


def number(value, digits=0, unit=""):
    return "" if value is None else f"{value:,.{digits}f}{unit}"


def figures(m, row, target):
    """One cell: everything about a row of a target."""
    if m.get(row, target, "ops_per_s") is None:
        return ""
    tails = ", ".join(number(m.get(row, target, f), 2) for f in ("p50_ms", "p99_ms", "p999_ms"))
    cell = f"{number(m.get(row, target, 'ops_per_s'))}; {tails}"
    cpu = m.get(row, target, "server_cpu_us_per_op")
    cell += f"; {number(cpu)}" if cpu is not None else ""
    errors = m.get(row, target, "errors")
    return cell + (f"; **{number(errors)} errors**" if errors else "")


def table(heads, lines):
    out = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return out + ["| " + " | ".join(line) + " |" for line in lines]


def versus(runs):
    m = Medians(runs)
    targets = [t for t in NAMES if any(r["target"] == t for r in runs)]
    peers = [t for t in targets if t != "dkv"]
    rows = [r for r in ROWS if any(run["row"] == r for run in runs)]
    lines = []
    for row in rows:
        wanted = [text + {None: "", True: ": yes", False: ": **no**"}[met]
                  for text, met in goals(m, row)]
        lines.append([ROWS[row]] + [number(m.ratio(row, p), 2) for p in peers] +
                     [number(m.ratio(row, p, "p999_ms"), 2) for p in peers] +
                     ["; ".join(wanted)])
    heads = ["dkv divided by", *(f"{NAMES[p]}: ops/s" for p in peers),
             *(f"{NAMES[p]}: p99.9" for p in peers), "wanted"]
    out = table(heads, lines) if "dkv" in targets and peers else []
    out += ["", "Operations a second; p50, p99, p99.9 in ms; CPU of the three servers in "
            "microseconds for each operation:", ""]
    return out + table(["", *(NAMES[t] for t in targets)],
                       [[ROWS[r], *(figures(m, r, t) for t in targets)] for r in rows])


CAUSES = {"kill": "kill -9", "stop": "SIGSTOP", "cut": "cut from its peers (iptables)",
          "rules": "cut from its peers (fault rules)"}


def who(run):
    return "the leader" if run["leader"] else f"node {run['node']}"


def failover(runs):
    lines = []
    for cause in CAUSES:
        for target in NAMES:
            here = [r for r in runs if r["target"] == target and r["cause"] == cause]
            if not here:
                continue
            cells = [CAUSES[cause], NAMES[target]]
            for field in ("gap_ms", "others_gap_ms", "max_ms"):
                worst = max(here, key=lambda r, f=field: r[f])
                cells.append(f"{number(worst[field])} ({who(worst)})")
            worst = max(here, key=lambda r: r["gap_ms"])
            cells.append(number(worst.get("disk_pause_ms")))
            lines.append(cells + [number(sum(r["errors"] for r in here))])
    return ["Milliseconds, of the worst node:", "",
            *table(["cause", "", "longest gap in writes", "of clients of the other nodes",
                    "slowest operation", "the disk's longest pause in the run of the longest gap",
                    "failed operations"], lines)]


def line(run):
    if "cause" in run:
        return (f"{run['target']}: {run['cause']}, {who(run)}: gap {run['gap_ms']:.0f} ms, "
                f"others' {run['others_gap_ms']:.0f} ms, slowest {run['max_ms']:.0f} ms, "
                f"disk {number(run.get('disk_pause_ms'))} ms, {run['ops_per_s']:.0f} ops/s, "
                f"{run['errors']} errors")
    cpu = run["server_cpu_us_per_op"]
    return (f"{run['target']} {run['row']}: {run['ops_per_s']:.0f} ops/s, p50 {run['p50_ms']:.2f}, "
            f"p99 {run['p99_ms']:.2f}, p99.9 {run['p999_ms']:.2f} ms, servers "
            f"{0 if cpu is None else cpu:.0f} us/op, {run['errors']} errors")


def write_into(path, name, lines):
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        sys.exit(f"tables: {path} has no {begin} with {end} behind it")
    head, rest = text.split(begin)
    tail = rest.split(end)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + begin + "\n" + "\n".join(lines) + "\n" + end + tail)


def objects(text):
    """The JSON objects in text, one behind the other."""
    decoder = json.JSONDecoder()
    text = text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].lstrip()


def add(path, labels):
    run = {}
    for seen in objects(sys.stdin.read()):
        run.update(seen)
    run.update(labels)
    if "node" in run:
        home = run["by_endpoint"][run["node"] - 1]
        run["others_gap_ms"] = home["others_gap_ms"]
    with open(path, "a", encoding="utf-8") as f:
        f.write(json.dumps(run) + "\n")


def self_test():
    def run(row, target, ops, p999_ms=1.0, p50_ms=1.0):
        return {"row": row, "target": target, "ops_per_s": ops, "p50_ms": p50_ms, "p99_ms": 1.0,
                "p999_ms": p999_ms, "server_cpu_us_per_op": None, "errors": 0}

    def check(what, is_so):
        if not is_so:
            sys.exit(f"tables: self-test: {what}")

    m = Medians([run("puts-64", "dkv", ops) for ops in (100, 900, 300)] +
                [run("puts-64", "zookeeper", 200), run("puts-64", "etcd", 100, p999_ms=0.5),
                 run("barrier-64", "dkv", 50), run("gets-64", "etcd", 100),
                 run("pinned-64", "dkv", 200), run("puts-1", "dkv", 1, p50_ms=2.0),
                 run("puts-1", "etcd", 1, p50_ms=1.9)])
    check("a median of three", m.get("puts-64", "dkv", "ops_per_s") == 300)
    check("what was not measured", m.get("half-64", "dkv", "ops_per_s") is None)
    check("a ratio", m.ratio("puts-64", "zookeeper") == 1.5)
    check("barrier reads next to the reads of others", m.ratio("barrier-64", "etcd") == 0.5)
    check("one goal met and one missed", [g[1] for g in goals(m, "puts-64")] == [True, False])
    check("within 30 %: 200 of 300 is not", [g[1] for g in goals(m, "pinned-64")] == [False])
    check("slower than etcd", [g[1] for g in goals(m, "puts-1")] == [False])
    check("nobody to compare with", [g[1] for g in goals(m, "batch-256")] == [None])
    hits = [{"target": "dkv", "cause": "kill", "node": n, "gap_ms": gap, "others_gap_ms": gap / 2,
             "max_ms": 9 - gap, "errors": 1, "leader": n == 1, "disk_pause_ms": n}
            for n, gap in ((1, 3.0), (2, 7.0), (3, 5.0))]
    check("the worst node of each figure",
          failover(hits)[-1] == "| kill -9 | dkv | 7 (node 2) | 4 (node 2) | 6 (the leader) | 2 | 3 |")
    check("objects one behind the other",
          list(objects('{"a": 1}\n{"b": 2}\n')) == [{"a": 1}, {"b": 2}])


def main(args):
    if args[0] == "self-test":
        self_test()
    elif args[0] == "add":
        row, target, which = args[2:5]
        labels = {"target": target, "row": row, "round": int(which)}
        if row in CAUSES:
            labels = {"target": target, "cause": row, "node": int(which),
                      "leader": args[5] == which}
        add(args[1], labels)
    elif args[0] == "line":
        print(line(json.load(sys.stdin)))
    else:
        name, path, about = args[0:3]
        with open(path, encoding="utf-8") as f:
            runs = [json.loads(text) for text in f]
        lines = [about, "", *{"versus": versus, "failover": failover}[name](runs)]
        print("\n".join(lines))
        if args[3:4] == ["--write"]:
            write_into(args[4], name, lines)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ("add", "line", "versus", "failover", "self-test"):
        sys.exit(__doc__)
    main(sys.argv[1:])
