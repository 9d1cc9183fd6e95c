"""What a deployment applies: the kubectl command that fits a path of the repository, and the objects behind it.

**Imitates:** what a pipeline's author writes for a repository: `kubectl apply -k DIR` where DIR holds a kustomization,
`kubectl apply -f PATH` for a file or a folder, with `-R` where only folders below it hold manifests. `-k` builds with
kustomize's default load restrictions and, unless `sortOptions` say otherwise, in its old order (namespaces first), as
kubectl does (cli-runtime pkg/resource/kustomizevisitor.go).

**Walk:** the files of a commit and a path -> `render` -> a `Source`: flags and files for kubectl -> `objects`, to find
the workloads to wait for and the images to build.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.kustomize.build import build
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.loader import FILE_NAMES
from kcsim.kubectl.targets import files_below
from kcsim.manifests import ManifestError, dump_all, read

_EXTENSIONS = (".yaml", ".yml", ".json")
_ROLLED_OUT = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


class RenderError(Exception):
    """There is nothing to apply; the text is the line kubectl prints, the cause the KustomizeError."""


@dataclass(frozen=True, slots=True)
class Source:
    """What kubectl is given.

    Attributes:
        flags: as they are typed: `-k deploy`, `-f deploy`, `-R -f deploy`.
        given: the same for a kubectl that is handed built objects as a file.
        files: path -> content, all that kubectl may read.
    """

    flags: tuple[str, ...]
    given: tuple[str, ...]
    files: Mapping[str, str | bytes]


def render(files: Mapping[str, bytes], path: str) -> Source:
    """What `kubectl apply` is called with for a path of the repository.

    Raises: RenderError, when a kustomization cannot be built.
    """
    place = posixpath.normpath(path)
    if place in files:
        return _plain(("-f", place), files)
    inside = _below(files, place)
    if any(name in FILE_NAMES for name in inside):
        return _kustomized(files, place)
    nested = not any("/" not in name and name.endswith(_EXTENSIONS) for name in inside)
    recursive = nested and any(name.endswith(_EXTENSIONS) for name in inside)
    return _plain(("-R", "-f", place) if recursive else ("-f", place), files)


def _plain(flags: tuple[str, ...], files: Mapping[str, bytes]) -> Source:
    return Source(flags, flags, files)


def _kustomized(files: Mapping[str, bytes], place: str) -> Source:
    try:
        objects = build(files, place, reorder="legacy")
    except KustomizeError as error:
        raise RenderError(f"error: {error}") from error
    # kubectl names the folder as the source of what it builds from it, so the folder is the file's name here.
    return Source(("-k", place), ("-f", place), {place: dump_all(objects)})


def _below(files: Mapping[str, bytes], place: str) -> list[str]:
    prefix = "" if place == "." else f"{place}/"
    return [path[len(prefix) :] for path in files if path.startswith(prefix)]


def read_objects(source: Source) -> list[Object]:
    """The objects of a source, in the order in which kubectl applies them.

    Raises: ManifestError.
    """
    place = source.given[-1]
    if place in source.files:
        return [manifest.object for manifest in read(source.files[place], place)]
    paths = files_below(source.files, place, recursive="-R" in source.given)
    return [manifest.object for path in paths for manifest in read(source.files[path], path)]


@dataclass(frozen=True, slots=True)
class Workload:
    """Something `kubectl rollout status` can wait for. `namespace` is "" where the manifest names none."""

    kind: str
    namespace: str
    name: str

    @property
    def word(self) -> str:
        """As it is typed: `deployment/web`."""
        return f"{self.kind.lower()}/{self.name}"


def workloads(objects: Iterable[Object]) -> list[Workload]:
    """The workloads among some objects, in their order."""
    found = (
        Workload(obj["kind"], obj["metadata"].get("namespace") or "", obj["metadata"]["name"])
        for obj in objects
        if obj["kind"] in _ROLLED_OUT and obj["apiVersion"].startswith("apps/")
    )
    return list(dict.fromkeys(found))


def images(files: Mapping[str, bytes], paths: Iterable[str]) -> list[str]:
    """The images that the containers of a commit's manifests name, in their order, each once.

    Manifests that cannot be rendered name none: that they are broken shows when they are deployed.
    """
    found: dict[str, None] = {}
    for path in paths:
        try:
            objects = read_objects(render(files, path))
        except (RenderError, ManifestError):
            continue
        found.update(dict.fromkeys(image for obj in objects for image in _images(obj)))
    return list(found)


def _images(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key in {"containers", "initContainers"} and isinstance(part, list):
                for container in part:
                    if isinstance(container, dict) and isinstance(container.get("image"), str):
                        yield container["image"]
            else:
                yield from _images(part)
    elif isinstance(value, list):
        for part in value:
            yield from _images(part)
