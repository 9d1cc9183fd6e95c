"""Warnings about labels of nodes that have newer names.

**Imitates:** kubernetes pkg/api/node/util.go (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

DEPRECATED_LABELS: Final[Mapping[str, str]] = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}


def of_term(field: str, term: Mapping[str, Any]) -> Iterator[str]:
    """Of a node selector term."""
    for index, expression in enumerate(term.get("matchExpressions") or ()):
        key = expression.get("key")
        if key in DEPRECATED_LABELS:
            yield f"{field}.matchExpressions[{index}].key: {key} is {DEPRECATED_LABELS[key]}"


def of_required(field: str, terms: Mapping[str, Any] | None) -> Iterator[str]:
    """Of a node selector, whose terms stand at ``field``."""
    for index, term in enumerate((terms or {}).get("nodeSelectorTerms") or ()):
        yield from of_term(f"{field}.nodeSelectorTerms[{index}]", term)
