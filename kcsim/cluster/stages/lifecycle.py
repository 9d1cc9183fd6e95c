"""Which Stage an object enters next, when, and what its steps come to.  Decides; never acts.

**Imitates:** KWOK 0.7 ``pkg/utils/lifecycle`` (``lifecycle.go``, ``next.go``, ``finalizers.go``, ``value_*_from.go``) and
``pkg/utils/expression/selector.go``. Draws are arguments. Times are µs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.gotemplate import Functions
from kcsim.api.objects import Object
from kcsim.cluster.stages.stage import Amount, FinalizersStep, PatchStep, Requirement, Stage
from kcsim.engine.clock import parse_rfc3339, seconds
from kcsim.manifests import documents

_STRATEGIC = (("v1", "Node"), ("v1", "Pod"))


def matches(stage: Stage, obj: Object) -> bool:
    """Whether the Stage is for this object as it is now."""
    labels, annotations = objects.labels(obj), objects.annotations(obj)
    return (
        all(labels.get(key) == value for key, value in stage.labels.items())
        and all(annotations.get(key) == value for key, value in stage.annotations.items())
        and all(holds(requirement, obj) for requirement in stage.requirements)
    )


def holds(requirement: Requirement, obj: Object) -> bool:
    """Whether the object fulfils one requirement; a query that fails finds nothing."""
    found = requirement.query.execute(obj) or []
    if requirement.operator in ("In", "NotIn"):
        held = any(_as_text(value) in requirement.values for value in found)
        return held is (requirement.operator == "In")
    return bool(found) is (requirement.operator == "Exists")


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def choose(stages: Sequence[Stage], obj: Object, integer: Callable[[int], int]) -> Stage | None:
    """One of the Stages that match: by weight, all alike where no weight counts.

    Args:
        stages: all for the object's kind, in their order.
        obj: the object.
        integer: draws a whole number below its argument.
    """
    found = [stage for stage in stages if matches(stage, obj)]
    if len(found) <= 1:
        return found[0] if found else None
    weights = [_weight(stage.weight, obj) for stage in found]
    total = sum(weight for weight in weights if weight is not None)
    if total <= 0:
        known = [s for s, weight in zip(found, weights, strict=True) if weight is not None] or found
        return known[integer(len(known))]
    place = integer(total)
    for stage, weight in zip(found, weights, strict=True):
        if weight is None or weight <= 0:
            continue
        place -= weight
        if place < 0:
            return stage
    return found[-1]


def _weight(amount: Amount, obj: Object) -> int | None:
    if amount.query is not None:
        found = amount.query.execute(obj)
        if found:
            return _whole(found[0], amount.value)
    return amount.value


def _whole(value: Any, otherwise: int | None) -> int | None:
    if isinstance(value, str):
        try:
            return int(value, 0)
        except ValueError:
            return None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def delay_of(stage: Stage, obj: Object, now: int, integer: Callable[[int], int]) -> int:
    """How long until the Stage is entered."""
    if stage.delay is None:
        return 0
    delay = _duration(stage.delay, obj, now)
    if delay is None:
        return 0
    jitter = _duration(stage.jitter, obj, now) if stage.jitter is not None else None
    if jitter is not None:
        delay = jitter if jitter <= delay else delay + integer(jitter - delay)
    return max(delay, 0)


def _duration(amount: Amount, obj: Object, now: int) -> int | None:
    """The amount in µs; a point in time that the object names counts from now."""
    found = amount.query.execute(obj) if amount.query is not None else None
    if found and isinstance(found[0], str):
        if not found[0]:
            return None
        for read in (lambda text: parse_rfc3339(text) - now, _go_duration):
            try:
                return read(found[0])
            except ValueError:
                continue
    return amount.value


def _go_duration(text: str) -> int:
    return -seconds(text[1:]) if text.startswith("-") else seconds(text)


# --- steps ------------------------------------------------------------------------------------------------------


def finalizer_operations(present: Sequence[str], step: FinalizersStep) -> list[dict[str, Any]]:
    """The JSON patch that changes an object's finalizers; empty when there is nothing to do."""
    gone = [place for place, name in enumerate(present) if step.empty or name in step.remove]
    empties = bool(present) and len(gone) == len(present)
    operations: list[dict[str, Any]] = []
    if empties:
        operations.append({"op": "remove", "path": "/metadata/finalizers"})
    else:
        operations += [{"op": "remove", "path": f"/metadata/finalizers/{place}"} for place in reversed(gone)]
    if step.add and (empties or not present):
        operations.append({"op": "add", "path": "/metadata/finalizers", "value": list(step.add)})
    else:
        operations += [
            {"op": "add", "path": "/metadata/finalizers/-", "value": name}
            for name in step.add
            if name not in present
        ]
    return operations


def rendered(text: str) -> Any:
    """What a template's text says as YAML.

    Raises: ManifestError when it is none.
    """
    found = documents(text, "template")
    return found[0].value if found else None


def patch_of(step: PatchStep, obj: Object, functions: Functions) -> tuple[Any, str]:
    """(body, type) of a patch.

    Raises: TemplateError or ManifestError when the template does not come to a patch.
    """
    body = rendered(step.template.render(obj, functions))
    kind = step.type
    if not kind:
        kind = "strategic" if (obj.get("apiVersion"), obj.get("kind")) in _STRATEGIC else "merge"
    if not step.root:
        return body, kind
    if kind == "json":
        return [{**entry, "path": f"/{step.root}{entry['path']}"} for entry in body or ()], kind
    return {step.root: body}, kind


def changes(obj: Object, body: Mapping[str, Any]) -> bool:
    """Whether a merge patch says anything that the object does not say already."""
    for key, value in body.items():
        before = obj.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if changes(dict(before), value):
                return True
        elif value != before:
            return True
    return False
