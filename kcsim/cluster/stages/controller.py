"""Plays Stages on the objects of a cluster.

**Imitates:** KWOK 0.7 ``pkg/kwok/controllers`` (``stage_controller.go``, ``pod_controller.go``, ``node_controller.go``,
``node_lease_controller.go``). Pods and nodes are played only where no kubelet looks after them; their leases are kept as
soon as there is a Stage for nodes. Left out: metrics, logs and exec of the pods. Differs: an object that matches no Stage
any more leaves the one it waited for.

**Walk:** an object changes -> ``choose`` -> its delay passes -> the steps, one call after the other -> the next change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kcsim.api import objects
from kcsim.api.client import Client, Endpoint
from kcsim.api.gotemplate import Functions, TemplateError
from kcsim.api.kit.component import Component
from kcsim.api.kit.lease import StandingLease
from kcsim.api.objects import Key, Object
from kcsim.api.request import User
from kcsim.api.resources import Resource, split_api_version
from kcsim.api.status import StatusError
from kcsim.cluster.stages.lifecycle import (
    changes,
    choose,
    delay_of,
    finalizer_operations,
    patch_of,
    rendered,
)
from kcsim.cluster.stages.stage import (
    ApplyStep,
    DeleteStep,
    EventStep,
    FinalizersStep,
    PatchStep,
    Stage,
    Step,
)
from kcsim.engine.clock import MINUTE, SECOND, rfc3339
from kcsim.engine.core import Timer
from kcsim.engine.task import Sleep, Steps
from kcsim.manifests import ManifestError

LEASE_NAMESPACE = "kube-node-lease"
NODE_IP = "10.0.0.1"
"""What KWOK says where it knows no address (its nodeIP)."""
NODE_PORT = 10247
BACK_OFF, BACK_OFF_MAX = SECOND, 32 * MINUTE
_RETRIED = (408, 429, 500, 503, 504)
_MINE = User("kwok", ("system:masters", "system:authenticated"))


class NoSuchKind(LookupError):
    """A Stage is for objects that the API server does not serve."""


class PodAddresses(Protocol):
    """Where pods get their addresses from."""

    def allocate(self, node: str, pod: Object) -> tuple[str, ...]:
        """The pod's addresses, one a family; none when there are none."""
        ...

    def release(self, node: str, ips: tuple[str, ...]) -> None:
        """The addresses are free again."""
        ...


class StageController(Component):
    """KWOK: one program that plays all Stages of a cluster.

    Attributes:
        stages: by resource, in the order in which they were given.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        host: str,
        *,
        addresses: PodAddresses,
        is_looked_after: Callable[[str], bool],
    ) -> None:
        """``is_looked_after(node)``: whether a kubelet runs there."""
        super().__init__(endpoint, "kwok", _MINE, host)
        self.stages: dict[Resource, list[Stage]] = {}
        self._addresses = addresses
        self._is_looked_after = is_looked_after
        self._chance = self.dice("stages")
        self._waiting: dict[tuple[Resource, Key], tuple[Stage, Timer]] = {}
        self._ips: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._leases: dict[str, StandingLease] = {}
        self._users: dict[str, Client] = {}
        self._nodes = self.informer("nodes")

    def add(self, stages: tuple[Stage, ...]) -> None:
        """Play these Stages from now on, beside those there are.

        Raises: NoSuchKind when one is for objects that are not served.
        """
        found = [(self._resource_of(stage), stage) for stage in stages]
        for resource, stage in found:
            if resource not in self.stages:
                self.stages[resource] = []
                self._listen(resource)
            self.stages[resource].append(stage)
        if self.running:
            for resource in dict.fromkeys(resource for resource, _ in found):
                for obj in self.informer(_word(resource)).list():
                    self._consider(resource, obj)

    def _resource_of(self, stage: Stage) -> Resource:
        group, version = split_api_version(stage.api_version)
        resource: Resource | None = self.endpoint.server.catalog.by_gvk((group, version, stage.kind))
        if resource is None:
            raise NoSuchKind(
                f"Stage {stage.name}: the API server serves no kind {stage.kind} in {stage.api_version}; "
                "a custom kind needs its CustomResourceDefinition first"
            )
        return resource

    def _listen(self, resource: Resource) -> None:
        def changed(old: Object | None, new: Object | None) -> None:
            if old is not None and (new is None or objects.uid(new) != objects.uid(old)):
                self._gone(resource, old)
            if new is not None:
                self._consider(resource, new)

        self.informer(_word(resource)).on_change(changed)

    def on_stop(self) -> None:
        """The program is gone: nothing is played, no lease renewed."""
        self._waiting.clear()
        for lease in self._leases.values():
            lease.stop()
        self._leases.clear()

    # --- what comes next ----------------------------------------------------------------------------------------

    def _is_mine(self, resource: Resource, obj: Object) -> bool:
        if resource.group or resource.kind not in ("Pod", "Node"):
            return True
        node = objects.name(obj) if resource.kind == "Node" else obj["spec"].get("nodeName")
        return bool(node) and not self._is_looked_after(node)

    def _consider(self, resource: Resource, obj: Object) -> None:
        if not self._is_mine(resource, obj):
            return
        if resource.kind == "Node" and not resource.group:
            self._hold_lease(obj)
        key = resource, objects.key(obj)
        before = self._waiting.pop(key, None)
        if before is not None:
            before[1].cancel()
        stage = choose(self.stages[resource], obj, self._chance.integer)
        if stage is None:
            return
        delay = delay_of(stage, obj, self.engine.now, self._chance.integer)
        timer = self.tick(delay, f"Stage {stage.name}", self._enter, resource, obj, stage)
        self._waiting[key] = stage, timer

    def _gone(self, resource: Resource, obj: Object) -> None:
        waiting = self._waiting.pop((resource, objects.key(obj)), None)
        if waiting is not None:
            waiting[1].cancel()
        known = self._ips.pop(objects.uid(obj), None)
        if known is not None:
            self._addresses.release(*known)
        if resource.kind == "Node" and not resource.group:
            lease = self._leases.pop(objects.name(obj), None)
            if lease is not None:
                lease.stop()

    def _hold_lease(self, node: Object) -> None:
        name = objects.name(node)
        if name not in self._leases:
            lease = StandingLease(
                self,
                LEASE_NAMESPACE,
                name,
                period=10 * SECOND,
                duration=40 * SECOND,
                jitter=0.04,
                owner=node,
            )
            self._leases[name] = lease
            lease.start()

    # --- playing ------------------------------------------------------------------------------------------------

    def _enter(self, resource: Resource, obj: Object, stage: Stage) -> None:
        self._waiting.pop((resource, objects.key(obj)), None)
        self.spawn(self._play(resource, obj, stage))

    def _play(self, resource: Resource, obj: Object, stage: Stage) -> Steps:
        what = f"Stage {stage.name} of {resource.kind} {'/'.join(filter(None, objects.key(obj)))}"
        functions = self._functions(obj)
        result: Object | None = None
        left, back_off = list(stage.steps), BACK_OFF
        while left:
            try:
                made = yield from self._step(resource, obj, left[0], functions)
            except StatusError as error:
                if error.is_not_found:
                    return
                self.failed(what, error)
                if error.code not in _RETRIED:
                    return
                yield Sleep(self.engine, self._chance.jitter(back_off, 0.2))
                back_off = min(back_off * 2, BACK_OFF_MAX)
                continue
            except (TemplateError, ManifestError) as error:
                self.failed(what, error)
                return
            result = made or result
            if isinstance(left.pop(0), DeleteStep):
                # Nothing but Events can be done to what is deleted.
                left = [step for step in left if isinstance(step, EventStep)]
                result = None
        if result is not None and stage.immediate:
            self._consider(resource, result)

    def _step(self, resource: Resource, obj: Object, step: Step, functions: Functions) -> Steps:
        """One step; gives the object as it was changed, None when it was not."""
        namespace, name = objects.key(obj)
        if isinstance(step, EventStep):
            self.event(obj, step.type, step.reason, step.message)
            return None
        if isinstance(step, FinalizersStep):
            operations = finalizer_operations(obj["metadata"].get("finalizers") or (), step)
            if operations:
                return (yield self.client.patch(resource, namespace, name, operations, type="json"))
            return None
        if isinstance(step, DeleteStep):
            yield self.client.delete(resource, namespace, name, grace=0 if resource.kind == "Pod" else None)
            return None
        if isinstance(step, ApplyStep):
            yield from self._apply(obj, step, functions)
            return None
        return (yield from self._patch(resource, obj, step, functions))

    def _patch(self, resource: Resource, obj: Object, step: PatchStep, functions: Functions) -> Steps:
        body, kind = patch_of(step, obj, functions)
        if kind == "merge" and not changes(obj, body or {}):
            return None
        client = self._on_behalf_of(step.user)
        call = client.patch(resource, *objects.key(obj), body, type=kind, subresource=step.subresource)
        made = yield call
        changed = objects.resource_version(made) != objects.resource_version(obj)
        return made if changed else None

    def _apply(self, obj: Object, step: ApplyStep, functions: Functions) -> Steps:
        other = rendered(step.template.render(obj, functions))
        if not isinstance(other, dict) or not other.get("kind") or not other.get("apiVersion"):
            raise TemplateError(1, "the template must include apiVersion and kind")
        resource = self.endpoint.server.catalog.of(other)
        if resource is None:
            raise TemplateError(1, f"no kind {other['kind']} in {other['apiVersion']}")
        metadata = other.get("metadata") or {}
        namespace = (metadata.get("namespace") or objects.namespace(obj)) if resource.namespaced else ""
        client, options = self._on_behalf_of(step.user), {}
        if step.type == "apply":
            options = {"field_manager": self.name, "force": True}
        if not step.subresource:
            try:
                yield client.create(resource, other, namespace)
                return
            except StatusError as error:
                if not error.is_already_exists or not metadata.get("name"):
                    raise
        yield client.patch(
            resource,
            namespace,
            metadata.get("name", ""),
            other,
            type=step.type,
            subresource=step.subresource,
            **options,
        )

    def _on_behalf_of(self, user: str) -> Client:
        if not user:
            return self.client
        if user not in self._users:
            who = User(user, ("system:authenticated",))
            self._users[user] = Client(
                self.endpoint, who, self.host, user_agent=self.name, stream=f"{self.name}/{user}"
            )
        return self._users[user]

    # --- functions of templates ---------------------------------------------------------------------------------

    def _functions(self, obj: Object) -> Functions:
        def pod_ip(node: str, on_host: bool, uid: str, name: str, namespace: str) -> str:
            del uid, name, namespace
            return self._node_ip(node) if on_host else self._pod_ip(node, obj)

        now = rfc3339(self.engine.now)
        return {
            "Now": lambda: now,
            "StartTime": lambda: rfc3339(0),
            "NodeName": lambda: objects.name(obj),
            "NodePort": lambda: NODE_PORT,
            "NodeIP": lambda: NODE_IP,
            "NodeIPWith": self._node_ip,
            "NodeIPsWith": lambda node: [self._node_ip(node)],
            "PodIP": lambda: self._pod_ip((obj.get("spec") or {}).get("nodeName") or "", obj),
            "PodIPWith": pod_ip,
            "PodIPsWith": lambda *where: [pod_ip(*where)],
        }

    def _node_ip(self, node: str) -> str:
        known = self._nodes.get("", node)
        for address in objects.get_in(known, ("status", "addresses")) or ():
            if address["type"] == "InternalIP":
                return str(address["address"])
        return NODE_IP

    def _pod_ip(self, node: str, pod: Object) -> str:
        """The pod's address: it has one for as long as it is there."""
        uid = objects.uid(pod)
        if uid not in self._ips:
            ips = self._addresses.allocate(node, pod)
            if not ips:
                return self._node_ip(node)
            self._ips[uid] = node, ips
        return self._ips[uid][1][0]


def _word(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural
