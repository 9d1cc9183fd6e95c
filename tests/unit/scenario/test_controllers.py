"""Controllers that a story brings along: named, found, installed; and every way in which that goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcsim.scenario.diagnostics import ScenarioError
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.load import loads
from kcsim.scenario.play import Play
from kcsim.scenario.programs import NoSuchProgram, load_class, use_of
from kcsim.views.timeline import timeline
from tests.unit.simulation.test_controllers import Copies

STORY = """\
apiVersion: kcsim/v1
kind: Scenario
name: copies
until: 1m
cluster:
  nodes: 1
  controlPlaneControllers: [garbage-collector-controller]
controllers:
  - name: copier
    use: "%s"
    rules:
      - {apiGroups: [""], resources: [configmaps], verbs: [get, list, watch, create]}
timeline:
  - at: 5s
    apply: |
      apiVersion: v1
      kind: ConfigMap
      metadata:
        name: a
        labels: {copy: "yes"}
"""
USE = "tests/unit/simulation/test_controllers.py:Copies"


def test_a_story_runs_the_controller_it_names() -> None:
    scenario = loads(STORY % USE, "copies.yaml")
    assert loads(to_yaml(scenario), "again.yaml") == scenario
    play = Play(scenario)
    play.finish()
    assert [obj["metadata"]["name"] for obj in play.list("configmap")] == ["a", "a-copy"]
    assert play.get("clusterrole/copier")["rules"][0]["resources"] == ["configmaps"]


def test_a_class_is_found_by_its_module_its_file_and_the_way_it_is_written_back() -> None:
    assert load_class(USE) is load_class("tests.unit.simulation.test_controllers:Copies") is Copies
    assert use_of(Copies) == USE
    assert use_of(load_class("kcsim.cluster.controllers.job.controller:JobController")) == (
        "kcsim.cluster.controllers.job.controller:JobController"
    )


def test_a_file_beside_the_scenario_is_loaded(tmp_path: Path) -> None:
    source = "from kcsim.api.kit.queue import Reconciler\n\n\nclass Mine(Reconciler):\n    name = 'mine'\n"
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    assert load_class("mine.py:Mine", str(tmp_path)).name == "mine"


@pytest.mark.parametrize(
    ("use", "message", "remedy"),
    [
        ("Copies", "'Copies' names no class", "package.module:Class"),
        ("no.such.module:Copies", "No module named 'no'", "folder/file.py:Class"),
        ("nowhere.py:Copies", "there is no file nowhere.py", "relative to the scenario file"),
        (USE.replace(":Copies", ":Copys"), "has no 'Copys'", "did you mean 'Copies'"),
        ("kcsim.api.kit.queue:Result", "is no reconciler", "Derive it from"),
    ],
    ids=["no class", "no module", "no file", "misspelt", "no reconciler"],
)
def test_what_cannot_be_found_is_told_where_it_is_written(use: str, message: str, remedy: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        loads(STORY % use, "copies.yaml")
    (found,) = caught.value.diagnostics
    assert found.code == "KC214"
    assert (found.position.line, found.position.column) == (10, 10)
    assert message in found.message
    assert remedy in found.remedy


def test_a_module_that_fails_is_told_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(NoSuchProgram, match="cannot be loaded: ZeroDivisionError: division by zero"):
        load_class("broken.py:Mine", str(tmp_path))


def test_a_class_inside_a_function_cannot_be_written_back() -> None:
    class Local(Copies):
        pass

    with pytest.raises(NoSuchProgram, match="inside something else"):
        use_of(Local)


def test_a_built_in_controller_that_does_not_exist_is_told() -> None:
    with pytest.raises(ScenarioError, match="no controller garbage-collectr") as caught:
        loads(STORY.replace("garbage-collector-controller", "garbage-collectr") % USE, "copies.yaml")
    assert caught.value.diagnostics[0].position.line == 7


@pytest.mark.parametrize(
    ("use", "words"),
    [
        ("tests/unit/testing/controllers.py:NoSetup", "cannot be started: RuntimeError: no key"),
        ("kcsim.testing.controller:Operator", "cannot be started: TypeError: Operator says not what it watches"),
    ],
)  # fmt: skip
def test_a_program_that_cannot_be_started_is_told_before_the_story_is_played(use: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=words) as refused:
        loads(STORY % use, "s.yaml")
    assert str(refused.value).startswith("s.yaml:10:10: KC214")


def test_a_file_finds_the_modules_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("from tests.unit.testing.controllers import WebApps\n")
    (tmp_path / "mine.py").write_text("from beside_it import WebApps\n")
    assert load_class("mine.py:WebApps", str(tmp_path)).name == "webapps"


def test_a_module_is_found_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_below.py").write_text("from tests.unit.testing.controllers import WebApps\n")
    monkeypatch.chdir(tmp_path)
    assert load_class("mine_below:WebApps").name == "webapps"


def test_a_controller_that_raises_is_told_once_in_the_story() -> None:
    story = STORY % "tests/unit/testing/controllers.py:BadHandler"
    play = Play(loads(story, "s.yaml"))
    play.finish()
    told = [moment.text for moment in timeline(play) if "raises" in moment.text]
    assert len(told) == len(set(told))
    assert any(text.startswith("copier raises KeyError: 'owner' (controllers.py:") for text in told)
