"""Controllers of your own, in about thirty lines: what watches, maps and repairs is here, what is wanted is yours.

``Operator``     reconciles one kind and looks at others, as a builder's ``For(kind).Owns(kind)`` does; ``sync`` is yours
``Declarative``  an operator made of pure functions: ``desired`` says which children there should be, ``status`` what to
                 report, ``cleanup`` what goes before the object may; none of them touches a client

Both run on the reconciler kit, so they run in a simulation (``sim.add_controller(WebApps)``), in a scenario
(``controllers: [{name: webapps, use: webapps.py:WebApps}]``), under ``kcsim probe``, and on a real cluster
(``kcsim.testing.live``).

**Imitates:** controller-runtime's builder: a change of the object, or of a child it controls, queues the object's key.

**Walk** of a ``Declarative``: a key -> the object and its children from the caches -> ``desired`` -> create, apply
(server-side, as ``name``) or delete the differences -> ``status`` -> a patch of /status when it differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.informer import Informer
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps

INSTANCE = "app.kubernetes.io/instance"
"""The recommended label that names the instance of an application."""

Child = tuple[str, Object]
"""(resource word, object)."""


class Operator(Reconciler):
    """Reconciles the objects of one kind. Subclass it, say what it watches and owns, and write ``sync``.

    Attributes:
        watches: the kind it is for, as kubectl knows it: ``webapps.example.com``.
        owns: kinds of children; a change of one wakes the object that controls it (ownerReferences), or whose name its
            label ``app.kubernetes.io/instance`` says.
        reads: further kinds it has caches of; their changes wake nobody.
        rules: RBAC rules its ServiceAccount gets; everything when left out.
    """

    watches = ""
    owns: Sequence[str] = ()
    reads: Sequence[str] = ()
    rules: Sequence[Object] | None = None

    def setup(self, component: Component) -> None:
        """Subscribe to its kind, to the kinds it owns, and to those it reads."""
        if not self.watches:
            raise TypeError(f"{type(self).__name__} says not what it watches: set `watches`")
        self.caches: dict[str, Informer] = {}
        self.primary = component.informer(self.watches)
        self.primary.on_change(self._changed)
        for word in (*self.owns, *self.reads):
            cache = self.caches[word] = component.informer(word)
            cache.add_index(f"owner/{self.name}", self._owners)
        for word in self.owns:
            self.caches[word].on_change(self._child_changed)

    def reconcile(self, key: Key) -> Outcome | Result | None:
        """Hand the object to ``sync``; an object that is gone to ``gone``."""
        found = self.primary.get(*key)
        return self.gone(key) if found is None else self.sync(found)

    def sync(self, obj: Object) -> Outcome | Result | None:
        """Bring the cluster where the object wants it: a generator over calls of ``self.client``, or a function."""
        raise NotImplementedError

    def gone(self, key: Key) -> Outcome | Result | None:
        """The object does not exist any more; children with an owner reference are the garbage collector's."""
        del key
        return None

    def children(self, obj: Object, word: str) -> list[Object]:
        """The children of a kind as last seen, in key order."""
        return self.caches[word].by_index(f"owner/{self.name}", "/".join(objects.key(obj)))

    def child(self, obj: Object, word: str, name: str) -> Object | None:
        """The object of that name in the same namespace as last seen, whoever owns it."""
        return self.caches[word].get(objects.namespace(obj), name)

    # --- what wakes it ------------------------------------------------------------------------------------------

    def owner_of(self, child: Object) -> Key | None:
        """The key of the object that a child belongs to."""
        ref = objects.controller_of(child)
        if ref is not None:
            return objects.namespace(child), ref["name"]
        name = objects.labels(child).get(INSTANCE)
        return (objects.namespace(child), name) if name else None

    def _owners(self, child: Object) -> Iterable[str]:
        key = self.owner_of(child)
        return ("/".join(key),) if key is not None else ()

    def _changed(self, old: Object | None, new: Object | None) -> None:
        changed = new if new is not None else old
        assert changed is not None, "a change has a side"
        self.enqueue(objects.key(changed))

    def _child_changed(self, old: Object | None, new: Object | None) -> None:
        for side in (old, new):
            key = self.owner_of(side) if side is not None else None
            if key is not None:
                self.enqueue(key)


class Declarative(Operator):
    """An operator made of pure functions from what was observed to what should be.

    ``observed`` is ``{word: [child]}`` for each kind of ``owns``. With ``finalizer`` set, the object gets that finalizer,
    and ``cleanup`` says what has to be deleted before it may go.
    """

    finalizer = ""

    def desired(self, obj: Object, observed: dict[str, list[Object]]) -> Sequence[Object]:
        """The children that should be there: what is written here is applied, what is not is left to others."""
        raise NotImplementedError

    def status(self, obj: Object, observed: dict[str, list[Object]]) -> Object | None:
        """What ``status`` should say; None leaves it alone."""
        del obj, observed
        return None

    def cleanup(self, obj: Object, observed: dict[str, list[Object]]) -> Sequence[Child]:
        """What is to be deleted before the object goes, beyond what the garbage collector takes along."""
        del obj, observed
        return ()

    def sync(self, obj: Object) -> Outcome:
        """Carry out the differences, then report."""
        observed = {word: self.children(obj, word) for word in self.owns}
        if objects.is_deleting(obj):
            yield from self._finish(obj, observed)
            return None
        if self.finalizer and self.finalizer not in (obj["metadata"].get("finalizers") or ()):
            yield from self._set_finalizers(obj, [*(obj["metadata"].get("finalizers") or ()), self.finalizer])
        yield from self._repair(obj, observed)
        wanted = self.status(obj, observed)
        if wanted is not None and _lacks(obj.get("status") or {}, wanted):
            body = {"status": wanted, "metadata": {"resourceVersion": objects.resource_version(obj)}}
            yield self.client.patch(self.watches, *objects.key(obj), body, subresource="status")
        return None

    def _repair(self, obj: Object, observed: dict[str, list[Object]]) -> Steps:
        desired = self.desired(obj, observed)
        if desired is None:
            raise TypeError(
                f"{type(self).__name__}.desired returned None: give a list of children, [] for none"
            )
        wanted = [self._owned(obj, self._checked(child)) for child in desired]
        kept: set[tuple[str, str, str]] = set()
        for child in wanted:
            word = self._word(child)
            name = objects.name(child)
            kept.add((word, *objects.key(child)))
            live = self.caches[word].get(objects.namespace(child), name)
            if live is None or _lacks(live, child):
                yield self.client.patch(word, objects.namespace(child), name, child, type="apply", force=True)
        for word, present in observed.items():
            for child in present:
                if (word, *objects.key(child)) not in kept and not objects.is_deleting(child):
                    if objects.controller_of(child) is None:
                        continue  # it carries the label, but it is not ours to delete
                    yield from self._delete(word, child)

    def _delete(self, word: str, child: Object) -> Steps:
        try:
            yield self.client.delete(word, *objects.key(child), uid=objects.uid(child))
        except StatusError as error:
            if not error.is_not_found and not error.is_conflict:
                raise

    def _finish(self, obj: Object, observed: dict[str, list[Object]]) -> Steps:
        finalizers = obj["metadata"].get("finalizers") or ()
        if not self.finalizer or self.finalizer not in finalizers:
            return
        for word, child in self.cleanup(obj, observed):
            yield from self._delete(word, child)
        yield from self._set_finalizers(obj, [each for each in finalizers if each != self.finalizer])

    def _set_finalizers(self, obj: Object, finalizers: list[str]) -> Steps:
        metadata = {"finalizers": finalizers, "resourceVersion": objects.resource_version(obj)}
        yield self.client.patch(self.watches, *objects.key(obj), {"metadata": metadata})

    def _checked(self, child: Object) -> Object:
        """The child, if it says what it is."""
        metadata = child.get("metadata") if isinstance(child, dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not name or not child.get("kind") or not child.get("apiVersion"):
            who = type(self).__name__
            raise TypeError(
                f"{who}.desired gave no object with apiVersion, kind and metadata.name: {child!r:.80}"
            )
        return child

    def _owned(self, obj: Object, child: Object) -> Object:
        metadata = {
            "namespace": objects.namespace(obj),
            **child["metadata"],
            "ownerReferences": [objects.owner_reference(obj)],
        }
        return {**child, "metadata": metadata}

    def _word(self, child: Object) -> str:
        """Which of ``owns`` a wanted child is."""
        version, kind = child["apiVersion"], child["kind"]
        for word in self.owns:
            resource = self.client.resource(word)
            if (resource.group_version, resource.kind) == (version, kind):
                return word
        raise TypeError(f"{type(self).__name__} wants a {kind} of {version}, which `owns` does not name")


def _lacks(live: Any, wanted: Any) -> bool:
    """Whether something that is wanted is not there, or other: what the wish does not name plays no role."""
    if isinstance(wanted, dict):
        return not isinstance(live, dict) or any(
            _lacks(live.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if not isinstance(live, list) or len(live) != len(wanted):
            return True
        return any(_lacks(one, other) for one, other in zip(live, wanted, strict=True))
    return bool(live != wanted)
