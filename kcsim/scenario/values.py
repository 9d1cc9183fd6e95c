"""The small written forms inside a scenario file: durations, quantities, rates, names, expressions.

Each `Form` reads one scalar into the value the model holds, writes it back, and describes itself to the JSON Schema;
`Annotated[int, DURATION]` in the model is all that loader, writer and schema need to know.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from kcsim.engine.clock import format_duration, seconds
from kcsim.engine.order import FORMS
from kcsim.engine.ordered import engine_for

DURATION_MAX = 1000 * 24 * 3600 * 1_000_000
"""Longest duration in µs: 1,000 days of virtual time."""


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A written form: `read` raises ValueError with what it wants; `write` gives the text back."""

    name: str
    """As messages call it, with its article: 'a duration'."""
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]
    schema: dict[str, Any]
    scalar: bool = True
    number: bool = False
    """Its values are numbers in the file, which tells it from texts where either may stand."""


def _read_duration(value: Any) -> int:
    if value == 0 and not isinstance(value, bool):
        return 0
    if not isinstance(value, str):
        raise ValueError('write it with its unit, like "30s", "1m30s" or "2h"')  # noqa: TRY004 - one kind for all forms
    try:
        duration = seconds(value)
    except ValueError:
        raise ValueError('write it like "30s", "1m30s" or "2h"') from None
    if not 0 <= duration <= DURATION_MAX:
        raise ValueError("it must lie between 0s and 24000h")
    return duration


_QUANTITY = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")


def _read_quantity(value: Any) -> str:
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _QUANTITY.fullmatch(text):
        raise ValueError('write it like "500m", "4" or "16Gi"')
    return text


_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)/(s|m|h)")
_PER = {"s": 1, "m": 60, "h": 3600}


def _read_rate(value: Any) -> float:
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write it like "20/s", "600/m" or "10/h"')
    rate = float(Decimal(match[1]) / _PER[match[2]])
    if not 0 < rate <= 1_000_000:
        raise ValueError("it must be more than 0 and at most 1000000/s")
    return rate


def _write_rate(rate: float) -> str:
    for unit, per in _PER.items():
        amount = round(rate * per, 6)
        if math.isclose(amount / per, rate, rel_tol=1e-9) and (amount >= 1 or unit == "h"):
            return f"{amount:.6f}".rstrip("0").rstrip(".") + f"/{unit}"
    return f"{rate * 3600:.6f}/h"


def _read_fraction(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("write a number from 0 to 1")
    return float(value)


def _read_count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000_000:
        raise ValueError("write a whole number, 0 or more")
    return value


def _read_factor(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1_000_000:
        raise ValueError("write a number from 0 to 1000000")
    return float(value)


def _read_offset(value: Any) -> int:
    sign = -1 if isinstance(value, str) and value.startswith("-") else 1
    return sign * _read_duration(value.removeprefix("-") if isinstance(value, str) else value)


def _read_order(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"write {', '.join(FORMS)}")  # noqa: TRY004 - as above
    engine_for(0, value)
    return value


_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def _read_name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("write lower-case letters, digits, '-' and '.', as Kubernetes names are")
    return value


_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _read_label(value: Any) -> str:
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise ValueError("write at most 63 lower-case letters, digits and '-', as namespaces are named")
    return value


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("write a text; quote it if it looks like a number or a boolean")  # noqa: TRY004 - as above
    return value


def _same(value: Any) -> Any:
    return value


DURATION = Form(
    "a duration",
    _read_duration,
    format_duration,
    {
        "type": ["string", "integer"],
        "pattern": r"^([0-9]*\.?[0-9]+(us|µs|ms|s|m|h|d))+$|^0$",
        "maximum": 0,
        "minimum": 0,
    },
)
QUANTITY = Form(
    "a quantity", _read_quantity, _same, {"type": ["string", "number"], "pattern": f"^{_QUANTITY.pattern}$"}
)
RATE = Form("a rate", _read_rate, _write_rate, {"type": "string", "pattern": f"^{_RATE.pattern}$"})
FRACTION = Form(
    "a fraction", _read_fraction, _same, {"type": "number", "minimum": 0, "maximum": 1}, number=True
)
FACTOR = Form(
    "a number", _read_factor, _same, {"type": "number", "minimum": 0, "maximum": 1_000_000}, number=True
)
OFFSET = Form(
    "a duration",
    _read_offset,
    format_duration,
    {
        "type": ["string", "integer"],
        "pattern": r"^-?([0-9]*\.?[0-9]+(us|µs|ms|s|m|h|d))+$|^0$",
        "maximum": 0,
        "minimum": 0,
    },
)
COUNT = Form(
    "a count", _read_count, _same, {"type": "integer", "minimum": 0, "maximum": 1_000_000_000}, number=True
)
NAME = Form("a name", _read_name, _same, {"type": "string", "pattern": f"^{_NAME.pattern}$"})
LABEL = Form("a name", _read_label, _same, {"type": "string", "pattern": f"^{_LABEL.pattern}$"})
EXPRESSION = Form("an expression", _read_text, _same, {"type": "string", "format": "kcsim-expression"})
ORDER = Form(
    "an order",
    _read_order,
    _same,
    {
        "type": "string",
        "pattern": r"^(fifo|random(:[0-9]+)?|pct:[0-9]+(:[0-9]+)?|choices:[0-9.*]*)(@[0-9.]+(us|µs|ms|s|m|h|d))?$",
    },
)
JSON = Form("a value", _same, _same, {}, scalar=False)

Duration = Annotated[int, DURATION]
"""Whole microseconds of virtual time; written "1m30s"."""
Quantity = Annotated[str, QUANTITY]
"""A Kubernetes quantity as written: "500m", "16Gi"."""
Rate = Annotated[float, RATE]
"""Requests a second; written "20/s", "600/m"."""
Fraction = Annotated[float, FRACTION]
"""From 0 to 1."""
Factor = Annotated[float, FACTOR]
"""How many times: a number, 0 or more."""
Offset = Annotated[int, OFFSET]
"""A duration that may be negative."""
Count = Annotated[int, COUNT]
"""A whole number, 0 or more."""
Name = Annotated[str, NAME]
"""A Kubernetes name."""
NamespaceName = Annotated[str, LABEL]
"""A namespace's name: no dots."""
ExpressionText = Annotated[str, EXPRESSION]
"""An expression of `kcsim.scenario.expressions`, as written."""
OrderText = Annotated[str, ORDER]
"""In what order the events of one instant happen, as written."""
Json = Annotated[Any, JSON]
"""Any JSON value."""
