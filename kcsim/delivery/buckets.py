"""An object store on the network: buckets of objects by key, as S3 and its kin serve them.

**Imitates:** the S3 API as minio-go's clients see it: listing with entity tags, getting objects. Left out: versions, access
rights, multipart uploads; the keys of a bucket's Secret are not looked at.

**Walk:** somebody ``put``s an object -> its entity tag -> a client ``list``s from its host, then ``get``s all it wants.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kcsim.delivery.exchange import Exchange, Path
from kcsim.engine.clock import MILLISECOND, SECOND
from kcsim.engine.core import Engine
from kcsim.engine.trace import Record
from kcsim.network.topology import Network
from kcsim.profile.distributions import Distribution, Skewed

DEFAULT_TIMEOUT = 60 * SECOND
_LIST: Distribution = Skewed(80 * MILLISECOND, 400 * MILLISECOND)
_GET: Distribution = Skewed(200 * MILLISECOND, SECOND)
"""Assumed: no published measurement; all objects of a small bucket, a hundred at a time."""


class BucketNotFound(Exception):
    """The store has no such bucket."""

    def __init__(self, bucket: str) -> None:
        super().__init__(f"bucket '{bucket}' does not exist")


class StoreUnavailable(Exception):
    """The store is up but refuses to work."""

    def __init__(self) -> None:
        super().__init__("503 Service Unavailable")


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects of a bucket: entity tag and content by key, and what wrote to it last. Read-only."""

    etags: Mapping[str, str]
    objects: Mapping[str, bytes]
    record: Record | None


class ObjectStore:
    """An object store; ``name`` is its host on the network."""

    counts_questions = False

    def __init__(self, engine: Engine, network: Network, name: str) -> None:
        self._engine = engine
        self._network = network
        self.name = name
        self._available = True
        self._buckets: dict[str, dict[str, bytes]] = {}
        self._records: dict[str, Record] = {}
        self._listeners: list[Callable[[], None]] = []

    @property
    def available(self) -> bool:
        """Whether it works; while it does not it answers 503."""
        return self._available

    @available.setter
    def available(self, value: bool) -> None:
        self._available = value
        self._changed()

    @property
    def look(self) -> int:
        """How long (µs) a listing typically takes."""
        return _LIST.at(0.5)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever clients may get another answer."""
        self._listeners.append(listener)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    # --- what it holds ------------------------------------------------------------------------------------------

    def create(self, bucket: str) -> None:
        """Make an empty bucket; nothing happens when there is one."""
        self._buckets.setdefault(bucket, {})
        self._changed()

    def put(self, bucket: str, objects: Mapping[str, bytes | None]) -> None:
        """Write objects by key now; None deletes one.

        Raises: BucketNotFound.
        """
        held = dict(self._held(bucket))
        for key, content in objects.items():
            if content is None:
                held.pop(key, None)
            else:
                held[key] = content
        self._buckets[bucket] = held
        detail = {"keys": sorted(objects)}
        record = self._engine.note(f"object-store {self.name}", "put", f"bucket/{bucket}", detail)
        self._records[bucket] = record
        with self._engine.because(record):
            self._changed()

    def _held(self, bucket: str) -> dict[str, bytes]:
        if bucket not in self._buckets:
            raise BucketNotFound(bucket)
        return self._buckets[bucket]

    # --- over the network ---------------------------------------------------------------------------------------

    def list(self, source: str, bucket: str, prefix: str = "", timeout: int = DEFAULT_TIMEOUT) -> Exchange:
        """Ask from host ``source`` what is in a bucket; the value is a ``Listing``.

        Raises (where it is waited for): Unreachable, BucketNotFound, StoreUnavailable.
        """
        return self._ask(source, bucket, prefix, timeout, _LIST)

    def get(self, source: str, bucket: str, prefix: str = "", timeout: int = DEFAULT_TIMEOUT) -> Exchange:
        """Download, to host ``source``, all objects under a prefix; the value is a ``Listing``. Raises as ``list``."""
        return self._ask(source, bucket, prefix, timeout, _GET)

    def _ask(self, source: str, bucket: str, prefix: str, timeout: int, work: Distribution) -> Exchange:
        def serve() -> tuple[Listing, int]:
            if not self._available:
                raise StoreUnavailable
            held = {k: v for k, v in sorted(self._held(bucket).items()) if k.startswith(prefix)}
            etags = {k: hashlib.md5(v, usedforsecurity=False).hexdigest() for k, v in held.items()}
            dice = self._engine.dice(f"object-store {self.name}")
            return Listing(etags, held, self._records.get(bucket)), dice.draw(work)

        path = Path(
            self._engine, self._network, source, self.name, f"object-store {self.name} {source}", timeout
        )
        return Exchange(path, serve)
