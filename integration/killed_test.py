"""Clients under load while nodes are killed with -9 and started again."""
import random
import time

import case

SECONDS = 20


class Killed(case.Case):
    def test_one_at_a_time(self):
        """A minority is down, now this one, now that one: what clients see is linearizable."""
        nodes = self.cluster()
        load = self.load(nodes, SECONDS)
        kills = 0
        while load.left() > 3:
            node = random.choice(nodes.nodes)
            time.sleep(random.uniform(0.3, 1.5))
            node.kill()
            kills += 1
            time.sleep(random.uniform(0.1, 1.2))
            with self.serves_again(nodes):
                node.start()
            node.wait_ready()
        report = self.finish(load)
        nodes.wait_converged()
        self.assertGreater(kills, 4)
        self.assertGreater(report["ok"], 1000)
        self.assertEqual(set(report["nodes"]), {"1", "2", "3"})
        # Two of three are always there.
        self.assertLess(report["gap_ms"], 5000)

    def test_any_number_at_once(self):
        """Now and then a majority is down, or everybody."""
        nodes = self.cluster()
        load = self.load(nodes, SECONDS)
        kills = 0
        while load.left() > 4:
            time.sleep(random.uniform(0.3, 1.5))
            chosen = random.sample(nodes.nodes, random.randint(1, 3))
            for node in chosen:
                node.kill()
                kills += 1
            time.sleep(random.uniform(0.1, 1.0))
            with self.serves_again(nodes):
                for node in chosen:
                    node.start()
            nodes.wait_ready()
        report = self.finish(load)
        nodes.wait_converged()
        self.assertGreater(kills, 8)
        self.assertGreater(report["ok"], 1000)


if __name__ == "__main__":
    case.main()
