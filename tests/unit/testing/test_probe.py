"""The probe: what it finds, what it leaves out, what it tells, and how it bears bad controllers."""

from __future__ import annotations

import re
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from kcsim.api.objects import Object
from kcsim.scenario.load import load as load_file
from kcsim.scenario.model import Scenario, TimelineEntry
from kcsim.scenario.play import Play
from kcsim.testing.inevitability import inevitability, of_expectation, of_violation
from kcsim.testing.probing.holds import NotJudged
from kcsim.testing.probing.masks import masked
from kcsim.testing.probing.plan import Crash, Drop, Hold, Rewind, parse
from kcsim.testing.probing.planner import plan_all
from kcsim.testing.probing.probe import NoSuchController, demand, probe, target_of, try_plan
from kcsim.testing.probing.runs import Target, run
from kcsim.testing.probing.save import counterexample, save
from kcsim.testing.tiny import Step, crd, story
from kcsim.testing.zoo.tour import EXHIBITS, Exhibit
from tests.unit.testing.controllers import Crowd, Endless, Raising, Restless, Spinning, WebApps, web_app

BUILTIN = ("garbage-collector-controller",)


def world(made: type, *steps: Step) -> Scenario:
    steps = steps or (("5s", web_app()),)
    return story(
        "probed", (0, crd("WebApp", "example.com")), *steps, controllers={made.name: made}, builtin=BUILTIN
    )


def exhibit(name: str) -> Exhibit:
    return next(each for each in EXHIBITS if each.name == name)


# --- plans ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("crash after write 3", Crash(3)),
        ("crash after write 3, back after 1m10s", Crash(3, 70_000_000)),
        ("drop change 2 of pods default/db-1 from 1m for 5s", Drop("pods", "default", "db-1", 2, 1, 60_000_000, 5_000_000)),
        ("drop changes 1-3 of nodes /node-1 from 0s for 5s", Drop("nodes", "", "node-1", 1, 3, 0, 5_000_000)),
        ("hold pods from 1m0.2s for 30s", Hold("pods", 60_200_000, 30_000_000)),
        ("restart at 2m30s into revision 57 for 30s", Rewind(150_000_000, 57, 30_000_000)),
    ],
)  # fmt: skip
def test_a_plan_is_written_and_read_back(text: str, plan: object) -> None:
    assert parse(text) == plan
    assert str(plan) == text


def test_what_is_no_plan_is_told_with_the_forms() -> None:
    with pytest.raises(ValueError, match="'crash now' is no plan; write crash after write 3"):
        parse("crash now")


def test_arming_a_plan_that_never_acts_changes_no_object() -> None:
    target = target_of(exhibit("two-secrets").world())
    calm, armed = run(target), run(target, Crash(99))
    assert calm.objects == armed.objects
    assert [e.time for e in calm.effects] == [e.time for e in armed.effects]


def test_a_probe_gives_the_same_report_twice() -> None:
    scenario = exhibit("old-size").world()
    assert probe(scenario).to_json() == probe(scenario).to_json()


# --- what it plans --------------------------------------------------------------------------------------------


def test_writes_that_changed_nothing_get_no_crash_point() -> None:
    target = Target(world(WebApps, ("5s", web_app()), ("1m", web_app(image="web:2"))), "webapps")
    reference = run(target)
    plans = plan_all(target, reference).plans
    assert len([p for p in plans if isinstance(p, Crash) and p.pattern == "intermediate"]) == len(
        reference.effects
    )


def test_only_changes_that_are_superseded_and_acted_upon_are_dropped() -> None:
    target = Target(world(Crowd, ("5s", web_app(replicas=3))), "crowd")
    planned = plan_all(target, run(target))
    drops = [plan for plan in planned.plans if isinstance(plan, Drop)]
    # Each ConfigMap is told of once, and so is the object: nothing supersedes any of them.
    assert drops == []
    assert planned.pruned["drop: nothing supersedes the change"] == 4


def test_views_are_left_out_when_to_act_again_would_change_nothing() -> None:
    target = Target(world(Crowd, ("5s", web_app(replicas=3))), "crowd")
    planned = plan_all(target, run(target))
    assert not [plan for plan in planned.plans if isinstance(plan, Rewind)]
    assert planned.pruned["rewind: to do it again would change nothing"] == 4


def test_the_probe_is_at_hand() -> None:
    import kcsim.testing

    assert kcsim.testing.probe is probe
    with pytest.raises(AttributeError, match="has no attribute 'prob'"):
        kcsim.testing.prob  # noqa: B018 - the access is the test


def test_patterns_can_be_chosen() -> None:
    scenario = exhibit("two-secrets").world()
    assert probe(scenario, patterns=("stale", "unobserved")).passed
    assert not probe(scenario, patterns=("intermediate",)).passed
    with pytest.raises(ValueError, match="no pattern 'staled'"):
        probe(scenario, patterns=("staled",))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["foo bar", "", "a..b", "disk:"])
def test_what_may_differ_is_a_field(field: str) -> None:
    with pytest.raises(ValueError, match=f"'{field}' is no field of an object: write status.lastSeen"):
        probe(exhibit("two-secrets").world(), ignore=(field,))


# --- known answers --------------------------------------------------------------------------------------------


def test_a_claim_that_is_checked_by_its_size_only_is_found_by_a_crash_and_by_nothing_else() -> None:
    report = probe(exhibit("unprepared-claim").world())
    assert report.patterns == ("intermediate",)
    assert str(report.violations[0].plan) == "crash after write 1"  # between its first and its second write


def test_an_old_deletion_is_acted_upon_in_a_stale_view_and_in_no_other() -> None:
    report = probe(exhibit("old-deletion").world())
    assert report.patterns == ("stale",)
    assert {each.subject for each in report.violations[0].differences} == {
        "persistentvolumeclaim/default/data-db-0"
    }


def test_a_claim_leaks_when_a_termination_is_not_observed_and_in_no_other_case() -> None:
    report = probe(exhibit("while-terminating").world())
    assert report.patterns == ("unobserved",)
    assert str(report.violations[0].differences[0]) == "persistentvolumeclaim/default/data-db-1 is left over"


# --- bad controllers ------------------------------------------------------------------------------------------


def test_a_controller_that_raises_is_told_with_its_object_and_time_and_the_world_goes_on() -> None:
    report = probe(world(Raising))
    (violation, *_) = report.violations
    assert violation.plan is None
    told = str(violation.differences[0])
    assert told.startswith("raising default/web raised KeyError: 'size' (controllers.py:")
    assert "on raising default/web at t=5." in told
    assert "times in all" in told
    assert report.target.scenario.until > 0


def test_its_world_is_intact() -> None:
    outcome = run(Target(world(Raising), "raising"))
    assert outcome.play.over
    assert outcome.play.get("webapp/web")["spec"]["replicas"] == 2


def test_a_controller_that_never_settles_is_named_as_a_hot_loop_and_the_probe_ends() -> None:
    report = probe(world(Spinning))
    (violation,) = report.violations
    (found,) = violation.differences
    assert found.what == "hot loop"
    assert str(found).startswith("spinning default/web is in a hot loop: it is reconciled ")
    assert not report.tried


def test_a_controller_that_writes_on_and_on_is_told() -> None:
    report = probe(world(Restless), patterns=("intermediate",))
    assert report.violations[0].plan is None
    assert "webapp/default/web is still written at the end of the quiet time" in str(
        report.violations[0].differences[0]
    )


class Idle(WebApps):
    def desired(self, obj: Object, observed: dict[str, list[Object]]) -> list[Object]:
        del obj, observed
        return []

    def status(self, obj: Object, observed: dict[str, list[Object]]) -> Object:
        del obj, observed
        return {}


class Misspelt(WebApps):
    watches = "webaps.example.com"


class Unknown(WebApps):
    owns = ("deployments.apps", "services", "confgmaps")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Idle, "the controller wrote nothing that took effect, so there is nothing to perturb"),
        (
            Misspelt,
            "webaps.example.com is watched, and the API server does not serve it; did you mean webapps.",
        ),
        (Unknown, "confgmaps is watched, and the API server does not serve it; did you mean configmaps?"),
    ],
)
def test_a_probe_that_could_prove_nothing_does_not_pass(made: type, told: str) -> None:
    report = probe(world(made))
    assert not report.passed
    assert told in report.text()


def test_a_controller_that_the_story_does_not_run_is_told() -> None:
    with pytest.raises(NoSuchController, match=r"runs no .webapp.; it runs .*webapps"):
        probe(world(WebApps), "webapp")
    with pytest.raises(NoSuchController, match="brings none of its own"):
        probe("plain-release")


# --- what it tells --------------------------------------------------------------------------------------------


def test_fields_can_be_left_out() -> None:
    scenario = exhibit("claim-expansion").world()
    assert not probe(scenario, patterns=("intermediate",)).passed
    assert probe(scenario, patterns=("intermediate",), ignore=("disk:spec.size",)).passed


def test_demand_tells_what_went_wrong() -> None:
    scenario = exhibit("two-secrets").world()
    with pytest.raises(
        AssertionError, match="crash after write 1\n  secret/default/db-ssl-internal is missing"
    ):
        demand(scenario, plan="crash after write 1")
    with pytest.raises(AssertionError, match="1 way to go wrong"):
        demand(scenario)
    demand(exhibit("two-secrets").world(mended=True))


def test_a_counterexample_is_a_scenario_that_fails_and_a_test_that_fails(tmp_path: Path) -> None:
    report = probe(exhibit("two-secrets").world())
    file, test = save(report.target, report.violations[0], tmp_path)
    scenario = load_file(str(file))
    assert scenario == counterexample(report.target, report.violations[0])
    play = Play(scenario)
    play.finish()
    (verdict,) = play.verdicts()
    assert not verdict.passed
    (case,) = (value for key, value in runpy.run_path(str(test)).items() if key.startswith("test_"))
    with pytest.raises(AssertionError, match="db-ssl-internal is missing"):
        case()


def test_a_counterexample_of_a_controller_in_a_file_names_the_file(tmp_path: Path) -> None:
    report = probe(world(Raising))
    file, _ = save(report.target, report.violations[0], tmp_path)
    assert "use: tests/unit/testing/controllers.py:Raising" in file.read_text(encoding="utf-8")


def test_a_counterexample_takes_no_name_of_the_storys_own(tmp_path: Path) -> None:
    scenario = exhibit("two-secrets").world()
    (first, *rest) = scenario.timeline
    report = probe(
        replace(scenario, timeline=(replace(first, name="crash"), *rest)), patterns=("intermediate",)
    )
    file, _ = save(report.target, report.violations[0], tmp_path)
    assert [entry.name for entry in load_file(file).timeline if entry.fault] == ["crash-2"]


def test_a_saved_story_finds_its_controllers_file_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(Path("tests/unit/testing/controllers.py").read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    scenario = world(Raising)
    mine = replace(scenario, controllers=(replace(scenario.controllers[0], use="mine.py:Raising"),))
    report = probe(mine)
    file, _ = save(report.target, report.violations[0], Path("found"))
    assert "use: ../mine.py:Raising" in file.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path / "found")
    assert Play(load_file(file.name)).run("10s")
    with pytest.raises(AssertionError, match="1 way to go wrong"):
        runpy.run_path(str(Path(f"test_{file.stem.replace('-', '_')}.py")))[
            f"test_{file.stem.replace('-', '_')}"
        ]()


def test_the_report_of_a_story_without_a_file_says_how_to_replay() -> None:
    assert 'replay: demand(story, plan="crash after write 1")' in probe(exhibit("two-secrets").world()).text()


def test_a_run_in_which_the_storys_own_steps_meet_another_state_is_not_judged() -> None:
    report = probe(exhibit("old-deletion").world(mended=True))
    assert [str(plan) for plan in report.incomparable] == ["crash after write 3, back after 1m10s"]
    assert report.passed


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ("crash after write 500", "two-secrets sends 2 writes in this story"),
        ("hold podz from 1s for 30s", "two-secrets does not watch podz; it watches databases, secrets"),
        ("hold secrts from 1s for 30s", "did you mean secrets?"),
        ("hold secrets from 2m for 30s", "no change of secrets reaches two-secrets from 2m for 30s, 2 in the whole"),
        ("drop change 1 of secrets default/no from 0s for 30s", "no change of secrets default/no reaches two-secrets"),
        ("drop change 9 of databases default/db from 0s for 1m", "1 change of databases default/db reaches two-secrets"),
        ("restart at 1m into revision 9999 for 30s", "the newest revision at 1m is"),
        ("restart at 2h into revision 20 for 30s", "the run is over before 2h"),
    ],
)  # fmt: skip
def test_a_plan_that_never_takes_hold_is_told_so(plan: str, why: str) -> None:
    target = target_of(exhibit("two-secrets").world())
    with pytest.raises(NotJudged, match=f"^{plan}: never took hold: .*{re.escape(why)}"):
        try_plan(target, plan)


def test_a_single_plan_under_which_the_story_goes_another_way_is_told_so() -> None:
    target = target_of(exhibit("old-deletion").world(mended=True))
    with pytest.raises(NotJudged, match="cannot be judged: the story's own steps met another state"):
        try_plan(target, "crash after write 3, back after 1m10s")


def test_a_saved_case_that_tests_nothing_any_more_says_so() -> None:
    with pytest.warns(UserWarning, match="never took hold"):
        demand(exhibit("two-secrets").world(mended=True), plan="crash after write 500")


def test_a_faults_of_the_story_itself_is_no_sign_that_a_plan_took_hold() -> None:
    scenario = exhibit("two-secrets").world()
    own = TimelineEntry(at=0, fault="crash-point", component="two-secrets", nth=1)
    target = target_of(replace(scenario, timeline=(*scenario.timeline, own)))
    with pytest.raises(NotJudged, match="never took hold"):
        try_plan(target, "crash after write 500")


def test_a_reconcile_that_never_ends_is_a_hot_loop() -> None:
    (violation,) = probe(world(Endless)).violations
    assert re.search(
        r"endless default/web is in a hot loop: one reconcile does not end, and sends \d+ requests in 5s",
        str(violation.differences[0]),
    )


# --- what may differ ------------------------------------------------------------------------------------------


def test_how_long_something_took_may_differ() -> None:
    def told(message: str) -> Object:
        status = {"conditions": [{"type": "Healthy", "message": message}]}
        return masked({"apiVersion": "v1", "kind": "App", "metadata": {"name": "a"}, "status": status}, None)

    assert told("Health check passed in 21.085ms") == told("Health check passed in 1m0.5s")
    assert told("requeue in 5 pods") != told("requeue in 6 pods")


@pytest.mark.parametrize("component", ["kustomize-controller", "source-controller"])
def test_flux_is_not_accused(component: str) -> None:
    report = probe("plain-release", component, delivery="flux", patterns=("intermediate", "unobserved"))
    assert report.passed, report.text()


# --- how inevitable it was ------------------------------------------------------------------------------------


def test_a_defect_that_needs_no_luck_is_inevitable() -> None:
    target = target_of(exhibit("two-secrets").world())
    violation = try_plan(target, "crash after write 1")
    assert violation is not None
    curve = of_violation(target, violation, rewinds=("1s", "10s"), seeds=3)
    assert [(point.rewind, point.rate) for point in curve.points] == [(1_000_000, 1.0), (violation.time, 1.0)]
    assert "100%" in str(curve)


def test_a_schedule_that_must_hit_an_instant_is_chance_until_then() -> None:
    ex = exhibit("lagging-count")
    target = target_of(ex.world())
    violation = try_plan(target, ex.schedule)
    assert violation is not None
    curve = of_violation(target, violation, rewinds=(0, "1s"), seeds=3)
    assert [point.rate for point in curve.points] == [1.0, 0.0]


def test_an_expectation_has_a_curve_as_well() -> None:
    report = probe(exhibit("two-secrets").world())
    scenario = counterexample(report.target, report.violations[0])
    assert of_expectation(scenario, "end-1", rewinds=("1s",), seeds=2).points[0].rate == 1.0
    with pytest.raises(ValueError, match="no expectation 'end-9'; there are end-1"):
        of_expectation(scenario, "end-9")


def test_a_curve_needs_something_to_count() -> None:
    with pytest.raises(ValueError, match="at least one rewind and one seed"):
        inevitability(lambda: Play(exhibit("two-secrets").world()), lambda _: True, "1s", seeds=0)
