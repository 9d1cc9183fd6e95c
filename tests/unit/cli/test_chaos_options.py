"""`--chaos` and `--order`: the same story, harder; and what they refuse."""

from __future__ import annotations

import json

import pytest

from kcsim.cli.main import main


def played(capsys, *options: str) -> dict:
    main(["run", "plain-release", "-d", "flux", "--json", *options])
    (world,) = json.loads(capsys.readouterr().out)["worlds"]
    return world


def test_a_schedule_is_drawn_from_its_seed_and_judged(capsys):
    one, again, other = (played(capsys, "--chaos", seed) for seed in ("7", "7", "8"))
    digest = [doc["trace_sha256"] for doc in (one, again, other)]
    assert digest[0] == digest[1] != digest[2]
    names = [v["name"] for v in one["expectations"]]
    assert names[-1] == "converges-after-chaos"


def test_an_order_is_part_of_the_story(capsys):
    plain, fifo, random, again = (
        played(capsys, *options)["trace_sha256"]
        for options in ((), ("--order", "fifo"), ("--order", "random@10ms"), ("--order", "random@10ms"))
    )
    assert plain == fifo != random == again


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--chaos", "x"), "--chaos: 'x' is no seed"),
        (("--order", "lifo"), "--order: no order 'lifo': write fifo, random, pct:D or choices:I.J.K"),
        (("--set", "order=lifo"), "no order 'lifo'"),
    ],
)
def test_what_is_no_seed_or_order_is_refused(capsys, options, words):
    assert main(["run", "plain-release", *options]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("chaos", "orders", "plain-release", "--from", "10h"),
        ("kubectl", "--scenario", "plain-release", "--at", "10h", "--", "get", "pods"),
    ],
)
def test_an_instant_beyond_the_end_is_told_as_on_a_command_line(capsys, words):
    assert main([*words]) == 2
    said = capsys.readouterr().err
    assert "10h lies beyond the end of the story" in said
    assert "Give an instant within the story." in said
    assert "load(" not in said


def test_a_test_run_takes_them_too(capsys):
    assert main(["test", "plain-release", "-d", "flux", "--chaos", "3", "--order", "pct:2@1ms"]) == 0
    assert "all as the scenarios say" in capsys.readouterr().out
