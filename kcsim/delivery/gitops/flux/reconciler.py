"""What the reconcilers of the toolkit share: finalizer, suspension, progress, outcome, and when to look again.

**Imitates:** fluxcd/pkg runtime/reconcile (ProgressiveStatus, ResultFinalizer) and the skeleton that source-controller,
image-reflector-controller, image-automation-controller and notification-controller have in common.

**Walk:** a trigger -> the object, fresh -> deleting: ``forget_all``; no finalizer: added; suspended: nothing -> ``attempt`` ->
Ready=True and the interval; ``Failure`` -> Ready=False and the back-off; ``Stalling`` -> nothing until the spec changes.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.delivery.gitops.flux import events, toolkit
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.own_objects import OwnObjects
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.toolkit import READY, RECONCILING, STALLED, SUCCEEDED
from kcsim.engine.clock import format_duration


@dataclass(frozen=True, slots=True)
class Told:
    """An Event about a success. A ``trace`` stays in the cluster; ``metadata`` goes with the notification."""

    reason: str
    message: str
    trace: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Success:
    """What Ready=True says and its reason, and the Events to record."""

    message: str
    told: Sequence[Told] = ()
    reason: str = SUCCEEDED


class Failure(Exception):
    """It did not work; shown in conditions and an Event, and tried again. ``event`` is the Event's reason where it differs."""

    def __init__(self, message: str, reason: str, *, event: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.event = event or reason


class Stalling(Failure):
    """The spec cannot work: nothing is tried until it changes."""


class Waiting(Failure):
    """Something else has to happen first, and will wake the object, or is looked for again ``after`` some time (µs)."""

    def __init__(self, message: str, reason: str, *, after: int = 0) -> None:
        super().__init__(message, reason)
        self.after = after


class KindReconciler(Reconciler):
    """The life of one kind's objects: what triggers them, the finalizer, suspension, the back-off, the interval.

    Subclass it, name its ``resource``, and write ``work`` and ``finalize``.

    Attributes:
        resource: the kind.
        finalizer: what keeps an object until it is finalized.
        status_manager: who owns what is written to the objects; "" for the client's own.
        clock: the name of the dice that jitter its intervals; "" for one of the reconciler's own.
    """

    resource = ""
    finalizer = toolkit.FINALIZER
    status_manager = ""
    clock = ""

    def __init__(self, options: Options, phases: Phases) -> None:
        self.options = options
        self._phases = phases
        self.workers = options.concurrent

    def setup(self, component: Component) -> None:
        """Watch the objects."""
        self._dice = component.dice(self.clock or f"interval/{self.name}")
        self.own = OwnObjects(
            self.client, self.resource, finalizer=self.finalizer, manager=self.status_manager
        )
        self.objects = component.informer(self.resource)
        self.objects.add_index("config", self.config_names)
        self.objects.on_change(self._changed)

    def reset(self) -> None:
        """A crash: it does not remember what it wrote."""
        self.own.reset()

    def error_delay(self, failures: int) -> int:
        """The toolkit's back-off."""
        return toolkit.backoff(failures)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None, "a change of nothing"
            self.own.forget(objects.key(old))
            self.gone(objects.key(old))
        elif toolkit.is_triggered(old, new):
            self.enqueue(objects.key(new))

    def watch_configs(self, component: Component) -> None:
        """Look at once at what uses a ConfigMap or Secret that is labelled for it and changes."""
        for resource in ("configmaps", "secrets"):
            component.informer(resource).on_change(self._config_changed)

    def _config_changed(self, old: Object | None, new: Object | None) -> None:
        found = new or old
        label, value = toolkit.WATCH
        if found is None or objects.labels(found).get(label) != value:
            return
        for user in self.objects.by_index("config", "/".join((found["kind"], *objects.key(found)))):
            self.enqueue(objects.key(user))

    def reconcile(self, key: Key) -> Outcome | Result | None:
        """Bring one object up to date."""
        cached = self.objects.get(*key)
        return None if cached is None else self._handle(cached)

    def _handle(self, cached: Object) -> Outcome:
        obj = yield from self.own.fresh(cached)
        if obj is None:
            return None
        if objects.is_deleting(obj):
            return (yield from self.finalize(obj))
        if not self.own.has_finalizer(obj):
            yield from self.adopt(obj)
            return Result(requeue=True)
        if self.is_suspended(obj):
            return None
        return (yield from self.work(obj))

    def next_interval(self, obj: Object, interval: int) -> Result:
        """The next look after a success, ``interval`` (µs) from now with its jitter."""
        key = objects.key(obj)
        after = self._phases.next(self.component, key, interval, self._dice, self.options.jitter)
        return Result(after, what=f"interval {format_duration(interval)}")

    # --- for subclasses -----------------------------------------------------------------------------------------

    def work(self, obj: Object) -> Outcome:
        """Reconcile an object that is neither suspended nor being deleted."""
        raise NotImplementedError

    def finalize(self, obj: Object) -> Outcome:
        """The object is being deleted: clean up, then take the finalizer away."""
        yield from self.own.remove_finalizer(obj)
        return None

    def adopt(self, obj: Object) -> Generator[Any, Any, None]:
        """The object is seen for the first time: put the finalizer on it."""
        yield from self.own.add_finalizer(obj)

    def is_suspended(self, obj: Object) -> bool:
        """Whether nothing is to be done for now."""
        return bool(toolkit.spec(obj).get("suspend"))

    def config_names(self, obj: Object) -> list[str]:
        """``Kind/namespace/name`` of the ConfigMaps and Secrets that an object uses."""
        return toolkit.kubeconfig_names(obj)

    def gone(self, key: Key) -> None:
        """The object does not exist any more."""


def handled(obj: Object, draft: Draft) -> None:
    """Note which request for a reconciliation has been dealt with."""
    draft.set("lastHandledReconcileAt", toolkit.requested_at(obj) or draft.get("lastHandledReconcileAt"))


def retry_after(pause: int, what: str = "retry after") -> Result:
    """Look again after a fixed pause (µs)."""
    return Result(pause, what=f"{what} {format_duration(pause)}")


class ToolkitReconciler(KindReconciler):
    """Reconciles one of the simpler kinds: a try either works or does not. Name its ``resource``, and write ``attempt``."""

    # --- for subclasses -----------------------------------------------------------------------------------------

    def attempt(self, obj: Object, draft: Draft) -> Generator[Any, Any, Success]:
        """Do the work; what the status says of it is set in the draft.

        Raises:
            Failure: it did not work.
        """
        raise NotImplementedError

    def forget_all(self, obj: Object) -> None:
        """The object is being deleted: throw away what is kept for it."""

    def failed(self, draft: Draft, error: Failure) -> None:
        """Further conditions of a failure."""

    def interval(self, obj: Object) -> int:
        """When to look again after a success (µs); 0 for not."""
        return toolkit.duration(obj, "interval")

    # --- one object ---------------------------------------------------------------------------------------------

    def finalize(self, obj: Object) -> Outcome:
        """Throw away what is kept for it."""
        self.forget_all(obj)
        return (yield from super().finalize(obj))

    def work(self, obj: Object) -> Outcome:
        """One attempt, and what the status says of it."""
        draft = Draft(self.component.engine, obj)
        try:
            yield from self.begin(obj, draft)
            success = yield from self.attempt(obj, draft)
        except Failure as error:
            return (yield from self._not_done(obj, draft, error))
        draft.drop(RECONCILING)
        draft.drop(STALLED)
        handled(obj, draft)
        draft.mark(READY, "True", success.reason, success.message)
        draft.observe_generation()
        yield from self.own.write(obj, draft)
        for told in success.told:
            events.record(
                self.component,
                obj,
                "Normal",
                told.reason,
                told.message,
                trace=told.trace,
                metadata=told.metadata,
            )
        return self.next_look(obj)

    def next_look(self, obj: Object) -> Result | None:
        """When to look again after a success."""
        interval = self.interval(obj)
        return self.next_interval(obj, interval) if interval else None

    def begin(self, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
        """Say that there is work, where somebody waits to read it."""
        seen, wanted = draft.get("observedGeneration") or 0, obj["metadata"].get("generation", 0)
        if seen != wanted:
            draft.progress(f"processing object: new generation {seen} -> {wanted}")
            yield from self.own.write(obj, draft)
        elif toolkit.requested_at(obj) and toolkit.requested_at(obj) != draft.get("lastHandledReconcileAt"):
            draft.progress("reconciliation in progress")
            yield from self.own.write(obj, draft)

    def _not_done(self, obj: Object, draft: Draft, error: Failure) -> Outcome:
        if draft.condition(RECONCILING) is None:
            draft.progress("reconciliation in progress")
        handled(obj, draft)
        self.failed(draft, error)
        draft.mark(READY, "False", error.reason, str(error))
        draft.note_retry()
        stalled = isinstance(error, Stalling)
        if stalled:
            draft.drop(RECONCILING)
            draft.mark(STALLED, "True", error.reason, str(error))
            draft.observe_generation()
        events.record(self.component, obj, "Warning", error.event, str(error))
        yield from self.own.write(obj, draft)
        if stalled:
            return None
        if isinstance(error, Waiting):
            return retry_after(error.after) if error.after else None
        return Result(requeue=True)
