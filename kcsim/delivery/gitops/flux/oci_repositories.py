"""OCIRepository: an artifact in a registry becomes an artifact of source-controller.

**Imitates:** source-controller 1.9 internal/controller/ocirepository_controller.go: which tag or digest, the comparison by
digest alone, verification with cosign or notation (as data), layer selection, the origin in the artifact's metadata. Left
out: credentials beyond the existence of their Secret, providers, certificates, proxies (refused by name).

**Walk:** ref -> digest -> signature -> nothing new: done, or pull -> layer -> ignore rules -> stored.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.gitops.flux import signatures, toolkit
from kcsim.delivery.gitops.flux.artifact import Storage
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.ignore import packed
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import Failure, Stalling
from kcsim.delivery.gitops.flux.signatures import Signed
from kcsim.delivery.gitops.flux.sources import VERIFIED, Sources, Unverified
from kcsim.delivery.gitops.flux.toolkit import OCI_REPOSITORIES, SUCCEEDED, spec
from kcsim.delivery.gitops.flux.versions import highest
from kcsim.delivery.registry.artifacts import REVISION, SOURCE, OciArtifact
from kcsim.delivery.registry.reference import InvalidReference, Reference, parse
from kcsim.delivery.registry.registry import (
    DEFAULT_TIMEOUT,
    Image,
    ImageNotFound,
    Registry,
    RegistryUnavailable,
)

_PREFIX = "oci://"
_ABSENT = {
    "certSecretRef": "certificates of registries",
    "proxySecretRef": "proxies",
    "serviceAccountName": "pull secrets of service accounts",
}
_TROUBLE = (ImageNotFound, RegistryUnavailable, Unreachable)


def answer_of(error: Exception, reference: Reference) -> str:
    """What go-containerregistry says of a registry's refusal."""
    what = reference.digest or reference.tag
    url = f"https://{reference.host}/v2/{reference.repository}/manifests/{what}"
    if isinstance(error, ImageNotFound):
        return f"GET {url}: MANIFEST_UNKNOWN: manifest unknown"
    if isinstance(error, Unreachable):
        return f'Get "https://{reference.host}/v2/": dial tcp {reference.host}:443: i/o timeout'
    return (
        f"GET {url}: {str(error).partition('unexpected status from HEAD request to ')[2].rpartition(': ')[2]}"
    )


class OciRepositories(Sources):
    """The reconciler of OCIRepository."""

    name = "ocirepository"
    resource = OCI_REPOSITORIES

    def __init__(
        self, registry: Registry, signed: Signed, storage: Storage, options: Options, phases: Phases
    ) -> None:
        super().__init__(registry, storage, options, phases)
        self._registry = registry
        self._signed = signed

    def look(self, obj: Object, draft: Draft) -> Generator[Any, Any, str | None]:
        """Ask for the digest; verify, and pull what is new."""
        _refuse(obj)
        yield from self.need_secret(obj)
        reference = yield from self._reference(obj)
        image = yield from self._ask(obj, reference, f"{reference}", pull=False)
        revision = f"{reference.tag}@{image.digest}" if reference.tag else image.digest
        stored = draft.get("artifact")
        known = stored is not None and stored["revision"] == revision
        self.blame(self._registry.record_of(image))
        if not known:
            yield from self.announce(obj, draft, f"new revision '{revision}' for '{reference}'")
        yield from self._verify(obj, draft, reference, image, revision, known=known)
        if known and not _config_changed(obj):
            return None
        image = yield from self._ask(obj, reference, f"{reference.name}@{image.digest}", pull=True)
        artifact = _layer(obj, image)
        self.keep(
            obj,
            draft,
            f"{image.digest}.tar.gz",
            revision,
            packed(artifact.files, spec(obj).get("ignore")),
            self._registry.record_of(image),
            artifact.annotations,
        )
        draft.set("observedIgnore", spec(obj).get("ignore"))
        draft.set("observedLayerSelector", spec(obj).get("layerSelector"))
        news = f"stored artifact with revision '{revision}' from '{spec(obj)['url']}'"
        source, origin = artifact.annotations.get(SOURCE), artifact.annotations.get(REVISION)
        return f"{news}, origin source '{source}', origin revision '{origin}'" if source and origin else news

    def stored_message(self, revision: str) -> str:
        """What is said of a stored artifact."""
        return f"stored artifact for digest '{revision}'"

    def no_secret(self, name: str, why: str) -> str:
        """What is said of a Secret that cannot be read."""
        del name
        return f"failed to get credential: {why}"

    # --- the registry -------------------------------------------------------------------------------------------

    def _reference(self, obj: Object) -> Generator[Any, Any, Reference]:
        """What is asked for; strongest first: digest, semver, tag (getArtifactRef)."""
        url, ref = spec(obj)["url"], spec(obj).get("ref") or {}
        try:
            repository = _repository(url)
        except ValueError as error:
            raise Stalling(f"URL validation failed for '{url}': {error}", "URLInvalid") from error
        if ref.get("digest"):
            return parse(f"{repository}@{ref['digest']}")
        if not ref.get("semver"):
            return parse(f"{repository}:{ref.get('tag') or 'latest'}")
        try:
            tags: list[str] = yield self._registry.list_tags(
                self.component.host, repository, self._timeout(obj)
            )
            wanted = re.compile(ref.get("semverFilter") or "")
            best = highest(ref["semver"], [tag for tag in tags if wanted.search(tag)])
            if best is None:
                raise ValueError(f"no match found for semver: {ref['semver']}")
        except _TROUBLE as error:
            raise _undetermined(url, answer_of(error, parse(repository))) from error
        except (ValueError, re.error) as error:
            raise _undetermined(url, str(error)) from error
        return parse(f"{repository}:{best}")

    def _ask(self, obj: Object, reference: Reference, name: str, *, pull: bool) -> Generator[Any, Any, Image]:
        ask = self._registry.fetch if pull else self._registry.head
        try:
            image: Image = yield ask(self.component.host, name, self._timeout(obj))
        except _TROUBLE as error:
            why = answer_of(error, reference)
            what = f"failed to pull artifact from '{spec(obj)['url']}'" if pull else _NO_DIGEST
            raise Failure(f"{what}: {why}", "OCIArtifactPullFailed") from error
        return image

    @staticmethod
    def _timeout(obj: Object) -> int:
        return toolkit.duration(obj, "timeout", DEFAULT_TIMEOUT)

    # --- signatures ---------------------------------------------------------------------------------------------

    def _verify(
        self, obj: Object, draft: Draft, reference: Reference, image: Image, revision: str, *, known: bool
    ) -> Generator[Any, Any, None]:
        wanted = spec(obj).get("verify")
        if wanted is None:
            draft.drop(VERIFIED)
            return
        before = draft.condition(VERIFIED)
        generation = obj["metadata"].get("generation")
        if (
            known
            and before is not None
            and before["status"] == "True"
            and before.get("observedGeneration") == generation
        ):
            return
        provider = wanted.get("provider", "cosign")
        shown = provider if wanted.get("secretRef") or provider != "cosign" else f"{provider} keyless"
        problem = yield from self._problem(obj, wanted, provider, f"{reference}", image)
        if problem:
            raise Unverified(f"failed to verify the signature using provider '{shown}': {problem}")
        draft.mark(VERIFIED, "True", SUCCEEDED, f"verified signature of revision {revision}")

    def _problem(
        self, obj: Object, wanted: dict[str, Any], provider: str, reference: str, image: Image
    ) -> Generator[Any, Any, str]:
        found = self._signed.of(f"{image.name}@{image.digest}")
        unsigned = f"no matching signatures were found for '{reference}'"
        ref = wanted.get("secretRef")
        if ref is None:
            if provider != "cosign":
                return f"verification secret cannot be empty: '{reference}'"
            allowed = wanted.get("matchOIDCIdentity") or ()
            return "" if signatures.fits_identity(found, allowed) else unsigned
        try:
            secret = yield self.client.get("secrets", objects.namespace(obj), ref["name"])
        except StatusError as error:
            return error.message
        if provider == "notation" and "trustpolicy.json" not in (secret.get("data") or {}):
            return f"'trustpolicy.json' not found in secret '{objects.namespace(obj)}/{ref['name']}'"
        endings = (".pub",) if provider == "cosign" else (".crt", ".pem")
        return "" if signatures.fits(found, signatures.keys(secret, endings)) else unsigned


_NO_DIGEST = "failed to determine artifact digest"


def _undetermined(url: str, why: str) -> Failure:
    return Failure(f"failed to determine the artifact tag for '{url}': {why}", "ReadOperationFailed")


def _refuse(obj: Object) -> None:
    for field, what in _ABSENT.items():
        if spec(obj).get(field):
            raise Stalling(f"spec.{field}: kcsim does not model {what} yet", "NotModelled")
    if spec(obj).get("provider", "generic") != "generic":
        raise Stalling(
            "spec.provider: kcsim does not model providers of registry credentials yet", "NotModelled"
        )


def _repository(url: str) -> str:
    if not url.startswith(_PREFIX):
        raise ValueError("URL must be in format 'oci://<domain>/<org>/<repo>'")
    name = url.removeprefix(_PREFIX)
    tag = name.rpartition("/")[2].partition(":")[2]
    if tag:
        raise ValueError(f"URL must not contain a tag; remove ':{tag}'")
    try:
        return parse(name).name
    except InvalidReference as error:
        raise ValueError(f"could not parse reference: {name}") from error


def _config_changed(obj: Object) -> bool:
    seen = obj.get("status") or {}
    return spec(obj).get("ignore") != seen.get("observedIgnore") or (
        spec(obj).get("layerSelector") != seen.get("observedLayerSelector")
    )


def _layer(obj: Object, image: Image) -> OciArtifact:
    artifact = image.behaviour
    wanted = (spec(obj).get("layerSelector") or {}).get("mediaType", "")
    if not isinstance(artifact, OciArtifact):
        why = f"no layers found in artifact: '{image.name}' holds an image whose files kcsim does not know"
        raise Failure(why, "OCIArtifactLayerOperationFailed")
    if wanted and wanted != artifact.media_type:
        why = f"failed to find layer with media type '{wanted}' in artifact"
        raise Failure(why, "OCIArtifactLayerOperationFailed")
    return artifact
