"""The kubelet of one node.

It registers the node, promises its lease, watches the pods bound to it, and keeps one worker a pod. Nothing here ticks:
an idle node and a healthy pod cost nothing.

**Imitates:** ``pkg/kubelet/kubelet.go``, ``pleg/generic.go`` and ``kubelet_node_status.go`` (v1.36). Left out: image
and container garbage collection by time.

**Walk** of a pod: the informer delivers it -> admission -> ``PodWorker`` -> the runtime -> an exit or start is seen at
the next relist -> ``PodWorker.sync`` -> ``StatusManager`` -> deleted: ``PodTermination`` -> forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.request import User
from kcsim.cluster.images import ImageBehaviour, Resolve
from kcsim.cluster.kubelet import node_status
from kcsim.cluster.kubelet.admission import (
    REJECTED,
    Rejection,
    can_admit_pod,
    node_allocatable,
    pod_requests,
)
from kcsim.cluster.kubelet.backoff import Backoff
from kcsim.cluster.kubelet.eviction import EVICTED, refuses
from kcsim.cluster.kubelet.eviction_manager import EvictionManager
from kcsim.cluster.kubelet.image_manager import ImageManager
from kcsim.cluster.kubelet.messages import WARNING
from kcsim.cluster.kubelet.node_reporter import NodeReporter
from kcsim.cluster.kubelet.node_shutdown import REJECTION as SHUTDOWN_REJECTION
from kcsim.cluster.kubelet.node_shutdown import NodeShutdown
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.cluster.kubelet.pod_worker import PodWorker
from kcsim.cluster.kubelet.resize import Resizes
from kcsim.cluster.kubelet.runtime import Container, ContainerRuntime, StartProgram
from kcsim.cluster.kubelet.static_pod_worker import StaticPodWorker
from kcsim.cluster.kubelet.static_pods import StaticPods, is_mirror
from kcsim.cluster.kubelet.status_manager import StatusManager
from kcsim.cluster.kubelet.termination import FINISHED
from kcsim.cluster.kubelet.timings import TIMINGS_1_36, KubeletTimings
from kcsim.cluster.kubelet.volume_manager import VolumeManager
from kcsim.cluster.kubelet.volumes import Reference
from kcsim.engine.clock import rfc3339
from kcsim.engine.task import All, Steps
from kcsim.profile.api import KUBELET


class PodAddresses(Protocol):
    """Where pods get their addresses from: the node's CNI plugin."""

    def is_ready(self, node: str) -> bool:
        """Whether the plugin is set up on the node: it waits for the node's range of addresses."""
        ...

    def allocate(self, node: str, pod: dict[str, Any]) -> tuple[str, ...]:
        """The pod's addresses, one a family; none when there are none (exhausted, or the node has no range yet)."""
        ...

    def release(self, node: str, ips: tuple[str, ...]) -> None:
        """The addresses are free again."""
        ...


class Kubelet(Component):
    """One node's agent, with the node's container runtime.

    Attributes:
        runtime: what really runs; it belongs to the machine, not to this process.
        images: what is on the node's disk.
        workers: by pod uid.
        used: what the pods were given of the node.
        allocatable: what there is to give.
        skew: by how much (µs) the machine's clock is wrong: a fault.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        node: NodeSpec,
        *,
        resolve: Resolve,
        addresses: PodAddresses,
        start_program: StartProgram | None = None,
        timings: KubeletTimings = TIMINGS_1_36,
    ) -> None:
        user = User(f"system:node:{node.name}", ("system:nodes", "system:authenticated"))
        super().__init__(endpoint, "kubelet", user, node.name, limits=KUBELET, event_host=node.name)
        self.node = node
        self.host_ips = node.addresses
        self.timings = timings
        self.runtime = ContainerRuntime(self.engine, node.name, start_program)
        self.images = ImageManager(self.engine, node.name, resolve, timings, node.config)
        self.statuses = StatusManager(self.engine, self.client, timings.status_batch)
        self.restarts = Backoff()
        self.pulls = Backoff()
        self.pull_errors: dict[tuple[str, str], str] = {}
        self.skew = 0
        self.workers: dict[str, PodWorker] = {}
        self._addresses = addresses
        self.used: dict[str, int] = {}
        self.allocatable: dict[str, int] = {}
        self._relist: dict[str, PodWorker] = {}
        self._relist_armed = False
        self._ready = False
        self._waits_for_network = False
        self._dice_node = self.dice("node")
        self._phase = self._dice_node.integer(timings.relist)
        self.reporter = NodeReporter(self, self._phase)
        self.volumes = VolumeManager(self)
        self.evictions = EvictionManager(self, self._phase)
        self.static = StaticPods(self)
        self.shutdown = NodeShutdown(self)
        self.resizes = Resizes(self)
        self.runtime.on_exit(self._exited)
        self.runtime.on_behaviour(self._behaves)
        self._pods = self.informer("pods", ("spec.nodeName", node.name))
        self._pods.on_change(self._pod_changed)
        self._nodes = self.informer("nodes", ("metadata.name", node.name))
        self._nodes.on_change(self._node_changed)

    # --- life ---------------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """The process starts; on a machine that was off, so does the machine."""
        if not self.runtime.powered or not self.reporter.boot:
            self.reporter.boot += 1
            self.runtime.power_on()
        self.allocatable = node_allocatable(
            {"status": {"allocatable": node_status.allocatable(self.node.capacity)}}
        )
        self.spawn(self._register())
        if self.node.config.static_pods:
            self.after(self._dice_node.draw(self.timings.runtime_up), self._start_static_pods)

    def on_stop(self) -> None:
        """The process is gone and forgets everything; containers go on."""
        for worker in self.workers.values():
            for prober in worker.probers.values():
                prober.stop()
        self.workers.clear()
        self.statuses.stop()
        self.images.stop()
        self.reporter.stop()
        self.volumes.stop()
        self.evictions.stop()
        self.static.stop()
        self.shutdown.stop()
        self.resizes.stop()
        self.used.clear()
        self._relist.clear()
        self._relist_armed = False
        self._ready = self._waits_for_network = False
        self.restarts = Backoff()
        self.pulls = Backoff()
        self.pull_errors.clear()

    def power_off(self) -> None:
        """The machine dies: the kubelet with it, and every container. ``start`` boots it again."""
        self.stop()
        self.runtime.power_off()

    @property
    def wall(self) -> int:
        """The instant (µs) that the machine's clock shows: what the kubelet writes into statuses."""
        return self.engine.now + self.skew

    # --- the node -----------------------------------------------------------------------------------------------

    def _register(self) -> Steps:
        yield from self.reporter.register()
        self.after(self._dice_node.draw(self.timings.runtime_up), self._runtime_up)

    def _start_static_pods(self) -> None:
        """They need no API server; those that run already are taken over."""
        for pod in self.static.pods(rfc3339(self.wall)):
            uid = objects.uid(pod)
            if uid not in self.workers:
                worker = self.workers[uid] = StaticPodWorker(self, pod, pod_requests(pod["spec"]))
                for name, amount in worker.requests.items():
                    self.used[name] = self.used.get(name, 0) + amount
                worker.begin()

    def informed_pod(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A pod of this node as the API server last showed it."""
        return self._pods.get(namespace, name)

    def stored_node(self) -> dict[str, Any] | None:
        """The Node as the API server last showed it."""
        return self._nodes.get("", self.node.name)

    def node_status_due(self, why: str) -> None:
        """Something about the node is to be said with the next status."""
        self.reporter.due(why)

    def _runtime_up(self) -> None:
        """Runtime and network are ready: say so at once (the fast path), and begin with the pods.

        Differs: before its network is ready a node runs no pods of the API at all, also none on the node's own network.
        """
        self._waits_for_network = not self._addresses.is_ready(self.node.name)
        if self._waits_for_network:
            return  # the node is registered as one whose network plugin is not initialized
        self._ready = True
        self.reporter.report()
        if self.node.config.static_pods:
            self._start_static_pods()
            self.static.reconcile()
        for pod in self._pods.list():
            self._pod_changed(None, pod)
        self._clean_up()
        if self.runtime.sandboxes():
            self.evictions.changed()

    def _clean_up(self) -> None:
        """kubelet_pods.go, HandlePodCleanups: end what an earlier kubelet ran of pods that are gone meanwhile."""
        sandboxes = self.runtime.sandboxes()
        if sandboxes and not self._pods.synced:
            self.after(self.timings.housekeeping, self._clean_up)
            return
        known = {objects.uid(pod) for pod in self._pods.list()}
        for sandbox in sandboxes:
            if sandbox.uid not in known and sandbox.uid not in self.workers:
                self.runtime.remove_sandbox(sandbox.uid)
                self.release(sandbox.pod, sandbox.ips)

    def _node_changed(self, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        del old
        if new is not None and self._waits_for_network:
            self._runtime_up()
        elif new is not None and self._ready:
            self.reporter.changed(new)
            self.volumes.node_changed()

    # --- the pods -----------------------------------------------------------------------------------------------

    def _pod_changed(self, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        if not self._ready:
            return
        if self.node.config.static_pods:
            pod = new if new is not None else old
            if pod is not None and is_mirror(pod):
                self.static.mirror_changed(old, new)
                return
        uid = new["metadata"]["uid"] if new is not None else ""
        if old is not None and old["metadata"]["uid"] != uid:
            self._removed(objects.uid(old))
        if new is None:
            return
        worker = self.workers.get(uid)
        if worker is not None:
            worker.update(new)
        else:
            self._added(new)

    def _added(self, pod: dict[str, Any]) -> None:
        """kubelet.go, HandlePodAdditions."""
        spec = pod["spec"]
        worker = PodWorker(self, pod, pod_requests(spec))
        phase = (pod.get("status") or {}).get("phase")
        if phase in {"Succeeded", "Failed"} and worker.sandbox is None:
            # Over before this kubelet began: nothing to run, but the object may wait to be let go.
            worker.state = FINISHED
            worker.requests = {}
            self.workers[worker.uid] = worker
            if objects.is_deleting(pod):
                worker.ending.requested("deletion requested")
            return
        self.workers[worker.uid] = worker
        if objects.is_deleting(pod):
            worker.requests = {}
            worker.ending.requested("deletion requested")
            return
        node = self._nodes.get("", self.node.name)
        labels = objects.labels(node) if node is not None else self.node.labels
        rejection = None
        if worker.sandbox is None:
            rejection = can_admit_pod(spec, worker.requests, self.used, self.allocatable, labels)
            if self.reporter.pressures:
                why = refuses(pod, self.reporter.pressures)
                rejection = Rejection(EVICTED, why) if why else rejection
            if self.shutdown.under_way:
                rejection = SHUTDOWN_REJECTION
        if rejection is not None:
            worker.requests = {}
            worker.event(WARNING, rejection.reason, rejection.message)
            worker.report(reason=rejection.reason, message=REJECTED + rejection.message)
            worker.ending.requested("pod terminal")
            return
        for name, amount in worker.requests.items():
            self.used[name] = self.used.get(name, 0) + amount
        worker.begin()

    def _removed(self, uid: str) -> None:
        """The object is gone: whatever still runs of the pod must end."""
        self.runtime.forget_logs(uid)
        worker = self.workers.get(uid)
        if worker is None:
            return
        worker.gone = True
        if worker.state is FINISHED:
            self._forget(worker)
        else:
            worker.ending.requested("object gone")

    def finished(self, worker: PodWorker) -> None:
        """Nothing of the pod is left on the node, but its logs for as long as there is its object."""
        self.runtime.remove_sandbox(worker.uid, keeps_logs=not worker.gone)
        self.volumes.forget(worker)
        self.free_requests(worker)
        for spec in worker.container_specs():
            self.restarts.forget((worker.uid, spec["name"], spec["image"]))
            self.pulls.forget((worker.uid, spec["image"]))
            self.pull_errors.pop((worker.uid, spec["image"]), None)
        worker.sandbox = None
        worker.probers.clear()
        self.evictions.finished(worker)
        self.shutdown.finished(worker)
        if worker.gone:
            self._forget(worker)

    def free_requests(self, worker: PodWorker) -> None:
        """The pod's containers are gone: what it asked for is free for others (IsPodKnownTerminated)."""
        for name, amount in worker.requests.items():
            self.used[name] -= amount
        worker.requests = {}
        self.resizes.retry()

    def charge(self, worker: PodWorker, requests: dict[str, int]) -> None:
        """The pod takes so much from now on."""
        for name in {**worker.requests, **requests}:
            change = requests.get(name, 0) - worker.requests.get(name, 0)
            self.used[name] = self.used.get(name, 0) + change
        worker.requests = requests

    def _forget(self, worker: PodWorker) -> None:
        self.workers.pop(worker.uid, None)

    def allocate(self, pod: dict[str, Any]) -> tuple[str, ...]:
        """The addresses of a new sandbox: the node's own on its network; none when there are none left."""
        if pod["spec"].get("hostNetwork"):
            return self.host_ips
        return self._addresses.allocate(self.node.name, pod)

    def release(self, pod: dict[str, Any], ips: tuple[str, ...]) -> None:
        """A pod's addresses are free."""
        if pod["spec"].get("hostNetwork"):
            return
        self._addresses.release(self.node.name, ips)

    def missing(
        self, worker: PodWorker, references: list[Reference], then: Callable[[list[Reference]], None]
    ) -> None:
        """Ask the API which of these objects do not exist; ``then(missing)``, unless the worker turned away."""
        namespace = objects.namespace(worker.pod)
        epoch = worker.epoch
        calls = [self.client.get(reference.resource, namespace, reference.name) for reference in references]

        def answered(answers: list[Any], _error: Exception | None) -> None:
            if epoch == worker.epoch and self.running:
                then([r for r, a in zip(references, answers, strict=True) if isinstance(a, Exception)])

        All(calls).start(answered)

    def behave(self, behaviour: ImageBehaviour) -> None:
        """An image behaves differently from now on, on the node's disk and in containers that run."""
        self.images.behave(behaviour)
        self.runtime.behave(behaviour)

    # --- PLEG ---------------------------------------------------------------------------------------------------

    def pleg(self, worker: PodWorker, *, report_only: bool = False) -> None:
        """Something happened to the pod's containers: its worker hears of it at the next relist."""
        if worker.uid in self._relist:
            worker.report_only = worker.report_only and report_only
        else:
            worker.report_only = report_only
            self._relist[worker.uid] = worker
        if not self._relist_armed:
            self._relist_armed = True
            period = self.timings.relist
            self.after(period - (self.engine.now - self._phase) % period, self._relisted)

    def _relisted(self) -> None:
        self._relist_armed = False
        seen, self._relist = self._relist, {}
        for worker in seen.values():
            worker.relisted()

    def _exited(self, container: Container) -> None:
        if container.behaviour.strains and self.running:
            self.evictions.changed()
        worker = self.workers.get(container.sandbox.uid) if self.running else None
        if worker is not None:
            worker.exited(container)

    def _behaves(self, container: Container) -> None:
        if self.running:
            self.evictions.changed()
        worker = self.workers.get(container.sandbox.uid) if self.running else None
        prober = worker.probers.get(container.name) if worker is not None else None
        if prober is not None:
            prober.recheck()
