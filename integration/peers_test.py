"""Who is no peer: refused, and told why on both sides; the others go on without it."""
import concurrent.futures
import shutil
import threading
import time

import calls
import case
import cluster
from calls import Code, paxos_pb2

MODE, OTHER_MODE = paxos_pb2.MODE_CLASSIC, paxos_pb2.MODE_COORDINATED
if cluster.COORDINATED:
    MODE, OTHER_MODE = OTHER_MODE, MODE
GARBAGE = paxos_pb2.PeerMessage(kind=paxos_pb2.MESSAGE_KIND_CHOSEN, slot=1)


class Strangers(case.Case):
    def setUp(self):
        self.nodes = self.cluster()
        self.node = self.nodes.node(1)
        self.node.client.put(b"k", b"v")

    def hello(self, **fields):
        said = {"protocol_version": 1, "cluster": b"dkv", "mode": MODE,
                "members": [1, 2, 3], "id": 3, "boot": 99, "disk_id": b"d" * 16, **fields}
        return paxos_pb2.Hello(**said)

    def envelope(self, hello):
        message = paxos_pb2.PeerMessage(kind=paxos_pb2.MESSAGE_KIND_HELLO, hello=hello)
        return paxos_pb2.Envelope(messages=[message])

    def refused(self, pattern, hello):
        """The stream ends with the reason, the log has it too, and the cluster does not care."""
        logged = len(self.node.log_text())
        error = self.node.client.peer_stream([self.envelope(hello)])
        self.assertEqual(error.code(), Code.FAILED_PRECONDITION, error.details())
        self.assertRegex(error.details(), pattern)
        self.node.wait_log(pattern, after=logged)
        for node in self.nodes.nodes:
            self.assertEqual(node.client.get(b"k").value, b"v")
            self.assertTrue(node.client.put(b"k", b"v").applied)

    def fetch_refused(self, hello):
        """Nor are the log's values handed out."""
        request = paxos_pb2.FetchChosenRequest(to=10, hello=hello)
        setattr(request, "from", 1)
        self.fails(Code.FAILED_PRECONDITION, self.node.client.call, "/dkv.v1.Paxos/FetchChosen",
                   request, paxos_pb2.FetchChosenResponse)

    def test_another_protocol_version(self):
        self.refused(r"refuses node 3: .*another version of the protocol: run the same version",
                     self.hello(protocol_version=2))
        self.fetch_refused(self.hello(protocol_version=2))

    def test_a_newer_node_refuses_us(self):
        """The other side of it: node 3 comes back as something that knows only version 2."""
        said = "node 3 refuses node 1: it speaks version 1, and this one version 2"
        hellos = []

        def refuse(envelopes, context):
            context.send_initial_metadata((("dkv-stream", "open"),))
            hellos.append(next(envelopes).messages[0].hello)
            context.abort(Code.FAILED_PRECONDITION, said)
        method = calls.grpc.stream_unary_rpc_method_handler(
            refuse, request_deserializer=paxos_pb2.Envelope.FromString)
        handler = calls.grpc.method_handlers_generic_handler("dkv.v1.Paxos", {"Stream": method})
        self.nodes.node(3).kill()
        server = calls.grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        server.add_generic_rpc_handlers((handler,))
        server.add_insecure_port(self.nodes.node(3).address)
        server.start()
        self.addCleanup(server.stop, None)
        self.node.wait_log("refused by peer .*" + said)
        self.assertEqual({h.protocol_version for h in hellos}, {1})
        self.assertEqual([p.connected for p in self.node.status().peers if p.id == 3], [False])
        self.assertTrue(self.node.client.put(b"k", b"v").applied)

    def test_another_cluster(self):
        self.refused(r"refuses node 3: .*another cluster: check --cluster",
                     self.hello(cluster=b"staging"))
        self.fetch_refused(self.hello(cluster=b"staging"))

    def test_another_mode(self):
        self.refused(r"refuses node 3: .*another mode: check --mode on both sides",
                     self.hello(mode=OTHER_MODE))
        self.fetch_refused(self.hello(mode=OTHER_MODE))

    def test_other_members(self):
        self.refused(r"another list of members", self.hello(members=[1, 2, 3, 4, 5]))
        self.fetch_refused(self.hello(members=[1, 2, 3, 4, 5]))

    def test_an_id_of_nobody(self):
        self.refused(r"its id is no other member's: check --id and --peers", self.hello(id=7))
        self.refused(r"its id is no other member's: check --id and --peers", self.hello(id=1))
        self.fetch_refused(self.hello(id=7))

    def test_another_disk(self):
        self.refused(r"has voted with another disk.*cannot replace a voter.*others go on",
                     self.hello())

    def test_no_hello(self):
        """A stream that begins with something else is ended."""
        for message in (paxos_pb2.PeerMessage(kind=paxos_pb2.MESSAGE_KIND_HEARTBEAT,
                                              progress=paxos_pb2.Progress(boot=1)),
                        GARBAGE, paxos_pb2.PeerMessage()):
            error = self.node.client.peer_stream([paxos_pb2.Envelope(messages=[message])])
            self.assertIn(error.code(), (Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION))
        self.assertEqual(self.node.client.get(b"k").value, b"v")

    def test_no_protobuf(self):
        class Garbage:
            @staticmethod
            def SerializeToString():
                return b"\xff" * 100
        error = self.node.client.peer_stream([Garbage()])
        self.assertEqual(error.code(), Code.INVALID_ARGUMENT)
        self.assertEqual(self.node.client.get(b"k").value, b"v")

    def test_many_streams(self):
        """Strangers that say nothing keep the room of peers for a moment only."""
        over = threading.Event()
        self.addCleanup(over.set)

        def silent():
            yield b""  # An envelope without messages.
            over.wait(60)
        streams = []  # One that nobody holds is cancelled.
        clients = [calls.Client(self.node.address) for _ in range(60)]
        for client in clients:
            self.addCleanup(client.close)
            stream = client.channel.stream_unary("/dkv.v1.Paxos/Stream")
            streams.append(stream.future(silent(), timeout=60))
        time.sleep(0.5)
        self.nodes.node(2).kill()
        self.nodes.node(2).start()
        self.nodes.node(2).wait_ready()
        self.nodes.node(3).kill()
        # Now it takes 1 and 2, both ways.
        put = cluster.wait_until("1 and 2 agree", timeout=15,
                                 condition=lambda: self.node.client.put(b"k", b"2", timeout=5))
        self.assertTrue(put.applied)
        self.assertEqual({stream.code() for stream in streams},
                         {Code.INVALID_ARGUMENT, Code.RESOURCE_EXHAUSTED})


class Voters(case.Case):
    def test_empty_directory(self):
        """A voter that lost its disk: refused under its old id, for ever; the others go on."""
        nodes = self.cluster()
        nodes.node(1).client.put(b"k", b"v")
        nodes.wait_converged()
        lost = nodes.node(3)
        lost.kill()
        shutil.rmtree(lost.directory)
        before = {n.id: len(n.log_text()) for n in nodes.nodes}
        lost.start()
        lost.wait_log(r"node 1 refuses this node: .*cannot replace a voter.*others go on",
                      after=before[3])
        for node_id in (1, 2):
            nodes.node(node_id).wait_log(
                r"node \d refuses node 3: .*cannot replace a voter.*others go on without it",
                after=before[node_id])
        # The first call may go to the connection of the node that was killed.
        health = cluster.wait_until("it answers", lambda: lost.client.health(wait=True))
        self.assertFalse(health.ready)
        # It has no vote: with one of the others down nothing goes, with both all goes.
        nodes.node(1).client.put(b"k", b"w")
        nodes.node(2).kill()
        self.fails(Code.UNAVAILABLE, nodes.node(1).client.get, b"k", timeout=1)
        nodes.node(2).start()
        nodes.node(2).wait_ready()
        self.assertEqual(nodes.node(2).client.get(b"k").value, b"w")
        with self.assertRaises(calls.Error):
            lost.client.put(b"k", b"x", timeout=1)
        self.assertFalse(lost.status().admitted)
        self.assertEqual([p.refused != "" for p in nodes.node(1).status().peers if p.id == 3],
                         [True])

    def test_first_start_needs_all(self):
        """New disks wait for each other, and say for whom; then one may be missing."""
        nodes = self.cluster(start=False)
        nodes.node(1).start()
        nodes.node(2).start()
        nodes.node(1).wait_log(r"waiting for node (2, )?3")
        nodes.node(3).start()
        nodes.wait_ready()
        nodes.node(3).kill()
        self.assertTrue(nodes.node(1).client.put(b"k", b"v").applied)


if __name__ == "__main__":
    case.main()
