"""Who answers behind the Services of a Flux installation: the way from one controller's pod to another's.

**Imitates:** a Service with one ready endpoint, the elected leader's. Left out: kube-proxy's rules; the node where the pod runs
answers, and for a while after that node has died nobody does.

**Walk:** a leader ``open``s its door -> somebody ``ask``s at it from another host -> the answer, ``ConnectionRefused`` where no
pod is behind the Service, ``Unreachable`` where its machine is silent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kcsim.api.client import Endpoint
from kcsim.delivery.exchange import Exchange, Path
from kcsim.engine.clock import SECOND

DIAL_TIMEOUT = 30 * SECOND

Answer = Callable[[Any], tuple[Any, int]]
"""``door -> (answer, µs of work)``, run on arrival; what it raises travels back."""


class ConnectionRefused(Exception):
    """Nobody listens behind the Service."""


@dataclass(slots=True)
class _Open:
    door: Any
    host: str
    serving: bool = True


class Doors:
    """The Services of the installations of one world, by cluster, namespace and name."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, str], _Open] = {}

    def open(self, endpoint: Endpoint, namespace: str, service: str, door: object, host: str) -> None:
        """The pod on ``host`` answers at ``door`` from now on."""
        self._open[endpoint.server.cluster, namespace, service] = _Open(door, host)

    def close(self, endpoint: Endpoint, namespace: str, service: str, door: object) -> None:
        """That pod answers no longer."""
        found = self._open.get((endpoint.server.cluster, namespace, service))
        if found is not None and found.door is door:
            found.serving = False

    def ask(
        self, endpoint: Endpoint, namespace: str, service: str, source: str, answer: Answer, *, dice: str
    ) -> Exchange:
        """Ask from host ``source``; the value is what ``answer`` gives. ``dice`` names the stream of delays.

        Raises (where it is waited for): Unreachable, ConnectionRefused, whatever ``answer`` raises.
        """
        found = self._open.get((endpoint.server.cluster, namespace, service))
        engine, network = endpoint.engine, endpoint.network

        def serve() -> tuple[Any, int]:
            if found is None or not found.serving:
                raise ConnectionRefused
            return answer(found.door)

        # A Service without a pod behind it refuses at the caller's own node.
        gone = found is None or not (found.serving or not network.is_up(found.host))
        target = source if found is None or gone else found.host
        return Exchange(Path(engine, network, source, target, dice, DIAL_TIMEOUT), serve)
