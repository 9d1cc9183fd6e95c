"""argocd_sync.json: the order of tasks, waves, hooks, options and commands of a sync."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.delivery.gitops.argocd import resources
from kcsim.delivery.gitops.argocd.sync import hooks, messages, settings, tasks
from kcsim.delivery.gitops.argocd.sync.plan import Request, Resource, tasks_of

Case = dict[str, Any]


def made(kind: str = "", name: str = "", annotations: dict[str, str] | None = None) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "annotations": annotations or {}}}


def kind_order(given: Case) -> Case:
    found = [tasks.Task(hooks.SYNC, made(kind)) for kind in given["kinds"]]
    return {"order": [resources.kind_of(t.obj) for t in tasks.in_order(found)]}


def sort_tasks(given: Case) -> Case:
    source = {}
    for raw in given["tasks"]:
        wave = {resources.SYNC_WAVE: str(raw["wave"])} if "wave" in raw else {}
        obj = made(raw.get("kind", ""), raw.get("name", ""), wave)
        source[tasks.Task(raw.get("phase", hooks.SYNC), obj)] = raw
    return {"order": [source[task] for task in tasks.in_order(source)]}


def prune_waves(given: Case) -> Case:
    pairs = zip(given["targets"], given["live"], strict=True)
    request = Request(
        revision="",
        namespace="",
        started_at=0,
        resources=[Resource(target and made(**target), live and made(**live)) for target, live in pairs],
        settings=settings.Settings(prune_last=given.get("pruneLast", False)),
    )
    found, _ = tasks_of(request, {})
    return {"waves": {resources.name_of(t.obj): t.wave for t in found}}


def running_message(given: Case) -> Case:
    found = []
    for raw in given["tasks"]:
        hook = {resources.HOOK: raw["hook"]} if "hook" in raw else {}
        found.append(tasks.Task(hooks.SYNC, made(raw["kind"], raw["name"], hook)))
    return {"message": messages.running(found, settings.Settings(), deletion=given.get("deletion", False))}


def on_annotations(answer: Callable[[dict[str, Any]], Case]) -> Callable[[Case], Case]:
    return lambda given: answer(made(annotations=given.get("annotations") or {}))


def hook_types(obj: dict[str, Any]) -> Case:
    return {"hook": hooks.is_hook(obj), "skip": hooks.is_skipped(obj), "types": hooks.hook_types(obj)}


def annotation_option(given: Case) -> Case:
    obj = made(annotations=given.get("annotations") or {})
    values = resources.annotation_values(obj, given["key"])
    found = [resources.has_option(obj, given["key"], value) for value in values]
    return {"want": bool(values) and all(found), "wantVals": values or None}


MANAGER = "whoever applies"
"""Upstream's rows give each a name of its own, which only comes back."""


def apply_command(given: Case) -> Case:
    live = made(given["targetKind"], "live", given.get("liveAnnotations")) if given["liveExists"] else None
    task = tasks.Task(hooks.SYNC, made(given["targetKind"], "live", given.get("targetAnnotations")), live)
    command = settings.apply_command(task, settings.Settings(manager=MANAGER))
    return {
        "commandUsed": command.verb,
        "serverSideApply": command.server_side,
        "manager": command.manager,
        "force": command.force,
    }


def same_types(case: Case, outcome: Case) -> None:
    expect = case["expect"]
    assert {**outcome, "types": sorted(outcome["types"])} == {
        **expect,
        "types": sorted(expect["types"] or []),
    }


def same_command(case: Case, outcome: Case) -> None:
    expect = case["expect"]
    wanted = {**expect, "manager": MANAGER} if expect.get("manager") else expect
    assert {name: outcome[name] for name in wanted} == wanted


ADAPTERS = {
    "kindOrder": kind_order,
    "sortTasks": sort_tasks,
    "pruneWaves": prune_waves,
    "runningMessage": running_message,
    "hookTypes": on_annotations(hook_types),
    "helmHookTypes": on_annotations(lambda obj: {"phases": hooks.helm_hook_types(obj)}),
    "deletePolicies": on_annotations(lambda obj: {"policies": hooks.delete_policies(obj)}),
    "wave": on_annotations(lambda obj: {"wave": hooks.wave(obj)}),
    "annotationOption": annotation_option,
    "validateOption": on_annotations(lambda obj: {"validate": settings.validates(obj)}),
    "applyCommand_Replace": apply_command,
    "applyCommand_ServerSideApply": apply_command,
    "applyCommand_Force": apply_command,
}
CHECKS = {"hookTypes": same_types, "applyCommand_ServerSideApply": same_command}
