"""Artifacts: what a source has packed, where source-controller keeps it, and how consumers get it over the network.

A source-controller keeps its artifacts in its pod and serves them from there; when the pod is gone, so are they. Who
consumes them asks through the Service, which leads to the pod of the elected leader.

**Imitates:** fluxcd/pkg artifact/storage (paths, digests, garbage collection), artifact/server, http/fetch. Left out:
the bytes of the tarball (the files travel as they are).

**Walk:** ``Storage.add`` -> the pod serves it (``Doors``) -> ``Servers.fetch`` from another host -> an ``Artifact``,
``NotStored`` (404), or ``DownloadFailed`` after the retries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.client import Endpoint
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.gitops.flux.doors import ConnectionRefused, Doors
from kcsim.engine.clock import MILLISECOND, SECOND, rfc3339
from kcsim.engine.task import Sleep, Steps
from kcsim.engine.trace import Record
from kcsim.profile.distributions import Distribution, Skewed

RETENTION = 60 * SECOND
RECORDS = 2
"""Stale files older than RETENTION go, and the oldest where more than RECORDS remain (artifact/config)."""
RETRIES = 9
RETRY_FIRST, RETRY_MOST = 5 * SECOND, 30 * SECOND
"""Of the download client (http/fetch/archive_fetcher.go)."""
_SERVE: Distribution = Skewed(5 * MILLISECOND, 60 * MILLISECOND)
"""Assumed: a small tarball from a local disk, and its extraction."""


class NotStored(Exception):
    """The file server answered 404 (fetch.ErrFileNotFound)."""

    def __init__(self) -> None:
        super().__init__("file not found")


class DownloadFailed(Exception):
    """No answer after all retries."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One packed revision of a source.

    Attributes:
        path: below the storage's root; also the end of the URL.
        files: path -> content; read-only.
        record: the trace record of what brought the revision: the cause of what is done with it.
        stored_at: µs.
        metadata: what the source says of the revision: the annotations of an OCI artifact.
    """

    revision: str
    digest: str
    path: str
    url: str
    size: int
    files: Mapping[str, bytes] = field(repr=False, compare=False)
    record: Record | None = field(repr=False, compare=False)
    stored_at: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict, compare=False)

    def to_status(self) -> dict[str, Any]:
        """``status.artifact``."""
        status = {
            "digest": self.digest,
            "lastUpdateTime": rfc3339(self.stored_at),
            "path": self.path,
            "revision": self.revision,
            "size": self.size,
            "url": self.url,
        }
        return {**status, "metadata": dict(self.metadata)} if self.metadata else status


def digest_of(files: Mapping[str, bytes]) -> str:
    """The digest of an artifact with these files: of paths and contents, whoever committed them."""
    whole = hashlib.sha256()
    for path in sorted(files):
        whole.update(f"{path}\0{len(files[path])}\0".encode())
        whole.update(files[path])
    return f"sha256:{whole.hexdigest()}"


class Storage:
    """The artifacts in one source-controller's pod."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._files: dict[str, Artifact] = {}

    def add(
        self,
        source: str,
        file: str,
        revision: str,
        files: Mapping[str, bytes],
        record: Record | None,
        now: int,
        metadata: Mapping[str, str] | None = None,
    ) -> Artifact:
        """Pack files under ``<source>/<file>`` and keep them. ``source`` is ``gitrepository/<namespace>/<name>``."""
        path = f"{source}/{file}"
        size = sum(len(data) for data in files.values())
        url = f"http://{self._address}/{path}"
        artifact = Artifact(revision, digest_of(files), path, url, size, files, record, now, metadata or {})
        self._files[path] = artifact
        return artifact

    def get(self, path: str) -> Artifact | None:
        """What is stored under a path."""
        return self._files.get(path)

    def has(self, status: Mapping[str, Any]) -> bool:
        """Whether the artifact that a status names is there."""
        found = self._files.get(status.get("path", ""))
        return found is not None and found.digest == status.get("digest")

    def collect(self, source: str, current: str, now: int) -> None:
        """Throw away stale files of a source; ``current`` is the path of the one in use."""
        mine = [a for path, a in self._files.items() if path.startswith(f"{source}/") and path != current]
        mine.sort(key=lambda a: (a.stored_at, a.path), reverse=True)
        for place, artifact in enumerate(mine):
            if now - artifact.stored_at > RETENTION or place >= RECORDS - 1:
                del self._files[artifact.path]

    def remove(self, source: str) -> None:
        """Throw away everything of a source."""
        for path in [p for p in self._files if p.startswith(f"{source}/")]:
            del self._files[path]


class Servers:
    """Who serves the artifacts of which installation: the Services of source-controller and source-watcher."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def fetch(self, endpoint: Endpoint, source: str, status: Mapping[str, Any]) -> Steps:
        """A task's steps: download, from host ``source``, the artifact that a status names; returns it.

        Raises:
            NotStored: at once, when the server does not have it.
            DownloadFailed: when nobody could be reached, retries included.
        """
        url, path, why = status["url"], status["path"], ""
        service, namespace = _host_of(url).split(".")[:2]
        stream = f"artifacts {source}"
        dice = endpoint.engine.dice(stream)

        def serve(storage: Storage) -> tuple[Artifact, int]:
            found = storage.get(path)
            if found is None:
                raise NotStored
            return found, dice.draw(_SERVE)

        for attempt in range(RETRIES + 1):
            if attempt:
                yield Sleep(endpoint.engine, min(RETRY_FIRST << (attempt - 1), RETRY_MOST))
            try:
                return (yield self._doors.ask(endpoint, namespace, service, source, serve, dice=stream))
            except Unreachable:
                why = f"dial tcp {_host_of(url)}:80: i/o timeout"
            except ConnectionRefused:
                why = f"dial tcp {_host_of(url)}:80: connect: connection refused"
        raise DownloadFailed(
            f"failed to download archive: GET {url} giving up after {RETRIES + 1} attempt(s): "
            f'Get "{url}": {why}'
        )


def _host_of(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]
