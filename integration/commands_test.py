"""commands_test.py -- every command of dkv-cli against three real nodes: what it prints, and its exit
codes, also on bad days."""
import base64
import json
import os
import pty
import re
import signal
import subprocess
import tempfile
import time

import case
import cluster

OK, ERROR, USAGE, NOT_FOUND, UNAVAILABLE, UNKNOWN, COMPARISON, DENIED = range(8)
INTERRUPTED = 130

METRICS = ["applied_ops_total", "duplicate_suppressed_total", "paxos_prepare_total",
           "paxos_accept_total", "paxos_propose_total", "chosen_index", "last_applied_index",
           "catchup_entries_applied"]


class CliCase(case.Case):
    """dkv(...) runs a command against all nodes, or those of --addr or --endpoints."""

    def dkv(self, *args, code=OK, **how):
        if not any(a.startswith(("--addr", "--endpoints")) for a in args):
            args = (*args, "--endpoints", self.nodes.endpoints)
        return self.cli(code, *args, **how)

    def json(self, *args, **how):
        return json.loads(self.dkv(*args, "-o", "json", **how)[0])

    def addr(self, node_id):
        return ("--addr", self.nodes.node(node_id).address)

    def value(self, key, *args):
        return self.dkv("get", key, *args)[0]


class Peaceful(CliCase):
    """Nothing is broken here, so one cluster will do for all."""

    @classmethod
    def setUpClass(cls):
        cls.nodes = cluster.Cluster(3)
        cls.addClassCleanup(cls.nodes.close)
        cls.nodes.start()

    def test_put_and_get(self):
        self.assertEqual(self.dkv("put", "greeting", "hello"), (b"OK\n", ""))
        self.assertEqual(self.dkv("get", "greeting"), (b"hello", ""))
        self.dkv("put", *self.addr(1), "--key", "greeting", "--value", "hello again")
        for node_id in (1, 2, 3):
            self.assertEqual(self.value("greeting", *self.addr(node_id)), b"hello again")
        self.assertEqual(self.dkv("put", "greeting", "new", "--prev")[0], b"hello again")
        self.assertEqual(self.dkv("get", "--key=greeting", "--consistency", "sequential",
                                  *self.addr(2))[0], b"new")
        self.assertEqual(self.dkv("get", "greeting", "--consistency", "quorum",
                                  *self.addr(3))[0], b"new")
        # Flags before the command too.
        self.assertEqual(self.dkv("--endpoints", self.nodes.endpoints, "get", "greeting")[0],
                         b"new")

    def test_a_first_value_has_no_previous(self):
        out, said = self.dkv("put", "first", "1", "--prev")
        self.assertEqual(out, b"")
        self.assertIn("no value before", said)

    def test_get_of_nothing(self):
        out, said = self.dkv("get", "nothing", code=NOT_FOUND)
        self.assertEqual(out, b"")
        self.assertIn("nothing", said)
        self.assertFalse(self.json("get", "nothing", code=NOT_FOUND)["found"])

    def test_append(self):
        self.dkv("append", "log", "one")
        answer = self.json("append", "log", ",two")
        self.assertEqual(answer["value"], "one,two")
        self.assertTrue(answer["applied"])
        self.assertEqual(answer["attempts"], 1)
        self.assertEqual(self.value("log"), b"one,two")

    def test_delete(self):
        self.dkv("put", "gone", "soon")
        self.assertEqual(self.dkv("delete", "gone", "--prev")[0], b"soon")
        self.dkv("get", "gone", code=NOT_FOUND)
        self.assertEqual(self.dkv("delete", "gone")[0], b"nothing to delete\n")
        self.assertFalse(self.json("delete", "gone")["applied"])

    def test_cas(self):
        self.dkv("cas", "lock", "--expect-absent", "me")
        _, said = self.dkv("cas", "lock", "--expect-absent", "you", code=COMPARISON)
        self.assertIn("has the value 'me'", said)
        self.dkv("cas", "lock", "you", "them", code=COMPARISON)
        answer = self.json("cas", "lock", "you", "them", code=COMPARISON)
        self.assertEqual((answer["applied"], answer["previous"]), (False, "me"))
        self.dkv("cas", "lock", "me", "you")
        revision = self.json("get", "lock")["mod_revision"]
        self.dkv("cas", "lock", "--expect-revision", str(revision + 1), "x", code=COMPARISON)
        self.dkv("cas", "--key", "lock", "--expect-revision", str(revision), "--value", "x")
        self.assertEqual(self.value("lock"), b"x")
        _, said = self.dkv("cas", "no-lock", "a", "b", code=COMPARISON)
        self.assertIn("there is no key", said)

    def test_bytes_are_kept(self):
        value = bytes(range(256)) * 3 + b"\n\n\0"
        self.dkv("put", "bytes", "-", stdin=value)
        self.assertEqual(self.value("bytes"), value)
        got = self.json("get", "bytes")
        self.assertEqual(base64.b64decode(got["value"]["b64"]), value)
        text = "a\0ü\n".encode()
        self.dkv("put", "bytes", "--value-file", "-", stdin=text)
        self.assertEqual(self.json("get", "bytes")["value"], "a\0ü\n")
        self.dkv("put", "bytes", "")
        self.assertEqual(self.value("bytes"), b"")
        # A dash is a dash if one insists.
        self.dkv("put", "bytes", "--value", "-")
        self.assertEqual(self.value("bytes"), b"-")

    def test_the_largest(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(os.urandom(1 << 20))
            file.flush()
            self.dkv("put", "large", "--value-file", file.name)
            self.assertEqual(subprocess.run(["cmp", "-", file.name], input=self.value("large"),
                                            check=False).returncode, 0)
            file.write(b"x")
            file.flush()
            _, said = self.dkv("put", "large", "--value-file", file.name, code=USAGE)
            self.assertIn("1048576", said)
        _, said = self.dkv("append", "large", "x", code=ERROR)
        self.assertIn("1 MiB", said)
        self.dkv("put", "k" * 511, "v")
        self.assertEqual(self.value("k" * 511), b"v")

    def test_a_terminal_gets_a_newline(self):
        self.dkv("put", "shown", "abc")
        self.dkv("put", "line", "abc\n")
        for key in ("shown", "line"):
            out, end = pty.openpty()
            done = subprocess.run([cluster.CLI, "get", key, "--addr", self.nodes.endpoints],
                                  stdin=subprocess.DEVNULL, stdout=end, timeout=30, check=False)
            os.close(end)
            self.assertEqual(done.returncode, OK)
            self.assertEqual(os.read(out, 100), b"abc\r\n")
            os.close(out)

    def test_tables(self):
        self.dkv("put", "k\x1b[31m", "v\n")
        out = self.dkv("get", "k\x1b[31m", "-o", "table")[0].decode()
        self.assertRegex(out, r"^KEY +VALUE .*\nk\\x1b\[31m +v\\n +2 ")
        for command in ("status", "health", "metrics", "fetch-log"):
            out = self.dkv(command, "-o", "table", *self.addr(1))[0].decode()
            self.assertRegex(out, r"^(ENDPOINT|SLOT) +")
            self.assertNotRegex(out, r"(?m) $")

    def test_environment(self):
        self.dkv("put", "from", "environment")
        done = subprocess.run([cluster.CLI, "get", "from"], check=False, timeout=30,
                              stdout=subprocess.PIPE,
                              env={**os.environ, "DKV_ENDPOINTS": self.nodes.endpoints})
        self.assertEqual((done.returncode, done.stdout), (OK, b"environment"))

    def test_the_next_endpoint(self):
        ports = cluster.Ports()
        nobody = f"127.0.0.1:{ports.take()}"
        endpoints = f"{nobody},{self.nodes.node(2).address}"
        self.dkv("put", "next", "1", "--endpoints", endpoints)
        self.assertEqual(self.json("get", "next", "--endpoints", endpoints)["node"], 2)
        for args in (["get", "x"], ["put", "x", "1"]):
            _, said = self.dkv(*args, "--addr", nobody, "--timeout", "500ms", code=UNAVAILABLE)
            self.assertIn(nobody, said)
        ports.release()

    def test_once(self):
        session = ["--client-id", "me", "--op-id", "1", "--born", "1"]
        self.dkv("append", "once", "x", *session)
        for node_id in (1, 2, 3):
            answer = self.json("append", "once", "x", *session, *self.addr(node_id))
            self.assertTrue(answer["duplicate"])
            self.assertEqual(answer["client_id"], "me")
        self.assertEqual(self.value("once"), b"x")
        _, said = self.dkv("append", "once", "y", *session, code=ERROR)
        self.assertIn("own op_id", said)
        self.dkv("append", "once", "y", "--client-id", "hex:6d65", "--op-id", "2")
        _, said = self.dkv("append", "once", "x", *session, code=ERROR)
        self.assertIn("stale", said)
        self.assertEqual(self.value("once"), b"xy")

    def test_usage(self):
        for args, words in {
            (): "dkv-cli COMMAND --help",
            ("pu",): "did you mean 'put'?",
            ("frobnicate",): "unknown command 'frobnicate'",
            ("put", "--vlaue", "1"): "unknown flag --vlaue: did you mean --value?",
            ("put", "k"): "which value?",
            ("put", "", "v"): "1 to 511 bytes",
            ("put", "k" * 512, "v"): "1 to 511 bytes",
            ("put", "k", "v", "w"): "unexpected argument 'w'",
            ("put", "k", "--value", "v", "--value-file", "f"): "at once",
            ("put", "k", "v", "--op-id", "1"): "--client-id",
            ("put", "k", "v", "--client-id", "hex:0"): "--client-id takes",
            ("put", "k", "v", "--client-id", "c", "--op-id", "2", "--floor", "3"): "--floor takes",
            ("get",): "which key?",
            ("get", "k", "--timeout", "5"): "--timeout takes a duration",
            ("get", "k", "--timeout", "0s"): "--timeout takes a duration",
            ("get", "k", "-o", "yaml"): "--output takes text, json or table",
            ("get", "k", "--consistency", "weak"): "barrier, quorum or sequential",
            ("get", "k", "--addr", "localhost"): "no port",
            ("get", "k", "--addr", "localhost:99999"): "1 to 65535",
            ("cas", "k", "v"): "which value?",
            ("cas", "k", "--expect-absent", "--expect", "v", "w"): "is enough",
            ("cas", "k", "--expect-revision", "0", "w"): "--expect-revision takes",
            ("load",): "--stdin-records",
            ("load", "--stdin-records", "--clients", "0"): "--clients takes",
            ("fetch-log", "--from", "5", "--to", "4"): "--to is below --from",
            ("drop-rules", "--rules", "2:1.5"): "is no rule",
            ("drop-rules", "--rules", "2"): "is no rule",
            ("drop-rules",): "which rules?",
            ("faults",): "set, get or clear?",
            ("faults", "set"): "--peer",
            ("faults", "set", "--peer", "2", "--drop", "30%"): "from 0 to 1",
            ("faults", "set", "--peer", "2", "--delay", "50"): "duration",
            ("faults", "clear", "--drop", "1"): "goes with set",
            ("die",): "which node?",
            ("scenario",): "basic",
            ("scenario", "basics"): "did you mean 'basic'?",
        }.items():
            with self.subTest(args=args):
                out, said = self.cli(USAGE, *args)
                self.assertIn(words, out.decode() + said)

    def test_help(self):
        out = self.cli(OK, "--help")[0].decode()
        commands = re.findall(r"(?m)^  ([a-z-]+) {2,}", out)
        self.assertEqual(set(commands), {
            "put", "get", "append", "delete", "cas", "load", "health", "status", "metrics",
            "fetch-log", "drop-rules", "faults", "die", "scenario", "bench"})
        for command in commands:
            text = self.cli(OK, command, "--help")[0].decode()
            self.assertRegex(text, rf"^dkv-cli {command} -- .*\n\nExamples:\n  ")
            self.assertEqual(self.cli(OK, "help", command)[0].decode(), text)
        self.assertRegex(self.cli(OK, "--version")[0], rb"^dkv-cli \d")

    def test_health_and_status(self):
        self.dkv("put", "looked", "at")
        for node in self.json("health"):
            self.assertTrue(node["ready"])
        self.nodes.wait_converged()
        statuses = self.json("status")
        self.assertEqual([s["node"] for s in statuses], [1, 2, 3])
        self.assertEqual(len({s["state_hash"] for s in statuses}), 1)
        self.assertEqual(len(statuses[0]["peers"]), 2)
        out = self.dkv("status")[0].decode()
        self.assertIn(f"hash {statuses[0]['state_hash']}", out)

    def test_metrics(self):
        self.dkv("put", "counted", "1", *self.addr(1))
        metrics = {m["name"]: m["value"] for m in self.json("metrics", *self.addr(1))[0]["metrics"]}
        for name in METRICS:
            self.assertIn(name, metrics)
        self.assertGreaterEqual(metrics["applied_ops_total"], 1)
        out = self.dkv("metrics", "applied_ops_total", *self.addr(1))[0].decode()
        self.assertRegex(out, r"^applied_ops_total \d+\n$")
        out = self.dkv("metrics", "request_duration_ns", *self.addr(1))[0].decode()
        self.assertRegex(out, r'(?m)^request_duration_ns_p99\{op="put"\} \d+$')
        self.dkv("metrics", "no_such_metric", code=NOT_FOUND)

    def test_fetch_log(self):
        slot = self.json("put", "logged", "here")["slot"]
        for node_id in (1, 2, 3):
            log = self.json("fetch-log", "--from", str(slot), "--to", str(slot),
                            *self.addr(node_id))
            if log["slots"] and log["slots"][0]["chosen"]:
                command = log["slots"][0]["commands"][0]
                self.assertEqual((command["op"], command["key"], command["value_begins"]),
                                 ("put", "logged", "here"))
        out = self.dkv("fetch-log", *self.addr(1))[0].decode()
        self.assertRegex(out, r"(?m)^\d+ (chosen|open) ")
        self.assertLessEqual(len(out.splitlines()), 20)
        everything = self.json("fetch-log", "--from", "1", *self.addr(1))["slots"]
        slots = [s["slot"] for s in everything]
        self.assertEqual(slots, sorted(set(slots)))
        limited = self.json("fetch-log", "--from", "1", "--limit", "3", *self.addr(1))["slots"]
        self.assertEqual([s["slot"] for s in limited], slots[:3])
        self.dkv("fetch-log", code=USAGE)  # Of three nodes.

    def test_load(self):
        records = [f"Package: p{i}\nVersion: {i}\nText: ü\n .\n".encode() for i in range(200)]
        records.append(b"Package: p7\nVersion: again")
        answer = self.json("load", "--stdin-records", "--clients", "8", *self.addr(1),
                           stdin=b"\n" + b"\n".join(records))
        self.assertEqual((answer["records"], answer["replaced"], answer["clients"]), (200, 1, 8))
        for i in (0, 99, 199):
            self.assertEqual(self.value(f"p{i}", *self.addr(2)), records[i])
        self.assertEqual(self.value("p7", *self.addr(3)), records[-1])
        # Nothing is loaded of what is wrong somewhere.
        _, said = self.dkv("load", "--stdin-records", code=ERROR, stdin=b"Package: new\n\nX: 1\n")
        self.assertIn("record 2", said)
        self.dkv("get", "new", code=NOT_FOUND)
        self.dkv("load", "--records-file", "/no/such/file", code=ERROR)

    def test_a_full_disk_of_ours(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([cluster.CLI, "--version"], stdout=full, timeout=30, check=False,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, ERROR)
        self.assertIn(b"cannot write", done.stderr)


class Broken(CliCase):
    """Each has a cluster of its own."""

    def start(self, **how):
        self.nodes = self.cluster(3, **how)

    def test_a_node_is_killed(self):
        self.start()
        self.dkv("put", "k", "1")
        self.nodes.node(1).kill()
        self.dkv("put", "k", "2")
        self.assertEqual(self.value("k"), b"2")
        out, _ = self.dkv("health", code=UNAVAILABLE)
        self.assertEqual(out.decode().count(" ready"), 2)
        states = self.json("status", code=UNAVAILABLE)
        self.assertIn("error", states[0])
        self.assertIn("state_hash", states[1])

    def test_a_node_is_paused(self):
        self.start()
        self.dkv("put", "k", "1")
        self.nodes.node(1).pause()
        with case.Timer() as timer:
            self.dkv("put", "k", "2")
            self.assertEqual(self.value("k"), b"2")
        self.assertLess(timer.seconds, 10)
        self.nodes.node(1).resume()
        self.assertEqual(self.value("k", *self.addr(1)), b"2")

    def test_no_quorum(self):
        self.start()
        self.dkv("put", "k", "1")
        self.nodes.wait_converged()
        self.nodes.node(2).kill()
        self.nodes.node(3).kill()
        alone = [*self.addr(1), "--timeout", "2s"]
        with case.Timer() as timer:
            _, said = self.dkv("get", "k", *alone, code=UNAVAILABLE)
        self.assertIn("majority", said)
        self.assertLess(timer.seconds, 5)
        self.assertEqual(self.value("k", *alone, "--consistency", "sequential"), b"1")
        self.dkv("put", "k", "2", *alone, code=case.NO_MAJORITY_EXIT)

    def settle(self, said):
        """Run the command that the CLI printed; its output."""
        command = said.split(":\n  ", 1)[1]
        done = subprocess.run(["sh", "-c", command], check=False, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, OK, f"{command}\n{done.stderr.decode()}")
        return done.stdout

    def test_outcome_unknown(self):
        self.start()
        value = "it's \"one\" $line\nand more"
        self.dkv("put", "k", "begin:")
        # Proposed in time, but not accepted before the time is up. (In classic mode, on a machine
        # that is busy, it may not even be prepared.)
        delay, attempts = ("700ms", 1) if cluster.COORDINATED else ("350ms", 10)
        self.dkv("faults", "set", "--peer", "2,3", "--delay", delay, *self.addr(1))
        for _ in range(attempts):
            done = self.run_cli("append", "k", value, *self.addr(1), "--timeout", "1100ms")
            self.assertEqual(done.stdout, b"")
            if done.returncode != UNAVAILABLE:
                break
        self.assertEqual(done.returncode, UNKNOWN, done.stderr)
        said = done.stderr.decode()
        self.assertIn("outcome unknown", said)
        self.dkv("faults", "clear")
        # However often one asks, it happened once.
        for _ in range(3):
            self.assertEqual(self.settle(said), b"OK\n")
        self.assertEqual(self.value("k").decode(), "begin:" + value)

    def test_interrupted(self):
        self.start()
        for node_id in (1, 2, 3):
            self.nodes.node(node_id).pause()
        process = cluster.spawn([cluster.CLI, "put", "k", "v", "--addr", self.nodes.endpoints],
                                stderr=subprocess.PIPE)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
        self.assertEqual(process.returncode, INTERRUPTED)
        self.assertIn(b"interrupted", said)

    def test_faults(self):
        self.start()
        self.dkv("faults", "set", "--peer", "2", "--drop", "0.3", "--delay", "50ms", "--jitter",
                 "20ms", "--duplicate", "0.01", "--direction", "out", *self.addr(1))
        rules = self.json("faults", "get", *self.addr(1))[0]["rules"]
        self.assertEqual(rules, [{"peer": 2, "direction": "out", "drop": 0.3, "delay_ms": 50,
                                  "jitter_ms": 20, "duplicate": 0.01}])
        # drop-rules replaces them all.
        out = self.dkv("drop-rules", "--rules", "3:1.0:in", *self.addr(1))[0].decode()
        self.assertIn("peer 3 in: drop 1\n", out)
        self.assertNotIn("peer 2", out)
        # Without --addr it is the first endpoint's.
        self.cli_with_environment("drop-rules", "--rules", "2:1.0,3:1.0")
        self.assertEqual(len(self.json("faults", "get")[0]["rules"]), 2)
        self.assertEqual(self.json("faults", "get")[1]["rules"], [])
        self.dkv("get", "k", *self.addr(1), "--timeout", "1s", code=UNAVAILABLE)
        self.dkv("get", "k", *self.addr(2), code=NOT_FOUND)
        self.dkv("drop-rules", "--rules", "clear")
        self.assertEqual(self.json("faults", "get")[0]["rules"], [])
        self.dkv("get", "k", *self.addr(1), code=NOT_FOUND)
        _, said = self.dkv("drop-rules", "--rules", "9:1.0", *self.addr(1), code=USAGE)
        self.assertIn("9", said)

    def cli_with_environment(self, *args):
        done = subprocess.run([cluster.CLI, *args], check=False, timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "DKV_ENDPOINTS": self.nodes.endpoints})
        self.assertEqual(done.returncode, OK, done.stderr)

    def test_faults_are_not_allowed(self):
        self.start(flags=())
        for args in (["drop-rules", "--rules", "2:1.0"], ["faults", "clear"], ["die"]):
            _, said = self.dkv(*args, *self.addr(1), code=DENIED)
            self.assertIn("--enable-fault-injection", said)
        self.assertTrue(self.nodes.node(1).is_running())

    def test_die(self):
        self.start()
        self.dkv("die", *self.addr(2))
        self.assertEqual(self.nodes.node(2).wait_exit(), -signal.SIGKILL)
        self.dkv("put", "k", "v")
        self.dkv("die", *self.addr(2), code=UNAVAILABLE)

    def test_load_ends_at_the_first_failure(self):
        self.start()
        self.nodes.node(2).kill()
        self.nodes.node(3).kill()
        done = self.run_cli("load", "--stdin-records", *self.addr(1), "--timeout", "1s",
                            stdin=b"Package: a\n\nPackage: b\n")
        self.assertEqual(done.returncode, case.NO_MAJORITY_EXIT)
        self.assertIn(b"0 of 2 records are in", done.stderr)


if __name__ == "__main__":
    case.main()
