"""The revisions of a StatefulSet: finding, making, renumbering and forgetting them.

**Imitates:** ``getStatefulSetRevisions`` and ``truncateHistory`` of
``pkg/controller/statefulset/stateful_set_control.go``, ``realHistory`` of
``pkg/controller/history/controller_history.go`` (v1.36).
**May:** write ControllerRevisions; remembers, per set, the revision it made of the template it last saw, because hashing
a template costs more than the rest of a sync.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
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
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]


@dataclass(frozen=True, slots=True)
class Revisions:
    """Where a StatefulSet comes from and where it goes: two ControllerRevisions, often the same one."""

    current: Object
    update: Object
    collision_count: int
    known: list[Object]
    """All revisions that existed before, sorted."""


class SetHistory:
    """The revisions of all StatefulSets."""

    def __init__(self, client: Client, revisions: Informer) -> None:
        self._client = client
        self._revisions = revisions
        self._made: dict[Key, tuple[Object, int, Object]] = {}

    def forget(self, key: Key) -> None:
        """The set is gone."""
        self._made.pop(key, None)

    def adopt_orphans(self, stateful_set: Object, selector: LabelSelector) -> Steps:
        """Take the revisions that a set of the same selector left behind."""
        orphans = [
            revision
            for revision in self._revisions.by_index("controller", f"/{objects.namespace(stateful_set)}")
            if selector.matches(objects.labels(revision))
        ]
        yield from claim.adopt_all(self._client, "statefulsets", stateful_set, "controllerrevisions", orphans)

    def of(self, stateful_set: Object, selector: LabelSelector) -> Steps:
        """The `Revisions` of a set; makes or renumbers one when its template is new or is an earlier one again."""
        found = self._revisions.by_index("controller", objects.uid(stateful_set))
        known = history.sort_revisions(r for r in found if selector.matches(objects.labels(r)))
        status = stateful_set.get("status") or {}
        collisions = status.get("collisionCount", 0)
        wanted = self._new(stateful_set, collisions)
        number = history.next_number(known)
        equal = history.find_equal(known, wanted)
        if equal and history.equal_revision(known[-1], equal[-1]):
            update = known[-1]
        elif equal:
            # Back to an earlier template: that revision becomes the newest.
            update = yield from self._renumber(equal[-1], number)
        else:
            update, collisions = yield from self._create(
                stateful_set, {**wanted, "revision": number}, collisions
            )
        name = status.get("currentRevision", "")
        current = next((revision for revision in known if objects.name(revision) == name), update)
        return Revisions(current, update, collisions, known)

    def _new(self, stateful_set: Object, collisions: int) -> Object:
        key, template = objects.key(stateful_set), stateful_set["spec"]["template"]
        made = self._made.get(key)
        if made is None or made[0] is not template or made[1] != collisions:
            body = history.new_stateful_set_revision(stateful_set, 1, collisions)
            made = self._made[key] = (template, collisions, body)
        return made[2]

    def _renumber(self, revision: Object, number: int) -> Steps:
        if history.number_of(revision) == number:
            return revision
        return (yield self._client.update("controllerrevisions", {**revision, "revision": number}))

    def _create(self, stateful_set: Object, wanted: Object, collisions: int) -> Steps:
        while True:
            digest = history.hash_data(wanted["data"], collisions)
            name = history.revision_name(objects.name(stateful_set), digest)
            owners = [objects.owner_reference(stateful_set)]
            body = objects.with_metadata(wanted, name=name, ownerReferences=owners)
            try:
                return (yield self._client.create("controllerrevisions", body)), collisions
            except StatusError as error:
                if not error.is_already_exists:
                    raise
            taken = yield self._client.get("controllerrevisions", objects.namespace(stateful_set), name)
            if history.equal_revision(taken, body):
                return taken, collisions
            collisions += 1

    def truncate(self, stateful_set: Object, pods: list[Object], found: Revisions) -> Steps:
        """Forget revisions beyond spec.revisionHistoryLimit that no pod and no status names."""
        limit = stateful_set["spec"].get("revisionHistoryLimit", 10)
        if len(found.known) <= limit:
            return
        live = {objects.name(found.current), objects.name(found.update)}
        live.update(objects.labels(pod).get(history.CONTROLLER_REVISION_HASH, "") for pod in pods)
        for revision in history.revisions_to_truncate(found.known, live, limit):
            yield self._client.delete("controllerrevisions", *objects.key(revision))
