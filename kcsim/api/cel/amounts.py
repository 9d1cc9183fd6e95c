"""Quantities and semantic versions as values of expressions.

**Imitates:** apiserver ``pkg/cel/library/{quantity,semverlib}.go`` (v1.36). A value is a message that carries its text.
"""

from __future__ import annotations

import re
from typing import Any

from kcsim.api import quantity
from kcsim.api.cel.messages import opaque

_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?\Z"
)


def quantity_of(text: str) -> Any:
    """``quantity('1Gi')``."""
    return opaque("Quantity")(nanos=str(quantity.parse(text).nanos))


def is_quantity(text: str) -> bool:
    """``isQuantity('1Gi')``."""
    try:
        quantity.parse(text)
    except quantity.QuantityError:
        return False
    return True


def nanos(value: Any) -> int:
    """What a quantity, or an integer beside one, amounts to."""
    return value * quantity.NANO_PER_UNIT if isinstance(value, int) else int(value.nanos)


def is_integer(value: Any) -> bool:
    """Whether it fits an int64 without a rest."""
    return nanos(value) % quantity.NANO_PER_UNIT == 0 and abs(nanos(value)) < 2**63 * quantity.NANO_PER_UNIT


def as_integer(value: Any) -> int:
    """The whole units."""
    if not is_integer(value):
        raise ValueError("cannot convert value to integer")
    return nanos(value) // quantity.NANO_PER_UNIT


def as_float(value: Any) -> float:
    """The units, roughly."""
    return nanos(value) / quantity.NANO_PER_UNIT


def sign(value: Any) -> int:
    """-1, 0 or 1."""
    return (nanos(value) > 0) - (nanos(value) < 0)


def plus(a: Any, b: Any, factor: int) -> Any:
    """a + factor x b."""
    return opaque("Quantity")(nanos=str(nanos(a) + factor * nanos(b)))


def compare(a: Any, b: Any) -> int:
    """-1, 0 or 1."""
    return (nanos(a) > nanos(b)) - (nanos(a) < nanos(b))


# --- versions ---------------------------------------------------------------------------------------------------


def _normalized(text: str) -> str:
    """blang/semver's ParseTolerant: without a leading v or zeros, with the numbers that are missing."""
    core, mark, rest = re.match(r"v?([^-+]*)([-+]?)(.*)", text.strip(), re.DOTALL).groups()  # type: ignore[union-attr]
    numbers = [part.lstrip("0") or "0" if part.isdigit() else part for part in core.split(".")]
    return ".".join(numbers + ["0"] * (3 - len(numbers))) + mark + rest


def is_semver(text: str, normalize: bool = False) -> bool:
    """``isSemver('1.2.3')``."""
    return _SEMVER.match(_normalized(text) if normalize else text) is not None


def semver(text: str, normalize: bool = False) -> Any:
    """``semver('1.2.3')``."""
    text = _normalized(text) if normalize else text
    if not is_semver(text):
        raise ValueError(
            "No Major.Minor.Patch elements found" if text.count(".") < 2 else f"invalid version {text!r}"
        )
    return opaque("Semver")(text=text)


def parts(value: Any) -> tuple[int, int, int]:
    """Major, minor, patch."""
    match = _SEMVER.match(value.text)
    assert match is not None
    return int(match[1]), int(match[2]), int(match[3])


def compare_versions(a: Any, b: Any) -> int:
    """-1, 0 or 1; build metadata does not count."""
    x, y = _rank(a), _rank(b)
    return (x > y) - (x < y)


def _rank(value: Any) -> tuple[Any, ...]:
    match = _SEMVER.match(value.text)
    assert match is not None
    # A release comes after its pre-releases; numbers before words.
    pre = [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in match[4].split(".")] if match[4] else []
    return (*parts(value), not pre, pre)
