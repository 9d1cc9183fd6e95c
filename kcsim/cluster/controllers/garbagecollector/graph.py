"""Who owns whom, by uid.  Keeps the graph and says what needs a look; never acts.

**Imitates:** ``GraphBuilder`` of ``pkg/controller/garbagecollector/graph_builder.go`` and ``graph.go`` (v1.36). An owner
that was only heard of through a reference is a virtual node until its own object is seen, or found not to exist.
Left out: switching a virtual node between coordinates when references to one uid disagree about name or namespace.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from kcsim.api import objects
from kcsim.api.resources import Resource

Object = dict[str, Any]
Work = tuple[Literal["delete", "orphan", "verify"], str]
"""What to attempt, and on the object of which uid."""

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class Node:
    """One object, as far as ownership goes."""

    __slots__ = (
        "api_version",
        "deleting",
        "deleting_dependents",
        "dependents",
        "kind",
        "name",
        "namespace",
        "owners",
        "resource",
        "uid",
        "virtual",
    )

    def __init__(self, uid: str, namespace: str, name: str) -> None:
        self.uid = uid
        self.namespace = namespace
        self.name = name
        self.resource: Resource | None = None
        self.api_version = self.kind = ""
        self.owners: list[Object] = []
        self.dependents: dict[str, None] = {}
        self.deleting = False
        self.deleting_dependents = False
        self.virtual = False

    def blocks(self, owner_uid: str) -> bool:
        """Whether this dependent keeps a foreground deletion of that owner waiting."""
        return any(ref["uid"] == owner_uid and ref.get("blockOwnerDeletion") for ref in self.owners)


class Graph:
    """All objects by uid, with edges from owner to dependent."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}

    def get(self, uid: str) -> Node | None:
        """The node of a uid."""
        return self._nodes.get(uid)

    def __len__(self) -> int:
        return len(self._nodes)

    def dependents(self, node: Node) -> list[Node]:
        """The nodes that name it as owner, in the order they were first seen."""
        return [self._nodes[uid] for uid in node.dependents if uid in self._nodes]

    def blocking_dependents(self, node: Node) -> list[Node]:
        """Dependents a foreground deletion waits for."""
        return [dependent for dependent in self.dependents(node) if dependent.blocks(node.uid)]

    # --- changes ------------------------------------------------------------------------------------------------

    def observe(self, resource: Resource, old: Object | None, new: Object | None) -> Iterator[Work]:
        """An object was added, changed or deleted; gives what to attempt because of it."""
        if new is None:
            assert old is not None
            yield from self.remove(objects.uid(old))
            return
        uid = objects.uid(new)
        if old is not None and objects.uid(old) != uid:
            yield from self.remove(objects.uid(old))
            old = None
        node = self._nodes.get(uid)
        refs = objects.owner_refs(new)
        if node is None or node.virtual:
            if node is None:
                node = self._nodes[uid] = Node(uid, *objects.key(new))
            node.virtual = False
            node.namespace, node.name = objects.key(new)
            node.resource = resource
            node.owners = refs
            yield from self._add_to_owners(node, refs)
        elif node.owners != refs:
            yield from self._change_owners(node, refs)
        yield from self._transitions(node, new)

    def remove(self, uid: str) -> Iterator[Work]:
        """The object does not exist (any more): its dependents and the owners that wait for it need a look."""
        node = self._nodes.pop(uid, None)
        if node is None:
            return
        for ref in node.owners:
            owner = self._nodes.get(ref["uid"])
            if owner is not None:
                owner.dependents.pop(uid, None)
                if owner.deleting_dependents:
                    yield "delete", owner.uid
        for dependent in list(node.dependents):
            if dependent in self._nodes:
                yield "delete", dependent

    def _add_to_owners(self, node: Node, refs: list[Object]) -> Iterator[Work]:
        for ref in refs:
            owner = self._nodes.get(ref["uid"])
            if owner is None:
                owner = Node(ref["uid"], node.namespace, ref["name"])
                owner.virtual = True
                owner.api_version, owner.kind = ref["apiVersion"], ref["kind"]
                self._nodes[ref["uid"]] = owner
                yield "verify", owner.uid
            owner.dependents[node.uid] = None

    def _change_owners(self, node: Node, refs: list[Object]) -> Iterator[Work]:
        before = {ref["uid"]: ref for ref in node.owners}
        after = {ref["uid"]: ref for ref in refs}
        node.owners = refs
        for uid, ref in before.items():
            owner = self._nodes.get(uid)
            if owner is None:
                continue
            unblocked = ref.get("blockOwnerDeletion") and not after.get(uid, {}).get("blockOwnerDeletion")
            if uid not in after:
                owner.dependents.pop(node.uid, None)
            if unblocked and owner.deleting_dependents:
                yield "delete", uid
        yield from self._add_to_owners(node, [ref for uid, ref in after.items() if uid not in before])

    def _transitions(self, node: Node, obj: Object) -> Iterator[Work]:
        if not objects.is_deleting(obj):
            return
        finalizers = obj["metadata"].get("finalizers") or ()
        node.deleting = True
        if ORPHAN in finalizers:
            yield "orphan", node.uid
        if FOREGROUND in finalizers and not node.deleting_dependents:
            node.deleting_dependents = True
            for dependent in list(node.dependents):
                yield "delete", dependent
            yield "delete", node.uid


def concerns_ownership(old: Object | None, new: Object | None) -> bool:
    """Whether a change can matter to the graph. Most do not: a status is written, and nothing else."""
    if old is None or new is None:
        return True
    before, after = old["metadata"], new["metadata"]
    for field in ("ownerReferences", "finalizers", "deletionTimestamp", "uid"):
        one, other = before.get(field), after.get(field)
        if one is not other and one != other:
            return True
    return False
