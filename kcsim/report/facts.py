"""What a report is made of, read from a recording and checked: nothing here needs the worlds any more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kcsim.engine.clock import SECOND
from kcsim.scenario.recording import MARKER, NAMELESS, RecordingError
from kcsim.simulation.why import Link
from kcsim.views.strips import Strip

Value = TypeVar("Value")
_AGAIN = "Make the recording again: kcsim run SCENARIO --out DIR."


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure in one world, as ``result.json`` has it."""

    name: str
    title: str
    unit: str
    text: str
    definition: str
    detail: tuple[str, ...]
    value: float | str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One expectation in one world, as ``result.json`` has it; ``chain`` leads to what decided that it did not hold."""

    name: str
    note: str
    expected: str
    passed: bool
    held: bool
    decided: bool
    at: float | None
    why: str
    chain: tuple[Link, ...]

    @property
    def is_judged(self) -> bool:
        """Whether it says anything about this world."""
        return self.expected != "not judged"


@dataclass(frozen=True, slots=True)
class World:
    """One world: its name, when it ended (virtual seconds), how to play it again, and what came of it."""

    name: str
    end: float
    sha256: str
    command: str
    strip: Strip
    measures: tuple[Measured, ...]
    expectations: tuple[Judged, ...]

    @property
    def folder(self) -> str:
        """Its folder in the recording."""
        return self.name or NAMELESS

    def measure(self, name: str) -> Measured | None:
        """One of its measures."""
        return next((each for each in self.measures if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Parted:
    """Where two worlds went different ways: when (virtual seconds; None: they never did), over what, each one's chain.

    Attributes:
        fields: in what the object differed: a path, and the value on each side, in the order of ``sides``.
    """

    between: tuple[str, str]
    time: float | None
    object: str
    fields: tuple[tuple[str, ...], ...]
    sides: tuple[tuple[str, tuple[Link, ...]], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """A run as its report tells it."""

    scenario: str
    title: str
    summary: str
    seed: int
    version: str
    interrupted: bool
    worlds: tuple[World, ...]
    parted: tuple[Parted, ...]

    @property
    def end(self) -> int:
        """When the last world ended, µs."""
        return max(round(world.end * SECOND) for world in self.worlds)

    @property
    def judged(self) -> list[tuple[World, Judged]]:
        """Every verdict that says something, world by world."""
        return [(world, each) for world in self.worlds for each in world.expectations if each.is_judged]

    @property
    def failed(self) -> list[tuple[World, Judged]]:
        """Those that did not come out as the story says."""
        return [(world, each) for world, each in self.judged if not each.passed]


def read_facts(folder: Path) -> Facts:
    """The facts of a recording.

    Raises:
        RecordingError: there is none, or it is damaged, or older than reports.
    """
    if not (folder / MARKER).is_file():
        what = "holds no recording" if folder.is_dir() else "does not exist"
        raise RecordingError(
            f"{folder} {what}", "Make one: kcsim run SCENARIO --out DIR, then kcsim report DIR."
        )
    result, timeline = _document(folder / "result.json"), _document(folder / "timeline.json")
    try:
        return facts_of(result, timeline)
    except ValueError as error:
        raise RecordingError(f"{folder}: {error}", _AGAIN) from None


def _document(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RecordingError(f"{path} is missing: an older kcsim wrote this recording", _AGAIN) from None
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be read: {error.strerror or error}", "Give it back its rights."
        ) from None
    except (ValueError, RecursionError):
        raise RecordingError(f"{path}:1:1: this is no JSON in UTF-8", _AGAIN) from None
    if not isinstance(found, Mapping):
        raise RecordingError(f"{path}:1:1: this is no JSON object", _AGAIN)
    return found


def facts_of(result: Mapping[str, Any], timeline: Mapping[str, Any]) -> Facts:
    """The facts of both documents.

    Args:
        result: ``result.json``, the document of ``kcsim run --json``.
        timeline: ``timeline.json``.

    Raises:
        ValueError: something is missing, of another type, or the two are not of one run.
    """
    told = {_get(each, "name", str): each for each in _rows(timeline, "worlds")}
    worlds = [_world(each, told.get(_get(each, "delivery", str))) for each in _rows(result, "worlds")]
    if not worlds:
        raise ValueError("result.json names no world")
    return Facts(
        _get(result, "scenario", str),
        _get(result, "title", str) or _get(result, "scenario", str),
        _get(timeline, "summary", str),
        _get(result, "seed", int),
        _get(result, "version", str),
        bool(result.get("interrupted")),
        tuple(worlds),
        tuple(_parted(each) for each in _rows(timeline, "parted")),
    )


def _world(result: Mapping[str, Any], told: Mapping[str, Any] | None) -> World:
    name = _get(result, "delivery", str)
    if told is None:
        raise ValueError(f"timeline.json does not tell of the world '{name}' of result.json")
    chains = _get(told, "chains", dict)
    return World(
        name,
        _get(result, "end", float),
        _get(result, "trace_sha256", str),
        _get(told, "command", str),
        Strip.from_json(_get(told, "strip", dict)),
        tuple(_measured(each) for each in _rows(result, "measures")),
        tuple(
            _judged(each, _links(chains.get(_get(each, "name", str)) or []))
            for each in _rows(result, "expectations")
        ),
    )


def _measured(row: Mapping[str, Any]) -> Measured:
    value = row.get("value")
    return Measured(
        _get(row, "name", str),
        _get(row, "title", str),
        _get(row, "unit", str),
        _get(row, "text", str),
        _get(row, "definition", str),
        tuple(str(line) for line in _get(row, "detail", list)),
        value if isinstance(value, int | float | str) else None,
    )


def _judged(row: Mapping[str, Any], chain: tuple[Link, ...]) -> Judged:
    return Judged(
        _get(row, "name", str),
        _get(row, "note", str),
        _get(row, "expected", str),
        _get(row, "passed", bool),
        _get(row, "held", bool),
        _get(row, "decided", bool),
        None if row.get("at") is None else _get(row, "at", float),
        _get(row, "why", str),
        chain,
    )


def _parted(row: Mapping[str, Any]) -> Parted:
    between = [str(name) for name in _get(row, "between", list)]
    sides = tuple(
        (_get(side, "name", str), _links(_get(side, "chain", list))) for side in _rows(row, "sides")
    )
    if len(between) != 2:
        raise ValueError("'between' is missing or not what a recording holds there")
    time = None if row.get("time") is None else _get(row, "time", float)
    told = _get(row, "fields", list) if "fields" in row else []  # older recordings do not tell
    fields = tuple(_texts(field, 1 + len(sides)) for field in told)
    return Parted((between[0], between[1]), time, _get(row, "object", str), fields, sides)


def _texts(row: Any, number: int) -> tuple[str, ...]:
    if not isinstance(row, list) or len(row) != number:
        raise ValueError("'fields' is missing or not what a recording holds there")
    return tuple(map(str, row))


def _links(rows: Sequence[Any]) -> tuple[Link, ...]:
    return tuple(
        Link(
            _get(row, "seq", int),
            f"{_seconds(row):.6f}",
            _get(row, "actor", str),
            _get(row, "verb", str),
            _get(row, "object", str),
            _get(row, "facts", str),
            tuple(str(line) for line in _get(row, "lines", list)),
        )
        for row in rows
    )


def _seconds(row: Any) -> float:
    text = _get(row, "t", str)
    if not text.replace(".", "", 1).isdecimal():
        raise ValueError(f"{text[:20]!r} is no time")
    return float(text)


def _rows(document: Any, name: str) -> list[Mapping[str, Any]]:
    return [row if isinstance(row, Mapping) else {} for row in _get(document, name, list)]


def _get(document: Any, name: str, kind: type[Value]) -> Value:
    """A field, which must be of its type.

    Raises:
        ValueError: it is not.
    """
    value = document.get(name) if isinstance(document, Mapping) else None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return kind(value)  # type: ignore[call-arg]  # float(int)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"'{name}' is missing or not what a recording holds there")
    return value
