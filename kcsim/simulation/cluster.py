"""One cluster put together: API server, controllers, scheduler, nodes and the pod network.

**Walk:** the API server with its start-up objects -> the controller manager and the scheduler as components on the
control plane's host -> a kubelet for each node -> pods, as soon as somebody asks for some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kcsim.api.client import Client, DirectClient, Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.request import ADMIN, User
from kcsim.api.server import ApiServer
from kcsim.cluster.controllers.cronjob.controller import CronJobController
from kcsim.cluster.controllers.daemonset.controller import DaemonSetController
from kcsim.cluster.controllers.deployment.controller import DeploymentController
from kcsim.cluster.controllers.disruption.controller import DisruptionController, StaleDisruptions
from kcsim.cluster.controllers.endpointslice.controller import EndpointSliceController
from kcsim.cluster.controllers.garbagecollector.controller import GarbageCollector
from kcsim.cluster.controllers.horizontalpodautoscaler.controller import HorizontalController
from kcsim.cluster.controllers.job.controller import JobController
from kcsim.cluster.controllers.namespace.controller import NamespaceController
from kcsim.cluster.controllers.nodelifecycle.controller import NodeLifecycleController
from kcsim.cluster.controllers.nodelifecycle.health import LifecycleConfig
from kcsim.cluster.controllers.podgc.controller import PodGarbageCollector
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.cluster.controllers.statefulset.controller import StatefulSetController
from kcsim.cluster.controllers.tainteviction.controller import TaintEvictionController
from kcsim.cluster.controllers.ttl.controller import TtlController
from kcsim.cluster.controllers.ttlafterfinished.controller import TtlAfterFinishedController
from kcsim.cluster.images import PullResult
from kcsim.cluster.kubelet.kubelet import Kubelet
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.cluster.metrics.custom import CustomMetrics
from kcsim.cluster.metrics.server import MetricsServer
from kcsim.cluster.metrics.usage import UsageTruth
from kcsim.cluster.podnet.ipam import CLUSTER_CIDR, NodeIpam, PodAddresses
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.scheduler.scheduler import Scheduler
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.profile.api import CONTROLLER_MANAGER
from kcsim.simulation.bootstrap import bootstrap
from kcsim.simulation.places import add_machine, lay_out_cluster

Program = Callable[["Cluster", dict[str, Any], str], Any]
"""``(cluster, pod, node) -> handle with stop()``: a simulated program in a container."""

MONITOR_GRACE = {"1.36": 50 * SECOND, "1.31": 40 * SECOND}
"""node-monitor-grace-period by release (workloads reference, 0.2)."""


class Cluster:
    """A Kubernetes cluster.

    Attributes:
        name: "" for the only one.
        server: its API server.
        endpoint: how the server is reached.
        admin: kubectl without travel time, as the administrator.
        kubelets: by node name.
        pods: the pod network.

    ``pod_cidr`` "" leaves the nodes without addresses for pods (``--allocate-node-cidrs=false``).
    """

    def __init__(
        self,
        engine: Engine,
        network: Network,
        *,
        name: str = "",
        resolve: Callable[[str, str], PullResult],
        programs: Mapping[str, Program],
        profile: str = "1.36",
        pod_cidr: str = CLUSTER_CIDR,
        checking: bool = False,
        metrics: bool = True,
    ) -> None:
        self.name = name
        self.engine = engine
        self.network = network
        prefix = f"{name}-" if name else ""
        self._switch, self.control_plane = lay_out_cluster(network, prefix)
        self.server = ApiServer(engine, name, checking=checking)
        self.endpoint = Endpoint(engine, network, self.server, self.control_plane)
        self.admin = DirectClient(self.endpoint, ADMIN, self.control_plane, user_agent="kube-apiserver")
        self.kubelets: dict[str, Kubelet] = {}
        self._resolve = resolve
        self._programs = programs
        bootstrap(self.admin)
        self.pods = PodNetwork(self.endpoint, self._switch)
        self._addresses = PodAddresses(self.server)
        self._usage = UsageTruth(self.pods)
        if metrics:
            MetricsServer(self.server, network, self.control_plane, self._usage)
            CustomMetrics(self.server, self.pods)
        self.controller_manager = self._controller_manager(profile, pod_cidr)
        self.scheduler = Scheduler(self.endpoint, User("system:kube-scheduler"), self.control_plane)
        self.components: list[Component] = [self.controller_manager, self.scheduler]
        for component in self.components:
            component.start()

    def _controller_manager(self, profile: str, pod_cidr: str) -> Component:
        user = User("system:kube-controller-manager")
        manager = Component(self.endpoint, "kube-controller-manager", user, self.control_plane)
        config = LifecycleConfig(monitor_grace=MONITOR_GRACE[profile])
        ipam = (NodeIpam(pod_cidr),) if pod_cidr else ()
        for reconciler in (
            *ipam,
            NodeLifecycleController(config),
            TtlController(),
            TaintEvictionController(),
            PodGarbageCollector(),
            DeploymentController(),
            ReplicaSetController(),
            StatefulSetController(),
            DaemonSetController(),
            JobController(),
            CronJobController(),
            TtlAfterFinishedController(),
            HorizontalController(self._usage.is_steady, self._usage.on_change),
            DisruptionController(),
            StaleDisruptions(),
            EndpointSliceController(),
            NamespaceController(),
            GarbageCollector(),
        ):
            manager.run(reconciler, limits=CONTROLLER_MANAGER)
        return manager

    # --- nodes --------------------------------------------------------------------------------------------------

    def add_nodes(self, nodes: Iterable[NodeSpec]) -> None:
        """Machines that boot now and register themselves."""
        for spec in nodes:
            zone = spec.labels.get("topology.kubernetes.io/zone", "")
            add_machine(self.network, self._switch, spec.name, zone)
            kubelet = Kubelet(
                self.endpoint,
                spec,
                resolve=self._resolver(spec.name),
                addresses=self._addresses,
                start_program=self._start_program,
            )
            self.kubelets[spec.name] = kubelet
            self.pods.add_node(spec.name, kubelet.runtime)
            kubelet.start()

    def _resolver(self, node: str) -> Callable[[str], PullResult]:
        return lambda image: self._resolve(node, image)

    def _start_program(self, program: str, pod: dict[str, Any], node: str) -> Any:
        return self._programs[program](self, pod, node)

    # --- clients ------------------------------------------------------------------------------------------------

    def client(self, user: User, host: str, user_agent: str = "kubectl") -> Client:
        """A connection for somebody, from somewhere."""
        return Client(self.endpoint, user, host, user_agent=user_agent, stream=f"{user_agent}/{user.name}")

    def direct(self, user: User = ADMIN, user_agent: str = "kubectl") -> DirectClient:
        """A connection whose requests take no time."""
        return DirectClient(self.endpoint, user, self.control_plane, user_agent=user_agent)

    # --- faults -------------------------------------------------------------------------------------------------

    def crash_node(self, name: str) -> None:
        """The machine loses power: its kubelet and containers are gone, nothing reaches it."""
        kubelet = self.kubelets[name]
        kubelet.runtime.power_off()
        kubelet.stop()
        self.pods.set_up(name, False)
        self.network.set_up(name, False)

    def boot_node(self, name: str) -> None:
        """The machine comes back."""
        self.network.set_up(name, True)
        self.pods.set_up(name, True)
        self.kubelets[name].start()
