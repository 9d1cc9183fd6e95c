"""The revisions of a DaemonSet: finding, making, renumbering, merging and forgetting them.

**Imitates:** ``constructHistory``, ``dedupCurHistories``, ``snapshot`` and ``cleanupHistory`` of
``pkg/controller/daemon/update.go`` (v1.36).
**May:** write ControllerRevisions, and the revision label of pods when two revisions are the same; keeps nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.kit.informer import Informer
from kcsim.api.selectors import LabelSelector
from kcsim.api.status import StatusError
from kcsim.cluster.controllers import claim
from kcsim.cluster.controllers.history import revisions as history
from kcsim.engine.task import Waitable

Object = dict[str, Any]
Steps = Generator[Waitable, Any, Any]

_HASH = history.CONTROLLER_REVISION_HASH


class StaleCollisionCount(Exception):
    """The name of a new revision is taken, and the cache does not know yet what that was counted as."""


class DaemonHistory:
    """The revisions of all DaemonSets."""

    def __init__(self, client: Client, revisions: Informer) -> None:
        self._client = client
        self._revisions = revisions

    def construct(self, daemon_set: Object, selector: LabelSelector, pods: Iterable[Object]) -> Steps:
        """(the revision of the present template, the other ones); makes, renumbers or merges as needed."""
        found = yield from self._controlled(daemon_set, selector)
        patch = history.get_patch(daemon_set)
        current: list[Object] = []
        old: list[Object] = []
        for revision in found:
            labelled = revision
            if _HASH not in objects.labels(revision):
                # Named after itself: no hash is worked out, so none can collide.
                labelled = yield self._client.update(
                    "controllerrevisions", objects.with_labels(revision, {_HASH: objects.name(revision)})
                )
            (current if labelled["data"] == patch else old).append(labelled)
        number = history.max_number(old) + 1
        if not current:
            return (yield from self._snapshot(daemon_set, number)), old
        kept = yield from self._merge(current, pods)
        if history.number_of(kept) < number:
            yield self._client.update("controllerrevisions", {**kept, "revision": number})
        return kept, old

    def _controlled(self, daemon_set: Object, selector: LabelSelector) -> Steps:
        """The revisions of a DaemonSet, adopting and releasing on the way."""
        candidates = self._revisions.by_index("controller", objects.uid(daemon_set))
        candidates += self._revisions.by_index("controller", f"/{objects.namespace(daemon_set)}")
        return claim.claimed(
            self._client, "daemonsets", daemon_set, "controllerrevisions", candidates, selector
        )

    def _merge(self, current: list[Object], pods: Iterable[Object]) -> Steps:
        """The newest of revisions that are the same; the others go, and their pods get its label."""
        if len(current) == 1:
            return current[0]
        kept = max(reversed(current), key=history.number_of)
        digest = objects.labels(kept)[_HASH]
        for pod in pods:
            if objects.labels(pod).get(_HASH) != digest:
                body = {"metadata": {"labels": {_HASH: digest}}}
                yield self._client.patch("pods", *objects.key(pod), body)
        for revision in current:
            if objects.name(revision) != objects.name(kept):
                yield self._client.delete("controllerrevisions", *objects.key(revision))
        return kept

    def _snapshot(self, daemon_set: Object, number: int) -> Steps:
        body = history.new_daemon_set_revision(daemon_set, number)
        try:
            return (yield self._client.create("controllerrevisions", body))
        except StatusError as error:
            if not error.is_already_exists:
                raise
            taken = yield self._client.get("controllerrevisions", *objects.key(body))
            if history.equal_revision(taken, body):
                return taken
            yield from self._count_collision(daemon_set)
            raise

    def _count_collision(self, daemon_set: Object) -> Steps:
        live = yield self._client.get("daemonsets", *objects.key(daemon_set))
        counted = (live.get("status") or {}).get("collisionCount")
        known = (daemon_set.get("status") or {}).get("collisionCount")
        if counted != known:
            raise StaleCollisionCount(
                f"found a stale collision count ({known}, expected {counted}) of DaemonSet "
                f'"{objects.name(daemon_set)}" while processing; will retry until it is updated'
            )
        status = {**(live.get("status") or {}), "collisionCount": (counted or 0) + 1}
        yield self._client.update_status("daemonsets", {**live, "status": status})

    def clean_up(self, daemon_set: Object, old: list[Object], pods: Iterable[Object]) -> Steps:
        """Forget revisions beyond spec.revisionHistoryLimit that no pod is of."""
        limit = daemon_set["spec"].get("revisionHistoryLimit", 10)
        if len(old) <= limit:
            return
        live = {objects.labels(pod).get(_HASH, "") for pod in pods}
        for revision in history.revisions_to_clean_up(old, live, limit):
            yield self._client.delete("controllerrevisions", *objects.key(revision))
