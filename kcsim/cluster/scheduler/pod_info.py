"""A pod as the scheduler sees it: its spec compiled once, shared by all pods that ask for the same.

**Imitates:** ``framework.PodInfo`` (staging/src/k8s.io/kube-scheduler/framework/types.go, v1.36).

**Walk:** a pod arrives -> its spec's parts are found among those seen before (by identity, else by value) -> equal
parts make an equal ``PodShape`` -> the pods of one ReplicaSet share one shape, and with it the scheduler's memory of
which nodes suit it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.cluster.scheduler.host_ports import HostPort, host_ports
from kcsim.cluster.scheduler.node_selector import Term, compile_terms
from kcsim.cluster.scheduler.pod_requests import Requests, non_zero_requests, pod_requests

DEFAULT_SCHEDULER = "default-scheduler"
LabelKey = tuple[str, tuple[tuple[str, str], ...]]
"""A namespace and the sorted labels of a pod in it."""
LOOKED_AT = (
    "persistentVolumeClaim",
    "ephemeral",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "rbd",
    "iscsi",
)
"""Kinds of volumes that decide about a pod's node."""


@dataclass(frozen=True, slots=True, eq=False)
class PodShape:
    """Everything about a pod's spec that the choice of a node depends on. Compared by identity."""

    requests: Requests
    non_zero_cpu: int
    non_zero_memory: int
    node_selector: dict[str, str]
    required_terms: tuple[Term, ...] | None
    preferred: tuple[dict[str, Any], ...]
    tolerations: tuple[dict[str, Any], ...]
    host_ports: tuple[HostPort, ...]
    images: tuple[str, ...]
    """Images of init containers, containers and image volumes, as written."""
    container_count: int
    pod_affinity: dict[str, Any]
    pod_anti_affinity: dict[str, Any]
    spread: tuple[dict[str, Any], ...]
    affinity_terms: bool = field(default=False)
    """Whether the pod has inter-pod (anti-)affinity terms of its own."""
    volumes: bool = field(default=False)
    """Whether it has volumes that decide about its node; which ones is the pod's, not the shape's."""


def compile_shape(spec: dict[str, Any]) -> PodShape:
    """The shape of a pod spec."""
    affinity = spec.get("affinity") or {}
    node_affinity = affinity.get("nodeAffinity") or {}
    cpu, memory = non_zero_requests(spec)
    init, containers = spec.get("initContainers") or [], spec.get("containers") or []
    volumes = [v["image"].get("reference", "") for v in spec.get("volumes") or () if v.get("image")]
    pod_affinity, anti = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
    return PodShape(
        requests=pod_requests(spec),
        non_zero_cpu=cpu,
        non_zero_memory=memory,
        node_selector=spec.get("nodeSelector") or {},
        required_terms=compile_terms(node_affinity.get("requiredDuringSchedulingIgnoredDuringExecution")),
        preferred=tuple(node_affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()),
        tolerations=tuple(spec.get("tolerations") or ()),
        host_ports=host_ports(spec),
        images=(*(c.get("image", "") for c in (*init, *containers)), *volumes),
        container_count=len(init) + len(containers),
        pod_affinity=pod_affinity,
        pod_anti_affinity=anti,
        spread=tuple(spec.get("topologySpreadConstraints") or ()),
        affinity_terms=bool(pod_affinity or anti),
        volumes=any(kind in volume for volume in spec.get("volumes") or () for kind in LOOKED_AT),
    )


class PodInfo:
    """One pod and its shape."""

    __slots__ = (
        "_label_key",
        "labels",
        "name",
        "namespace",
        "node_name",
        "nominated",
        "pod",
        "priority",
        "shape",
        "uid",
    )

    def __init__(self, pod: dict[str, Any], shape: PodShape) -> None:
        metadata = pod.get("metadata") or {}
        self.pod = pod
        self.name: str = metadata.get("name", "")
        self.namespace: str = metadata.get("namespace", "")
        self.uid: str = metadata.get("uid", "")
        self.labels: dict[str, str] = metadata.get("labels") or {}
        spec = pod.get("spec") or {}
        self.node_name: str = spec.get("nodeName") or ""
        self.priority: int = spec.get("priority") or 0
        self.nominated: str = (pod.get("status") or {}).get("nominatedNodeName") or ""
        self.shape = shape
        self._label_key: LabelKey | None = None

    def update(self, pod: dict[str, Any]) -> None:
        """Take over a new version of the object that asks for the same."""
        self.pod = pod
        self.labels = pod["metadata"].get("labels") or {}
        self._label_key = None

    def with_labels(self, labels: Mapping[str, str]) -> PodInfo:
        """The same pod with other labels."""
        metadata = {**self.pod["metadata"], "labels": dict(labels)}
        return PodInfo({**self.pod, "metadata": metadata}, self.shape)

    @property
    def label_key(self) -> LabelKey:
        """Namespace and labels, the same for pods that selectors cannot tell apart."""
        key = self._label_key
        if key is None:
            key = self._label_key = (self.namespace, tuple(sorted(self.labels.items())))
        return key

    @property
    def is_terminating(self) -> bool:
        """Whether it is being deleted."""
        return "deletionTimestamp" in (self.pod.get("metadata") or {})

    @property
    def full_name(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ClaimUse:
    """A claim that a pod names; ``ephemeral``: it is made for this pod, under the pod's name."""

    name: str
    ephemeral: bool


def claims_of(pod: PodInfo) -> list[ClaimUse]:
    """The claims a pod uses, in the order of its volumes."""
    found: list[ClaimUse] = []
    if not pod.shape.volumes:
        return found
    for volume in pod.pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            found.append(ClaimUse(volume["persistentVolumeClaim"]["claimName"], ephemeral=False))
        elif volume.get("ephemeral"):
            found.append(ClaimUse(f"{pod.name}-{volume['name']}", ephemeral=True))
    return found


class Shapes:
    """Finds the shape of a spec, compiling each different one once."""

    _LIMIT = 20_000

    def __init__(self) -> None:
        self._specs: dict[int, tuple[Any, PodShape]] = {}
        self._parts: dict[int, tuple[Any, int]] = {}
        self._values: dict[str, int] = {}
        self._shapes: dict[tuple[Any, ...], PodShape] = {}

    def info(self, pod: dict[str, Any]) -> PodInfo:
        """The pod with its shape."""
        return PodInfo(pod, self.of(pod.get("spec") or {}))

    def of(self, spec: dict[str, Any]) -> PodShape:
        """The shape of a spec; equal specs give the same shape. Pods of one template share the very spec."""
        known = self._specs.get(id(spec))
        if known is not None and known[0] is spec:
            return known[1]
        if len(self._specs) >= self._LIMIT:
            self._specs.clear()
        shape = self._by_value(spec)
        self._specs[id(spec)] = (spec, shape)
        return shape

    def _by_value(self, spec: dict[str, Any]) -> PodShape:
        signature = self._signature(spec)
        shape = self._shapes.get(signature)
        if shape is None:
            if len(self._shapes) >= self._LIMIT:
                self._shapes.clear()
            shape = self._shapes[signature] = compile_shape(spec)
        return shape

    def placed(self, shape: PodShape, old: dict[str, Any], new: dict[str, Any]) -> PodShape:
        """The shape of a placed pod whose spec went from ``old`` to ``new``: ``shape`` while what counts is the same.

        A placed pod's spec hardly ever changes, so this costs a look at identities.
        """
        same = old is new or (
            old.get("containers") is new.get("containers")
            and old.get("initContainers") is new.get("initContainers")
        )
        return shape if same else self.of(new)

    def _signature(self, spec: dict[str, Any]) -> tuple[Any, ...]:
        part = self._part
        get = spec.get
        signature: list[Any] = [
            part(get("nodeSelector")),
            part(get("affinity")),
            part(get("tolerations")),
            part(get("topologySpreadConstraints")),
            part(get("overhead")),
            part(get("resources")),
        ]
        for container in get("containers") or ():
            signature += (
                container.get("image"),
                part(container.get("resources")),
                part(container.get("ports")),
            )
        for container in get("initContainers") or ():
            signature += ("init", container.get("restartPolicy"), container.get("image"))
            signature += (part(container.get("resources")), part(container.get("ports")))
        for volume in get("volumes") or ():
            if "image" in volume:
                signature += ("volume", volume["image"].get("reference"))
            elif "projected" not in volume and any(kind in volume for kind in LOOKED_AT):
                signature.append("looked at")
        return tuple(signature)

    def _part(self, value: Any) -> int:
        """A number for a part of a spec: the same for equal values.

        Parts that many pods share are recognised by identity. The part itself is kept beside its number, so that an
        address cannot come to mean another part; which number a value gets decides nothing.
        """
        if not value:
            return -1
        known = self._parts.get(id(value))
        if known is not None:
            return known[1]
        if len(self._parts) >= self._LIMIT:
            self._parts.clear()
        number = self._values.setdefault(repr(value), len(self._values))
        self._parts[id(value)] = (value, number)
        return number
