"""Many runs: the same results in whatever order and in however many processes, told by group."""

from __future__ import annotations

import pytest

import kcsim
from kcsim.notebook import heat_map, spread
from kcsim.scenario.diagnostics import ScenarioError
from kcsim.scenario.sweep import Sweep

INTERVAL = "deliveries.flux.gitRepository.interval"
UNTIL = "13m"


@pytest.fixture(scope="module")
def swept() -> Sweep:
    return kcsim.sweep(
        "plain-release", [3, 4], vary={INTERVAL: ["30s", "1m"]}, deliveries=["push", "flux"], until=UNTIL
    )


def test_a_run_for_each_combination_seed_and_delivery_in_that_order(swept: Sweep) -> None:
    rows = swept.to_records()
    assert [(row[INTERVAL], row["seed"], row["delivery"]) for row in rows] == [
        (interval, seed, delivery)
        for interval in ("30s", "1m")
        for seed in (3, 4)
        for delivery in ("push", "flux")
    ]


def test_a_run_of_a_sweep_is_that_run_alone(swept: Sweep) -> None:
    row = next(r for r in swept.to_records() if (r[INTERVAL], r["seed"], r["delivery"]) == ("30s", 4, "flux"))
    alone = kcsim.load("plain-release", "flux", 4, settings={INTERVAL: "30s"}, until=UNTIL)
    alone.finish()
    assert row["trace_sha256"] == alone.trace.sha256()
    assert row["change_lead_time"] == next(m.value for m in alone.measures() if m.name == "change_lead_time")


@pytest.mark.slow
def test_processes_share_the_work_and_change_nothing(swept: Sweep) -> None:
    again = kcsim.sweep(
        "plain-release",
        [3, 4],
        vary={INTERVAL: ["30s", "1m"]},
        deliveries=["push", "flux"],
        until=UNTIL,
        jobs=2,
    )
    assert again == swept


def test_groups_medians_and_pictures(swept: Sweep) -> None:
    groups = swept.groups("change_lead_time")
    assert list(groups) == [
        "push, interval=30s",
        "flux, interval=30s",
        "push, interval=1m",
        "flux, interval=1m",
    ]
    assert all(len(values) == 2 for values in groups.values())
    assert swept.medians("change_lead_time")["flux, interval=30s"] == sum(groups["flux, interval=30s"]) / 2
    assert len(spread(swept, "change_lead_time").groups) == 4
    assert [label for label, _ in heat_map(swept, "change_lead_time").rows] == ["interval=30s", "interval=1m"]
    assert "4 seeds" not in str(swept)
    assert "Change lead time" in str(swept)


def test_how_far_it_is_can_be_followed() -> None:
    told: list[tuple[int, int]] = []
    kcsim.sweep(
        "plain-release",
        3,
        deliveries=["push"],
        until="1m",
        progress=lambda done, all_: told.append((done, all_)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_bar_says_the_same_each_time(capsys) -> None:
    for _ in range(2):
        kcsim.sweep("plain-release", 2, deliveries=["push"], until="1m", progress=True)
    first, second, _ = capsys.readouterr().err.split("\n")
    assert first == second
    assert first.endswith("2 of 2 runs")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"seeds": 0}, ValueError, "no seed"),
        ({"seeds": []}, ValueError, "no seed"),
        ({"seeds": [-1]}, ValueError, "0 or more"),
        ({"seeds": "12"}, TypeError, "whole number"),
        ({"seeds": 1.5}, TypeError, "number of seeds"),
        ({"jobs": 0}, ValueError, "jobs"),
        ({"vary": {INTERVAL: "1m"}}, TypeError, "list of values"),
        ({"vary": {INTERVAL: []}}, ValueError, "names no value"),
        ({"vary": {INTERVAL: ["1m", "soon"]}}, ScenarioError, "not a duration"),
        ({"deliveries": ["pusch"]}, ScenarioError, "did you mean 'push'"),
    ],
)
def test_bad_questions_are_refused_before_anything_runs(arguments, error, said) -> None:
    told: list[int] = []
    with pytest.raises(error, match=said):
        kcsim.sweep("plain-release", **{"seeds": 1, **arguments}, progress=lambda done, _: told.append(done))
    assert told == []


def test_a_measure_that_there_is_not_names_the_nearest(swept: Sweep) -> None:
    with pytest.raises(ValueError, match="did you mean 'change_lead_time'"):
        swept.groups("change_leed_time")
    with pytest.raises(ValueError, match="is a text"):
        swept.medians("credentials_outside")


def test_where_there_are_no_processes_it_says_to_use_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **_options: object) -> None:
        raise NotImplementedError("lacks multiprocessing.synchronize")

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", none)
    with pytest.raises(ValueError, match="jobs=2 needs processes, which a browser has not: leave it at 1"):
        kcsim.sweep("plain-release", seeds=2, jobs=2, until="1m", progress=False)
    assert kcsim.sweep("plain-release", seeds=2, until="1m", progress=False).runs
