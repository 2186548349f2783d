#!/usr/bin/env python3
"""What `dkv-cli scenario` promises, with real processes.

    DKV_CLI=build/cli/dkv-cli DKV_NODE=build/src/dkv-node DKV_MODE=coordinated \
        scenarios_test.py [-v] [Class.test]

Each scenario ends by itself with its checks passed and leaves no process and no directory; a check
fails, with exit code 8, when the claim does not hold; Ctrl-C cleans up. Nodes are of the mode in
DKV_MODE, but for those of interrupted scenarios, which have the default.
"""
import base64
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

CLI = os.environ["DKV_CLI"]
NODE = os.environ["DKV_NODE"]
MODE = os.environ["DKV_MODE"]
RULER = "─" * 72
NAMES = ["basic", "duplicates", "failover", "recovery", "partition", "loadtest"]


def wait_for(condition, what, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def free_port():
    """Below the ports of outgoing connections: a node that comes back finds it free."""
    for port in random.sample(range(10000, 15000), 1000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port")


class Nodes:
    """dkv-nodes of the test's own, to be given to a scenario by their endpoints."""

    def __init__(self, directory, clusters, faults=True):
        """clusters: lists of ids; each is a cluster of its own."""
        self.directory = directory
        self.faults = faults
        self.ports = {}
        self.cluster_of = {}
        self.processes = {}
        for ids in clusters:
            for node in ids:
                self.ports[node] = free_port()
                self.cluster_of[node] = ids
        for node in self.ports:
            self.start(node)
        for node in self.ports:
            self.wait_until_ready(node)

    def address(self, node):
        return f"127.0.0.1:{self.ports[node]}"

    def endpoints(self):
        return ",".join(self.address(node) for node in self.ports)

    def start(self, node):
        peers = [f"{p}={self.address(p)}" for p in self.cluster_of[node] if p != node]
        command = [NODE, "--id", str(node), "--addr", self.address(node),
                   "--data-dir", os.path.join(self.directory, f"node-{node}")]
        command += ["--peers", ",".join(peers)] if peers else []
        command += ["--enable-fault-injection"] if self.faults else []
        log = os.path.join(self.directory, f"node-{node}.log")
        with open(log, "ab") as out:
            self.processes[node] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL"] + command, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL)

    def wait_until_ready(self, node):
        wait_for(lambda: subprocess.run([CLI, "health", "--addr", self.address(node)],
                                        capture_output=True, check=False).returncode == 0,
                 f"node {node} is healthy")

    def kill(self, node):
        self.processes[node].kill()
        self.processes[node].wait()

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


class Case(unittest.TestCase):
    """A directory for each test: TMPDIR of the scenarios, which leave nothing in it."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="dkv-scenarios-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.tmp = os.path.join(self.directory, "tmp")
        os.mkdir(self.tmp)
        self.environment = dict(os.environ, TMPDIR=self.tmp)

    def nodes(self, clusters, faults=True):
        nodes = Nodes(self.directory, clusters, faults)
        self.addCleanup(nodes.stop)
        return nodes

    def start(self, *arguments, **options):
        return subprocess.Popen([CLI, "scenario", *arguments], env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run_to_end(self, *arguments, seconds=120):
        """(exit code, stdout, stderr); the pids that it tells of are gone, and so is its data."""
        process = self.start(*arguments, stdin=subprocess.DEVNULL)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.fail(f"scenario {arguments} does not end:\n{out}{err}")
        self.expect_nothing_left(out)
        return process.returncode, out, err

    def expect_nothing_left(self, out):
        for pid in re.findall(r"\bpid (\d+)", out):
            self.assertFalse(is_alive(pid), f"pid {pid} is still there")
        self.assertEqual(os.listdir(self.tmp), [])


class Passing(Case):
    """Each scenario on a cluster of its own."""

    def setUp(self):
        super().setUp()
        # A scenario keeps DKV_MODE from its nodes: this hands it on.
        self.node = os.path.join(self.directory, "dkv-node")
        with open(self.node, "w", encoding="utf-8") as script:
            script.write(f'#!/bin/sh\nexec {NODE} --mode {MODE} "$@"\n')
        os.chmod(self.node, 0o755)

    def check(self, name):
        history = os.path.join(self.directory, "history")
        code, out, err = self.run_to_end(name, "--quick", "--history", history, "--node-binary",
                                         self.node)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(err, "")
        lines = out.splitlines()
        self.assertEqual(lines[-3], RULER)
        self.assertRegex(lines[-2], rf"^PASS  {name}: \d+ checks, \d+\.\d s$")
        self.assertEqual(lines[-1], RULER)
        self.assertTrue(lines[0].startswith(">>> "), lines[0])
        self.assertNotIn("FAIL", out)
        self.assertEqual(len(re.findall(r"\bpid \d+", out)) >= 3, True)
        self.check_history(history)
        return out

    def check_history(self, path):
        with open(path, encoding="utf-8") as lines:
            operations = [json.loads(line) for line in lines]
        self.assertGreater(len(operations), 0)
        for op in operations:
            self.assertIn(op["op"], ["get", "put", "append", "delete", "cas"])
            self.assertIn(op["outcome"], ["ok", "fail", "unknown"])
            self.assertIsInstance(op["client"], int)
            self.assertLessEqual(op["call"], op["return"])
            if op["op"] == "get" and op["outcome"] == "ok":
                self.assertEqual("output" in op, op["found"])
            if op["op"] in ("put", "append", "cas"):
                self.assertIn("value", op)
            if op["op"] != "get" and op["outcome"] == "ok":
                self.assertGreater(op["slot"], 0)
                self.assertGreater(op["op_id"], 0)
                self.assertEqual(len(base64.b64decode(op["client_id"]["b64"]))
                                 if isinstance(op["client_id"], dict) else 16, 16)

    def test_basic(self):
        self.check("basic")

    def test_duplicates(self):
        out = self.check("duplicates")
        told = "applied_ops_total +1, duplicate_suppressed_total +99"
        self.assertEqual(out.count(told), 3)

    def test_failover(self):
        self.assertRegex(self.check("failover"), r"the longest gap between two answers was \d")

    def test_recovery(self):
        self.assertRegex(self.check("recovery"), r"catchup_entries_applied [1-9]\d*")

    def test_partition(self):
        self.check("partition")

    def test_loadtest(self):
        out = self.check("loadtest")
        rows = re.findall(r"^    (put|get|50/50) +\d+ +[13] +\d", out, re.M)
        self.assertEqual(len(rows), 9)

    def test_json(self):
        code, out, err = self.run_to_end("loadtest", "--quick", "-o", "json", "--node-binary",
                                         self.node)
        self.assertEqual((code, err), (0, ""))
        told = json.loads(out)
        self.assertEqual(told["result"], "pass")
        self.assertEqual(told["scenario"], "loadtest")
        self.assertEqual(told["failed"], 0)
        self.assertEqual(len(told["cells"]), 9)
        for cell in told["cells"]:
            self.assertGreater(cell["ops_per_second"], 0)
            self.assertGreater(cell["server_cpu_us_per_op"], 0)
            self.assertLessEqual(cell["p50_ms"], cell["p999_ms"])
        checks = [check for step in told["steps"] for check in step.get("checks", [])]
        self.assertEqual(len(checks), told["checks"])
        self.assertTrue(all(check["ok"] for check in checks))


class Failing(Case):
    """A claim that does not hold is found out."""

    def test_three_clusters_are_not_one(self):
        nodes = self.nodes([[1], [2], [3]])
        history = os.path.join(self.directory, "history")
        for arguments in (["basic"], ["basic", "--history", history], ["duplicates"],
                          ["loadtest", "--quick"]):
            code, out, err = self.run_to_end(*arguments, "--endpoints", nodes.endpoints(),
                                             "--timeout", "1s")
            self.assertEqual(code, 8, out + err)
            self.assertRegex(out, rf"(?m)^FAIL  {arguments[0]}: \d+ of \d+ checks failed")
            self.assertIn("    FAIL  ", out)
        # What the clients saw is kept then more than ever.
        with open(history, encoding="utf-8") as lines:
            self.assertEqual(len(list(lines)), 9)

    def test_no_linearizable_order(self):
        nodes = self.nodes([[1], [2], [3]])
        _, out, _ = self.run_to_end("basic", "--endpoints", nodes.endpoints(), "--timeout", "1s")
        self.assertIn("no order explains the answer of", out)

    def test_a_node_that_is_cut_off(self):
        nodes = self.nodes([[1, 2, 3]])
        subprocess.run([CLI, "drop-rules", "--addr", nodes.address(3), "--rules", "1:1.0,2:1.0"],
                       check=True, capture_output=True)
        code, out, err = self.run_to_end("basic", "--endpoints", nodes.endpoints(), "--timeout",
                                         "300ms")
        self.assertEqual(code, 8, out + err)
        self.assertRegex(out, r"FAIL  get greeting through node 3")
        self.assertRegex(out, r"ok    get greeting through node 2")

    def test_json_of_a_failure(self):
        nodes = self.nodes([[1], [2], [3]])
        code, out, _ = self.run_to_end("basic", "--endpoints", nodes.endpoints(), "-o", "json",
                                       "--timeout", "1s")
        self.assertEqual(code, 8)
        told = json.loads(out)
        self.assertEqual(told["result"], "fail")
        self.assertGreater(told["failed"], 0)


class Refused(Case):
    """What cannot be played is told, with what to do, before anything is touched."""

    def expect(self, code, said, *arguments):
        got, out, err = self.run_to_end(*arguments)
        self.assertEqual(got, code, out + err)
        self.assertIn(said, err)
        self.assertNotIn("PASS", out)

    def test_usage(self):
        self.expect(2, "there is no scenario 'basc': did you mean 'basic'?", "basc")
        self.expect(2, "which one?")
        self.expect(2, "--nonsense", "basic", "--nonsense")
        self.expect(2, "--interactive", "failover", "--endpoints", "localhost:1,localhost:2,:3")
        self.expect(2, "plays on 3 to 9 nodes", "basic", "--endpoints", "localhost:1")

    def test_nobody_there(self):
        port = free_port()
        endpoints = ",".join(f"localhost:{port}" for _ in range(3))
        self.expect(4, f"localhost:{port}", "basic", "--endpoints", endpoints)

    def test_one_node_three_times(self):
        nodes = self.nodes([[1]])
        endpoints = ",".join(nodes.address(1) for _ in range(3))
        self.expect(2, "are both node 1", "basic", "--endpoints", endpoints)

    def test_faults_not_allowed(self):
        nodes = self.nodes([[1, 2, 3]], faults=False)
        self.expect(7, "--enable-fault-injection", "partition", "--endpoints", nodes.endpoints())

    def test_no_node_binary(self):
        self.expect(1, "there is no program /nowhere", "basic", "--node-binary", "/nowhere")
        self.expect(1, "node 1 ended with code 1", "basic", "--node-binary", "/bin/false")

    def test_history_that_cannot_be_written(self):
        self.expect(1, "cannot write /nowhere/history", "basic", "--history", "/nowhere/history")


class Given(Case):
    """On a cluster that is there already."""

    def test_scenarios_that_kill_nobody(self):
        nodes = self.nodes([[1, 2, 3]])
        for name in ("basic", "duplicates", "partition", "basic"):
            code, out, err = self.run_to_end(name, "--endpoints", nodes.endpoints())
            self.assertEqual(code, 0, out + err)
        for process in nodes.processes.values():
            self.assertIsNone(process.poll())

    def play_person(self, process, nodes):
        """Do what the prompts ask for, and press Enter."""
        told = ""
        while True:
            byte = process.stderr.read(1)
            if byte == "":
                return told
            told += byte
            asked = re.search(r"now (kill -9|start) node (\d) .*press Enter: $", told)
            if asked is None:
                continue
            node = int(asked.group(2))
            if asked.group(1) == "start":
                nodes.start(node)
            else:
                nodes.kill(node)
            process.stdin.write("\n")
            process.stdin.flush()
            told = ""

    def test_interactive(self):
        nodes = self.nodes([[1, 2, 3]])
        for name in ("failover", "recovery"):
            process = self.start(name, "--quick", "--interactive", "--endpoints",
                                 nodes.endpoints(), stdin=subprocess.PIPE)
            err = self.play_person(process, nodes)
            out = process.stdout.read()
            process.stdout.close()
            process.stdin.close()
            process.stderr.close()
            self.assertEqual(process.wait(timeout=60), 0, out + err)
            self.assertIn(f"PASS  {name}", out)

    def test_nobody_at_the_keyboard(self):
        nodes = self.nodes([[1, 2, 3]])
        code, out, _ = self.run_to_end("failover", "--quick", "--interactive", "--endpoints",
                                       nodes.endpoints())
        self.assertEqual(code, 8)
        self.assertIn("somebody is there to kill -9 node 2", out)


class Interrupted(Case):
    """However it ends, it takes its nodes with it."""

    def start_and_end(self, signo):
        process = self.start("loadtest", "--quick", stdin=subprocess.DEVNULL)
        told = ""
        while "node 3: " not in told:
            line = process.stdout.readline()
            self.assertNotEqual(line, "", told)
            told += line
        pids = re.findall(r"\bpid (\d+)", told)
        self.assertEqual(len(pids), 3)
        time.sleep(random.uniform(0, 1))
        process.send_signal(signo)
        process.communicate(timeout=30)
        for pid in pids:
            wait_for(lambda pid=pid: not is_alive(pid), f"pid {pid} is gone")
        return process.returncode

    def test_interrupt(self):
        for _ in range(3):
            self.assertEqual(self.start_and_end(signal.SIGINT), 130)
            self.assertEqual(os.listdir(self.tmp), [])

    def test_terminated(self):
        self.assertEqual(self.start_and_end(signal.SIGTERM), 130)
        self.assertEqual(os.listdir(self.tmp), [])

    def test_killed(self):
        self.assertEqual(self.start_and_end(signal.SIGKILL), -signal.SIGKILL)

    def test_reader_gone(self):
        """`dkv-cli scenario … | head -1`."""
        process = self.start("basic", stdin=subprocess.DEVNULL)
        told = process.stdout.readline()
        self.assertIn(">>>", told)
        process.stdout.close()
        process.stderr.read()
        process.stderr.close()
        process.wait(timeout=60)
        self.assertEqual(os.listdir(self.tmp), [])


if __name__ == "__main__":
    unittest.main()
