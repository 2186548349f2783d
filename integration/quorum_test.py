"""Without a majority: what is said, when it is said, and that it was true."""
import shlex
import subprocess
import time

import calls
import case
import cluster
from calls import Code, kv_pb2

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

    def between_phases(self, call):
        """Have node 1 get promises for what call() sends it, and then never a vote."""
        for peer in (2, 3):
            self.nodes.node(peer).client.set_faults(
                [{"peer": 1, "direction": calls.admin_pb2.DIRECTION_OUT, "delay_ms": 600}])
        time.sleep(0.7)
        done = call()
        time.sleep(0.3)
        self.nodes.cut((2, 1), (3, 1))  # The promises are on their way.
        return done

    def test_two_are_dead(self):
        self.nodes.node(2).kill()
        self.nodes.node(3).kill()
        for timeout in (0.5, 1, 3, 11):
            error = self.shortly_before(timeout, Code.UNAVAILABLE, self.client.get, b"k")
            self.assertIn("majority", error.details())
        for number, timeout in enumerate((0.5, 3)):
            error = self.shortly_before(timeout, Code.UNAVAILABLE, self.client.put,
                                        b"n%d" % number, b"v")
            self.assertRegex(error.details(), "^not applied: .*try again")
        # What the node has is there for whoever asks for no more.
        self.assertEqual(self.client.get(b"k", sequential=True).value, b"old")
        self.assertFalse(self.client.health().ready)
        self.assertEqual(self.client.raw("/grpc.health.v1.Health/Check", b""), NOT_SERVING)

        self.nodes.start()
        self.assertEqual(self.client.raw("/grpc.health.v1.Health/Check", b""), SERVING)
        self.nodes.wait_converged()
        for number in range(2):
            self.assertFalse(self.client.get(b"n%d" % number).found, "it said: not applied")

    def test_two_stop_in_the_middle(self):
        """A write that was proposed may come true later; the same op_id settles it."""
        session = calls.Session(born=self.client.hello().applied).next()
        request = kv_pb2.AppendRequest(key=b"k", value=b"+new", session=session)
        future = self.between_phases(lambda: self.client.future(
            "/dkv.v1.KV/Append", request, kv_pb2.WriteResponse, timeout=2))
        error = future.exception()
        self.assertEqual(error.code(), Code.DEADLINE_EXCEEDED, error.details())
        self.assertRegex(error.details(), "may have been applied.*same client_id and op_id")
        self.nodes.heal()
        answer = self.nodes.node(2).client.append(b"k", b"+new", session)
        self.assertEqual(answer.output, b"old+new")
        self.assertEqual(self.nodes.node(3).client.get(b"k").value, b"old+new")

    def test_paused_majority(self):
        """SIGSTOP: streams stay up, nobody answers. Nothing is read, nothing is made up."""
        self.nodes.node(2).pause()
        self.nodes.node(3).pause()
        self.shortly_before(1.5, Code.UNAVAILABLE, self.client.get, b"k")
        with self.assertRaises(calls.Error) as caught:
            self.client.put(b"k", b"new", timeout=1.5)
        self.assertIn(caught.exception.code(), (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED))
        said_no = caught.exception.code() == Code.UNAVAILABLE
        self.nodes.node(2).resume()
        self.nodes.node(3).resume()
        value = cluster.wait_until("a read", lambda: self.client.get(b"k", timeout=5)).value
        self.assertIn(value, (b"old",) if said_no else (b"old", b"new"))
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
        self.cli(4, "put", "k", "v", "--addr", address, "--timeout", "1s")
        self.nodes.start()
        child = self.between_phases(lambda: subprocess.Popen(
            [cluster.CLI, "append", "k", "+", "--addr", address, "--timeout", "2s"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        _, said = child.communicate(timeout=20)
        self.assertEqual(child.returncode, 5, said)
        # The very command that settles it.
        command = next(line for line in said.splitlines() if "--op-id" in line)
        words = shlex.split(command[command.index("dkv-cli"):])[1:]
        self.nodes.heal()
        self.cli(0, *words)
        out, _ = self.cli(0, "get", "k", "--addr", address)
        self.assertEqual(out.rstrip(b"\n"), b"old+")

    def test_no_endpoint(self):
        """Nobody listens there."""
        port = self.nodes.ports.take()
        out, said = self.cli(4, "get", "k", "--addr", f"localhost:{port}", "--timeout", "1s")
        self.assertEqual(out, b"")
        self.assertIn(str(port), said)


if __name__ == "__main__":
    case.main()
