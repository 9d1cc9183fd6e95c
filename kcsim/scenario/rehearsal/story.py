"""A story made of a repository alone: its delivery set-up, its history or one merge request, and nothing else.

**Walk:** `Asked` -> the repository's commits (`import_repository`) -> the set-up that stands before the first of them
(found.py), or a pipeline beside Flux where there is none -> what has to be there beside it
(beside.py) -> a scenario like any other, read and checked as a file would be -> its notes.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kcsim.api.built_in import BUILT_IN
from kcsim.api.catalog import Catalog
from kcsim.api.objects import Object
from kcsim.api.resources import gvk_of
from kcsim.delivery.git.history import Imported, UnusableRepository, import_repository, remotes
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.flux import install as flux_install
from kcsim.delivery.gitops.flux.toolkit import spec
from kcsim.engine.clock import HOUR, MINUTE, format_duration, seconds
from kcsim.manifests import dump
from kcsim.scenario.diagnostics import Position, Report, did_you_mean
from kcsim.scenario.expanded import applications, is_kind, kustomizations
from kcsim.scenario.load import Loaded, examine_text
from kcsim.scenario.rehearsal.beside import objects_beside
from kcsim.scenario.rehearsal.charts import told, unknown_charts
from kcsim.scenario.rehearsal.found import SetUp, argocd_set_up, documents_of, flux_set_up
from kcsim.scenario.settings import Changes, Settings

SETTLES = 15 * MINUTE
"""How long what was there before has, until the merge request is merged."""
PACE = 20 * MINUTE
"""Between two commits of a history, when nothing else is asked for: their real distances may be months."""
REST = 45 * MINUTE
"""After the last commit: longer than any progress deadline and health check with its defaults."""
_REMEDIES = {
    "no revision": "Name a branch, a tag or a commit of it: --from main --to my-branch.",
    "cannot be merged": "Merge the base into the branch first, and settle the conflict there.",
    "changes nothing": "Name a branch that changes manifests, or the folder that it changes: --path DIR.",
    "no manifests": "Commit manifests, or a kustomization.yaml, there first.",
    "touches": "Name a folder that holds manifests: --path DIR.",
}
"""By what a message says is wrong; "" stands for what its code says."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be tried.

    Attributes:
        repository: a git repository on disk.
        path: only what this folder describes; without a set-up in it, the folder that holds the manifests.
        kustomization: only this Kustomization of Flux's, and what it depends on.
        base, head: revisions; with a base the one merge request of head (what is checked out) into it.
        pace: a duration text, one commit every so long.
        settings: of the scenario that is made.
    """

    repository: str
    path: str | None = None
    kustomization: str | None = None
    base: str | None = None
    head: str | None = None
    pace: str | None = None
    settings: Settings | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """What was made: the scenario with what is wrong with it, and what was taken for granted, a sentence each."""

    loaded: Loaded
    notes: tuple[str, ...] = ()


def story_of(asked: Asked) -> Story:
    """The story of a repository; never raises for what is wrong with it."""
    report = Report()
    where = Position(f"--repo {asked.repository}")
    place = str(Path(asked.repository).expanduser().absolute())
    name = _name_of(place)
    apart_notes: list[str] = []
    try:
        imported = import_repository(place, None, None, base=asked.base, head=asked.head or "HEAD")
        files = files_of(imported)
        ways = _ways(asked, files, imported, [*remotes(place), name])
        plain = not ways
        if plain and asked.kustomization is not None:
            report.add(
                "KC606",
                Position(f"--kustomization {asked.kustomization}"),
                "the repository has no Kustomization",
            )
            return Story(Loaded(None, report.diagnostics))
        if plain and asked.path is None:
            asked, clash = apart(asked, imported.directories, files)
            if clash:
                apart_notes.append(clash)
        if plain and asked.path is not None:
            imported = import_repository(place, asked.path, None, base=asked.base, head=asked.head or "HEAD")
    except UnusableRepository as error:
        code = "KC602" if "no commits" in str(error) else "KC601"
        report.add(
            code, where, str(error), next((_REMEDIES[word] for word in _REMEDIES if word in str(error)), "")
        )
        return Story(Loaded(None, report.diagnostics))
    except LookupError as error:
        wanted = asked.kustomization or ""
        report.add(
            "KC606",
            Position(f"--kustomization {wanted}"),
            f"the repository has no Kustomization '{wanted}'",
            did_you_mean(wanted, [str(each) for each in error.args], "Kustomizations"),
        )
        return Story(Loaded(None, report.diagnostics))
    notes = [*apart_notes, *(note for way in ways.values() for note in way.notes)]
    brought = _brought(ways, imported, files)
    document = _document(asked, place, name, imported, ways)
    beside = objects_beside([*brought, *(obj for way in ways.values() for obj in way.objects)], notes)
    _place(document, beside, _spokes(brought))
    if "flux" in document["deliveries"]:
        components = flux_install.components_for([*brought, *ways["flux"].objects])
        if components:
            document["deliveries"]["flux"]["components"] = list(components)
    charts = unknown_charts(_each_state(imported, brought)) if "flux" in document["deliveries"] else []
    if charts:
        document["charts"] = charts
        notes.append(told(charts))
    if plain:
        document["deliveries"] = _plain(brought, notes)
    text = dump(document, sort_keys=False)
    loaded = examine_text(text, f"what-if/{name}.yaml", Changes(asked.settings))
    described = [image.name for image in loaded.scenario.images] if loaded.scenario is not None else []
    notes.extend(_told(asked, imported, brought, document, described))
    return Story(loaded, tuple(notes))


def files_of(imported: Imported) -> list[dict[str, bytes]]:
    """The files after the first change that is played, and after the last."""
    files: dict[str, bytes] = {}
    first: dict[str, bytes] = {}
    for number, change in enumerate(imported.changes):
        for path, data in change.files.items():
            if data is None:
                files.pop(path, None)
            else:
                files[path] = data
        if not number:
            first = dict(files)
    return [first, files]


def _ways(
    asked: Asked, states: Sequence[Mapping[str, bytes]], imported: Imported, origin: Sequence[str]
) -> dict[str, SetUp]:
    """The set-up that each tool has: at the base of a merge request, else at the end; where it is new, as it comes."""
    ways: dict[str, SetUp] = {}
    under = posixpath.normpath(asked.path.strip("/")) if asked.path else None
    for files in (states[0], states[-1]) if asked.base is not None else (states[-1],):
        flux = flux_set_up(files, origin, imported.branch, under, asked.kustomization)
        if flux is not None:
            ways.setdefault("flux", flux)
        argocd = argocd_set_up(files, origin, under) if asked.kustomization is None else None
        if argocd is not None:
            ways.setdefault("argocd", argocd)
        if ways:
            break
    return ways


def _brought(
    ways: Mapping[str, SetUp], imported: Imported, states: Sequence[Mapping[str, bytes]]
) -> list[Object]:
    """Every object that any of the first and the last state brings to a cluster."""
    found: list[Object] = []
    for files in (states[0], states[-1]):
        if not ways:
            found.extend(_below(files, imported.directories))
        for name, way in ways.items():
            if name == "flux":
                built = kustomizations(way.objects, files, way.urls)
            else:
                built = applications(way.objects, files, way.urls, way.branch or imported.branch)
            found.extend(each for owner, made in built for each in (owner, *made))
    return found


def _each_state(imported: Imported, brought: Sequence[Object]) -> list[Object]:
    """What is brought, and the objects as each change between the first and the last writes them."""
    written = [
        obj
        for change in imported.changes[1:-1]
        for _, obj in documents_of({path: data for path, data in change.files.items() if data is not None})
    ]
    return [*brought, *written]


def apart(asked: Asked, folders: Sequence[str], states: Sequence[Mapping[str, bytes]]) -> tuple[Asked, str]:
    """The one folder to deliver where all describe the same objects, and what is said of it; "" where none do.

    Whoever applies several of them has them undo each other: variants of one app stand beside each other in many repositories.
    """
    holds = {folder: set().union(*(_described(files, folder) for files in states)) for folder in folders}
    chosen: list[str] = []
    clashes: dict[str, str] = {}
    for folder in sorted(folders, key=lambda each: (posixpath.basename(each) not in _LIVE, each)):
        other = next((each for each in chosen if holds[each] & holds[folder]), None)
        if other is None:
            chosen.append(folder)
        else:
            clashes[folder] = other
    if not clashes:
        return asked, ""
    folder, other = next(iter(clashes.items()))
    shared = sorted(holds[folder] & holds[other])
    what = shared[0] + (f" and {len(shared) - 1} more" if shared[1:] else "")
    if len(chosen) > 1:
        return asked, (
            f"{other} and {folder} both describe {what}: they will undo each other; give --path for one of "
            f"{', '.join(sorted(folders))}"
        )
    rest = ", ".join(sorted(clashes))
    told = f"{chosen[0]} is taken; other folders describe the same objects ({what}): for one of them give --path: {rest}"
    return replace(asked, path=chosen[0]), told


_LIVE = ("production", "prod")
"""Of folders that describe the same, the one that counts."""


def _described(files: Mapping[str, bytes], folder: str) -> set[str]:
    """The objects that a folder describes; a Namespace may well be named twice."""
    from kcsim.delivery.ci.render import RenderError, read_objects, render
    from kcsim.manifests import ManifestError

    try:
        return {
            _identity(obj) for obj in read_objects(render(files, folder)) if obj.get("kind") != "Namespace"
        }
    except (RenderError, ManifestError):
        return set()  # what cannot be built is told once it is delivered


def _identity(obj: Object) -> str:
    metadata = obj.get("metadata") or {}
    space = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{str(obj.get('kind', '')).lower()}/{space}{metadata.get('name', '')}"


def _below(files: Mapping[str, bytes], folders: Sequence[str]) -> list[Object]:
    from kcsim.delivery.ci.render import RenderError, read_objects, render
    from kcsim.manifests import ManifestError

    found: list[Object] = []
    for folder in folders:
        try:
            found.extend(read_objects(render(files, folder)))
        except (RenderError, ManifestError):
            found.extend(
                obj for path, obj in documents_of(files) if folder == "." or path.startswith(f"{folder}/")
            )
    return found


# The scenario.


def _document(
    asked: Asked, place: str, name: str, imported: Imported, ways: Mapping[str, SetUp]
) -> dict[str, Any]:
    branches = [way.branch for way in ways.values() if way.branch]
    branch = branches[0] if branches else imported.branch
    pace = asked.pace or format_duration(SETTLES if asked.base is not None else PACE)
    played = len(imported.changes)
    until = (played - 1) * seconds(pace) + REST
    repository: dict[str, Any] = {"name": name, "clone": place, "branch": branch, "pace": pace}
    repository["head"] = asked.head or "HEAD"
    if asked.base is not None:
        repository["base"] = asked.base
    if not ways and asked.path is not None:
        repository["path"] = asked.path
    urls = list(dict.fromkeys(url for way in ways.values() for url in way.urls))
    if urls:
        repository["urls"] = urls
    what = (
        f"What if {asked.head or 'what is checked out'} were merged into {asked.base}?"
        if asked.base is not None
        else f"The history of {name}"
    )
    return {
        "apiVersion": "kcsim/v1",
        "kind": "Scenario",
        "name": f"what-if-{name}",
        "title": what,
        "summary": "",
        "until": format_duration(max(until, HOUR)),
        "cluster": {},
        "repositories": [repository],
        "deliveries": {
            tool: {"type": tool, "objects": [_bare(obj) for obj in way.objects]} for tool, way in ways.items()
        },
    }


def _spokes(brought: Sequence[Object]) -> list[str]:
    """The clusters that Applications name beside the one of Argo CD."""
    names = {
        str((spec(obj).get("destination") or {}).get("name") or "")
        for obj in brought
        if is_kind(obj, terms.GROUP, "Application")
    }
    return sorted(name for name in names - {"", terms.IN_CLUSTER_NAME} if _NAME.fullmatch(name))


_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")


def _place(document: dict[str, Any], beside: Sequence[Object], spokes: Sequence[str]) -> None:
    """One cluster, or a hub and a spoke for each name."""
    if not spokes or "argocd" not in document["deliveries"]:
        document["cluster"] = {"nodes": 3, "objects": list(beside)}
        return
    del document["cluster"]
    names = (terms.IN_CLUSTER_NAME, *spokes)
    document["clusters"] = [{"name": name, "nodes": 3, "objects": list(beside)} for name in names]
    document["deliveries"]["argocd"]["hub"] = terms.IN_CLUSTER_NAME
    if "flux" in document["deliveries"]:
        document["deliveries"]["flux"]["clusters"] = [terms.IN_CLUSTER_NAME]


def _bare(obj: Object) -> Object:
    """As a manifest: without what only a server writes."""
    return {key: value for key, value in obj.items() if key != "status"}


def _plain(brought: Sequence[Object], notes: list[str]) -> dict[str, Any]:
    """A pipeline that pushes, beside Flux with its defaults."""
    notes.append(
        "no objects of Flux or Argo CD are in it: kubectl apply and a Flux Kustomization are compared"
    )
    kustomization: dict[str, Any] = {"prune": True, "wait": True}
    catalog = Catalog(BUILT_IN)
    spaces = {
        (obj.get("metadata") or {}).get("namespace")
        for obj in brought
        if (resource := catalog.by_gvk(gvk_of(obj))) is not None and resource.namespaced
    }
    if spaces == {None}:
        kustomization["targetNamespace"] = "default"
        notes.append("no object names a namespace: Flux gets targetNamespace: default")
    return {"push": {"type": "push"}, "flux": {"type": "flux", "kustomization": kustomization}}


# What is said of it.


def _told(
    asked: Asked,
    imported: Imported,
    brought: Sequence[Object],
    document: Mapping[str, Any],
    described: Sequence[str],
) -> list[str]:
    notes = []
    images = sorted({image for obj in brought for image in _images(obj)} - {*described})
    if "*" in described:
        images = []
    if images:
        some = ", ".join(images[:3]) + (", ..." if images[3:] else "")
        each = (
            "it is pulled, starts at once and answers"
            if len(images) == 1
            else "each is pulled, starts at once and answers"
        )
        notes.append(f"nothing is known of {len(images)} image{'s' * (len(images) > 1)} ({some}): {each}")
    repository = document["repositories"][0]
    if asked.base is not None:
        notes.append(f"merged {repository['pace']} after the base was delivered")
    elif len(imported.changes) > 1 and asked.pace is None:
        notes.append(
            f"{len(imported.changes)} commits, one every {repository['pace']}; --pace says otherwise"
        )
    if imported.skipped:
        notes.append(f"submodules and symbolic links are not followed: {', '.join(imported.skipped[:5])}")
    goes = [spec(obj).get("destination") or {} for obj in brought if is_kind(obj, terms.GROUP, "Application")]
    clusters = sorted(
        {str(each["server"]) for each in goes if each.get("server", terms.IN_CLUSTER) != terms.IN_CLUSTER}
    )
    if clusters:
        notes.append(f"clusters that are not played, their Applications will say so: {', '.join(clusters)}")
    return notes


def _images(obj: Object) -> set[str]:
    """Images of the containers of a workload."""
    found: set[str] = set()
    waiting: list[Any] = [obj.get("spec")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in {"containers", "initContainers"} and isinstance(inner, list):
                    found |= {str(c["image"]) for c in inner if isinstance(c, dict) and c.get("image")}
                elif key in {"template", "spec", "jobTemplate"}:
                    waiting.append(inner)
    return found


def _name_of(place: str) -> str:
    word = "".join(c if c.isalnum() else "-" for c in posixpath.basename(place.rstrip("/")).lower())
    return word.strip("-")[:40].strip("-") or "repository"
