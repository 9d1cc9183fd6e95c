"""One policy, compiled: does a write keep it?

**Imitates:** apiserver ``pkg/admission/plugin/policy/validating/validator.go`` and ``plugin/webhook/matchconditions`` (v1.36).

**Walk:** match conditions -> each validation with variables worked out when they are named -> ``Decision``s, in order -> audit
annotations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.admission.policy.scope import policy_scope
from kcsim.api.cel.errors import CompileError, EvaluationError
from kcsim.api.cel.expression import Expression, Scope
from kcsim.api.objects import Object
from kcsim.api.rbac import Authorizer

_MAX_MESSAGE = 5 * 1024
_VARIABLE = re.compile(r"\bvariables\s*\.\s*([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Decision:
    """That a write does not keep a policy, in which words and with which reason ("" where evaluating failed)."""

    message: str
    reason: str = ""


@dataclass
class Outcome:
    """What a policy says of one write."""

    denials: list[Decision] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)


class PolicyProgram:
    """The compiled expressions of a policy."""

    def __init__(self, policy: Object, authorizer: Authorizer) -> None:
        spec = policy["spec"]
        self.fails = spec.get("failurePolicy") != "Ignore"
        self.error = ""
        scope = policy_scope(authorizer, spec)
        self._conditions = [
            (c["name"], self._compiled(scope, c["expression"])) for c in spec.get("matchConditions") or ()
        ]
        self._variables = {
            v["name"]: self._compiled(scope, v["expression"]) for v in spec.get("variables") or ()
        }
        self._validations = [
            (
                v,
                self._compiled(scope, v["expression"]),
                self._compiled(scope, v.get("messageExpression") or ""),
            )
            for v in spec.get("validations") or ()
        ]
        self._audits = [
            (a["key"], self._compiled(scope, a["valueExpression"]))
            for a in spec.get("auditAnnotations") or ()
        ]

    def _compiled(self, scope: Scope, text: str) -> Expression | None:
        if not text.strip():
            return None
        try:
            return scope.compile(text)
        except CompileError as error:
            self.error = self.error or f"compilation failed: {error}"
            return None

    def judge(self, values: Mapping[str, Any]) -> Outcome:
        """Whether what is written may be."""
        outcome = Outcome()
        given = _Values(values, self._variables)
        why, applies = self._conditions_hold(given)
        if why and self.fails:
            outcome.denials.append(Decision(why))
        if why or not applies:
            return outcome
        for raw, expression, message in self._validations:
            if expression is None:
                continue
            try:
                if given.evaluate(expression) is not True:
                    outcome.denials.append(
                        Decision(_message(raw, message, given), raw.get("reason") or "Invalid")
                    )
            except EvaluationError as error:
                if self.fails:
                    outcome.denials.append(Decision(_failed(expression, error)))
        self._audit(outcome, given)
        return outcome

    def _conditions_hold(self, given: _Values) -> tuple[str, bool]:
        """What failed, and whether all conditions hold: one that does not beats one that fails."""
        failures = []
        for _, expression in self._conditions:
            if expression is None:
                continue
            try:
                if given.evaluate(expression) is False:
                    return "", False
            except EvaluationError as error:
                failures.append(_failed(expression, error))
        return ", ".join(failures), True

    def _audit(self, outcome: Outcome, given: _Values) -> None:
        for key, expression in self._audits:
            if expression is None:
                continue
            try:
                value = given.evaluate(expression)
            except EvaluationError as error:
                if self.fails:
                    outcome.denials.append(Decision(_failed(expression, error)))
                continue
            if isinstance(value, str) and value.strip():
                outcome.annotations[key] = value.strip()


class _Values:
    """What expressions see; variables are worked out when one is named, and once."""

    def __init__(self, values: Mapping[str, Any], variables: Mapping[str, Expression | None]) -> None:
        self._known: dict[str, Any] = {}
        self._values = {**values, "variables": self._known}
        self._variables = variables
        self._failed: dict[str, str] = {}
        self._begun: set[str] = set()

    def evaluate(self, expression: Expression) -> Any:
        """The value of an expression."""
        for name in _VARIABLE.findall(expression.text):
            self._work_out(name)
        try:
            return expression.evaluate(self._values)
        except EvaluationError as error:
            # A variable that failed is missing, so that what does not need it can still hold.
            name = str(error).removeprefix("no such key: ")
            if name in self._failed:
                text = f'composited variable "{name}" fails to evaluate: {self._failed[name]}'
                raise EvaluationError(text) from error
            raise

    def _work_out(self, name: str) -> None:
        expression = self._variables.get(name)
        if name in self._begun or expression is None:
            return
        self._begun.add(name)
        try:
            self._known[name] = self.evaluate(expression)
        except EvaluationError as error:
            self._failed[name] = str(error)


def _failed(expression: Expression, error: EvaluationError) -> str:
    return f"expression '{expression.text}' resulted in error: {error}"


def _message(raw: Object, expression: Expression | None, given: _Values) -> str:
    """The message expression's text if it gives one, or the message, or the expression that did not hold."""
    text = ""
    if expression is not None:
        try:
            value = given.evaluate(expression)
        except EvaluationError:
            value = ""
        text = value.strip() if isinstance(value, str) else ""
        if len(text) > _MAX_MESSAGE or "\n" in text:
            text = ""
    text = text or (raw.get("message") or "").strip()
    return text or f"failed expression: {raw['expression'].strip()}"
