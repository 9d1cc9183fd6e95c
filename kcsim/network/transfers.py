"""Bulk that moves over links with a bandwidth, which all that move at once share.

**Imitates:** what many long TCP flows come to on the average: max-min fairness (Bertsekas and Gallager, Data Networks, 6.5.2).
Left out: slow start, loss, the way back. Counted in whole bytes and µs, so it is the same on every machine.

**Walk:** ``start`` over some links -> those on the same links with the same limit are one ``_Group``, whose members all move at one rate
-> whenever one starts or ends, the groups whose links it touches, and those that share with them, get their rates anew -> the
first of each group to be done is armed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine, Timer

Pipe = tuple[str, str, int]
"""One direction of a link: from, to, and its bandwidth in bits a second."""
Flow = tuple[tuple[Pipe, ...], int]
"""Over which pipes, and how many bytes a second it takes at most."""


def fair_rates(flows: Mapping[Flow, int]) -> dict[Flow, int]:
    """Bytes a second of each of so many flows: nobody can have more without one who has no more than him having less."""
    rates: dict[Flow, int] = {}
    left = {pipe: pipe[2] // 8 for pipes, _ in flows for pipe in pipes}
    open_ones = dict.fromkeys(flows)
    while open_ones:
        users: dict[Pipe, int] = {}
        for flow in open_ones:
            for pipe in flow[0]:
                users[pipe] = users.get(pipe, 0) + flows[flow]
        shares = {pipe: left[pipe] // count for pipe, count in users.items()}
        offers = {flow: min([flow[1], *(shares[pipe] for pipe in flow[0])]) for flow in open_ones}
        least = min(offers.values())
        for flow in [flow for flow in open_ones if offers[flow] == least]:
            rates[flow] = max(least, 1)
            for pipe in flow[0]:
                left[pipe] = max(left[pipe] - least * flows[flow], 0)
            del open_ones[flow]
    return rates


@dataclass(slots=True, eq=False)
class _Transfer:
    due: int
    """When it is done, in what each member of its group has moved by then (bytes times µs)."""
    done: Callable[[], None]
    cancelled: bool = False


@dataclass(slots=True, eq=False)
class _Group:
    flow: Flow
    members: list[tuple[int, int, _Transfer]] = field(default_factory=list)
    count: int = 0
    moved: int = 0
    """What each member has moved since the group came to be (bytes times µs)."""
    rate: int = 0
    since: int = 0
    timer: Timer | None = None


class Transfers:
    """All that moves in one world."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._groups: dict[Flow, _Group] = {}
        self._number = 0

    def start(
        self, pipes: Iterable[Pipe], size: int, most: int, done: Callable[[], None]
    ) -> Callable[[], None]:
        """Move ``size`` bytes at ``most`` bytes a second; ``done()`` when they have arrived. Gives what breaks it off."""
        flow = tuple(pipes), max(most, 1)
        group = self._groups.get(flow)
        if group is None:
            group = self._groups[flow] = _Group(flow, since=self._engine.now)
        self._catch_up(group)
        transfer = _Transfer(group.moved + size * SECOND, done)
        self._number += 1
        heappush(group.members, (transfer.due, self._number, transfer))
        group.count += 1
        self._share_out(group)

        def cancel() -> None:
            if not transfer.cancelled:
                transfer.cancelled = True
                group.count -= 1
                self._share_out(group)

        return cancel

    def rate(self, pipes: Iterable[Pipe], most: int) -> int:
        """Bytes a second of those that move now over these pipes with that limit; 0: nobody does."""
        group = self._groups.get((tuple(pipes), max(most, 1)))
        return group.rate if group is not None else 0

    def _catch_up(self, group: _Group) -> None:
        now = self._engine.now
        group.moved += group.rate * (now - group.since)
        group.since = now

    def _share_out(self, changed: _Group) -> None:
        """New rates for all that share with a group, one way or another."""
        touched = self._sharing(changed)
        rates = fair_rates({group.flow: group.count for group in touched if group.count})
        for group in touched:
            self._catch_up(group)
            if not group.count:
                self._groups.pop(group.flow, None)
            group.rate = rates.get(group.flow, 0)
            self._arm(group)

    def _sharing(self, group: _Group) -> list[_Group]:
        found = {group.flow: group}
        pipes = dict.fromkeys(group.flow[0])
        grew = True
        while grew:
            grew = False
            for each in self._groups.values():
                if each.flow not in found and any(pipe in pipes for pipe in each.flow[0]):
                    found[each.flow] = each
                    pipes.update(dict.fromkeys(each.flow[0]))
                    grew = True
        return list(found.values())

    def _arm(self, group: _Group) -> None:
        if group.timer is not None:
            group.timer.cancel()
            group.timer = None
        while group.members and group.members[0][2].cancelled:
            heappop(group.members)
        if group.members and group.rate:
            left = max(group.members[0][0] - group.moved, 0)
            group.timer = self._engine.after(-(-left // group.rate), self._arrived, group)

    def _arrived(self, group: _Group) -> None:
        """The first of a group, and all that are done with it."""
        group.timer = None
        self._catch_up(group)
        finished: list[_Transfer] = []
        while group.members and (group.members[0][2].cancelled or group.members[0][0] <= group.moved):
            transfer = heappop(group.members)[2]
            if not transfer.cancelled:
                transfer.cancelled = True
                group.count -= 1
                finished.append(transfer)
        self._share_out(group)
        for transfer in finished:
            transfer.done()
