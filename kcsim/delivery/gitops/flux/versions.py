"""Semantic versions: which of some tags a range of versions allows, and which is the highest.  Pure.

**Imitates:** Masterminds/semver v3 constraints.go and fluxcd/pkg version (what counts as a version), by which GitRepository and
OCIRepository choose tags and ImagePolicy chooses images. Build metadata plays no part.

**Walk:** a range -> alternatives of terms -> each version must meet all terms of one -> the highest that does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_PRE = r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
_META = r"(?:\+[0-9A-Za-z.-]+)?"
_VERSION = re.compile(rf"v?(\d+)\.(\d+)\.(\d+){_PRE}{_META}\Z")
_PART = r"(\d+|[xX*])"
_TERM = re.compile(rf"(=|!=|>=|=>|<=|=<|>|<|~>|~|\^|)\s*v?{_PART}(?:\.{_PART})?(?:\.{_PART})?{_PRE}{_META}\Z")
_HYPHEN = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*\Z")
_SPACE_AFTER_SIGN = re.compile(r"([=!<>~^])\s+")
_SAME_AS = {"=>": ">=", "=<": "<=", "~>": "~", "": "="}


@dataclass(frozen=True, slots=True)
class Version:
    """A version; ``pre`` is "" for a release."""

    major: int
    minor: int
    patch: int
    pre: str = ""

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Major, minor and patch."""
        return self.major, self.minor, self.patch

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{self.pre}" if self.pre else "")

    @property
    def rank(self) -> tuple[object, ...]:
        """What versions are ordered by: a release comes after its pre-releases, numbers before words."""
        words = tuple((0, int(w), "") if w.isdigit() else (1, 0, w) for w in self.pre.split(".") if w)
        return (*self.numbers, not self.pre, words)


def read(text: str) -> Version | None:
    """The version a tag is, with or without a ``v``; None when it is none."""
    found = _VERSION.match(text)
    return Version(int(found[1]), int(found[2]), int(found[3]), found[4] or "") if found else None


def highest(constraint: str, tags: Iterable[str]) -> str | None:
    """The highest tag that a range allows; None when none does. Pre-releases only where the range names one.

    Raises:
        ValueError: the range cannot be read.
    """
    alternatives = [_terms(part) for part in constraint.split("||")]
    best: tuple[Version, str] | None = None
    for tag in sorted(tags):
        version = read(tag)
        if version is None or not any(all(t.allows(version) for t in terms) for terms in alternatives):
            continue
        if best is None or version.rank >= best[0].rank:
            best = (version, tag)
    return None if best is None else best[1]


def lowest(constraint: str) -> str | None:
    """The lowest version a range allows, of those that its bounds name or lead to; None where it is no range.

    A range that begins nowhere begins with 0.1.0, as ``helm create`` does.
    """
    try:
        alternatives = [_terms(part) for part in constraint.split("||")]
    except ValueError:
        return None
    found = [Version(0, 1, 0)]
    for term in (term for terms in alternatives for term in terms if term.known):
        bound = term.bound
        above = [
            (bound.major + 1, 0, 0),
            (bound.major, bound.minor + 1, 0),
            (*bound.numbers[:2], bound.patch + 1),
        ]
        found += [bound, Version(*above[term.known - 1])]
    fits = [v for v in found if any(all(t.allows(v) for t in terms) for terms in alternatives)]
    positive = [v for v in fits if v.numbers != (0, 0, 0)]
    return min(positive, key=lambda v: v.rank).text if positive else None


@dataclass(frozen=True, slots=True)
class _Term:
    """One comparison; ``known`` is how many of the bound's numbers were given."""

    sign: str
    bound: Version
    known: int

    def allows(self, version: Version) -> bool:
        """Whether a version meets it."""
        if version.pre and not self.bound.pre:
            return False
        return _SIGNS[self.sign](version, self.bound, self.known)


def _terms(text: str) -> Sequence[_Term]:
    if hyphen := _HYPHEN.match(text):
        text = f">={hyphen[1]} <={hyphen[2]}"
    words = re.split(r"[\s,]+", _SPACE_AFTER_SIGN.sub(r"\1", text).strip(" ,"))
    terms = []
    for word in words:
        found = _TERM.match(word or "*")
        if found is None:
            raise ValueError(f"improper constraint: {text.strip()}")
        numbers: list[int] = []
        for part in (found[2], found[3], found[4]):
            if part is None or not part.isdigit():
                break
            numbers.append(int(part))
        major, minor, patch = [*numbers, 0, 0, 0][:3]
        sign = _SAME_AS.get(found[1], found[1])
        terms.append(_Term(sign, Version(major, minor, patch, found[5] or ""), len(numbers)))
    return terms


def _equal(version: Version, bound: Version, known: int) -> bool:
    return version.rank == bound.rank if known == 3 else _tilde(version, bound, known)


def _differs(version: Version, bound: Version, known: int) -> bool:
    return not _equal(version, bound, known)


def _above(version: Version, bound: Version, known: int) -> bool:
    return version.numbers[:known] > bound.numbers[:known] if known < 3 else version.rank > bound.rank


def _below_or_equal(version: Version, bound: Version, known: int) -> bool:
    return version.numbers[:known] <= bound.numbers[:known] if known < 3 else version.rank <= bound.rank


def _tilde(version: Version, bound: Version, known: int) -> bool:
    if version.rank < bound.rank:
        return False
    same = min(known, 2)
    return (bound.numbers == (0, 0, 0) and known in {0, 3}) or version.numbers[:same] == bound.numbers[:same]


def _caret(version: Version, bound: Version, known: int) -> bool:
    if version.rank < bound.rank:
        return False
    same = 1 if bound.major or known < 2 else 2 if bound.minor or known < 3 else 3
    return known == 0 or version.numbers[:same] == bound.numbers[:same]


_SIGNS: dict[str, Callable[[Version, Version, int], bool]] = {
    "=": _equal,
    "!=": _differs,
    ">": _above,
    ">=": lambda version, bound, _: version.rank >= bound.rank,
    "<": lambda version, bound, _: version.rank < bound.rank,
    "<=": _below_or_equal,
    "~": _tilde,
    "^": _caret,
}
