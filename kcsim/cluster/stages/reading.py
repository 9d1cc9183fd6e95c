"""Reads Stages from KWOK's files.

**Imitates:** KWOK 0.7 ``pkg/apis/internalversion/conversion.go`` (``next`` becomes steps) and its CRD's schema. Left out:
expressions in CEL. Whatever a file has that is not known here is a problem with its line, never ignored.

**Walk:** text -> manifests -> ``_Reader`` a Stage: selector, weight, delay, steps, each query and template read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kcsim.api.gotemplate import Template, TemplateError
from kcsim.cluster.stages.functions import FUNCTIONS, WORLD_FUNCTIONS
from kcsim.cluster.stages.query import Query, QuerySyntaxError
from kcsim.cluster.stages.stage import (
    Amount,
    ApplyStep,
    DeleteStep,
    EventStep,
    FinalizersStep,
    PatchStep,
    Requirement,
    Stage,
    Step,
)
from kcsim.engine.clock import MILLISECOND
from kcsim.manifests import Manifest, ManifestError, Path
from kcsim.manifests import read as read_manifests

GROUP = "kwok.x-k8s.io"
PATCH_TYPES = ("json", "merge", "strategic", "apply")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_EVENT_TYPES = ("Normal", "Warning")


class StageError(ValueError):
    """A file whose Stages cannot be played. ``problems``: each with file, line and column."""

    def __init__(self, problems: Sequence[ManifestError]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def read(text: str, file: str) -> tuple[Stage, ...]:
    """The Stages of a file, in their order.

    A Stage without a selector matches nothing, as in KWOK.

    Raises: StageError with everything that is wrong.
    """
    try:
        manifests = read_manifests(text, file)
    except ManifestError as error:
        raise StageError([error]) from error
    problems: list[ManifestError] = []
    stages = [_Reader(manifest, problems).stage() for manifest in manifests]
    if problems:
        raise StageError(problems)
    return tuple(stage for stage in stages if stage is not None)


class _Reader:
    """Reads one object; every problem is noted with its place."""

    def __init__(self, manifest: Manifest, problems: list[ManifestError]) -> None:
        self._manifest = manifest
        self._problems = problems

    def _wrong(self, path: Path, message: str) -> None:
        self._problems.append(self._manifest.error(path, message))

    def _map(self, value: Any, path: Path, known: Iterable[str]) -> Mapping[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._wrong(path, f"{_said(path)} is no mapping")
            return {}
        for key in value:
            if key not in known:
                self._wrong((*path, key), f"{_said(path)} has no field {key!r}; it has {', '.join(known)}")
        return value

    def _list(self, value: Any, path: Path) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            self._wrong(path, f"{_said(path)} is no list")
            return []
        return value

    def _text(self, value: Any, path: Path) -> str:
        if value is not None and not isinstance(value, str):
            self._wrong(path, f"{_said(path)} is no text")
        return value if isinstance(value, str) else ""

    def _texts(self, value: Any, path: Path) -> dict[str, str]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._wrong(path, f"{_said(path)} is no mapping")
            return {}
        return {key: self._text(item, (*path, key)) for key, item in value.items()}

    def _flag(self, value: Any, path: Path) -> bool:
        if value is not None and not isinstance(value, bool):
            self._wrong(path, f"{_said(path)} is neither true nor false")
        return value is True

    # --- the parts ----------------------------------------------------------------------------------------------

    def stage(self) -> Stage | None:
        """The Stage; None when it matches nothing or has problems."""
        obj, before = self._manifest.object, len(self._problems)
        if obj["kind"] != "Stage" or not str(obj.get("apiVersion", "")).startswith(f"{GROUP}/"):
            self._wrong(("kind",), f"{obj['kind']} is no Stage of {GROUP}: only Stages are played here")
            return None
        spec = self._map(obj.get("spec"), ("spec",), _SPEC)
        reference = self._map(spec.get("resourceRef"), ("spec", "resourceRef"), ("apiGroup", "kind"))
        kind = self._text(reference.get("kind"), ("spec", "resourceRef", "kind"))
        if not kind:
            self._wrong(("spec",), "spec.resourceRef.kind says which objects the Stage is for")
        labels, annotations, requirements = self._selector(spec.get("selector"))
        delay, jitter = self._delay(spec.get("delay"))
        found = Stage(
            str((obj.get("metadata") or {}).get("name") or ""),
            self._text(reference.get("apiGroup"), ("spec", "resourceRef", "apiGroup")) or "v1",
            kind,
            labels,
            annotations,
            requirements,
            self._amount(
                spec.get("weight"), ("spec", "weight"), spec.get("weightFrom"), ("spec", "weightFrom"), 1, 0
            ),
            delay,
            jitter,
            self._flag(spec.get("immediateNextStage"), ("spec", "immediateNextStage")),
            self._steps(spec),
        )
        return found if len(self._problems) == before and spec.get("selector") is not None else None

    def _selector(self, value: Any) -> tuple[dict[str, str], dict[str, str], tuple[Requirement, ...]]:
        path: Path = ("spec", "selector")
        selector = self._map(value, path, ("matchLabels", "matchAnnotations", "matchExpressions"))
        where: Path = (*path, "matchExpressions")
        found = [
            self._requirement(each, (*where, place))
            for place, each in enumerate(self._list(selector.get("matchExpressions"), where))
        ]
        return (
            self._texts(selector.get("matchLabels"), (*path, "matchLabels")),
            self._texts(selector.get("matchAnnotations"), (*path, "matchAnnotations")),
            tuple(requirement for requirement in found if requirement is not None),
        )

    def _requirement(self, value: Any, path: Path) -> Requirement | None:
        entry = self._map(value, path, ("key", "operator", "values", "jq", "cel"))
        if "cel" in entry:
            self._wrong((*path, "cel"), _NO_CEL)
            return None
        if "jq" in entry:
            path = (*path, "jq")
            entry = self._map(entry["jq"], path, ("key", "operator", "values"))
        query = self._query(entry.get("key"), (*path, "key"))
        operator = self._text(entry.get("operator"), (*path, "operator"))
        values = tuple(self._list(entry.get("values"), (*path, "values")))
        if operator not in _OPERATORS:
            self._wrong(path, f"operator {operator!r} is not one of {', '.join(_OPERATORS)}")
        elif bool(values) != (operator in ("In", "NotIn")):
            self._wrong(path, f"{operator} needs {'values' if not values else 'no values'}")
        return Requirement(query, operator, values) if query is not None else None

    def _query(self, value: Any, path: Path) -> Query | None:
        try:
            return Query(self._text(value, path))
        except QuerySyntaxError as error:
            self._wrong(path, str(error))
            return None

    def _delay(self, value: Any) -> tuple[Amount | None, Amount | None]:
        path: Path = ("spec", "delay")
        if value is None:
            return None, None
        delay = self._map(value, path, _DELAY)
        first, second = (
            self._amount(
                delay.get(f"{name}Milliseconds"),
                (*path, f"{name}Milliseconds"),
                delay.get(f"{name}From"),
                (*path, f"{name}From"),
                MILLISECOND,
                absent,
            )
            for name, absent in (("duration", 0), ("jitterDuration", None))
        )
        has_jitter = "jitterDurationMilliseconds" in delay or "jitterDurationFrom" in delay
        return first, second if has_jitter else None

    def _amount(
        self, value: Any, path: Path, source: Any, source_path: Path, unit: int, absent: int | None
    ) -> Amount:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            self._wrong(path, f"{_said(path)} is no whole number of 0 or more")
            value = None
        query = None
        if source is not None:
            entry = self._map(source, source_path, ("expressionFrom", "jq", "cel"))
            if "cel" in entry:
                self._wrong((*source_path, "cel"), _NO_CEL)
            elif "jq" in entry:
                inner = self._map(entry["jq"], (*source_path, "jq"), ("expression",))
                query = self._query(inner.get("expression"), (*source_path, "jq"))
            else:
                query = self._query(entry.get("expressionFrom"), (*source_path, "expressionFrom"))
        return Amount(absent if value is None else value * unit, query)

    # --- what is done -------------------------------------------------------------------------------------------

    def _steps(self, spec: Mapping[str, Any]) -> tuple[Step, ...]:
        steps = self._list(spec.get("steps"), ("spec", "steps"))
        if not steps:
            return self._next(spec.get("next"))
        found: list[Step | None] = []
        for place, value in enumerate(steps):
            path: Path = ("spec", "steps", place)
            step = self._map(value, path, _ACTIONS)
            found += [self._step(key, step[key], (*path, key)) for key in _ACTIONS if step.get(key)]
        return tuple(step for step in found if step is not None)

    def _step(self, key: str, value: Any, path: Path) -> Step | None:
        read = {
            "event": self._event,
            "finalizers": self._finalizers,
            "delete": self._delete,
            "patch": self._patch,
            "apply": self._apply,
        }
        return read[key](value, path)

    def _next(self, value: Any) -> tuple[Step, ...]:
        path: Path = ("spec", "next")
        after = self._map(value, path, _NEXT)
        found = [
            self._step(key, after[key], (*path, key)) for key in _ACTIONS[:2] if after.get(key) is not None
        ]
        patches = self._list(after.get("patches"), (*path, "patches"))
        found += [self._patch(patch, (*path, "patches", place)) for place, patch in enumerate(patches)]
        if not patches and after.get("statusTemplate"):
            template = self._template(after["statusTemplate"], (*path, "statusTemplate"))
            subresource = after.get("statusSubresource", "status")
            user = self._user(after.get("statusPatchAs"), (*path, "statusPatchAs"))
            if template is not None:
                found.append(PatchStep(template, subresource, "status", "", user))
        if self._flag(after.get("delete"), (*path, "delete")):
            found.append(DeleteStep())
        return tuple(step for step in found if step is not None)

    def _event(self, value: Any, path: Path) -> Step | None:
        event = self._map(value, path, ("type", "reason", "message"))
        kind = self._text(event.get("type"), (*path, "type")) or "Normal"
        if kind not in _EVENT_TYPES:
            self._wrong((*path, "type"), f"an Event is {' or '.join(_EVENT_TYPES)}, not {kind!r}")
        return EventStep(
            kind,
            self._text(event.get("reason"), (*path, "reason")),
            self._text(event.get("message"), (*path, "message")),
        )

    def _finalizers(self, value: Any, path: Path) -> Step | None:
        entry = self._map(value, path, ("add", "remove", "empty"))
        lists = []
        for key in ("add", "remove"):
            names = []
            for place, item in enumerate(self._list(entry.get(key), (*path, key))):
                where: Path = (*path, key, place)
                names.append(self._text(self._map(item, where, ("value",)).get("value"), (*where, "value")))
            lists.append(tuple(names))
        return FinalizersStep(lists[0], lists[1], self._flag(entry.get("empty"), (*path, "empty")))

    def _delete(self, value: Any, path: Path) -> Step | None:
        return DeleteStep() if self._flag(value, path) else None

    def _patch(self, value: Any, path: Path) -> Step | None:
        entry = self._map(value, path, ("subresource", "root", "template", "type", "impersonation"))
        template = self._template(entry.get("template"), (*path, "template"))
        kind = self._patch_type(entry, path, PATCH_TYPES[:3])
        user = self._user(entry.get("impersonation"), (*path, "impersonation"))
        subresource = self._text(entry.get("subresource"), (*path, "subresource"))
        root = self._text(entry.get("root"), (*path, "root"))
        return PatchStep(template, subresource, root, kind, user) if template is not None else None

    def _apply(self, value: Any, path: Path) -> Step | None:
        entry = self._map(value, path, ("subresource", "template", "type", "impersonation"))
        template = self._template(entry.get("template"), (*path, "template"))
        kind = self._patch_type(entry, path, PATCH_TYPES[1:]) or "apply"
        user = self._user(entry.get("impersonation"), (*path, "impersonation"))
        subresource = self._text(entry.get("subresource"), (*path, "subresource"))
        return ApplyStep(template, subresource, kind, user) if template is not None else None

    def _patch_type(self, entry: Mapping[str, Any], path: Path, known: Sequence[str]) -> str:
        kind = self._text(entry.get("type"), (*path, "type"))
        if kind and kind not in known:
            self._wrong((*path, "type"), f"patch type {kind!r} is not one of {', '.join(known)}")
        return kind

    def _user(self, value: Any, path: Path) -> str:
        return self._text(self._map(value, path, ("username",)).get("username"), (*path, "username"))

    def _template(self, value: Any, path: Path) -> Template | None:
        text = self._text(value, path).strip()
        try:
            return Template(text, _ALL_FUNCTIONS)
        except TemplateError as error:
            self._wrong(path, f"the template's line {error.line}: {error.message}")
            return None


def _said(path: Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _absent(*_arguments: Any) -> Any:
    raise AssertionError("the function belongs to whoever plays the Stage")


_NO_CEL = "expressions in CEL are not evaluated in Stages: say it with jq (key, operator, values)"
_SPEC = (
    "resourceRef",
    "selector",
    "weight",
    "weightFrom",
    "delay",
    "next",
    "steps",
    "immediateNextStage",
)
_DELAY = ("durationMilliseconds", "durationFrom", "jitterDurationMilliseconds", "jitterDurationFrom")
_NEXT = (
    "event",
    "finalizers",
    "delete",
    "patches",
    "statusTemplate",
    "statusSubresource",
    "statusPatchAs",
)
_ALL_FUNCTIONS: dict[str, Callable[..., Any]] = {**FUNCTIONS, **dict.fromkeys(WORLD_FUNCTIONS, _absent)}
_ACTIONS = ("event", "finalizers", "delete", "patch", "apply")
