"""Where a volume is wanted, and when it may leave a node.  Decides; never acts.

**Imitates:** pkg/controller/volume/attachdetach (``reconciler/reconciler.go``, ``util/util.go``) and pkg/volume/util
(``IsPodTerminated``), v1.36. Times are µs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.profile.constants import DEFAULT

MAX_WAIT_FOR_UNMOUNT = DEFAULT.us("volumes/max-wait-for-unmount")
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_EXCLUSIVE = "Volume is already exclusively attached to one node and can't be attached to another"


def keeps_volumes(pod: Object) -> bool:
    """Whether the pod's volumes are to be on its node.

    Yes until it is over or gone, or is being deleted and no container of it is said to run. What a dead node's kubelet
    said last stays said: such a pod keeps its volumes for ever.
    """
    status = pod.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return False
    if not objects.is_deleting(pod):
        return True
    return any("running" in (each.get("state") or {}) for each in status.get("containerStatuses") or ())


def wait_to_detach(
    *, in_use: bool, healthy: bool, out_of_service: bool, unwanted_since: int, now: int
) -> int | None:
    """How long until the volume may be detached; 0: now; None: not before something changes.

    Args:
        in_use: the node's kubelet says (or said last) that it has the volume.
        healthy: the node is Ready.
        out_of_service: somebody vouches by a taint that the machine is off.
        unwanted_since: since when no pod wants it there.
        now: the time.
    """
    if not in_use or out_of_service:
        return 0
    if healthy:
        return None
    return max(unwanted_since + MAX_WAIT_FOR_UNMOUNT - now, 0)


def is_healthy(node: Object | None) -> bool:
    """Whether the node is there and Ready."""
    return node is not None and objects.condition_is(node, "Ready")


def is_out_of_service(node: Object | None) -> bool:
    """Whether the node has the out-of-service taint."""
    taints = node["spec"].get("taints") or () if node is not None else ()
    return any(taint["key"] == OUT_OF_SERVICE for taint in taints)


def multi_attach_error(volume: str, pod: Object, users: Iterable[Object]) -> str:
    """What a pod is told whose volume is elsewhere; ``users``: the pods that keep it there."""
    here, elsewhere = [], 0
    for user in users:
        if objects.namespace(user) == objects.namespace(pod):
            here.append(objects.name(user))
        else:
            elsewhere += 1
    if here:
        why = f"Volume is already used by pod(s) {', '.join(here)}"
        if elsewhere:
            why += f" and {elsewhere} pod(s) in different namespaces"
    elif elsewhere:
        why = f"Volume is already used by {elsewhere} pod(s) in different namespaces"
    else:
        why = _EXCLUSIVE
    return f'Multi-Attach error for volume "{volume}" {why}'


def attachment_name(volume: Object, node: str) -> str:
    """The name of the VolumeAttachment of a volume and a node."""
    source = volume["spec"]["csi"]
    text = f"{source['volumeHandle']}{source['driver']}{node}"
    return f"csi-{hashlib.sha256(text.encode()).hexdigest()}"


def new_attachment(volume: Object, node: str) -> Object:
    """The VolumeAttachment that asks for the volume on the node."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "VolumeAttachment",
        "metadata": {"name": attachment_name(volume, node)},
        "spec": {
            "attacher": volume["spec"]["csi"]["driver"],
            "nodeName": node,
            "source": {"persistentVolumeName": objects.name(volume)},
        },
    }
