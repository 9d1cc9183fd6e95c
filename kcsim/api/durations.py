"""Durations as text: Go's "1m30s" and the ages that kubectl prints.

Imitates: Go's time.ParseDuration and Duration.String; apimachinery pkg/util/duration (HumanDuration,
ShortHumanDuration), v1.36. All durations are integers of nanoseconds, as time.Duration is; `from_microseconds`
brings in what the simulation's clock measured.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kcsim.api.gotext import go_quote

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_UNITS = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "µs": MICROSECOND,  # micro sign
    "\u03bcs": MICROSECOND,  # Greek mu, which Go accepts too
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_MAX = 2**63 - 1


class DurationError(ValueError):
    """A text that is not a Go duration."""


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> int:
    """Reads a Go duration ("300ms", "-1.5h", "2h45m") as nanoseconds.

    Raises: DurationError with Go's message.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    if not rest:
        raise DurationError(f"time: invalid duration {go_quote(text)}")
    total = 0
    position = 0
    while position < len(rest):
        match = _PART.match(rest, position)
        assert match is not None
        whole, fraction, unit = match.groups()
        if not whole and not fraction:
            raise DurationError(f"time: invalid duration {go_quote(text)}")
        if not unit:
            raise DurationError(f"time: missing unit in duration {go_quote(text)}")
        if unit not in _UNITS:
            raise DurationError(f"time: unknown unit {go_quote(unit)} in duration {go_quote(text)}")
        total += int(whole or "0") * _UNITS[unit]
        if fraction:
            total += int(fraction) * _UNITS[unit] // 10 ** len(fraction)
        position = match.end()
    if total > _MAX + (sign < 0):
        raise DurationError(f"time: invalid duration {go_quote(text)}")
    return sign * total


def format_duration(nanoseconds: int) -> str:
    """Duration.String: "1h30m0s", "1.5s", "250ms", "0s"."""
    if nanoseconds == 0:
        return "0s"
    sign, left = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if left < SECOND:
        unit, name = next(
            (unit, name)
            for unit, name in ((MILLISECOND, "ms"), (MICROSECOND, "µs"), (NANOSECOND, "ns"))
            if left >= unit
        )
        return f"{sign}{_decimal(left, unit)}{name}"
    hours, left = divmod(left, HOUR)
    minutes, left = divmod(left, MINUTE)
    text = f"{_decimal(left, SECOND)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"


def _decimal(amount: int, unit: int) -> str:
    """`amount / unit` written exactly, without trailing zeros."""
    whole, rest = divmod(amount, unit)
    if not rest:
        return str(whole)
    return f"{whole}." + str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")


def from_microseconds(microseconds: int) -> int:
    """Nanoseconds of a duration that the simulation's clock measured."""
    return microseconds * MICROSECOND


def _quotient(amount: int, unit: int) -> int:
    """Division that cuts towards zero, as Go's does."""
    return amount // unit if amount >= 0 else -(-amount // unit)


def human_duration(nanoseconds: int) -> str:
    """An age with two or three significant figures: "70s", "3m10s", "2d1h", "<invalid>" before -1 s."""
    seconds = _quotient(nanoseconds, SECOND)
    if seconds < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def short_human_duration(nanoseconds: int) -> str:
    """An age in one unit: "59s", "1m", "364d", "<invalid>" before -1 s."""
    seconds = _quotient(nanoseconds, SECOND)
    if seconds < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    for size, below, unit in ((1, 60, "s"), (60, 60, "m"), (3600, 24, "h"), (86400, 365, "d")):
        if seconds // size < below:
            return f"{seconds // size}{unit}"
    return f"{seconds // (86400 * 365)}y"
