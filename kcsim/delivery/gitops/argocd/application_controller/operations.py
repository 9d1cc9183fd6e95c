"""The operation queue: an Application's operation is begun, taken a step further, retried, ended; or its deletion is.

**Imitates:** argo-cd 3.x controller/appcontroller.go (processAppOperationQueueItem, processRequestedAppOperation,
setOperationState) and controller/sync.go (SyncAppState, persistRevisionHistory).

**Walk:** ``operation`` is set -> Running -> compare at the pinned revision -> one pass of ``sync.operation`` -> its state
is written, which brings the Application back at once; or nothing changed, and it comes back after an event or 30 s.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.delivery.gitops.argocd import retries, terms
from kcsim.delivery.gitops.argocd.application_controller import deletion
from kcsim.delivery.gitops.argocd.application_controller.applications import (
    OPERATION_COMPLETED,
    STATUS_REFRESHED,
)
from kcsim.delivery.gitops.argocd.application_controller.comparison import Ignored, project_of
from kcsim.delivery.gitops.argocd.application_controller.levels import LATEST, LATEST_FORCED
from kcsim.delivery.gitops.argocd.application_controller.state import WATCHED, State
from kcsim.delivery.gitops.argocd.application_controller.syncing import synced
from kcsim.delivery.gitops.argocd.sync.tasks import COMPLETED, ERROR, FAILED, RUNNING, SUCCEEDED, TERMINATING
from kcsim.engine.clock import SECOND, parse_rfc3339, rfc3339

REQUEUE, AFTER_EVENT = 30 * SECOND, 5 * SECOND
HISTORY = 10
"""revisionHistoryLimit."""


class Operations(Reconciler):
    """The reconciler of the operation queue."""

    name = "app_operation_processing_queue"

    def __init__(self, state: State) -> None:
        self._state = state
        self.workers = state.settings.operation_processors

    def setup(self, component: Component) -> None:
        """Watch the Applications."""
        self._engine = component.engine
        self._state.operations = self
        for resource in WATCHED:
            component.informer(resource)
        self._state.applications.informer.on_change(self._changed)

    def error_delay(self, failures: int) -> int:
        """What went wrong is looked at again by the timer that stands behind every pass."""
        del failures
        return REQUEUE

    def _changed(self, old: Object | None, new: Object | None) -> None:
        del old
        if new is not None and _has_work(new) and self._state.may_process(new):
            self.enqueue(objects.key(new))

    def object_changed(self, app: Object) -> None:
        """One of its managed objects changed: how far its operation has come is looked at soon."""
        if _has_work(app):
            self.enqueue_after(objects.key(app), AFTER_EVENT)

    def reconcile(self, key: Key) -> Outcome | Result | None:
        """Take one Application's operation, or its deletion, a step further."""
        app = self._state.applications.get(key)
        if app is None or not _has_work(app) or not self._state.may_process(app):
            return None
        if not self._state.is_ready(app):
            return Result(REQUEUE)
        return self._handle(app)

    def _handle(self, app: Object) -> Outcome:
        if not app.get("operation"):
            return (yield from self._delete(app))
        fresh = yield from self._state.applications.fresh(objects.key(app))
        if fresh is None or not fresh.get("operation"):
            return None
        return (yield from self._operate(fresh))

    def _delete(self, app: Object) -> Outcome:
        try:
            yield from deletion.finalize(self._state, app)
        except deletion.DeletionFailed as error:
            yield from self._state.applications.set_condition(app, terms.DELETION_ERROR, str(error))
            message = f"Unable to delete application resources: {error}"
            yield from self._state.applications.event(app, "Warning", STATUS_REFRESHED, message)
        return Result(REQUEUE)

    # --- an operation -------------------------------------------------------------------------------------------

    def _operate(self, app: Object) -> Outcome:
        state, wait = yield from self._begun(app)
        if wait is not None:
            return Result(wait, what="retry of the sync")
        terminating = state["phase"] == TERMINATING
        if state["phase"] not in COMPLETED:
            yield from self._step(app, state)
        if state["phase"] == RUNNING:
            fresh = yield from self._state.applications.fresh(objects.key(app))
            if fresh is not None and terms.operation_state(fresh).get("phase") == TERMINATING:
                state["phase"], state["message"] = TERMINATING, "operation is terminating"
        elif state["phase"] in {FAILED, ERROR}:
            self._retry(state, terminating=terminating)
        yield from self._write(app, state)
        if state["phase"] not in COMPLETED:
            return Result(self._until_timeout(state))
        if not ((app["operation"].get("sync") or {}).get("dryRun")):
            automated = (state["operation"].get("initiatedBy") or {}).get("automated")
            assert self._state.refresh is not None, "both queues are set up together"
            self._state.refresh.request(objects.key(app), LATEST if automated else LATEST_FORCED)
        return None

    def _begun(self, app: Object) -> Generator[Any, Any, tuple[dict[str, Any], int | None]]:
        """The state of the operation to go on from; or how long (µs) to wait until a retry is due."""
        known = terms.operation_state(app)
        now = self._engine.now
        if not _in_progress(app):
            state = {"operation": app["operation"], "phase": RUNNING, "startedAt": rfc3339(now)}
            yield from self._write(app, state)
            return state, None
        state = dict(known)
        timeout = self._state.settings.sync_timeout
        if state["phase"] == TERMINATING:
            return state, None
        if timeout and now >= parse_rfc3339(state["startedAt"]) + timeout:
            state.update(phase=TERMINATING, message="operation is terminating due to timeout")
            yield from self._write(app, state)
            return state, None
        if state["phase"] == RUNNING and state.get("finishedAt"):
            retry = state["operation"].get("retry") or {}
            try:
                due = parse_rfc3339(state["finishedAt"]) + retries.delay(retry, state.get("retryCount", 0))
            except ValueError as error:
                state.update(phase=ERROR, message=str(error))
                return state, None
            if due > now:
                return state, due - now
            latest = ""
            if retry.get("refresh"):
                latest = " with latest revisions"
                sync = {
                    k: v for k, v in state["operation"]["sync"].items() if k not in {"revision", "revisions"}
                }
                state["operation"] = {**state["operation"], "sync": sync}
            state["message"] = f"Retrying operation{latest}. Attempt #{state.get('retryCount', 0)}"
            state.pop("finishedAt")
            state.pop("syncResult", None)
            yield from self._write(app, state)
        return state, None

    def _step(self, app: Object, state: dict[str, Any]) -> Generator[Any, Any, None]:
        project, problem = project_of(self._state, app)
        if project is None:
            state.update(phase=ERROR, message=f"Failed to load application project: {problem}")
            return
        try:
            compared = yield from synced(self._state, app, project, state)
        except Ignored:
            return  # cannot happen while revisions are resolved by force
        sync = state["operation"].get("sync") or {}
        if (
            compared is not None
            and state["phase"] == SUCCEEDED
            and not sync.get("dryRun")
            and not sync.get("resources")
        ):
            yield from self._remember(app, state, compared.sync)

    def _retry(self, state: dict[str, Any], *, terminating: bool) -> None:
        retry = state["operation"].get("retry") or {}
        count = state.get("retryCount", 0)
        if not terminating and retries.may_retry(retry, count):
            now = self._engine.now
            try:
                at = now + retries.delay(retry, count)
            except ValueError as error:
                state.update(phase=ERROR, message=f"{state.get('message', '')} (failed to retry: {error})")
                return
            state["phase"], state["finishedAt"], state["retryCount"] = RUNNING, rfc3339(now), count + 1
            message = f"{state.get('message', '')}. Retrying attempt #{count + 1} at {kitchen(at)}."
            state["message"] = message
        elif count > 0:
            state["message"] = f"{state.get('message', '')} (retried {count} times)."

    def _until_timeout(self, state: Mapping[str, Any]) -> int:
        timeout = self._state.settings.sync_timeout
        if not timeout or state["phase"] == TERMINATING:
            return REQUEUE
        return max(1, min(REQUEUE, parse_rfc3339(state["startedAt"]) + timeout - self._engine.now))

    # --- writing ------------------------------------------------------------------------------------------------

    def _write(self, app: Object, state: dict[str, Any]) -> Generator[Any, Any, None]:
        """setOperationState: nothing when nothing changed; a completed operation is taken off the Application."""
        completed = state["phase"] in COMPLETED
        if completed:
            state["finishedAt"] = rfc3339(self._engine.now)
        key = objects.key(app)
        known = self._state.applications.get(key) or app
        if terms.operation_state(known) == state and not completed:
            return
        patch: list[dict[str, Any]] = []
        if "status" not in known:
            patch.append({"op": "add", "path": "/status", "value": {}})
        patch.append({"op": "add", "path": "/status/operationState", "value": dict(state)})
        if completed:
            patch.append({"op": "remove", "path": "/operation"})
        yield from self._state.applications.patch(key, patch, type="json")
        if completed:
            yield from self._tell(app, state)

    def _tell(self, app: Object, state: Mapping[str, Any]) -> Generator[Any, Any, None]:
        partial = (state["operation"].get("sync") or {}).get("resources")
        words = ["Partial sync operation" if partial else "Sync operation"]
        if state.get("syncResult"):
            words += ["to", state["syncResult"].get("revision", "")]
        well = state["phase"] == SUCCEEDED
        words += ["succeeded"] if well else ["failed:", state.get("message", "")]
        kind = "Normal" if well else "Warning"
        yield from self._state.applications.event(app, kind, OPERATION_COMPLETED, " ".join(words))

    def _remember(
        self, app: Object, state: Mapping[str, Any], sync: Mapping[str, Any]
    ) -> Generator[Any, Any, None]:
        """persistRevisionHistory: the newest last, no more than the limit."""
        history = list(terms.status(app).get("history") or ())
        compared = sync.get("comparedTo") or {}
        entry = {
            "deployStartedAt": state["startedAt"],
            "deployedAt": rfc3339(self._engine.now),
            "id": history[-1]["id"] + 1 if history else 0,
            "initiatedBy": state["operation"].get("initiatedBy") or {},
        }
        for field in ("revision", "revisions"):
            if sync.get(field):
                entry[field] = sync[field]
        for field in ("source", "sources"):
            if compared.get(field):
                entry[field] = compared[field]
        limit = terms.spec(app).get("revisionHistoryLimit", HISTORY)
        kept = [*history, entry][-limit:] if limit else []
        yield from self._state.applications.patch(objects.key(app), {"status": {"history": kept}})


def _has_work(app: Object) -> bool:
    """shouldProcessOperation."""
    return bool(app.get("operation")) or objects.is_deleting(app)


def _in_progress(app: Object) -> bool:
    """isOperationInProgress: the state on record is that of the operation that is asked for, and not over."""
    return bool(app.get("operation")) and terms.operation_state(app).get("phase") in {RUNNING, TERMINATING}


def kitchen(us: int) -> str:
    """An instant as Go's time.Kitchen prints it: ``3:04PM``."""
    text = rfc3339(us)
    hour, minute = int(text[11:13]), text[14:16]
    return f"{(hour + 11) % 12 + 1}:{minute}{'AM' if hour < 12 else 'PM'}"
