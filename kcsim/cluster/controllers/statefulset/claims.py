"""Who owns the claims of a StatefulSet's pods, by its retention policy.  Decides; never acts.

With ``whenDeleted: Delete`` the set owns them, with ``whenScaled: Delete`` a pod beyond the replicas does; the garbage
collector does the rest.

**Imitates:** ``isClaimOwnerUpToDate``, ``updateClaimOwnerRefForSetAndPod`` and their helpers of
``pkg/controller/statefulset/stateful_set_utils.go``, and ``PodClaimIsStale`` of ``stateful_pod_control.go`` (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.statefulset.identity import in_ordinal_range

Object = dict[str, Any]


def deletes(stateful_set: Object, when: str) -> bool:
    """Whether the policy of ``whenDeleted`` or ``whenScaled`` is Delete."""
    policy = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    return policy.get(when) == "Delete"


def wanted_owners(stateful_set: Object, *, condemned: bool) -> tuple[bool, bool]:
    """Whether a claim must be owned by the set, and by its pod; ``condemned``: the pod is beyond the replicas."""
    on_delete, on_scale = deletes(stateful_set, "whenDeleted"), deletes(stateful_set, "whenScaled")
    by_pod = on_scale and condemned
    return on_delete and not by_pod, by_pod


def is_claim_owner_up_to_date(claim: Object, stateful_set: Object, pod: Object) -> bool:
    """Whether the owners of a claim are as the policy says, or are in a state that nobody should touch."""
    if has_stale_owner(claim, stateful_set) or has_stale_owner(claim, pod):
        return True
    if _has_unexpected_controller(claim, stateful_set, pod):
        return not (_is_owned_by(claim, stateful_set) or _is_owned_by(claim, pod))
    if _has_non_controller_owner(claim, stateful_set, pod):
        return False
    by_set, by_pod = wanted_owners(stateful_set, condemned=not in_ordinal_range(stateful_set, pod))
    return by_set == _is_owned_by(claim, stateful_set) and by_pod == _is_owned_by(claim, pod)


def with_claim_owners(claim: Object, stateful_set: Object, pod: Object) -> Object:
    """The claim with the owners that the policy asks for."""
    kept = [
        ref for ref in objects.owner_refs(claim) if not _means(ref, stateful_set) and not _means(ref, pod)
    ]
    if not _has_unexpected_controller(claim, stateful_set, pod):
        by_set, by_pod = wanted_owners(stateful_set, condemned=not in_ordinal_range(stateful_set, pod))
        if by_pod:
            kept.append(objects.owner_reference({**pod, "apiVersion": "v1", "kind": "Pod"}))
        if by_set:
            kept.append(objects.owner_reference(stateful_set))
    return objects.with_metadata(claim, ownerReferences=kept or None)


def is_stale(claim: Object, stateful_set: Object, pod: Object) -> bool:
    """Whether a claim found before its pod is created belongs to an earlier pod of that name, and goes with it."""
    return deletes(stateful_set, "whenScaled") and has_stale_owner(claim, pod)


def has_stale_owner(claim: Object, owner: Object) -> bool:
    """Whether a reference means ``owner`` by name but an earlier object of that name by uid."""
    for ref in objects.owner_refs(claim):
        if _means(ref, owner):
            return bool(ref["uid"] != objects.uid(owner))
    return False


def _means(ref: Object, owner: Object) -> bool:
    version, kind = owner.get("apiVersion", "v1"), owner.get("kind", "Pod")
    return bool(ref["apiVersion"] == version and ref["kind"] == kind and ref["name"] == objects.name(owner))


def _is_owned_by(claim: Object, owner: Object) -> bool:
    uid = objects.uid(owner)
    return any(ref["uid"] == uid for ref in objects.owner_refs(claim))


def _has_unexpected_controller(claim: Object, stateful_set: Object, pod: Object) -> bool:
    if not deletes(stateful_set, "whenScaled") and not deletes(stateful_set, "whenDeleted"):
        # Under Retain anybody may manage the claims.
        return False
    for ref in objects.owner_refs(claim):
        ours = next((owner for owner in (stateful_set, pod) if _means(ref, owner)), None)
        if ours is not None:
            if ref["uid"] != objects.uid(ours):
                return True
        elif ref.get("controller"):
            return True
    return False


def _has_non_controller_owner(claim: Object, stateful_set: Object, pod: Object) -> bool:
    uids = (objects.uid(stateful_set), objects.uid(pod))
    return any(ref["uid"] in uids and not ref.get("controller") for ref in objects.owner_refs(claim))
