"""Inter-pod affinity terms: which pods a term means, and the domain it speaks about.

**Imitates:** ``framework.AffinityTerm``, ``NewPodInfo`` and ``GetNamespacesFromPodAffinityTerm``
(pkg/scheduler/framework/types.go, v1.36). ``matchLabelKeys`` and ``mismatchLabelKeys`` have been merged into the
selectors by the API server when the pod was created.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api.selectors import LabelSelector, SelectorError, from_object
from kcsim.cluster.scheduler.pod_info import PodInfo

NamespaceLabels = Callable[[str], Mapping[str, str]]
"""The labels of a namespace by name; empty when it is not known."""


@dataclass(frozen=True, slots=True)
class PodTerm:
    """One term. Equal terms mean the same pods."""

    namespaces: frozenset[str]
    namespace_selector: LabelSelector | None
    selector: LabelSelector
    topology_key: str

    def matches(self, namespace: str, labels: Mapping[str, str], namespace_labels: NamespaceLabels) -> bool:
        """Whether the term means a pod of that namespace with these labels."""
        if namespace not in self.namespaces:
            chosen = self.namespace_selector
            if chosen is None or not chosen.matches(namespace_labels(namespace)):
                return False
        return self.selector.matches(labels)


Weighted = tuple[PodTerm, int]


@dataclass(frozen=True, slots=True)
class PodTerms:
    """The compiled terms of a pod; ``fault`` says what could not be compiled.

    Attributes:
        required, required_anti: terms that must hold.
        preferred: terms with their weights; negative for anti-affinity.
    """

    required: tuple[PodTerm, ...] = ()
    required_anti: tuple[PodTerm, ...] = ()
    preferred: tuple[Weighted, ...] = ()
    fault: str = ""

    @property
    def selects_namespaces(self) -> bool:
        """Whether any term looks at the labels of namespaces."""
        terms = (*self.required, *self.required_anti, *(term for term, _ in self.preferred))
        return any(term.namespace_selector is not None for term in terms)


NO_TERMS = PodTerms()
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def compile_pod_terms(pod: PodInfo) -> PodTerms:
    """The terms of a pod; those without namespaces mean the pod's own."""
    affinity, anti = pod.shape.pod_affinity, pod.shape.pod_anti_affinity
    what = ""
    try:
        what = "requiredAffinityTerms"
        required = _terms(affinity.get(_REQUIRED), pod.namespace)
        what = "requiredAntiAffinityTerms"
        required_anti = _terms(anti.get(_REQUIRED), pod.namespace)
        what = "preferredAffinityTerms"
        preferred = _weighted(affinity.get(_PREFERRED), pod.namespace, 1)
        what = "preferredAntiAffinityTerms"
        preferred_anti = _weighted(anti.get(_PREFERRED), pod.namespace, -1)
    except SelectorError as error:
        return PodTerms(fault=f"{what}: {error}")
    return PodTerms(required, required_anti, (*preferred, *preferred_anti))


def _terms(terms: Iterable[Mapping[str, Any]] | None, namespace: str) -> tuple[PodTerm, ...]:
    return tuple(_term(term, namespace) for term in terms or ())


def _weighted(terms: Iterable[Mapping[str, Any]] | None, namespace: str, sign: int) -> tuple[Weighted, ...]:
    return tuple(
        (_term(item.get("podAffinityTerm") or {}, namespace), sign * int(item.get("weight", 0)))
        for item in terms or ()
    )


def _term(term: Mapping[str, Any], namespace: str) -> PodTerm:
    names: frozenset[str] = frozenset(term.get("namespaces") or ())
    chosen = term.get("namespaceSelector")
    if not names and chosen is None:
        names = frozenset((namespace,))
    return PodTerm(
        names,
        None if chosen is None else from_object(chosen),
        from_object(term.get("labelSelector")),
        term.get("topologyKey", ""),
    )
