"""A Ray cluster whose nodes are processes of this machine."""

from experiments.tests.cluster.drives import STORE_BYTES, started


class Cluster:
    """Ray nodes on this machine, each with room for one worker but the head."""

    def __init__(self, nodes: int) -> None:
        from ray.cluster_utils import Cluster as OfRay

        self._nodes = OfRay(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": False,
                "no_monitor": True,  # of Ray's autoscaler, which has nothing to do here
                "object_store_memory": STORE_BYTES,
            },
        )
        self.head = self._nodes.head_node
        self.nodes = [self.add() for _ in range(nodes)]

    def add(self):
        return self._nodes.add_node(num_cpus=1, object_store_memory=STORE_BYTES)

    def kill(self, node) -> None:
        self._nodes.remove_node(node, allow_graceful=False)

    def start(self, words):
        """A process that finds this cluster."""
        return started(words, {"RAY_ADDRESS": self._nodes.address})

    def stop(self) -> None:
        self._nodes.shutdown()

    def start_again(self) -> None:
        """As after the head has ended: another cluster."""
        self.stop()
        self.__init__(len(self.nodes))  # type: ignore[misc]
