"""CEL in Kustomizations: how healthy a custom resource is, and whether a dependency is ready.  Decides; never acts.

**Imitates:** fluxcd/pkg runtime/cel (expression.go, status_evaluator.go: the order of RFC 0009) and kustomize-controller's
evalReadyExpr.

**Walk:** ``spec.healthCheckExprs`` -> ``compiled`` once a spec, or ``InvalidExpression`` -> a live object -> ``status_of``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kcsim.api import objects
from kcsim.api.cel.errors import CompileError, EvaluationError
from kcsim.api.cel.expression import Expression, Scope
from kcsim.api.objects import Object
from kcsim.delivery.gitops.kstatus import CURRENT, FAILED, IN_PROGRESS

INVALID = "InvalidCELExpression"
TERMINAL = "Reconciliation failed terminally due to configuration error"
_FIELDS = (
    "apiVersion kind metadata spec status data stringData immutable rules roleRef subjects webhooks parameters provisioner "
    "secrets value"
).split()
"""The fields at the top of an object that an expression may name."""


class InvalidExpression(Exception):
    """An expression cannot be compiled."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The expressions for one kind, compiled, in the order in which they are asked."""

    expressions: tuple[tuple[Expression, str], ...]

    def status_of(self, live: Object) -> str:
        """The status word of a live object.

        Raises:
            EvaluationError: an expression asks for what is not there, or is no truth value.
        """
        seen = objects.get_in(live, ("status", "observedGeneration"))
        if seen is not None and seen != live["metadata"].get("generation", seen):
            return IN_PROGRESS
        for expression, status in self.expressions:
            if _truth(expression, live):
                return status
        return IN_PROGRESS


Checks = Mapping[tuple[str, str], HealthCheck]
"""By apiVersion and kind."""


def compiled(wanted: Iterable[Mapping[str, str]]) -> Checks:
    """The checks of ``spec.healthCheckExprs``.

    Raises:
        InvalidExpression: one of them cannot be compiled.
    """
    found = {}
    for number, given in enumerate(wanted):
        made = []
        for field, status in (("inProgress", IN_PROGRESS), ("failed", FAILED), ("current", CURRENT)):
            if not given.get(field):
                continue
            try:
                made.append((_compiled(given[field]), status))
            except CompileError as error:
                name = field[0].upper() + field[1:]
                what = f"failed to create custom status evaluator for healthchecks[{number}]"
                why = f"failed to parse the CEL expression '{given[field]}': {error}"
                raise InvalidExpression(f"{what}: failed to parse the expression {name}: {why}") from error
        found[given.get("apiVersion", ""), given.get("kind", "")] = HealthCheck(tuple(made))
    return found


def is_ready(text: str, obj: Object, dependency: Object) -> bool:
    """Whether ``readyExpr`` of a dependency holds.

    Raises:
        InvalidExpression: it cannot be compiled.
        EvaluationError: it asks for what is not there, or is no truth value.
    """
    try:
        expression = _ready(text)
    except CompileError as error:
        raise InvalidExpression(f"failed to compile the CEL expression '{text}': {error}") from error
    return _truth(expression, {"self": obj, "dep": dependency})


@lru_cache(maxsize=256)
def _compiled(text: str) -> Expression:
    return Scope(dict.fromkeys(_FIELDS, "dyn")).compile(text)


@lru_cache(maxsize=256)
def _ready(text: str) -> Expression:
    return Scope({"self": "dyn", "dep": "dyn"}).compile(text)


def _truth(expression: Expression, values: Mapping[str, Any]) -> bool:
    found = expression.evaluate({k: v for k, v in values.items() if k in {*_FIELDS, "self", "dep"}})
    if not isinstance(found, bool):
        raise EvaluationError(f"failed to evaluate the CEL expression '{expression.text}' as bool")
    return found
