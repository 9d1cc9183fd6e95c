"""``status.history``: snapshots of what helm-controller has seen of its release in storage.  Decides; never acts.

**Imitates:** helm-controller 1.6 api/v2/snapshot_types.go, internal/release/observation.go and internal/reconcile/release.go
(recordOnObject). A snapshot is a map as the status holds it; histories are never changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kcsim.delivery.gitops.flux.helm import values
from kcsim.delivery.gitops.flux.helm.releases import DEPLOYED, SUPERSEDED, Release
from kcsim.delivery.gitops.flux.helm.terms import MAX_HISTORY

Snapshot = Mapping[str, Any]
API_VERSION = "v2"


def snapshot(release: Release, action: str = "", oci_digest: str = "") -> dict[str, Any]:
    """What is kept of a release."""
    made: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "digest": release.digest,
        "name": release.name,
        "namespace": release.namespace,
        "version": release.version,
        "status": release.status,
        "chartName": str(release.chart.get("name", "")),
        "chartVersion": str(release.chart.get("version", "")),
        "configDigest": values.digest(release.config),
        "firstDeployed": release.first_deployed,
        "lastDeployed": release.last_deployed,
    }
    app = release.chart.get("appVersion")
    more = {
        "action": action,
        "appVersion": "" if app is None else str(app),
        "deleted": release.deleted,
        "ociDigest": oci_digest,
    }
    return made | {k: v for k, v in more.items() if v}


def full_name(seen: Snapshot) -> str:
    """``<namespace>/<release>.v<revision>``."""
    return f"{seen['namespace']}/{seen['name']}.v{seen['version']}"


def chart_name(seen: Snapshot) -> str:
    """``<chart>@<version>``."""
    return f"{seen['chartName']}@{seen['chartVersion']}"


def latest(history: Sequence[Snapshot]) -> Snapshot | None:
    """The newest one."""
    return max(history, key=lambda seen: int(seen["version"]), default=None)


def _sorted(history: Sequence[Snapshot]) -> list[Snapshot]:
    return sorted(history, key=lambda seen: -seen["version"])


def _is_good(seen: Snapshot, ignore_tests: bool) -> bool:
    return seen["status"] in {DEPLOYED, SUPERSEDED} and (ignore_tests or not has_failed_test(seen))


def previous(history: Sequence[Snapshot], *, ignore_tests: bool) -> Snapshot | None:
    """The newest one before the latest that was deployed, and whose tests have not failed."""
    return next((seen for seen in _sorted(history)[1:] if _is_good(seen, ignore_tests)), None)


def truncated(history: Sequence[Snapshot], *, ignore_tests: bool) -> list[Snapshot]:
    """Those up to the previous deployed one; without such a one the five newest."""
    ordered = _sorted(history)
    for place, seen in enumerate(ordered[1:], 1):
        if _is_good(seen, ignore_tests):
            return ordered[: place + 1]
    return ordered[:MAX_HISTORY]


def newest(history: Sequence[Snapshot]) -> list[Snapshot]:
    """The five newest."""
    return _sorted(history)[:MAX_HISTORY]


def targets(seen: Snapshot, release: Release) -> bool:
    """Whether a snapshot is of that revision."""
    return (seen["name"], seen["namespace"], seen["version"]) == (
        release.name,
        release.namespace,
        release.version,
    )


def replaced(
    history: Sequence[Snapshot], release: Release, action: str | None = None
) -> list[Snapshot] | None:
    """The history with a newer snapshot of a revision it has; None where it does not. ``action`` None: the one before."""
    for place, seen in enumerate(history):
        if targets(seen, release):
            new = snapshot(
                release, seen.get("action", "") if action is None else action, seen.get("ociDigest", "")
            )
            if "testHooks" in seen:
                new["testHooks"] = seen["testHooks"]
            return [*history[:place], new, *history[place + 1 :]]
    return None


def recorded(
    history: Sequence[Snapshot], observed: Mapping[int, Release], action: str, oci_digest: str
) -> list[Snapshot]:
    """The history after an install or upgrade that has written these revisions: the newest in front, of the others one."""
    if not observed:
        return list(history)
    versions = sorted(observed, reverse=True)
    made: list[Snapshot] = [snapshot(observed[versions[0]], action, oci_digest), *history]
    for version in versions[1:]:
        newer = replaced(made, observed[version], "")
        if newer is not None:
            return newer
    return made


# --- tests ------------------------------------------------------------------------------------------------------


def has_failed_test(seen: Snapshot) -> bool:
    """Whether a test has failed."""
    return any((hook or {}).get("phase") == "Failed" for hook in (seen.get("testHooks") or {}).values())


def has_been_tested(seen: Snapshot) -> bool:
    """Whether the tests have run: all have succeeded, one has failed, or there are none."""
    hooks = seen.get("testHooks")
    if hooks is None:
        return False
    return has_failed_test(seen) or all((hook or {}).get("phase") == "Succeeded" for hook in hooks.values())


def with_tests(seen: Snapshot, release: Release, filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The snapshot of a release that is being tested."""
    new = snapshot(release, seen.get("action", ""), seen.get("ociDigest", ""))
    tests = {
        hook.name: hook.last_run
        for hook in release.hooks
        if "test" in hook.events and selected(hook.name, filters)
    }
    fields = {"lastStarted": "started_at", "lastCompleted": "completed_at", "phase": "phase"}
    new["testHooks"] = {
        name: {field: value for field, own in fields.items() if (value := getattr(run, own))}
        for name, run in sorted(tests.items())
    }
    return new


def selected(name: str, filters: Sequence[Mapping[str, Any]]) -> bool:
    """Whether ``spec.test.filters`` lets a test run."""
    if any(each["name"] == name for each in filters if each.get("exclude")):
        return False
    included = [each["name"] for each in filters if not each.get("exclude")]
    return not included or name in included
