"""dependsOn: who must be ready first, and in which order Kustomizations are looked at.  Decides; never acts.

**Imitates:** kustomize-controller checkDependencies; fluxcd/pkg runtime/dependency/sort.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from kcsim.api import objects
from kcsim.api.objects import Key, Object
from kcsim.delivery.gitops.flux import expressions
from kcsim.delivery.gitops.flux.toolkit import READY, source_subject, spec, status


def problem(obj: Object, dependency: Object, revision: str, ready_expr: str = "") -> str:
    """Why a dependency keeps ``obj`` from going on at a revision of its source; "" when it does not.

    ``ready_expr`` takes the place of the built-in check.

    Raises:
        InvalidExpression, EvaluationError: of ``ready_expr``.
    """
    name = "/".join(objects.key(dependency))
    if ready_expr:
        if not expressions.is_ready(ready_expr, obj, dependency):
            return f"dependency '{name}' is not ready according to readyExpr eval"
        return ""
    seen = status(dependency).get("observedGeneration")
    if not objects.conditions(dependency) or seen != dependency["metadata"].get("generation"):
        return f"dependency '{name}' is not ready"
    if not objects.condition_is(dependency, READY):
        return f"dependency '{name}' is not ready"
    if (
        source_subject(dependency) == source_subject(obj)
        and status(dependency).get("lastAppliedRevision") != revision
    ):
        return f"dependency '{name}' revision is not up to date"
    return ""


def in_order(kustomizations: Sequence[Object]) -> list[Key]:
    """Their keys, dependencies first; none at all when there is a cycle, as upstream drops the whole trigger then."""
    waiting = {objects.key(k): _needs(k) for k in kustomizations}
    done: list[Key] = []
    while waiting:
        free = [key for key, needs in waiting.items() if not any(n in waiting for n in needs)]
        if not free:
            return []
        for key in free:
            done.append(key)
            del waiting[key]
    return done


def _needs(obj: Object) -> list[Key]:
    own = objects.namespace(obj)
    return [(ref.get("namespace") or own, ref.get("name", "")) for ref in spec(obj).get("dependsOn") or ()]
