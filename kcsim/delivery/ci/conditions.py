"""`if:` of jobs and steps: the part of GitHub's expression language that pipelines use.  Decides; never acts.

    github.ref == 'refs/heads/main' && needs.test.result == 'success'
    always() && startsWith(github.ref, 'refs/tags/v')

**Imitates:** GitHub Actions' expressions (docs.github.com, "Evaluate expressions in workflows and actions"): literals,
`! && || == !=` and parentheses; the contexts `github`, `needs` and `matrix`; success(), failure(), always(),
cancelled(), contains(), startsWith(), endsWith(). Texts compare without regard to case. A condition that asks none of the four
status functions holds only where success() does. Left out: numbers and their order, indices, format(), fromJSON() and
hashFiles(), outputs of jobs.

**Walk:** `parse` -> a `Condition` -> `holds(context)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)"
    r"|(?P<sign>&&|\|\||==|!=|!|\(|\)|,))"
)
STATUS: Final = ("success", "failure", "always", "cancelled")
"""Functions that ask how the jobs before went."""
_TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, part: part in text,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}
GITHUB: Final = (
    "event_name", "ref", "ref_name", "ref_type", "sha", "head_ref", "base_ref", "actor", "repository", "run_attempt", "run_number",
)  # fmt: skip
"""What `github` holds."""
RESULTS: Final = ("success", "failure", "cancelled", "skipped")
"""What `needs.JOB.result` can be."""


class ConditionError(ValueError):
    """A condition that cannot be read; `at` counts characters from 0, `word` is the unknown name and `known` what there is."""

    def __init__(self, message: str, at: int = 0, word: str = "", known: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.at, self.word, self.known = at, word, tuple(known)


@dataclass(frozen=True, slots=True)
class Context:
    """What a condition looks at.

    Attributes:
        github: the run: GITHUB's fields.
        needs: result of each job it needs, by name.
        matrix: the job's own values.
        success, failure, cancelled: how the jobs (or steps) before went, and whether the run is canceled.
    """

    github: Mapping[str, str]
    needs: Mapping[str, str]
    matrix: Mapping[str, str]
    success: bool = True
    failure: bool = False
    cancelled: bool = False


_Node = Callable[[Context], Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read; `names` are the contexts it asks, `text` is as it was written."""

    text: str
    names: tuple[str, ...]
    asks_status: bool
    _node: _Node

    def holds(self, context: Context) -> bool:
        """Whether it holds."""
        value = _truth(self._node(context))
        return value if self.asks_status else context.success and value


def parse(text: str) -> Condition:
    """Read a condition, with or without `${{ }}` around it.

    Raises:
        ConditionError: it is none, or asks for what there is not.
    """
    inner, shift = text, 0
    wrapped = re.fullmatch(r"(\s*\$\{\{)(.*)\}\}\s*", text, re.DOTALL)
    if wrapped is not None:
        inner, shift = wrapped[2], len(wrapped[1])
    reader = _Reader(inner, shift)
    node = reader.either()
    reader.expect_end()
    return Condition(text, tuple(reader.names), reader.asks_status, node)


def filled_in(text: str, context: Context) -> str:
    """A text with its `${{ github.ref }}` and `${{ matrix.KEY }}` replaced.

    Raises:
        ConditionError: one of them cannot be read.
    """

    def value(match: re.Match[str]) -> str:
        reader = _Reader(match[1], match.start(1))
        node = reader.either()
        reader.expect_end()
        found = node(context)
        return "" if found is None else str(found)

    return re.sub(r"\$\{\{(.*?)\}\}", value, text)


class _Reader:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str, shift: int) -> None:
        self._tokens = list(_tokens(text, shift))
        self._at = 0
        self.names: list[str] = []
        self.asks_status = False

    def either(self) -> _Node:
        """`a || b`."""
        left = self._both()
        while self._take("||"):
            left = _or(left, self._both())
        return left

    def _both(self) -> _Node:
        left = self._compared()
        while self._take("&&"):
            left = _and(left, self._compared())
        return left

    def _compared(self) -> _Node:
        left = self._one()
        for sign in ("==", "!="):
            if self._take(sign):
                return _equal(left, self._one(), wanted=sign == "==")
        return left

    def _one(self) -> _Node:
        if self._take("!"):
            return _not(self._one())
        if self._take("("):
            node = self.either()
            self._need(")")
            return node
        kind, word, at = self._next()
        if kind == "text":
            literal = word[1:-1].replace("''", "'")
            return lambda _context: literal
        if kind != "name":
            raise ConditionError(f"there is '{word}' where a value should stand", at)
        if self._take("("):
            return self._call(word, at)
        return self._named(word, at)

    def _call(self, name: str, at: int) -> _Node:
        given: list[_Node] = []
        if not self._take(")"):
            given.append(self.either())
            while self._take(","):
                given.append(self.either())
            self._need(")")
        if name in STATUS:
            if given:
                raise ConditionError(f"{name}() takes nothing", at)
            self.asks_status = True
            return _status(name)
        test = _TEXT.get(name)
        if test is None:
            raise ConditionError(f"no function '{name}'", at, name, (*STATUS, *_TEXT))
        if len(given) != 2:
            raise ConditionError(f"{name}() takes two texts", at)
        return _test(test, *given)

    def _named(self, word: str, at: int) -> _Node:
        if word in {"true", "false", "null"}:
            value = {"true": True, "false": False, "null": None}[word]
            return lambda _context: value
        context, _, rest = word.partition(".")
        if context == "github":
            if rest not in GITHUB:
                raise ConditionError(f"github has no '{rest}'", at, rest, GITHUB)
            found: _Node = lambda given: given.github.get(rest)  # noqa: E731
        elif context == "needs" and rest.endswith(".result"):
            job = rest.removesuffix(".result")
            found = lambda given: given.needs.get(job)  # noqa: E731
        elif context == "matrix" and rest:
            found = lambda given: given.matrix.get(rest)  # noqa: E731
        else:
            raise ConditionError(
                f"nothing is called '{word}'", at, word, ("github.ref", "needs.JOB.result", "matrix.KEY")
            )
        self.names.append(word)
        return found

    # --- tokens -------------------------------------------------------------------------------------------------

    def _next(self) -> tuple[str, str, int]:
        if self._at == len(self._tokens):
            raise ConditionError("it ends where a value should stand", self._end)
        self._at += 1
        return self._tokens[self._at - 1]

    @property
    def _end(self) -> int:
        return self._tokens[-1][2] + len(self._tokens[-1][1]) if self._tokens else 0

    def _take(self, sign: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][:2] == ("sign", sign):
            self._at += 1
            return True
        return False

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            at = self._tokens[self._at][2] if self._at < len(self._tokens) else self._end
            raise ConditionError(f"a '{sign}' is missing", at)

    def expect_end(self) -> None:
        """Nothing may follow."""
        if self._at < len(self._tokens):
            _, word, at = self._tokens[self._at]
            raise ConditionError(f"'{word}' follows where nothing should", at)


def _tokens(text: str, shift: int) -> Iterator[tuple[str, str, int]]:
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            raise ConditionError(
                f"'{text[place]}' does not belong here: texts stand in single quotes", place + shift
            )
        kind = match.lastgroup or "sign"
        yield kind, match[kind], match.start(kind) + shift
        at = match.end()


def _truth(value: Any) -> bool:
    return bool(value)


def _folded(value: Any) -> Any:
    """As `==` sees it: texts in one case, nothing at all as an empty text."""
    return "" if value is None else value.lower() if isinstance(value, str) else value


def _or(left: _Node, right: _Node) -> _Node:
    return lambda context: left(context) or right(context)


def _and(left: _Node, right: _Node) -> _Node:
    return lambda context: left(context) and right(context)


def _not(node: _Node) -> _Node:
    return lambda context: not _truth(node(context))


def _equal(left: _Node, right: _Node, *, wanted: bool) -> _Node:
    return lambda context: (_folded(left(context)) == _folded(right(context))) is wanted


def _test(test: Callable[[str, str], bool], left: _Node, right: _Node) -> _Node:
    return lambda context: test(str(_folded(left(context))), str(_folded(right(context))))


def _status(name: str) -> _Node:
    if name == "always":
        return lambda _context: True
    return lambda context: getattr(context, name)
