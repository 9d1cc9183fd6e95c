"""Proportional hints: each zone gets endpoints by its share of the CPU, or nobody gets hints."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.cluster.controllers.endpointslice.slices import Slice
from kcsim.cluster.controllers.endpointslice.topology import (
    NO_NODE_INFO,
    NO_ZONE,
    TOO_FEW,
    TOO_UNEVEN,
    Allocation,
    allocations,
    cpu_ratios,
    hinted,
    is_overloaded,
    wants_hints,
)
from kcsim.simulation.cluster import NodeSpec
from kcsim.simulation.simulation import Simulation

ZONES = "abc"


def node(zone: str, cpu: str = "4", *, ready: bool = True, **labels: str) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    zoned = {"topology.kubernetes.io/zone": zone} if zone else {}
    return {
        "metadata": {"labels": {**zoned, **labels}},
        "status": {"allocatable": {"cpu": cpu}, "conditions": [condition]},
    }


def slice_of(*zones: str, ready: bool = True) -> Slice:
    """A slice with an endpoint in each of these zones."""
    made = Slice(("IPv4", ()), [])
    for i, zone in enumerate(zones):
        endpoint: dict[str, Any] = {"addresses": [f"10.0.0.{i}"], "conditions": {"ready": ready}}
        made.endpoints[f"p{i}"] = {**endpoint, "zone": zone} if zone else endpoint
    return made


def hints_of(slice_: Slice) -> str:
    return "".join(
        each["hints"]["forZones"][0]["name"] if "hints" in each else "-" for each in slice_.endpoints.values()
    )


@pytest.mark.parametrize(
    ("nodes", "ratios"),
    [
        ([node("a"), node("b")], {"a": 0.5, "b": 0.5}),
        ([node("a", "1500m"), node("b", "500m")], {"a": 0.75, "b": 0.25}),
        ([node("a"), node("b"), node("b", ready=False)], {"a": 0.5, "b": 0.5}),
        (
            [node("a"), node("b"), node("c", **{"node-role.kubernetes.io/control-plane": ""})],
            {"a": 0.5, "b": 0.5},
        ),
        ([node("a"), node("a")], None),
        ([node("a"), node("b"), node("")], None),
        ([node("a"), node("b", "0")], None),
        ([], None),
    ],
)
def test_what_share_of_the_cpu_each_zone_has(nodes: list[Any], ratios: dict[str, float] | None) -> None:
    assert cpu_ratios(nodes) == ratios


@pytest.mark.parametrize(
    ("ratios", "endpoints", "found"),
    [
        (None, 9, NO_NODE_INFO),
        ({"a": 0.5, "b": 0.5}, 1, f"{TOO_FEW} (1 endpoints, 2 zones)"),
        ({"a": 0.6, "b": 0.2, "c": 0.2}, 3, f"{TOO_UNEVEN} (3 endpoints, 3 zones)"),
        ({"a": 0.5, "b": 0.5}, 4, {"a": Allocation(2, 2, 2.0), "b": Allocation(2, 2, 2.0)}),
        ({"a": 0.7, "b": 0.3}, 9, {"a": Allocation(6, 6, 6.3), "b": Allocation(3, 3, 3.0)}),
        ({"a": 0.5, "b": 0.5}, 13, {"a": Allocation(6, 7, 6.5), "b": Allocation(6, 7, 6.5)}),
    ],
)
def test_how_many_endpoints_each_zone_gets(ratios: Any, endpoints: int, found: Any) -> None:
    got = allocations(ratios, endpoints)
    if isinstance(found, dict):
        assert isinstance(got, dict)
        found = {zone: pytest.approx(each.desired) for zone, each in found.items()}
        got = {zone: each.desired for zone, each in got.items()}
    assert got == found


@pytest.mark.parametrize(
    ("zones", "ratios", "hints"),
    [
        ("ab", {"a": 0.5, "b": 0.5}, "ab"),
        ("aaaa", {"a": 0.5, "b": 0.5}, "bbaa"),
        ("aab", {"a": 0.65, "b": 0.35}, "aab"),
        ("aaabbbccc", {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, "aaabbbccc"),
        ("aaaaaaccc", {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, "bbbaaaccc"),
        ("aaaaaaaaabbb", {"a": 0.5, "b": 0.25, "c": 0.25}, "cccaaaaaabbb"),
    ],
)
def test_zones_with_too_many_give_to_those_with_too_few(
    zones: str, ratios: dict[str, float], hints: str
) -> None:
    slice_ = slice_of(*zones)
    further, given = hinted([slice_], [], ratios)
    assert hints_of(slice_) == hints
    assert further == []
    assert given == {zone: hints.count(zone) for zone in ratios}


def test_slices_that_nobody_writes_keep_their_hints_unless_they_are_wrong() -> None:
    even = {"a": 0.5, "b": 0.5}
    one = slice_of(*"aabb")
    hinted([one], [], even)
    other = slice_of(*"ab")
    assert hinted([other], [one], even) == ([], {"a": 3, "b": 3})
    assert hinted([], [one, other], {"a": 0.5, "c": 0.5})[0] == [one, other], "there is no zone b any more"
    assert hints_of(one) + hints_of(other) == "aabb" + "ab", (
        "and an endpoint there gives itself to nobody else"
    )


def test_without_hints_nobody_has_any() -> None:
    even = {"a": 0.5, "b": 0.5}
    one, two = slice_of(*"ab"), slice_of("a")
    hinted([one], [], even)
    assert hinted([two], [one], None) == ([one], NO_NODE_INFO)
    assert hints_of(one) + hints_of(two) == "---"
    assert hinted([slice_of("a", "b", "b", "")], [], even)[1] == NO_ZONE
    assert hinted([slice_of(*"ab", ready=False)], [], even)[1] == f"{TOO_FEW} (0 endpoints, 2 zones)"


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=40),
    st.lists(st.integers(1, 9), min_size=2, max_size=3),
)
def test_nobody_is_overloaded_and_a_second_look_changes_nothing(zones: list[str], cpus: list[int]) -> None:
    ratios = cpu_ratios([node(zone, str(cpu)) for zone, cpu in zip(ZONES, cpus, strict=False)])
    slice_ = slice_of(*zones)
    _, given = hinted([slice_], [], ratios)
    if isinstance(given, str):
        assert hints_of(slice_) == "-" * len(zones)
        return
    assert sum(given.values()) == len(zones)
    if set(given) <= set(ratios or {}):
        assert hinted([], [slice_], ratios) == ([], given) or is_overloaded(given, ratios)


def test_which_words_ask_for_it() -> None:
    def notes(**written: str) -> Any:
        return {"metadata": {"annotations": {f"service.kubernetes.io/{k}": v for k, v in written.items()}}}

    assert wants_hints(notes(**{"topology-mode": "Auto"}))
    assert wants_hints(notes(**{"topology-aware-hints": "auto"}))
    assert not wants_hints(notes(**{"topology-mode": "AUTO"}))
    assert not wants_hints(notes(**{"topology-aware-hints": "disabled", "topology-mode": "Auto"}))


# --- in a cluster -----------------------------------------------------------------------------------------------

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 6
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.example/web:1", ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {service.kubernetes.io/topology-mode: Auto}}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""


def town() -> Simulation:
    nodes = [
        NodeSpec(f"node-{zone}", f"192.168.0.{i}", labels={"topology.kubernetes.io/zone": f"zone-{zone}"})
        for i, zone in enumerate(ZONES, 1)
    ]
    sim = Simulation(nodes, seed=4, checking=True)
    sim.run_until("10s")
    sim.apply(WEB)
    sim.run_until("40s")
    return sim


def zones_of(sim: Simulation) -> list[tuple[str, str]]:
    found = [
        (each["zone"], (each.get("hints") or {"forZones": [{"name": ""}]})["forZones"][0]["name"])
        for slice_ in sim.list("endpointslices", "default")
        for each in slice_["endpoints"]
        if slice_["metadata"]["labels"].get("kubernetes.io/service-name") == "web"
    ]
    return sorted(found)


def events_of(sim: Simulation) -> list[str]:
    return [e["reason"] for e in sim.list("events") if e["involvedObject"]["kind"] == "Service"]


def test_connections_stay_in_their_zone_until_a_zone_is_lost() -> None:
    sim = town()
    assert zones_of(sim) == [(f"zone-{z}", f"zone-{z}") for z in "aabbcc"]
    assert "TopologyAwareHintsEnabled" in events_of(sim)
    rules = sim.cluster().pods.proxy("node-a").rules("default", "web")
    assert rules is not None
    assert {sim.cluster().pods.node_of(b.ip) for b in rules.ports[0].backends} == {"node-a"}
    sim.inject("node-crash", "node-c")
    sim.run("120s")
    # Two zones share four ready endpoints.
    assert [each for each in zones_of(sim) if each[1]] == [(f"zone-{z}", f"zone-{z}") for z in "aabb"]
    sim.kubectl("annotate service web service.kubernetes.io/topology-mode-")
    sim.run("5s")
    assert all(not hint for _, hint in zones_of(sim))
    assert "TopologyAwareHintsDisabled" in events_of(sim)


def test_too_few_endpoints_have_no_hints_and_a_warning() -> None:
    sim = town()
    sim.kubectl("scale deployment web --replicas=2")
    sim.run("60s")
    assert all(not hint for _, hint in zones_of(sim))
    told = [e["message"] for e in sim.list("events") if e["reason"] == "TopologyAwareHintsDisabled"]
    assert "Insufficient number of endpoints (2 endpoints, 3 zones), addressType: IPv4" in told
