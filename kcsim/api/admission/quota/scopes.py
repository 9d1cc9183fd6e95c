"""Which objects a quota counts at all.

**Imitates:** podMatchesScopeFunc and pvcMatchesScopeFunc of ``pkg/quota/v1/evaluator/core`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterator

from kcsim.api.objects import Object
from kcsim.api.qos import qos_class
from kcsim.api.resources import Resource


def counts_object(quota: Object, obj: Object, resource: Resource) -> bool:
    """Whether all scopes of a quota hold for an object."""
    return all(_holds(selector, obj, resource) for selector in selectors(quota))


def selectors(quota: Object) -> Iterator[Object]:
    """The scopes of a quota, written either way."""
    spec = quota.get("spec") or {}
    for scope in spec.get("scopes") or ():
        yield {"scopeName": scope, "operator": "Exists"}
    yield from (spec.get("scopeSelector") or {}).get("matchExpressions") or ()


def _holds(selector: Object, obj: Object, resource: Resource) -> bool:
    scope = selector.get("scopeName")
    if resource.group_resource == "persistentvolumeclaims":
        name = obj["spec"].get("volumeAttributesClassName") or ""
        return scope == "VolumeAttributesClass" and _selects(selector, name)
    if resource.group_resource != "pods":
        return False
    spec: Object = obj["spec"]
    if scope in ("Terminating", "NotTerminating"):
        return bool((spec.get("activeDeadlineSeconds") is not None) == (scope == "Terminating"))
    if scope in ("BestEffort", "NotBestEffort"):
        return bool((qos_class(spec) == "BestEffort") == (scope == "BestEffort"))
    if scope == "PriorityClass":
        return _selects(selector, spec.get("priorityClassName") or "")
    if scope == "CrossNamespacePodAffinity":
        return _looks_across_namespaces(spec)
    return False


def _selects(selector: Object, name: str) -> bool:
    operator, values = selector.get("operator"), selector.get("values") or ()
    if operator == "Exists":
        return bool(name)
    if operator == "DoesNotExist":
        return not name
    if operator == "In":
        return name in values
    return name not in values  # NotIn


def _looks_across_namespaces(spec: Object) -> bool:
    affinity = spec.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        part = affinity.get(kind) or {}
        terms = list(part.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        terms += [
            item.get("podAffinityTerm") or {}
            for item in part.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        ]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False
