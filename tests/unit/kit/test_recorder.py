"""Events reach the API in the order in which their source recorded them, however long each of them travels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kcsim.api.client import ClientFault
from kcsim.engine.clock import MILLISECOND
from kcsim.profile.distributions import Uniform

REASONS = [f"Step{number:02}" for number in range(20)]


@pytest.fixture
def robot(world):
    """A component whose writes take between nothing and 50 ms."""
    world.endpoint.profile = replace(world.endpoint.profile, write=Uniform(0, 50 * MILLISECOND))
    return world.component()


def arrived(world):
    """Reasons of all Events, in the order in which they were stored or counted up."""
    versions = [v for v in world.server.log.versions if v.resource.group_resource == "events"]
    return [version.object["reason"] for version in versions]


def record(component, obj, reasons=REASONS):
    for reason in reasons:
        component.event(obj, "Normal", reason, "It happened")


@pytest.mark.parametrize("checking", [True, False])
def test_events_arrive_in_the_order_in_which_they_were_recorded(world, robot, checking):
    world.server.log.checking = checking
    record(robot, world.create("ConfigMap", "page"))
    world.run("2s")
    assert arrived(world) == REASONS


def test_an_event_that_is_counted_up_keeps_its_turn(world, robot):
    page = world.create("ConfigMap", "page")
    record(robot, page, ["Seen", "Seen", "Left", "Seen", "Gone"])
    world.run("2s")
    assert arrived(world) == ["Seen", "Seen", "Left", "Seen", "Gone"]
    (seen,) = [e for e in world.server.log.versions if e.object.get("reason") == "Seen"][-1:]
    assert seen.object["count"] == 3


def test_a_slow_connection_keeps_the_order(world, robot):
    for client in robot.clients:
        client.set_fault(ClientFault(delay=20 * MILLISECOND))
    record(robot, world.create("ConfigMap", "page"))
    world.run("5s")
    assert arrived(world) == REASONS


def test_one_source_does_not_wait_for_another(world, robot):
    page = world.create("ConfigMap", "page")
    record(robot, page)
    robot.events.event(page, "Normal", "Elsewhere", "It happened", "other")
    world.run("100ms")
    assert "Elsewhere" in arrived(world)
    assert "Step19" not in arrived(world)
