"""How long a Job waits after failures before it creates the next pod.  Decides; never acts.

**Imitates:** ``pkg/controller/job/backoff_utils.go`` (v1.36): 10 s after the first failure since the last success,
doubled for each further one, measured from when the last pod failed. The cap is ten minutes, whatever the
documentation says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.job.job_pods import all_failures
from kcsim.cluster.controllers.pods import created, ready_condition
from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]

DEFAULT_BACKOFF = DEFAULT.us("kube-controller-manager/job-backoff-initial")
MAX_BACKOFF = DEFAULT.us("kube-controller-manager/job-backoff-max")
_ZERO_TIME = parse_rfc3339("0001-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Record:
    """Failures since the last success, and when the last of them was (µs)."""

    failures: int = 0
    last_failure: int | None = None

    def after(self, succeeded: Sequence[Object], failed: Sequence[Object]) -> Record:
        """The record once these pods, not counted before, have ended."""
        if not succeeded and not failed:
            return self
        if not succeeded:
            return Record(self.failures + len(failed), max(map(finished_at, failed)))
        success = max(map(finished_at, succeeded))
        later = [at for at in map(finished_at, failed) if at > success]
        return Record(len(later), max(later)) if later else Record()

    def remaining(self, now: int, default: int = DEFAULT_BACKOFF, most: int = MAX_BACKOFF) -> int:
        """How long (µs) no pod may be created yet."""
        return _remaining(self.failures, self.last_failure, now, default, most)


def remaining_for_index(
    last_failed: Object | None, now: int, default: int = DEFAULT_BACKOFF, most: int = MAX_BACKOFF
) -> int:
    """How long (µs) an index waits whose last pod failed; 0 when none has."""
    if last_failed is None:
        return 0
    return _remaining(all_failures(last_failed) + 1, finished_at(last_failed), now, default, most)


def _remaining(failures: int, last_failure: int | None, now: int, default: int, most: int) -> int:
    if not failures or last_failure is None:
        return 0
    backoff = min(default << min(failures - 1, 40), most)
    return max(backoff - (now - last_failure), 0)


def finished_at(pod: Object) -> int:
    """When (µs) the pod ended, by the best evidence there is."""
    metadata: Object = pod.get("metadata", {})
    ended = _containers_finished_at(pod)
    if ended is not None:
        return ended
    ready = ready_condition(pod)
    if ready is not None and ready.get("status") == "False" and ready.get("lastTransitionTime"):
        return parse_rfc3339(ready["lastTransitionTime"])
    deleted = metadata.get("deletionTimestamp")
    if deleted:
        grace: int = metadata.get("deletionGracePeriodSeconds", 0)
        return parse_rfc3339(deleted) - grace * SECOND
    born = created(pod) if metadata else None
    return born if born is not None else _ZERO_TIME


def _containers_finished_at(pod: Object) -> int | None:
    """When the last container ended; None while one has not, or does not say when."""
    status = pod.get("status") or {}
    sidecars = {
        c["name"] for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"
    }
    statuses: Iterable[Object] = (
        *(s for s in status.get("initContainerStatuses") or () if s["name"] in sidecars),
        *(status.get("containerStatuses") or ()),
    )
    latest: int | None = None
    for each in statuses:
        stamp = objects.get_in(each, ("state", "terminated", "finishedAt"))
        if not stamp:
            return None
        at = parse_rfc3339(stamp)
        latest = at if latest is None else max(latest, at)
    return latest
