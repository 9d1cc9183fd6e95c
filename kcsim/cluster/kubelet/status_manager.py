"""Tells the API server what became of the pods, one call at a time, and deletes those that are over.

**Imitates:** ``pkg/kubelet/status/status_manager.go`` (v1.36): one sender, the newest status of a pod wins, what could
not be sent waits for the next batch. Differs: no GET before each PATCH; the newest version the kubelet has seen
stands for it.

**Walk:** ``enqueue(worker)`` -> ``_pump`` takes the pod that waits longest -> PATCH pods/status if anything changed ->
DELETE with grace 0 and the uid if the pod is over -> the next one.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from kcsim.api import objects
from kcsim.api.request import Computed
from kcsim.api.status import StatusError
from kcsim.cluster.kubelet.pod_status import Status, status_after, status_patch
from kcsim.engine.core import Engine, Timer


class Reported(Protocol):
    """What the status manager needs of a pod worker."""

    uid: str
    api_uid: str
    pod: dict[str, Any]
    status: Status | None
    reported: Status | None
    gone: bool
    deletable: bool

    def observe(self, pod: dict[str, Any]) -> None:
        """A newer version of the object is known."""
        ...


class PodClient(Protocol):
    """The calls it makes."""

    def patch(self, resource: str, namespace: str, name: str, body: Any, **options: Any) -> Any:
        """PATCH."""
        ...

    def report(self, resource: str, namespace: str, name: str, computed: Computed) -> Any:
        """PATCH of a status, with what it comes to."""
        ...

    def delete(self, resource: str, namespace: str, name: str, **options: Any) -> Any:
        """DELETE."""
        ...


class StatusManager:
    """The queue of pods whose status is to be sent."""

    def __init__(self, engine: Engine, client: PodClient, batch: int) -> None:
        self._engine = engine
        self._client = client
        self._batch = batch
        self._queue: dict[str, tuple[Reported, Any]] = {}
        self._late: dict[str, tuple[Reported, Any]] = {}
        self._busy = False
        self._retry: Timer | None = None
        self._epoch = 0

    def stop(self) -> None:
        """The kubelet ends: nothing more is sent; answers still under way are ignored."""
        self._queue.clear()
        self._late.clear()
        self._busy = False
        self._epoch += 1
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def enqueue(self, worker: Reported) -> None:
        """The worker's status changed, or its pod may be deleted now."""
        self._late.pop(worker.uid, None)
        self._queue[worker.uid] = (worker, self._engine.cause)
        if not self._busy:
            self._pump()

    def _pump(self) -> None:
        while self._queue and not self._busy:
            uid = next(iter(self._queue))
            worker, cause = self._queue.pop(uid)
            if worker.gone or not worker.api_uid:
                continue
            engine = self._engine
            before, engine.cause = engine.cause, cause
            self._send(worker, cause)
            engine.cause = before

    def _send(self, worker: Reported, cause: Any) -> None:
        pod = worker.pod
        stored = pod.get("status") or {}
        status = worker.status if worker.status is not None else stored
        after = status_after(stored, status)
        patch = status_patch(worker.api_uid, stored, status) if after is None else None
        changed = patch is not None if after is None else after is not stored
        if not changed and not worker.deletable:
            return
        namespace, name = objects.key(pod)
        epoch = self._epoch
        self._busy = True

        def done(value: Any, error: Exception | None) -> None:
            if epoch == self._epoch:
                self._answered(worker, cause, value, error, deleted=not changed)

        client = self._client
        if not changed:
            client.delete("pods", namespace, name, uid=worker.api_uid, grace=0).start(done)
        elif after is None:
            client.patch("pods", namespace, name, patch, type="strategic", subresource="status").start(done)
        else:
            worker.reported = after
            computed = Computed(stored, after, partial(status_patch, worker.api_uid, stored, status))
            client.report("pods", namespace, name, computed).start(done)

    def _answered(
        self, worker: Reported, cause: Any, value: Any, error: Exception | None, *, deleted: bool
    ) -> None:
        self._busy = False
        if error is None:
            if not deleted:
                worker.observe(value)
                if worker.deletable:
                    self._queue.setdefault(worker.uid, (worker, cause))
        elif isinstance(error, StatusError) and error.code in {404, 409, 422}:
            # The pod, or this pod of that name, is gone: the watch will say so.
            pass
        elif isinstance(error, StatusError):
            self._late.setdefault(worker.uid, (worker, cause))
            self._retry_later()
        else:
            raise error
        self._pump()

    def _retry_later(self) -> None:
        if self._retry is None:
            self._retry = self._engine.after(self._batch, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        for uid, entry in self._late.items():
            self._queue.setdefault(uid, entry)
        self._late.clear()
        self._pump()
