"""Laws of traffic: flows count what requests one by one would, and looking, rates and order change nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.cluster.images import Call, ImageBehaviour, Window
from kcsim.cluster.traffic.arrivals import Arrivals, exact_rate
from kcsim.cluster.traffic.demand import Burst, Demand, Level
from kcsim.cluster.traffic.outcome import (
    REFUSED,
    SERVER_ERROR,
    TIMED_OUT,
    Mix,
    Outcome,
    blend,
    in_turn,
    limited,
)
from kcsim.cluster.traffic.retries import Retries, retried
from kcsim.cluster.traffic.source import KeepAlive, TrafficSource
from kcsim.engine.clock import MINUTE, SECOND
from tests.unit.podnet.conftest import Shop

EVENTS = ("kill", "scale down", "scale up", "crash", "cut", "errors")


def outcomes() -> st.SearchStrategy[Mix]:
    """Mixes whose shares make 1."""
    causes = st.sampled_from(["", REFUSED, SERVER_ERROR, TIMED_OUT])
    part = st.tuples(causes, st.integers(1, 20), st.integers(0, 3 * SECOND))

    def make(parts: list[tuple[str, int, int]]) -> Mix:
        total = sum(weight for _, weight, _ in parts)
        found = [Outcome(c, w / total, t, ("default/a",), (), t) for c, w, t in parts]
        return blend([(Mix(found, {"default/a": 1.0}), 1.0)])

    return st.lists(part, min_size=1, max_size=5).map(make)


@given(outcomes(), outcomes(), st.integers(0, 4), st.integers(0, SECOND), st.none() | st.floats(0, 2))
def test_shares_always_make_one(a: Mix, b: Mix, attempts: int, backoff: int, budget: float | None) -> None:
    policy = Retries(attempts, backoff, budget=budget)
    one_try = limited(in_turn([a, b]), SECOND)
    whole = retried(one_try, policy)
    for mix in (one_try, whole.mix):
        assert sum(part.share for part in mix.parts) == pytest.approx(1.0, abs=1e-6)
        assert all(part.share > 0 for part in mix.parts)
    assert all(part.takes <= SECOND for part in one_try.parts)
    assert 1.0 - 1e-9 <= whole.tries <= attempts + 1 + 1e-9
    assert whole.mix.failed <= one_try.failed + 1e-6, (
        "retries never do harm where tries do not depend on each other"
    )
    if budget is not None:
        assert whole.tries - 1 <= budget + 1e-6


@given(
    st.lists(st.tuples(st.integers(1, 30 * SECOND), st.integers(0, 500)), min_size=1, max_size=8),
    st.integers(0, 2000),
)
def test_instants_and_counts_agree_while_rates_change(changes: list[tuple[int, int]], index: int) -> None:
    arrivals = Arrivals(exact_rate(7), SECOND)
    now = SECOND
    counts = []
    for wait, rate in changes:
        counts.append(arrivals.sent_before(now))
        now += wait
        arrivals.change(now, exact_rate(rate / 3))
        assert arrivals.sent_before(now) >= counts[-1]
    when = arrivals.sent_at(index)
    if when is None:
        assert arrivals.sent_before(1 << 60) <= index
    else:
        assert arrivals.sent_before(when) <= index < arrivals.sent_before(when + 1)


@given(
    st.lists(st.integers(0, 23), min_size=1, max_size=4, unique=True),
    st.lists(st.tuples(st.integers(0, 120), st.integers(1, 9), st.booleans()), max_size=3),
    st.integers(0, 100),
)
def test_a_demand_changes_only_when_it_says_so(
    hours: list[int], bursts: list[tuple[int, int, bool]], at: int
) -> None:
    levels = tuple(Level(h * 3600 * SECOND, exact_rate(h + 1)) for h in sorted(hours))
    made = tuple(
        Burst(m * MINUTE, n * MINUTE, exact_rate(n + 1), 30 * MINUTE if again else 0)
        for m, n, again in bursts
    )
    demand = Demand(exact_rate(10), levels=levels, bursts=made)
    now = at * 977 * SECOND
    upcoming = demand.next_change(now)
    until = upcoming if upcoming is not None else now + 48 * 3600 * SECOND
    for part in range(1, 12):
        assert demand.factor(now) == demand.factor(now + (until - now) * part // 12)


def _story(seed: int, events: list[str], each: bool, options: dict[str, Any], rate: int) -> TrafficSource:
    shop = Shop(replicas=3, seed=seed, latency=20_000, stops_after_sigterm=0)
    sim = shop.sim
    options = {**options}
    if "demand" not in options:
        options["rate"] = rate
    source = sim.world.add_traffic(
        "users", service="web", start=sim.engine.now, aggregate=not each, **options
    )
    for number, event in enumerate(events):
        sim.run("20s")
        if event == "kill":
            sim.kubectl(f"delete pod {sim.list('pods', 'default')[0]['metadata']['name']} --wait=false")
        elif event == "scale down":
            sim.kubectl("scale deployment web --replicas=1")
        elif event == "scale up":
            sim.kubectl("scale deployment web --replicas=4")
        elif event == "crash":
            sim.inject("node-crash", f"node-{number % 3 + 1}", duration="30s")
        elif event == "cut":
            sim.inject("network-partition", f"users <-> node-{number % 3 + 1}", duration="10s")
        else:
            behaviour = ImageBehaviour(
                "registry.example/web:1.0",
                latency=20_000,
                stops_after_sigterm=0,
                serves_errors=Window(),
                error_fraction=0.3,
            )
            for node in sim.world.cluster.kubelets.values():
                node.runtime.behave(behaviour)
    sim.run("60s")
    return source


POLICIES: list[dict[str, Any]] = [
    {},
    {"retries": Retries(2, 200_000)},
    {"retries": Retries(1, 100_000, budget=0.1)},
    {"timeout": 300_000},
]


@settings(max_examples=12)
@given(
    st.integers(0, 50), st.lists(st.sampled_from(EVENTS), min_size=1, max_size=3), st.sampled_from(POLICIES)
)
@pytest.mark.slow
def test_flows_count_what_requests_one_by_one_would(
    seed: int, events: list[str], options: dict[str, Any]
) -> None:
    rate = 20
    flows = _story(seed, events, False, options, rate)
    ones = _story(seed, events, True, options, rate)
    counted, played = flows.totals(), ones.totals()
    assert counted.sent == played.sent
    # The stated error: what is under way at a change, and chance itself (five deviations of a binomial draw).
    changes = len(flows.ledger.stretches)
    failed = max(counted.failed, played.failed)
    retrying = flows.patience - flows.timeout + 100_000
    edges = changes * rate * retrying / SECOND
    assert abs(counted.failed - played.failed) <= edges + 5 * (2 * failed + 1) ** 0.5
    a, b = flows.latency(), ones.latency()
    assert a is not None
    assert b is not None
    assert a.p50 == pytest.approx(b.p50, rel=0.1)


@settings(max_examples=6)
@given(st.integers(0, 20), st.integers(5, 40), st.integers(100_000, 3 * SECOND))
@pytest.mark.slow
def test_a_closed_loop_asks_as_often_as_its_users_can(seed: int, users: int, think: int) -> None:
    demand = Demand(users=users, think=think)
    flows = _story(seed, ["kill"], False, {"demand": demand}, 0)
    ones = _story(seed, ["kill"], True, {"demand": demand}, 0)
    counted, played = flows.totals().ended, ones.totals().ended
    # Users begin within one think time, and a cycle at each end and change may be cut short.
    slack = users * (len(flows.ledger.stretches) + 3)
    assert abs(counted - played) <= slack + 0.03 * counted


@settings(max_examples=8)
@given(st.integers(0, 100), st.integers(1, 60), st.none() | st.integers(5, 60))
def test_kept_connections_are_all_somewhere(seed: int, connections: int, age: int | None) -> None:
    shop = Shop(replicas=3, seed=seed)
    users = shop.users(rate=50, keep_alive=KeepAlive(connections, age and age * SECOND))
    shop.sim.run("10s")
    assert sum(users.connections().values()) == connections
    shop.sim.kubectl("scale deployment web --replicas=1")
    shop.sim.run("60s")
    assert list(users.connections().values()) == [connections]
    pod = f"default/{shop.sim.list('pods', 'default')[0]['metadata']['name']}"
    assert list(users.connections()) == [pod]


def test_calls_multiply_as_probabilities_do() -> None:
    """Two calls that each fail a tenth of the time: 0.9 * 0.9 is answered."""
    tenth = Mix([Outcome(SERVER_ERROR, 0.1, 10), Outcome("", 0.9, 10, (), (), 10)])
    assert in_turn([tenth, tenth]).failed == pytest.approx(1 - 0.81)
    assert Call("http://x").timeout == SECOND
