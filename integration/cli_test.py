"""dkv-cli in wrong hands: the code says how it went, stderr what to do, stdout stays clean."""
import calls
import case
import cluster


class Cli(case.Case):
    @classmethod
    def setUpClass(cls):
        cls.nodes = cluster.Cluster().start()
        cls.guarded = cluster.Cluster(1, flags=[]).start()
        cls.address = cls.nodes.node(1).address

    @classmethod
    def tearDownClass(cls):
        cls.nodes.close()
        cls.guarded.close()

    def says(self, code, pattern, *args, address=None, **how):
        out, said = self.cli(code, *args, "--addr", address or self.address, **how)
        self.assertRegex(said, pattern)
        self.assertEqual(out, b"")

    def test_usage(self):
        for args, pattern in (
                (["put", "k", "v", "--colour", "red"], r"--colour"),
                (["get"], r"(?i)key"),
                (["get", "a", "b"], r"b"),
                (["put", "k"], r"(?i)value"),
                (["put", "", "v"], r"1 to 511"),
                (["put", "k" * 512, "v"], r"1 to 511"),
                (["get", "k", "--timeout", "soon"], r"soon"),
                (["get", "k", "--output", "xml"], r"text.*json.*table"),
                (["drop-rules"], r"--rules"),
                (["drop-rules", "--rules", "2"], r"PEER:P"),
                (["drop-rules", "--rules", "2:1.5"], r"1\.5"),
                (["drop-rules", "--rules", "2:0.5:up"], r"in|out"),
                (["drop-rules", "--rules", "x:1.0"], r"x"),
                (["drop-rules", "--rules", "2:1.0,,"], r"PEER:P|empty"),
                (["faults", "set", "--peer", "2", "--drop", "2"], r"drop"),
                (["faults", "set", "--peer", "2", "--delay", "61s"], r"delay"),
        ):
            with self.subTest(args=args):
                self.says(2, pattern, *args)
        faults = self.nodes.node(1).client.call(
            "/dkv.v1.Admin/GetFaults", calls.admin_pb2.GetFaultsRequest(),
            calls.admin_pb2.GetFaultsResponse)
        self.assertEqual(len(faults.rules), 0)

    def test_mistyped_command(self):
        out, said = self.cli(2, "stauts")
        self.assertEqual(out, b"")
        self.assertIn("status", said)

    def test_bad_endpoints(self):
        for endpoints in ("localhost", "localhost:", "localhost:99999"):
            with self.subTest(endpoints=endpoints):
                out, said = self.cli(2, "get", "k", "--endpoints", endpoints)
                self.assertEqual(out, b"")
                self.assertRegex(said, r"HOST:PORT|a port is a number from 1 to 65535")

    def test_values(self):
        """1 MiB goes, a byte more does not; what is no text goes in and out as it is."""
        value = bytes(range(256)) * 4096
        self.cli(0, "put", "large", "-", "--addr", self.address, stdin=value)
        out, _ = self.cli(0, "get", "large", "--addr", self.address)
        self.assertEqual(out, value)
        self.says(2, r"1 MiB|1048576", "put", "large", "-", stdin=value + b"x")
        out, _ = self.cli(0, "get", "large", "--addr", self.address)
        self.assertEqual(out, value)
        self.says(1, r"1 MiB", "append", "large", "x")
        self.says(1, r"no-such-file", "put", "k", "--value-file", "/no-such-file")

    def test_outcomes(self):
        self.says(3, r"there is no key 'nobody'", "get", "nobody")
        self.cli(0, "delete", "nobody", "--addr", self.address)
        self.cli(0, "put", "k", "v", "--addr", self.address)
        self.cli(6, "cas", "k", "other", "new", "--addr", self.address)
        self.assertEqual(self.nodes.node(2).client.get(b"k").value, b"v")

    def test_denied(self):
        address = self.guarded.node(1).address
        for args in (["drop-rules", "--rules", "2:1.0"], ["faults", "clear"], ["die"]):
            with self.subTest(args=args):
                self.says(7, r"--enable-fault-injection", *args, address=address)
        self.assertTrue(self.guarded.node(1).client.put(b"k", b"v").applied)

    def test_rules_for_nobody(self):
        self.says(2, r"node 9 is no peer of this node", "drop-rules", "--rules", "9:1.0")

    def test_rules_and_die(self):
        """They do what they say."""
        nodes = self.cluster()
        address = nodes.node(1).address
        self.cli(0, "drop-rules", "--addr", address, "--rules", "2:1.0,3:1.0")
        self.cli(4, "get", "k", "--addr", address, "--timeout", "1s")
        self.cli(0, "drop-rules", "--addr", address, "--rules", "clear")
        self.cli(3, "get", "k", "--addr", address)
        self.cli(0, "die", "--addr", address)
        self.assertEqual(nodes.node(1).wait_exit(), -9)


if __name__ == "__main__":
    case.main()
