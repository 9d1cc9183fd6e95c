"""One expression: compiled against what is declared, evaluated with what there is.

**Walk:** text -> ``Scope.compile`` -> errors in cel-go's words, or an ``Expression`` with its type -> ``evaluate(values)`` -> a
plain value, or an ``EvaluationError``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kcsim.api.cel import library
from kcsim.api.cel.errors import (
    CompileError,
    EvaluationError,
    compile_text,
    only_compares_numbers,
    runtime_text,
)
from kcsim.api.cel.functions import Overload, declare, implement, kubernetes_overloads
from kcsim.api.cel.messages import Declarations, library_type, opaque_pool

_LITERALS = re.compile(r"""(?:[rR]?"(?:\\.|[^"\\])*"|[rR]?'(?:\\.|[^'\\])*')""", re.DOTALL)
_ABSENT = re.compile(r"(?<![\w.])(format(?=\s*\.)|image(?=\s*\()|jsonpatch(?=\s*\.))")
_TYPE_NAMES = re.compile(r"\b(BOOL|INT|UINT|DOUBLE|STRING|BYTES|DURATION|TIMESTAMP|DYN|NULL|LIST|MAP|TYPE)\b")


class Expression:
    """A compiled expression.

    Attributes:
        text: as it was written.
        type: the type of its value as cel-go prints it (``bool``, ``int``, ``list(string)``, ``dyn``).
    """

    __slots__ = ("_program", "text", "type")

    def __init__(self, text: str, type: str, program: Any) -> None:
        self.text = text
        self.type = type
        self._program = program

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The value as plain data.

        Raises:
            EvaluationError: in cel-go's words.
        """
        result = self._program.eval(data=values)
        if result.type().name() == "ERROR":
            raise EvaluationError(runtime_text(str(result.plain_value())))
        return result.plain_value()


class Scope:
    """Variables and functions that expressions may use.

    ``declared`` are the variables with their types; ``declarations`` what those types are made of. ``functions`` come on
    top of Kubernetes' libraries.
    """

    def __init__(
        self,
        declared: Mapping[str, str],
        declarations: Declarations | None = None,
        functions: tuple[Overload, ...] = (),
    ) -> None:
        self._declared = dict(declared)
        self._pool = declarations.pool() if declarations is not None else opaque_pool()
        self._functions = (*kubernetes_overloads(), *functions)
        self._checks: Any = None
        self._runs: dict[bool, Any] = {}

    def with_variable(self, name: str, type: str) -> None:
        """Declare one more variable, which must not have been compiled against before."""
        self._declared[name] = type
        self._checks = None
        self._runs.clear()

    def check(self, text: str) -> str:
        """The type of an expression.

        Raises:
            CompileError: it is none, or does not fit the declared types.
        """
        if self._checks is None:
            kinds = {name: library_type(kind) for name, kind in self._declared.items()}
            self._checks = library.environment(kinds, declare(self._functions), self._pool)
        try:
            checked = self._checks.compile(text)
        except RuntimeError as error:
            if only_compares_numbers(str(error)):
                return "bool"
            raise CompileError(compile_text(str(error)) + _left_out(text)) from error
        return _go_type(checked.return_type().name())

    def compile(self, text: str, *, wrap: str = "{}") -> Expression:
        """The expression, ready to run; ``wrap`` is what to put around its text when it runs.

        Raises:
            CompileError: it is none, or does not fit the declared types.
        """
        kind = self.check(text)
        bound = wrap != "{}"
        if bound not in self._runs:
            # What runs is told of no types, and of a variable with dots in its name as a map.
            kinds = {name.partition(".")[0]: library_type("dyn") for name in self._declared}
            if bound:
                kinds["oldSelfValues"] = library_type("[]dyn")
            functions = implement(self._functions)
            self._runs[bound] = library.environment(kinds, functions, opaque_pool(), bindings=bound)
        source = wrap.format(text) if bound else text
        return Expression(text, kind, self._runs[bound].compile(source, disable_check=True))


def names(text: str, variable: str) -> bool:
    """Whether an expression names a variable (outside literals, and not as a field)."""
    return re.search(rf"(?<![\w.]){variable}\b", _LITERALS.sub("''", text)) is not None


def _left_out(text: str) -> str:
    """What to add where an expression uses a library of Kubernetes that is not here."""
    found = _ABSENT.search(_LITERALS.sub("''", text))
    return f"\n(kcsim does not know CEL's {found[1]} library)" if found is not None else ""


def _go_type(name: str) -> str:
    name = _TYPE_NAMES.sub(lambda found: found[0].lower(), name)
    name = name.replace("<", "(").replace(">", ")")
    return "null_type" if name == "null" else name
