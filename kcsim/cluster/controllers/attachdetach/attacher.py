"""A simulated CSI driver's attacher: attaches where a VolumeAttachment asks for it, detaches when it goes.

**Imitates:** external-attacher v4 (``pkg/controller/csi_handler.go``); one program stands for every driver. Left out:
failures of the storage behind it, and the finalizer that keeps an attached volume's object.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.attachdetach.controller import ATTACHMENTS
from kcsim.engine.task import Sleep
from kcsim.profile.constants import DEFAULT

ATTACH = DEFAULT.delay("volumes/attach")
DETACH = DEFAULT.delay("volumes/detach")


def finalizer_of(driver: str) -> str:
    """What keeps a VolumeAttachment until the driver has detached."""
    return f"external-attacher/{driver.replace('/', '-')}"


class Attacher(Reconciler):
    """Reconciles VolumeAttachments."""

    name = "csi-attacher"
    workers = 10

    def setup(self, component: Component) -> None:
        """Subscribe to attachments."""
        self.engine = component.engine
        self._dice = component.dice(self.name)
        self._attachments = component.informer(ATTACHMENTS)
        self._attachments.on_change(self._changed)

    def _changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None and (objects.is_deleting(new) or not (new.get("status") or {}).get("attached")):
            self.enqueue(objects.key(new))

    def reconcile(self, key: Key) -> Outcome:
        """Attach or detach one volume."""
        attachment = self._attachments.get(*key)
        if attachment is None:
            return None
        finalizer = finalizer_of(attachment["spec"]["attacher"])
        held = attachment["metadata"].get("finalizers") or []
        try:
            if objects.is_deleting(attachment):
                if finalizer in held:
                    yield Sleep(self.engine, self._dice.draw(DETACH))
                    left = [each for each in held if each != finalizer]
                    fresh = yield self.client.get(ATTACHMENTS, *key)
                    yield self.client.update(
                        ATTACHMENTS, objects.with_metadata(fresh, finalizers=left or None)
                    )
                return None
            if finalizer not in held:
                body = {"metadata": {"finalizers": [*held, finalizer]}}
                yield self.client.patch(ATTACHMENTS, *key, body)
            yield Sleep(self.engine, self._dice.draw(ATTACH))
            yield self.client.patch(ATTACHMENTS, *key, {"status": {"attached": True}}, subresource="status")
        except StatusError as error:
            if not error.is_not_found:
                raise
        return None
