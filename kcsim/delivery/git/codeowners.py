"""CODEOWNERS: who has to look at a change of which files.  Decides; never acts.

**Imitates:** GitHub (docs.github.com, "About code owners"): the file is looked for in `.github/`, the root and `docs/`, the first one
counts; patterns follow gitignore's rules but for `!` and `[ ]`; the last line that matches a file decides; a line without owners means
nobody. Owners are written `@name`, `@team/name` or as an address; a person of the story is their name.

**Walk:** `of(files)` -> `Owners` -> `needed(paths)`: for each group of owners, one of whom has to approve.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: a pattern, and who owns what it matches; `line` counts from 1."""

    pattern: str
    owners: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Owners:
    """A CODEOWNERS file that was read; `wrong` holds the lines (number, why) that GitHub would ignore."""

    rules: tuple[Rule, ...] = ()
    wrong: tuple[tuple[int, str], ...] = ()

    def of(self, path: str) -> tuple[str, ...]:
        """The owners of a file; () when it has none."""
        from dulwich.ignore import Pattern

        for rule in reversed(self.rules):
            if Pattern(rule.pattern.encode()).match(path.encode()):
                return rule.owners
        return ()

    def needed(self, paths: Iterable[str]) -> tuple[tuple[str, ...], ...]:
        """The groups of owners of some files, each once: one of each group has to approve."""
        return tuple(dict.fromkeys(owners for owners in map(self.of, sorted(paths)) if owners))


def of(files: Mapping[str, bytes]) -> Owners:
    """The owners that the files of a commit name."""
    place = next((path for path in PLACES if path in files), None)
    return read(files[place].decode("utf-8", "replace")) if place is not None else Owners()


def read(text: str) -> Owners:
    """The owners that a CODEOWNERS file names."""
    rules: list[Rule] = []
    wrong: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        pattern, *owners = line.partition("#")[0].split() or [""]
        if not pattern:
            continue
        if pattern.startswith("!") or "[" in pattern:
            wrong.append((number, f"'{pattern}': '!' and '[ ]' do not work here"))
            continue
        strange = [owner for owner in owners if "@" not in owner]
        if strange:
            wrong.append((number, f"'{strange[0]}' is no owner: write @name"))
            continue
        rules.append(Rule(pattern, tuple(_person(owner) for owner in owners), number))
    return Owners(tuple(rules), tuple(wrong))


def _person(owner: str) -> str:
    """`@ana` -> ana, `@shop/web` -> shop/web, `ana@example.com` -> ana."""
    return owner[1:] if owner.startswith("@") else owner.partition("@")[0]
