"""OCI artifacts in a registry: files under a tag, as ``flux push artifact`` puts them there.

**Imitates:** the artifacts of fluxcd/pkg oci: one layer with the files, annotations of the manifest that name where they came from.

**Walk:** ``push`` -> an image whose content is an ``OciArtifact`` -> a tag and a digest that follows from files and annotations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from kcsim.delivery.registry.registry import Image, Registry

LAYER = "application/vnd.cncf.flux.content.v1.tar+gzip"
SOURCE, REVISION = "org.opencontainers.image.source", "org.opencontainers.image.revision"
"""Annotations: where the files came from."""


@dataclass(frozen=True, slots=True)
class OciArtifact:
    """Files by path, read-only, in one layer of ``media_type``; ``annotations`` of the manifest."""

    files: Mapping[str, bytes] = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)
    media_type: str = LAYER

    @property
    def content(self) -> str:
        """A text that is the same for the same artifact."""
        whole = hashlib.sha256()
        for key, value in sorted(self.annotations.items()):
            whole.update(f"{key}={value}\0".encode())
        for path in sorted(self.files):
            whole.update(f"{path}\0{len(self.files[path])}\0".encode())
            whole.update(self.files[path])
        return f"{self.media_type}\0{whole.hexdigest()}"


def artifact_of(
    files: Mapping[str, bytes], *, source: str = "", revision: str = "", media_type: str = LAYER
) -> OciArtifact:
    """The artifact with these files, and where they came from."""
    annotations = {k: v for k, v in ((SOURCE, source), (REVISION, revision)) if v}
    return OciArtifact(files, annotations, media_type)


def push(
    registry: Registry,
    reference: str,
    files: Mapping[str, bytes],
    *,
    source: str = "",
    revision: str = "",
    media_type: str = LAYER,
) -> Image:
    """Store files under a tag, now (``flux push artifact oci://... --source --revision``).

    Raises: InvalidReference.
    """
    artifact = artifact_of(files, source=source, revision=revision, media_type=media_type)
    size = sum(len(data) for data in files.values())
    return registry.push(reference.removeprefix("oci://"), artifact, size=size, content=artifact.content)
