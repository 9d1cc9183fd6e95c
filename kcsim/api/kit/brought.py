"""Programs that users bring: they get copies, so that what they do to an object touches nobody else, and their mistakes are
told as theirs.

A real program talks to its server over a wire: it may change the answer to a ``get`` and send it back, and an exception in
one of its handlers is its own. kcsim's own components share the stored objects and change none of them; nobody asks that
of a user's code.

**Walk:** ``Brought`` is a ``Component`` whose connections are ``CopyingClient``s and whose caches are ``CopyingInformer``s -> a
handler or an index that raises is a ``failed`` record of the program, and the world goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kcsim.api.client import Client
from kcsim.api.kit.component import Component
from kcsim.api.kit.informer import Informer, Objects, OnChange, Sort
from kcsim.api.objects import Object, copied, key
from kcsim.api.request import Operation
from kcsim.engine.task import Done, exited


class CopyingClient(Client):
    """A client whose requests and answers are nobody else's."""

    def send(self, op: Operation, done: Done) -> None:
        """Put the operation on its way."""
        if op.body is not None:
            op.__dict__["body"] = copied(op.body)
        super().send(op, lambda value, error: done(copied(value), error))


class CopyingInformer(Informer):
    """A cache that hands out copies, and whose handlers' exceptions are their program's failures."""

    def get(self, namespace: str, name: str) -> Object | None:
        """A copy of the object as last seen."""
        return copied(super().get(namespace, name))  # type: ignore[no-any-return]  # of an object or None

    def list(self, namespace: str | None = None) -> Objects:
        """Copies of the objects as last seen, in key order; of one namespace or of all."""
        return [copied(each) for each in super().list(namespace)]

    def by_index(self, index: str, value: str) -> Objects:
        """Copies of the objects filed under ``value``, in key order."""
        return [copied(each) for each in super().by_index(index, value)]

    def on_change(self, handler: OnChange, wants: Callable[[Sort], bool] | None = None) -> None:
        """Call ``handler(old, new)`` for each change."""

        def guarded(old: Object | None, new: Object | None) -> None:
            try:
                handler(old, new)
            except SystemExit as left:
                self._failed(new or old, exited(left))
            except Exception as error:  # noqa: BLE001 - a program's failure is its own; the world goes on
                self._failed(new or old, error)

        super().on_change(guarded, wants)

    def add_index(self, name: str, read: Callable[[Object], Iterable[str]], part: str = "") -> None:
        """File objects under the values ``read`` gives; under none where it raises."""

        def guarded(obj: Object) -> Iterable[str]:
            try:
                return tuple(read(obj))
            except SystemExit as left:
                self._failed(obj, exited(left))
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(obj, error)
            return ()

        super().add_index(name, guarded, part)

    def _failed(self, obj: Object | None, error: Exception) -> None:
        called = "/".join(part for part in key(obj) if part) if obj is not None else ""
        self.component.failed(f"{self.resource} {called}", error)


class Brought(Component):
    """A program that a user brought."""

    client_type: type[Client] = CopyingClient
    informer_type: type[Informer] = CopyingInformer


__all__ = ["Brought", "CopyingClient", "CopyingInformer"]
