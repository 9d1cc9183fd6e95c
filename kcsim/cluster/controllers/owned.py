"""Objects by who controls them: the index and the look-ups that controllers of pods share.

**Imitates:** ``resolveControllerRef`` and the index ``podControllerUID`` of ``pkg/controller/controller_utils.go``
(v1.36): a reference counts only while the owner of that name is still the one whose uid it carries.
**May:** keep references to pods it was shown; never changes them.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.kit.informer import Informer

Object = dict[str, Any]
Key = tuple[str, str]

_NONE: dict[str, Object] = {}


def controller_uid(obj: Object, kind: str) -> str:
    """The uid of the controller of an object when it is of ``kind``, else ""."""
    for ref in obj["metadata"].get("ownerReferences") or ():
        if ref.get("controller"):
            return ref["uid"] if ref["kind"] == kind else ""
    return ""


def resolve_controller_ref(owners: Informer, kind: str, obj: Object) -> Object | None:
    """The object of ``kind`` that controls ``obj``, if it is still the one the reference means."""
    ref = objects.controller_of(obj)
    if ref is None or ref["kind"] != kind:
        return None
    owner = owners.get(objects.namespace(obj), ref["name"])
    return owner if owner is not None and objects.uid(owner) == ref["uid"] else None


class OwnedPods:
    """All pods by the uid of their controller, as far as it is of one kind; and those that nothing controls.

    A pod of another kind costs one look at its owners.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._owned: dict[str, dict[str, Object]] = {}
        self._orphans: dict[str, dict[str, Object]] = {}

    def of(self, uid: str) -> dict[str, Object]:
        """The pods of one controller by name, in the order they were first seen."""
        return self._owned.get(uid) or _NONE

    def orphans(self, namespace: str) -> dict[str, Object]:
        """The pods of a namespace that have no controller, by name."""
        return self._orphans.get(namespace) or _NONE

    def is_foreign(self, old: Object | None, new: Object | None) -> bool:
        """Whether a change is of a pod that a controller of another kind had and has: most are, so this is quick."""
        pod = new or old
        assert pod is not None
        refs = pod["metadata"].get("ownerReferences")
        if not refs or (old is not None and old["metadata"].get("ownerReferences") is not refs):
            return False
        for ref in refs:
            if ref.get("controller"):
                return bool(ref["kind"] != self._kind)
        return False

    def observe(self, old: Object | None, new: Object | None) -> None:
        """A pod was added, changed or deleted."""
        before = self._place(old) if old is not None else None
        after = self._place(new) if new is not None else None
        if before is not None and before != after:
            assert old is not None
            place, uid = before
            table = self._owned if place == "owned" else self._orphans
            members = table.get(uid)
            if members is not None:
                members.pop(objects.name(old), None)
                if not members:
                    del table[uid]
        if after is not None:
            assert new is not None
            table = self._owned if after[0] == "owned" else self._orphans
            table.setdefault(after[1], {})[objects.name(new)] = new

    def _place(self, pod: Object) -> tuple[str, str] | None:
        metadata = pod["metadata"]
        for ref in metadata.get("ownerReferences") or ():
            if ref.get("controller"):
                return ("owned", ref["uid"]) if ref["kind"] == self._kind else None
        return "orphan", metadata["namespace"]
