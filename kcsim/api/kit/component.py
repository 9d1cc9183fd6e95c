"""A component: one running program with an identity, a place, and what dies with it.

Control-plane processes, kubelets and the containers of agents are components. Starting one opens its informers and
queues; stopping one is a crash: timers fall silent, tasks end where they stand, caches are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath
from typing import Any

from kcsim.api.client import Client, Endpoint
from kcsim.api.kit.informer import Informer
from kcsim.api.kit.queue import Controller, Reconciler
from kcsim.api.kit.recorder import EventRecorder
from kcsim.api.objects import Object
from kcsim.api.request import User
from kcsim.engine.core import Engine, Timer
from kcsim.engine.dice import Dice
from kcsim.engine.task import Done, Steps, Task
from kcsim.profile.api import UNLIMITED, ClientLimits


class Component:
    """A program that runs on a host and talks to one API server.

    Attributes:
        name: what it calls itself in events and managedFields, e.g. ``kubelet``.
        host: where it runs.
        client: its connection for everything but its controllers' own.
        events: its event recorder.
        running: whether it is started.
        pace: how much longer (µs) its workers take for each key: a fault.
        supervisor: what takes the process down, and brings it back, when a fault crashes it; None: it comes back by itself.
    """

    client_type: type[Client] = Client
    informer_type: type[Informer] = Informer

    def __init__(
        self,
        endpoint: Endpoint,
        name: str,
        user: User,
        host: str,
        *,
        limits: ClientLimits = UNLIMITED,
        event_host: str = "",
    ) -> None:
        self.endpoint = endpoint
        self.engine: Engine = endpoint.engine
        self.name = name
        self.user = user
        self.host = host
        self.client = self.new_client(limits)
        self.clients = [self.client]
        self.events = EventRecorder(self, self._tracked_client(UNLIMITED, "events"), event_host)
        self.running = False
        self.pace = 0
        self.supervisor: Callable[[int], None] | None = None
        self._epoch = 0
        self._informers: dict[tuple[str, tuple[str, str] | None], Informer] = {}
        self._controllers: list[Controller] = []
        self._tasks: dict[Task, None] = {}
        self._asked: list[Informer] = []
        endpoint.components.append(self)

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to run: informers list and watch, queues fill."""
        if self.running:
            return
        self.running = True
        for informer in self._informers.values():
            informer.start()
        self.on_start()

    def stop(self) -> None:
        """Crash: whatever was under way ends where it stands."""
        if not self.running:
            return
        self.running = False
        self._epoch += 1
        for task in list(self._tasks):
            task.kill()
        self._tasks.clear()
        for controller in self._controllers:
            controller.reset()
        for informer in self._informers.values():
            informer.stop()
        self.events.reset()
        self.on_stop()

    def crash(self, down: int) -> None:
        """The process dies where it stands, and is back ``down`` µs later unless its supervisor has times of its own."""
        if self.supervisor is not None:
            self.supervisor(down)
            return
        self.stop()
        self.engine.after(down, self.start)

    @property
    def controllers(self) -> Sequence[Controller]:
        """The queues of its reconcilers, in the order in which they were run."""
        return self._controllers

    @property
    def informers(self) -> Iterable[Informer]:
        """Its informers, in the order in which they were asked for."""
        return self._informers.values()

    @property
    def reconcilers(self) -> list[str]:
        """The names of the reconcilers it runs."""
        return [controller.reconciler.name for controller in self._controllers]

    def on_start(self) -> None:
        """For subclasses: what to do beyond opening informers."""

    def on_stop(self) -> None:
        """For subclasses: what else a crash takes along."""

    # --- parts --------------------------------------------------------------------------------------------------

    def new_client(self, limits: ClientLimits, stream: str = "") -> Client:
        """A further connection of this component, with a token bucket of its own."""
        client = self.client_type(
            self.endpoint,
            self.user,
            self.host,
            user_agent=self.name,
            limits=limits,
            stream=stream or self.name,
        )
        client.owner = self
        return client

    def _tracked_client(self, limits: ClientLimits, stream: str) -> Client:
        client = self.new_client(limits, f"{self.name}/{stream}")
        self.clients.append(client)
        return client

    def dice(self, name: str) -> Dice:
        """A stream of draws of this component."""
        return self.engine.dice(f"{self.name}@{self.host}/{name}")

    def informer(self, resource: str, field: tuple[str, str] | None = None) -> Informer:
        """The component's one informer for a resource, optionally only objects with a field value."""
        key = (resource, field)
        informer = self._informers.get(key)
        if informer is None:
            informer = self._informers[key] = self.informer_type(self, resource, field)
            if self.running:
                informer.start()
        if informer not in self._asked:
            self._asked.append(informer)
        return informer

    def cache_synced(self, informer: Informer) -> None:
        """Called by an informer when its first list has arrived."""
        for controller in self._controllers:
            if not controller.synced and informer in controller.informers:
                controller.cache_synced()

    def run(self, reconciler: Reconciler, limits: ClientLimits | None = None) -> Controller:
        """Run a reconciler: its ``setup`` subscribes it, its queue calls it. ``limits`` gives it a client of its own."""
        client = self._tracked_client(limits, reconciler.name) if limits is not None else self.client
        if client is not self.client:
            client.reconciler = reconciler.name
        controller = Controller(self, reconciler, client)
        self._controllers.append(controller)
        self._asked = controller.informers  # what ``setup`` asks for is what the reconciler reads
        reconciler.attach(self, controller, client)
        self._asked = []
        controller.cache_synced()
        return controller

    # --- doing --------------------------------------------------------------------------------------------------

    def after(self, delay: int, fn: Callable[..., object], *args: Any) -> Timer:
        """Like ``Engine.after``, but silent if the component has crashed by then."""
        return self.engine.after(delay, self._fire, self._epoch, fn, args)

    def tick(self, delay: int, what: str, fn: Callable[..., object], *args: Any) -> Timer:
        """Like ``Engine.tick``, but silent if the component has crashed by then."""
        return self.engine.tick(delay, what, self._fire, self._epoch, fn, args)

    def tick_on(self, delay: int, what: str, fn: Callable[..., object], *args: Any) -> Timer:
        """Like ``Engine.tick_on``, but silent if the component has crashed by then."""
        return self.engine.tick_on(delay, what, self._fire, self._epoch, fn, args)

    def _fire(self, epoch: int, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        if epoch == self._epoch:
            fn(*args)

    def spawn(self, steps: Steps, on_done: Done | None = None) -> Task | None:
        """Run a task that ends with the component. None when it ended at once."""
        holder: list[Task] = []

        def finished(value: Any, error: Exception | None) -> None:
            if holder:
                self._tasks.pop(holder[0], None)
            if on_done is not None:
                on_done(value, error)
            elif error is not None:
                self.failed("task", error)

        task = Task(steps, finished)
        if task.done:
            return None
        holder.append(task)
        self._tasks[task] = None
        return task

    def failed(self, what: str, error: Exception) -> None:
        """Leave a trace of something that went wrong inside the component."""
        detail = {"error": str(error) or type(error).__name__}
        if not hasattr(error, "code"):
            detail["exception"] = type(error).__name__
            if place := _raised_at(error):
                detail["at"] = place
        self.engine.note(self.name, "error", what, detail)

    def event(self, obj: Object, type: str, reason: str, message: str) -> None:
        """Record a Kubernetes Event about an object."""
        self.events.event(obj, type, reason, message)


def _raised_at(error: Exception) -> str:
    """Where an exception came from, ``file.py:line`` without its folder; "" when nobody raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (
        f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else ""
    )
