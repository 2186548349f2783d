"""Exactly once, and standing still."""
import time

import calls
import case
from calls import kv_pb2


class Once(case.Case):
    def at_once(self, nodes, method, request):
        """Send a request to every node at the same time; the answers."""
        futures = [n.client.future(method, request, kv_pb2.WriteResponse) for n in nodes.nodes]
        return [f.result() for f in futures]

    def applied(self, nodes):
        return [n.client.metrics()["applied_ops_total"] for n in nodes.nodes]

    def test_same_operation_at_three_nodes(self):
        """One append, sent to three nodes at once: executed once, one answer for all."""
        nodes = self.cluster()
        session = calls.Session(born=max(1, nodes.node(1).client.hello().applied))
        before = self.applied(nodes)
        for i in range(1, 101):
            request = kv_pb2.AppendRequest(key=b"k", value=b"%d;" % i, session=session.next())
            answers = self.at_once(nodes, "/dkv.v1.KV/Append", request)
            self.assertEqual(len({(a.slot, a.revision, a.output) for a in answers}), 1)
            self.assertEqual(sum(not a.duplicate for a in answers), 1)
        expected = b"".join(b"%d;" % i for i in range(1, 101))
        self.assertEqual(nodes.node(2).client.get(b"k").value, expected)
        nodes.wait_converged()
        self.assertEqual([after - b for after, b in zip(self.applied(nodes), before)], [100] * 3)

    def test_a_hundred_times(self):
        nodes = self.cluster()
        session = calls.Session(born=max(1, nodes.node(1).client.hello().applied)).next()
        nodes.wait_converged()
        before = nodes.node(2).client.metrics()
        for i in range(100):
            nodes.nodes[i % 3].client.put(b"k", b"v", session)
        nodes.wait_converged()
        after = nodes.node(2).client.metrics()
        self.assertEqual(after["applied_ops_total"] - before["applied_ops_total"], 1)
        self.assertEqual(after["duplicate_suppressed_total"] - before["duplicate_suppressed_total"],
                         99)
        self.assertEqual(nodes.node(3).client.get(b"k").version, 1)

    def test_another_payload(self):
        """The same op_id with something else is an error, never the cached result."""
        nodes = self.cluster()
        client = nodes.node(1).client
        session = calls.Session(born=max(1, client.hello().applied)).next()
        client.put(b"k", b"v", session)
        error = self.fails(calls.Code.FAILED_PRECONDITION, client.put, b"k", b"w", session)
        self.assertEqual(calls.reason(error), "MISMATCH")
        self.assertEqual(client.get(b"k").value, b"v")

    def test_below_the_floor(self):
        nodes = self.cluster()
        client = nodes.node(1).client
        session = calls.Session(born=max(1, client.hello().applied))
        client.put(b"k", b"1", session.next())
        client.put(b"k", b"2", session.next())
        error = self.fails(calls.Code.FAILED_PRECONDITION, client.put, b"k", b"1", session.at(1))
        self.assertEqual(calls.reason(error), "STALE")
        self.assertEqual(client.get(b"k").value, b"2")

    def test_across_restarts(self):
        """The table of answers survives kill -9 of all."""
        nodes = self.cluster()
        session = calls.Session(born=max(1, nodes.node(1).client.hello().applied)).next()
        first = nodes.node(1).client.append(b"k", b"once;", session)
        nodes.kill_all()
        nodes.start()
        again = nodes.node(2).client.append(b"k", b"once;", session)
        self.assertTrue(again.duplicate)
        self.assertEqual((again.slot, again.revision), (first.slot, first.revision))
        self.assertEqual(nodes.node(3).client.get(b"k").value, b"once;")

    def test_while_a_node_dies(self):
        """A client whose node is killed in the middle repeats at another: once."""
        nodes = self.cluster()
        client_born = max(1, nodes.node(1).client.hello().applied)
        for turn in range(5):
            session = calls.Session(born=client_born).next()
            request = kv_pb2.AppendRequest(key=b"k%d" % turn, value=b"x", session=session)
            future = nodes.node(1).client.future("/dkv.v1.KV/Append", request,
                                                 kv_pb2.WriteResponse)
            time.sleep(0.001 * turn)
            nodes.node(1).kill()
            future.exception()
            nodes.node(2).client.append(b"k%d" % turn, b"x", session)
            nodes.node(1).start()
            nodes.node(1).wait_ready()
            self.assertEqual(nodes.node(1).client.get(b"k%d" % turn).value, b"x")


class Idle(case.Case):
    def test_no_slot_is_used(self):
        """Without clients the log stands still, and nobody proposes."""
        nodes = self.cluster()
        for i in range(50):
            nodes.nodes[i % 3].client.put(b"k%d" % i, b"v")
        nodes.wait_converged()
        time.sleep(1)

        def look():
            return [(s.applied, s.chosen_to, s.frontier) for s in
                    (n.status() for n in nodes.nodes)]

        def work():
            return [[n.client.metrics()[name] for name in
                     ("paxos_propose_total", "paxos_prepare_total", "paxos_accept_total")]
                    for n in nodes.nodes]

        slots, counts = look(), work()
        time.sleep(5)
        self.assertEqual(look(), slots)
        self.assertEqual(work(), counts)
        self.assertEqual(len(set(slots)), 1)


class Judge(case.Case):
    def test_it_can_say_no(self):
        """Three nodes that know nothing of each other: the judge of our histories notices."""
        strangers = [self.cluster(1) for _ in range(3)]
        load = self.load(strangers[0], 3, "--timeout-ms", "500",
                         endpoints=",".join(s.endpoints for s in strangers))
        self.assertEqual(load.process.wait(60), 8, load.text())
        self.assertRegex(load.text(), r"not linearizable|lost|revision")


if __name__ == "__main__":
    case.main()
