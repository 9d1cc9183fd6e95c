"""The catalogue as data: names, fields, aliases, and that every kind has a test of what it does to whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcsim.simulation.faults import (
    ALIASES,
    AMOUNTS,
    KINDS,
    LAYERS,
    TOOLS,
    UNMAPPED,
    FaultError,
    fault,
    heal_all,
    kind_named,
)
from kcsim.simulation.simulation import Simulation

TESTS = [
    path.read_text()
    for folder in ("faults", "simulation", "network")
    for path in Path(__file__).parents[1].joinpath(folder).glob("test_*.py")
]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_says_what_it_is_and_has_a_test_of_its_own(name):
    kind = KINDS[name]
    assert kind.layer in LAYERS
    assert kind.summary.endswith(".")
    assert kind.effect.endswith(".")
    assert set(kind.takes) <= set(AMOUNTS)
    assert set(kind.needs) <= set(kind.takes)
    assert (kind.settle is None) != (kind.begin is None)
    assert not (kind.momentary and kind.settle)
    assert any(f'"{name}"' in text for text in TESTS), f"no test injects {name}"


def test_no_layer_is_empty():
    assert {kind.layer for kind in KINDS.values()} == set(LAYERS)


@pytest.mark.parametrize("name", ALIASES)
def test_another_tools_name_means_a_kind(name):
    own, kind = kind_named(name)
    assert KINDS[own] is kind
    assert name not in KINDS
    assert name not in UNMAPPED


def test_each_tool_has_names_that_are_understood():
    assert {"pod-kill", "partition"} <= set(TOOLS["Chaos Mesh"])
    assert {"pod-delete", "node-restart"} <= set(TOOLS["LitmusChaos"])
    assert {"terminate_pods", "scale_deployment"} <= set(TOOLS["Chaos Toolkit"])


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("node-crsh", "did you mean 'node-crash'"),
        ("NodeCrash", "did you mean 'node-crash'"),
        ("pod-network-los", "did you mean 'pod-network-loss'"),
        ("pod-dns-error", "use network-partition"),
        ("node-drain", "kubectl: drain NODE"),
        ("xyzzy", "there are api-latency"),
    ],
)
def test_a_name_that_is_none_gets_the_nearest(name, mend):
    with pytest.raises(FaultError, match=mend):
        kind_named(name)


@pytest.mark.parametrize(
    ("kind", "amounts", "message"),
    [
        ("api-error", {"code": 200}, "code is an HTTP status code from 400 to 599, not 200"),
        ("api-error", {"share": 0}, "share is a share: more than 0, at most 1, not 0"),
        ("api-error", {"share": True}, "share is a number, not True"),
        ("network-loss", {"loss": 1}, "loss is a share of 0 or more and less than 1"),
        ("api-latency", {"delay": "soon"}, "'soon' is not a duration"),
        ("api-latency", {"delay": -1}, "delay is a duration of 0 or more"),
        ("crash-point", {"nth": 0}, "nth is a whole number, 1 or more, not 0"),
        ("crash-point", {"when": "during"}, "when is one of before, after, not 'during'"),
        ("watch-drop", {"event": "added"}, "event is one of ADDED, MODIFIED, DELETED"),
        ("load-spike", {"factor": -2}, "factor is a number, 0 or more"),
        ("node-crash", {"loss": 0.5}, "node-crash takes no loss; it takes no such fields"),
    ],
)
def test_a_value_that_is_none_is_told_with_its_field(kind, amounts, message):
    with pytest.raises(FaultError, match=message):
        fault(kind, "x", **amounts)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"until": "5s"}, "ends before it begins"),
        ({"until": "20s"}, "ends before it begins"),
        ({"duration": 0}, "ends before it begins: its duration is 0s"),
        ({"duration": "1m", "until": "1h"}, "give duration or until, not both"),
    ],
)
def test_a_window_that_ends_before_it_starts_is_refused(sim, window, message):
    before = len(sim.trace)
    with pytest.raises(FaultError, match=message):
        sim.inject("node-crash", "node-1", **window)
    assert len(sim.trace) == before


def test_a_window_can_be_given_by_its_end(sim):
    record = sim.inject("node-crash", "node-1", until="50s")
    assert record.detail["for"] == "30s"


def test_the_trace_tells_how_strongly(sim):
    record = sim.inject("pod-network-latency", "node-1 <-> node-2", delay="250ms", duration="1m")
    assert record.subject == "network-delay/node-1 <-> node-2"
    assert record.detail == {"delay": "250ms", "for": "1m"}


def test_a_fork_heals_again_what_was_healed():
    sim = Simulation(nodes=2, seed=1)
    sim.run_until("10s")
    crash = sim.inject("node-crash", "node-1")
    sim.inject("api-latency", "kube-scheduler")
    sim.run("30s")
    (end,) = sim.heal(crash)
    assert end.subject == "node-crash/node-1"
    sim.run("10s")
    assert len(sim.heal()) == 1
    sim.run("1m")
    assert sim.fork().trace.sha256() == sim.trace.sha256()
    with pytest.raises(FaultError, match="no such fault is going on"):
        sim.heal(crash)


def test_everything_can_be_healed_at_once(sim):
    sim.inject("node-crash", "node-1")
    sim.inject("api-latency", "kube-scheduler")
    sim.inject("watch-lag", "kube-controller-manager")
    assert len(heal_all(sim.world)) == 3
    assert sim.world.faults == []
    assert sim.world.network.is_up("node-1")
    assert sim.world.cluster.endpoint.faults == {}
