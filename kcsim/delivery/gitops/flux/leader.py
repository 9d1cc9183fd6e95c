"""Leader election: one of several replicas works, the others wait for its Lease to run out.

**Imitates:** client-go tools/leaderelection with Flux's times (lease 35 s, renewed within 30 s, a try every 5 s), released
when the leader stops in an orderly way. Renewals are promised, not written (``kcsim.api.heartbeat``). Differs: a leader
that cannot renew goes on trying instead of exiting, and one that stops while its machine is up counts as orderly.

**Walk:** ``start`` -> read the Lease -> free, run out, or ours: take it -> ``on_elected`` once; otherwise try again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND, rfc3339_micro
from kcsim.engine.task import Sleep, Steps

LEASE, RETRY = 35 * SECOND, 5 * SECOND
_JITTER = 1.2
LEASES = "leases.coordination.k8s.io"


class LeaderElection:
    """One candidate. ``identity`` is the pod's name and a unique part."""

    def __init__(
        self, component: Component, namespace: str, name: str, identity: str, on_elected: Callable[[], None]
    ) -> None:
        self._component = component
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._on_elected = on_elected
        self._dice = component.dice("leader-election")
        self._observed: tuple[str, int] = ("", 0)
        self._held: Object | None = None
        component.client.on_reachability(self._reachability)

    def start(self) -> None:
        """Become a candidate."""
        self._component.spawn(self._campaign())

    def stop(self) -> None:
        """The process ends: no more renewals, and the Lease is given back if there is somebody to do it."""
        held, self._held = self._held, None
        if held is None:
            return
        self._component.endpoint.server.heartbeats.suspend(self._namespace, self._name)
        # Looked at when this instant is over: a machine that dies takes its containers along before it is off the net.
        self._component.engine.after(0, self._give_back, held)

    def _give_back(self, held: Object) -> None:
        if self._component.endpoint.network.is_up(self._component.host):
            spec = {**held["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
            client = self._component.client
            client.start(client.patch(LEASES, self._namespace, self._name, {"spec": spec}))

    def _campaign(self) -> Steps:
        component = self._component
        while True:
            try:
                lease = yield component.client.get(LEASES, self._namespace, self._name)
                if self._is_free(lease):
                    taken = objects.assoc(lease, ("spec",), self._spec(lease.get("spec") or {}))
                    self._held = yield component.client.update(LEASES, taken)
                    break
            except StatusError as error:
                if error.is_not_found and (yield from self._create()):
                    break
            # Not free, or somebody was quicker, or no answer: a candidate keeps trying.
            yield Sleep(component.engine, self._dice.jitter(RETRY, _JITTER))
        component.endpoint.server.heartbeats.begin(self._namespace, self._name, RETRY)
        if not component.client.reachable:
            self._reachability()
        self._on_elected()

    def _create(self) -> Any:
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": self._spec({}),
        }
        try:
            self._held = yield self._component.client.create(LEASES, lease)
        except StatusError as error:
            self._component.failed(f"lease {self._name}", error)
            return False
        return True

    def _spec(self, old: dict[str, Any]) -> dict[str, Any]:
        now = rfc3339_micro(self._component.engine.now)
        changed = old.get("holderIdentity") != self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LEASE // SECOND,
            "acquireTime": now if changed else old.get("acquireTime", now),
            "renewTime": now,
            "leaseTransitions": old.get("leaseTransitions", -1) + 1,
        }

    def _is_free(self, lease: Object) -> bool:
        """Whether nobody holds it, or its holder has been silent for the lease's length by our own clock."""
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") in {None, "", self._identity}:
            return True
        now, renewed = self._component.engine.now, spec.get("renewTime", "")
        if renewed != self._observed[0]:
            self._observed = (renewed, now)
        length: int = spec.get("leaseDurationSeconds", LEASE // SECOND) * SECOND
        return now - self._observed[1] >= length

    def _reachability(self) -> None:
        if self._held is None:
            return
        heartbeats = self._component.endpoint.server.heartbeats
        if self._component.client.reachable:
            heartbeats.resume(self._namespace, self._name)
        else:
            heartbeats.suspend(self._namespace, self._name)
