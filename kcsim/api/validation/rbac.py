"""Validation of roles and bindings.

**Imitates:** kubernetes pkg/apis/rbac/validation/validation.go (v1.36).
"""

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names
from kcsim.api.validation.common import label_selector
from kcsim.api.validation.field import Errors, each_invalid, invalid, not_supported, one_of, required
from kcsim.api.validation.metadata import path_segment

GROUP: Final = "rbac.authorization.k8s.io"
_USERS: Final = ("User", "Group")


def role(obj: Mapping[str, Any]) -> Errors:
    """ValidateRole."""
    return _rules(obj, namespaced=True)


def cluster_role(obj: Mapping[str, Any]) -> Errors:
    """ValidateClusterRole."""
    errors = _rules(obj, namespaced=False)
    selectors = (obj.get("aggregationRule") or {}).get("clusterRoleSelectors")
    if obj.get("aggregationRule") is not None and not selectors:
        text = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        errors.append(required("aggregationRule.clusterRoleSelectors", text))
    for index, selector in enumerate(selectors or ()):
        errors += label_selector(f"aggregationRule.clusterRoleSelectors[{index}]", selector)
    return errors


def _rules(obj: Mapping[str, Any], *, namespaced: bool) -> Errors:
    errors: Errors = []
    for index, rule in enumerate(obj.get("rules") or ()):
        errors += _rule(f"rules[{index}]", rule, namespaced=namespaced)
    return errors


def _rule(path: str, rule: Mapping[str, Any], *, namespaced: bool) -> Errors:
    errors: Errors = []
    if not rule.get("verbs"):
        errors.append(required(f"{path}.verbs", "verbs must contain at least one value"))
    urls = rule.get("nonResourceURLs")
    if urls:
        if namespaced:
            text = "namespaced rules cannot apply to non-resource URLs"
            errors.append(invalid(f"{path}.nonResourceURLs", urls, text))
        if any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
            text = "rules cannot apply to both regular resources and non-resource URLs"
            errors.append(invalid(f"{path}.nonResourceURLs", urls, text))
        return errors
    if not rule.get("apiGroups"):
        errors.append(required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
    if not rule.get("resources"):
        errors.append(required(f"{path}.resources", "resource rules must supply at least one resource"))
    return errors


def role_binding(obj: Mapping[str, Any]) -> Errors:
    """ValidateRoleBinding."""
    return _binding(obj, ("Role", "ClusterRole"), namespaced=True)


def cluster_role_binding(obj: Mapping[str, Any]) -> Errors:
    """ValidateClusterRoleBinding."""
    return _binding(obj, ("ClusterRole",), namespaced=False)


def _binding(obj: Mapping[str, Any], kinds: tuple[str, ...], *, namespaced: bool) -> Errors:
    ref = obj.get("roleRef") or {}
    errors: Errors = []
    if ref.get("apiGroup") != GROUP:
        errors.append(not_supported("roleRef.apiGroup", ref.get("apiGroup") or "", (GROUP,)))
    errors += one_of("roleRef.kind", ref.get("kind") or "", kinds)
    name = ref.get("name") or ""
    errors += each_invalid("roleRef.name", name, path_segment(name)) if name else [required("roleRef.name")]
    for index, subject in enumerate(obj.get("subjects") or ()):
        errors += _subject(f"subjects[{index}]", subject, namespaced=namespaced)
    return errors


def _subject(path: str, subject: Mapping[str, Any], *, namespaced: bool) -> Errors:
    kind, name, group = subject.get("kind") or "", subject.get("name") or "", subject.get("apiGroup") or ""
    errors: Errors = [] if name else [required(f"{path}.name")]
    if kind == "ServiceAccount":
        if name:
            errors += each_invalid(f"{path}.name", name, names.is_dns1123_subdomain(name))
        if group:
            errors.append(not_supported(f"{path}.apiGroup", group, ("",)))
        if not namespaced and not subject.get("namespace"):
            errors.append(required(f"{path}.namespace"))
    elif kind in _USERS:
        if group != GROUP:
            errors.append(not_supported(f"{path}.apiGroup", group, (GROUP,)))
    else:
        errors.append(not_supported(f"{path}.kind", kind, ("ServiceAccount", "User", "Group")))
    return errors


def binding_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateRoleBindingUpdate: another role needs another binding."""
    after, before = new.get("roleRef") or {}, old.get("roleRef") or {}
    if after == before:
        return []
    shown = {
        "APIGroup": after.get("apiGroup") or "",
        "Kind": after.get("kind") or "",
        "Name": after.get("name") or "",
    }
    return [invalid("roleRef", shown, "cannot change roleRef")]
