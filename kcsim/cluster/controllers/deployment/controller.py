"""The Deployment controller: wakes for Deployments, their ReplicaSets and, under Recreate, their last pod.

**Imitates:** ``pkg/controller/deployment/deployment_controller.go`` (v1.36). What one sync does is in ``sync.py``.
**Walk:** a ReplicaSet's status changes -> the Deployment that controls it is queued -> `reconcile` claims its
ReplicaSets (adopts orphans its selector selects, releases what it no longer does) -> `DeploymentSync`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler
from kcsim.cluster.controllers import claim
from kcsim.cluster.controllers.deployment.sync import DeploymentSync
from kcsim.cluster.controllers.pod_changes import on_pod_change, stirring
from kcsim.cluster.controllers.pods import is_terminal
from kcsim.engine.task import Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]


class DeploymentController(Reconciler):
    """Rolls Deployments out through ReplicaSets."""

    name = "deployment-controller"
    workers = DEFAULT.count("kube-controller-manager/concurrent-deployment-syncs")
    max_retries = DEFAULT.count("kube-controller-manager/deployment-max-retries")

    def setup(self, component: Component) -> None:
        """Subscribe to Deployments, ReplicaSets and pods."""
        self.reset()
        self.deployments = component.informer("deployments")
        self.deployments.on_change(self._deployment_changed)
        self.sets = component.informer("replicasets")
        self.sets.add_index("controller", claim.controller_index)
        self.sets.on_change(self._set_changed)
        on_pod_change(component.informer("pods"), self._pod_changed, stirring)

    def reset(self) -> None:
        """Forget everything learnt."""
        # Pods by the uid of their ReplicaSet: name -> whether it has ended. Recreate waits for them.
        self._pods: dict[str, dict[str, bool]] = {}

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _deployment_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        self.enqueue(objects.key(obj))

    def _set_changed(self, old: Object | None, new: Object | None) -> None:
        for rs in (old, new):
            if rs is None:
                continue
            if objects.controller_of(rs) is not None:
                owner = self._owner(rs)
                if owner is not None:
                    self.enqueue(objects.key(owner))
            elif new is not None and not objects.is_deleting(new):
                self._enqueue_matching(rs)

    def _enqueue_matching(self, rs: Object) -> None:
        labels = objects.labels(rs)
        for deployment in self.deployments.list(objects.namespace(rs)) if labels else ():
            if self._selector(deployment).matches(labels):
                self.enqueue(objects.key(deployment))

    def _owner(self, rs: Object) -> Object | None:
        """The Deployment that controls a ReplicaSet, if it is still the one the reference means."""
        ref = objects.controller_of(rs)
        if ref is None or ref["kind"] != "Deployment":
            return None
        owner = self.deployments.get(objects.namespace(rs), ref["name"])
        return owner if owner is not None and objects.uid(owner) == ref["uid"] else None

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            if old is not None and is_terminal(old) == is_terminal(new):
                return
            ref = objects.controller_of(new)
            if ref is not None and ref["kind"] == "ReplicaSet":
                self._pods.setdefault(ref["uid"], {})[objects.name(new)] = is_terminal(new)
            return
        assert old is not None
        ref = objects.controller_of(old)
        if ref is None or ref["kind"] != "ReplicaSet":
            return
        pods = self._pods.get(ref["uid"], {})
        pods.pop(objects.name(old), None)
        if pods:
            return
        self._pods.pop(ref["uid"], None)
        self._last_pod_gone(objects.namespace(old), ref)

    def _last_pod_gone(self, namespace: str, ref: Object) -> None:
        """Under Recreate nothing but the end of the last old pod tells that the new ones may start."""
        rs = self.sets.get(namespace, ref["name"])
        owner = self._owner(rs) if rs is not None else None
        if owner is None or (owner["spec"].get("strategy") or {}).get("type") != "Recreate":
            return
        siblings = self.sets.by_index("controller", objects.uid(owner))
        if not any(self._pods.get(objects.uid(rs)) for rs in siblings):
            self.enqueue(objects.key(owner))

    # --- one sync -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Steps | None:
        """Take one step of one Deployment."""
        deployment = self.deployments.get(*key)
        return None if deployment is None else self._sync(deployment)

    def _sync(self, deployment: Object) -> Steps:
        if deployment["spec"].get("selector") == {}:
            text = "This deployment is selecting all pods. A non-empty selector is required."
            self._event(deployment, "Warning", "SelectingAll", text)
            status = deployment.get("status") or {}
            generation = deployment["metadata"].get("generation", 0)
            if status.get("observedGeneration", 0) < generation:
                observed = {**deployment, "status": {**status, "observedGeneration": generation}}
                yield self.client.update_status("deployments", observed)
            return None
        sets = yield from self._claim(deployment)
        sync = DeploymentSync(
            self.component.engine,
            self.client,
            deployment,
            sets,
            event=self._event,
            find=self.sets.get,
            old_pods_exist=lambda uid: self._pods_exist(sets, uid),
        )
        return (yield from sync.run())

    def _event(self, obj: Object, kind: str, reason: str, message: str) -> None:
        self.component.events.event(obj, kind, reason, message, self.name)

    def _pods_exist(self, sets: list[Object], new_uid: str) -> bool:
        uids = [objects.uid(rs) for rs in sets]
        return any(not all(self._pods.get(uid, {}).values()) for uid in uids if uid != new_uid)

    def _claim(self, deployment: Object) -> Steps:
        """The ReplicaSets of a Deployment, adopting and releasing on the way (getReplicaSetsForDeployment)."""
        selector = self._selector(deployment)
        candidates = self.sets.by_index("controller", objects.uid(deployment))
        candidates += self.sets.by_index("controller", f"/{objects.namespace(deployment)}")
        return claim.claimed(self.client, "deployments", deployment, "replicasets", candidates, selector)

    def _selector(self, deployment: Object) -> selectors.LabelSelector:
        return selectors.from_object(deployment["spec"].get("selector"))
