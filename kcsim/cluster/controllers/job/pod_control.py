"""Creating, deleting and releasing the pods of Jobs, each call with its event and its expectation.

**Imitates:** ``RealPodControl`` of ``pkg/controller/controller_utils.go`` and the calls around it in
``pkg/controller/job/job_controller.go`` (v1.36): slow start, expectations, expected removals of finalizers.
**May:** write pods and the status of Jobs through the client it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.calls import Then, first_error, gather, has_status_cause
from kcsim.cluster.controllers.expectations import Expectations
from kcsim.cluster.controllers.job.job_pods import FINALIZER, is_tracked
from kcsim.cluster.controllers.replicaset.batches import slow_start_batches
from kcsim.engine.core import Engine
from kcsim.engine.task import All, Waitable

Object = dict[str, Any]
Key = tuple[str, str]
Calls = Generator[Waitable, Any, Any]
Event = Callable[[Object, str, str, str], None]

_RELEASED = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}


class ClientPodControl:
    """Acts through a client, and remembers what the watch has not shown yet."""

    def __init__(self, client: Client, engine: Engine, event: Event) -> None:
        self._client = client
        self._engine = engine
        self._event = event
        self.expectations = Expectations()
        self._releasing: dict[Key, dict[str, None]] = {}
        self._written: dict[Key, int] = {}

    # --- what the watch shows -----------------------------------------------------------------------------------

    def released(self, key: Key) -> dict[str, None]:
        """Uids of the Job's pods whose finalizers are being removed."""
        return self._releasing.get(key) or {}

    def release_observed(self, key: Key, uid: str) -> None:
        """The watch shows the pod without its finalizer, or gone."""
        releasing = self._releasing.get(key)
        if releasing is not None:
            releasing.pop(uid, None)
            if not releasing:
                del self._releasing[key]

    def is_stale(self, job: Object) -> bool:
        """Whether the cache does not show our own last write of the Job yet."""
        return int(objects.resource_version(job)) < self._written.get(objects.key(job), 0)

    def forget(self, key: Key) -> None:
        """The Job is gone."""
        self.expectations.forget(key)
        self._releasing.pop(key, None)
        self._written.pop(key, None)

    # --- calls --------------------------------------------------------------------------------------------------

    def create(self, job: Object, bodies: Sequence[Object]) -> Calls:
        """Create pods, in batches of growing size; gives (created, error)."""
        key, count = objects.key(job), len(bodies)
        self.expectations.expect_creations(key, count, self._engine.now)

        def created(pod: Any, error: Exception | None) -> None:
            if error is None:
                self._event(job, "Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
            elif not has_status_cause(error, "NamespaceTerminating"):
                self._event(job, "Warning", "FailedCreate", f"Error creating: {error}")

        done = 0
        for size in slow_start_batches(count):
            batch = bodies[done : done + size]
            results = yield All([Then(self._client.create("pods", body, key[0]), created) for body in batch])
            # In a namespace on its way out creates fail, and nothing can be done about it.
            failed = [r for r in results if isinstance(r, Exception) and not _is_namespace_going(r)]
            done += size
            if failed:
                skipped = count - done
                self.expectations.lower_creations(key, len(failed) + skipped)
                return done - len(failed), failed[0]
        return done, None

    def delete(self, job: Object, pods: Sequence[Object], *, release: bool) -> Calls:
        """Delete pods, with ``release`` after removing their finalizers; gives (the pods deleted, error)."""
        key = objects.key(job)
        if release:
            self.expectations.expect_deletions(key, map(objects.name, pods), self._engine.now)
        results = yield from gather([self._delete_one(job, pod, release=release) for pod in pods])
        gone = [pod for pod, result in zip(pods, results, strict=True) if not isinstance(result, Exception)]
        return gone, first_error(results)

    def _delete_one(self, job: Object, pod: Object, *, release: bool) -> Calls:
        name = objects.name(pod)
        try:
            if release and is_tracked(pod):
                yield self._release_call(pod)
            yield self._client.delete("pods", objects.namespace(pod), name)
        except StatusError as error:
            if release:
                self.expectations.deletion_observed(objects.key(job), name)
            if error.is_not_found:
                return
            self._event(job, "Warning", "FailedDelete", f"Error deleting: {error}")
            raise
        self._event(job, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")

    def release(self, job: Object, pods: Sequence[Object]) -> Calls:
        """Remove the finalizers; gives (uids of the pods rid of theirs, error)."""
        key = objects.key(job)
        self._releasing.setdefault(key, {}).update(dict.fromkeys(map(objects.uid, pods)))

        def answered(pod: Object) -> Callable[[Any, Exception | None], None]:
            def look(_value: Any, error: Exception | None) -> None:
                if error is not None:
                    self.release_observed(key, objects.uid(pod))

            return look

        results = yield All([Then(self._release_call(pod), answered(pod)) for pod in pods])
        errors = [r if isinstance(r, Exception) and not _is_not_found(r) else None for r in results]
        rid = [objects.uid(pod) for pod, error in zip(pods, errors, strict=True) if error is None]
        return rid, first_error(errors)

    def release_orphan(self, pod: Object) -> Calls:
        """Remove the finalizer of a pod that no Job will count any more."""
        try:
            yield self._release_call(pod)
        except StatusError as error:
            if not error.is_not_found:
                raise

    def _release_call(self, pod: Object) -> Waitable:
        return self._client.patch(
            "pods", objects.namespace(pod), objects.name(pod), _RELEASED, type="strategic"
        )

    def update_status(self, job: Object) -> Calls:
        """Write the status; gives the Job as stored."""
        stored = yield self._client.update_status("jobs", job)
        self._written[objects.key(job)] = int(objects.resource_version(stored))
        return stored


def _is_not_found(error: Any) -> bool:
    return isinstance(error, StatusError) and error.is_not_found


def _is_namespace_going(error: Exception) -> bool:
    return has_status_cause(error, "NamespaceTerminating")
