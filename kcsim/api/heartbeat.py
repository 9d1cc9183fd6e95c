"""Standing renewals: leases that are renewed for as long as nothing changes.

Five thousand kubelets renewing a lease every ten seconds would be five hundred writes a virtual second, all saying the
same. Instead a holder *promises* its renewals. The Lease object is written when the promise begins and when it ends;
in between, its renewTime is worked out when somebody reads it. What the promise depends on (the holder lives, it
reaches the server, the server answers) is told from outside through ``suspend`` and ``resume``.

**Imitates:** client-go ``util/lease`` (kubelet) and ``tools/leaderelection``: renewal every period, jittered by the
holder's own dice. Differs: a renewal nobody reads is not written, so it moves no resourceVersion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kcsim.api.objects import Key
from kcsim.engine.core import Engine
from kcsim.engine.dice import Dice


@dataclass(slots=True)
class _Promise:
    period: int
    jitter: float
    dice: Dice
    last: int
    """When it was last renewed for certain (µs)."""
    due: int
    """When the next renewal comes, or came while nobody looked."""
    stopped: int | None = None
    """When renewals stopped (µs); None: they go on."""


class Heartbeats:
    """The promised renewals of one cluster."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._promises: dict[Key, _Promise] = {}
        self._listeners: list[Callable[[str, str], None]] = []

    def begin(self, namespace: str, name: str, period: int, jitter: float = 0.0) -> None:
        """Promise to renew the lease every ``period`` µs (longer by up to ``jitter`` of it), starting now."""
        before = self._promises.get((namespace, name))
        if before is not None and before.stopped is not None:
            self._advance(before)
        dice = self._engine.dice(f"lease/{namespace}/{name}")
        now = self._engine.now
        due = now + dice.jitter(period, jitter)
        self._promises[namespace, name] = _Promise(period, jitter, dice, now, due)
        self._tell(namespace, name)

    def suspend(self, namespace: str, name: str) -> None:
        """The renewals stop here. Which was the last is worked out when somebody asks."""
        promise = self._promises.get((namespace, name))
        if promise is not None and promise.stopped is None:
            promise.stopped = self._engine.now
            self._tell(namespace, name)

    def resume(self, namespace: str, name: str) -> None:
        """The holder renews again, at once and then every period."""
        promise = self._promises.get((namespace, name))
        if promise is not None and promise.stopped is not None:
            self._advance(promise)
            promise.last = self._engine.now
            promise.due = promise.last + promise.dice.jitter(promise.period, promise.jitter)
            promise.stopped = None
            self._tell(namespace, name)

    def end(self, namespace: str, name: str) -> None:
        """The holder gives the lease up, or it was deleted."""
        promise = self._promises.pop((namespace, name), None)
        if promise is not None:
            if promise.stopped is not None:
                self._advance(promise)
            self._tell(namespace, name)

    def is_standing(self, namespace: str, name: str) -> bool:
        """Whether renewals go on."""
        promise = self._promises.get((namespace, name))
        return promise is not None and promise.stopped is None

    def last_renewal(self, namespace: str, name: str) -> int | None:
        """The instant (µs) of the newest renewal up to now, None when nothing was ever promised."""
        promise = self._promises.get((namespace, name))
        if promise is None:
            return None
        self._advance(promise)
        return promise.last

    def renewed_since(self, namespace: str, name: str) -> int | None:
        """An instant (µs) that the newest renewal is not older than, without working out which it was."""
        promise = self._promises.get((namespace, name))
        if promise is None:
            return None
        until = self._engine.now if promise.stopped is None else promise.stopped
        longest = promise.period + int(promise.period * promise.jitter)
        return promise.last if promise.due > until else max(promise.last, until - longest)

    def on_change(self, listener: Callable[[str, str], None]) -> None:
        """Call ``listener(namespace, name)`` when a promise begins, stops, resumes or ends."""
        self._listeners.append(listener)

    def forget(self, listener: Callable[[str, str], None]) -> None:
        """Call ``listener`` no longer."""
        self._listeners.remove(listener)

    def _advance(self, promise: _Promise) -> None:
        now = self._engine.now if promise.stopped is None else promise.stopped
        if promise.due > now:
            return
        if promise.jitter:
            promise.last, promise.due = promise.dice.ticks(promise.due, now, promise.period, promise.jitter)
        else:
            # Without jitter there is no draw to make for each of what may be many periods.
            promise.last = now - (now - promise.due) % promise.period
            promise.due = promise.last + promise.period

    def _tell(self, namespace: str, name: str) -> None:
        for listener in tuple(self._listeners):
            listener(namespace, name)
