"""Bulk on links that are narrow: everybody gets a fair share, and nothing is moved for nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.cluster.images import ImageBehaviour
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.network.transfers import Flow, Pipe, Transfers, fair_rates
from kcsim.profile.distributions import Fixed
from kcsim.simulation.cabling import LinkPlan, NetworkPlan
from tests.unit.network.test_plan import built, machine, pod

WIDE, NARROW = ("r", "s", 240), ("s", "n", 80)
"""30 and 10 bytes a second."""
FAST = 10**9


def test_who_is_held_up_elsewhere_leaves_his_share_to_others() -> None:
    wide, both = ((WIDE,), FAST), ((WIDE, NARROW), FAST)
    assert fair_rates({wide: 1, both: 1}) == {wide: 20, both: 10}
    assert fair_rates({wide: 2, both: 2}) == {wide: 10, both: 5}
    slow = ((WIDE,), 4)
    assert fair_rates({wide: 1, slow: 1}) == {wide: 26, slow: 4}


PIPES: list[Pipe] = [("a", "b", 8_000), ("b", "c", 80_000), ("c", "d", 16_000), ("b", "e", 800_000)]
FLOWS = st.dictionaries(
    st.tuples(
        st.lists(st.sampled_from(PIPES), min_size=1, max_size=3, unique=True).map(tuple),
        st.integers(50, 90_000),
    ),
    st.integers(1, 7),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200)
@given(FLOWS)
def test_rates_are_max_min_fair(flows: dict[Flow, int]) -> None:
    rates = fair_rates(flows)
    used = {p: sum(rates[f] * n for f, n in flows.items() if p in f[0]) for p in PIPES}
    assert all(used[pipe] <= pipe[2] // 8 for pipe in PIPES)
    for flow in flows:
        if rates[flow] == flow[1]:
            continue
        # There is a link without room (but for what whole bytes leave over) on which nobody has more.
        assert any(
            pipe[2] // 8 - used[pipe] <= sum(n for f, n in flows.items() if pipe in f[0])
            and all(rates[f] <= rates[flow] + 1 for f in flows if pipe in f[0])
            for pipe in flow[0]
        )


def moved(*starts: tuple[float, tuple[Pipe, ...], int]) -> list[float]:
    """When transfers that start at these instants are done (s)."""
    engine = Engine(1)
    transfers = Transfers(engine)
    ends: dict[int, float] = {}
    for i, (at, pipes, size) in enumerate(starts):

        def begin(i: int = i, pipes: tuple[Pipe, ...] = pipes, size: int = size) -> None:
            transfers.start(pipes, size, FAST, lambda: ends.__setitem__(i, engine.now / SECOND))

        engine.at(int(at * SECOND), begin)
    engine.run_until(1000 * SECOND)
    return [ends[i] for i in range(len(starts))]


def test_two_at_once_take_twice_as_long_and_who_is_left_speeds_up() -> None:
    assert moved((0, (WIDE,), 300)) == [10]
    assert moved((0, (WIDE,), 300), (0, (WIDE,), 300)) == [20, 20]
    # Alone for 5 s (150), shared until the second is done, and alone again.
    assert moved((0, (WIDE,), 300), (5, (WIDE,), 75)) == [12.5, 10]
    assert moved((0, (WIDE,), 600), (0, (WIDE, NARROW), 100)) == [pytest.approx(10 + 400 / 30, abs=1e-5), 10]
    assert moved((0, (WIDE,), 300), (0, (NARROW,), 100)) == [10, 10], "they share nothing"


def test_what_is_broken_off_makes_room() -> None:
    engine = Engine(1)
    transfers = Transfers(engine)
    ends: list[float] = []
    transfers.start((WIDE,), 300, FAST, lambda: ends.append(engine.now / SECOND))
    cancel = transfers.start((WIDE,), 300, FAST, lambda: ends.append(-1))
    engine.at(10 * SECOND, cancel)
    engine.run_until(100 * SECOND)
    assert ends == [15]
    cancel()
    assert transfers.rate((WIDE,), FAST) == 0


def test_many_of_a_kind_cost_what_they_are() -> None:
    """A thousand at once are one group: starting and ending one does not move the timers of the others."""
    engine = Engine(1)
    transfers = Transfers(engine)
    ends: list[int] = []
    for i in range(1000):
        transfers.start((WIDE,), 30 * (i + 1), FAST, lambda: ends.append(engine.now))
    assert transfers.rate((WIDE,), FAST) == 1, "no less than a byte a second"
    engine.run_until(10**6 * SECOND)
    assert len(ends) == 1000
    assert ends == sorted(ends)


def test_the_pipes_of_a_way() -> None:
    network = Network()
    for name in "abc":
        network.add_host(name, kind="node")
    network.connect("a", "b", Fixed(1), bandwidth=100)
    network.connect("b", "c", Fixed(1))
    assert network.pipes("a", "c") == (("a", "b", 100),)
    assert network.pipes("c", "a") == (("b", "a", 100),)
    assert network.pipes("b", "c") == ()


# --- images -----------------------------------------------------------------------------------------------------


def pulled(nodes: int) -> dict[str, float]:
    """Each pod's start, when each node pulls an image of a gigabyte through one narrow link to the zone: 20 MB/s."""
    link = LinkPlan(a="zone", b="internet", latency=100, bandwidth=160_000_000)
    sim = built([machine(i, "zone") for i in range(1, nodes + 1)], NetworkPlan(links=(link,)))
    sim.world.push_image(ImageBehaviour("registry.example/c:1", size_bytes=1_000_000_000))
    sim.apply([pod(f"p{i}", f"node-{i}") for i in range(1, nodes + 1)])
    started: dict[str, float] = {}

    def all_started(s: Any) -> bool:
        for each in s.list("pods", "default"):
            if each["status"].get("phase") == "Running":
                started.setdefault(each["metadata"]["name"], s.now)
        return len(started) == nodes

    sim.run_until(all_started, timeout="30m")
    return started


def test_nodes_that_pull_at_once_share_the_link_to_the_registry() -> None:
    one, four = max(pulled(1).values()), max(pulled(4).values())
    assert one == pytest.approx(5 + 50, abs=8)
    assert four == pytest.approx(5 + 4 * 50, abs=10)
