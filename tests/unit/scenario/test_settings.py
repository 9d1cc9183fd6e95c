"""Settings: values replaced on the way in, and what is said of those that cannot be."""

import subprocess

import pytest

from kcsim.engine.clock import MINUTE
from kcsim.scenario.diagnostics import Report
from kcsim.scenario.load import examine_text
from kcsim.scenario.settings import Changes, read_settings


def changed(base, settings, **more):
    return examine_text(base, "base.yaml", Changes(settings, **more))


def test_settings_reach_every_part_of_a_scenario(base):
    scenario = changed(
        base,
        {
            "seed": 9,
            "deliveries.flux.kustomization.interval": "7m",
            "timeline[release].at": "6m",
            "traffic[shoppers].rate": "5/s",
            "images[shop/web:1].readyAfter": "1s",
            'timeline[0].commit.edit["deploy/web.yaml"]': '{replace: {"web:1": "web:2"}}',
            "deliveries.push.pipeline.runners": 2,
        },
    ).scenario
    assert scenario is not None
    assert scenario.seed == 9
    assert scenario.deliveries["flux"].all_kustomizations()[0].interval == 7 * MINUTE
    assert scenario.timeline[0].at == 6 * MINUTE
    assert scenario.traffic[0].rate == 5.0
    assert scenario.images[0].ready_after == 1_000_000
    assert scenario.deliveries["push"].pipeline.runners == 2


def test_settings_as_texts_are_the_same(base):
    texts = ["seed=9", "cluster={nodes: 2}"]
    assert changed(base, texts).scenario == changed(base, {"seed": 9, "cluster": {"nodes": 2}}).scenario


def test_a_setting_may_add_what_the_file_left_out(base):
    scenario = changed(base, ["deliveries.flux.gitRepository.interval=30s"]).scenario
    assert scenario is not None
    assert scenario.deliveries["flux"].git_repository.interval == MINUTE // 2


def test_the_tree_that_was_read_stays_as_it_was(base):
    assert changed(base, ["seed=9"]).scenario.seed == 9
    assert examine_text(base).scenario.seed == 3


@pytest.mark.parametrize(
    ("setting", "code", "column", "words"),
    [
        ("seeed=3", "KC102", 1, "did you mean 'seed'"),
        ("deliveries.flux.kustomization.intervl=5m", "KC102", 31, "did you mean 'interval'"),
        ("timeline[relese].at=3m", "KC801", 10, "did you mean 'release'"),
        ("timeline[9].at=3m", "KC801", 10, "no item '9'"),
        ("seed.a=3", "KC801", 6, "single value"),
        ("seed=three", "KC104", 6, "not a count"),
        ("until=5", "KC104", 7, "30s"),
        ("timeline[release].at=50m", "KC301", None, "earlier"),
        ("seed", "KC801", 1, "'='"),
        ("=3", "KC801", 1, "no key"),
        ("a..b=3", "KC801", 1, "no path"),
        ("seed={", "KC004", None, ""),
    ],
)
def test_what_cannot_be_set_is_told_at_its_place(base, setting, code, column, words):
    found = changed(base, [setting]).diagnostics
    assert code in [each.code for each in found], [str(each) for each in found]
    told = next(each for each in found if each.code == code)
    if column is not None:
        assert (told.position.file, told.position.column) == (f"--set {setting}", column)
    assert words in f"{told.message} {told.remedy}"


def test_a_repository_on_disk_takes_the_place_of_the_only_one(base, tmp_path):
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "app.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"
    )
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "first"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    scenario = changed(base, None, repository=str(tmp_path), pace="10m").scenario
    assert scenario is not None
    (repository,) = scenario.repositories
    assert (repository.name, repository.clone, repository.pace) == ("shop", str(tmp_path), 10 * MINUTE)
    assert [entry.fault for entry in scenario.timeline] == ["node-crash"]


def test_a_repository_that_is_none_is_told_at_the_option(base, tmp_path):
    loaded = changed(base, None, repository=str(tmp_path))
    (found,) = (each for each in loaded.diagnostics if each.severity == "error")
    assert (found.code, found.position.file) == ("KC601", f"--repo {tmp_path}")


def test_a_pace_without_a_repository_has_no_meaning(base):
    assert [each.code for each in changed(base, None, pace="1m").diagnostics] == ["KC801"]


@pytest.mark.parametrize(
    "text", ["a\nb\n", "it's: {x}", "\ttab", "\u2028", "\x85", "\x7f", "\ufeff", "é 🙂", '"\\']
)
def test_texts_inside_a_value_stay_as_they_are(base, text):
    report = Report()
    (setting,) = read_settings({"teaches": {"a": text}}, report)
    assert not report.diagnostics
    assert setting.value.value() == {"a": text}
