"""CoreDNS: a name server as a program in a pod. Its records follow the API after the delay of watching.

**Imitates:** CoreDNS 1.12 with the Corefile of its ConfigMap: kubeadm's has ``kubernetes`` for the cluster's zone, whose answers
are not cached, and ``forward`` with ``cache 30`` for everything else. Left out: ``loadbalance`` (clients pick), prefetching.
Differs: with a Corefile that cannot be read it goes on with the one before, also when it starts.

**Walk:** the container starts -> ``CoreDns`` reads its Corefile, lists and watches -> ``answer`` from what it has seen so far, or
from its cache -> the container ends: ``stop``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.objects import Key, Object
from kcsim.api.request import service_account
from kcsim.cluster.dns.cache import AnswerCache, Question
from kcsim.cluster.dns.corefile import Corefile, parse
from kcsim.cluster.dns.records import (
    MISSING,
    NOERROR,
    NXDOMAIN,
    REVERSE,
    SERVFAIL,
    Answer,
    Record,
    answer,
    pointers,
    service_named,
)
from kcsim.cluster.podnet.proxy import SLICES
from kcsim.cluster.podnet.services import service_of_slice
from kcsim.profile.constants import DEFAULT
from kcsim.profile.distributions import Distribution

PROGRAM = "coredns"
RELOADING: Distribution = DEFAULT.delay("coredns/reloading")
"""From a change of the ConfigMap until a running server goes by it."""
COREFILE = """.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    forward . /etc/resolv.conf
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
"""
"""kubeadm's (cmd/kubeadm/app/phases/addons/dns/manifests.go)."""


class CoreDns(Component):
    """One running name server.

    Attributes:
        pod: where it runs, as namespace and name.
        config: what its Corefile says.
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
        self._cache = AnswerCache()
        self._names = on_names
        self._text = ""
        self.config = Corefile()
        log = endpoint.server.log
        self._config_watch = log.watch(
            self.client.resource("configmaps"),
            self._config_changed,
            namespace=self.pod[0],
            match=lambda obj: objects.name(obj) == PROGRAM,
        )
        self._read()
        self._services = self.informer("services")
        self._namespaces = self.informer("namespaces")
        self._slices = self.informer(SLICES)
        self._slices.add_index("service", service_of_slice)
        self._services.on_change(self._service_changed)
        self._slices.on_change(self._slice_changed)

    def _service_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        self._changed(objects.key(obj))

    def _slice_changed(self, old: Object | None, new: Object | None) -> None:
        for service in service_of_slice(new or old or {}):
            namespace, _, name = service.partition("/")
            self._changed((namespace, name))

    def _changed(self, key: Key) -> None:
        """A Service's records may be other ones: those that are kept are given until their time is over."""
        for question in self._cache.questions():
            name, type = question
            if service_named(name) == key and self._own(name, type) != self._cache.answer(question):
                self._freeze(question)
        self._names(key)

    def _freeze(self, question: Question, stale_s: int = 0) -> None:
        until = self._cache.freeze(question, self.engine.now, stale_s)
        if until is not None:
            self.after(until - self.engine.now, self._over, question)

    def _over(self, question: Question) -> None:
        """The time of an old answer is over: whoever depends on it asks again."""
        if self._cache.drop(question, self.engine.now):
            name = question[0]
            self._names(service_named(name) or ("", name))

    def on_stop(self) -> None:
        """The container ended, and with it everything that it had kept."""
        self._cache.clear()
        self._config_watch.stop()
        self._gone(self.pod)

    # --- its Corefile -------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Take the Corefile that is mounted; one that cannot be read leaves things as they are."""
        maps = self.client.resource("configmaps")
        found = self.endpoint.server.log.get(maps, self.pod[0], PROGRAM)
        text = ((found.object.get("data") or {}).get("Corefile") or "") if found is not None else COREFILE
        if text == self._text:
            return
        try:
            config = parse(text)
        except ValueError as error:
            self._say({"field": "Corefile", "value": str(error), "why": "the one before stays in force"})
            return
        first = not self._text
        self._text, self.config = text, config
        for what in config.ignored:
            self._say({"field": "Corefile", "value": what})
        if not first:
            self._cache.clear()
            self.endpoint.network.touch()  # any name may have another answer

    def _say(self, detail: dict[str, object]) -> None:
        self.engine.note(
            f"{PROGRAM}/{self.pod[1]}", "not modelled", f"configmap/{self.pod[0]}/{PROGRAM}", detail
        )

    def _config_changed(self) -> None:
        """The kubelet writes the new file some time later, and ``reload`` finds it."""
        self._config_watch.take()
        self.after(self.dice("corefile").draw(RELOADING), self._read)

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

    def all_services(self) -> Sequence[Object]:
        """Every Service that it has heard of."""
        return self._services.list()

    def all_slices(self) -> Sequence[Object]:
        """Every slice that it has heard of."""
        return self._slices.list()

    # --- answering ----------------------------------------------------------------------------------------------

    def answer(self, name: str, type: str = "A", *, remember: bool = True) -> Answer:
        """The answer to a question; ``remember`` False asks without leaving a trace in the cache."""
        name = name.rstrip(".").lower()
        found = self._cache.held((name, type), self.engine.now) or self._fresh(name, type, remember)
        alias = next((r for r in found.records if r.type == "CNAME"), None)
        if alias is None or type == "CNAME":
            return found
        further = self.answer(alias.value, type, remember=remember)
        return Answer(further.code, found.records + further.records)

    def _fresh(self, name: str, type: str, remember: bool) -> Answer:
        if self.config.is_own(name):
            found = self._own(name, type)
            if found is not None:
                self._keep(name, type, found, remember)
                return found
        return self._forward(name, type, remember)

    def _own(self, name: str, type: str) -> Answer | None:
        """What the cluster's objects say; None: they have nothing to say of an address."""
        if name.endswith(REVERSE):
            return pointers(self, name)
        found = answer(self, name, type, pods=self.config.pods)
        if found.code == NXDOMAIN and not (self._services.synced and self._slices.synced):
            return Answer(SERVFAIL)  # it cannot know yet
        return found

    def _forward(self, name: str, type: str, remember: bool) -> Answer:
        """What the name servers of the internet say."""
        network = self.endpoint.network
        if not self.config.forwards:
            return Answer(SERVFAIL)
        if not network.reachable(self.host, self._upstream):
            return self._without_upstream((name, type), remember)
        address = network.host(name).address if network.has_host(name) else ""
        found = Answer(NOERROR, (Record(name, "A", address),) if type == "A" else ()) if address else MISSING
        self._keep(name, type, found, remember)
        return found

    def _without_upstream(self, question: Question, remember: bool) -> Answer:
        rules = self.config.cache
        stale = rules.stale if rules is not None else 0
        known = self._cache.last(question, self.engine.now)
        if known is None or self.engine.now >= known[1]:
            return Answer(SERVFAIL)
        if remember:
            self._freeze(question, stale)
        return known[0]

    def _keep(self, name: str, type: str, found: Answer, remember: bool) -> None:
        rules = self.config.cache
        if not remember or rules is None or found.code == SERVFAIL:
            return
        ttl = min((r.ttl_s for r in found.records), default=self.config.ttl)
        own = self.config.is_own(name)
        lasts = rules.keeps(name, self.config.ttl if own else ttl, found=bool(found.records))
        if lasts:
            self._cache.keep((name, type), found, lasts, self.engine.now)
