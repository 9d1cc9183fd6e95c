"""LimitRanger: amounts for containers that name none, and bounds for those that do.

**Imitates:** ``plugin/pkg/admission/limitranger/admission.go`` (v1.36). Where upstream goes through maps, refusals here are in
the order of names.

**Walk:** a new pod -> ``with_defaults`` from every LimitRange of its namespace, noted in an annotation -> ``violations`` of the
finished pod, or of a claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kcsim.api import objects, quantity
from kcsim.api.objects import Object
from kcsim.api.pod_resources import Amounts, amounts, pod_limits, pod_requests
from kcsim.api.quantity import Quantity

ANNOTATION = "kubernetes.io/limit-ranger"
_CONTAINERS = ("containers", "initContainers")


def with_defaults(pod: Object, ranges: Sequence[Object]) -> Object:
    """The pod with what the ranges give to containers that do not say."""
    for limit_range in ranges:
        defaults = {"requests": {}, "limits": {}}  # type: dict[str, dict[str, str]]
        for item in _items(limit_range):
            if item.get("type") == "Container":
                defaults["requests"] |= item.get("defaultRequest") or {}
                defaults["limits"] |= item.get("default") or {}
        pod = _merged(pod, defaults)
    return pod


def _merged(pod: Object, defaults: dict[str, dict[str, str]]) -> Object:
    notes: list[str] = []
    spec = dict(pod["spec"])
    for field in _CONTAINERS:
        if not spec.get(field):
            continue
        what = "init container" if field == "initContainers" else "container"
        spec[field] = [_container(container, defaults, what, notes) for container in spec[field]]
    if not notes:
        return pod
    new = {**pod, "spec": spec}
    return objects.with_annotations(new, {ANNOTATION: f"LimitRanger plugin set: {'; '.join(notes)}"})


def _container(container: Object, defaults: dict[str, dict[str, str]], what: str, notes: list[str]) -> Object:
    resources = dict(container.get("resources") or {})
    changed = False
    for field, word in (("requests", "request"), ("limits", "limit")):
        given = resources.get(field) or {}
        missing = {name: amount for name, amount in sorted(defaults[field].items()) if name not in given}
        if missing:
            resources[field] = {**given, **missing}
            notes.append(f"{', '.join(missing)} {word} for {what} {container.get('name', '')}")
            changed = True
    return {**container, "resources": resources} if changed else container


# --- bounds -------------------------------------------------------------------------------------------------------


def pod_violations(pod: Object, limit_range: Object) -> list[str]:
    """What a pod does that a range does not allow."""
    found: list[str] = []
    for item in _items(limit_range):
        kind = item.get("type")
        if kind == "Container":
            for field in _CONTAINERS:
                for container in pod["spec"].get(field) or ():
                    resources = container.get("resources")
                    found += _bounds(item, amounts(resources, "requests"), amounts(resources, "limits"))
        elif kind == "Pod":
            found += _bounds(item, pod_requests(pod), pod_limits(pod))
    return list(dict.fromkeys(found))


def claim_violations(claim: Object, limit_range: Object) -> list[str]:
    """What a PersistentVolumeClaim asks for that a range does not allow."""
    requests = amounts((claim.get("spec") or {}).get("resources"), "requests")
    found: list[str] = []
    for item in _items(limit_range):
        if item.get("type") == "PersistentVolumeClaim":
            found += _each(
                item, "min", lambda name, bound: _at_least("PersistentVolumeClaim", name, bound, requests, {})
            )
            found += _each(item, "max", lambda name, bound: _claim_at_most(name, bound, requests))
    return list(dict.fromkeys(found))


def _items(limit_range: Object) -> Sequence[Object]:
    return (limit_range.get("spec") or {}).get("limits") or ()


def joined(violations: Sequence[str]) -> str:
    """Several errors as Go's aggregates print them."""
    return violations[0] if len(violations) == 1 else f"[{', '.join(violations)}]"


def _bounds(item: Object, requests: Amounts, limits: Amounts) -> Iterator[str]:
    kind = item["type"]
    yield from _each(item, "min", lambda name, bound: _at_least(kind, name, bound, requests, limits))
    yield from _each(item, "max", lambda name, bound: _at_most(kind, name, bound, requests, limits))
    yield from _each(
        item, "maxLimitRequestRatio", lambda name, bound: _ratio(kind, name, bound, requests, limits)
    )


def _each(item: Object, field: str, judge: Callable[[str, Quantity], str]) -> Iterator[str]:
    for name, bound in sorted((item.get(field) or {}).items()):
        if why := judge(name, quantity.of(bound)):
            yield why


def _at_least(kind: str, name: str, bound: Quantity, requests: Amounts, limits: Amounts) -> str:
    head = f"minimum {name} usage per {kind} is {bound}"
    if name not in requests:
        return f"{head}.  No request is specified"
    if requests[name].nanos < bound.nanos:
        return f"{head}, but request is {requests[name]}"
    if name in limits and limits[name].nanos < bound.nanos:
        return f"{head}, but limit is {limits[name]}"
    return ""


def _at_most(kind: str, name: str, bound: Quantity, requests: Amounts, limits: Amounts) -> str:
    head = f"maximum {name} usage per {kind} is {bound}"
    if name not in limits:
        return f"{head}.  No limit is specified"
    if limits[name].nanos > bound.nanos:
        return f"{head}, but limit is {limits[name]}"
    if name in requests and requests[name].nanos > bound.nanos:
        return f"{head}, but request is {requests[name]}"
    return ""


def _claim_at_most(name: str, bound: Quantity, requests: Amounts) -> str:
    head = f"maximum {name} usage per PersistentVolumeClaim is {bound}"
    if name not in requests:
        return f"{head}.  No request is specified"
    return f"{head}, but request is {requests[name]}" if requests[name].nanos > bound.nanos else ""


def _ratio(kind: str, name: str, bound: Quantity, requests: Amounts, limits: Amounts) -> str:
    head = f"{name} max limit to request ratio per {kind} is {bound}"
    if name not in requests or not requests[name].nanos:
        return f"{head}, but no request is specified or request is 0"
    if name not in limits or not limits[name].nanos:
        return f"{head}, but no limit is specified or limit is 0"
    ratio = limits[name].nanos / requests[name].nanos
    return f"{head}, but provided ratio is {ratio:f}" if ratio > bound.as_approximate_float64() else ""
