"""Types at the server's door: decoding, defaults and validation of what clients send.

A thin meeting point of three pure rooms, ``schemas`` (structure), ``defaults`` and ``validation``, with memory for
parts that many objects share: the pods of one ReplicaSet have the same spec object, so it is looked at once.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kcsim.api import status
from kcsim.api.catalog import Catalog
from kcsim.api.defaults.table import default
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.scale import scale_faults
from kcsim.api.schemas.check import Checker, strict_errors, type_error
from kcsim.api.schemas.definitions import compile_crd_schema, crd_has_rules
from kcsim.api.schemas.printed import with_printed
from kcsim.api.schemas.schema import Schema
from kcsim.api.schemas.structural import problems, unchecked, with_defaults
from kcsim.api.validation.field import FieldError
from kcsim.api.validation.rules import validate_create, validate_metadata, validate_status, validate_update
from kcsim.api.warnings import kinds as warnings_of
from kcsim.engine.dice import NAME_ALPHABET

if TYPE_CHECKING:
    from kcsim.api.cel.rules import Rules

_REMEMBERED = 4096


class Typed:
    """Decoding, defaulting and validating for one server's catalog.

    Attributes:
        custom_schemas: the schemas of custom resources, by group, version and kind.
        warnings: what a write breaks that was broken before, and what else to warn of: to be told, and taken away.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._checker = Checker()
        self.custom_schemas: dict[tuple[str, str, str], Schema] = {}
        self._rules: dict[int, tuple[Schema, Rules | None]] = {}
        self.warnings: list[str] = []
        # Pod specs known to be defaulted and valid, held so that their identity stays theirs.
        self._defaulted: dict[int, tuple[Object, Object]] = {}
        self._alike: dict[bytes, Object] = {}
        # With each the metadata of a pod that had it, and what that pod was warned of.
        self._valid: dict[int, tuple[Object, Object, list[str]]] = {}

    # --- decoding -----------------------------------------------------------------------------------------------

    def check(self, resource: Resource, obj: Object) -> tuple[Object, str, list[str]]:
        """The object without unknown fields, what makes it no object of its kind ("" for nothing), unknown fields."""
        kind: Any = self.custom_schemas.get(resource.gvk) if resource.custom else resource.gvk
        if kind is None:
            return obj, "", []
        known, faults = self._checker.decode(obj, kind)
        if not resource.custom and "status" in known:
            known = with_printed(known, resource.gvk)
        if not faults:
            return known, "", []
        # A custom resource decodes whatever its schema says, which validation then asks.
        wrong = type_error([f for f in faults if f.path[0] == "metadata"] if resource.custom else faults)
        return known, wrong.message if wrong is not None else "", strict_errors(faults)

    def decode(
        self, resource: Resource, obj: Object, field_validation: str, duplicates: Sequence[str] = ()
    ) -> tuple[Object, tuple[str, ...]]:
        """The object without unknown fields, and warnings about them and about keys written twice.

        Raises:
            StatusError: 400 for a wrong JSON type, or under ``Strict`` for what is otherwise warned of.
        """
        known, wrong, unknown = self.check(resource, obj)
        where = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
        if wrong:
            raise status.bad_request(f"{where}: {wrong}")
        errors = [*duplicates, *unknown]
        if errors and field_validation == "Strict":
            errors = [f"yaml: unmarshal errors:\n  {e}" if e.startswith("line ") else e for e in errors]
            raise status.bad_request(f"{where}: strict decoding error: {', '.join(errors)}")
        return known, tuple(errors) if field_validation != "Ignore" else ()

    # --- defaults -----------------------------------------------------------------------------------------------

    def default(self, resource: Resource, obj: Object, stored: Object | None = None) -> Object:
        """The object with its kind's defaults; the same object when nothing is missing. ``stored``: what it replaces."""
        if resource.custom:
            schema = self.custom_schemas.get(resource.gvk)
            return obj if schema is None else with_defaults(obj, schema)
        if resource.kind != "Pod":
            return default(obj, resource.gvk, stored)
        spec = obj.get("spec")
        if spec is None:  # in Go a struct, which is there whether it was sent or not
            return default({**obj, "spec": {}}, resource.gvk)
        known = self._defaulted.get(id(spec))
        if (known is None or known[0] is not spec) and not obj["metadata"].get("ownerReferences"):
            spec = self._first_like(spec)
            known = self._defaulted.get(id(spec))
        if known is not None and known[0] is spec:
            return {**obj, "spec": known[1]} if known[1] is not obj["spec"] else obj
        result: Object = default(obj, resource.gvk)
        if len(self._defaulted) > _REMEMBERED:
            self._defaulted.clear()
            self._alike.clear()
        done = result["spec"]
        self._defaulted[id(spec)] = (spec, done)
        self._defaulted[id(done)] = (done, done)
        return result

    def _first_like(self, spec: Object) -> Object:
        """The first pod spec of this value: pods that are made one by one share it, as those of a template do."""
        try:
            # Version 2 of the format knows no references, so equal values make equal bytes.
            value = marshal.dumps(spec, 2)
        except ValueError:
            return spec  # not of the plain types that JSON is read into
        return self._alike.setdefault(value, spec)

    # --- validation ---------------------------------------------------------------------------------------------

    def validate_create(self, resource: Resource, obj: Object) -> None:
        """Raise 422 unless the object may exist."""
        spec = obj.get("spec")
        known = self._valid.get(id(spec)) if resource.kind == "Pod" else None
        if known is not None and known[0] is spec:
            if _is_sibling(obj["metadata"], known[1]):
                if known[2]:
                    self.warnings += known[2]
                return
            errors = validate_metadata(obj, resource.gvk, custom=resource.custom)
        else:
            errors = [
                *validate_create(obj, resource.gvk, custom=resource.custom),
                *self._structural(resource, obj),
            ]
            errors += _rule_faults(resource, obj)
        if errors:
            raise status.invalid(resource.group, resource.kind, _name(obj), errors)
        told = warnings_of.on_create(obj, resource.gvk, custom=resource.custom)
        self.warnings += told
        if resource.kind == "Pod" and spec is not None:
            if len(self._valid) > _REMEMBERED:
                self._valid.clear()
            self._valid[id(spec)] = (spec, obj["metadata"], told)

    def validate_update(self, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """Raise 422 unless ``old`` may become ``new``."""
        if subresource == "status":
            errors = validate_status(new, resource.gvk) if new.get("status") is not old.get("status") else []
            errors += self._broken(resource, new, old)
        elif _only_status(new, old):
            errors = []
        else:
            errors = [
                *validate_update(new, old, resource.gvk, subresource, custom=resource.custom),
                *self._structural(resource, new, old),
            ]
            errors += _rule_faults(resource, new)
        if errors:
            raise status.invalid(resource.group, resource.kind, _name(obj=new), errors)
        if not subresource or subresource == "scale":
            self.warnings += warnings_of.on_update(new, old, resource.gvk, custom=resource.custom)

    def _structural(self, resource: Resource, obj: Object, old: Object | None = None) -> list[FieldError]:
        """What a custom resource's schema does not allow; its status is for its controller to get right."""
        schema = self.custom_schemas.get(resource.gvk) if resource.custom else None
        if schema is None:
            return []
        errors = list(problems({k: v for k, v in obj.items() if k != "status"}, schema))
        if resource.scale is not None:
            errors += scale_faults(resource.scale, obj)
        known = unchecked(errors, schema)
        return known if len(known) > len(errors) else [*errors, *self._broken(resource, obj, old)]

    def _broken(self, resource: Resource, new: Object, old: Object | None) -> list[FieldError]:
        """The rules (CEL) of a custom resource that it breaks."""
        schema = self.custom_schemas.get(resource.gvk) if resource.custom else None
        if schema is None:
            return []
        known = self._rules.get(id(schema))
        if known is None or known[0] is not schema:
            known = self._rules[id(schema)] = (schema, _rules_of(schema))
        if known[1] is None:
            return []
        found = known[1].broken(new, old)
        self.warnings += found.warnings
        return found.errors


def _rules_of(schema: Schema) -> Rules | None:
    """The CEL rules of a schema; None where there are none, or nothing to evaluate them (whoever defined it was warned)."""
    if not schema.has_rules:
        return None
    from kcsim.api.cel import library
    from kcsim.api.cel.rules import Rules

    return Rules(schema) if library.available() else None


def _rule_faults(resource: Resource, obj: Object) -> list[FieldError]:
    """What is wrong with the CEL rules in a CustomResourceDefinition."""
    if resource.kind != "CustomResourceDefinition" or resource.custom:
        return []
    if not crd_has_rules(obj):
        return []
    from kcsim.api.cel import library
    from kcsim.api.cel.rules import rule_faults

    if not library.available():
        return []
    schemas = [(version.get("schema") or {}).get("openAPIV3Schema") for version in obj["spec"]["versions"]]
    # The server's own structure holds a schema that all versions share once.
    shared = all(schema == schemas[0] for schema in schemas)
    errors: list[FieldError] = []
    for place, schema in enumerate(schemas[:1] if shared else schemas):
        path = "spec.validation" if shared else f"spec.versions[{place}].schema"
        errors += rule_faults(compile_crd_schema(schema), f"{path}.openAPIV3Schema")
    return errors


_SAME = ("labels", "annotations", "ownerReferences", "finalizers")


def _is_sibling(metadata: Object, valid: Object) -> bool:
    """Whether metadata differs from valid ones in nothing but a name that the server generated alike."""
    prefix = metadata.get("generateName")
    if not prefix or prefix != valid.get("generateName"):
        return False
    for field in _SAME:
        if metadata.get(field) is not valid.get(field):
            return False
    base, suffix = metadata["name"][:-_SUFFIX], metadata["name"][-_SUFFIX:]
    return bool(base) and prefix.startswith(base) and _LETTERS.issuperset(suffix)


_LETTERS, _SUFFIX = frozenset(NAME_ALPHABET), 5


def _only_status(new: Object, old: Object) -> bool:
    """Whether everything but the status is the very same (a Secret has neither spec nor status)."""
    return len(new) == len(old) and all(new[k] is old.get(k) for k in new if k != "status")


def _name(obj: Mapping[str, Any]) -> str:
    return (obj.get("metadata") or {}).get("name") or ""
