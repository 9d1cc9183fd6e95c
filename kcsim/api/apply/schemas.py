"""The merge schemas of all kinds: built-in ones from the shipped definitions, custom ones from their CRD."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from kcsim.api.apply.openapi import OpenApiTypes
from kcsim.api.apply.schema import DEDUCED_SCHEMA, TypeSchema
from kcsim.api.resources import GVK
from kcsim.api.schemas.definitions import definition_name, definitions


@cache
def _types() -> OpenApiTypes:
    return OpenApiTypes(definitions())


@cache
def schema_for(gvk: GVK) -> TypeSchema:
    """The schema of a built-in kind; deduced types (granular maps, atomic lists) for any other."""
    name = definition_name(gvk)
    return DEDUCED_SCHEMA if name is None else _types().schema(name)


def custom_schema(open_api_v3_schema: Mapping[str, Any] | None, *, has_status: bool) -> TypeSchema:
    """The schema of one version of a custom resource; build it once per version and keep it.

    Args:
        open_api_v3_schema: `spec.versions[].schema.openAPIV3Schema` of the CRD, None when it has none.
        has_status: does the version have a status endpoint?
    """
    return _types().custom(open_api_v3_schema, has_status=has_status)
