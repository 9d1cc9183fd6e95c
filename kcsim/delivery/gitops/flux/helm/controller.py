"""helm-controller: HelmRelease objects become releases of charts.

**Imitates:** helm-controller 1.6 internal/controller (helmrelease_controller.go, helmrelease_manager.go). Left out: client-side
apply, Helm 3's way to wait; a HelmRelease that asks for one of them is refused in its Ready condition.

**Walk:** trigger (spec, request, new chart, labelled values, interval) -> HelmChart -> dependencies, source, values, chart -> another
target: uninstall -> failures counted anew? -> release.py -> Ready; any failure -> Ready=False, again after the back-off.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.cel.errors import EvaluationError
from kcsim.api.cel.library import MISSING, available
from kcsim.api.client import Client
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Result
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.charts import Chart, ChartUnreadable, loaded
from kcsim.delivery.gitops.flux import events, expressions, toolkit
from kcsim.delivery.gitops.flux.artifact import Artifact, DownloadFailed, NotStored, Servers
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.expressions import INVALID, TERMINAL, Checks, InvalidExpression, compiled
from kcsim.delivery.gitops.flux.helm import chart_template, sources, state, terms, values
from kcsim.delivery.gitops.flux.helm.actions import Actions, NotRendered
from kcsim.delivery.gitops.flux.helm.release import AtomicRelease, MustRequeue, RetryAfter, Terminal
from kcsim.delivery.gitops.flux.helm.releases import Release, Storage
from kcsim.delivery.gitops.flux.helm.resources import ActionFailed, Objects
from kcsim.delivery.gitops.flux.helm.steps import Steps
from kcsim.delivery.gitops.flux.helm.subject import Subject, clear_failures
from kcsim.delivery.gitops.flux.helm.terms import part
from kcsim.delivery.gitops.flux.impersonation import Impersonation, Reach
from kcsim.delivery.gitops.flux.kubeconfig import KubeConfigError
from kcsim.delivery.gitops.flux.kustomization_plan import leads_to
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import KindReconciler, handled
from kcsim.delivery.gitops.flux.toolkit import (
    EXTERNAL_ARTIFACTS,
    HELM_CHARTS,
    HELM_RELEASES,
    OCI_REPOSITORIES,
    PROGRESSING,
    READY,
    RECONCILING,
    SOURCE_GROUP,
    STALLED,
    go_duration,
    spec,
)
from kcsim.engine.clock import format_duration

SOURCES = {
    "HelmChart": HELM_CHARTS,
    "OCIRepository": OCI_REPOSITORIES,
    "ExternalArtifact": EXTERNAL_ARTIFACTS,
}
_PREREQUISITES = "Fulfilling prerequisites"
_GOES_ON = "reconciliation in progress"


class _Waits(Exception):
    """Something else has to happen first; it is looked for again after ``pause`` µs."""

    def __init__(self, pause: int, *, jitters: bool = False) -> None:
        super().__init__("must wait")
        self.pause = pause
        self.jitters = jitters


class _Stalled(Exception):
    """It cannot work as it is written; ``reason`` of the conditions."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class HelmReleases(KindReconciler):
    """The reconciler of HelmRelease."""

    name = "helmrelease"
    resource = HELM_RELEASES

    def __init__(self, servers: Servers, options: Options, phases: Phases, reach: Reach) -> None:
        super().__init__(options, phases)
        self._servers = servers
        self._reach = reach

    def setup(self, component: Component) -> None:
        """Watch HelmReleases, what holds their charts, and labelled values."""
        super().setup(component)
        self.objects.add_index("source", lambda obj: [terms.source_subject(obj)])
        self._identities = Impersonation(
            component,
            self.options.default_service_account,
            self._reach,
            "could not get KubeConfig secret '{}'",
        )
        external = self.options.external_artifacts
        self._sources = {
            kind: component.informer(resource)
            for kind, resource in SOURCES.items()
            if external or kind != "ExternalArtifact"
        }
        for informer in self._sources.values():
            informer.on_change(self._source_changed)
        self.watch_configs(component)

    def config_names(self, obj: Object) -> list[str]:
        """What it takes values from, and where it goes."""
        return [*sources.config_names(obj), *super().config_names(obj)]

    # --- triggers -----------------------------------------------------------------------------------------------

    def _source_changed(self, old: Object | None, new: Object | None) -> None:
        """A new revision, or a source that has become ready (predicates.SourceRevisionChangePredicate)."""
        revision = toolkit.artifact_revision(new)
        if old is None or new is None or not revision:
            return
        became_ready = objects.condition_is(new, READY) and not objects.condition_is(old, READY)
        if revision == toolkit.artifact_revision(old) and not became_ready:
            return
        for user in self.objects.by_index("source", "/".join((new["kind"], *objects.key(new)))):
            if sources.has_news(new, user):
                self.enqueue(objects.key(user))

    # --- one object ---------------------------------------------------------------------------------------------

    def work(self, obj: Object) -> Outcome:
        """One reconciliation, and when to look again."""
        draft = Draft(self.component.engine, obj)
        observes = True
        try:
            yield from self._reconcile(obj, draft)
            again: Result | None = self.next_interval(obj, toolkit.duration(obj, "interval"))
        except RetryAfter as retry:
            pause = toolkit.jittered(retry.interval, self._dice.uniform(), self.options.jitter)
            again = Result(pause, what=f"retry interval {format_duration(retry.interval)}")
        except _Waits as wait:
            pause = wait.pause
            if wait.jitters:
                pause = toolkit.jittered(pause, self._dice.uniform(), self.options.jitter)
            again, observes = Result(pause, what=f"retry after {format_duration(wait.pause)}"), False
        except _Stalled as error:
            draft.drop(RECONCILING)
            draft.mark(READY, "False", error.reason, str(error))
            draft.mark(STALLED, "True", error.reason, str(error))
            self._event(obj, error.reason, str(error), warns=True)
            again = None
        except Terminal:
            again = None
        except (MustRequeue, ActionFailed):
            again, observes = Result(requeue=True), False
        yield from self._finish(obj, draft, observes=observes)
        return again

    def _finish(self, obj: Object, draft: Draft, *, observes: bool) -> Generator[Any, Any, None]:
        """The last write of a reconciliation."""
        handled(obj, draft)
        if observes:
            draft.observe_generation()
        yield from self.own.write(obj, draft)

    def _reconcile(self, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
        refusal = not_modelled(obj)
        if refusal:
            raise _Stalled("NotModelled", refusal)
        if not terms.source_subject(obj):
            raise _Stalled("InvalidChartReference", "either chart or chartRef must be set")
        try:
            checks = compiled(spec(obj).get("healthCheckExprs") or ())
        except InvalidExpression as error:
            raise _Stalled(INVALID, f"{TERMINAL}: {error}") from error
        yield from chart_template.reconciled(self.component, obj, draft)
        draft.drop(STALLED)
        draft.mark(RECONCILING, "True", PROGRESSING, _PREREQUISITES)
        yield from self.own.write(obj, draft)
        yield from self._dependencies(obj, draft)
        source = yield from self._source(obj, draft)
        try:
            given = yield from values.composed(self.client, obj)
        except values.ValuesError as error:
            draft.mark(READY, "False", "ValuesError", str(error))
            self._event(obj, "ValuesError", str(error), warns=True)
            raise ActionFailed(str(error)) from error
        self._recover(draft, "ValuesError")
        chart, digest = yield from self._chart(obj, draft, source)
        client = yield from self._client(obj, draft)
        changed = state.target_changed(obj, draft.status, chart.name)
        if changed:
            yield from self._uninstall(obj, draft, client)
            draft.set("history", None)
            clear_failures(draft)
            draft.set("storageNamespace", None)
            raise MustRequeue
        self._begin(obj, draft, chart, digest, given)
        steps = self._steps(obj, draft, client, checks, chart, given)
        try:
            yield from AtomicRelease(self.own, steps).reconcile()
        except NotRendered as error:
            raise _Stalled("NotModelled", str(error)) from error

    def _begin(self, obj: Object, draft: Draft, chart: Chart, digest: str, given: values.Values) -> None:
        """Note what is attempted; failures of something else do not count any more."""
        draft.set("storageNamespace", terms.storage_namespace(obj))
        config = values.digest(given)
        asked = terms.is_asked(obj, terms.RESET_AT, "lastHandledResetAt")
        value = objects.annotations(obj).get(terms.RESET_AT)
        if value:
            draft.set("lastHandledResetAt", value)
        if state.reset_reason(obj, draft.status, chart.version, config, asked=asked):
            clear_failures(draft)
        draft.set("lastAttemptedGeneration", obj["metadata"].get("generation", 0))
        draft.set("lastAttemptedRevision", chart.version)
        draft.set("lastAttemptedRevisionDigest", digest or None)
        draft.set("lastAttemptedConfigDigest", config)

    def _steps(
        self,
        obj: Object,
        draft: Draft,
        client: Client,
        checks: Checks,
        chart: Chart | None = None,
        given: values.Values | None = None,
    ) -> Steps:
        namespace = draft.get("storageNamespace")
        storage = Storage(client, namespace, self.component.engine, _unheard)
        at = Objects(self.component, client, terms.release_namespace(obj))
        actions = Actions(at, storage, obj, checks)
        subject = Subject(self.component, obj, draft)
        return Steps(subject, actions, chart=chart, given=given, retries=self.options.retry_on_failure)

    def _client(self, obj: Object, draft: Draft) -> Generator[Any, Any, Client]:
        """As whom, and to which cluster, a release is installed."""
        try:
            client = yield from self._identities.client(obj)
        except KubeConfigError as error:
            draft.mark(READY, "False", "RESTClientError", str(error))
            raise ActionFailed(str(error)) from error
        self._recover(draft, "RESTClientError")
        return client

    # --- prerequisites ------------------------------------------------------------------------------------------

    def _recover(self, draft: Draft, *reasons: str) -> None:
        """What kept Ready from being true is over."""
        ready = draft.condition(READY)
        if ready is not None and ready["reason"] in reasons:
            draft.mark(READY, "Unknown", PROGRESSING, _GOES_ON)

    def _dependencies(self, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
        for ref in spec(obj).get("dependsOn") or ():
            namespace, name = ref.get("namespace") or objects.namespace(obj), ref["name"]
            try:
                found = yield self.client.get(HELM_RELEASES, namespace, name)
                problem = _dependency_problem(obj, found, ref.get("readyExpr", ""))
            except StatusError as error:
                problem = f"unable to get '{namespace}/{name}' dependency: {error.message}"
            except InvalidExpression as error:
                raise _Stalled(
                    INVALID, f"{TERMINAL}: failed to evaluate dependency {name}: {error}"
                ) from error
            except EvaluationError as error:
                problem = str(error)
            if problem:
                draft.mark(READY, "False", "DependencyNotReady", problem)
                self._event(obj, "DependencyNotReady", problem)
                raise _Waits(self.options.requeue_dependency)
        self._recover(draft, "DependencyNotReady")

    def _source(self, obj: Object, draft: Draft) -> Generator[Any, Any, Object]:
        kind, namespace, name = terms.source_subject(obj).split("/")
        who = f"{kind}/{namespace}/{name}"
        if self.options.no_cross_namespace_refs and namespace != objects.namespace(obj):
            raise _Stalled("AccessDenied", f"cross-namespace references are not allowed: cannot access {who}")
        if kind not in self._sources:
            raise _Stalled("AccessDenied", f"can't access '{who}', ExternalArtifact feature gate is disabled")
        source = self._sources[kind].get(namespace, name)
        if source is None:
            # Upstream's cache, too, may not have seen yet what has just been applied.
            why = f'could not get Source object: {kind}.{SOURCE_GROUP} "{name}" not found'
            draft.mark(READY, "False", "ArtifactFailed", why)
            raise ActionFailed(why)
        self._recover(draft, "AccessDenied", "ArtifactFailed")
        problem = sources.not_ready(source)
        if problem:
            draft.mark(READY, "False", "SourceNotReady", problem)
            raise _Waits(self.options.requeue_dependency, jitters=True)
        self._recover(draft, "SourceNotReady")
        yield from ()
        return source

    def _chart(self, obj: Object, draft: Draft, source: Object) -> Generator[Any, Any, tuple[Chart, str]]:
        component = self.component
        try:
            artifact: Artifact = yield from self._servers.fetch(
                component.endpoint, component.host, source["status"]["artifact"]
            )
            chart, digest = sources.with_revision(loaded(artifact.files), source)
        except NotStored:
            pause = self.options.requeue_dependency
            why = f"Source not ready: artifact not found. Retrying in {go_duration(pause)}"
            draft.mark(READY, "False", "ArtifactFailed", why)
            raise _Waits(pause) from None
        except (DownloadFailed, ChartUnreadable) as error:
            draft.mark(READY, "False", "ArtifactFailed", f"Could not load chart: {error}")
            self._event(obj, "ArtifactFailed", str(error), warns=True)
            raise ActionFailed(str(error)) from error
        except sources.ChartMutateError as error:
            draft.mark(READY, "False", "ChartMutateError", str(error))
            raise ActionFailed(str(error)) from error
        self._recover(draft, "ArtifactFailed")
        record, engine = artifact.record, component.engine
        if record is not None and chart.version != draft.get("lastAttemptedRevision"):
            if not leads_to(engine.cause, record):
                engine.cause = record
        return chart, digest

    # --- the end ------------------------------------------------------------------------------------------------

    def finalize(self, obj: Object) -> Outcome:
        """Uninstall the release, unless it is suspended."""
        draft = Draft(self.component.engine, obj)
        if not spec(obj).get("suspend"):
            try:
                if draft.get("storageNamespace"):
                    yield from self._uninstall_last(obj, draft)
                yield from chart_template.deleted(self.component, obj, draft)
            except ActionFailed:
                yield from self._finish(obj, draft, observes=False)
                return Result(requeue=True)
        return (yield from super().finalize(obj))

    def _uninstall_last(self, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
        """Uninstall for good; without the account to act as, or what leads to the other cluster, the release is left."""
        if not spec(obj).get("kubeConfig") and not (yield from self._identities.exists(obj)):
            return
        try:
            client = yield from self._identities.client(obj)
        except KubeConfigError as error:
            if error.is_missing:
                return
            why = f"failed to build REST client getter to uninstall release: {error}"
            draft.mark(READY, "False", "UninstallFailed", why)
            raise ActionFailed(why) from error
        yield from self._uninstall(obj, draft, client)

    def _uninstall(self, obj: Object, draft: Draft, client: Client) -> Generator[Any, Any, None]:
        if not draft.get("history"):
            return
        steps = self._steps(obj, draft, client, {})
        try:
            yield from steps.uninstall()
        except ActionFailed:
            steps.subject.summarise()
            raise
        steps.subject.summarise()

    def _event(self, obj: Object, reason: str, message: str, *, warns: bool = False) -> None:
        events.record(self.component, obj, "Warning" if warns else "Normal", reason, message)


def _unheard(release: Release) -> None:
    """Nobody listens to the storage yet."""
    del release


def _dependency_problem(obj: Object, dependency: Object, ready_expr: str) -> str:
    """Why a dependency keeps a HelmRelease from going on; "" when it does not."""
    name = "/".join(objects.key(dependency))
    if ready_expr:
        if expressions.is_ready(ready_expr, obj, dependency):
            return ""
        return f"dependency '{name}' is not ready according to readyExpr eval"
    seen = toolkit.status(dependency).get("observedGeneration")
    if seen == dependency["metadata"].get("generation") and objects.condition_is(dependency, READY):
        return ""
    return f"dependency '{name}' is not ready"


def not_modelled(obj: Object) -> str:
    """What a HelmRelease asks for that is not modelled; "" when nothing."""
    wanted = spec(obj)
    if (wanted.get("waitStrategy") or {}).get("name", "poller") != "poller":
        return "spec.waitStrategy: kcsim does not model Helm 3's way to wait (legacy)"
    for action in ("install", "upgrade", "rollback"):
        if part(obj, action).get("serverSideApply") in {False, "disabled"}:
            return f"spec.{action}.serverSideApply: kcsim does not model Helm's client-side apply"
    asks = wanted.get("healthCheckExprs") or any(r.get("readyExpr") for r in wanted.get("dependsOn") or ())
    return MISSING if asks and not available() else ""


__all__ = ["HelmReleases", "not_modelled"]
