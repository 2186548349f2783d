"""What was answered is there after nodes were killed with -9 and started again."""
import case


def fill(client, begin, end, size=64):
    for i in range(begin, end):
        client.put(b"key-%05d" % i, b"%d:" % i + b"x" * size)


class Restarts(case.Case):
    def check_all_there(self, nodes, count):
        for node in nodes.nodes:
            self.assertTrue(node.client.get(b"key-%05d" % (count - 1)).found)
        # Now each knows of the last slot.
        nodes.wait_converged()
        for node in nodes.nodes:
            for i in range(0, count, 7):
                self.assertTrue(node.client.get(b"key-%05d" % i, sequential=True)
                                .value.startswith(b"%d:" % i))
            self.assertEqual(node.status().keys, count)

    def test_one(self):
        """The others go on; it takes up where they are."""
        nodes = self.cluster()
        fill(nodes.node(1).client, 0, 100)
        nodes.node(2).kill()
        fill(nodes.node(3).client, 100, 200)
        nodes.node(2).start()
        nodes.node(2).wait_ready()
        self.assertTrue(nodes.node(2).client.get(b"key-00199").found)
        self.check_all_there(nodes, 200)

    def test_majority(self):
        nodes = self.cluster()
        fill(nodes.node(1).client, 0, 100)
        nodes.node(1).kill()
        nodes.node(2).kill()
        nodes.node(2).start()
        nodes.node(1).start()
        nodes.wait_ready()
        fill(nodes.node(2).client, 100, 150)
        self.check_all_there(nodes, 150)

    def test_all_again_and_again(self):
        """Every time the last write that was answered is there, before anything else is written."""
        nodes = self.cluster()
        count = 0
        for turn in range(5):
            writer = nodes.nodes[turn % 3].client
            fill(writer, count, count + 40)
            count += 40
            nodes.kill_all()
            nodes.start()
            for node in nodes.nodes:
                self.assertTrue(node.client.get(b"key-%05d" % (count - 1)).found)
        self.check_all_there(nodes, count)

    def test_all_at_their_end(self):
        """SIGTERM: each ends with 0, and all is there at the next start."""
        nodes = self.cluster()
        fill(nodes.node(1).client, 0, 50)
        for node in nodes.nodes:
            self.assertEqual(node.stop(), 0)
        nodes.start()
        self.check_all_there(nodes, 50)

    def test_checkpoint_and_replay(self):
        """State comes from a checkpoint and the log behind it."""
        nodes = self.cluster(flags=["--checkpoint-slots", "50"])
        fill(nodes.node(1).client, 0, 330)
        before = nodes.wait_converged()
        self.assertGreater(nodes.node(1).status().durable_applied, 100)
        nodes.kill_all()
        nodes.start()
        self.check_all_there(nodes, 330)
        self.assertEqual(nodes.wait_converged()[1], before[1])


class CatchUp(case.Case):
    def test_thousands_of_slots(self):
        """A node that was away for thousands of slots fetches them from the others."""
        nodes = self.cluster()
        nodes.node(3).kill()
        began = nodes.node(1).status().applied
        client = nodes.node(1).client
        # One after the other, so that each takes a slot.
        for i in range(3000):
            client.put(b"key-%05d" % (i % 500), b"%d" % i)
        self.assertGreaterEqual(nodes.node(1).status().applied, began + 3000)
        nodes.node(3).start()
        nodes.node(3).wait_ready()
        nodes.wait_converged()
        self.assertEqual(nodes.node(3).client.get(b"key-00499", sequential=True).value, b"2999")
        self.assertGreaterEqual(nodes.node(3).client.metrics()["catchup_entries_applied"], 3000)
        # What it learnt is its own now: it lives on with one of the others.
        nodes.node(1).kill()
        nodes.node(3).client.put(b"after", b"all")
        self.assertEqual(nodes.node(2).client.get(b"after").value, b"all")


if __name__ == "__main__":
    case.main()
