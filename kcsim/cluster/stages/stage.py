"""A Stage: which objects, how long from now, and what is done to them then.

**Imitates:** ``kwok.x-k8s.io/v1alpha1`` Stage (KWOK 0.7: ``pkg/apis/v1alpha1/stage_types.go``), after the conversion of
``next`` into steps. ``reading`` makes them of files, ``lifecycle`` decides with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kcsim.api.gotemplate import Template
from kcsim.cluster.stages.query import Query


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a query must, or must not, find in an object."""

    query: Query
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of its own or one that the object says: ``value`` is used where ``query`` finds nothing.

    Durations are in µs.
    """

    value: int | None
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class EventStep:
    """Record an Event about the object."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class FinalizersStep:
    """Take finalizers away (all, with ``empty``) and add some."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    empty: bool = False


@dataclass(frozen=True, slots=True)
class DeleteStep:
    """Delete the object."""


@dataclass(frozen=True, slots=True)
class PatchStep:
    """Patch the object with what ``template`` makes of it, below ``root``; ``user``: on whose behalf."""

    template: Template
    subresource: str = ""
    root: str = ""
    type: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class ApplyStep:
    """Create or patch another object that ``template`` makes."""

    template: Template
    subresource: str = ""
    type: str = "apply"
    user: str = ""


Step = EventStep | FinalizersStep | DeleteStep | PatchStep | ApplyStep


@dataclass(frozen=True, slots=True)
class Stage:
    """One Stage.

    Attributes:
        name: of the Stage.
        api_version: of the objects, e.g. ``v1``.
        kind: of the objects.
        labels: that the object must have; ``annotations`` likewise.
        requirements: beyond those.
        weight: against other Stages that match at the same time.
        delay: None: at once.
        jitter: the delay is drawn between ``delay`` and this.
        immediate: look for the next Stage without waiting for the watch.
        steps: what is done, in order.
    """

    name: str
    api_version: str
    kind: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    requirements: tuple[Requirement, ...]
    weight: Amount
    delay: Amount | None
    jitter: Amount | None
    immediate: bool
    steps: tuple[Step, ...]
