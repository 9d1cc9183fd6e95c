"""What helm-controller decides: the state of a release, the next action, which failures count, what is remembered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.api.patch import json_patch
from kcsim.delivery.charts import Chart
from kcsim.delivery.gitops.flux.helm import drift, history, sources, state, terms, values
from kcsim.delivery.gitops.flux.helm.releases import Release
from kcsim.delivery.gitops.flux.helm.state import State

CHART = Chart("web", "1.0.0", "", {"name": "web", "version": "1.0.0"}, {})
RELEASE = Release("web", "shop", 1, CHART.metadata, {}, "", (), "deployed", "", "t", "t")


def obj(**spec):
    metadata = {"name": "web", "namespace": "shop", "generation": 1}
    return {"kind": "HelmRelease", "metadata": metadata, "spec": {"interval": "5m", **spec}}


def seen(*releases, **status):
    made = [history.snapshot(release) for release in releases]
    return {"history": made, "observedGeneration": 1, "lastAttemptedReleaseAction": "upgrade", **status}


def determined(last, status, wanted=None, chart=CHART, given_values=None):
    return state.determined(wanted or obj(), status, last, chart, given_values or {})


# --- state ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "status", "found"),
    [
        (None, {}, state.ABSENT),
        (RELEASE.becomes("pending-upgrade"), seen(RELEASE), state.LOCKED),
        (RELEASE, {}, state.UNMANAGED),
        (RELEASE.becomes("uninstalled"), {}, state.ABSENT),
        (replace(RELEASE, manifest="x"), seen(RELEASE), state.UNMANAGED),
        (RELEASE, seen(RELEASE), state.IN_SYNC),
        (RELEASE.becomes("failed"), seen(RELEASE.becomes("failed")), state.FAILED_RELEASE),
        (RELEASE.becomes("uninstalled"), seen(RELEASE.becomes("uninstalled")), state.ABSENT),
    ],
)
def test_the_state_follows_from_storage_and_history(last, status, found):
    assert determined(last, status).status == found


def test_another_chart_or_other_values_are_out_of_sync():
    other = replace(CHART, version="1.1.0")
    assert determined(RELEASE, seen(RELEASE), chart=other) == State(
        state.OUT_OF_SYNC, "release chart changed"
    )
    changed = determined(RELEASE, seen(RELEASE), given_values={"a": 1})
    assert changed == State(state.OUT_OF_SYNC, "release config values changed")


def test_post_renderers_are_compared_only_for_a_new_generation():
    wanted = obj(postRenderers=[{"kustomize": {}}])
    assert determined(RELEASE, seen(RELEASE), wanted).status == state.IN_SYNC
    assert determined(RELEASE, seen(RELEASE, observedGeneration=0), wanted).status == state.OUT_OF_SYNC


def test_a_status_that_nobody_knows_is_an_error():
    strange = RELEASE.becomes("uninstalling")
    with pytest.raises(state.StateUnknown, match="status 'uninstalling'"):
        determined(strange, seen(strange))


# --- actions ----------------------------------------------------------------------------------------------------


def chosen(found, status, wanted=None, *, forced=False, **more):
    return state.chosen(wanted or obj(), status, State(found), forced=forced, **more)


BROKEN = replace(RELEASE.becomes("failed"), version=2)


@pytest.mark.parametrize(
    ("found", "action"),
    [
        (state.IN_SYNC, None),
        (state.LOCKED, "unlock"),
        (state.ABSENT, "install"),
        (state.UNMANAGED, "upgrade"),
        (state.OUT_OF_SYNC, "upgrade"),
        (state.UNTESTED, "test"),
        (state.DRIFTED, None),
    ],
)
def test_each_state_has_its_action(found, action):
    assert chosen(found, seen(RELEASE)) == action


def test_drift_is_corrected_only_where_that_is_enabled():
    assert chosen(state.DRIFTED, seen(RELEASE), obj(driftDetection={"mode": "warn"})) is None
    assert chosen(state.DRIFTED, seen(RELEASE), obj(driftDetection={"mode": "enabled"})) == state.CORRECT


def test_a_failure_is_remedied_as_long_as_there_are_retries():
    status = seen(BROKEN, RELEASE, upgradeFailures=1)
    with pytest.raises(state.OutOfRetries, match="cannot remediate failed release"):
        chosen(state.FAILED_RELEASE, status)
    retries = obj(upgrade={"remediation": {"retries": 1}})
    assert chosen(state.FAILED_RELEASE, status, retries) == state.ROLL_BACK
    by_uninstall = obj(upgrade={"remediation": {"retries": 1, "strategy": "uninstall"}})
    assert chosen(state.FAILED_RELEASE, status, by_uninstall) == state.REMEDIATE_BY_UNINSTALL
    spent = {**status, "upgradeFailures": 2}
    assert chosen(state.FAILED_RELEASE, spent, retries) == state.ROLL_BACK, "the last failure, too"
    left = obj(upgrade={"remediation": {"retries": 1, "remediateLastFailure": False}})
    with pytest.raises(state.OutOfRetries):
        chosen(state.FAILED_RELEASE, spent, left)
    assert chosen(state.FAILED_RELEASE, spent, left, forced=True) == "upgrade"
    endless = obj(upgrade={"remediation": {"retries": -1}})
    many = {**status, "upgradeFailures": 99}
    with pytest.raises(state.OutOfRetries):
        chosen(state.OUT_OF_SYNC, many)
    assert chosen(state.OUT_OF_SYNC, many, endless) == "upgrade"


def test_no_target_no_rollback():
    retries = obj(upgrade={"remediation": {"retries": 1}})
    with pytest.raises(state.NoTarget):
        chosen(state.FAILED_RELEASE, seen(BROKEN, upgradeFailures=1), retries)
    status = seen(BROKEN, RELEASE, upgradeFailures=1)
    assert chosen(state.FAILED_RELEASE, status, retries, target_ok=False) == "upgrade"


def test_retry_on_failure_always_upgrades():
    strategy = obj(upgrade={"strategy": {"name": "RetryOnFailure"}})
    status = seen(BROKEN, RELEASE, upgradeFailures=7)
    assert chosen(state.FAILED_RELEASE, status, strategy) == "upgrade"
    assert chosen(state.FAILED_RELEASE, status, retries=True) == "upgrade"
    assert terms.retry_interval(strategy, "upgrade") == terms.RETRY_INTERVAL
    assert terms.retry_interval(obj(), "upgrade") is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"lastAttemptedGeneration": 0}, "generation differs from last attempt"),
        ({"lastAttemptedRevision": "0.9"}, "chart version differs from last attempt"),
        ({"lastAttemptedConfigDigest": "sha256:0"}, "values differ from last attempt"),
    ],
)
def test_failures_count_anew_when_something_else_is_attempted(change, reason):
    config = values.digest({})
    status = {
        "lastAttemptedGeneration": 1,
        "lastAttemptedRevision": "1.0.0",
        "lastAttemptedConfigDigest": config,
    }
    assert state.reset_reason(obj(), {**status, **change}, "1.0.0", config, asked=False) == reason
    if not reason:
        assert state.reset_reason(obj(), status, "1.0.0", config, asked=True).startswith("reset requested")


@pytest.mark.parametrize(
    ("spec", "chart", "what"),
    [
        ({}, "web", ""),
        ({"storageNamespace": "other"}, "web", "storage namespace"),
        ({"targetNamespace": "other"}, "web", "release namespace"),
        ({"releaseName": "other"}, "web", "release name"),
        ({}, "other", "chart name"),
        ({"upgrade": {"chartNameChangeStrategy": "InPlaceUpdate"}}, "other", ""),
    ],
)
def test_what_makes_it_another_release(spec, chart, what):
    assert state.target_changed(obj(**spec), seen(RELEASE, storageNamespace="shop"), chart) == what


# --- names, history, sources ------------------------------------------------------------------------------------


def test_names_are_composed_and_shortened():
    assert terms.release_name(obj(targetNamespace="front")) == "front-web"
    long = terms.release_name(obj(targetNamespace="x" * 60))
    assert len(long) == 53
    assert long.startswith("x" * 40 + "-")


def test_the_previous_release_is_the_newest_good_one():
    old = history.snapshot(RELEASE.becomes("superseded"))
    bad = {**history.snapshot(replace(RELEASE, version=2)), "testHooks": {"check": {"phase": "Failed"}}}
    newest = history.snapshot(replace(BROKEN, version=3))
    held = [newest, bad, old]
    assert history.previous(held, ignore_tests=False) == old
    assert history.previous(held, ignore_tests=True) == bad
    assert history.truncated(held, ignore_tests=True) == [newest, bad]
    assert history.has_been_tested(bad)
    assert not history.has_been_tested(old)


def source(kind="OCIRepository", revision="1.0.0@sha256:0123456789abcdef"):
    return {
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "generation": 1},
        "status": {"artifact": {"revision": revision}, "observedGeneration": 1},
    }


def test_the_digest_of_an_artifact_becomes_part_of_the_version():
    chart, digest = sources.with_revision(CHART, source())
    assert (chart.version, digest) == ("1.0.0+0123456789ab", "sha256:0123456789abcdef")
    with pytest.raises(
        sources.ChartMutateError, match=r"revision 2\.0\.0 does not match chart version 1\.0\.0"
    ):
        sources.with_revision(CHART, source(revision="2.0.0@sha256:0123456789abcdef"))
    latest = source(revision="latest@sha256:0123456789abcdef")
    assert sources.with_revision(CHART, latest)[0].version == "1.0.0+0123456789ab"
    assert sources.with_revision(CHART, source("HelmChart", "1.0.0")) == (CHART, "")


# --- drift ------------------------------------------------------------------------------------------------------

_LEAVES = st.none() | st.booleans() | st.integers(0, 3) | st.text("ab/~", max_size=2)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab/~", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_VALUES, _VALUES)
def test_the_patch_of_a_difference_leads_from_one_to_the_other(before, after):
    live = {"metadata": {}, "spec": {"value": before}}
    wanted = {"metadata": {}, "spec": {"value": after}}
    changes = drift.operations(live, wanted, ())
    assert json_patch.apply(live, changes) == wanted
    assert (not changes) == (before == after)
