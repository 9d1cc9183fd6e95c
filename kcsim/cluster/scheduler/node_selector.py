"""Node selectors: does a node match ``nodeSelector`` and the terms of node affinity.

**Imitates:** staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go (v1.36). A term with
an expression that cannot be parsed matches no node; an empty term matches no node.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
_PREFIX = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")


class BadSelector(ValueError):
    """A selector requirement that the API would not have let in."""


@dataclass(frozen=True, slots=True)
class Term:
    """One compiled NodeSelectorTerm; ``broken`` says why it can match nothing."""

    expressions: tuple[tuple[str, str, frozenset[str]], ...]
    fields: tuple[tuple[str, str, frozenset[str]], ...]
    broken: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether the term asks for nothing (and so matches nothing)."""
        return not self.expressions and not self.fields

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a node of that name with these labels matches."""
        if self.broken or self.is_empty:
            return False
        return all(_matches(op, labels.get(key), values) for key, op, values in self.expressions) and all(
            key == "metadata.name" and _matches(op, name, values) for key, op, values in self.fields
        )


def compile_term(term: Mapping[str, Any]) -> Term:
    """A NodeSelectorTerm made ready for matching."""
    expressions: list[tuple[str, str, frozenset[str]]] = []
    fields: list[tuple[str, str, frozenset[str]]] = []
    broken = ""
    for item in term.get("matchExpressions") or ():
        broken = broken or _fault(item)
        expressions.append(_requirement(item))
    for item in term.get("matchFields") or ():
        broken = broken or _field_fault(item)
        fields.append(_requirement(item))
    return Term(tuple(expressions), tuple(fields), broken)


def compile_terms(selector: Mapping[str, Any] | None) -> tuple[Term, ...] | None:
    """The terms of a NodeSelector, None when there is no selector."""
    if selector is None:
        return None
    return tuple(compile_term(term) for term in selector.get("nodeSelectorTerms") or ())


def match_terms(terms: Sequence[Term], name: str, labels: Mapping[str, str]) -> bool:
    """Whether any term matches."""
    return any(term.matches(name, labels) for term in terms)


def compile_preferred(terms: Sequence[Mapping[str, Any]] | None) -> tuple[tuple[Term, int], ...]:
    """Preferred terms with their weights; empty terms and weights of 0 are left out.

    Raises:
        BadSelector: a term cannot be parsed.
    """
    compiled = []
    for item in terms or ():
        term = compile_term(item.get("preference") or {})
        weight = int(item.get("weight", 0))
        if term.is_empty or weight == 0:
            continue
        if term.broken:
            raise BadSelector(term.broken)
        compiled.append((term, weight))
    return tuple(compiled)


def node_names_of(terms: Sequence[Term]) -> frozenset[str] | None:
    """The only node names that these terms can match by their ``metadata.name`` fields; None when any node may match."""
    names: frozenset[str] = frozenset()
    for term in terms:
        of_term: frozenset[str] | None = None
        for key, op, values in term.fields:
            if key == "metadata.name" and op == "In":
                of_term = values if of_term is None else of_term & values
        if of_term is None:
            return None
        names |= of_term
    return names if terms else None


def _requirement(item: Mapping[str, Any]) -> tuple[str, str, frozenset[str]]:
    return item.get("key", ""), item.get("operator", ""), frozenset(item.get("values") or ())


def _matches(op: str, value: str | None, values: frozenset[str]) -> bool:
    if op == "In":
        return value is not None and value in values
    if op == "NotIn":
        return value is None or value not in values
    if op == "Exists":
        return value is not None
    if op == "DoesNotExist":
        return value is None
    if value is None:
        return False
    try:
        left, right = int(value), int(next(iter(values)))
    except ValueError:
        return False
    return left > right if op == "Gt" else left < right


def _fault(item: Mapping[str, Any]) -> str:
    key, op, values = _requirement(item)
    prefix, slash, name = key.rpartition("/")
    if len(name) > 63 or not _NAME.match(name) or (slash and not _PREFIX.match(prefix)):
        return f'key: Invalid value: "{key}"'
    if op in {"In", "NotIn"}:
        if not values:
            return "values: for 'in', 'notin' operators, values set can't be empty"
    elif op in {"Exists", "DoesNotExist"}:
        if values:
            return "values: values set must be empty for exists and does not exist"
    elif op in {"Gt", "Lt"}:
        if len(values) != 1 or not next(iter(values)).lstrip("+-").isdigit():
            return "values: for 'Gt', 'Lt' operators, exactly one integer is required"
    else:
        return f'"{op}" is not a valid label selector operator'
    bad = sorted(v for v in values if v and (len(v) > 63 or not _NAME.match(v)))
    return f'values: Invalid value: "{bad[0]}"' if bad else ""


def _field_fault(item: Mapping[str, Any]) -> str:
    key, op, values = _requirement(item)
    if op not in {"In", "NotIn"}:
        return f'"{op}" is not a valid node field selector operator'
    if len(values) != 1:
        return f"unexpected number of value ({len(values)}) for node field selector operator {op}"
    return "" if key == "metadata.name" else f'field label not supported: "{key}"'
