"""Image references: what `nginx`, `ghcr.io/acme/web:v2` and `web@sha256:...` name.

**Imitates:** distribution/reference (`ParseDockerRef`): the default host docker.io, the default path library/, the
default tag latest; a digest wins over a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_HOST = "docker.io"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_TAG = re.compile(r"\w[\w.-]{0,127}\Z", re.ASCII)
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}\Z")


class InvalidReference(ValueError):
    """A text that names no image."""

    def __init__(self, text: str) -> None:
        super().__init__(f'failed to parse image reference "{text}": invalid reference format')


@dataclass(frozen=True, slots=True)
class Reference:
    """A complete reference. `tag` is empty when only a digest is given, `digest` when only a tag is."""

    host: str
    repository: str
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@lru_cache(maxsize=4096)
def parse(text: str) -> Reference:
    """The complete reference behind an image's short name.

    Raises: InvalidReference.
    """
    rest, at, digest = text.partition("@")
    head, slash, tail = rest.partition("/")
    is_host = bool(slash) and ("." in head or ":" in head or head == "localhost")
    host, path = (head, tail) if is_host else (DEFAULT_HOST, rest)
    path, colon, tag = path.partition(":")
    if host == DEFAULT_HOST and "/" not in path:
        path = f"library/{path}"
    if not colon and not at:
        tag = "latest"
    if (
        not _PATH.match(path)
        or ((colon or tag) and not _TAG.match(tag))
        or (at and not _DIGEST.match(digest))
    ):
        raise InvalidReference(text)
    return Reference(host, path, tag, digest)


def untagged(image: str) -> str:
    """An image's name as it is written, without tag and digest; in a pipeline the tag may be a `${{ }}`."""
    name = image.partition("${{")[0].partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name
