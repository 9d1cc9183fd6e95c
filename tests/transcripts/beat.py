"""CronJobs follow the clock on the wall: a recording of one is played at the same second of the minute.

Their Jobs are named for the minute since 1970, so recorded names are moved to the minutes of the virtual clock.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from kcsim.engine.clock import MINUTE, SECOND, unix_seconds

_JOB = re.compile(r"^jobs/.+-(\d{8})$")
_DELAY = SECOND // 10
"""The controller looks a tenth of a second after a scheduled time."""


@dataclass(frozen=True)
class Beat:
    """At its ``second`` of the minute (µs) the recording begins; a Job of ``minute`` comes ``after`` µs."""

    second: int
    minute: int
    after: int

    def moved(self, recording: dict[str, Any], began: int) -> dict[str, Any]:
        """The recording with the names that Jobs get when it begins at ``began`` (µs)."""
        minute = unix_seconds(began + self.after) // 60
        text = json.dumps(recording)
        for later in range(5):
            text = text.replace(f"-{self.minute + later}", f"-{minute + later}")
        moved: dict[str, Any] = json.loads(text)
        return moved


def recorded_beat(recording: dict[str, Any]) -> Beat | None:
    """When within a minute a recording began; None when no Job in it is named for a time."""
    for step in recording["steps"]:
        for entry in (step.get("expect") or {}).get("timeline") or ():
            named = _JOB.match(entry["object"])
            if named and entry["event"] == "ADDED":
                after = round(entry["t"] * SECOND)
                return Beat((_DELAY - after) % MINUTE, int(named[1]), after)
    return None
