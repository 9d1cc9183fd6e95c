"""`kcsim lesson`: the whole of a lesson as text, answered from a file, and at a terminal."""

import json

import kcsim
from kcsim.cli.console import Console
from kcsim.cli.lesson_telling import Telling
from kcsim.scenario.progress import Progress

ANSWERS = """
answers: {fewest: 4, most: 7}
actions:
  - at: 5m
    commit:
      message: lose nobody
      edit: {deploy/web.yaml: {replace: {"maxUnavailable: 1": "maxUnavailable: 0"}}}
"""


def test_without_a_name_it_lists_the_lessons(kcsim):
    said = kcsim("lesson")
    assert said.code == 0
    assert "05-rolling-update  A rolling update" in said.out


def test_what_was_reached_is_listed(kcsim, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert " points" not in kcsim("lesson").out
    Progress.of_user().passed("05-rolling-update", 80, 2)
    assert "05-rolling-update  A rolling update  core  80 points **" in kcsim("lesson").out


def test_the_reference_passes_and_the_wrong_solution_is_told_why(kcsim):
    said = kcsim("lesson", "5", "--answers", "reference")
    assert said.code == 0
    for part in (
        "Lesson 5",
        "What came",
        "it came: 4 pods",
        "Your turn",
        "✓ never-fewer",
        "Why deployment/web",
        "***",
    ):
        assert part in said.out
    said = kcsim("lesson", "5", "--answers", "wrong")
    assert said.code == 1
    assert "✗ never-fewer" in said.out
    assert "A pod was taken away" in said.out
    assert "no star" in said.out


def test_answers_come_from_a_file(kcsim, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(ANSWERS)
    said = kcsim("lesson", "rolling-update", "--answers", str(file), "--json")
    assert said.code == 0
    found = json.loads(said.out)
    assert found["passed"]
    assert found["predictions"] == {"right": 1, "made": 2}
    assert [question["right"] for question in found["questions"]] == [True, False]
    assert {check["name"] for check in found["checks"]} == {"never-fewer", "released"}


def test_answers_that_fit_nothing_are_told_with_their_place(kcsim, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("answers: {fewest: some, mots: 1}\nactions:\n  - at: 5m\n    kubectl: get pods\n")
    said = kcsim("lesson", "5", "--answers", str(file))
    assert said.code == 2
    assert "mine.yaml:1:19: KC104 'some' is no number" in said.err
    assert "mine.yaml:1:25: KC104 no question 'mots'" in said.err
    assert "mine.yaml:3:5: KC104 this lesson is to be solved with git" in said.err


def test_nobody_is_asked_where_nobody_is(kcsim):
    said = kcsim("lesson", "5")
    assert said.code == 2
    assert "--answers FILE" in said.err
    assert kcsim("lesson", "5", "--json").code == 2
    assert kcsim("lesson", "5", "--answers", "/no/such").code == 2


def test_a_story_that_is_no_lesson_is_refused(kcsim):
    said = kcsim("lesson", "plain-release", "--answers", "reference")
    assert said.code == 2
    assert "KC013" in said.err


def test_at_a_terminal(monkeypatch, capsys):
    typed = iter(
        [
            "flux", "many", "2",
            "hint", "kubectl get deployment web -n shop", "in nowhere", "in flux", "nonsense",
            "kubectl patch kustomization shop -n flux-system --type=merge -p '{\"spec\":{\"interval\":\"30s\"}}'",
            "go", "in push", "sed -i 's/replicas: 4/replicas: 5/' deploy/web.yaml && git commit -am five",
            "wait 1s", "why deployment/web shop", "go",
        ]
    )  # fmt: skip
    monkeypatch.setattr("builtins.input", lambda _prompt: next(typed))
    run = kcsim.lesson("4")
    Telling(Console.of_process(), run).ask()
    out = capsys.readouterr().out
    assert run.attempt.passed
    assert (run.attempt.hints, run.attempt.stars) == (1, 2)
    assert "you said: under flux only (as it came)" in out
    assert "the worlds are push, flux, and all" in out
    assert "'nonsense' is no command here" in out
    assert "80 of 100 points, 1 of 2 predictions came so" in " ".join(out.split())


def test_from_python():
    run = kcsim.lesson("3")
    run.answer("new-ones", "controller")
    assert run.reveal()[0].right == ("controller",)
    run.run_until("2m")
    run.act("kubectl scale deployment/web -n shop --replicas=5")
    assert all(outcome.passed for outcome in run.check())
    assert run.attempt.stars == 3
    assert "03-desired-and-observed passed" in repr(run)
    ((what, chain),) = run.chains()
    assert what == "deployment/web"
    assert chain
