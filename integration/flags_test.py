"""What a person may get wrong when starting a node: each is told what to do, and breaks nothing."""
import os
import subprocess

import case
import cluster


class Flags(case.Case):
    def refused(self, code, pattern, *flags, environment=None):
        """dkv-node ends at once, with one line on stderr that matches, and leaves no trace."""
        scratch = os.path.join(self.home.directory, "scratch")
        done = subprocess.run([cluster.NODE, "--data-dir", scratch, *flags], timeout=20,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={**os.environ, **(environment or {})}, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr, pattern)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertFalse(os.path.exists(scratch), "it made its data directory all the same")

    def setUp(self):
        self.home = self.cluster(1, start=False)
        self.port = str(self.home.node(1).port)
        self.addr = ["--addr", ":" + self.port]

    def test_unknown_flag(self):
        self.refused(2, r"unknown flag \"--ports\".*--help", "--id", "1", *self.addr, "--ports")

    def test_id_is_missing(self):
        self.refused(2, r"--id is missing.*--id 1", *self.addr)

    def test_id_is_zero(self):
        self.refused(2, r"--id is \"0\".*from 1 on", "--id", "0", *self.addr)

    def test_own_id_among_the_peers(self):
        self.refused(2, r"--peers has this node's own id 1: name only the other members",
                     "--id", "1", *self.addr, "--peers", "1=localhost:9001,2=localhost:9002")

    def test_same_peer_twice(self):
        self.refused(2, r"--peers has node 2 twice: name each peer once", "--id", "1", *self.addr,
                     "--peers", "2=localhost:9002,2=localhost:9003")

    def test_same_address_twice(self):
        self.refused(2, r"localhost:9002 twice.*its own address", "--id", "1", *self.addr,
                     "--peers", "2=localhost:9002,3=localhost:9002")

    def test_address_without_a_port(self):
        self.refused(2, r"--addr is \"localhost\": give HOST:PORT or :PORT", "--id", "1",
                     "--addr", "localhost")
        self.refused(2, r"--peers has \"2=localhost\".*HOST:PORT", "--id", "1", *self.addr,
                     "--peers", "2=localhost")

    def test_address_that_others_can_reach(self):
        self.refused(2, r"--addr is 0.0.0.0:.*nothing is encrypted.*--insecure", "--id", "1",
                     "--addr", "0.0.0.0:" + self.port)

    def test_environment_is_named(self):
        self.refused(2, r"DKV_ID is \"x\"", *self.addr, environment={"DKV_ID": "x"})

    def test_even_number_warns(self):
        """Allowed, but said."""
        pair = self.cluster(2)
        pair.node(1).wait_log(r"warn node=1 2 members survive no more failures than 1")
        self.assertTrue(pair.node(2).client.put(b"k", b"v").applied)


class InUse(case.Case):
    def setUp(self):
        self.nodes = self.cluster(1)
        self.node = self.nodes.node(1)
        self.node.client.put(b"k", b"v")

    def second(self, *flags):
        """Start a second process; the first must not notice."""
        done = subprocess.run([cluster.NODE, "--id", "1", *flags], timeout=20, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(self.node.client.get(b"k").value, b"v")
        self.assertTrue(self.node.client.put(b"k2", b"v").applied)
        return done

    def test_port(self):
        other = os.path.join(self.nodes.directory, "other")
        done = self.second("--addr", self.node.address, "--data-dir", other)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, rf"error node=1 {self.node.address} is in use by another "
                         r"process: stop that one, or choose another --addr")
        self.assertFalse(os.path.exists(other), "the disk was touched")

    def test_directory(self):
        port = self.nodes.ports.take()
        done = self.second("--addr", f"127.0.0.1:{port}", "--data-dir", self.node.directory)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, rf"in use by process {self.node.process.pid}: .*"
                         r"stop that process, or give another directory")


if __name__ == "__main__":
    case.main()
