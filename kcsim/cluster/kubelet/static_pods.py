"""Pods that a node runs by itself, from files, and their mirrors in the API.

**Imitates:** ``pkg/kubelet/config`` (``applyDefaults``), ``pod/mirror_client.go`` and ``kubelet.go`` (``tryReconcileMirrorPods``),
v1.36. They run without an API server. Left out: changes of the files while the kubelet runs.

**Walk:** a manifest -> ``static_pod``: a name with the node's, an uid of its own -> a worker -> its mirror is created -> what
becomes of the pod is said of the mirror. A mirror that is deleted is let go and made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.cluster.kubelet.static_pod_worker import StaticPodWorker
from kcsim.engine.task import Steps

if TYPE_CHECKING:
    from kcsim.cluster.kubelet.kubelet import Kubelet

HASH = "kubernetes.io/config.hash"
MIRROR = "kubernetes.io/config.mirror"
SEEN = "kubernetes.io/config.seen"
SOURCE = "kubernetes.io/config.source"


def static_pod(manifest: Mapping[str, Any], node: str, seen: str) -> Object:
    """The pod of a manifest in the static pod folder of a node; ``seen``: since when, as a text."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    uid = hashlib.md5(f"host:{node}file:{text}".encode(), usedforsecurity=False).hexdigest()
    metadata = dict(manifest.get("metadata") or {})
    notes = {**(metadata.get("annotations") or {}), HASH: uid, SEEN: seen, SOURCE: "file"}
    spec = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, **manifest["spec"]}
    tolerations = [*(spec.get("tolerations") or ()), {"operator": "Exists", "effect": "NoExecute"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **metadata,
            "name": f"{metadata['name']}-{node}",
            "namespace": metadata.get("namespace") or "default",
            "uid": uid,
            "resourceVersion": "0",
            "annotations": notes,
        },
        "spec": {**spec, "nodeName": node, "tolerations": tolerations},
        "status": {"phase": "Pending"},
    }


def mirror_of(pod: Object, node: Object) -> Object:
    """The mirror pod to create for a static pod; the node owns it."""
    metadata = {k: v for k, v in pod["metadata"].items() if k not in ("uid", "resourceVersion")}
    notes = {**objects.annotations(pod), MIRROR: objects.annotations(pod)[HASH]}
    owner = objects.owner_reference(node)
    owner.pop("blockOwnerDeletion", None)
    return {
        **{k: v for k, v in pod.items() if k != "status"},
        "metadata": {**metadata, "annotations": notes, "ownerReferences": [owner]},
    }


def is_mirror(pod: Object) -> bool:
    """Whether the pod only stands for a static one."""
    return MIRROR in (pod["metadata"].get("annotations") or ())


class StaticPods:
    """The static pods of one node."""

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._uids: dict[tuple[str, str], str] = {}
        self._pods: dict[str, Object] = {}
        self._creating: set[str] = set()

    def stop(self) -> None:
        """The kubelet ends; what runs goes on."""
        self._uids.clear()
        self._pods.clear()
        self._creating.clear()

    def pods(self, seen: str) -> list[Object]:
        """The static pods of this start of the kubelet."""
        for manifest in self._kubelet.node.config.static_pods:
            pod = static_pod(manifest, self._kubelet.node.name, seen)
            self._uids[objects.key(pod)] = objects.uid(pod)
            self._pods[objects.uid(pod)] = pod
        return list(self._pods.values())

    def reconcile(self) -> None:
        """Have a mirror for each static pod, once the node is registered."""
        for uid, pod in self._pods.items():
            known = self._kubelet.informed_pod(*objects.key(pod))
            if known is None and uid not in self._creating:
                self._creating.add(uid)
                self._kubelet.spawn(self._create(pod))

    def _create(self, pod: Object) -> Steps:
        kubelet, uid = self._kubelet, objects.uid(pod)
        try:
            node = kubelet.stored_node()
            if node is None:
                node = yield kubelet.client.get("nodes", "", kubelet.node.name)
            yield kubelet.client.create("pods", mirror_of(pod, node))
        except StatusError as error:
            if not error.is_already_exists:
                kubelet.failed(f"mirror pod {'/'.join(objects.key(pod))}", error)
                kubelet.after(kubelet.timings.back_off_period, self.reconcile)
        finally:
            self._creating.discard(uid)

    def mirror_changed(self, old: Object | None, new: Object | None) -> None:
        """The watch delivered a version of a mirror, or its end."""
        mirror = new if new is not None else old
        assert mirror is not None
        uid = self._uids.get(objects.key(mirror))
        kubelet = self._kubelet
        worker = kubelet.workers.get(uid) if uid is not None else None
        assert worker is None or isinstance(worker, StaticPodWorker)
        if new is None:
            if worker is not None:
                worker.unmirrored()
                self.reconcile()
            return
        stale = uid is None or objects.annotations(new).get(MIRROR) != uid
        if stale or objects.is_deleting(new):
            namespace, name = objects.key(new)
            kubelet.client.start(
                kubelet.client.delete("pods", namespace, name, uid=objects.uid(new), grace=0)
            )
        elif worker is not None:
            worker.mirrored(new)
