"""What clients may send: each bad request is refused with its code, and changes nothing."""
import os
import random
import socket
import struct
import subprocess
import sys
import time

import calls
import case
from calls import Code, kv_pb2

MIB = 1 << 20


class Requests(case.Case):
    def setUp(self):
        self.nodes = self.cluster()
        self.client = self.nodes.node(1).client
        self.client.put(b"before", b"all")
        self.hash = self.nodes.wait_converged()[1]

    def tearDown(self):
        """After all this they end as they should. (Under sanitizers: without leaks.)"""
        for node in self.nodes.nodes:
            self.assertEqual(node.stop(), 0)

    def check_unchanged(self):
        """The three nodes serve, and their state is as it was."""
        self.assertEqual(self.client.get(b"before").value, b"all")
        self.assertEqual(self.nodes.wait_converged()[1], self.hash)

    def test_keys(self):
        for key in (b"", b"k" * 512):
            for call in (lambda k: self.client.put(k, b"v"), self.client.get, self.client.delete,
                         lambda k: self.client.append(k, b"v"),
                         lambda k: self.client.cas(k, b"v", expect_absent=True)):
                error = self.fails(Code.INVALID_ARGUMENT, call, key)
                self.assertIn("511", error.details())
        self.check_unchanged()
        self.assertTrue(self.client.put(b"k" * 511, b"v").applied)

    def test_values(self):
        error = self.fails(Code.INVALID_ARGUMENT, self.client.put, b"k", b"v" * (MIB + 1))
        self.assertRegex(error.details(), "1 MiB|1048576")
        self.check_unchanged()
        for value in (b"", b"\0", b"a\nb\r\n\xff\xfe\0", b"v" * MIB):
            self.client.put(b"k", value)
            self.assertEqual(self.nodes.node(2).client.get(b"k").value, value)

    def test_append_past_the_limit(self):
        self.client.put(b"k", b"v" * (MIB - 1))
        error = self.fails(Code.OUT_OF_RANGE, self.client.append, b"k", b"vv")
        self.assertRegex(error.details(), "1 MiB.*nothing was changed")
        self.assertEqual(len(self.client.get(b"k").value), MIB - 1)
        self.assertTrue(self.client.append(b"k", b"v").applied)
        self.assertEqual(len(self.nodes.node(3).client.get(b"k").value), MIB)

    def test_sessions(self):
        for session in (kv_pb2.Session(client_id=b"c" * 65, op_id=1, floor=1, born=1),
                        kv_pb2.Session(client_id=b"c", op_id=0, floor=0, born=1),
                        kv_pb2.Session(client_id=b"c", op_id=1, floor=2, born=1)):
            self.fails(Code.INVALID_ARGUMENT, self.client.put, b"k", b"v", session)
        self.check_unchanged()

    def test_no_protobuf(self):
        dice = random.Random(1)
        for method in ("KV/Get", "KV/Put", "KV/Append", "KV/Delete", "KV/CompareAndSet",
                       "Admin/SetFaults", "Admin/FetchLog", "Paxos/FetchChosen"):
            for body in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 100, dice.randbytes(1000)):
                error = self.fails(Code.INVALID_ARGUMENT, self.client.raw, "/dkv.v1." + method,
                                   body)
                self.assertTrue(error.details())
        self.check_unchanged()

    def test_batches_that_are_none(self):
        """A stream ends with the words for what came, and the node takes the next one."""
        call = self.client.channel.stream_stream("/dkv.v1.KV/Batch", request_serializer=None,
                                                 response_deserializer=None)
        many = b"\x0a\x02\x08\x01" * 1025
        for body, words in ((b"\xff", "protobuf"), (b"\x0a\xff\xff\xff\xff\x0f", "protobuf"),
                            (b"\x0a\x06\x08\x01\x1a\x00\x22\x00", "one operation"),
                            (many, "1024")):
            error = self.fails(Code.INVALID_ARGUMENT, list, call(iter([body]), timeout=10))
            self.assertIn(words, error.details())
        self.check_unchanged()

    def test_unknown_method(self):
        for method in ("/dkv.v1.KV/Steal", "/dkv.v2.KV/Get", "/x"):
            self.fails(Code.UNIMPLEMENTED, self.client.raw, method, b"", timeout=5)
        self.check_unchanged()

    def test_message_over_4_mib(self):
        error = self.fails(Code.RESOURCE_EXHAUSTED, self.client.put, b"k", b"v" * (4 * MIB + 1))
        self.assertTrue(error.details())
        self.check_unchanged()

    def test_another_compression(self):
        """A small message may hold a very large one: none is taken."""
        call = self.client.channel.unary_unary("/dkv.v1.KV/Put", request_serializer=None)
        body = kv_pb2.PutRequest(key=b"k", value=b"v" * MIB).SerializeToString()
        self.fails(Code.UNIMPLEMENTED, call, body, timeout=5,
                   compression=calls.grpc.Compression.Gzip)
        self.check_unchanged()

    def test_deadline_too_short(self):
        """Whatever comes of it, the node says so in time, and goes on."""
        session = calls.Session(born=self.client.hello().applied)
        codes = set()
        for timeout_ms in (1, 2, 3, 5, 8) * 10:
            try:
                self.client.append(b"short", b"x", session.next(), timeout=timeout_ms / 1000)
                codes.add(Code.OK)
            except calls.Error as error:
                codes.add(error.code())
        self.assertLessEqual(codes, {Code.OK, Code.DEADLINE_EXCEEDED, Code.UNAVAILABLE})
        # Which of the two depends on how far the write was: never proposed, or under way.
        self.assertTrue(codes - {Code.OK}, "no deadline was too short")
        self.assertLessEqual(len(self.client.get(b"short").value), 50)
        self.nodes.wait_converged()

    def test_cancelled(self):
        """Calls are cancelled at any moment of their way."""
        dice = random.Random(2)
        for i in range(300):
            future = self.client.future("/dkv.v1.KV/Put",
                                        kv_pb2.PutRequest(key=b"c%d" % i, value=b"v"),
                                        kv_pb2.WriteResponse)
            time.sleep(dice.uniform(0, 0.004))
            future.cancel()
        self.assertEqual(self.client.get(b"before").value, b"all")
        self.nodes.wait_converged()

    def test_client_goes_away(self):
        """A client is killed with calls on their way, again and again."""
        script = ("import calls, sys\n"
                  "c = calls.Client(sys.argv[1])\n"
                  "f = [c.future('/dkv.v1.KV/Put', calls.kv_pb2.PutRequest(key=b'away%d' % i,"
                  " value=b'v' * 100000), calls.kv_pb2.WriteResponse) for i in range(200)]\n"
                  "print('on their way', flush=True)\n"
                  "[x.result() for x in f]\n")
        here = os.path.dirname(os.path.abspath(__file__))
        for _ in range(4):
            child = subprocess.Popen([sys.executable, "-c", script, self.client.address], cwd=here,
                                     stdout=subprocess.PIPE)
            child.stdout.readline()
            child.kill()
            child.wait()
            child.stdout.close()
        self.assertEqual(self.client.get(b"before").value, b"all")
        self.nodes.wait_converged()

    def test_no_http(self):
        """Bytes that are no HTTP/2, and half a connection: closed or ignored, nothing more."""
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        settings = struct.pack(">I", 0)[1:] + b"\x04\0\0\0\0\0"
        for body in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), preface[:10],
                     preface + settings + os.urandom(200), b""):
            with socket.create_connection(("127.0.0.1", self.nodes.node(1).port)) as raw:
                raw.sendall(body)
        self.check_unchanged()

    def test_faults_out_of_bounds(self):
        for rule in ({"peer": 2, "drop_ppm": 1000001}, {"peer": 2, "delay_ms": 60001},
                     {"peer": 9, "drop_ppm": 1}, {"peer": 1, "drop_ppm": 1},
                     {"peer": 2, "direction": 7, "drop_ppm": 1}):
            error = self.fails(Code.INVALID_ARGUMENT, self.client.set_faults, [rule])
            self.assertTrue(error.details())
        self.check_unchanged()


class FaultsForbidden(case.Case):
    def test_denied(self):
        """Fault rules and die need --enable-fault-injection."""
        nodes = self.cluster(1, flags=[])
        client = nodes.node(1).client
        for call in (lambda: client.set_faults([]), client.clear_faults, client.die):
            error = self.fails(Code.PERMISSION_DENIED, call)
            self.assertIn("--enable-fault-injection", error.details())
        self.assertTrue(client.put(b"k", b"v").applied)


if __name__ == "__main__":
    case.main()
