"""Whether policies and bindings are well made.

**Imitates:** kubernetes ``pkg/apis/admissionregistration/validation`` (v1.36), the parts about validating policies.

**Walk:** spec -> field errors, in upstream's order; expressions are compiled only where the rest of a field allows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kcsim.api import names
from kcsim.api.admission.policy.scope import declare_variable, policy_scope
from kcsim.api.cel.errors import CompileError
from kcsim.api.cel.expression import Scope
from kcsim.api.objects import Object
from kcsim.api.rbac import Authorizer
from kcsim.api.validation.common import label_selector
from kcsim.api.validation.field import (
    Errors,
    FieldError,
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    one_of,
    required,
)

_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*\Z")
_RESERVED = frozenset(
    (
        "true false null in as break const continue else for function if import let loop package namespace return "
        "var void while"
    ).split()
)
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_ACTIONS = ("Audit", "Deny", "Warn")
_NONE = "validations or auditAnnotations must contain at least one item"
_BOTH = (
    "must not contain both Deny and Warn (repeating the same validation failure information in the API response and "
    "headers serves no purpose)"
)
_EXCLUSIVE = "name and selector are mutually exclusive"
_MAX_CONDITIONS, _MAX_AUDITS, _MAX_AUDIT_BYTES = 64, 20, 5 * 1024


def policy_faults(policy: Object, authorizer: Authorizer) -> Errors:
    """ValidateValidatingAdmissionPolicy."""
    spec = policy.get("spec") or {}
    errors = list(one_of("spec.failurePolicy", spec.get("failurePolicy") or "Fail", ("Fail", "Ignore")))
    if spec.get("paramKind") is not None:
        errors += _param_kind("spec.paramKind", spec["paramKind"])
    match = spec.get("matchConstraints")
    if match is None:
        errors.append(required("spec.matchConstraints"))
    else:
        errors += _match_resources("spec.matchConstraints", match)
        if not match.get("resourceRules"):
            errors.append(required("spec.matchConstraints.resourceRules"))
    errors += _match_conditions(spec, authorizer)
    scope = policy_scope(authorizer, spec, variables=False)
    quiet = policy_scope(authorizer, spec, variables=False, has_authorizer=False)
    for i, variable in enumerate(spec.get("variables") or ()):
        errors += _variable(f"spec.variables[{i}]", variable, scope)
        declare_variable(quiet, variable)
    validations, audits = spec.get("validations") or [], spec.get("auditAnnotations") or []
    if not validations and not audits:
        return [*errors, required("spec.validations", _NONE), required("spec.auditAnnotations", _NONE)]
    for i, validation in enumerate(validations):
        errors += _validation(f"spec.validations[{i}]", validation, scope, quiet)
    name = (policy.get("metadata") or {}).get("name") or ""
    return [*errors, *_audits(audits, name, scope)]


def _param_kind(path: str, kind: Mapping[str, Any]) -> Iterator[FieldError]:
    api_version, word = kind.get("apiVersion") or "", kind.get("kind") or ""
    if not api_version:
        yield required(f"{path}.apiVersion")
    elif api_version.count("/") > 1:
        yield invalid(f"{path}.apiVersion", api_version, f"unexpected GroupVersion string: {api_version}")
    else:
        group, _, version = api_version.rpartition("/")
        if group:
            yield from each_invalid(f"{path}.apiVersion", group, names.is_dns1123_subdomain(group))
        if not version:
            yield invalid(f"{path}.apiVersion", api_version, "version must be specified")
        else:
            yield from each_invalid(f"{path}.apiVersion", version, names.is_dns1035_label(version))
    if not word:
        yield required(f"{path}.kind")
    elif faults := names.is_dns1035_label(word.lower()):
        yield invalid(
            f"{path}.kind", word, f"may have mixed case, but should otherwise match: {','.join(faults)}"
        )


def _match_resources(path: str, match: Mapping[str, Any]) -> Errors:
    errors = list(
        one_of(f"{path}.matchPolicy", match.get("matchPolicy") or "Equivalent", ("Equivalent", "Exact"))
    )
    errors += label_selector(f"{path}.namespaceSelector", match.get("namespaceSelector") or {})
    errors += label_selector(f"{path}.objectSelector", match.get("objectSelector") or {})
    for field in ("resourceRules", "excludeResourceRules"):
        for i, rule in enumerate(match.get(field) or ()):
            errors += _rule(f"{path}.{field}[{i}]", rule)
    return errors


def _rule(path: str, rule: Mapping[str, Any]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for i, name in enumerate(rule.get("resourceNames") or ()):
        if name in seen:
            yield duplicate(f"{path}.resourceNames[{i}]", name)
        seen.add(name)
    operations = rule.get("operations") or []
    if not operations:
        yield required(f"{path}.operations")
    elif len(operations) > 1 and "*" in operations:
        yield invalid(
            f"{path}.operations", operations, "if '*' is present, must not specify other operations"
        )
    for i, operation in enumerate(operations):
        yield from one_of(f"{path}.operations[{i}]", operation, _OPERATIONS)
    for field in ("apiGroups", "apiVersions"):
        words = rule.get(field) or []
        if not words:
            yield required(f"{path}.{field}")
        elif len(words) > 1 and "*" in words:
            what = "API groups" if field == "apiGroups" else "API versions"
            yield invalid(f"{path}.{field}", words, f"if '*' is present, must not specify other {what}")
        for i, word in enumerate(words):
            if field == "apiVersions" and not word:
                yield required(f"{path}.{field}[{i}]")
    yield from _resources(f"{path}.resources", rule.get("resources") or [])
    yield from one_of(f"{path}.scope", rule.get("scope") or "*", ("*", "Cluster", "Namespaced"))


def _resources(path: str, words: Sequence[str]) -> Iterator[FieldError]:
    if not words:
        yield required(path)
    for i, word in enumerate(words):
        if not word:
            yield required(f"{path}[{i}]")
        elif word == "*/*" and len(words) > 1:
            yield invalid(path, list(words), "if '*/*' is present, must not specify other resources")


def _match_conditions(spec: Object, authorizer: Authorizer) -> Iterator[FieldError]:
    conditions = spec.get("matchConditions") or []
    path = "spec.matchConditions"
    if len(conditions) > _MAX_CONDITIONS:
        text = f"must have at most {_MAX_CONDITIONS} items"
        yield FieldError("TooMany", path, "", f"{len(conditions)}: {text}")
    scope = policy_scope(authorizer, spec, variables=False) if conditions else None
    seen: set[str] = set()
    for i, condition in enumerate(conditions):
        here, name = f"{path}[{i}]", condition.get("name") or ""
        text = (condition.get("expression") or "").strip()
        if not text:
            yield required(f"{here}.expression")
        elif scope is not None:
            yield from _compiles(f"{here}.expression", text, scope, ("bool",))
        if not name:
            yield required(f"{here}.name")
            continue
        yield from each_invalid(f"{here}.name", name, names.is_qualified_name(name))
        if name in seen:
            yield duplicate(f"{here}.name", name)
        seen.add(name)


def _variable(path: str, variable: Mapping[str, Any], scope: Scope) -> Iterator[FieldError]:
    name, text = variable.get("name") or "", variable.get("expression") or ""
    if not name.strip():
        yield required(f"{path}.name", "name is not specified")
    elif not _IDENTIFIER.match(name) or name in _RESERVED:
        yield invalid(f"{path}.name", name, "name is not a valid CEL identifier")
    if not text.strip():
        yield required(f"{path}.expression", "expression is not specified")
    elif why := declare_variable(scope, {"name": name, "expression": text}):
        yield invalid(f"{path}.expression", text, f"compilation failed: {why}")


def _validation(path: str, validation: Mapping[str, Any], scope: Scope, quiet: Scope) -> Iterator[FieldError]:
    text, expression = validation.get("expression") or "", validation.get("messageExpression") or ""
    message = validation.get("message") or ""
    if not text.strip():
        yield required(f"{path}.expression", "expression is not specified")
    else:
        yield from _compiles(f"{path}.expression", text, scope, ("bool",))
    if expression and not expression.strip():
        yield invalid(f"{path}.messageExpression", expression, "must be non-empty if specified")
    elif expression:
        yield from _compiles(f"{path}.messageExpression", expression, quiet, ("string",))
    if message and not message.strip():
        yield invalid(f"{path}.message", message, "message must be non-empty if specified")
    elif re.search(r"[\n\r]", message.strip()):
        yield invalid(f"{path}.message", message, "message must not contain line breaks")
    elif not message and re.search(r"[\n\r]", text.strip()):
        yield required(f"{path}.message", "message must be specified if expression contains line breaks")
    if validation.get("reason") is not None:
        yield from one_of(f"{path}.reason", validation["reason"], _REASONS)


def _audits(audits: Sequence[Mapping[str, Any]], name: str, scope: Scope) -> Iterator[FieldError]:
    if len(audits) > _MAX_AUDITS:
        text = f"must not have more than {_MAX_AUDITS} auditAnnotations"
        yield invalid("spec.auditAnnotations", list(audits), text)
    seen: set[str] = set()
    for i, audit in enumerate(audits):
        here, key = f"spec.auditAnnotations[{i}]", audit.get("key") or ""
        if name:
            full = f"{name}/{key}"
            yield from each_invalid(f"{here}.key", full, names.is_qualified_name(full))
        else:
            yield invalid(f"{here}.key", key, "requires metadata.name be non-empty")
        text = (audit.get("valueExpression") or "").strip()
        if not text:
            yield required(f"{here}.valueExpression", "valueExpression is not specified")
        elif len(text) > _MAX_AUDIT_BYTES:
            yield required(f"{here}.valueExpression", f"must not exceed {_MAX_AUDIT_BYTES} bytes in length")
        else:
            yield from _compiles(f"{here}.valueExpression", text, scope, ("string", "null_type"))
        if key in seen:
            yield duplicate(f"{here}.key", key)
        seen.add(key)


def _compiles(path: str, text: str, scope: Scope, wanted: tuple[str, ...]) -> Iterator[FieldError]:
    try:
        kind = scope.check(text)
    except CompileError as error:
        yield invalid(path, text, f"compilation failed: {error}")
        return
    if kind in wanted:
        return
    what = wanted[0] if len(wanted) == 1 else f"one of [{' '.join(wanted)}]"
    yield invalid(path, text, f"must evaluate to {what} but got {kind}")


def binding_faults(binding: Mapping[str, Any]) -> Errors:
    """ValidateValidatingAdmissionPolicyBinding."""
    spec = binding.get("spec") or {}
    errors: Errors = []
    if not spec.get("policyName"):
        errors.append(required("spec.policyName"))
    else:
        errors += each_invalid(
            "spec.policyName", spec["policyName"], names.is_dns1123_subdomain(spec["policyName"])
        )
    if spec.get("paramRef") is not None:
        errors += _param_ref("spec.paramRef", spec["paramRef"])
    if spec.get("matchResources") is not None:
        errors += _match_resources("spec.matchResouces", spec["matchResources"])  # sic
    actions = spec.get("validationActions") or []
    for i, action in enumerate(actions):
        errors += one_of(f"spec.validationActions[{i}]", action, _ACTIONS)
        if action in actions[:i]:
            errors.append(duplicate(f"spec.validationActions[{i}]", action))
    if "Deny" in actions and "Warn" in actions:
        errors.append(invalid("spec.validationActions", list(actions), _BOTH))
    if not actions:
        errors.append(required("spec.validationActions", "at least one validation action is required"))
    return errors


def _param_ref(path: str, ref: Mapping[str, Any]) -> Iterator[FieldError]:
    name, selector = ref.get("name") or "", ref.get("selector")
    if name and selector is not None:
        yield forbidden(f"{path}.name", _EXCLUSIVE)
    if selector is not None:
        yield from label_selector(f"{path}.selector", selector)
        if name:
            yield forbidden(f"{path}.selector", _EXCLUSIVE)
    if not name and selector is None:
        yield required(path, "one of name or selector must be specified")
    action = ref.get("parameterNotFoundAction") or ""
    if not action:
        yield required(f"{path}.parameterNotFoundAction")
    elif action not in ("Deny", "Allow"):
        yield from one_of(f"{path}.parameterNotFoundAction", action, ("Deny", "Allow"))
