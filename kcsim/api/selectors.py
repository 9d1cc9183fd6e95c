"""Label selectors: text grammar and structured form, compiled to a fast matcher.

Imitates: apimachinery pkg/labels/selector.go and LabelSelectorAsSelector of pkg/apis/meta/v1/helpers.go, v1.36,
with their error texts. Field selectors are in `field_selectors`.
Walk: text -> tokens -> requirements, sorted by key -> LabelSelector.matches(labels).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from kcsim.api import names
from kcsim.api.gotext import go_quote

IN, NOT_IN = "in", "notin"
EQUALS, DOUBLE_EQUALS, NOT_EQUALS = "=", "==", "!="
EXISTS, DOES_NOT_EXIST = "exists", "!"
GREATER_THAN, LESS_THAN = "gt", "lt"

_BINARY_OPERATORS = (IN, NOT_IN, EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER_THAN, LESS_THAN)
_VALID_OPERATORS = sorted((*_BINARY_OPERATORS, EXISTS, DOES_NOT_EXIST))
_OBJECT_OPERATORS = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": DOES_NOT_EXIST}
_SYMBOLS = {EQUALS: "=", DOUBLE_EQUALS: "==", NOT_EQUALS: "!=", GREATER_THAN: ">", LESS_THAN: "<"}
_INT64 = range(-(2**63), 2**63)

Labels = Mapping[str, str]


class SelectorError(ValueError):
    """A selector that cannot be parsed or is not valid; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label. Make checked ones with `new_requirement`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.operator == EXISTS:
            return self.key
        if self.operator == DOES_NOT_EXIST:
            return f"!{self.key}"
        joined = ",".join(sorted(self.values))
        if self.operator in (IN, NOT_IN):
            return f"{self.key} {self.operator} ({joined})"
        return f"{self.key}{_SYMBOLS[self.operator]}{joined}"

    def compile(self) -> Callable[[Labels], bool]:
        """The condition as a function of a label set."""
        key, values = self.key, frozenset(self.values)
        if self.operator in (IN, EQUALS, DOUBLE_EQUALS):
            if len(values) == 1:
                (only,) = values
                return lambda labels: labels.get(key) == only
            return lambda labels: labels.get(key) in values
        if self.operator in (NOT_IN, NOT_EQUALS):
            return lambda labels: labels.get(key) not in values
        if self.operator == EXISTS:
            return lambda labels: key in labels
        if self.operator == DOES_NOT_EXIST:
            return lambda labels: key not in labels
        bound, greater = int(self.values[0]), self.operator == GREATER_THAN
        return lambda labels: _compares(labels.get(key), bound, greater=greater)


def _compares(text: str | None, bound: int, *, greater: bool) -> bool:
    """Is the label an int64 beyond the bound? A label that is no integer never matches."""
    number = _parse_int64(text) if text is not None else None
    if number is None:
        return False
    return number > bound if greater else number < bound


def _parse_int64(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        return None
    return int(text) if int(text) in _INT64 else None


def _go_strings(values: Iterable[str]) -> str:
    """A []string as a field error prints it (JSON)."""
    return "[" + ",".join(go_quote(value) for value in values) + "]"


def new_requirement(key: str, operator: str, values: Iterable[str] = (), path: str = "") -> Requirement:
    """A checked requirement (labels.NewRequirement). `path` goes before the field names in messages.

    Raises: SelectorError with all that is wrong.
    """
    vals = tuple(values)
    prefix = f"{path}." if path else ""
    errors = [
        f"{prefix}key: Invalid value: {go_quote(key)}: {'; '.join(e)}"
        for e in [names.is_qualified_name(key)]
        if e
    ]
    errors += _value_count_errors(f"{prefix}values", operator, vals)
    if operator not in _VALID_OPERATORS:
        supported = ", ".join(go_quote(name) for name in _VALID_OPERATORS)
        errors.append(
            f"{prefix}operator: Unsupported value: {go_quote(operator)}: supported values: {supported}"
        )
    for index, value in enumerate(vals):
        if wrong := names.is_valid_label_value(value):
            errors.append(
                f"{prefix}values[{index}][{key}]: Invalid value: {go_quote(value)}: {'; '.join(wrong)}"
            )
    if errors:
        unique = list(dict.fromkeys(errors))
        raise SelectorError(unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]")
    return Requirement(key, operator, vals)


def _value_count_errors(path: str, operator: str, values: tuple[str, ...]) -> list[str]:
    """What is wrong with the number of values, or with numbers that are none."""
    invalid = f"{path}: Invalid value: {_go_strings(values)}: "
    if operator in (IN, NOT_IN) and not values:
        return [invalid + "for 'in', 'notin' operators, values set can't be empty"]
    if operator in (EQUALS, DOUBLE_EQUALS, NOT_EQUALS) and len(values) != 1:
        return [invalid + "exact-match compatibility requires one single value"]
    if operator in (EXISTS, DOES_NOT_EXIST) and values:
        return [invalid + "values set must be empty for exists and does not exist"]
    if operator not in (GREATER_THAN, LESS_THAN):
        return []
    errors = []
    if len(values) != 1:
        errors.append(invalid + "for 'Gt', 'Lt' operators, exactly one value is required")
    for index, value in enumerate(values):
        if _parse_int64(value) is None:
            text = "for 'Gt', 'Lt' operators, the value must be an integer"
            errors.append(f"{path}[{index}]: Invalid value: {go_quote(value)}: {text}")
    return errors


@dataclass(frozen=True)
class LabelSelector:
    """Requirements that must all hold. `nothing` selects no object at all; no requirement selects every object."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False
    _checks: tuple[Callable[[Labels], bool], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_checks", tuple(requirement.compile() for requirement in self.requirements))

    @property
    def empty(self) -> bool:
        """Does it select everything? (The selector that selects nothing is not empty.)"""
        return not self.requirements and not self.nothing

    def matches(self, labels: Labels | None) -> bool:
        """Do the labels satisfy every requirement?"""
        if self.nothing:
            return False
        present = labels or {}
        for check in self._checks:  # noqa: SIM110 - a generator takes twice as long, and every pod there is is asked
            if not check(present):
                return False
        return True

    def compiled(self) -> Callable[[Labels], bool]:
        """``matches`` as one function of label sets that are there, for a look at very many of them."""
        return self._checks[0] if len(self._checks) == 1 and not self.nothing else self.matches

    def requires_exact_match(self, key: str) -> str | None:
        """The one value that the label must have, for indexes; None when there is no such value."""
        for requirement in self.requirements:
            if requirement.key == key:
                exact = requirement.operator in (EQUALS, DOUBLE_EQUALS, IN) and len(requirement.values) == 1
                return requirement.values[0] if exact else None
        return None

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


EVERYTHING = LabelSelector()
NOTHING = LabelSelector(nothing=True)


def select(requirements: Iterable[Requirement]) -> LabelSelector:
    """A selector of these requirements, sorted by key."""
    return LabelSelector(tuple(sorted(requirements, key=lambda requirement: requirement.key)))


def from_labels(labels: Labels | None) -> LabelSelector:
    """An equality map as a selector; empty or absent selects everything (labels.SelectorFromSet)."""
    return select(Requirement(key, EQUALS, (value,)) for key, value in (labels or {}).items())


def from_object(selector: Mapping[str, Any] | None) -> LabelSelector:
    """A LabelSelector object: absent selects nothing, `{}` everything (LabelSelectorAsSelector).

    Raises: SelectorError when a requirement is not valid.
    """
    if selector is None:
        return NOTHING
    match_labels: Mapping[str, str] = selector.get("matchLabels") or {}
    expressions: list[Mapping[str, Any]] = selector.get("matchExpressions") or []
    return _from_parts(
        tuple(match_labels.items()),
        tuple((e.get("key", ""), e.get("operator", ""), tuple(e.get("values") or ())) for e in expressions),
    )


@lru_cache(maxsize=4096)
def _from_parts(
    match_labels: tuple[tuple[str, str], ...], expressions: tuple[tuple[str, str, tuple[str, ...]], ...]
) -> LabelSelector:
    """Compiled once per distinct selector: controllers ask for the same ones all the time."""
    requirements = [new_requirement(key, EQUALS, (value,)) for key, value in match_labels]
    for key, operator, values in expressions:
        if operator not in _OBJECT_OPERATORS:
            raise SelectorError(f"{go_quote(operator)} is not a valid label selector operator")
        requirements.append(new_requirement(key, _OBJECT_OPERATORS[operator], values))
    return select(requirements)


@lru_cache(maxsize=4096)
def parse(text: str) -> LabelSelector:
    """Reads the text form (`kubectl -l`): `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>5`.

    Raises: SelectorError with upstream's message.
    """
    return select(_Parser(text).parse())


def parse_map(text: str) -> dict[str, str]:
    """Reads a text of `key=value` only (labels.ConvertSelectorToLabelsMap)."""
    labels: dict[str, str] = {}
    if not text:
        return labels
    for part in text.split(","):
        pieces = part.split("=")
        if len(pieces) != 2:
            raise SelectorError(f"invalid selector: {text}")
        key, value = pieces[0].strip(), pieces[1].strip()
        for wrong, path, shown in (
            (names.is_qualified_name(key), "key", key),
            (names.is_valid_label_value(value), f"[{key}]", value),
        ):
            if wrong:
                raise SelectorError(f"{path}: Invalid value: {go_quote(shown)}: {'; '.join(wrong)}")
        labels[key] = value
    return labels


# --- The text grammar -------------------------------------------------------------------------------------------

_WORD, _END, _BAD = "word", "end", "bad"
_KEYWORDS = {")", ",", "!", "==", "=", ">", IN, "<", "!=", NOT_IN, "("}
_SPECIAL = frozenset("=!(),><")
_BLANK = frozenset(" \t\r\n")

Token = tuple[str, str]
"""(kind, literal): the kind is the literal itself for keywords and symbols, else word, end or bad."""


def _scan(text: str) -> list[Token]:
    """All tokens; the last is the end. A NUL ends the text, as it does in upstream's lexer."""
    text = text.partition("\0")[0]
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position] in _BLANK:
            position += 1
        elif text[position] in _SPECIAL:
            literal, position = _scan_symbol(text, position)
            tokens.append((literal, literal) if literal in _KEYWORDS else (_BAD, literal))
        else:
            start = position
            while position < len(text) and text[position] not in _SPECIAL and text[position] not in _BLANK:
                position += 1
            literal = text[start:position]
            tokens.append((literal if literal in _KEYWORDS else _WORD, literal))
    tokens.append((_END, ""))
    return tokens


def _scan_symbol(text: str, position: int) -> tuple[str, int]:
    """The longest symbol from here (every special character is one by itself)."""
    pair = text[position : position + 2]
    return (pair, position + 2) if pair in ("==", "!=") else (text[position], position + 1)


class _Parser:
    """Recursive descent over the tokens, with upstream's messages."""

    def __init__(self, text: str) -> None:
        self._tokens = _scan(text)
        self._position = 0

    def _peek(self) -> Token:
        """The next token where a key or value may stand: there `in` and `notin` are words."""
        kind, literal = self._tokens[self._position]
        return (_WORD if kind in (IN, NOT_IN) else kind), literal

    def _take(self) -> Token:
        token = self._peek()
        self._position += 1
        return token

    def parse(self) -> list[Requirement]:
        requirements: list[Requirement] = []
        while True:
            kind, literal = self._peek()
            if kind == _END:
                return requirements
            if kind not in (_WORD, "!"):
                raise SelectorError(f"found '{literal}', expected: !, identifier, or 'end of string'")
            try:
                requirements.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from error
            kind, literal = self._take()
            if kind == _END:
                return requirements
            if kind != ",":
                raise SelectorError(f"found '{literal}', expected: ',' or 'end of string'")
            kind, literal = self._peek()
            if kind not in (_WORD, "!"):
                raise SelectorError(f"found '{literal}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        kind, key = self._take()
        negated = kind == "!"
        if negated:
            kind, key = self._take()
        if kind != _WORD:
            raise SelectorError(f"found '{key}', expected: identifier")
        if wrong := names.is_qualified_name(key):
            raise SelectorError(f"<nil>: Invalid value: {go_quote(key)}: {'; '.join(wrong)}")
        if negated:
            return new_requirement(key, DOES_NOT_EXIST)
        if self._peek()[0] in (_END, ","):
            return new_requirement(key, EXISTS)
        operator = self._operator()
        values = self._values() if operator in (IN, NOT_IN) else {self._exact_value()}
        return new_requirement(key, operator, sorted(values))

    def _operator(self) -> str:
        kind, literal = self._tokens[self._position]
        self._position += 1
        operator = {">": GREATER_THAN, "<": LESS_THAN}.get(kind, kind)
        if operator not in _BINARY_OPERATORS:
            raise SelectorError(f"found '{literal}', expected: {', '.join(_BINARY_OPERATORS)}")
        return operator

    def _exact_value(self) -> str:
        if self._peek()[0] in (_END, ","):
            return ""
        kind, literal = self._take()
        if kind != _WORD:
            raise SelectorError(f"found '{literal}', expected: identifier")
        return literal

    def _values(self) -> set[str]:
        """A list in parentheses; what is empty between commas is the empty value."""
        kind, literal = self._take()
        if kind != "(":
            raise SelectorError(f"found '{literal}' expected: '('")
        kind, literal = self._peek()
        if kind == ")":
            self._take()
            return {""}
        if kind not in (_WORD, ","):
            raise SelectorError(f"found '{literal}', expected: ',', ')' or identifier")
        values: set[str] = set()
        while True:
            kind, literal = self._take()
            following, shown = self._peek() if kind != _END else (_END, "")
            if kind == _WORD:
                values.add(literal)
                if following not in (",", ")"):
                    raise SelectorError(f"found '{shown}', expected: ',' or ')'")
            elif kind == ",":
                if not values or following in (",", ")"):
                    values.add("")
            else:
                raise SelectorError(f"found '{literal}', expected: ',', or identifier")
            if following == ")":
                self._take()
                return values
