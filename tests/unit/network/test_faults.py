"""Faults of the network: whole, partial, one way, lossy and slow; each ends when its time is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.cluster.traffic.source import TIMED_OUT
from kcsim.engine.clock import SECOND
from kcsim.engine.dice import Dice
from kcsim.network.impairment import Lossy, loss_of, without_loss
from kcsim.network.topology import Cut, Network
from kcsim.profile.distributions import Fixed
from kcsim.simulation.faults import FaultError, heal
from kcsim.simulation.simulation import Simulation

SHOP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.example/web:1", ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
"""


@pytest.fixture
def town() -> Callable[[], Simulation]:
    def make() -> Simulation:
        sim = Simulation(nodes=6, seed=5, checking=True)
        sim.run_until("5s")
        sim.apply(SHOP)
        sim.run_until("20s")
        return sim

    return make


def way(sim: Simulation, a: str, b: str) -> bool:
    return sim.world.network.route(a, b) is not None


def test_who_minds_one_way_is_not_told_of_cuts_elsewhere() -> None:
    network = Network()
    for name in ("a", "b", "c", "d"):
        network.add_host(name, kind="node")
    for name in ("b", "c", "d"):
        network.connect("a", name, Fixed(1))
    told: list[str] = []
    network.on_change(lambda: told.append("ab"), ("a", "b"))
    network.on_change(lambda: told.append("any"))
    cut = network.cut(["c"], ["d"])
    network.partition("x", [Cut(frozenset("b"), frozenset("acd"))])
    network.heal(cut)
    assert told == ["any", "ab", "any", "any"]
    told.clear()
    network.partition("x", ())
    network.set_up("d", up=False)
    assert told == ["ab", "any", "ab", "any"], "it has come back; and what else changes may matter to anybody"


@pytest.mark.parametrize(
    ("link", "lost", "open_"),
    [
        ("node-1", [("node-1", "node-2"), ("node-2", "node-1"), ("users", "node-1")], [("node-2", "node-3")]),
        (
            "zone-a",
            [("node-1", "node-2"), ("node-4", "control-plane")],
            [("node-1", "node-4"), ("node-2", "node-3")],
        ),
        (
            "zone-a <-> zone-b",
            [("node-1", "node-2"), ("node-5", "node-4")],
            [("node-1", "node-3"), ("node-2", "node-3")],
        ),
        (
            "node-1 -> control-plane",
            [("node-1", "control-plane")],
            [("control-plane", "node-1"), ("node-2", "control-plane")],
        ),
        ("node-1, node-2 <-> node-3", [("node-1", "node-3"), ("node-3", "node-2")], [("node-1", "node-2")]),
        ("nodes <-> users", [("users", "node-1"), ("node-6", "users")], [("users", "git.example")]),
    ],
)
def test_a_partition_loses_what_it_says_and_nothing_else(
    town: Any, link: str, lost: list[tuple[str, str]], open_: list[tuple[str, str]]
) -> None:
    sim = town()
    sim.inject("network-partition", link, duration="1m")
    assert not any(way(sim, a, b) for a, b in lost)
    assert all(way(sim, a, b) for a, b in open_)
    sim.run("61s")
    assert all(way(sim, a, b) for a, b in [*lost, *open_])


def test_two_partitions_of_one_link_are_over_with_the_last(town: Any) -> None:
    sim = town()
    sim.inject("network-partition", "node-1", duration="1m")
    second = sim.inject("network-partition", "node-1")
    sim.run("2m")
    assert not way(sim, "node-1", "node-2")
    heal(sim.world, second)
    assert way(sim, "node-1", "node-2")


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("", "needs the link"),
        ("node-9", "no host, zone or rack 'node-9'; zones and racks are zone-a, zone-b, zone-c"),
        ("node-1 <-> ", "names nobody"),
        ("node-1 <-> zone-a", "node-1 is on both sides"),
    ],
)
def test_a_link_that_is_none_is_refused(town: Any, link: str, message: str) -> None:
    with pytest.raises(FaultError, match=message):
        town().inject("network-partition", link)


def test_loss_is_a_share(town: Any) -> None:
    with pytest.raises(FaultError, match="less than 1"):
        town().inject("network-loss", "node-1", loss=1.0)


def test_a_zone_cut_off_makes_its_share_of_requests_time_out(town: Any) -> None:
    sim = town()
    users = sim.world.add_traffic("users", service="web", rate=30, start=sim.engine.now)
    homes = [p["spec"]["nodeName"] for p in sim.list("pods")]
    zone = sim.get(f"node/{homes[0]}")["metadata"]["labels"]["topology.kubernetes.io/zone"]
    there = sum(
        sim.get(f"node/{n}")["metadata"]["labels"]["topology.kubernetes.io/zone"] == zone for n in homes
    )
    sim.run("1s")
    record = sim.inject("network-partition", f"{zone} <-> users", duration="20s")
    sim.run("40s")
    (failure,) = users.failures()
    assert failure.causes == {TIMED_OUT: failure.count}
    assert abs(failure.count - 600 * there / 3) <= 2
    assert failure.why is record


def test_nodes_cut_from_each_other_only_are_a_black_hole(town: Any) -> None:
    sim = town()
    homes = sorted({p["spec"]["nodeName"] for p in sim.list("pods")})
    client = sim.world.add_traffic("client", service="web", rate=30, source=homes[0], start=sim.engine.now)
    sim.inject("network-partition", f"{homes[0]} <-> {','.join(homes[1:])}")
    sim.run("5m")
    # Probes are local and the API is in reach: nothing heals it.
    sent, failed = client.requests(60 * SECOND)
    assert failed > sent / 2
    assert all(n["status"]["conditions"][-1]["status"] == "True" for n in sim.list("nodes"))


def test_delay_makes_answers_late_until_it_is_over(town: Any) -> None:
    sim = town()
    before = sim.network.reach("users", "deployment/web").latency_s
    sim.inject("network-delay", "users <-> nodes", delay="200ms", duration="1m")
    assert sim.network.reach("users", "deployment/web").latency_s == pytest.approx(before + 0.4)
    users = sim.world.add_traffic("users", service="web", rate=10, timeout=SECOND // 4, start=sim.engine.now)
    sim.run("10s")
    assert list(users.totals().causes) == [TIMED_OUT]
    sim.run("60s")
    assert users.requests(5 * SECOND) == (50, 0)


def test_loss_costs_retries_and_few_requests(town: Any) -> None:
    sim = town()
    patient = sim.world.add_traffic(
        "patient", service="web", rate=100, timeout=5 * SECOND, start=sim.engine.now
    )
    hasty = sim.world.add_traffic("hasty", service="web", rate=100, timeout=SECOND // 2, start=sim.engine.now)
    sim.inject("network-loss", "users <-> nodes", loss=0.1)
    sim.run("200s")
    # Two exchanges, each way. Opening is tried again after 1, 3, 7 s, the request after 0.2, 0.6, 1.4, 3, 6.2 s.
    lost = 1 - 0.9**2
    assert abs(hasty.totals().failed / hasty.totals().ended - (lost + (1 - lost) * lost**2)) < 0.01
    passes = (1 - lost) * ((1 + lost) * (1 - lost**5) + lost**2 * (1 - lost**4))
    assert abs(patient.totals().failed / patient.totals().ended - (1 - passes)) < 0.003
    latency = patient.latency()
    assert latency is not None
    assert latency.p90 > SECOND


def test_a_kept_connection_loses_less_time(town: Any) -> None:
    """Its packets are sent again after 200 ms, and nothing has to be opened."""
    sim = town()
    kept = sim.add_traffic("kept", "service/web", rate=100, keep_alive=10, timeout="500ms")
    sim.inject("network-loss", "users <-> nodes", loss=0.1)
    sim.run("200s")
    lost = 1 - 0.9**2
    assert abs(kept.totals().failed / kept.totals().ended - lost**2) < 0.01


def test_the_api_feels_delay_too(town: Any) -> None:
    sim = town()
    sim.inject("network-delay", "node-1 <-> control-plane", delay="300ms")
    sim.run("3m")
    conditions = {c["type"]: c["status"] for c in sim.get("node/node-1")["status"]["conditions"]}
    assert conditions["Ready"] == "True"


@given(st.floats(0, 0.9), st.integers(0, 1000))
def test_retransmission_waits_as_long_as_it_should(loss: float, seed: int) -> None:
    lossy = Lossy(loss)
    dice = Dice(seed, "test")
    draws = [dice.draw(lossy) for _ in range(200)]
    assert set(draws) <= {200_000 * ((1 << k) - 1) for k in range(9)}
    assert lossy.at(0.0) == 0
    assert loss_of((lossy, Fixed(3))) == pytest.approx(loss)
    assert without_loss((lossy, Fixed(3))) == (Fixed(3),)


HOSTS = "abcdef"


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(HOSTS), min_size=1), st.sets(st.sampled_from(HOSTS), min_size=1)),
        max_size=4,
    ),
    st.sets(st.sampled_from(HOSTS)),
)
def test_routes_are_what_a_slow_look_finds(cuts: list[tuple[set[str], set[str]]], off: set[str]) -> None:
    network = Network()
    network.add_host("switch", kind="switch")
    for name in HOSTS:
        network.add_host(name, kind="node")
        network.connect(name, "switch", Fixed(10))
    for sources, targets in cuts:
        network.cut(sources, targets)
    for name in sorted(off):
        network.set_up(name, False)
    for a in HOSTS:
        for b in HOSTS:
            wanted = not ({a, b} & off) and not any(a in s and b in t for s, t in cuts)
            assert (network.route(a, b) is not None) is wanted
            assert (network.route(a, b) is not None) is wanted  # and again, from the cache
