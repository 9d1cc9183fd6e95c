"""Virtual time: whole microseconds since the simulation began, and the texts people and Kubernetes write for it.

Instants and durations are plain ``int`` microseconds, so three steps of 0.1 s are exactly 0.3 s. The wall clock that
objects show starts at ``EPOCH``, a fixed date, whatever the day the simulation runs on.

**Imitates:** Go's ``time.ParseDuration`` / ``Duration.String`` and ``metav1.Time`` / ``metav1.MicroTime`` texts.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import isfinite
from numbers import Real

MICROSECOND = 1
MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH_UNIX = int(EPOCH.timestamp())

_UNITS = {
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
}
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(us|µs|ms|s|m|h|d)")


@lru_cache(maxsize=4096)
def _parse(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    body = text.lstrip("+-")
    if body == "0":
        return 0
    total = 0
    position = 0
    for match in _PART.finditer(body):
        if match.start() != position:
            break
        whole, _, fraction = match[1].partition(".")
        unit = _UNITS[match[2]]
        total += int(whole or "0") * unit
        if fraction:
            total += int(fraction) * unit // 10 ** len(fraction)
        position = match.end()
    if position != len(body) or not body:
        raise ValueError(f'{text!r} is not a duration: write it like "30s", "1m30s" or "2h"')
    return sign * total


def seconds(value: str | float) -> int:
    """A duration in µs from ``"1m30s"``, or from a number of seconds.

    Raises:
        ValueError: when the text is no duration, or the number none (infinity, NaN).
        TypeError: when it is neither a text nor a number.
    """
    if isinstance(value, str):
        return _parse(value.strip())
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f'{value!r} is no time: give a text like "1m30s", or seconds')
    if isinstance(value, int):
        return value * SECOND
    if not isfinite(value):
        raise ValueError(f'{value!r} is no time: give a text like "1m30s", or seconds')
    return round(value * SECOND)


def to_seconds(us: int) -> float:
    """A duration in µs as seconds, for the public edge."""
    return us / SECOND


def format_duration(us: int) -> str:
    """The Go text of a duration, shortest form: ``1m30s``, ``250ms``, ``2h0m0s`` is written ``2h``."""
    if us == 0:
        return "0s"
    sign = "-" if us < 0 else ""
    us = abs(us)
    if us < SECOND:
        return f"{sign}{_decimal(us, MILLISECOND)}ms" if us >= MILLISECOND else f"{sign}{us}µs"
    hours, rest = divmod(us, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    if rest:
        parts.append(f"{_decimal(rest, SECOND)}s")
    return sign + "".join(parts)


def told_duration(us: int) -> str:
    """A duration as people are told it, rounded to the nearest second, or tenth below ten seconds: ``46s``, ``3.2s``."""
    # To the millisecond first, as measures keep it, so that a duration reads the same wherever it is told.
    us = round(us, -3)
    return format_duration(round(us, -6) if us >= 10 * SECOND else round(us, -5))


def _decimal(us: int, unit: int) -> str:
    whole, fraction = divmod(us, unit)
    if not fraction:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{fraction:0{digits}d}".rstrip("0")


def clock_text(us: int) -> str:
    """Simulation time as ``HH:MM:SS`` (whole seconds), for timelines."""
    total = us // SECOND
    hours, rest = divmod(total, 3600)
    return f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


@lru_cache(maxsize=8192)
def _second_text(total: int) -> str:
    return (EPOCH + timedelta(seconds=total)).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339(us: int) -> str:
    """The instant as ``metav1.Time`` writes it: UTC, whole seconds, rounded down."""
    return _second_text(us // SECOND)


def rfc3339_micro(us: int) -> str:
    """The instant as ``metav1.MicroTime`` writes it: UTC, exactly six decimals."""
    return f"{_second_text(us // SECOND)[:-1]}.{us % SECOND:06d}Z"


@lru_cache(maxsize=8192)
def parse_rfc3339(text: str) -> int:
    """The instant, in µs since the simulation began, that an RFC 3339 text shows.

    Raises:
        ValueError: when the text is no RFC 3339 time.
    """
    delta = datetime.fromisoformat(text) - EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def unix_seconds(us: int) -> int:
    """The instant as seconds since 1970, as git commits and CronJob names carry it."""
    return EPOCH_UNIX + us // SECOND
