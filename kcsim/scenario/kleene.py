"""What compiled expressions run: three-valued logic and operations that give None where they have no value.

**Imitates:** Kleene's strong logic of indeterminacy: true, false and unknown (None).
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from kcsim.scenario.functions import Objects, View

Look = Callable[[View], Any]
"""A compiled part: the value it has in a view."""


def unknown(_view: View) -> Any:
    """A look that never knows."""
    return None


def truth(value: Any) -> bool | None:
    """True, False, or None for unknown; an empty list is false."""
    return None if value is None else bool(value.items if isinstance(value, Objects) else value)


def negate(value: bool | None) -> bool | None:
    """Kleene's not."""
    return None if value is None else not value


def both(looks: list[Look]) -> Look:
    """Kleene's and, from left to right."""

    def look(view: View) -> bool | None:
        result: bool | None = True
        for each in looks:
            value = truth(each(view))
            if value is False:
                return False
            if value is None:
                result = None
        return result

    return look


def either(looks: list[Look]) -> Look:
    """Kleene's or, from left to right."""

    def look(view: View) -> bool | None:
        result: bool | None = False
        for each in looks:
            value = truth(each(view))
            if value is True:
                return True
            if value is None:
                result = None
        return result

    return look


def is_number(value: Any) -> bool:
    """Whether it can be computed with; booleans count as 0 and 1, as in Python."""
    return isinstance(value, int | float)


def numeric(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """A computation, None where it has no value."""
    if not is_number(left) or not is_number(right):
        return None
    try:
        return operation(left, right)
    except (ZeroDivisionError, OverflowError):
        return None


ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
ORDER: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def maybe_not(value: bool | None, negated: bool) -> bool | None:
    """The value, negated on demand."""
    return negate(value) if negated else value


def ordered(order: Callable[[Any, Any], Any], left: Any, right: Any) -> bool | None:
    """A comparison of two numbers or two texts; unknown for all else."""
    same = (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str))
    return bool(order(left, right)) if same else None


def equal(left: Any, right: Any, literal_none: bool) -> bool | None:
    """Whether equal; unknown when either is missing, unless the expression itself writes None."""
    if (left is None or right is None) and not literal_none:
        return None
    return bool(left == right)


def contains(container: Any, item: Any) -> bool | None:
    """The in operator on texts, lists and maps."""
    if isinstance(container, str):
        return item in container if isinstance(item, str) else None
    if isinstance(container, list | tuple | Mapping) and item is not None:
        return (
            item in container
            if not isinstance(item, dict | list) or not isinstance(container, Mapping)
            else None
        )
    return None


def member(value: Any, name: str, missing: Any) -> Any:
    """A map's value; `missing` where the map has none, None where there is no map."""
    if not isinstance(value, Mapping):
        return None
    found = value.get(name)
    return missing if found is None else found


def item_at(value: Any, index: int) -> Any:
    """A list's item, None beyond its ends."""
    return value[index] if isinstance(value, list | tuple) and -len(value) <= index < len(value) else None


def list_field(value: Any, name: str) -> Any:
    """A field of a list of objects."""
    return value.attribute(name) if isinstance(value, Objects) else None
