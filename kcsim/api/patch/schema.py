"""What a strategic merge patch must know about a field: its schema, patch strategy and merge key.

Imitates: apimachinery pkg/util/strategicpatch/meta.go, v1.36 (LookupPatchMeta). `OpenAPIPatchSchema` reads it from
OpenAPI definitions with x-kubernetes-patch-strategy and x-kubernetes-patch-merge-key.
Differs: below an object without declared members (RawExtension, JSON) every member is accepted, maps merge and
lists are replaced; upstream refuses to look there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kcsim.api.gotext import go_quote
from kcsim.api.patch.values import PatchError

MERGE = "merge"
REPLACE = "replace"
RETAIN_KEYS = "retainKeys"


@dataclass(frozen=True, slots=True)
class PatchField:
    """One field of an object."""

    schema: PatchSchema
    """Of the value; of the items when the value is a list."""
    strategy: str = ""
    """`merge`, `replace` or nothing: maps merge, lists are replaced."""
    merge_key: str = ""
    """What identifies the items of a list of maps with strategy `merge`."""
    retain_keys: bool = False
    """Patches made for this map list the keys that stay."""


class PatchSchema(Protocol):
    """The schema of one object type."""

    @property
    def name(self) -> str:
        """The type's name, for messages."""

    def field(self, key: str) -> PatchField | None:
        """What is known about a member; None when the type has no such member."""


def lookup(schema: PatchSchema, key: str) -> PatchField:
    """The field, or upstream's error when there is none."""
    field = schema.field(key)
    if field is None:
        raise PatchError(
            f"unable to find api field in struct {schema.name} for the json field {go_quote(key)}"
        )
    return field


def split_strategies(text: str) -> tuple[bool, str]:
    """`merge,retainKeys` as (retain keys, the other strategy).

    Raises: PatchError for more than one strategy besides retainKeys.
    """
    strategies = [strategy for strategy in text.split(",") if strategy]
    others = [strategy for strategy in strategies if strategy != RETAIN_KEYS]
    if len(others) > 1 or len(strategies) > 2:
        raise PatchError(f"unexpected patch strategy: [{' '.join(strategies)}]")
    return RETAIN_KEYS in strategies, others[0] if others else ""


class FreeFormSchema:
    """An object about which nothing is known: maps merge, lists are replaced."""

    name = "object"

    def field(self, key: str) -> PatchField | None:  # noqa: ARG002 - every member is the same
        """Any member is another free-form object."""
        return _FREE_FIELD


FREE_FORM = FreeFormSchema()
_FREE_FIELD = PatchField(FREE_FORM)


class OpenAPIPatchSchema:
    """The schema of one definition. Keep it: looked-up fields are remembered in it and in all that it refers to.

    `shared` lets several definitions of one set share what they remember.
    """

    def __init__(
        self,
        definitions: Mapping[str, dict[str, Any]],
        name: str,
        shared: dict[str, OpenAPIPatchSchema] | None = None,
    ) -> None:
        shared = shared if shared is not None else {}
        self._fill(definitions, name, definitions[name], shared)
        shared.setdefault(name, self)

    def _fill(
        self,
        definitions: Mapping[str, dict[str, Any]],
        name: str,
        node: dict[str, Any],
        shared: dict[str, OpenAPIPatchSchema],
    ) -> None:
        self._definitions = definitions
        self._name = name
        self._node = node
        self._shared = shared
        self._fields: dict[str, PatchField | None] = {}

    @property
    def name(self) -> str:
        """The Go type's name: the last part of the definition's."""
        return self._name.rpartition(".")[2]

    def field(self, key: str) -> PatchField | None:
        """What the definition says about a member."""
        try:
            return self._fields[key]
        except KeyError:
            field = self._fields[key] = self._find(key)
            return field

    def _find(self, key: str) -> PatchField | None:
        properties = self._node.get("properties")
        node: Any = properties.get(key) if properties else None
        if node is None:
            node = self._node.get("additionalProperties")
            if not properties and not isinstance(node, dict):
                return _FREE_FIELD
            if not isinstance(node, dict):
                return None
        retain_keys, strategy = split_strategies(node.get("x-kubernetes-patch-strategy", ""))
        schema = self._schema_of(node, f"{self._name}.{key}")
        return PatchField(schema, strategy, node.get("x-kubernetes-patch-merge-key", ""), retain_keys)

    def _schema_of(self, node: dict[str, Any], place: str) -> PatchSchema:
        """The schema of a value: behind references, and of the items of a list."""
        while True:
            if "$ref" in node:
                return self._definition(node["$ref"].rpartition("/")[2])
            if "items" in node:
                node = node["items"]
            elif len(node.get("allOf", ())) == 1:  # how OpenAPI v3 puts a default beside a reference
                node = node["allOf"][0]
            elif "properties" in node or isinstance(node.get("additionalProperties"), dict):
                inline = OpenAPIPatchSchema.__new__(OpenAPIPatchSchema)
                inline._fill(self._definitions, place, node, self._shared)  # noqa: SLF001 - a constructor
                return inline
            else:
                return FREE_FORM

    def _definition(self, name: str) -> PatchSchema:
        known = self._shared.get(name)
        return known if known is not None else OpenAPIPatchSchema(self._definitions, name, self._shared)
