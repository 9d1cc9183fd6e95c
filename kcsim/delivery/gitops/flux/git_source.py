"""What a GitRepository asks for, and what becomes of a checkout.  Decides; never acts.

**Imitates:** source-controller (commitReference, gitContentConfigChanged, summarised conditions), fluxcd/pkg git
(revisions, precedence of refs) and sourceignore (default exclusions). Left out: verification of signatures, includes,
submodules, credentials beyond the existence of their Secret, recursion of ``.sourceignore`` files into sub-directories.

**Walk:** spec.ref -> ``wanted`` -> refs of the remote -> ``head_of`` -> ``revision`` -> files -> ``packed``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.git.repository import HEADS, TAGS
from kcsim.delivery.gitops.flux.toolkit import spec

GIT_OPERATION_FAILED = "GitOperationFailed"
DEFAULT_BRANCH = "master"
_VCS = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
_CI = (
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
)
_EXTENSIONS = ("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip")
_EXTRA = ("**/.goreleaser.yml", "**/.goreleaser.brew.yml", "**/.sops.yaml", "**/.flux.yaml")
DEFAULT_IGNORE = (*_VCS, *_CI, *_EXTENSIONS, *_EXTRA)
"""What an artifact leaves out when ``spec.ignore`` says nothing (sourceignore/sourceignore.go)."""
IGNORE_FILE = ".sourceignore"


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
    "include": "includes of other GitRepositories",
    "verify": "verification of signatures",
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


# --- what is packed ---------------------------------------------------------------------------------------------


def packed(files: Mapping[str, bytes], ignore: str | None) -> dict[str, bytes]:
    """The files of an artifact: without those that the defaults, ``.sourceignore`` or ``spec.ignore`` leave out.

    ``spec.ignore`` takes the place of the defaults; the file's patterns add to them.
    """
    patterns: list[str] = list(DEFAULT_IGNORE) if ignore is None else list(_VCS)
    patterns += _lines(files.get(IGNORE_FILE, b"").decode(errors="replace"))
    patterns += _lines(ignore or "")
    chosen = tuple(patterns)
    return {path: data for path, data in files.items() if not ignored(path, chosen)}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def ignored(path: str, patterns: Sequence[str]) -> bool:
    """Whether gitignore patterns leave a path out; the last that fits decides, and a parent's verdict holds below it."""
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        here, verdict = "/".join(parts[:depth]), False
        for pattern in patterns:
            negated = pattern.startswith("!")
            if _fits(here, depth < len(parts), pattern[1:] if negated else pattern):
                verdict = not negated
        if verdict:
            return True
    return False


def _fits(path: str, is_directory: bool, pattern: str) -> bool:
    if pattern.endswith("/") and not is_directory:
        return False
    body = pattern.rstrip("/")
    anchored = "/" in body
    regex = _regex(body.lstrip("/"))
    return regex.fullmatch(path if anchored else path.rpartition("/")[2]) is not None


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = []
    for piece in re.split(r"(/\*\*/|\*\*/|/\*\*|\*)", pattern):
        if piece == "/**/":
            parts.append("/(?:.*/)?")
        elif piece == "**/":
            parts.append("(?:.*/)?")
        elif piece == "/**":
            parts.append("/.*")
        elif piece == "*":
            parts.append("[^/]*")
        else:
            # fnmatch knows ? and [..]; what it adds around them is taken off again.
            parts.append(re.sub(r"\\Z$|\\z$", "", translate(piece)).removeprefix("(?s:").removesuffix(")"))
    return re.compile("".join(parts), re.DOTALL)


# --- versions ---------------------------------------------------------------------------------------------------

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$")
Version = tuple[int, int, int]


def _version(text: str) -> tuple[Version, str] | None:
    found = _VERSION.match(text)
    return ((int(found[1]), int(found[2]), int(found[3])), found[4] or "") if found else None


def highest(constraint: str, tags: Sequence[str]) -> str | None:
    """The highest tag that a semver range allows; None when none does. Pre-releases only where the range names one.

    Raises:
        ValueError: the range cannot be read.
    """
    alternatives = [_terms(part) for part in constraint.split("||")]
    with_pre = "-" in constraint.replace(" - ", " ")
    best: tuple[Any, str] | None = None
    for tag in sorted(tags):
        found = _version(tag)
        if found is None or (found[1] and not with_pre):
            continue
        if any(all(_holds(found[0], op, bound) for op, bound in terms) for terms in alternatives):
            rank = (found[0], not found[1], found[1])
            if best is None or rank >= best[0]:
                best = (rank, tag)
    return None if best is None else best[1]


def _terms(text: str) -> list[tuple[str, Version]]:
    terms: list[tuple[str, Version]] = []
    text = re.sub(r"(\S+)\s+-\s+(\S+)", r">=\1 <=\2", text.strip())
    for word in re.findall(r"(?:[<>=!~^]+\s*)?[^\s,<>=!~^]+", text):
        found = re.match(r"([<>=!~^]*)\s*v?([0-9xX*]+)(?:\.([0-9xX*]+))?(?:\.([0-9xX*]+))?", word)
        if found is None:
            raise ValueError(f"improper constraint: {text}")
        terms.extend(_bounds(found[1], [found[2], found[3], found[4]]))
    if not terms and text not in {"*", ""}:
        raise ValueError(f"improper constraint: {text}")
    return terms


def _bounds(op: str, parts: list[str | None]) -> list[tuple[str, Version]]:
    """A term as lower and upper bounds (Masterminds/semver: ~ and ^, and partial versions as ranges)."""
    known = [int(p) for p in parts if p is not None and p.isdigit()]
    if not known:
        return []
    low: Version = (*known, 0, 0)[:3]  # type: ignore[assignment]
    if op in {"", "="} and len(known) == 3:
        return [("=", low)]
    if op in {">", ">=", "<", "<=", "!="}:
        return [(op, low)]
    if op == "^":
        place = next((i for i, n in enumerate(known) if n), len(known) - 1)
    else:
        place = min(len(known) - 1, 1)
    high = [*low[: place + 1], 0, 0, 0][:3]
    high[place] += 1
    return [(">=", low), ("<", (high[0], high[1], high[2]))]


def _holds(version: Version, op: str, bound: Version) -> bool:
    return {
        "=": version == bound,
        "!=": version != bound,
        ">": version > bound,
        ">=": version >= bound,
        "<": version < bound,
        "<=": version <= bound,
    }[op]
