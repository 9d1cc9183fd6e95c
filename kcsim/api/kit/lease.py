"""Leases a component holds by standing renewal.

**Imitates:** ``k8s.io/component-helpers/apimachinery/lease`` (the kubelet's): create or take the Lease, renew it every
quarter of its duration. The renewing itself is promised to ``Heartbeats`` instead of being written each time; the
promise stands while the component runs and reaches the server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND, rfc3339_micro
from kcsim.engine.task import Sleep, Steps

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component

LEASES = "leases.coordination.k8s.io"


def new_lease(namespace: str, name: str, spec: Object, owner: Object | None = None) -> Object:
    """A Lease to create."""
    metadata: Object = {"name": name, "namespace": namespace}
    if owner is not None:
        metadata["ownerReferences"] = [objects.owner_reference(owner, controller=False)]
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


class Promise:
    """The renewals of one Lease by one component: they stop while it cannot reach the server.

    ``on_reach`` is told whenever that may have changed, with whether it can.
    """

    def __init__(
        self,
        component: Component,
        namespace: str,
        name: str,
        on_reach: Callable[[bool], None] | None = None,
    ) -> None:
        self._component = component
        self._namespace = namespace
        self._name = name
        self._on_reach = on_reach
        self.held = False
        component.client.on_reachability(self._reachability, own_way=True)

    def begin(self, period: int, jitter: float = 0.0) -> None:
        """The Lease is ours: renew it every ``period`` µs from now on."""
        self.held = True
        self._component.endpoint.server.heartbeats.begin(self._namespace, self._name, period, jitter)
        if not self._component.client.reachable:
            self._reachability()

    def stop(self) -> bool:
        """No further renewals; gives whether there were any."""
        held, self.held = self.held, False
        if held:
            self._component.endpoint.server.heartbeats.suspend(self._namespace, self._name)
        return held

    def _reachability(self) -> None:
        if not self.held:
            return
        heartbeats = self._component.endpoint.server.heartbeats
        reachable = self._component.client.reachable
        if reachable:
            heartbeats.resume(self._namespace, self._name)
        else:
            heartbeats.suspend(self._namespace, self._name)
        if self._on_reach is not None:
            self._on_reach(reachable)


class StandingLease:
    """One Lease of one component. ``period`` and ``duration`` in µs; ``jitter`` as a share of the period."""

    def __init__(
        self,
        component: Component,
        namespace: str,
        name: str,
        *,
        period: int,
        duration: int,
        jitter: float = 0.0,
        owner: Object | None = None,
    ) -> None:
        self._component = component
        self._namespace = namespace
        self._name = name
        self._period = period
        self._duration = duration
        self._jitter = jitter
        self._owner = owner
        self._promise = Promise(component, namespace, name)

    def start(self) -> None:
        """Create or take the Lease, then promise to renew it."""
        self._component.spawn(self._acquire())

    def stop(self) -> None:
        """The component is gone: no further renewals."""
        self._promise.stop()

    def _acquire(self) -> Steps:
        component = self._component
        client = component.client
        while True:
            now = rfc3339_micro(component.engine.now)
            spec = {
                "holderIdentity": component.host,
                "leaseDurationSeconds": self._duration // SECOND,
                "renewTime": now,
            }
            try:
                current = yield client.get(LEASES, self._namespace, self._name)
                yield client.update(LEASES, objects.assoc(current, ("spec",), spec))
                break
            except StatusError as error:
                if error.is_not_found:
                    lease = new_lease(self._namespace, self._name, spec, self._owner)
                    try:
                        yield client.create(LEASES, lease)
                        break
                    except StatusError as again:
                        component.failed(f"lease {self._name}", again)
                else:
                    component.failed(f"lease {self._name}", error)
                yield Sleep(component.engine, self._period)
        self._promise.begin(self._period, self._jitter)
