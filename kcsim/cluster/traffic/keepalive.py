"""Connections that are kept open: each stays with the pod it was opened to until one of the two ends it.

**Imitates:** HTTP keep-alive pools over a Service: kube-proxy chooses once, when a connection is opened, and connection
tracking keeps to it, whatever readiness, endpoints or policies say later. A program that exits closes its connections, and its clients
open others at once; one that vanishes with its node does not, and its clients wait for their time limit.
Left out: pools that grow and shrink with their load.

**Walk:** ``look`` -> connections that are closed, too old, or silent for too long are opened again, to what the proxy offers
now -> how many are at each leg -> the mix of a request that takes any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kcsim.cluster.podnet.plane import Ask
from kcsim.cluster.traffic.legs import Client, Leg, Option
from kcsim.cluster.traffic.outcome import Mix, blend
from kcsim.cluster.traffic.outlook import Outlook
from kcsim.engine.dice import Dice

Offer = Callable[[Client], Sequence[Option]]


@dataclass(slots=True)
class _Connection:
    leg: Leg | None = None
    uid: str = ""
    opened: int = 0
    silent_since: int | None = None
    tried: int | None = None


class Pool:
    """The connections of one source.

    Attributes:
        size: how many there are.
        timeout: a client gives one up that has been silent for so long (µs).
        max_age: after so long (µs) it is closed and opened again; None: never.
    """

    def __init__(self, size: int, timeout: int, max_age: int | None, dice: Dice) -> None:
        if size < 1:
            raise ValueError(f"a pool has at least one connection, not {size}")
        self.size = size
        self.timeout = timeout
        self.max_age = max_age
        self._dice = dice
        self._by_client: dict[str, list[_Connection]] = {}

    def look(self, now: int, clients: Sequence[Client], outlook: Outlook, offer: Offer, ask: Ask) -> Mix:
        """Open what has to be opened; gives what becomes of a request that is sent now."""
        self._share_out(now, clients)
        found: list[tuple[Mix, float]] = []
        for client in clients:
            mine = self._by_client[client.name]
            legs: dict[Leg, int] = {}
            fresh = 0
            for connection in mine:
                if self._is_over(connection, now, outlook, client):
                    self._open(connection, now, outlook, client, offer)
                if connection.leg is None:
                    fresh += 1
                else:
                    legs[connection.leg] = legs.get(connection.leg, 0) + 1
            for leg, count in legs.items():
                found.append((outlook.ride(client, leg, ask, established=True), count / self.size))
            if fresh:
                found.append((outlook.all_of(client, offer(client), ask), fresh / self.size))
        return blend(found)

    def next_look(self) -> int | None:
        """When (µs) a connection has to be opened again, if nothing else happens."""
        due = []
        for connections in self._by_client.values():
            for connection in connections:
                if connection.silent_since is not None:
                    due.append(connection.silent_since + self.timeout)
                if connection.leg is None and connection.tried is not None:
                    due.append(connection.tried + self.timeout)
                if connection.leg is not None and self.max_age is not None:
                    due.append(connection.opened + self.max_age)
        return min(due, default=None)

    def spread(self) -> dict[str, int]:
        """How many connections lead to each pod (``namespace/name``)."""
        found: dict[str, int] = {}
        for connections in self._by_client.values():
            for connection in connections:
                if connection.leg is not None:
                    found[connection.leg.pod] = found.get(connection.leg.pod, 0) + 1
        return dict(sorted(found.items()))

    def _share_out(self, now: int, clients: Sequence[Client]) -> None:
        """Give each client its part of the connections; those of clients that are gone are gone as well."""
        names = {client.name for client in clients}
        if names == self._by_client.keys():
            return
        kept = {name: found for name, found in self._by_client.items() if name in names}
        each, over = divmod(self.size, len(clients)) if clients else (0, 0)
        self._by_client = {}
        for number, client in enumerate(clients):
            wanted = each + (number < over)
            mine = kept.get(client.name, [])[:wanted]
            while len(mine) < wanted:
                # Those of a new pool are of all ages, so that they do not end all at once.
                age = self._dice.integer(self.max_age) if self.max_age else 0
                mine.append(_Connection(opened=now - age))
            self._by_client[client.name] = mine

    def _is_over(self, connection: _Connection, now: int, outlook: Outlook, client: Client) -> bool:
        """Whether a connection has to be opened, or opened again."""
        if connection.leg is None:
            return True
        if self.max_age is not None and now >= connection.opened + self.max_age:
            connection.opened = now
            return True
        if outlook.way(client, connection.leg) is None:
            if connection.silent_since is None:
                connection.silent_since = now
            return now >= connection.silent_since + self.timeout
        connection.silent_since = None
        serving = outlook.serving(connection.leg)
        if serving is not None and serving.uid == connection.uid:
            return False
        connection.opened = now
        return True

    def _open(
        self, connection: _Connection, now: int, outlook: Outlook, client: Client, offer: Offer
    ) -> None:
        options = offer(client)
        leg = _drawn(options, self._dice)
        connection.leg, connection.uid, connection.silent_since, connection.tried = None, "", None, None
        if leg is None or outlook.way(client, leg) is None or not outlook.may_open(client, leg):
            # It is worth another try only where another pick may do better.
            connection.tried = now if sum(option.leg is not None for option in options) > 1 else None
            return
        serving = outlook.serving(leg)
        if serving is None:
            connection.tried = now
            return
        connection.leg, connection.uid = leg, serving.uid
        if self.max_age is not None and now >= connection.opened + self.max_age:
            connection.opened = now


def _drawn(options: Sequence[Option], dice: Dice) -> Leg | None:
    point = dice.uniform() * sum(option.share for option in options)
    for option in options:
        point -= option.share
        if point < 0:
            return option.leg
    return options[-1].leg if options else None
