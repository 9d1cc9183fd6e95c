"""The fields that say how strongly a fault hits, each with its form: one name, one meaning for all kinds of faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.engine.clock import format_duration, seconds
from kcsim.simulation.faults.fault import FaultError


@dataclass(frozen=True, slots=True)
class Amount:
    """A field.

    Attributes:
        about: what it says.
        form: what values look like, in a word.
        read: the value from what somebody wrote; raises ``ValueError`` or ``TypeError`` with what is wrong.
        write: how it is told in a trace.
    """

    about: str
    form: str
    read: Callable[[Any], Any]
    write: Callable[[Any], str] = str


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("is a number")
    if not 0 < value <= 1:
        raise ValueError("is a share: more than 0, at most 1")
    return float(value)


def _loss(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("is a number")
    if not 0 <= value < 1:
        raise ValueError("is a share of 0 or more and less than 1; all is a network-partition")
    return float(value)


def _factor(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError("is a number, 0 or more")
    return float(value)


def _duration(value: Any) -> int:
    us = seconds(value)
    if us < 0:
        raise ValueError("is a duration of 0 or more")
    return us


def _from(least: int) -> Callable[[Any], int]:
    def count(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"is a whole number, {least} or more")
        return value

    return count


def _code(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 400 <= value <= 599:
        raise ValueError("is an HTTP status code from 400 to 599")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("is a text")
    return value


def _one_of(*words: str) -> Callable[[Any], str]:
    def word(value: Any) -> str:
        if value not in words:
            raise ValueError(f"is one of {', '.join(words)}")
        return str(value)

    return word


def _patch(value: Any) -> str:
    text = _text(value)
    if not isinstance(json.loads(text), dict):
        raise TypeError("is a JSON object")
    return text


VERBS = ("get", "list", "create", "update", "patch", "delete", "deletecollection")
EVENTS = ("ADDED", "MODIFIED", "DELETED")
_RATIO = "{:g}".format

AMOUNTS: Mapping[str, Amount] = {
    "loss": Amount("The share of packets that is lost, each way.", "share", _loss, _RATIO),
    "share": Amount("The share of requests, calls or answers that it hits.", "share", _share, _RATIO),
    "delay": Amount(
        "How much longer it takes, or how much later it comes.", "duration", _duration, format_duration
    ),
    "code": Amount("The HTTP status code of the answer.", "status code", _code),
    "verb": Amount("Only requests with this verb.", "verb", _one_of(*VERBS)),
    "resource": Amount("Only this resource, by its plural name.", "text", _text),
    "object_name": Amount("Only objects with this name; `*` stands for anything.", "text", _text),
    "namespace": Amount("The namespace of the object.", "text", _text),
    "reconciler": Amount("Only this reconciler of the component.", "text", _text),
    "event": Amount("Only changes of this kind.", "event", _one_of(*EVENTS)),
    "nth": Amount("Which of the writes or changes that match, from 1.", "count", _from(1)),
    "times": Amount("How many in a row, or how often more.", "count", _from(1)),
    "when": Amount(
        "Right before the write is sent, or right after it took effect.", "word", _one_of("before", "after")
    ),
    "revision": Amount("As of which resourceVersion.", "count", _from(1)),
    "ago": Amount("How far back in time.", "duration", _duration, format_duration),
    "down": Amount("How long the process stays down.", "duration", _duration, format_duration),
    "skew": Amount(
        "By how much the clock is wrong; negative: it is behind.", "duration", seconds, format_duration
    ),
    "quota": Amount("How many requests are answered in each minute.", "count", _from(0)),
    "factor": Amount("How many times as much as before.", "number", _factor, _RATIO),
    "replicas": Amount("How many replicas.", "count", _from(0)),
    "label": Amount("The key of a label.", "text", _text),
    "patch": Amount("A merge patch, as JSON.", "text", _patch),
    "person": Amount("Who does it.", "text", _text),
}
"""name -> field."""


def read(kind: str, name: str, value: Any) -> Any:
    """A field's value as faults carry it: durations in µs.

    Raises:
        FaultError: it is no value for the field.
    """
    try:
        return AMOUNTS[name].read(value)
    except (ValueError, TypeError) as wrong:
        why = str(wrong)
        told = f"{name} {why}" if why.startswith("is ") else why
        raise FaultError(f"{kind}: {told}, not {value!r}") from wrong
