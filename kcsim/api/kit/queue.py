"""The work queue and the loop that turns keys into reconciles.

**Imitates:** client-go ``util/workqueue``: three sets (queue, dirty, processing), so a key is never handled by two
workers and changes during handling bring it back once; per-item exponential back-off from 5 ms to 1000 s, and a bucket
of 10 a second with a burst of 100. ``Result`` is controller-runtime's.

As in client-go and controller-runtime no key is handled before the caches that the reconciler reads have synced once
(``WaitForCacheSync``): a controller that has just started never takes "not seen yet" for "not there".

**Walk:** ``enqueue`` -> dirty, queued -> a free worker takes the key after the reaction delay -> ``reconcile`` runs as a
task -> its outcome (done, again after t, failed) becomes one queue operation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kcsim.api.client import Client
from kcsim.api.kit.informer import Informer
from kcsim.api.log import Version
from kcsim.api.objects import Key
from kcsim.engine.clock import SECOND, format_duration
from kcsim.engine.core import Timer
from kcsim.engine.task import exited
from kcsim.engine.trace import Record
from kcsim.profile.constants import DEFAULT

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component

BASE_DELAY = DEFAULT.us("client-go/workqueue-base-delay")
MAX_DELAY = DEFAULT.us("client-go/workqueue-max-delay")
BUCKET_INTERVAL = SECOND // DEFAULT.count("client-go/workqueue-qps")
BUCKET_BURST = DEFAULT.count("client-go/workqueue-burst")
PATIENCE = 10.0
"""Seconds of the wall clock after which a step of a user's reconciler is taken for one without an end."""


@dataclass(frozen=True, slots=True)
class Result:
    """What comes after a reconcile that did not fail.

    Attributes:
        requeue_after: look at the key again after this many µs; 0 for not.
        requeue: look again with back-off, as after a failure.
        what: what the clock is said to have done when it comes back, e.g. ``interval 10m``.
    """

    requeue_after: int = 0
    requeue: bool = False
    what: str = ""


Outcome = Generator[Any, Any, Result | None]


class Reconciler:
    """Subclass this: ``setup`` subscribes to informers, ``reconcile`` brings one object where it should be.

    Attributes:
        name: for events, errors and the client's stream.
        workers: how many keys may be reconciled at once.
        max_retries: failures after which a key is dropped until its next event; None for never.
        patience: how long one step of a user's reconciler may compute, in seconds of the wall clock.
    """

    name = "reconciler"
    workers = 1
    max_retries: int | None = None
    patience: float = PATIENCE

    component: Component
    client: Client
    _controller: Controller

    def attach(self, component: Component, controller: Controller, client: Client) -> None:
        """Called by ``Component.run``."""
        self.component = component
        self.client = client
        self._controller = controller
        self.setup(component)

    def setup(self, component: Component) -> None:
        """Subscribe to informers and enqueue keys from their changes."""
        raise NotImplementedError

    def reconcile(self, key: Key) -> Outcome | Result | None:
        """Bring the object of ``key`` where it should be: a generator over calls, or a plain function.

        Raising means failure: the key comes back after its back-off.
        """
        raise NotImplementedError

    def reset(self) -> None:
        """The component crashed: forget what was kept in memory."""

    def enqueue(self, key: Key) -> None:
        """Ask for a reconcile of ``key``."""
        self._controller.enqueue(key)

    def enqueue_after(self, key: Key, delay: int, what: str = "") -> None:
        """Ask for a reconcile of ``key`` in ``delay`` µs."""
        self._controller.enqueue_after(key, delay, what)

    def error_delay(self, failures: int) -> int:
        """The back-off after the n-th failure in a row (from 0), in µs."""
        return min(BASE_DELAY << min(failures, 30), MAX_DELAY)


class Controller:
    """A reconciler's queue and workers.

    Attributes:
        informers: the caches that must have synced before the first key is handled.
        synced: whether they have.
        handled: how often each key was handled since the process started: what tells a hot loop.
    """

    def __init__(self, component: Component, reconciler: Reconciler, client: Client) -> None:
        self.informers: list[Informer] = []
        self.synced = False
        self._component = component
        self._engine = component.engine
        self.reconciler = reconciler
        self.client = client
        self._dice = component.dice(f"queue/{reconciler.name}")
        self._queue: deque[Key] = deque()
        self._dirty: dict[Key, Record | None] = {}
        self._processing: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._delayed: dict[Key, Timer] = {}
        self.handled: dict[Key, int] = {}
        self._busy = 0
        # Workers on their way to a key: never more than there are keys.
        self._coming = 0
        self._bucket_free_at = 0

    # --- adding -------------------------------------------------------------------------------------------------

    def enqueue(self, key: Key) -> None:
        """Add a key; while it waits, further adds change nothing but perhaps the cause it is handled for."""
        cause = self._engine.cause
        if key in self._dirty:
            if _outranks(cause, self._dirty[key]):
                self._dirty[key] = cause
            return
        self._dirty[key] = cause
        if key not in self._processing:
            self._push(key)

    def enqueue_after(self, key: Key, delay: int, what: str = "") -> None:
        """Add a key after ``delay`` µs; of several delayed adds the earliest counts."""
        if delay <= 0:
            self.enqueue(key)
            return
        timer = self._delayed.get(key)
        when = self._engine.now + delay
        if timer is not None and timer.active:
            if timer.when <= when:
                return
            timer.cancel()
        if what:
            self._delayed[key] = self._component.tick(delay, what, self._due, key)
            return
        # A retry is still for what made the first try.
        again = f"{self.reconciler.name} looks again after {format_duration(delay)}"
        self._delayed[key] = self._component.tick_on(delay, again, self._due, key)

    def _due(self, key: Key) -> None:
        self._delayed.pop(key, None)
        self.enqueue(key)

    def _push(self, key: Key) -> None:
        self._queue.append(key)
        self._call_worker()

    def cache_synced(self) -> None:
        """One of the component's caches has synced: begin to work if none is missing."""
        if self.synced:
            return
        for informer in self.informers:
            if not informer.synced:
                return
        self.synced = True
        for _ in range(min(self.reconciler.workers, len(self._queue))):
            self._call_worker()

    def _call_worker(self) -> None:
        if not self.synced:
            return
        if self._busy < self.reconciler.workers and self._coming < len(self._queue):
            self._busy += 1
            self._coming += 1
            component = self._component
            reaction = self._dice.draw(component.endpoint.profile.reaction)
            component.after(reaction + component.pace, self._work)

    def reset(self) -> None:
        """The component crashed: everything queued is forgotten."""
        for timer in self._delayed.values():
            timer.cancel()
        for kept in (self._queue, self._dirty, self._processing, self._failures, self._delayed, self.handled):
            kept.clear()
        self._busy = self._coming = 0
        self.synced = not self.informers
        self.reconciler.reset()

    @property
    def processing(self) -> Collection[Key]:
        """The keys that are being reconciled right now."""
        return self._processing

    # --- handling -----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        self._coming -= 1
        key = self._queue.popleft()
        self._processing.add(key)
        self.handled[key] = self.handled.get(key, 0) + 1
        self._engine.cause = self._dirty.pop(key)
        try:
            outcome = self.reconciler.reconcile(key)
        except SystemExit as left:
            self._finished(key, None, exited(left))
            return
        except Exception as error:  # noqa: BLE001 - a controller's failure is its own; the world goes on
            self._finished(key, None, error)
            return
        if isinstance(outcome, Generator):
            self._component.spawn(outcome, lambda value, error: self._finished(key, value, error))
        else:
            self._finished(key, outcome, None)

    def _finished(self, key: Key, result: Result | None, error: Exception | None) -> None:
        """The one switch from an outcome to a queue operation."""
        self._processing.discard(key)
        self._busy -= 1
        if result is not None and not isinstance(result, Result):
            error = error or TypeError(f"reconcile gave {result!r:.60}, which is neither None nor a Result")
        if error is not None:
            self._component.failed(f"{self.reconciler.name} {'/'.join(key).lstrip('/')}", error)
            self._retry(key)
        elif result is None:
            self._failures.pop(key, None)
        elif result.requeue_after:
            self._failures.pop(key, None)
            self.enqueue_after(key, result.requeue_after, result.what)
        elif result.requeue:
            self._retry(key)
        else:
            self._failures.pop(key, None)
        if key in self._dirty:
            self._push(key)
        else:
            self._call_worker()

    def _retry(self, key: Key) -> None:
        failures = self._failures.get(key, 0)
        limit = self.reconciler.max_retries
        if limit is not None and failures >= limit:
            self._failures.pop(key, None)
            return
        self._failures[key] = failures + 1
        self.enqueue_after(key, max(self.reconciler.error_delay(failures), self._bucket_wait()))

    def _bucket_wait(self) -> int:
        now = self._engine.now
        start = max(self._bucket_free_at, now)
        self._bucket_free_at = start + BUCKET_INTERVAL
        return max(start - now - (BUCKET_BURST - 1) * BUCKET_INTERVAL, 0)


def _outranks(new: Record | None, old: Record | None) -> bool:
    """Whether ``new`` says better why a key is handled: a change of what is wanted beats a change of what is."""
    return _is_spec_change(new) and not _is_spec_change(old)


def _is_spec_change(record: Record | None) -> bool:
    if not isinstance(record, Version):
        return False
    before = record.previous
    return before is None or before.object.get("spec") is not record.object.get("spec")
