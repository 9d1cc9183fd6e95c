"""The table of constants: every row is used, says where it is from, and is what the components go by."""

from __future__ import annotations

from pathlib import Path

import pytest

import kcsim
from kcsim.cluster.controllers.deployment.controller import DeploymentController
from kcsim.cluster.controllers.nodelifecycle.health import config_of
from kcsim.cluster.kubelet.timings import timings_of
from kcsim.engine.clock import MILLISECOND, MINUTE, SECOND
from kcsim.profile.api import limits_of
from kcsim.profile.constants import DEFAULT, PROFILES, VERSIONS
from kcsim.profile.distributions import Skewed
from kcsim.simulation.control_plane import election_times
from kcsim.simulation.simulation import Simulation

SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in Path(kcsim.__file__).parent.rglob("*.py"))


def test_every_constant_is_read_by_a_component():
    unused = [
        f"{c.component}/{c.name}"
        for c in DEFAULT.constants
        if f'"{c.component}/{c.name}"' not in SOURCES and f"}}/{c.name}" not in SOURCES
    ]
    assert unused == []


def test_every_constant_has_a_unit_and_a_source_and_its_name_once():
    names = [f"{c.component}/{c.name}" for c in DEFAULT.constants]
    assert len(set(names)) == len(names)
    assert all(c.unit and c.source for c in DEFAULT.constants)


def test_profiles_name_the_same_constants_and_differ_where_versions_do():
    old, new = (PROFILES[version] for version in VERSIONS)
    differing = {c.name: (old[f"{c.component}/{c.name}"].value, c.value) for c in new.constants}
    differing = {name: values for name, values in differing.items() if values[0] != values[1]}
    assert differing == {
        "node-monitor-grace-period": (40, 50),
        "requeue-at-back-off-end": (False, True),
        "image-events-name-access": (False, True),
        "plain-container-events": (False, True),
    }
    assert [c.name for c in old.constants] == [c.name for c in new.constants]


@pytest.mark.parametrize(
    ("name", "us"),
    [
        ("client-go/workqueue-base-delay", 5 * MILLISECOND),
        ("kubelet/node-lease-renew-interval", 10 * SECOND),
        ("kube-controller-manager/expectations-timeout", 5 * MINUTE),
    ],
)
def test_durations_are_whole_microseconds(name, us):
    assert DEFAULT.us(name) == us


def test_components_are_built_from_their_profile():
    old = PROFILES["1.31"]
    assert config_of(old).monitor_grace == 40 * SECOND
    assert not timings_of(old).aims_at_back_off_end
    assert (limits_of("kube-scheduler").qps, limits_of("kube-scheduler").burst) == (50, 100)
    assert election_times("kube-scheduler", old).lease == 15 * SECOND
    assert DeploymentController.workers == 5


def test_a_world_of_an_older_profile_speaks_as_it_did():
    sim = Simulation(nodes=1, profile="1.31")
    sim.kubectl("create deployment web --image=registry.example/web:1")
    sim.run("1m")
    messages = {event["message"] for event in sim.list("events") if event["reason"] == "Created"}
    assert messages == {"Created container: web"}


def test_json_has_numbers_in_the_unit_that_is_named():
    row = DEFAULT["kube-apiserver/write-latency"]
    assert isinstance(row.value, Skewed)
    assert row.to_json()["value"] == {"median": 6, "p99": 60}
    assert (row.unit, row.text()) == ("ms", "6 (p99 60)")
