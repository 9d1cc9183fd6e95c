"""Which nodes run a DaemonSet's pod, and how its pods are tied to them.  Decides; never acts.

The controller picks the nodes; the scheduler binds the pods, which can go nowhere else because a required node affinity
names their node.

**Imitates:** ``NodeShouldRunDaemonPod``, ``predicates`` and ``shouldIgnoreNodeUpdate`` of
``pkg/controller/daemon/daemon_controller.go`` and ``pkg/controller/daemon/util/daemonset_util.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.history.revisions import CONTROLLER_REVISION_HASH
from kcsim.cluster.scheduler.node_selector import Term, compile_terms, match_terms
from kcsim.cluster.scheduler.taints import find_untolerated_taint

Object = dict[str, Any]

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
POD_TEMPLATE_GENERATION = "pod-template-generation"

_NO_EXECUTE = frozenset({"NoExecute"})
_NO_START = frozenset({"NoExecute", "NoSchedule"})

_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_TOLERATED_ON_HOST_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")


# --- nodes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placement:
    """What of a DaemonSet's template decides about nodes, made ready for matching."""

    node_name: str
    node_selector: Mapping[str, str]
    terms: tuple[Term, ...] | None
    tolerations: Sequence[Object]

    def check(self, node: Object) -> tuple[bool, bool]:
        """Whether the node should run a pod, and whether one that is there may stay (nodeShouldRunDaemonPod)."""
        name = objects.name(node)
        if self.node_name and self.node_name != name:
            return False, False
        labels = objects.labels(node)
        if any(labels.get(key) != value for key, value in self.node_selector.items()):
            return False, False
        if self.terms is not None and not match_terms(self.terms, name, labels):
            return False, False
        taints = (node.get("spec") or {}).get("taints")
        if taints and find_untolerated_taint(taints, self.tolerations, _NO_START) is not None:
            # Only NoExecute drives pods away that are there already.
            return False, find_untolerated_taint(taints, self.tolerations, _NO_EXECUTE) is None
        return True, True


def placement_of(template: Object) -> Placement:
    """The placement rules of a pod template."""
    spec = template.get("spec") or {}
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return Placement(
        spec.get("nodeName", ""),
        spec.get("nodeSelector") or {},
        compile_terms(affinity.get("requiredDuringSchedulingIgnoredDuringExecution")),
        with_daemon_tolerations(spec),
    )


def should_ignore_node_update(old: Object, new: Object) -> bool:
    """Whether a change of a node cannot move any DaemonSet's pods: labels and taints are the same."""
    before, after = objects.labels(old), objects.labels(new)
    if before is not after and before != after:
        return False
    before_taints, after_taints = _taints(old), _taints(new)
    return before_taints is after_taints or before_taints == after_taints


def _taints(node: Object) -> list[Object]:
    return (node.get("spec") or {}).get("taints") or []


# --- pods -------------------------------------------------------------------------------------------------------


def with_daemon_tolerations(spec: Object) -> list[Object]:
    """The template's tolerations and those every daemon pod gets (AddOrUpdateDaemonPodTolerations)."""
    tolerations = list(spec.get("tolerations") or ())
    wanted = [*_TOLERATED, *([_TOLERATED_ON_HOST_NETWORK] if spec.get("hostNetwork") else [])]
    for key, effect in wanted:
        new = {"key": key, "operator": "Exists", "effect": effect}
        same = next((i for i, old in enumerate(tolerations) if _is_same(old, new)), None)
        if same is None:
            tolerations.append(new)
        else:
            tolerations[same] = new
    return tolerations


def _is_same(one: Object, other: Object) -> bool:
    fields = ("key", "effect", "operator", "value")
    return all((one.get(field) or "") == (other.get(field) or "") for field in fields)


def replace_node_name_affinity(affinity: Object | None, node: str) -> Object:
    """An affinity whose required node terms are the node's name alone (ReplaceDaemonSetPodNodeNameNodeAffinity).

    The template's own terms have had their say: the controller only asks for nodes that match them.
    """
    requirement = {"key": "metadata.name", "operator": "In", "values": [node]}
    required = {"nodeSelectorTerms": [{"matchFields": [requirement]}]}
    affinity = affinity or {}
    node_affinity = affinity.get("nodeAffinity") or {}
    return {
        **affinity,
        "nodeAffinity": {**node_affinity, "requiredDuringSchedulingIgnoredDuringExecution": required},
    }


def target_node(pod: Object) -> str:
    """The node a daemon pod is on or meant for, "" when it names none (GetTargetNodeName)."""
    spec = pod["spec"]
    if spec.get("nodeName"):
        return spec["nodeName"]  # type: ignore[no-any-return]
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name" and field["operator"] == "In":
                values = field.get("values") or []
                return values[0] if len(values) == 1 else ""
    return ""


def template_generation(daemon_set: Object) -> int | None:
    """The old counter of templates, kept as an annotation; None when it is missing or malformed."""
    text = objects.annotations(daemon_set).get(TEMPLATE_GENERATION)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        return None


def pod_template(daemon_set: Object, revision_hash: str) -> tuple[Object, Object]:
    """Metadata and spec of the pods to create, but for the node (CreatePodTemplate, GetPodFromTemplate)."""
    template = daemon_set["spec"]["template"]
    source = template.get("metadata") or {}
    labels = dict(source.get("labels") or {})
    generation = template_generation(daemon_set)
    if generation is not None:
        labels[POD_TEMPLATE_GENERATION] = str(generation)
    if revision_hash:
        labels[CONTROLLER_REVISION_HASH] = revision_hash
    metadata: Object = {
        "generateName": f"{objects.name(daemon_set)}-",
        "namespace": objects.namespace(daemon_set),
        "labels": labels,
        "ownerReferences": [objects.owner_reference(daemon_set)],
    }
    for field in ("annotations", "finalizers"):
        if source.get(field):
            metadata[field] = source[field]
    return metadata, {**template["spec"], "tolerations": with_daemon_tolerations(template["spec"])}


def is_pod_updated(pod: Object, revision_hash: str, generation: int | None) -> bool:
    """Whether a pod is of the present template, by its revision or by the old counter."""
    labels = objects.labels(pod)
    if revision_hash and labels.get(CONTROLLER_REVISION_HASH) == revision_hash:
        return True
    return generation is not None and labels.get(POD_TEMPLATE_GENERATION) == str(generation)
