"""A world: one engine, one network, one or more clusters, and what stands outside them.

**Walk:** the engine and the network -> git host, image registry -> clusters -> nodes. Delivery (pipelines, agents) is
added on top by whoever tells the story; see ``kcsim.scenario.play``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from kcsim.cluster.images import ImageBehaviour, PullResult
from kcsim.cluster.kubelet.messages import image_not_found, pull_error
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.cluster.traffic.source import TrafficSource
from kcsim.delivery.git.host import GitHost
from kcsim.delivery.registry.reference import InvalidReference, Reference, parse
from kcsim.delivery.registry.registry import ImageNotFound, Registry, RegistryUnavailable, unanswered
from kcsim.engine.collector import collector_at_rest
from kcsim.engine.ordered import engine_for
from kcsim.network.topology import Network
from kcsim.network.transfers import Transfers
from kcsim.simulation.cabling import USUAL, NetworkPlan
from kcsim.simulation.cluster import Cluster, Program
from kcsim.simulation.control_plane import ControlPlane
from kcsim.simulation.places import GIT, REGISTRY, USERS, lay_out

if TYPE_CHECKING:
    from kcsim.delivery.ci.runs import Run
    from kcsim.delivery.ci.system import CiSystem
    from kcsim.simulation.faults import Ongoing

ZONES = 3


def node_specs(count: int, prefix: str = "") -> list[NodeSpec]:
    """``count`` equal machines, ``node-1`` to ``node-<count>``, spread over three zones."""
    return [
        NodeSpec(
            f"{prefix}node-{i + 1}",
            f"192.168.{i // 254}.{i % 254 + 1}",
            {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"},
            {"topology.kubernetes.io/zone": f"zone-{'abc'[i % ZONES]}"},
        )
        for i in range(count)
    ]


class World:
    """Everything that exists in one run.

    Attributes:
        engine: the clock, the dice and the trace.
        network: who reaches whom.
        git, registry: the services outside the clusters.
        clusters: by name, in the order they were made; ``""`` is the only one of a small world.
        ci: the CI systems, in the order in which they were added.
        programs: what containers of agents run, by program name.
        traffic: the users of the apps, by name.
        faults: those going on, in the order in which they began.
        healthy_images: how images behaved before the faults that go on changed them.
    """

    def __init__(
        self, seed: int = 0, *, profile: str = "1.36", checking: bool = False, order: str = ""
    ) -> None:
        """``order`` says in what order the events of one instant happen: see ``kcsim.engine.order``.

        Raises:
            ValueError: there is no such order.
        """
        self.engine = engine_for(seed, order)
        self.network = Network()
        self.transfers = Transfers(self.engine)
        lay_out(self.network)
        self.git = GitHost(self.engine, self.network, GIT)
        self.registry = Registry(self.engine, self.network, REGISTRY, _well_behaved)
        self.ci: list[CiSystem] = []
        self.clusters: dict[str, Cluster] = {}
        self.programs: dict[str, Program] = {}
        self.traffic: dict[str, TrafficSource] = {}
        self.faults: list[Ongoing] = []
        self.healthy_images: dict[str, ImageBehaviour] = {}
        self._profile = profile
        self._checking = checking

    @property
    def cluster(self) -> Cluster:
        """The first cluster."""
        return next(iter(self.clusters.values()))

    @property
    def runs(self) -> list[tuple[CiSystem, Run]]:
        """Every run of every pipeline with where it runs, in the order in which they were queued."""
        runs = ((system, run) for system in self.ci for run in system.runs)
        return sorted(runs, key=lambda pair: pair[1].queued_at)

    def add_cluster(
        self,
        name: str = "",
        nodes: list[NodeSpec] | None = None,
        *,
        control_plane: ControlPlane | None = None,
        plan: NetworkPlan = USUAL,
    ) -> Cluster:
        """Make a cluster; its machines boot now. ``control_plane`` says how many instances of its components stand by,
        ``plan`` what is particular about its network.
        """
        with collector_at_rest():
            cluster = Cluster(
                self.engine,
                self.network,
                name=name,
                resolve=self._resolve,
                programs=self.programs,
                profile=self._profile,
                plan=plan,
                nodes=len(nodes or ()),
                checking=self._checking,
                control_plane=control_plane,
            )
            self.clusters[name] = cluster
            cluster.add_nodes(nodes or [])
        return cluster

    def add_traffic(
        self, name: str, *, cluster: str = "", source: str = USERS, **options: Any
    ) -> TrafficSource:
        """Clients who send requests, from outside the cluster unless ``source`` is a host in it; ``options`` are those of
        ``TrafficSource``: ``service`` or ``url``, ``rate``, ``timeout`` and so on, times in µs.
        """
        home = self.clusters[cluster] if cluster else self.cluster
        traffic = self.traffic[name] = TrafficSource(home.pods, name, source=source, **options)
        return traffic

    def push_image(self, behaviour: ImageBehaviour) -> None:
        """Put an image into the registry."""
        self.registry.push(behaviour.name, behaviour, size=behaviour.size_bytes, content=behaviour.digest)

    def _resolve(self, node: str, image: str) -> PullResult:
        """What the registry answers to a node, as containerd passes it on (containerd `core/remotes/docker/resolver.go`)."""
        registry = self.registry
        try:
            reference = parse(image)
            if not self.network.reachable(node, registry.name):
                return PullResult(None, pull_error(image, "Unknown", unanswered(reference, registry.name)))
            found = registry.resolve(image)
        except ImageNotFound:
            return PullResult(None, image_not_found(image))
        except RegistryUnavailable as error:
            return PullResult(None, pull_error(image, "Unknown", str(error)))
        except InvalidReference as error:
            return PullResult(None, str(error))
        behaviour: ImageBehaviour = found.behaviour
        if behaviour.pull == "notFound":
            return PullResult(None, image_not_found(image))
        if behaviour.pull == "error":
            return PullResult(None, behaviour.pull_error)
        pipes = self.network.pipes(registry.name, node)
        return PullResult(behaviour, fetch=partial(self.transfers.start, pipes) if pipes else None)


def _well_behaved(reference: Reference) -> tuple[ImageBehaviour, int]:
    """Images nobody described behave well."""
    behaviour = ImageBehaviour(str(reference), reference.digest)
    return behaviour, behaviour.size_bytes
