"""An Application compared: what Git wants, what is there, and how the two are.

**Imitates:** argo-cd 3.x controller/state.go (CompareAppState, GetRepoObjs, NormalizeTargetObjects), util/argo/argo.go
(ValidatePermissions). Left out: OCI and Helm sources, source integrity, the source hydrator, local manifests.

**Walk:** sources at their revisions -> the repo-server's manifests, marked and given a namespace -> live objects ->
a difference for each -> sync status, health, conditions.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.argocd import projects, resources, terms
from kcsim.delivery.gitops.argocd.application_controller.clusters import UnknownCluster
from kcsim.delivery.gitops.argocd.conditions import condition
from kcsim.delivery.gitops.argocd.diff import compare as diff
from kcsim.delivery.gitops.argocd.diff import ignore, tracking
from kcsim.delivery.gitops.argocd.diff import state as judged
from kcsim.delivery.gitops.argocd.diff.normalize import ROLLOUT_TEMPLATE, Normalizer
from kcsim.delivery.gitops.argocd.diff.state import Pairs, ResourceState, SyncState
from kcsim.delivery.gitops.argocd.diff.strategies import Difference, DiffError
from kcsim.delivery.gitops.argocd.health.aggregate import application_health
from kcsim.delivery.gitops.argocd.health.status import Health
from kcsim.delivery.gitops.argocd.projects import Project
from kcsim.delivery.gitops.argocd.repo_server.generate import GenerationError
from kcsim.delivery.gitops.argocd.repo_server.server import SERVICE, Manifests, RepoServer, Request
from kcsim.delivery.gitops.argocd.resources import ResourceKey
from kcsim.delivery.gitops.argocd.services import RpcError
from kcsim.delivery.gitops.argocd.sync import hooks
from kcsim.engine.task import Steps
from kcsim.engine.trace import Record

if TYPE_CHECKING:
    from kcsim.delivery.gitops.argocd.application_controller.state import State


class Ignored(Exception):
    """An error of the repository that nothing is said of yet (ErrCompareStateRepo)."""


@dataclass(frozen=True, slots=True)
class Managed:
    """One resource of an Application, compared."""

    key: ResourceKey
    target: Object | None
    live: Object | None
    difference: Difference
    is_self: bool


@dataclass(slots=True)
class Comparison:
    """What a comparison found.

    Attributes:
        sync: ``status.sync``.
        health: ``status.health`` without its time.
        resources: ``status.resources``.
        conditions: of the types a comparison evaluates.
        may_have_changes: False when the repo-server said that the new revision changes nothing of the application.
        record: what brought the revision.
    """

    sync: dict[str, Any]
    health: dict[str, Any] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)
    managed: list[Managed] = field(default_factory=list)
    hooks: list[Object] = field(default_factory=list)
    conditions: list[dict[str, Any]] = field(default_factory=list)
    source_types: list[str] = field(default_factory=list)
    several: bool = False
    may_have_changes: bool = True
    has_pre_delete: bool = False
    has_post_delete: bool = False
    record: Record | None = None
    orphans: list[Object] = field(default_factory=list)

    def status_fields(self, controller_namespace: str) -> dict[str, Any]:
        """The parts of the status that are this comparison's."""
        fields: dict[str, Any] = {
            "sync": self.sync,
            "health": self.health,
            "resources": sorted(self.resources, key=_status_key),
            "controllerNamespace": controller_namespace,
        }
        if self.several:
            fields["sourceTypes"] = self.source_types
        elif self.source_types and self.source_types[0]:
            fields["sourceType"] = self.source_types[0]
        return fields


def _status_key(resource: Mapping[str, Any]) -> str:
    return "/".join(resource.get(name, "") for name in ("group", "kind", "namespace", "name"))


# --- before anything is compared --------------------------------------------------------------------------------


def project_of(state: State, app: Object) -> tuple[Project | None, str]:
    """The project of an Application, or why it has none (projectErrorToCondition)."""
    name = terms.project_of(app)
    found = state.projects.get(state.namespace, name)
    if found is None:
        return None, projects.missing_project(name)
    known = state.known_clusters()
    scoped = [projects.Cluster(each.server, each.name) for each in known if each.project == name]
    return Project.of(found, scoped), ""


def spec_conditions(state: State, app: Object) -> tuple[Project, list[dict[str, Any]]]:
    """The project, and what about the spec forbids any comparison (refreshAppConditions)."""
    project, problem = project_of(state, app)
    if project is None:
        return Project("", {}), [condition(terms.INVALID_SPEC, problem)]
    if terms.spec(app).get("sourceHydrator"):
        return project, [condition(terms.INVALID_SPEC, "spec.sourceHydrator is not modelled by kcsim")]
    if unverified := project.unverified():
        return project, [condition(terms.INVALID_SPEC, unverified)]
    cluster: projects.Cluster | str
    try:
        found = state.cluster_of(app)
        state.cluster_cache(app)
        cluster = projects.Cluster(found.server, found.name)
    except UnknownCluster as error:
        cluster = str(error)
    wrong = projects.violations(project, terms.sources(app), terms.destination(app), cluster)
    return project, [condition(terms.INVALID_SPEC, message) for message in wrong]


# --- the comparison ---------------------------------------------------------------------------------------------


def compare(
    state: State,
    app: Object,
    project: Project,
    *,
    sources: Sequence[Mapping[str, Any]],
    revisions: Sequence[str],
    several: bool,
    no_cache: bool,
    no_revision_cache: bool,
) -> Generator[Any, Any, Comparison]:
    """A task's steps: compare an Application with its cluster.

    Args:
        several: whether ``status`` speaks of ``sources`` and ``revisions``.
        no_cache: let manifests be generated anew.
        no_revision_cache: let revisions be resolved by the git host.

    Raises:
        Ignored: the repository failed within the grace period.
    """
    found = Comparison(_compared_to(app, sources, revisions, several=several), several=several)
    failed = False
    targets: list[Object] = []
    try:
        answers = yield from _manifests(
            state, app, sources, revisions, no_cache=no_cache, forced=no_revision_cache
        )
    except (GenerationError, RpcError) as error:
        if state.is_silent(app, forced=no_revision_cache):
            raise Ignored from error
        found.conditions.append(condition(terms.COMPARISON_ERROR, f"Failed to load target state: {error}"))
        failed = True
    else:
        state.repository_works(app)
        _resolved(found, answers, several=several)
        targets = _marked(state, app, answers)
    cluster, destination = state.cluster_cache(app), state.cluster_of(app)
    where = projects.Cluster(destination.server, destination.name)
    targets, warnings = _normalised(state, app, targets)
    found.conditions += warnings
    if not cluster.synced:
        message = f'Failed to load live state: failed to get cluster info for "{cluster.server}": error synchronizing cache state'
        found.conditions.append(condition(terms.COMPARISON_ERROR, f"{message} : {cluster.why_not_synced}"))
        failed = True
    live = {
        key: obj
        for key, obj in cluster.managed(state.instance(app), targets).items()
        if project.permits_live(key, where)
    }
    found.conditions += judged.shared_with(
        live.values(), state.instance(app), terms.qualified_name(app), state.owner
    )
    targets = targets + judged.compared_namespaces(app, targets, live.values())
    targets, found.has_pre_delete, found.has_post_delete = hooks.without_deletion_hooks(targets)
    pairs = judged.pairs_of(targets, live, terms.destination(app).get("namespace", ""), cluster.scope)
    found.hooks = pairs.hooks
    differences, problem = yield from _differences(state, app, pairs)
    if problem:
        message = f"Failed to compare desired state to live state: {problem}"
        found.conditions.append(condition(terms.COMPARISON_ERROR, message))
        failed = True
    outcome = judged.sync_state(
        app, pairs, differences, project, cluster.scope, state.configuration.tracking, failed=failed
    )
    found.sync["status"] = outcome.status
    found.conditions += outcome.conditions
    found.managed = [_managed(each) for each in outcome.resources]
    _judge_health(state, app, found, outcome)
    found.orphans = state.orphans(app, project, found)
    state.remember(app, found)
    return found


def targets_of(state: State, app: Object) -> Generator[Any, Any, list[Object]]:
    """A task's steps: the manifests of an Application at its target revisions, deletion hooks included.

    Raises:
        GenerationError, RpcError.
    """
    sources = terms.sources(app)
    revisions = [source.get("targetRevision", "") for source in sources]
    answers = yield from _manifests(state, app, sources, revisions, no_cache=False, forced=False)
    targets, _ = _normalised(state, app, _marked(state, app, answers))
    return targets


def _compared_to(
    app: Object, sources: Sequence[Mapping[str, Any]], revisions: Sequence[str], *, several: bool
) -> dict[str, Any]:
    compared: dict[str, Any] = {"destination": terms.destination(app)}
    ignored = terms.spec(app).get("ignoreDifferences")
    if ignored:
        compared["ignoreDifferences"] = ignored
    sync: dict[str, Any] = {"status": terms.UNKNOWN}
    if several:
        compared["sources"] = [dict(source) for source in sources]
        sync["revisions"] = list(revisions)
    else:
        compared["source"] = dict(sources[0]) if sources else {}
        if revisions and revisions[0]:
            sync["revision"] = revisions[0]
    sync["comparedTo"] = compared
    return sync


def _manifests(
    state: State,
    app: Object,
    sources: Sequence[Mapping[str, Any]],
    revisions: Sequence[str],
    *,
    no_cache: bool,
    forced: bool,
) -> Generator[Any, Any, list[Manifests]]:
    paths = objects.annotations(app).get(terms.GENERATE_PATHS, "")
    synced = terms.operation_state(app).get("syncResult") or {}
    before = synced.get("revisions") or [synced.get("revision", "")]
    answers: list[Manifests] = []
    for number, (source, revision) in enumerate(zip(sources, revisions, strict=True)):
        request = Request(
            state.instance(app),
            terms.destination(app).get("namespace", ""),
            source,
            revision,
            no_cache,
            forced,
            tuple(part.strip() for part in paths.split(";") if part.strip()),
            before[number] if number < len(before) else "",
        )
        try:
            answer = yield from state.services.call(
                state.component,
                state.namespace,
                SERVICE,
                partial(_generate, request=request),
                state.settings.repo_server_timeout,
            )
        except (GenerationError, RpcError) as error:
            what = f"failed to generate manifest for source {number + 1} of {len(sources)}: {error}"
            raise RpcError(what) from error
        answers.append(answer)
    return answers


def _generate(server: RepoServer, request: Request) -> Steps:
    return server.generate(request)


def _resolved(found: Comparison, answers: Sequence[Manifests], *, several: bool) -> None:
    found.source_types = [answer.source_type for answer in answers]
    found.may_have_changes = any(answer.changed for answer in answers)
    found.record = next((answer.record for answer in answers if answer.record is not None), None)
    if several:
        found.sync["revisions"] = [answer.revision for answer in answers]
    elif answers:
        found.sync["revision"] = answers[0].revision


def _marked(state: State, app: Object, answers: Sequence[Manifests]) -> list[Object]:
    """The manifests with the mark of the Application, made once for each answer of the repo-server."""
    known = state.marked(app, answers)
    if known is not None:
        return known
    namespace = terms.destination(app).get("namespace", "")
    instance, how = state.instance(app), state.configuration.tracking
    made = [
        dict(tracking.with_instance(obj, instance, namespace, how))
        for answer in answers
        for obj in answer.objects
    ]
    state.remember_marked(app, answers, made)
    return made


def _normalised(
    state: State, app: Object, targets: list[Object]
) -> tuple[list[Object], list[dict[str, Any]]]:
    """NormalizeTargetObjects: namespaces, doubles (the last one counts), excluded kinds."""
    cluster = state.cluster_cache(app)
    namespace = terms.destination(app).get("namespace", "")
    instance, how = state.instance(app), state.configuration.tracking
    found = judged.targets_of(
        targets,
        namespace,
        cluster.scope,
        lambda obj: tracking.with_instance(obj, instance, namespace, how),
        lambda group, kind: state.configuration.excludes(group, kind, cluster.server),
    )
    return found.objects, found.conditions


def _differences(
    state: State, app: Object, pairs: Pairs
) -> Generator[Any, Any, tuple[list[Difference | None], str]]:
    """The difference of each pair, None where there is none to tell; and why one could not be made."""
    try:
        options = diff_options(state, app)
    except ValueError as error:
        return [None for _ in pairs.pairs], str(error)
    found: list[Difference | None] = []
    problem = ""
    for target, there in pairs.pairs:
        obj = there if there is not None else target
        assert obj is not None, "one of the two is there"
        try:
            difference = yield from _difference(state, app, resources.key_of(obj), target, there, options)
        except DiffError as error:
            problem = problem or str(error)
            found.append(None)
        else:
            found.append(difference)
    return found, problem


def _difference(
    state: State,
    app: Object,
    key: ResourceKey,
    target: Object | None,
    live: Object | None,
    options: diff.Options,
) -> Generator[Any, Any, Difference]:
    known = state.known_difference(app, key, target, live, options)
    if known is not None:
        return known
    whole: Object | None = live
    dry_run: Object | None = None
    if target is not None and live is not None and _needs_managers(target, options):
        client, resource = (
            state.destination_client(app),
            state.cluster_cache(app).resource(key.group, key.kind),
        )
        assert resource is not None, "there is a live object of the kind"
        place = (resource, key.namespace, key.name)
        try:
            whole = yield client.get(*place, managed_fields=True)
            if diff.needs_dry_run(target, whole, options):
                body = diff.dry_run_target(target, whole, options)
                dry_run = yield client.patch(
                    *place,
                    dict(body),
                    type="apply",
                    field_manager=resources.FIELD_MANAGER,
                    force=True,
                    dry_run=True,
                    managed_fields=True,
                )
        except StatusError as error:
            raise DiffError(
                f"error calculating server side diff: serverSideDiff error: {error.message}"
            ) from error
    difference = diff.compare(target, whole, options, dry_run)
    state.remember_difference(app, key, target, live, options, difference)
    return difference


def _needs_managers(target: Object, options: diff.Options) -> bool:
    """Whether a comparison looks at managedFields, which the cache of live objects does not keep here."""
    return (
        options.server_side
        or options.structured
        or resources.has_option(target, resources.SYNC_OPTIONS, "ServerSideApply=true")
        or bool(options.normalizer.ignores.managers_of(target))
    )


def diff_options(state: State, app: Object) -> diff.Options:
    """How the resources of an Application are compared.

    Raises: ValueError for a jq expression that is not modelled.
    """
    known = state.known_options(app)
    if known is not None:
        return known
    rules = terms.spec(app).get("ignoreDifferences") or ()
    settings = state.configuration
    ignores = ignore.rules_of(rules, settings.ignored, settings.status_of)
    server_side = state.settings.server_side_diff
    for text, value in (("ServerSideDiff=true", True), ("ServerSideDiff=false", False)):
        if resources.has_option(app, resources.COMPARE_OPTIONS, text):
            server_side = value
    made = diff.Options(
        Normalizer(ignores, (ROLLOUT_TEMPLATE, *settings.known), settings.aggregated_roles),
        settings.tracking,
        server_side=server_side,
        keeps_mutations=resources.has_option(app, resources.COMPARE_OPTIONS, "IncludeMutationWebhook=true"),
        structured="ServerSideApply=true" in terms.sync_options(app),
        schema_of=state.schema_of(app),
    )
    state.remember_options(app, made)
    return made


# --- what follows from it ---------------------------------------------------------------------------------------


def _managed(state: ResourceState) -> Managed:
    difference = state.difference or Difference(False, state.live, state.live)
    return Managed(state.key, state.target, state.live, difference, state.own)


def _judge_health(state: State, app: Object, found: Comparison, outcome: SyncState) -> None:
    """Health of each resource and of the whole."""
    pairs = [(each.target, each.live) for each in outcome.resources]
    health = application_health(pairs, state.configuration.health, objects.key(app))
    found.health = _health(health.health)
    kept = health.resources if state.settings.persist_health else [None] * len(pairs)
    found.resources = [
        each.to_json(_health(own) if own is not None else None)
        for each, own in zip(outcome.resources, kept, strict=True)
    ]
    if health.error:
        found.conditions.append(
            condition(terms.COMPARISON_ERROR, f"error setting app health: {health.error}")
        )


def _health(found: Health) -> dict[str, str]:
    return {"status": found.status, **({"message": found.message} if found.message else {})}
