"""Leader election: one of several instances works, the others wait for its Lease to run out.

**Imitates:** client-go ``tools/leaderelection`` (v1.36): whoever creates the Lease, or finds it given back or unchanged
for its whole length by the candidate's own clock, takes it. A leader that could not renew for the renew deadline is no
leader any more: ``on_lost`` tells the process, which ends. Renewals are promised, not written (``kcsim.api.heartbeat``).
Differs: while a promise stands candidates wait for its end instead of looking every few seconds; when it ends they look
at instants as random as theirs would have been. Nobody notices a Lease that people delete or rewrite by hand.

**Walk:** ``start`` -> read the Lease -> free, run out, or ours: take it -> ``on_elected`` once -> the server is out of
reach for longer than the renew deadline -> ``on_lost``; otherwise look again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.api.client import Call
from kcsim.api.kit.lease import LEASES, Promise, new_lease
from kcsim.api.objects import Object
from kcsim.api.status import StatusError, Unreachable
from kcsim.engine.clock import SECOND, rfc3339_micro
from kcsim.engine.core import Timer
from kcsim.engine.task import Done, Sleep, Steps, Waitable
from kcsim.profile.constants import DEFAULT

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component

JITTER_FACTOR = DEFAULT.number("client-go/leader-election-jitter-factor")
"""By how much a candidate's look may come later (leaderelection.go)."""


@dataclass(frozen=True, slots=True)
class ElectionTimes:
    """How long a Lease is good, and how often it is renewed or tried for; all µs.

    Attributes:
        renew_deadline: how long a leader tries to renew before it gives up; 0: for ever.
    """

    lease: int
    renew_deadline: int
    retry: int


class LeaderElection:
    """One candidate.

    Args:
        component: the running process; what it is a candidate for is started by ``on_elected``.
        identity: the host's or pod's name and a unique part.
        times: the three durations.
        on_lost: the leader could not renew in time.
        release: whether a leader that stops while its machine is up gives the Lease back.
        tells: whether becoming the leader is told as an Event.
    """

    def __init__(
        self,
        component: Component,
        namespace: str,
        name: str,
        identity: str,
        on_elected: Callable[[], None],
        *,
        times: ElectionTimes,
        on_lost: Callable[[], None] | None = None,
        release: bool = False,
        tells: bool = False,
    ) -> None:
        self._component = component
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._on_elected = on_elected
        self._on_lost = on_lost
        self._times = times
        self._release = release
        self._tells = tells
        self._dice = component.dice("leader-election")
        self._observed: tuple[str, int] = ("", 0)
        self._held: Object | None = None
        self._promise = Promise(component, namespace, name, self._reach)
        self._giving_up: Timer | None = None

    @property
    def leads(self) -> bool:
        """Whether this candidate holds the Lease."""
        return self._held is not None

    def start(self) -> None:
        """Become a candidate."""
        self._component.spawn(self._campaign())

    def claim(self, lease: Object) -> None:
        """Hold ``lease``, which was just created for this candidate: the world begins with a leader."""
        self._held = lease
        self._promise.begin(self._times.retry)
        self._on_elected()

    def first_lease(self) -> Object:
        """The Lease that this candidate would create now."""
        return new_lease(self._namespace, self._name, self._spec({}))

    def stop(self) -> None:
        """The process ends: no more renewals, and the Lease is given back if that is its way."""
        held, self._held = self._held, None
        self._forget_deadline()
        self._promise.stop()
        if held is not None and self._release:
            # Looked at when this instant is over: a machine that dies takes its containers along before it is off the net.
            self._component.engine.after(0, self._give_back, held)

    def overlook(self, overlooks: bool) -> None:
        """The leader's renewals are lost and it does not notice (a fault); at the end it looks at the Lease again."""
        if overlooks:
            self._promise.stop()
            self._forget_deadline()
        elif self._held is not None:
            self._component.spawn(self._look_again())

    def _look_again(self) -> Steps:
        """Whether it still leads: another may have taken the Lease meanwhile."""
        component = self._component
        try:
            lease = yield component.client.get(LEASES, self._namespace, self._name)
        except StatusError as error:
            component.failed(f"lease {self._name}", error)
            self._lost()
            return
        if lease["spec"].get("holderIdentity") == self._identity:
            self._promise.begin(self._times.retry)
        else:
            self._lost()

    def _give_back(self, held: Object) -> None:
        if self._component.endpoint.network.is_up(self._component.host):
            spec = {**held["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
            client = self._component.client
            client.start(client.patch(LEASES, self._namespace, self._name, {"spec": spec}))

    # --- trying -------------------------------------------------------------------------------------------------

    def _campaign(self) -> Steps:
        component, times = self._component, self._times
        heartbeats = component.endpoint.server.heartbeats
        while True:
            try:
                lease = yield self._soon(component.client.get(LEASES, self._namespace, self._name))
                if self._is_free(lease):
                    taken = objects.assoc(lease, ("spec",), self._spec(lease.get("spec") or {}))
                    self._held = yield self._soon(component.client.update(LEASES, taken))
                    break
            except StatusError as error:
                if error.is_not_found and (yield from self._create()):
                    break
            # Not free, or somebody was quicker, or no answer: a candidate keeps trying.
            delay = self._dice.jitter(times.retry, JITTER_FACTOR)
            if heartbeats.is_standing(self._namespace, self._name):
                yield _UntilSilent(component, self._namespace, self._name)
                delay = int(delay * self._dice.uniform())
            yield Sleep(component.engine, delay)
        self._promise.begin(times.retry)
        if self._tells:
            assert self._held is not None
            component.event(self._held, "Normal", "LeaderElection", f"{self._identity} became leader")
        self._on_elected()

    def _create(self) -> Any:
        try:
            self._held = yield self._soon(self._component.client.create(LEASES, self.first_lease()))
        except StatusError as error:
            self._component.failed(f"lease {self._name}", error)
            return False
        return True

    def _soon(self, call: Call) -> Waitable:
        """A request of this client waits for half the renew deadline at most (``KubeConfig.Timeout``)."""
        limit = self._times.renew_deadline // 2
        return _Within(self._component, call, limit) if limit else call

    def _spec(self, old: dict[str, Any]) -> dict[str, Any]:
        now = rfc3339_micro(self._component.engine.now)
        changed = old.get("holderIdentity") != self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._times.lease // SECOND,
            "acquireTime": now if changed else old.get("acquireTime", now),
            "renewTime": now,
            "leaseTransitions": old.get("leaseTransitions", -1) + 1,
        }

    def _is_free(self, lease: Object) -> bool:
        """Whether nobody holds it, or its holder has been silent for the lease's length by our own clock."""
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") in {None, "", self._identity}:
            return True
        now, renewed = self._component.engine.now, spec.get("renewTime", "")
        if renewed != self._observed[0]:
            self._observed = (renewed, now)
        length: int = spec.get("leaseDurationSeconds", self._times.lease // SECOND) * SECOND
        return now - self._observed[1] >= length

    # --- losing -------------------------------------------------------------------------------------------------

    def _reach(self, reachable: bool) -> None:
        """The server came into or out of reach: the deadline runs from the renewal that would have come next."""
        deadline = self._times.renew_deadline
        if reachable or not deadline or self._on_lost is None:
            self._forget_deadline()
        elif self._giving_up is None:
            component = self._component
            last = component.endpoint.server.heartbeats.last_renewal(self._namespace, self._name)
            lost_at = (component.engine.now if last is None else last) + self._times.retry + deadline
            self._giving_up = component.after(max(lost_at - component.engine.now, 0), self._lost)

    def _forget_deadline(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _lost(self) -> None:
        self._giving_up = None
        self._component.engine.note(self._component.name, "lost", f"lease/{self._namespace}/{self._name}")
        if self._on_lost is not None:
            self._on_lost()


class _Within:
    """A call whose answer must come in time."""

    __slots__ = ("_call", "_component", "_limit")

    def __init__(self, component: Component, call: Call, limit: int) -> None:
        self._component = component
        self._call = call
        self._limit = limit

    def start(self, done: Done) -> None:
        """Send it; what comes first counts, the answer or the end of patience."""
        waiting = True

        def first(value: Any, error: Exception | None) -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                timer.cancel()
                done(value, error)

        timer = self._component.after(
            self._limit, first, None, Unreachable("context deadline exceeded (Client.Timeout exceeded)")
        )
        self._call.start(first)


class _UntilSilent:
    """Wait until the renewals of a Lease stop."""

    __slots__ = ("_component", "_key")

    def __init__(self, component: Component, namespace: str, name: str) -> None:
        self._component = component
        self._key = (namespace, name)

    def start(self, done: Done) -> None:
        """Listen, once."""
        heartbeats = self._component.endpoint.server.heartbeats

        def changed(namespace: str, name: str) -> None:
            if (namespace, name) == self._key and not heartbeats.is_standing(namespace, name):
                heartbeats.forget(changed)
                self._component.after(0, done, None, None)

        heartbeats.on_change(changed)
