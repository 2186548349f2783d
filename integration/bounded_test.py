"""A peer or a client that is paused under load: the nodes' memory stays within bounds.

DKV_TEST_LONG=1 pauses for a minute instead of a third of it.
"""
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import calls
import case
import cluster
from calls import kv_pb2

SECONDS = 60 if os.environ.get("DKV_TEST_LONG") else 20
MIB = 1 << 20


class Writer(threading.Thread):
    """Overwrites a few keys with large values, several at once, until told to stop."""

    def __init__(self, node, size, keys=40, at_once=8):
        super().__init__(daemon=True)
        self.client = calls.Client(node.address)
        self.value = os.urandom(size)
        self.keys, self.at_once = keys, at_once
        self.over = threading.Event()
        self.written = 0
        self.failures = []
        self.longest = 0.0

    def run(self):
        number = 0
        while not self.over.is_set():
            futures = []
            for _ in range(self.at_once):
                request = kv_pb2.PutRequest(key=b"large-%d" % (number % self.keys),
                                            value=self.value)
                futures.append(self.client.future("/dkv.v1.KV/Put", request, kv_pb2.WriteResponse,
                                                  timeout=5))
                number += 1
            began = time.monotonic()
            for future in futures:
                error = future.exception()
                if error is None:
                    self.written += len(self.value)
                else:
                    self.failures.append(f"{error.code()}: {error.details()}")
            self.longest = max(self.longest, time.monotonic() - began)

    def stop(self):
        self.over.set()
        self.join()
        self.client.close()


class Bounded(case.Case):
    def watch(self, nodes, seconds):
        """The most memory that each node had in these seconds."""
        most = {}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for node in nodes:
                most[node.id] = max(most.get(node.id, 0), node.memory())
            time.sleep(0.2)
        return most

    def check_growth(self, before, after, limit):
        print("  MiB before and during: " + ", ".join(
            f"node {i} {before[i] // MIB} {after[i] // MIB}" for i in after), file=sys.stderr)
        for node_id, most in after.items():
            self.assertLess(most, before[node_id] + limit, f"node {node_id}")

    def test_paused_peer(self):
        """Its queue is bounded, and the log's memory does not wait for it."""
        nodes = self.cluster()
        writers = [Writer(node, 64 << 10) for node in nodes.nodes[:2]]
        for writer in writers:
            writer.start()
            self.addCleanup(writer.stop)
        before = self.watch(nodes.nodes, 5)
        nodes.node(3).pause()
        written = sum(w.written for w in writers)
        during = self.watch(nodes.nodes[:2], SECONDS)
        written = sum(w.written for w in writers) - written
        nodes.node(3).resume()
        for writer in writers:
            writer.stop()
        longest = max(w.longest for w in writers)
        print(f"  {written // MIB} MiB written meanwhile, the longest took {longest:.3f} s",
              file=sys.stderr)
        # Much more than may be kept.
        self.assertGreater(written, 200 * MIB)
        self.check_growth(before, during, 128 * MIB)
        self.assertEqual([f for w in writers for f in w.failures], [])
        nodes.wait_converged(60)

    @unittest.skipUnless(cluster.COORDINATED, "the same in both modes")
    def test_paused_client(self):
        """It has asked for more than it reads: what waits for it is bounded, and others go on."""
        nodes = self.cluster()
        node = nodes.node(1)
        node.client.put(b"large", os.urandom(MIB))
        script = ("import calls, sys\n"
                  "c = calls.Client(sys.argv[1])\n"
                  "def ask(): return c.future('/dkv.v1.KV/Get', calls.kv_pb2.GetRequest("
                  "key=b'large', consistency=2), calls.kv_pb2.GetResponse, timeout=300)\n"
                  "waiting = [ask() for _ in range(400)]\n"
                  "print('asked', flush=True)\n"
                  "for _ in range(400): waiting.pop(0).exception()\n"
                  "print('read', flush=True)\n")
        here = os.path.dirname(os.path.abspath(__file__))
        before = self.watch([node], 1)
        clients = []
        for _ in range(2):
            client = subprocess.Popen([sys.executable, "-c", script, node.address], cwd=here,
                                      stdout=subprocess.PIPE)
            self.addCleanup(client.stdout.close)
            self.addCleanup(client.wait)
            self.addCleanup(client.kill)
            clients.append(client)
        for client in clients:
            client.stdout.readline()
            client.send_signal(signal.SIGSTOP)
        load = self.load(nodes, SECONDS)
        during = self.watch([node], SECONDS)
        report = self.finish(load)
        self.assertLess(report["gap_ms"], 2000)
        self.check_growth(before, during, (2 * 128 + 64) * MIB)
        for client in clients:
            client.send_signal(signal.SIGCONT)
        for client in clients:
            self.assertEqual(client.stdout.readline(), b"read\n")

    @unittest.skipUnless(cluster.COORDINATED, "the same in both modes")
    def test_paused_clients_under_load(self):
        """Clients that write are paused, all at once, and come back."""
        nodes = self.cluster()
        load = self.load(nodes, SECONDS + 6, "--clients", "32", "--pause-us", "0")
        before = self.watch(nodes.nodes, 3)
        load.process.send_signal(signal.SIGSTOP)
        during = self.watch(nodes.nodes, SECONDS)
        load.process.send_signal(signal.SIGCONT)
        self.check_growth(before, during, 64 * MIB)
        self.finish(load)
        nodes.wait_converged()


if __name__ == "__main__":
    case.main()
