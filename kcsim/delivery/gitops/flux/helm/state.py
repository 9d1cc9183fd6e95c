"""What a release's storage says of it, and what is to be done next.  Decides; never acts.

**Imitates:** helm-controller 1.6 internal/reconcile/state.go (DetermineReleaseState), atomic_release.go (actionForState),
internal/action/verify.go and reset.go.

**Walk:** the last revision, ``status`` -> ``determined`` -> ``chosen``: an action, nothing, or ``OutOfRetries`` -> carried out ->
determined anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.charts import Chart
from kcsim.delivery.gitops.flux.helm import history, terms, values
from kcsim.delivery.gitops.flux.helm.drift import Difference
from kcsim.delivery.gitops.flux.helm.history import Snapshot
from kcsim.delivery.gitops.flux.helm.releases import DEPLOYED, FAILED, PENDING, UNINSTALLED, Release
from kcsim.delivery.gitops.flux.helm.terms import INSTALL, UPGRADE, part
from kcsim.delivery.gitops.flux.toolkit import spec

ABSENT, UNMANAGED, OUT_OF_SYNC, DRIFTED = "Absent", "Unmanaged", "OutOfSync", "Drifted"
LOCKED, UNTESTED, IN_SYNC, FAILED_RELEASE = "Locked", "Untested", "InSync", "Failed"

UNLOCK, TEST, CORRECT = "unlock", "test", "correct cluster drift"
ROLL_BACK, REMEDIATE_BY_UNINSTALL = "rollback", "uninstall"
KINDS = {
    INSTALL: "release",
    UPGRADE: "release",
    UNLOCK: "unlock",
    TEST: "test",
    ROLL_BACK: "remediate",
    REMEDIATE_BY_UNINSTALL: "remediate",
    CORRECT: "drift correction",
}
"""By action: of one kind none is done twice in one reconciliation (ReconcilerType)."""


class StateUnknown(Exception):
    """The release is in a state that nothing can be made of."""


class OutOfRetries(Exception):
    """It has failed too often (ErrExceededMaxRetries)."""


class NoTarget(Exception):
    """There is no revision to roll back to (ErrMissingRollbackTarget)."""

    def __init__(self) -> None:
        super().__init__("missing target release for rollback: cannot remediate failed release")


@dataclass(frozen=True, slots=True)
class State:
    """Where a release stands, one of the words above, and why; ``changes`` where the cluster differs from it."""

    status: str
    reason: str = ""
    changes: Sequence[Difference] = ()


def post_renderers_digest(obj: Object) -> str:
    """What ``status.observedPostRenderersDigest`` is."""
    return _digest_of(spec(obj).get("postRenderers"))


def common_metadata_digest(obj: Object) -> str:
    """What ``status.observedCommonMetadataDigest`` is."""
    return _digest_of(spec(obj).get("commonMetadata"))


def _digest_of(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def target_changed(obj: Object, seen: Mapping[str, Any], chart: str) -> str:
    """What of the release's identity is another than before; "" when nothing (ReleaseTargetChanged)."""
    current = history.latest(seen.get("history") or ())
    if not seen.get("storageNamespace") or current is None:
        return ""
    if terms.storage_namespace(obj) != seen["storageNamespace"]:
        return "storage namespace"
    if terms.release_namespace(obj) != current["namespace"]:
        return "release namespace"
    if terms.release_name(obj) != current["name"]:
        return "release name"
    in_place = part(obj, UPGRADE).get("chartNameChangeStrategy") == "InPlaceUpdate"
    return "chart name" if chart != current["chartName"] and not in_place else ""


def reset_reason(
    obj: Object, seen: Mapping[str, Any], version: str, config_digest: str, *, asked: bool
) -> str:
    """Why failures are counted anew; "" when they are not (MustResetFailures)."""
    if seen.get("lastAttemptedGeneration") != obj["metadata"].get("generation"):
        return "generation differs from last attempt"
    if seen.get("lastAttemptedRevision") != version:
        return "chart version differs from last attempt"
    last = seen.get("lastAttemptedConfigDigest")
    if last and last != config_digest:
        return "values differ from last attempt"
    return "reset requested through annotation" if asked else ""


def determined(
    obj: Object, seen: Mapping[str, Any], last: Release | None, chart: Chart, given: Mapping[str, Any]
) -> State:
    """The state as far as the storage tells it; ``IN_SYNC`` may still have drifted.

    Args:
        seen: the status.
        given: the values.

    Raises:
        StateUnknown: its status is none of those that are known here.
    """
    if last is None:
        return State(ABSENT, "no release in storage for object")
    if last.status in PENDING:
        return State(LOCKED, f"release with status '{last.status}'")
    current = history.latest(seen.get("history") or ())
    if current is None:
        if last.status == UNINSTALLED:
            return State(ABSENT, "found uninstalled release in storage")
        return State(UNMANAGED, "found existing release in storage")
    if current["digest"] != last.digest:
        return State(UNMANAGED, "release not observed to be made for object")
    if last.status == FAILED:
        return State(FAILED_RELEASE)
    if last.status == UNINSTALLED:
        return State(ABSENT, "found uninstalled release in storage")
    if last.status != DEPLOYED:
        raise StateUnknown(f"unable to determine state for release with status '{last.status}'")
    differs = _differs(obj, seen, current, last, chart, given)
    return State(OUT_OF_SYNC, differs) if differs else _tested(obj, seen, current)


def _differs(
    obj: Object,
    seen: Mapping[str, Any],
    current: Snapshot,
    last: Release,
    chart: Chart,
    given: Mapping[str, Any],
) -> str:
    if (last.chart.get("name"), last.chart.get("version")) != (chart.name, chart.version):
        return "release chart changed"
    if current["configDigest"] != values.digest(given):
        return "release config values changed"
    if seen.get("observedGeneration") != obj["metadata"].get("generation"):
        if post_renderers_digest(obj) != seen.get("observedPostRenderersDigest", ""):
            return "postrenderers digest has changed"
        if common_metadata_digest(obj) != seen.get("observedCommonMetadataDigest", ""):
            return "common metadata digest has changed"
    return ""


def _tested(obj: Object, seen: Mapping[str, Any], current: Snapshot) -> State:
    if not part(obj, TEST).get("enable"):
        return State(IN_SYNC)
    if not history.has_been_tested(current):
        return State(UNTESTED)
    remediation = terms.remediation(obj, seen.get("lastAttemptedReleaseAction", ""))
    if remediation is not None and not remediation.ignore_test_failures and history.has_failed_test(current):
        return State(FAILED_RELEASE, "release has test in failed phase")
    return State(IN_SYNC)


# --- what to do -------------------------------------------------------------------------------------------------


def chosen(
    obj: Object,
    seen: Mapping[str, Any],
    state: State,
    *,
    forced: bool,
    retries: bool = False,
    target_ok: bool = True,
) -> str | None:
    """The action that a state asks for; None for nothing.

    Args:
        seen: the status.
        forced: whether the annotation forces a release.
        retries: whether RetryOnFailure is the default.
        target_ok: whether the revision to roll back to is in storage as it was.

    Raises:
        OutOfRetries, NoTarget: nothing can be done until something changes.
    """
    match state.status:
        case "InSync":
            return UPGRADE if forced else None
        case "Locked":
            return UNLOCK
        case "Absent" | "OutOfSync":
            action = INSTALL if state.status == ABSENT else UPGRADE
            remediation = terms.remediation(obj, action)
            assert remediation is not None, "both can be remedied"
            if remediation.exhausted(seen) and not forced:
                raise OutOfRetries(f"exceeded maximum retries: cannot {action} release")
            return action
        case "Unmanaged":
            return UPGRADE
        case "Drifted":
            return CORRECT if terms.drift_mode(obj) == "enabled" else None
        case "Untested":
            return TEST
        case _:
            return _after_failure(obj, seen, forced=forced, retries=retries, target_ok=target_ok)


def _after_failure(
    obj: Object, seen: Mapping[str, Any], *, forced: bool, retries: bool, target_ok: bool
) -> str:
    action = seen.get("lastAttemptedReleaseAction", "")
    if terms.retry_interval(obj, action, retries=retries) is not None:
        return UPGRADE
    remediation = terms.remediation(obj, action)
    if remediation is None or remediation.failures(seen) <= 0 or forced:
        return UPGRADE
    if remediation.exhausted(seen) and not remediation.remediate_last:
        raise OutOfRetries("exceeded maximum retries: cannot remediate failed release")
    if remediation.strategy == terms.UNINSTALL:
        return REMEDIATE_BY_UNINSTALL
    if rollback_target(obj, seen) is None:
        raise NoTarget
    return ROLL_BACK if target_ok else UPGRADE


def rollback_target(obj: Object, seen: Mapping[str, Any]) -> Snapshot | None:
    """The snapshot of the revision that a failed upgrade is rolled back to."""
    remediation = terms.remediation(obj, seen.get("lastAttemptedReleaseAction", ""))
    ignore = remediation.ignore_test_failures if remediation else bool(part(obj, TEST).get("ignoreFailures"))
    return history.previous(seen.get("history") or (), ignore_tests=ignore)


def kept_history(
    obj: Object, seen: Mapping[str, Any], state: State, *, retries: bool = False
) -> list[Snapshot]:
    """The history as it is kept once an action has been chosen for a state."""
    held = list(seen.get("history") or ())
    if state.status == UNMANAGED:
        return []
    if state.status not in {IN_SYNC, FAILED_RELEASE}:
        return held
    action = seen.get("lastAttemptedReleaseAction", "")
    if terms.retry_interval(obj, action, retries=retries) is not None:
        return history.newest(held)
    remediation = terms.remediation(obj, action)
    if state.status == FAILED_RELEASE and (remediation is None or remediation.failures(seen) <= 0):
        return held
    ignore = remediation.ignore_test_failures if remediation else bool(part(obj, TEST).get("ignoreFailures"))
    return history.truncated(held, ignore_tests=ignore)
