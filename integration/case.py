"""case.py -- a test case that cleans up after itself, and shows the logs when it failed."""
import json
import signal
import subprocess
import sys
import time
import unittest

import calls
import cluster

# How a write ends at a node that reaches no majority. Coordinated, it has been proposed in the turn
# in which it came, so nobody knows; classic, it has not left the node, whose claim nobody grants.
NO_MAJORITY = (calls.Code.DEADLINE_EXCEEDED if cluster.COORDINATED else calls.Code.UNAVAILABLE)
NO_MAJORITY_EXIT = 5 if cluster.COORDINATED else 4

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
