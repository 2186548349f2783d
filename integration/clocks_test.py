"""Wall clocks are set by an hour, forwards and backwards, of nodes and of clients: nobody cares.

The machine's clock stays as it is: each process has one of its own, by clock_shim.c.
"""
import ctypes
import datetime
import mmap
import os
import random
import re
import time

import case
import cluster

SHIM = os.environ["CLOCK_SHIM"]
HOUR_S = 3600
SECOND_NS = 1000000000
MIB = 1 << 20
# A line of the log is not older when we read it.
LATE_S = 60


class Shim(ctypes.Structure):
    """struct shim of clock_shim.c."""
    _fields_ = [("offset_ns", ctypes.c_int64), ("readings", ctypes.c_int64),
                ("wall_waits", ctypes.c_int64), ("steady_waits", ctypes.c_int64)]


class Clock:
    """The wall clock of one process, which is started with the prefix."""

    def __init__(self, nodes):
        path = os.path.join(nodes.directory, f"clock-{random.randrange(1 << 32)}")
        with open(path, "xb+") as file:
            file.truncate(ctypes.sizeof(Shim))
            self.shim = Shim.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(Shim)))
        self.prefix = ["env", f"LD_PRELOAD={SHIM}", f"CLOCK_SHIM_FILE={path}"]

    def set(self, hours):
        """So many hours ahead of the true time, from now on."""
        self.shim.offset_ns = hours * HOUR_S * SECOND_NS

    def now(self):
        return time.time() + self.shim.offset_ns / SECOND_NS


class Clocks(case.Case):
    def clocked(self):
        """Three nodes, each with a clock, as node.clock."""
        nodes = self.cluster(start=False)
        for node in nodes.nodes:
            node.clock = Clock(nodes)
            node.start(prefix=node.clock.prefix)
        nodes.wait_ready()
        return nodes

    def assert_steady(self, *clocks):
        """These processes read wall clocks, but wait by monotonic ones only."""
        for clock in clocks:
            self.assertGreater(clock.shim.readings, 0)
            self.assertGreater(clock.shim.steady_waits, 0)
            self.assertEqual(clock.shim.wall_waits, 0)

    def assert_shows(self, node):
        """What it logs now bears the time of its clock."""
        before = len(node.log_text())
        node.client.set_faults([])
        line = node.wait_log(r"(?m)^(\S+) .*fault rules were set", after=before)
        logged = datetime.datetime.fromisoformat(line[1].replace("Z", "+00:00")).timestamp()
        self.assertLess(abs(logged - node.clock.now()), LATE_S, line[0])

    def test_under_load(self):
        """One by one, all at once, there and back: no operation fails, none is late."""
        nodes = self.clocked()
        client = Clock(nodes)
        load = self.load(nodes, 7, prefix=client.prefix)
        with self.memory_within(nodes, 64 * MIB):
            # Hours of nodes 1, 2, 3 and of the clients.
            for hours in ((1, 0, 0, 0), (1, -1, 0, 0), (1, 1, 1, 0), (0, 0, 0, 0), (-1, -1, -1, 0),
                          (-1, -1, -1, 1), (-1, 0, 1, -1), (1, -1, 0, -1), (0, 0, 0, 0)):
                time.sleep(0.65)
                client.set(hours[-1])
                for node, of_node in zip(nodes.nodes, hours):
                    node.clock.set(of_node)
                for node in nodes.nodes:
                    self.assert_shows(node)
        self.assertGreater(load.left(), 0)
        report = self.finish(load)
        nodes.wait_converged()
        self.assertGreater(report["ok"], 1000)
        self.assertEqual(report["fail"] + report["unknown"], 0)
        self.assertEqual(set(report["nodes"]), {"1", "2", "3"})
        self.assertLess(load.longest_without_write(), 1)
        self.assert_steady(client, *(n.clock for n in nodes.nodes))

    def test_deadlines(self):
        """A client gives a silent node up after its two seconds, though they seem to be an hour."""
        nodes = self.clocked()
        nodes.node(1).pause()
        clients = []
        for words in (["put", "key", "value"], ["get", "key"], ["status"]):
            for hours in (1, -1):
                clock = Clock(nodes)
                process = cluster.spawn(
                    [*clock.prefix, cluster.CLI, *words, "--timeout", "2s", "--endpoints",
                     nodes.node(1).address], os.path.join(nodes.directory, "cli.log"))
                self.addCleanup(process.wait)
                self.addCleanup(process.kill)
                clients.append((process, clock, hours))
        time.sleep(0.5)
        for process, clock, hours in clients:
            self.assertIsNone(process.poll())
            clock.set(hours)
        with case.Timer() as timer:
            for process, _, _ in clients:
                self.assertEqual(process.wait(10), 4)
        self.assertLess(timer.seconds, 4)
        self.assert_steady(*(clock for _, clock, _ in clients))

    def test_connections(self):
        """Who looks for a node that is away goes on doing so."""
        nodes = self.clocked()
        away = nodes.node(3)
        client = Clock(nodes)
        load = self.load(nodes, 8, "--pin", "--timeout-ms", "1000", endpoints=away.address,
                         prefix=client.prefix)
        time.sleep(0.5)
        away.pause()
        time.sleep(1.5)  # The others lose it.
        clocks = [client, *(n.clock for n in nodes.nodes)]
        for hours in range(-1, -6, -1):
            for clock in clocks:
                clock.set(hours)
            time.sleep(0.1)
        with self.serves_again(nodes):
            away.resume()
        nodes.wait_converged(10)
        away.kill()
        time.sleep(0.7)
        for clock in clocks:
            clock.set(-10)
        with self.serves_again(nodes):
            away.start(prefix=away.clock.prefix)
        away.wait_ready()

        def connected():
            return all(p.connected for n in nodes.nodes for p in n.status().peers)
        cluster.wait_until("all nodes are connected", connected, 5)
        report = self.finish(load)
        nodes.wait_converged()
        self.assertEqual(set(report["nodes"]), {"3"})
        self.assertLess(report["gap_ms"], 4000)
        self.assert_steady(*clocks)


if __name__ == "__main__":
    case.main()
