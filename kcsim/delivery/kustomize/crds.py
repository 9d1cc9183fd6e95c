"""Field specs out of the schemas that a kustomization lists under `crds`.

**Imitates:** kustomize api/internal/accumulator/loadconfigfromcrds.go. The files hold OpenAPI definitions as gen-openapi
makes them (type name -> `Schema`), whose properties say with `x-kubernetes-*` extensions that they are annotations,
selectors, names, or names of other objects. They are no CustomResourceDefinition objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcsim.delivery.kustomize.defaults import BackReferences, Config
from kcsim.delivery.kustomize.fieldspec import FieldSpec
from kcsim.delivery.kustomize.resources import Gvk

_MARKS = {
    "x-kubernetes-annotation": "common_annotations",
    "x-kubernetes-label-selector": "common_labels",
    "x-kubernetes-identity": "name_prefix",
}
_REFERENCE = "x-kubernetes-object-ref-"
_OBJECT = {"apiVersion", "kind", "metadata"}

Types = Mapping[str, Any]
"""Type name -> its definition."""


def config_of_crds(types: Types) -> Config:
    """What the definitions of one file add to the transformers' field specs."""
    config = Config()
    for name in sorted(types):
        if _properties(types, name).keys() >= _OBJECT:
            # Only the kind is known: the type's name is that of a package, not of a group.
            config = config.merge(_config_of_type(types, name, Gvk(kind=name.rpartition(".")[2]), (), ()))
    return config


def _properties(types: Types, name: str) -> Mapping[str, Any]:
    return ((types.get(name) or {}).get("Schema") or {}).get("properties") or {}


def _config_of_type(
    types: Types, name: str, gvk: Gvk, path: tuple[str, ...], above: tuple[str, ...]
) -> Config:
    config = Config()
    for field, schema in sorted(_properties(types, name).items()):
        place = (*path, field)
        own: dict[str, Any] = {
            specs: (FieldSpec("/".join(place), gvk=gvk),) for mark, specs in _MARKS.items() if mark in schema
        }
        version, kind = schema.get(f"{_REFERENCE}api-version"), schema.get(f"{_REFERENCE}kind")
        if version is not None and kind is not None:
            key = schema.get(f"{_REFERENCE}name-key", "name")
            spec = FieldSpec("/".join((*place, key)), gvk=gvk)
            own["name_references"] = (BackReferences(Gvk(version=version, kind=kind), (spec,)),)
        config = config.merge(Config(**own)) if own else config
        below = schema.get("$ref")
        # A type that holds itself has no end; upstream does not come back from it.
        if below and below not in above:
            config = config.merge(_config_of_type(types, below, gvk, place, (*above, name)))
    return config
