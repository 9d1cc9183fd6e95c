"""Go's template language: text with ``{{ actions }}``.

**Imitates:** Go's ``text/template`` and ``text/template/parse`` (1.25): actions, pipelines, variables, if, else if, with,
range, break, continue, comments and trim markers. Left out: named templates (define, template, block), method calls.

**Walk:** text -> ``_tokens`` of each action -> ``_Parser`` -> nodes -> ``Template.render`` writes the text for some data.
What functions there are is given; one that is not there is an error of the template, not of its run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Functions = Mapping[str, Callable[..., Any]]


class TemplateError(ValueError):
    """A template that cannot be read or run; ``line`` counts from 1 inside the template."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


class _Break(Exception):
    """``{{ break }}``."""


class _Continue(Exception):
    """``{{ continue }}``."""


# --- what is rendered -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    """One rendering: the variables in sight, innermost last, and the text so far."""

    functions: Functions
    variables: list[tuple[str, Any]]
    out: list[str]

    def look_up(self, name: str) -> Any:
        for known, value in reversed(self.variables):
            if known == name:
                return value
        raise AssertionError(f"unread variable {name}")  # the parser refuses undefined variables

    def set(self, name: str, value: Any) -> None:
        for place in range(len(self.variables) - 1, -1, -1):
            if self.variables[place][0] == name:
                self.variables[place] = (name, value)
                return


_Operand = Callable[[_Run, Any], Any]
_Node = Callable[[_Run, Any], None]


class Template:
    """A template that was read: ``render`` it as often as needed."""

    __slots__ = ("_functions", "_nodes", "text")

    def __init__(self, text: str, functions: Functions) -> None:
        self.text = text
        self._functions = functions
        self._nodes = _Parser(text, frozenset(functions)).template()

    def render(self, data: Any, extra: Functions | None = None) -> str:
        """The text for ``data``; ``extra``: functions that stand for those of the same name.

        Raises: TemplateError when a function refuses its arguments, or a value is used as what it is not.
        """
        functions = self._functions if extra is None else {**self._functions, **extra}
        run = _Run(functions, [("$", data)], [])
        for node in self._nodes:
            node(run, data)
        return "".join(run.out)


def truth(value: Any) -> bool:
    """Whether ``if`` takes a value for true: everything but false, nil, 0 and what is empty."""
    return bool(value)


def show(value: Any) -> str:
    """A value as an action prints it."""
    if value is None:
        return "<no value>"
    return _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{_plain(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_plain(item) for item in value) + "]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)


def field(value: Any, name: str, line: int) -> Any:
    """``value.name``: a missing key is nil, and so is everything below nil."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return value.get(name)
    raise TemplateError(line, f"can't evaluate field {name} in type interface {{}}")


# --- reading ----------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:\\.|[^"\\\n])*") | (?P<raw>`[^`]*`) | (?P<char>'(?:\\.|[^'\\])')
    | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?))
    | (?P<field>\.[A-Za-z_]\w*) | (?P<variable>\$\w*) | (?P<word>[A-Za-z_]\w*)
    | (?P<mark>:=|[().|,=])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r'\\(["\\\'abfnrtv]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[0-7]{3})')
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CONSTANTS = {"true": True, "false": False, "nil": None}
_KEYWORDS = {"if", "else", "end", "range", "with", "break", "continue", "define", "template", "block"}
_LEFT_OUT = {"define", "template", "block"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    spaced: bool


def unquoted(text: str) -> str:
    """The value of a Go string literal in double quotes."""

    def replace(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] in "xu":
            return chr(int(code[1:], 16))
        return chr(int(code, 8)) if code.isdigit() else _ESCAPES.get(code, code)

    return _ESCAPE.sub(replace, text[1:-1])


class _Part:
    """A stretch of text, or an action at a line."""

    __slots__ = ("action", "line", "text")

    def __init__(self, text: str, line: int, *, action: bool) -> None:
        self.text = text
        self.line = line
        self.action = action


def _parts(text: str) -> Iterator[_Part]:
    position, trim = 0, False
    while position < len(text):
        opening = text.find("{{", position)
        plain = text[position:] if opening < 0 else text[position:opening]
        if trim:
            plain = plain.lstrip()
        if opening < 0:
            yield _Part(plain, 0, action=False)
            return
        line = text.count("\n", 0, opening) + 1
        start, closing, trim_left = _action_at(text, opening, line)
        yield _Part(plain.rstrip() if trim_left else plain, 0, action=False)
        body = text[start:closing]
        trim = body.endswith("-") and (body[:-1] == "" or body[-2].isspace() or body.startswith("/*"))
        if trim:
            body = body[:-1]
        if not body.strip().startswith("/*"):
            yield _Part(body, line, action=True)
        position = closing + 2


def _action_at(text: str, opening: int, line: int) -> tuple[int, int, bool]:
    """(where its content starts, where its ``}}`` is, whether it eats the blanks before it)."""
    start = opening + 2
    trims = text[start : start + 1] == "-" and text[start + 1 : start + 2].isspace()
    if trims:
        start += 1
    position = start
    if text[position:].lstrip().startswith("/*"):
        ending = text.find("*/", position)
        closing = text.find("}}", ending) if ending >= 0 else -1
        if closing < 0:
            raise TemplateError(line, "unclosed comment")
        return start, closing, trims
    while position < len(text):
        if text.startswith("}}", position):
            return start, position, trims
        if text[position] in "\"`'":
            position = _string_end(text, position, line)
        position += 1
    raise TemplateError(line, "unclosed action")


def _string_end(text: str, position: int, line: int) -> int:
    quote = text[position]
    position += 1
    while position < len(text) and text[position] != quote:
        position += 2 if text[position] == "\\" and quote != "`" else 1
    if position >= len(text):
        raise TemplateError(line, "unterminated quoted string")
    return position


def _tokens(text: str, line: int) -> list[_Token]:
    found, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise TemplateError(line, f"unexpected {text[position:].strip()[0]!r}")
        assert match.lastgroup is not None
        piece = match.group(match.lastgroup)
        found.append(_Token(match.lastgroup, piece, match.end() - len(piece) > position))
        position = match.end()
    return found


class _Parser:
    """Reads a whole template; knows the functions there are and the variables in sight."""

    def __init__(self, text: str, functions: frozenset[str]) -> None:
        self._parts = list(_parts(text))
        self._at = 0
        self._functions = functions
        self._variables = ["$"]
        self._ranges = 0
        self._line = 1
        self._tokens: list[_Token] = []

    def template(self) -> list[_Node]:
        """All nodes."""
        nodes, ending = self._block()
        if ending:
            raise TemplateError(self._line, f"unexpected {{{{{ending}}}}}")
        return nodes

    # --- control ------------------------------------------------------------------------------------------------

    def _block(self) -> tuple[list[_Node], str]:
        """Nodes up to an ``else`` or ``end``, which is said ("" at the end of the text)."""
        nodes: list[_Node] = []
        while self._at < len(self._parts):
            part = self._parts[self._at]
            self._at += 1
            if not part.action:
                if part.text:
                    nodes.append(_text(part.text))
                continue
            self._line = part.line
            self._tokens = _tokens(part.text, part.line)
            if not self._tokens:
                raise TemplateError(part.line, "missing value for command")
            word = self._tokens[0].text if self._tokens[0].kind == "word" else ""
            if word in _LEFT_OUT:
                raise TemplateError(part.line, f"{word}: named templates are not supported here")
            if word in ("else", "end"):
                return nodes, word
            if word in _KEYWORDS:
                self._tokens.pop(0)
                nodes.append(self._control(word))
            else:
                nodes.append(self._action())
        return nodes, ""

    def _control(self, word: str) -> _Node:
        if word in ("break", "continue"):
            if not self._ranges:
                raise TemplateError(self._line, f"{{{{{word}}}}} outside {{{{range}}}}")
            return _leave(_Break if word == "break" else _Continue)
        line, scope = self._line, len(self._variables)
        names, pipeline = self._pipeline(ranges=word == "range")
        self._ranges += word == "range"
        body, ending = self._block()
        self._ranges -= word == "range"
        otherwise: list[_Node] = []
        if ending == "else":
            otherwise = self._otherwise(word, line)
        elif not ending:
            raise TemplateError(line, f"unexpected EOF: {word} has no end")
        del self._variables[scope:]
        if word == "range":
            return _range(names, pipeline, body, otherwise, line)
        return _if(names, pipeline, body, otherwise, moves=word == "with")

    def _otherwise(self, word: str, line: int) -> list[_Node]:
        chained = [t.text for t in self._tokens[1:2]]
        if chained and chained[0] in ("if", "with") and chained[0] == word:
            del self._tokens[:2]
            return [self._control(word)]
        if chained:
            raise TemplateError(self._line, f"unexpected {chained[0]!r} after else")
        nodes, ending = self._block()
        if ending != "end":
            raise TemplateError(line, f"unexpected EOF: {word} has no end")
        return nodes

    def _action(self) -> _Node:
        names, pipeline = self._pipeline()
        if names:
            return _assign(pipeline)
        return _print(pipeline)

    # --- pipelines ----------------------------------------------------------------------------------------------

    def _pipeline(self, *, ranges: bool = False) -> tuple[list[str], _Operand]:
        """(names it declares or sets, its value); the value is also put into a single name."""
        names, declares = self._declaration(ranges=ranges)
        operand = self._commands()
        if self._tokens:
            raise TemplateError(self._line, f"unexpected {self._tokens[0].text!r}")
        if not names:
            return [], operand
        if declares:
            self._variables.extend(names)
        if ranges:
            return names, operand
        return names, _storing(names[0], operand, declares=declares)

    def _declaration(self, *, ranges: bool) -> tuple[list[str], bool]:
        tokens = self._tokens
        texts = [t.text for t in tokens[:4]]
        for count in (1, 2):
            mark = texts[2 * count - 1 : 2 * count]
            if mark not in ([":="], ["="]) or (count == 2 and texts[1] != ","):
                continue
            names = texts[0 : 2 * count : 2][:count]
            if not all(name.startswith("$") for name in names) or (count == 2 and not ranges):
                continue
            declares = mark == [":="]
            if not declares:
                for name in names:
                    self._known(name)
            del tokens[: 2 * count]
            return names, declares
        return [], False

    def _known(self, name: str) -> None:
        if name not in self._variables:
            raise TemplateError(self._line, f"undefined variable {name!r}")

    def _commands(self) -> _Operand:
        operand = self._command(None)
        while self._tokens and self._tokens[0].text == "|":
            self._tokens.pop(0)
            operand = self._command(operand)
        return operand

    def _command(self, piped: _Operand | None) -> _Operand:
        """One command of a pipeline; ``piped`` is its last argument."""
        tokens, line = self._tokens, self._line
        if not tokens or tokens[0].text in ("|", ")"):
            raise TemplateError(line, "missing value for command")
        function = tokens[0].text if tokens[0].kind == "word" and tokens[0].text not in _CONSTANTS else ""
        if not function:
            operand = self._operand()
            if piped is not None or (tokens and tokens[0].text not in ("|", ")")):
                raise TemplateError(line, "can't give argument to what is no function")
            return operand
        tokens.pop(0)
        arguments = []
        while tokens and tokens[0].text not in ("|", ")"):
            arguments.append(self._operand())
        if piped is not None:
            arguments.append(piped)
        return self._calling(function, arguments)

    def _calling(self, function: str, arguments: list[_Operand]) -> _Operand:
        if function in ("and", "or"):
            return _short_circuit(arguments, stops_at=function == "or", line=self._line)
        if function not in self._functions:
            raise TemplateError(self._line, f'function "{function}" not defined')
        return _call(function, arguments, self._line)

    def _operand(self) -> _Operand:
        token = self._tokens.pop(0)
        line = self._line
        operand: _Operand
        if token.text == "(":
            operand = self._commands()
            if not self._tokens or self._tokens.pop(0).text != ")":
                raise TemplateError(line, "unclosed left paren")
        elif token.text == ".":
            operand = _dot
        elif token.kind == "field":
            operand = _field_of(_dot, token.text[1:], line)
        elif token.kind == "variable":
            self._known(token.text)
            operand = _variable(token.text)
        elif token.kind == "word" and token.text not in _CONSTANTS:
            return self._calling(token.text, [])
        else:
            return _constant(_literal(token, line))
        while self._tokens and self._tokens[0].kind == "field" and not self._tokens[0].spaced:
            operand = _field_of(operand, self._tokens.pop(0).text[1:], line)
        return operand


def _literal(token: _Token, line: int) -> Any:
    text = token.text
    if token.kind == "string":
        return unquoted(text)
    if token.kind == "raw":
        return text[1:-1]
    if token.kind == "char":
        return ord(unquoted(text))
    if token.kind == "number":
        plain = text.replace("_", "")
        return int(plain, 0) if re.fullmatch(r"[+-]?(0[xX][0-9a-fA-F]+|0|[1-9]\d*)", plain) else float(plain)
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    raise TemplateError(line, f"unexpected {text!r}")


# --- nodes ------------------------------------------------------------------------------------------------------


def _dot(_run: _Run, dot: Any) -> Any:
    return dot


def _constant(value: Any) -> _Operand:
    return lambda _run, _dot: value


def _variable(name: str) -> _Operand:
    return lambda run, _dot: run.look_up(name)


def _field_of(operand: _Operand, name: str, line: int) -> _Operand:
    return lambda run, dot: field(operand(run, dot), name, line)


def _short_circuit(arguments: list[_Operand], *, stops_at: bool, line: int) -> _Operand:
    if not arguments:
        raise TemplateError(line, "and, or: wrong number of args")

    def evaluate(run: _Run, dot: Any) -> Any:
        value = None
        for argument in arguments:
            value = argument(run, dot)
            if truth(value) is stops_at:
                break
        return value

    return evaluate


def _call(function: str, arguments: list[_Operand], line: int) -> _Operand:
    def evaluate(run: _Run, dot: Any) -> Any:
        values = [argument(run, dot) for argument in arguments]
        try:
            return run.functions[function](*values)
        except TemplateError:
            raise
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise TemplateError(line, f"error calling {function}: {error}") from error

    return evaluate


def _storing(name: str, operand: _Operand, *, declares: bool) -> _Operand:
    def evaluate(run: _Run, dot: Any) -> Any:
        value = operand(run, dot)
        if declares:
            run.variables.append((name, value))
        else:
            run.set(name, value)
        return value

    return evaluate


def _text(text: str) -> _Node:
    return lambda run, _dot: run.out.append(text)


def _print(operand: _Operand) -> _Node:
    return lambda run, dot: run.out.append(show(operand(run, dot)))


def _assign(operand: _Operand) -> _Node:
    def node(run: _Run, dot: Any) -> None:
        operand(run, dot)

    return node


def _leave(kind: type[Exception]) -> _Node:
    def node(_run: _Run, _dot: Any) -> None:
        raise kind

    return node


def _if(
    names: list[str], operand: _Operand, body: list[_Node], otherwise: list[_Node], *, moves: bool
) -> _Node:
    del names

    def node(run: _Run, dot: Any) -> None:
        scope = len(run.variables)
        value = operand(run, dot)
        holds = truth(value)
        inside = value if moves and holds else dot
        try:
            for child in body if holds else otherwise:
                child(run, inside)
        finally:
            del run.variables[scope:]

    return node


def _range(
    names: list[str], operand: _Operand, body: list[_Node], otherwise: list[_Node], line: int
) -> _Node:
    def node(run: _Run, dot: Any) -> None:
        scope = len(run.variables)
        entries = _entries(operand(run, dot), line)
        try:
            for key, value in entries:
                del run.variables[scope:]
                run.variables.extend(zip(names, (key, value)[-len(names) :], strict=True) if names else ())
                try:
                    for child in body:
                        child(run, value)
                except _Continue:
                    continue
            if not entries:
                for child in otherwise:
                    child(run, dot)
        except _Break:
            pass
        finally:
            del run.variables[scope:]

    return node


def _entries(value: Any, line: int) -> list[tuple[Any, Any]]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, list):
        return list(enumerate(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return [(number, number) for number in range(value)]
    raise TemplateError(line, f"range can't iterate over {show(value)}")
