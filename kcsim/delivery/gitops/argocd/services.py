"""How the pods of one installation ask each other: a call over the network to whoever runs behind a Service.

**Imitates:** gRPC between argocd-application-controller, argocd-server and argocd-repo-server (util/grpc: texts of
errors). Left out: kube-proxy's way from the Service to a pod: of several pods each is asked in turn, and the node where
the pod runs answers, for as long as that can be reached.

**Walk:** a pod starts -> ``open`` -> another one's task waits for a ``Remote`` -> the request travels -> the server runs
its steps as a task of its own -> the answer travels back; a server that ends, or cannot be reached, makes it ``RpcError``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Timer
from kcsim.engine.task import Done, Sleep, Steps

Address = tuple[str, str, str]
"""(cluster, namespace, name of the Service)."""


_ATTEMPTS = 3
_UNAVAILABLE = "rpc error: code = Unavailable desc = "


class RpcError(Exception):
    """A call that failed: the text is gRPC's, with its code."""


@dataclass(eq=False, slots=True)
class Server:
    """A process that answers. ``handler`` is what it offers; ``calls`` are those it has not answered yet."""

    component: Component
    handler: Any
    calls: dict[Remote, None] = field(default_factory=dict)


class Services:
    """Who answers behind which Service, in all clusters of a world."""

    def __init__(self) -> None:
        self._servers: dict[Address, list[Server]] = {}
        self._turn: dict[Address, int] = {}

    def open(self, name: str, namespace: str, component: Component, handler: Any) -> None:
        """A pod's process answers from now on."""
        address = (component.endpoint.server.cluster, namespace, name)
        self._servers.setdefault(address, []).append(Server(component, handler))

    def close(self, component: Component) -> None:
        """It answers no longer; whoever waits for it hears of it."""
        for servers in self._servers.values():
            for server in [s for s in servers if s.component is component]:
                servers.remove(server)
                for call in list(server.calls):
                    call.lost("error reading from server: EOF")

    def find(self, endpoint: Endpoint, namespace: str, name: str) -> Server | None:
        """The process whose turn it is; None when there is none."""
        address = (endpoint.server.cluster, namespace, name)
        servers = self._servers.get(address)
        if not servers:
            return None
        turn = self._turn[address] = self._turn.get(address, -1) + 1
        return servers[turn % len(servers)]

    def call(
        self,
        caller: Component,
        namespace: str,
        name: str,
        ask: Callable[[Any], Steps],
        timeout: int,
    ) -> Steps:
        """A task's steps: ask the process behind a Service; ``ask`` gives the steps that its handler takes for the answer.

        Where nobody answers it is tried three times, each a second later than the one before (grpc_retry).

        Raises:
            RpcError: it could not be had; whatever the handler raises is raised, too.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                yield Sleep(caller.engine, attempt * SECOND)
            try:
                return (yield Remote(self, caller, namespace, name, ask, timeout))
            except RpcError as error:
                if attempt == _ATTEMPTS - 1 or not str(error).startswith(_UNAVAILABLE):
                    raise
        raise AssertionError("the loop returns or raises")


class Remote:
    """One call under way; its value is what the server's steps return, or raises what they raise.

    Raises (where it is waited for): RpcError.
    """

    __slots__ = (
        "_ask",
        "_caller",
        "_done",
        "_name",
        "_namespace",
        "_server",
        "_services",
        "_timeout",
        "_timer",
    )

    def __init__(
        self,
        services: Services,
        caller: Component,
        namespace: str,
        name: str,
        ask: Callable[[Any], Steps],
        timeout: int,
    ) -> None:
        self._services = services
        self._caller = caller
        self._namespace = namespace
        self._name = name
        self._ask = ask
        self._timeout = timeout
        self._server: Server | None = None
        self._done: Done | None = None
        self._timer: Timer | None = None

    def start(self, done: Done) -> None:
        """Send the request."""
        self._done = done
        endpoint = self._caller.endpoint
        self._timer = self._caller.after(self._timeout, self._over)
        server = self._services.find(endpoint, self._namespace, self._name)
        if server is None:
            self._caller.after(0, self.lost, self._refused())
            return
        delay = self._travel(self._caller.host, server.component.host)
        if delay is not None:
            self._caller.after(delay, self._arrived, server)

    def _arrived(self, server: Server) -> None:
        if not server.component.running:
            self.lost(self._refused())
            return
        self._server = server
        server.calls[self] = None
        server.component.spawn(self._ask(server.handler), self._worked)

    def _worked(self, value: Any, error: Exception | None) -> None:
        server = self._server
        assert server is not None, "an answer before the question"
        server.calls.pop(self, None)
        delay = self._travel(server.component.host, self._caller.host)
        if delay is not None and self._done is not None:
            self._caller.after(delay, self._finish, value, error)

    def lost(self, why: str) -> None:
        """The connection broke."""
        self._finish(None, RpcError(f"{_UNAVAILABLE}{why}"))

    def _over(self) -> None:
        self._finish(None, RpcError("rpc error: code = DeadlineExceeded desc = context deadline exceeded"))

    def _finish(self, value: Any, error: Exception | None) -> None:
        done, self._done = self._done, None
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.calls.pop(self, None)
        if done is not None:
            done(value, error)

    def _refused(self) -> str:
        return (
            'connection error: desc = "transport: Error while dialing: dial tcp: '
            f'{self._name}.{self._namespace}: connect: connection refused"'
        )

    def _travel(self, source: str, target: str) -> int | None:
        endpoint = self._caller.endpoint
        route = endpoint.network.route(source, target)
        return None if route is None else route.delay(endpoint.engine.dice(f"grpc {self._caller.name}").draw)
