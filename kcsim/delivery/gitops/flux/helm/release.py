"""One reconciliation of a release: its state, the next action, its outcome in conditions, until nothing is left to do.

**Imitates:** helm-controller 1.6 internal/reconcile: atomic_release.go (the loop), install.go, upgrade.go, test.go,
rollback_remediation.go, uninstall.go, uninstall_remediation.go, unlock.go, correct_cluster_drift.go (conditions, Events, counters) and
release.go (summarize). Left out: Helm's own log at the end of an Event.

**Walk:** ``reconcile`` -> state -> action -> done, and again -> nothing left: summarised; ``RetryAfter``, ``MustRequeue``, ``Terminal``
or ``ActionFailed`` say how to go on.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.charts import Chart, objects_of
from kcsim.delivery.gitops import ordering
from kcsim.delivery.gitops.flux import events
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.helm import drift, history, state, terms, values
from kcsim.delivery.gitops.flux.helm.actions import Actions, NoRelease
from kcsim.delivery.gitops.flux.helm.drift import Difference
from kcsim.delivery.gitops.flux.helm.history import Snapshot
from kcsim.delivery.gitops.flux.helm.releases import (
    FAILED,
    PENDING,
    Release,
    StorageError,
)
from kcsim.delivery.gitops.flux.helm.resources import CONTROLLER, ActionFailed, owned
from kcsim.delivery.gitops.flux.helm.state import State
from kcsim.delivery.gitops.flux.helm.terms import (
    DRIFTED,
    INSTALL,
    RELEASED,
    REMEDIATED,
    TEST_SUCCESS,
    UPGRADE,
    part,
)
from kcsim.delivery.gitops.flux.own_objects import OwnObjects
from kcsim.delivery.gitops.flux.ssa import ignore
from kcsim.delivery.gitops.flux.ssa.drift import any_in_metadata, subject
from kcsim.delivery.gitops.flux.toolkit import (
    PROGRESSING,
    READY,
    RECONCILING,
    RETRYING,
    STALLED,
    go_duration,
)

_DONE = {INSTALL: ("Install", "install"), UPGRADE: ("Upgrade", "upgrade")}


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
    """The release of one HelmRelease, while it is being reconciled.

    Attributes:
        chart, given: what is wanted: a chart and values.
    """

    def __init__(
        self,
        component: Component,
        own: OwnObjects,
        obj: Object,
        draft: Draft,
        actions: Actions,
        *,
        chart: Chart | None = None,
        given: Mapping[str, Any] | None = None,
        retries: bool = False,
    ) -> None:
        """``retries``: whether RetryOnFailure is the default; chart and values may be absent where it is uninstalled."""
        self._component = component
        self._own = own
        self._obj = obj
        self._draft = draft
        self._actions = actions
        self._chart = chart
        self._given = given or {}
        self._retries = retries
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
                self.summarise()
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
                yield from self._perform(action, found)
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
        assert self._chart is not None, "a release is brought to a chart"
        last = yield from self._actions.storage.last(terms.release_name(self._obj))
        found = state.determined(self._obj, self._draft.status, last, self._chart, self._given)
        if found.status != state.IN_SYNC or terms.drift_mode(self._obj) == "disabled" or last is None:
            return found
        changes = yield from self._differences(last)
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
        held = yield from self._actions.storage.history(target["name"])
        return any(r.version == target["version"] and r.digest == target["digest"] for r in held)

    def _note(self, found: State, action: str | None) -> None:
        """What conditions say of a state before anything is done about it."""
        draft = self._draft
        current = history.latest(draft.get("history") or ())
        if found.status in {state.IN_SYNC, state.UNTESTED} and action != UPGRADE and current is not None:
            if draft.is_(REMEDIATED):
                draft.drop(REMEDIATED)
                draft.mark(RELEASED, "True", "UpgradeSucceeded", _succeeded(UPGRADE, current))
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
            events.record(self._component, self._obj, "Warning", "DriftDetected", message)
            draft.mark(DRIFTED, "True", "DriftDetected", message)

    def _restore(self, current: Snapshot) -> None:
        """In sync although the last release is said to have failed."""
        released = self._draft.condition(RELEASED) or {}
        if self._draft.is_(READY) and released.get("status") == "True":
            return
        action = {"InstallFailed": INSTALL, "UpgradeFailed": UPGRADE}.get(released.get("reason", ""))
        if action is not None:
            word = _DONE[action][0]
            self._draft.mark(RELEASED, "True", f"{word}Succeeded", _succeeded(action, current))
            self.summarise()

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

    # --- actions ------------------------------------------------------------------------------------------------

    def _perform(self, action: str, found: State) -> Generator[Any, Any, None]:
        match action:
            case "install" | "upgrade":
                yield from self._summarised(self._release(action))
            case "unlock":
                yield from self._summarised(self._unlock())
            case "test":
                yield from self._summarised(self._test())
            case "rollback":
                yield from self._summarised(self._roll_back())
            case "uninstall":
                yield from self.uninstall(remedies=True)  # upstream leaves Ready to what failed before
            case _:
                yield from self._correct(found.changes)

    def _summarised(self, steps: Generator[Any, Any, None]) -> Generator[Any, Any, None]:
        try:
            yield from steps
        except ActionFailed:
            self.summarise()
            raise
        self.summarise()

    def _release(self, action: str) -> Generator[Any, Any, None]:
        draft, engine, chart = self._draft, self._component.engine, self._chart
        assert chart is not None, "a release is made of a chart"
        draft.set("lastAttemptedReleaseAction", action)
        if action == INSTALL:
            draft.set("history", None)
        draft.drop(TEST_SUCCESS)
        draft.drop(REMEDIATED)
        observed: dict[int, Release] = {}
        self._actions.storage.observes = lambda release: observed.update({release.version: release})
        began, problem = engine.now, None
        do = self._actions.install if action == INSTALL else self._actions.upgrade
        try:
            yield from do(chart, self._given)
        except ActionFailed as error:
            problem = error
        draft.set("lastAttemptedReleaseActionDuration", go_duration(engine.now - began))
        oci = draft.get("lastAttemptedRevisionDigest") or ""
        made = history.recorded(draft.get("history") or (), observed, action, oci)
        draft.set("history", [dict(seen) for seen in made] or None)
        if self._actions.inventory is not None:
            draft.set("inventory", {"entries": self._actions.inventory})
        word, verb = _DONE[action]
        if problem is not None:
            where = f"{terms.release_namespace(self._obj)}/{terms.release_name(self._obj)}"
            message = (
                f"Helm {verb} failed for release {where} with chart {chart.name}@{chart.version}: {problem}"
            )
            self._failed(RELEASED, f"{word}Failed", message, self._wanted_metadata())
            if not observed:
                raise problem
            remediation = terms.remediation(self._obj, action)
            assert remediation is not None, "releases can be remedied"
            draft.set(remediation.counter, remediation.failures(draft.status) + 1)
            return
        current = self._current()
        message = _succeeded(action, current)
        draft.mark(RELEASED, "True", f"{word}Succeeded", message)
        if part(self._obj, "test").get("enable") and not history.has_been_tested(current):
            what = f"Helm release {history.full_name(current)} with chart {history.chart_name(current)}"
            draft.mark(TEST_SUCCESS, "Unknown", "AwaitingTests", f"{what} is awaiting tests")
        if terms.retry_interval(self._obj, action, retries=self._retries) is not None:
            clear_failures(draft)
        self._event("Normal", f"{word}Succeeded", message, _metadata(current))

    def _test(self) -> Generator[Any, Any, None]:
        before = self._current()
        filters = part(self._obj, "test").get("filters") or ()

        def observes(release: Release) -> None:
            current = self._current()
            if history.targets(current, release):
                rest = [seen for seen in self._draft.get("history") if seen is not current]
                self._draft.set("history", [history.with_tests(current, release, filters), *rest])

        self._actions.storage.observes = observes
        try:
            yield from self._actions.test()
        except ActionFailed as error:
            current = self._current()
            what = f"Helm test failed for release {history.full_name(current)} with chart {history.chart_name(current)}"
            self._failed(TEST_SUCCESS, "TestFailed", f"{what}: {error}", _metadata(current))
            if not history.has_been_tested(current):
                raise
            remediation = terms.remediation(self._obj, self._last_action)
            if remediation is not None and not remediation.ignore_test_failures:
                self._draft.set(remediation.counter, remediation.failures(self._draft.status) + 1)
            return
        current = self._current()
        count = len(current.get("testHooks") or {})
        told = f"{count} test hook{'s' * (count > 1)} completed successfully" if count else "no test hooks"
        where = f"{history.full_name(before)} with chart {history.chart_name(before)}"
        message = f"Helm test succeeded for release {where}: {told}"
        self._draft.mark(TEST_SUCCESS, "True", "TestSucceeded", message)
        self._event("Normal", "TestSucceeded", message, _metadata(current))

    def _roll_back(self) -> Generator[Any, Any, None]:
        target, before = state.rollback_target(self._obj, self._draft.status), self._current()
        assert target is not None, "chosen only where there is one"

        def observes(release: Release) -> None:
            held = self._draft.get("history") or []
            newer = history.replaced(held, release, terms.ROLLBACK)
            made = newer if newer is not None else [history.snapshot(release), *held]
            self._draft.set("history", [dict(seen) for seen in made])

        self._actions.storage.observes = observes
        what = f"Helm rollback to previous release {history.full_name(target)} with chart {history.chart_name(target)}"
        about = {**_metadata(target), "token": values.digest(self._given)}
        try:
            yield from self._actions.rollback(target["version"])
        except ActionFailed as error:
            self._failed(REMEDIATED, "RollbackFailed", f"{what} failed: {error}", about)
            if self._current()["digest"] == before["digest"]:
                raise
            return
        if self._actions.inventory is not None:
            self._draft.set("inventory", {"entries": self._actions.inventory})
        message = f"{what} succeeded"
        self._draft.mark(REMEDIATED, "True", "RollbackSucceeded", message)
        self._event("Normal", "RollbackSucceeded", message, about)

    def uninstall(self, *, remedies: bool = False) -> Generator[Any, Any, None]:
        """Uninstall the release that was seen last; ``remedies``: because a release failed.

        Raises:
            ActionFailed: it could not be uninstalled.
        """
        current = self._current()
        action = terms.UNINSTALL_REMEDIATION if remedies else terms.UNINSTALL

        def observes(release: Release) -> None:
            newer = history.replaced(self._draft.get("history") or (), release, action)
            if newer is not None:
                self._draft.set("history", [dict(seen) for seen in newer])

        self._actions.storage.observes = observes
        kind, value = (REMEDIATED, "True") if remedies else (RELEASED, "False")
        where = f"for release {history.full_name(current)} with chart {history.chart_name(current)}"
        what = "uninstall remediation" if remedies else "uninstall"
        gone = ""
        try:
            yield from self._actions.uninstall(current["name"])
        except NoRelease as error:
            if remedies:
                self._failed(
                    kind, "UninstallFailed", f"Helm {what} {where} failed: {error}", _metadata(current)
                )
                raise
            gone = f"Release {history.full_name(current)} was not found, assuming it is uninstalled"
        except ActionFailed as error:
            message = (
                f"Helm {what} {where} failed: {error}" if remedies else f"Helm {what} failed {where}: {error}"
            )
            self._failed(kind, "UninstallFailed", message, _metadata(current))
            if not remedies or self._current()["digest"] == current["digest"]:
                raise
            return
        if gone:
            self._draft.mark(kind, value, "UninstallSucceeded", gone)
            return
        if not remedies:
            self._draft.set("inventory", None)
        current = self._current()
        where = f"for release {history.full_name(current)} with chart {history.chart_name(current)}"
        message = f"Helm {what} {where} succeeded" if remedies else f"Helm {what} succeeded {where}"
        self._draft.mark(kind, value, "UninstallSucceeded", message)
        self._event("Normal", "UninstallSucceeded", message, _metadata(current))

    def _unlock(self) -> Generator[Any, Any, None]:
        last = yield from self._actions.storage.last(terms.release_name(self._obj))
        if last is None or last.status not in PENDING:
            return

        def observes(release: Release) -> None:
            newer = history.replaced(self._draft.get("history") or (), release)
            if newer is not None:
                self._draft.set("history", [dict(seen) for seen in newer])

        self._actions.storage.observes = observes
        seen = history.snapshot(last)
        where = f"Helm release {history.full_name(seen)} with chart {history.chart_name(seen)} in {last.status} state"
        try:
            unlocked = last.becomes(FAILED, f"Release unlocked from stale '{last.status}' state")
            yield from self._actions.storage.update(unlocked)
        except StorageError as error:
            self._failed(RELEASED, "PendingRelease", f"Unlock of {where} failed: {error}", _metadata(seen))
            raise ActionFailed(str(error)) from error
        message = f"Unlocked {where}"
        self._draft.mark(RELEASED, "False", "PendingRelease", message)
        self._event("Normal", "PendingRelease", message, _metadata(seen))

    # --- drift --------------------------------------------------------------------------------------------------

    def _differences(self, last: Release) -> Generator[Any, Any, list[Difference]]:
        """How the cluster differs from the manifest in storage.

        Raises:
            StateUnknown: the server would not say of anything.
        """
        at = self._actions.at
        rules = ignore.rules(part(self._obj, "driftDetection").get("ignore") or ())
        found: list[Difference] = []
        problems: list[str] = []
        for obj in objects_of(last.manifest):
            try:
                desired = owned(at.placed(obj), last.name, last.namespace)
                live = yield from at.read(desired)
                if any_in_metadata(desired, terms.NO_DRIFT) or any_in_metadata(live, terms.NO_DRIFT):
                    found.append(Difference(drift.EXCLUDE, desired))
                    continue
                wanted = yield at.patch(desired, desired, dry_run=True)
            except (ActionFailed, StatusError) as error:
                problems.append(error.message if isinstance(error, StatusError) else str(error))
                continue
            if live is None:
                found.append(Difference(drift.CREATE, desired))
                continue
            changes = drift.operations(live, wanted, ignore.paths(desired, rules))
            if changes:
                found.append(Difference(drift.UPDATE, desired, changes))
        if problems and all(each.kind == drift.EXCLUDE for each in found):
            raise state.StateUnknown(f"unable to determine cluster state: {', '.join(problems)}")
        return found

    def _correct(self, changes: Sequence[Difference]) -> Generator[Any, Any, None]:
        self._draft.mark(READY, "Unknown", PROGRESSING, "correcting cluster drift")
        at, done, problems = self._actions.at, [], []
        by_object = {id(each.desired): each for each in changes}
        ordered = [by_object[id(obj)] for obj in ordering.reconcile_order([each.desired for each in changes])]
        for kind, word in ((drift.CREATE, "created"), (drift.UPDATE, "configured")):
            for change in (each for each in ordered if each.kind == kind):
                desired = change.desired
                try:
                    if kind == drift.CREATE:
                        yield at.client.create(at.resource(desired), desired, field_manager=CONTROLLER)
                    else:
                        yield at.patch(desired, list(change.operations), type="json")
                except StatusError as error:
                    failure = "creation" if kind == drift.CREATE else "patch"
                    problems.append(f"{subject(desired)} {failure} failure: {error.message}")
                    continue
                done.append(f"{subject(desired)} {word}")
        current = self._current()
        name = history.full_name(current)
        if problems:
            part_of = "partially " if done else ""
            message = f"Failed to {part_of}correct cluster state of release {name}:\n" + "\n".join(problems)
            if done:
                message += "\n\nSuccessful corrections:\n" + "\n".join(done)
            self._event("Warning", "DriftCorrectionFailed", message, _metadata(current))
        elif done:
            message = f"Cluster state of release {name} has been corrected:\n" + "\n".join(done)
            self._event("Normal", "DriftCorrected", message, _metadata(current))

    # --- status -------------------------------------------------------------------------------------------------

    def _current(self) -> Snapshot:
        found = history.latest(self._draft.get("history") or ())
        assert found is not None, "there is a release"
        return found

    def _failed(self, condition: str, reason: str, message: str, about: Mapping[str, str]) -> None:
        self._draft.set("failures", (self._draft.get("failures") or 0) + 1)
        self._draft.mark(condition, "False", reason, message)
        self._event("Warning", reason, message, about)

    def _event(self, type: str, reason: str, message: str, about: Mapping[str, str]) -> None:
        events.record(self._component, self._obj, type, reason, message, metadata=about)

    def _wanted_metadata(self) -> dict[str, str]:
        chart = self._chart
        assert chart is not None, "a release is made of a chart"
        return {
            "revision": chart.version,
            "token": values.digest(self._given),
            "app-version": chart.app_version,
            "oci-digest": self._draft.get("lastAttemptedRevisionDigest") or "",
        }

    def summarise(self) -> None:
        """Ready, of the conditions Remediated, TestSuccess and Released (release.go summarize)."""
        draft, test = self._draft, part(self._obj, "test")
        if not test.get("enable"):
            draft.drop(TEST_SUCCESS)
        ranks = [REMEDIATED, RELEASED]
        if test.get("enable") and not test.get("ignoreFailures"):
            ranks = [REMEDIATED, TEST_SUCCESS, RELEASED]
        found = [c for c in draft.conditions if c["type"] in ranks]
        if found:
            chief = min(found, key=lambda c: (-c["observedGeneration"], ranks.index(c["type"])))
            status = "False" if chief["type"] == REMEDIATED else chief["status"]
            if status == "True":
                draft.drop(STALLED)
            draft.mark(READY, status, chief["reason"], chief["message"])
        draft.set("observedPostRenderersDigest", state.post_renderers_digest(self._obj) or None)
        draft.set("observedCommonMetadataDigest", state.common_metadata_digest(self._obj) or None)


_WITH_TIMEOUT = frozenset({INSTALL, UPGRADE, state.TEST, state.ROLL_BACK, state.REMEDIATE_BY_UNINSTALL})


def _succeeded(action: str, seen: Snapshot) -> str:
    where = f"{history.full_name(seen)} with chart {history.chart_name(seen)}"
    return f"Helm {_DONE[action][1]} succeeded for release {where}"


def _metadata(seen: Snapshot) -> dict[str, str]:
    """What goes with an Event about a release (eventMeta)."""
    return {
        "revision": seen["chartVersion"],
        "token": seen["configDigest"],
        "app-version": seen.get("appVersion", ""),
        "oci-digest": seen.get("ociDigest", ""),
    }


def clear_failures(draft: Draft) -> None:
    """Count failures anew."""
    for field in ("failures", "installFailures", "upgradeFailures"):
        draft.set(field, None)
