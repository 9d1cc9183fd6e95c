"""Resource quantities: parse, canonical text, compare, arithmetic, rounding; exact integers throughout.

Imitates: apimachinery pkg/api/resource (quantity.go, suffix.go, amount.go), v1.36. An amount is an integer of
nanos (10^-9), the finest that upstream keeps; finer texts are rounded away from zero.
Differs: an exponent beyond +-1000 is refused (upstream carries it and never prints it); amounts above 10^21 or
2^70 keep a larger mantissa with the largest suffix, where upstream loses the suffix.
Walk: text -> sign, digits, suffix -> nanos and format -> arithmetic -> mantissa and exponent -> canonical text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

DECIMAL_SI = "DecimalSI"
BINARY_SI = "BinarySI"
DECIMAL_EXPONENT = "DecimalExponent"

NANO_PER_UNIT = 10**9
_NANO_PER_MILLI = 10**6
_NANO_SCALE = -9
_MAX_EXPONENT = 1000
_MAX_BINARY = (2**63 - 1) * NANO_PER_UNIT
_INT64_MAX = 2**63 - 1

FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NUMERIC = "unable to parse numeric part of quantity"
SUFFIX = "unable to parse quantity's suffix"

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = {exponent: suffix for suffix, exponent in _BINARY.items()}

_TEXT = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)")
_SIMPLE = re.compile(r"([0-9]{1,15})(m|Ki|Mi|Gi|)")
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]+)")


class QuantityError(ValueError):
    """A text that is not a quantity; the message is upstream's."""


class QuantityParts(NamedTuple):
    """parseQuantityString: what a text consists of, before anything is computed."""

    positive: bool
    value: str
    num: str
    denom: str
    suffix: str


def parse_quantity_string(text: str) -> QuantityParts:
    """Splits a text into sign, digits before and after the point, and suffix.

    Raises: QuantityError when it has another form.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise QuantityError(FORMAT_WRONG)
    sign, num, denom, suffix = match.groups()
    value = text[: match.start(4)]
    if not num and denom is None and not suffix:
        value = "0"
    return QuantityParts(sign != "-", value, num or "0", denom or "", suffix)


def _interpret(suffix: str) -> tuple[int, int, str]:
    """A suffix as (base, exponent, format)."""
    if suffix in _DECIMAL:
        return 10, _DECIMAL[suffix], DECIMAL_SI
    if suffix in _BINARY:
        return 2, _BINARY[suffix], BINARY_SI
    match = _EXPONENT.fullmatch(suffix)
    if match is None or abs(int(match[1])) > _MAX_EXPONENT:
        raise QuantityError(SUFFIX)
    return 10, int(match[1]), DECIMAL_EXPONENT


def _divide_away(amount: int, divisor: int) -> int:
    """Division that rounds away from zero."""
    return -(-amount // divisor) if amount >= 0 else amount // divisor


def _decimal(mantissa: int, scale: int) -> int:
    """mantissa * 10^scale in nanos, rounded away from zero."""
    shift = scale - _NANO_SCALE
    return mantissa * 10**shift if shift >= 0 else _divide_away(mantissa, 10**-shift)


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of nanos and the format in which it is printed. Immutable; arithmetic gives new ones."""

    nanos: int
    format: str = DECIMAL_SI

    def __str__(self) -> str:
        return canonical_text(self.nanos, self.format)

    def compare(self, other: Quantity) -> int:
        """-1, 0 or 1; formats do not matter."""
        return (self.nanos > other.nanos) - (self.nanos < other.nanos)

    def add(self, other: Quantity) -> Quantity:
        """The sum, in this format; zero takes the format of the other, as upstream's Add does."""
        return Quantity(self.nanos + other.nanos, self.format if self.nanos else other.format)

    def sub(self, other: Quantity) -> Quantity:
        """The difference, with the format as in `add`."""
        return Quantity(self.nanos - other.nanos, self.format if self.nanos else other.format)

    def neg(self) -> Quantity:
        """The amount with the other sign."""
        return Quantity(-self.nanos, self.format)

    def mul(self, factor: int) -> Quantity:
        """The amount times an integer."""
        return Quantity(self.nanos * factor, self.format)

    def round_up(self, scale: int) -> tuple[Quantity, bool]:
        """Rounds away from zero to a multiple of 10^scale; True: nothing was lost."""
        unit = 10 ** max(scale - _NANO_SCALE, 0)
        rounded = _divide_away(self.nanos, unit) * unit
        return Quantity(rounded, self.format), rounded == self.nanos

    def value(self) -> int:
        """In units, rounded away from zero (Quantity.Value)."""
        return _divide_away(self.nanos, NANO_PER_UNIT)

    def milli_value(self) -> int:
        """In thousandths, rounded away from zero (Quantity.MilliValue)."""
        return _divide_away(self.nanos, _NANO_PER_MILLI)

    def as_approximate_float64(self) -> float:
        """In units, as the nearest float."""
        return self.nanos / NANO_PER_UNIT


@lru_cache(maxsize=8192)
def parse(text: str) -> Quantity:
    """Reads a quantity.

    Raises: QuantityError with upstream's message.
    """
    simple = _SIMPLE.fullmatch(text)
    if simple is not None:
        number = int(simple[1])
        if simple[2] in _BINARY:
            return Quantity(min((number << _BINARY[simple[2]]) * NANO_PER_UNIT, _MAX_BINARY), BINARY_SI)
        return Quantity(number * (_NANO_PER_MILLI if simple[2] else NANO_PER_UNIT), DECIMAL_SI)
    if not text:
        raise QuantityError(FORMAT_WRONG)
    parts = parse_quantity_string(text)
    base, exponent, format = _interpret(parts.suffix)
    mantissa = int(parts.num + parts.denom)
    scale = -len(parts.denom)
    if base == 10:
        nanos = _decimal(mantissa, scale + exponent)
    else:
        nanos = min(_decimal(mantissa << exponent, scale), _MAX_BINARY)
        if 0 < nanos < NANO_PER_UNIT:
            format = DECIMAL_SI  # a binary fraction below one prints as decimal
    return Quantity(nanos if parts.positive else -nanos, format)


def of(value: str | float) -> Quantity:
    """Reads what JSON may hold for a quantity: a text or a bare number."""
    return parse(value.strip() if isinstance(value, str) else repr(value))


def milli(value: str | float) -> int:
    """A quantity in thousandths, rounded up: cpu in millicores."""
    return of(value).milli_value()


def value(text: str | float) -> int:
    """A quantity in whole units, rounded up: bytes, pods."""
    return of(text).value()


def format_quantity(amount: int, format: str, scale: int = 0) -> str:
    """Canonical text of amount * 10^scale."""
    return canonical_text(_decimal(amount, scale), format)


@lru_cache(maxsize=8192)
def canonical_text(nanos: int, format: str) -> str:
    """The canonical text: no fraction, the largest suffix that keeps an integer mantissa."""
    if nanos == 0:
        return "0"
    if format == BINARY_SI and abs(nanos) >= 1024 * NANO_PER_UNIT and nanos % NANO_PER_UNIT == 0:
        return _binary_text(nanos // NANO_PER_UNIT)
    mantissa, exponent = nanos, _NANO_SCALE
    largest = _MAX_EXPONENT if format == DECIMAL_EXPONENT else 18
    while mantissa % 1000 == 0 and exponent < largest:
        mantissa //= 1000
        exponent += 3
    if format == DECIMAL_EXPONENT:
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{_DECIMAL_SUFFIX[exponent]}"


def _binary_text(units: int) -> str:
    exponent = 0
    while units % 1024 == 0 and exponent < 60:
        units //= 1024
        exponent += 10
    return f"{units}{_BINARY_SUFFIX.get(exponent, '')}"


def canonical(text: str) -> str:
    """Parses and prints canonically: "1.5" -> "1500m", "1024Mi" -> "1Gi"."""
    return str(parse(text))


@lru_cache(maxsize=8192)
def stored_text(text: str) -> str:
    """What the API server stores and prints for this text.

    Not always the canonical form: ParseQuantity keeps the text it read where it takes that to be canonical, and it
    is easily satisfied ("1E6", "1.500" and "+5" stay; "1000m" and "0.5" do not).
    """
    quantity = parse(text)
    if text == "0":
        return text
    parts = parse_quantity_string(text)
    base, exponent, format = _interpret(parts.suffix)
    digits = parts.num + parts.denom
    scale = -len(parts.denom) + (exponent if base == 10 else 0)
    if format == BINARY_SI:
        room = 15 - len(parts.num) - int(exponent * 3 / 10) - 1
        kept = not parts.denom and room >= 0 and int(digits) & 7 != 0
    else:
        room = 18 - len(digits)
        kept = (
            room >= 0
            and scale >= _NANO_SCALE
            and scale % 3 == 0
            and not digits.endswith("000")
            and digits[0] != "0"
        )
    return text if kept and int(digits) <= _INT64_MAX else str(quantity)
