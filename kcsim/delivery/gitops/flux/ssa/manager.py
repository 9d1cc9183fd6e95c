"""Apply a set of objects in stages, wait for them, delete them.  Acts; what to do is decided in drift.py and health.py.

**Imitates:** fluxcd/pkg ssa: manager_apply.go (ApplyAllStaged), manager_wait.go, manager_delete.go.

**Walk:** ``apply_all_staged`` -> for each stage: all objects are compared with a dry run (up to four at once) -> those
that are missing or drifted are applied one by one, in order -> definitions and classes are waited for.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.cel.errors import EvaluationError
from kcsim.api.client import Client
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.delivery.gitops import ordering
from kcsim.delivery.gitops.flux.expressions import Checks
from kcsim.delivery.gitops.flux.ssa import drift, health, ignore
from kcsim.delivery.gitops.flux.ssa.drift import Change, Options, subject
from kcsim.delivery.gitops.flux.ssa.health import Standing
from kcsim.delivery.gitops.flux.ssa.pause import Interrupt
from kcsim.delivery.gitops.flux.ssa.pool import Pool
from kcsim.delivery.gitops.inventory import ObjectRef, ref_of
from kcsim.engine.clock import SECOND
from kcsim.engine.task import Sleep, Steps

STAGE_POLL, STAGE_TIMEOUT = 2 * SECOND, 60 * SECOND
WIDTH = 4
"""--concurrent-ssa."""


class ApplyError(Exception):
    """The set could not be applied; the message is what conditions show."""


class WaitError(Exception):
    """Not all became what they should in time, or one failed for good."""


class Interrupted(Exception):
    """Waiting was ended from outside."""


class DeleteError(Exception):
    """Some deletions failed; ``changes`` says what happened to each object."""

    def __init__(self, message: str, changes: list[Change]) -> None:
        super().__init__(message)
        self.changes = changes


class Manager:
    """The engine, as one identity."""

    def __init__(self, component: Component, client: Client, width: int = WIDTH) -> None:
        self._component = component
        self._width = width
        self._engine = component.engine
        self.client = client

    def _resource(self, obj: Mapping[str, Any]) -> Resource:
        found = self.client.endpoint.server.catalog.of(obj)
        if found is None:
            kind, version = obj.get("kind"), obj.get("apiVersion")
            raise StatusError(0, "", f'no matches for kind "{kind}" in version "{version}"')
        return found

    def _place(self, obj: Mapping[str, Any]) -> tuple[Resource, str, str]:
        resource = self._resource(obj)
        metadata = obj["metadata"]
        return resource, metadata.get("namespace", "") if resource.namespaced else "", metadata["name"]

    def read(
        self, obj: Mapping[str, Any], *, managed_fields: bool = False
    ) -> Generator[Any, Any, Object | None]:
        """The live object behind a reference or desired object, None when there is none.

        Raises:
            StatusError: any answer but success and 404.
        """
        resource, namespace, name = self._place(obj)
        try:
            live: Object = yield self.client.get(resource, namespace, name, managed_fields=managed_fields)
        except StatusError as error:
            if error.is_not_found:
                return None
            raise
        return live

    # --- applying -----------------------------------------------------------------------------------------------

    def apply_all_staged(
        self, desired: Sequence[Object], options: Options, changes: list[Change]
    ) -> Generator[Any, Any, None]:
        """Apply all; ``changes`` grows by what was done, stage by stage, also when a later stage fails.

        Raises:
            ApplyError: an object was refused; of its stage nothing, or only what came before it, is applied.
            WaitError: a definition did not become ready in time.
        """
        for stage in ordering.stages(desired):
            done = yield from self._apply_stage([dict(o) for o in stage.objects], options)
            changes.extend(done)
            if stage.wait:
                refs = [change.ref for change in done]
                yield from self.wait(refs, STAGE_POLL, STAGE_TIMEOUT, fail_fast=False)

    def _apply_stage(self, desired: list[Object], options: Options) -> Generator[Any, Any, list[Change]]:
        compared: list[tuple[Change, Object]] = yield Pool(
            self._component, [self._compare(obj, options) for obj in desired], self._width
        )
        for change, obj in compared:
            if change.action in {drift.CREATED, drift.CONFIGURED}:
                try:
                    yield self._apply(obj, options)
                except StatusError as error:
                    raise ApplyError(f"{subject(obj)} apply failed: {error.message}") from error
        return [change for change, _ in compared]

    def _apply(self, obj: Object, options: Options, *, dry_run: bool = False) -> Any:
        resource, namespace, name = self._place(obj)
        return self.client.patch(
            resource,
            namespace,
            name,
            obj,
            type="apply",
            field_manager=options.manager,
            force=True,
            dry_run=dry_run,
        )

    def _compare(self, obj: Object, options: Options) -> Steps:
        """What one object needs, and what is applied for it."""
        try:
            live = yield from self.read(obj, managed_fields=True)
        except StatusError:
            live = None  # as upstream: the dry run will say what is wrong
        if drift.skips(obj, live, options):
            return Change(ref_of(live or obj), drift.SKIPPED), obj
        ignored = ignore.paths(obj, options.ignore)
        obj = ignore.payload(obj, live, ignored, options.manager)
        dry_run, live = yield from self._dry_run(obj, live, options)
        patch = drift.cleanup(obj, live, options)
        if patch and live is not None:
            yield from self._clean(obj, patch, options)
        if live is None:
            return Change(ref_of(dry_run), drift.CREATED), obj
        seen, wanted = ignore.without(live, ignored), ignore.without(dry_run, ignored)
        changed = bool(patch) or (wanted is not None and drift.has_drifted(seen, wanted))
        return Change(ref_of(dry_run), drift.CONFIGURED if changed else drift.UNCHANGED), obj

    def _dry_run(
        self, obj: Object, live: Object | None, options: Options
    ) -> Generator[Any, Any, tuple[Object, Object | None]]:
        """The outcome of an apply that is not carried out; a live object in its way may be deleted first."""
        try:
            return (yield self._apply(obj, options, dry_run=True)), live
        except StatusError as error:
            if not drift.recreates(obj, live, error, options):
                raise ApplyError(drift.dry_run_message(obj, error)) from error
        yield from self._delete_and_wait(obj)
        try:
            return (yield self._apply(obj, options, dry_run=True)), None
        except StatusError as error:
            raise ApplyError(drift.dry_run_message(obj, error)) from error

    def _delete_and_wait(self, obj: Object) -> Generator[Any, Any, None]:
        resource, namespace, name = self._place(obj)
        try:
            yield self.client.delete(resource, namespace, name, propagation="Background")
            while (yield from self.read(obj)) is not None:
                yield Sleep(self._engine, STAGE_POLL)
        except StatusError as error:
            if not error.is_not_found:
                what = f"{subject(obj)} immutable field detected, failed to delete object"
                raise ApplyError(f"{what}: {error.message}") from error

    def _clean(self, obj: Object, patch: list[dict[str, Any]], options: Options) -> Generator[Any, Any, None]:
        try:
            yield self.client.patch(*self._place(obj), patch, type="json", field_manager=options.manager)
        except StatusError as error:
            what = f"{subject(obj)} metadata.managedFields cleanup failed"
            raise ApplyError(f"{what}: {error.message}") from error

    # --- waiting ------------------------------------------------------------------------------------------------

    def wait(
        self,
        refs: Sequence[ObjectRef],
        poll: int,
        timeout: int,
        *,
        fail_fast: bool,
        gone_is_fine: frozenset[str] = frozenset(),
        interrupt: Interrupt | None = None,
        checks: Checks | None = None,
    ) -> Generator[Any, Any, None]:
        """Wait until all are Current, looking every ``poll`` µs for at most ``timeout`` µs.

        Args:
            fail_fast: give up as soon as one has failed.
            gone_is_fine: ids of objects (Jobs that clean up after themselves) whose absence is success.
            interrupt: what ends the wait when it happens.
            checks: expressions that say how healthy objects of some kinds are.

        Raises:
            WaitError: naming those that are not.
            Interrupted: ``interrupt`` happened.
        """
        until = self._engine.now + timeout
        while refs:
            standings: list[Standing] = []
            for ref in refs:
                standing = yield from self._standing(ref, gone_is_fine, checks or {})
                standings.append(standing)
            if health.is_over(standings, fail_fast=fail_fast):
                complaint = health.complaint(standings, timed_out=False)
                if complaint:
                    raise WaitError(complaint)
                return
            left = until - self._engine.now
            yield from self._pause(min(poll, max(left, 0)), interrupt)
            if left <= poll:
                raise WaitError(health.complaint(standings, timed_out=True))

    def _pause(self, delay: int, interrupt: Interrupt | None) -> Generator[Any, Any, None]:
        if interrupt is None:
            yield Sleep(self._engine, delay)
            return
        yield interrupt.pause(self._component, delay)
        if interrupt.happened:
            raise Interrupted

    def _standing(
        self, ref: ObjectRef, gone_is_fine: frozenset[str], checks: Checks
    ) -> Generator[Any, Any, Standing]:
        try:
            live = yield from self.read(ref.as_object())
            check = checks.get((live["apiVersion"], live["kind"])) if live is not None else None
            if live is not None and check is not None:
                return Standing(subject(ref.as_object()), check.status_of(live))
            pods: list[Object] = []
            selector = health.pod_selector(live) if live is not None else ""
            if selector and health.status_of(live, [], self._engine.now).status == health.IN_PROGRESS:
                found = yield self.client.list("pods", ref.namespace, label_selector=selector)
                pods = found["items"]
        except StatusError as error:
            return Standing(subject(ref.as_object()), health.UNKNOWN, error.message)
        except EvaluationError as error:
            return Standing(subject(ref.as_object()), health.UNKNOWN, str(error))
        if live is None and ref.id in gone_is_fine:
            return Standing(subject(ref.as_object()), health.CURRENT)
        return Standing(subject(ref.as_object()), health.status_of(live, pods, self._engine.now).status)

    # --- deleting -----------------------------------------------------------------------------------------------

    def delete_all(
        self, refs: Sequence[ObjectRef], owner: Mapping[str, str], exclude: Mapping[str, str]
    ) -> Generator[Any, Any, list[Change]]:
        """Delete objects one by one in reverse order, in the background; who has lost the owner's labels stays.

        Raises:
            DeleteError: when some could not be deleted; the others were.
        """
        changes: list[Change] = []
        errors = ""
        for obj in ordering.deletion_order([ref.as_object() for ref in refs]):
            action, problem = yield from self._delete(obj, owner, exclude)
            changes.append(Change(ref_of(obj), action))
            errors += f"{problem};" if problem else ""
        if errors:
            raise DeleteError(f"delete failed, errors: {errors}", changes)
        return changes

    def _delete(
        self, obj: Object, owner: Mapping[str, str], exclude: Mapping[str, str]
    ) -> Generator[Any, Any, tuple[str, str]]:
        who = subject(obj)
        try:
            live = yield from self.read(obj)
        except StatusError as error:
            return drift.UNKNOWN, f"{who} query failed: {error.message}"
        if live is None:
            return drift.DELETED, ""
        labels = objects.labels(live)
        if any(labels.get(k) != v for k, v in owner.items()) or drift.any_in_metadata(live, exclude):
            return drift.SKIPPED, ""
        try:
            yield self.client.delete(*self._place(obj), propagation="Background")
        except StatusError as error:
            if not error.is_not_found:
                return drift.UNKNOWN, f"{who} delete failed: {error.message}"
        return drift.DELETED, ""

    def wait_for_termination(
        self, refs: Sequence[ObjectRef], poll: int, timeout: int
    ) -> Generator[Any, Any, bool]:
        """Wait until none of them exists any more; False when time ran out before."""
        until = self._engine.now + timeout
        for ref in refs:
            while (yield from self.read(ref.as_object())) is not None:
                if self._engine.now + poll > until:
                    return False
                yield Sleep(self._engine, poll)
        return True
