"""Which paths outside some folders the kustomizations inside them read: a base beside its overlays, a shared patch.

**Imitates:** nothing; it errs on the side of too much, since a file that is replayed for nothing does no harm: every text in
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


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of some folders, or inside one; `.` is the root."""
    return any(folder in (".", path) or path.startswith(f"{folder}/") for folder in folders)


def _leaving(folder: str, text: bytes) -> Iterator[str]:
    try:
        parts = documents(text, folder)
    except ManifestError:
        return  # what it reads cannot be known; that it is broken shows when it is built
    for part in parts:
        for written in _texts(part.value):
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
