"""ApplicationSets: what is written of Applications, conditions, and progressive syncs."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.delivery.gitops.argocd.appset import policy, rolling
from kcsim.delivery.gitops.argocd.diff.ignore import Ignores
from kcsim.engine.clock import seconds

Obj = dict[str, Any]
NOW = "2026-01-01T00:10:00Z"
BEFORE, AFTER = "2026-01-01T00:00:00Z", "2026-01-01T00:09:00Z"


def appset(**spec: Any) -> Obj:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "web", "namespace": "argocd", "uid": "set"},
        "spec": spec,
    }


def app(name: str, path: str = "p", env: str = "dev", **more: Any) -> Obj:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "labels": {"env": env}},
        "spec": {
            "project": "default",
            "source": {"repoURL": "u", "path": path},
            "destination": {"name": "in-cluster"},
        },
        **more,
    }


def created(*names: str, owner: Obj | None = None) -> list[Obj]:
    """Applications as they are after a first pass."""
    made = policy.plan(owner or appset(), [app(n) for n in names], [], (), policy.Policy())
    return made.create


# --- what is written ----------------------------------------------------------------------------------------------


def test_a_first_pass_creates_with_owner_and_a_second_one_has_nothing_to_do() -> None:
    first = created("b", "a")
    assert [a["metadata"]["name"] for a in first] == ["a", "b"]
    assert first[0]["metadata"]["ownerReferences"][0]["uid"] == "set"
    again = policy.plan(appset(), [app("a"), app("b")], first, (), policy.Policy())
    assert again == policy.Plan()


def test_a_changed_template_is_a_patch_and_what_is_gone_is_deleted() -> None:
    there = created("a", "b")
    made = policy.plan(appset(), [app("a", path="other")], there, (), policy.Policy())
    ((new, patch),) = made.update
    assert patch == {"spec": {"source": {"path": "other"}}}
    assert new["spec"]["source"]["path"] == "other"
    assert [a["metadata"]["name"] for a in made.delete] == ["b"]


@pytest.mark.parametrize(
    ("chosen", "updates", "deletes"),
    [
        ("sync", True, True),
        ("create-only", False, False),
        ("create-update", True, False),
        ("create-delete", False, True),
    ],
)
def test_policies(chosen: str, updates: bool, deletes: bool) -> None:
    found = policy.policy_of(appset(syncPolicy={"applicationsSync": chosen}))
    assert found == policy.Policy(updates, deletes)
    made = policy.plan(appset(), [app("a", path="x")], created("a", "b"), (), found)
    assert (bool(made.update), bool(made.delete)) == (updates, deletes)


def test_a_controller_can_forbid_policies_of_sets() -> None:
    own = appset(syncPolicy={"applicationsSync": "sync"})
    assert policy.policy_of(own, "create-only", may_override=False) == policy.Policy(False, False)


def test_a_generated_application_that_is_wrong_is_left_alone_but_not_deleted() -> None:
    made = policy.plan(appset(), [app("a", path="x")], created("a"), {"a"}, policy.Policy())
    assert made == policy.Plan()


def test_labels_of_others_go_and_preserved_ones_and_refreshes_stay() -> None:
    (live,) = created("a")
    live = {
        **live,
        "metadata": {
            **live["metadata"],
            "labels": {"env": "dev", "mine": "1", "theirs": "2"},
            "annotations": {"argocd.argoproj.io/refresh": "normal", "other": "x"},
            "finalizers": ["pre-delete-finalizer.argocd.argoproj.io/cleanup", "foreign"],
        },
        "status": {"sync": {"status": "Synced"}},
    }
    made = policy.plan(appset(preservedFields={"labels": ["mine"]}), [app("a")], [live], (), policy.Policy())
    ((new, patch),) = made.update
    assert new["metadata"]["labels"] == {"env": "dev", "mine": "1"}
    assert new["metadata"]["annotations"] == {"argocd.argoproj.io/refresh": "normal"}
    assert new["metadata"]["finalizers"] == ["pre-delete-finalizer.argocd.argoproj.io/cleanup"]
    assert patch["metadata"]["labels"] == {"theirs": None}
    assert "status" not in patch


@pytest.mark.parametrize(
    "rule",
    [
        {"jsonPointers": ["/spec/source/path"]},
        {"jqPathExpressions": [".spec.source.path"]},
        {"name": "a", "jsonPointers": ["/spec/source/path"]},
    ],
)
def test_ignored_differences_are_not_written(rule: Obj) -> None:
    owner = appset(ignoreApplicationDifferences=[rule])
    assert policy.plan(owner, [app("a", path="x")], created("a"), (), policy.Policy()).update == []


def test_a_rule_for_another_application_ignores_nothing_here() -> None:
    owner = appset(ignoreApplicationDifferences=[{"name": "b", "jsonPointers": ["/spec/source/path"]}])
    assert policy.plan(owner, [app("a", path="x")], created("a"), (), policy.Policy()).update


def test_empty_parts_of_a_spec_say_nothing() -> None:
    live = app("a")
    live["spec"] |= {"syncPolicy": {"syncOptions": []}, "ignoreDifferences": []}
    live["spec"]["source"]["kustomize"] = {"images": []}
    assert policy.specs_alike(live, app("a"), Ignores())
    live["spec"]["syncPolicy"] = {"automated": {}}
    assert not policy.specs_alike(live, app("a"), Ignores())


def test_problems_of_generated_applications() -> None:
    nameless = app("")
    found = policy.problems(
        appset(),
        [
            app("a"),
            app("a"),
            {**app("b"), "spec": {**app("b")["spec"], "project": "none"}},
            app("c"),
            nameless,
        ],
        {"default"},
        lambda destination: "" if destination else "there is no cluster",
    )
    assert found["a"] == "ApplicationSet web contains applications with duplicate name: a"
    assert found["b"] == "application references project none which does not exist"
    assert "with no name" in found[""]
    assert "c" not in found
    assert policy.problem_message(found) == f"{found['b']} (and 2 more)"
    bad = policy.problems(
        appset(), [app("a")], {"default"}, lambda _d: "there are no clusters with this name: x"
    )
    assert policy.problem_message(bad).startswith("application destination spec is invalid: there are no")


def test_when_a_set_is_looked_at_again() -> None:
    git = {"git": {"requeueAfterSeconds": 60}}
    assert policy.next_look(appset(generators=[{"list": {}}, git]), has_problems=False) == seconds("60s")
    assert policy.next_look(appset(generators=[{"list": {}}]), has_problems=False) == 0
    assert policy.next_look(appset(generators=[{"list": {}}]), has_problems=True) == seconds("3m")


def test_which_changes_of_applications_concern_a_set() -> None:
    old = app("a", status={"health": {"status": "Healthy"}, "reconciledAt": BEFORE})
    same = {**old, "status": {**old["status"], "reconciledAt": AFTER}}
    sick = {**old, "status": {"health": {"status": "Degraded"}}}
    assert not policy.concerns(old, same, progressive=True)
    assert policy.concerns(old, sick, progressive=True)
    assert not policy.concerns(old, sick, progressive=False)
    assert policy.concerns(old, app("a", path="x"), progressive=False)
    assert policy.concerns(old, app("a", env="prod"), progressive=False)


# --- conditions ---------------------------------------------------------------------------------------------------


def by_type(found: list[Obj]) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["message"]) for c in found}


def test_a_good_pass_and_a_bad_one() -> None:
    good = policy.conditions([], [policy.up_to_date()], BEFORE, generated=True, rolling=False)
    assert {k: v[0] for k, v in by_type(good).items()} == {
        "ErrorOccurred": "False",
        "ParametersGenerated": "True",
        "ResourcesUpToDate": "True",
    }
    error = policy.error_condition("ApplicationGenerationFromParamsError", "git is down")
    bad = policy.conditions(good, [error], NOW, generated=False, rolling=False)
    assert by_type(bad) == {
        "ErrorOccurred": ("True", "git is down"),
        "ParametersGenerated": ("False", "git is down"),
        "ResourcesUpToDate": ("False", "git is down"),
    }
    assert {c["lastTransitionTime"] for c in bad} == {NOW}


def test_what_did_not_change_keeps_its_time() -> None:
    good = policy.conditions([], [policy.up_to_date()], BEFORE, generated=True, rolling=False)
    assert policy.conditions(good, [policy.up_to_date()], NOW, generated=True, rolling=False) == good


def test_conditions_of_a_rollout_go_with_the_strategy() -> None:
    progress = policy.condition(policy.ROLLOUT_PROGRESSING, True, "ApplicationSetModified", "step 1")
    during = policy.conditions([], [progress], BEFORE, generated=True, rolling=True)
    assert "RolloutProgressing" in by_type(during)
    after = policy.conditions(during, [policy.up_to_date()], NOW, generated=True, rolling=False)
    assert "RolloutProgressing" not in by_type(after)


# --- progressive syncs --------------------------------------------------------------------------------------------


def rolling_set(*steps: Obj, statuses: list[Obj] | None = None, **strategy: Any) -> Obj:
    made = appset(strategy={"type": "RollingSync", "rollingSync": {"steps": list(steps)}, **strategy})
    return {**made, "status": {"applicationStatus": statuses or []}}


def step(env: str, operator: str = "In", **more: Any) -> Obj:
    return {"matchExpressions": [{"key": "env", "operator": operator, "values": [env]}], **more}


def live(name: str, env: str = "dev", sync: str = "OutOfSync", health: str = "Healthy", **status: Any) -> Obj:
    found = {
        "sync": {"status": sync, "revision": "r1"},
        "health": {"status": health},
        "reconciledAt": AFTER,
        **status,
    }
    return {**app(name, env=env), "status": found}


def state(name: str, what: str, at: str = BEFORE, number: str = "1") -> Obj:
    return {
        "application": name,
        "status": what,
        "message": "",
        "step": number,
        "targetRevisions": ["r1"],
        "lastTransitionTime": at,
    }


def judged(owner: Obj, *current: Obj) -> dict[str, tuple[str, str]]:
    generated = [app(c["metadata"]["name"], env=c["metadata"]["labels"]["env"]) for c in current]
    steps = rolling.steps_of(owner, generated)
    found = rolling.application_statuses(owner, list(current), generated, steps, NOW, Ignores())
    return {s["application"]: (s["status"], s["message"]) for s in found}


TWO = (step("dev"), step("prod"))


@pytest.mark.parametrize(
    ("before", "now", "after", "message"),
    [
        (None, live("a"), "Waiting", "No Application status found, defaulting status to Waiting"),
        (
            None,
            live("a", sync="Synced"),
            "Healthy",
            "Application resource has synced, updating status to Healthy",
        ),
        (
            None,
            live("a", sync="Synced", health="Progressing"),
            "Progressing",
            "Application resource has synced, updating status to Progressing",
        ),
        ("Waiting", live("a"), "Waiting", ""),
        ("Pending", live("a"), "Pending", ""),
        (
            "Pending",
            live("a", operationState={"startedAt": AFTER, "phase": "Running"}),
            "Progressing",
            "Application resource became Progressing, updating status from Pending to Progressing",
        ),
        (
            "Pending",
            live("a", operationState={"startedAt": AFTER, "phase": "Succeeded"}),
            "Progressing",
            "Application resource completed a sync successfully, updating status from Pending to Progressing",
        ),
        (
            "Pending",
            live("a", operationState={"startedAt": AFTER, "phase": "Failed"}),
            "Progressing",
            "Application resource completed a sync, updating status from Pending to Progressing",
        ),
        ("Pending", live("a", reconciledAt=BEFORE, operationState={"startedAt": AFTER}), "Pending", ""),
        (
            "Pending",
            live("a", conditions=[{"type": "InvalidSpecError"}]),
            "Progressing",
            "Application resource has error and cannot sync, updating status to Progressing",
        ),
        ("Progressing", live("a"), "Progressing", ""),
        (
            "Progressing",
            live("a", sync="Synced"),
            "Healthy",
            "Application resource became Healthy, updating status from Progressing to Healthy",
        ),
        ("Healthy", live("a", health="Degraded"), "Healthy", ""),
        (
            "Healthy",
            live("a", sync="OutOfSync"),
            "Healthy",
            "",
        ),
    ],
)
def test_how_an_application_goes_on(before: str | None, now: Obj, after: str, message: str) -> None:
    owner = rolling_set(*TWO, statuses=[state("a", before)] if before else [])
    assert judged(owner, now)["a"] == (after, message)


def test_a_new_revision_or_another_spec_sets_an_application_back() -> None:
    owner = rolling_set(*TWO, statuses=[state("a", "Healthy")])
    newer = live("a")
    newer["status"]["sync"]["revision"] = "r2"
    assert judged(owner, newer)["a"] == (
        "Waiting",
        "Application has pending changes, setting status to Waiting",
    )
    other = live("a")
    other["spec"]["source"]["path"] = "elsewhere"
    assert judged(owner, other)["a"] == (
        "Waiting",
        "Application has pending changes (spec differs), setting status to Waiting",
    )


def test_that_the_set_switches_automation_off_is_no_difference_of_specs() -> None:
    owner = rolling_set(*TWO, statuses=[state("a", "Healthy")])
    wanted = app("a")
    wanted["spec"]["syncPolicy"] = {"automated": {"prune": True}}
    there = {**live("a"), "spec": rolling.without_automation(wanted)["spec"]}
    steps = rolling.steps_of(owner, [wanted])
    (found,) = rolling.application_statuses(owner, [there], [wanted], steps, NOW, Ignores())
    assert found["status"] == "Healthy"


def test_a_step_opens_when_all_before_it_are_healthy() -> None:
    apps = [live("a"), live("b"), live("c", "prod")]
    steps = rolling.steps_of(rolling_set(*TWO), apps)
    assert steps.members == [["a", "b"], ["c"]]
    assert rolling.to_sync(steps, [state("a", "Healthy"), state("b", "Progressing")], apps) == {"a", "b"}
    assert rolling.to_sync(steps, [state("a", "Healthy"), state("b", "Healthy")], apps) == {"a", "b", "c"}
    assert rolling.to_sync(steps, [state("a", "Healthy"), state("b", "Healthy")], apps[:1]) == {"a", "b"}


@pytest.mark.parametrize(
    ("most", "count"), [(None, 4), (1, 1), ("50%", 2), ("10%", 1), ("0%", 0), (0, 0), ("odd", 1)]
)
def test_as_many_as_max_update_allows_become_pending(most: int | str | None, count: int) -> None:
    apps = [live(name) for name in "abcd"]
    owner = rolling_set(step("dev", **({} if most is None else {"maxUpdate": most})))
    steps = rolling.steps_of(owner, apps)
    found = rolling.promoted(owner, [state(n, "Waiting") for n in "abcd"], set("abcd"), steps, NOW)
    assert sum(s["status"] == "Pending" for s in found) == count
    problem = rolling.problem_of(steps)
    assert problem == ("Step 1 has an invalid maxUpdate value: odd" if most == "odd" else "")


def test_those_under_way_count_against_max_update() -> None:
    apps = [live(name) for name in "abc"]
    owner = rolling_set(step("dev", maxUpdate=2))
    steps = rolling.steps_of(owner, apps)
    statuses = [state("a", "Progressing"), state("b", "Waiting"), state("c", "Waiting")]
    found = rolling.promoted(owner, statuses, set("abc"), steps, NOW)
    assert [s["status"] for s in found] == ["Progressing", "Pending", "Waiting"]
    closed = rolling.promoted(owner, statuses, set(), steps, NOW)
    assert [s["status"] for s in closed] == ["Progressing", "Waiting", "Waiting"]


def test_pending_applications_are_told_to_sync_and_none_syncs_itself() -> None:
    wanted = [app("a"), app("b")]
    for each in wanted:
        each["spec"]["syncPolicy"] = {"automated": {"prune": True}, "syncOptions": ["PruneLast=true"]}
    a, b = rolling.with_operations(wanted, [state("a", "Pending"), state("b", "Waiting")], {"a", "b"})
    assert a["spec"]["syncPolicy"]["automated"] == {"prune": True, "enabled": False}
    assert a["operation"]["sync"] == {"syncOptions": ["PruneLast=true"], "prune": True}
    assert a["operation"]["retry"] == {"limit": 5}
    assert a["operation"]["initiatedBy"] == {"username": "applicationset-controller", "automated": True}
    assert "operation" not in b


def test_an_application_of_no_step_is_never_synced() -> None:
    apps = [live("a", "other")]
    owner = rolling_set(*TWO)
    steps = rolling.steps_of(owner, apps)
    assert steps.shown_step("a") == "-1"
    assert rolling.to_sync(steps, [state("a", "Waiting")], apps) == set()


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((step("dev"), step("prod")), ""),
        (
            (step("dev", "Exists"), step("prod")),
            "Step 1 has invalid matchExpression operators: Exists. Supported Operators are 'In' and 'NotIn'",
        ),
        ((step("dev"), step("dev"), step("prod")), "Application 'a' is selected by multiple steps: (1-2)"),
        ((step("dev"), step("none"), step("prod")), "Steps [2] have no applications matching their criteria"),
        ((step("prod", "NotIn"), step("prod")), ""),
    ],
)
def test_what_is_wrong_with_steps(steps: tuple[Obj, ...], message: str) -> None:
    owner = rolling_set(*steps)
    found = rolling.steps_of(owner, [live("a"), live("b", "prod")])
    assert rolling.problem_of(found) == message
    config = rolling.conditions(owner, [], found)[0]
    assert (config["status"], config["message"]) == (
        ("True", message) if message else ("False", "Rolling Sync Configured correctly")
    )


def test_the_condition_names_the_step_that_is_under_way() -> None:
    owner = rolling_set(*TWO)
    steps = rolling.steps_of(owner, [live("a"), live("b", "prod")])
    half = [state("a", "Healthy"), state("b", "Waiting", number="2")]
    assert (
        rolling.conditions(owner, half, steps)[1]["message"]
        == "ApplicationSet is performing rollout of step 2"
    )
    done = [state("a", "Healthy"), state("b", "Healthy", number="2")]
    assert rolling.conditions(owner, done, steps)[1]["message"] == "ApplicationSet Rollout has completed"


def test_a_reverse_deletion_begins_with_the_last_step() -> None:
    owner = rolling_set(*TWO, deletionOrder="reverse")
    apps = [live("a"), live("b", "prod"), live("x", "other")]
    assert rolling.deletes_in_reverse(owner)
    assert not rolling.deletes_in_reverse(rolling_set(*TWO))
    first = rolling.next_deletion(owner, apps)
    assert first is not None
    assert first["metadata"]["name"] == "b"
    assert rolling.next_deletion(owner, apps[2:]) is None
