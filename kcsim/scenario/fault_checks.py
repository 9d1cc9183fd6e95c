"""Checks of the faults in a timeline: the kind, its fields and their values, the window, and whom it hits."""

from collections.abc import Iterable

from kcsim.api.catalog import Catalog
from kcsim.engine.clock import format_duration
from kcsim.scenario.contents import at, key_at
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.faults import COMPONENT_CLIENTS, COMPONENTS, FAULTS, RECONCILERS, built_in_reconcilers
from kcsim.scenario.manifest_checks import Objects, may_exist, similar_objects
from kcsim.scenario.model import (
    FAULT_FIELDS,
    Controller,
    FurtherPipeline,
    Push,
    Scenario,
    TimelineEntry,
    all_pipelines,
)
from kcsim.scenario.programs import NoSuchProgram, load_class
from kcsim.scenario.shapes import key_of
from kcsim.simulation.faults import ALIASES, AMOUNTS, nearest
from kcsim.simulation.links import NODES
from kcsim.simulation.places import OUTSIDE


def check_fault(
    scenario: Scenario, entry: TimelineEntry, objects: Objects, catalog: Catalog, report: Report
) -> None:
    """Add every fault of an entry that has, or should have, a fault to the report."""
    written = [field for field in (*FAULT_FIELDS, "for_", "until") if getattr(entry, field) is not None]
    if entry.fault is None:
        for field in written:
            key = key_of(field)
            report.add(
                "KC704", key_at(entry, key), f"'{key}' goes with a fault", "Add `fault:`, or remove it."
            )
        return
    name = ALIASES.get(entry.fault, entry.fault)
    kind = FAULTS.get(name)
    if kind is None:
        message = f"there is no fault '{entry.fault[:60]}'"
        report.add("KC703", at(entry, "fault"), message, nearest(entry.fault))
        return
    told = entry.fault if name == entry.fault else f"{entry.fault} ({name})"
    for field in kind.needs:
        if field not in written:
            report.add("KC704", at(entry, "fault"), f"{told} needs the field '{key_of(field)}'", kind.summary)
    for field in written:
        if field in {"for_", "until"}:
            if kind.momentary:
                message = f"{told} is over at once: it takes no '{key_of(field)}'"
                report.add("KC704", key_at(entry, key_of(field)), message, kind.summary)
        elif field not in (*kind.needs, *kind.takes):
            report.add(
                "KC704",
                key_at(entry, key_of(field)),
                f"{told} takes no field '{key_of(field)}'",
                kind.summary,
            )
        elif field in AMOUNTS:
            _check_amount(entry, field, report)
    _check_window(entry, report)
    _check_targets(scenario, entry, report)
    _check_objects(scenario, entry, objects, catalog, report)


def _check_window(entry: TimelineEntry, report: Report) -> None:
    if entry.for_ is not None and entry.until is not None:
        message = "the fault has two ends, `for` and `until`"
        report.add("KC704", key_at(entry, "until"), message, "Keep one of them.")
    elif entry.for_ == 0:
        remedy = "Write how long it lasts, or leave `for` out."
        report.add("KC704", at(entry, "for"), "the fault ends when it begins", remedy)
    elif entry.until is not None and entry.until <= entry.at:
        begins, ends = format_duration(entry.at), format_duration(entry.until)
        message = f"the fault ends at {ends}, before it begins at {begins}"
        if entry.until == entry.at:
            message = "the fault ends when it begins"
        remedy = "`until` is counted from the start of the run, as `at` is; `for` says how long it lasts."
        report.add("KC704", at(entry, "until"), message, remedy)


def _check_amount(entry: TimelineEntry, field: str, report: Report) -> None:
    """What the form of the field alone does not say; durations are whole once they are read."""
    amount = AMOUNTS[field]
    if amount.form == "duration":
        return
    try:
        amount.read(getattr(entry, field))
    except (ValueError, TypeError) as wrong:
        why = str(wrong)
        told = f"{key_of(field)} {why}" if why.startswith("is ") else f"{key_of(field)} cannot be read: {why}"
        report.add("KC704", at(entry, key_of(field)), told, amount.about)


def _check_targets(scenario: Scenario, entry: TimelineEntry, report: Report) -> None:
    nodes = nodes_of(scenario, entry)
    if entry.node is not None and entry.node not in nodes:
        _missing(report, entry, "node", "KC202", "node", entry.node, nodes)
    if entry.repository is not None and scenario.repository_named(entry.repository) is None:
        known = [repo.name for repo in scenario.repositories]
        _missing(report, entry, "repository", "KC201", "repository", entry.repository, known, "repositories")
    if entry.link is not None:
        _check_link(scenario, entry, entry.link, report)
    if entry.client is not None:
        clients = {*COMPONENT_CLIENTS, *nodes, *people(scenario)}
        if entry.client not in clients:
            _missing(report, entry, "client", "KC209", "API client", entry.client, clients, "clients")
    if entry.component is not None:
        components = [*COMPONENTS, *(f"kubelet@{node}" for node in nodes)]
        components += [each.name for each in scenario.controllers]
        if entry.component not in components:
            _missing(report, entry, "component", "KC209", "component", entry.component, components)
        elif entry.reconciler is not None:
            _check_reconciler(scenario, entry, entry.component, entry.reconciler, report)
    if entry.zone is not None:
        zones = _zones(scenario, entry)
        if entry.zone not in zones:
            _missing(report, entry, "zone", "KC213", "zone", entry.zone, zones)
    if entry.traffic is not None and entry.traffic not in (known := [each.name for each in scenario.traffic]):
        _missing(report, entry, "traffic", "KC204", "traffic", entry.traffic, known, "traffic")
    if entry.runner is not None and entry.runner not in (known := _runners(scenario)):
        _missing(report, entry, "runner", "KC209", "runner", entry.runner, known)


def _check_reconciler(
    scenario: Scenario, entry: TimelineEntry, component: str, wanted: str, report: Report
) -> None:
    """The component runs a reconciler of that name; a program of the story runs one, which its class names."""
    name = component.partition("@")[0]
    if name == "kube-controller-manager":
        cluster = scenario.cluster_named(entry.cluster)
        known = built_in_reconcilers(cluster.control_plane_controllers) if cluster is not None else (wanted,)
    elif name in RECONCILERS:
        known = RECONCILERS[name]
    else:
        known = tuple(_reconciler_of(scenario, each) for each in scenario.controllers if each.name == name)
    if wanted in known or "" in known:
        return
    message = f"{component} has no reconciler '{wanted[:60]}'"
    remedy = did_you_mean(wanted, known, "reconcilers") if known else "Leave `reconciler` out: it has none."
    report.add("KC209", at(entry, "reconciler"), message, remedy)


def _reconciler_of(scenario: Scenario, controller: Controller) -> str:
    """The name that a program's class gives its reconciler; "" when the class cannot be had, which is told elsewhere."""
    try:
        return load_class(controller.use, scenario.directory).name
    except NoSuchProgram:
        return ""


def _check_objects(
    scenario: Scenario, entry: TimelineEntry, objects: Objects, catalog: Catalog, report: Report
) -> None:
    if entry.object is not None:
        kind, slash, name = entry.object.partition("/")
        resource = catalog.by_word(kind)
        if not slash or not name:
            message = f"'{entry.object[:60]}' names no object"
            report.add("KC404", at(entry, "object"), message, 'Write it like "deployment/web".')
        elif resource is None:
            kinds = sorted({each.singular for each in catalog})
            _missing(report, entry, "object", "KC406", "kind", kind, kinds)
        elif not may_exist(objects, scenario, resource, entry.namespace or "default", name):
            near = similar_objects(objects, resource)
            message = f"nothing makes {entry.object[:80]}"
            remedy = did_you_mean(name, near, f"each {resource.kind} of the story")
            report.add("KC407", at(entry, "object"), message, remedy)
    if entry.resource is not None and catalog.by_word(entry.resource) is None:
        plurals = sorted({each.plural for each in catalog})
        _missing(report, entry, "resource", "KC406", "resource", entry.resource, plurals)
    if entry.container_image is not None:
        images = {each.name for each in scenario.images} | objects.images
        if entry.container_image not in images:
            _missing(report, entry, "container_image", "KC203", "image", entry.container_image, images)


def _missing(
    report: Report,
    entry: TimelineEntry,
    field: str,
    code: str,
    what: str,
    name: str,
    known: Iterable[str],
    several: str = "",
) -> None:
    message = f"no {what} '{name[:60]}'"
    report.add(code, at(entry, key_of(field)), message, did_you_mean(name, known, several or f"{what}s"))


def _check_link(scenario: Scenario, entry: TimelineEntry, link: str, report: Report) -> None:
    """Each side of a link names hosts, zones or all nodes."""
    known = {
        *nodes_of(scenario, entry),
        *_zones(scenario, entry),
        *_racks(scenario, entry),
        *OUTSIDE,
        NODES,
        *_control_planes(scenario),
    }
    for word in (part.strip() for part in link.replace("<->", ",").replace("->", ",").split(",")):
        if word not in known:
            report.add(
                "KC213",
                at(entry, "link"),
                f"no host or zone '{word[:60]}'" if word else "a side of the link names nobody",
                did_you_mean(word, known, "places"),
            )


def _control_planes(scenario: Scenario) -> list[str]:
    several = len(scenario.all_clusters()) > 1
    return [f"{c.name}-control-plane" if several else "control-plane" for c in scenario.all_clusters()]


def _zones(scenario: Scenario, entry: TimelineEntry) -> list[str]:
    cluster = scenario.cluster_named(entry.cluster)
    return sorted({node.zone for node in scenario.nodes_of(cluster)} - {""}) if cluster is not None else []


def _racks(scenario: Scenario, entry: TimelineEntry) -> list[str]:
    cluster = scenario.cluster_named(entry.cluster)
    return sorted({node.rack for node in scenario.nodes_of(cluster)} - {""}) if cluster is not None else []


def _runners(scenario: Scenario) -> list[str]:
    """The runners of every pipeline."""
    found: list[str] = []
    for way in scenario.deliveries.values():
        repository = scenario.repository_named(way.repository)
        if repository is None:
            continue  # told where references are checked
        for each in all_pipelines(way):
            if isinstance(each, FurtherPipeline):
                names = [each.name]
            elif isinstance(way, Push) and scenario.environments:
                names = [f"{repository.name}-{environment.name}" for environment in scenario.environments]
            else:
                names = [repository.name]
            plain = [f"{name}-runner-{n}" for name in names for n in range(1, each.runner_count + 1)]
            found += each.runner_names or plain
    return list(dict.fromkeys(found))


def nodes_of(scenario: Scenario, entry: TimelineEntry) -> list[str]:
    """The nodes of the cluster that an entry happens in."""
    cluster = scenario.cluster_named(entry.cluster)
    return [node.name for node in scenario.nodes_of(cluster)] if cluster is not None else []


def people(scenario: Scenario) -> set[str]:
    """Everybody who types or deploys in the story."""
    typing = {entry.as_ for entry in scenario.timeline}
    return typing | {way.deployer.user for way in scenario.deliveries.values() if isinstance(way, Push)}
