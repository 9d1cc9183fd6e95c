"""What a comparison leaves out: `ignoreDifferences` of Applications and of the system.  Decides; never acts.

**Imitates:** argo-cd util/argo/normalizers/diff_normalizer.go, util/argo/diff/ignore.go,
util/argo/managedfields/managed_fields.go, util/settings/settings.go (`resource.customizations.ignoreDifferences.*`,
`ignoreResourceStatusField`).  Differs: jq expressions are paths as in `jq`; others are refused when they are read.

**Walk:** `spec.ignoreDifferences` and argocd-cm -> `rules_of` -> `Ignores.strip` of both sides of a comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.apply.compare import compare
from kcsim.api.apply.fieldset import FieldSet
from kcsim.api.apply.remove import remove_items
from kcsim.api.apply.schema import TypedError, TypeSchema
from kcsim.api.objects import Object
from kcsim.api.patch import json_patch
from kcsim.api.patch.json_patch import JSONPatchError, parse_pointer
from kcsim.delivery.gitops.argocd import globs
from kcsim.delivery.gitops.argocd.diff import jq
from kcsim.delivery.gitops.argocd.resources import (
    kind_of,
    metadata_of,
    name_of,
    namespace_of,
)
from kcsim.delivery.gitops.ordering import group_of

PREFIX = "resource.customizations.ignoreDifferences."
CRD_KEY = "apiextensions.k8s.io/CustomResourceDefinition"


@dataclass(frozen=True, slots=True)
class Rule:
    """One member of `ignoreDifferences`; group and kind are globs, an empty name or namespace is any."""

    group: str
    kind: str
    name: str = ""
    namespace: str = ""
    pointers: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()

    def matches(self, obj: Object) -> bool:
        """Whether the rule is about an object."""
        return (
            globs.matches(self.group, group_of(obj))
            and globs.matches(self.kind, kind_of(obj))
            and self.name in ("", name_of(obj))
            and self.namespace in ("", namespace_of(obj))
        )


@dataclass(frozen=True, slots=True)
class Ignores:
    """All rules that hold in a comparison, those of the Application before those of the system."""

    rules: tuple[Rule, ...] = ()

    def strip(self, obj: Object) -> Object:
        """The object without ignored places, as jsonPointers and jqPathExpressions name them; itself without any."""
        for rule in self.rules:
            if (rule.pointers or rule.expressions) and rule.matches(obj):
                for pointer in rule.pointers:
                    obj = _without_pointer(obj, pointer)
                for expression in rule.expressions:
                    obj = _without_expression(obj, expression)
        return obj

    def managers_of(self, target: Object) -> frozenset[str]:
        """The managers whose fields on a target's live object are left alone."""
        return frozenset(
            m for rule in self.rules if rule.managers and rule.matches(target) for m in rule.managers
        )

    def trust(self, target: Object, live: Object, schema: TypeSchema) -> tuple[Object, Object]:
        """Target and live object without the fields that differ and that a trusted manager owns on the live object.

        Objects that do not fit the schema stay as they are, as upstream leaves them.
        """
        managers = self.managers_of(target)
        entries = [e for e in metadata_of(live).get("managedFields") or () if e.get("manager") in managers]
        if not entries:
            return target, live
        kind = schema.root
        try:
            modified = compare(live, target, kind).modified
        except TypedError:
            return target, live
        for entry in entries:
            owned = FieldSet.from_json(entry.get("fieldsV1") or {}).intersection(modified)
            if owned:
                target, live = remove_items(target, owned, kind), remove_items(live, owned, kind)
        return target, live


def rules_of(
    app_rules: Iterable[Mapping[str, Any]],
    overrides: Mapping[str, Mapping[str, Any]],
    status_of: str = "all",
) -> Ignores:
    """The rules for an Application.

    `app_rules`: `spec.ignoreDifferences`.  `overrides`: by `group/Kind` (`*/*` for all), what argocd-cm says.
    `status_of`: `ignoreResourceStatusField`: of which kinds status is ignored: all, crd (the definitions only) or none.
    Raises: ValueError for a jq expression that is not modelled.
    """
    rules = [
        Rule(
            str(raw.get("group") or ""),
            str(raw.get("kind") or ""),
            str(raw.get("name") or ""),
            str(raw.get("namespace") or ""),
            *_parts(raw),
        )
        for raw in app_rules
    ]
    for key, raw in overrides.items():
        group, _, kind = key.rpartition("/")
        rules.append(Rule(group, kind, "", "", *_parts(raw)))
    if status_of in ("", "all"):
        rules.append(Rule("*", "*", pointers=("/status",)))
    elif status_of == "crd":
        group, _, kind = CRD_KEY.partition("/")
        rules.append(Rule(group, kind, pointers=("/status",)))
    return Ignores(tuple(rules))


def override_key(key: str) -> str:
    """`group/Kind` behind a key of argocd-cm; `all` is every kind."""
    rest = key.removeprefix(PREFIX)
    return "*/*" if rest == "all" else rest.replace("_", "/").removeprefix("/")


def _parts(raw: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    expressions = _texts(raw.get("jqPathExpressions"))
    for expression in expressions:
        jq.compile_path(expression)
    return _texts(raw.get("jsonPointers")), expressions, _texts(raw.get("managedFieldsManagers"))


def _texts(values: Sequence[Any] | None) -> tuple[str, ...]:
    return tuple(str(value) for value in values or ())


def _without_pointer(obj: Object, pointer: str) -> Object:
    # The usual case first: nothing is there, or one field is.
    try:
        steps = parse_pointer(pointer)
    except JSONPatchError:
        return obj
    if len(steps) == 1:
        return {k: v for k, v in obj.items() if k != steps[0]} if steps[0] in obj else obj
    try:
        made: Object = json_patch.apply(obj, [{"op": "remove", "path": pointer}])
    except JSONPatchError:
        # Nothing is there to remove: upstream goes on with the next one too.
        return obj
    return made


def _without_expression(obj: Object, expression: str) -> Object:
    try:
        places = jq.paths(expression, obj)
    except jq.EvaluationError:
        return obj
    if not places or () in places:
        return obj
    made: Object = jq.delete(obj, places)
    return made
