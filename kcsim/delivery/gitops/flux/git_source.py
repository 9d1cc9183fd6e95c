"""What a GitRepository asks for, and what becomes of a checkout.  Decides; never acts.

**Imitates:** source-controller (commitReference, gitContentConfigChanged, summarised conditions), fluxcd/pkg git
(revisions, precedence of refs). Left out: submodules, credentials beyond the existence of their Secret.

**Walk:** spec.ref -> ``wanted`` -> refs of the remote -> ``resolve`` -> ``revision`` -> files -> ``sparse``, ``with_includes``, ``ignore.packed``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.git.repository import HEADS, TAGS
from kcsim.delivery.gitops.flux.signatures import Signature, fits
from kcsim.delivery.gitops.flux.toolkit import spec
from kcsim.delivery.gitops.flux.versions import highest

GIT_OPERATION_FAILED = "GitOperationFailed"
DEFAULT_BRANCH = "master"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is checked out: ``ref`` as git is asked for it, and how a revision is written.

    Attributes:
        shown: the part of a revision before ``@``; "" for a commit alone.
        semver: the range when tags are chosen by one.
    """

    ref: str
    shown: str
    semver: str = ""


def wanted(obj: Object) -> Wanted:
    """What ``spec.ref`` asks for; strongest first: commit, name, semver, tag, branch."""
    ref = spec(obj).get("ref") or {}
    if ref.get("commit"):
        return Wanted(ref["commit"], ref.get("branch", ""))
    if ref.get("name"):
        return Wanted(ref["name"], ref["name"])
    if ref.get("semver"):
        return Wanted("", "", ref["semver"])
    if ref.get("tag"):
        return Wanted(TAGS + ref["tag"], ref["tag"])
    branch = ref.get("branch") or DEFAULT_BRANCH
    return Wanted(HEADS + branch, branch)


def resolve(want: Wanted, refs: Mapping[str, str]) -> Wanted:
    """The same with a range of versions replaced by the highest tag inside it, when there is one."""
    if not want.semver:
        return want
    tags = [name.removeprefix(TAGS) for name in refs if name.startswith(TAGS)]
    best = highest(want.semver, tags)
    return want if best is None else Wanted(TAGS + best, best)


def revision(want: Wanted, sha: str) -> str:
    """As ``status.artifact.revision`` has it: ``main@sha1:<hex>``."""
    return f"{want.shown}@sha1:{sha}" if want.shown else f"sha1:{sha}"


def config_changed(obj: Object) -> bool:
    """Whether the spec asks for other content than the stored artifact holds, at the same commit."""
    seen = obj.get("status") or {}
    return spec(obj).get("ignore") != seen.get("observedIgnore") or (
        spec(obj).get("sparseCheckout") != seen.get("observedSparseCheckout")
    )


_ABSENT = {
    "recurseSubmodules": "submodules",
    "proxySecretRef": "proxies",
}


def not_modelled(obj: Object) -> str:
    """What a GitRepository asks for that is not modelled; "" when nothing."""
    for field, what in _ABSENT.items():
        if spec(obj).get(field):
            return f"spec.{field}: kcsim does not model {what} yet"
    if spec(obj).get("provider", "generic") != "generic":
        return "spec.provider: kcsim does not model providers of git credentials yet"
    return ""


def sparse(files: Mapping[str, bytes], directories: Sequence[str] | None) -> Mapping[str, bytes]:
    """What a sparse checkout of some directories has: they, and the files of the root (git's cone mode)."""
    if not directories:
        return files
    inside = tuple(f"{d.removeprefix('./').rstrip('/')}/" for d in directories)
    return {path: data for path, data in files.items() if "/" not in path or path.startswith(inside)}


def missing_directory(files: Mapping[str, bytes], directories: Sequence[str] | None) -> str:
    """The first directory of a sparse checkout that the repository does not have; "" when it has them all."""
    for each in directories or ():
        path = posixpath.normpath(each)
        if path not in {".", *files} and not any(name.startswith(f"{path}/") for name in files):
            return each
    return ""


def to_path(include: Mapping[str, Any]) -> str:
    """Where an include goes: ``toPath``, or the name of the repository."""
    return include.get("toPath") or str(include["repository"]["name"])


def with_includes(
    files: Mapping[str, bytes], includes: Sequence[tuple[Mapping[str, Any], Mapping[str, bytes]]]
) -> dict[str, bytes]:
    """A checkout with what is included, each entry of ``spec.include`` beside the files of its artifact.

    Raises:
        LookupError: an artifact does not have the path that is asked for; the text says which.
    """
    made = dict(files)
    for include, found in includes:
        source, target = (
            posixpath.normpath(include.get("fromPath") or "."),
            posixpath.normpath(to_path(include)),
        )
        if source in found:
            made[target] = found[source]
            continue
        above = "" if source == "." else f"{source}/"
        inside = {path.removeprefix(above): data for path, data in found.items() if path.startswith(above)}
        if not inside:
            name, where = include["repository"]["name"], include.get("fromPath") or ""
            raise LookupError(
                f"failed to copy '{name}' include from {where} to {to_path(include)}: stat {where}: no such file or directory"
            )
        made.update({posixpath.normpath(f"{target}/{path}"): data for path, data in inside.items()})
    return made


def includes_changed(obj: Object, artifacts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether what is included is not what the stored artifact was made of."""
    seen = obj.get("status") or {}
    if (spec(obj).get("include") or []) != (seen.get("observedInclude") or []):
        return True
    before = seen.get("includedArtifacts") or []
    return [(a["revision"], a["digest"]) for a in artifacts] != [(a["revision"], a["digest"]) for a in before]


# --- signatures -------------------------------------------------------------------------------------------------


def signature_problem(
    mode: str,
    tag: str,
    sha: str,
    of_commit: Sequence[Signature],
    of_tag: Sequence[Signature],
    known: Sequence[str],
) -> str:
    """Why a checkout does not pass ``spec.verify``; "" when it does. ``tag`` is "" when no tag was checked out."""
    if mode in {"Tag", "TagAndHEAD"}:
        if not tag:
            return "cannot verify tag object's signature if a tag reference is not specified"
        if not fits(of_tag, known):
            why = _unknown_key(of_tag)
            return f"signature verification of tag '{tag}@{sha}' failed: unable to verify Git tag: {why}"
    if mode in {"HEAD", "head", "TagAndHEAD"} and not fits(of_commit, known):
        why = _unknown_key(of_commit)
        return f"signature verification of commit '{sha}' failed: unable to verify Git commit: {why}"
    return ""


def _unknown_key(found: Sequence[Signature]) -> str:
    if found:
        return "unable to verify payload with any of the given key rings"
    return "unable to verify payload as the provided signature is empty"


def verified_message(mode: str, tag: str, sha: str) -> str:
    """What SourceVerified=True says."""
    of_tag, of_commit = f"tag '{tag}@{sha}'", f"commit '{sha}'"
    what = {"Tag": [of_tag], "TagAndHEAD": [of_tag, of_commit]}.get(mode, [of_commit])
    return "verified signature of" + "".join(f"\n\t- {each}" for each in what)
