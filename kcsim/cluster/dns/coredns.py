"""CoreDNS: a name server as a program in a pod. Its records follow the API after the delay of watching.

**Imitates:** CoreDNS 1.12 with kubeadm's Corefile: ``kubernetes`` for the cluster's zone, whose answers are not cached,
and ``forward`` with ``cache 30`` for everything else. Left out: ``loadbalance`` (clients pick), prefetching.

**Walk:** the container starts -> ``CoreDns`` lists and watches -> ``answer`` from what it has seen so far -> the
container ends: ``stop``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.objects import Key, Object
from kcsim.api.request import service_account
from kcsim.cluster.dns.records import MISSING, NOERROR, SERVFAIL, TTL_S, Answer, Record, answer, in_zone
from kcsim.cluster.podnet.proxy import SLICES
from kcsim.cluster.podnet.services import service_of_slice
from kcsim.engine.clock import SECOND

PROGRAM = "coredns"


class CoreDns(Component):
    """One running name server.

    Attributes:
        pod: where it runs, as namespace and name.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        pod: Object,
        host: str,
        upstream: str,
        on_stop: Callable[[Key], None],
        on_names: Callable[[Key], None],
    ) -> None:
        account = pod["spec"].get("serviceAccountName") or "default"
        super().__init__(endpoint, PROGRAM, service_account(objects.namespace(pod), account), host)
        self.pod: Key = objects.key(pod)
        self._upstream = upstream
        self._gone = on_stop
        self._cache: dict[tuple[str, str], tuple[int, Answer]] = {}
        self._services = self.informer("services")
        self._namespaces = self.informer("namespaces")
        self._slices = self.informer(SLICES)
        self._slices.add_index("service", service_of_slice)
        self._names = on_names
        self._services.on_change(self._service_changed)
        self._slices.on_change(self._slice_changed)

    def _service_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        self._names(objects.key(obj))

    def _slice_changed(self, old: Object | None, new: Object | None) -> None:
        for service in service_of_slice(new or old or {}):
            namespace, _, name = service.partition("/")
            self._names((namespace, name))

    def on_stop(self) -> None:
        """The container ended."""
        self._gone(self.pod)

    # --- what it knows ------------------------------------------------------------------------------------------

    def service(self, namespace: str, name: str) -> Object | None:
        """A Service, as far as it has heard."""
        return self._services.get(namespace, name)

    def slices(self, namespace: str, name: str) -> Sequence[Object]:
        """The slices of a Service, as far as it has heard."""
        return self._slices.by_index("service", f"{namespace}/{name}")

    def has_namespace(self, name: str) -> bool:
        """Whether it has heard of a namespace."""
        return self._namespaces.get("", name) is not None

    # --- answering ----------------------------------------------------------------------------------------------

    def answer(self, name: str, type: str = "A", *, remember: bool = True) -> Answer:
        """The answer to a question; ``remember`` False asks without leaving a trace in the cache."""
        name = name.rstrip(".").lower()
        found = answer(self, name, type) if in_zone(name) else self._forward(name, type, remember)
        alias = next((r for r in found.records if r.type == "CNAME"), None)
        if alias is None:
            return found
        further = self.answer(alias.value, type, remember=remember)
        return Answer(further.code, found.records + further.records)

    def _forward(self, name: str, type: str, remember: bool) -> Answer:
        """What the name servers of the internet say; a copy of it lives as long as its TTL."""
        now, network = self.engine.now, self.endpoint.network
        until, known = self._cache.get((name, type), (0, MISSING))
        if now < until:
            return known
        if not network.reachable(self.host, self._upstream):
            return Answer(SERVFAIL)
        address = network.host(name).address if network.has_host(name) else ""
        found = Answer(NOERROR, (Record(name, "A", address),) if type == "A" else ()) if address else MISSING
        if remember:
            self._cache[name, type] = (now + TTL_S * SECOND, found)
        return found
