#!/usr/bin/python3
"""kills.py -- kill -9 of random nodes under load, again and again, and what clients saw judged.

    kills.py [--mode coordinated|classic] [--kills N] [--part N] [--seed S] [--keep DIR]

Three nodes serve clients that write down what they see (history_load.c). N times one node, two (so
that no majority is left), or all three are killed with -9, some of them after they stood still for
some hundred milliseconds (SIGSTOP), and started again, now and then before the last ones are ready.

After every --part kills (20) the clients stop. Then the history of the part must be linearizable,
every append done once, and the three nodes must have applied the same, with one state hash. When
all is over every key of every part is read once more, and must be as its part left it.

Prints a line for each part, with the longest time without an answered write: while a majority was
there, and in all. The last line is

    N kills, M operations, linearizable, hashes equal, 0 lost

The seed (printed) draws who is killed, when, and for how long; what it meets is up to the machine.
Exit codes: 0 all is well, 1 something is not, 2 usage. What failed stays in --keep DIR, if given.
scripts/kills.sh builds what this needs, and sets its environment.
"""
import argparse
import base64
import json
import os
import random
import shutil
import sys
import time

PART_SECONDS_MAX = 1800
# Of clients, in one part and the next: with little, they never learn what became of some writes.
PATIENCES_MS = (5000, 500, 1000)


def parse():
    parser = argparse.ArgumentParser(description="kill -9 of random nodes under load")
    parser.add_argument("--mode", choices=("coordinated", "classic"), default="coordinated")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--part", type=int, default=20, help="kills of one history (20)")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", metavar="DIR", help="new; keeps what failed")
    options = parser.parse_args()
    if min(options.kills, options.part, options.clients) < 1:
        parser.error("--kills, --part and --clients begin at 1")
    if options.seed is None:
        options.seed = random.randrange(1 << 31)
    return options


OPTIONS = parse()
os.environ["DKV_MODE"] = OPTIONS.mode

import calls  # noqa: E402
import cluster  # noqa: E402


class Wrong(Exception):
    """What was promised does not hold."""


class Killer:
    """Kills and starts nodes, and knows since when which of them were away."""

    def __init__(self, nodes, rng):
        self.nodes = nodes
        self.rng = rng
        self.processes = 0  # Killed.
        self.away_since = {}
        self.away = []  # (from, to), of one node each, by time.monotonic().

    def hit(self):
        """One kill: who is hit, how, and for how long it is down is drawn."""
        rng = self.rng
        time.sleep(rng.uniform(0.1, 1.0))
        count = rng.choices((1, 2, 3), (14, 4, 2))[0]
        chosen = rng.sample(self.nodes.nodes, count)
        pauses = rng.random() < 0.3
        for node in chosen:
            self.check(node)
            self.away_since.setdefault(node, time.monotonic())
            if pauses:
                node.pause()
        if pauses:
            time.sleep(rng.uniform(0.2, 0.8))
        for node in chosen:
            node.process.kill()  # All at once, and only then a word with each.
        for node in chosen:
            node.kill()
        self.processes += count
        time.sleep(rng.uniform(0.0, 1.0))
        for node in chosen:
            node.start()
        if rng.random() < 0.75:
            self.wait_ready()

    def check(self, node):
        if not node.is_running():
            raise Wrong(f"node {node.id} ended by itself with {node.process.returncode}:\n"
                        + node.log_tail())

    def wait_ready(self):
        for node in self.nodes.nodes:
            node.wait_ready(60)
            if node in self.away_since:
                self.away.append((self.away_since.pop(node), time.monotonic()))

    def without_majority(self):
        """Times (from, to) in which two or more nodes were away."""
        steps = sorted([(begin, 1) for begin, _ in self.away] + [(end, -1) for _, end in self.away])
        away, since, times = 0, None, []
        for at, step in steps:
            if away < 2 <= away + step:
                since = at
            elif away + step < 2 <= away:
                times.append((since, at))
            away += step
        return times


def as_bytes(text):
    return base64.b64decode(text["b64"]) if isinstance(text, dict) else text.encode()


class Part:
    """One load, its kills, and its judgement."""

    def __init__(self, nodes, killer, kills, seed, patience_ms):
        self.nodes, self.killer, self.kills = nodes, killer, kills
        self.load = cluster.Load(nodes, PART_SECONDS_MAX, "--clients", str(OPTIONS.clients),
                                 "--seed", str(seed), "--timeout-ms", str(patience_ms))
        self.report = None
        self.gap = self.gap_with_majority = 0.0
        self.last_read = {}  # What each key had when all was over; None: nothing.

    def run(self):
        try:
            for _ in range(self.kills):
                self.killer.hit()
                if self.load.process.poll() is not None:
                    raise Wrong(f"the clients ended early:\n{self.load.text()}")
            self.killer.wait_ready()
            time.sleep(0.5)
            self.load.process.terminate()  # Stops the clients; then it reads, and judges.
            code = self.load.process.wait(300)
        finally:
            self.load.kill()
        if code != 0:
            raise Wrong(f"history-load ended with {code}:\n{self.load.text()}")
        self.report = json.loads(self.load.text().splitlines()[-1])
        self.look_back()
        os.unlink(self.load.history)
        self.nodes.wait_converged(60)

    def look_back(self):
        writes = []
        with open(self.load.history, encoding="utf-8") as lines:
            for op in map(json.loads, lines):
                if op["op"] == "get" and op["client"] == OPTIONS.clients:
                    # The reader, who comes when the others are gone.
                    found = op["found"]
                    self.last_read[as_bytes(op["key"])] = as_bytes(op["output"]) if found else None
                elif op["op"] != "get" and op["outcome"] == "ok":
                    writes.append(op["return"] / 1e9)
        writes.sort()
        outages = self.killer.without_majority()
        for before, after in zip(writes, writes[1:]):
            self.gap = max(self.gap, after - before)
            if not any(begin < after and before < end for begin, end in outages):
                self.gap_with_majority = max(self.gap_with_majority, after - before)


def read_again(nodes, parts):
    """Keys that are not what their part left, as lines of text."""
    lost = []
    for node, part in zip(nodes.nodes * len(parts), parts):
        node.client.get(b"any")  # From here on this node knows it all.
        for key, value in part.last_read.items():
            read = node.client.get(key, sequential=True)
            now = read.value if read.found else None
            if now != value:
                lost.append(f"key {key}: it was {value}, and is {now}")
    return lost


def run(nodes):
    rng = random.Random(OPTIONS.seed)
    killer = Killer(nodes, rng)
    parts, done, ops = [], 0, 0
    while done < OPTIONS.kills:
        count = min(OPTIONS.part, OPTIONS.kills - done)
        patience_ms = PATIENCES_MS[len(parts) % len(PATIENCES_MS)]
        parts.append(Part(nodes, killer, count, rng.randrange(1 << 31), patience_ms))
        began = time.monotonic()
        parts[-1].run()
        done += count
        report = parts[-1].report
        ops += report["ops"]
        print(f"{done:5} kills  {report['ops']:7} operations, {report['unknown']} in doubt, "
              f"{time.monotonic() - began:.0f} s; longest without a write "
              f"{parts[-1].gap_with_majority * 1000:.0f} ms with a majority, "
              f"{parts[-1].gap * 1000:.0f} ms in all", flush=True)
    lost = read_again(nodes, parts)
    if lost:
        raise Wrong("\n".join([f"{len(lost)} keys are not as they were", *lost[:20]]))
    print(f"      {killer.processes} processes killed; {sum(len(p.last_read) for p in parts)} keys "
          f"read again at the end")
    print(f"{done} kills, {ops} operations, linearizable, hashes equal, {len(lost)} lost")


def main():
    print(f"{OPTIONS.kills} kills in {OPTIONS.mode} mode, --seed {OPTIONS.seed}", flush=True)
    nodes = cluster.Cluster(3, flags=())
    try:
        nodes.start()
        run(nodes)
    except (Wrong, AssertionError, calls.Error) as error:
        print(f"kills: FAILED: {error}", file=sys.stderr)
        for node in nodes.nodes:
            print(f"---- end of the log of node {node.id}\n{node.log_tail()}", file=sys.stderr)
        if OPTIONS.keep:
            nodes.kill_all()
            shutil.copytree(nodes.directory, OPTIONS.keep)
            print(f"kills: all that was left is in {OPTIONS.keep}", file=sys.stderr)
        return 1
    finally:
        nodes.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
