"""Nothing that is in use goes: claims stay while a pod uses them, volumes while they are bound.

**Imitates:** pkg/controller/volume/pvcprotection/pvc_protection_controller.go and pvprotection/pv_protection_controller.go
(v1.36). Left out: asking the API server once more for pods before a claim is let go.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.informer import Informer
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.pod_changes import on_pod_change, stirring
from kcsim.cluster.volumes import CLAIM_INDEX, claim_index, claims_of
from kcsim.engine.task import Steps

CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"
_FINISHED = ("Succeeded", "Failed")


class _Protection(Reconciler):
    """Puts a finalizer on objects, and takes it away once they are to go and nobody uses them."""

    resource = ""
    finalizer = ""
    _objects: Informer

    def _is_in_use(self, obj: Object) -> bool:
        raise NotImplementedError

    def _changed(self, _old: Object | None, new: Object | None) -> None:
        if new is None:
            return
        held = self.finalizer in (new["metadata"].get("finalizers") or ())
        if held is objects.is_deleting(new):
            self.enqueue(objects.key(new))

    def reconcile(self, key: Key) -> Outcome:
        """Protect one object, or let it go."""
        obj = self._objects.get(*key)
        if obj is None:
            return None
        finalizers = obj["metadata"].get("finalizers") or []
        held = self.finalizer in finalizers
        if objects.is_deleting(obj):
            if held and not self._is_in_use(obj):
                left = [each for each in finalizers if each != self.finalizer]
                yield from self._write(obj, left)
        elif not held:
            yield from self._write(obj, [*finalizers, self.finalizer])
        return None

    def _write(self, obj: Object, finalizers: list[str]) -> Steps:
        try:
            yield self.client.update(self.resource, objects.with_metadata(obj, finalizers=finalizers or None))
        except StatusError as error:
            if not error.is_not_found:
                raise


class ClaimProtectionController(_Protection):
    """Claims that pods use."""

    name = "persistentvolumeclaim-protection-controller"
    resource = "persistentvolumeclaims"
    finalizer = CLAIM_FINALIZER

    def setup(self, component: Component) -> None:
        """Subscribe to claims and pods."""
        self._objects = component.informer("persistentvolumeclaims")
        self._pods = component.informer("pods")
        self._objects.on_change(self._changed)
        on_pod_change(self._pods, self._pod_changed, stirring)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if old is None or not len(self._objects):
            return
        if new is None or _is_over(new) or objects.uid(old) != objects.uid(new):
            for _, claim in claims_of(old):
                self.enqueue((objects.namespace(old), claim))

    def _is_in_use(self, obj: Object) -> bool:
        self._pods.add_index(CLAIM_INDEX, claim_index)
        users = self._pods.by_index(CLAIM_INDEX, "/".join(objects.key(obj)))
        return any(pod["spec"].get("nodeName") and not _is_over(pod) for pod in users)


class VolumeProtectionController(_Protection):
    """Volumes that are bound."""

    name = "persistentvolume-protection-controller"
    resource = "persistentvolumes"
    finalizer = VOLUME_FINALIZER

    def setup(self, component: Component) -> None:
        """Subscribe to volumes."""
        self._objects = component.informer("persistentvolumes")
        self._objects.on_change(self._changed)

    def _is_in_use(self, obj: Object) -> bool:
        return bool((obj.get("status") or {}).get("phase") == "Bound")


def _is_over(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in _FINISHED
