"""Signatures as data: what is signed, and by whom.

Nothing is computed: a commit, a tag or an artifact is signed when somebody said so, and a key fits when it is the same text.

**Imitates:** what cosign, notation, PGP and SSH signatures tell their verifiers (source-controller verifySignature).

**Walk:** whoever makes something -> ``Signed.add(subject, Signature)`` -> a source with ``spec.verify`` asks ``of(subject)`` and
compares with the keys of its Secret, or with the identities it allows.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed: by ``key`` (the text of the public key), or keyless as ``subject`` known to the OIDC ``issuer``."""

    key: str = ""
    issuer: str = ""
    subject: str = ""


class Signed:
    """All signatures of one world.

    Subjects: ``<repository>@<sha>`` of a commit, ``<repository>:<tag>`` of a tag, ``<name>@<digest>`` of an OCI artifact.
    """

    def __init__(self) -> None:
        self._found: dict[str, list[Signature]] = {}

    def add(self, subject: str, signature: Signature) -> None:
        """Something is signed from now on."""
        self._found.setdefault(subject, []).append(signature)

    def of(self, subject: str) -> Sequence[Signature]:
        """The signatures of something."""
        return self._found.get(subject, ())


def keys(secret: Mapping[str, Any], endings: tuple[str, ...]) -> list[str]:
    """The public keys in a Secret: its texts under names that end so, in the order of the names."""
    data = secret.get("data") or {}
    return [
        base64.b64decode(data[name]).decode(errors="replace").strip()
        for name in sorted(data)
        if name.endswith(endings)
    ]


def fits(found: Sequence[Signature], known: Sequence[str]) -> bool:
    """Whether one of the signatures is by one of the keys."""
    return any(signature.key and signature.key.strip() in known for signature in found)


def fits_identity(found: Sequence[Signature], allowed: Sequence[Mapping[str, str]]) -> bool:
    """Whether one of the signatures is keyless and by an allowed identity (regular expressions), or by any when none is named."""
    keyless = [s for s in found if s.issuer]
    if not allowed:
        return bool(keyless)
    return any(
        re.search(identity.get("issuer", ""), s.issuer) and re.search(identity.get("subject", ""), s.subject)
        for s in keyless
        for identity in allowed
    )
