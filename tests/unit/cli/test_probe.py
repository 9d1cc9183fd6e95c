"""`kcsim probe`: its report, its zoo, what it saves, and what it says of bad input."""

import json
from pathlib import Path

import pytest

from kcsim.cli.main import main
from kcsim.scenario.dump import to_yaml
from kcsim.testing.zoo.tour import EXHIBITS

TWO_SECRETS = next(each for each in EXHIBITS if each.name == "two-secrets")


@pytest.fixture(autouse=True)
def kcsim_worlds_keep_their_promises() -> None:
    """The probe judges its worlds itself."""


@pytest.fixture
def story(tmp_path: Path) -> Path:
    file = tmp_path / "two-secrets.yaml"
    file.write_text(to_yaml(TWO_SECRETS.world()), encoding="utf-8")
    return file


def test_a_violation_is_told_with_its_shortest_plan_and_the_command_that_replays_it(
    story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", str(story)]) == 1
    out = capsys.readouterr().out
    assert "1. intermediate: crash after write 1\n     secret/default/db-ssl-internal is missing\n" in out
    assert f'replay: kcsim probe {story} --plan "crash after write 1"' in out
    assert out.endswith("1 way to go wrong\n")


def test_the_replay_shows_it_again(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(story), "--plan", "crash after write 1"]) == 1
    assert capsys.readouterr().out == (
        "crash after write 1: two-secrets goes wrong\n  secret/default/db-ssl-internal is missing\n"
    )
    assert main(["probe", str(story), "--plan", "crash after write 2"]) == 0
    assert capsys.readouterr().out == "crash after write 2: nothing went wrong\n"


def test_the_document_says_the_same(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(story), "--json", "--pattern", "intermediate"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["plans"] == {"intermediate": 2, "stale": 0, "unobserved": 0}
    (violation,) = document["violations"]
    assert violation["plan"] == "crash after write 1"
    assert violation["differences"][0]["subject"] == "secret/default/db-ssl-internal"


def test_what_is_found_is_saved_as_a_scenario_that_runs(
    story: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "found"
    assert main(["probe", str(story), "--save", str(folder)]) == 1
    file = folder / "two-secrets-crash-after-write-1.yaml"
    assert f"saved: kcsim run {file}; pytest {folder}/test_two_secrets" in capsys.readouterr().err
    assert main(["run", "-q", str(file)]) == 1
    assert "db-ssl-internal" in capsys.readouterr().err


def test_the_zoo_tells_all_about_an_exhibit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--zoo", "--exhibit", "two-secrets"]) == 0
    out = capsys.readouterr().out
    assert "models   K8SPSMDB-578, K8SPXC-896" in out
    assert "two-secrets in two-secrets-mended" in out


def test_the_zoo_can_be_had_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--exhibit", "two-secrets", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["scores"] == [
        {"pattern": "intermediate", "found": 1, "exhibits": 1, "falseAlarms": 0},
        {"pattern": "all", "found": 1, "exhibits": 1, "falseAlarms": 0},
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "which story is to be probed?"),
        (["--zoo", "plain-release"], "--zoo brings its own stories"),
        (["plain-release", "--exhibit", "x"], "--exhibit goes with --zoo only"),
        (["--zoo", "--exhibit", "no-such"], "the zoo has no 'no-such'"),
        (["plain-release"], "plain-release brings none of its own"),
        (["plain-release", "-d", "flux", "-c", "kustomise", "--pattern", "stale"], "runs no 'kustomise'"),
    ],
    ids=["nothing", "zoo and story", "exhibit without zoo", "no exhibit", "no controller", "misspelt"],
)
def test_bad_input_is_told_in_a_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_field_to_ignore_that_is_none_is_told(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(story), "--ignore", "foo bar"]) == 2
    assert capsys.readouterr().err == (
        "kcsim: --ignore: 'foo bar' is no field of an object: write status.lastSeen or configmap:data.seen\n"
        "  See `kcsim probe --help`.\n"
    )


def test_a_text_that_is_no_plan_is_told_with_the_forms(
    story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", str(story), "--plan", "crash now"]) == 2
    err = capsys.readouterr().err
    assert "--plan: 'crash now' is no plan" in err
    assert "Write crash after write 3" in err


def test_a_plan_that_never_takes_hold_is_no_good_news(
    story: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", str(story), "--plan", "crash after write 99"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "crash after write 99: never took hold: two-secrets sends 2 writes in this story" in told.err
