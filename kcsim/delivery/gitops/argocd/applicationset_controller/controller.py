"""The reconciler of ApplicationSets.

**Imitates:** argo-cd 3.x applicationset/controllers/applicationset_controller.go (Reconcile, createOrUpdateInCluster,
deleteInCluster, removeFinalizerOnInvalidDestination, updateResourcesStatus) and clustereventhandler.go.

**Walk:** spec, owned Applications, cluster Secrets or the timer -> generate, asking the repo-server for what generators
want to know -> problems -> steps of a rolling sync -> creates, updates, deletes -> status.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.delivery.git.host import Fetched, GitHost
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.argocd.application_controller import clusters
from kcsim.delivery.gitops.argocd.applicationset_controller import pull_requests
from kcsim.delivery.gitops.argocd.appset import asks, policy, rolling
from kcsim.delivery.gitops.argocd.appset.template import Generated, generate
from kcsim.delivery.gitops.argocd.repo_server.generate import GenerationError
from kcsim.delivery.gitops.argocd.repo_server.server import SERVICE, RepoServer
from kcsim.delivery.gitops.argocd.services import RpcError, Services
from kcsim.delivery.gitops.argocd.settings import SetSettings
from kcsim.engine.clock import SECOND, rfc3339
from kcsim.engine.task import Steps

WORKERS = 10
"""--concurrent-reconciliations."""
REPO_SERVER_TIMEOUT = 60 * SECOND


class ApplicationSets(Reconciler):
    """One controller."""

    name = "applicationset"
    workers = WORKERS

    def __init__(self, namespace: str, services: Services, git: GitHost, settings: SetSettings) -> None:
        self._namespace = namespace
        self._git = git
        self._services = services
        self._settings = settings

    def setup(self, component: Component) -> None:
        """Watch ApplicationSets, their Applications, projects and cluster Secrets."""
        self._sets = component.informer(terms.APPLICATION_SETS)
        self._sets.on_change(self._changed)
        self._applications = component.informer(terms.APPLICATIONS)
        self._applications.add_index("owner", _owners)
        self._applications.on_change(self._application_changed)
        self._projects = component.informer(terms.PROJECTS)
        self._secrets = component.informer("secrets")
        self._secrets.on_change(self._secret_changed)

    # --- triggers -----------------------------------------------------------------------------------------------

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            return
        asked = policy.REFRESH in objects.annotations(new)
        if old is None or asked or objects.is_deleting(new) or terms.spec(old) != terms.spec(new):
            self.enqueue(objects.key(new))

    def _application_changed(self, old: Object | None, new: Object | None) -> None:
        owners = {*_owners(old or {}), *_owners(new or {})}
        changed = old is not None and (
            new is None or policy.concerns(old, new, progressive=self._settings.progressive)
        )
        if changed:
            for name in sorted(owners):
                self.enqueue((self._namespace, name))

    def _secret_changed(self, old: Object | None, new: Object | None) -> None:
        if any(obj is not None and clusters.is_cluster_secret(obj) for obj in (old, new)):
            for appset in self._sets.list(self._namespace):
                if _asks_for_clusters(terms.spec(appset).get("generators") or ()):
                    self.enqueue(objects.key(appset))

    # --- one ApplicationSet -------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Outcome | Result | None:
        """Bring the Applications of one set where it says."""
        appset = self._sets.get(*key)
        if appset is None or key[0] != self._namespace:
            return None
        return self._deleted(appset) if objects.is_deleting(appset) else self._handle(appset)

    def _handle(self, appset: Object) -> Outcome:
        if self._settings.progressive and rolling.deletes_in_reverse(appset):
            yield from self._hold(appset)
        generated = yield from self._generated(appset)
        if generated.error:
            error = policy.error_condition(generated.reason, generated.error)
            yield from self._tell(appset, [error], generated=False)
            return Result(policy.REQUEUE_ON_ERROR, what="retry after an error")
        wanted = generated.applications
        wrong = policy.problems(
            appset,
            wanted,
            {objects.name(p) for p in self._projects.list(self._namespace)},
            self._destination_error,
        )
        current = self._current(appset)
        valid = [app for app in wanted if objects.name(app) not in wrong]
        if self._settings.progressive and rolling.is_rolling(appset):
            if not rolling.rolling_steps(appset):
                error = policy.error_condition("ApplicationSetRolloutError", "No steps defined for rollout")
                yield from self._tell(appset, [error])
                return Result(policy.REQUEUE_ON_ERROR, what="retry after an error")
            appset, valid = yield from self._step(appset, current, wanted, valid)
        elif terms.status(appset).get("applicationStatus"):
            appset = yield from self._patch_status(appset, {"applicationStatus": None})
        if wrong:
            error = policy.error_condition("ApplicationValidationError", policy.problem_message(wrong))
            appset = yield from self._tell(appset, [error])
        failed = yield from self._write(appset, wanted, valid, wrong, current)
        if failed:
            yield from self._tell(appset, [failed])
            return Result(requeue=True)
        appset = yield from self._resources(appset)
        if policy.REFRESH in objects.annotations(appset):
            body = {"metadata": {"annotations": {policy.REFRESH: None}}}
            appset = yield self.client.patch(terms.APPLICATION_SETS, *objects.key(appset), body)
        if not wrong:
            yield from self._tell(appset, [policy.up_to_date()])
        after = policy.next_look(appset, has_problems=bool(wrong))
        return Result(after, what="requeue of the generators") if after else None

    # --- generating ---------------------------------------------------------------------------------------------

    def _generated(self, appset: Object) -> Generator[Any, Any, Generated]:
        secrets = [s for s in self._secrets.list(self._namespace) if clusters.is_cluster_secret(s)]
        answers = asks.Answers(secrets)
        while True:
            try:
                return generate(appset, answers)
            except asks.Wanted as wanted:
                try:
                    answers.given[wanted.ask] = yield from self._answer(wanted.ask)
                except (GenerationError, RpcError, pull_requests.ProviderError) as error:
                    answers.failed[wanted.ask] = str(error)

    def _answer(self, ask: asks.Ask) -> Generator[Any, Any, Any]:
        """What a generator wants to know.

        Raises:
            GenerationError, RpcError, ProviderError: what it is about cannot be had.
        """
        if isinstance(ask, asks.PullRequests):
            return (yield from pull_requests.listed(self._git, self.component.host, ask))
        fetched: Fetched = yield from self._services.call(
            self.component,
            self._namespace,
            SERVICE,
            partial(_files, url=ask.url, revision=ask.revision),
            REPO_SERVER_TIMEOUT,
        )
        if isinstance(ask, asks.Directories):
            return asks.directories_of(fetched.files)
        texts = {path: data.decode(errors="replace") for path, data in fetched.files.items()}
        return asks.files_matching(ask.pattern, texts)

    def _destination_error(self, destination: Mapping[str, Any]) -> str:
        try:
            clusters.find(destination, clusters.clusters_of(self._secrets.list(self._namespace)))
        except clusters.UnknownCluster as error:
            return str(error)
        return ""

    def _current(self, appset: Object) -> list[Object]:
        return self._applications.by_index("owner", objects.name(appset))

    # --- writing ------------------------------------------------------------------------------------------------

    def _write(
        self,
        appset: Object,
        wanted: Sequence[Object],
        valid: Sequence[Object],
        wrong: Mapping[str, str],
        current: Sequence[Object],
    ) -> Generator[Any, Any, dict[str, str] | None]:
        """Create, update and delete Applications one by one; the condition of the first part that failed."""
        by_name = {objects.name(app): app for app in valid}
        generated = [by_name.get(objects.name(app), app) for app in wanted]
        allowed = policy.policy_of(appset, self._settings.policy, may_override=self._settings.policy_override)
        plan = policy.plan(appset, generated, current, wrong, allowed)
        try:
            for app in plan.create:
                yield self.client.create(terms.APPLICATIONS, app, self._namespace)
                self.component.event(
                    appset, "Normal", "created", f'created Application "{objects.name(app)}"'
                )
            for app, patch in plan.update:
                yield self.client.patch(terms.APPLICATIONS, self._namespace, objects.name(app), patch)
                self.component.event(
                    appset, "Normal", "updated", f'updated Application "{objects.name(app)}"'
                )
        except StatusError as error:
            return policy.error_condition("UpdateApplicationError", error.message)
        try:
            for app in plan.delete:
                yield from self._delete(appset, app)
        except StatusError as error:
            return policy.error_condition("DeleteApplicationError", error.message)
        return None

    def _delete(self, appset: Object, app: Object) -> Generator[Any, Any, None]:
        """Delete an Application; the cascade is called off where its cluster is not known any more."""
        name = objects.name(app)
        finalizers = app["metadata"].get("finalizers") or []
        if terms.CASCADE in finalizers and self._destination_error(terms.destination(app)):
            rest = [f for f in finalizers if f != terms.CASCADE]
            body = {"metadata": {"finalizers": rest or None}}
            yield self.client.patch(terms.APPLICATIONS, self._namespace, name, body)
        try:
            yield self.client.delete(terms.APPLICATIONS, self._namespace, name)
        except StatusError as error:
            if not error.is_not_found:
                raise
        self.component.event(appset, "Normal", "Deleted", f'Deleted Application "{name}"')

    # --- progressive syncs --------------------------------------------------------------------------------------

    def _step(
        self, appset: Object, current: Sequence[Object], wanted: Sequence[Object], valid: Sequence[Object]
    ) -> Generator[Any, Any, tuple[Object, list[Object]]]:
        """Move Applications on through the steps; the Applications as they are to be written."""
        now = rfc3339(self.component.engine.now)
        steps = rolling.steps_of(appset, wanted)
        statuses = rolling.application_statuses(appset, current, wanted, steps, now, policy.ignored(appset))
        opened = rolling.to_sync(steps, statuses, current)
        statuses = rolling.promoted(appset, statuses, opened, steps, now)
        appset = yield from self._patch_status(appset, {"applicationStatus": statuses})
        appset = yield from self._tell(appset, rolling.conditions(appset, statuses, steps))
        return appset, rolling.with_operations(valid, statuses, opened)

    def _hold(self, appset: Object) -> Generator[Any, Any, None]:
        """A set that deletes in reverse order must not go before its Applications have."""
        finalizers = list(appset["metadata"].get("finalizers") or ())
        if terms.CASCADE not in finalizers:
            body = {"metadata": {"finalizers": [*finalizers, terms.CASCADE]}}
            yield self.client.patch(terms.APPLICATION_SETS, *objects.key(appset), body)

    def _deleted(self, appset: Object) -> Outcome:
        """A set that is going: its Applications lose their owner where it may not delete them, or go step by step."""
        current = self._current(appset)
        allowed = policy.policy_of(appset, self._settings.policy, may_override=self._settings.policy_override)
        if not allowed.delete:
            for app in current:
                rest = [r for r in objects.owner_refs(app) if r.get("uid") != objects.uid(appset)]
                body = {"metadata": {"ownerReferences": rest or None}}
                yield self.client.patch(terms.APPLICATIONS, *objects.key(app), body)
        elif rolling.deletes_in_reverse(appset):
            doomed = rolling.next_deletion(appset, current)
            if doomed is not None:
                if not objects.is_deleting(doomed):
                    yield self.client.delete(terms.APPLICATIONS, *objects.key(doomed))
                return Result(rolling.DELETION_POLL, what="the next Application of a reverse deletion")
        finalizers = list(appset["metadata"].get("finalizers") or ())
        if terms.CASCADE in finalizers:
            rest = [f for f in finalizers if f != terms.CASCADE]
            body = {"metadata": {"finalizers": rest or None}}
            yield self.client.patch(terms.APPLICATION_SETS, *objects.key(appset), body)
        return None

    # --- status -------------------------------------------------------------------------------------------------

    def _tell(
        self, appset: Object, new: Iterable[Mapping[str, str]], *, generated: bool = True
    ) -> Generator[Any, Any, Object]:
        known = terms.status(appset).get("conditions") or ()
        now = rfc3339(self.component.engine.now)
        made = policy.conditions(known, new, now, generated=generated, rolling=rolling.is_rolling(appset))
        return (yield from self._patch_status(appset, {"conditions": made}))

    def _resources(self, appset: Object) -> Generator[Any, Any, Object]:
        """status.resources: the Applications, their sync status and their health."""
        found = []
        for app in self._current(appset):
            status = terms.status(app)
            entry: dict[str, Any] = {
                "group": terms.GROUP,
                "kind": "Application",
                "name": objects.name(app),
                "namespace": objects.namespace(app),
                "version": "v1alpha1",
            }
            if (status.get("sync") or {}).get("status"):
                entry["status"] = status["sync"]["status"]
            if (status.get("health") or {}).get("status"):
                entry["health"] = {"status": status["health"]["status"]}
            found.append(entry)
        return (yield from self._patch_status(appset, {"resources": found, "resourcesCount": len(found)}))

    def _patch_status(self, appset: Object, fields: Mapping[str, Any]) -> Generator[Any, Any, Object]:
        """Write parts of the status; the set as it is then. Nothing is sent when nothing changed."""
        status = terms.status(appset)
        if all(policy.normal(status.get(field)) == policy.normal(value) for field, value in fields.items()):
            return appset
        stored: Object = yield self.client.patch(
            terms.APPLICATION_SETS, *objects.key(appset), {"status": dict(fields)}, subresource="status"
        )
        return stored


def _owners(app: Object) -> Iterable[str]:
    """The ApplicationSet that owns an Application."""
    if "metadata" not in app:
        return ()
    return [
        r["name"]
        for r in objects.owner_refs(app)
        if r.get("kind") == "ApplicationSet" and r.get("controller")
    ]


def _asks_for_clusters(generators: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a generator, or one inside of it, lists clusters."""
    for generator in generators:
        for kind, spec in generator.items():
            if kind in {"clusters", "clusterDecisionResource"}:
                return True
            if kind in {"matrix", "merge"} and _asks_for_clusters((spec or {}).get("generators") or ()):
                return True
    return False


def _files(server: RepoServer, *, url: str, revision: str) -> Steps:
    return server.files(url, revision, no_cache=False)
