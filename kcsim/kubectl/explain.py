"""kubectl explain: the fields of a kind.

**Imitates:** kubectl ``pkg/explain/v2`` and its ``plaintext.tmpl`` (v1.36): the way along a field path, the guess at a
type, lists of fields, ``--recursive``, custom resources with the descriptions of their definition. Differs: built-in kinds,
and custom ones whose definition is silent, are described in kcsim's own words (``descriptions/``); lists of values stand there.

**Walk:** ``deploy.spec.strategy`` -> kind and path -> the raw schema at the path, and who says what it is for -> its fields
as text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kcsim.api.resources import Resource, split_api_version
from kcsim.api.schemas.definitions import definition_name, definitions
from kcsim.engine.task import Steps
from kcsim.kubectl.descriptions import SELF, description, values
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session

Raw = Mapping[str, Any]

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


class Place(NamedTuple):
    """A schema, and under which words it is described."""

    schema: Raw
    prefix: str
    """Group and version, as the files of descriptions are named."""
    section: str
    """The definition; in a custom resource the way to the schema."""

    @property
    def ref(self) -> str:
        """The definition that the schema refers to, "" for none."""
        return str(self.schema.get("$ref", "")).removeprefix(_REF)

    def resolved(self) -> Place:
        """What is referred to, or the place itself."""
        if not self.ref:
            return self
        prefix, _, name = self.ref.rpartition(".")
        return Place(definitions()[self.ref], prefix, name)

    def below(self, name: str) -> Place:
        """A field of it; the place is resolved already."""
        return Place(self.schema["properties"][name], self.prefix, f"{self.section}.{name}")

    def inside(self) -> Iterator[Place]:
        """Its items or values."""
        for key in ("items", "additionalProperties"):
            if isinstance(self.schema.get(key), Mapping):
                yield self._replace(schema=self.schema[key])

    def values(self) -> list[str]:
        """The values it may have, as they are written; none where any may stand."""
        owner, _, field = self.section.rpartition(".")
        return [_value(value) for value in self.schema.get("enum") or ()] or values(owner, field)

    def said(self) -> str:
        """What it is for, "" when nobody says."""
        if self.schema.get("description"):
            return str(self.schema["description"])
        owner, _, field = self.section.rpartition(".")
        of_field = description(self.prefix, owner, field) if owner else ""
        return of_field or ("" if self.ref else description(self.prefix, self.section, SELF))

    def descriptions(self) -> Iterator[str]:
        """What is said of it, of what it refers to, and of its items or values, each once."""
        steps = [self]
        while steps:
            place = steps.pop()
            yield place.said()
            if place.ref:
                steps.append(place.resolved())
            steps += [Place(each.schema, each.prefix, "") for each in place.inside()]


class Page:
    """What is written of one kind."""

    def __init__(self, session: Session, resource: Resource, *, is_recursive: bool) -> None:
        self._resource = resource
        self._is_recursive = is_recursive
        name = definition_name(resource.gvk)
        if name is not None:
            self._root = Place({"$ref": f"{_REF}{name}"}, "", "").resolved()
        else:
            custom = session.client.endpoint.server.store.typed.custom_schemas.get(resource.gvk)
            schema = _with_implied(custom.raw if custom is not None else {})
            self._root = Place(schema, f"{resource.group}.{resource.version}", resource.kind)

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

    def _output(self, place: Place, path: list[str], seen: frozenset[str]) -> str:
        if not path:
            return self._described(place)
        if place.ref and place.ref in seen:
            return ""
        following = seen | {place.ref} if place.ref else seen
        resolved = place.resolved()
        if path[0] in (resolved.schema.get("properties") or {}):
            field = resolved.below(path[0])
            head = ""
            if len(path) == 1:
                head = f"FIELD: {path[0]} <{type_guess(field.schema)}>\n{_long_enum(field.values())}\n\n"
            below = self._output(field, path[1:], frozenset())
            return head + below if below else ""
        for inner in resolved.inside():
            return self._output(inner, path, following)
        return ""

    def _described(self, place: Place) -> str:
        said = "".join(f"{text}\n" for text in place.descriptions() if text) or "<empty>"
        text = f"DESCRIPTION:\n{_indented(_wrapped(said, 76), 4)}\n"
        fields = self._fields(place, 1, frozenset())
        return f"{text}FIELDS:\n{fields}" if fields else text

    def _fields(self, place: Place, level: int, seen: frozenset[str]) -> str:
        if place.ref and place.ref in seen:
            return ""
        following = seen | {place.ref} if place.ref else seen
        text = ""
        resolved = place.resolved()
        for name in sorted(resolved.schema.get("properties") or {}):
            text += self._field(resolved, name, level)
            if self._is_recursive:
                text += self._fields(resolved.below(name), level + 1, following)
        for inner in resolved.inside():
            text += self._fields(inner, level, following)
        return text

    def _field(self, owner: Place, name: str, level: int) -> str:
        field = owner.below(name)
        required = " -required-" if name in (owner.schema.get("required") or ()) else ""
        pad = " " * 2 * level
        text = f"{pad}{name}\t<{type_guess(field.schema)}>{required}{_short_enum(field.values(), pad)}\n"
        if self._is_recursive:
            return text
        said = field.said() or "<no description>"
        return f"{text}{_indented(_wrapped(said, 78 - len(pad)), len(pad) + 2)}\n\n"


_IMPLIED: dict[str, Raw] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"$ref": f"{_REF}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
}
"""What every custom resource has beside what its definition says."""


def _with_implied(raw: Raw) -> Raw:
    implied = {
        name: {**schema, "description": description("", "", name)} for name, schema in _IMPLIED.items()
    }
    return {**raw, "properties": {**(raw.get("properties") or {}), **implied}}


def type_guess(schema: Raw) -> str:
    """``string``, ``Object``, ``[]Container``, ``map[string]Quantity``."""
    if schema.get("items"):
        return f"[]{type_guess(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"map[string]{type_guess(schema['additionalProperties'])}"
    ref = str(schema.get("$ref", "")).removeprefix(_REF)
    if ref:
        name = ref.rpartition(".")[2]
        type = definitions()[ref].get("type", "")
        return name if name in _UNTYPED or type in {"", "object"} else str(type)
    type = schema.get("type") or "Object"
    return "Object" if type == "object" else str(type)


def _long_enum(values: Sequence[str]) -> str:
    return "ENUM:" + "".join(f"\n    {value}" for value in values) if values else ""


def _short_enum(values: Sequence[str], pad: str) -> str:
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
