"""What the operators of the zoo have in common: the kinds they make, and calls that forgive what may be forgiven.

**Walk:** an exhibit derives its broken controller from ``Keeper``, and the mended one from the broken one, with the one
method that was wrong replaced.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps
from kcsim.testing.controller import INSTANCE, Operator

GROUP = "zoo.example"
FINALIZER = f"{GROUP}/cleanup"
PODS, CLAIMS, SECRETS, CONFIGS = "pods", "persistentvolumeclaims", "secrets", "configmaps"
SERVICES, BUDGETS, SETS = "services", "poddisruptionbudgets.policy", "statefulsets.apps"
DISKS = f"disks.{GROUP}"


class Keeper(Operator):
    """An operator of the zoo: ``tend`` is what it does for an object.

    Attributes:
        fresh: whether it asks the API server for its object before it acts, past the cache.
    """

    fresh = True

    def sync(self, obj: Object) -> Steps:
        """Tend the object, as the API server has it or as the cache has it."""
        current = (yield from self.now(obj)) if self.fresh else obj
        return None if current is None else (yield from self.tend(current))

    def tend(self, obj: Object) -> Steps:
        """Bring the cluster where the object wants it."""
        raise NotImplementedError

    # --- calls --------------------------------------------------------------------------------------------------

    def create(self, word: str, obj: Object) -> Steps:
        """Create; one of that name may be there already."""
        try:
            return (yield self.client.create(word, obj))
        except StatusError as error:
            if not error.is_already_exists:
                raise
            return None

    def delete(self, word: str, obj: Object, *, exactly: bool = False) -> Steps:
        """Delete by name; ``exactly`` this object and no later one of its name. It may be gone already."""
        try:
            yield self.client.delete(word, *objects.key(obj), uid=objects.uid(obj) if exactly else "")
        except StatusError as error:
            if not error.is_not_found:
                raise

    def now(self, obj: Object) -> Steps:
        """The object as the API server has it this moment, past the cache; None if this very one is gone."""
        try:
            found = yield self.client.get(self.watches, *objects.key(obj))
        except StatusError as error:
            if not error.is_not_found:
                raise
            return None
        return found if objects.uid(found) == objects.uid(obj) else None

    def patch(self, obj: Object, body: Object, *, subresource: str = "") -> Steps:
        """Merge into the operator's own object, unless somebody changed it since it was cached."""
        metadata = {**body.get("metadata", {}), "resourceVersion": objects.resource_version(obj)}
        merged = {**body, "metadata": metadata}
        return (yield self.client.patch(self.watches, *objects.key(obj), merged, subresource=subresource))

    def report(self, obj: Object, status: Object) -> Steps:
        """Write the status if it says something new."""
        before = obj.get("status") or {}
        if any(before.get(key) != value for key, value in status.items()):
            yield from self.patch(obj, {"status": status}, subresource="status")

    def hold_on(self, obj: Object) -> Steps:
        """Set the finalizer, unless it is there."""
        if FINALIZER not in (obj["metadata"].get("finalizers") or ()):
            yield from self.patch(obj, {"metadata": {"finalizers": [FINALIZER]}})

    def let_go(self, obj: Object) -> Steps:
        """Take the finalizer off."""
        if FINALIZER in (obj["metadata"].get("finalizers") or ()):
            yield from self.patch(obj, {"metadata": {"finalizers": None}})

    # --- things -------------------------------------------------------------------------------------------------

    def thing(self, owner: Object, version: str, kind: str, name: str, **fields: Any) -> Object:
        """An object that carries its owner's name as a label, and no owner reference: nobody cleans up after it."""
        metadata = {
            "name": name,
            "namespace": objects.namespace(owner),
            "labels": {INSTANCE: objects.name(owner)},
        }
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}

    def owned(self, owner: Object, version: str, kind: str, name: str, **fields: Any) -> Object:
        """An object that the garbage collector takes along with its owner."""
        made = self.thing(owner, version, kind, name, **fields)
        return objects.with_metadata(made, ownerReferences=[objects.owner_reference(owner)])

    def claim(self, owner: Object, ordinal: int) -> Object:
        """The volume claim of a member."""
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        return self.thing(owner, "v1", "PersistentVolumeClaim", f"data-{_member(owner, ordinal)}", spec=spec)

    def pod(self, owner: Object, ordinal: int, *, gated: bool = True) -> Object:
        """A member's pod; a gated one is never scheduled, which is all most exhibits need."""
        spec: Object = {"containers": [{"name": "member", "image": "member:1"}]}
        if gated:
            spec["schedulingGates"] = [{"name": f"{GROUP}/held"}]
        return self.owned(owner, "v1", "Pod", _member(owner, ordinal), spec=spec)

    def stateful_set(self, owner: Object, name: str, size: str = "1Gi") -> Object:
        """A StatefulSet of no pods: the zoo runs no controller for it."""
        labels = {"set": name}
        pod = {"containers": [{"name": "member", "image": "member:1"}]}
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        spec = {
            "replicas": 1,
            "serviceName": name,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        }
        return self.owned(owner, "apps/v1", "StatefulSet", name, spec=spec)

    def service(self, owner: Object, name: str) -> Object:
        """A headless Service."""
        spec = {"clusterIP": "None", "selector": {"set": name}, "ports": [{"port": 80}]}
        return self.owned(owner, "v1", "Service", name, spec=spec)


def _member(owner: Object, ordinal: int) -> str:
    return f"{objects.name(owner)}-{ordinal}"


def ordinal_of(obj: Object) -> int:
    """The number behind the last hyphen of a member's name."""
    return int(objects.name(obj).rpartition("-")[2])


def wanted(owner: Object, field: str = "replicas") -> Any:
    """A field of the operator's own object."""
    return owner["spec"].get(field)
