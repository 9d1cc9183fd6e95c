"""The expression language: Python-like text -> a function over a view, what it reads, and what can never work.

    ready("deployment/web", "shop") >= 3 and not drifted("shop")

**Imitates:** Python's syntax (parsed by `ast`, walked by a whitelist) with Kleene's three-valued logic. Left out: names,
lambdas, comprehensions, f-strings, powers, everything that could loop or reach Python.
A missing object or field is None; a comparison with None is unknown, `not` of unknown is unknown, and an expression
holds only if it is true: a condition about what is not there is unmet, never an error.
"""

import ast
import operator
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, cast

from kcsim.api.catalog import Catalog
from kcsim.api.resources import Resource
from kcsim.api.schemas.definitions import definition
from kcsim.api.schemas.schema import Schema
from kcsim.engine.clock import SECOND
from kcsim.scenario.arguments import ArgumentFault, Names, bind
from kcsim.scenario.diagnostics import did_you_mean
from kcsim.scenario.functions import (
    CATALOG,
    FUNCTIONS,
    LIST_FIELDS,
    NOTHING,
    Arguments,
    Function,
    ObjectRead,
    Objects,
    Reads,
    TrafficRead,
    View,
    function_named,
    function_names,
)
from kcsim.scenario.kleene import (
    ARITHMETIC,
    ORDER,
    Look,
    both,
    contains,
    either,
    equal,
    item_at,
    list_field,
    maybe_not,
    member,
    negate,
    numeric,
    ordered,
    truth,
    unknown,
)

LENGTH_MAX: Final = 2_000
DEPTH_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class ExpressionFault:
    """Why an expression can never be evaluated; `offset` counts characters from its beginning."""

    code: str
    message: str
    remedy: str
    offset: int = 0


class ExpressionError(ValueError):
    """An expression that can never be evaluated; `faults` holds why."""

    def __init__(self, text: str, faults: list[ExpressionFault]) -> None:
        """Raise with all faults at once."""
        self.faults = tuple(faults)
        told = (f"{f.message}\n  {f.remedy}" if f.remedy else f.message for f in faults)
        super().__init__("\n".join(f"{text!r}: {each}" for each in told))


@dataclass(frozen=True, slots=True)
class Mention:
    """An object that an expression names, and where in its text."""

    resource: Resource
    namespace: str
    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    text: str
    reads: Reads
    mentions: tuple[Mention, ...]
    _look: Look

    def evaluate(self, view: View) -> Any:
        """Its value: a number, a text, a boolean, an object, or None for unknown."""
        return self._look(view)

    def holds(self, view: View) -> bool:
        """Whether it is true; unknown is not."""
        return truth(self._look(view)) is True


@dataclass(frozen=True, slots=True)
class _Typed:
    """A compiled part with what is known of its value before it runs."""

    look: Look
    kind: str = "value"
    """value, number, boolean, text, object, objects, none."""
    schema: Schema | None = None
    where: str = ""
    """The path of an object's field so far, for messages: Deployment.status."""
    in_status: bool = False


@dataclass(slots=True)
class _Compiler:
    text: str
    names: Names
    faults: list[ExpressionFault] = field(default_factory=list)
    reads: Reads = NOTHING
    mentions: list[Mention] = field(default_factory=list)

    def fault(self, node: ast.AST, code: str, message: str, remedy: str = "") -> _Typed:
        offset = _offset(self.text, node)
        self.faults.append(ExpressionFault(code, message, remedy, offset))
        return _Typed(unknown)

    def compile(self, node: ast.expr, depth: int = 0) -> _Typed:
        if depth > DEPTH_MAX:
            return self.fault(
                node, "KC402", f"nested more than {DEPTH_MAX} levels deep", "Split the expectation."
            )
        depth += 1
        match node:
            case ast.Constant():
                return self.constant(node)
            case ast.BoolOp():
                looks = [self.compile(value, depth).look for value in node.values]
                return _Typed(both(looks) if isinstance(node.op, ast.And) else either(looks), "boolean")
            case ast.UnaryOp():
                return self.unary(node, depth)
            case ast.BinOp():
                return self.arithmetic(node, depth)
            case ast.Compare():
                return self.comparison(node, depth)
            case ast.Call():
                return self.call(node, depth)
            case ast.Attribute():
                return self.field(node, self.compile(node.value, depth), node.attr)
            case ast.Subscript():
                return self.subscript(node, depth)
            case ast.List() | ast.Tuple():
                looks = [self.compile(item, depth).look for item in node.elts]
                return _Typed(lambda view: [look(view) for look in looks])
            case ast.Name():
                return self.bare_name(node)
            case _:
                return self.fault(node, "KC402", f"{_construct(node)} is not part of the language")

    def constant(self, node: ast.Constant) -> _Typed:
        value = node.value
        if value is None:
            return _Typed(unknown, "none")
        if not isinstance(value, str | int | float):
            return self.fault(node, "KC402", f"{value!r} is not a number, a text or a truth value")
        kind = "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        return _Typed(lambda _view: value, kind)

    def bare_name(self, node: ast.Name) -> _Typed:
        if node.id in {"true", "false", "null"}:
            word = {"true": "True", "false": "False", "null": "None"}[node.id]
            return self.fault(node, "KC402", f"'{node.id}' is a name here", f"did you mean '{word}'?")
        function = function_named(node.id, self.names.catalog)
        if function is not None:
            usage = function.usage(node.id)
            return self.fault(
                node, "KC402", f"'{node.id}' is a function and is not called", f"Write {usage}."
            )
        known = function_names(self.names.catalog)
        return self.fault(
            node,
            "KC403",
            f"there is no name '{node.id[:60]}'",
            did_you_mean(node.id, known, "functions", FUNCTIONS),
        )

    def unary(self, node: ast.UnaryOp, depth: int) -> _Typed:
        look = self.compile(node.operand, depth).look
        if isinstance(node.op, ast.Not):
            return _Typed(lambda view: negate(truth(look(view))), "boolean")
        if isinstance(node.op, ast.USub | ast.UAdd):
            sign = -1 if isinstance(node.op, ast.USub) else 1
            return _Typed(lambda view: numeric(operator.mul, look(view), sign), "number")
        return self.fault(node, "KC402", "'~' is not part of the language")

    def arithmetic(self, node: ast.BinOp, depth: int) -> _Typed:
        left, right = self.compile(node.left, depth), self.compile(node.right, depth)
        operation = ARITHMETIC.get(type(node.op))
        if operation is None:
            return self.fault(node, "KC402", "only + - * / // and % can be computed")
        for part, side in ((left, node.left), (right, node.right)):
            if part.kind in {"text", "object", "objects", "none"}:
                self.fault(
                    side,
                    "KC402",
                    f"{_KIND_WORDS[part.kind]} cannot be computed with",
                    "Compute with numbers.",
                )
        return _Typed(lambda view: numeric(operation, left.look(view), right.look(view)), "number")

    def comparison(self, node: ast.Compare, depth: int) -> _Typed:
        before = self.reads
        parts = [self.compile(node.left, depth), *(self.compile(each, depth) for each in node.comparators)]
        if self.reads.clock and not before.clock:
            turn = _turn(node, parts)
            if turn is not None:
                self.reads = before | Reads(instants=frozenset({turn}))
        looks: list[Look] = []
        for index, op in enumerate(node.ops):
            left, right = parts[index], parts[index + 1]
            self.check_comparable(node, op, left, right)
            looks.append(_compared(op, left, right))
        return _Typed(looks[0] if len(looks) == 1 else both(looks), "boolean")

    def check_comparable(self, node: ast.Compare, op: ast.cmpop, left: _Typed, right: _Typed) -> None:
        if isinstance(op, ast.Is | ast.IsNot) and "none" not in {left.kind, right.kind}:
            self.fault(node, "KC402", "'is' compares with None only", "Write == or !=.")
        kinds = {left.kind, right.kind}
        ordering = isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
        if ordering and kinds & {"object", "objects", "none"}:
            odd = min(kinds & {"object", "objects", "none"})
            self.fault(
                node, "KC402", f"{_KIND_WORDS[odd]} has no order", "Compare one of its fields, or use .count."
            )
        elif not isinstance(op, ast.In | ast.NotIn) and kinds == {"text", "number"}:
            self.fault(node, "KC402", "a text and a number are never equal", "Quote both or neither.")

    def call(self, node: ast.Call, depth: int) -> _Typed:
        if not isinstance(node.func, ast.Name):
            return self.fault(
                node, "KC402", "only functions are called", "Write function(...), not value.method(...)."
            )
        name = node.func.id
        function = function_named(name, self.names.catalog)
        if function is None:
            known = function_names(self.names.catalog)
            return self.fault(
                node,
                "KC403",
                f"there is no function '{name[:60]}'",
                did_you_mean(name, known, "functions", FUNCTIONS),
            )
        if function.pure is not None:
            return self.pure_call(node, name, function, depth)
        bound = bind(name, function, node, self.names)
        for found in bound.faults:
            self.fault(found.node, found.code, found.message, found.remedy)
        if bound.faults:
            return _Typed(unknown)
        self.note_reads(node, function, bound.arguments)
        return _result(function, bound.arguments)

    def pure_call(self, node: ast.Call, name: str, function: Function, depth: int) -> _Typed:
        assert function.pure is not None, "asked before"
        compute = function.pure
        looks = [self.compile(arg, depth).look for arg in node.args]
        single = len(looks) == 1
        if (
            node.keywords
            or not looks
            or (name in {"min", "max"} and single)
            or (name in {"abs", "len"} and not single)
        ):
            wanted = f"{name}(a, b, ...)" if name in {"min", "max"} else f"{name}(value)"
            return self.fault(
                node, "KC404", f"{name}() is called with the wrong arguments", f"Write {wanted}."
            )
        return _Typed(lambda view: compute(*(look(view) for look in looks)), "number")

    def note_reads(self, node: ast.Call, function: Function, args: Arguments) -> None:
        match function.reads:
            case "object":
                assert args.resource is not None, "bound with a ref or a name"
                resource = args.resource
                self.add(
                    objects={ObjectRead(resource.group_resource, args.namespace, args.name, args.cluster)}
                )
                self.mentions.append(Mention(resource, args.namespace, args.name, _offset(self.text, node)))
            case "list":
                word = args.resource.group_resource if args.resource is not None else "events"
                self.add(objects={ObjectRead(word, args.namespace, "", args.cluster)})
            case "traffic":
                window = -1 if args.duration is None else args.duration
                each = function in (FUNCTIONS["requests"], FUNCTIONS["pods_reached"])
                self.reads |= Reads(traffic=frozenset({TrafficRead(args.text["traffic"], window, each)}))
            case "repository":
                self.reads |= Reads(repositories=frozenset({args.text["repository"]}))
            case "drift":
                self.reads |= Reads(drift=frozenset({(args.namespace, args.cluster)}))
                if args.resource is not None:
                    self.mentions.append(
                        Mention(args.resource, args.namespace, args.name, _offset(self.text, node))
                    )
            case "clock":
                self.reads |= Reads(clock=True)
            case "nothing":
                pass

    def add(self, objects: set[ObjectRead]) -> None:
        self.reads |= Reads(objects=frozenset(objects))

    def subscript(self, node: ast.Subscript, depth: int) -> _Typed:
        value = self.compile(node.value, depth)
        index = node.slice
        if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.USub):
            index = index.operand
            sign = -1
        else:
            sign = 1
        if (
            not isinstance(index, ast.Constant)
            or isinstance(index.value, bool)
            or not isinstance(index.value, str | int)
        ):
            return self.fault(node, "KC402", "an index is a number or a text", 'Write [0] or ["name"].')
        if isinstance(index.value, str):
            return self.field(node, value, index.value)
        number = sign * index.value
        schema = value.schema.element if value.schema is not None and value.schema.kind == "list" else None
        return _Typed(
            lambda view: item_at(value.look(view), number),
            "value",
            schema,
            f"{value.where}[]",
            value.in_status,
        )

    def field(self, node: ast.expr, value: _Typed, name: str) -> _Typed:
        if value.kind == "objects":
            if name not in LIST_FIELDS:
                remedy = did_you_mean(name, LIST_FIELDS, "fields of a list")
                return self.fault(node, "KC405", f"a list of objects has no field '{name[:60]}'", remedy)
            kind = "value" if name == "names" else "number"
            return _Typed(lambda view: list_field(value.look(view), name), kind)
        if value.kind in {"number", "boolean", "text", "none"}:
            return self.fault(
                node, "KC405", f"{_KIND_WORDS[value.kind]} has no fields", "Ask an object for its field."
            )
        schema = value.schema
        below: Schema | None = None
        if schema is not None:
            if schema.kind == "struct" and not schema.preserve_unknown:
                below = schema.fields.get(name)
                if below is None:
                    remedy = did_you_mean(name, schema.fields, f"fields of {value.where}")
                    return self.fault(node, "KC405", f"{value.where} has no field '{name[:60]}'", remedy)
            elif schema.kind in {"scalar", "list"}:
                what = "a list: index it with [0]" if schema.kind == "list" else f"a {schema.type or 'value'}"
                return self.fault(node, "KC405", f"{value.where} has no field '{name[:60]}', it is {what}")
            else:
                below = schema.element
        status = value.in_status or (name == "status" and "." not in value.where)
        missing = _missing(below, status, name)
        return _Typed(
            lambda view: member(value.look(view), name, missing),
            _scalar_kind(below),
            below,
            f"{value.where}.{name}",
            status,
        )


def parse_expression(
    text: str, names: Names | None = None
) -> tuple[Expression | None, list[ExpressionFault]]:
    """Compile, or say everything that is wrong with it.

    `names` are the traffic, repositories and clusters of the scenario; without them such names are taken as they are.
    """
    if len(text) > LENGTH_MAX:
        return None, [
            ExpressionFault("KC401", f"{len(text)} characters; at most {LENGTH_MAX} are read", "Split it.")
        ]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in a text is the author's business
            # Brackets let the text go over several lines; they shift no offset but that of the first line.
            tree = ast.parse(f"({text}\n)", mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return None, [_syntax_fault(text, error)]
    compiler = _Compiler(text, names or Names())
    typed = compiler.compile(tree.body)
    if typed.kind in {"object", "objects", "text", "none"} and not compiler.faults:
        remedy = "Compare it: ... == ..., or ask for a field or .count."
        compiler.faults.append(
            ExpressionFault("KC402", f"{_KIND_WORDS[typed.kind]} is neither true nor false", remedy)
        )
    if compiler.faults:
        return None, compiler.faults
    return Expression(text, compiler.reads, tuple(compiler.mentions), typed.look), []


def operands(text: str, names: Names | None = None) -> tuple[Expression, ...]:
    """The parts of a sound expression that look at the world, each by itself: `ready("deployment/web") >= 3` has one.

    Their values tell a reader why the whole is true or not.
    """
    tree = ast.parse(f"({text}\n)", mode="eval")
    found: dict[str, Expression] = {}
    for node in _outermost(tree.body):
        part = " ".join((ast.get_source_segment(f"({text}\n)", node) or "").split())
        compiler = _Compiler(text, names or Names())
        typed = compiler.compile(node)
        if part not in found and not compiler.faults and compiler.reads != NOTHING:
            found[part] = Expression(part, compiler.reads, tuple(compiler.mentions), typed.look)
    return tuple(found.values())


def _outermost(node: ast.AST) -> list[ast.expr]:
    """Calls, with the fields and items taken of them, that are not inside another; min(...) and its like are looked into."""
    if isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        call: ast.AST = node
        while isinstance(call, ast.Attribute | ast.Subscript):
            call = call.value
        name = call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else ""
        function = FUNCTIONS.get(name)
        if function is None or function.evaluate is not None:
            return [node]
    return [part for child in ast.iter_child_nodes(node) for part in _outermost(child)]


def compile_expression(text: str, names: Names | None = None) -> Expression:
    """Compile.

    Raises:
        ExpressionError: when it can never be evaluated.
    """
    expression, faults = parse_expression(text, names)
    if expression is None:
        raise ExpressionError(text, faults)
    return expression


def _syntax_fault(text: str, error: Exception) -> ExpressionFault:
    offset = 0
    if isinstance(error, SyntaxError) and error.offset is not None and error.lineno is not None:
        offset = _text_offset(text, error.lineno, max(0, error.offset - 1))
    word = error.msg if isinstance(error, SyntaxError) else "too deeply nested"
    remedy = "Write == to compare." if "=" in text and "==" not in text and "invalid syntax" in word else ""
    return ExpressionFault("KC401", f"the expression cannot be parsed: {word}", remedy, offset)


def _offset(text: str, node: ast.AST) -> int:
    line = getattr(node, "lineno", 1)
    byte = getattr(node, "col_offset", 0)
    if isinstance(node, ast.Attribute) and node.end_lineno is not None and node.end_col_offset is not None:
        line, byte = (
            node.end_lineno,
            node.end_col_offset - len(node.attr.encode()),
        )  # the field, not its object
    encoded = f"({text}\n)".split("\n")[line - 1].encode()
    column = len(encoded[:byte].decode(errors="ignore"))
    return _text_offset(text, line, column)


def _text_offset(text: str, line: int, column: int) -> int:
    """Offset in the text of a place in the bracketed text that was parsed."""
    lines = text.split("\n")
    before = sum(len(each) + 1 for each in lines[: line - 1])
    return max(0, min(len(text), before + column - (1 if line == 1 else 0)))


def _turn(node: ast.Compare, parts: Sequence[_Typed]) -> int | None:
    """The instant (µs) at which a comparison of now() with a fixed time turns, in whole seconds; None for any other comparison."""
    sides = (node.left, *node.comparators)
    which = next((i for i, side in enumerate(sides) if _is_call(side, "now")), None)
    if which is None or len(sides) != 2:
        return None
    op, other = node.ops[0], sides[1 - which]
    if not isinstance(other, ast.Constant) and not _is_call(other, "seconds"):
        return None
    fixed = parts[1 - which].look(cast("View", None))  # neither of the two looks at the world
    if not isinstance(fixed, int | float) or not isfinite(fixed):
        return None
    instant: int = round(fixed * SECOND)
    # now() < T and T <= now() turn at T; now() <= T and T < now() once it is over.
    at_once = isinstance(op, ast.Lt | ast.GtE if which == 0 else ast.Gt | ast.LtE)
    late = isinstance(op, ast.LtE | ast.Gt if which == 0 else ast.GtE | ast.Lt)
    if at_once:
        return -(-instant // SECOND) * SECOND
    return (instant // SECOND + 1) * SECOND if late else None


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _compared(op: ast.cmpop, left: _Typed, right: _Typed) -> Look:
    order = ORDER.get(type(op))
    if order is not None:
        return lambda view: ordered(order, left.look(view), right.look(view))
    negated = isinstance(op, ast.NotEq | ast.IsNot | ast.NotIn)
    if isinstance(op, ast.In | ast.NotIn):
        return lambda view: maybe_not(contains(right.look(view), left.look(view)), negated)
    literal_none = "none" in {left.kind, right.kind}
    return lambda view: maybe_not(equal(left.look(view), right.look(view), literal_none), negated)


# What is known before it runs.


def _result(function: Function, args: Arguments) -> _Typed:
    evaluate = function.evaluate
    assert evaluate is not None, "pure functions are compiled elsewhere"
    schema = (
        definition(args.resource.gvk) if function.result == "object" and args.resource is not None else None
    )
    where = args.resource.kind if args.resource is not None else ""
    return _Typed(lambda view: evaluate(view, args), function.result, schema, where)


def _missing(schema: Schema | None, in_status: bool, name: str) -> Any:
    """What a missing field of an existing object means: counters of a status are left out of the JSON when zero."""
    if not in_status or schema is None:
        return None
    if name == "status" and schema.kind == "struct":
        return {}
    return 0 if schema.type == "integer" else None


def _scalar_kind(schema: Schema | None) -> str:
    if schema is None or schema.kind != "scalar" or schema.int_or_string:
        return "value"
    return {"integer": "number", "number": "number", "boolean": "boolean"}.get(schema.type, "value")


def _construct(node: ast.AST) -> str:
    names = {
        "Lambda": "a lambda",
        "IfExp": "if/else",
        "JoinedStr": "an f-string",
        "NamedExpr": "':='",
        "Await": "await",
    }
    name = type(node).__name__
    return names.get(
        name, "a comprehension" if name.endswith("Comp") or name == "GeneratorExp" else f"'{name}'"
    )


_KIND_WORDS: Final = {
    "text": "a text",
    "number": "a number",
    "boolean": "a truth value",
    "object": "an object",
    "objects": "a list of objects",
    "none": "None",
}

__all__ = [
    "CATALOG",
    "FUNCTIONS",
    "ArgumentFault",
    "Catalog",
    "Expression",
    "ExpressionError",
    "ExpressionFault",
    "Mention",
    "Names",
    "ObjectRead",
    "Objects",
    "Reads",
    "View",
    "compile_expression",
    "operands",
    "parse_expression",
]
