"""Who owns which line of an object's YAML: managedFields laid over the text.

**Imitates:** ``fieldsV1`` (structured-merge-diff: ``f:`` fields, ``k:`` items of keyed lists, ``v:`` values of sets), as
``kubectl get --show-managed-fields`` prints it.

**Walk:** an object with managedFields -> ``owned_lines`` writes it line by line, each with the path it stands for -> the
managers whose sets hold that path, or anything below it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.manifests import dump

Path = tuple[str, ...]
"""Elements as fieldsV1 spells them: ``f:spec``, ``f:containers``, ``k:{"name":"web"}``, ``f:image``."""


@dataclass(frozen=True, slots=True)
class OwnedLine:
    """One line of YAML, and the managers of what stands on it, in the order of managedFields."""

    text: str
    managers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manager:
    """One entry of managedFields: who, how (``Apply`` or ``Update``), and of which subresource ("" for none)."""

    name: str
    operation: str
    subresource: str

    def __str__(self) -> str:
        return f"{self.name} ({self.operation}{', ' + self.subresource if self.subresource else ''})"


def managers_of(obj: Object) -> list[Manager]:
    """Everybody who owns a field of an object, in the order of managedFields."""
    return [
        Manager(each.get("manager", ""), each.get("operation", ""), each.get("subresource", ""))
        for each in obj["metadata"].get("managedFields") or ()
    ]


def owned_lines(obj: Object) -> list[OwnedLine]:
    """The object as YAML without its managedFields, with the managers of each line."""
    entries = obj["metadata"].get("managedFields") or ()
    owners = [(each.get("manager", ""), each.get("fieldsV1") or {}) for each in entries]
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return [
        OwnedLine(text, tuple(dict.fromkeys(name for name, fields in owners if _holds(fields, path))))
        for text, path in _lines({**obj, "metadata": metadata}, (), owners, 0)
    ]


def owned_part(value: Any, fields: Mapping[str, Any]) -> Any:
    """What of a value a set of fields owns: what its manager has applied, without what defaults and others added.

    Imitates: ``managedfields.ExtractInto`` of apimachinery.
    """
    if not fields:
        return value
    if isinstance(value, Mapping):
        kept = {key: fields[f"f:{key}"] for key in value if f"f:{key}" in fields}
        return {key: owned_part(value[key], below) for key, below in kept.items()}
    if isinstance(value, list):
        parts = []
        for item in value:
            name = next((n for n in fields if _names(n, item)), None)
            if name is not None:
                parts.append(owned_part(item, {k: v for k, v in fields[name].items() if k != "."}))
        return parts
    return value


def _names(element: str, item: Any) -> bool:
    """Whether an element of fieldsV1 names an item of a list."""
    if element.startswith("k:") and isinstance(item, Mapping):
        return all(item.get(key) == value for key, value in json.loads(element[2:]).items())
    return bool(element.startswith("v:") and json.loads(element[2:]) == item)


Owners = list[tuple[str, Mapping[str, Any]]]


def _lines(value: Mapping[str, Any], path: Path, owners: Owners, depth: int) -> Iterator[tuple[str, Path]]:
    """The lines of a mapping, as ``dump`` writes it, each with its path."""
    pad = "  " * depth
    for key in sorted(value):
        item, at = value[key], (*path, f"f:{key}")
        head = dump({key: None}).partition(":")[0]
        if isinstance(item, Mapping) and item:
            yield f"{pad}{head}:", at
            yield from _lines(item, at, owners, depth + 1)
        elif isinstance(item, list) and item:
            yield f"{pad}{head}:", at
            for each in item:
                yield from _item(each, at, owners, depth)
        else:
            for text in dump({key: item}).rstrip("\n").split("\n"):
                yield f"{pad}{text}", at


def _item(item: Any, path: Path, owners: Owners, depth: int) -> Iterator[tuple[str, Path]]:
    """The lines of one item of a list."""
    pad = "  " * depth
    at = (*path, _element(item, path, owners))
    if isinstance(item, Mapping) and item:
        for place, (text, where) in enumerate(_lines(item, at, owners, depth + 1)):
            yield (f"{pad}- {text[len(pad) + 2 :]}" if not place else text), where
        return
    for text in dump([item]).rstrip("\n").split("\n"):
        yield f"{pad}{text}", at


def _element(item: Any, path: Path, owners: Owners) -> str:
    """How managedFields name an item of the list at a path; one they do not name belongs to the list as a whole."""
    for _, fields in owners:
        below = _at(fields, path)
        found = next((name for name in below or () if _names(name, item)), None)
        if found is not None:
            return found
    return ""


def _at(fields: Mapping[str, Any], path: Path) -> Mapping[str, Any] | None:
    """What a set of fields holds below a path; None when it does not hold the path."""
    found: Any = fields
    for element in path:
        if not isinstance(found, Mapping) or element not in found:
            return None
        found = found[element]
    return found if isinstance(found, Mapping) else {}


def _holds(fields: Mapping[str, Any], path: Path) -> bool:
    """Whether a set of fields owns what stands at a path: the path itself, something below it, or it as a whole."""
    found: Any = fields
    for element in path:
        if not found and found is not fields:
            return True  # owned as a whole: an atomic list or map
        if element == "" or element not in found:
            return False
        found = found[element]
    return True
