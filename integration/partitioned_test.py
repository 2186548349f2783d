"""Clients under load while fault rules cut the nodes off from each other."""
import contextlib
import itertools
import random
import time

import calls
import case
import cluster

MIB = 1 << 20
PAIRS = list(itertools.permutations((1, 2, 3), 2))


def both_ways(a, b):
    return [(a, b), (b, a)]


def isolate(node):
    return [link for link in PAIRS if node in link]


class Partitioned(case.Case):
    def some_links(self):
        kind = random.randrange(4)
        if kind == 0:
            return isolate(random.choice((1, 2, 3)))
        if kind == 1:
            return both_ways(*random.sample((1, 2, 3), 2))
        if kind == 2:
            return [random.choice(PAIRS)]
        return random.sample(PAIRS, random.randint(2, 5))

    def test_changing_cuts(self):
        """Minorities, single links, and single directions, a second each."""
        nodes = self.cluster()
        load = self.load(nodes, 16, "--timeout-ms", "1000")
        cuts = 0
        with self.memory_within(nodes, 64 * MIB):
            while load.left() > 4:
                nodes.cut(*self.some_links())
                cuts += 1
                time.sleep(random.uniform(0.3, 1.5))
                # When nobody waits for it, the next cut comes the sooner.
                with self.serves_again(nodes) if cuts % 2 else contextlib.nullcontext():
                    nodes.heal()
                time.sleep(random.uniform(0.0, 0.5))
        report = self.finish(load)
        nodes.wait_converged()
        self.assertGreater(cuts, 5)
        self.assertGreater(report["ok"], 500)

    def test_majority_and_minority(self):
        """The majority goes on; the minority says that it cannot, reads nothing old, and heals."""
        nodes = self.cluster()
        nodes.node(1).client.put(b"k", b"before")
        nodes.wait_converged()
        nodes.cut(*isolate(3))
        nodes.node(1).client.put(b"k", b"during")
        self.assertEqual(nodes.node(2).client.get(b"k").value, b"during")
        minority = nodes.node(3).client
        self.fails(calls.Code.UNAVAILABLE, minority.get, b"k", timeout=1)
        self.fails(case.NO_MAJORITY, minority.put, b"k", b"minority", timeout=1)
        # What this node has applied may be read by whoever asks for just that.
        self.assertEqual(minority.get(b"k", sequential=True).value, b"before")
        with self.serves_again(nodes):
            nodes.heal()
        nodes.wait_converged()
        values = (b"during", b"minority") if cluster.COORDINATED else (b"during",)
        self.assertIn(minority.get(b"k").value, values)

    def check_all_answer(self, *links):
        nodes = self.cluster()
        nodes.cut(*links)
        with self.memory_within(nodes, 64 * MIB):
            report = self.finish(self.load(nodes, 6, "--pin", "--clients", "6"))
        self.assertEqual(set(report["nodes"]), {"1", "2", "3"})
        for node_id, seen in report["nodes"].items():
            self.assertGreater(seen["answers"], 20, f"node {node_id}")
            limit = 1000 if cluster.COORDINATED else 3000
            self.assertLess(seen["gap_ms"], limit, f"node {node_id}")
        self.assertEqual(report["unknown"], 0)
        self.assertEqual(report["fail"], 0)
        with self.serves_again(nodes):
            nodes.heal()
        nodes.wait_converged()

    def test_one_link_down(self):
        """Each node reaches a majority: all three go on answering their own clients."""
        self.check_all_answer(*both_ways(1, 2))

    def test_one_direction_down(self):
        """The same when a link works in one direction only."""
        self.check_all_answer((3, 1))

    def test_lossy_and_slow(self):
        """Every message may be lost, late, out of order, or come twice."""
        nodes = self.cluster()
        for node in nodes.nodes:
            node.client.set_faults([
                {"peer": peer.id, "direction": calls.admin_pb2.DIRECTION_BOTH, "drop_ppm": 100000,
                 "delay_ms": 1, "jitter_ms": 5, "duplicate_ppm": 100000}
                for peer in nodes.nodes if peer is not node])
        with self.memory_within(nodes, 64 * MIB):
            report = self.finish(self.load(nodes, 10))
        self.assertGreater(report["ok"], 100)
        faults = nodes.node(1).client.call(
            "/dkv.v1.Admin/GetFaults", calls.admin_pb2.GetFaultsRequest(),
            calls.admin_pb2.GetFaultsResponse)
        self.assertGreater(min(faults.dropped, faults.delayed, faults.duplicated), 10)
        with self.serves_again(nodes):
            nodes.heal()
        nodes.wait_converged()


if __name__ == "__main__":
    case.main()
