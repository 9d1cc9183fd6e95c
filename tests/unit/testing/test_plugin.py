"""The pytest plugin, in a run of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kcsim.testing.plugin import pytest_assertrepr_compare

TESTS = """
import pytest


def test_a_broken_invariant_fails(sim):
    break_it(sim)


def test_a_bare_cluster(sim, simulation, kcsim_seed):
    assert len(sim.list("nodes")) in (0, 3)
    assert sim.seed == kcsim_seed == 9
    assert simulation(nodes=1).seed == 9


@pytest.mark.scenario("plain-release", delivery="flux")
def test_a_story_of_the_gallery(sim):
    sim.run_until("1m")
    assert sim.delivery == "flux"


@pytest.mark.scenario("mine.yaml")
def test_a_story_beside_the_test(sim):
    assert sim.scenario.name == "mine"


def break_it(sim):
    sim.run_until("10s")
    sim.kubectl("create deployment web --image=web:1")
    sim.run("20s")
    pod = sim.list("pods", "default")[0]
    log = sim.cluster().server.log
    resource = sim.cluster().direct().resource("pods")
    version = log.get(resource, "default", pod["metadata"]["name"])
    moved = {**pod, "spec": {**pod["spec"], "nodeName": "node-9"}}
    log.append(resource, version.key, moved, actor="test", verb="update", manager="test", previous=version)


@pytest.mark.scenario()
def test_a_mark_without_a_story(sim):
    raise SystemError("never reached")


@pytest.mark.scenario("plain-release", delivery="fluxx")
def test_a_delivery_that_there_is_not(sim):
    raise SystemError("never reached")


@pytest.mark.breaks("a-pod-stays-on-its-node")
def test_one_that_is_broken_on_purpose(sim):
    break_it(sim)


@pytest.mark.breaks("no-such-promise")
def test_one_that_there_is_not(sim):
    break_it(sim)
"""
STORY = """
apiVersion: kcsim/v1
kind: Scenario
name: mine
title: Mine
summary: A cluster and nothing else.
teaches: Nothing.
until: 1m
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "test_it.py").write_text(TESTS)
    (folder / "mine.yaml").write_text(STORY)
    (folder / "pytest.ini").write_text("[pytest]\nkcsim_invariants = true\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--kcsim-seed=9", "-rA", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.parametrize(
    ("test", "outcome"),
    [
        ("test_a_bare_cluster", "PASSED"),
        ("test_a_story_of_the_gallery", "PASSED"),
        ("test_a_story_beside_the_test", "PASSED"),
        ("test_a_broken_invariant_fails", "ERROR"),
        ("test_one_that_is_broken_on_purpose", "PASSED"),
        ("test_one_that_there_is_not", "ERROR"),
        ("test_a_mark_without_a_story", "ERROR"),
        ("test_a_delivery_that_there_is_not", "ERROR"),
    ],
)
def test_outcomes(report, test, outcome):
    assert f"{outcome} test_it.py::{test}" in report, report


def test_the_header_and_the_messages(report):
    assert "kcsim: seed 9, all invariants, hypothesis as configured" in report
    assert "a-pod-stays-on-its-node: t=30.000s" in report
    assert "there is no invariant no-such-promise" in report
    assert 'the mark names one story: @pytest.mark.scenario("shop.yaml", delivery="flux")' in report
    assert "'plain-release' has no delivery 'fluxx'" in report
    assert "Traceback" not in report
    assert "def delivery_named" not in report, "no stack of frames"


def test_nothing_heavy_is_loaded_with_it():
    heavy = ("hypothesis", "networkx", "textual", "simpy", "yaml", "kcsim.simulation")
    code = (
        "import sys, pytest; before = set(sys.modules); import kcsim.testing.plugin; "
        f"print([m for m in {heavy!r} if m in set(sys.modules) - before])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_objects_are_compared_field_by_field():
    one = {
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {"containers": [{"image": "x:1"}], "nodeName": "n"},
    }
    other = {"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"image": "x:2"}]}}
    assert pytest_assertrepr_compare("==", one, other) == [
        "Pod/a == Pod/a",
        "spec.containers[0].image: 'x:1' != 'x:2'",
        "spec.nodeName: 'n' != None",
    ]
    assert pytest_assertrepr_compare("==", one, 3) is None
    assert pytest_assertrepr_compare("in", one, other) is None


def test_the_profiles_have_no_deadline():
    code = (
        "from kcsim.testing import plugin, profiles; from hypothesis import settings; "
        "profiles.load('kcsim-ci', plugin.PROFILES); s = settings(); print(s.max_examples, s.deadline, s.derandomize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["200", "None", "True"]
