"""Any object: its fields as an outline. For custom resources and kinds without a description of their own.

**Imitates:** kubectl ``pkg/describe`` genericDescriber (v1.36).
"""

from __future__ import annotations

import re
from typing import Any

from kcsim.api.gotext import go_value
from kcsim.api.objects import Object
from kcsim.kubectl.describers.writer import Writer

_SKIPPED = frozenset(
    {
        ".metadata.managedFields",
        ".metadata.name",
        ".metadata.namespace",
        ".metadata.labels",
        ".metadata.annotations",
    }
)
_ACRONYMS = frozenset({"API", "URL", "UID", "OSB", "GUID"})
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|-")


def write_generic(writer: Writer, obj: Object) -> None:
    """Head and outline."""
    writer.head(obj)
    _outline(writer, 0, obj, "")


def label_of(field: str) -> str:
    """``creationTimestamp`` as a title: ``Creation Timestamp``."""
    if not all(char.isalpha() or char == "-" for char in field):
        return field
    words = _WORDS.findall(field)
    return " ".join(
        word.upper() if word.upper() in _ACRONYMS else word[:1].upper() + word[1:] for word in words
    )


def _outline(writer: Writer, level: int, content: Object, path: str) -> None:
    for field in sorted(content):
        where = f"{path}.{field}"
        if where in _SKIPPED:
            continue
        value: Any = content[field]
        if isinstance(value, dict):
            writer.line(level, f"{label_of(field)}:")
            _outline(writer, level + 1, value, where)
        elif isinstance(value, list):
            writer.line(level, f"{label_of(field)}:")
            for item in value:
                if isinstance(item, dict):
                    _outline(writer, level + 1, item, where)
                else:
                    writer.line(level + 1, go_value(item))
        else:
            writer.pair(label_of(field), go_value(value), level)
