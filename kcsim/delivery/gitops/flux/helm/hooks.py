"""Hooks of a release: objects that are created at certain moments, and waited for.

**Imitates:** helm 4 pkg/action/hooks.go and helm-controller 1.6 internal/action (wait.go WatchUntilReady, pod_status_reader.go): Jobs
until they complete or fail, Pods until they end, every other kind not at all.

**Walk:** those of an event, by weight and name -> one that is there from before is deleted -> created -> over -> deleted again where
its policy says so.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.charts import HOOK, HOOK_DELETE_POLICY, HOOK_WEIGHT, Template, objects_of
from kcsim.delivery.gitops.flux.helm.releases import Hook, HookRun, Release, Storage, now_text
from kcsim.delivery.gitops.flux.helm.resources import ActionFailed, Objects
from kcsim.delivery.gitops.kstatus import CURRENT, FAILED, IN_PROGRESS
from kcsim.manifests import dump

BEFORE_CREATION, SUCCEEDED, FAILED_POLICY = "before-hook-creation", "hook-succeeded", "hook-failed"


class PodEnds:
    """A Pod of a hook is over when it has ended."""

    def status_of(self, live: Object) -> str:
        """The status word of a live Pod."""
        phase = objects.get_in(live, ("status", "phase"), "")
        return {"Succeeded": CURRENT, "Failed": FAILED}.get(phase, IN_PROGRESS)


def hooks_of(templates: Sequence[Template]) -> tuple[Hook, ...]:
    """The hooks among a chart's templates."""
    return tuple(_hook(each) for each in templates if each.is_hook)


def _hook(template: Template) -> Hook:
    notes = objects.annotations(template.object)
    weight = notes.get(HOOK_WEIGHT, "0")
    return Hook(
        objects.name(template.object),
        str(template.object.get("kind")),
        template.path,
        dump(template.object),
        tuple(
            "test" if e.strip() == "test-success" else e.strip() for e in notes[HOOK].split(",") if e.strip()
        ),
        int(weight) if weight.lstrip("-").isdigit() else 0,
        tuple(p.strip() for p in notes.get(HOOK_DELETE_POLICY, "").split(",") if p.strip()),
    )


class Runner:
    """Runs the hooks of one release; ``release`` is kept as it was written last."""

    def __init__(self, at: Objects, storage: Storage, release: Release) -> None:
        self._at = at
        self._storage = storage
        self.release = release

    def run(
        self, event: str, timeout: int, chosen: frozenset[str] | None = None
    ) -> Generator[Any, Any, None]:
        """Run the hooks of an event, ``chosen`` by name or all.

        Raises:
            ActionFailed: one has failed; those after it are not run.
        """
        hooks = [h for h in self.release.hooks if event in h.events and (chosen is None or h.name in chosen)]
        for hook in sorted(hooks, key=lambda each: (each.weight, each.name)):
            yield from self._run(hook, event, timeout)
        for hook in hooks:
            if SUCCEEDED in hook.delete_policies:
                yield from self._delete(hook, timeout)

    def _run(self, hook: Hook, event: str, timeout: int) -> Generator[Any, Any, None]:
        if BEFORE_CREATION in (hook.delete_policies or (BEFORE_CREATION,)):
            yield from self._delete(hook, timeout)
        started = now_text(self._at.engine)
        yield from self._note(hook, HookRun(started, phase="Running"))
        try:
            made = [self._at.placed(obj) for obj in objects_of(hook.manifest)]
            for obj in made:
                yield from self._at.apply(obj)
        except ActionFailed as error:
            self._keep(hook, HookRun(started, now_text(self._at.engine), "Failed"))
            raise ActionFailed(f"warning: Hook {event} {hook.path} failed: {error}") from error
        waits = [obj for obj in made if obj.get("kind") in {"Job", "Pod"}]
        try:
            checks: Mapping[tuple[str, str], Any] = {("v1", "Pod"): PodEnds()}
            yield from self._at.wait(waits, timeout, checks=checks, fail_fast=False)
        except ActionFailed:
            self._keep(hook, HookRun(started, now_text(self._at.engine), "Failed"))
            if FAILED_POLICY in hook.delete_policies:
                yield from self._delete(hook, timeout)
            raise
        self._keep(hook, HookRun(started, now_text(self._at.engine), "Succeeded"))

    def _keep(self, hook: Hook, run: HookRun) -> None:
        hooks = tuple(
            replace(each, last_run=run)
            if (each.path, each.name, each.kind) == (hook.path, hook.name, hook.kind)
            else each
            for each in self.release.hooks
        )
        self.release = replace(self.release, hooks=hooks)

    def _note(self, hook: Hook, run: HookRun) -> Generator[Any, Any, None]:
        self._keep(hook, run)
        yield from self._storage.update(self.release)

    def _delete(self, hook: Hook, timeout: int) -> Generator[Any, Any, None]:
        gone = []
        for obj in objects_of(hook.manifest):
            if obj.get("kind") == "CustomResourceDefinition":  # Helm never deletes those of hooks
                continue
            placed = self._at.placed(obj)
            if (yield from self._at.delete(placed)):
                gone.append(placed)
        yield from self._at.wait_gone(gone, timeout)
