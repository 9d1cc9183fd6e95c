"""Structural checking of objects: what decoding into the Go types of a kind accepts, warns of and leaves.

**Imitates:** strict decoding in apimachinery `pkg/runtime/serializer/json` over sigs.k8s.io/json (v1.36). Left out:
duplicate keys, which only the parser of the text sees.

**Walk:** `clean` walks an object once without building paths; nearly every object is clean, so that walk is what costs.
Only then `find_faults` walks again to name what is wrong, and `prune` to leave out what Go's types cannot hold.
Stored objects are immutable and share structure, so a `Checker` remembers subtrees it found clean by identity.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from kcsim.api.resources import GVK
from kcsim.api.schemas.definitions import definition
from kcsim.api.schemas.gotypes import OMITTED_ZEROS, PRINTED_EMPTY, go_type, struct_name
from kcsim.api.schemas.schema import Schema
from kcsim.api.schemas.values import format_error

Path = tuple[str | int, ...]
FaultKind = Literal["unknown_field", "wrong_type", "bad_value", "missing_field"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the structure of an object."""

    path: Path
    kind: FaultKind
    message: str
    """In the API server's words."""
    candidates: tuple[str, ...] = ()
    """For an unknown field: the fields there are."""

    @property
    def suggestion(self) -> str | None:
        """The field probably meant by an unknown one, or None."""
        return did_you_mean(str(self.path[-1]), self.candidates) if self.path else None


def did_you_mean(word: str, candidates: tuple[str, ...]) -> str | None:
    """The nearest of the candidates: letter case aside, then by similarity; None when none is near."""
    folded = {candidate.lower(): candidate for candidate in sorted(candidates, reverse=True)}
    near = difflib.get_close_matches(word.lower(), sorted(folded), n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def render_path(path: Path) -> str:
    """As errors write it: ("spec", "containers", 0, "image") -> "spec.containers[0].image"."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


_JSON_NAMES: Final[Mapping[type, str]] = {
    str: "string",
    bool: "bool",
    int: "number",
    float: "number",
    list: "array",
    dict: "object",
}
_LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "": (-(2**63), 2**63 - 1),
}
_CHECKED_FORMATS: Final = frozenset({"quantity", "date-time", "byte"})
_TOO_BIG: Final = re.compile(r"^-?\d+$")


def _fits(value: Any, node: Schema) -> bool:
    """Whether a non-null value has the type of a scalar node."""
    kind = type(value)
    if node.int_or_string:
        return kind is str or kind is int
    expected = node.type
    if node.format == "quantity":
        return kind in (str, int, float)
    if expected == "string":
        return kind is str
    if expected == "boolean":
        return kind is bool
    if expected == "integer":
        if kind is not int:
            return False
        low, high = _LIMITS.get(node.format, _LIMITS[""])
        return bool(low <= value <= high)
    if expected == "number":
        return kind in (int, float)
    return True


def _vanishes(value: Any, name: str, node: Schema, child: Schema) -> bool:
    """Whether Go's encoding leaves this (falsy) field out: null, an empty optional list or map, an omitted zero."""
    shown = name in node.required or (node.name != "" and name in PRINTED_EMPTY.get(struct_name(node), ()))
    if value is None:
        return not child.nullable and (not shown or child.kind not in ("list", "map"))
    if child.kind in ("list", "map"):
        return not value and not shown
    return not value and node.name != "" and name in OMITTED_ZEROS.get(struct_name(node), ())


class Checker:
    """Checks objects against schemas, remembering clean subtrees.

    Args:
        bound: how many subtrees to remember. The memory holds the subtrees themselves, so that an identity cannot
            be taken over by another object while it is remembered; it speeds checking up and never changes a result.
    """

    __slots__ = ("_bound", "_known")

    def __init__(self, bound: int = 8192) -> None:
        self._bound = bound
        self._known: dict[int, tuple[Any, Schema]] = {}

    def check(self, obj: Mapping[str, Any], kind: GVK | Schema) -> list[Fault]:
        """What is wrong with an object's structure, in document order; nothing for kinds without a schema."""
        node = _schema(kind)
        if node is None or self._clean(obj, node):
            return []
        return list(find_faults(obj, node))

    def decode(self, obj: dict[str, Any], kind: GVK | Schema) -> tuple[dict[str, Any], list[Fault]]:
        """The object as the server would hold it, and its faults: see `prune` and `check`."""
        node = _schema(kind)
        if node is None or self._clean(obj, node):
            return obj, []
        faults = list(find_faults(obj, node))
        return prune(obj, node), faults

    def _clean(self, value: Any, node: Schema) -> bool:
        """Whether nothing is wrong in, and nothing would be left out of, a struct, list or map."""
        remembered = self._known.get(id(value))
        if remembered is not None and remembered[0] is value and remembered[1] is node:
            return True
        kind = node.kind
        if kind == "struct":
            if type(value) is not dict or not self._clean_struct(value, node):
                return False
        elif kind == "list":
            if type(value) is not list or not self._clean_items(value, node.element):
                return False
        elif kind == "map":
            if type(value) is not dict or not self._clean_items(value.values(), node.element):
                return False
        elif kind == "scalar":
            return _fits(value, node) and (
                node.format not in _CHECKED_FORMATS or not format_error(value, node.format)
            )
        else:
            inner = node.of_object()
            if inner is not node and type(value) is dict:
                return self._clean(value, inner)
            return node.type != "object" or type(value) is dict
        self._remember(value, node)
        return True

    def _clean_struct(self, value: dict[str, Any], node: Schema) -> bool:
        fields = node.fields
        for name, item in value.items():
            child = fields.get(name)
            if child is None:
                if node.preserve_unknown:
                    continue
                return False
            if not item and _vanishes(item, name, node, child):
                return False
            # Plain strings are half of all values: spare them a call.
            if type(item) is str and child.type == "string" and not child.format:
                continue
            if item is not None and not self._clean(item, child):
                return False
        return True

    def _clean_items(self, items: Any, element: Schema | None) -> bool:
        if element is None:
            return True
        if element.type == "string" and not element.format:
            return all(type(item) is str for item in items)
        return all(self._clean(item, element) for item in items)

    def _remember(self, value: Any, node: Schema) -> None:
        known = self._known
        if len(known) >= self._bound:
            known.clear()
        known[id(value)] = (value, node)


def _schema(kind: GVK | Schema) -> Schema | None:
    return kind if isinstance(kind, Schema) else definition(kind)


def check(obj: Mapping[str, Any], kind: GVK | Schema) -> list[Fault]:
    """What is wrong with an object's structure, in document order. Use a `Checker` for many objects."""
    return Checker().check(obj, kind)


def type_error(faults: list[Fault]) -> Fault | None:
    """The fault that makes decoding fail whatever fieldValidation says (400), or None."""
    # Values that refuse themselves (quantities, times) stop the decoder at once; type errors are saved until the end.
    return next((fault for fault in faults if fault.kind == "bad_value"), None) or next(
        (fault for fault in faults if fault.kind == "wrong_type"), None
    )


def strict_errors(faults: list[Fault]) -> list[str]:
    """The texts fieldValidation=Strict joins by ", " and Warn sends one a Warning header."""
    return [fault.message for fault in faults if fault.kind == "unknown_field"]


# ---- naming what is wrong


def find_faults(value: Any, node: Schema, *, required: bool = False) -> Iterator[Fault]:
    """The faults of an object in document order; with `required`, missing required fields as well."""
    yield from _faults(value, node, (), "", (), required=required)


def _faults(
    value: Any, node: Schema, path: Path, owner: str, names: tuple[str, ...], *, required: bool
) -> Iterator[Fault]:
    """`owner` is the Go struct that holds this place, `names` its field path without indices and map keys."""
    if value is None:
        return
    if node.kind == "any" and type(value) is dict:
        node = node.of_object()
    if node.kind == "struct" and type(value) is dict:
        yield from _struct_faults(value, node, path, names, required)
    elif node.kind == "list" and type(value) is list:
        for index, item in enumerate(value):
            if node.element is not None:
                yield from _faults(item, node.element, (*path, index), owner, names, required=required)
    elif node.kind == "map" and type(value) is dict:
        for key, item in value.items():
            if node.element is not None:
                yield from _faults(item, node.element, (*path, key), owner, names, required=required)
    elif node.kind == "scalar" and _fits(value, node):
        error = format_error(value, node.format) if node.format in _CHECKED_FORMATS else ""
        if error:
            yield Fault(path, "bad_value", error)
    elif node.kind != "any" or (node.type == "object" and type(value) is not dict):
        yield _wrong_type(value, node, path, owner, names)


def _struct_faults(
    value: dict[str, Any], node: Schema, path: Path, names: tuple[str, ...], required: bool
) -> Iterator[Fault]:
    owner = struct_name(node)
    for name, item in value.items():
        child = node.fields.get(name)
        if child is not None:
            yield from _faults(item, child, (*path, name), owner, (*names, name), required=required)
        elif not node.preserve_unknown:
            where = (*path, name)
            message = f'unknown field "{render_path(where)}"'
            yield Fault(where, "unknown_field", message, tuple(sorted(node.fields)))
    if required:
        for name in sorted(node.required - value.keys()):
            where = (*path, name)
            yield Fault(where, "missing_field", f'missing required field "{render_path(where)}"')


def _wrong_type(value: Any, node: Schema, path: Path, owner: str, names: tuple[str, ...]) -> Fault:
    given = _JSON_NAMES[type(value)]
    if given == "number" and node.type == "integer":
        given = f"number {value}"  # the number itself is named when only its size or fraction is wrong
    if node.format == "quantity":
        return Fault(path, "bad_value", format_error(str(value), "quantity"))
    if node.int_or_string:
        number = f" {value}" if type(value) is float else ""
        return Fault(path, "bad_value", f"json: cannot unmarshal {given}{number} into Go value of type int32")
    if node.format == "date-time":
        return Fault(path, "bad_value", f"json: cannot unmarshal {given} into Go value of type string")
    wanted = go_type(node, owner, names[-1] if names else "")
    if not names:
        message = f"json: cannot unmarshal {given} into Go value of type {wanted}"
    else:
        message = (
            f"json: cannot unmarshal {given} into Go struct field {owner}.{'.'.join(names)} of type {wanted}"
        )
    return Fault(path, "wrong_type", message)


# ---- what remains after decoding


def prune(value: Any, kind: GVK | Schema) -> Any:
    """What Go's types keep of an object: without unknown fields, nulls, empty optional lists and maps, omitted zeros.

    A null in a list of structs or of texts is what Go makes of it there: the empty struct, the empty text.

    The same object when there is nothing to leave out. Values of a wrong type are kept: see `type_error`.
    """
    node = _schema(kind)
    return value if node is None else _prune(value, node, typed=False)


def _prune(value: Any, node: Schema, *, typed: bool) -> Any:
    """`typed`: the place is a field of a Go struct, and not of a custom resource, whose nulls stay what they are."""
    if node.kind == "any" and type(value) is dict:
        node = node.of_object()
    if node.kind == "struct" and type(value) is dict:
        return _prune_struct(value, node)
    element = node.element
    if element is None:
        return value
    if node.kind == "list" and type(value) is list:
        items = [_element(item, element, typed) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if node.kind == "map" and type(value) is dict:
        entries = {key: _element(item, element, typed) for key, item in value.items()}
        return entries if any(entries[key] is not value[key] for key in value) else value
    return value


def _element(value: Any, node: Schema, typed: bool) -> Any:
    # encoding/json leaves an element untouched where it reads null, and an untouched element has its zero value.
    if value is None and typed:
        if node.kind == "struct":
            return {}
        if node.type == "string" and not node.format and not node.int_or_string:
            return ""
    return value if node.kind == "scalar" else _prune(value, node, typed=typed)


def _prune_struct(value: dict[str, Any], node: Schema) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    changed = False
    for name, item in value.items():
        child = node.fields.get(name)
        if child is None:
            if node.preserve_unknown:
                kept[name] = item
            continue
        new = _prune(item, child, typed=node.name != "")
        if not new and _vanishes(new, name, node, child):
            continue
        kept[name] = new
        changed = changed or new is not item
    return kept if changed or len(kept) != len(value) else value
