"""Sync windows: when an AppProject lets its Applications be synced.  Decides; never acts.

**Imitates:** argo-cd pkg/apis/application/v1alpha1/types.go (`SyncWindows`: `Matches`, `CanSync`, `canSyncAtTime`,
`SyncWindow.active`, `Validate`) and controller/sync.go (`syncWindowPreventsSync`).
Differs: daylight saving is that of the moment asked about, where upstream takes that of the present.

**Walk:** `spec.syncWindows` -> `matching` an Application -> active or not at an instant -> `can_sync`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from kcsim.api import durations
from kcsim.api.cron import BadSchedule, Schedule, Zone, load_zone, parse
from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import globs
from kcsim.delivery.gitops.argocd.resources import name_of

Window = Mapping[str, Any]

BLOCKED = "Sync operation blocked by sync window"
"""The message of an operation that waits for a window."""

_NANOSECONDS = 1000
_DESCRIPTION_LENGTH = 255


def can_sync(
    project: Object,
    app: Object,
    now: int,
    *,
    manual: bool,
    cluster: tuple[str, str] = ("", ""),
    started: int | None = None,
) -> bool:
    """Whether an Application may be synced at `now` (µs).

    `cluster`: URL and name of the destination, for windows that name one.  `started`: when the operation began (µs), for
    windows that let a running one finish.
    Raises: ValueError for a window that cannot be read, in upstream's words.
    """
    return allows(matching(project, app, cluster), now, manual=manual, started=started)


def matching(project: Object, app: Object, cluster: tuple[str, str] = ("", "")) -> list[Window]:
    """The windows of a project that are about an Application, in their order."""
    destination = (app.get("spec") or {}).get("destination") or {}
    # Upstream looks at what the destination says; only one that names no server is known by the other.
    clusters = {str(destination.get("name") or ""), str(destination.get("server") or "")} - {""}
    facts = (
        ("applications", {name_of(app)}),
        ("clusters", clusters or set(cluster) - {""}),
        ("namespaces", {str(destination.get("namespace") or "")}),
    )
    windows: Iterable[Window] = (project.get("spec") or {}).get("syncWindows") or ()
    return [window for window in windows if _matches(window, facts)]


def allows(windows: Sequence[Window], now: int, *, manual: bool, started: int | None = None) -> bool:
    """Whether windows that are about an Application let it be synced at `now` (µs).

    Raises: ValueError for a window that cannot be read.
    """
    allowed, overrun = _allowed(windows, now, manual=manual)
    if allowed or not overrun or started is None:
        return allowed
    # An operation that began while it was allowed may go on, where all windows in its way say so.
    return _allowed(windows, started, manual=manual)[0]


def is_active(window: Window, now: int) -> bool:
    """Whether a window is open at `now` (µs): its last start is less than its duration ago.

    Raises: ValueError for a window that cannot be read.
    """
    schedule, duration = _read(
        str(window.get("schedule") or ""),
        str(window.get("duration") or ""),
        str(window.get("timeZone") or ""),
    )
    start = schedule.next(now - duration)
    return start is not None and start < now


def problem(window: Window) -> str:
    """What is wrong with a window of a project; "" when nothing is (`Validate`, `ValidateProject`)."""
    kind, schedule, duration = (str(window.get(f) or "") for f in ("kind", "schedule", "duration"))
    if kind not in ("allow", "deny"):
        return f"kind '{kind}' mismatch: can only be allow or deny"
    try:
        _read(schedule, duration, "")
    except ValueError as error:
        return str(error)
    if len(str(window.get("description") or "")) > _DESCRIPTION_LENGTH:
        return "description must not exceed 255 characters"
    if not any(window.get(f) for f in ("applications", "namespaces", "clusters")):
        return f"window '{kind}':'{schedule}':'{duration}' requires one of application, cluster or namespace"
    return ""


def complaints(project: Object) -> list[str]:
    """What is wrong with the windows of a project, in their order: such a one blocks, or is read in UTC."""
    found = []
    for window in (project.get("spec") or {}).get("syncWindows") or ():
        if wrong := problem(window):
            found.append(wrong)
        elif _zone(zone := str(window.get("timeZone") or "")) is None:
            found.append(f"Invalid time zone {zone} specified. Using UTC as default time zone")
    return found


def _matches(window: Window, facts: Sequence[tuple[str, set[str]]]) -> bool:
    named = [
        any(globs.matches(pattern, value) for pattern in window[part] for value in sorted(values))
        for part, values in facts
        if window.get(part)
    ]
    if not window.get("andOperator"):
        return any(named)
    # Upstream's walk ends with the namespaces: what it found before them counts where they are not named.
    return bool(named) and all(named)


def _allowed(windows: Sequence[Window], now: int, *, manual: bool) -> tuple[bool, bool]:
    """Whether a sync may be, and where not, whether one that was allowed before may go on."""
    active = [w for w in windows if is_active(w, now)]
    denying = [w for w in active if w.get("kind") == "deny"]
    if denying:
        return manual and _all(denying, "manualSync"), _all(denying, "syncOverrun")
    if any(w.get("kind") == "allow" for w in active):
        return True, False
    closed = [w for w in windows if w.get("kind") == "allow"]
    if closed:
        return manual and _all(closed, "manualSync"), _all(closed, "syncOverrun")
    return True, False


def _all(windows: Sequence[Window], field: str) -> bool:
    return all(bool(w.get(field)) for w in windows)


@lru_cache(maxsize=1024)
def _read(schedule: str, duration: str, zone: str) -> tuple[Schedule, int]:
    try:
        if schedule.startswith("@"):
            raise BadSchedule(f"parser does not accept descriptors: {schedule}")
        read = parse(schedule, zone=_zone(zone) or load_zone("UTC"))
    except BadSchedule as error:
        raise ValueError(f"cannot parse schedule '{schedule}': {error}") from None
    try:
        length = durations.parse_duration(duration) // _NANOSECONDS
    except ValueError as error:
        raise ValueError(f"cannot parse duration '{duration}': {error}") from None
    return read, length


def _zone(name: str) -> Zone | None:
    try:
        return load_zone(name)
    except KeyError:
        # As upstream: UTC counts instead, and `complaints` tells.
        return None
