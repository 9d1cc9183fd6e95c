"""Rollouts told step by step: when a Deployment begins one, how far it is, when it is over, stuck, or short of pods.

Pure: versions in, lines out. Infrastructure namespaces are left out: the story is about what users run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.log import Version
from kcsim.engine.clock import told_duration
from kcsim.views.readiness import INFRASTRUCTURE

_HASH = "pod-template-hash"
_FINE = 6
"""Up to so many replicas each step is told; beyond, every quarter."""


@dataclass(slots=True)
class _Workload:
    began: int | None = None
    images: tuple[str, ...] = ()
    newest: str = ""
    """Name of the ReplicaSet of the newest template."""
    told: int = 0
    ready: int | None = None
    stuck: bool = False
    first: bool = False
    """Whether the rollout under way is its first one."""


@dataclass(slots=True)
class Rollouts:
    """Follows every Deployment."""

    _known: dict[tuple[str, str, str], _Workload] = field(default_factory=dict)

    def take(self, version: Version) -> Iterator[tuple[str, str]]:
        """What there is to tell of a version: ``(kind, text)``, kind ``begins`` and ``up`` for a first rollout."""
        if version.key[0] in INFRASTRUCTURE:
            return
        kind = version.resource.kind
        if kind == "Deployment":
            yield from self._deployment(version)
        elif kind == "ReplicaSet":
            yield from self._replica_set(version)

    def _deployment(self, version: Version) -> Iterator[tuple[str, str]]:
        name = f"deployment/{version.key[1]}"
        key = (version.cluster, *version.key)
        if version.deleted:
            self._known.pop(key, None)
            yield "", f"{name} is gone"
            return
        obj = version.object
        known = self._known.setdefault(key, _Workload())
        images = tuple(c.get("image", "") for c in obj["spec"]["template"]["spec"].get("containers") or ())
        if _template_changed(version):
            changed = (
                ", ".join(image for image in images if image not in known.images) or "its template changed"
            )
            known.first = not known.images
            if known.first:
                yield "begins", f"{name}: begins: {', '.join(images)}"
            else:
                yield "", f"{name}: rollout begins: {changed}"
            known.began, known.images, known.told, known.stuck = version.time, images, 0, False
        status = obj.get("status") or {}
        yield from self._status(version, known, name, status)

    def _status(
        self, version: Version, known: _Workload, name: str, status: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        wanted = version.object["spec"].get("replicas", 1)
        current = status.get("observedGeneration") == version.object["metadata"].get("generation")
        ready = status.get("readyReplicas") or 0
        updated, total = status.get("updatedReplicas") or 0, status.get("replicas") or 0
        if known.began is not None:
            if current and _late(status) and not known.stuck:
                known.stuck = True
                yield "", f"{name}: rollout is stuck: ProgressDeadlineExceeded"
            if current and updated == total == wanted and (status.get("availableReplicas") or 0) >= wanted:
                took = told_duration(version.time - known.began)
                kind = "up" if known.first else ""
                yield kind, f"{name}: rollout complete, {ready} of {wanted} ready, after {took}"
                known.began, known.ready = None, ready
            elif (
                known.ready is not None
                and current
                and min(ready, known.ready) < wanted
                and ready != known.ready
            ):
                known.ready = ready
                yield "", f"{name}: {ready} of {wanted} ready"
            return
        if known.ready is not None and current and ready != known.ready:
            yield "", f"{name}: {ready} of {wanted} ready"
            known.ready = ready

    def _replica_set(self, version: Version) -> Iterator[tuple[str, str]]:
        """Steps of a rollout: pods of the newest template that got ready."""
        owner = next(
            (o for o in version.object["metadata"].get("ownerReferences") or () if o.get("controller")), None
        )
        if owner is None or owner["kind"] != "Deployment":
            return
        known = self._known.get((version.cluster, version.key[0], owner["name"]))
        if known is None or known.began is None or version.deleted:
            return
        images = tuple(
            c.get("image", "") for c in version.object["spec"]["template"]["spec"].get("containers") or ()
        )
        if images != known.images:
            return
        annotation = version.object["metadata"].get("annotations") or {}
        wanted = int(annotation.get("deployment.kubernetes.io/desired-replicas") or 0)
        ready = (version.object.get("status") or {}).get("readyReplicas") or 0
        step = 1 if wanted <= _FINE else max(1, wanted // 4)
        if known.told < ready < wanted and ready - known.told >= step:
            known.told = ready
            yield "", f"deployment/{owner['name']}: {ready} of {wanted} ready at the new version"


def _template_changed(version: Version) -> bool:
    before = version.previous
    if before is None or before.deleted:
        return True
    new, old = version.object["spec"]["template"], before.object["spec"]["template"]
    return new is not old and new != old


def _late(status: Mapping[str, Any]) -> bool:
    return any(
        each.get("type") == "Progressing" and each.get("reason") == "ProgressDeadlineExceeded"
        for each in status.get("conditions") or ()
    )
