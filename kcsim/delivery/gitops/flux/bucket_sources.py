"""Bucket: the objects of a bucket become an artifact.

**Imitates:** source-controller 1.9 internal/controller/bucket_controller.go and internal/index (the revision: a digest of keys and
entity tags). Left out: providers other than ``generic`` and ``aws``, certificates, proxies, STS (refused by name); the keys in
the Secret are not looked at.

**Walk:** the listing of the bucket, without what ignore rules leave out -> a digest -> nothing new: done, or all objects -> stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.buckets import DEFAULT_TIMEOUT, BucketNotFound, Listing, ObjectStore, StoreUnavailable
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.gitops.flux import toolkit
from kcsim.delivery.gitops.flux.artifact import Storage
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.ignore import IGNORE_FILE, ignored, told
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import Failure, Stalling
from kcsim.delivery.gitops.flux.sources import Sources
from kcsim.delivery.gitops.flux.toolkit import BUCKETS, spec

OPERATION_FAILED = "BucketOperationFailed"
_ABSENT = {"certSecretRef": "certificates of object stores", "proxySecretRef": "proxies", "sts": "STS"}
_PROVIDERS = ("generic", "aws")


def index(listing: Listing, ignore: str | None) -> dict[str, str]:
    """Entity tags by key of all that belongs to the artifact; there are no default exclusions here (fetchEtagIndex)."""
    own = {k: v for k, v in listing.objects.items() if k == IGNORE_FILE}
    chosen = told(own, ignore)
    return {
        key: etag
        for key, etag in listing.etags.items()
        if not key.endswith("/") and key != IGNORE_FILE and not ignored(key, chosen)
    }


def revision_of(etags: Mapping[str, str]) -> str:
    """The digest of an index (internal/index Digester)."""
    text = "".join(f"{key} {etags[key]}\n" for key in sorted(etags))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


class Buckets(Sources):
    """The reconciler of Bucket; ``stores`` by the host that ``spec.endpoint`` names."""

    name = "bucket"
    resource = BUCKETS

    def __init__(
        self, stores: Mapping[str, ObjectStore], storage: Storage, options: Options, phases: Phases
    ) -> None:
        super().__init__(_All(stores), storage, options, phases)
        self._stores = stores

    def look(self, obj: Object, draft: Draft) -> Generator[Any, Any, str | None]:
        """List the bucket; fetch and pack what is new."""
        _refuse(obj)
        yield from self.need_secret(obj)
        listing = yield from self._ask(obj, whole=False)
        etags, stored = index(listing, spec(obj).get("ignore")), draft.get("artifact")
        revision = revision_of(etags)
        self.blame(listing.record)
        if stored is not None and stored["revision"] == revision:
            return None
        listing = yield from self._ask(obj, whole=True)
        etags = index(listing, spec(obj).get("ignore"))  # upstream, too, recomputes what changed meanwhile
        revision = revision_of(etags)
        yield from self.announce(obj, draft, f"new upstream revision '{revision}'")
        files = {key: listing.objects[key] for key in etags}
        self.keep(obj, draft, f"{revision.partition(':')[2]}.tar.gz", revision, files, listing.record)
        draft.set("observedIgnore", spec(obj).get("ignore"))
        return f"stored artifact with {len(etags)} fetched files from '{spec(obj)['bucketName']}' bucket"

    def stored_message(self, revision: str) -> str:
        """What is said of a stored artifact."""
        return f"stored artifact: revision '{revision}'"

    def _ask(self, obj: Object, *, whole: bool) -> Generator[Any, Any, Listing]:
        wanted = spec(obj)
        name, host = wanted["bucketName"], wanted["endpoint"].partition(":")[0]
        store = self._stores.get(host)
        what = f"failed to confirm existence of '{name}' bucket"
        if store is None:
            why = f'Get "https://{wanted["endpoint"]}/{name}/": dial tcp: lookup {host}: no such host'
            raise Failure(f"{what}: {why}", OPERATION_FAILED)
        ask = store.get if whole else store.list
        timeout = toolkit.duration(obj, "timeout", DEFAULT_TIMEOUT)
        try:
            listing: Listing = yield ask(self.component.host, name, wanted.get("prefix", ""), timeout)
        except BucketNotFound as error:
            raise Failure(str(error), OPERATION_FAILED) from error
        except Unreachable as error:
            raise Failure(f"{what}: dial tcp {host}:443: i/o timeout", OPERATION_FAILED) from error
        except StoreUnavailable as error:
            raise Failure(f"{what}: {error}", OPERATION_FAILED) from error
        return listing


class _All:
    """Several stores as one that is looked at."""

    counts_questions = False

    def __init__(self, stores: Mapping[str, ObjectStore]) -> None:
        self._stores = stores

    @property
    def look(self) -> int:
        return max((store.look for store in self._stores.values()), default=0)

    def on_change(self, listener: Any) -> None:
        for store in self._stores.values():
            store.on_change(listener)


def _refuse(obj: Object) -> None:
    for field, what in _ABSENT.items():
        if spec(obj).get(field):
            raise Stalling(f"spec.{field}: kcsim does not model {what} yet", "NotModelled")
    if spec(obj).get("provider", "generic") not in _PROVIDERS:
        raise Stalling(
            f"spec.provider: kcsim does not model the provider {spec(obj)['provider']} yet", "NotModelled"
        )
