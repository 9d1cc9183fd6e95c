"""Which writes a policy, or a binding of it, looks at.

**Imitates:** apiserver ``pkg/admission/plugin/policy/matching`` and ``plugin/webhook/predicates`` (v1.36): rules by operation, group,
version, resource, sub-resource, scope and name; selectors of namespaces and objects. Differs: of equivalent versions
(``matchPolicy: Equivalent``) the object is shown in the one that was written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.admission.request import AdmissionRequest
from kcsim.api.objects import Object

Namespace = Callable[[str], Object | None]
_POLICY_GROUP = "admissionregistration.k8s.io"
_POLICIES = tuple(
    f"{kind}admissionpolic{ending}" for kind in ("validating", "mutating") for ending in ("ies", "ybindings")
)


def is_exempt(request: AdmissionRequest) -> bool:
    """Policies do not judge policies, so that a wrong one can be mended."""
    return request.resource.group == _POLICY_GROUP and request.resource.plural in _POLICIES


def matches(match: Object | None, request: AdmissionRequest, namespace: Namespace) -> bool:
    """Whether ``matchConstraints`` or ``matchResources`` cover a write; None covers all."""
    if match is None:
        return True
    rules = match.get("resourceRules") or ()
    equivalent = match.get("matchPolicy") != "Exact"
    if rules and not any(_rule_matches(rule, request, equivalent=equivalent) for rule in rules):
        return False
    if any(
        _rule_matches(rule, request, equivalent=equivalent)
        for rule in match.get("excludeResourceRules") or ()
    ):
        return False
    return _namespace_matches(match, request, namespace) and _object_matches(match, request)


def _rule_matches(rule: Object, request: AdmissionRequest, *, equivalent: bool) -> bool:
    resource = request.resource
    return (
        _one_of(rule.get("operations"), request.action)
        and _one_of(rule.get("apiGroups"), resource.group)
        and (equivalent or _one_of(rule.get("apiVersions"), resource.version))
        and _scope_matches(rule.get("scope") or "*", request)
        and any(_resource_matches(word, request) for word in rule.get("resources") or ())
        and (not rule.get("resourceNames") or request.name in rule["resourceNames"])
    )


def _one_of(words: Sequence[str] | None, value: str) -> bool:
    return bool(words) and ("*" in (words or ()) or value in (words or ()))


def _scope_matches(scope: str, request: AdmissionRequest) -> bool:
    # A Namespace counts as standing in itself.
    namespaced = request.resource.namespaced
    return scope == "*" or (scope == "Namespaced") == namespaced


def _resource_matches(word: str, request: AdmissionRequest) -> bool:
    resource, _, subresource = word.partition("/")
    return resource in {"*", request.resource.plural} and subresource in (
        {"*", request.subresource} if "/" in word else {request.subresource}
    )


def _namespace_matches(match: Object, request: AdmissionRequest, namespace: Namespace) -> bool:
    selector = match.get("namespaceSelector") or {}
    if not selector:
        return True
    if request.resource.group_resource == "namespaces":
        here = request.object or request.old
    elif request.namespace:
        here = namespace(request.namespace)
    else:
        return True
    return selectors.from_object(selector).matches(objects.labels(here or {}))


def _object_matches(match: Object, request: AdmissionRequest) -> bool:
    selector: Any = match.get("objectSelector") or {}
    if not selector:
        return True
    compiled = selectors.from_object(selector)
    return any(
        obj is not None and compiled.matches(objects.labels(obj)) for obj in (request.object, request.old)
    )
