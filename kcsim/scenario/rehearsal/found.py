"""The delivery set-up that a repository holds: Flux's and Argo CD's objects among its files.  Decides; never acts.

What stands in a cluster before the first commit is what nobody in the repository applies: the GitRepository and the
Kustomization of `flux bootstrap`, the Application of an app of apps. All else follows from git.
**Walk:** files -> every object of a delivery with its place -> those that another one applies drop out -> where two of a
name are left, the folders part into clusters and one is taken -> the addresses that mean this very repository.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.argocd.projects import normal_url
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.build import BuildFailed, PathNotFound, built
from kcsim.delivery.gitops.flux.toolkit import (
    EXTENSIONS_GROUP,
    KUSTOMIZE_GROUP,
    SOURCE_GROUP,
    source_key,
    source_kind,
    spec,
)
from kcsim.manifests import ManifestError, read
from kcsim.scenario.expanded import is_kind

Files = Mapping[str, bytes]
BOOTSTRAP = "flux-system"
"""What `flux bootstrap` calls its GitRepository, its Kustomization and its folder."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An object of a delivery, and the file it stands in."""

    path: str
    object: Object

    @property
    def key(self) -> tuple[str, str, str]:
        """(kind, namespace, name)."""
        return self.object["kind"], *objects.key(self.object)

    @property
    def folder(self) -> str:
        """The folder of its cluster: the file's, without the one that `flux bootstrap` makes in it."""
        folder = posixpath.dirname(self.path) or "."
        return posixpath.dirname(folder) or "." if posixpath.basename(folder) == BOOTSTRAP else folder


@dataclass(frozen=True, slots=True)
class SetUp:
    """What stands in the cluster of one tool before the first commit.

    Attributes:
        objects: in the order in which they can be created.
        urls: addresses by which they mean this repository.
        branch: the one they follow; None where none of them says.
        notes: what was taken for granted, a sentence each.
    """

    objects: tuple[Object, ...]
    urls: tuple[str, ...]
    branch: str | None
    notes: tuple[str, ...] = field(default=())


def documents_of(files: Files) -> Iterator[tuple[str, Object]]:
    """Every Kubernetes object of the files with its path; files that hold none or cannot be read are passed over.

    Dot directories hold settings of editors and pipelines; what is wrong with a manifest is told by whoever applies it.
    """
    for path in sorted(files):
        if not path.endswith((".yaml", ".yml")) or any(part.startswith(".") for part in path.split("/")):
            continue
        if b"apiVersion" not in files[path]:
            continue
        try:
            for manifest in read(files[path], path):
                yield path, manifest.object
        except ManifestError:
            continue


# Flux.


def flux_set_up(
    files: Files, origin: Sequence[str], branch: str, under: str | None, only: str | None
) -> SetUp | None:
    """The Flux objects of a repository; None where it has no Kustomization of Flux's.

    Args:
        origin: addresses of its remotes, and its name.
        branch: the one that a GitRepository follows which is not in the repository.
        under: only objects in this folder.
        only: the name of a Kustomization: it and what it depends on, nothing else.

    Raises:
        LookupError: there is no Kustomization `only`; its argument names those there are.
    """
    placed = [
        Placed(path, obj)
        for path, obj in documents_of(files)
        if is_kind(obj, KUSTOMIZE_GROUP, "Kustomization")
        or is_kind(obj, SOURCE_GROUP, "GitRepository")
        or is_kind(obj, EXTENSIONS_GROUP, "ArtifactGenerator")
    ]
    chosen = [each for each in placed if _is_below(each.path, under)]
    every = [each for each in chosen if each.key[0] == "Kustomization"]
    if not every:
        return None
    if only is not None:
        roots = _with_dependencies(every, only)
    else:
        roots = _roots(every, files)
    roots, notes = _one_cluster(roots)
    found = [each.object for each in roots]
    folder = roots[0].folder
    generators = _generators(found, folder, placed)
    wanted = _repositories([*found, *generators])
    sources = [each for key in wanted for each in _near("GitRepository", key, folder, placed)]
    taken, lost = _ours(sources, origin, "url")
    known = {objects.key(each) for each in sources}
    for namespace, name in sorted(set(wanted) - known):
        url = f"https://git.invalid/{name}"
        sources.append(install.git_repository(name, url, namespace=namespace, branch=branch))
        taken.append(url)
        if name == BOOTSTRAP and only is None and all(objects.name(each) != BOOTSTRAP for each in found):
            found = [install.kustomization(BOOTSTRAP, BOOTSTRAP, namespace=namespace, path=f"./{folder}")]
            generators = []
            notes.append(f"no GitRepository {name}: taken as `flux bootstrap git --path={folder}` makes it")
        else:
            notes.append(f"no GitRepository {name}: one of this repository is taken, looked at every minute")
    kinds = sorted({source_kind(each) for each in found} - {"GitRepository", "ExternalArtifact"})
    notes.extend(
        f"sources of kind {kind} are not modelled: their Kustomizations will say so" for kind in kinds
    )
    notes.extend(f"GitRepository {name} is another repository: nothing can be fetched of it" for name in lost)
    followed = [(spec(each).get("ref") or {}).get("branch") for each in sources if spec(each)["url"] in taken]
    return SetUp(
        (*sources, *generators, *found),
        tuple(taken),
        next((each for each in followed if each), None),
        tuple(notes),
    )


def _near(kind: str, key: objects.Key, folder: str, placed: Sequence[Placed]) -> list[Object]:
    """The object of that name, of several the one in the folder of their cluster; none where there is none."""
    named = [each for each in placed if each.key == (kind, *key)]
    near = [each for each in named if _is_below(each.path, folder)]
    return [each.object for each in (near or named)[:1]]


def _repositories(users: Sequence[Object]) -> list[objects.Key]:
    """The GitRepositories that Kustomizations and ArtifactGenerators name, each once."""
    keys: list[objects.Key] = []
    for each in users:
        if each["kind"] == "Kustomization":
            keys += [source_key(each)] if source_kind(each) == "GitRepository" else []
            continue
        for source in spec(each).get("sources") or ():
            if source.get("kind") == "GitRepository":
                keys.append((source.get("namespace") or objects.namespace(each), source.get("name", "")))
    return list(dict.fromkeys(keys))


def _generators(found: Sequence[Object], folder: str, placed: Sequence[Placed]) -> list[Object]:
    """The ArtifactGenerators behind the ExternalArtifacts that Kustomizations name, of several of a name the near one."""
    spaces = {source_key(each)[0] for each in found if source_kind(each) == "ExternalArtifact"}
    names = dict.fromkeys(
        objects.key(each.object)
        for each in placed
        if each.key[0] == "ArtifactGenerator" and each.key[1] in spaces
    )
    return [each for key in names for each in _near("ArtifactGenerator", key, folder, placed)]


def _with_dependencies(every: Sequence[Placed], only: str) -> list[Placed]:
    by_name = {objects.name(each.object): each for each in reversed(every)}
    if only not in by_name:
        raise LookupError(*sorted(by_name))
    chosen: dict[str, Placed] = {}
    waiting = [only]
    while waiting:
        name = waiting.pop(0)
        if name in by_name and name not in chosen:
            chosen[name] = by_name[name]
            waiting.extend(each["name"] for each in spec(by_name[name].object).get("dependsOn") or ())
    return list(chosen.values())


def _roots(every: Sequence[Placed], files: Files) -> list[Placed]:
    """Those that no other Kustomization of the repository applies; all of them where each has one that does."""
    applied: set[tuple[str, str, str]] = set()
    folders: list[tuple[Placed, str]] = []
    for each in every:
        folders.append((each, posixpath.normpath((spec(each.object).get("path") or ".").strip("/") or ".")))
        try:
            made = built(each.object, files, {})
        except (PathNotFound, BuildFailed, LookupError):
            continue
        keys = {
            ("Kustomization", *objects.key(o)) for o in made if is_kind(o, KUSTOMIZE_GROUP, "Kustomization")
        }
        applied |= keys - {each.key}
    roots = [
        each
        for each in every
        if each.key not in applied
        and not any(other.key != each.key and _is_below(each.path, path) for other, path in folders)
    ]
    return roots or list(every)


# Argo CD.


def argocd_set_up(files: Files, origin: Sequence[str], under: str | None) -> SetUp | None:
    """The Argo CD objects of a repository; None where it has neither Applications nor ApplicationSets."""
    placed = [
        Placed(path, _in_namespace(obj))
        for path, obj in documents_of(files)
        if is_kind(obj, terms.GROUP, "Application", "ApplicationSet", "AppProject") and _is_below(path, under)
    ]
    if not any(each.key[0] != "AppProject" for each in placed):
        return None
    folders = [
        (each, posixpath.normpath(source.get("path") or "."))
        for each in placed
        if each.key[0] == "Application"
        for source in terms.sources(each.object)
        if source.get("path")
    ]
    roots = [
        each
        for each in placed
        if not any(other.key != each.key and _is_below(each.path, path) for other, path in folders)
    ] or placed
    roots, notes = _one_cluster(roots)
    order = {"AppProject": 0, "Application": 1, "ApplicationSet": 2}
    found = [each.object for each in sorted(roots, key=lambda each: order[each.key[0]])]
    sources = [
        {"metadata": {"name": objects.name(each.object)}, "spec": source}
        for each in placed
        for source in _every_source(each.object)
        if source.get("repoURL") and not source.get("chart")
    ]
    taken, lost = _ours(sources, origin, "repoURL")
    known = {normal_url(url) for url in taken}
    follows = [
        str(each["spec"].get("targetRevision"))
        for each in sources
        if normal_url(each["spec"]["repoURL"]) in known
        and each["spec"].get("targetRevision") not in {None, "HEAD"}
    ]
    notes.extend(
        f"Application {name} is of another repository: nothing can be generated of it" for name in lost
    )
    return SetUp(tuple(found), tuple(taken), follows[0] if follows else None, tuple(notes))


def _in_namespace(obj: Object) -> Object:
    metadata = {"namespace": terms.NAMESPACE, **(obj.get("metadata") or {})}
    return {**obj, "metadata": metadata}


def _every_source(obj: Object) -> list[dict[str, Any]]:
    """The sources of an Application, of an ApplicationSet those of its template and of its git generators."""
    if obj["kind"] == "Application":
        return terms.sources(obj)
    if obj["kind"] == "AppProject":
        return []
    found = terms.sources(spec(obj).get("template") or {})
    waiting = list(spec(obj).get("generators") or ())
    while waiting:
        for kind, part in waiting.pop().items():
            if kind == "git" and part:
                found.append({"repoURL": part.get("repoURL"), "targetRevision": part.get("revision")})
            elif kind in {"matrix", "merge"} and part:
                waiting.extend(part.get("generators") or ())
    return [source for source in found if "{{" not in str(source.get("repoURL"))]


# Both.


def _is_below(path: str, folder: str | None) -> bool:
    return folder in {None, "."} or path.startswith(f"{folder}/")


def _one_cluster(roots: Sequence[Placed]) -> tuple[list[Placed], list[str]]:
    """Objects of one cluster: where two have one name, those of the first of the folders in which they differ."""
    keys = [each.key for each in roots]
    if len(set(keys)) == len(keys):
        return list(roots), []
    shared = [posixpath.dirname(each.path).split("/") for each in roots]
    depth = 0
    while all(len(parts) > depth for parts in shared) and len({parts[depth] for parts in shared}) == 1:
        depth += 1
    names = sorted({"/".join(parts[: depth + 1]) for parts in shared})
    chosen = [
        each for each, parts in zip(roots, shared, strict=True) if "/".join(parts[: depth + 1]) == names[0]
    ]
    unique = {each.key: each for each in reversed(chosen)}
    others = ", ".join(f"--path {name}" for name in names[1:])
    note = f"several clusters are described: {names[0]} is taken"
    return list(unique.values())[::-1], [f"{note}; for another one give {others}" if others else note]


def _ours(sources: Sequence[Object], origin: Sequence[str], field: str) -> tuple[list[str], list[str]]:
    """(addresses that mean this repository, names of sources of others).

    Its remotes say which, else its name on disk; where nothing fits, the address named most often is taken.
    """
    urls = [str(spec(each).get(field, "")) for each in sources]
    remotes = {normal_url(each) for each in origin}
    names = {_last(each) for each in origin}
    taken = [url for url in urls if normal_url(url) in remotes] or [
        url for url in urls if _last(url) in names
    ]
    if not taken and urls:
        taken = [max(dict.fromkeys(urls), key=urls.count)]
    lost = [objects.name(each) for each, url in zip(sources, urls, strict=True) if url not in taken]
    return list(dict.fromkeys(taken)), list(dict.fromkeys(lost))


def _last(url: str) -> str:
    return normal_url(url).rstrip("/").replace(":", "/").rpartition("/")[2]
