"""Too many: ten thousand connections that say nothing, and clients that send more than is served."""
import collections
import queue
import socket
import struct
import sys
import threading
import time

import calls
import case
import trouble
from calls import Code, kv_pb2

CONNECTIONS = 10000
SLICE = 50
PAUSE = 0.01
FLOOD_KEYS = 100
# Far beyond the time in which every answer has to be there: it is not what bounds the slowest.
FLOOD_TIMEOUT_MS = 30000
FLOOD_SLOWEST_S = 2
KIB = 1 << 10
MIB = 1 << 20

# How every HTTP/2 client begins: the preface, and settings, none of them.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + struct.pack(">BHBBI", 0, 0, 4, 0, 0)


class Idle:
    """Connections that are opened, greet, and then say nothing. They come and go over seconds."""

    def __init__(self, port, count):
        self.sockets = []
        try:
            for number in range(count):
                if number % SLICE == 0:
                    time.sleep(PAUSE)
                s = socket.create_connection(("127.0.0.1", port), timeout=10)
                self.sockets.append(s)
                s.sendall(HELLO)
            for s in self.sockets:
                assert s.recv(9), "the node hung up"
        except BaseException:
            self.close()
            raise

    def alive(self):
        """How many of them the node has not ended."""
        count = 0
        for s in self.sockets:
            s.setblocking(False)
            try:
                while s.recv(4096):
                    pass
            except BlockingIOError:
                count += 1
            except OSError:
                pass
        return count

    def close(self):
        for number, s in enumerate(self.sockets):
            if number % SLICE == 0:
                time.sleep(PAUSE)
            s.close()
        self.sockets = []


class Flood(threading.Thread):
    """A Batch stream with as many operations under way as it takes, for a while. Nobody else writes
    its keys; each value tells whose operation it is, and there is no other like it."""

    def __init__(self, node, number, seconds, at_once=1000):
        super().__init__(daemon=True)
        self.client = calls.Client(node.address)
        self.number, self.at_once = number, at_once
        self.end = time.monotonic() + seconds
        self.began = {}  # Number of an operation: when it was sent.
        self.sent = 0
        self.ok = 0
        self.last = {}  # Key: (revision, number) of the answered write with the highest revision.
        self.written = collections.Counter()  # Key: how many writes were answered.
        self.slowest = 0.0
        self.errors = {}
        self.without_hint = 0

    def more(self, count):
        batch = kv_pb2.BatchRequest()
        now = time.monotonic()
        for _ in range(count):
            self.sent += 1
            self.began[self.sent] = now
            put = kv_pb2.PutRequest(key=self.key(self.sent), value=self.value(self.sent))
            batch.ops.append(kv_pb2.BatchOp(number=self.sent, timeout_ms=FLOOD_TIMEOUT_MS,
                                            put=put))
        return batch

    def key(self, number):
        return b"flood-%d-%d" % (self.number, number % FLOOD_KEYS)

    def value(self, number):
        return (b"%d-%d;" % (self.number, number)).ljust(128, b"v")

    def take(self, answer):
        took = time.monotonic() - self.began.pop(answer.number)
        if answer.WhichOneof("answer") != "error":
            self.ok += 1
            key = self.key(answer.number)
            self.written[key] += 1
            self.last[key] = max(self.last.get(key, (0, 0)),
                                 (answer.write.revision, answer.number))
            self.slowest = max(self.slowest, took)
            return
        error = answer.error
        self.errors[error.code] = self.errors.get(error.code, 0) + 1
        self.without_hint += error.retry_after_ms == 0

    def run(self):
        requests = queue.Queue()
        stream = self.client.batch(iter(requests.get, None))
        next(stream)  # The node takes operations.
        requests.put(self.more(self.at_once))
        for message in stream:
            for answer in message.answers:
                self.take(answer)
            if time.monotonic() < self.end:
                # No thought is given to what was refused: as much again.
                requests.put(self.more(len(message.answers)))
            elif not self.began:
                requests.put(None)

    def finish(self):
        self.join(60)
        assert not self.is_alive(), "answers are missing"
        self.client.close()

    def lost(self, client):
        """What is not as the answers said, as lines of text. No outcome is open: all that was not
        answered was refused, which is to say that it never was applied. So each key has the write
        that was answered with the highest revision, and was written as often as was answered."""
        lines = []
        for key, (revision, number) in self.last.items():
            read = client.get(key, sequential=True)
            if (read.value, read.mod_revision) != (self.value(number), revision):
                lines.append(f"{key} has {read.value[:20]} of revision {read.mod_revision}, and not"
                             f" {self.value(number)[:20]} of {revision}")
            if read.version != self.written[key]:
                lines.append(f"{key} was written {read.version} times, and not "
                             f"{self.written[key]}")
        return lines


class Crowds(case.Case):
    def test_idle_connections(self):
        """They cost memory, and nothing else."""
        nodes = self.cluster()
        node = nodes.node(1)
        load = self.load(nodes, 6)
        quiet = self.finish(load)
        before = node.memory()
        idle = Idle(node.port, CONNECTIONS)
        self.addCleanup(idle.close)
        during = node.memory()
        load = self.load(nodes, 6)
        crowded = self.finish(load)
        each = (during - before) / CONNECTIONS / KIB
        print(f"  {each:.0f} KiB for each of {CONNECTIONS} connections; {quiet['ok']} operations"
              f" before, {crowded['ok']} with them", file=sys.stderr)
        self.assertEqual(idle.alive(), CONNECTIONS)
        self.assertLess(each, 100)
        self.assertEqual(crowded["fail"], 0)
        self.assertGreater(crowded["ok"], quiet["ok"] / 4)
        self.assertLess(crowded["gap_ms"], 2000)
        idle.close()
        with case.Timer() as timer:
            node.client.put(b"after", b"1", timeout=5)
        self.assertLess(timer.seconds, 1)
        with self.serves_again(nodes):
            pass
        nodes.wait_converged()

    def test_more_than_is_served(self):
        """Bounded queues: what does not fit is refused at once, with a hint when to come again;
        what was accepted is answered in time; and a second later nothing is left of it."""
        nodes = self.cluster(flags=["--queue-ops", "500"])
        floods = [Flood(nodes.nodes[i % 3], i, 6) for i in range(9)]
        with trouble.Disk(nodes) as disk, self.memory_within(nodes, 128 * MIB):
            for flood in floods:
                flood.start()
            for flood in floods:
                flood.finish()
            ended = time.monotonic()
            settled = trouble.serve_again(nodes.nodes) - ended
        ok = sum(f.ok for f in floods)
        errors = {}
        for flood in floods:
            for code, count in flood.errors.items():
                errors[code] = errors.get(code, 0) + count
        slowest = max(f.slowest for f in floods)
        print(f"  {ok} done, slowest {slowest:.2f} s (the disk paused for {disk.pause_s:.3f} s);"
              f" errors {errors}; served again after {settled:.2f} s", file=sys.stderr)
        self.assertEqual(set(errors), {Code.RESOURCE_EXHAUSTED.value[0]})
        self.assertEqual(sum(f.without_hint for f in floods), 0)
        self.assertGreater(ok, 1000)
        self.assertLess(slowest, FLOOD_SLOWEST_S + disk.pause_s)
        self.assertLess(settled, 1)
        nodes.wait_converged()
        for number, flood in enumerate(floods):
            # At another node than the one that answered.
            self.assertEqual(flood.lost(nodes.nodes[(number + 1) % 3].client), [])


if __name__ == "__main__":
    case.main()
