"""Model -> YAML: a scenario written back as a file that loads to an equal scenario.

Used to save counterexamples and what a person did by hand. Fields at their default are left out; texts of several lines
become blocks, so that manifests stay readable.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kcsim.scenario.model import Scenario
from kcsim.scenario.shapes import Choice, Either, Items, Named, Plain, Record, Shape, Written, record_of
from kcsim.scenario.yamltree import AMBIGUOUS, plain_value


def to_yaml(scenario: Scenario) -> str:
    """The text of a scenario file; `load` of it equals `scenario`."""
    return "".join(f"{line}\n" for line in _block(to_data(scenario)))


def to_data(part: Any) -> dict[str, Any]:
    """A part of a scenario as plain JSON data, as the file spells it: camelCase keys, written durations."""
    record = record_of(type(part))
    data: dict[str, Any] = {}
    for field in record.fields:
        value = getattr(part, field.name)
        keep = field.required or field.key in {"apiVersion", "kind", "type"}
        if value is None or (value == field.default and not keep):
            continue
        data[field.key] = _data(value, field.shape)
    return data


def _data(value: Any, shape: Shape) -> Any:
    match shape:
        case Record():
            return to_data(value)
        case Items():
            return [_data(item, shape.item) for item in value]
        case Named():
            return {key: _data(item, shape.item) for key, item in value.items()}
        case Written():
            return shape.form.write(value)
        case Either():
            return _data(value, _option_of(value, shape))
        case Plain() | Choice():
            return value


def _option_of(value: Any, shape: Either) -> Shape:
    """The option a value belongs to; they differ by Python type (record, tuple, boolean, number, text)."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    for option in shape.options:
        match option:
            case Record() if type(value) is option.type:
                return option
            case Items() if isinstance(value, tuple):
                return option
            case Plain() if isinstance(value, option.type):
                return option
            case Choice() if value in option.words:
                return option
            case Written() if number:
                return option
            case _:
                continue
    raise TypeError(f"{value!r} fits none of the shapes this field can have")


def _block(data: Any, indent: int = 0) -> Iterator[str]:
    """Lines of block style; `data` is a map or a list that is not empty."""
    pad = " " * indent
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _entry(f"{pad}{_scalar(str(key))}:", value, indent)
        return
    for item in data:
        if isinstance(item, Mapping) and item:
            first, *rest = _block(item, indent + 2)
            yield f"{pad}- {first.lstrip(' ')}"
            yield from rest
        else:
            yield from _entry(f"{pad}-", item, indent)


def _entry(head: str, value: Any, indent: int) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple):
        if value:
            yield head
            yield from _block(value, indent + 2)
        else:
            yield f"{head} {'{}' if isinstance(value, Mapping) else '[]'}"
    elif isinstance(value, str) and _fits_block(value):
        yield head + (" |" if value.endswith("\n") else " |-")
        for line in value.removesuffix("\n").split("\n"):
            yield (" " * (indent + 2) + line) if line else ""
    else:
        yield f"{head} {_scalar(value)}"


def _fits_block(text: str) -> bool:
    """Whether a literal block gives the text back: no odd characters, no blank ends, an ordinary first line."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and bool(lines[0])
        and not lines[0][0].isspace()
        and bool(lines[-1])
        and all(_printable(line) for line in lines)
    )


def _printable(line: str) -> bool:
    return all(char.isprintable() and char not in "\ufeff\u2028\u2029\x85" for char in line)


_SAFE = re.compile(r"[A-Za-z0-9_./(~][^\n]*")


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        assert math.isfinite(value), "the model holds finite numbers only"
        return repr(value)
    return value if _plain_is_safe(value) else _quoted(value)


def _plain_is_safe(text: str) -> bool:
    return (
        bool(_SAFE.fullmatch(text))
        and text.isprintable()
        and text.isascii()
        and text == text.strip()
        and ": " not in text
        and " #" not in text
        and not text.endswith(":")
        and not text.startswith(("---", "..."))
        and not any(char in text for char in "[]{},")
        and text not in AMBIGUOUS
        and text != "<<"
        and isinstance(plain_value(text), str)
    )


def _quoted(text: str) -> str:
    """Single quotes where they read better; else double quotes with YAML's escapes, which hold JSON's."""
    if '"' in text and text.isprintable() and text.isascii():
        return "'" + text.replace("'", "''") + "'"
    escaped = []
    for char in text:
        if char in '"\\':
            escaped.append("\\" + char)
        elif char.isprintable() and ord(char) < 0xFFFE and char not in "\ufeff\x85\u2028\u2029":
            escaped.append(char)
        else:
            number = ord(char)
            escaped.append(
                {"\n": "\\n", "\t": "\\t"}.get(char)
                or (f"\\U{number:08x}" if number > 0xFFFF else f"\\u{number:04x}")
            )
    return '"' + "".join(escaped) + '"'
