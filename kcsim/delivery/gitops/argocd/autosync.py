"""Does an Application sync itself, and when?  Decides; never acts.

**Imitates:** argo-cd controller/appcontroller.go (`autoSync`, `alreadyAttemptedSync`, `selfHealRemainingBackoff`) and the
flags of cmd/argocd-application-controller.  Left out: the source hydrator.

**Walk:** the end of a refresh -> is it wanted and needed -> was this commit tried already -> wait, an error, or an
operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import retries, terms
from kcsim.delivery.gitops.argocd.resources import is_deleting
from kcsim.engine.clock import parse_rfc3339, seconds


@dataclass(frozen=True, slots=True)
class SelfHeal:
    """How long self-heal waits: step n of a back-off, or, without one, a fixed time.  All times in µs."""

    initial: int = seconds("2s")
    factor: int = 3
    cap: int = seconds("300s")
    timeout: int = 0
    backs_off: bool = True

    def delay(self, attempts: int) -> int:
        """The wait (µs) after so many attempts; none before the first."""
        if not self.backs_off:
            return self.timeout
        if attempts <= 0:
            return 0
        wait = self.initial
        for _ in range(attempts - 1):
            if wait >= self.cap:
                break
            wait *= self.factor
        return min(wait, self.cap)


DEFAULT_SELF_HEAL = SelfHeal()


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a comparison: an `operation` to write, a `wait` (µs) until the next look, an `error`, or nothing.

    `error` becomes the SyncError of the Application.  `reason` is upstream's log line where nothing follows.
    """

    operation: dict[str, Any] | None = None
    wait: int = 0
    error: str = ""
    reason: str = ""


def is_enabled(app: Object) -> bool:
    """Whether an Application syncs itself: `automated` is there, and not switched off."""
    automated = _automated(app)
    return automated is not None and automated.get("enabled") is not False


def decide(
    app: Object,
    sync: Mapping[str, Any],
    resources: Sequence[Mapping[str, Any]],
    may_have_changes: bool,
    now: int,
    self_heal: SelfHeal = DEFAULT_SELF_HEAL,
) -> Decision:
    """What an Application does about the outcome of a comparison.

    `sync` and `resources` are those of the new status; `may_have_changes` is false where the repo-server said that the new
    revision changes nothing of this Application.
    """
    automated = _automated(app)
    if automated is None or not is_enabled(app):
        return Decision(reason="automated sync is disabled")
    if app.get("operation") is not None:
        return Decision(reason="Skipping auto-sync: another operation is in progress")
    if is_deleting(app):
        return Decision(reason="Skipping auto-sync: deletion in progress")
    if sync.get("status") != terms.OUT_OF_SYNC:
        return Decision(reason=f"Skipping auto-sync: application status is {sync.get('status')}")
    prune = bool(automated.get("prune"))
    if not prune and all(_is_synced(r) or r.get("requiresPruning") for r in resources):
        return Decision(
            reason="Skipping auto-sync: need to prune extra resources only but automated prune is disabled"
        )
    revisions = _revisions(app, sync)
    operation = _operation(app, sync, prune=prune)
    attempted, last, phase = attempted_before(app, revisions, may_have_changes=may_have_changes)
    if attempted:
        if phase != "Succeeded":
            said = terms.operation_state(app).get("message", "")
            return Decision(error=f"Failed last sync attempt to {_list(last)}: {said}")
        if not automated.get("selfHeal"):
            return Decision(reason=f"Skipping auto-sync: most recent sync already to {_list(revisions)}")
        before = terms.operation_state(app).get("operation") or {}
        attempts = int((before.get("sync") or {}).get("autoHealAttemptsCount") or 0)
        remaining = remaining_wait(app, attempts, now, self_heal)
        if remaining > 0:
            return Decision(
                wait=remaining, reason=f"Skipping auto-sync: already attempted sync to {_list(last)}"
            )
        operation["sync"]["autoHealAttemptsCount"] = attempts + 1
        chosen = [_reference(r) for r in resources if not _is_synced(r)]
        if chosen:
            operation["sync"]["resources"] = chosen
    if prune and not automated.get("allowEmpty") and all(r.get("requiresPruning") for r in resources):
        return Decision(
            error=f"Skipping sync attempt to {_list(revisions)}: auto-sync will wipe out all resources"
        )
    return Decision(operation=operation)


def attempted_before(
    app: Object, revisions: Sequence[str], *, may_have_changes: bool
) -> tuple[bool, list[str], str]:
    """Whether this very state of Git and of the sources was synced already; to which revisions, and how it ended."""
    state = terms.operation_state(app)
    if not state:
        return False, [], ""
    phase = str(state.get("phase") or "")
    result = state.get("syncResult")
    if result is None:
        # It ended without any result: without somebody's hand it would only end so again.
        return phase in ("Failed", "Error", "Succeeded"), [], phase
    several = terms.has_multiple_sources(app)
    last = list(result.get("revisions") or ()) if several else [str(result.get("revision") or "")]
    if may_have_changes and last != list(revisions):
        return False, last, phase
    part = "sources" if several else "source"
    return (terms.spec(app).get(part) or None) == (result.get(part) or None), last, phase


def remaining_wait(app: Object, attempts: int, now: int, self_heal: SelfHeal = DEFAULT_SELF_HEAL) -> int:
    """How long (µs) self-heal still waits after the last operation; 0 or less when it does not."""
    state = terms.operation_state(app)
    if not state:
        return 0
    finished = state.get("finishedAt")
    since = now - parse_rfc3339(finished) if finished else 0
    return self_heal.delay(attempts) - since


def _automated(app: Object) -> Mapping[str, Any] | None:
    automated: Mapping[str, Any] | None = (terms.spec(app).get("syncPolicy") or {}).get("automated")
    return automated


def _operation(app: Object, sync: Mapping[str, Any], *, prune: bool) -> dict[str, Any]:
    spec, policy = terms.spec(app), terms.spec(app).get("syncPolicy") or {}
    wanted: dict[str, Any] = {
        "revision": sync.get("revision"),
        "prune": prune,
        "syncOptions": policy.get("syncOptions"),
    }
    if terms.has_multiple_sources(app):
        wanted |= {"sources": spec.get("sources"), "revisions": sync.get("revisions")}
    else:
        wanted["source"] = spec.get("source")
    return {
        "sync": {k: v for k, v in wanted.items() if v},
        "initiatedBy": {"automated": True},
        "retry": policy.get("retry") or {"limit": retries.AUTOMATED_LIMIT},
    }


def _revisions(app: Object, sync: Mapping[str, Any]) -> list[str]:
    if terms.has_multiple_sources(app):
        return list(sync.get("revisions") or ())
    return [str(sync.get("revision") or "")]


def _reference(resource: Mapping[str, Any]) -> dict[str, str]:
    # Without the namespace, as upstream: resources of one kind and name in several namespaces are all meant.
    found = {field: str(resource.get(field) or "") for field in ("group", "kind", "name")}
    return {k: v for k, v in found.items() if v}


def _is_synced(resource: Mapping[str, Any]) -> bool:
    return resource.get("status") == terms.SYNCED


def _list(revisions: Sequence[str]) -> str:
    # As Go prints a slice of texts.
    return f"[{' '.join(revisions)}]"
