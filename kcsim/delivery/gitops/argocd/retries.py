"""When a failed operation is tried again.  Decides; never acts.

**Imitates:** argo-cd pkg/apis/application/v1alpha1/types.go (`RetryStrategy.NextRetryAt`) and application_defaults.go.

**Walk:** an operation failed -> `may_retry` -> `delay` after it finished -> the next attempt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kcsim.api import durations
from kcsim.engine.clock import seconds

DURATION = seconds("5s")
FACTOR = 2
MAX_DURATION = seconds("3m")
AUTOMATED_LIMIT = 5
"""How often an automated sync is tried again where `syncPolicy.retry` says nothing."""

_GO_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_NANOSECONDS = 1000


def may_retry(retry: Mapping[str, Any], count: int) -> bool:
    """Whether an operation that was retried `count` times may be tried once more; a negative limit is none."""
    limit = int(retry.get("limit") or 0)
    return limit < 0 or count < limit


def delay(retry: Mapping[str, Any], count: int) -> int:
    """How long (µs) after its end an operation is tried again, having been retried `count` times.

    Raises: ValueError for a duration that is none, in upstream's words.
    """
    backoff = retry.get("backoff") or {}
    first = _duration(backoff.get("duration"), DURATION)
    most = _duration(backoff.get("maxDuration"), MAX_DURATION)
    factor = backoff.get("factor")
    wait = float(first) * float(FACTOR if factor is None else factor) ** count
    return int(min(float(most), wait) if most > 0 else wait)


def _duration(text: str | None, default: int) -> int:
    if not text:
        return default
    if _GO_INTEGER.match(text):
        return int(text) * seconds(1)
    try:
        return durations.parse_duration(text) // _NANOSECONDS
    except ValueError:
        raise ValueError(f"unable to parse {text} as a duration") from None
