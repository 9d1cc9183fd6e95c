"""The rules that custom resources must keep: ``x-kubernetes-validations``.

**Imitates:** apiextensions-apiserver ``pkg/apiserver/schema/cel/{compilation,validation}.go`` (v1.36): rules at every level,
transition rules, ``optionalOldSelf``, messages and message expressions, reasons, field paths, and what an update leaves as
it was is only warned of (ratcheting). Left out: cost estimates and limits, rules below ``allOf``.

**Walk:** CustomResourceDefinition -> ``rule_faults`` (what no rule may be) -> an object of the kind -> ``broken`` walks schema and
object together, outside in, and asks each rule that stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from kcsim.api.cel.errors import CompileError, EvaluationError
from kcsim.api.cel.expression import Expression, Scope, names
from kcsim.api.cel.messages import Declarations, escape, read_bytes, read_duration, read_timestamp
from kcsim.api.schemas.schema import Schema
from kcsim.api.validation.field import OMIT, FieldError

RULES = "x-kubernetes-validations"
_MAX_MESSAGE = 5 * 1024
_OPTIONAL_OLD = (
    "cel.bind(oldSelf, size(oldSelfValues) == 0 ? optional.none() : optional.of(oldSelfValues[0]), ({}))"
)
_STEP = re.compile(r"\.([^.\[\]']+)|\['((?:\\.|[^'\\])*)'\]")
_NO_OLD: Any = object()


class Rule(NamedTuple):
    """One rule, ready to be asked."""

    raw: Mapping[str, Any]
    expression: Expression
    message: Expression | None
    uses_old: bool

    @property
    def shown(self) -> str:
        """How messages name the rule."""
        return str(self.raw.get("message") or self.raw["rule"]).strip()


class Broken(NamedTuple):
    """What an object's rules say against it."""

    errors: list[FieldError]
    warnings: list[str]


class Rules:
    """The rules of one schema. Compiled where they stand, when first asked for."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.any = schema.has_rules
        self._compiled: dict[int, list[Rule]] = {}

    def broken(self, new: Any, old: Any = None) -> Broken:
        """What is wrong with an object; ``old`` is what it replaces, None for a new one."""
        found = Broken([], [])
        if self.any:
            before = _NO_OLD if old is None else old
            self._visit(found, self.schema, new, before, "", root=True, same=old is not None and new == old)
        return found

    def _visit(
        self, found: Broken, node: Schema, new: Any, old: Any, path: str, *, same: bool, root: bool = False
    ) -> None:
        if new is None or not node.has_rules:
            return
        if old is None:
            old = _NO_OLD
        if node.raw.get(RULES):
            self._ask(found, node, new, old, path, same=same, root=root)
        if node.kind == "struct" and isinstance(new, dict):
            for name, child in sorted(node.fields.items()):
                if name in new:
                    before = old.get(name, _NO_OLD) if isinstance(old, dict) else _NO_OLD
                    where = f"{path}.{name}" if path else name
                    self._visit(found, child, new[name], before, where, same=_still(same, new[name], before))
        elif node.element is not None and isinstance(new, dict):
            for key in sorted(new):
                before = old.get(key, _NO_OLD) if isinstance(old, dict) else _NO_OLD
                where = f"{path}[{key}]"
                self._visit(found, node.element, new[key], before, where, same=_still(same, new[key], before))
        elif node.element is not None and isinstance(new, list):
            partners = _partners(node, old)
            for i, item in enumerate(new):
                before = partners.get(_key(node, item), _NO_OLD)
                self._visit(
                    found, node.element, item, before, f"{path}[{i}]", same=_still(same, item, before)
                )

    def _ask(
        self, found: Broken, node: Schema, new: Any, old: Any, path: str, *, same: bool, root: bool
    ) -> None:
        where = path or "<nil>"
        values: dict[str, Any] = {"self": _value(node, new, root=root)}
        before = None if old is _NO_OLD else _value(node, old, root=root)
        for rule in self._rules(node, root=root):
            optional = bool(rule.raw.get("optionalOldSelf"))
            if rule.uses_old and old is _NO_OLD and not optional:
                continue
            data = {**values, "oldSelf": before, "oldSelfValues": [] if old is _NO_OLD else [before]}
            try:
                if rule.expression.evaluate(data):
                    continue
            except EvaluationError as why:
                found.errors.append(FieldError("Invalid", where, node.type, _failed(str(why), rule)))
                continue
            error = _field_error(
                _below_path(path, rule.raw.get("fieldPath") or ""), rule, _message(rule, data)
            )
            if same and not rule.uses_old:
                found.warnings.append(str(error))
            else:
                found.errors.append(error)

    def _rules(self, node: Schema, *, root: bool) -> list[Rule]:
        compiled = self._compiled.get(id(node))
        if compiled is None:
            scope = _scope(node, root=root)
            compiled = [_compile(scope, raw) for raw in node.raw[RULES] if (raw.get("rule") or "").strip()]
            self._compiled[id(node)] = compiled
        return compiled


def rule_faults(schema: Schema, path: str) -> Iterator[FieldError]:
    """What is wrong with the rules of a definition; ``path`` is where its schema stands."""
    yield from _rule_faults(schema, path, root=True)


def _rule_faults(node: Schema, path: str, *, root: bool = False) -> Iterator[FieldError]:
    if not node.has_rules:
        return
    scope = _scope(node, root=root) if node.raw.get(RULES) else None
    for i, raw in enumerate(node.raw.get(RULES) or ()):
        here = f"{path}.{RULES}[{i}]"
        if not (raw.get("rule") or "").strip():
            yield FieldError("Required", f"{here}.rule", "", "rule is not specified")
            continue
        assert scope is not None
        for member, wanted in (("rule", "bool"), ("messageExpression", "string")):
            why = _why_not(scope, raw.get(member) or "", wanted, member)
            if why:
                yield FieldError(
                    "Invalid", f"{here}.{member}", _as_go(raw) if member == "rule" else raw[member], why
                )
    for name, child in node.fields.items() if node.kind == "struct" else ():
        yield from _rule_faults(child, f"{path}.properties[{name}]")
    if node.element is not None:
        yield from _rule_faults(
            node.element, f"{path}.{'items' if node.kind == 'list' else 'additionalProperties'}"
        )


def _why_not(scope: Scope, text: str, wanted: str, member: str) -> str:
    if not text.strip():
        return ""
    try:
        kind = scope.check(text)
    except CompileError as error:
        return f"{'messageExpression ' if member != 'rule' else ''}compilation failed: {error}"
    if kind == wanted:
        return ""
    return (
        "cel expression must evaluate to a bool"
        if member == "rule"
        else "messageExpression must evaluate to a string"
    )


def _as_go(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as messages show it: the server's own structure, without the API's names."""
    return {
        "Rule": raw.get("rule", ""),
        "Message": raw.get("message", ""),
        "MessageExpression": raw.get("messageExpression", ""),
        "Reason": raw.get("reason"),
        "FieldPath": raw.get("fieldPath", ""),
        "OptionalOldSelf": raw.get("optionalOldSelf"),
    }


# --- compiling ----------------------------------------------------------------------------------------------------


def _scope(node: Schema, *, root: bool) -> Scope:
    declarations = Declarations()
    kind = declarations.type_of(node, escaped_only=True, root=root)
    # An optional oldSelf is dyn to the checker, which so lets pass what the real one would refuse.
    optional = any(raw.get("optionalOldSelf") for raw in node.raw.get(RULES) or ())
    return Scope({"self": kind, "oldSelf": "dyn" if optional else kind}, declarations)


def _compile(scope: Scope, raw: Mapping[str, Any]) -> Rule:
    wrap = _OPTIONAL_OLD if raw.get("optionalOldSelf") else "{}"
    text = raw.get("messageExpression") or ""
    message = scope.compile(text, wrap=wrap) if text.strip() else None
    return Rule(raw, scope.compile(raw["rule"], wrap=wrap), message, names(raw["rule"], "oldSelf"))


# --- values -------------------------------------------------------------------------------------------------------


def _value(node: Schema, value: Any, *, root: bool = False) -> Any:
    """A value as expressions see it: properties under their escaped names, numbers and texts as their types say."""
    if value is None or node.int_or_string:
        return value
    if node.kind == "struct" and isinstance(value, dict):
        seen = {}
        for name, item in value.items():
            child = node.fields.get(name)
            if child is None:
                continue
            if root and name == "metadata":
                item = {k: v for k, v in item.items() if k in {"name", "generateName"}}
                seen[name] = item
            elif word := escape(name):
                seen[word] = _value(child, item)
        return seen
    if node.element is not None and isinstance(value, dict):
        return {key: _value(node.element, item) for key, item in value.items()}
    if node.element is not None and isinstance(value, list):
        return [_value(node.element, item) for item in value]
    if node.type == "number" and isinstance(value, int):
        return float(value)
    if isinstance(value, str) and node.format in _READ:
        try:
            return _READ[node.format](value)
        except ValueError:
            return value  # the schema's own check says what is wrong with it
    return value


_READ = {
    "date-time": read_timestamp,
    "date": read_timestamp,
    "byte": read_bytes,
    "duration": read_duration,
}


def _still(same: bool, new: Any, old: Any) -> bool:
    """Whether a value is what it was: itself where it has a counterpart, else what it stands in."""
    return same if old is _NO_OLD else new == old


def _partners(node: Schema, old: Any) -> dict[Any, Any]:
    """The items before by their keys: only lists that are maps know which item is which."""
    if node.list_type != "map" or not isinstance(old, list):
        return {}
    return {_key(node, item): item for item in old}


def _key(node: Schema, item: Any) -> Any:
    if node.list_type != "map" or not isinstance(item, dict):
        return _NO_OLD
    return tuple(str(item.get(name)) for name in node.list_map_keys)


# --- words --------------------------------------------------------------------------------------------------------


def _failed(why: str, rule: Rule) -> str:
    if why.startswith("no such overload"):
        return f"'{why}': call arguments did not match a supported operator, function or macro signature for rule: {rule.shown}"
    return f"{why} evaluating rule: {rule.shown}"


def _message(rule: Rule, values: Mapping[str, Any]) -> str:
    """The message expression's text if it gives one, or the message, or the rule."""
    if rule.message is not None:
        try:
            text = str(rule.message.evaluate(values)).strip()
        except EvaluationError:
            text = ""
        if text and "\n" not in text and len(text) <= _MAX_MESSAGE:
            return text
    message = (rule.raw.get("message") or "").strip()
    return message or f"failed rule: {rule.shown}"


def _field_error(path: str, rule: Rule, detail: str) -> FieldError:
    reason = rule.raw.get("reason")
    if reason == "FieldValueForbidden":
        return FieldError("Forbidden", path, "", detail)
    if reason == "FieldValueRequired":
        return FieldError("Required", path, "", detail)
    if reason == "FieldValueDuplicate":
        return FieldError("Duplicate", path, OMIT, "")
    return FieldError("Invalid", path, OMIT, detail)


def _below_path(path: str, field_path: str) -> str:
    for match in _STEP.finditer(field_path):
        step = match[1] if match[1] is not None else re.sub(r"\\(.)", r"\1", match[2])
        path = f"{path}.{step}" if path else step
    return path or "<nil>"
