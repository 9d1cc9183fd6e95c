"""Policies against the types of what they match: warnings in their status.

**Imitates:** apiserver ``pkg/admission/plugin/policy/validating/typechecking.go`` (v1.36): up to ten kinds, named by rules without
wildcards. Variables are typed where they are scalars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kcsim.api.admission.policy.scope import policy_scope
from kcsim.api.catalog import Catalog
from kcsim.api.cel.errors import CompileError
from kcsim.api.cel.expression import Scope
from kcsim.api.objects import Object
from kcsim.api.rbac import Authorizer
from kcsim.api.resources import GVK, split_api_version
from kcsim.api.schemas.schema import Schema

SchemaOf = Callable[[GVK], Schema | None]
_MAX_TYPES = 10


def type_warnings(
    policy: Object, catalog: Catalog, schema_of: SchemaOf, authorizer: Authorizer
) -> list[Object]:
    """``status.typeChecking.expressionWarnings``."""
    spec = policy["spec"]
    scopes = list(_scopes(spec, catalog, schema_of, authorizer))
    warnings = []
    for i, validation in enumerate(spec.get("validations") or ()):
        for field in ("expression", "messageExpression"):
            text = validation.get(field) or ""
            if text and (found := _check(text, scopes)):
                warnings.append({"fieldRef": f"spec.validations[{i}].{field}", "warning": found})
    return warnings


def _scopes(
    spec: Object, catalog: Catalog, schema_of: SchemaOf, authorizer: Authorizer
) -> Iterator[tuple[GVK, Scope]]:
    params = None
    if kind := spec.get("paramKind"):
        params = schema_of((*split_api_version(kind["apiVersion"]), kind["kind"]))
    for gvk in sorted(set(_kinds(spec, catalog)))[:_MAX_TYPES]:
        schema = schema_of(gvk)
        if schema is not None:
            yield gvk, policy_scope(authorizer, spec, schema=schema, params=params)


def _kinds(spec: Object, catalog: Catalog) -> Iterator[GVK]:
    for rule in (spec.get("matchConstraints") or {}).get("resourceRules") or ():
        groups, versions = rule.get("apiGroups") or (), rule.get("apiVersions") or ()
        if any("*" in word for word in (*groups, *versions)):
            continue
        for group in groups:
            for version in versions:
                for word in rule.get("resources") or ():
                    found = None if "*" in word or "/" in word else catalog.find(group, version, word)
                    if found is not None:
                        yield found.gvk


def _check(text: str, scopes: list[tuple[GVK, Scope]]) -> str:
    messages = []
    for (group, version, kind), scope in scopes:
        try:
            scope.check(text)
        except CompileError as error:
            where = f"{group}/{version}" if group else version
            messages.append(f"{where}, Kind={kind}: {error}\n")
    return "\n".join(messages)
