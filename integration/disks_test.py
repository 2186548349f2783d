"""Disks that are full, or fail: the node says so in one line and ends, and nothing is lost.

As root this runs in a mount namespace of its own, so that its small file system goes with it.
"""
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import threading
import unittest

import calls
import case
import cluster

MIB = 1 << 20
IN_NAMESPACE = "DKV_TEST_IN_NAMESPACE"

# linux/ext4.h: EXT4_IOC_SHUTDOWN, and to drop what is in memory, the file system's journal too.
EXT4_IOC_SHUTDOWN = 0x8004587D
EXT4_SHUTDOWN_NO_LOG_FLUSH = 2


def can_inject():
    """May strace trace here, and does it know how to inject?"""
    if shutil.which("strace") is None:
        return False
    done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO",
                           "true"], capture_output=True, check=False)
    return done.returncode == 0


def can_lose_power(directory):
    """Make and mount a file system of our own, which can be told to forget."""
    image = os.path.join(directory, "probe.img")
    mnt = os.path.join(directory, "probe")
    os.mkdir(mnt)
    return (os.environ.get(IN_NAMESPACE) and shutil.which("mkfs.ext4") is not None and
            make_file_system(image) and mount_file_system(image, mnt) and
            subprocess.run(["umount", mnt], check=False).returncode == 0)


def make_file_system(image):
    with open(image, "wb") as file:
        file.truncate(400 * MIB)
    return subprocess.run(["mkfs.ext4", "-q", image], capture_output=True,
                          check=False).returncode == 0


def mount_file_system(image, mnt):
    return subprocess.run(["mount", "-o", "loop", image, mnt], capture_output=True,
                          check=False).returncode == 0


def lose_power(mnt):
    """What is not on the disk yet will never be; every write fails from here on."""
    fd = os.open(mnt, os.O_RDONLY)
    fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", EXT4_SHUTDOWN_NO_LOG_FLUSH))
    os.close(fd)


class Disks(case.Case):
    def fill(self, node, size=MIB // 2, count=400):
        """Write until the node ends; the keys that were answered."""
        answered = []
        for i in range(count):
            key = b"fill-%04d" % i
            try:
                node.client.put(key, key + b"x" * size, timeout=5)
                answered.append(key)
            except calls.Error:
                break
        self.assertLess(len(answered), count, "it never got full")
        self.assertGreater(len(answered), 2)
        return answered

    def ended_with(self, node, pattern):
        """Code 1 and one line of error."""
        self.assertEqual(node.wait_exit(), 1)
        errors = [line for line in node.log_text().splitlines() if " error " in line]
        self.assertEqual(len(errors), 1, errors)
        self.assertRegex(errors[0], pattern)

    def test_map_is_full(self):
        """--map-size is reached; with a larger one it starts again, and all is there."""
        nodes = self.cluster(1, flags=["--map-size", "16M"])
        node = nodes.node(1)
        answered = self.fill(node)
        self.ended_with(node, r"the disk or the map is full: \d+ bytes are used, --map-size is "
                        r"16777216: make room on the disk, or give a larger --map-size, and start "
                        r"again")
        nodes.flags[1] = "1G"
        nodes.start()
        for key in answered:
            self.assertTrue(node.client.get(key).found, key)
        self.assertTrue(node.client.put(b"more", b"v").applied)

    @unittest.skipUnless(os.environ.get(IN_NAMESPACE), "no root here, and no mount: not tested")
    def test_disk_is_full(self):
        """One of three has a small disk: it stops, the others go on, with room it is back."""
        nodes = self.cluster(start=False)
        small = nodes.node(3)
        os.mkdir(small.directory)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=44m", "dkv", small.directory],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small.directory], check=True)
        nodes.start()
        writer = nodes.node(1).client
        answered = 0
        while small.is_running() and answered < 200:
            writer.put(b"k%d" % answered, b"x" * (MIB // 4))
            answered += 1
        self.ended_with(small, r"the disk or the map is full: .*make room on the disk")
        writer.put(b"after", b"v")
        # Without room it says the same again.
        small.start()
        self.assertEqual(small.wait_exit(), 1)
        subprocess.run(["mount", "-o", "remount,size=200m", small.directory], check=True)
        small.start()
        small.wait_ready()
        nodes.wait_converged()
        self.assertEqual(small.status().keys, answered + 1)

    def test_power_is_lost(self):
        """Again and again, in mid-commit and mid-checkpoint: what was answered is there."""
        nodes = self.cluster(1, start=False, flags=["--checkpoint-slots", "20"])
        if not can_lose_power(nodes.directory):
            self.skipTest("no root here, no ext4, or no loop device: not tested")
        node = nodes.node(1)
        image = node.directory + ".img"
        self.assertTrue(make_file_system(image))
        os.mkdir(node.directory)
        self.addCleanup(subprocess.run, ["umount", "-l", node.directory], capture_output=True,
                        check=False)
        answered = []
        for life in range(6):
            self.assertTrue(mount_file_system(image, node.directory))
            node.start()
            node.wait_ready()
            self.assertEqual([k for k in answered if not node.client.get(k).found], [])
            timer = threading.Timer(0.3 + 0.1 * life, lose_power, [node.directory])
            timer.start()
            with self.assertRaises(calls.Error):
                while True:
                    key = b"k%d-%d" % (life, len(answered))
                    node.client.put(key, b"v" * 2000, timeout=5)
                    answered.append(key)
            timer.join()
            self.assertEqual(node.wait_exit(), 1)
            subprocess.run(["umount", node.directory], check=True)
        self.assertGreater(len(answered), 100)

    @unittest.skipUnless(can_inject(), "strace may not trace here: not tested")
    def test_sync_fails(self):
        """EIO from fdatasync: the process ends at once, and no answer rests on that commit."""
        for when in (3, 8, 21):
            nodes = self.cluster(1)
            node = nodes.node(1)
            node.kill()
            node.start(prefix=["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e",
                               "trace=fdatasync", "-e",
                               f"inject=fdatasync:error=EIO:when={when}"])
            node.wait_ready()
            answered = []
            with self.assertRaises(calls.Error):
                for i in range(100):
                    node.client.put(b"k%d" % i, b"v", timeout=5)
                    answered.append(b"k%d" % i)
            self.ended_with(node, r"Input/output error")
            node.start()
            node.wait_ready()
            self.assertEqual([k for k in answered if not node.client.get(k).found], [])

    @unittest.skipUnless(can_inject(), "strace may not trace here: not tested")
    def test_sync_fails_on_one_of_three(self):
        """The others go on, and what was answered is there when it is back."""
        nodes = self.cluster()
        node = nodes.node(2)
        node.kill()
        node.start(prefix=["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
                           "-e", "inject=fdatasync:error=EIO:when=30"])
        node.wait_ready()
        load = self.load(nodes, 5)
        self.ended_with(node, r"Input/output error")
        node.start()
        self.finish(load)
        nodes.wait_converged()


if __name__ == "__main__":
    if os.geteuid() == 0 and not os.environ.get(IN_NAMESPACE):
        probe = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "dkv", "/mnt"],
                               capture_output=True, check=False)
        if probe.returncode == 0:
            os.environ[IN_NAMESPACE] = "1"
            os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    case.main()
