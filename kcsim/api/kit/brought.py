"""Programs that users bring: they get copies, so that what they do to an object touches nobody else, and their mistakes are
told as theirs.

A real program talks to its server over a wire: it may change the answer to a ``get`` and send it back, and an exception in
one of its handlers is its own. kcsim's own components share the stored objects and change none of them; nobody asks that
of a user's code. A step of it that does not come back is ended, and so is the run: ``HungController``.

**Walk:** ``Brought`` is a ``Component`` whose connections are ``CopyingClient``s and whose caches are ``CopyingInformer``s -> a
handler or an index that raises is a ``failed`` record of the program, and the world goes on; so is a ``hot-loop`` record
of a key that is reconciled again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from kcsim.api.client import Client
from kcsim.api.kit.component import Component
from kcsim.api.kit.informer import Informer, Objects, OnChange, Sort
from kcsim.api.kit.loops import SLICE, Loops
from kcsim.api.kit.queue import PATIENCE, Controller, Reconciler
from kcsim.api.log import Version
from kcsim.api.objects import Object, copied, key
from kcsim.api.request import Operation
from kcsim.engine.clock import format_duration
from kcsim.engine.task import Done, exited
from kcsim.engine.watchdog import WATCHDOG, Stuck
from kcsim.profile.api import ClientLimits

T = TypeVar("T")


class HungController(RuntimeError):
    """A step of a user's controller did not come back; its program was ended.

    Attributes:
        controller: the program.
        subject: what it was at: ``greeters default/hello``; the program's name where it was at nothing in particular.
        time: when, in virtual µs.
        patience: how long the step was let run, in seconds of the wall clock.
        place, line: where it was, ``greeters.py:12``, and what is written there.
    """

    remedy = (
        "A step ends: return, or yield a call of the client; Result(requeue_after=...) asks for another look. "
        "One that has much to compute says so with the class attribute `patience`, in seconds."
    )

    def __init__(
        self, controller: str, subject: str, time: int, patience: float, place: str, line: str
    ) -> None:
        super().__init__(controller, subject, time, patience, place, line)
        self.controller, self.subject, self.time = controller, subject, time
        self.patience, self.place, self.line = patience, place, line

    @property
    def told(self) -> str:
        """What happened, without whose it was."""
        return (
            f"hangs at t={format_duration(self.time)}: one step has run for {self.patience:g} s on the real clock and "
            f"does not come back, in {self.place}: {self.line}"
        )

    def __str__(self) -> str:
        return f"{self.subject} {self.told}"


class CopyingClient(Client):
    """A client whose requests and answers are nobody else's."""

    def send(self, op: Operation, done: Done) -> None:
        """Put the operation on its way."""
        if op.body is not None:
            op.__dict__["body"] = copied(op.body)
        program = self.owner
        assert isinstance(program, Brought), "it is its connection"
        super().send(op, lambda value, error: program.watched(done, copied(value), error))


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

    def tell(self, changes: Iterable[tuple[str, Version]]) -> None:
        """Take changes into the cache, and tell the handlers of each."""
        program = self.component
        assert isinstance(program, Brought), "it is its cache"
        program.watched(super().tell, changes)

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
    """A program that a user brought.

    Attributes:
        patience: how long one step of it may take, in seconds of the wall clock; its reconciler's.
    """

    client_type: type[Client] = CopyingClient
    informer_type: type[Informer] = CopyingInformer
    patience = PATIENCE
    _loops: Loops | None = None
    _looked = 0

    def run(self, reconciler: Reconciler, limits: ClientLimits | None = None) -> Controller:
        """Run a reconciler."""
        self.patience = reconciler.patience
        return self.watched(super().run, reconciler, limits)

    def _fire(self, epoch: int, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.watched(super()._fire, epoch, fn, args)

    def watched(self, fn: Callable[..., T], *args: Any) -> T:
        """Run some of the program's code.

        Raises:
            HungController: it did not come back; the program is stopped, and what it was to do is not done.
        """
        try:
            if self.engine.now >= self._looked + SLICE:
                self._look_for_loops()
            return WATCHDOG.call(self.patience, fn, *args)
        except Stuck as stuck:
            subject, now = self._at_work() or self.name, self.engine.now
            self.stop()
            raise HungController(self.name, subject, now, stuck.patience, stuck.place, stuck.line) from None

    def _look_for_loops(self) -> None:
        """Leave a trace of a key that turns out to be in a hot loop: the world goes on, and so does the loop."""
        self._loops = self._loops or Loops()
        self._looked = self.engine.now
        for loop in self._loops.look([self], self.engine.now):
            self.engine.note(self.name, "hot-loop", loop.subject, {"error": loop.told})

    def _at_work(self) -> str:
        """What it is reconciling right now."""
        return " or ".join(
            f"{each.reconciler.name} {'/'.join(key).lstrip('/')}"
            for each in self.controllers
            for key in sorted(each.processing)
        )


__all__ = ["Brought", "CopyingClient", "CopyingInformer", "HungController"]
