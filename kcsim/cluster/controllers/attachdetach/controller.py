"""The attach/detach controller.

**Imitates:** pkg/controller/volume/attachdetach (v1.36) with pkg/volume/csi/csi_attacher.go. Left out: volumes that are not
CSI (what was in the tree once is CSI's now), maximum volumes a node, uncertain attachments after a time-out.
Differs: woken by changes where upstream compares every 100 ms.

**Walk:** a pod with a bound claim is on a node -> a VolumeAttachment -> the driver says attached -> SuccessfulAttachVolume,
``volumesAttached`` of the node -> the kubelet mounts. No pod wants it there any more -> the kubelet lets go (or does not:
six minutes) -> the VolumeAttachment is deleted -> the driver detaches.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.attachdetach.decisions import (
    attachment_name,
    is_healthy,
    is_out_of_service,
    keeps_volumes,
    multi_attach_error,
    new_attachment,
    wait_to_detach,
)
from kcsim.cluster.volumes import (
    CLAIM_INDEX,
    attachable_name,
    claim_index,
    claims_of,
    is_bound_to,
    is_exclusive,
)
from kcsim.engine.task import Steps

ATTACHMENTS = "volumeattachments.storage.k8s.io"
_VOLUME_INDEX = "volume"
_NODE_INDEX = "node"
_SOURCE = "attachdetach-controller"


class AttachDetachController(Reconciler):
    """Reconciles volumes by name, each with all nodes."""

    name = "attachdetach-controller"
    workers = 1

    def setup(self, component: Component) -> None:
        """Subscribe to pods, claims, volumes, nodes and attachments."""
        self.engine = component.engine
        self.reset()
        self._pods = component.informer("pods")
        self._claims = component.informer("persistentvolumeclaims")
        self._volumes = component.informer("persistentvolumes")
        self._nodes = component.informer("nodes")
        self._attachments = component.informer(ATTACHMENTS)
        self._attachments.add_index(
            _VOLUME_INDEX, lambda a: (a["spec"]["source"].get("persistentVolumeName", ""),)
        )
        self._attachments.add_index(_NODE_INDEX, lambda a: (a["spec"]["nodeName"],))
        self._pods.on_change(self._pod_changed)
        self._claims.on_change(self._claim_changed)
        self._volumes.on_change(self._volume_changed)
        self._nodes.on_change(self._node_changed)
        self._attachments.on_change(self._attachment_changed)

    def reset(self) -> None:
        """Forget what was observed."""
        self._in_use: dict[str, frozenset[str]] = {}
        self._unwanted: dict[tuple[str, str], int] = {}
        self._reported: set[tuple[str, str]] = set()
        self._leaving: set[str] = set()
        self._asked: dict[str, set[str]] = {}
        self._names: dict[str, str] = {}

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if not len(self._volumes):
            return
        pod = new if new is not None else old
        assert pod is not None
        if not pod["spec"].get("nodeName"):
            return
        for _, name in claims_of(pod):
            claim = self._claims.get(objects.namespace(pod), name)
            if claim is not None and claim["spec"].get("volumeName"):
                self.enqueue(("", claim["spec"]["volumeName"]))

    def _claim_changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None and new["spec"].get("volumeName"):
            self.enqueue(("", new["spec"]["volumeName"]))

    def _volume_changed(self, _old: Object | None, new: Object | None) -> None:
        name = attachable_name(new) if new is not None else None
        if new is not None and name is not None:
            self._names[objects.name(new)] = name
            self.enqueue(objects.key(new))

    def _node_changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None:
            in_use = (new.get("status") or {}).get("volumesInUse")
            if in_use:
                self._in_use[objects.name(new)] = frozenset(in_use)
            else:
                self._in_use.pop(objects.name(new), None)
        node = new if new is not None else _old
        assert node is not None
        if len(self._attachments):
            for attachment in self._attachments.by_index(_NODE_INDEX, objects.name(node)):
                self._attachment_changed(None, attachment)

    def _attachment_changed(self, old: Object | None, new: Object | None) -> None:
        attachment = new if new is not None else old
        assert attachment is not None
        volume = attachment["spec"]["source"].get("persistentVolumeName", "")
        self._asked.get(volume, set()).discard(attachment["spec"]["nodeName"])
        if new is None:
            self._leaving.discard(objects.name(attachment))
            if not self._attachments.count(_VOLUME_INDEX, volume) and self._volumes.get("", volume) is None:
                self._names.pop(volume, None)
        self.enqueue(("", volume))

    # --- reconciling --------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Outcome:
        """Bring one volume to the nodes where it is wanted, and away from those where it is not."""
        volume = self._volumes.get(*key)
        attachments = {a["spec"]["nodeName"]: a for a in self._attachments.by_index(_VOLUME_INDEX, key[1])}
        users = self._users(volume) if volume is not None else {}
        later: list[int] = []
        for node, attachment in attachments.items():
            if node not in users:
                wait = yield from self._leave(node, attachment)
                if wait:
                    later.append(wait)
            else:
                self._unwanted.pop((key[1], node), None)
                yield from self._reported_attached(volume, node, attachment, users[node])
        if volume is not None:
            # What was asked for counts before the watch shows it: nobody else may have the volume.
            there = {*attachments, *self._asked.get(key[1], ())}
            for node, pods in users.items():
                if node not in there:
                    yield from self._attach(volume, node, pods, there, users)
        return Result(requeue_after=min(later)) if later else None

    def _users(self, volume: Object) -> dict[str, list[Object]]:
        """node -> the pods there that want the volume."""
        reference = volume["spec"].get("claimRef")
        if not reference or attachable_name(volume) is None:
            return {}
        claim = self._claims.get(reference.get("namespace", ""), reference["name"])
        if claim is None or claim["spec"].get("volumeName") != objects.name(volume):
            return {}
        if not is_bound_to(volume, claim):
            return {}
        self._pods.add_index(CLAIM_INDEX, claim_index)
        found: dict[str, list[Object]] = {}
        for pod in self._pods.by_index(CLAIM_INDEX, "/".join(objects.key(claim))):
            if pod["spec"].get("nodeName") and keeps_volumes(pod):
                found.setdefault(pod["spec"]["nodeName"], []).append(pod)
        return found

    def _attach(
        self,
        volume: Object,
        node: str,
        pods: list[Object],
        there: set[str],
        users: dict[str, list[Object]],
    ) -> Steps:
        name = objects.name(volume)
        if is_exclusive(volume) and there:
            if (name, node) not in self._reported:
                self._reported.add((name, node))
                others = [pod for other in sorted(there) for pod in users.get(other, ())]
                for pod in pods:
                    self._tell(pod, "Warning", "FailedAttachVolume", multi_attach_error(name, pod, others))
            return
        if self._nodes.get("", node) is None or attachment_name(volume, node) in self._leaving:
            return
        self._reported.discard((name, node))
        there.add(node)
        self._asked.setdefault(name, set()).add(node)
        try:
            yield self.client.create(ATTACHMENTS, new_attachment(volume, node))
        except StatusError as error:
            if not error.is_already_exists:
                self._asked[name].discard(node)
                raise

    def _tell(self, pod: Object, type: str, reason: str, message: str) -> None:
        self.component.events.event(pod, type, reason, message, _SOURCE)

    def _reported_attached(
        self, volume: Object | None, node: str, attachment: Object, pods: list[Object]
    ) -> Steps:
        """The driver attached it: say so to the pods and, on the node, to the kubelet."""
        if volume is None or not (attachment.get("status") or {}).get("attached"):
            return
        if objects.is_deleting(attachment):
            return
        attached = attachable_name(volume)
        known = self._attached(node)
        if known is None or attached in known:
            return
        # The blank at the end is upstream's: nothing follows the volume's name.
        text = f'AttachVolume.Attach succeeded for volume "{objects.name(volume)}" '
        for pod in pods:
            self._tell(pod, "Normal", "SuccessfulAttachVolume", text)
        yield from self._report(node, [*known, attached])

    def _attached(self, node: str) -> list[str] | None:
        known = self._nodes.get("", node)
        if known is None:
            return None
        return [each["name"] for each in (known.get("status") or {}).get("volumesAttached") or ()]

    def _report(self, node: str, names: list[Any]) -> Steps:
        listed = [{"name": name, "devicePath": ""} for name in names]
        body = {"status": {"volumesAttached": listed or None}}
        try:
            yield self.client.patch("nodes", "", node, body, subresource="status")
        except StatusError as error:
            if not error.is_not_found:
                raise

    def _leave(self, node: str, attachment: Object) -> Steps:
        """Detach, or say how long to wait for that."""
        name = attachment["spec"]["source"].get("persistentVolumeName", "")
        since = self._unwanted.setdefault((name, node), self.engine.now)
        if objects.is_deleting(attachment):
            return None
        attached = self._names.get(name)
        seen = self._nodes.get("", node)
        wait = wait_to_detach(
            in_use=attached is not None and attached in self._in_use.get(node, ()),
            healthy=is_healthy(seen),
            out_of_service=is_out_of_service(seen),
            unwanted_since=since,
            now=self.engine.now,
        )
        if wait is None or wait:
            return wait
        known = self._attached(node)
        if known is not None and attached in known:
            yield from self._report(node, [each for each in known if each != attached])
        self._unwanted.pop((name, node), None)
        self._leaving.add(objects.name(attachment))
        try:
            yield self.client.delete(ATTACHMENTS, "", objects.name(attachment), uid=objects.uid(attachment))
        except StatusError as error:
            if not error.is_not_found:
                raise
        return None
