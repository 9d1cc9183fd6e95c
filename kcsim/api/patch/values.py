"""What all patch types share: their errors and equality of JSON values."""

from __future__ import annotations

from typing import Any


class PatchError(ValueError):
    """A patch that cannot be applied or made; the message is upstream's where upstream shows one."""


class ConflictError(PatchError):
    """A three-way patch would overwrite what somebody else changed."""


class PreconditionError(PatchError):
    """A patch changes what its maker had required to stay."""


def json_equal(left: Any, right: Any) -> bool:
    """Equality of JSON values. Python takes true for 1; JSON does not."""
    return left is right or (left == right and _same_booleans(left, right))


def _same_booleans(left: Any, right: Any) -> bool:
    """For values that are equal to Python: are booleans and numbers in the same places?"""
    if isinstance(left, dict):
        return all(_same_booleans(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return all(_same_booleans(a, b) for a, b in zip(left, right, strict=True))
    return isinstance(left, bool) == isinstance(right, bool)
