"""kubectl explain: the fields of a kind.

**Imitates:** kubectl ``pkg/explain/v2`` and its ``plaintext.tmpl`` (v1.36): the way along a field path, the guess at a
type, lists of fields, ``--recursive``, custom resources with the descriptions of their definition. Differs: the schemas
of built-in kinds are shipped without descriptions and lists of values; ``NOT_SHIPPED`` stands where they would.

**Walk:** ``deploy.spec.strategy`` -> kind and path -> the raw schema at the path -> its fields as text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from kcsim.api.resources import Resource, split_api_version
from kcsim.api.schemas.definitions import definition_name, definitions
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session

Raw = Mapping[str, Any]

NOT_SHIPPED = "<kcsim ships no descriptions of built-in kinds>"
_REF = "#/definitions/"
_UNTYPED = {"IntOrString", "Quantity"}
"""In OpenAPI v3 these are one of several types, so that their name is shown."""
_ENUM_LIMIT = 4


def explain(session: Session, arguments: Arguments) -> Steps:
    """``kubectl explain KIND[.FIELD...] [--recursive]``."""
    if not arguments.words:
        raise KubectlError(
            "error: You must specify the type of resource to explain. "
            'Use "kubectl api-resources" for a complete list of supported resources.\n'
        )
    if len(arguments.words) > 1:
        raise KubectlError("error: We accept only this format: explain RESOURCE\n")
    form = arguments.get("output", "plaintext")
    if form != "plaintext":
        raise KubectlError(f"error: kcsim does not model 'kubectl explain --output={form}'")
    resource, path = _subject(session, arguments, arguments.words[0])
    page = Page(session, resource, is_recursive=arguments.on("recursive"))
    session.write(page.head())
    session.write(page.body(path))
    yield from ()


def _subject(session: Session, arguments: Arguments, text: str) -> tuple[Resource, list[str]]:
    """The kind, by the longest beginning of the text that names one, and the path below it."""
    parts = text.split(".")
    catalog = session.client.endpoint.server.catalog
    for count in range(len(parts), 0, -1):
        found = catalog.by_word(".".join(parts[:count]))
        if found is None:
            continue
        wanted = arguments.get("api-version")
        if wanted:
            group, version = split_api_version(wanted)
            found = catalog.find(group, version, found.plural)
            if found is None:
                raise KubectlError(f"error: GVR ({wanted}, Resource={parts[0]}) not found in OpenAPI schema")
        return found, parts[count:]
    raise KubectlError(f'the server doesn\'t have a resource type "{parts[0]}"')


class Page:
    """What is written of one kind."""

    def __init__(self, session: Session, resource: Resource, *, is_recursive: bool) -> None:
        self._resource = resource
        self._is_recursive = is_recursive
        name = definition_name(resource.gvk)
        self._absent = "<no description>" if name is None else NOT_SHIPPED
        self._root: Raw
        if name is not None:
            self._root = definitions()[name]
        else:
            custom = session.client.endpoint.server.store.typed.custom_schemas.get(resource.gvk)
            self._root = _with_implied(custom.raw if custom is not None else {})

    def head(self) -> str:
        """Group, kind and version."""
        resource = self._resource
        group = f"GROUP:      {resource.group}\n" if resource.group else ""
        return f"{group}KIND:       {resource.kind}\nVERSION:    {resource.version}\n\n"

    def body(self, path: Sequence[str]) -> str:
        """The field at a path, its description and its fields.

        Raises:
            KubectlError: there is no such field.
        """
        text = self._output(self._root, list(path), frozenset())
        if not text:
            raise KubectlError(f'error: field "{path[-1]}" does not exist')
        return f"{text}\n"

    def _output(self, schema: Raw, path: list[str], seen: frozenset[str]) -> str:
        ref, resolved = _resolved(schema)
        if not path:
            return self._described(schema)
        if ref and ref in seen:
            return ""
        following = seen | {ref} if ref else seen
        properties = resolved.get("properties") or {}
        if path[0] in properties:
            field = properties[path[0]]
            head = ""
            if len(path) == 1:
                head = f"FIELD: {path[0]} <{type_guess(field)}>\n{_long_enum(field)}\n\n"
            below = self._output(field, path[1:], frozenset())
            return head + below if below else ""
        for key in ("items", "additionalProperties"):
            if isinstance(resolved.get(key), Mapping):
                return self._output(resolved[key], path, following)
        return ""

    def _described(self, schema: Raw) -> str:
        texts = list(_descriptions(schema))
        description = "".join(f"{text}\n" for text in texts)
        if not description:
            is_shipped = self._absent != NOT_SHIPPED and "$ref" not in schema
            description = "<empty>" if is_shipped else NOT_SHIPPED
        text = f"DESCRIPTION:\n{_indented(_wrapped(description, 76), 4)}\n"
        fields = self._fields(schema, 1, frozenset())
        return f"{text}FIELDS:\n{fields}" if fields else text

    def _fields(self, schema: Raw, level: int, seen: frozenset[str]) -> str:
        ref, resolved = _resolved(schema)
        if ref and ref in seen:
            return ""
        following = seen | {ref} if ref else seen
        text = ""
        properties = resolved.get("properties") or {}
        for name in sorted(properties):
            implied = schema is self._root and name in _IMPLIED
            text += self._field(resolved, name, level, NOT_SHIPPED if ref or implied else self._absent)
            if self._is_recursive:
                text += self._fields(properties[name], level + 1, following)
        for key in ("items", "additionalProperties"):
            if isinstance(resolved.get(key), Mapping):
                text += self._fields(resolved[key], level, following)
        return text

    def _field(self, schema: Raw, name: str, level: int, absent: str) -> str:
        field = schema["properties"][name]
        required = " -required-" if name in (schema.get("required") or ()) else ""
        pad = " " * 2 * level
        text = f"{pad}{name}\t<{type_guess(field)}>{required}{_short_enum(field, pad)}\n"
        if self._is_recursive:
            return text
        description = field.get("description") or absent
        return f"{text}{_indented(_wrapped(description, 78 - len(pad)), len(pad) + 2)}\n\n"


_IMPLIED: dict[str, Raw] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"$ref": f"{_REF}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
}
"""What every custom resource has beside what its definition says."""


def _with_implied(raw: Raw) -> Raw:
    return {**raw, "properties": {**(raw.get("properties") or {}), **_IMPLIED}}


def _resolved(schema: Raw) -> tuple[str, Raw]:
    """The name of what a schema refers to ("" for none), and the schema meant."""
    ref = str(schema.get("$ref", ""))
    return (ref, definitions()[ref.removeprefix(_REF)]) if ref else ("", schema)


def _descriptions(schema: Raw) -> list[str]:
    """The schema's own description, and those of its items or values."""
    _, resolved = _resolved(schema)
    texts = [resolved["description"]] if resolved.get("description") else []
    for key in ("items", "additionalProperties"):
        if isinstance(resolved.get(key), Mapping):
            texts += _descriptions(resolved[key])
    return texts


def type_guess(schema: Raw) -> str:
    """``string``, ``Object``, ``[]Container``, ``map[string]Quantity``."""
    if schema.get("items"):
        return f"[]{type_guess(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"map[string]{type_guess(schema['additionalProperties'])}"
    ref, resolved = _resolved(schema)
    if ref:
        name = ref.rpartition(".")[2]
        type = resolved.get("type", "")
        return name if name in _UNTYPED or type in {"", "object"} else str(type)
    type = schema.get("type") or "Object"
    return "Object" if type == "object" else str(type)


def _long_enum(schema: Raw) -> str:
    values = [_value(value) for value in schema.get("enum") or ()]
    return "ENUM:" + "".join(f"\n    {value}" for value in values) if values else ""


def _short_enum(schema: Raw, pad: str) -> str:
    values = [_value(value) for value in schema.get("enum") or ()]
    if not values:
        return ""
    more = ", ...." if len(values) > _ENUM_LIMIT else ""
    return f"\n{pad}enum: {', '.join(values[:_ENUM_LIMIT])}{more}"


def _value(value: Any) -> str:
    if value == "":
        return '""'
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrapped(text: str, width: int) -> str:
    """Each line broken between words where it is too wide; a word that is too wide stays whole."""
    return "\n".join(
        "\n".join(textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)) or line
        for line in text.split("\n")
    )


def _indented(text: str, spaces: int) -> str:
    pad = " " * spaces
    return pad + text.replace("\n", f"\n{pad}")
