"""cluster.py -- real nodes: started, killed, paused, cut off from each other, and cleaned up.

Every process dies with this one (PR_SET_PDEATHSIG, by setpriv), whatever becomes of it. Ports lie
below the range that the kernel gives to outgoing connections, or one of those could take the port
of a node that is down; a socket in the abstract namespace tells other tests that a port is ours.
"""
import atexit
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

import calls

NODE = os.environ["DKV_NODE"]
CLI = os.environ["DKV_CLI"]
HISTORY_LOAD = os.environ["HISTORY_LOAD"]

# What the nodes of this run are: they read the variable as well. No test leaves it to the default.
MODE = os.environ["DKV_MODE"]
assert MODE in ("classic", "coordinated")
COORDINATED = MODE == "coordinated"

PORT_LOW, PORT_HIGH = 15000, 32000
LOG_TAIL_LINES = 25


class Timeout(AssertionError):
    """Something did not happen in time."""


def wait_until(what, condition, timeout=20.0, every=0.05):
    """The first true value of condition(), which may raise calls.Error meanwhile."""
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except calls.Error as error:
            last = error
        if time.monotonic() > end:
            raise Timeout(f"not within {timeout} s: {what}" + (f" ({last})" if last else ""))
        time.sleep(every)


class Ports:
    """Ports of this process, kept from other tests until release()."""

    def __init__(self):
        self.claims = []

    def take(self):
        while True:
            port = random.randrange(PORT_LOW, PORT_HIGH)
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                claim.bind(f"\0dkv-test-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
            finally:
                probe.close()
            self.claims.append(claim)
            return port

    def release(self):
        for claim in self.claims:
            claim.close()
        self.claims = []


def spawn(command, log=None, **how):
    """A child that is killed when this process ends. Its output goes to the end of a file."""
    command = ["setpriv", "--pdeathsig", "KILL", *command]
    if log is None:
        return subprocess.Popen(command, **how)
    with open(log, "ab") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **how)


class Node:
    """One dkv-node: its place in the cluster, and its process if it runs."""

    def __init__(self, cluster, node_id, port):
        self.cluster = cluster
        self.id = node_id
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.directory = os.path.join(cluster.directory, f"node-{node_id}")
        self.log = os.path.join(cluster.directory, f"node-{node_id}.log")
        self.process = None
        self.paused = False
        self.client = calls.Client(self.address)

    def command(self, *flags):
        peers = ",".join(f"{n.id}={n.address}" for n in self.cluster.nodes if n is not self)
        return [NODE, "--id", str(self.id), "--addr", self.address, "--data-dir", self.directory,
                *(["--peers", peers] if peers else []), *self.cluster.flags, *flags]

    def start(self, *flags, prefix=()):
        assert not self.is_running()
        self.paused = False
        self.process = spawn([*prefix, *self.command(*flags)], self.log)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout=20.0):
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(timeout)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def wait_ready(self, timeout=30.0):
        def ready():
            if not self.is_running():
                raise AssertionError(f"node {self.id} ended with {self.process.returncode}:\n"
                                     + self.log_tail())
            return self.client.health(timeout=1, wait=True).ready
        wait_until(f"node {self.id} is ready", ready, timeout)

    def wait_exit(self, timeout=20.0):
        """The exit code of a node that ends by itself."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Timeout(f"node {self.id} has not ended within {timeout} s") from None

    def status(self, timeout=5):
        return self.client.status(timeout=timeout)

    def memory(self):
        """Bytes of memory in use, without the pages of data files."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"RssAnon:\s+(\d+) kB", status.read()).group(1)) * 1024

    def written(self):
        """Bytes that it has given to a disk, its log's included."""
        with open(f"/proc/{self.process.pid}/io", encoding="ascii") as io:
            return int(re.search(r"(?m)^write_bytes: (\d+)$", io.read()).group(1))

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def log_tail(self, lines=LOG_TAIL_LINES):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def wait_log(self, pattern, timeout=15.0, after=0):
        """Wait for a line of the log, from the offset `after` on."""
        return wait_until(f"node {self.id} logs {pattern!r}",
                          lambda: re.search(pattern, self.log_text()[after:]), timeout)


class Cluster:
    """Nodes 1 to count in a directory of their own."""

    def __init__(self, count=3, flags=("--enable-fault-injection",), parent=None):
        self.directory = tempfile.mkdtemp(prefix="dkv-test-", dir=parent)
        self.flags = list(flags)
        self.ports = Ports()
        self.nodes = []
        for node_id in range(1, count + 1):
            self.nodes.append(Node(self, node_id, self.ports.take()))
        atexit.register(self.close)  # Should a test be interrupted.

    def node(self, node_id):
        return self.nodes[node_id - 1]

    @property
    def endpoints(self):
        return ",".join(n.address for n in self.nodes)

    def start(self):
        for node in self.nodes:
            if not node.is_running():
                node.start()
        self.wait_ready()
        return self

    def wait_ready(self, timeout=30.0):
        for node in self.nodes:
            node.wait_ready(timeout)

    def kill_all(self):
        for node in self.nodes:
            if node.process is not None:
                node.process.kill()
        for node in self.nodes:
            node.kill()

    def close(self):
        """End every process, and remove every trace. May be called again."""
        atexit.unregister(self.close)
        self.kill_all()
        for node in self.nodes:
            node.client.close()
        self.ports.release()
        shutil.rmtree(self.directory, ignore_errors=True)

    def cut(self, *links):
        """Drop everything from a to b, for each link (a, b), and nothing else."""
        for node in self.nodes:
            if not node.is_running() or node.paused:
                continue
            node.client.set_faults(
                [{"peer": b, "direction": calls.admin_pb2.DIRECTION_OUT, "drop_ppm": 1000000}
                 for a, b in links if a == node.id], replace=True)

    def heal(self):
        self.cut()

    def wait_converged(self, timeout=30.0):
        """All have applied the same slot, with the same state. Returns that slot and hash."""
        def same():
            statuses = [n.status() for n in self.nodes]
            # In coordinated mode skips may be known further ahead here than there.
            slots = {(s.applied, None if COORDINATED else s.chosen_to) for s in statuses}
            if len(slots) != 1 or len({s.state_hash for s in statuses}) != 1:
                return None
            return statuses[0].applied, statuses[0].state_hash
        return wait_until("all nodes have the same state at the same slot", same, timeout)


class Load:
    """history-load, running. finish() waits for it and returns its report."""

    def __init__(self, cluster, seconds, *flags, endpoints=None, prefix=()):
        self.out = os.path.join(cluster.directory, f"load-{random.randrange(1 << 32)}")
        self.began = time.monotonic()
        self.seconds = seconds
        self.history = self.out + ".jsonl"
        self.process = spawn(
            [*prefix, HISTORY_LOAD, "--endpoints", endpoints or cluster.endpoints, "--seconds",
             str(seconds), "--history", self.history, *flags], self.out)

    def left(self):
        """Seconds until the clients stop."""
        return self.began + self.seconds - time.monotonic()

    def text(self):
        with open(self.out, encoding="utf-8", errors="replace") as out:
            return out.read()

    def longest_without_write(self, node=None):
        """When all is over: in seconds, from the first answered write, by that node, to the last."""
        with open(self.history, encoding="utf-8") as lines:
            ops = [json.loads(line) for line in lines]
        answered = sorted(op["return"] for op in ops if op["op"] != "get" and
                          op["outcome"] == "ok" and (node is None or op.get("node") == node.id))
        return max(b - a for a, b in zip(answered, answered[1:])) / 1e9

    def kill(self):
        self.process.kill()
        self.process.wait()


def tcp_is_open(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0
