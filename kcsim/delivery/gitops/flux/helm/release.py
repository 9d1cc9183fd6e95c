"""One reconciliation of a release: its state, the next action, and so on until nothing is left to do.

**Imitates:** helm-controller 1.6 internal/reconcile/atomic_release.go.

**Walk:** ``reconcile`` -> state -> action -> done (steps.py), and again -> nothing left: summarised; ``RetryAfter``,
``MustRequeue``, ``Terminal`` or ``ActionFailed`` say how to go on.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.delivery.gitops.flux import events
from kcsim.delivery.gitops.flux.helm import correction, drift, history, state, terms
from kcsim.delivery.gitops.flux.helm.history import Snapshot
from kcsim.delivery.gitops.flux.helm.releases import StorageError
from kcsim.delivery.gitops.flux.helm.resources import ActionFailed
from kcsim.delivery.gitops.flux.helm.state import State
from kcsim.delivery.gitops.flux.helm.steps import Steps
from kcsim.delivery.gitops.flux.helm.subject import DONE, succeeded
from kcsim.delivery.gitops.flux.helm.terms import DRIFTED, INSTALL, RELEASED, REMEDIATED, UPGRADE
from kcsim.delivery.gitops.flux.own_objects import OwnObjects
from kcsim.delivery.gitops.flux.toolkit import PROGRESSING, READY, RECONCILING, RETRYING, STALLED, go_duration


class RetryAfter(Exception):
    """It is tried again after ``interval`` µs (ErrRetryAfterInterval)."""

    def __init__(self, interval: int) -> None:
        super().__init__("retry after interval")
        self.interval = interval


class MustRequeue(Exception):
    """There is more to do at once (ErrMustRequeue)."""


class Terminal(Exception):
    """Nothing is tried until something changes."""


class AtomicRelease:
    """The release of one HelmRelease, while it is being reconciled."""

    def __init__(self, own: OwnObjects, steps: Steps) -> None:
        """``steps`` knows the chart and the values that are wanted."""
        self._own = own
        self._steps = steps
        self._subject = steps.subject
        self._draft = steps.subject.draft
        self._obj = steps.subject.obj
        self._retries = steps.retries
        self._asked: bool | None = None

    # --- the loop -----------------------------------------------------------------------------------------------

    def reconcile(self) -> Generator[Any, Any, None]:
        """Act until nothing is left to do.

        Raises:
            RetryAfter, MustRequeue, Terminal: see there.
            ActionFailed: an action failed before it changed the storage; it is tried again with a back-off.
            NotRendered: kcsim cannot render the chart.
        """
        done: list[str] = []
        while True:
            action, found = yield from self._next()
            if action is None:
                self._draft.drop(RECONCILING)
                self._subject.summarise()
                return
            kind = state.KINDS[action]
            if kind in done:
                self._stop_before()
                return
            limit = terms.timeout(self._obj, action if action in _WITH_TIMEOUT else "")
            message = f"Running '{action}' action with timeout of {go_duration(limit)}"
            self._reconciling(PROGRESSING, message)
            if kind == "release":
                self._draft.mark(READY, "Unknown", PROGRESSING, message)
            yield from self._own.write(self._obj, self._draft)
            try:
                yield from self._steps.perform(action, found.changes)
            except ActionFailed as error:
                self._maybe_retry()
                if self._draft.is_(READY):
                    self._draft.mark(READY, "False", "ReconcileError", str(error))
                raise
            if kind == "remediate":
                self._stop_after()
            done.append(kind)
            yield from self._own.write(self._obj, self._draft)

    def _next(self) -> Generator[Any, Any, tuple[str | None, State]]:
        draft = self._draft
        try:
            found = yield from self._determine()
        except (state.StateUnknown, StorageError) as error:
            draft.mark(READY, "False", "StateError", f"Could not determine release state: {error}")
            raise ActionFailed(f"cannot determine release state: {error}") from error
        forced = self._is_forced()
        try:
            target_ok = yield from self._target_is_there(found, forced=forced)
            action = state.chosen(
                self._obj, draft.status, found, forced=forced, retries=self._retries, target_ok=target_ok
            )
        except state.OutOfRetries as error:
            self._out_of_retries()
            raise Terminal(str(error)) from error
        except state.NoTarget as error:
            self._stall("MissingRollbackTarget", f"Failed to perform remediation: {error}")
            raise Terminal(str(error)) from error
        kept = state.kept_history(self._obj, draft.status, found, retries=self._retries)
        draft.set("history", [dict(seen) for seen in kept] or None)
        self._note(found, action)
        return action, found

    def _determine(self) -> Generator[Any, Any, State]:
        chart = self._steps.chart
        assert chart is not None, "a release is brought to a chart"
        last = yield from self._steps.actions.storage.last(terms.release_name(self._obj))
        found = state.determined(self._obj, self._draft.status, last, chart, self._steps.given)
        if found.status != state.IN_SYNC or terms.drift_mode(self._obj) == "disabled" or last is None:
            return found
        changes = yield from correction.differences(self._subject, self._steps.actions, last)
        return (
            State(state.DRIFTED, changes=changes) if any(c.kind != drift.EXCLUDE for c in changes) else found
        )

    def _is_forced(self) -> bool:
        """Whether a release is forced; asked for once, at the first state of a reconciliation."""
        if self._asked is not None:
            return False
        self._asked = terms.is_asked(self._obj, terms.FORCE_AT, "lastHandledForceAt")
        value = (self._obj["metadata"].get("annotations") or {}).get(terms.FORCE_AT)
        if value:
            self._draft.set("lastHandledForceAt", value)
        return self._asked

    def _target_is_there(self, found: State, *, forced: bool) -> Generator[Any, Any, bool]:
        """Whether the revision to roll back to is in storage as it was seen (VerifySnapshot)."""
        target = state.rollback_target(self._obj, self._draft.status)
        if found.status != state.FAILED_RELEASE or forced or target is None:
            return True
        held = yield from self._steps.actions.storage.history(target["name"])
        return any(r.version == target["version"] and r.digest == target["digest"] for r in held)

    def _note(self, found: State, action: str | None) -> None:
        """What conditions say of a state before anything is done about it."""
        draft = self._draft
        current = history.latest(draft.get("history") or ())
        if found.status in {state.IN_SYNC, state.UNTESTED} and action != UPGRADE and current is not None:
            if draft.is_(REMEDIATED):
                draft.drop(REMEDIATED)
                draft.mark(RELEASED, "True", "UpgradeSucceeded", succeeded(UPGRADE, current))
            if found.status == state.IN_SYNC:
                self._restore(current)
                if terms.drift_mode(self._obj) != "disabled":
                    draft.mark(
                        DRIFTED, "False", "NoDriftDetected", "No drift detected against the cluster state"
                    )
        if found.status == state.DRIFTED and current is not None:
            what = (
                f"Cluster state of release {history.full_name(current)} has drifted from the desired state:"
            )
            message = f"{what}\n{drift.summary(found.changes)}"
            events.record(self._subject.component, self._obj, "Warning", "DriftDetected", message)
            draft.mark(DRIFTED, "True", "DriftDetected", message)

    def _restore(self, current: Snapshot) -> None:
        """In sync although the last release is said to have failed."""
        released = self._draft.condition(RELEASED) or {}
        if self._draft.is_(READY) and released.get("status") == "True":
            return
        action = {"InstallFailed": INSTALL, "UpgradeFailed": UPGRADE}.get(released.get("reason", ""))
        if action is not None:
            word = DONE[action][0]
            self._draft.mark(RELEASED, "True", f"{word}Succeeded", succeeded(action, current))
            self._subject.summarise()

    # --- when to stop -------------------------------------------------------------------------------------------

    @property
    def _last_action(self) -> str:
        return self._draft.get("lastAttemptedReleaseAction") or ""

    def _maybe_retry(self) -> None:
        """Under RetryOnFailure everything else has time."""
        interval = terms.retry_interval(self._obj, self._last_action, retries=self._retries)
        if interval is not None:
            self._reconciling(RETRYING, f"retrying after {go_duration(interval)}")
            raise RetryAfter(interval)

    def _stop_before(self) -> None:
        """An action of this kind has been done already."""
        self._maybe_retry()
        remediation = terms.remediation(self._obj, self._last_action)
        if remediation is None or not remediation.exhausted(self._draft.status):
            self._again()
        self._draft.drop(RECONCILING)

    def _stop_after(self) -> None:
        """A remediation ends the reconciliation."""
        self._maybe_retry()
        remediation = terms.remediation(self._obj, self._last_action)
        if (
            remediation is None
            or not remediation.exhausted(self._draft.status)
            or (self._last_action == UPGRADE and remediation.strategy == terms.UNINSTALL)
        ):
            self._again()
        self._out_of_retries()
        raise Terminal("exceeded maximum retries")

    def _again(self) -> None:
        ready = self._draft.condition(READY) or {}
        self._reconciling(RETRYING, ready.get("message", ""))
        raise MustRequeue

    def _out_of_retries(self) -> None:
        action = self._last_action
        remediation = terms.remediation(self._obj, action)
        count = remediation.failures(self._draft.status) if remediation is not None else 0
        self._stall("RetriesExceeded", f"Failed to {action} after {count} attempt(s)")

    def _stall(self, reason: str, message: str) -> None:
        self._draft.drop(RECONCILING)
        self._draft.mark(STALLED, "True", reason, message)

    def _reconciling(self, reason: str, message: str) -> None:
        self._draft.drop(STALLED)
        self._draft.mark(RECONCILING, "True", reason, message)


_WITH_TIMEOUT = frozenset({INSTALL, UPGRADE, state.TEST, state.ROLL_BACK, state.REMEDIATE_BY_UNINSTALL})
