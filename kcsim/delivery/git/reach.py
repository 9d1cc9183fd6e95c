"""What kustomizations read of each other: paths outside some folders (a base beside its overlays, a shared patch), and which
folders nobody reads, so that they are what there is to deliver.

**Imitates:** nothing; `reached` errs on the side of too much, since a file that is replayed for nothing does no harm: every text in
a kustomization that leaves its folder counts as a path.

**Walk:** the kustomizations of a tree by folder, and the folders that are delivered -> `reached` follows what leaves them,
and what leaves those again.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kcsim.manifests import ManifestError, documents


def reached(folders: Iterable[str], kustomizations: Mapping[str, bytes]) -> tuple[str, ...]:
    """Files and folders outside `folders` that are read from inside, sorted; all paths from the repository's root.

    `kustomizations` maps a folder to the text of its kustomization.
    """
    within = set(folders)
    found: set[str] = set()
    queue = sorted(within)
    while queue:
        place = queue.pop()
        for folder, text in kustomizations.items():
            if is_below(folder, (place,)):
                new = {path for path in _leaving(folder, text) if not is_below(path, within | found)}
                found |= new
                queue.extend(sorted(new))
    return tuple(sorted(path for path in found if not is_below(path, found - {path})))


def unread(folders: Iterable[str], kustomizations: Mapping[str, bytes]) -> set[str]:
    """Those of some folders with manifests that are no base or component of another: what there is to deliver.

    A folder without a kustomization goes with the base it stands in. All of them when each is read by some other.
    """
    given = set(folders)
    parts = {path for folder, text in kustomizations.items() for path in _built_upon(folder, text)}
    parts &= kustomizations.keys()
    left = {
        folder
        for folder in given - parts
        if (folder in kustomizations and not _is_component(kustomizations[folder], folder))
        or (folder not in kustomizations and not is_below(folder, parts - {"."}))
    }
    return left or given


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of some folders, or inside one; `.` is the root."""
    return any(folder in (".", path) or path.startswith(f"{folder}/") for folder in folders)


def _values(folder: str, text: bytes) -> Iterator[Any]:
    try:
        parts = documents(text, folder)
    except ManifestError:
        return  # what it reads cannot be known; that it is broken shows when it is built
    for part in parts:
        yield part.value


def _built_upon(folder: str, text: bytes) -> Iterator[str]:
    """The paths that a kustomization names as resources, bases or components."""
    for value in _values(folder, text):
        for key in ("resources", "bases", "components"):
            named = value.get(key) if isinstance(value, dict) else None
            for path in named if isinstance(named, list) else ():
                if isinstance(path, str) and "://" not in path:
                    yield posixpath.normpath(posixpath.join(folder, path))


def _is_component(text: bytes, folder: str) -> bool:
    return any(
        isinstance(value, dict) and value.get("kind") == "Component" for value in _values(folder, text)
    )


def _leaving(folder: str, text: bytes) -> Iterator[str]:
    for value in _values(folder, text):
        for written in _texts(value):
            # A generator's file may have a key: `app.conf=../shared/app.conf`.
            path = written.rpartition("=")[2]
            if path.startswith("..") and "\n" not in path and "://" not in written:
                place = posixpath.normpath(posixpath.join(folder, path))
                if not place.startswith(".."):
                    yield place


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
