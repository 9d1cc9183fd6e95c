"""The node lifecycle controller at work.

**Imitates:** pkg/controller/nodelifecycle/node_lifecycle_controller.go (v1.36). Left out: marking pods that are bound to
a node while it is not ready.
Differs: the monitor passes over all nodes every 5 s only in effect: a pass is made at a tick of that grid when a node
changed or a silent node's grace ends there. Leases that are renewed as promised cost nothing.

**Walk:** a kubelet falls silent -> ``Heartbeats`` tells -> the tick at which the grace ends is armed -> the pass writes
Unknown, tells NodeNotReady, marks the pods, queues the node in its zone -> 100 ms grid: the NoExecute taint. The
NoSchedule taint follows the conditions by itself, through the work queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.nodelifecycle import health
from kcsim.cluster.controllers.nodelifecycle.health import LifecycleConfig
from kcsim.cluster.controllers.nodelifecycle.zones import Turn, Zones
from kcsim.engine.clock import MILLISECOND, rfc3339
from kcsim.engine.core import Engine, Timer
from kcsim.engine.task import All, Done, Steps, Waitable
from kcsim.engine.trace import Record
from kcsim.profile.constants import DEFAULT

LEASE_NAMESPACE = "kube-node-lease"
TAINT_PERIOD = 100 * MILLISECOND
NODE_INDEX = "spec.nodeName"
_SOURCE = "node-controller"
_ATTEMPTS = 5

Changes = Callable[[Object], tuple[list[Object], list[Object]]]
"""A node -> (taints to add, taints to remove)."""


def node_index(pod: Object) -> Iterable[str]:
    """The node a pod is on, for an informer's index."""
    node = pod["spec"].get("nodeName")
    return (node,) if node else ()


@dataclass(frozen=True, slots=True)
class _Silence:
    """A node that is not heard: after which grace (µs) that is told, ``early`` as in ``overdue_tick``, and on whose behalf."""

    grace: int
    early: bool
    cause: Record | None


class NodeLifecycleController(Reconciler):
    """Reconciles NoSchedule taints by node name, and runs the monitor beside."""

    name = "node-lifecycle-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-node-lifecycle-syncs")

    def __init__(self, config: LifecycleConfig = health.CONFIG) -> None:
        self.config = config

    def setup(self, component: Component) -> None:
        """Subscribe to nodes, pods and heartbeats."""
        self.engine = component.engine
        self._dice = component.dice(self.name)
        self._heartbeats = component.endpoint.server.heartbeats
        self.reset()
        self._nodes = component.informer("nodes")
        self._nodes.on_change(self._node_changed)
        self._pods = component.informer("pods")
        self._pods.add_index(NODE_INDEX, node_index, "spec")
        self._heartbeats.on_change(self._heartbeat_changed)
        component.client.on_reachability(self._reachability)

    def reset(self) -> None:
        """Forget what was observed."""
        self._grid = -1
        self._seen: dict[str, int] = {}
        self._ready: dict[str, str] = {}
        self._dirty: dict[str, Record | None] = {}
        self._gone: dict[str, tuple[Object, Record | None]] = {}
        self._overdue: dict[str, Timer] = {}
        self._fallen: dict[str, _Silence] = {}
        self._sorting: Timer | None = None
        self._pass_at: Timer | None = None
        self._passing = False
        self._zones = Zones(self.config)
        self._taint_timer: Timer | None = None
        self._causes: dict[str, Record | None] = {}
        self._reached = True

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if self._grid < 0:
            self._grid = self.engine.now
        if new is None or (old is not None and objects.uid(old) != objects.uid(new)):
            assert old is not None
            name = objects.name(old)
            self._gone[name] = (old, self.engine.cause)
            self._seen.pop(name, None)
            self._cancel_overdue(name)
            self._mark_dirty(name)
            self._zones.count(old, None)
            old = None
        if new is None:
            return
        name = objects.name(new)
        status = health.ready_status(new)
        if old is None or health.heartbeat_time(old) != health.heartbeat_time(new):
            self._seen[name] = self._tick_from(self.engine.now)
            self._arm_overdue(name)
        if old is None or health.ready_status(old) != status:
            self._mark_dirty(name)
        if old is None or old["metadata"].get("labels") is not new["metadata"].get("labels"):
            self._count(name)
        if any(health.no_schedule_changes(new)) or health.missing_labels(new):
            self.enqueue(("", name))

    def _heartbeat_changed(self, namespace: str, name: str) -> None:
        if namespace == LEASE_NAMESPACE and self.component.running and name in self._seen:
            if name in self._overdue or self._heartbeats.is_standing(namespace, name):
                self._arm_overdue(name)
            else:
                self._fall(name)

    def _reachability(self) -> None:
        """Back in touch with the server: nobody is blamed for a silence that was our own.

        After minutes without a server the real controller manager has lost its lease and started anew, and a new one
        counts from its first pass.
        """
        reachable = self.component.client.reachable
        if reachable and not self._reached and self.component.running:
            for name in self._seen:
                self._seen[name] = self._tick_from(self.engine.now)
                self._arm_overdue(name)
        self._reached = reachable

    # --- the grid -----------------------------------------------------------------------------------------------

    def _tick_from(self, when: int) -> int:
        return health.first_tick(self._grid, self.config.monitor_period, when)

    def _mark_dirty(self, name: str) -> None:
        """Have the next pass look at a node."""
        self._dirty.setdefault(name, self.engine.cause)
        self._arm_pass()

    def _arm_pass(self) -> None:
        timer = self._pass_at
        if (timer is None or not timer.active) and not self._passing:
            delay = self._tick_from(self.engine.now) - self.engine.now
            self._pass_at = self.component.after(delay, self._begin_pass, "")

    def _arm_overdue(self, name: str) -> None:
        """Arm the tick at which the node's silence exceeds its grace, or none while it is heard."""
        self._cancel_overdue(name)
        if self._heartbeats.is_standing(LEASE_NAMESPACE, name):
            return
        silence = self._silence(name)
        if silence is not None:
            self._arm(name, silence)

    def _silence(self, name: str) -> _Silence | None:
        """What is known of a node that is not heard any more; None: there is nothing to say of it."""
        node = self._nodes.get("", name)
        if node is None or not health.can_fall_silent(node):
            return None
        config = self.config
        grace = config.monitor_grace if health.ready_status(node) else config.startup_grace
        return _Silence(grace, self._dice.integer(2) == 0, self.engine.cause)

    def _arm(self, name: str, silence: _Silence) -> None:
        last = self._heartbeats.last_renewal(LEASE_NAMESPACE, name)
        if last is not None:
            self._seen[name] = max(self._seen[name], self._tick_from(last))
        when = health.overdue_tick(
            start=self._grid,
            period=self.config.monitor_period,
            seen=self._seen[name],
            grace=silence.grace,
            early=silence.early,
        )
        if when < self.engine.now:
            when = self._tick_from(self.engine.now)
        self._overdue[name] = self.component.after(when - self.engine.now, self._begin_pass, name)

    def _fall(self, name: str) -> None:
        """A node has fallen silent: its tick is worked out when the first of those that have could be due.

        Many fall at once, when a zone is cut off, and most of them are heard again before that.
        """
        silence = self._silence(name)
        if silence is None:
            return
        self._fallen[name] = silence
        heard = self._heartbeats.renewed_since(LEASE_NAMESPACE, name)
        soonest = max((heard or 0) + silence.grace, self.engine.now)
        sorting = self._sorting
        if sorting is None or not sorting.active or soonest < sorting.when:
            if sorting is not None:
                sorting.cancel()
            self._sorting = self.component.after(soonest - self.engine.now, self._sort_fallen)

    def _sort_fallen(self) -> None:
        """Arm the ticks of the nodes that have fallen silent, in the order in which they did."""
        fallen, self._fallen = self._fallen, {}
        for name, silence in fallen.items():
            with self.engine.because(silence.cause):
                self._arm(name, silence)

    def _cancel_overdue(self, name: str) -> None:
        self._fallen.pop(name, None)
        timer = self._overdue.pop(name, None)
        if timer is not None:
            timer.cancel()

    # --- a monitor pass -----------------------------------------------------------------------------------------

    def _begin_pass(self, silent: str) -> None:
        if silent:
            self._overdue.pop(silent, None)
            self._dirty[silent] = self.engine.cause
        if self._passing:
            return
        self._passing = True
        # Everything due at this very tick belongs to this pass.
        self.component.after(0, self._pass)

    def _pass(self) -> None:
        self.component.spawn(self._monitor(), self._passed)

    def _passed(self, _value: object, error: Exception | None) -> None:
        self._passing = False
        if error is not None:
            self.component.failed("node monitor", error)
        if self._dirty:
            self._arm_pass()

    def _monitor(self) -> Steps:
        dirty, self._dirty = self._dirty, {}
        self._tell_gone()
        names = [name for name in sorted(dirty) if self._nodes.get("", name) is not None]
        # A node that came (back) into hearing since its tick was armed is not silent.
        silent = [name for name in names if self._is_silent(name)]
        now = rfc3339(self.engine.now)
        calls = []
        for name in silent:
            known = self._nodes.get("", name) or {}
            changed = health.silent_conditions(known, now)
            # Upstream updates the whole status: the conditions stay in their order.
            kinds = list(dict.fromkeys(c["type"] for c in (*objects.conditions(known), *changed)))
            changed.sort(key=lambda condition: kinds.index(condition["type"]))
            order = [{"type": kind} for kind in kinds]
            body = {"status": {"$setElementOrder/conditions": order, "conditions": changed}}
            call = self.client.patch("nodes", "", name, body, type="strategic", subresource="status")
            calls.append(_OnBehalf(self.engine, dirty[name], call))
        results = yield All(calls)
        written = dict(zip(silent, results, strict=True))
        for name in names:
            node = written.get(name) or self._nodes.get("", name)
            if isinstance(node, Exception):
                # The next pass tries again (upstream: five attempts, then the next pass).
                self._dirty[name] = dirty[name]
            elif node is not None:
                with self.engine.because(dirty[name]):
                    self._observe(name, node)
        self._handle_disruption()
        self._arm_taints()

    def _is_silent(self, name: str) -> bool:
        node = self._nodes.get("", name)
        if node is None or not self.component.client.reachable:
            return False
        if (
            self._heartbeats.is_standing(LEASE_NAMESPACE, name)
            or name in self._overdue
            or name in self._fallen
        ):
            return False
        grace = self.config.monitor_grace if health.ready_status(node) else self.config.startup_grace
        return self.engine.now - self._seen[name] >= grace and bool(health.silent_conditions(node, ""))

    def _observe(self, name: str, node: Object) -> None:
        """What a pass does once it knows a node's readiness."""
        status = health.ready_status(node)
        before = self._ready.get(name)
        self._ready[name] = status
        self._count(name)
        if before is None:
            self._node_event(node, "RegisteredNode", f"Registered Node {name} in Controller")
        if before == "True" and status != "True":
            self._event(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
            self.component.spawn(self._mark_pods_not_ready(name))
        zone = self._zones.of(node)
        if status in {"False", "Unknown"}:
            self._causes[name] = self.engine.cause
            if any(health.no_execute_changes(node)):
                zone.add(name)
        else:
            self._mark_reachable(name, node)

    def _count(self, name: str) -> None:
        """Have the node count in its zone by what the last pass found."""
        status, node = self._ready.get(name), self._nodes.get("", name)
        if node is not None:
            self._zones.count(node, status == "True" if status else None)

    def _mark_reachable(self, name: str, node: Object) -> None:
        self._zones.of(node).remove(name)
        if not (node.get("spec") or {}).get("taints"):
            return
        _, stale = health.no_execute_changes({**node, "status": {}})
        if stale:
            self.component.spawn(self._change_taints(name, partial(_without, stale)))

    def _tell_gone(self) -> None:
        gone, self._gone = self._gone, {}
        for name, (node, cause) in sorted(gone.items()):
            if self._ready.pop(name, None) is None:
                continue
            self._count(name)
            self._zones.of(node).remove(name)
            self._causes.pop(name, None)
            with self.engine.because(cause):
                self._node_event(node, "RemovingNode", f"Removing Node {name} from Controller")

    def _mark_pods_not_ready(self, node: str) -> Steps:
        """MarkPodsNotReady: one write after the other."""
        for pod in self._pods.by_index(NODE_INDEX, node):
            ready = objects.condition(pod, "Ready")
            if ready is None or ready["status"] == "False":
                continue
            new = {**ready, "status": "False", "lastTransitionTime": rfc3339(self.engine.now)}
            body = {"status": {"conditions": [new]}}
            where, name = objects.namespace(pod), objects.name(pod)
            try:
                yield self.client.patch("pods", where, name, body, type="strategic", subresource="status")
            except StatusError as error:
                if not error.is_not_found:
                    self.component.failed(f"pod {where}/{name} not ready", error)
                continue
            self.component.events.event(pod, "Warning", "NodeNotReady", "Node is not ready", _SOURCE)

    # --- zones --------------------------------------------------------------------------------------------------

    def _handle_disruption(self) -> None:
        """Judge the zones, and stop or restart everybody's clock when all of them are down or one is back."""
        turn = self._zones.judge(self.engine.now)
        if turn == Turn.NONE:
            return
        get = self._nodes.get
        nodes = [(name, node) for name in sorted(self._ready) if (node := get("", name)) is not None]
        if turn == Turn.MASTER_DISRUPTION:
            for name, node in nodes:
                self._mark_reachable(name, node)
        elif turn == Turn.RECOVERY:
            for name in sorted(self._seen):
                self._seen[name] = self._tick_from(self.engine.now)
                self._arm_overdue(name)
            for name, _ in nodes:
                if self._ready[name] != "True":
                    self._mark_dirty(name)

    # --- NoExecute ----------------------------------------------------------------------------------------------

    def _arm_taints(self) -> None:
        """Arm the tick of the 100 ms grid at which a zone may taint its next node."""
        due = self._zones.due(self.engine.now)
        if self._taint_timer is not None:
            self._taint_timer.cancel()
            self._taint_timer = None
        if due is not None:
            when = health.first_tick(self._grid, TAINT_PERIOD, due)
            self._taint_timer = self.component.after(when - self.engine.now, self._taint_pass)

    def _taint_pass(self) -> None:
        for name in self._zones.take(self.engine.now):
            with self.engine.because(self._causes.get(name)):
                self.component.spawn(self._change_taints(name, health.no_execute_changes))
        self._arm_taints()

    # --- taints -------------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Outcome:
        """Bring the NoSchedule taints of one node in line with its conditions, its old labels with the present ones."""
        node = self._nodes.get(*key)
        if node is not None and any(health.no_schedule_changes(node)):
            yield from self._change_taints(key[1], health.no_schedule_changes)
        labels = health.missing_labels(node) if node is not None else {}
        if labels:
            yield self.client.patch("nodes", "", key[1], {"metadata": {"labels": labels}}, type="strategic")
        return None

    def _change_taints(self, name: str, changes: Changes) -> Steps:
        """Read the node, work out its taints, write them; again when somebody else was faster."""
        for attempt in range(_ATTEMPTS):
            try:
                node = yield self.client.get("nodes", "", name)
                add, remove = changes(node)
                if not add and not remove:
                    return
                now = rfc3339(self.engine.now)
                taints = health.swap_taints(node["spec"].get("taints") or (), add, remove, now)
                body = {
                    "metadata": {"resourceVersion": objects.resource_version(node)},
                    "spec": {"taints": taints or None},
                }
                yield self.client.patch("nodes", "", name, body)
                return
            except StatusError as error:
                if error.is_not_found:
                    return
                if not error.is_conflict or attempt == _ATTEMPTS - 1:
                    raise

    # --- telling ------------------------------------------------------------------------------------------------

    def _event(self, node: Object, reason: str, message: str) -> None:
        self.component.events.event(node, "Normal", reason, message, _SOURCE)

    def _node_event(self, node: Object, reason: str, what: str) -> None:
        self._event(node, reason, f"Node {objects.name(node)} event: {what}")


class _OnBehalf:
    """A waitable that is started for a cause of its own."""

    __slots__ = ("_cause", "_engine", "_waitable")

    def __init__(self, engine: Engine, cause: Record | None, waitable: Waitable) -> None:
        self._engine = engine
        self._cause = cause
        self._waitable = waitable

    def start(self, done: Done) -> None:
        """Begin it."""
        with self._engine.because(self._cause):
            self._waitable.start(done)


def _without(taints: list[Object], node: Object) -> tuple[list[Object], list[Object]]:
    """Changes that remove those of ``taints`` that are still there."""
    present = {(t["key"], t.get("effect")) for t in node["spec"].get("taints") or ()}
    return [], [taint for taint in taints if (taint["key"], taint["effect"]) in present]
