"""One node's disk is ten times slower than the others': nobody waits for it.

The machine's disk stays as it is: slow_disk_shim.c delays the syncs of one process.
"""
import ctypes
import mmap
import os
import random
import sys
import time

import case
import trouble

SHIM = os.environ["SLOW_DISK_SHIM"]
SECOND_NS = 1000000000
MIB = 1 << 20
# A sync takes a millisecond or less on the disks of those who run this.
SLOW_S = 0.01
# Without a write answered by a node, whichever it is.
GAP_S = 0.5


class Shim(ctypes.Structure):
    """struct shim of slow_disk_shim.c."""
    _fields_ = [("delay_ns", ctypes.c_int64), ("syncs", ctypes.c_int64)]


class SlowDisk:
    """The disk of one process, which is started with the prefix."""

    def __init__(self, nodes):
        path = os.path.join(nodes.directory, f"slow-disk-{random.randrange(1 << 32)}")
        with open(path, "xb+") as file:
            file.truncate(ctypes.sizeof(Shim))
            self.shim = Shim.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(Shim)))
        self.prefix = ["env", f"LD_PRELOAD={SHIM}", f"SLOW_DISK_FILE={path}"]

    def set(self, seconds):
        """So much longer takes each sync from now on."""
        self.shim.delay_ns = int(seconds * SECOND_NS)


class SlowDisks(case.Case):
    def slowed(self):
        """Three nodes; node.disk is what makes that of the third slow."""
        nodes = self.cluster(start=False)
        slow = nodes.node(3)
        slow.disk = SlowDisk(nodes)
        slow.disk.set(SLOW_S)
        for node in nodes.nodes:
            node.start(prefix=slow.disk.prefix if node is slow else ())
        nodes.wait_ready()
        return nodes, slow

    def test_one_of_three(self):
        """Each node has clients of its own, and answers their writes without a gap, the slow one too:
        the others' disks are a majority. When its disk is fast again nothing is left of it."""
        nodes, slow = self.slowed()
        before = slow.disk.shim.syncs
        with trouble.Disk(nodes) as disk, self.memory_within(nodes, 64 * MIB):
            load = self.load(nodes, 6, "--pin", "--clients", "9")
            report = self.finish(load)
        syncs = slow.disk.shim.syncs - before
        gaps = {node.id: load.longest_without_write(node) for node in nodes.nodes}
        print(f"  {syncs} slow syncs; longest without a write {gaps} s (the disk paused for"
              f" {disk.pause_s:.3f} s)", file=sys.stderr)
        self.assertGreater(syncs, 100)
        self.assertEqual(report["fail"] + report["unknown"], 0)
        self.assertGreater(min(seen["answers"] for seen in report["nodes"].values()), 200)
        for node in nodes.nodes:
            self.assertLess(gaps[node.id], GAP_S + disk.pause_s, f"node {node.id}")
        with self.serves_again(nodes):
            slow.disk.set(0)
        nodes.wait_converged()

    def test_restarted(self):
        """The slow one is killed under load, and gets a disk like the others'."""
        nodes, slow = self.slowed()
        load = self.load(nodes, 5)
        time.sleep(2)
        slow.kill()
        with self.serves_again(nodes):
            slow.start()
        report = self.finish(load)
        nodes.wait_converged()
        self.assertEqual(report["fail"] + report["unknown"], 0)
        self.assertEqual(set(report["nodes"]), {"1", "2", "3"})


if __name__ == "__main__":
    case.main()
