"""Clients under load while nodes are paused (SIGSTOP): they are late, not dead."""
import contextlib
import random
import time

import case

MIB = 1 << 20


class Paused(case.Case):
    def resume(self, nodes, chosen, watched):
        """Watched or not: when nobody waits for it, the next pause comes the sooner."""
        with self.serves_again(nodes) if watched else contextlib.nullcontext():
            for node in chosen:
                node.resume()

    def test_one_at_a_time(self):
        """Pauses shorter and longer than the second after which a silent peer counts as gone."""
        nodes = self.cluster()
        load = self.load(nodes, 20)
        pauses = 0
        with self.memory_within(nodes, 64 * MIB):
            while load.left() > 4:
                node = random.choice(nodes.nodes)
                time.sleep(random.uniform(0.2, 1.0))
                node.pause()
                pauses += 1
                time.sleep(random.choice([0.05, 0.3, 0.8, 2.5]))
                self.resume(nodes, [node], watched=pauses % 2)
        report = self.finish(load)
        nodes.wait_converged()
        self.assertGreater(pauses, 4)
        self.assertGreater(report["ok"], 1000)
        self.assertLess(report["gap_ms"], 5000)

    def test_a_majority(self):
        """Two of three are paused: nothing is answered wrongly, and all goes on afterwards."""
        nodes = self.cluster()
        # So little patience that some never learn what became of a write.
        load = self.load(nodes, 15, "--timeout-ms", "700")
        pauses = 0
        with self.memory_within(nodes, 64 * MIB):
            while load.left() > 4:
                time.sleep(random.uniform(0.3, 1.0))
                chosen = random.sample(nodes.nodes, 2)
                for node in chosen:
                    node.pause()
                pauses += 1
                time.sleep(random.uniform(0.2, 1.5))
                self.resume(nodes, chosen, watched=pauses % 2)
        report = self.finish(load)
        nodes.wait_converged()
        self.assertGreater(pauses, 3)
        self.assertGreater(report["ok"], 500)
        self.assertGreater(report["unknown"] + report["fail"], 0)


if __name__ == "__main__":
    case.main()
