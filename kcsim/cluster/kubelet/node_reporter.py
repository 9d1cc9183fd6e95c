"""What a kubelet says about its node: registration, lease, conditions, volumes in use.

**Imitates:** ``pkg/kubelet/kubelet_node_status.go`` and ``nodestatus/setters.go`` (v1.36). Left out: the events about
memory, disk and processes that a node has when it starts.

**Walk:** ``register`` -> the lease -> runtime up: Ready at once -> ``due``: with the next computation of the status, each 10 s ->
a PATCH of what differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.api.kit.lease import StandingLease
from kcsim.api.status import StatusError
from kcsim.cluster.kubelet import node_status
from kcsim.cluster.kubelet.messages import NORMAL, WARNING
from kcsim.engine.clock import SECOND, rfc3339
from kcsim.engine.task import Sleep, Steps, Waitable

if TYPE_CHECKING:
    from kcsim.cluster.kubelet.kubelet import Kubelet

LEASE_NAMESPACE = "kube-node-lease"


class NodeReporter:
    """The node as its kubelet reports it.

    Attributes:
        boot: how often the machine has booted.
        pressures: the pressure conditions that hold, e.g. ``MemoryPressure``.
        trouble: why the node is not ready; "" while it is.
        phase: the instants at which the status is computed, within their period.
    """

    def __init__(self, kubelet: Kubelet, phase: int) -> None:
        self._kubelet = kubelet
        timings = kubelet.timings
        self.phase = phase
        self.boot = 0
        self.pressures: frozenset[str] = frozenset()
        self.trouble = ""
        self._armed = False
        self._said: dict[str, str] = {}
        self._lease = StandingLease(
            kubelet,
            LEASE_NAMESPACE,
            kubelet.node.name,
            period=timings.lease_renew,
            duration=timings.lease_duration_s * SECOND,
            jitter=timings.lease_jitter,
        )

    def stop(self) -> None:
        """The kubelet ends: no lease, no status."""
        self._lease.stop()
        self._armed = False
        self._said.clear()
        self.pressures = frozenset()
        self.trouble = ""

    # --- registration -------------------------------------------------------------------------------------------

    def register(self) -> Steps:
        """registerWithAPIServer: try until it works; then the lease."""
        kubelet, delay = self._kubelet, 100_000
        name = kubelet.node.name
        boot_id = f"{name}-{self.boot}"
        while True:
            node = node_status.new_node(kubelet.node, boot_id=boot_id, now=rfc3339(kubelet.wall))
            try:
                yield kubelet.client.create("nodes", node)
                break
            except StatusError as error:
                if error.code == 409:
                    yield from self._take_over(boot_id)
                    break
                kubelet.failed(f"register node {name}", error)
                yield Sleep(kubelet.engine, delay)
                delay = min(delay * 2, 7 * SECOND)
        self.event(NORMAL, "Starting", "Starting kubelet.")
        self._lease.start()

    def _take_over(self, boot_id: str) -> Steps:
        """The Node is there from before: bring it up to date; a new boot ID is a reboot."""
        kubelet = self._kubelet
        node = kubelet.node
        try:
            stored = yield kubelet.client.get("nodes", "", node.name)
            known = objects.get_in(stored, ("status", "nodeInfo", "bootID"))
            if known != boot_id:
                text = f"Node {node.name} has been rebooted, boot id: {boot_id}"
                kubelet.event(stored, WARNING, "Rebooted", text)
                status = {
                    "nodeInfo": node_status.node_info(node, boot_id),
                    "capacity": dict(node.capacity),
                    "allocatable": node_status.allocatable(node.capacity),
                }
                yield kubelet.client.patch(
                    "nodes", "", node.name, {"status": status}, type="strategic", subresource="status"
                )
        except StatusError as error:
            kubelet.failed(f"register node {node.name}", error)

    # --- the status ---------------------------------------------------------------------------------------------

    def changed(self, node: dict[str, Any]) -> None:
        """Somebody may have said something else about the node: corrected at the next status computation."""
        if self._armed:
            return
        if node_status.conditions_differ(objects.conditions(node), self._conditions("", [])):
            self.due("node status")

    def due(self, why: str) -> None:
        """Compute the status at its next time."""
        if self._armed:
            return
        self._armed = True
        kubelet = self._kubelet
        period = kubelet.timings.node_status
        delay = period - (kubelet.engine.now - self.phase) % period
        kubelet.tick(delay, why, self.report)

    def _conditions(self, now: str, old: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return node_status.conditions(now=now, old=old, pressures=self.pressures, trouble=self.trouble)

    def report(self) -> None:
        """Say what differs from what the API server knows."""
        kubelet = self._kubelet
        self._armed = False
        stored = kubelet.stored_node()
        old = objects.conditions(stored) if stored is not None else []
        wanted = self._conditions(rfc3339(kubelet.wall), old)
        differs = stored is None or node_status.conditions_differ(old, wanted)
        in_use = kubelet.volumes.in_use()
        before = ((stored or {}).get("status") or {}).get("volumesInUse") or []
        if not differs and in_use == before:
            kubelet.volumes.reported(in_use)
            return
        status: dict[str, Any] = {"conditions": wanted} if differs else {}
        if in_use != before:
            status["volumesInUse"] = in_use or None
        patch = {"status": status}
        only_conditions = differs and in_use == before and stored is not None
        computed = node_status.with_conditions(stored, wanted, patch) if only_conditions and stored else None
        name = kubelet.node.name
        call: Waitable
        if computed is not None:
            call = kubelet.client.report("nodes", "", name, computed)
        else:
            call = kubelet.client.patch("nodes", "", name, patch, type="strategic", subresource="status")
        kubelet.spawn(self._patched(call, wanted, in_use))

    def _patched(self, call: Any, wanted: list[dict[str, Any]], in_use: list[str]) -> Steps:
        kubelet = self._kubelet
        name = kubelet.node.name
        try:
            yield call
        except StatusError as error:
            kubelet.failed(f"node status {name}", error)
            if not error.is_not_found and not self._armed:
                self._armed = True
                kubelet.tick(kubelet.timings.node_status, "node status", self.report)
            return
        kubelet.volumes.reported(in_use)
        for condition in wanted:
            kind, status = condition["type"], condition["status"]
            # A node begins not ready and without pressure; whatever is otherwise is told when it begins.
            if self._said.get(kind, "False") == status:
                continue
            self._said[kind] = status
            reason = node_status.transition_reason(kind, status)
            self.event(NORMAL, reason, f"Node {name} status is now: {reason}")

    def event(self, type: str, reason: str, message: str) -> None:
        """Record an Event about the node."""
        # The kubelet refers to its node by name: the uid of these events is the name (kubelet.go, nodeRef).
        name = self._kubelet.node.name
        reference = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": name}}
        self._kubelet.event(reference, type, reason, message)
