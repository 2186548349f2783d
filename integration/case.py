"""case.py -- a test case that cleans up after itself, and shows the logs when it failed."""
import contextlib
import json
import signal
import subprocess
import sys
import time
import unittest

import calls
import cluster
import trouble

# How a write ends at a node that reaches no majority. Coordinated, it has been proposed in the turn
# in which it came, so nobody knows; classic, it has not left the node, whose claim nobody grants.
NO_MAJORITY = (calls.Code.DEADLINE_EXCEEDED if cluster.COORDINATED else calls.Code.UNAVAILABLE)
NO_MAJORITY_EXIT = 5 if cluster.COORDINATED else 4

# After its cause has gone (README.md).
SERVES_WITHIN_S = 1


class Case(unittest.TestCase):
    maxDiff = None

    def run(self, result=None):
        self._result = result
        return super().run(result)

    def _has_failed(self):
        return any(test is self for test, _ in self._result.failures + self._result.errors)

    def cluster(self, *args, start=True, **how):
        made = cluster.Cluster(*args, **how)
        self.addCleanup(self._close, made)
        return made.start() if start else made

    def load(self, made, seconds, *flags, **how):
        load = cluster.Load(made, seconds, *flags, **how)
        self.addCleanup(load.kill)
        return load

    def finish(self, load):
        """The report of a load whose history was found right."""
        code = load.process.wait(max(load.left(), 0) + 60)
        self.assertEqual(code, 0, f"history-load ended with {code}:\n{load.text()}")
        report = json.loads(load.text().splitlines()[-1])
        print(f"  {report}", file=sys.stderr)
        # Both kinds of reads were judged.
        self.assertGreater(min(report["gets"].values()), report["ok"] // 50)
        return report

    @contextlib.contextmanager
    def memory_within(self, made, limit):
        """Meanwhile no node takes so many bytes more than it has now."""
        memory = trouble.Memory(made.nodes)
        try:
            yield
        finally:
            grown = memory.stop()
        print(f"  at most {grown / trouble.MIB:.1f} MiB more", file=sys.stderr)
        self.assertLess(grown, limit)

    @contextlib.contextmanager
    def serves_again(self, made):
        """What kept the nodes from serving goes away in the block, and within a second every one of
        them has done a write and a linearizable read.

        A machine's disk, if others use it too, may keep everybody waiting for more than that; and
        nobody serves meanwhile, as nothing is durable. So a bystander watches the disk, and has as
        much added as it had to wait at the longest."""
        with trouble.Disk(made) as disk:
            began = time.monotonic()
            yield
            took = trouble.serve_again(made.nodes) - began
        print(f"  all serve again after {took:.3f} s (the disk paused for {disk.pause_s:.3f} s)",
              file=sys.stderr)
        self.assertLess(took, SERVES_WITHIN_S + disk.pause_s)

    def _close(self, made):
        if self._has_failed():
            for node in made.nodes:
                print(f"\n---- end of the log of node {node.id} "
                      f"({'runs' if node.is_running() else 'does not run'})\n{node.log_tail()}",
                      file=sys.stderr)
        made.close()

    def fails(self, code, function, *args, **how):
        """function(...) fails with this gRPC code; returns the error."""
        with self.assertRaises(calls.Error) as caught:
            function(*args, **how)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception

    def run_cli(self, *args, stdin=b"", timeout=60):
        return subprocess.run([cluster.CLI, *args], input=stdin, timeout=timeout, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def cli(self, code, *args, **how):
        """dkv-cli ends with this code; returns its stdout and stderr as (bytes, str)."""
        done = self.run_cli(*args, **how)
        said = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, code, f"dkv-cli {' '.join(args)}: {said}")
        return done.stdout, said


class Timer:
    """How long a with block took, in seconds."""

    def __enter__(self):
        self.began = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.began


def main():
    def stop(number, _):
        raise KeyboardInterrupt  # unittest catches SystemExit and would go on.
    signal.signal(signal.SIGTERM, stop)
    unittest.main(verbosity=2, failfast=False)
