"""One node of a schema: what may stand at one place of an object.

**Imitates:** kube-openapi's `schemaconv` and structured-merge-diff's `schema` package: structs, maps, lists, scalars with
their merge behaviour. Built-in kinds and custom resources share the type. Left out: `x-kubernetes-unions`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

Kind = Literal["struct", "map", "list", "scalar", "any"]
_REF: Final = "#/definitions/"
_APIEXTENSIONS: Final = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_SCHEMA_OR_ELSE: Final = frozenset(f"{_APIEXTENSIONS}JSONSchemaPropsOr{other}" for other in ("Array", "Bool"))


class Schema:
    """A light, immutable node. `fields` (struct), `element` (map, list) and what it has below are found out when first read."""

    __slots__ = (
        "_lookup",
        "_share",
        "default",
        "element",
        "embedded",
        "enum",
        "fields",
        "format",
        "has_defaults",
        "has_rules",
        "int_or_string",
        "kind",
        "list_map_keys",
        "list_type",
        "map_type",
        "merge_key",
        "name",
        "nullable",
        "patch_strategy",
        "preserve_unknown",
        "raw",
        "required",
        "type",
    )

    name: str
    """Definition name ("io.k8s.api.core.v1.Container"), "" where the schema is written in place."""
    kind: Kind
    type: str
    """OpenAPI type ("string", "integer", "number", "boolean", "object", "array"), "" for any."""
    format: str
    """"int32", "int64", "double", "byte", "date-time", "quantity", ... or ""."""
    fields: Mapping[str, "Schema"]
    """Fields of a struct; empty for other nodes."""
    has_defaults: bool
    """Whether it, or anything below, has a default (or a field that is called so)."""
    has_rules: bool
    """Whether it, or anything below, has CEL rules."""
    element: "Schema | None"
    """Values of a map or items of a list; None for other nodes."""
    required: frozenset[str]
    list_type: str
    """"atomic" (also where nothing is said), "set" or "map"; "" for what is no list."""
    list_map_keys: tuple[str, ...]
    map_type: str
    """"granular" or "atomic" for structs and maps; "" for others."""
    patch_strategy: tuple[str, ...]
    """Of strategic merge: any of "merge", "replace", "retainKeys"."""
    merge_key: str
    """Of strategic merge; "" when items are scalars or the list is replaced."""
    default: Any
    """Default of the schema (custom resources, keys of list maps); None when there is none."""
    raw: Mapping[str, Any]
    """The OpenAPI dict, with a reference already replaced by its target: for validation keywords."""

    def __init__(
        self,
        raw: Mapping[str, Any],
        definitions: Mapping[str, dict[str, Any]],
        share: Callable[[str], "Schema"],
    ) -> None:
        self._lookup = definitions
        self._share = share
        self.name = ""
        ref = raw.get("$ref")
        if ref is not None:
            self.name = ref.removeprefix(_REF)
            # What stands beside a reference (merge keys, map types) belongs to this place and wins.
            raw = {**definitions[self.name], **{key: value for key, value in raw.items() if key != "$ref"}}
        self.raw = raw
        get = raw.get
        self.int_or_string = bool(get("x-kubernetes-int-or-string"))
        self.embedded = bool(get("x-kubernetes-embedded-resource"))
        self.type = get("type") or ""
        self.format = get("format") or ""
        self.kind = self._kind_of(raw)
        self.required = frozenset(get("required") or ())
        self.list_type = (get("x-kubernetes-list-type") or "atomic") if self.kind == "list" else ""
        self.list_map_keys = tuple(get("x-kubernetes-list-map-keys") or ())
        is_map = self.kind in ("struct", "map", "any")
        self.map_type = (get("x-kubernetes-map-type") or "granular") if is_map else ""
        self.patch_strategy = tuple(filter(None, (get("x-kubernetes-patch-strategy") or "").split(",")))
        self.merge_key = get("x-kubernetes-patch-merge-key") or ""
        self.preserve_unknown = bool(get("x-kubernetes-preserve-unknown-fields"))
        self.nullable = bool(get("nullable"))
        self.enum = tuple(get("enum") or ())
        self.default = get("default")

    def _kind_of(self, raw: Mapping[str, Any]) -> Kind:
        if self.int_or_string:
            return "scalar"
        if self.type == "array":
            return "list"
        if raw.get("properties") or self.embedded:
            return "struct"
        if self.type == "object":
            return "map" if isinstance(raw.get("additionalProperties"), Mapping) else "any"
        return "scalar" if self.type else "any"

    def __getattr__(self, attribute: str) -> Any:
        """Resolve `fields` or `element` at first use: Python asks here only while the slot is still empty."""
        if attribute == "fields":
            self.fields = self._resolve_fields()
            return self.fields
        if attribute == "element":
            inner = self.raw.get("items" if self.kind == "list" else "additionalProperties")
            self.element = (
                self._child(inner) if self.kind in ("list", "map") and isinstance(inner, Mapping) else None
            )
            return self.element
        if attribute == "has_defaults":
            self.has_defaults = _mentions(self.raw, "default")
            return self.has_defaults
        if attribute == "has_rules":
            self.has_rules = _mentions(self.raw, "x-kubernetes-validations")
            return self.has_rules
        raise AttributeError(attribute)

    def _resolve_fields(self) -> Mapping[str, "Schema"]:
        if self.kind != "struct":
            return {}
        fields = {name: self._child(inner) for name, inner in (self.raw.get("properties") or {}).items()}
        if self.embedded:
            fields["apiVersion"] = fields["kind"] = self._child({"type": "string"})
            fields["metadata"] = self._share("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
        return fields

    def _child(self, raw: Mapping[str, Any]) -> "Schema":
        if len(raw) == 1 and isinstance(raw.get("$ref"), str):
            return self._share(raw["$ref"].removeprefix(_REF))
        return Schema(raw, self._lookup, self._share)

    def of_object(self) -> "Schema":
        """What an object has to be here, where a flag or a list may stand as well: a schema in a custom resource's."""
        return self._share(f"{_APIEXTENSIONS}JSONSchemaProps") if self.name in _SCHEMA_OR_ELSE else self

    @property
    def is_atomic(self) -> bool:
        """Owned and replaced as a whole by apply."""
        return self.map_type == "atomic" or self.list_type == "atomic"

    def at(self, path: tuple[str | int, ...]) -> "Schema | None":
        """The node below this one at an object path (indices and map keys included), or None."""
        node: Schema | None = self
        for step in path:
            if node is None:
                return None
            node = node.fields.get(step) if isinstance(step, str) and node.kind == "struct" else node.element
        return node

    def __repr__(self) -> str:
        return f"<Schema {self.kind} {self.name or self.type or 'any'}>"


def _mentions(raw: Any, word: str) -> bool:
    """Whether a schema has a member of that name, itself or anywhere below."""
    if isinstance(raw, Mapping):
        return word in raw or any(_mentions(item, word) for item in raw.values())
    return isinstance(raw, list) and any(_mentions(item, word) for item in raw)
