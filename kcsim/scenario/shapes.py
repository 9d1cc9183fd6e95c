"""The shape of the model's types, read once from their annotations: what loader, writer and JSON Schema share.

`shape_of(Scenario)` is a `Record` whose fields hold the shapes of their types: scalars in a written form, choices,
lists, maps and further records. Nothing here knows a single field by name.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from kcsim.scenario.values import Form


@dataclass(frozen=True, slots=True)
class Written:
    """A scalar in a written form: a duration, a quantity, a name."""

    form: Form


@dataclass(frozen=True, slots=True)
class Plain:
    """A text or a boolean."""

    type: type


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class Named:
    """A map from names to values of one shape."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class Either:
    """Shapes told apart by how the YAML looks, or records by their `type`."""

    options: tuple["Shape", ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record."""

    name: str
    """In Python."""
    key: str
    """In the file."""
    shape: "Shape"
    doc: str
    required: bool
    optional: bool
    """May be None, which is never written."""
    default: Any


@dataclass(frozen=True, slots=True)
class Record:
    """A dataclass."""

    type: type
    fields: tuple[Field, ...]
    doc: str

    def by_key(self) -> dict[str, Field]:
        """Fields by their key in the file."""
        return {field.key: field for field in self.fields}


Shape = Written | Plain | Choice | Items | Named | Either | Record


def key_of(name: str) -> str:
    """A field's key in the file: `ready_after` -> `readyAfter`, `for_` -> `for`."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


_RECORDS: dict[type, Record] = {}
"""Records made so far; they depend on nothing but the classes."""


def record_of(cls: type) -> Record:
    """The record of a dataclass of the model."""
    made = _RECORDS.get(cls)
    if made is None:
        made = _RECORDS[cls] = _make_record(cls)
    return made


def _make_record(cls: Any) -> Record:
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = []
    for field in dataclasses.fields(cls):
        if field.name == "source":
            continue
        hint = hints[field.name]
        default = _default_of(field)
        fields.append(
            Field(
                field.name,
                key_of(field.name),
                shape_of(hint),
                _doc_of(hint),
                required=default is dataclasses.MISSING,
                optional=type(None) in typing.get_args(_bare(hint)),
                default=None if default is dataclasses.MISSING else default,
            )
        )
    return Record(cls, tuple(fields), (cls.__doc__ or "").strip().partition("\n")[0])


def _default_of(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def shape_of(hint: Any) -> Shape:
    """The shape of one annotation."""
    if typing.get_origin(hint) is Annotated:
        form = next((extra for extra in hint.__metadata__ if isinstance(extra, Form)), None)
        return Written(form) if form is not None else shape_of(hint.__origin__)
    origin = typing.get_origin(hint)
    if origin is Literal:
        return Choice(typing.get_args(hint))
    if origin is tuple:
        return Items(shape_of(typing.get_args(hint)[0]))
    if origin is Mapping:
        return Named(shape_of(typing.get_args(hint)[1]))
    if origin in {typing.Union, types.UnionType}:
        options = tuple(shape_of(arg) for arg in typing.get_args(hint) if arg is not type(None))
        return options[0] if len(options) == 1 else Either(options)
    if dataclasses.is_dataclass(hint):
        return record_of(typing.cast("type", hint))
    assert hint in {str, bool}, f"the model uses a type without a shape: {hint}"
    return Plain(hint)


def _bare(hint: Any) -> Any:
    return hint.__origin__ if typing.get_origin(hint) is Annotated else hint


def _doc_of(hint: Any) -> str:
    texts = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, str)]
    return texts[-1] if texts else ""
