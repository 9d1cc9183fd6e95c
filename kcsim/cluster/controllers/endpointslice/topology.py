"""Proportional topology hints: which zone each endpoint serves, so that each gets its share by CPU.  Decides; never acts.

**Imitates:** staging ``k8s.io/endpointslice/topologycache`` (v1.36): ``SetNodes``, ``getAllocations``, ``AddHints``,
``getGivingAndReceivingZones``, ``redistributeHints``, ``serviceOverloaded``, and its messages. Differs: where upstream leaves a
choice between zones to the order of a Go map, it goes by their names.

**Walk:** the nodes -> ``cpu_ratios`` -> ``allocations`` for so many endpoints, or why there are none -> ``hinted``: each endpoint for
its own zone, then some given from zones with too many to zones with too few -> the slices to write.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kcsim.api import objects, quantity
from kcsim.api.objects import Object
from kcsim.cluster.controllers.endpointslice.endpoints import ZONE_LABEL
from kcsim.cluster.controllers.endpointslice.slices import Slice

ANNOTATIONS = ("service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode")
"""The older one counts where both are written."""
OVERLOAD_THRESHOLD = 0.2
"""By how much an endpoint may get more than its share."""
ENABLED, DISABLED = "TopologyAwareHintsEnabled", "TopologyAwareHintsDisabled"
NO_NODE_INFO = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
NO_ZONE = "One or more endpoints do not have a zone specified"
TOO_FEW = "Insufficient number of endpoints"
TOO_UNEVEN = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"
_CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")

Ratios = Mapping[str, float]
"""The share of the CPU that each zone has."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """How many endpoints a zone gets."""

    minimum: int
    maximum: int
    desired: float


def wants_hints(service: Object) -> bool:
    """Whether a Service asks for proportional hints."""
    notes = objects.annotations(service)
    written = next((notes[name] for name in ANNOTATIONS if name in notes), "")
    return written in ("Auto", "auto")


def cpu_ratios(nodes: Iterable[Object]) -> Ratios | None:
    """The zones' shares of the CPU of nodes that are Ready and no part of the control plane.

    None where one of them has no zone or no CPU, or where there are fewer than two zones.
    """
    by_zone: dict[str, int] = {}
    for node in nodes:
        labels = objects.labels(node)
        if any(label in labels for label in _CONTROL_PLANE) or not _is_ready(node):
            continue
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        cpu = quantity.milli(allocatable.get("cpu") or 0)
        zone = labels.get(ZONE_LABEL, "")
        if not zone or not cpu:
            return None
        by_zone[zone] = by_zone.get(zone, 0) + cpu
    total = sum(by_zone.values())
    if len(by_zone) < 2:
        return None
    return {zone: cpu / total for zone, cpu in sorted(by_zone.items())}


def allocations(ratios: Ratios | None, endpoints: int) -> dict[str, Allocation] | str:
    """How many of the ready endpoints each zone gets; or why hints would overload some of them."""
    if ratios is None:
        return NO_NODE_INFO
    size = f"({endpoints} endpoints, {len(ratios)} zones)"
    if len(ratios) > endpoints:
        return f"{TOO_FEW} {size}"
    minimums = {
        zone: math.ceil(ratio * endpoints * (1 / (1 + OVERLOAD_THRESHOLD))) for zone, ratio in ratios.items()
    }
    spare = endpoints - sum(minimums.values())
    if spare < 0:
        return f"{TOO_UNEVEN} {size}"
    return {
        zone: Allocation(least, least + spare, max(ratios[zone] * endpoints, float(least)))
        for zone, least in minimums.items()
    }


def is_overloaded(by_zone: Mapping[str, int], ratios: Ratios | None) -> bool:
    """Whether a zone has fewer endpoints than its share asks for, so that its hints have to be made anew."""
    if not by_zone:
        return False
    if ratios is None:
        return True
    total = float(sum(by_zone.values()))
    return any(
        by_zone.get(zone, 0) < math.ceil(total * ratio * (1 / (1 + OVERLOAD_THRESHOLD)))
        for zone, ratio in ratios.items()
    )


def hinted(
    written: Sequence[Slice], unchanged: Sequence[Slice], ratios: Ratios | None
) -> tuple[list[Slice], dict[str, int] | str]:
    """Give hints to the endpoints of slices that are written anyway.

    Returns the unchanged slices that have to be written, too, and how many endpoints each zone has got; or why no endpoint
    has a hint any more.
    """
    plan = allocations(ratios, sum(len(_ready(slice_)) for slice_ in (*written, *unchanged)))
    if isinstance(plan, str):
        return _unhinted(written, unchanged), plan
    given: dict[str, int] = {}
    further: list[Slice] = []
    for slice_ in unchanged:
        has = _hints_in(slice_, given, plan)
        if has is None:
            further.append(slice_)
            continue
        for zone, count in has.items():
            given[zone] = given.get(zone, 0) + count
    open_ones = [*written, *further]
    for slice_ in open_ones:
        for name, endpoint in list(slice_.endpoints.items()):
            if not _is_for_use(endpoint):
                _hint(slice_, name, "")
                continue
            home = endpoint.get("zone", "")
            if not home:
                return _unhinted(written, unchanged), NO_ZONE
            given[home] = given.get(home, 0) + 1
            _hint(slice_, name, home)
    giving, receiving = giving_and_receiving(plan, given)
    for slice_ in open_ones:
        for name, endpoint in _ready(slice_):
            home = endpoint["zone"]
            if not giving.get(home) or not receiving:
                continue
            other = min(receiving)
            _hint(slice_, name, other)
            for counts, place in ((giving, home), (receiving, other)):
                counts[place] -= 1
                if not counts[place]:
                    del counts[place]
            given[home] -= 1
            given[other] = given.get(other, 0) + 1
    return further, given


def giving_and_receiving(
    plan: Mapping[str, Allocation], given: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """How many endpoints zones with too many give away, and how many zones with too few get."""
    over: dict[str, float] = {}
    under: dict[str, float] = {}
    for zone, wanted in plan.items():
        has = given.get(zone, 0)
        if has > wanted.desired:
            over[zone] = has - wanted.desired
        elif has < wanted.desired:
            under[zone] = wanted.desired - has
    giving: dict[str, int] = {}
    receiving: dict[str, int] = {}
    while over and under:
        giver, most = _most(over)
        taker, least = _most(under)
        if (most < 1 and least < 1) or most < 0.5 or least < 0.5:
            break
        giving[giver] = giving.get(giver, 0) + 1
        receiving[taker] = receiving.get(taker, 0) + 1
        over[giver] -= 1
        under[taker] -= 1
    return giving, receiving


def has_hints(slice_: Slice) -> bool:
    """Whether any endpoint of a slice has a hint."""
    return any("hints" in endpoint for endpoint in slice_.endpoints.values())


def _unhinted(written: Sequence[Slice], unchanged: Sequence[Slice]) -> list[Slice]:
    """Take all hints away (RemoveHintsFromSlices); gives the unchanged slices that had some."""
    further = [slice_ for slice_ in unchanged if has_hints(slice_)]
    for slice_ in (*written, *further):
        for name in list(slice_.endpoints):
            _hint(slice_, name, "")
    return further


def _hints_in(
    slice_: Slice, given: Mapping[str, int], plan: Mapping[str, Allocation]
) -> dict[str, int] | None:
    """How many hints each zone has in an unchanged slice; None: they are not right any more."""
    found: dict[str, int] = {}
    for _, endpoint in _ready(slice_):
        zones = [each["name"] for each in (endpoint.get("hints") or {}).get("forZones") or ()]
        if not zones or any(zone not in plan for zone in zones):
            return None
        for zone in zones:
            found[zone] = found.get(zone, 0) + 1
    if any(count + given.get(zone, 0) > plan[zone].maximum for zone, count in found.items()):
        return None
    return found


def _hint(slice_: Slice, name: str, zone: str) -> None:
    endpoint = slice_.endpoints[name]
    hints = {"forZones": [{"name": zone}]} if zone else None
    if endpoint.get("hints") != hints:
        rest = {key: value for key, value in endpoint.items() if key != "hints"}
        slice_.endpoints[name] = {**rest, "hints": hints} if hints else rest


def _most(zones: Mapping[str, float]) -> tuple[str, float]:
    zone = max(zones, key=lambda each: (zones[each], each))
    return zone, zones[zone]


def _ready(slice_: Slice) -> list[tuple[str, Object]]:
    return [(name, each) for name, each in slice_.endpoints.items() if _is_for_use(each)]


def _is_for_use(endpoint: Object) -> bool:
    return bool((endpoint.get("conditions") or {}).get("ready"))


def _is_ready(node: Object) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
