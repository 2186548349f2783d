"""Exactly once, and standing still."""
import time

import calls
import case
import cluster
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


HEARTBEAT = 0.1  # Seconds between two, to each peer.


class Idle(case.Case):
    def setUp(self):
        self.nodes = self.cluster(flags=["--checkpoint-slots", "1"])

    def look(self, nodes):
        """What must not change: where each node's log stands, and what it has done for it."""
        still = []
        for node in nodes:
            status, report = node.status(), node.client.report()
            counts = {m.name: m.value for m in report.metrics if not m.labels}
            counts = {name: counts[name] for name in (
                "paxos_propose_total", "paxos_prepare_total", "paxos_accept_total",
                "skipped_slots_total", "asked_total", "recovered_slots_total")}
            counts |= {h.name: h.count for h in report.histograms
                       if h.name in ("commit_duration_ns", "checkpoint_duration_ns")}
            counts |= {"written bytes": node.written()}
            still.append(((status.applied, status.chosen_to, status.frontier), counts))
        return still

    def sent(self, nodes):
        return [{m.labels: m.value for m in node.client.report().metrics
                 if m.name == "peer_sent_total"} for node in nodes]

    def check_still(self, nodes, seconds):
        """No slot is used, nothing is said but heartbeats, and no disk is touched."""
        # The last checkpoint is the last that there is to do.
        cluster.wait_until("checkpoints have the last slot", lambda: all(
            s.durable_applied == s.applied for s in (n.status() for n in nodes)))
        time.sleep(0.5)
        with case.Timer() as timer:
            before, sent = self.look(nodes), self.sent(nodes)
            time.sleep(seconds)
            sent_then = self.sent(nodes)
        self.assertEqual(self.look(nodes), before)
        self.assertEqual(len({slots for slots, _ in before}), 1)
        for now, then in zip(sent_then, sent):
            self.assertEqual(len(now), 2)
            for peer, count in now.items():
                if count == then[peer]:
                    continue  # There is no stream to one that is dead.
                self.assertLessEqual(count - then[peer], timer.seconds / HEARTBEAT + 1, peer)
                self.assertGreater(count - then[peer], timer.seconds / HEARTBEAT / 2, peer)

    def test_no_client(self):
        nodes = self.nodes.nodes
        for i in range(50):
            nodes[i % 3].client.put(b"k%d" % i, b"v")
        self.nodes.wait_converged()
        self.check_still(nodes, 10)

    def test_one_is_dead(self):
        """Nor is there anything to do about a node that is not there."""
        self.nodes.node(3).kill()
        left = self.nodes.nodes[:2]
        for i in range(50):
            left[i % 2].client.put(b"k%d" % i, b"v")
        for node in left:
            node.client.get(b"k49")
        self.check_still(left, 5)


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
