"""Checks of ports that are named: by probes, and by the rules of NetworkPolicies.

A probe looks the name up in its own container. A policy's name is looked up in the pod that is connected to: one that it
selects for ingress, any for egress. Both are legal without such a port, and never work: a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kcsim.api import selectors

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
ACTIONS = ("httpGet", "tcpSocket")

Path = tuple[str | int, ...]
Strange = tuple[Path, str, str, list[str]]
"""Where a name is written, the name, who has no such port, and the names that there are."""


def of_probes(pod_spec: Mapping[str, Any], at: Path) -> Iterator[Strange]:
    """Names in probes that the container itself does not have; ``at`` is the path of the pod's spec."""
    for word in ("initContainers", "containers"):
        for index, container in enumerate(_list(pod_spec.get(word))):
            known = _names([container])
            for probe in PROBES:
                for action in ACTIONS:
                    port = _map(_map(_map(container).get(probe)).get(action)).get("port")
                    if isinstance(port, str) and not port.isdigit() and port not in known:
                        whose = f"container '{_map(container).get('name')}' has none of that name"
                        yield (*at, word, index, probe, action, "port"), port, whose, known


def of_policy(
    policy: Mapping[str, Any], pods: Iterable[tuple[str, Mapping[str, Any], frozenset[str]]]
) -> Iterator[Strange]:
    """Names in a policy's rules that no pod has which they could mean; ``pods``: namespace, labels, names of ports."""
    every = list(pods)
    spec = _map(policy.get("spec"))
    space = str(_map(policy.get("metadata")).get("namespace") or "default")
    try:
        selector = selectors.from_object(_map(spec.get("podSelector")))
    except selectors.SelectorError:
        return  # told where manifests are checked
    chosen = [names for home, labels, names in every if home == space and selector.matches(_texts(labels))]
    for direction, found, whose in (
        ("ingress", chosen, "no pod that it selects has one"),
        ("egress", [names for _, _, names in every], "no pod has one"),
    ):
        known = sorted({name for names in found for name in names})
        for i, rule in enumerate(_list(spec.get(direction))):
            for j, item in enumerate(_list(_map(rule).get("ports"))):
                port = _map(item).get("port")
                if found and isinstance(port, str) and port not in known:
                    yield ("spec", direction, i, "ports", j, "port"), port, whose, known


def _names(containers: Iterable[Any]) -> list[str]:
    return [
        str(_map(port)["name"])
        for container in containers
        for port in _list(_map(container).get("ports"))
        if _map(port).get("name")
    ]


def _texts(labels: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if isinstance(value, str)}


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
