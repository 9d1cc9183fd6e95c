"""Does an Application sync itself: the rules of automation, self-heal, retries and windows."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.delivery.gitops.argocd import autosync, retries, windows
from kcsim.engine.clock import parse_rfc3339, rfc3339, seconds

Obj = dict[str, Any]
NOW = parse_rfc3339("2026-01-05T12:00:00Z")  # a Monday
SOURCE = {"repoURL": "https://git.example/apps", "path": "web", "targetRevision": "main"}
OUT: list[Obj] = [{"group": "apps", "kind": "Deployment", "name": "web", "status": "OutOfSync"}]
EXTRA: list[Obj] = [{"kind": "ConfigMap", "name": "old", "status": "OutOfSync", "requiresPruning": True}]


def app(automated: Obj | None = None, state: Obj | None = None, **more: Any) -> Obj:
    policy: Obj = {} if automated is None else {"automated": automated}
    return {
        "metadata": {"name": "web", "namespace": "argocd", **more.pop("metadata", {})},
        "spec": {
            "source": SOURCE,
            "syncPolicy": {**policy, **more.pop("policy", {})},
            **more.pop("spec", {}),
        },
        **({"status": {"operationState": state}} if state else {}),
        **more,
    }


def attempted(
    phase: str = "Succeeded", revision: str = "r1", attempts: int = 0, ago: int = 0, **more: Any
) -> Obj:
    return {
        "phase": phase,
        "message": "it broke",
        "finishedAt": rfc3339(NOW - ago),
        "operation": {"sync": {"autoHealAttemptsCount": attempts}},
        "syncResult": {"revision": revision, "source": SOURCE},
        **more,
    }


def decide(
    what: Obj, status: str = "OutOfSync", resources: list[Obj] | None = None, changes: bool = True
) -> autosync.Decision:
    sync = {"status": status, "revision": "r1"}
    return autosync.decide(what, sync, OUT if resources is None else resources, changes, NOW)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (app(), "automated sync is disabled"),
        (app({"enabled": False}), "automated sync is disabled"),
        (app({}, operation={}), "another operation is in progress"),
        (app({}, metadata={"deletionTimestamp": "x"}), "deletion in progress"),
    ],
)
def test_who_does_not_sync_at_all(what: Obj, reason: str) -> None:
    found = decide(what)
    assert (found.operation, found.error, found.wait) == (None, "", 0)
    assert reason in found.reason


@pytest.mark.parametrize("status", ["Synced", "Unknown"])
def test_only_what_is_out_of_sync_is_synced(status: str) -> None:
    assert decide(app({}), status).operation is None


def test_a_new_revision_is_synced_with_the_policy_s_options() -> None:
    policy = {"syncOptions": ["PruneLast=true"], "retry": {"limit": 2}}
    found = decide(app({"prune": True}, policy=policy))
    assert found.operation == {
        "sync": {"revision": "r1", "prune": True, "syncOptions": ["PruneLast=true"], "source": SOURCE},
        "initiatedBy": {"automated": True},
        "retry": {"limit": 2},
    }
    assert decide(app({})).operation is not None
    operation = decide(app({})).operation
    assert operation is not None
    assert operation["retry"] == {"limit": 5}


def test_without_prune_what_only_needs_pruning_stays_as_it_is() -> None:
    assert "need to prune extra resources only" in decide(app({}), resources=EXTRA).reason
    assert decide(app({}), resources=OUT + EXTRA).operation is not None


def test_pruning_everything_is_refused_unless_allowed() -> None:
    refused = decide(app({"prune": True}), resources=EXTRA)
    assert refused.error == "Skipping sync attempt to [r1]: auto-sync will wipe out all resources"
    assert decide(app({"prune": True, "allowEmpty": True}), resources=EXTRA).operation is not None


def test_a_failed_attempt_is_never_made_again_for_the_same_commit() -> None:
    for automated in ({}, {"selfHeal": True}):
        found = decide(app(automated, attempted("Failed")))
        assert found.error == "Failed last sync attempt to [r1]: it broke"
        assert found.operation is None
    assert decide(app({}, attempted("Failed", "r0"))).operation is not None


def test_other_parameters_are_another_attempt() -> None:
    changed = attempted("Failed")
    changed["syncResult"]["source"] = {**SOURCE, "path": "elsewhere"}
    assert decide(app({}, changed)).operation is not None


def test_an_operation_that_ended_without_result_counts_as_an_attempt() -> None:
    ended = attempted("Error")
    del ended["syncResult"]
    assert decide(app({}, ended)).error == "Failed last sync attempt to []: it broke"


def test_a_revision_that_changes_nothing_here_is_no_new_attempt() -> None:
    older = attempted("Succeeded", "r0")
    assert decide(app({}, older), changes=True).operation is not None
    assert decide(app({}, older), changes=False).operation is None


def test_self_heal_syncs_what_differs_and_counts() -> None:
    assert "most recent sync already to [r1]" in decide(app({}, attempted())).reason
    found = decide(app({"selfHeal": True}, attempted(attempts=1, ago=seconds("2s"))))
    assert found.operation is not None
    assert found.operation["sync"]["resources"] == [{"group": "apps", "kind": "Deployment", "name": "web"}]
    assert found.operation["sync"]["autoHealAttemptsCount"] == 2


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [(0, "0s"), (1, "2s"), (2, "6s"), (3, "18s"), (4, "54s"), (5, "162s"), (6, "300s"), (99, "300s")],
)
def test_self_heal_backs_off(attempts: int, wait: str) -> None:
    found = decide(app({"selfHeal": True}, attempted(attempts=attempts)))
    assert found.wait == seconds(wait)
    assert (found.operation is None) is bool(found.wait)
    later = decide(app({"selfHeal": True}, attempted(attempts=attempts, ago=seconds("301s"))))
    assert later.operation is not None


def test_self_heal_can_wait_a_fixed_time() -> None:
    fixed = autosync.SelfHeal(backs_off=False, timeout=seconds("5s"))
    assert fixed.delay(0) == fixed.delay(9) == seconds("5s")


def test_several_sources_are_compared_all_together() -> None:
    spec = {"sources": [SOURCE, SOURCE], "source": None}
    sync = {"status": "OutOfSync", "revisions": ["a", "b"]}
    state = attempted() | {"syncResult": {"revisions": ["a", "b"], "sources": [SOURCE, SOURCE]}}
    same = autosync.decide(app({}, state, spec=spec), sync, OUT, True, NOW)
    assert "already to [a b]" in same.reason
    new = autosync.decide(app({}, state, spec=spec), {**sync, "revisions": ["a", "c"]}, OUT, True, NOW)
    assert new.operation is not None
    assert new.operation["sync"]["revisions"] == ["a", "c"]


# --- retries ------------------------------------------------------------------------------------------------------


def test_retries_double_up_to_a_limit() -> None:
    assert [retries.delay({}, n) // seconds(1) for n in range(7)] == [5, 10, 20, 40, 80, 160, 180]
    own = {"backoff": {"duration": "10", "factor": 3, "maxDuration": "1m"}}
    assert [retries.delay(own, n) // seconds(1) for n in range(3)] == [10, 30, 60]
    with pytest.raises(ValueError, match="unable to parse soon as a duration"):
        retries.delay({"backoff": {"duration": "soon"}}, 0)


@pytest.mark.parametrize(
    ("limit", "count", "may"), [(0, 0, False), (2, 1, True), (2, 2, False), (-1, 99, True)]
)
def test_how_often_an_operation_is_tried(limit: int, count: int, may: bool) -> None:
    assert retries.may_retry({"limit": limit}, count) is may


# --- windows ------------------------------------------------------------------------------------------------------

OPEN, CLOSED = "0 11 * * *", "0 20 * * *"


def window(kind: str, schedule: str = OPEN, duration: str = "2h", **more: Any) -> Obj:
    return {"kind": kind, "schedule": schedule, "duration": duration, "applications": ["*"], **more}


@pytest.mark.parametrize(
    ("found", "by_itself", "by_hand"),
    [
        ([], True, True),
        ([window("allow")], True, True),
        ([window("allow", CLOSED)], False, False),
        ([window("allow", CLOSED, manualSync=True)], False, True),
        ([window("deny")], False, False),
        ([window("deny", manualSync=True)], False, True),
        ([window("deny", manualSync=True), window("deny")], False, False),
        ([window("deny", CLOSED)], True, True),
        ([window("allow"), window("deny")], False, False),
        ([window("allow", CLOSED), window("allow")], True, True),
        ([window("deny", CLOSED), window("allow", CLOSED)], False, False),
    ],
)
def test_windows(found: list[Obj], by_itself: bool, by_hand: bool) -> None:
    assert windows.allows(found, NOW, manual=False) is by_itself
    assert windows.allows(found, NOW, manual=True) is by_hand


def test_an_operation_that_began_in_time_may_go_on_where_all_windows_say_so() -> None:
    hour = seconds("1h")
    denied = window("deny", syncOverrun=True)
    assert windows.allows([denied], NOW, manual=False, started=NOW - 2 * hour)
    assert not windows.allows([denied], NOW, manual=False, started=NOW - hour // 2)
    assert not windows.allows([denied, window("deny")], NOW, manual=False, started=NOW - 2 * hour)
    ended = window("allow", "0 9 * * *", syncOverrun=True)
    assert windows.allows([ended], NOW, manual=False, started=NOW - 2 * hour)


def test_a_window_is_open_from_just_after_its_start_until_just_before_its_end() -> None:
    noon = window("allow", "0 12 * * *", "1h")
    assert [windows.is_active(noon, NOW + at) for at in (0, 1, seconds("1h") - 1, seconds("1h"))] == [
        False,
        True,
        True,
        False,
    ]


def test_windows_have_time_zones() -> None:
    berlin = window("allow", "0 12 * * *", "30m", timeZone="Europe/Berlin")
    assert windows.is_active(berlin, NOW - seconds("50m"))
    assert not windows.is_active(berlin, NOW + 1)
    nowhere = {"spec": {"syncWindows": [berlin, window("allow", timeZone="Mars/Olympus"), window("odd")]}}
    assert windows.complaints(nowhere) == [
        "Invalid time zone Mars/Olympus specified. Using UTC as default time zone",
        "kind 'odd' mismatch: can only be allow or deny",
    ]


@pytest.mark.parametrize(
    ("more", "matches"),
    [
        ({"applications": ["we*"]}, True),
        ({"applications": ["api"]}, False),
        ({"applications": [], "namespaces": ["shop"]}, True),
        ({"applications": [], "clusters": ["in-*"]}, True),
        ({"applications": ["api"], "namespaces": ["shop"]}, True),
        ({"applications": ["api"], "namespaces": ["shop"], "andOperator": True}, False),
        ({"applications": ["web"], "namespaces": ["shop"], "andOperator": True}, True),
        ({"applications": []}, False),
    ],
)
def test_which_windows_are_about_an_application(more: Obj, matches: bool) -> None:
    project = {"metadata": {"name": "default"}, "spec": {"syncWindows": [window("deny", **more)]}}
    what = app({}, spec={"destination": {"name": "in-cluster", "namespace": "shop"}})
    assert bool(windows.matching(project, what)) is matches
    assert windows.can_sync(project, what, NOW, manual=False) is not matches


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (window("allow"), ""),
        (window("maybe"), "kind 'maybe' mismatch: can only be allow or deny"),
        (window("deny", "* * *"), "cannot parse schedule '* * *'"),
        (window("deny", "@daily"), "parser does not accept descriptors: @daily"),
        (window("deny", duration="long"), "cannot parse duration 'long'"),
        (window("deny", applications=[]), "requires one of application, cluster or namespace"),
        (window("deny", description="x" * 256), "description must not exceed 255 characters"),
    ],
)
def test_what_is_wrong_with_a_window(found: Obj, words: str) -> None:
    assert words in windows.problem(found)
    assert bool(windows.problem(found)) is bool(words)
