"""kustomize-controller: Kustomization objects are built, applied, pruned and watched over.

**Imitates:** kustomize-controller 1.9 internal/controller/kustomization_controller.go and kustomization_manager.go. Left
out: SOPS; a Kustomization that asks for it is refused in its Ready condition.

**Walk:** trigger (spec, request, new artifact, interval) -> source and dependencies -> download -> build -> apply in
stages -> inventory, prune -> health checks -> Ready; any failure -> Ready=False, again after the retry interval.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.cel.errors import EvaluationError
from kcsim.api.client import Client
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Result
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops import inventory
from kcsim.delivery.gitops.flux import dependencies, events, toolkit
from kcsim.delivery.gitops.flux import kustomization_plan as plan
from kcsim.delivery.gitops.flux.artifact import Artifact, DownloadFailed, NotStored, Servers
from kcsim.delivery.gitops.flux.build import BuildFailed, PathNotFound, built
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.expressions import INVALID, TERMINAL, Checks, InvalidExpression, compiled
from kcsim.delivery.gitops.flux.finalize import finalized
from kcsim.delivery.gitops.flux.impersonation import Impersonation, Reach
from kcsim.delivery.gitops.flux.kubeconfig import KubeConfigError
from kcsim.delivery.gitops.flux.options import Options as Flags
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import KindReconciler, handled, retry_after
from kcsim.delivery.gitops.flux.ssa import drift
from kcsim.delivery.gitops.flux.ssa.drift import Change
from kcsim.delivery.gitops.flux.ssa.manager import (
    ApplyError,
    DeleteError,
    Interrupted,
    Manager,
    WaitError,
)
from kcsim.delivery.gitops.flux.ssa.pause import Interrupt
from kcsim.delivery.gitops.flux.toolkit import (
    HEALTHY,
    KUSTOMIZATIONS,
    PROGRESSING,
    READY,
    RECONCILING,
    STALLED,
    SUCCEEDED,
    go_duration,
    spec,
)
from kcsim.delivery.gitops.flux.variables import postbuild_variables, substituted_from
from kcsim.engine.clock import MILLISECOND, SECOND, rfc3339
from kcsim.engine.task import Sleep
from kcsim.profile.distributions import Distribution, Skewed

HEALTH_POLL = 5 * SECOND
_BUILD: Distribution = Skewed(480 * MILLISECOND, 900 * MILLISECOND)
"""One kustomize build, of which a controller does one at a time (kustomizeBuildMutex of pkg/kustomize). Fitted to the
published mean times from push to applied: 26, 120 and 253 s for 100, 500 and 1,000 Kustomizations."""


class _Failed(Exception):
    """The reconciliation failed: ``reason`` of the Ready condition, its message, and the Event's where it differs."""

    def __init__(self, reason: str, message: str, *, event: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.event = event or message


class _Terminal(Exception):
    """It cannot work as it is written."""


class Kustomizations(KindReconciler):
    """The reconciler of Kustomization."""

    name = "kustomization"
    resource = KUSTOMIZATIONS
    status_manager = plan.STATUS_MANAGER
    clock = "interval"

    def __init__(self, servers: Servers, options: Flags, phases: Phases, reach: Reach) -> None:
        super().__init__(options, phases)
        self._servers = servers
        self._reach = reach
        self._built: dict[Key, tuple[Any, list[Object]]] = {}
        self._checking: dict[Key, Interrupt] = {}
        self._watches_configs = False
        self._builder_free_at = 0

    def setup(self, component: Component) -> None:
        """Watch Kustomizations and their sources."""
        super().setup(component)
        self.objects.add_index("source", plan.source_names)
        self._build_dice = component.dice("build")
        self._identities = Impersonation(component, self.options.default_service_account, self._reach)
        external = self.options.external_artifacts
        self._sources = {
            kind: component.informer(resource)
            for kind, resource in toolkit.SOURCES.items()
            if external or kind != "ExternalArtifact"
        }
        for informer in self._sources.values():
            informer.on_change(self._source_changed)

    def reset(self) -> None:
        """A crash forgets what was built."""
        self._built.clear()
        self._checking.clear()
        self._builder_free_at = 0
        super().reset()

    def gone(self, key: Key) -> None:
        """Forget what was built for it."""
        self._built.pop(key, None)

    def config_names(self, obj: Object) -> list[str]:
        """What its variables come from, and where it goes."""
        return [*substituted_from(obj), *super().config_names(obj)]

    # --- triggers -----------------------------------------------------------------------------------------------

    def _changed(self, old: Object | None, new: Object | None) -> None:
        # Upstream watches ConfigMaps and Secrets in any case; here nobody does before one is used.
        if new is not None and not self._watches_configs and self.config_names(new):
            self._watches_configs = True
            self.watch_configs(self.component)
        super()._changed(old, new)

    def _source_changed(self, old: Object | None, new: Object | None) -> None:
        """A new revision: all Kustomizations of that source are due, in the order of their dependencies."""
        revision = toolkit.artifact_revision(new)
        if old is None or new is None or not revision or revision == toolkit.artifact_revision(old):
            return
        users = self.objects.by_index("source", "/".join((new["kind"], *objects.key(new))))
        behind = [k for k in users if not plan.is_at(k, revision)]
        for key in dependencies.in_order(behind):
            self.enqueue(key)
            if key in self._checking:
                self._checking[key].happen()

    # --- one object ---------------------------------------------------------------------------------------------

    def finalize(self, obj: Object) -> Outcome:
        """Delete what should go with it."""
        yield from finalized(self.component, self._identities, obj, plan.NO_PRUNE, self._manager)
        return (yield from super().finalize(obj))

    def _manager(self, client: Client) -> Manager:
        return Manager(self.component, client, self.options.concurrent_ssa)

    def work(self, obj: Object) -> Outcome:
        """One reconciliation: progress, outcome, status, events, and when to look again."""
        started = self.component.engine.now
        draft = Draft(self.component.engine, obj)
        refusal = plan.not_modelled(obj)
        if refusal:
            return (yield from self._stall(obj, draft, "NotModelled", refusal))
        if self.options.no_cross_namespace_refs and toolkit.source_key(obj)[0] != objects.namespace(obj):
            who = toolkit.source_subject(obj)
            why = f"can't access '{who}', cross-namespace references have been blocked"
            return (yield from self._stall(obj, draft, "AccessDenied", why))
        if toolkit.source_kind(obj) == "ExternalArtifact" and not self.options.external_artifacts:
            who = toolkit.source_subject(obj)
            why = f"can't access '{who}', ExternalArtifact feature gate is disabled"
            return (yield from self._stall(obj, draft, "AccessDenied", why))
        source = self._sources[toolkit.source_kind(obj)].get(*toolkit.source_key(obj))
        try:
            checks = compiled(spec(obj).get("healthCheckExprs") or ())
            waiting = yield from self._prerequisites(obj, draft, source)
        except (_Terminal, InvalidExpression) as error:
            return (yield from self._stall(obj, draft, INVALID, f"{TERMINAL}: {error}"))
        if waiting is not None:
            yield from self._finish(obj, draft)
            return waiting
        assert source is not None, "a missing source is a prerequisite"
        stored = source["status"]["artifact"]
        try:
            yield from self._run(obj, draft, stored, started, checks)
        except NotStored:
            pause = self.options.requeue_dependency
            message = f"Source is not ready, artifact not found, retrying in {go_duration(pause)}"
            draft.mark(READY, "False", "ArtifactFailed", message)
            yield from self._finish(obj, draft)
            return retry_after(pause)
        except Interrupted:
            return (yield from self._canceled(obj, draft))
        except _Failed as failure:
            draft.mark(READY, "False", failure.reason, str(failure))
            self._event(obj, draft, failure.event, warns=failure.reason)
            yield from self._finish(obj, draft)
            return retry_after(toolkit.retry_interval(obj), "retry interval")
        yield from self._finish(obj, draft)
        interval = toolkit.duration(obj, "interval")
        took = go_duration(self.component.engine.now - started)
        message = f"Reconciliation finished in {took}, next run in {go_duration(interval)}"
        self._event(obj, draft, message, summary=True)
        return self.next_interval(obj, interval)

    def _stall(self, obj: Object, draft: Draft, reason: str, why: str) -> Outcome:
        """It cannot work as it is written: nothing is tried until the spec changes."""
        draft.drop(RECONCILING)
        draft.mark(READY, "False", reason, why)
        draft.mark(STALLED, "True", reason, why)
        draft.observe_generation()
        self._event(obj, draft, why, warns=reason)
        yield from self.own.write(obj, draft)
        return None

    def _canceled(self, obj: Object, draft: Draft) -> Outcome:
        """A new revision ended the health checks (gate CancelHealthCheckOnNewRevision)."""
        trigger = toolkit.source_subject(obj)
        message = f"New reconciliation triggered by {trigger}"
        draft.mark(READY, "False", "HealthCheckCanceled", message)
        self._event(obj, draft, f"Health checks canceled due to new reconciliation triggered by {trigger}")
        yield from self._finish(obj, draft)
        return Result(requeue=True)

    def _prerequisites(
        self, obj: Object, draft: Draft, source: Object | None
    ) -> Generator[Any, Any, Result | None]:
        """What must be there before anything is done; the pause when it is not."""
        if source is None:
            name = toolkit.source_key(obj)[1]
            resource = toolkit.SOURCES[toolkit.source_kind(obj)]
            draft.mark(READY, "False", "ArtifactFailed", f'{resource} "{name}" not found')
            return retry_after(toolkit.retry_interval(obj), "retry interval")
        pause = self.options.requeue_dependency
        again = retry_after(pause)
        if not toolkit.artifact_revision(source):
            message = f"Source artifact not found, retrying in {go_duration(pause)}"
            draft.mark(READY, "False", "ArtifactFailed", message)
            return again
        for ref in spec(obj).get("dependsOn") or ():
            namespace = ref.get("namespace") or objects.namespace(obj)
            try:
                found = yield self.client.get(KUSTOMIZATIONS, namespace, ref["name"])
                revision = toolkit.artifact_revision(source)
                problem = dependencies.problem(obj, found, revision, ref.get("readyExpr", ""))
            except InvalidExpression as error:
                raise _Terminal(
                    f"failed to evaluate dependency {namespace}/{ref['name']}: {error}"
                ) from error
            except EvaluationError as error:
                problem = f"failed to evaluate dependency {namespace}/{ref['name']}: {error}"
            except StatusError as error:
                problem = f"dependency '{namespace}/{ref['name']}' not found: {error.message}"
            if problem:
                draft.mark(READY, "False", "DependencyNotReady", problem)
                message = f"Dependencies do not meet ready condition, retrying in {go_duration(pause)}"
                self._event(obj, draft, message)
                return again
        return None

    # --- the pipeline -------------------------------------------------------------------------------------------

    def _run(
        self, obj: Object, draft: Draft, stored: dict[str, Any], started: int, checks: Checks
    ) -> Generator[Any, Any, None]:
        revision, limit = stored["revision"], go_duration(toolkit.kustomization_timeout(obj))
        draft.mark(READY, "Unknown", PROGRESSING, "Reconciliation in progress")
        yield from self._progress(
            obj, draft, f"Fetching manifests for revision {revision} with a timeout of {limit}"
        )
        artifact = yield from self._download(stored)
        self._blame(draft, artifact)
        try:
            manager = self._manager((yield from self._identities.client(obj)))
        except KubeConfigError as error:
            event = f"failed to build kube client: {error}"
            raise _Failed("ReconciliationFailed", str(error), event=event) from error
        made = yield from self._build(obj, draft, artifact, limit)
        history = plan.digest_of_build(made)
        yield from self._progress(
            obj, draft, f"Detecting drift for revision {revision} with a timeout of {limit}"
        )
        try:
            changes = yield from self._apply(obj, draft, manager, made)
            yield from self._prune(obj, draft, manager, changes)
            yield from self._check_health(obj, draft, manager, changes, made, checks)
        except _Failed as failure:
            self._remember(draft, history, failure.reason, stored, started)
            raise
        draft.set("lastAppliedRevision", revision)
        draft.set("lastAppliedOriginRevision", plan.origin_of(stored))
        draft.mark(READY, "True", "ReconciliationSucceeded", f"Applied revision: {revision}")
        self._remember(draft, history, "ReconciliationSucceeded", stored, started)

    def _download(self, stored: dict[str, Any]) -> Generator[Any, Any, Artifact]:
        component = self.component
        try:
            artifact: Artifact = yield from self._servers.fetch(component.endpoint, component.host, stored)
        except DownloadFailed as error:
            raise _Failed("ArtifactFailed", str(error)) from error
        return artifact

    def _blame(self, draft: Draft, artifact: Artifact) -> None:
        """What is done for a new revision is done for its commit, whatever timer or request brought us here."""
        engine, record = self.component.engine, artifact.record
        if record is None or artifact.revision == draft.get("lastAppliedRevision"):
            return
        if not plan.leads_to(engine.cause, record):
            engine.cause = record

    def _build(
        self, obj: Object, draft: Draft, artifact: Artifact, limit: str
    ) -> Generator[Any, Any, list[Object]]:
        key = objects.key(obj)
        draft.set("lastAttemptedRevision", artifact.revision)
        message = f"Building manifests for revision {artifact.revision} with a timeout of {limit}"
        yield from self._progress(obj, draft, message)
        try:
            yield self._builder()
            variables = yield from postbuild_variables(self.client, obj)
            inputs = (artifact.digest, spec(obj), variables)
            known = self._built.get(key)
            if known is not None and known[0] == inputs:
                return known[1]
            made = built(obj, artifact.files, variables)
        except PathNotFound as error:
            draft.set("lastAttemptedRevision", None)
            raise _Failed("ArtifactFailed", str(error)) from error
        except (BuildFailed, LookupError) as error:
            raise _Failed("BuildFailed", str(error)) from error
        self._built[key] = (inputs, made)
        return made

    def _builder(self) -> Sleep:
        """Wait for one's turn at the builder, and for the build."""
        now = self.component.engine.now
        self._builder_free_at = max(self._builder_free_at, now) + self._build_dice.draw(_BUILD)
        return Sleep(self.component.engine, self._builder_free_at - now)

    def _apply(
        self, obj: Object, draft: Draft, manager: Manager, made: list[Object]
    ) -> Generator[Any, Any, list[Change]]:
        changes: list[Change] = []
        encrypted = next((o for o in made if plan.is_encrypted(o)), None)
        if encrypted is not None:
            who = drift.subject(encrypted)
            why = f"{who} is SOPS encrypted, configuring decryption is required for this secret to be reconciled"
            raise _Failed("ReconciliationFailed", why)
        try:
            yield from manager.apply_all_staged(made, plan.apply_options(obj), changes)
        except (ApplyError, WaitError) as error:
            done = "".join(f"{c}\n" for c in changes if c.action in {drift.CREATED, drift.CONFIGURED})
            raise _Failed("ReconciliationFailed", f"{error}\n{done}") from error
        done = "\n".join(str(c) for c in changes if c.action in {drift.CREATED, drift.CONFIGURED})
        if done:
            self._event(obj, draft, done)
        return changes

    def _prune(
        self, obj: Object, draft: Draft, manager: Manager, changes: list[Change]
    ) -> Generator[Any, Any, None]:
        old = objects.get_in(draft.status, ("inventory", "entries"), [])
        new = inventory.entries(change.ref.as_object() for change in changes)
        draft.set("inventory", {"entries": new})
        stale = inventory.stale(old, new)
        if not stale or not spec(obj).get("prune"):
            return
        try:
            gone = yield from manager.delete_all(stale, plan.owner_labels(obj), plan.NO_PRUNE)
        except DeleteError as error:
            settled = {c.ref.id for c in error.changes if c.action in {drift.DELETED, drift.SKIPPED}}
            left = [e for e in old if e["id"] in {ref.id for ref in stale} - settled]
            draft.set("inventory", {"entries": [*new, *left]})
            raise _Failed("PruneFailed", str(error)) from error
        self._event(obj, draft, "\n".join(map(str, gone)))

    def _check_health(
        self,
        obj: Object,
        draft: Draft,
        manager: Manager,
        changes: list[Change],
        made: list[Object],
        checks: Checks,
    ) -> Generator[Any, Any, None]:
        refs, revision = plan.health_refs(obj, changes), draft.get("lastAttemptedRevision")
        if refs is None:
            draft.drop(HEALTHY)
            return
        engine, timeout = self.component.engine, toolkit.kustomization_timeout(obj)
        was_healthy, began = draft.is_(HEALTHY), engine.now
        message = f"Running health checks for revision {revision} with a timeout of {go_duration(timeout)}"
        draft.mark(HEALTHY, "Unknown", PROGRESSING, message)
        yield from self._progress(obj, draft, message)
        interrupt = Interrupt() if self.options.cancel_health_checks else None
        if interrupt is not None:
            self._checking[objects.key(obj)] = interrupt
        try:
            yield from manager.wait(
                refs,
                HEALTH_POLL,
                timeout,
                fail_fast=True,
                gone_is_fine=plan.vanishing_jobs(made),
                interrupt=interrupt,
                checks=checks,
            )
        except WaitError as error:
            draft.mark(HEALTHY, "False", "HealthCheckFailed", str(error))
            why = f"health check failed after {go_duration(engine.now - began)}: {error}"
            raise _Failed("HealthCheckFailed", why) from error
        finally:
            self._checking.pop(objects.key(obj), None)
        passed = f"Health check passed in {go_duration(engine.now - began)}"
        changed = any(c.action in {drift.CREATED, drift.CONFIGURED} for c in changes)
        if not was_healthy or (changed and revision != draft.get("lastAppliedRevision")):
            self._event(obj, draft, passed)
        draft.mark(HEALTHY, "True", SUCCEEDED, passed)
        yield from self.own.write(obj, draft)

    # --- status and events --------------------------------------------------------------------------------------

    def _remember(
        self, draft: Draft, digest: str, reason: str, artifact: dict[str, Any], started: int
    ) -> None:
        now, origin = self.component.engine.now, plan.origin_of(artifact)
        metadata = {"revision": artifact["revision"]} | ({"originRevision": origin} if origin else {})
        history = plan.upserted(
            draft.get("history") or [], digest, reason, metadata, rfc3339(now), now - started
        )
        draft.set("history", history)

    def _event(
        self, obj: Object, draft: Draft, message: str, *, warns: str = "", summary: bool = False
    ) -> None:
        """``warns`` is the reason of a warning; a ``summary`` is of interest only beside commits."""
        ready = draft.condition(READY)
        events.record(
            self.component,
            obj,
            "Warning" if warns else "Normal",
            warns or (ready["reason"] if ready else "info"),
            message,
            metadata={
                "revision": draft.get("lastAttemptedRevision") or "",
                events.COMMIT_STATUS: events.UPDATE if summary else "",
            },
        )

    def _progress(self, obj: Object, draft: Draft, message: str) -> Generator[Any, Any, None]:
        draft.mark(RECONCILING, "True", PROGRESSING, message)
        yield from self.own.write(obj, draft)

    def _finish(self, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
        """The last write of a reconciliation (finalizeStatus)."""
        handled(obj, draft)
        draft.drop(STALLED)
        if draft.is_(READY):
            draft.drop(RECONCILING)
            draft.observe_generation()
        elif draft.is_(READY, "False"):
            draft.note_retry()
        yield from self.own.write(obj, draft)
