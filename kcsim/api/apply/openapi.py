"""Builds types from OpenAPI definitions, as the API server has them for built-in kinds and custom resources.

Imitates: kube-openapi pkg/schemaconv/{openapi,smd}.go (v1.36) and the zero values of k8s.io/api's Go structs, which
          decide what a new object already has before anyone writes a field.
Differs:  OpenAPI does not say which optional fields are structs held by value; VALUE_STRUCTS does, for the kinds
          where it shows. Of Go's `default: ""` on required fields only those of list-map keys are restored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kcsim.api.apply.schema import ATOMIC, DEDUCED, ListType, MapType, Type, TypeSchema

OBJECT_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

# Definitions whose Go types marshal themselves: one scalar of whatever kind (schemaconv, applyconfigurations).
_SCALARS: Final = ("Quantity", "IntOrString", "Time", "MicroTime")

# schemaconv: any value, kept whole.
_ATOMIC: Final = ("RawExtension",)

KEY_DEFAULTS: Final[Mapping[tuple[str, str], Any]] = {
    ("ContainerPort", "protocol"): "TCP",
    ("ServicePort", "protocol"): "TCP",
    ("LocalObjectReference", "name"): "",
}
"""Defaults of optional list-map keys, which the definitions do not carry (+default markers in core/v1/types.go)."""

ZERO_MEMBERS: Final[Mapping[tuple[str, str], Any]] = {
    ("EndpointSlice", "ports"): None,
    ("Event", "deprecatedFirstTimestamp"): None,
    ("Event", "deprecatedLastTimestamp"): None,
    ("Event", "eventTime"): None,
    ("Event", "firstTimestamp"): None,
    ("Event", "lastTimestamp"): None,
    ("Event", "reportingComponent"): "",
    ("Event", "reportingInstance"): "",
    ("HorizontalPodAutoscalerStatus", "currentMetrics"): None,
    ("StatefulSetSpec", "serviceName"): "",
}
"""Optional fields without omitempty: always there, whoever writes the object."""

OMITTED_MEMBERS: Final = frozenset({("ValidatingAdmissionPolicyBindingSpec", "validationActions")})
"""Required fields with omitempty: not there before someone writes them."""

VALUE_STRUCTS: Final = frozenset(
    {
        ("CronJobSpec", "jobTemplate"),
        ("DaemonSetSpec", "updateStrategy"),
        ("DeploymentSpec", "strategy"),
        ("Event", "deprecatedSource"),
        ("Event", "source"),
        ("IngressStatus", "loadBalancer"),
        ("NetworkPolicySpec", "podSelector"),
        ("NodeDaemonEndpoints", "kubeletEndpoint"),
        ("NodeStatus", "daemonEndpoints"),
        ("NodeStatus", "nodeInfo"),
        ("PersistentVolumeClaimSpec", "resources"),
        ("PodTemplate", "template"),
        ("ReplicaSetSpec", "template"),
        ("ServiceStatus", "loadBalancer"),
        ("StatefulSetSpec", "updateStrategy"),
    }
)
"""Optional struct fields that are no pointers in Go, besides every metadata, spec and status."""

_ZEROS: Final[Mapping[str, Any]] = {"string": "", "integer": 0, "number": 0, "boolean": False}


def _short(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _target(spec: Mapping[str, Any]) -> str | None:
    """Name of the definition a schema refers to, also through a single allOf."""
    ref = spec.get("$ref")
    if ref is None and len(spec.get("allOf") or ()) == 1:
        ref = spec["allOf"][0].get("$ref")
    return str(ref).rsplit("/", 1)[-1] if ref else None


def _type_of(spec: Mapping[str, Any]) -> str:
    """The OpenAPI type; unions with null count as the other type, "" stands for anything."""
    found = spec.get("type") or ""
    return found if isinstance(found, str) else next((t for t in found if t != "null"), "")


class OpenApiTypes:
    """The types of one set of definitions, built as they are needed."""

    def __init__(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        self._definitions = definitions
        self._types: dict[tuple[str, str], Type] = {}

    def schema(self, name: str) -> TypeSchema:
        """What the server needs to know about a built-in kind, by the name of its definition."""
        if name not in self._definitions:
            raise KeyError(f"schema error: no type found matching: {name}")
        has_status = "status" in self._definitions[name].get("properties", {})
        return TypeSchema(
            self.named(name), _short(name), self.zero(name), custom=False, has_status=has_status
        )

    def custom(self, open_api_v3_schema: Mapping[str, Any] | None, *, has_status: bool) -> TypeSchema:
        """The same for a custom resource, from its CRD's schema; deduced types when there is none."""
        if open_api_v3_schema is None:
            return TypeSchema(DEDUCED, has_status=has_status)
        return TypeSchema(self.built(self._embedded(open_api_v3_schema)), has_status=has_status)

    def named(self, name: str, map_type: str = "") -> Type:
        """The type of a definition; a map type given at the reference overrides the definition's."""
        found = self._types.get((name, map_type))
        if found is None:
            short = _short(name)
            if short in _SCALARS:
                found = Type(name).allow("untyped")
            elif short in _ATOMIC:
                found = ATOMIC
            else:
                spec = self._definitions[name]
                if map_type:
                    spec = {**spec, "x-kubernetes-map-type": map_type}
                found = Type(name, self._filler(spec, preserve=False))
            self._types[name, map_type] = found
        return found

    def built(self, spec: Mapping[str, Any], *, preserve: bool = False) -> Type:
        """The type of a schema: a reference, or one written in place."""
        target = _target(spec)
        if target is not None:
            return self.named(target, spec.get("x-kubernetes-map-type", ""))
        return Type(fill=self._filler(spec, preserve))

    def _filler(self, spec: Mapping[str, Any], preserve: bool) -> Callable[[Type], object]:
        def fill(out: Type) -> None:
            self._fill(
                out, spec, preserve=preserve or spec.get("x-kubernetes-preserve-unknown-fields") is True
            )

        return fill

    def _fill(self, out: Type, spec: Mapping[str, Any], *, preserve: bool) -> None:
        kind = _type_of(spec)
        if kind == "object":
            out.allow(map=self._map(spec, preserve=preserve))
        elif kind == "array":
            out.allow(list=self._list(spec, preserve=preserve))
        elif kind == "":
            out.allow("untyped", self._list(spec, preserve=preserve), self._map(spec, preserve=preserve))
        else:
            out.allow(_scalar(kind, spec.get("format", "")))

    def _map(self, spec: Mapping[str, Any], *, preserve: bool) -> MapType:
        if spec.get("x-kubernetes-embedded-resource"):
            spec = self._embedded(spec)
        properties = spec.get("properties") or {}
        others = spec.get("additionalProperties")
        element: Type | None = None
        if isinstance(others, Mapping):
            element = self.built(others, preserve=preserve)
        elif others is True or (others is None and (preserve or not properties)):
            element = DEDUCED
        return MapType(
            {name: self.built(member, preserve=preserve) for name, member in properties.items()},
            element,
            spec.get("x-kubernetes-map-type") == "atomic",
        )

    def _list(self, spec: Mapping[str, Any], *, preserve: bool) -> ListType:
        items = spec.get("items")
        if items is None:
            return ListType(ATOMIC)
        atomic, keys = _list_relationship(spec)
        return ListType(self.built(items, preserve=preserve), atomic, keys, self._key_defaults(items, keys))

    def _key_defaults(self, items: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
        if not keys:
            return {}
        name = _target(items)
        spec = self._definitions[name] if name else items
        out = {}
        for key in keys:
            member = (spec.get("properties") or {}).get(key) or {}
            default = member.get("default", KEY_DEFAULTS.get((_short(name or ""), key)))
            if default is None and name and key in (spec.get("required") or ()):
                # A required field of a Go struct: absent in the request, it is the zero value when compared.
                default = _ZEROS.get(_type_of(member))
            if default is not None:
                out[key] = default
        return out

    def _embedded(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """A custom resource, or one embedded in it: apiVersion, kind and metadata are implied."""
        implied = {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"$ref": f"#/definitions/{OBJECT_META}"},
        }
        rest = {key: value for key, value in spec.items() if key != "x-kubernetes-embedded-resource"}
        return {"type": "object", **rest, "properties": {**(spec.get("properties") or {}), **implied}}

    def zero(self, name: str) -> dict[str, Any]:
        """The JSON of a new Go struct: members without omitempty, and structs held by value."""
        spec = self._definitions[name]
        required = spec.get("required") or ()
        out: dict[str, Any] = {}
        for field, member in (spec.get("properties") or {}).items():
            target = _target(member)
            is_struct = target is not None and "properties" in self._definitions[target]
            by_value = field in ("metadata", "spec", "status") or (_short(name), field) in VALUE_STRUCTS
            if (_short(name), field) in ZERO_MEMBERS:
                out[field] = ZERO_MEMBERS[_short(name), field]
            elif is_struct and (field in required or by_value):
                out[field] = self.zero(target or "")
            elif field in required and (_short(name), field) not in OMITTED_MEMBERS:
                out[field] = _ZEROS.get(_type_of(member)) if target is None else None
        return out


def _scalar(kind: str, format: str) -> str:
    if kind in ("integer", "number"):
        return "numeric"
    if kind == "boolean":
        return "boolean"
    return "string" if kind == "string" and format in ("", "byte") else "untyped"


def _list_relationship(spec: Mapping[str, Any]) -> tuple[bool, tuple[str, ...]]:
    """(is the list atomic, the keys of its items). Lists that only say how to patch them follow that."""
    kind = spec.get("x-kubernetes-list-type")
    if kind == "set":
        return False, ()
    if kind == "map":
        return False, tuple(spec["x-kubernetes-list-map-keys"])
    if kind is None and spec.get("x-kubernetes-patch-strategy") in ("merge", "merge,retainKeys"):
        key = spec.get("x-kubernetes-patch-merge-key")
        return False, (key,) if key else ()
    return True, ()
