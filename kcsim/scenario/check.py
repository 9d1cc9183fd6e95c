"""Cross-checks of a scenario: names, times, references, repositories, manifests, commands and expectations.

**Walk:** the model has the right shape when it comes here (bind); this file checks what refers to what. Manifests are
checked in manifest_checks.py, commands and faults of the timeline in timeline_checks.py, expectations in
expectation_checks.py. Every fault is told at the place it is written.
"""

from collections.abc import Callable, Iterable

from kcsim.api.built_in import BUILT_IN
from kcsim.api.catalog import Catalog
from kcsim.api.kit.queue import Reconciler
from kcsim.api.resources import gvk_of
from kcsim.api.status import StatusError
from kcsim.api.validation.rules import validate_create
from kcsim.cluster.images import from_json
from kcsim.cluster.routing.crds import definitions
from kcsim.delivery.ci.plan import circle
from kcsim.delivery.ci.rights import Deployer as Identity
from kcsim.delivery.ci.rights import rbac_objects
from kcsim.delivery.gitops.argocd.sync.settings import KNOWN_OPTIONS
from kcsim.delivery.registry.reference import InvalidReference, parse, untagged
from kcsim.engine.clock import MILLISECOND
from kcsim.scenario.branches import follow
from kcsim.scenario.charts import check_charts
from kcsim.scenario.contents import at, first_contents, key_at
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.environment_checks import check_environments, check_files
from kcsim.scenario.expectation_checks import check_expectations
from kcsim.scenario.functions import AGENT_RESOURCES
from kcsim.scenario.given_checks import check_given
from kcsim.scenario.lesson_checks import check_lesson
from kcsim.scenario.lesson_parts import with_deeds
from kcsim.scenario.manifest_checks import Objects, check_manifests
from kcsim.scenario.model import (
    Application,
    ArgoCD,
    Cluster,
    ClusterNetwork,
    Controller,
    Delivery,
    Flux,
    Image,
    Lesson,
    Part,
    Pipeline,
    Push,
    Repository,
    Scenario,
    Spread,
    all_pipelines,
)
from kcsim.scenario.network_checks import check_network
from kcsim.scenario.pipeline_checks import (
    check_changes,
    check_code_owners,
    check_deploys,
    check_further,
    check_jobs,
    check_protection,
    spreads_of,
)
from kcsim.scenario.programs import NoSuchProgram, load_class
from kcsim.scenario.shapes import record_of
from kcsim.scenario.staging import behaviour_data
from kcsim.scenario.timeline_checks import check_timeline
from kcsim.scenario.traffic_checks import check_traffic
from kcsim.scenario.values import NAME
from kcsim.simulation.control_plane import ControlPlane
from kcsim.simulation.simulation import Simulation

CONTROL_PLANE_MAX = 7
NODES_MAX = 20_000
"""Machines of one cluster."""
RUNNERS_MAX = 1_000
"""Runners of one pipeline."""


def check(scenario: Scenario, report: Report) -> None:
    """Add every fault of a scenario to the report; nothing is run and no file is written."""
    _check_clusters(scenario, report)
    if report.errors:
        return  # without sound clusters and names the rest would only repeat the same fault
    _check_names(scenario, report)
    _check_images(scenario, report)
    _check_registry(scenario, report)
    _unique(scenario.buckets, "bucket", report)
    check_charts(scenario, report)
    for repo in scenario.repositories:
        _check_repository(repo, report)
        check_protection(scenario, repo, report)
    for controller in scenario.controllers:
        _check_controller(scenario, controller, report)
    for name, way in scenario.deliveries.items():
        _check_delivery_name(scenario, name, report)
        _check_delivery(scenario, name, way, report)
    check_environments(scenario, report)
    contents = first_contents(scenario, report)
    check_files(scenario, contents, report)
    check_code_owners(contents, report)
    follow(contents, scenario, report)
    catalog = Catalog(BUILT_IN + AGENT_RESOURCES)
    if any(cluster.gateway for cluster in scenario.all_clusters()):
        for definition in definitions():
            catalog.add_crd(definition)
    for part in (*scenario.all_clusters(), *scenario.deliveries.values()):
        if not isinstance(part, Push):
            _check_given(part, report)
    objects = check_manifests(scenario, contents, catalog, report)
    if not report.errors:  # only what is an object leads somewhere
        check_given(scenario, contents, objects, report)
    for traffic in scenario.traffic:
        check_traffic(scenario, traffic, objects, report)
    _check_builds(scenario, objects, report)
    check_timeline(scenario, objects, catalog, report)
    check_expectations(scenario, objects, catalog, report)
    if scenario.lesson is not None:
        check_lesson(scenario, scenario.lesson, objects, catalog, report)
        _check_solutions(scenario, scenario.lesson, report)


# Clusters, names, images.


def _check_clusters(scenario: Scenario, report: Report) -> None:
    if scenario.cluster is not None and scenario.clusters:
        report.add(
            "KC105", key_at(scenario, "clusters"), "both 'cluster' and 'clusters'", "Keep one of the two."
        )
    for number, cluster in enumerate(scenario.all_clusters()):
        count = cluster.nodes if isinstance(cluster.nodes, int) else len(cluster.nodes)
        if not 0 < count <= NODES_MAX:
            remedy = f"Give it 1 to {NODES_MAX} nodes."
            report.add("KC104", at(cluster, "nodes"), f"cluster '{cluster.name}' has {count} nodes", remedy)
        elif not isinstance(cluster.nodes, int):
            _unique(cluster.nodes, "node", report)
        if not 0 < cluster.control_plane_replicas <= CONTROL_PLANE_MAX:
            report.add(
                "KC104",
                at(cluster, "controlPlaneReplicas"),
                f"a control plane of {cluster.control_plane_replicas} replicas",
                f"Write 1 to {CONTROL_PLANE_MAX}.",
            )
        if cluster.control_plane_controllers != ("*",):
            _check_controllers(cluster, report)
        if cluster.network != ClusterNetwork() and 0 < count <= NODES_MAX:
            check_network(
                cluster, scenario.nodes_of(cluster), number, _other_hosts(scenario, cluster), report
            )
    if len(scenario.clusters) > 1:
        _unique(
            [node for each in scenario.clusters if not isinstance(each.nodes, int) for node in each.nodes],
            "node",
            report,
        )
    _unique(scenario.clusters, "cluster", report)


def _other_hosts(scenario: Scenario, cluster: Cluster) -> list[str]:
    """The machines of a cluster's control plane."""
    prefix = "" if len(scenario.all_clusters()) == 1 else f"{cluster.name}-"
    replicas = range(2, cluster.control_plane_replicas + 1)
    return [f"{prefix}control-plane", *(f"{prefix}control-plane-{number}" for number in replicas)]


def _check_controllers(cluster: Cluster, report: Report) -> None:
    """Whether a control plane can be put together that runs these controllers."""
    try:
        Simulation(0, control_plane=ControlPlane(controllers=cluster.control_plane_controllers))
    except ValueError as error:
        where = at(cluster, "controlPlaneControllers")
        report.add("KC104", where, str(error), "Write it as for --controllers: `*`, `-name`, `name`.")


def _check_solutions(scenario: Scenario, lesson: Lesson, report: Report) -> None:
    """Whether the story can be played with what its solutions do in it."""
    for solution in (lesson.reference, lesson.wrong):
        if report.errors:
            return  # they would only be told again
        played = Report()
        check(with_deeds(scenario, solution.actions), played)
        for fault in played.errors:
            report.add(fault.code, fault.position, fault.message, fault.remedy)


def _check_names(scenario: Scenario, report: Report) -> None:
    _unique(scenario.images, "image", report)
    _unique(scenario.repositories, "repository", report)
    _unique(scenario.environments, "environment", report)
    _unique(scenario.controllers, "controller", report)
    _unique(scenario.traffic, "traffic", report)
    _unique([entry for entry in scenario.timeline if entry.name is not None], "timeline entry", report)
    _unique(scenario.expectations, "expectation", report)


def _unique(parts: Iterable[Part], what: str, report: Report) -> None:
    seen: set[str] = set()
    for part in parts:
        name = str(getattr(part, "name", ""))
        if name in seen:
            report.add("KC106", at(part, "name"), f"there is another {what} '{name[:60]}' above")
        seen.add(name)


def _check_images(scenario: Scenario, report: Report) -> None:
    changes = [entry.image for entry in scenario.timeline if entry.image is not None]
    for image in (*scenario.images, *changes):
        if image.name != "*":
            _check_reference(image, report)
        _, problems = from_json(behaviour_data(image))
        for problem in problems:
            report.add("KC104", at(image, *problem.path), problem.message)


def _check_reference(image: Image, report: Report) -> None:
    try:
        parse(image.name)
    except InvalidReference:
        remedy = "Write it like registry.example/shop/web:1.0.0."
        report.add("KC104", at(image, "name"), f"'{image.name[:60]}' is no image reference", remedy)


def _check_controller(scenario: Scenario, controller: Controller, report: Report) -> None:
    try:
        made = load_class(controller.use, scenario.directory)
    except NoSuchProgram as error:
        report.add("KC214", at(controller, "use"), str(error), error.remedy)
    else:
        _check_start(controller, made, report)
    if scenario.cluster_named(controller.cluster) is None:
        known = [each.name for each in scenario.all_clusters()]
        wanted = str(controller.cluster)
        report.add(
            "KC208",
            at(controller, "cluster"),
            f"no cluster '{wanted}'",
            did_you_mean(wanted, known, "clusters"),
        )


def _check_start(controller: Controller, made: Callable[[], Reconciler], report: Report) -> None:
    """Whether the program comes up: its class is made without arguments, and sets itself up."""
    try:
        Simulation(0).add_controller(made, name=controller.name, rules=controller.rules or None)
    except StatusError as refusal:
        remedy = "It runs with a ServiceAccount and a ClusterRole of its name."
        report.add(
            "KC214", at(controller, "use"), f"{controller.name} cannot be installed: {refusal}", remedy
        )
    except Exception as error:  # noqa: BLE001 - it is the story's own code, and what it raises is the fault
        told = f"{controller.use} cannot be started: {type(error).__name__}: {error}"
        report.add(
            "KC214",
            at(controller, "use"),
            told,
            "Its class is made without arguments, then `setup` is called.",
        )


def _check_given(part: Cluster | Flux | ArgoCD, report: Report) -> None:
    """Whether what should stand there from the beginning is an object at all; more is known once it is created."""
    for number, obj in enumerate(part.objects):
        metadata = obj.get("metadata") if isinstance(obj, dict) else None
        named = isinstance(metadata, dict) and isinstance(metadata.get("name"), str)
        if not named or not all(isinstance(obj.get(key), str) for key in ("apiVersion", "kind")):
            message = "an object needs apiVersion, kind and metadata.name"
            report.add("KC502", at(part, "objects", number), message)


# Repositories and deliveries.


def _check_repository(repo: Repository, report: Report) -> None:
    if repo.clone is not None and (repo.files or repo.from_ is not None):
        remedy = "Keep `clone`, or give the files with `files` and `from`."
        report.add(
            "KC105", key_at(repo, "clone"), f"repository '{repo.name}' has both `clone` and files", remedy
        )
    if repo.clone is None and not repo.files and repo.from_ is None:
        message = f"repository '{repo.name}' is empty: it needs files, from or clone"
        report.add("KC105", at(repo), message, "Write its first commit's files under `files`.")
    if repo.pace is not None and repo.clone is None:
        report.add(
            "KC105", key_at(repo, "pace"), "`pace` goes with `clone` only", "Remove it, or use `clone`."
        )
    for field in ("base", "head"):
        if getattr(repo, field) is not None and repo.clone is None:
            message = f"`{field}` goes with `clone` only: it is a revision of a repository on disk"
            report.add("KC105", key_at(repo, field), message, "Remove it, or use `clone`.")


def _check_delivery_name(scenario: Scenario, name: str, report: Report) -> None:
    """A delivery names its world, and the folder in which that is written down."""
    try:
        NAME.read(name)
    except ValueError as error:
        where = key_at(scenario, "deliveries", name)
        report.add("KC104", where, f"'{name[:60]}' is no name for a delivery", str(error))


def _check_delivery(scenario: Scenario, name: str, way: Delivery, report: Report) -> None:
    repo = scenario.repository_named(way.repository)
    if repo is None:
        _missing_repository(scenario, way, way.repository, f"delivery '{name}'", report)
    for index, cluster in enumerate(way.clusters):
        if scenario.cluster_named(cluster) is None:
            known = [each.name for each in scenario.all_clusters()]
            report.add(
                "KC208",
                at(way, "clusters", index),
                f"no cluster '{cluster}'",
                did_you_mean(cluster, known, "clusters"),
            )
    hub = None if isinstance(way, Push) else way.hub
    if hub is not None and scenario.cluster_named(hub) is None:
        known = [each.name for each in scenario.all_clusters()]
        report.add("KC208", at(way, "hub"), f"no cluster '{hub}'", did_you_mean(hub, known, "clusters"))
    for pipeline in all_pipelines(way):
        _check_pipeline(pipeline, report)
        check_deploys(scenario, way, pipeline, report)
        check_changes(scenario, pipeline, report)
    check_further(scenario, way, report)
    if isinstance(way, Push):
        _check_push(way, report)
    elif isinstance(way, Flux):
        _check_flux(way, repo, report)
    else:
        _check_argocd(way, repo, report)


def _missing_repository(scenario: Scenario, part: Part, name: str | None, who: str, report: Report) -> None:
    known = [each.name for each in scenario.repositories]
    if name is not None:
        report.add(
            "KC201",
            at(part, "repository"),
            f"no repository '{name}'",
            did_you_mean(name, known, "repositories"),
        )
    else:
        count = "several repositories" if known else "no repository"
        remedy = "Write `repository:`." if known else "Add one under `repositories`."
        report.add("KC201", at(part), f"{who} names no repository and there is {count}", remedy)


def _check_pipeline(pipeline: Pipeline, report: Report) -> None:
    count = pipeline.runner_count
    if not 1 <= count <= RUNNERS_MAX:
        message = f"{count} runners: " + (
            "no run would ever begin" if count < 1 else "no CI system has so many"
        )
        report.add("KC104", at(pipeline, "runners"), message, f"Give it 1 to {RUNNERS_MAX}.")
    if pipeline.trigger == "poll" and pipeline.poll_interval <= 0:
        report.add("KC104", at(pipeline, "pollInterval"), "an interval of nothing", 'Write it like "1m".')
    _unique(pipeline.stages, "stage", report)
    check_jobs(pipeline, report)
    for spread in spreads_of(pipeline):
        _check_spread(spread, report)


def _check_spread(spread: Spread, report: Report) -> None:
    even, skewed = (spread.min, spread.max), (spread.median, spread.p99)
    whole = [pair for pair in (even, skewed) if None not in pair]
    if len(whole) != 1 or any(
        value is not None for pair in (even, skewed) if pair not in whole for value in pair
    ):
        remedy = "Write {min: 30s, max: 90s} or {median: 40s, p99: 2m}."
        report.add("KC105", at(spread), "a varying duration has min and max, or median and p99", remedy)
        return
    low, high = whole[0]
    if low is not None and high is not None and not 0 < low <= high:
        report.add(
            "KC104",
            at(spread),
            "the shorter duration is not shorter",
            "Write 0 < min <= max, 0 < median <= p99.",
        )


def _check_registry(scenario: Scenario, report: Report) -> None:
    for rule in scenario.registry.retention:
        if not rule.deletes:
            remedy = "Give it `keepLast`, `olderThan` or `untaggedAfter`."
            report.add("KC105", at(rule), "a rule of retention that deletes nothing", remedy)
        if rule.every <= 0:
            report.add("KC104", at(rule, "every"), "an interval of nothing", 'Write it like "24h".')


def _check_push(way: Push, report: Report) -> None:
    deployer = way.deployer
    if deployer.rules and deployer.source is not None and deployer.source.child("clusterRole") is not None:
        report.add(
            "KC105", key_at(deployer, "rules"), "both 'rules' and 'clusterRole'", "Keep one of the two."
        )
    sound = True
    for index, rule in enumerate(deployer.rules):
        if not _is_policy_rule(rule):
            sound = False
            remedy = 'Write {apiGroups: ["apps"], resources: [deployments], verbs: [get, patch]}.'
            report.add(
                "KC104",
                at(deployer, "rules", index),
                "an RBAC rule has apiGroups, resources and verbs, each a list of texts that is not empty",
                remedy,
            )
    if sound:
        identity = Identity(deployer.user, deployer.cluster_role, deployer.namespaces, deployer.rules)
        for obj in rbac_objects(identity):
            for error in validate_create(obj, gvk_of(obj)):
                message = f"the API server refuses the deployer's {obj['kind']}: {error}"
                report.add(
                    "KC104", at(deployer), message, "Give it a user and a clusterRole without '/' and '%'."
                )


def _is_policy_rule(rule: object) -> bool:
    """Whether the API server would take it as a rule about resources."""
    needed = {"apiGroups", "resources", "verbs"}
    return (
        isinstance(rule, dict)
        and needed <= set(rule) <= needed | {"resourceNames"}
        and all(
            isinstance(words, list) and all(isinstance(word, str) for word in words)
            for words in rule.values()
        )
        and all(rule[key] for key in needed)
    )


def _check_argocd(way: ArgoCD, repo: Repository | None, report: Report) -> None:
    if way.application is not None and way.applications:
        report.add(
            "KC105",
            key_at(way, "applications"),
            "both 'application' and 'applications'",
            "Keep one of the two.",
        )
    if way.refresh <= 0:
        report.add("KC104", at(way, "refresh"), "an interval of nothing", 'Write it like "2m".')
    if way.controllers < 1:
        report.add("KC104", at(way, "controllers"), "no controller at all", "Give it 1 or more.")
    seen: set[str] = set()
    for each in way.all_applications():
        name = each.name or (repo.name if repo is not None else "")
        if name in seen:
            report.add("KC106", at(each, "name"), f"there is another application '{name}' above")
        seen.add(name)
        for index, option in enumerate(each.sync_options):
            _check_sync_option(each, index, option, report)


def _check_sync_option(application: Application, index: int, option: str, report: Report) -> None:
    """Argo CD ignores an option that it does not know, without a word."""
    name, equals, value = option.partition("=")
    values = KNOWN_OPTIONS.get(name, frozenset())
    if name not in KNOWN_OPTIONS:
        remedy = did_you_mean(name, sorted(KNOWN_OPTIONS), "sync options")
        report.add("KC104", at(application, "syncOptions", index), f"no sync option '{name[:60]}'", remedy)
    elif not equals or (values is not None and value not in values):
        choices = ", ".join(sorted(values or ()))
        report.add(
            "KC104",
            at(application, "syncOptions", index),
            f"'{option[:60]}' has no effect",
            f"Write {name}= and one of: {choices}.",
        )


def _check_flux(way: Flux, repo: Repository | None, report: Report) -> None:
    if way.kustomization is not None and way.kustomizations:
        report.add(
            "KC105",
            key_at(way, "kustomizations"),
            "both 'kustomization' and 'kustomizations'",
            "Keep one of the two.",
        )
    default = repo.name if repo is not None else ""
    names = [each.name or default for each in way.all_kustomizations()]
    seen: set[str] = set()
    for each, name in zip(way.all_kustomizations(), names, strict=True):
        if name in seen:
            report.add("KC106", at(each, "name"), f"there is another kustomization '{name}' above")
        seen.add(name)
        if each.interval <= 0:
            report.add("KC104", at(each, "interval"), "an interval of nothing", 'Write it like "10m".')
        for index, dependency in enumerate(each.depends_on):
            if dependency.namespace in {None, way.namespace} and dependency.name not in names:
                remedy = did_you_mean(dependency.name, names, "kustomizations")
                report.add(
                    "KC407",
                    at(each, "dependsOn", index, "name"),
                    f"no kustomization '{dependency.name}'",
                    remedy,
                )
    waits = {
        name: tuple(each.name for each in one.depends_on if each.namespace in {None, way.namespace})
        for name, one in zip(names, way.all_kustomizations(), strict=True)
    }
    found = circle(waits)
    if found:
        first = way.all_kustomizations()[names.index(found[0])]
        message = f"Kustomizations wait for each other in a circle: {' -> '.join([*found, found[0]])}"
        report.add("KC227", key_at(first, "dependsOn"), message)
    if way.git_repository.interval <= 0:
        report.add(
            "KC104", at(way.git_repository, "interval"), "an interval of nothing", 'Write it like "1m".'
        )
    for part, fields in (
        (way.git_repository, ("interval", "timeout")),
        *((each, ("interval", "retryInterval", "timeout")) for each in way.all_kustomizations()),
    ):
        _check_flux_durations(part, fields, report)


def _check_flux_durations(part: Part, fields: Iterable[str], report: Report) -> None:
    """Flux's kinds take no unit below the millisecond."""
    for field in record_of(type(part)).fields:
        value = getattr(part, field.name)
        if field.key in fields and value is not None and 0 < value < MILLISECOND:
            report.add("KC104", at(part, field.key), "Flux knows no time below 1ms", 'Write it like "1m".')


def _check_builds(scenario: Scenario, objects: Objects, report: Report) -> None:
    known = {untagged(name) for name in (*objects.images, *(image.name for image in scenario.images))}
    for way in scenario.deliveries.values():
        for stage in (step for pipeline in all_pipelines(way) for step in pipeline.all_steps):
            for index, image in enumerate(stage.builds):
                if untagged(image) not in known and not objects.open_ended:
                    message = f"stage '{stage.name[:60]}' builds '{image[:80]}', which no manifest uses"
                    report.add(
                        "KC203",
                        at(stage, "builds", index),
                        message,
                        did_you_mean(image, known, "image repositories"),
                    )


__all__ = ["NODES_MAX", "Cluster", "check"]
