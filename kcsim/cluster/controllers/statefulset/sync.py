"""One sync of one StatefulSet: scale up in order, scale down in order, roll out, report.

**Imitates:** ``updateStatefulSet``, ``runForAll`` and ``updateStatefulSetStatus`` of
``pkg/controller/statefulset/stateful_set_control.go``, ``UpdateStatefulSetStatus`` of
``stateful_set_status_updater.go`` (v1.36).
**Walk:** the pods are sorted into replicas and condemned ones -> replicas upwards -> condemned downwards -> outdated
pods from the top -> the status, as counted from what this sync saw. The first step that has to wait ends the sync.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.kit.informer import Informer
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.calls import first_error
from kcsim.cluster.controllers.pods import phase
from kcsim.cluster.controllers.replicaset.batches import slow_start_batches
from kcsim.cluster.controllers.statefulset import rollout
from kcsim.cluster.controllers.statefulset.history import Revisions
from kcsim.cluster.controllers.statefulset.pod_control import ClaimsFailed, PodControl
from kcsim.cluster.controllers.statefulset.status import SetStatus
from kcsim.engine.clock import MILLISECOND
from kcsim.engine.core import Engine
from kcsim.engine.task import Sleep, Waitable, gather

Object = dict[str, Any]
Steps = Generator[Waitable, Any, Any]

MAX_BATCH_SIZE = 500
"""Parallel creates and deletes at most so many at a time."""
RETRY_DELAYS = (10 * MILLISECOND, 50 * MILLISECOND, 250 * MILLISECOND)
"""Between attempts to write a status that conflicts (client-go ``retry.DefaultBackoff`` without its jitter)."""


class StatefulSetSync:
    """What one sync knows."""

    def __init__(
        self,
        engine: Engine,
        client: Client,
        stateful_set: Object,
        pods: list[Object],
        revisions: Revisions,
        *,
        control: PodControl,
        sets: Informer,
        many_unavailable: bool,
    ) -> None:
        self._engine = engine
        self._client = client
        self._set = stateful_set
        self._pods = pods
        self._revisions = revisions
        self._control = control
        self._sets = sets
        self._many = many_unavailable
        self._wait = stateful_set["spec"].get("minReadySeconds", 0)
        self._monotonic = stateful_set["spec"].get("podManagementPolicy") != "Parallel"

    def run(self) -> Steps:
        """Do it; gives the `SetStatus` that was reported.

        Raises:
            StatusError: the first call that failed; the status is written before.
        """
        status = SetStatus(
            observed_generation=self._set["metadata"].get("generation", 0),
            current_revision=objects.name(self._revisions.current),
            update_revision=objects.name(self._revisions.update),
            collision_count=self._revisions.collision_count,
        )
        failure: Exception | None = None
        if objects.is_deleting(self._set):
            status = status.counted(self._pods, self._wait, self._engine.now)
        else:
            members = self._members()
            failure, goes_on = yield from self._scale(members)
            # Counted from what was planned: pods created just now have no phase and do not count yet.
            everyone = [*members.replicas, *members.condemned]
            status = status.counted(everyone, self._wait, self._engine.now)
            if failure is None and goes_on:
                failure, removed = yield from self._update(members)
                status = replace(status, current=status.current - removed)
        status = status.completed(self._set)
        yield from self._write(status)
        if failure is not None:
            raise failure
        return status

    def _members(self) -> rollout.Members:
        revisions = self._revisions
        return rollout.sort_members(
            self._set, self._pods, revisions.current, revisions.update, self._engine.now
        )

    # --- scaling ------------------------------------------------------------------------------------------------

    def _scale(self, members: rollout.Members) -> Steps:
        """Create what is missing, delete what is too many; gives the first error, and whether the rollout may go on."""
        phases: tuple[tuple[Sequence[Object], Callable[[Object], Steps]], ...] = (
            (members.replicas, self._replica),
            (members.condemned, self._condemned_claims),
            (members.condemned, lambda pod: self._condemned(pod, members.first_unavailable)),
        )
        for pods, step in phases:
            failure, stopped = yield from self._for_all(pods, step)
            if failure is not None or stopped:
                return failure, False
        return None, True

    def _for_all(self, pods: Sequence[Object], step: Callable[[Object], Steps]) -> Steps:
        if self._monotonic:
            for pod in pods:
                try:
                    stop = yield from step(pod)
                except (StatusError, ClaimsFailed) as error:
                    return error, True
                if stop:
                    return None, True
            return None, False
        begin = 0
        for size in slow_start_batches(len(pods), most=MAX_BATCH_SIZE):
            results = yield from gather([step(pod) for pod in pods[begin : begin + size]])
            begin += size
            failure = first_error(results)
            if failure is not None:
                return failure, True
        return None, False

    def _replica(self, pod: Object) -> Steps:
        """One replica; gives whether an ordered sync ends here."""
        action = rollout.replica_step(
            pod, monotonic=self._monotonic, min_ready_seconds=self._wait, now=self._engine.now
        )
        if action == "delete":
            yield from self._control.delete(self._set, pod)
            return True
        if action == "create":
            if not self._control.is_stale(self._set, pod):
                yield from self._control.create(self._set, pod)
            return True
        if phase(pod) == "Pending":
            yield from self._control.create_missing_claims(self._set, pod)
        if action == "wait":
            return True
        if not self._control.is_settled(self._set, pod):
            yield from self._control.settle(self._set, pod)
        return False

    def _condemned_claims(self, pod: Object) -> Steps:
        if not self._control.claims_match(self._set, pod):
            yield from self._control.set_claim_owners(self._set, pod)
        return False

    def _condemned(self, pod: Object, first_unavailable: str) -> Steps:
        action = rollout.condemned_step(
            pod,
            monotonic=self._monotonic,
            first_unavailable=first_unavailable,
            min_ready_seconds=self._wait,
            now=self._engine.now,
        )
        if action == "delete":
            yield from self._control.delete(self._set, pod)
        return action != "skip"

    # --- rolling out --------------------------------------------------------------------------------------------

    def _update(self, members: rollout.Members) -> Steps:
        """Delete outdated pods; gives the first error and how many current pods that takes away."""
        name = objects.name(self._revisions.update)
        removed = 0
        chosen = rollout.pods_to_update(self._set, members.replicas, name, self._engine.now, many=self._many)
        for pod in chosen:
            try:
                yield from self._control.delete(self._set, pod)
            except StatusError as error:
                if not error.is_not_found:
                    return error, removed
            removed += 1
        return None, removed

    # --- reporting ----------------------------------------------------------------------------------------------

    def _write(self, status: SetStatus) -> Steps:
        if not status.is_inconsistent_with(self._set):
            return
        body = status.as_object()
        target = self._set
        for delay in (*RETRY_DELAYS, None):
            try:
                yield self._client.update_status("statefulsets", {**target, "status": body})
            except StatusError as error:
                if not error.is_conflict or delay is None:
                    raise
            else:
                return
            yield Sleep(self._engine, delay)
            target = self._sets.get(*objects.key(self._set)) or target
