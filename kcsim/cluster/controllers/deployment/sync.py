"""One sync of a Deployment: what the pure modules decide is carried out, in upstream's order.

**Imitates:** ``syncDeployment`` of ``pkg/controller/deployment/deployment_controller.go``, ``sync.go``, ``rolling.go``,
``recreate.go`` (v1.36). Left out: the annotation deprecated.deployment.rollback.to (kubectl undoes by patching).
**Walk:** paused? -> was it resized? -> one step of the strategy -> status. Writes of one sync are all based on the
version it began with, so a status written after a revision was is refused (409) and written by the retry: upstream
does the same, and it is why a rollout's first two status updates are a few milliseconds apart.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.kit.queue import BASE_DELAY, Result
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.calls import has_status_cause
from kcsim.cluster.controllers.deployment import progress, recreate, rollout
from kcsim.cluster.controllers.deployment.annotations import (
    REVISION,
    annotations_of,
    max_revision,
    new_replica_set_annotations,
    replicas_annotations,
    replicas_annotations_need_update,
)
from kcsim.cluster.controllers.deployment.history import replica_sets_to_delete
from kcsim.cluster.controllers.deployment.replica_sets import (
    active,
    equal_ignore_hash,
    find_new_replica_set,
    find_old_replica_sets,
    spec_replicas,
)
from kcsim.cluster.controllers.deployment.scale import is_scaling_event, plan_scale
from kcsim.cluster.controllers.deployment.status import (
    PROGRESSING,
    Condition,
    calculate_status,
    deployment_complete,
    get_condition,
    new_condition,
    set_condition,
)
from kcsim.cluster.controllers.deployment.template_hash import (
    POD_TEMPLATE_HASH,
    compute_hash,
    generate_replica_set_name,
)
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine
from kcsim.engine.task import Waitable

Object = dict[str, Any]
Steps = Generator[Waitable, Any, Any]


class DeploymentSync:
    """One pass over one Deployment and the ReplicaSets it claims.

    ``event(obj, type, reason, message)`` records an Event; ``find(namespace, name)`` looks a ReplicaSet up in the cache;
    ``old_pods_exist(uid of the new set)`` tells whether pods of other ReplicaSets are left that have not ended.
    """

    def __init__(
        self,
        engine: Engine,
        client: Client,
        deployment: Object,
        replica_sets: list[Object],
        *,
        event: Callable[[Object, str, str, str], None],
        find: Callable[[str, str], Object | None],
        old_pods_exist: Callable[[str], bool],
    ) -> None:
        self._engine = engine
        self._client = client
        self._d = deployment
        self._sets = replica_sets
        self._event = event
        self._find = find
        self._old_pods_exist = old_pods_exist

    def run(self) -> Steps:
        """Take one step. Gives a Result when the Deployment is to be looked at again."""
        if objects.is_deleting(self._d):
            new, old = yield from self._get_all(create=False)
            yield from self._sync_status([*old, new], new)
            return None
        paused = progress.paused_condition(self._d, self._engine.now)
        if paused is not None:
            self._set_condition(paused)
            yield from self._put_status()
        if self._d["spec"].get("paused"):
            return (yield from self._sync_scale())
        new, old = yield from self._get_all(create=False)
        if is_scaling_event(self._d, [*old, new]):
            return (yield from self._sync_scale())
        if rollout.is_rolling_update(self._d):
            return (yield from self._rollout_rolling())
        return (yield from self._rollout_recreate())

    # --- strategies ---------------------------------------------------------------------------------------------

    def _rollout_rolling(self) -> Steps:
        new, old = yield from self._get_all(create=True)
        up = rollout.reconcile_new_replica_set(self._d, [*old, new], new)
        if up is not None:
            yield from self._scale_all([up], [new])
            return (yield from self._sync_rollout_status(old, new))
        downs = rollout.reconcile_old_replica_sets(self._d, active(old), new)
        if downs:
            yield from self._scale_all(downs, old)
            return (yield from self._sync_rollout_status(old, new))
        yield from self._cleanup_if_complete(old)
        return (yield from self._sync_rollout_status(old, new))

    def _rollout_recreate(self) -> Steps:
        new, old = yield from self._get_all(create=False)
        downs = recreate.scale_down_for_recreate(old)
        if downs:
            yield from self._scale_all(downs, old)
            return (yield from self._sync_rollout_status(old, new))
        if recreate.old_pods_running(old, self._old_pods_exist(objects.uid(new) if new else "")):
            return (yield from self._sync_rollout_status(old, new))
        if new is None:
            new, old = yield from self._get_all(create=True)
        wanted = spec_replicas(self._d)
        if spec_replicas(new) != wanted:
            yield from self._scale_all([rollout.Scaling(objects.name(new), wanted)], [new])
        yield from self._cleanup_if_complete(old)
        return (yield from self._sync_rollout_status(old, new))

    def _sync_scale(self) -> Steps:
        """Resized or paused: sizes only (upstream's ``sync``)."""
        new, old = yield from self._get_all(create=False)
        yield from self._scale_all(plan_scale(self._d, new, old), [*old, new])
        if self._d["spec"].get("paused"):
            yield from self._cleanup(old)
        yield from self._sync_status([*old, new], new)

    # --- ReplicaSets --------------------------------------------------------------------------------------------

    def _get_all(self, *, create: bool) -> Steps:
        """The new ReplicaSet (None when there is none and none is to be made) and the old ones, revisions in order."""
        found = find_new_replica_set(self._d, self._sets)
        old = find_old_replica_sets(self._sets, found)
        revision = max_revision(old) + 1
        if found is not None:
            new = yield from self._update_new(found, revision)
        elif create:
            new = yield from self._create_new(old, revision)
        else:
            new = None
        return new, old

    def _update_new(self, rs: Object, revision: int) -> Steps:
        current = annotations_of(rs)
        annotations = new_replica_set_annotations(self._d, current, revision)
        min_ready = self._d["spec"].get("minReadySeconds", 0)
        if annotations is not current or rs["spec"].get("minReadySeconds", 0) != min_ready:
            changed = objects.with_metadata(rs, annotations=annotations)
            changed["spec"] = _with_min_ready(rs["spec"], min_ready)
            return (yield self._client.update("replicasets", changed))
        needs_update = self._set_revision(annotations.get(REVISION, ""))
        status = self._d.get("status") or {}
        if progress.has_progress_deadline(self._d) and get_condition(status, PROGRESSING) is None:
            text = f'Found new replica set "{objects.name(rs)}"'
            self._progressing("True", progress.FOUND_NEW_REPLICA_SET, text)
            needs_update = True
        if needs_update:
            yield from self._put_status()
        return rs

    def _create_new(self, old: list[Object], revision: int) -> Steps:
        body = self._new_replica_set(old, revision)
        name, replicas = objects.name(body), body["spec"]["replicas"]
        adopted = False
        try:
            made = yield self._client.create("replicasets", body)
        except StatusError as error:
            made = yield from self._creation_failed(error, name)
            adopted = True
        if not adopted and replicas > 0:
            self._scaled_event(name, 0, replicas)
        needs_update = self._set_revision(str(revision))
        if not adopted and progress.has_progress_deadline(self._d):
            self._progressing("True", progress.NEW_REPLICA_SET, f'Created new replica set "{name}"')
            needs_update = True
        if needs_update:
            yield from self._put_status()
        return made

    def _new_replica_set(self, old: list[Object], revision: int) -> Object:
        spec = self._d["spec"]
        template = spec["template"]
        template_hash = compute_hash(template, (self._d.get("status") or {}).get("collisionCount"))
        metadata = template.get("metadata") or {}
        labels = {**(metadata.get("labels") or {}), POD_TEMPLATE_HASH: template_hash}
        selector = spec["selector"]
        match_labels = {**(selector.get("matchLabels") or {}), POD_TEMPLATE_HASH: template_hash}
        replicas = rollout.new_rs_new_replicas(self._d, old, 0)
        annotations = new_replica_set_annotations(self._d, {}, revision)
        new_spec: Object = {
            "replicas": replicas,
            "selector": {**selector, "matchLabels": match_labels},
            "template": {**template, "metadata": {**metadata, "labels": labels}},
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": generate_replica_set_name(objects.name(self._d), template_hash),
                "namespace": objects.namespace(self._d),
                "labels": labels,
                "annotations": {**annotations, **self._size_annotations()},
                "ownerReferences": [objects.owner_reference(self._d)],
            },
            "spec": _with_min_ready(new_spec, spec.get("minReadySeconds", 0)),
        }

    def _creation_failed(self, error: StatusError, name: str) -> Steps:
        """After a refused create: the set that is there already if it is ours, else the error again."""
        if error.is_already_exists:
            there = self._find(objects.namespace(self._d), name)
            if there is None:
                # The cache has not seen it yet; upstream's lister names the kind in the singular.
                raise StatusError(404, "NotFound", f'replicaset.apps "{name}" not found') from None
            ref = objects.controller_of(there)
            ours = ref is not None and ref["uid"] == objects.uid(self._d)
            if ours and equal_ignore_hash(self._d["spec"]["template"], there["spec"]["template"]):
                return there
            # Another template has this hash: count up, so that the next try makes another name.
            status = self._d.get("status") or {}
            status = {**status, "collisionCount": status.get("collisionCount", 0) + 1}
            self._d = {**self._d, "status": status}
            yield from self._put_status()
            raise error
        if has_status_cause(error, "NamespaceTerminating"):
            raise error
        text = f'Failed to create new replica set "{name}": {error}'
        if progress.has_progress_deadline(self._d):
            self._progressing("False", progress.FAILED_CREATE, text)
            # The status is secondary to the error that is about to be raised (upstream ignores its outcome too).
            self._client.start(self._client.update_status("deployments", self._d))
        self._event(self._d, "Warning", progress.FAILED_CREATE, text)
        raise error

    def _scale_all(self, steps: list[rollout.Scaling], sets: list[Object | None]) -> Steps:
        """Carry out resizes in order; a set resized twice goes on from the version its first resize gave."""
        latest = {objects.name(rs): rs for rs in sets if rs is not None}
        for step in steps:
            latest[step.name] = yield from self._scale(latest[step.name], step.replicas)

    def _scale(self, rs: Object, replicas: int) -> Steps:
        before = spec_replicas(rs)
        wanted = spec_replicas(self._d)
        if before == replicas and not replicas_annotations_need_update(
            rs, wanted, wanted + rollout.max_surge(self._d)
        ):
            return rs
        resized = objects.with_annotations(rs, self._size_annotations())
        resized["spec"] = {**rs["spec"], "replicas": replicas}
        written = yield self._client.update("replicasets", resized)
        if before != replicas:
            self._scaled_event(objects.name(rs), before, replicas)
        return written

    def _size_annotations(self) -> dict[str, str]:
        wanted = spec_replicas(self._d)
        return replicas_annotations(wanted, wanted + rollout.max_surge(self._d))

    def _scaled_event(self, name: str, before: int, after: int) -> None:
        way = "up" if after > before else "down"
        text = f"Scaled {way} replica set {name} from {before} to {after}"
        self._event(self._d, "Normal", "ScalingReplicaSet", text)

    def _cleanup_if_complete(self, old: list[Object]) -> Steps:
        if deployment_complete(self._d, self._d.get("status") or {}):
            yield from self._cleanup(old)

    def _cleanup(self, old: list[Object]) -> Steps:
        for rs in replica_sets_to_delete(self._d, old):
            try:
                yield self._client.delete("replicasets", *objects.key(rs))
            except StatusError as error:
                if not error.is_not_found:
                    raise

    # --- status -------------------------------------------------------------------------------------------------

    def _set_revision(self, revision: str) -> bool:
        if annotations_of(self._d).get(REVISION) == revision:
            return False
        self._d = objects.with_annotations(self._d, {REVISION: revision})
        return True

    def _progressing(self, status: str, reason: str, message: str) -> None:
        self._set_condition(new_condition(PROGRESSING, status, reason, message, self._engine.now))

    def _set_condition(self, condition: Condition) -> None:
        status = self._d.get("status") or {}
        conditions = set_condition(status.get("conditions") or [], condition)
        self._d = {**self._d, "status": {**status, "conditions": conditions}}

    def _put_status(self) -> Steps:
        yield self._client.update_status("deployments", self._d)

    def _sync_status(self, all_sets: list[Object | None], new: Object | None) -> Steps:
        status = calculate_status(self._d, all_sets, new, self._engine.now)
        if status != self._d.get("status"):
            self._d = {**self._d, "status": status}
            yield from self._put_status()

    def _sync_rollout_status(self, old: list[Object], new: Object | None) -> Steps:
        now = self._engine.now
        status = progress.rollout_status(self._d, [*old, new], new, now)
        if status != self._d.get("status"):
            self._d = {**self._d, "status": status}
            yield from self._put_status()
            return None
        after = progress.requeue_stuck_deployment(self._d, status, now)
        if after is None:
            return None
        if after:
            return Result(requeue_after=after + SECOND, what="progress check")
        deadline = progress.progress_deadline(self._d) or 0
        if deadline < now:
            # Differs: a finished rollout that lost pods cannot time out any more; upstream looks again every few
            # milliseconds without effect.
            return None
        # Upstream comes back every 5 ms during the last second; the first time that matters is this one.
        return Result(requeue_after=deadline - now + BASE_DELAY, what="progress check")


def _with_min_ready(spec: Object, min_ready_seconds: int) -> Object:
    if min_ready_seconds:
        return {**spec, "minReadySeconds": min_ready_seconds}
    return {k: v for k, v in spec.items() if k != "minReadySeconds"}
