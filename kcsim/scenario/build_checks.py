"""Checks that need the manifests to be built: kustomizations that cannot be, or say something about nothing, and objects that two owners apply.

They are for who writes a story (`kcsim check`); the story runs all the same, and there the controllers say so.

**Walk:** the files of each repository, state by state -> `kubectl kustomize` of what each delivery applies -> what it says, at the line it is
about -> objects that more than one Kustomization or Application of a delivery brings to one cluster.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.ci.render import RenderError, read_objects, render
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.argocd.projects import normal_url
from kcsim.delivery.gitops.flux.toolkit import source_subject, spec
from kcsim.delivery.kustomize.build import idle_entries
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.manifests import ManifestError
from kcsim.scenario.branches import follow
from kcsim.scenario.contents import Contents, Text, at, first_contents
from kcsim.scenario.diagnostics import Diagnostic, Position, Report, did_you_mean
from kcsim.scenario.given_checks import addresses
from kcsim.scenario.model import ArgoCD, Delivery, Flux, Push, Repository, Scenario
from kcsim.scenario.standing import written_in

_PLACE = re.compile(
    r"(?:error: )?(?P<file>[^\s:]+)(?::(?P<line>\d+):(?P<column>\d+))?(?: \([^)]*\))?: (?P<why>.*)", re.DOTALL
)
_REMEDIES = {
    "no such file": "Add it, or take it off the list.",
    "cycle": "Let no folder reach itself.",
    "must specify a target": "Say whom it is for: target: {kind: Deployment, name: web}.",
    "no resource matches": "Name an object that the resources hold, with its namespace.",
    "remote": "Copy the base into the repository.",
    "unknown field": "Remove the field, or mend its name; `kustomize build` would refuse it as well.",
}
"""By what a message says is wrong."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """What applies a folder: how it is called, where it stands, where its objects go that name no namespace, its cluster.

    Where `moves` is set, all its objects go to the namespace, whatever they name. `renames`: what they are called is not known.
    """

    name: str
    place: Position
    path: str
    namespace: str
    cluster: str = ""
    moves: bool = False
    renames: bool = False


def check_built(scenario: Scenario) -> tuple[Diagnostic, ...]:
    """What only building the manifests shows to be wrong; warnings, each at its place."""
    contents = first_contents(scenario, Report())
    follow(contents, scenario, Report())
    report = Report()
    for way in scenario.deliveries.values():
        repository = scenario.repository_named(way.repository)
        found = contents.get(repository.name) if repository is not None else None
        if repository is not None and found is not None and not repository.broken_on_purpose:
            _check_way(scenario, way, repository, found, report)
    return report.diagnostics


def _check_way(
    scenario: Scenario, way: Delivery, repository: Repository, contents: Contents, report: Report
) -> None:
    owners = list(_owners(scenario, way, repository))
    known: dict[tuple[str, tuple[tuple[str, str], ...]], list[Object]] = {}
    for number, state in enumerate(contents.states):
        brought: dict[tuple[str, str, str, str], _Owner] = {}
        for owner in owners:
            key = owner.path, tuple((path, text.text) for path, text in sorted(state.items()))
            if key not in known:
                known[key] = _built(state, owner.path, report)
            for obj in known[key] if not owner.renames else ():
                metadata = obj.get("metadata") or {}
                own = "" if owner.moves else metadata.get("namespace")
                identity = (
                    str(obj.get("kind")),
                    str(own or owner.namespace),
                    str(metadata.get("name")),
                    owner.cluster,
                )
                other = brought.setdefault(identity, owner)
                if other is not owner and identity[0] != "Namespace" and not number:
                    what = f"{identity[0]} {identity[1]}/{identity[2]}".replace(" /", " ")
                    message = f"{other.name} and {owner.name} both bring {what}: they will undo each other"
                    report.add("KC515", owner.place, message)


def _owners(scenario: Scenario, way: Delivery, repository: Repository) -> Iterator[_Owner]:
    default = repository.path or "."
    if scenario.environments:
        for each in scenario.environments:
            # Each has a namespace of its own, or the manifests name one.
            yield _Owner(each.name, at(each), each.path, each.namespace or each.name, each.cluster or "")
    elif not isinstance(way, Push) and way.objects:
        yield from _given(way, repository)
    elif isinstance(way, Flux):
        for kustomization in way.all_kustomizations():
            name = kustomization.name or repository.name
            space = kustomization.target_namespace
            path = kustomization.path or default
            yield _Owner(
                f"Kustomization {name}", at(kustomization), path, space or "", moves=space is not None
            )
    elif isinstance(way, ArgoCD):
        for app in way.all_applications():
            name = app.name or repository.name
            yield _Owner(f"Application {name}", at(app), app.path or default, app.namespace)
    else:
        yield _Owner("the pipeline", at(way), way.path or default, way.deploy.namespace or "default")


def _given(way: Flux | ArgoCD, repository: Repository) -> Iterator[_Owner]:
    """Those among the objects of a delivery that follow the repository."""
    urls = {normal_url(url) for url in addresses(repository)}
    written = [manifest for manifest, _ in written_in(way, "objects", way.objects)]
    sources = {
        f"GitRepository/{'/'.join(objects.key(each.object))}"
        for each in written
        if each.object["kind"] == "GitRepository" and normal_url(str(spec(each.object).get("url"))) in urls
    }
    for manifest in written:
        obj = manifest.object
        place = Position(manifest.file, manifest.line, manifest.column)
        name = f"{obj['kind']} {objects.name(obj)}"
        given = spec(obj)
        if obj["kind"] == "Kustomization" and source_subject(obj) in sources:
            space, renames = str(given.get("targetNamespace") or ""), _renames(given)
            cluster = str(given.get("kubeConfig") or "")
            path = str(given.get("path") or ".").lstrip("/")
            yield _Owner(name, place, path, space, cluster, moves=bool(space), renames=renames)
        elif obj["kind"] == "Application":
            target = terms.destination(obj)
            where = str(target.get("server") or target.get("name"))
            for source in terms.sources(obj):
                if normal_url(str(source.get("repoURL"))) in urls and source.get("path"):
                    renames = any(source.get(field) for field in ("kustomize", "helm", "plugin"))
                    space = str(target.get("namespace") or "default")
                    yield _Owner(name, place, source["path"], space, where, renames=renames)


def _renames(given: Mapping[str, Any]) -> bool:
    fields = "namePrefix", "nameSuffix", "postBuild", "patches", "components"
    return any(given.get(field) for field in fields)


def _built(state: Mapping[str, Text], path: str, report: Report) -> list[Object]:
    """The objects of a folder; what keeps it from being built goes into the report."""
    files = {name: text.text.encode() for name, text in state.items()}
    try:
        source = render(files, path)
        if "-k" in source.flags:
            _tell_idle(state, files, path, report)
        return read_objects(source)
    except ManifestError:
        return []  # told where manifests are checked
    except RenderError as error:
        file, place, why = _where(error, state, path)
        if file is None or file.checked:
            remedy = next((_REMEDIES[word] for word in _REMEDIES if word in why), "")
            report.add("KC514", place, why, remedy)
        return []


def _tell_idle(state: Mapping[str, Text], files: Mapping[str, bytes], path: str, report: Report) -> None:
    for idle in idle_entries(files, path):
        file = state[idle.file]
        if file.checked:
            remedy = did_you_mean(idle.wanted, idle.names, "there are") if idle.names else ""
            report.add("KC517", file.place(idle.line, idle.column), f"{idle.file}: {idle.message}", remedy)


def _where(error: RenderError, state: Mapping[str, Text], path: str) -> tuple[Text | None, Position, str]:
    """The file that an error is about, the line of it, and the message."""
    message, cause = str(error), error.__cause__
    match = _PLACE.match(message)
    name = match["file"] if match is not None else ""
    file = state.get(name)
    if file is None or match is None:
        folder = posixpath.normpath(path)
        file = next((state[each] for each in sorted(state) if posixpath.dirname(each) in {folder, ""}), None)
        return file, file.place(1, 1) if file is not None else Position(path), message
    why = f"{name}: {match['why']}"
    if match["line"]:
        return file, file.place(int(match["line"]), int(match["column"])), why
    if isinstance(cause, KustomizeError) and cause.entry is not None and cause.entry[0] == name:
        return file, file.place(*cause.entry[1:]), why
    wanted = [*re.findall(r"'([^']+)'", match["why"])]
    for word in (part for each in wanted for part in (each, posixpath.basename(each))):
        for number, line in enumerate(file.text.split("\n"), 1):
            if word in line:
                return file, file.place(number, line.index(word) + 1), why
    return file, file.place(1, 1), why
