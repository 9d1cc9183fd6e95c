"""What a check of health answers, and the order from best to worst (gitops-engine pkg/health/health.go)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HEALTHY = "Healthy"
SUSPENDED = "Suspended"
PROGRESSING = "Progressing"
MISSING = "Missing"
DEGRADED = "Degraded"
UNKNOWN = "Unknown"

ORDER = (HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN)
"""From best to worst."""


@dataclass(frozen=True, slots=True)
class Health:
    """The health of an object or an Application; `failed` says that the check itself could not be made."""

    status: str
    message: str = ""
    failed: bool = False


def is_worse(current: str, new: str) -> bool:
    """Whether `new` is a worse health than `current`; what is no health counts as the best."""
    return _rank(new) > _rank(current)


def unsupported(kind: str, obj: Mapping[str, Any]) -> Health:
    """The health of an object whose API version the check does not know."""
    group, slash, version = str(obj.get("apiVersion") or "").partition("/")
    where = f"{group}/{version}" if slash else f"/{group}"
    return Health(UNKNOWN, f"unsupported {kind} GVK: {where}, Kind={obj.get('kind')}", failed=True)


def number(part: Mapping[str, Any], field: str) -> int:
    """A whole number of an object; an absent one is 0, as in Go's typed objects."""
    return int(part.get(field) or 0)


def quoted(text: str) -> str:
    """A text as Go's %q writes it, for names, which hold nothing that needs escaping."""
    return f'"{text}"'


def _rank(status: str) -> int:
    return ORDER.index(status) if status in ORDER else 0
