"""Helm's storage: each revision of a release is a Secret, whose content is a JSON text, gzipped and encoded.

**Imitates:** helm 4 pkg/release/v1 (the fields), pkg/storage/driver (secrets.go, util.go, labels.go) and pkg/storage/storage.go (names,
which revisions go). Differs: the gzip holds its text uncompressed, so that it is the same whatever library packs it; of the chart
only what Chart.yaml says is kept.

**Walk:** ``Storage.create``, ``update``, ``delete`` -> Secrets, and whoever ``observes`` is told -> ``history`` reads them back.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kcsim.api.client import Client
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND, rfc3339
from kcsim.engine.core import Engine

TYPE = "helm.sh/release.v1"
DEPLOYED, FAILED, SUPERSEDED, UNINSTALLED = "deployed", "failed", "superseded", "uninstalled"
UNINSTALLING = "uninstalling"
PENDING = frozenset({"pending-install", "pending-upgrade", "pending-rollback"})
_BLOCK = 0xFFFF


class StorageError(Exception):
    """The storage would not do it; the text is Helm's."""


@dataclass(frozen=True, slots=True)
class HookRun:
    """When a hook ran last, and how it ended: ``Succeeded``, ``Failed``, ``Running``."""

    started_at: str = ""
    completed_at: str = ""
    phase: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """An object that is created at certain moments of a release's life.

    Attributes:
        path: the file of the chart that it stands in.
        events: the moments: ``pre-install``, ``test`` and so on.
    """

    name: str
    kind: str
    path: str
    manifest: str
    events: tuple[str, ...]
    weight: int = 0
    delete_policies: tuple[str, ...] = ()
    last_run: HookRun = HookRun()


@dataclass(frozen=True, slots=True)
class Release:
    """One revision of a release; times as RFC 3339 texts.

    Attributes:
        chart: what Chart.yaml says.
        config: the values that were given.
    """

    name: str
    namespace: str
    version: int
    chart: Mapping[str, Any]
    config: Mapping[str, Any]
    manifest: str
    hooks: tuple[Hook, ...]
    status: str
    description: str
    first_deployed: str
    last_deployed: str
    deleted: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def becomes(self, status: str, description: str = "") -> Release:
        """The revision with another status."""
        return replace(self, status=status, description=description or self.description)

    @property
    def key(self) -> str:
        """The name of its Secret."""
        return f"sh.helm.release.v1.{self.name}.v{self.version}"

    def to_json(self) -> dict[str, Any]:
        """As Helm writes it."""
        info = {
            "first_deployed": self.first_deployed,
            "last_deployed": self.last_deployed,
            "deleted": self.deleted,
            "description": self.description,
            "status": self.status,
        }
        made: dict[str, Any] = {"name": self.name, "info": info, "chart": {"metadata": dict(self.chart)}}
        if self.config:
            made["config"] = dict(self.config)
        made["manifest"] = self.manifest
        if self.hooks:
            made["hooks"] = [_omitted(asdict(hook)) for hook in self.hooks]
        return {**made, "version": self.version, "namespace": self.namespace, "apply_method": "ssa"}

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Release:
        """The revision behind a JSON object.

        Raises: KeyError, TypeError.
        """
        info = given["info"]
        hooks = tuple(
            Hook(
                **{
                    **hook,
                    "events": tuple(hook.get("events") or ()),
                    "delete_policies": tuple(hook.get("delete_policies") or ()),
                    "last_run": HookRun(**(hook.get("last_run") or {})),
                }
            )
            for hook in given.get("hooks") or ()
        )
        return cls(
            given["name"],
            given["namespace"],
            given["version"],
            given["chart"]["metadata"],
            given.get("config") or {},
            given.get("manifest") or "",
            hooks,
            info["status"],
            info.get("description", ""),
            info["first_deployed"],
            info["last_deployed"],
            info.get("deleted", ""),
        )

    @property
    def digest(self) -> str:
        """By what a snapshot knows it: everything but the hooks of tests (internal/release Observation)."""
        told = self.to_json()
        hooks = [hook for hook in self.hooks if "test" not in hook.events]
        whole = {**told, "hooks": [_omitted(asdict(hook)) for hook in hooks]}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _omitted(hook: dict[str, Any]) -> dict[str, Any]:
    run = {key: value for key, value in hook["last_run"].items() if value}
    lists = {key: list(value) for key, value in hook.items() if isinstance(value, tuple)}
    return {key: value for key, value in {**hook, **lists, "last_run": run}.items() if value}


# --- the content of a Secret ------------------------------------------------------------------------------------


def encoded(release: Release) -> str:
    """``data.release``: JSON, gzip, base64 by Helm, and once more as any value of a Secret."""
    text = json.dumps(release.to_json(), separators=(",", ":")).encode()
    return base64.b64encode(base64.b64encode(_gzip(text))).decode()


def decoded(secret: Object) -> Release | None:
    """The revision in a Secret; None where it holds none."""
    try:
        packed = base64.b64decode(base64.b64decode((secret.get("data") or {})["release"]))
        return Release.from_json(json.loads(gzip.decompress(packed)))
    except (KeyError, TypeError, ValueError, binascii.Error, OSError, EOFError, zlib.error):
        return None


def _gzip(data: bytes) -> bytes:
    """A gzip file of stored blocks: what compression libraries make of a text differs from one to another."""
    made = bytearray(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff")
    for start in range(0, max(len(data), 1), _BLOCK):
        block = data[start : start + _BLOCK]
        last = start + _BLOCK >= len(data)
        made += struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block
    return bytes(made + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))


# --- the storage ------------------------------------------------------------------------------------------------


class Storage:
    """The revisions of releases in one namespace; ``observes`` is told of each that is written or deleted."""

    def __init__(
        self, client: Client, namespace: str, engine: Engine, observes: Callable[[Release], None]
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._engine = engine
        self.observes = observes

    def history(self, name: str) -> Generator[Any, Any, list[Release]]:
        """The revisions of a release, the newest first.

        Raises:
            StorageError: they cannot be read.
        """
        selector = f"name={name},owner=helm"
        try:
            found = yield self._client.list("secrets", self._namespace, label_selector=selector)
        except StatusError as error:
            raise StorageError(f"query: failed to query with labels: {error.message}") from error
        held = [release for secret in found["items"] if (release := decoded(secret)) is not None]
        return sorted(held, key=lambda release: -release.version)

    def last(self, name: str) -> Generator[Any, Any, Release | None]:
        """The newest revision of a release; None where there is none. Raises as ``history``."""
        found = yield from self.history(name)
        return found[0] if found else None

    def create(self, release: Release, most: int = 0) -> Generator[Any, Any, None]:
        """Keep a new revision; of more than ``most`` the oldest go, never the one that is deployed. 0: all stay.

        Raises:
            StorageError: it cannot be written.
        """
        if most:
            yield from self._shorten(release.name, most - 1)
        body = self._secret(release, {"createdAt": str(self._engine.now // SECOND)})
        try:
            yield self._client.create("secrets", body)
        except StatusError as error:
            raise StorageError(f"create: failed to create: {error.message}") from error
        self.observes(release)

    def update(self, release: Release) -> Generator[Any, Any, None]:
        """Write a revision that is kept already. Raises as ``create``."""
        body = self._secret(release, {"modifiedAt": str(self._engine.now // SECOND)})
        try:
            yield self._client.update("secrets", body)
        except StatusError as error:
            raise StorageError(f"update: failed to update: {error.message}") from error
        self.observes(release)

    def delete(self, release: Release) -> Generator[Any, Any, None]:
        """Throw a revision away; nothing happens where it is gone. Raises as ``create``."""
        try:
            yield self._client.delete("secrets", self._namespace, release.key)
        except StatusError as error:
            if not error.is_not_found:
                raise StorageError(f"delete: failed to delete: {error.message}") from error
        self.observes(release)

    def _shorten(self, name: str, most: int) -> Generator[Any, Any, None]:
        held = yield from self.history(name)
        kept = {release.version for release in held if release.status == DEPLOYED}
        surplus = len(held) - most
        for release in reversed(held):
            if surplus <= 0:
                return
            if release.version not in kept:
                surplus -= 1
                try:
                    yield self._client.delete("secrets", self._namespace, release.key)
                except StatusError as error:
                    if not error.is_not_found:
                        raise StorageError(f"delete: failed to delete: {error.message}") from error

    def _secret(self, release: Release, more: Mapping[str, str]) -> Object:
        labels = {
            **more,
            "name": release.name,
            "owner": "helm",
            "status": release.status,
            "version": str(release.version),
        }
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": release.key, "namespace": self._namespace, "labels": labels},
            "type": TYPE,
            "data": {"release": encoded(release)},
        }


def now_text(engine: Engine) -> str:
    """The present as a release writes it."""
    return rfc3339(engine.now)


def deployed_of(history: Sequence[Release]) -> Release | None:
    """The newest revision that is deployed."""
    return next((release for release in history if release.status == DEPLOYED), None)
