"""Many operations in flight on one stream, with gRPC's own Python: answers out of order, one
message for several, and a node that is killed in the middle."""
import queue
import sys
import time

import calls
import case
from calls import Code, kv_pb2

IN_FLIGHT = 256
WRITES = 6000


class Pipeline:
    """A client of its own: keeps IN_FLIGHT writes under way, and moves on when its node dies."""

    def __init__(self, nodes, writes):
        self.nodes = nodes
        self.writes = writes
        self.session = calls.Session(born=max(1, nodes[0].client.hello().applied))
        self.waiting = {}  # op_id: its BatchOp
        self.answers = {}
        self.duplicates = 0
        self.messages = 0
        self.out_of_order = 0
        self.moves = 0

    def op(self, op_id):
        request = kv_pb2.AppendRequest(
            key=b"key-%d" % op_id, value=b"%d;" % op_id,
            session=self.session.at(op_id, floor=min(self.waiting, default=op_id)))
        return kv_pb2.BatchOp(number=op_id, timeout_ms=5000, append=request)

    def begin(self, count):
        """The next operations, in one message."""
        batch = kv_pb2.BatchRequest()
        for _ in range(min(count, self.writes - self.session.op_id)):
            self.session.next()
            made = self.op(self.session.op_id)
            self.waiting[made.number] = made
            batch.ops.append(made)
        return batch

    def take(self, answer):
        """True: it is done; False: another node is to do it."""
        if answer.WhichOneof("answer") == "error":
            assert answer.error.code in (Code.UNAVAILABLE.value[0],
                                         Code.DEADLINE_EXCEEDED.value[0]), answer.error
            return False
        self.out_of_order += answer.number != min(self.waiting)
        del self.waiting[answer.number]
        self.answers[answer.number] = answer.write
        self.duplicates += answer.write.duplicate
        return True

    def run_at(self, node, on_progress):
        """Until all is done, or the stream breaks."""
        requests = queue.Queue()
        stream = node.client.batch(iter(requests.get, None))
        assert not next(stream).answers  # The node takes operations.
        # What an earlier node may have done goes first, as it was.
        again = kv_pb2.BatchRequest(ops=list(self.waiting.values()))
        again.ops.extend(self.begin(IN_FLIGHT - len(again.ops)).ops)
        requests.put(again)
        for message in stream:
            self.messages += 1
            done = [self.take(a) for a in message.answers]
            more = self.begin(sum(done))
            if more.ops:
                requests.put(more)
            elif not self.waiting:
                requests.put(None)
            if not all(done):
                stream.cancel()
                return
            on_progress(len(self.answers))

    def run(self, on_progress, timeout=60):
        end = time.monotonic() + timeout
        while len(self.answers) < self.writes:
            assert time.monotonic() < end, f"{len(self.answers)} of {self.writes} after {timeout} s"
            try:
                self.run_at(self.nodes[self.moves % len(self.nodes)], on_progress)
            except calls.Error as error:
                assert error.code() in (Code.UNAVAILABLE, Code.CANCELLED), error
            self.moves += 1


class Batch(case.Case):
    def test_failover_with_256_in_flight(self):
        nodes = self.cluster()
        first = nodes.node(1)

        def kill_in_the_middle(done):
            if done > WRITES // 3 and first.is_running():
                first.kill()
        pipeline = Pipeline(nodes.nodes, WRITES)
        pipeline.run(kill_in_the_middle)
        print(f"  messages {pipeline.messages}, duplicates {pipeline.duplicates}, out of order "
              f"{pipeline.out_of_order}, moves {pipeline.moves}", file=sys.stderr)
        self.assertFalse(first.is_running())
        self.assertGreaterEqual(pipeline.moves, 2)
        self.assertLess(pipeline.messages, WRITES // 2)
        self.check_once(nodes.node(2).client)

    def check_once(self, client):
        """Each key has its one append: none was lost, and none was done twice."""
        client.get(b"key-1")  # Behind a barrier; from then on this node knows all of it.
        batch = kv_pb2.BatchRequest()
        for i in range(1, WRITES + 1):
            get = kv_pb2.GetRequest(key=b"key-%d" % i,
                                    consistency=kv_pb2.CONSISTENCY_SEQUENTIAL)
            batch.ops.append(kv_pb2.BatchOp(number=i, get=get))
        size = 1000
        parts = [kv_pb2.BatchRequest(ops=batch.ops[i:i + size]) for i in range(0, WRITES, size)]
        read = {}
        for message in client.batch(iter(parts)):
            for answer in message.answers:
                self.assertEqual(answer.WhichOneof("answer"), "get", answer)
                read[answer.number] = answer.get
        self.assertEqual(len(read), WRITES)
        for i, get in read.items():
            self.assertEqual((get.value, get.version), (b"%d;" % i, 1))

    def test_reads_do_not_wait_for_writes(self):
        """Answers come in the order in which they are ready: a sequential read overtakes."""
        nodes = self.cluster()
        client = nodes.node(1).client
        client.put(b"k", b"v")
        nodes.cut((1, 2), (1, 3))
        put = kv_pb2.BatchOp(number=1, timeout_ms=1000,
                             put=kv_pb2.PutRequest(key=b"k", value=b"w"))
        get = kv_pb2.BatchOp(number=2, get=kv_pb2.GetRequest(
            key=b"k", consistency=kv_pb2.CONSISTENCY_SEQUENTIAL))
        began = time.monotonic()
        answers = [a for m in client.batch(iter([kv_pb2.BatchRequest(ops=[put, get])]))
                   for a in m.answers]
        self.assertEqual([a.number for a in answers], [2, 1])
        self.assertEqual(answers[0].get.value, b"v")
        # The node's own words, ahead of the operation's deadline and not of the stream's.
        self.assertEqual(answers[1].error.code, case.NO_MAJORITY.value[0])
        self.assertIn("applied", answers[1].error.message)
        self.assertLess(time.monotonic() - began, 3)


if __name__ == "__main__":
    case.main()
