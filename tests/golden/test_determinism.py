"""Same seed, same bytes: in one process twice, in two processes with other hash seeds, watched or not, stepped or run."""

import os
import subprocess
import sys

import pytest

import kcsim

SCENARIO = "bad-release-during-node-failure"
DIGESTS = f"""
import kcsim
for delivery in ("push", "flux"):
    play = kcsim.load({SCENARIO!r}, delivery)
    play.finish()
    print(play.trace.sha256())
"""


def digest(delivery: str, seed: int | None = None) -> str:
    play = kcsim.load(SCENARIO, delivery, seed)
    play.finish()
    return play.trace.sha256()


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_twice_in_one_process(delivery):
    assert digest(delivery) == digest(delivery)


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_other_seeds_give_other_traces(delivery):
    assert digest(delivery, 1) != digest(delivery, 2)


def test_two_processes_with_other_hash_seeds():
    outputs = set()
    for hash_seed in ("0", "4711"):
        done = subprocess.run(
            [sys.executable, "-c", DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert outputs == {f"{digest('push')}\n{digest('flux')}\n"}


def test_worlds_in_one_process_do_not_touch_each_other():
    one, other = kcsim.load(SCENARIO, "flux"), kcsim.load("drift-at-night", "push")
    while not (one.over and other.over):
        for play in (one, other):
            play.run_until(min(play.end, play.now + 97))
    assert one.trace.sha256() == digest("flux")


def test_watching_changes_nothing():
    play = kcsim.load(SCENARIO, "flux")
    while not play.over:
        play.run_until(min(play.end, play.now + 61))
        play.verdicts()
        play.measures()
    assert play.trace.sha256() == digest("flux")


def test_verdicts_and_measures_are_the_same_however_often_they_were_asked():
    asked, once = kcsim.load(SCENARIO, "push"), kcsim.load(SCENARIO, "push")
    while asked.now < asked.end - 3600:
        asked.step()
        if asked.trace.records[-1].seq % 7 == 0:
            asked.verdicts()
    asked.finish()
    once.finish()
    assert asked.result() == once.result()
