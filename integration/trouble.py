"""trouble.py -- who watches while something is wrong with a cluster, and when that is over.

The memory of its nodes, the disk under them, and how soon they serve once the cause is gone.
"""
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import threading
import time

import calls
import cluster

MIB = 1 << 20
PAUSES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench", "pauses.py")
WATCH_S = 0.1
RETRY_S = 0.01


class Memory(threading.Thread):
    """What each node, of processes that stay, has at first, and the most from then to stop()."""

    def __init__(self, nodes):
        super().__init__(daemon=True)
        self.nodes = nodes
        self.over = threading.Event()
        self.before = {n.id: n.memory() for n in nodes}
        self.most = dict(self.before)
        self.start()

    def run(self):
        while not self.over.wait(WATCH_S):
            for node in self.nodes:
                self.most[node.id] = max(self.most[node.id], node.memory())

    def stop(self):
        """How much more the most was than what was there at first, of the node that grew most."""
        self.over.set()
        self.join()
        return max(self.most[i] - self.before[i] for i in self.before)


class Disk:
    """A bystander at the nodes' disk, which commits nothing of theirs: bench/pauses.py. A process,
    because a thread would take the time that it waits for this interpreter for the disk's."""

    def __init__(self, nodes):
        path = os.path.join(nodes.directory, f"pauses-{random.randrange(1 << 32)}")
        self.pause_s = None  # When it is over: the longest that it waited for one sync.
        self.process = cluster.spawn([sys.executable, PAUSES, path], stdout=subprocess.PIPE)
        cluster.wait_until("the disk is watched", every=0.01, condition=lambda: (
            os.path.exists(path) and os.path.getsize(path) > 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        said, _ = self.process.communicate(timeout=60)
        self.pause_s = json.loads(said)["disk_pause_ms"] / 1000


def persist(call, end):
    """call() until it is answered."""
    while True:
        try:
            return call()
        except calls.Error:
            if time.monotonic() > end:
                raise
            time.sleep(RETRY_S)


def serve(node, value, timeout):
    """A write through this node, and a linearizable read that sees it; when that was done. By a
    connection of its own: another one may be waiting, with a node that was gone, to try again."""
    end = time.monotonic() + timeout
    cluster.wait_until(f"node {node.id} listens", lambda: cluster.tcp_is_open(node.port), timeout,
                       RETRY_S)
    client = calls.Client(node.address)
    try:
        key = b"served-%d" % node.id
        persist(lambda: client.put(key, value, timeout=timeout), end)
        read = persist(lambda: client.get(key, timeout=timeout), end)
        assert read.value == value, f"node {node.id} has lost {value}: it has {read.value}"
        return time.monotonic()
    finally:
        client.close()


def serve_again(nodes, timeout=10):
    """Once every node has served: when the last one had."""
    value = b"%d" % random.randrange(1 << 64)
    with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
        return max(pool.map(lambda node: serve(node, value, timeout), nodes))
