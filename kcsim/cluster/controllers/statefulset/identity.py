"""Who the pods of a StatefulSet are: ordinals, names, labels, volumes.  Decides; never acts.

**Imitates:** the identity and storage helpers, ``newStatefulSetPod`` and ``newVersionedStatefulSetPod`` of
``pkg/controller/statefulset/stateful_set_utils.go`` and ``GetPodFromTemplate`` of
``pkg/controller/controller_utils.go`` (v1.36). Volumes made from claim templates come in the order of the templates;
upstream's order is that of a Go map.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.history.revisions import CONTROLLER_REVISION_HASH, template_of

Object = dict[str, Any]

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"

_INT32_MAX = 2**31 - 1


# --- ordinals ---------------------------------------------------------------------------------------------------


def parent_and_ordinal(pod_name: str) -> tuple[str, int]:
    """The name of the set and the ordinal that a pod's name means; ("", -1) when it is none of a StatefulSet's."""
    parent, dash, digits = pod_name.rpartition("-")
    if not dash or not (digits.isascii() and digits.isdigit()):
        return "", -1
    number = int(digits)
    return parent, number if number <= _INT32_MAX else -1


def ordinal_of(pod: Object) -> int:
    """The ordinal of a pod, -1 when its name has none."""
    return parent_and_ordinal(objects.name(pod))[1]


def is_member_of(stateful_set: Object, pod: Object) -> bool:
    """Whether the pod's name belongs to the set."""
    return parent_and_ordinal(objects.name(pod))[0] == objects.name(stateful_set)


def start_ordinal(stateful_set: Object) -> int:
    """The first ordinal."""
    return (stateful_set["spec"].get("ordinals") or {}).get("start", 0)  # type: ignore[no-any-return]


def replicas_of(stateful_set: Object) -> int:
    """spec.replicas, which the API server defaults to 1."""
    return stateful_set["spec"].get("replicas", 1)  # type: ignore[no-any-return]


def in_ordinal_range(stateful_set: Object, pod: Object) -> bool:
    """Whether the set still asks for a pod of this ordinal."""
    start = start_ordinal(stateful_set)
    return start <= ordinal_of(pod) < start + replicas_of(stateful_set)


def pod_name(stateful_set: Object, ordinal: int) -> str:
    """``<set>-<ordinal>``."""
    return f"{objects.name(stateful_set)}-{ordinal}"


def pod_revision(pod: Object) -> str:
    """The name of the revision a pod was made from."""
    return objects.labels(pod).get(CONTROLLER_REVISION_HASH, "")


# --- claims and volumes -----------------------------------------------------------------------------------------


def claim_name(template: Object, stateful_set: Object, ordinal: int) -> str:
    """``<template>-<set>-<ordinal>``."""
    return f"{template['metadata']['name']}-{objects.name(stateful_set)}-{ordinal}"


def claim_templates(stateful_set: Object) -> list[Object]:
    """spec.volumeClaimTemplates."""
    return stateful_set["spec"].get("volumeClaimTemplates") or []


def claims_of(stateful_set: Object, ordinal: int) -> list[Object]:
    """The claims a pod needs, as they are created."""
    matched = (stateful_set["spec"].get("selector") or {}).get("matchLabels") or {}
    claims = []
    for template in claim_templates(stateful_set):
        metadata = {
            **template["metadata"],
            "name": claim_name(template, stateful_set, ordinal),
            "namespace": objects.namespace(stateful_set),
        }
        labels = {**(template["metadata"].get("labels") or {}), **matched}
        if labels:
            metadata["labels"] = labels
        claims.append({**template, "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata})
    return claims


def storage_matches(stateful_set: Object, pod: Object) -> bool:
    """Whether the pod mounts the claims that its ordinal asks for."""
    templates = claim_templates(stateful_set)
    if not templates:
        return ordinal_of(pod) >= 0
    ordinal = ordinal_of(pod)
    mounted = {
        volume["name"]: (volume.get("persistentVolumeClaim") or {}).get("claimName")
        for volume in pod["spec"].get("volumes") or ()
    }
    return ordinal >= 0 and all(
        mounted.get(template["metadata"]["name"]) == claim_name(template, stateful_set, ordinal)
        for template in templates
    )


def with_storage(stateful_set: Object, spec: Object, ordinal: int) -> Object:
    """A pod's spec whose volumes cover the claim templates, in place of volumes of the same names."""
    templates = claim_templates(stateful_set)
    if not templates:
        return spec
    made = {
        template["metadata"]["name"]: {
            "name": template["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": claim_name(template, stateful_set, ordinal)},
        }
        for template in templates
    }
    kept = [volume for volume in spec.get("volumes") or () if volume["name"] not in made]
    return {**spec, "volumes": [*made.values(), *kept]}


# --- identity ---------------------------------------------------------------------------------------------------


def identity_matches(stateful_set: Object, pod: Object) -> bool:
    """Whether the pod has the name and the label of a member."""
    name = objects.name(pod)
    parent, ordinal = parent_and_ordinal(name)
    return (
        ordinal >= 0
        and parent == objects.name(stateful_set)
        and name == pod_name(stateful_set, ordinal)
        and objects.labels(pod).get(POD_NAME) == name
    )


def with_identity(stateful_set: Object, pod: Object) -> Object:
    """The pod with the labels of its identity."""
    ordinal = ordinal_of(pod)
    name = pod_name(stateful_set, ordinal)
    return objects.with_labels(pod, {POD_NAME: name, POD_INDEX: str(ordinal)})


def new_pod(stateful_set: Object, template: Object, revision: str, ordinal: int) -> Object:
    """The pod of an ordinal, from a template, marked with the revision of that template."""
    name = pod_name(stateful_set, ordinal)
    source = template.get("metadata") or {}
    metadata: Object = {
        "name": name,
        "generateName": f"{objects.name(stateful_set)}-",
        "namespace": objects.namespace(stateful_set),
        "labels": {
            **(source.get("labels") or {}),
            POD_NAME: name,
            POD_INDEX: str(ordinal),
            CONTROLLER_REVISION_HASH: revision,
        },
        "ownerReferences": [objects.owner_reference(stateful_set)],
    }
    for field in ("annotations", "finalizers"):
        if source.get(field):
            metadata[field] = source[field]
    spec = {**with_storage(stateful_set, template["spec"], ordinal), "hostname": name}
    service = stateful_set["spec"].get("serviceName")
    if service:
        spec["subdomain"] = service
    else:
        spec.pop("subdomain", None)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def new_versioned_pod(stateful_set: Object, current: Object, update: Object, ordinal: int) -> Object:
    """A missing pod, at the current revision where the rollout has not come, else at the update revision.

    ``current`` and ``update`` are ControllerRevisions.
    """
    strategy = stateful_set["spec"].get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    start = start_ordinal(stateful_set)
    if rolling is not None:
        old = ordinal < start + rolling.get("partition", 0)
    else:
        behind = (stateful_set.get("status") or {}).get("currentReplicas", 0)
        old = strategy.get("type") == "RollingUpdate" and ordinal < start + behind
    revision = current if old else update
    return new_pod(stateful_set, template_of(revision), objects.name(revision), ordinal)
