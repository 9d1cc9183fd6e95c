"""Field selectors: `metadata.name=a,status.phase!=Running`.

Imitates: apimachinery pkg/fields/selector.go, v1.36. Which paths a kind supports is the API server's knowledge: it
checks `FieldSelector.fields` and hands the object's values to `matches`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from kcsim.api.selectors import SelectorError

_OPERATOR = re.compile("!=|==|=")
_SPECIAL = frozenset("\\,=")


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One comparison; `operator` is "=" or "!="."""

    field: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.field}{self.operator}{escape_value(self.value)}"


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Comparisons that must all hold."""

    terms: tuple[FieldTerm, ...] = ()

    @property
    def empty(self) -> bool:
        """Does it select everything?"""
        return not self.terms

    @property
    def fields(self) -> tuple[str, ...]:
        """The paths it looks at, in the order of the terms."""
        return tuple(term.field for term in self.terms)

    def matches(self, fields: Mapping[str, str] | Callable[[str], str]) -> bool:
        """Do the values (by path, or a function of the path) satisfy every term? An absent one is empty."""
        if callable(fields):
            return all((fields(term.field) == term.value) == (term.operator == "=") for term in self.terms)
        return all(
            (fields.get(term.field, "") == term.value) == (term.operator == "=") for term in self.terms
        )

    def requires_exact_match(self, field: str) -> str | None:
        """The value that this path must have, for indexes; None when any may do."""
        return next((t.value for t in self.terms if t.field == field and t.operator == "="), None)

    def __str__(self) -> str:
        return ",".join(str(term) for term in self.terms)


EVERYTHING = FieldSelector()


def escape_value(text: str) -> str:
    """Puts a backslash before backslash, comma and equals sign."""
    return "".join(f"\\{character}" if character in _SPECIAL else character for character in text)


def unescape_value(text: str) -> str:
    """Takes the backslashes of `escape_value` away.

    Raises: SelectorError on another escape, or on a comma or equals sign without one.
    """
    plain: list[str] = []
    characters = iter(text)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in _SPECIAL:
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{escaped}")
            plain.append(escaped)
        elif character in _SPECIAL:
            # Upstream prints the rune with %v, which is its number.
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(character)}")
        else:
            plain.append(character)
    return "".join(plain)


def split_terms(text: str) -> list[str]:
    """The terms between unescaped commas, with their backslashes."""
    if not text:
        return []
    if "\\" not in text:
        return text.split(",")
    terms = [""]
    escaped = False
    for character in text:
        if character == "," and not escaped:
            terms.append("")
            continue
        terms[-1] += character
        escaped = character == "\\" and not escaped
    return terms


def split_term(term: str) -> tuple[str, str, str] | None:
    """A term as (field, operator, value with its backslashes), split at the first operator; None without one."""
    found = _OPERATOR.search(term)
    return None if found is None else (term[: found.start()], found[0], term[found.end() :])


@lru_cache(maxsize=1024)
def parse(text: str) -> FieldSelector:
    """Reads the text form (`kubectl --field-selector`); terms are sorted, empty ones skipped.

    Raises: SelectorError with upstream's message.
    """
    terms = []
    for part in sorted(split_terms(text)):
        if not part:
            continue
        split = split_term(part)
        if split is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
        field, operator, value = split
        terms.append(FieldTerm(field, "!=" if operator == "!=" else "=", unescape_value(value)))
    return FieldSelector(tuple(terms))
