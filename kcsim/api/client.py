"""The client every component, agent, pipeline and person uses: an identity, a place in the network, and the verbs.

Each verb gives a ``Call``, something a task can wait for. The effect happens when the request arrives at the server;
the caller learns of it when the answer is back. Nobody has another way to the objects.

**Imitates:** client-go's REST client: token bucket, dial time-out, errors; retries on the Retry-After
of a fault (rest/with_retry.go). Left out: those on a Retry-After of the server's own.

**Walk** of a call: token bucket -> route to the server and its work, one delay -> the operation is performed -> route
back -> done. Nothing comes back to those who do not wait for an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kcsim.api.log import Recorded
from kcsim.api.objects import Object
from kcsim.api.request import Computed, Operation, User
from kcsim.api.resources import Resource
from kcsim.api.server import ApiServer
from kcsim.api.status import StatusError, Unreachable, no_such_resource
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine
from kcsim.engine.task import Done
from kcsim.network.topology import Network, Route
from kcsim.profile.api import UNLIMITED, ApiProfile, ClientLimits
from kcsim.profile.distributions import Distribution

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component
    from kcsim.api.kit.seams import Seams

_READS = frozenset({"get", "list", "watch"})
MAX_RETRIES = 10
"""How often a request is tried again when the answer says Retry-After (client-go rest/request.go, maxRetries)."""


@dataclass
class Endpoint:
    """Where and how the API server of one cluster is reached.

    Attributes:
        host: the server's place in the network.
        serving: False while the server process is down: connections are refused.
        faults: what is wrong with whose connections, by user, program or host.
        components: the programs that were made to talk to it, in order.
        seams: what interferes with them, once anything does.
    """

    engine: Engine
    network: Network
    server: ApiServer
    host: str
    profile: ApiProfile = field(default_factory=ApiProfile)
    serving: bool = True
    faults: dict[str, ClientFault] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)
    seams: Seams | None = None
    _listeners: list[Callable[[], None]] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    version: int = 0
    """Grows with every change of the server or the way to it."""

    def meet(self, *names: str) -> None:
        """A client that goes by these names (user, program, host) connects."""
        self._names.update(names)

    def knows(self, name: str) -> bool:
        """Whether any client ever went by that name."""
        return name in self._names

    @property
    def names(self) -> list[str]:
        """Every name that a client ever went by, in order."""
        return sorted(self._names)

    def set_serving(self, serving: bool) -> None:
        """Start or stop the server process."""
        self.serving = serving
        self.version += 1
        for listener in self._listeners:
            listener()

    def set_client_fault(self, name: str, fault: ClientFault | None) -> None:
        """Break (or with None mend) every connection of one user, program (its user agent) or host."""
        if fault is None:
            self.faults.pop(name, None)
        else:
            self.faults[name] = fault
        self.version += 1
        for listener in self._listeners:
            listener()

    def fault_of(self, client: Client) -> ClientFault | None:
        """What is wrong with one client's connection from outside of it."""
        faults = self.faults
        if not faults:
            return None
        return faults.get(client.user.name) or faults.get(client.user_agent) or faults.get(client.host)

    def on_change(self, listener: Callable[[], None], host: str = "") -> None:
        """Call ``listener`` when the server or the way to it (from ``host``, if given) may have changed."""
        self._listeners.append(listener)
        self.network.on_change(listener, (host, self.host))


@dataclass(frozen=True, slots=True)
class ClientFault:
    """What is wrong with one client's connection.

    Attributes:
        cut: requests and watches are lost on the way.
        error: what requests are answered with; one with a Retry-After is tried again, as client-go does.
        share: of the requests that match, how many get the error.
        deaf: of the writes that match, how many take effect while their answer is lost.
        delay: how much later (µs) a request arrives.
        verb, resource: which requests match; "" for all. ``delay`` and ``cut`` hit all.
    """

    cut: bool = False
    error: StatusError | None = None
    share: float = 1.0
    deaf: float = 0.0
    delay: int = 0
    verb: str = ""
    resource: str = ""

    @property
    def refuses_all(self) -> bool:
        """Whether no request is answered well."""
        return self.cut or (
            self.error is not None and self.share >= 1 and not self.verb and not self.resource
        )

    def matches(self, op: Operation) -> bool:
        """Whether a request is one that errors hit."""
        return self.verb in {"", op.verb} and self.resource in {"", op.resource.plural}


class Call:
    """One request, not sent until it is waited for or started."""

    __slots__ = ("_client", "op")

    def __init__(self, client: Client, op: Operation) -> None:
        self._client = client
        self.op = op

    def start(self, done: Done) -> None:
        """Send it; ``done(object, None)`` or ``done(None, StatusError)`` once."""
        self._client.send(self.op, done)


class Report:
    """A PATCH of the status of an object, worked out already; not sent until it is waited for or started."""

    __slots__ = ("_client", "computed", "name", "namespace", "resource")

    def __init__(
        self, client: Client, resource: Resource, namespace: str, name: str, computed: Computed
    ) -> None:
        self._client = client
        self.resource = resource
        self.namespace = namespace
        self.name = name
        self.computed = computed

    def start(self, done: Done) -> None:
        """Send it; ``done(object, None)`` or ``done(None, StatusError)`` once."""
        self._client.send_report(self, done)


def _ignored(_value: Any, _error: Exception | None) -> None:
    """Nobody waits for the answer."""


class Client:
    """The verbs, as one identity from one place.

    Attributes:
        user: who asks.
        host: from where.
        fault: what is wrong with the connection right now, if anything.
        owner: the component it belongs to, if it is one's.
        reconciler: which of the component's reconcilers it is for; "" when they share it.
        on_warning: called with each warning of an answer (client-go's WarningHandler); None to ignore them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        user: User,
        host: str,
        *,
        user_agent: str,
        limits: ClientLimits = UNLIMITED,
        stream: str = "",
    ) -> None:
        self.endpoint = endpoint
        self.user = user
        self.host = host
        self.user_agent = user_agent
        self.fault: ClientFault | None = None
        self.owner: Component | None = None
        self.reconciler = ""
        self.on_warning: Callable[[str], None] | None = None
        self._there: Route | None = None
        self._back: Route | None = None
        self._reading: tuple[Distribution, ...] = ()
        self._writing: tuple[Distribution, ...] = ()
        self._answering = 0  # how long an answer is under way typically, in µs
        self._routes_at = -1
        self._words: dict[str, Resource] = {}
        self._words_at = -1
        self._connected = self._reachable = False
        self._reachable_at: tuple[int, int, ClientFault | None] | None = None
        endpoint.meet(user.name, user_agent, host)
        self._engine = endpoint.engine
        self._dice = endpoint.engine.dice(f"client/{stream or user_agent}/{host}")
        self._interval = int(SECOND / limits.qps) if limits.qps else 0
        self._burst = limits.burst
        self._free_at = 0  # when the bucket would be full again, in µs
        self._listeners: list[Callable[[], None]] = []

    # --- verbs --------------------------------------------------------------------------------------------------

    def get(
        self,
        resource: str | Resource,
        namespace: str,
        name: str,
        *,
        subresource: str = "",
        managed_fields: bool = False,
    ) -> Call:
        """The object; with ``managed_fields`` it says who owns which field."""
        op = self._op(
            "get", resource, namespace, name, subresource=subresource, managed_fields=managed_fields
        )
        return Call(self, op)

    def list(
        self,
        resource: str | Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> Call:
        """A ``<Kind>List`` of one namespace, or of all when ``namespace`` is empty."""
        op = self._op(
            "list", resource, namespace, label_selector=label_selector, field_selector=field_selector
        )
        return Call(self, op)

    def create(
        self, resource: str | Resource, obj: Object, namespace: str | None = None, **options: Any
    ) -> Call:
        """The object as created."""
        where = obj["metadata"].get("namespace", "") if namespace is None else namespace
        return Call(self, self._op("create", resource, where, body=obj, **options))

    def update(self, resource: str | Resource, obj: Object, *, subresource: str = "", **options: Any) -> Call:
        """PUT: the object as stored. A stale resourceVersion in ``obj`` is a 409."""
        metadata = obj["metadata"]
        where, name = metadata.get("namespace", ""), metadata["name"]
        return Call(
            self, self._op("update", resource, where, name, body=obj, subresource=subresource, **options)
        )

    def update_status(self, resource: str | Resource, obj: Object) -> Call:
        """PUT to /status."""
        return self.update(resource, obj, subresource="status")

    def patch(
        self,
        resource: str | Resource,
        namespace: str,
        name: str,
        body: Any,
        *,
        type: str = "merge",
        **options: Any,
    ) -> Call:
        """PATCH: ``type`` is merge, json, strategic or apply; options: subresource, field_manager, force, dry_run."""
        return Call(self, self._op("patch", resource, namespace, name, body=body, patch_type=type, **options))

    def delete(
        self,
        resource: str | Resource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        grace: int | None = None,
        propagation: str = "",
        **options: Any,
    ) -> Call:
        """DELETE; ``grace`` in seconds, ``uid`` as precondition, ``propagation`` Background, Foreground or Orphan."""
        op = self._op(
            "delete",
            resource,
            namespace,
            name,
            precondition_uid=uid,
            grace_period_seconds=grace,
            propagation_policy=propagation,
            **options,
        )
        return Call(self, op)

    def delete_collection(self, resource: str | Resource, namespace: str, **options: Any) -> Call:
        """DELETE of all objects of a namespace; options as for ``delete``, and selectors."""
        return Call(self, self._op("deletecollection", resource, namespace, **options))

    def record(self, event: Recorded, start: int = 0) -> int:
        """POST an Event that is complete and valid, not before the instant ``start``; when the answer will be back.

        Nobody waits for what the answer says.
        """
        arrives = self._arrival(start)
        if arrives is None:
            return start
        self._engine.after(arrives - self._engine.now, self._record, event)
        return arrives + self._answering

    def send_in_turn(self, call: Call, start: int, done: Done) -> int:
        """Send a call not before the instant ``start``; when its answer will be back."""
        arrives = self._arrival(start)
        if arrives is None:
            self.send(call.op, done)
            return start
        self._engine.at(arrives, self._serve, call.op, done)
        return arrives + self._answering

    def _arrival(self, start: int) -> int | None:
        """When a write sent at ``start``, or now if that is past, will be worked on; None when no way leads there."""
        endpoint = self.endpoint
        if self._routes_at != endpoint.network.version:
            self._find_routes()
        fault = self.fault or (endpoint.fault_of(self) if endpoint.faults else None)
        if self._there is None or (fault is not None and fault.cut):
            return None
        now = self._engine.now + (self._take_token() if self._interval else 0)
        arrives = max(now, start) + self._dice.total(self._writing)
        return arrives if fault is None else arrives + fault.delay

    def _record(self, event: Recorded) -> None:
        """The Event has travelled to the server."""
        endpoint = self.endpoint
        server = endpoint.server
        if endpoint.serving and not endpoint.faults and self.fault is None and not server.log.checking:
            server.take_event(self.user, self.user_agent, event)
        else:
            self._serve(self._op("create", "events", event.namespace, body=event.body()), _ignored)

    def report(self, resource: str | Resource, namespace: str, name: str, computed: Computed) -> Report:
        """PATCH (strategic) to /status: the object as stored."""
        return Report(self, self.resource(resource), namespace, name, computed)

    def bind(self, pod: Object, node: str) -> Call:
        """POST pods/binding."""
        metadata = pod["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "target": {"kind": "Node", "name": node}}
        op = self._op(
            "create", "pods", metadata["namespace"], metadata["name"], subresource="binding", body=body
        )
        return Call(self, op)

    def request_token(self, namespace: str, account: str, body: Object) -> Call:
        """POST serviceaccounts/token."""
        return Call(
            self, self._op("create", "serviceaccounts", namespace, account, subresource="token", body=body)
        )

    def evict(self, namespace: str, name: str, *, grace: int | None = None) -> Call:
        """POST pods/eviction."""
        body: Object = {"metadata": {"name": name, "namespace": namespace}}
        if grace is not None:
            body["deleteOptions"] = {"gracePeriodSeconds": grace}
        return Call(self, self._op("create", "pods", namespace, name, subresource="eviction", body=body))

    def resource(self, word: str | Resource) -> Resource:
        """The resource a word means.

        Raises:
            StatusError: 404 when the server has no such kind.
        """
        if isinstance(word, Resource):
            return word
        catalog = self.endpoint.server.catalog
        if self._words_at != catalog.version:
            self._words_at = catalog.version
            self._words.clear()
        resource = self._words.get(word)
        if resource is None:
            resource = catalog.by_word(word)
            if resource is None:
                raise no_such_resource()
            self._words[word] = resource
        return resource

    def _op(
        self, verb: str, resource: str | Resource, namespace: str = "", name: str = "", **more: Any
    ) -> Operation:
        found = resource if isinstance(resource, Resource) else self.resource(resource)
        op = Operation.__new__(Operation)
        asked = op.__dict__
        asked["verb"] = verb
        asked["resource"] = found
        asked["user"] = self.user
        asked["namespace"] = namespace if found.namespaced else ""
        asked["name"] = name
        asked["field_manager"] = self.user_agent
        if more:
            asked.update(more)
        return op

    # --- sending ------------------------------------------------------------------------------------------------

    @property
    def reachable(self) -> bool:
        """Whether a request sent now would be answered."""
        self._look()
        return self._reachable

    @property
    def connected(self) -> bool:
        """Whether a watch that is open delivers: a server that refuses every request still keeps it open."""
        self._look()
        return self._connected

    def _look(self) -> None:
        endpoint = self.endpoint
        seen = endpoint.network.version, endpoint.version, self.fault
        if seen != self._reachable_at:
            fault = self.fault or endpoint.fault_of(self)
            self._connected = (
                not (fault is not None and fault.cut)
                and endpoint.serving
                and endpoint.network.reachable(self.host, endpoint.host)
            )
            self._reachable = self._connected and not (fault is not None and fault.refuses_all)
            self._reachable_at = seen

    def set_fault(self, fault: ClientFault | None) -> None:
        """Break or mend this client's connection."""
        self.fault = fault
        for listener in self._listeners:
            listener()

    def on_reachability(self, listener: Callable[[], None], *, own_way: bool = False) -> None:
        """Call ``listener`` whenever ``reachable`` may have changed; ``own_way``: not when others' ways are cut."""
        self._listeners.append(listener)
        self.endpoint.on_change(listener, self.host if own_way else "")

    def start(self, call: Call) -> None:
        """Send without waiting for the answer."""
        call.start(_ignored)

    def send(self, op: Operation, done: Done) -> None:
        """Put the operation on its way; used by ``Call``."""
        endpoint = self.endpoint
        if endpoint.seams is not None and not endpoint.seams.sending(self, op):
            return
        self._send(op.verb in _READS, self._serve, op, done)

    def send_report(self, report: Report, done: Done) -> None:
        """Put the report on its way; used by ``Report``."""
        if self.endpoint.seams is None:
            self._send(False, self._take, report, done)
        else:
            self.send(self._op_of(report), done)

    def _send(self, reads: bool, serve: Callable[[Any, Done], None], what: object, done: Done) -> None:
        """Have ``what`` served when it has travelled to the server and been worked on."""
        endpoint = self.endpoint
        wait = self._take_token() if self._interval else 0
        fault = self.fault or (endpoint.fault_of(self) if endpoint.faults else None)
        if self._routes_at != endpoint.network.version:
            self._find_routes()
        route = self._there
        if route is None or (fault is not None and fault.cut):
            self._fail(
                wait + endpoint.profile.dial_timeout, done, f"dial tcp {endpoint.host}:6443: i/o timeout"
            )
            return
        delay = wait + self._dice.total(self._reading if reads else self._writing)
        if fault is not None:
            delay += fault.delay
        self._engine.after(delay, serve, what, done)

    def _find_routes(self) -> None:
        """The ways to the server and back, kept until the network changes."""
        endpoint = self.endpoint
        network, profile = endpoint.network, endpoint.profile
        self._there = network.route(self.host, endpoint.host)
        self._back = network.route(endpoint.host, self.host)
        links = self._there.latencies if self._there is not None else ()
        back = self._back.latencies if self._back is not None else ()
        self._answering = sum(link.at(0.5) for link in back)
        self._reading, self._writing = (*links, profile.read), (*links, profile.write)
        self._routes_at = network.version

    def _serve(self, op: Operation, done: Done, retries: int = 0) -> None:
        """The request has travelled to the server and been worked on: its effect takes place, the answer goes back."""
        endpoint = self.endpoint
        if not endpoint.serving:
            self._fail(0, done, f"dial tcp {endpoint.host}:6443: connect: connection refused")
            return
        fault = self.fault or (endpoint.fault_of(self) if endpoint.faults else None)
        if fault is not None and fault.error is not None and fault.matches(op) and self._hit(fault.share):
            wait = fault.error.retry_after
            if wait and retries < MAX_RETRIES:
                self._engine.after(wait * SECOND, self._serve, op, done, retries + 1)
            else:
                self._engine.after(0, done, None, fault.error)
            return
        value: Any = None
        error: Exception | None = None
        try:
            answer = endpoint.server.perform(op)
            value = answer.body
            if answer.warnings:
                self._warn(answer.warnings)
        except StatusError as refusal:
            self._warn(refusal.warnings)
            error = refusal
        if endpoint.seams is not None and not endpoint.seams.served(self, op):
            return
        if done is not _ignored:
            lost = fault is not None and (fault.cut or self._loses_answer(fault, op))
            self._answer(done, value, error, lost=lost)

    def _take(self, report: Report, done: Done) -> None:
        """The report has travelled to the server: no request is made of it where its outcome is known."""
        endpoint = self.endpoint
        if endpoint.serving and not endpoint.faults and self.fault is None and endpoint.seams is None:
            value: Object | None = None
            error: Exception | None = None
            try:
                value = endpoint.server.take_status(
                    self.user,
                    self.user_agent,
                    report.resource,
                    report.namespace,
                    report.name,
                    report.computed,
                )
            except StatusError as refusal:
                error = refusal
            if value is not None or error is not None:
                self._answer(done, value, error)
                return
        self._serve(self._op_of(report), done)

    def _op_of(self, report: Report) -> Operation:
        """The request that a report stands for."""
        return self._op(
            "patch",
            report.resource,
            report.namespace,
            report.name,
            body=report.computed.patch() or {},
            patch_type="strategic",
            subresource="status",
        )

    def _answer(self, done: Done, value: Any, error: Exception | None, *, lost: bool = False) -> None:
        """The answer goes back, or is ``lost`` on its way."""
        endpoint = self.endpoint
        if self._routes_at != endpoint.network.version:
            self._find_routes()
        back = self._back
        if back is None or lost:
            # The effect took place, but nobody hears of it.
            self._fail(
                endpoint.profile.dial_timeout, done, "context deadline exceeded (Client.Timeout exceeded)"
            )
        else:
            self._engine.after(self._dice.total(back.latencies), done, value, error)

    def _loses_answer(self, fault: ClientFault, op: Operation) -> bool:
        return bool(fault.deaf) and op.verb not in _READS and fault.matches(op) and self._hit(fault.deaf)

    def _hit(self, share: float) -> bool:
        return share >= 1 or self._engine.dice(f"fault/{self.user_agent}/{self.host}").uniform() < share

    def _warn(self, warnings: tuple[str, ...]) -> None:
        if self.on_warning is not None:
            for warning in warnings:
                self.on_warning(warning)

    def _fail(self, delay: int, done: Done, why: str) -> None:
        self._engine.after(delay, done, None, Unreachable(why))

    def _take_token(self) -> int:
        """How long the token bucket makes the request wait, in µs (client-go flowcontrol: a plain token bucket)."""
        interval = self._interval
        now = self._engine.now
        start = max(self._free_at, now)
        self._free_at = start + interval
        wait = start - now - (self._burst - 1) * interval
        return max(wait, 0)


class DirectClient(Client):
    """A client whose requests take no time: for a person at the keyboard, tests and the façade."""

    def send(self, op: Operation, done: Done) -> None:
        """Perform at once."""
        try:
            answer = self.endpoint.server.perform(op)
        except StatusError as refusal:
            self._warn(refusal.warnings)
            done(None, refusal)
            return
        self._warn(answer.warnings)
        done(answer.body, None)

    def send_report(self, report: Report, done: Done) -> None:
        """Perform at once."""
        self.send(self._op_of(report), done)

    def now(self, call: Call) -> Any:
        """The answer to a call, or its ``StatusError``."""
        return self.endpoint.server.perform(call.op).body
