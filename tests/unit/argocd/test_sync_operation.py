"""Passes over a sync: what runs, what is waited for, how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from kcsim.delivery.gitops.argocd.resources import HOOK, HOOK_DELETE_POLICY, SYNC_OPTIONS, SYNC_WAVE
from kcsim.delivery.gitops.argocd.sync import hooks
from kcsim.delivery.gitops.argocd.sync.messages import augmented
from kcsim.delivery.gitops.argocd.sync.operation import Action, Operation, Outcome, WaveDelay, sync, terminate
from kcsim.delivery.gitops.argocd.sync.plan import (
    Discovery,
    Request,
    Resource,
    ResourceResult,
    hook_name,
    managed_namespace,
    split_hooks,
)
from kcsim.delivery.gitops.argocd.sync.settings import Settings, settings_of

Obj = dict[str, Any]


def made(kind: str = "ConfigMap", name: str = "a", wave: int = 0, **more: Any) -> Obj:
    annotations = {SYNC_WAVE: str(wave)} if wave else {}
    annotations |= more.pop("annotations", {})
    group = {"Deployment": "apps/v1", "Job": "batch/v1"}.get(kind, "v1")
    metadata = {"name": name, "namespace": "shop", "annotations": annotations, **more.pop("metadata", {})}
    return {"apiVersion": group, "kind": kind, "metadata": metadata, **more}


def hook(name: str, phase: str = "PreSync", policy: str = "", **more: Any) -> Obj:
    annotations = {HOOK: phase} | ({HOOK_DELETE_POLICY: policy} if policy else {})
    return made("Job", name, annotations={**annotations, **more.pop("annotations", {})}, **more)


def finished(job: Obj, how: str = "Complete") -> Obj:
    return {**job, "status": {"conditions": [{"type": how, "status": "True", "message": how.lower()}]}}


def deployed(name: str, wave: int = 0, *, ready: bool = True, failed: bool = False) -> Obj:
    conditions = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}] if failed else []
    status = {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1, "availableReplicas": int(ready)}
    obj = made("Deployment", name, wave, spec={"replicas": 1}, status={**status, "conditions": conditions})
    obj["metadata"]["generation"] = 1
    return obj


def request(
    targets: Sequence[Obj] = (), live: Sequence[Obj] = (), hooks_: Sequence[Obj] = (), **more: Any
) -> Request:
    """A request in which targets and live objects meet by kind and name."""
    by_name = {(o["kind"], o["metadata"]["name"]): o for o in live}
    found = [Resource(t, by_name.pop((t["kind"], t["metadata"]["name"]), None)) for t in targets]
    found += [Resource(None, o) for o in by_name.values()]
    return Request(
        **{
            "revision": "0123456789",
            "namespace": "shop",
            "started_at": 1700000000,
            "resources": found,
            "hooks": hooks_,
            **more,
        }
    )


class Cluster:
    """Answers actions: well, but for what `fails` and `missing` name; keeps a list of what was asked."""

    def __init__(self, fails: Mapping[str, str] | None = None, missing: Sequence[str] = ()) -> None:
        self.fails, self.missing, self.asked = dict(fails or {}), set(missing), list[str]()

    def drive(self, run: Any) -> Operation:
        answer: Any = None
        while True:
            try:
                step = run.send(answer)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            if isinstance(step, WaveDelay):
                self.asked.append(f"pause after {step.phase} {step.wave}")
                answer = None
            else:
                answer = [self.answer(action) for action in step]

    def answer(self, action: Action) -> Outcome:
        name, command = action.obj["metadata"]["name"], action.command
        dry = "dry " if command is not None and command.dry_run else ""
        verb = command.verb if command is not None else action.verb
        self.asked.append(f"{dry}{verb} {name}")
        if name in self.missing:
            return Outcome(error="not found", missing=True)
        if text := self.fails.get(f"{dry}{verb} {name}", ""):
            return Outcome(error=text)
        return Outcome(message=f"{name} {verb}", live=action.obj)


def run(
    what: Request, before: Operation | None = None, cluster: Cluster | None = None
) -> tuple[Operation, list[str]]:
    cluster = cluster or Cluster()
    return cluster.drive(sync(what, before or Operation())), cluster.asked


def results(operation: Operation) -> dict[str, tuple[str, str, str]]:
    return {r.key.name: (r.status, r.hook_phase, r.message) for r in operation.results}


# --- the usual case -----------------------------------------------------------------------------------------------


def test_one_wave_without_hooks_succeeds_at_once_whatever_its_health() -> None:
    operation, asked = run(request([made("Deployment", "web"), made(name="conf")]))
    assert asked == ["dry apply conf", "dry apply web", "apply conf", "apply web"]
    assert (operation.phase, operation.message) == ("Succeeded", "successfully synced (all tasks run)")
    assert results(operation)["web"] == ("Synced", "Running", "web apply")


def test_without_tasks_a_sync_succeeds() -> None:
    operation, asked = run(request())
    assert (operation.phase, operation.message, asked) == (
        "Succeeded",
        "successfully synced (no more tasks)",
        [],
    )


def test_a_wave_waits_for_the_health_of_the_one_before_it() -> None:
    targets = [made("Deployment", "db", -1), made("Deployment", "web")]
    first, asked = run(request(targets))
    assert asked == ["dry apply db", "dry apply web", "apply db", "pause after Sync -1"]
    assert (first.phase, first.message) == ("Running", "waiting for healthy state of apps/Deployment/db")
    starting, asked = run(request(targets, [deployed("db", -1, ready=False)]), first)
    assert (starting.phase, asked) == ("Running", [])
    done, asked = run(request(targets, [deployed("db", -1)]), starting)
    assert asked == ["apply web"]
    assert done.message == "successfully synced (all tasks run)"


def test_a_degraded_wave_fails_the_sync() -> None:
    targets = [made("Deployment", "db", -1), made("Deployment", "web")]
    first, _ = run(request(targets))
    failed, asked = run(request(targets, [deployed("db", -1, failed=True)]), first)
    assert asked == []
    assert (failed.phase, failed.message) == (
        "Failed",
        "one or more synchronization tasks completed unsuccessfully",
    )
    assert results(failed)["db"][1] == "Failed"


def test_a_running_object_that_vanished_is_an_error_and_then_a_failure() -> None:
    targets = [made("Deployment", "db", -1), made("Deployment", "web")]
    first, _ = run(request(targets))
    text = "Resource apps/Deployment/db is missing, it might have been deleted"
    gone, asked = run(request(targets), first, Cluster(missing=["db"]))
    assert asked == ["get db"]
    assert gone.phase == "Running"
    assert results(gone)["db"] == ("SyncFailed", "Error", text)
    after, _ = run(request(targets), gone)
    assert (after.phase, after.message) == (
        "Failed",
        f"one or more synchronization tasks completed unsuccessfully, reason: {text}",
    )


def test_a_dry_run_that_fails_stops_everything() -> None:
    cluster = Cluster({"dry apply b": "spec.x: unknown field"})
    operation, asked = run(request([made(name="a"), made(name="b")]), cluster=cluster)
    assert asked == ["dry apply a", "dry apply b"]
    assert (operation.phase, operation.message) == ("Failed", "one or more objects failed to apply (dry run)")
    assert results(operation) == {"b": ("SyncFailed", "Failed", "spec.x: unknown field")}


def test_a_failed_kind_does_not_stop_the_kinds_after_it() -> None:
    cluster = Cluster({"apply a": "boom"})
    operation, asked = run(request([made(name="a"), made("Deployment", "web")]), cluster=cluster)
    assert asked[-2:] == ["apply a", "apply web"]
    # What went well in the same wave is waited for like a hook, until the next pass.
    assert (operation.phase, operation.message) == (
        "Running",
        "waiting for healthy state of apps/Deployment/web",
    )
    after, asked = run(request([made(name="a"), made("Deployment", "web")], [deployed("web")]), operation)
    assert asked == []
    assert (after.phase, after.message) == (
        "Failed",
        "one or more synchronization tasks completed unsuccessfully, reason: boom",
    )


def test_a_dry_operation_changes_nothing_and_reports_all() -> None:
    what = request([made(name="a")], [made(name="gone")], settings=Settings(dry_run=True, prune=True))
    operation, asked = run(what)
    assert set(asked) == {"dry apply a"}
    assert operation.phase == "Succeeded"
    assert results(operation) == {
        "a": ("Synced", "Succeeded", "a apply"),
        "gone": ("Pruned", "Succeeded", "pruned (dry run)"),
    }


# --- what cannot run ----------------------------------------------------------------------------------------------


def unknown(kind: str, **answer: Any) -> Callable[[str, str], Discovery]:
    return lambda _version, found: Discovery(found=False, **answer) if found == kind else Discovery()


def test_a_kind_that_the_cluster_does_not_know_fails_all_of_it() -> None:
    thing = {**made("Thing"), "apiVersion": "acme.io/v1"}
    operation, asked = run(request([thing], discover=unknown("Thing", group_version=False)))
    assert asked == []
    assert operation.phase == "Failed"
    assert operation.message == (
        "one or more synchronization tasks are not valid: failed to discover server resources for group version "
        "acme.io/v1: the server could not find the requested resource"
    )
    (result,) = operation.results
    assert augmented(result, []).startswith(
        "The Kubernetes API could not find acme.io/Thing for requested resource shop/a."
    )
    assert 'find version "v1" of' in augmented(result, [("acme.io", "v2", "Thing")])


@pytest.mark.parametrize("how", ["definition", "annotation", "option"])
def test_an_unknown_kind_can_be_waited_for(how: str) -> None:
    thing = {**made("Thing"), "apiVersion": "acme.io/v1"}
    targets, settings = [thing], Settings()
    if how == "definition":
        spec = {"group": "acme.io", "names": {"kind": "Thing"}}
        crd = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "things"},
            "spec": spec,
        }
        targets.append(crd)
    elif how == "annotation":
        thing["metadata"]["annotations"][SYNC_OPTIONS] = "SkipDryRunOnMissingResource=true"
    else:
        settings = Settings(skip_dry_run_on_missing=True)
    operation, asked = run(request(targets, settings=settings, discover=unknown("Thing")))
    assert "dry apply a" not in asked
    assert asked[-1] == "apply a"
    assert operation.phase == "Succeeded"


def test_what_the_project_forbids_fails_all_of_it() -> None:
    operation, asked = run(
        request(
            [made(), made(name="b")], permit=lambda obj, _n: "no" if obj["metadata"]["name"] == "b" else ""
        )
    )
    assert (operation.phase, asked) == ("Failed", [])
    assert operation.message == "one or more synchronization tasks are not valid: no"


# --- hooks --------------------------------------------------------------------------------------------------------


def test_hooks_run_before_and_after_and_are_waited_for() -> None:
    before, after = hook("migrate"), hook("notify", "PostSync", "HookSucceeded")
    what = request([made(name="conf")], hooks_=[before, after])
    first, asked = run(what)
    assert asked == [
        "dry apply migrate",
        "dry apply conf",
        "dry apply notify",
        "apply migrate",
        "pause after PreSync 0",
    ]
    assert first.message == "waiting for completion of hook batch/Job/migrate"
    ran = finished({**before, "metadata": {**before["metadata"], "finalizers": [hooks.FINALIZER]}})
    second, asked = run(request([made(name="conf")], [ran], [before, after]), first)
    assert asked == ["remove-finalizer migrate", "apply conf", "pause after Sync 0"]
    assert second.message == "waiting for healthy state of /ConfigMap/conf"
    third, asked = run(
        request([made(name="conf")], [finished(before), made(name="conf")], [before, after]), second
    )
    assert asked == ["apply notify"]
    told = finished(after)
    done, asked = run(
        request([made(name="conf")], [finished(before), made(name="conf"), told], [before, after]), third
    )
    assert asked == ["delete notify"]
    assert (done.phase, done.message) == ("Succeeded", "successfully synced (no more tasks)")
    assert [r.hook_type for r in done.results] == ["PreSync", "", "PostSync"]


def test_a_failed_hook_fails_the_sync_and_goes_only_by_its_policy() -> None:
    job = hook("migrate", policy="HookFailed")
    first, _ = run(request([made()], hooks_=[job]))
    failed, asked = run(request([made()], [finished(job, "Failed")], [job]), first)
    assert asked == ["delete migrate"]
    assert failed.phase == "Failed"
    assert results(failed)["migrate"][1:] == ("Failed", "failed")


def test_an_old_hook_is_deleted_before_it_runs_again() -> None:
    job = hook("migrate")
    old = {**finished(job), "metadata": {**job["metadata"], "finalizers": [hooks.FINALIZER]}}
    waiting, asked = run(request([made()], [old], [job]))
    assert asked[-3:] == ["remove-finalizer migrate", "delete migrate", "pause after PreSync 0"]
    assert waiting.message == "waiting for deletion of hook batch/Job/migrate"
    assert results(waiting) == {}
    again, asked = run(request([made()], [], [job]), waiting)
    assert asked[-2:] == ["apply migrate", "pause after PreSync 0"]
    assert again.message == "waiting for completion of hook batch/Job/migrate"


def test_sync_fail_hooks_run_after_a_failure_and_only_then() -> None:
    cry = hook("cry", "SyncFail")
    fine, asked = run(request([made()], hooks_=[cry]))
    assert (fine.phase, asked[-1]) == ("Succeeded", "apply a")
    cluster = Cluster({"apply a": "boom"})
    running, asked = run(request([made()], hooks_=[cry]), cluster=cluster)
    assert asked[-2:] == ["apply a", "apply cry"]
    assert (running.phase, running.message) == ("Running", "waiting for completion of hook batch/Job/cry")
    done, _ = run(request([made()], [finished(cry)], [cry]), running)
    assert (done.phase, done.message) == (
        "Failed",
        "one or more synchronization tasks completed unsuccessfully, reason: boom",
    )


def test_a_failing_sync_fail_hook_adds_to_the_message() -> None:
    cry = hook("cry", "SyncFail")
    cluster = Cluster({"apply a": "boom", "apply cry": "bang"})
    failing, _ = run(request([made()], hooks_=[cry]), cluster=cluster)
    done, _ = run(request([made()], hooks_=[cry]), failing)
    assert done.message.endswith("reason: boom\none or more SyncFail hooks failed, reason: bang")


def test_hooks_stay_out_of_a_sync_of_chosen_resources() -> None:
    settings = settings_of({"resources": [{"kind": "ConfigMap", "name": "a"}]})
    chosen = request([made(name="a"), made(name="b")], hooks_=[hook("migrate")], settings=settings)
    _, asked = run(replace(chosen, selected=lambda r: r.key.name == "a"))
    assert asked == ["dry apply a", "apply a"]


def test_a_hook_with_generated_name_is_named_after_revision_phase_and_time() -> None:
    job = hook("")
    job["metadata"] |= {"generateName": "migrate-"}
    assert hook_name(job, "PreSync", "0123456789", 1700000000) == "migrate-0123456-presync-1700000000"
    assert hook_name(job, "PreSync", "main", 5) == "migrate-main-presync-5"


def test_helm_hooks_of_no_phase_are_dropped() -> None:
    test = made("Pod", "test", annotations={"helm.sh/hook": "test"})
    install = made("Job", "install", annotations={"helm.sh/hook": "pre-install"})
    crd = made("ConfigMap", "crd", annotations={"helm.sh/hook": "crd-install"})
    compared, found = split_hooks([test, install, crd])
    assert [o["metadata"]["name"] for o in compared] == ["crd"]
    assert [o["metadata"]["name"] for o in found] == ["install"]


def test_hooks_of_deletion_are_no_part_of_a_sync() -> None:
    both = hook("both", "PreDelete,PostSync")
    only = hook("only", "PostDelete")
    kept, before, after = hooks.without_deletion_hooks([both, only, made()])
    assert [o["metadata"]["name"] for o in kept] == ["both", "a"]
    assert (before, after) == (True, True)


# --- pruning ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "annotation", "status", "message", "asked"),
    [
        (Settings(), "", "PruneSkipped", "ignored (requires pruning)", []),
        (Settings(prune=True), "", "Pruned", "pruned", ["delete old"]),
        (Settings(prune=True), "Prune=false", "PruneSkipped", "ignored (no prune)", []),
        (Settings(prune=True, prune_option="false"), "", "PruneSkipped", "ignored (no prune)", []),
        (Settings(prune=True, prune_option="false"), "Prune=true", "Pruned", "pruned", ["delete old"]),
        (
            Settings(prune=True, prune_option="confirm", prune_confirmed=True),
            "",
            "Pruned",
            "pruned",
            ["delete old"],
        ),
    ],
)
def test_pruning(settings: Settings, annotation: str, status: str, message: str, asked: list[str]) -> None:
    old = made(name="old", annotations={SYNC_OPTIONS: annotation} if annotation else {})
    operation, found = run(request([], [old], settings=settings))
    assert found == asked
    assert results(operation)["old"][::2] == (status, message)
    assert operation.phase == "Succeeded"


def test_a_prune_that_needs_approval_waits_for_it() -> None:
    old = made(name="old", annotations={SYNC_OPTIONS: "Prune=confirm"})
    waiting, asked = run(request([], [old], settings=Settings(prune=True)))
    assert (waiting.phase, asked) == ("Running", [])
    assert waiting.message == "waiting for pruning confirmation of /ConfigMap/old"


def test_a_pruned_object_that_is_still_leaving_is_waited_for() -> None:
    old, target = made("Pod", "old", 1), made(name="new", wave=2)
    first, asked = run(request([target], [old], settings=Settings(prune=True)))
    assert asked == ["dry apply new", "delete old", "pause after Sync 1"]
    leaving = {**old, "metadata": {**old["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    waiting, asked = run(request([target], [leaving], settings=Settings(prune=True)), first)
    assert (waiting.message, asked) == ("waiting for deletion of /Pod/old", [])
    done, asked = run(request([target], settings=Settings(prune=True)), waiting)
    assert (done.phase, asked) == ("Succeeded", ["apply new"])


# --- namespaces and options ---------------------------------------------------------------------------------------


def test_a_missing_namespace_is_made_before_anything_is_checked() -> None:
    operation, asked = run(request([made()], settings=Settings(create_namespace=True)))
    assert asked == ["apply shop", "dry apply a", "get shop"]
    assert operation.message == "waiting for healthy state of /Namespace/shop"
    assert results(operation)["shop"][0] == "Synced"


def test_a_namespace_that_cannot_be_made_ends_the_sync() -> None:
    cluster = Cluster({"apply shop": "forbidden"})
    operation, asked = run(request([made()], settings=Settings(create_namespace=True)), cluster=cluster)
    assert asked == ["apply shop"]
    assert (operation.phase, operation.message) == (
        "Failed",
        "the namespace failed to apply, reason: forbidden",
    )


def test_a_managed_namespace_is_applied_server_side_and_others_are_left_alone() -> None:
    live = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    assert managed_namespace("shop", live, None) is None
    found = managed_namespace("shop", live, {"labels": {"team": "a"}})
    assert found is not None
    assert found["metadata"] == {
        "name": "shop",
        "labels": {"team": "a"},
        "annotations": {SYNC_OPTIONS: "ServerSideApply=true"},
    }


def test_apply_out_of_sync_only_leaves_the_rest_alone() -> None:
    resources = [
        Resource(made(name="a"), made(name="a"), modified=False),
        Resource(made(name="b"), made(name="b"), modified=True),
    ]
    what = replace(request(settings=Settings(out_of_sync_only=True)), resources=resources)
    operation, asked = run(what)
    assert asked == ["dry apply b", "apply b"]
    assert operation.phase == "Succeeded"


def test_options_of_an_operation() -> None:
    found = settings_of(
        {
            "prune": True,
            "syncOptions": [
                "Validate=false",
                "PrunePropagationPolicy=orphan",
                "Prune=confirm",
                "ServerSideApply=true",
                "ClientSideApplyMigration=false",
            ],
            "syncStrategy": {"apply": {"force": True}},
        }
    )
    assert found == Settings(
        prune=True,
        validate=False,
        propagation="Orphan",
        prune_option="confirm",
        server_side=True,
        migrate_from="",
        force=True,
        skip_hooks=True,
    )


def test_namespaces_and_definitions_move_before_what_needs_them() -> None:
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop", "annotations": {SYNC_WAVE: "5"}},
    }
    operation, asked = run(
        request([namespace, made("ServiceAccount", "first", -3), made(name="last", wave=9)])
    )
    assert asked == ["apply shop", "dry apply first", "dry apply last", "get shop"]
    assert operation.message == "waiting for healthy state of /Namespace/shop"
    assert [(r.key.name, r.sync_phase) for r in operation.results] == [("shop", "Sync")]


# --- ending it ----------------------------------------------------------------------------------------------------


def test_terminating_releases_and_deletes_what_runs() -> None:
    job = hook("migrate")
    first, _ = run(request([made()], hooks_=[job]))
    live = {**job, "metadata": {**job["metadata"], "finalizers": [hooks.FINALIZER]}}
    cluster = Cluster()
    ended = cluster.drive(terminate(request([made()], [live], [job]), first))
    assert cluster.asked == ["remove-finalizer migrate", "delete migrate"]
    assert (ended.phase, ended.message) == ("Failed", "Operation terminated")
    assert results(ended)["migrate"][1:] == ("Failed", "Terminated")


def test_a_hook_that_cannot_be_deleted_makes_terminating_an_error() -> None:
    job = hook("migrate")
    first, _ = run(request([made()], hooks_=[job]))
    ended = Cluster({"delete migrate": "denied"}).drive(terminate(request([made()], [job], [job]), first))
    assert (ended.phase, ended.message) == ("Error", "Operation termination had errors")


def test_results_survive_being_written_down() -> None:
    operation, _ = run(request([made("Deployment", "web", -1), made()], hooks_=[hook("migrate")]))
    assert [ResourceResult.from_json(r.to_json()) for r in operation.results] == list(operation.results)
