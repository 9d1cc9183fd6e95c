"""`kcsim measures`: each measure of a run by name, and in its own words."""

from __future__ import annotations

import json

import pytest

import kcsim
from kcsim.cli.main import main


def test_every_measure_of_a_run_is_explained_in_its_own_words(capsys) -> None:
    assert main(["measures", "--explain"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for measure in kcsim.load("plain-release").measures():
        assert measure.name in said
        assert measure.definition in said


def test_words_choose_and_the_list_is_short_without_explaining(capsys) -> None:
    assert main(["measures", "drift", "repair"]) == 0
    assert capsys.readouterr().out == "drift_repair_time  Time to repair drift  [s]\n"


def test_what_a_scenario_without_users_lacks_is_listed_all_the_same(capsys) -> None:
    assert main(["measures", "--json", "availability"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["measures"]
    assert (row["name"], row["unit"], row["absent"]) == ("availability", "%", "no request")


@pytest.mark.parametrize("words", [["nothing-of-it"], ["drift", "availability"]])
def test_a_word_that_fits_none_names_those_there_are(capsys, words: list[str]) -> None:
    assert main(["measures", *words]) == 2
    assert "drift_repair_time" in capsys.readouterr().err
