"""The ingress controller: nginx in pods, configured from Ingresses.

**Imitates:** ingress-nginx 1.x: its queue of syncs, three in ten seconds at most (``--sync-rate-limit 0.3``), its retries to the
next upstream (``proxy-next-upstream: error timeout``, three tries), and the addresses that it writes into the status of
Ingresses once a minute (internal/ingress/status, UpdateInterval). Left out: reloads (connections survive them), TLS,
the admission webhook, leader election (each pod writes the status, and they agree).

**Walk:** an Ingress, a Service or an endpoint changes -> at most 3.3 s later a sync -> requests are passed on by the new table
-> at the next full minute the Ingress has the address of the controller's load balancer.
"""

from __future__ import annotations

from collections.abc import Callable

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.objects import Key, Object
from kcsim.cluster.podnet.services import outside_ips
from kcsim.cluster.routing.ingress import is_mine, not_modelled, table_of
from kcsim.cluster.routing.program import RouterProgram
from kcsim.cluster.routing.table import Table
from kcsim.cluster.traffic.front import INGRESS_SERVICE
from kcsim.engine.clock import MILLISECOND, MINUTE, SECOND
from kcsim.engine.task import Steps
from kcsim.profile.distributions import Distribution, Uniform

PROGRAM = "nginx-ingress-controller"
SYNC_INTERVAL = 10 * SECOND // 3
SYNCING: Distribution = Uniform(20 * MILLISECOND, 300 * MILLISECOND)
"""How long it takes to write and load a configuration: [model]."""
STATUS_INTERVAL = MINUTE


class IngressController(RouterProgram):
    """A running pod of the ingress controller."""

    min_sync = SYNC_INTERVAL
    syncing = SYNCING
    word = "ingress"

    def __init__(
        self,
        endpoint: Endpoint,
        pod: Object,
        host: str,
        changed: Callable[[], None],
        on_stop: Callable[[Key], None],
    ) -> None:
        super().__init__(endpoint, PROGRAM, pod, host, changed, on_stop)
        self._began = endpoint.engine.now
        self._told: set[tuple[Key, str]] = set()
        self._writing = False
        self.ingresses = self.informer("ingresses.networking.k8s.io")
        self.classes = self.informer("ingressclasses.networking.k8s.io")
        self.ingresses.on_change(self._ingress_changed)
        self.classes.on_change(self.touch)

    def ready(self) -> bool:
        """Whether everything has been listed once."""
        return super().ready() and self.ingresses.synced and self.classes.synced

    def mine(self) -> list[Object]:
        """The Ingresses of its class."""
        classes = {objects.name(c): c["spec"].get("controller", "") for c in self.classes.list()}
        return [ingress for ingress in self.ingresses.list() if is_mine(ingress, classes)]

    def table(self) -> Table:
        """The rules of its Ingresses."""
        return table_of(self.mine())

    def _ingress_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and old.get("spec") is new.get("spec"):
            same = objects.annotations(old) == objects.annotations(new)
            if same:
                return
        if new is not None:
            self._report(new)
        self.touch(old, new)

    def _report(self, ingress: Object) -> None:
        """Say once what an Ingress asks for and does not get."""
        key = objects.key(ingress)
        for field, value in not_modelled(ingress).items():
            if (key, field) not in self._told:
                self._told.add((key, field))
                detail = {"field": field, "value": value}
                self.engine.note(self.name, "not modelled", f"ingress/{key[0]}/{key[1]}", detail)

    # --- status -------------------------------------------------------------------------------------------------

    def synced(self) -> None:
        """Arm the next round of status updates, if it has anything to write."""
        if self._writing or not self._outdated():
            return
        self._writing = True
        rounds = (self.engine.now - self._began) // STATUS_INTERVAL + 1
        self.after(self._began + rounds * STATUS_INTERVAL - self.engine.now, self._write)

    def _outdated(self) -> list[tuple[Key, list[dict[str, str]]]]:
        service = self.services.get(*INGRESS_SERVICE)
        ips = [{"ip": ip} for ip in outside_ips(service)] if service is not None else []
        found = []
        for ingress in self.mine():
            status = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
            if status != ips:
                found.append((objects.key(ingress), ips))
        return found

    def _write(self) -> None:
        self._writing = False
        self.spawn(self._statuses())

    def _statuses(self) -> Steps:
        for key, ips in self._outdated():
            body = {"status": {"loadBalancer": {"ingress": ips or None}}}
            yield self.client.patch(
                "ingresses.networking.k8s.io", *key, body, type="merge", subresource="status"
            )
