"""Leases a component holds by standing renewal.

**Imitates:** ``k8s.io/component-helpers/apimachinery/lease`` (the kubelet's): create or take the Lease, renew it every
quarter of its duration. The renewing itself is promised to ``Heartbeats`` instead of being written each time; the
promise stands while the component runs and reaches the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND, rfc3339_micro
from kcsim.engine.task import Sleep, Steps

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component


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
        self._held = False
        component.client.on_reachability(self._reachability)

    def start(self) -> None:
        """Create or take the Lease, then promise to renew it."""
        self._component.spawn(self._acquire())

    def stop(self) -> None:
        """The component is gone: no further renewals."""
        if self._held:
            self._held = False
            self._component.endpoint.server.heartbeats.suspend(self._namespace, self._name)

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
                current = yield client.get("leases.coordination.k8s.io", self._namespace, self._name)
                yield client.update("leases.coordination.k8s.io", objects.assoc(current, ("spec",), spec))
                break
            except StatusError as error:
                if error.is_not_found:
                    metadata: Object = {"name": self._name, "namespace": self._namespace}
                    if self._owner is not None:
                        metadata["ownerReferences"] = [objects.owner_reference(self._owner, controller=False)]
                    lease = {
                        "apiVersion": "coordination.k8s.io/v1",
                        "kind": "Lease",
                        "metadata": metadata,
                        "spec": spec,
                    }
                    try:
                        yield client.create("leases.coordination.k8s.io", lease)
                        break
                    except StatusError as again:
                        component.failed(f"lease {self._name}", again)
                else:
                    component.failed(f"lease {self._name}", error)
                yield Sleep(component.engine, self._period)
        self._held = True
        component.endpoint.server.heartbeats.begin(self._namespace, self._name, self._period, self._jitter)

    def _reachability(self) -> None:
        if not self._held:
            return
        heartbeats = self._component.endpoint.server.heartbeats
        if self._component.client.reachable:
            heartbeats.resume(self._namespace, self._name)
        else:
            heartbeats.suspend(self._namespace, self._name)
