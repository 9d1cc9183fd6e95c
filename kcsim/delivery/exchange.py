"""One question and its answer between two hosts outside the API: what git clients, pipelines and registries send.

**Imitates:** an HTTPS request: connection set-up, the request, the server's work, the answer, a client-side timeout.
Left out: bandwidth and the reuse of connections.

**Walk:** `start` -> the request travels -> `serve` runs on arrival, if the hosts still reach each other -> the answer
travels back -> `done`; whatever gets lost on the way turns into `Unreachable` at the timeout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kcsim.engine.core import Engine
from kcsim.engine.task import Done
from kcsim.network.topology import Network

Serve = Callable[[], tuple[Any, int]]
"""Run on arrival: gives the answer and how long (µs) the server works on it. What it raises travels back."""

HANDSHAKE_ROUND_TRIPS = 2
"""TCP (one) and TLS 1.3 (one) come before the request itself."""


class Unreachable(Exception):
    """No answer came within the client's timeout."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(f"Failed to connect to {target} port 443: Connection timed out")
        self.source, self.target = source, target


@dataclass(frozen=True, slots=True)
class Path:
    """Who asks whom: an engine, a network, two host names, the name of the dice, and the timeout (µs)."""

    engine: Engine
    network: Network
    source: str
    target: str
    dice: str
    timeout: int


class Exchange:
    """A question under way; a `Waitable` whose value is the server's answer."""

    __slots__ = ("_began", "_done", "_path", "_serve")

    def __init__(self, path: Path, serve: Serve) -> None:
        self._path = path
        self._serve = serve
        self._began = 0
        self._done: Done | None = None

    def start(self, done: Done) -> None:
        """Send the question."""
        path = self._path
        self._began, self._done = path.engine.now, done
        travel = self._round_trips(HANDSHAKE_ROUND_TRIPS)
        onward = self._travel(path.source, path.target)
        if travel is None or onward is None:
            self._give_up()
        else:
            self._within_timeout(travel + onward, self._arrive)

    def _arrive(self) -> None:
        if self._travel(self._path.source, self._path.target) is None:
            self._give_up()
            return
        value: Any = None
        error: Exception | None = None
        work = 0
        try:
            value, work = self._serve()
        except Exception as refused:  # noqa: BLE001 - the server's refusal is the answer
            error = refused
        back = self._travel(self._path.target, self._path.source)
        if back is None:
            self._give_up()
        else:
            self._within_timeout(work + back, self._answer, value, error)

    def _answer(self, value: Any, error: Exception | None) -> None:
        assert self._done is not None, "an answer before the question"
        self._done(value, error)

    def _give_up(self) -> None:
        path = self._path
        path.engine.at(self._began + path.timeout, self._answer, None, Unreachable(path.source, path.target))

    def _within_timeout(self, delay: int, then: Callable[..., None], *args: Any) -> None:
        path = self._path
        if path.engine.now + delay > self._began + path.timeout:
            self._give_up()
        else:
            path.engine.after(delay, then, *args)

    def _round_trips(self, count: int) -> int | None:
        total = 0
        for _ in range(count):
            onward = self._travel(self._path.source, self._path.target)
            back = self._travel(self._path.target, self._path.source)
            if onward is None or back is None:
                return None
            total += onward + back
        return total

    def _travel(self, source: str, target: str) -> int | None:
        route = self._path.network.route(source, target)
        return None if route is None else route.delay(self._path.engine.dice(self._path.dice).draw)
