"""Real input: Debian's own list of packages goes in at one node, and comes out of the others."""
import hashlib
import os

import calls
import case

STATUS = "/var/lib/dpkg/status"


def records(content):
    """{package: record}: what stands between blank lines, byte for byte."""
    found = {}
    for record in content.split(b"\n\n"):
        record = record.lstrip(b"\n")
        for line in record.split(b"\n"):
            if line.startswith(b"Package: "):
                found[line[len(b"Package: "):].strip()] = record.rstrip(b"\n") + b"\n"
    return found


class Packages(case.Case):
    def check(self, node, expected):
        """Every record comes out of this node as it went in, and there is nothing else."""
        client = calls.Client(node.address)
        self.addCleanup(client.close)
        waiting = {}
        for key, record in expected.items():
            request = calls.kv_pb2.GetRequest(key=key)
            waiting[key] = (client.future("/dkv.v1.KV/Get", request, calls.kv_pb2.GetResponse,
                                          timeout=60), record)
        for key, (future, record) in waiting.items():
            self.assertEqual(future.result().value, record, key)
        self.assertEqual(node.status().keys, len(expected))

    def test_in_and_out(self):
        with open(STATUS, "rb") as file:
            content = file.read()
        expected = records(content)
        self.assertGreater(len(expected), 50)
        nodes = self.cluster()
        first = nodes.node(1)
        self.cli(0, "load", "--stdin-records", "--clients", "8", "--addr", first.address,
                 stdin=content, timeout=120)
        self.check(nodes.node(2), expected)
        self.check(nodes.node(3), expected)
        state = nodes.wait_converged()[1]

        nodes.kill_all()
        nodes.start()
        self.check(nodes.node(2), expected)
        self.check(nodes.node(3), expected)
        self.assertEqual(nodes.wait_converged()[1], state)

        # And as a person would get one.
        for key in sorted(expected)[:5]:
            out, _ = self.cli(0, "get", os.fsdecode(key), "--addr", nodes.node(3).address)
            self.assertEqual(hashlib.sha256(out).digest(),
                             hashlib.sha256(expected[key]).digest())

    def test_again_and_changed(self):
        """What goes in a second time replaces the first; what cannot go in, nothing does."""
        nodes = self.cluster(1)
        address = nodes.node(1).address
        self.cli(0, "load", "--stdin-records", "--addr", address,
                 stdin=b"Package: a\nv: 1\n\n\nPackage: b\nv: 1")
        self.cli(0, "load", "--stdin-records", "--addr", address, stdin=b"Package: a\nv: 2\n")
        self.assertEqual(nodes.node(1).client.get(b"a").value, b"Package: a\nv: 2\n")
        self.assertTrue(nodes.node(1).client.get(b"b").value.startswith(b"Package: b\nv: 1"))
        code = self.run_cli("load", "--stdin-records", "--addr", address,
                            stdin=b"Package: c\n\nNo name: d\n").returncode
        self.assertIn(code, (1, 2))
        self.assertFalse(nodes.node(1).client.get(b"c").found)


if __name__ == "__main__":
    case.main()
