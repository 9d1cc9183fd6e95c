"""Marked values in manifests are replaced by the latest images.  Decides; never acts.

**Imitates:** image-automation-controller 1.x internal/update/setters.go and result.go: the markers ``# {"$imagepolicy": "ns:policy"}``,
``:tag``, ``:name``, ``:digest`` behind a value, in all YAML files below the path. Differs: only the marked line changes; kyaml
writes the whole file anew, which may move indentation and quotes elsewhere in it.

**Walk:** files, policies -> ``updated`` -> the files that change, and ``Changes`` for the commit's message.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.manifests import Document, ManifestError, documents

MARKER = '"$imagepolicy"'
_KEY = r"""(?:(?:[^\s#:'"](?:[^#:]|:(?=\S))*|'[^']*'|"[^"]*")\s*:\s+)?"""
_VALUE = r""""(?:\\.|[^"\\])*"|'(?:''|[^'])*'|[^\s#'"]\S*|"""
_LINE = re.compile(
    rf"^(?P<before>\s*(?:-\s+)*{_KEY})(?P<value>{_VALUE})(?P<gap>\s*)(?P<comment>\#\s*(?P<marker>\{{.*\}})\s*)$"
)
"""A value behind an optional key, and a comment that is one JSON object."""


_FIELDS = ("Kind", "Namespace", "Name", "APIVersion")


class InvalidFile(Exception):
    """A marked file is no YAML."""


@dataclass(frozen=True, slots=True, order=True)
class Identifier(Mapping[str, str]):
    """The object a change was made in; a mapping, for templates read its fields."""

    Kind: str
    Namespace: str
    Name: str
    APIVersion: str

    def __getitem__(self, key: str) -> str:
        if key not in _FIELDS:
            raise KeyError(key)
        return str(getattr(self, key))

    def __iter__(self) -> Iterator[str]:
        return iter(_FIELDS)

    def __len__(self) -> int:
        return len(_FIELDS)


@dataclass(frozen=True, slots=True)
class Change:
    """A value that was replaced by ``setter``, the name that the marker gives."""

    file: str
    object: Identifier
    old: str
    new: str
    setter: str


@dataclass(frozen=True, slots=True)
class Update:
    """The files that change, whole, and what changed in them, in the order of files and lines."""

    files: Mapping[str, bytes] = field(repr=False)
    changes: Sequence[Change]


def setters(policies: Sequence[Object]) -> dict[str, str]:
    """What each marker stands for."""
    values: dict[str, str] = {}
    for policy in policies:
        ref = objects.get_in(policy, ("status", "latestRef"))
        if ref is None:
            continue
        name, tag, digest = ref["name"], ref["tag"], ref.get("digest", "")
        whole = f"{name}:{tag}" + (f"@{digest}" if digest else "")
        own = f"{objects.namespace(policy)}:{objects.name(policy)}"
        values |= {own: whole, f"{own}:tag": tag, f"{own}:name": name, f"{own}:digest": digest}
    return values


def updated(files: Mapping[str, bytes], path: str, policies: Sequence[Object]) -> Update:
    """All marked values below ``path`` as the policies want them.

    Raises:
        InvalidFile: a file with markers cannot be read.
    """
    root, values = posixpath.normpath(path or "."), setters(policies)
    new: dict[str, bytes] = {}
    changes: list[Change] = []
    for name in sorted(files):
        inside = root == "." or name.startswith(f"{root}/")
        if not inside or not name.endswith((".yaml", ".yml")) or MARKER.encode() not in files[name]:
            continue
        text, found = _updated(name, files[name], values)
        if found:
            new[name] = text.encode()
            changes.extend(found)
    return Update(new, changes)


def _updated(name: str, content: bytes, values: Mapping[str, str]) -> tuple[str, list[Change]]:
    try:
        found = documents(content, name)
    except ManifestError as error:
        raise InvalidFile(f"failed to read {name}: {error}") from error
    lines, changes = content.decode().split("\n"), []
    for number, line in enumerate(lines, 1):
        match = _LINE.match(line)
        setter = _setter(match["marker"]) if match is not None else ""
        if match is None or setter not in values:
            continue
        old, new = _bare(match["value"]), values[setter]
        if old != new:
            lines[number - 1] = (
                match["before"] + _quoted_as(match["value"], new) + match["gap"] + match["comment"]
            )
            changes.append(Change(name, _identifier(found, number), old, new, setter))
    return "\n".join(lines), changes


def _setter(marker: str) -> str:
    try:
        found = json.loads(marker)
    except ValueError:
        return ""
    return str(found.get("$imagepolicy", "")) if isinstance(found, dict) else ""


def _bare(value: str) -> str:
    return value[1:-1] if value[:1] in {'"', "'"} else value


def _quoted_as(value: str, new: str) -> str:
    """The new value in the quotes of the old; a number in none gets some, for it is to stay a text."""
    quote = value[:1] if value[:1] in {'"', "'"} else ""
    if not quote and re.fullmatch(r"[-+.\deE_]+|true|false|null|", new):
        quote = '"'
    return f"{quote}{new}{quote}"


def _identifier(found: Sequence[Document], line: int) -> Identifier:
    """The object of the document that a line is in."""
    before = [d for d in found if d.line <= line]
    value: Any = before[-1].value if before else {}
    metadata = (value.get("metadata") if isinstance(value, dict) else None) or {}
    return Identifier(
        str(value.get("kind", "")),
        str(metadata.get("namespace", "")),
        str(metadata.get("name", "")),
        str(value.get("apiVersion", "")),
    )


def template_data(namespace: str, name: str, changes: Sequence[Change], values: Mapping[str, str]) -> Any:
    """What a message template may use: ``.AutomationObject``, ``.Changed`` (FileChanges, Objects, Changes) and ``.Values``."""
    by_file: dict[str, dict[Identifier, list[Any]]] = {}
    by_object: dict[Identifier, list[Any]] = {}
    unique: list[Any] = []
    for change in changes:
        shown = {"OldValue": change.old, "NewValue": change.new, "Setter": change.setter}
        by_file.setdefault(change.file, {}).setdefault(change.object, []).append(shown)
        by_object.setdefault(change.object, []).append(shown)
        if shown not in unique:
            unique.append(shown)
    return {
        "AutomationObject": {"Namespace": namespace, "Name": name},
        "Changed": {"FileChanges": by_file, "Objects": by_object, "Changes": unique},
        "Values": dict(values),
    }
