"""The refresh queue: when an Application is compared, and what its status says afterwards.

**Imitates:** argo-cd 3.x controller/appcontroller.go (processAppRefreshQueueItem, needRefreshAppStatus,
persistReconciliationStatus, autoSync, handleObjectUpdated, applicationEventHandlerFuncs). A refresh applies nothing: at
most it asks for a sync, which the operation queue carries out.

**Walk:** an event, a request, the resync -> ``level`` of the comparison, or nothing to do -> compare -> an automated sync
is due? -> status.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.argocd import autosync, projects, terms
from kcsim.delivery.gitops.argocd.application_controller.applications import (
    OPERATION_STARTED,
    RESOURCE_UPDATED,
)
from kcsim.delivery.gitops.argocd.application_controller.comparison import (
    Comparison,
    Ignored,
    spec_conditions,
)
from kcsim.delivery.gitops.argocd.application_controller.levels import (
    LATEST,
    LATEST_FORCED,
    NOTHING,
    RECENT,
    Due,
    due,
)
from kcsim.delivery.gitops.argocd.application_controller.state import WATCHED, State
from kcsim.delivery.gitops.argocd.application_controller.summary import summary
from kcsim.delivery.gitops.argocd.conditions import COMPARED, condition, set_conditions
from kcsim.delivery.gitops.argocd.projects import Project
from kcsim.engine.clock import MILLISECOND, format_duration, rfc3339
from kcsim.engine.trace import Record

_CLUSTER_SYNC = 100 * MILLISECOND
"""How often a worker looks whether a cluster's cache has synced for the first time; upstream's waits for it."""


class Refresh(Reconciler):
    """The reconciler of the refresh queue."""

    name = "app_reconciliation_queue"

    def __init__(self, state: State, *, phase: int = 0) -> None:
        self._state = state
        self._phase = phase
        self.workers = state.settings.status_processors
        self._requested: dict[Key, int] = {}
        self._ticks = False

    def setup(self, component: Component) -> None:
        """Watch the Applications."""
        self._dice = component.dice("refresh jitter")
        self._state.refresh = self
        for resource in WATCHED:
            component.informer(resource)
        self._state.applications.informer.on_change(self._changed)

    def reset(self) -> None:
        """The process ended."""
        self._requested.clear()
        self._ticks = False

    def error_delay(self, failures: int) -> int:
        """Without a rate limiter (its default) every retry waits for a millisecond; the controller only logs errors."""
        del failures
        return 1000

    # --- triggers -----------------------------------------------------------------------------------------------

    def _tick(self, delay: int) -> None:
        period = self._state.settings.refresh
        self.component.tick(delay, f"resync {format_duration(period)}", self._resync)

    def _resync(self) -> None:
        """The informer tells everything again; each Application is queued after a jitter of its own."""
        settings = self._state.settings
        what = f"resync {format_duration(settings.refresh)}"
        for app in self._state.applications.all():
            if self._state.may_process(app):
                self.enqueue_after(objects.key(app), self._dice.integer(settings.jitter + 1), what)
        self._tick(settings.refresh)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None, "a change of nothing"
            self._requested.pop(objects.key(old), None)
            self._state.forget(old)
            return
        period = self._state.settings.refresh
        if period and not self._ticks:
            # The informer has begun to tell: so does its resync.
            self._ticks = True
            self._tick(period - self._phase % period)
        if not self._state.may_process(new):
            return
        self._state.warm_up(new)
        self._tell_subscriptions(old, new)
        key = objects.key(new)
        if old is not None and _switched_on(old, new):
            self.request(key, LATEST)
        elif self._due(new) is not None:
            self.enqueue(key)

    def _tell_subscriptions(self, old: Object | None, new: Object) -> None:
        """Nobody sends the notifications that an Application asks for: there is no notifications-controller."""
        asked = _subscriptions(new)
        if asked and (old is None or asked != _subscriptions(old)):
            subject = f"application/{'/'.join(objects.key(new))}"
            for each in asked:
                self.component.engine.note(
                    self.component.name, "not-modelled", subject, {"annotation": f"{each} is not modelled"}
                )

    def request(self, key: Key, level: int, after: int = 0) -> None:
        """Ask for a comparison of at least that level, in ``after`` µs."""
        if after > 0:
            self.component.tick_on(after, "self-heal back-off", self.request, key, level)
            return
        self._requested[key] = max(level, self._requested.get(key, NOTHING))
        self.enqueue(key)

    def objects_changed(self, concerned: Mapping[str, tuple[bool, Record | None]]) -> None:
        """Events of a cluster, 100 ms of them: the Applications whose objects they are about are due."""
        for instance, (top, cause) in concerned.items():
            key = self._state.key_of(instance)
            app = self._state.applications.get(key)
            if app is None or not self._state.may_process(app):
                continue
            with self.component.engine.because(cause):
                self.request(key, RECENT if top else NOTHING)
                if top and self._state.operations is not None:
                    self._state.operations.object_changed(app)

    def _due(self, app: Object) -> Due | None:
        requested = self._requested.get(objects.key(app))
        settings = self._state.settings
        return due(app, self.component.engine.now, settings.refresh, settings.hard_refresh, requested)

    # --- one Application ----------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Outcome | Result | None:
        """Compare one Application if that is due."""
        app = self._state.applications.get(key)
        if app is None or not self._state.may_process(app):
            return None
        wanted = self._due(app)
        if wanted is None:
            return None
        if not self._state.is_ready(app):
            return Result(_CLUSTER_SYNC)
        self._requested.pop(key, None)
        return self._refresh(app, wanted)

    def _refresh(self, app: Object, wanted: Due) -> Outcome:
        state = self._state
        if wanted.level == NOTHING:
            known = state.last_comparison(app)
            if known is not None:
                status = {**terms.status(app), "summary": summary(state.tree(app, known))}
                yield from self._persist(app, status, wanted)
                return None
        now = rfc3339(self.component.engine.now)
        project, problems = spec_conditions(state, app)
        status = dict(terms.status(app))
        status["conditions"] = set_conditions(
            status.get("conditions") or (), problems, [terms.INVALID_SPEC, terms.UNKNOWN_ERROR], now
        )
        if problems:
            status["sync"] = {**(status.get("sync") or _uncompared(app)), "status": terms.UNKNOWN}
            status["health"] = {"status": terms.UNKNOWN}
            state.forget(app)
            yield from self._persist(app, status, wanted)
            return None
        try:
            compared = yield from state.compare(app, project, **_question(app, wanted))
        except Ignored:
            return None  # an error of the repository, within the grace period: nothing is said of it
        self._blame(app, compared)
        status["conditions"] = set_conditions(status["conditions"], compared.conditions, COMPARED, now)
        orphaned = projects.orphan_warning(project, len(compared.orphans))
        warnings = [condition(terms.ORPHANED_RESOURCE, orphaned)] if orphaned else []
        status["conditions"] = set_conditions(status["conditions"], warnings, [terms.ORPHANED_RESOURCE], now)
        status["summary"] = summary(state.tree(app, compared))
        status = yield from self._automate(app, project, compared, status, now)
        if wanted.level >= LATEST or not status.get("reconciledAt"):
            status["reconciledAt"] = now
        status.update(compared.status_fields(state.namespace))
        yield from self._finalizers(app, compared)
        yield from self._persist(app, status, wanted)
        return None

    def _blame(self, app: Object, compared: Comparison) -> None:
        """What is done for a new revision is done for its commit, whatever timer or request made us look."""
        before = (terms.status(app).get("sync") or {}).get("revision")
        if compared.record is not None and before != compared.sync.get("revision"):
            self.component.engine.cause = compared.record

    # --- automated sync -----------------------------------------------------------------------------------------

    def _automate(
        self, app: Object, project: Project, compared: Comparison, status: dict[str, Any], now: str
    ) -> Generator[Any, Any, dict[str, Any]]:
        """Ask for a sync where one is due, and say what keeps one from being."""
        state = self._state
        if not state.can_sync(app, project, manual=False)[0]:
            return status
        decided = autosync.decide(
            app,
            compared.sync,
            compared.resources,
            compared.may_have_changes,
            self.component.engine.now,
            state.self_heal,
        )
        problems = [condition(terms.SYNC_ERROR, decided.error)] if decided.error else []
        if decided.wait:
            self.request(objects.key(app), LATEST, decided.wait)
        elif decided.operation is not None:
            refusal = yield from self._start(app, decided.operation)
            problems += [condition(terms.SYNC_ERROR, refusal)] if refusal else []
        status["conditions"] = set_conditions(status["conditions"], problems, [terms.SYNC_ERROR], now)
        return status

    def _start(self, app: Object, operation: Mapping[str, Any]) -> Generator[Any, Any, str]:
        """Write the operation (SetAppOperation): read, and update unless somebody else has asked for one meanwhile."""
        applications = self._state.applications
        fresh = yield from applications.fresh(objects.key(app))
        if fresh is None or fresh.get("operation"):
            return ""
        body: dict[str, Any] = {
            "operation": operation,
            "metadata": {"resourceVersion": objects.resource_version(fresh)},
        }
        if terms.operation_state(fresh):
            body["status"] = {"operationState": None}
        try:
            stored = yield from applications.patch(objects.key(app), body)
        except StatusError as error:
            return "" if error.is_conflict else error.message
        if stored is None:
            return ""
        revisions = operation["sync"].get("revisions") or [operation["sync"].get("revision", "")]
        message = f"Initiated automated sync to '{', '.join(revisions)}'"
        yield from applications.event(app, "Normal", OPERATION_STARTED, message)
        return ""

    # --- status -------------------------------------------------------------------------------------------------

    def _finalizers(self, app: Object, compared: Comparison) -> Generator[Any, Any, None]:
        """Deletion hooks among the manifests: the Application must not go before they have run."""
        if objects.is_deleting(app):
            return
        known = list(app["metadata"].get("finalizers") or ())
        wanted = list(known)
        for finalizer, there in (
            (terms.PRE_DELETE, compared.has_pre_delete),
            (terms.POST_DELETE, compared.has_post_delete),
        ):
            for name in (finalizer, f"{finalizer}/cleanup"):
                if there and name not in wanted:
                    wanted.append(name)
                elif not there and name in wanted:
                    wanted.remove(name)
        if wanted != known:
            yield from self._state.applications.set_finalizers(app, wanted)

    def _persist(self, app: Object, status: dict[str, Any], wanted: Due) -> Generator[Any, Any, None]:
        """persistReconciliationStatus: Events of what changed, the patch of the status, the annotation of the request."""
        applications = self._state.applications
        before = terms.status(app)
        was, now = before.get("sync") or {}, status.get("sync") or {}
        if was.get("status", "") != now.get("status", ""):
            message = f"Updated sync status: {was.get('status', '')} -> {now.get('status', '')}"
            yield from applications.event(app, "Normal", RESOURCE_UPDATED, message)
        status["health"] = yield from self._health(
            app, before.get("health") or {}, status.get("health") or {}
        )
        try:
            yield from applications.patch_status(app, _of_controller(before, status))
        except StatusError as error:
            if error.code != 413:
                raise
            message = (
                "Application status exceeds the Kubernetes resource size limit and could not be persisted."
            )
            yield from applications.set_condition(app, terms.UNKNOWN_ERROR, message)
        if wanted.annotated:
            yield from applications.patch(
                objects.key(app), {"metadata": {"annotations": {terms.REFRESH: None}}}
            )

    def _health(
        self, app: Object, was: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Generator[Any, Any, dict[str, Any]]:
        health = {k: v for k, v in new.items() if v and k != "lastTransitionTime"}
        if was.get("status", "") == health.get("status", ""):
            since = was.get("lastTransitionTime")
            return {**health, **({"lastTransitionTime": since} if since else {})}
        message = f"Updated health status: {was.get('status', '')} -> {health.get('status', '')}"
        if health.get("message"):
            message = f"{message} ({health['message']})"
        yield from self._state.applications.event(app, "Normal", RESOURCE_UPDATED, message)
        return {**health, "lastTransitionTime": rfc3339(self.component.engine.now)}


def _of_controller(before: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    """A status to write, without what the operation queue writes: that may have moved on meanwhile."""
    made = dict(status)
    for field in ("operationState", "history"):
        made.pop(field, None)
        if field in before:
            made[field] = before[field]
    return made


def _uncompared(app: Object) -> dict[str, Any]:
    compared = {"destination": terms.destination(app)}
    if terms.has_multiple_sources(app):
        return {"comparedTo": {**compared, "sources": terms.sources(app)}}
    return {"comparedTo": {**compared, "source": terms.sources(app)[0]}}


def _question(app: Object, wanted: Due) -> dict[str, Any]:
    """What is compared: the sources at their target revisions, or at those compared last."""
    sources = terms.sources(app)
    several = terms.has_multiple_sources(app)
    revisions = [source.get("targetRevision", "") for source in sources]
    if wanted.level == RECENT:
        sync = terms.status(app).get("sync") or {}
        recent = sync.get("revisions") if several else [sync.get("revision") or ""]
        if recent and len(recent) == len(sources):
            revisions = [r or revision for r, revision in zip(recent, revisions, strict=True)]
    return {
        "sources": sources,
        "revisions": revisions,
        "several": several,
        "no_cache": wanted.hard,
        "no_revision_cache": wanted.level == LATEST_FORCED,
    }


def _subscriptions(app: Object) -> list[str]:
    annotations = objects.annotations(app)
    return sorted(key for key in annotations if key.startswith("notifications.argoproj.io/subscribe"))


def _switched_on(old: Object, new: Object) -> bool:
    """automatedSyncEnabled: automated sync, or its self-heal, was off and is on."""

    def enabled(app: Object) -> bool:
        automated = (terms.spec(app).get("syncPolicy") or {}).get("automated")
        return automated is not None and automated.get("enabled") is not False

    def heals(app: Object) -> bool:
        automated = (terms.spec(app).get("syncPolicy") or {}).get("automated") or {}
        return enabled(app) and bool(automated.get("selfHeal"))

    return (enabled(new) and not enabled(old)) or (heals(new) and not heals(old))
