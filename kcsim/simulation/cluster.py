"""One cluster put together: API server, controllers, scheduler, nodes and the pod network.

**Walk:** the API server with its start-up objects -> the controller manager and the scheduler, each as instances of
which one is elected, on the control plane's hosts -> a kubelet for each node -> pods, as soon as somebody asks for some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from kcsim.api.client import Client, DirectClient, Endpoint
from kcsim.api.ip_families import IPV4, family_of
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler
from kcsim.api.request import ADMIN, User
from kcsim.api.server import ApiServer
from kcsim.cluster.controllers.attachdetach.attacher import Attacher
from kcsim.cluster.controllers.attachdetach.controller import AttachDetachController
from kcsim.cluster.controllers.clusterroleaggregation.controller import ClusterRoleAggregation
from kcsim.cluster.controllers.cronjob.controller import CronJobController
from kcsim.cluster.controllers.daemonset.controller import DaemonSetController
from kcsim.cluster.controllers.deployment.controller import DeploymentController
from kcsim.cluster.controllers.disruption.controller import DisruptionController, StaleDisruptions
from kcsim.cluster.controllers.endpoints.controller import EndpointsController
from kcsim.cluster.controllers.endpointslice.controller import EndpointSliceController
from kcsim.cluster.controllers.garbagecollector.controller import GarbageCollector
from kcsim.cluster.controllers.horizontalpodautoscaler.controller import HorizontalController
from kcsim.cluster.controllers.job.controller import JobController
from kcsim.cluster.controllers.namespace.controller import NamespaceController
from kcsim.cluster.controllers.nodelifecycle.controller import NodeLifecycleController
from kcsim.cluster.controllers.nodelifecycle.health import config_of
from kcsim.cluster.controllers.persistentvolume.controller import PersistentVolumeController
from kcsim.cluster.controllers.persistentvolume.protection import (
    ClaimProtectionController,
    VolumeProtectionController,
)
from kcsim.cluster.controllers.persistentvolume.provisioner import Provisioner
from kcsim.cluster.controllers.podgc.controller import PodGarbageCollector
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.cluster.controllers.resourcequota.controller import ResourceQuotaController
from kcsim.cluster.controllers.serviceaccount.controller import RootCACertPublisher, ServiceAccountController
from kcsim.cluster.controllers.statefulset.controller import StatefulSetController
from kcsim.cluster.controllers.tainteviction.controller import TaintEvictionController
from kcsim.cluster.controllers.ttl.controller import TtlController
from kcsim.cluster.controllers.ttlafterfinished.controller import TtlAfterFinishedController
from kcsim.cluster.controllers.validatingadmissionpolicystatus.controller import PolicyStatusController
from kcsim.cluster.images import PullResult
from kcsim.cluster.kubelet.container_logs import ContainerLogs
from kcsim.cluster.kubelet.kubelet import Kubelet
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.cluster.kubelet.timings import timings_of
from kcsim.cluster.metrics.custom import CustomMetrics
from kcsim.cluster.metrics.server import MetricsServer
from kcsim.cluster.metrics.usage import UsageTruth
from kcsim.cluster.podnet.encapsulation import Encapsulation
from kcsim.cluster.podnet.ipam import NodeIpam, PodAddresses
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.scheduler.scheduler import Scheduler
from kcsim.cluster.stages.controller import StageController
from kcsim.cluster.stages.stage import Stage
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.profile.api import limits_of
from kcsim.profile.constants import PROFILES
from kcsim.simulation.bootstrap import bootstrap
from kcsim.simulation.cabling import USUAL, NetworkPlan, node_addresses
from kcsim.simulation.control_plane import COMPONENTS, CONTROLLER_MANAGER, SCHEDULER, ControlPlane, Instance
from kcsim.simulation.controllers import Make, Rules, enabled, install, unknown
from kcsim.simulation.places import Site, add_control_plane_machine, lay_out_cluster

PANIC_EXIT = 2
"""The exit code of a Go program that panicked."""

Program = Callable[["Cluster", dict[str, Any], str], Any]
"""``(cluster, pod, node) -> handle with stop()``: a simulated program in a container."""


class Cluster:
    """A Kubernetes cluster.

    Attributes:
        name: "" for the only one.
        server: its API server.
        endpoint: how the server is reached.
        admin: kubectl without travel time, as the administrator.
        kubelets: by node name.
        stages: plays KWOK's Stages, once there are any.
        pods: the pod network.
        plan, site: what is particular about its network, and its switches.
        pod_cidrs: the ranges that are cut for nodes.
        instances: the processes of the control plane, by component.
        controllers: the programs of controllers that users brought, by name.
        kubernetes_service: looks after the Service by which pods find the API server.

    ``nodes`` is the number of them that its addresses are planned for.
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
        plan: NetworkPlan = USUAL,
        nodes: int = 0,
        checking: bool = False,
        metrics: bool = True,
        control_plane: ControlPlane | None = None,
    ) -> None:
        self.name = name
        self.engine = engine
        self.network = network
        prefix = f"{name}-" if name else ""
        self._switch, self.control_plane = lay_out_cluster(network, prefix)
        self.plan = plan
        self.site = Site(network, self._switch, plan.links)
        self.server = ApiServer(engine, name, checking=checking, service_cidrs=plan.service_cidrs)
        self.endpoint = Endpoint(engine, network, self.server, self.control_plane)
        self.admin = DirectClient(self.endpoint, ADMIN, self.control_plane, user_agent="kube-apiserver")
        self.kubelets: dict[str, Kubelet] = {}
        self.server.container_logs = ContainerLogs(network, self.control_plane, self.kubelets)
        self.stages: StageController | None = None
        self._resolve = resolve
        self._programs = programs
        self.kubernetes_service = bootstrap(self.endpoint)
        self.pods = PodNetwork(
            self.endpoint, self._switch, Encapsulation(plan.encapsulation, plan.mtu), plan.reflectors
        )
        self._addresses = PodAddresses(self.server)
        self._usage = UsageTruth(self.pods)
        if metrics:
            MetricsServer(self.server, network, self.control_plane, self._usage)
            CustomMetrics(self.server, self.pods)
        self._profile = PROFILES[profile]
        self._timings = timings_of(self._profile)
        self.pod_cidrs = plan.ranges_for(nodes)
        processes = control_plane or ControlPlane()
        self._controllers = processes.controllers
        self.controllers: dict[str, Component] = {}
        self._control_plane_machines(max(processes.replicas(name) for name in COMPONENTS))
        self.drivers = self._storage_drivers()
        self.instances = {name: self._instances(name, processes.replicas(name)) for name in COMPONENTS}

    # --- the control plane --------------------------------------------------------------------------------------

    def _control_plane_machines(self, count: int) -> None:
        self._control_planes = [self.control_plane]
        for number in range(2, count + 1):
            host = f"{self.control_plane}-{number}"
            add_control_plane_machine(self.network, self._switch, host)
            self._control_planes.append(host)

    def _instances(self, name: str, count: int) -> list[Instance]:
        make = self._make_controller_manager if name == CONTROLLER_MANAGER else self._make_scheduler
        hosts = self._control_planes[:count]
        instances = [Instance(self.endpoint, name, host, self._profile, make) for host in hosts]
        instances[0].begin(self.admin)
        for standby in instances[1:]:
            standby.start()
        return instances

    @property
    def controller_manager(self) -> Component:
        """The controller manager that leads, or led last."""
        return self._working(CONTROLLER_MANAGER)

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler that leads, or led last."""
        scheduler = self._working(SCHEDULER)
        assert isinstance(scheduler, Scheduler)
        return scheduler

    def _working(self, name: str) -> Component:
        instances = self.instances[name]
        chosen = next((instance for instance in instances if instance.leads), None)
        work = chosen.work if chosen is not None else next(i.work for i in instances if i.work is not None)
        assert work is not None, "the first instance led from the start"
        return work

    def _storage_drivers(self) -> Component:
        """One program for the CSI drivers of the StorageClasses there will be; it starts with the first of them."""
        drivers = Component(
            self.endpoint, "csi-driver", User("system:csi-driver", ADMIN.groups), self.control_plane
        )
        drivers.run(Provisioner())
        drivers.run(Attacher())
        for word in ("storageclasses.storage.k8s.io", "volumeattachments.storage.k8s.io"):
            self.server.log.watch(self.admin.resource(word), drivers.start)
        return drivers

    def __repr__(self) -> str:
        return f"<Cluster {self.name or '(the only one)'}: {len(self.kubelets)} nodes>"

    def _make_scheduler(self, host: str) -> Component:
        limits = limits_of(SCHEDULER, self._profile)
        return Scheduler(self.endpoint, User(f"system:{SCHEDULER}"), host, limits=limits)

    def _make_controller_manager(self, host: str) -> Component:
        user = User(f"system:{CONTROLLER_MANAGER}")
        manager = Component(self.endpoint, CONTROLLER_MANAGER, user, host)
        limits = limits_of(CONTROLLER_MANAGER, self._profile)
        ranges = self.pod_cidrs
        ipam = (NodeIpam(ranges, self.plan.node_masks, self.plan.service_cidrs),) if ranges else ()
        reconcilers = (
            *ipam,
            NodeLifecycleController(config_of(self._profile)),
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
            EndpointsController(),
            EndpointSliceController(),
            NamespaceController(),
            ServiceAccountController(),
            RootCACertPublisher(),
            ResourceQuotaController(),
            PolicyStatusController(),
            PersistentVolumeController(),
            ClaimProtectionController(),
            VolumeProtectionController(),
            AttachDetachController(),
            GarbageCollector(),
            ClusterRoleAggregation(),
        )
        names = [reconciler.name for reconciler in reconcilers]
        if strange := unknown(self._controllers, names):
            raise ValueError(f"no controller {', '.join(strange)}; there are {', '.join(names)}")
        for reconciler in reconcilers:
            if enabled(reconciler.name, self._controllers):
                manager.run(reconciler, limits=limits)
        return manager

    def add_controller(
        self,
        make: Make,
        *,
        name: str = "",
        namespace: str = "default",
        rules: Rules | None = None,
        user: str = "",
    ) -> Component:
        """Start a controller as a program of its own; see ``kcsim.simulation.controllers.install``.

        Raises:
            TypeError: ``make`` makes no reconciler.
            ValueError: there is one of that name.
        """
        reconciler = make()
        if not isinstance(reconciler, Reconciler):
            raise TypeError(
                f"give what makes a Reconciler, usually a subclass of it: {make!r} made {reconciler!r}"
            )
        called = name or reconciler.name
        if called in self.controllers:
            raise ValueError(f"there is a controller {called!r} already: give this one another name")
        component = install(
            self.endpoint, self.admin, reconciler, name=called, namespace=namespace, rules=rules, user=user
        )
        self.controllers[called] = component
        return component

    # --- nodes --------------------------------------------------------------------------------------------------

    def add_nodes(self, nodes: Iterable[NodeSpec]) -> None:
        """Machines that boot now and register themselves."""
        for spec in nodes:
            zone = spec.labels.get("topology.kubernetes.io/zone", "")
            self.site.add_machine(spec.name, zone, spec.rack, spec.address)
            kubelet = Kubelet(
                self.endpoint,
                self._addressed(spec),
                resolve=self._resolver(spec.name),
                addresses=self._addresses,
                start_program=self._start_program,
                timings=self._timings,
            )
            self.kubelets[spec.name] = kubelet
            self.pods.add_node(spec.name, kubelet.runtime)
            kubelet.start()
        self.site.lay_links()

    def _addressed(self, spec: NodeSpec) -> NodeSpec:
        """The machine with an address of each of the cluster's families."""
        if spec.further_addresses or all(family_of(cidr) == IPV4 for cidr in self.pod_cidrs):
            return spec
        first, *further = node_addresses(spec.address, self.pod_cidrs)
        return replace(spec, address=first, further_addresses=tuple(further))

    def _resolver(self, node: str) -> Callable[[str], PullResult]:
        return lambda image: self._resolve(node, image)

    def _start_program(self, program: str, pod: dict[str, Any], node: str) -> Any:
        before = len(self.endpoint.components)
        handle = self._programs[program](self, pod, node)
        for component in self.endpoint.components[before:]:
            # Its process is the container's: who kills it ends the container, and the kubelet starts another.
            component.supervisor = lambda _down: self._exit_program(pod, node, handle)
        return handle

    def _exit_program(self, pod: dict[str, Any], node: str, handle: Any) -> None:
        runtime = self.kubelets[node].runtime
        sandbox = runtime.sandbox(pod["metadata"]["uid"])
        for container in sandbox.running() if sandbox is not None else ():
            if container.program is handle:
                runtime.exit_now(container, PANIC_EXIT)

    def add_stages(self, stages: tuple[Stage, ...]) -> StageController:
        """Play KWOK's Stages on objects that no kubelet looks after; the program that does starts with the first.

        Raises: NoSuchKind when a Stage is for objects that are not served.
        """
        if self.stages is None:
            self.stages = StageController(
                self.endpoint,
                self.control_plane,
                addresses=self._addresses,
                is_looked_after=self.kubelets.__contains__,
            )
        self.stages.add(stages)
        if not self.stages.running:
            self.stages.start()
        return self.stages

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

    def freeze_node(self, name: str, frozen: bool) -> None:
        """The machine stands still, or goes on: nothing reaches it, its kubelet does nothing, its containers live."""
        up = self.network.is_up(name)
        if frozen and up:
            self.kubelets[name].stop()
        if frozen == up:
            self.pods.set_up(name, not frozen)
            self.network.set_up(name, not frozen)
        if not frozen and not up:
            self.kubelets[name].start()

    def crash_component(self, name: str) -> None:
        """The process of a component's leading instance dies, and stays down."""
        for instance in self.instances[name]:
            if instance.leads:
                instance.crash()

    def restart_component(self, name: str) -> None:
        """What is down of a component's instances starts again."""
        for instance in self.instances[name]:
            instance.start()

    def shut_down_node(self, name: str) -> None:
        """The machine is told to shut down: pods end as its kubelet is configured, then it is off."""
        self.kubelets[name].shutdown.begin(lambda: self.crash_node(name))

    def boot_node(self, name: str) -> None:
        """The machine comes back."""
        self.network.set_up(name, True)
        self.pods.set_up(name, True)
        self.kubelets[name].start()
