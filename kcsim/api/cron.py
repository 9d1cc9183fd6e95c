"""Cron expressions: what they mean, and when the next time comes.  Decides; never acts.

**Imitates:** robfig/cron v3 ``parser.go``, ``spec.go`` and ``constantdelay.go``: five fields (or six, with seconds
first), names of months and days, ``?`` as ``*``, ``N/step`` up to the end of the range, macros, ``@every``, a leading
``TZ=`` or ``CRON_TZ=``. Local times that daylight saving skips are skipped, those that come twice come twice.
Instants are µs of virtual time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from kcsim.api.validation.batch import schedule_error
from kcsim.engine.clock import EPOCH, SECOND, seconds

Zone = tzinfo
"""A time zone, for those who pass one on."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = "@every "
_YEARS = 5
"""How far ahead a time is looked for."""
_HOUR = timedelta(hours=1)


class BadSchedule(ValueError):
    """An expression that cannot be read."""


@dataclass(frozen=True, slots=True)
class Field:
    """The values of one field; ``any``: it was ``*`` or ``?``, which matters to days only."""

    values: frozenset[int]
    any: bool

    def __contains__(self, value: int) -> bool:
        return value in self.values

    def at_or_after(self, value: int) -> int | None:
        """The first value from ``value`` on."""
        return min((v for v in self.values if v >= value), default=None)


@dataclass(frozen=True, slots=True)
class Fields:
    """A schedule in fields, in one time zone."""

    second: Field
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field
    zone: tzinfo

    def next(self, after: int) -> int | None:
        """The first instant (µs) after ``after``; None when there is none in five years."""
        start = _instant(after // SECOND + 1, self.zone)
        limit = start.year + _YEARS
        at: datetime | None = start
        while at is not None and at.year <= limit:
            found, done = self._step(at)
            if done:
                return _microseconds(found)
            at = found
        return None

    def _step(self, at: datetime) -> tuple[datetime, bool]:
        """Move the first field that does not match, from month to second; True when all match."""
        if at.month not in self.month:
            year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
            return _local(year, month, 1, 0, self.zone), False
        if not self._day_matches(at):
            return self._next_day(at), False
        if at.hour not in self.hour:
            return _add(_local(at.year, at.month, at.day, at.hour, self.zone, at.fold), _HOUR), False
        if at.minute not in self.minute:
            minute = self.minute.at_or_after(at.minute)
            whole = _add(at, timedelta(minutes=-at.minute, seconds=-at.second))
            return _add(whole, timedelta(minutes=60 if minute is None else minute)), False
        if at.second not in self.second:
            second = self.second.at_or_after(at.second)
            return _add(at, timedelta(seconds=(60 if second is None else second) - at.second)), False
        return at, True

    def _next_day(self, at: datetime) -> datetime:
        """The beginning of the next day: midnight, or an hour later where daylight saving begins at midnight."""
        day = (at + timedelta(days=1)).date()
        return _local(day.year, day.month, day.day, 0, self.zone)

    def _day_matches(self, at: datetime) -> bool:
        by_day, by_weekday = at.day in self.day, (at.weekday() + 1) % 7 in self.weekday
        if self.day.any or self.weekday.any:
            return by_day and by_weekday
        return by_day or by_weekday


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed distance in µs, of whole seconds."""

    delay: int

    def next(self, after: int) -> int | None:
        """The instant (µs) that long after ``after``, on a whole second."""
        return (after + self.delay) // SECOND * SECOND


Schedule = Fields | Every


def parse(text: str, *, zone: tzinfo = UTC, with_seconds: bool = False) -> Schedule:
    """Read an expression. ``zone`` counts unless the text names its own.

    Raises:
        BadSchedule: in robfig/cron's words.
    """
    if text.startswith(("TZ=", "CRON_TZ=")):
        head, _, text = text.partition(" ")
        name = head.partition("=")[2]
        try:
            zone = load_zone(name)
        except KeyError:
            raise BadSchedule(f"provided bad location {name}: unknown time zone {name}") from None
        text = text.strip()
    if text.startswith(_EVERY):
        return _every(text)
    parts = _MACROS.get(text, text).split()
    first = parts.pop(0) if with_seconds and not text.startswith("@") else "0"
    wrong = schedule_error(" ".join(parts))
    if wrong:
        raise BadSchedule(wrong)
    return Fields(
        _field(first, 0, 59),
        _field(parts[0], 0, 59),
        _field(parts[1], 0, 23),
        _field(parts[2], 1, 31),
        _field(parts[3], 1, 12, _MONTHS),
        _field(parts[4], 0, 6, _DAYS),
        zone,
    )


@lru_cache(maxsize=256)
def load_zone(name: str) -> tzinfo:
    """The time zone of that IANA name, from the package tzdata: what a machine brings along differs from machine to machine.

    Raises:
        KeyError: when there is none.
    """
    if name in ("", "UTC"):
        return UTC
    parts = name.split("/")
    if not all(parts) or ".." in parts:
        raise KeyError(name)
    try:
        with resources.files("tzdata.zoneinfo").joinpath(*parts).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ValueError, OSError) as error:
        raise KeyError(name) from error


def _every(text: str) -> Every:
    try:
        delay = seconds(text.removeprefix(_EVERY))
    except ValueError:
        raise BadSchedule(f"failed to parse duration {text}") from None
    return Every(max(delay // SECOND * SECOND, SECOND))


def _field(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> Field:
    values: set[int] = set()
    star = False
    for part in text.split(","):
        span, _, step_text = part.partition("/")
        step = int(step_text or 1)
        if span in ("*", "?"):
            first, last = low, high
            star = star or step == 1
        else:
            begin, hyphen, end = span.partition("-")
            first = _value(begin, low, names)
            last = _value(end, low, names) if hyphen else high if step_text else first
        values.update(range(first, last + 1, step))
    return Field(frozenset(values), star)


def _value(word: str, low: int, names: tuple[str, ...]) -> int:
    return names.index(word.lower()) + low if word.lower() in names else int(word)


# --- local times ------------------------------------------------------------------------------------------------


def _instant(second: int, zone: tzinfo) -> datetime:
    return (EPOCH + timedelta(seconds=second)).astimezone(zone)


def _add(at: datetime, delta: timedelta) -> datetime:
    """Real time later, whatever the clocks on the wall do."""
    return (at.astimezone(UTC) + delta).astimezone(at.tzinfo)


def _local(year: int, month: int, day: int, hour: int, zone: tzinfo, fold: int = 0) -> datetime:
    """A time on the wall; one that does not exist becomes the instant it would have been."""
    return datetime(year, month, day, hour, tzinfo=zone, fold=fold).astimezone(UTC).astimezone(zone)


def _microseconds(at: datetime) -> int:
    delta = at.astimezone(UTC) - EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND
