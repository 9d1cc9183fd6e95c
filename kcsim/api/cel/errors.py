"""What the library says, in the words of cel-go, which is what the real server says it with.

**Imitates:** cel-go's ``common/error.go``, ``checker/errors.go`` and ``common/types/err.go``. The two runtimes share their
grammar and so most syntax errors letter by letter; names and a few sentences differ.
"""

from __future__ import annotations

import re


class CompileError(Exception):
    """An expression that is none; the message has the lines that cel-go prints."""


class EvaluationError(Exception):
    """An expression that could not be evaluated; the message is cel-go's."""


_CODES = re.compile(r"^[A-Z_]+: ")
_TAIL = re.compile(r" \[[A-Z_]+\]\Z")
_HEAD = re.compile(r"ERROR: <input>:(\d+):(\d+): ")
_UNDEFINED = re.compile(r"undefined field '([^']*)' not found in struct '[^']*'")
_UNDECLARED = re.compile(r"undeclared reference to '((\w+)\.([\w.]+))' \(in container ''\)")
_NUMBERS = re.compile(
    r"found no matching overload for '_(?:<|<=|>|>=)_' applied to '\((?:int|uint|double), (?:int|uint|double)\)'"
)
_RUNTIME = (
    (re.compile(r'^Key not found in map : "?(.*?)"?\Z', re.DOTALL), r"no such key: \1"),
    (re.compile(r"^Index error: index=(-?\d+) size=\d+\Z"), r"index out of bounds: \1"),
    (re.compile(r"^divide by zero\Z"), "division by zero"),
    (re.compile(r"^No matching overloads found : .*\Z", re.DOTALL), "no such overload"),
    (re.compile(r"^Applying SELECT to non-message type\Z"), "no such overload"),
    (re.compile(r"^No value with name \"([^\"]*)\" found in Activation\Z"), r"no such attribute(s): \1"),
    (re.compile(r"^cannot convert (\w+) to (\w+)\Z"), r"type conversion error from '\1' to '\2'"),
)


def split_errors(text: str) -> list[str]:
    """The single errors of a failed compilation, each with the line it points at."""
    text = _TAIL.sub("", _CODES.sub("", text))
    starts = [match.start() for match in _HEAD.finditer(text)]
    if not starts:
        return [text]
    return [text[a:b].rstrip("\n") for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def only_compares_numbers(text: str) -> bool:
    """Whether all that is wrong is that numbers of different types are compared, which Kubernetes allows."""
    return all(_NUMBERS.search(error) for error in split_errors(text))


def compile_text(text: str) -> str:
    """A failed compilation in cel-go's words."""
    kept = [_reworded(error) for error in split_errors(text) if "'*error*'" not in error]
    return "\n".join(kept)


def _reworded(error: str) -> str:
    error = _UNDEFINED.sub(r"undefined field '\1'", error)
    match = _UNDECLARED.search(error)
    if match is None:
        return error
    root, rest = match[2], match[3]
    if root == "variables":
        return error.replace(match[0], f"undefined field '{rest.split('.')[0]}'")
    # cel-go points at the name that stands first; this library at the last dot.
    head = _HEAD.match(error)
    lines = error.split("\n")
    if head is None or len(lines) < 2:
        return error
    source = lines[1].removeprefix(" | ")
    column = source.rfind(match[1].split(".")[0], 0, int(head[2])) + 1
    if column < 1:
        return error
    where = f"ERROR: <input>:{head[1]}:{column}: undeclared reference to '{root}' (in container '')"
    return "\n".join([where, lines[1], f" | {'.' * (column - 1)}^"])


def runtime_text(text: str) -> str:
    """A failed evaluation in cel-go's words."""
    text = _CODES.sub("", text)
    for pattern, replacement in _RUNTIME:
        new, found = pattern.subn(replacement, text)
        if found:
            return new
    return text
