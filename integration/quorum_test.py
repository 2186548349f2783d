"""Without a majority: what is said, when it is said, and that it was true.

A read is not served, in either mode. A write has gone out at once in coordinated mode, so what
becomes of it is unknown; in classic mode it has not left the node, and is certainly not applied.
"""
import re
import shlex
import subprocess
import time
import unittest

import calls
import case
import cluster
from calls import Code, kv_pb2

PIPELINE = 32  # Own slots that a node has under way at most.
IN_DOUBT = "may have been applied, or may be yet"
SAID = IN_DOUBT if cluster.COORDINATED else "^not applied: .*try again"

NOT_SERVING = b"\x08\x02"  # grpc.health.v1.HealthCheckResponse
SERVING = b"\x08\x01"


class Quorum(case.Case):
    def setUp(self):
        self.nodes = self.cluster()
        self.client = self.nodes.node(1).client
        self.client.put(b"k", b"old")

    def shortly_before(self, timeout, code, call, *args, **how):
        """The call fails with code, 10 % (5 to 100 ms) before its deadline or a little later."""
        with case.Timer() as timer:
            error = self.fails(code, call, *args, timeout=timeout, **how)
        ahead = min(max(timeout / 10, 0.005), 0.1)
        self.assertGreater(timer.seconds, timeout - ahead - 0.02 - timeout / 50)
        self.assertLess(timer.seconds, timeout)
        return error

    def without_votes(self, call):
        """Have node 1 propose what call() sends it, and never see a vote."""
        if cluster.COORDINATED:
            self.nodes.cut((2, 1), (3, 1))
            return call()
        for peer in (2, 3):
            self.nodes.node(peer).client.set_faults(
                [{"peer": 1, "direction": calls.admin_pb2.DIRECTION_OUT, "delay_ms": 600}])
        time.sleep(0.7)
        done = call()
        time.sleep(0.3)
        self.nodes.cut((2, 1), (3, 1))  # The promises are on their way.
        return done

    def check_written(self, key):
        """A write of b"v" that ended without an answer is there once or, like a refused one, not
        at all."""
        read = self.client.get(key)
        if not cluster.COORDINATED:
            self.assertFalse(read.found, "it said: not applied")
        if read.found:
            self.assertEqual((read.value, read.version), (b"v", 1))

    def test_two_are_dead(self):
        self.nodes.node(2).kill()
        self.nodes.node(3).kill()
        for timeout in (0.5, 1, 3, 11):
            error = self.shortly_before(timeout, Code.UNAVAILABLE, self.client.get, b"k")
            self.assertIn("majority", error.details())
        for number, timeout in enumerate((0.5, 3)):
            error = self.shortly_before(timeout, case.NO_MAJORITY, self.client.append,
                                        b"n%d" % number, b"v")
            self.assertRegex(error.details(), SAID)
        # What the node has is there for whoever asks for no more.
        self.assertEqual(self.client.get(b"k", sequential=True).value, b"old")
        self.assertFalse(self.client.health().ready)
        self.assertEqual(self.client.raw("/grpc.health.v1.Health/Check", b""), NOT_SERVING)

        self.nodes.start()
        self.assertEqual(self.client.raw("/grpc.health.v1.Health/Check", b""), SERVING)
        self.nodes.wait_converged()
        for number in range(2):
            self.check_written(b"n%d" % number)

    def test_more_than_may_be_under_way(self):
        """What waits behind a full pipeline has not left the node, in coordinated mode either."""
        self.nodes.node(2).kill()
        self.nodes.node(3).kill()

        def requests():
            for number in range(2 * PIPELINE):
                append = kv_pb2.AppendRequest(key=b"n%d" % number, value=b"v")
                op = kv_pb2.BatchOp(number=number + 1, timeout_ms=2500, append=append)
                yield kv_pb2.BatchRequest(ops=[op])
                time.sleep(0.01)
        answers = {a.number: a for m in self.client.batch(requests()) for a in m.answers}
        said = [answers[number + 1].error.message for number in range(2 * PIPELINE)]
        proposed = sum(IN_DOUBT in text for text in said)
        refused = sum(re.search("^not applied: .*try again", text) is not None for text in said)
        # One each; but two that came in one turn of the node's loop share a slot.
        if cluster.COORDINATED:
            self.assertIn(proposed, range(PIPELINE, 2 * PIPELINE), said)
            self.assertTrue(all(IN_DOUBT in text for text in said[:proposed]), said)
        else:
            self.assertEqual(proposed, 0, said)
        self.assertEqual(proposed + refused, 2 * PIPELINE, said)
        self.nodes.start()
        self.nodes.wait_converged()
        for number in range(proposed):
            self.check_written(b"n%d" % number)
        for number in range(proposed, 2 * PIPELINE):
            self.assertFalse(self.client.get(b"n%d" % number).found, "it said: not applied")

    def check_settled(self, session):
        """An append of b"+new" that was in doubt, again with the same op_id: done once."""
        answer = self.nodes.node(2).client.append(b"k", b"+new", session)
        self.assertEqual(answer.output, b"old+new")
        self.nodes.wait_converged()
        self.assertEqual(self.nodes.node(3).client.get(b"k").value, b"old+new")

    def check_in_doubt(self, send):
        """send(call): of a call that proposes an append, and never learns of a vote."""
        session = calls.Session(born=self.client.hello().applied).next()
        request = kv_pb2.AppendRequest(key=b"k", value=b"+new", session=session)
        future = send(lambda: self.client.future(
            "/dkv.v1.KV/Append", request, kv_pb2.WriteResponse, timeout=2))
        error = future.exception()
        self.assertEqual(error.code(), Code.DEADLINE_EXCEEDED, error.details())
        self.assertRegex(error.details(), "may have been applied.*same client_id and op_id")
        return session

    def test_two_stop_in_the_middle(self):
        """A write that was proposed may come true later; the same op_id settles it."""
        session = self.check_in_doubt(self.without_votes)
        self.nodes.heal()
        self.check_settled(session)

    @unittest.skipUnless(cluster.COORDINATED, "in classic mode nothing is proposed then")
    def test_nobody_hears_of_it(self):
        """Proposed, but to nobody: the others decide that slot without it, and it comes later or
        with its repetition, once."""
        def unheard(call):
            self.nodes.cut((1, 2), (1, 3))
            return call()
        session = self.check_in_doubt(unheard)
        self.nodes.node(2).client.put(b"other", b"v")  # Behind the slot, which is decided by now.
        self.nodes.heal()
        self.check_settled(session)

    def test_paused_majority(self):
        """SIGSTOP: streams stay up, nobody answers. Nothing is read, nothing is made up."""
        self.nodes.node(2).pause()
        self.nodes.node(3).pause()
        self.shortly_before(1.5, Code.UNAVAILABLE, self.client.get, b"k")
        self.fails(case.NO_MAJORITY, self.client.append, b"k", b"+new", timeout=1.5)
        self.nodes.node(2).resume()
        self.nodes.node(3).resume()
        value = cluster.wait_until("a read", lambda: self.client.get(b"k", timeout=5)).value
        self.assertIn(value, (b"old", b"old+new") if cluster.COORDINATED else (b"old",))
        self.nodes.wait_converged()

    def test_minority_reads_nothing_old(self):
        """What the majority wrote is never read as it was before, by anybody."""
        self.nodes.cut((1, 2), (2, 1), (1, 3), (3, 1))
        majority = self.nodes.node(2).client
        for turn in range(5):
            majority.put(b"k", b"%d" % turn)
            self.fails(Code.UNAVAILABLE, self.client.get, b"k", timeout=0.3)
            self.assertEqual(self.nodes.node(3).client.get(b"k").value, b"%d" % turn)
        self.nodes.heal()
        self.nodes.wait_converged()
        self.assertEqual(self.client.get(b"k").value, b"4")

    def test_exit_codes(self):
        """dkv-cli: 4 for what was not done, 5 for what may have been, with the way out."""
        address = self.nodes.node(1).address
        self.nodes.node(2).kill()
        self.nodes.node(3).kill()
        self.cli(4, "get", "k", "--addr", address, "--timeout", "1s")
        _, said = self.cli(case.NO_MAJORITY_EXIT, "append", "other", "v", "--addr", address,
                           "--timeout", "1s")
        self.nodes.start()
        if cluster.COORDINATED:
            self.cli(0, *self.settling(said))
        out, _ = self.cli(0 if cluster.COORDINATED else 3, "get", "other", "--addr", address)
        self.assertEqual(out.rstrip(b"\n"), b"v" if cluster.COORDINATED else b"")

        child = self.without_votes(lambda: subprocess.Popen(
            [cluster.CLI, "append", "k", "+", "--addr", address, "--timeout", "2s"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        _, said = child.communicate(timeout=20)
        self.assertEqual(child.returncode, 5, said)
        self.nodes.heal()
        self.cli(0, *self.settling(said))
        out, _ = self.cli(0, "get", "k", "--addr", address)
        self.assertEqual(out.rstrip(b"\n"), b"old+")

    def settling(self, said):
        """The arguments of the very command that settles it."""
        command = next(line for line in said.splitlines() if "--op-id" in line)
        return shlex.split(command[command.index("dkv-cli"):])[1:]

    def test_no_endpoint(self):
        """Nobody listens there."""
        port = self.nodes.ports.take()
        out, said = self.cli(4, "get", "k", "--addr", f"localhost:{port}", "--timeout", "1s")
        self.assertEqual(out, b"")
        self.assertIn(str(port), said)


if __name__ == "__main__":
    case.main()
