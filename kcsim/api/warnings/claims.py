"""Warnings about amounts of which there are no fractions, and about claims.

**Imitates:** kubernetes pkg/api/persistentvolumeclaim/util.go (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kcsim.api import quantity

STORAGE_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
STORAGE_CLASS_DEPRECATED: Final = (
    f'metadata.annotations[{STORAGE_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead'
)


def fraction(field: str, amounts: Mapping[str, Any] | None, name: str) -> Iterator[str]:
    """An amount of bytes that is not whole."""
    value = (amounts or {}).get(name)
    if value is None:
        return
    amount = quantity.of(value)
    if amount.milli_value() % 1000:
        yield f'{field}[{name}]: fractional byte value "{amount}" is invalid, must be an integer'


def of_claim_spec(field: str, spec: Mapping[str, Any]) -> Iterator[str]:
    """Of what a claim asks for."""
    resources = spec.get("resources") or {}
    for part in ("requests", "limits"):
        yield from fraction(f"{field}.resources.{part}", resources.get(part), "storage")
