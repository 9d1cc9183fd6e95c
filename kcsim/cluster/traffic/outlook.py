"""What becomes of a request that is sent now: all ways it can go, each with its share.  Looks; changes nothing.

Answers are kept with the facts they were made from (``memo.py``): when one of these changes, whoever asks says so, and only
what came of it is worked out again. A cluster in which one pod ends costs one pod's worth of work.

**Imitates:** a client's connect and request over TCP, kube-proxy's choice (``podnet/services.py``), and the retries of
nginx to the next upstream (``ngx_http_upstream``). Left out: the round trip of the handshake, HTTP/2.

**Walk:** a client and a target -> the name is looked up where the cluster has DNS -> the proxy's backends become
``Option``s -> a ``Leg`` is ridden: policies, path, listener -> a router passes on, a program answers, calling others
first -> a ``Mix``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kcsim.cluster.images import Call
from kcsim.cluster.kubelet.runtime import Serving
from kcsim.cluster.podnet.plane import Ask, Passed, PodNetwork, Router
from kcsim.cluster.traffic.legs import Choose, Client, Fact, Leg, Option, Reached
from kcsim.cluster.traffic.outcome import (
    DROPPED,
    NOT_FOUND,
    NOTHING,
    REFUSED,
    RESET,
    SERVER_ERROR,
    TIMED_OUT,
    Mix,
    Outcome,
    blend,
    in_turn,
    limited,
    lost,
    one,
    onward,
)
from kcsim.cluster.traffic.retries import Retries, retried
from kcsim.cluster.traffic.target import Target, of_url
from kcsim.cluster.traffic.ways import Ways
from kcsim.engine.clock import SECOND
from kcsim.network.impairment import RETRANSMISSION, loss_of, without_loss
from kcsim.profile.distributions import Distribution

_TRIES = 7
ENDS = (RESET, TIMED_OUT)
"""How a program can end under a request: its connections are closed, or nothing comes any more."""


class Outlook(Ways):
    """What becomes of requests at the end of their ways.

    Attributes:
        reached: the programs that requests may reach, by address and port.
        rides: who goes to each address, and by which legs.
    """

    def __init__(self, pods: PodNetwork, choose: Choose, listen: Callable[[str], None]) -> None:
        super().__init__(pods, choose, listen)
        self.reached: dict[tuple[str, int], tuple[str, Reached]] = {}
        self.rides: dict[str, dict[tuple[str, Leg], Client]] = {}
        self._inside: list[tuple[str, int]] = []

    def forget(self, fact: Fact) -> None:
        """A fact has changed."""
        super().forget(fact)
        if fact[0] == "ip":
            self.rides.pop(str(fact[1]), None)

    def clear(self) -> None:
        """Everything may be different."""
        super().clear()
        self.rides = {}

    def pods_at(self, ip: str) -> list[tuple[str, Reached]]:
        """The programs at an address that requests reached so far."""
        return [found for (where, _), found in self.reached.items() if where == ip]

    def fresh(self, client: Client, target: Target, entry: str = "") -> Mix:
        """What becomes of a request over a connection of its own."""

        def work() -> Mix:
            return self.all_of(client, self.options(client, target, entry), target.ask)

        # Without names and policies all clients of a node are alike, unless they stay with a backend each.
        return self._memo.keep(("fresh", self._alike(client), client.namespace, target, entry), work)

    def all_of(self, client: Client, options: Sequence[Option], ask: Ask) -> Mix:
        """What becomes of a request that takes any of some options."""
        found = []
        for option in options:
            end = option.mix if option.leg is None else self.ride(client, option.leg, ask)
            assert end is not None, "an option is a leg or an end"
            found.append((onward(option.links, option.waited, end), option.share))
        return blend(found)

    def ride(self, client: Client, leg: Leg, ask: Ask, *, established: bool = False) -> Mix:
        """What becomes of a request over a leg; policies are asked only when its connection is opened."""

        def work() -> Mix:
            self._sees(leg.ip)
            ways = self.way(client, leg)
            if ways is None:
                return _meant_for(leg, lost())
            if not established and not self.may_open(client, leg):
                return _meant_for(leg, lost(DROPPED))
            self.rides.setdefault(leg.ip, {})[client.name, leg] = client
            loss = loss_of(ways)
            mix = self._accepted(leg, ask, without_loss(ways))
            return _meant_for(leg, _repeated(mix, loss, established=established) if loss else mix)

        return self._memo.keep(("ride", self._alike(client), leg, ask, established), work)

    def serving(self, leg: Leg) -> Serving | None:
        """Who accepts connections at the end of a leg."""
        return self._pods.serving(leg.ip, leg.port)

    def _accepted(self, leg: Leg, ask: Ask, links: tuple[Distribution, ...]) -> Mix:
        """What becomes of a request whose packets arrive."""
        serving = self._pods.serving(leg.ip, leg.port)
        if serving is None:
            return onward(links, 0, one(REFUSED))
        node = self._pods.node_of(leg.ip) or ""
        name = f"{serving.namespace}/{serving.pod}"
        reached = Reached(leg.ip, leg.port, serving.uid, node, serving.latency)
        self.reached[leg.ip, leg.port] = (name, reached)
        router = self._pods.routers.get((serving.namespace, serving.pod))
        if router is not None:
            mix = self._passed_on(router, serving, leg, ask)
        else:
            mix = self._answered(serving, leg)
        return onward(links, 0, mix)

    def _answered(self, serving: Serving, leg: Leg) -> Mix:
        """What a program makes of a request, and the programs it calls."""
        place = (leg.ip, leg.port)
        if place in self._inside:
            names = " > ".join(self._pod_name(ip) for ip, _ in [*self._inside, place])
            return one(SERVER_ERROR, serving.latency, f"calls go in a circle: {names}")

        def work() -> Mix:
            self._sees(leg.ip)
            latency, errors = serving.latency, serving.error_fraction
            own = (
                Outcome(SERVER_ERROR, errors, latency, (), (), latency),
                Outcome("", 1.0 - errors, latency, (), (), latency),
            )
            pod = f"{serving.namespace}/{serving.pod}"
            mix = Mix([part for part in own if part.share > 0], (), pod)
            if not serving.calls:
                return mix
            self._inside.append(place)
            client = self.client_at(leg.ip)
            mix = in_turn([mix, *(self._called(client, call) for call in serving.calls)])
            self._inside.pop()
            return _connected_to(pod, mix)

        return self._memo.keep(("program", place), work)

    def _called(self, client: Client, call: Call) -> Mix:
        target = of_url(call.to)
        mix = limited(self.fresh(client, target), call.timeout)
        if call.retries:
            mix = retried(mix, Retries(call.retries)).mix
        parts = []
        for part in mix.parts:
            if not part.cause:
                parts.append(part)
            elif call.optional:
                parts.append(part._replace(cause="", where=""))
            else:
                told = f"{target.host} > {part.where}" if part.where else f"{target.host}: {part.cause}"
                parts.append(part._replace(cause=SERVER_ERROR, where=told))
        made = Mix(parts, mix.made_of, mix.pod, forgives=ENDS if call.optional or call.retries else ())
        return blend([(made, call.share), (NOTHING, 1.0 - call.share)])

    def _pod_name(self, ip: str) -> str:
        key = self._pods.pod_at(ip)
        return key[1] if key is not None else ip

    def _passed_on(self, router: Router, serving: Serving, leg: Leg, ask: Ask) -> Mix:
        self._memo.reads(("routes",))
        name = f"{serving.namespace}/{serving.pod}"
        client = self.client_at(leg.ip)
        shares = [
            (self._to_upstream(router, client, passed, ask), passed.share)
            for passed in router.route(ask, leg.port)
        ]
        own = Mix((Outcome("", 1.0, serving.latency, (), (), serving.latency),), (), name)
        return _connected_to(name, in_turn([own, blend(shares)]))

    def _to_upstream(self, router: Router, client: Client, passed: Passed, ask: Ask) -> Mix:
        """One share of requests: to a backend, and to the next when no connection is opened there."""
        if not passed.backends:
            cause = NOT_FOUND if passed.status == 404 else SERVER_ERROR if passed.status >= 500 else ""
            return one(cause, 0, f"{passed.where}: {passed.status}" if cause else "")
        dead: list[Mix] = []
        alive: list[Mix] = []
        for backend in passed.backends:
            leg = Leg(client.name, "", backend.ip, backend.port, False, backend.pod)
            mix = self.ride(client, leg, ask)
            unopened = all(p.cause in (REFUSED, TIMED_OUT, DROPPED) for p in mix.parts) and not mix.reached
            (dead if unopened else alive).append(mix)
        told = passed.where
        failed = [limited(mix, router.connect_timeout) for mix in dead]
        first = blend([(mix, 1.0) for mix in failed]) if failed else None
        waits = int(sum(p.takes * p.share for p in first.parts) / len(failed)) if first is not None else 0
        pods = first.parts[0].pods if first is not None else ()
        good = _even(alive)
        found: list[tuple[Mix, float]] = []
        total, left = len(passed.backends), 1.0
        tries = min(router.tries, total)
        for tried in range(tries):
            # Backends are not tried twice: of those left, so many cannot be connected to.
            bad = max(len(dead) - tried, 0) / (total - tried)
            if good is not None:
                found.append((onward((), waits * tried, good), left * (1 - bad)))
            left *= bad
        if left > 0 and first is not None:
            quick = all(p.cause == REFUSED for p in first.parts)
            status = "502" if quick else "504"
            found.append((one(SERVER_ERROR, waits * tries, f"{told}: {status}", pods=pods), left))
        # A backend that closes a connection before it answers is an error as well: the next one is asked.
        # One that vanishes is waited for, for longer than clients wait.
        others = router.tries > 1 and len(alive) > 1
        made = blend(found)
        mix = Mix(made.parts, ((made, 1.0),), forgives=(RESET,) if others else ())
        return limited(mix, router.timeout, SERVER_ERROR, f"{told}: 504")


def _even(mixes: list[Mix]) -> Mix | None:
    return blend([(mix, 1 / len(mixes)) for mix in mixes]) if mixes else None


def _connected_to(pod: str, mix: Mix) -> Mix:
    """The mix of who passes requests on: a client is connected to it, and those behind it are to blame for what fails there."""
    parts = [part if part.cause else part._replace(pods=(pod,)) for part in mix.parts]
    return Mix(parts, mix.made_of, mix.pod)


def _meant_for(leg: Leg, mix: Mix) -> Mix:
    """The mix with the pod it was meant for, where none further on is to blame."""
    pods = (leg.pod,)
    parts = [part if part.pods else part._replace(pods=pods) for part in mix.parts]
    return Mix(parts, mix.made_of, mix.pod, mix.forgives)


def _repeated(mix: Mix, loss: float, *, established: bool) -> Mix:
    """What loss makes of outcomes; ``loss`` of a packet or of the one that answers it.

    Opening a connection is an exchange of its own, whose lost packets are sent again after 1 s, 3 s, 7 s (RFC 6298, 2.1);
    on an open connection they are after 200 ms, 600 ms, 1.4 s.
    """
    answered = _tried_again(mix, loss, RETRANSMISSION)
    return answered if established else _tried_again(answered, loss, SECOND)


def _tried_again(mix: Mix, loss: float, first: int) -> Mix:
    found: list[tuple[Mix, float]] = []
    left, waited = 1.0, 0
    for tries in range(_TRIES):
        found.append((onward((), waited, mix), left * (1.0 - loss)))
        left *= loss
        waited += first << tries
    found.append((lost(), left))
    return blend(found)
