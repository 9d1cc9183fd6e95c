"""One pass over a sync operation: what to do next, and what has come of it.  Decides; never acts.

A pass is a generator.  It yields groups of actions and is sent their outcomes; the members of a group are independent
of each other, the next group is not.  Whoever drives it performs the actions with a client; tests answer them from a
list.  The pass returns the `Operation`, from which the next pass goes on once something has happened.

**Imitates:** gitops-engine pkg/sync/sync_context.go (`Sync`, `Terminate`, `runTasks`, `pruneObject`,
`executeSyncFailPhase`, `terminateHooksPreemptively`).  Upstream's map order of results inside one group is task order here.

**Walk:** `sync` -> `tasks_of` -> dry run (first pass) -> how running tasks are doing -> wait, fail, or the lowest phase
and wave -> finalizers, prunes, hooks in the way, then applies kind by kind -> Running, Succeeded or Failed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.health import check
from kcsim.delivery.gitops.argocd.resources import (
    ResourceKey,
    is_deleting,
    is_namespace,
    kind_of,
    name_of,
)
from kcsim.delivery.gitops.argocd.sync import hooks, messages
from kcsim.delivery.gitops.argocd.sync.plan import (
    Request,
    ResourceResult,
    Results,
    record,
    tasks_of,
)
from kcsim.delivery.gitops.argocd.sync.settings import (
    Command,
    apply_command,
    needs_confirmation,
    prune_option,
)
from kcsim.delivery.gitops.argocd.sync.tasks import (
    COMPLETED,
    ERROR,
    FAILED,
    PRUNE_SKIPPED,
    PRUNED,
    RUNNING,
    SUCCEEDED,
    SYNC_FAILED,
    SYNCED,
    Task,
    is_multi_step,
)

Verb = Literal["apply", "delete", "remove-finalizer", "get"]

_STATE_OF = {SYNCED: RUNNING, SYNC_FAILED: FAILED, PRUNED: SUCCEEDED, PRUNE_SKIPPED: SUCCEEDED}


@dataclass(frozen=True, slots=True)
class Action:
    """One call that the sync asks for.

    `apply` carries a `command` for the object; `delete` a propagation; `remove-finalizer` takes `hooks.FINALIZER` off the
    live object, again on a conflict, and counts an object that is gone as done; `get` reads the object.
    """

    verb: Verb
    obj: Object
    command: Command | None = None
    propagation: str = ""


@dataclass(frozen=True, slots=True)
class WaveDelay:
    """A wave has run: pause for the wave delay.  Sent nothing back."""

    phase: str
    wave: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action: `error` is empty when it went well.

    `message` is what the client printed; `missing` says that the object is not there; `live` is what `get` read.
    """

    error: str = ""
    message: str = ""
    missing: bool = False
    live: Object | None = None


Step = tuple[Action, ...] | WaveDelay
Pass = Generator[Step, Sequence[Outcome], "Operation"]
_Part = Generator[Step, Sequence[Outcome], str]

_SUCCESSFUL, _PENDING, _FAILED = "successful", "pending", "failed"


@dataclass(frozen=True, slots=True)
class Operation:
    """The state of a sync: its phase, its message, and a result for each resource in the order of reporting."""

    phase: str = RUNNING
    message: str = ""
    results: tuple[ResourceResult, ...] = ()

    @property
    def completed(self) -> bool:
        """Whether no further pass is wanted."""
        return self.phase in COMPLETED


@dataclass(slots=True)
class _State:
    """What a pass writes: results and the operation's phase."""

    request: Request
    results: Results
    phase: str
    message: str
    unsynced: frozenset[ResourceKey] = field(default_factory=frozenset)

    def set(self, phase: str, message: str) -> None:
        self.phase, self.message = phase, message

    def wait(self, tasks: Sequence[Task], *, deletion: bool = False) -> None:
        self.set(RUNNING, messages.running(tasks, self.request.settings, deletion=deletion))

    def record(self, task: Task, status: str, state: str, message: str) -> None:
        record(self.results, task, status, state, message)

    def done(self) -> Operation:
        return Operation(self.phase, self.message, tuple(self.results.values()))


def sync(request: Request, operation: Operation) -> Pass:
    """The next pass over an operation that is under way."""
    state = _begin(request, operation)
    started = bool(state.results)
    tasks, valid = tasks_of(request, state.results)
    if not valid:
        state.set(FAILED, messages.invalid(state.results.values()))
        return state.done()
    if not started and not (yield from _dry_run(state, tasks)):
        return state.done()
    _look(state, tasks)
    multi_step = is_multi_step(tasks)
    waiting = [t for t in tasks if t.running and (multi_step or t.is_hook)]
    if waiting:
        yield from _report_missing(state, waiting)
        state.wait(waiting)
        return state.done()
    leaving = [t for t in tasks if t.status == PRUNED and t.live is not None and is_deleting(t.live)]
    if leaving:
        state.wait(leaving, deletion=True)
        return state.done()
    yield from _release_hooks(state, tasks)
    yield from _advance(state, tasks)
    return state.done()


def terminate(request: Request, operation: Operation) -> Pass:
    """Ends an operation: running hooks are released and deleted."""
    state = _begin(request, operation)
    tasks, _ = tasks_of(request, state.results)
    yield from _release_hooks(state, tasks)
    if (yield from _terminate_hooks(state, tasks)):
        state.set(FAILED, "Operation terminated")
    else:
        state.set(ERROR, "Operation termination had errors")
    return state.done()


def _begin(request: Request, operation: Operation) -> _State:
    results = {(r.key, r.sync_phase): r for r in operation.results}
    unsynced = frozenset(r.key for r in request.resources if r.modified or r.target is None or r.live is None)
    return _State(request, results, operation.phase, operation.message, unsynced)


# --- before anything is applied -----------------------------------------------------------------------------------


def _dry_run(state: _State, tasks: Sequence[Task]) -> Generator[Step, Sequence[Outcome], bool]:
    request = state.request
    creates = next(
        (
            t
            for t in tasks
            if t.live is None
            and t.target is not None
            and is_namespace(t.target)
            and name_of(t.target) == request.namespace
        ),
        None,
    )
    if creates is not None:
        # For real, and first: without the namespace no check of what is to live in it can succeed.
        if (yield from _run(state, [creates], dry_run=False)) == _FAILED:
            yield from _fail(state, [], [creates], "the namespace failed to apply")
            return False
        tasks = [t for t in tasks if t is not creates]
    tasks = _out_of_sync(state, tasks)
    if (yield from _run(state, tasks, dry_run=True)) == _FAILED:
        state.set(FAILED, "one or more objects failed to apply (dry run)")
        return False
    return True


def _out_of_sync(state: _State, tasks: Sequence[Task]) -> list[Task]:
    if not state.request.settings.out_of_sync_only:
        return list(tasks)
    known = {r.key for r in state.request.resources}
    return [
        t
        for t in tasks
        if t.is_hook
        or t.target is None
        or t.live is None
        or t.live_key in state.unsynced
        or t.live_key not in known
    ]


# --- what runs already --------------------------------------------------------------------------------------------


def _look(state: _State, tasks: Sequence[Task]) -> None:
    for task in tasks:
        if not task.running or task.live is None:
            continue
        health = check.assess(task.live, state.request.health)
        if task.is_hook:
            phase, message = _hook_phase(task.live, health)
            if health is not None and health.failed:
                phase, message = ERROR, f"failed to get resource health: {health.message}"
            state.record(task, task.status, phase, message)
        elif health is None:
            # Objects of kinds without health, Secrets for one, are done as soon as they are there.
            state.record(task, task.status, SUCCEEDED, "")
        elif health.status == check.HEALTHY:
            state.record(task, task.status, SUCCEEDED, health.message)
        elif health.status == check.DEGRADED:
            state.record(task, task.status, FAILED, health.message)


def _hook_phase(live: Object, health: check.Health | None) -> tuple[str, str]:
    if health is None:
        return SUCCEEDED, f"{name_of(live)} created"
    if health.status in (check.UNKNOWN, check.DEGRADED):
        return FAILED, health.message
    if health.status in (check.PROGRESSING, check.SUSPENDED):
        return RUNNING, health.message
    return SUCCEEDED, health.message if health.status == check.HEALTHY else f"{name_of(live)} created"


def _report_missing(state: _State, tasks: Sequence[Task]) -> Generator[Step, Sequence[Outcome], None]:
    unseen = [t for t in tasks if t.live is None]
    outcomes = yield from _perform(Action("get", t.obj) for t in unseen)
    for task, outcome in zip(unseen, outcomes, strict=True):
        if outcome.missing:
            state.record(task, SYNC_FAILED, ERROR, messages.missing(task))
        elif outcome.error:
            state.record(task, task.status, ERROR, f"Failed to get live resource {outcome.error}")


def _release_hooks(state: _State, tasks: Sequence[Task]) -> Generator[Step, Sequence[Outcome], None]:
    done = [
        t for t in tasks if t.is_hook and t.completed and t.live is not None and hooks.has_finalizer(t.live)
    ]
    outcomes = yield from _perform(Action("remove-finalizer", _live(t)) for t in done)
    for task, outcome in zip(done, outcomes, strict=True):
        if outcome.error and not outcome.missing:
            state.record(task, task.status, ERROR, f"Failed to remove hook finalizer: {outcome.error}")


# --- the next wave ------------------------------------------------------------------------------------------------


def _advance(state: _State, tasks: Sequence[Task]) -> Generator[Step, Sequence[Outcome], None]:
    ended = [t for t in tasks if t.is_hook and not t.running]
    on_success = [t for t in ended if t.deletes_on_success]
    on_failure = [t for t in ended if t.deletes_on_failure]
    fail_tasks, tasks = _split(tasks, lambda t: t.phase == hooks.SYNC_FAIL)
    if any(t.completed and t.state != SUCCEEDED for t in tasks):
        bad = [t for t in tasks if t.status == SYNC_FAILED]
        yield from _delete_hooks(state, on_failure)
        yield from _fail(state, fail_tasks, bad, "one or more synchronization tasks completed unsuccessfully")
        return
    tasks = _out_of_sync(state, [t for t in tasks if t.pending])
    if not tasks:
        yield from _delete_hooks(state, on_success)
        state.set(SUCCEEDED, "successfully synced (no more tasks)")
        return
    phase, wave = tasks[0].phase, tasks[0].wave
    final = (phase, wave) == (tasks[-1].phase, tasks[-1].wave)
    tasks, remaining = _split(tasks, lambda t: (t.phase, t.wave) == (phase, wave))
    state.set(RUNNING, "one or more tasks are running")
    went = yield from _run(state, tasks, dry_run=False)
    if went != _FAILED and not final:
        yield WaveDelay(phase, wave)
    if went == _FAILED:
        yield from _wave_failed(state, tasks, fail_tasks, on_failure)
    elif went == _PENDING:
        state.wait(
            [t for t in tasks if t.deletes_before_creation or (t.is_prune and t.pending)], deletion=True
        )
    elif not remaining and not any(t.is_hook for t in tasks):
        # Nothing waits for the last wave: its objects may degrade later, and the sync has succeeded all the same.
        yield from _delete_hooks(state, on_success)
        state.set(SUCCEEDED, "successfully synced (all tasks run)")
    else:
        state.wait(tasks)


def _wave_failed(
    state: _State, tasks: Sequence[Task], fail_tasks: list[Task], on_failure: Sequence[Task]
) -> Generator[Step, Sequence[Outcome], None]:
    text = "one or more objects failed to apply"
    bad = [t for t in tasks if t.status == SYNC_FAILED]
    under_way = [t for t in tasks if t.running]
    if not under_way:
        if (yield from _fail(state, fail_tasks, bad, text)):
            yield from _delete_hooks(state, on_failure)
        return
    if fail_tasks and not (yield from _fail(state, fail_tasks, bad, text)):
        under_way += fail_tasks
    state.wait(under_way)


def _fail(
    state: _State, fail_tasks: Sequence[Task], bad: Sequence[Task], text: str
) -> Generator[Step, Sequence[Outcome], bool]:
    """Runs the SyncFail hooks; true once there is nothing left of them to wait for."""
    message = messages.failed(text, bad)
    if all(t.completed for t in fail_tasks):
        failed = [t for t in fail_tasks if t.status == SYNC_FAILED]
        if failed:
            message += "\n" + messages.failed("one or more SyncFail hooks failed", failed)
        state.set(FAILED, message)
        return True
    pending = [t for t in fail_tasks if not t.completed and not t.running]
    yield from _run(state, pending, dry_run=False)
    state.wait(pending)
    return False


def _delete_hooks(state: _State, tasks: Sequence[Task]) -> Generator[Step, Sequence[Outcome], None]:
    outcomes = yield from _perform(_deletion(state, t) for t in tasks)
    for task, outcome in zip(tasks, outcomes, strict=True):
        if outcome.error and not outcome.missing:
            state.record(task, task.status, ERROR, f"failed to delete resource: {outcome.error}")


# --- running tasks ------------------------------------------------------------------------------------------------


def _run(state: _State, tasks: Sequence[Task], *, dry_run: bool) -> _Part:
    """Runs the tasks of one wave: successful, pending (again later) or failed."""
    dry_run = dry_run or state.request.settings.dry_run
    prunes, creates = _split(tasks, lambda t: t.is_prune)
    if not dry_run and (yield from _unblock_hooks(state, tasks)) == _FAILED:
        return _FAILED
    if any(needs_confirmation(t.live, state.request.settings) for t in prunes):
        return _PENDING
    if (yield from _prune(state, prunes, dry_run=dry_run)) == _FAILED:
        return _FAILED
    if not dry_run:
        went = yield from _clear_hooks(state, creates)
        if went != _SUCCESSFUL:
            return went
    went, at = _SUCCESSFUL, 0
    while at < len(creates):
        # Kind by kind: objects of one kind together, those of the next one after them; a failure stops none of it.
        end = at + 1
        while end < len(creates) and kind_of(creates[end].obj) == kind_of(creates[at].obj):
            end += 1
        if (yield from _create(state, creates[at:end], dry_run=dry_run)) == _FAILED:
            went = _FAILED
        at = end
    return went


def _unblock_hooks(state: _State, tasks: Sequence[Task]) -> _Part:
    old = [t for t in tasks if t.is_hook and t.pending and t.live is not None and hooks.has_finalizer(t.live)]
    outcomes = yield from _perform(Action("remove-finalizer", _live(t)) for t in old)
    went = _SUCCESSFUL
    for task, outcome in zip(old, outcomes, strict=True):
        if outcome.error and not outcome.missing:
            went = _FAILED
            state.record(task, task.status, ERROR, f"failed to remove hook finalizer: {outcome.error}")
    return went


def _prune(state: _State, tasks: Sequence[Task], *, dry_run: bool) -> _Part:
    settings = state.request.settings
    doomed = []
    for task in tasks:
        live = _live(task)
        if not settings.prune:
            result = PRUNE_SKIPPED, "ignored (requires pruning)"
        elif prune_option(live, settings) == "false":
            result = PRUNE_SKIPPED, "ignored (no prune)"
        elif dry_run:
            result = PRUNED, "pruned (dry run)"
        elif is_deleting(live):
            result = PRUNED, "pruned"
        else:
            doomed.append(task)
            continue
        if not dry_run or settings.dry_run:
            state.record(task, result[0], _STATE_OF[result[0]], result[1])
    outcomes = yield from _perform(_deletion(state, t) for t in doomed)
    went = _SUCCESSFUL
    for task, outcome in zip(doomed, outcomes, strict=True):
        status = SYNC_FAILED if outcome.error else PRUNED
        went = _FAILED if outcome.error else went
        state.record(task, status, _STATE_OF[status], outcome.error or "pruned")
    return went


def _clear_hooks(state: _State, tasks: Sequence[Task]) -> _Part:
    old = [t for t in tasks if t.deletes_before_creation]
    outcomes = yield from _perform(_deletion(state, t) for t in old)
    went = _SUCCESSFUL
    for task, outcome in zip(old, outcomes, strict=True):
        if outcome.missing:
            task.live = None
        elif outcome.error:
            went = _FAILED
            state.record(task, task.status, ERROR, f"failed to delete resource: {outcome.error}")
        elif went == _SUCCESSFUL:
            went = _PENDING
    return went


def _create(state: _State, tasks: Sequence[Task], *, dry_run: bool) -> _Part:
    settings = state.request.settings
    tasks = [t for t in tasks if not (dry_run and t.skip_dry_run)]
    commands = [apply_command(t, settings, dry_run=dry_run) for t in tasks]
    outcomes = yield from _perform(
        Action("apply", t.obj, command) for t, command in zip(tasks, commands, strict=True)
    )
    went = _SUCCESSFUL
    for task, command, outcome in zip(tasks, commands, outcomes, strict=True):
        if outcome.error:
            went = _FAILED
            state.record(task, SYNC_FAILED, FAILED, outcome.error)
        elif not dry_run or settings.dry_run:
            updated = f"{kind_of(task.obj)}/{name_of(task.obj)} updated"
            message = updated if command.verb == "update" else outcome.message
            # A dry operation creates nothing that could still be coming up.
            state.record(task, SYNCED, SUCCEEDED if settings.dry_run else RUNNING, message)
    return went


def _terminate_hooks(state: _State, tasks: Sequence[Task]) -> Generator[Step, Sequence[Outcome], bool]:
    well = True
    for task in tasks:
        if task.is_hook and task.running:
            well = (yield from _terminate_hook(state, task)) and well
    return well


def _terminate_hook(state: _State, task: Task) -> Generator[Step, Sequence[Outcome], bool]:
    if task.live is None:
        (outcome,) = yield from _perform([Action("get", task.obj)])
        if outcome.missing:
            state.record(task, task.status, SUCCEEDED, "Terminated")
            return True
        if outcome.error:
            state.record(task, task.status, ERROR, f"Failed to get live resource: {outcome.error}")
            return False
        task.live = outcome.live
    live = _live(task)
    health = check.assess(live, state.request.health)
    phase, message = _hook_phase(live, health)
    unclear = health is not None and health.failed
    if health is not None and unclear:
        phase = ""
        state.record(task, task.status, ERROR, f"Failed to get hook health: {health.message}")
    if hooks.has_finalizer(live):
        (outcome,) = yield from _perform([Action("remove-finalizer", live)])
        if outcome.error and not outcome.missing:
            text = f"Failed to remove hook finalizer: {outcome.error}"
            state.record(task, task.status, ERROR, text)
            return False
    if unclear or phase == RUNNING or task.deletes_on_failure:
        (outcome,) = yield from _perform([_deletion(state, task)])
        if outcome.error and not outcome.missing:
            state.record(task, task.status, FAILED, f"Failed to delete: {outcome.error}")
            return False
    if phase in COMPLETED:
        state.record(task, task.status, phase, message)
    elif task.state != ERROR:
        state.record(task, task.status, FAILED, "Terminated")
    return True


def _perform(actions: Iterable[Action]) -> Generator[Step, Sequence[Outcome], Sequence[Outcome]]:
    group = tuple(actions)
    if not group:
        return ()
    return (yield group)


def _deletion(state: _State, task: Task) -> Action:
    obj = task.live if task.live is not None else task.obj
    return Action("delete", obj, propagation=state.request.settings.propagation)


def _live(task: Task) -> Object:
    assert task.live is not None
    return task.live


def _split(tasks: Iterable[Task], chosen: Callable[[Task], bool]) -> tuple[list[Task], list[Task]]:
    yes: list[Task] = []
    no: list[Task] = []
    for task in tasks:
        (yes if chosen(task) else no).append(task)
    return yes, no
