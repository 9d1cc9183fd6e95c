"""Where two worlds of one story first went different ways: over which object, in which fields, and why.

Worlds always differ a little: pods have other names and times. Compared is what the deliveries manage, in what a manifest can
say, instant by instant, from when the first commit had arrived in both.
**Walk:** both logs in the order of time -> `substance` of each version -> the first object that differs -> `Divergence`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, final

from kcsim.api.log import Version
from kcsim.delivery.gitops.argocd.resources import INSTALLATION_ID, TRACKING_ID
from kcsim.engine.clock import to_seconds
from kcsim.engine.shown import Shown
from kcsim.engine.trace import Record
from kcsim.scenario.play import Play
from kcsim.simulation.leaves import differences, short
from kcsim.simulation.why import Why, of_record

_TOLD = 4
"""Fields that the text tells; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Side:
    """One world at the divergence: its delivery, the write that did it (None: it did nothing), and why."""

    delivery: str
    record: Record | None
    why: Why | None


@dataclass(frozen=True, slots=True)
class Differing:
    """One field that differs: its path, and its value on each side, in their order; None where there is none.

    Of an object that only one world has the path is "", and the values say ``there`` and ``not there``.
    """

    path: str
    values: tuple[Any, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The values in a few words each."""
        return tuple(map(short, self.values))


@final
@dataclass(frozen=True, slots=True)
class Divergence(Shown):
    """Where two worlds first went different ways.

    Attributes:
        time: virtual seconds.
        object: what first differed, as the trace names it: ``deployment.apps/shop/web``; of several clusters with the name
            of its own in front, ``staging: deployment.apps/shop/web``.
        sides: both worlds; the one that changed at that instant, or last, comes first.
        fields: in what it differed.
    """

    time: float
    object: str
    sides: tuple[Side, ...]
    fields: tuple[Differing, ...] = ()

    def __str__(self) -> str:
        lines = [f"t={self.time:.3f}s  {self.object} differs"]
        for field in self.fields[:_TOLD]:
            told = ", ".join(
                f"{text} under {side.delivery}" for text, side in zip(field.texts, self.sides, strict=True)
            )
            lines.append(f"  {field.path or 'the object'}: {told}")
        if len(self.fields) > _TOLD:
            lines.append(f"  and {len(self.fields) - _TOLD} more fields")
        for side in self.sides:
            story = "unchanged" if side.why is None else str(side.why).replace("\n", "\n    ")
            lines.append(f"  {side.delivery}: {story}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Agreement(Shown):
    """What stands in a divergence's place while there is none; false in a condition, and readable in a notebook.

    Attributes:
        deliveries: the two worlds that were compared.
        time: virtual seconds, up to which they agree.
        begun: whether the first commit has arrived in both; nothing is compared before.
    """

    deliveries: tuple[str, str]
    time: float
    begun: bool

    def __bool__(self) -> Literal[False]:
        return False

    def __str__(self) -> str:
        first, second = self.deliveries
        if not self.begun:
            return f"nothing to compare until t={self.time:.3f}s: the first commit has not arrived in {first} and {second} yet"
        return f"the worlds agree: {first} and {second} hold the same objects until t={self.time:.3f}s"


# Looking for it.

_NOISE = frozenset(
    {"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "ownerReferences"}
)
_SERVER_SPEC = frozenset({"clusterIP", "clusterIPs"})
_TOOL_LABELS = ("kustomize.toolkit.fluxcd.io/", "argocd.argoproj.io/", "app.kubernetes.io/instance")
_TOOL_ANNOTATIONS = (
    "kubectl.kubernetes.io/",
    "deployment.kubernetes.io/",
    "kustomize.toolkit.fluxcd.io/",
    TRACKING_ID,
    INSTALLATION_ID,
)


def divergence(left: Play, right: Play, names: tuple[str, str]) -> Divergence | None:
    """The first difference of substance between two worlds, under the names they are given; None while there is none."""
    arrivals = [world.first_arrival for world in (left, right)]
    if None in arrivals:
        return None
    start = max(arrival for arrival in arrivals if arrival is not None)
    managed = _managed(left) & _managed(right)
    several = max(len(world.world.clusters) for world in (left, right)) > 1
    writes = sorted(
        (version.time, side, version.seq, version)
        for side, world in enumerate((left, right))
        for version in _writes(world, managed)
    )
    states: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    last: tuple[dict[str, Version], dict[str, Version]] = ({}, {})
    begun = False
    for time, group in groupby(writes, key=itemgetter(0)):
        if not begun and time > start:
            begun = True
            if found := _differing(states, last, {**last[0], **last[1]}):
                return _told(start, found, names, states, last)
        changed = []
        for _, side, _, version in group:
            state = None if version.deleted else _without_allotted(substance(version.object))
            subject = f"{version.cluster}: {version.subject}" if several else version.subject
            if states[side].get(subject) != state:
                states[side][subject] = state
                last[side][subject] = version
                changed.append(subject)
        if begun and (found := _differing(states, last, changed)):
            return _told(time, found, names, states, last)
    found = None if begun else _differing(states, last, {**last[0], **last[1]})
    return _told(start, found, names, states, last) if found else None


def _differing(
    states: Sequence[Mapping[str, Any]], last: Sequence[Mapping[str, Version]], subjects: Iterable[str]
) -> str | None:
    """Of the subjects that differ now, the one that has done so for longest."""
    found = [each for each in subjects if states[0].get(each) != states[1].get(each)]
    return min(found, key=lambda each: (_latest(last, each).time, each), default=None)


def _latest(last: Sequence[Mapping[str, Version]], subject: str) -> Version:
    return max((side[subject] for side in last if subject in side), key=lambda version: version.time)


def _managed(world: Play) -> set[tuple[str, str, str, str]]:
    """(cluster, resource, namespace, name) of what the delivery manages."""
    return {
        (each.key.cluster, each.resource.group_resource, each.key.namespace, each.key.name)
        for each in world.managed()
    }


def _writes(world: Play, managed: set[tuple[str, str, str, str]]) -> list[Version]:
    return [
        record
        for record in world.trace.records
        if isinstance(record, Version)
        and (record.cluster, record.resource.group_resource, *record.key) in managed
    ]


def _told(
    time: int,
    subject: str,
    names: tuple[str, str],
    states: Sequence[Mapping[str, Any]],
    last: Sequence[Mapping[str, Version]],
) -> Divergence:
    """What made the difference: who changed the object at that instant; of an older difference, both worlds' last change."""
    versions = [side.get(subject) for side in last]
    now = [version if version is not None and version.time == time else None for version in versions]
    made = now if any(now) else versions
    latest = _latest(last, subject)
    order = (0, 1) if made[0] is latest or made[1] is None else (1, 0)
    sides = []
    for side in order:
        record = made[side]
        sides.append(Side(names[side], record, of_record(record) if record is not None else None))
    fields = _fields(*(states[side].get(subject) for side in order))
    return Divergence(to_seconds(time), subject, tuple(sides), fields)


def _fields(one: Any, other: Any) -> tuple[Differing, ...]:
    if one is None or other is None:
        return (Differing("", tuple("not there" if each is None else "there" for each in (one, other))),)
    return tuple(Differing(leaf.path, (leaf.before, leaf.after)) for leaf in differences(one, other))


def substance(obj: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest can say about an object, without what servers, controllers and delivery tools add."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in _NOISE}
    for field, prefixes in (("labels", _TOOL_LABELS), ("annotations", _TOOL_ANNOTATIONS)):
        kept = {k: v for k, v in (metadata.get(field) or {}).items() if not k.startswith(prefixes)}
        metadata.pop(field, None)
        if kept:
            metadata[field] = kept
    rest = {k: v for k, v in obj.items() if k not in {"status", "metadata"}}
    spec = rest.get("spec")
    if isinstance(spec, Mapping):
        rest["spec"] = {k: v for k, v in spec.items() if k not in _SERVER_SPEC}
    return {**rest, "metadata": metadata}


def _without_allotted(obj: dict[str, Any]) -> dict[str, Any]:
    """An object without what a server draws for each one anew, so that it differs between any two worlds.

    Upstream: ``pkg/registry/core/service/storage/alloc.go`` (node ports), the volume binder, the scheduler's binding, the
    ServiceAccount admission (``kube-api-access-...``), ``pkg/registry/batch/job/strategy.go`` (generateSelector).
    """
    strip = _ALLOTTED.get(obj["kind"])
    return obj if strip is None or not isinstance(obj.get("spec"), Mapping) else strip(obj, obj["spec"])


def _service(obj: dict[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    ports = [{k: v for k, v in port.items() if k != "nodePort"} for port in spec.get("ports") or ()]
    kept = {k: v for k, v in spec.items() if k != "healthCheckNodePort"}
    return {**obj, "spec": {**kept, "ports": ports} if ports else kept}


def _claim(obj: dict[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(obj["metadata"])
    notes = metadata.pop("annotations", {})
    kept = {k: v for k, v in notes.items() if not k.startswith(_BINDING)}
    own = {**metadata, "annotations": kept} if kept else metadata
    return {**obj, "metadata": own, "spec": {k: v for k, v in spec.items() if k != "volumeName"}}


def _pod(obj: dict[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in spec.items() if k != "nodeName"}
    for field in ("initContainers", "containers"):
        if field in kept:
            kept[field] = [_own(each, "volumeMounts") for each in kept[field]]
    return {**obj, "spec": _own(kept, "volumes")}


def _own(holder: Mapping[str, Any], field: str) -> dict[str, Any]:
    """With those of its volumes only that a manifest named."""
    own = [each for each in holder.get(field) or () if not each["name"].startswith("kube-api-access-")]
    rest = {k: v for k, v in holder.items() if k != field}
    return {**rest, field: own} if own else rest


def _job(obj: dict[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in spec.items() if k != "selector"}
    template = _unlabelled(kept["template"]) if "template" in kept else {}
    return {**_unlabelled(obj), "spec": {**kept, "template": template}}


def _unlabelled(obj: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(obj.get("metadata") or {})
    labels = {k: v for k, v in (metadata.pop("labels", None) or {}).items() if k not in _JOB_LABELS}
    return {**obj, "metadata": {**metadata, "labels": labels} if labels else metadata}


_JOB_LABELS = frozenset(
    {"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}
)
_BINDING = (
    "pv.kubernetes.io/",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
)
"""Annotations by which scheduler, binder and provisioner work on a claim."""
_ALLOTTED: Mapping[str, Callable[[dict[str, Any], Mapping[str, Any]], dict[str, Any]]] = {
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "Job": _job,
}
