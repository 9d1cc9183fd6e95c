"""Validation of what steers scheduling: affinity, tolerations, taints, topology spread.

**Imitates:** validateAffinity, ValidateTolerations, validateTopologySpreadConstraints and validateNodeTaints in
kubernetes pkg/apis/core/validation/validation.go (v1.36).
"""

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names
from kcsim.api.validation.common import label_selector
from kcsim.api.validation.field import (
    Errors,
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    one_of,
    required,
)

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


def affinity(path: str, item: Mapping[str, Any]) -> Errors:
    """validateAffinity."""
    errors: Errors = []
    node = item.get("nodeAffinity") or {}
    if node.get(_REQUIRED) is not None:
        errors += node_selector(f"{path}.nodeAffinity.{_REQUIRED}", node[_REQUIRED])
    for index, term in enumerate(node.get(_PREFERRED) or ()):
        here = f"{path}.nodeAffinity.{_PREFERRED}[{index}]"
        errors += _weight(here, term)
        errors += _node_selector_term(f"{here}.preference", term.get("preference") or {})
    for name in ("podAffinity", "podAntiAffinity"):
        pods = item.get(name) or {}
        for index, term in enumerate(pods.get(_REQUIRED) or ()):
            errors += _pod_term(f"{path}.{name}.{_REQUIRED}[{index}]", term)
        for index, term in enumerate(pods.get(_PREFERRED) or ()):
            here = f"{path}.{name}.{_PREFERRED}[{index}]"
            errors += _weight(here, term)
            errors += _pod_term(f"{here}.podAffinityTerm", term.get("podAffinityTerm") or {})
    return errors


def _weight(path: str, term: Mapping[str, Any]) -> Errors:
    weight = term.get("weight") or 0
    return [] if 1 <= weight <= 100 else [invalid(f"{path}.weight", weight, "must be in the range 1-100")]


def node_selector(path: str, item: Mapping[str, Any]) -> Errors:
    """ValidateNodeSelector."""
    terms = item.get("nodeSelectorTerms") or []
    if not terms:
        return [required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")]
    errors: Errors = []
    for index, term in enumerate(terms):
        errors += _node_selector_term(f"{path}.nodeSelectorTerms[{index}]", term)
    return errors


def _node_selector_term(path: str, term: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    for index, item in enumerate(term.get("matchExpressions") or ()):
        errors += _requirement(f"{path}.matchExpressions[{index}]", item)
    for index, item in enumerate(term.get("matchFields") or ()):
        here = f"{path}.matchFields[{index}]"
        if item.get("operator") not in ("In", "NotIn"):
            errors.append(
                invalid(f"{here}.operator", item.get("operator", ""), "not a valid selector operator")
            )
        elif len(item.get("values") or ()) != 1:
            text = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            errors.append(required(f"{here}.values", text))
        if item.get("key") != "metadata.name":
            errors.append(invalid(f"{here}.key", item.get("key", ""), "not a valid field selector key"))
    return errors


def _requirement(path: str, item: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    operator, values = item.get("operator", ""), item.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            errors.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(forbidden(f"{path}.values", text))
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            text = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            errors.append(required(f"{path}.values", text))
    else:
        errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    key = item.get("key", "")
    return errors + each_invalid(f"{path}.key", key, names.is_qualified_name(key))


def _pod_term(path: str, term: Mapping[str, Any]) -> Errors:
    errors = label_selector(f"{path}.labelSelector", term.get("labelSelector"))
    errors += _label_keys(f"{path}.matchLabelKeys", term, "matchLabelKeys")
    errors += _label_keys(f"{path}.mismatchLabelKeys", term, "mismatchLabelKeys")
    errors += label_selector(f"{path}.namespaceSelector", term.get("namespaceSelector"))
    for namespace in term.get("namespaces") or ():
        errors += each_invalid(f"{path}.namespace", namespace, names.is_dns1123_label(namespace))
    key = term.get("topologyKey") or ""
    if not key:
        return [*errors, required(f"{path}.topologyKey", "can not be empty")]
    return errors + each_invalid(f"{path}.topologyKey", key, names.is_qualified_name(key))


# ---- tolerations and taints


def tolerations(path: str, items: list[dict[str, Any]]) -> Errors:
    """ValidateTolerations."""
    errors: Errors = []
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        key, operator, effect = item.get("key") or "", item.get("operator") or "", item.get("effect") or ""
        if key:
            errors += each_invalid(f"{here}.key", key, names.is_qualified_name(key))
        elif operator != "Exists":
            text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            errors.append(invalid(f"{here}.operator", operator, text))
        if item.get("tolerationSeconds") is not None and effect != "NoExecute":
            text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            errors.append(invalid(f"{here}.effect", effect, text))
        value = item.get("value") or ""
        if operator in ("", "Equal"):
            errors += each_invalid(f"{here}.operator", value, names.is_valid_label_value(value)[:1])
        elif operator == "Exists":
            if value:
                text = "value must be empty when `operator` is 'Exists'"
                errors.append(invalid(f"{here}.operator", value, text))
        else:
            errors.append(not_supported(f"{here}.operator", operator, ("Equal", "Exists")))
        if effect:
            errors += one_of(f"{here}.effect", effect, EFFECTS)
    return errors


def taints(path: str, items: list[dict[str, Any]]) -> Errors:
    """validateNodeTaints."""
    errors: Errors = []
    seen: set[tuple[str, str]] = set()
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        key, value, effect = item.get("key") or "", item.get("value") or "", item.get("effect") or ""
        errors += each_invalid(f"{here}.key", key, names.is_qualified_name(key))
        wrong = names.is_valid_label_value(value)
        if wrong:
            errors.append(invalid(f"{here}.value", value, ";".join(wrong)))
        errors += [required(f"{here}.effect")] if not effect else one_of(f"{here}.effect", effect, EFFECTS)
        if (key, effect) in seen:
            shown = {"Key": key, "Value": value, "Effect": effect, "TimeAdded": item.get("timeAdded")}
            errors.append(duplicate(here, shown, "taints must be unique by key and effect pair"))
        seen.add((key, effect))
    return errors


def _label_keys(path: str, item: Mapping[str, Any], name: str) -> Errors:
    """Keys of labels that the pod's own values are taken of (validateLabelKeys)."""
    keys = item.get(name) or []
    if keys and item.get("labelSelector") is None:
        return [forbidden(path, "must not be specified when labelSelector is not set")]
    return [
        error
        for index, key in enumerate(keys)
        for error in each_invalid(f"{path}[{index}]", key, names.is_qualified_name(key))
    ]


def topology_spread(path: str, items: list[dict[str, Any]]) -> Errors:
    """validateTopologySpreadConstraints."""
    errors: Errors = []
    seen: set[tuple[str, str]] = set()
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        key, action = item.get("topologyKey") or "", item.get("whenUnsatisfiable") or ""
        skew = item.get("maxSkew") or 0
        if skew <= 0:
            errors.append(invalid(f"{here}.maxSkew", skew, "must be greater than zero"))
        if not key:
            errors.append(required(f"{here}.topologyKey", "can not be empty"))
        errors += one_of(f"{here}.whenUnsatisfiable", action, ("DoNotSchedule", "ScheduleAnyway"))
        if (key, action) in seen:
            errors.append(duplicate(f"{here}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}"))
        seen.add((key, action))
        domains = item.get("minDomains")
        if domains is not None and domains <= 0:
            errors.append(invalid(f"{here}.minDomains", domains, "must be greater than zero"))
        if domains is not None and action != "DoNotSchedule":
            text = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            errors.append(invalid(f"{here}.minDomains", domains, text))
        for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if item.get(name) is not None:
                errors += one_of(f"{here}.{name}", item[name], ("Honor", "Ignore"))
        errors += _label_keys(f"{here}.matchLabelKeys", item, "matchLabelKeys")
        errors += label_selector(f"{here}.labelSelector", item.get("labelSelector"))
    return errors
