"""What each action comes to: carried out by actions.py, it is told in conditions, Events, counters and the history.

**Imitates:** helm-controller 1.6 internal/reconcile: install.go, upgrade.go, test.go, rollback_remediation.go, uninstall.go,
uninstall_remediation.go, unlock.go. Left out: Helm's own log at the end of an Event.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from kcsim.delivery.charts import Chart
from kcsim.delivery.gitops.flux.helm import history, state, terms, values
from kcsim.delivery.gitops.flux.helm.actions import Actions, NoRelease
from kcsim.delivery.gitops.flux.helm.correction import corrected
from kcsim.delivery.gitops.flux.helm.drift import Difference
from kcsim.delivery.gitops.flux.helm.releases import FAILED, PENDING, Release, StorageError
from kcsim.delivery.gitops.flux.helm.resources import ActionFailed
from kcsim.delivery.gitops.flux.helm.subject import DONE, Subject, clear_failures, metadata_of, succeeded
from kcsim.delivery.gitops.flux.helm.terms import INSTALL, RELEASED, REMEDIATED, TEST_SUCCESS, part
from kcsim.delivery.gitops.flux.toolkit import go_duration


class Steps:
    """The actions on the release of one HelmRelease, and what is told of them."""

    def __init__(
        self,
        subject: Subject,
        actions: Actions,
        *,
        chart: Chart | None = None,
        given: Mapping[str, Any] | None = None,
        retries: bool = False,
    ) -> None:
        """``retries``: whether RetryOnFailure is the default; chart and values may be absent where it is uninstalled."""
        self.subject = subject
        self.actions = actions
        self.chart = chart
        self.given = given or {}
        self.retries = retries

    def perform(self, action: str, changes: Sequence[Difference] = ()) -> Generator[Any, Any, None]:
        """Carry an action out; ``changes`` are those that drift correction undoes.

        Raises:
            ActionFailed: it failed before it changed the storage.
            NotRendered: kcsim cannot render the chart.
        """
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
                yield from corrected(self.subject, self.actions, changes)

    def _summarised(self, steps: Generator[Any, Any, None]) -> Generator[Any, Any, None]:
        try:
            yield from steps
        except ActionFailed:
            self.subject.summarise()
            raise
        self.subject.summarise()

    def _release(self, action: str) -> Generator[Any, Any, None]:
        draft, engine, chart = self.subject.draft, self.subject.component.engine, self.chart
        assert chart is not None, "a release is made of a chart"
        draft.set("lastAttemptedReleaseAction", action)
        if action == INSTALL:
            draft.set("history", None)
        draft.drop(TEST_SUCCESS)
        draft.drop(REMEDIATED)
        observed: dict[int, Release] = {}
        self.actions.storage.observes = lambda release: observed.update({release.version: release})
        began, problem = engine.now, None
        do = self.actions.install if action == INSTALL else self.actions.upgrade
        try:
            yield from do(chart, self.given)
        except ActionFailed as error:
            problem = error
        draft.set("lastAttemptedReleaseActionDuration", go_duration(engine.now - began))
        oci = draft.get("lastAttemptedRevisionDigest") or ""
        made = history.recorded(draft.get("history") or (), observed, action, oci)
        draft.set("history", [dict(seen) for seen in made] or None)
        if self.actions.inventory is not None:
            draft.set("inventory", {"entries": self.actions.inventory})
        word, verb = DONE[action]
        if problem is not None:
            where = f"{terms.release_namespace(self.subject.obj)}/{terms.release_name(self.subject.obj)}"
            message = (
                f"Helm {verb} failed for release {where} with chart {chart.name}@{chart.version}: {problem}"
            )
            self.subject.failed(RELEASED, f"{word}Failed", message, self._wanted_metadata())
            if not observed:
                raise problem
            remediation = terms.remediation(self.subject.obj, action)
            assert remediation is not None, "releases can be remedied"
            draft.set(remediation.counter, remediation.failures(draft.status) + 1)
            return
        current = self.subject.current
        message = succeeded(action, current)
        draft.mark(RELEASED, "True", f"{word}Succeeded", message)
        if part(self.subject.obj, "test").get("enable") and not history.has_been_tested(current):
            what = f"Helm release {history.full_name(current)} with chart {history.chart_name(current)}"
            draft.mark(TEST_SUCCESS, "Unknown", "AwaitingTests", f"{what} is awaiting tests")
        if terms.retry_interval(self.subject.obj, action, retries=self.retries) is not None:
            clear_failures(draft)
        self.subject.event("Normal", f"{word}Succeeded", message, metadata_of(current))

    def _test(self) -> Generator[Any, Any, None]:
        before = self.subject.current
        filters = part(self.subject.obj, "test").get("filters") or ()

        def observes(release: Release) -> None:
            current = self.subject.current
            if history.targets(current, release):
                rest = [seen for seen in self.subject.draft.get("history") if seen is not current]
                self.subject.draft.set("history", [history.with_tests(current, release, filters), *rest])

        self.actions.storage.observes = observes
        try:
            yield from self.actions.test()
        except ActionFailed as error:
            current = self.subject.current
            what = f"Helm test failed for release {history.full_name(current)} with chart {history.chart_name(current)}"
            self.subject.failed(TEST_SUCCESS, "TestFailed", f"{what}: {error}", metadata_of(current))
            if not history.has_been_tested(current):
                raise
            remediation = terms.remediation(
                self.subject.obj, (self.subject.draft.get("lastAttemptedReleaseAction") or "")
            )
            if remediation is not None and not remediation.ignore_test_failures:
                self.subject.draft.set(
                    remediation.counter, remediation.failures(self.subject.draft.status) + 1
                )
            return
        current = self.subject.current
        count = len(current.get("testHooks") or {})
        told = f"{count} test hook{'s' * (count > 1)} completed successfully" if count else "no test hooks"
        where = f"{history.full_name(before)} with chart {history.chart_name(before)}"
        message = f"Helm test succeeded for release {where}: {told}"
        self.subject.draft.mark(TEST_SUCCESS, "True", "TestSucceeded", message)
        self.subject.event("Normal", "TestSucceeded", message, metadata_of(current))

    def _roll_back(self) -> Generator[Any, Any, None]:
        target, before = (
            state.rollback_target(self.subject.obj, self.subject.draft.status),
            self.subject.current,
        )
        assert target is not None, "chosen only where there is one"

        def observes(release: Release) -> None:
            held = self.subject.draft.get("history") or []
            newer = history.replaced(held, release, terms.ROLLBACK)
            made = newer if newer is not None else [history.snapshot(release), *held]
            self.subject.draft.set("history", [dict(seen) for seen in made])

        self.actions.storage.observes = observes
        what = f"Helm rollback to previous release {history.full_name(target)} with chart {history.chart_name(target)}"
        about = {**metadata_of(target), "token": values.digest(self.given)}
        try:
            yield from self.actions.rollback(target["version"])
        except ActionFailed as error:
            self.subject.failed(REMEDIATED, "RollbackFailed", f"{what} failed: {error}", about)
            if self.subject.current["digest"] == before["digest"]:
                raise
            return
        if self.actions.inventory is not None:
            self.subject.draft.set("inventory", {"entries": self.actions.inventory})
        message = f"{what} succeeded"
        self.subject.draft.mark(REMEDIATED, "True", "RollbackSucceeded", message)
        self.subject.event("Normal", "RollbackSucceeded", message, about)

    def uninstall(self, *, remedies: bool = False) -> Generator[Any, Any, None]:
        """Uninstall the release that was seen last; ``remedies``: because a release failed.

        Raises:
            ActionFailed: it could not be uninstalled.
        """
        current = self.subject.current
        action = terms.UNINSTALL_REMEDIATION if remedies else terms.UNINSTALL

        def observes(release: Release) -> None:
            newer = history.replaced(self.subject.draft.get("history") or (), release, action)
            if newer is not None:
                self.subject.draft.set("history", [dict(seen) for seen in newer])

        self.actions.storage.observes = observes
        kind, value = (REMEDIATED, "True") if remedies else (RELEASED, "False")
        where = f"for release {history.full_name(current)} with chart {history.chart_name(current)}"
        what = "uninstall remediation" if remedies else "uninstall"
        gone = ""
        try:
            yield from self.actions.uninstall(current["name"])
        except NoRelease as error:
            if remedies:
                self.subject.failed(
                    kind, "UninstallFailed", f"Helm {what} {where} failed: {error}", metadata_of(current)
                )
                raise
            gone = f"Release {history.full_name(current)} was not found, assuming it is uninstalled"
        except ActionFailed as error:
            message = (
                f"Helm {what} {where} failed: {error}" if remedies else f"Helm {what} failed {where}: {error}"
            )
            self.subject.failed(kind, "UninstallFailed", message, metadata_of(current))
            if not remedies or self.subject.current["digest"] == current["digest"]:
                raise
            return
        if gone:
            self.subject.draft.mark(kind, value, "UninstallSucceeded", gone)
            return
        if not remedies:
            self.subject.draft.set("inventory", None)
        current = self.subject.current
        where = f"for release {history.full_name(current)} with chart {history.chart_name(current)}"
        message = f"Helm {what} {where} succeeded" if remedies else f"Helm {what} succeeded {where}"
        self.subject.draft.mark(kind, value, "UninstallSucceeded", message)
        self.subject.event("Normal", "UninstallSucceeded", message, metadata_of(current))

    def _unlock(self) -> Generator[Any, Any, None]:
        last = yield from self.actions.storage.last(terms.release_name(self.subject.obj))
        if last is None or last.status not in PENDING:
            return

        def observes(release: Release) -> None:
            newer = history.replaced(self.subject.draft.get("history") or (), release)
            if newer is not None:
                self.subject.draft.set("history", [dict(seen) for seen in newer])

        self.actions.storage.observes = observes
        seen = history.snapshot(last)
        where = f"Helm release {history.full_name(seen)} with chart {history.chart_name(seen)} in {last.status} state"
        try:
            unlocked = last.becomes(FAILED, f"Release unlocked from stale '{last.status}' state")
            yield from self.actions.storage.update(unlocked)
        except StorageError as error:
            self.subject.failed(
                RELEASED, "PendingRelease", f"Unlock of {where} failed: {error}", metadata_of(seen)
            )
            raise ActionFailed(str(error)) from error
        message = f"Unlocked {where}"
        self.subject.draft.mark(RELEASED, "False", "PendingRelease", message)
        self.subject.event("Normal", "PendingRelease", message, metadata_of(seen))

    def _wanted_metadata(self) -> dict[str, str]:
        chart = self.chart
        assert chart is not None, "a release is made of a chart"
        return {
            "revision": chart.version,
            "token": values.digest(self.given),
            "app-version": chart.app_version,
            "oci-digest": self.subject.draft.get("lastAttemptedRevisionDigest") or "",
        }
