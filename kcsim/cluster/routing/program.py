"""A program that passes HTTP requests on: in a pod, with a view of the API of its own that may be old.

Backends are the ready endpoints of a Service, straight from its EndpointSlices: neither kube-proxy nor the cluster IP has a
part in it, so that a router and the nodes' proxies may know different things.

**Walk:** an object changes -> a sync, not before the last one is ``min_sync`` old -> the table and the backends are those
of the sync -> ``route`` answers from them until the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.objects import Key, Object
from kcsim.api.request import service_account
from kcsim.cluster.podnet.plane import Ask, Passed
from kcsim.cluster.podnet.proxy import SLICES
from kcsim.cluster.podnet.services import EDGE as ANYWHERE
from kcsim.cluster.podnet.services import Backend, categorize, endpoints_of, service_of_slice
from kcsim.cluster.routing.table import Rule, Table, Upstream
from kcsim.engine.clock import SECOND
from kcsim.profile.distributions import Distribution


class RouterProgram(Component):
    """A running router.

    Attributes:
        pod: where it runs, as namespace and name.
        tries: how many backends it tries when a connection is not opened.
        connect_timeout, timeout: how long it waits for a connection, and for an answer (µs).
        min_sync: the least time between two syncs (µs).
        syncing: how long a sync takes.
    """

    tries = 3
    connect_timeout = 5 * SECOND
    timeout = 60 * SECOND
    min_sync = 0
    syncing: Distribution
    word = "router"

    def __init__(
        self,
        endpoint: Endpoint,
        name: str,
        pod: Object,
        host: str,
        changed: Callable[[], None],
        on_stop: Callable[[Key], None],
    ) -> None:
        account = pod["spec"].get("serviceAccountName") or "default"
        super().__init__(endpoint, name, service_account(objects.namespace(pod), account), host)
        self.pod: Key = objects.key(pod)
        self._changed = changed
        self._gone = on_stop
        self._table = Table()
        self._backends: dict[tuple[Key, int | str], tuple[Backend, ...] | None] = {}
        self._armed = False
        self._last = -(1 << 60)
        self._sync_dice = self.dice("sync")
        self.services = self.informer("services")
        self.services.on_change(self.touch)
        self.slices = self.informer(SLICES)
        self.slices.add_index("service", service_of_slice)
        self.slices.on_change(self._slice_changed)

    def on_stop(self) -> None:
        """The container ended."""
        self._gone(self.pod)
        self._armed = False

    # --- what a kind of router says -----------------------------------------------------------------------------

    def table(self) -> Table:
        """The rules, as the objects seen so far give them."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether everything has been listed once."""
        return self.services.synced and self.slices.synced

    # --- following ----------------------------------------------------------------------------------------------

    def _slice_changed(self, old: Object | None, new: Object | None) -> None:
        for service in service_of_slice(new or old or {}):
            namespace, _, name = service.partition("/")
            if any(key == (namespace, name) for key, _ in self._backends):
                self.touch(old, new)

    def touch(self, _old: Object | None, _new: Object | None) -> None:
        """Something that matters has changed: sync soon."""
        if not self._armed:
            self._armed = True
            wait = max(self._last + self.min_sync - self.engine.now, 0)
            self.after(wait + self._sync_dice.draw(self.syncing), self._sync)

    def _sync(self) -> None:
        self._armed = False
        if not self.ready():
            self.touch(None, None)
            return
        self._last = self.engine.now
        table = self.table()
        wanted = {
            (upstream.key, upstream.port)
            for upstreams in (*(rule.upstreams for rule in table.rules), table.default)
            for upstream in upstreams
            if not upstream.status
        }
        backends = {place: self._endpoints(*place) for place in sorted(wanted, key=str)}
        changed = (table, backends) != (self._table, self._backends)
        self._table, self._backends = table, backends
        if changed:
            self._changed()
        self.synced()

    def synced(self) -> None:
        """For subclasses: what else follows a sync."""

    def _endpoints(self, key: Key, port: int | str) -> tuple[Backend, ...] | None:
        """The ready endpoints behind a port of a Service; None: there is no such Service or port."""
        service = self.services.get(*key)
        ports = (service["spec"].get("ports") or ()) if service is not None else ()
        found = next((p for p in ports if port in (p.get("port"), p.get("name"))), None)
        if found is None:
            return None
        listed = endpoints_of(self.slices.by_index("service", "/".join(key)), found.get("name", ""))
        return categorize([each for each in listed if each.ready], ANYWHERE).cluster

    # --- asking -------------------------------------------------------------------------------------------------

    def rule(self, ask: Ask, port: int) -> Rule | None:
        """The rule a request falls under, as far as this router knows."""
        return self._table.match(ask, port)

    def route(self, ask: Ask, port: int) -> Sequence[Passed]:
        """Where such requests go; the shares make 1."""
        rule = self.rule(ask, port)
        upstreams = rule.upstreams if rule is not None else self._table.default
        if not upstreams:
            where = f"{self.word}: no rule for {ask.host}{ask.path}" if rule is None else rule.origin
            return [Passed(1.0, (), 404 if rule is None else 500, where)]
        total = sum(upstream.weight for upstream in upstreams)
        if not total:
            return [Passed(1.0, (), 500, f"{self.word}: all weights are 0")]
        return [self._passed(upstream, upstream.weight / total) for upstream in upstreams if upstream.weight]

    def _passed(self, upstream: Upstream, share: float) -> Passed:
        name = "/".join(upstream.key)
        if upstream.status:
            return Passed(share, (), upstream.status, f"{self.word}: {upstream.why}")
        backends = self._backends.get((upstream.key, upstream.port))
        if backends is None:
            return Passed(share, (), 503, f"{self.word}: no Service {name} with port {upstream.port}")
        if not backends:
            return Passed(share, (), 503, f"{self.word}: Service {name} has no ready endpoint")
        return Passed(share, backends, 0, f"{self.word}: Service {name}")
