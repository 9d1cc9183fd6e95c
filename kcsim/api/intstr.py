"""IntOrString: a number, a percentage or a name in one field (maxSurge, targetPort).

Imitates: apimachinery pkg/util/intstr/intstr.go, v1.36. The value is what JSON holds: an int or a str.
"""

from __future__ import annotations

import re
from functools import lru_cache

from kcsim.api.gotext import go_quote

IntOrString = int | str

_INTEGER = re.compile(r"[+-]?[0-9]+")
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


class IntOrStringError(ValueError):
    """A value that is neither a number nor a percentage."""


def parse(text: str) -> IntOrString:
    """Text to IntOrString: an integer in the int32 range becomes an int, all else stays text."""
    if _INTEGER.fullmatch(text) and _INT32_MIN <= int(text) <= _INT32_MAX:
        return int(text)
    return text


def is_percent(value: IntOrString) -> bool:
    """Is it a text that ends in %?"""
    return isinstance(value, str) and value.endswith("%")


def get_scaled_value_from_int_or_percent(value: IntOrString | None, total: int, *, round_up: bool) -> int:
    """The number itself, or that percentage of `total`, rounded up or down.

    Raises: IntOrStringError with upstream's message.
    """
    if value is None:
        raise IntOrStringError("nil value for IntOrString")
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        raise IntOrStringError("invalid value for IntOrString: invalid type: string is not a percentage")
    product = _atoi(value) * total
    # Upstream goes through float64 (ceil or floor of v*total/100); integers give the same for int32 totals.
    return -(-product // 100) if round_up else product // 100


@lru_cache(maxsize=1024)
def _atoi(value: str) -> int:
    """The number before the %, read as Go's strconv.Atoi reads it."""
    digits = value[:-1]
    if not _INTEGER.fullmatch(digits):
        cause = f"strconv.Atoi: parsing {go_quote(digits)}: invalid syntax"
    elif not _INT64_MIN <= int(digits) <= _INT64_MAX:
        cause = f"strconv.Atoi: parsing {go_quote(digits)}: value out of range"
    else:
        return int(digits)
    raise IntOrStringError(f"invalid value for IntOrString: invalid value {go_quote(value)}: {cause}")
