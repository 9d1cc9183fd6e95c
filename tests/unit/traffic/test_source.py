"""Requests depend on what the cluster is: who is there, who listens, who answers well, and what the proxy knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kcsim.cluster.images import Window
from kcsim.cluster.traffic.source import (
    NO_ENDPOINTS,
    NO_PORT,
    NO_SERVICE,
    REFUSED,
    SERVER_ERROR,
    TIMED_OUT,
)
from kcsim.engine.clock import HOUR, MILLISECOND, SECOND
from kcsim.engine.trace import Record

Make = Callable[..., Any]


def told(shop: Any, verb: str) -> list[Record]:
    return [r for r in shop.sim.trace.records if r.actor == "traffic/users" and r.verb == verb]


def test_a_healthy_app_answers_everybody(shop: Make) -> None:
    s = shop()
    users = s.users(rate=10)
    s.sim.run("60s")
    totals = users.totals()
    assert (totals.sent, totals.failed, totals.availability) == (601, 0, 1.0)
    assert users.requests(10 * SECOND) == (100, 0)
    assert users.failures() == []
    assert told(s, "failing") == []
    latency = users.latency()
    assert 5 * MILLISECOND < latency.p50 < latency.p90 < latency.p99 < 100 * MILLISECOND


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"service": "wbe"}, NO_SERVICE),
        ({"port": 8080}, NO_PORT),
        ({"port": "http"}, None),
        ({"namespace": "kube-system"}, NO_SERVICE),
    ],
)
def test_asking_for_what_is_not_there(shop: Make, options: dict[str, Any], cause: str | None) -> None:
    s = shop()
    users = s.users(rate=1, **options)
    s.sim.run("10s")
    causes = users.totals().causes
    assert list(causes) == [cause] if cause else not causes
    assert len(told(s, "failing")) == (1 if cause else 0)


def test_no_endpoints_are_refused_at_once(shop: Make) -> None:
    s = shop()
    users = s.users()
    s.sim.kubectl("scale deployment web --replicas=0")
    s.sim.run("60s")
    failure = users.failures()[-1]
    assert failure.causes == {NO_ENDPOINTS: failure.count}
    origin = failure.why.chain()[-1]
    assert (origin.verb, origin.subject) == ("kubectl", "scale deployment web --replicas=0")
    assert users.requests(30 * SECOND) == (300, 300)


def test_a_program_that_does_not_listen_yet_refuses_until_it_does(shop: Make) -> None:
    s = shop(replicas=1, probe="", ready_after=30 * SECOND)
    users = s.users(rate=1)
    s.sim.run("60s")
    (failure,) = users.failures()
    assert list(failure.causes) == [REFUSED]
    assert users.requests(20 * SECOND) == (20, 0)
    (recovered,) = told(s, "recovered")
    started = s.sim.list("pods")[0]["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    assert recovered.time - failure.since <= 30 * SECOND + 2 * SECOND
    assert started


def test_a_readiness_probe_keeps_users_away_from_it(shop: Make) -> None:
    s = shop(replicas=1, ready_after=30 * SECOND)
    users = s.users(rate=1)
    s.sim.run("60s")
    assert list(users.totals().causes) == [NO_ENDPOINTS]


def test_server_errors_come_in_their_share(shop: Make) -> None:
    window = Window(60 * SECOND, 120 * SECOND)
    s = shop(replicas=1, serves_errors=window, error_fraction=0.25)
    users = s.users(rate=100)
    s.sim.run("3m")
    causes = users.totals().causes
    assert list(causes) == [SERVER_ERROR]
    assert abs(causes[SERVER_ERROR] - 1500) <= 1
    (failing,), (recovered,) = told(s, "failing"), told(s, "recovered")
    assert 59 * SECOND < recovered.time - failing.time < 61 * SECOND


def test_an_answer_after_the_timeout_is_none(shop: Make) -> None:
    s = shop(latency=1500 * MILLISECOND, probe="")
    patient, hasty = s.users(timeout=2 * SECOND), s.users(timeout=SECOND)
    s.sim.run("10s")
    assert patient.totals().failed == 0
    assert list(hasty.totals().causes) == [TIMED_OUT]


def test_a_dead_node_swallows_its_share_until_the_proxy_learns_of_it(shop: Make) -> None:
    s = shop(replicas=3)
    users = s.users(rate=30)
    s.sim.run("1s")
    crashed = s.sim.inject("node-crash", s.node_of())
    s.sim.run("2m")
    (failure,) = users.failures()
    assert failure.why is crashed
    assert list(failure.causes) == [TIMED_OUT]
    lasted = (failure.until - failure.since) / SECOND
    assert 40 <= lasted <= 62  # the grace of 50 s, less the age of the last renewal, and a monitor period
    lost = sum(1 for p in s.sim.list("pods") if f"default/{p['metadata']['name']}" in failure.pods)
    assert abs(failure.count - 30 * lasted * lost / 3) <= 30
    (failing,) = told(s, "failing")
    assert failing.cause is crashed
    assert failing.time - crashed.time <= SECOND + 3 * SECOND // 30


def test_requests_that_time_out_end_a_timeout_after_they_were_sent(shop: Make) -> None:
    s = shop(replicas=1)
    users = s.users(rate=1, timeout=5 * SECOND)
    s.sim.inject("node-crash", s.node_of())
    s.sim.run("10s")
    totals = users.totals()
    assert (totals.sent, totals.failed) == (11, 6)


def test_a_cut_between_users_and_nodes_times_out(shop: Make) -> None:
    s = shop()
    users = s.users()
    network = s.sim.world.network
    cut = network.cut(["users"], [f"node-{i}" for i in (1, 2, 3)])
    s.sim.run("10s")
    network.heal(cut)
    s.sim.run("10s")
    assert users.totals().causes == {TIMED_OUT: 100}
    assert users.requests(5 * SECOND) == (50, 0)


def test_a_client_on_a_node_asks_through_the_proxy_of_that_node(shop: Make) -> None:
    s = shop()
    inside = s.users(source="node-2")
    s.sim.run("20s")
    assert inside.requests(10 * SECOND) == (100, 0)
    assert inside.latency().p50 < 4 * MILLISECOND
    s.sim.inject("api-partition", "node-2")
    s.sim.kubectl("scale deployment web --replicas=0")
    s.sim.run("30s")
    # Its rules are stale: it sends to addresses that nobody has any more.
    assert list(inside.totals().causes)[-1] in {TIMED_OUT, REFUSED}
    assert NO_ENDPOINTS not in inside.totals().causes


def test_a_rolling_update_without_a_pre_stop_hook_loses_few_requests(shop: Make) -> None:
    s = shop(stops_after_sigterm=0)
    users = s.users(rate=200)
    s.sim.kubectl("set image deployment/web web=registry.example/web:2.0")
    s.sim.run("2m")
    totals = users.totals()
    # The proxy hears of a pod's end after the pod itself: some hit an address where nobody listens any more.
    assert 0 < totals.failed < 200 * 10
    assert users.requests(30 * SECOND) == (6000, 0)


def test_looking_does_not_change_what_is_seen(shop: Make) -> None:
    def story(look: bool) -> tuple[Any, str]:
        s = shop(seed=7)
        users = s.users(rate=7)
        s.sim.inject("node-crash", s.node_of(), duration="3m")
        for _ in range(60):
            s.sim.run("5s")
            if look:
                users.totals(), users.requests(SECOND), users.failures(), users.latency()
        return users.totals(), s.sim.trace.sha256()

    assert story(look=True) == story(look=False)


def test_windows_add_up_to_the_whole(shop: Make) -> None:
    s = shop()
    users = s.users(rate=3)
    s.sim.inject("node-crash", s.node_of(), duration="90s")
    begin = s.sim.engine.now
    s.sim.run("5m")
    parts = [users.requests(10 * SECOND, begin + t * 10 * SECOND) for t in range(1, 31)]
    # The first request is sent at the very beginning and has not ended then.
    assert [sum(column) for column in zip(*parts, strict=True)] == list(users.requests())


def test_the_cost_does_not_follow_the_rate(shop: Make) -> None:
    def events(rate: float) -> int:
        s = shop()
        s.users(rate=rate)
        before = s.sim.engine.steps
        s.sim.run("1h")
        steps: int = s.sim.engine.steps - before
        return steps

    assert events(10_000) <= events(1) + 2


def test_nothing_is_sent_before_the_start_or_after_the_end(shop: Make) -> None:
    s = shop()
    now = s.sim.engine.now
    users = s.users(rate=1, start=now + 10 * SECOND, until=now + 20 * SECOND)
    s.sim.run("5s")
    assert users.totals().sent == 0
    s.sim.run("1h")
    assert users.totals().sent == 11
    assert users.requests() == (11, 0)
    assert users.requests(HOUR, now + 15 * SECOND) == (5, 0)
