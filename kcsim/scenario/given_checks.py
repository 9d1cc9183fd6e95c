"""Checks of what the objects of a delivery lead to: addresses, branches, folders, projects, and the objects that they name.

Everything here is a warning: the story can be played, and the controllers say in conditions what is missing. What the story makes
later counts as there, and where it cannot be known nothing is told.

**Walk:** the objects under a delivery's `objects` -> what each names -> what the story has of it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.ci.plan import circle
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.argocd.projects import normal_url
from kcsim.manifests import Manifest, Path
from kcsim.scenario.contents import Contents, Place, is_below
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.manifest_checks import Objects
from kcsim.scenario.model import ArgoCD, Flux, Push, Repository, Scenario, Tag
from kcsim.scenario.staging import DEFAULT_BRANCH
from kcsim.scenario.standing import written_in
from kcsim.simulation.places import GIT

FLUX_BRANCH: Final = "master"
"""What a GitRepository follows that has no `ref` (source-controller api/v1, "defaults to master")."""

_NAMES: Final[Mapping[str, tuple[tuple[Path, str], ...]]] = {
    "Kustomization": ((("sourceRef",), ""), (("dependsOn",), "Kustomization")),
    "HelmRelease": (
        (("chart", "spec", "sourceRef"), ""),
        (("chartRef",), ""),
        (("dependsOn",), "HelmRelease"),
    ),
    "HelmChart": ((("sourceRef",), ""),),
    "ImagePolicy": ((("imageRepositoryRef",), "ImageRepository"),),
    "ImageUpdateAutomation": ((("sourceRef",), ""),),
    "Alert": ((("providerRef",), "Provider"), (("eventSources",), "")),
    "Receiver": ((("resources",), ""),),
    "ArtifactGenerator": ((("sources",), ""),),
}
"""Kind of Flux -> where below `spec` it names others, one or a list of them, and their kind; "" where the reference says the kind."""

_MADE: Final = frozenset({"ExternalArtifact", "HelmChart"})
"""Kinds whose objects controllers make."""

_ONE_REVISION: Final = re.compile(r"(?![0-9a-f]{7,40}$)[\w./-]+")
"""A branch or tag; everything else is a range of versions or a commit."""


@dataclass(frozen=True, slots=True)
class _Given:
    """One object of a delivery, and where it is written."""

    manifest: Manifest
    place: Place

    @property
    def object(self) -> Object:
        return self.manifest.object

    @property
    def key(self) -> tuple[str, str, str]:
        return str(self.object["kind"]), objects.namespace(self.object), objects.name(self.object)

    def part(self, *path: str | int) -> Any:
        """The value at a path; None where there is none."""
        found: Any = self.object
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        return found

    def tell(self, report: Report, path: Path, message: str, remedy: str) -> None:
        """Warn of what stands at a path."""
        kind, _, name = self.key
        report.add(
            "KC518", self.place(*self.manifest.positions.of(path)), f"{kind} {name}: {message}", remedy
        )


def addresses(repository: Repository) -> tuple[str, ...]:
    """Every address under which a repository of the story is cloned, its own first."""
    return (f"https://{GIT}/{repository.name}", *repository.urls)


def check_given(scenario: Scenario, contents: Mapping[str, Contents], made: Objects, report: Report) -> None:
    """Warn of objects of deliveries that lead nowhere; `made` is what the story's manifests bring."""
    for way in scenario.deliveries.values():
        if isinstance(way, Push) or not way.objects:
            continue
        given = [_Given(*each) for each in written_in(way, "objects", way.objects)]
        lands = _Lands(scenario, contents, report)
        known = {each.key for each in given} | {
            (kind, namespace, name) for (kind, name), spaces in made.named.items() for namespace in spaces
        }
        complete = not made.open_ended and not made.renamed
        if isinstance(way, Flux):
            _check_flux(given, lands, known if complete else None, report)
        else:
            _check_argocd(way, given, lands, known if complete else None, report)


def _check_flux(
    given: list[_Given], lands: _Lands, known: set[tuple[str, str, str]] | None, report: Report
) -> None:
    sources: dict[tuple[str, str, str], Contents] = {}
    for each in given:
        if each.key[0] == "GitRepository":
            found = lands.repository(each, ("spec", "url"))
            if found is not None and lands.git_reference(each, found):
                sources[each.key] = found
    for each in given:
        if known is not None:
            for path, kind, namespace, name in _references(each):
                if (kind, namespace, name) not in known:
                    there = [at for of, space, at in sorted(known) if of == kind and space == namespace]
                    message = f"there is no {kind} {namespace}/{name}"
                    each.tell(report, path, message, did_you_mean(name, there, f"in {namespace}"))
        if each.key[0] == "Kustomization":
            ref = each.part("spec", "sourceRef") or {}
            key = str(ref.get("kind")), str(ref.get("namespace") or each.key[1]), str(ref.get("name"))
            if key in sources:
                lands.folder(each, ("spec", "path"), sources[key])
    _check_circles(given, report)


def _references(given: _Given) -> Iterator[tuple[Path, str, str, str]]:
    """(where it is named, kind, namespace, name) of each object that one names."""
    for path, kind in _NAMES.get(given.key[0], ()):
        value = given.part("spec", *path)
        for number, ref in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(ref, dict) or not isinstance(ref.get("name"), str) or ref["name"] == "*":
                continue
            where = ("spec", *path, number, "name") if isinstance(value, list) else ("spec", *path, "name")
            wanted = kind or str(ref.get("kind"))
            if wanted not in _MADE:
                yield where, wanted, str(ref.get("namespace") or given.key[1]), ref["name"]


def _check_circles(given: list[_Given], report: Report) -> None:
    waits = {
        f"{each.key[1]}/{each.key[2]}": tuple(
            f"{namespace}/{name}" for path, _, namespace, name in _references(each) if path[1] == "dependsOn"
        )
        for each in given
        if each.key[0] == "Kustomization"
    }
    found = circle(waits)
    if found:
        first = next(each for each in given if each.key == ("Kustomization", *found[0].split("/")))
        message = f"Kustomizations wait for each other in a circle: {' -> '.join([*found, found[0]])}"
        place = first.place(*first.manifest.positions.of_key(("spec", "dependsOn")))
        report.add("KC227", place, message)


def _check_argocd(
    way: ArgoCD,
    given: list[_Given],
    lands: _Lands,
    known: set[tuple[str, str, str]] | None,
    report: Report,
) -> None:
    for each in given:
        if each.key[0] != "Application":
            continue
        project = terms.project_of(each.object)
        projects = sorted({name for kind, _, name in known or () if kind == "AppProject"} | {"default"})
        if known is not None and project not in projects:
            message = f"there is no project {project} in {way.namespace}"
            each.tell(report, ("spec", "project"), message, did_you_mean(project, projects, "projects"))
        several = terms.has_multiple_sources(each.object)
        for number, source in enumerate(terms.sources(each.object)):
            if source.get("chart") or str(source.get("repoURL")).startswith("oci://"):
                continue
            at: Path = ("spec", "sources", number) if several else ("spec", "source")
            found = lands.repository(each, (*at, "repoURL"), str(source.get("repoURL")))
            if found is None:
                continue
            revision = str(source.get("targetRevision") or "HEAD").removeprefix("refs/heads/")
            if lands.revision(each, (*at, "targetRevision"), revision, found) and source.get("path"):
                lands.folder(each, (*at, "path"), found, str(source["path"]))


class _Lands:
    """The repositories of a story, and what objects that lead to them may find there."""

    def __init__(self, scenario: Scenario, contents: Mapping[str, Contents], report: Report) -> None:
        self._scenario, self._contents, self._report = scenario, contents, report
        self._urls = {url: repo.name for repo in scenario.repositories for url in addresses(repo)}
        self._known = {normal_url(url): name for url, name in self._urls.items()}
        self._replayed = any(repo.clone is not None for repo in scenario.repositories)

    def repository(self, given: _Given, path: Path, url: str = "") -> Contents | None:
        """The repository at an address, where its files are known; told where no repository has it."""
        url = url or str(given.part(*path))
        name = self._known.get(normal_url(url))
        if name is not None:
            found = self._contents.get(name)
            return found if found is not None and found.files is not None else None
        if not self._replayed:  # what stands in a real repository names addresses of the whole world
            remedy = did_you_mean(url, self._urls, "addresses of `repositories`")
            given.tell(self._report, path, f"no repository of the story has the address {url}", remedy)
        return None

    def git_reference(self, given: _Given, found: Contents) -> bool:
        """Whether a GitRepository follows the delivered branch; told where its branch or tag never is."""
        ref = given.part("spec", "ref") or {}
        if any(ref.get(other) for other in ("commit", "name", "semver")):
            return False
        path: Path = ("spec", "ref", "tag") if ref.get("tag") else ("spec", "ref", "branch")
        return self.revision(given, path, str(ref.get(path[-1]) or FLUX_BRANCH), found)

    def revision(self, given: _Given, path: Path, name: str, found: Contents) -> bool:
        """Whether a revision is the delivered branch; told where there is never one of that name."""
        delivered = found.repository.branch or DEFAULT_BRANCH
        if name in {"HEAD", delivered}:
            return True
        tags = {
            entry.git_action.name for entry in self._scenario.timeline if isinstance(entry.git_action, Tag)
        }
        there = {delivered, *found.branches, *tags}
        if _ONE_REVISION.fullmatch(name) and name not in there and not found.written_by_pipelines:
            message = f"repository '{found.repository.name}' has no branch or tag {name}"
            if given.part(*path) is None:
                message += ", which is what a GitRepository without `ref` follows"
            given.tell(self._report, path, message, did_you_mean(name, there, "branches and tags"))
        return False

    def folder(self, given: _Given, path: Path, found: Contents, wanted: str = "") -> None:
        """Tell where a folder of a repository is never there."""
        wanted = posixpath.normpath((wanted or str(given.part(*path) or ".")).strip("/"))
        files = {file for state in found.states for file in state}
        if found.written_by_pipelines or any(is_below(file, wanted) or file == wanted for file in files):
            return
        folders = {posixpath.dirname(file) or "." for file in files}
        message = f"repository '{found.repository.name}' has no folder {wanted}"
        given.tell(self._report, path, message, did_you_mean(wanted, folders, "folders"))
