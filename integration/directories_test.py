"""Data directories that are somebody else's, or damaged: the node says so and does not start."""
import glob
import os
import shutil
import subprocess

import case
import cluster
from calls import paxos_pb2

VALUE = b"this value is looked for in the file, and damaged there"


def files(node, environment):
    """Where its records are: the acceptor's are in the journal before they are in the tables."""
    return (glob.glob(os.path.join(node.directory, environment, "data.mdb")) +
            glob.glob(os.path.join(node.directory, environment, "journal")))


def flip(path, pattern):
    """Turn a bit in each copy of pattern in the file; how many there were."""
    with open(path, "r+b") as file:
        content = file.read()
        at = content.find(pattern)
        count = 0
        while at >= 0:
            file.seek(at + len(pattern) // 2)
            file.write(bytes([content[at + len(pattern) // 2] ^ 0x10]))
            count += 1
            at = content.find(pattern, at + 1)
    return count


class Directories(case.Case):
    def setUp(self):
        self.nodes = self.cluster()
        self.node = self.nodes.node(3)
        self.nodes.node(1).client.put(b"key", VALUE)
        self.nodes.wait_converged()

    def does_not_start(self, pattern, *flags):
        """Node 3 ends with 1 and one line; the other two go on."""
        logged = len(self.node.log_text())
        self.node.start(*flags)
        self.assertEqual(self.node.wait_exit(), 1)
        lines = self.node.log_text()[logged:].splitlines()
        errors = [line for line in lines if " error " in line]
        self.assertEqual(len(errors), 1, lines)
        self.assertRegex(errors[0], pattern)
        self.assertTrue(self.nodes.node(1).client.put(b"k", b"v").applied)
        self.assertEqual(self.nodes.node(2).client.get(b"key").value, VALUE)

    def write_checkpoint(self):
        self.nodes.kill_all()
        self.nodes.flags += ["--checkpoint-slots", "1"]
        self.nodes.start()
        for i in range(100):
            self.nodes.node(1).client.put(b"k%d" % i, b"v" * 1000)

        def written():
            status = self.node.status()
            return status.durable_applied == status.applied and status.keys == 101
        cluster.wait_until("a checkpoint of all", written)

    def starts(self):
        """And with what is right it starts, and nothing is lost."""
        self.node.start()
        self.node.wait_ready()
        self.assertEqual(self.nodes.wait_converged()[0] > 0, True)
        self.assertEqual(self.node.client.get(b"key", sequential=True).value, VALUE)

    def test_of_another_node(self):
        self.node.kill()
        command = self.node.command()
        command[command.index("--id") + 1] = "4"
        done = subprocess.run(command, timeout=20, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"another list of members|belongs to node 3, not to node 4")
        self.nodes.node(2).kill()
        other = self.nodes.node(2).directory
        command = self.node.command("--data-dir=" + other)
        del command[command.index("--data-dir"):command.index("--data-dir") + 2]
        done = subprocess.run(command, timeout=20, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"belongs to node 2, not to node 3: give --id 2, or the "
                         r"directory of node 3")
        self.nodes.node(2).start()
        self.starts()

    def test_of_another_cluster(self):
        self.node.kill()
        self.does_not_start(r"belongs to cluster \"dkv\", not \"other\": give --cluster dkv",
                            "--cluster", "other")
        self.starts()

    def test_of_other_members(self):
        self.node.kill()
        command = [w + ",4=localhost:9" if "=" in w else w for w in self.node.command()]
        done = subprocess.run(command, timeout=20, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"made for another list of members")
        self.starts()

    def check_flipped(self, environment, pattern):
        self.node.kill()
        self.assertGreater(sum(flip(path, pattern) for path in files(self.node, environment)), 0)
        self.does_not_start(r"corrupt: its bytes are not those that were written; .*--verify")
        done = subprocess.run([cluster.NODE, "--verify", self.node.directory], timeout=20,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stdout, r"records, [1-9]\d* bad")

    def test_flipped_bytes_of_the_log(self):
        """Behind the damage more was committed: it is no write that was cut short."""
        for i in range(3):
            self.nodes.node(1).client.put(b"k%d" % i, b"v")
            self.nodes.wait_converged()
        self.check_flipped("acceptor", VALUE)

    def test_flipped_bytes_of_the_state(self):
        """The same in a checkpoint."""
        self.write_checkpoint()
        self.check_flipped("state", VALUE)

    def test_flipped_bytes_of_its_identity(self):
        self.node.kill()
        self.assertGreater(sum(flip(path, b"identity") + flip(path, b"dkv\0")
                               for path in files(self.node, "acceptor")), 0)
        self.does_not_start(r"corrupt|missing|belongs")

    def check_truncated(self, environment):
        """Cut in the middle of what is used; the file is larger than that, with a hole behind."""
        self.node.kill()
        path = files(self.node, environment)[0]
        os.truncate(path, os.stat(path).st_blocks * 512 // 2)
        self.does_not_start(r"the data file is truncated: it has \d+ bytes and needs \d+")

    def test_truncated_log(self):
        for i in range(100):
            self.nodes.node(1).client.put(b"k%d" % i, b"v" * 1000)
        self.nodes.wait_converged()
        self.check_truncated("acceptor")

    def test_truncated_journal(self):
        self.node.kill()
        path = files(self.node, "acceptor")[1]
        os.truncate(path, 1000000)
        self.does_not_start(r"the journal is truncated or damaged: it has 1000000 bytes")
        os.remove(path)
        self.does_not_start(r"the journal is missing, and with it promises and votes")

    def test_truncated_state(self):
        self.write_checkpoint()
        self.check_truncated("state")

    def test_lost_log(self):
        """The state is there, the promises are gone: it may not vote."""
        self.node.kill()
        for path in files(self.node, "acceptor"):
            os.remove(path)
        self.does_not_start(r"promises and votes are lost")

    def test_verify(self):
        """A sound directory is found sound; one in use, and none at all, are told apart."""
        def verify(code, pattern, directory):
            done = subprocess.run([cluster.NODE, "--verify", directory], timeout=20,
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertRegex(done.stdout + done.stderr, pattern)
        verify(1, r"in use by process \d+", self.node.directory)
        self.node.kill()
        verify(0, r"[1-9]\d* records, 0 bad", self.node.directory)
        verify(1, r"not a data directory of dkv", self.nodes.directory)
        self.starts()


class Older(case.Case):
    """An older copy of a node's own directory, as from a backup."""

    def test_of_a_node_that_wrote_since(self):
        self.check(lambda nodes, node: node.client.put(b"key", b"since"))

    def test_of_a_node_that_only_started_since(self):
        self.check(lambda nodes, node: None)

    def check(self, since):
        nodes = self.cluster()
        node = nodes.node(3)
        for made in nodes.nodes:
            made.client.put(b"key", VALUE)
        nodes.wait_converged()
        node.kill()
        copy = node.directory + ".copy"
        shutil.copytree(node.directory, copy)
        node.start()
        node.wait_ready()
        since(nodes, node)
        node.kill()
        shutil.rmtree(node.directory)
        os.rename(copy, node.directory)
        logged = len(node.log_text())
        node.start()
        self.assertEqual(node.wait_exit(), 1)
        self.assertRegex(node.log_text()[logged:], " error .*went back in time")
        # The others have all that was answered, and go on.
        self.assertTrue(nodes.node(1).client.put(b"k", b"v").applied)
        self.assertEqual(nodes.node(1).client.get(b"key").value,
                         nodes.node(2).client.get(b"key").value)


class Modes(case.Case):
    """Nodes that are told of no mode, be it by a flag or by the environment."""

    def starts_in(self, node, mode, *flags):
        node.start(*flags, prefix=["env", "-u", "DKV_MODE"])
        node.wait_ready()
        self.assertEqual(node.status().mode, mode)

    def check(self, mode, other, *flags):
        node = self.cluster(count=1, start=False).node(1)
        self.starts_in(node, mode, *flags)
        node.client.put(b"key", VALUE)
        node.kill()
        node.start("--mode", other)
        self.assertEqual(node.wait_exit(), 1)
        self.assertRegex(node.log_text(), r"made for mode \w+, and keeps it")
        self.starts_in(node, mode)
        self.assertEqual(node.client.get(b"key").value, VALUE)

    def test_the_default(self):
        """A new directory is for coordinated mode, and keeps that."""
        self.check(paxos_pb2.MODE_COORDINATED, "classic")

    def test_classic(self):
        """A directory that was made for classic mode keeps that, whatever the default is now."""
        self.check(paxos_pb2.MODE_CLASSIC, "coordinated", "--mode", "classic")


if __name__ == "__main__":
    case.main()
