"""Rows of ``kubectl get`` tables.

The cases are named by kind; ages count to ``now``, which is absent where an object has no creation time. Objects that
the upstream tests hold in Go's own form (IngressClass) are put into JSON's. Times may also be written as ages.
"""

from __future__ import annotations

import re
from typing import Any

from kcsim.api.durations import DurationError, parse_duration
from kcsim.api.tables.cells import View
from kcsim.api.tables.table import KINDS, visible
from kcsim.engine.clock import parse_rfc3339, rfc3339

# Ops that are not called by their kind.
_OTHERS = {
    "podSidecars": "pod",
    "podConditions": "pod",
    "podWide": "pod",
    "serviceLoadBalancer": "service",
    "hpa": "horizontalPodAutoscaler",
}
# These make their wide cells whether asked or not; hiding them is left to the printer.
_ALWAYS_WIDE = {"persistentVolume", "persistentVolumeClaim"}
# Without a clock of its own a case is looked at long after kcsim's epoch, so that ages have a past to lie in.
_NOW = "2026-11-23T00:00:00Z"


def _row(op: str, group: str, name: str) -> Any:
    kind = KINDS[group, name]

    def run(given: dict[str, Any]) -> dict[str, Any]:
        options = given.get("options") or {}
        wide = bool(given.get("wide") or options.get("wide") or options.get("Wide"))
        wide = wide or op == "podWide" or given.get("output") == "wide"
        now = parse_rfc3339(given.get("now") or _NOW)
        obj = _json(_set(given["object"]))
        if given.get("age"):
            obj = {**obj, "metadata": {**obj.get("metadata", {}), "creationTimestamp": given["age"]}}
        cells = kind.cells(_dated(obj, now), View(now, wide))
        conditions = kind.conditions(obj) if kind.conditions is not None else []
        places = [place for place in visible(kind, wide or op in _ALWAYS_WIDE) if place < len(cells)]
        return {
            # Some rows have more cells than there are columns.
            "cells": [cells[place] for place in places] + cells[len(kind.columns) :],
            "ages": [n for n, place in enumerate(places) if kind.columns[place].name == "Age"],
            "rowConditions": [c["type"] for c in conditions],
        }

    return run


def check_row(case: dict[str, Any], outcome: dict[str, Any]) -> None:
    """All cells, with or without the age; one cell that must be among them; the conditions of the row."""
    wanted, cells = case["expect"], outcome["cells"]
    if "cells" in wanted:
        ageless = [cell for place, cell in enumerate(cells) if place not in outcome["ages"]]
        assert wanted["cells"] in (cells, ageless), f"got {cells!r}, want {wanted['cells']!r}"
    if "cell" in wanted:
        assert wanted["cell"] in cells, f"got {cells!r}, want {wanted['cell']!r} among them"
    if "rowConditions" in wanted:
        types = [c["type"] if isinstance(c, dict) else c for c in wanted["rowConditions"] or ()]
        assert outcome["rowConditions"] == types, f"got {outcome['rowConditions']!r}, want {types!r}"


def _set(value: Any) -> Any:
    """Without what is null: that is absent."""
    if isinstance(value, dict):
        return {key: _set(item) for key, item in value.items() if item is not None}
    return [_set(item) for item in value] if isinstance(value, list) else value


def _dated(value: Any, now: int, key: str = "") -> Any:
    """Ages (``5m``, where a time stands) as the times they lie back."""
    if isinstance(value, dict):
        return {name: _dated(item, now, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_dated(item, now) for item in value]
    if isinstance(value, str) and key.endswith(("Timestamp", "Time", "At")):
        try:
            return rfc3339(now - parse_duration(value) // 1000)
        except DurationError:
            return value
    return value


def _json(obj: dict[str, Any]) -> dict[str, Any]:
    if "ObjectMeta" not in obj:
        return obj
    rest = {key: item for key, item in obj.items() if key not in {"ObjectMeta", "TypeMeta"}}
    return {"metadata": obj["ObjectMeta"], **_lower(rest)}


def _lower(value: Any) -> Any:
    """``APIGroup`` -> ``apiGroup``, ``TLS`` -> ``tls``, ``DefaultBackend`` -> ``defaultBackend``."""
    if isinstance(value, list):
        return [_lower(item) for item in value]
    if not isinstance(value, dict):
        return value
    lowered = {}
    for key, item in value.items():
        head = re.match(r"[A-Z]+(?=[A-Z][a-z]|s?$)|[A-Z]", key)
        name = key if head is None else head[0].lower() + key[head.end() :]
        lowered[name] = item if name in {"matchLabels", "labels", "annotations"} else _lower(item)
    return lowered


def _called(kind: str) -> str:
    return (
        "ipAddress"
        if kind == "IPAddress"
        else re.sub(r"^[A-Z]+(?=[A-Z])|^[A-Z]", lambda m: m[0].lower(), kind)
    )


# The core group comes before others with a kind of the same name.
_KINDS = {_called(kind): (group, kind) for group, kind in sorted(KINDS, reverse=True)}
ADAPTERS = {op: _row(op, *_KINDS[op]) for op in _KINDS} | {
    op: _row(op, *_KINDS[kind]) for op, kind in _OTHERS.items()
}
CHECKS = dict.fromkeys(ADAPTERS, check_row)
