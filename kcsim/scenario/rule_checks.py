"""What the API server would refuse of the objects of the network, told before anything runs.

Only these: what other kinds have to keep depends on what admission adds to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from kcsim.api.defaults.table import default
from kcsim.api.ip_families import families_wrong
from kcsim.api.resources import GVK
from kcsim.api.validation.rules import CREATE

KINDS: Final = frozenset(
    {
        ("", "v1", "Service"),
        ("discovery.k8s.io", "v1", "EndpointSlice"),
        ("networking.k8s.io", "v1", "Ingress"),
        ("networking.k8s.io", "v1", "NetworkPolicy"),
    }
)
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")

Path = tuple[str | int, ...]


def refused(obj: Mapping[str, Any], gvk: GVK, families: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """The fields that the API server would refuse, each with its words; the object keeps its schema.

    ``families`` are those that Services may have in the story's clusters.
    """
    if gvk not in KINDS:
        return
    whole = default(dict(obj), gvk)
    errors = CREATE[gvk](whole)
    if gvk[2] == "Service" and whole["spec"].get("type") != "ExternalName":
        errors = errors or families_wrong(whole["spec"], families)
    for error in errors:
        yield _path(error.field), str(error)


def _path(field: str) -> Path:
    return tuple(int(index) if index else name for name, index in _STEP.findall(field))
