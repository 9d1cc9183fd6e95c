"""Builds types from structured-merge-diff's own schema notation (`types:` with scalar, list and map).

Imitates: structured-merge-diff v6 schema/elements.go (the YAML form of a schema, here already parsed).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcsim.api.apply.schema import ATOMIC, DEDUCED, ListType, MapType, Type


class SmdSchema:
    """The named types of one schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._specs: dict[str, Mapping[str, Any]] = {spec["name"]: spec for spec in schema["types"]}
        self._types: dict[tuple[str, str], Type] = {
            (ATOMIC.name, ""): ATOMIC,
            (DEDUCED.name, ""): DEDUCED,
        }

    def named(self, name: str, relationship: str = "") -> Type:
        """The type of this name; a relationship given at the reference overrides the definition's."""
        found = self._types.get((name, relationship))
        if found is None:
            if name not in self._specs:
                raise KeyError(f"schema error: no type found matching: {name}")
            found = self._types[name, relationship] = Type(name)
            self._fill(found, self._specs[name], relationship)
        return found

    def _reference(self, spec: Mapping[str, Any]) -> Type:
        relationship = spec.get("elementRelationship", "")
        if "namedType" in spec:
            return self.named(spec["namedType"], relationship)
        return self._fill(Type(), spec, relationship)

    def _fill(self, out: Type, spec: Mapping[str, Any], relationship: str) -> Type:
        lists, maps = spec.get("list"), spec.get("map")
        return out.allow(
            spec.get("scalar"),
            self._list(lists, relationship) if lists is not None else None,
            self._map(maps, relationship) if maps is not None else None,
        )

    def _list(self, spec: Mapping[str, Any], relationship: str) -> ListType:
        keys = tuple(spec.get("keys") or ())
        item = spec["elementType"]
        return ListType(
            self._reference(item),
            (relationship or spec.get("elementRelationship")) == "atomic",
            keys,
            self._defaults(item, keys),
        )

    def _defaults(self, item: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
        spec = self._specs.get(item["namedType"], {}) if "namedType" in item else item
        declared = {field["name"]: field for field in (spec.get("map") or {}).get("fields") or ()}
        return {key: declared[key]["default"] for key in keys if "default" in declared.get(key, {})}

    def _map(self, spec: Mapping[str, Any], relationship: str) -> MapType:
        element = spec.get("elementType")
        return MapType(
            {field["name"]: self._reference(field["type"]) for field in spec.get("fields") or ()},
            self._reference(element) if element else None,
            (relationship or spec.get("elementRelationship")) == "atomic",
        )
