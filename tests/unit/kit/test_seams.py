"""Rules at the seams: a crash at a chosen write, and every intervention at a cursor, do what they say to whom they say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.api.kit.queue import Reconciler
from kcsim.api.kit.seams import CrashPoint, CursorFault, Seams
from kcsim.engine.clock import MILLISECOND, SECOND
from tests.unit.kit.conftest import World

PARTS = ("x", "y", "z")


class Copier(Reconciler):
    """Makes three secrets for each config map, one write after the other."""

    name = "copier"

    def setup(self, component: Any) -> None:
        self.maps = component.informer("configmaps")
        self.secrets = component.informer("secrets")
        self.maps.on_change(lambda old, new: self.enqueue(_key(new or old)))
        self.told: list[tuple[int, str, str]] = []
        self.maps.on_change(
            lambda old, new: self.told.append(
                (
                    component.engine.now,
                    (new or old)["metadata"]["name"],
                    new["data"]["n"] if new else "gone",
                )
            )
        )

    def reconcile(self, key: Any) -> Any:
        if self.maps.get(*key) is None:
            return
        for part in PARTS:
            name = f"{key[1]}-{part}"
            if self.secrets.get(key[0], name) is None:
                body = {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": name, "namespace": key[0]},
                }
                yield self.client.create("secrets", body)


def _key(obj: Any) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def running(world: World) -> Copier:
    copier = Copier()
    world.component(copier).start()
    world.run("1s")
    return copier


def secrets(world: World) -> list[str]:
    return [v.key[1] for v in world.server.log.list(world.admin.resource("secrets"))]


def faults(world: World, verb: str) -> list[Any]:
    return [r for r in world.engine.trace.records if r.actor == "fault" and r.verb == verb]


# --- crashes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "nth", "there"),
    [
        ("before", 1, []),
        ("after", 1, ["a-x"]),
        ("before", 2, ["a-x"]),
        ("after", 2, ["a-x", "a-y"]),
        ("before", 3, ["a-x", "a-y"]),
        ("after", 3, ["a-x", "a-y", "a-z"]),
    ],
)
def test_a_crash_point_leaves_the_writes_before_it_and_no_other(world, when, nth, there) -> None:
    running(world)
    armed = Seams.of(world.endpoint).arm(CrashPoint("robot", when, nth, down=5 * SECOND))
    world.create("ConfigMap", "a", body={"n": "1"})
    world.run("4s")
    assert secrets(world) == there
    assert armed.fired == 1
    world.run("10s")
    assert secrets(world) == ["a-x", "a-y", "a-z"], "it is back, and level-triggered"


def test_a_crash_is_told_with_its_write_and_caused_by_what_armed_it(world) -> None:
    running(world)
    armed = Seams.of(world.endpoint).arm(CrashPoint("robot", "after", 2))
    world.create("ConfigMap", "a", body={"n": "1"})
    world.run("2s")
    (crash,) = faults(world, "crash")
    assert crash.cause is armed.record
    assert crash.subject == "robot/here"
    assert crash.detail == {"component": "robot", "when": "after create secrets/default/a-y", "write": 2}


@pytest.mark.parametrize(
    "rule",
    [
        CrashPoint("robot", "after", verb="create", resource="secrets", name="*-y"),
        CrashPoint("robot", "after", 2, namespace="def*", host="here"),
    ],
)
def test_a_write_can_be_named_by_what_it_is_about(world, rule) -> None:
    running(world)
    Seams.of(world.endpoint).arm(rule)
    world.create("ConfigMap", "a", body={"n": "1"})
    world.run("500ms")
    assert secrets(world) == ["a-x", "a-y"]


@pytest.mark.parametrize(
    "rule",
    [
        CrashPoint("other"),
        CrashPoint("robot", host="there"),
        CrashPoint("robot", verb="delete"),
        CrashPoint("robot", resource="pods"),
        CrashPoint("robot", nth=4),
        CrashPoint("robot", name="b-*"),
    ],
)
def test_a_rule_about_another_write_does_nothing(world, rule) -> None:
    running(world)
    armed = Seams.of(world.endpoint).arm(rule)
    world.create("ConfigMap", "a", body={"n": "1"})
    world.run("2s")
    assert secrets(world) == ["a-x", "a-y", "a-z"]
    assert not armed.fired


def test_a_reference_run_names_every_site(world) -> None:
    running(world)
    sites = Seams.of(world.endpoint).collect()
    world.create("ConfigMap", "a", body={"n": "1"})
    world.run("2s")
    assert [(w.component, w.verb, w.resource, w.name) for w in sites.writes] == [
        ("robot", "create", "secrets", f"a-{part}") for part in PARTS
    ]
    assert [(d.event, d.resource, d.name) for d in sites.deliveries] == [
        ("ADDED", "configmaps", "a"),
        *(("ADDED", "secrets", f"a-{part}") for part in PARTS),
    ]


# --- cursors ----------------------------------------------------------------------------------------------------


def change_thrice(world: World) -> None:
    for n in "123":
        if n == "1":
            world.create("ConfigMap", "a", body={"n": n})
        else:
            world.change("a", n=n)
        world.run("100ms")


def arm(world: World, what: str, **more: Any) -> Any:
    return Seams.of(world.endpoint).arm(CursorFault(what, "robot", "configmaps", **more))


def test_a_dropped_change_is_never_seen_and_the_next_one_is(world) -> None:
    copier = running(world)
    armed = arm(world, "drop", nth=2)
    change_thrice(world)
    assert [n for _, _, n in copier.told] == ["1", "3"]
    (note,) = faults(world, "drop")
    assert (note.cause, note.detail["event"]) == (armed.record, "MODIFIED")


def test_what_was_dropped_is_listed_when_the_rule_is_lifted(world) -> None:
    copier = running(world)
    armed = arm(world, "drop", nth=2, times=2)
    change_thrice(world)
    assert copier.maps.get("default", "a")["data"]["n"] == "1"
    armed.lift()
    world.run("1s")
    assert copier.maps.get("default", "a")["data"]["n"] == "3"


def test_a_dropped_deletion_leaves_a_ghost_until_a_relist(world) -> None:
    copier = running(world)
    arm(world, "drop", event="DELETED")
    world.create("ConfigMap", "a", body={"n": "1"})
    world.run("1s")
    world.admin.now(world.admin.delete("configmaps", "default", "a"))
    world.run("1s")
    assert copier.maps.get("default", "a") is not None
    arm(world, "relist")
    world.run("1s")
    assert copier.maps.get("default", "a") is None
    assert copier.told[-1][2] == "gone"


def test_a_repeated_change_is_told_again(world) -> None:
    copier = running(world)
    arm(world, "repeat", nth=2, times=2)
    change_thrice(world)
    assert [n for _, _, n in copier.told] == ["1", "2", "2", "2", "3"]


def test_a_lag_delays_every_change_and_keeps_their_order(world) -> None:
    copier = running(world)
    began = world.engine.now
    arm(world, "lag", by=10 * SECOND)
    change_thrice(world)
    assert copier.told == []
    world.run("15s")
    assert [n for _, _, n in copier.told] == ["1", "2", "3"]
    # 10 s, and the millisecond that a watch takes.
    assert [t - began for t, _, _ in copier.told] == [
        10 * SECOND + MILLISECOND + n * 100 * MILLISECOND for n in range(3)
    ]


def test_a_held_cache_stands_still_through_a_restart_and_catches_up_when_lifted(world) -> None:
    copier = running(world)
    world.create("ConfigMap", "a", body={"n": "1"})
    world.run("1s")
    armed = arm(world, "hold")
    world.change("a", n="2")
    world.run("1s")
    assert copier.maps.get("default", "a")["data"]["n"] == "1"
    copier.component.crash(SECOND)
    world.run("5s")
    assert copier.maps.get("default", "a")["data"]["n"] == "1", "its list is answered by the stale server"
    armed.lift()
    world.run("1s")
    assert copier.maps.get("default", "a")["data"]["n"] == "2"


def test_after_a_rewind_a_restarted_component_sees_what_was_and_then_what_came_of_it(world) -> None:
    copier = running(world)
    world.create("ConfigMap", "a", body={"n": "1"})
    world.run("10s")
    world.admin.now(world.admin.delete("configmaps", "default", "a"))
    world.run("10s")
    arm(world, "rewind", ago=15 * SECOND, by=5 * SECOND)
    del copier.told[:]
    copier.component.crash(SECOND)
    world.run("3s")
    assert [(name, n) for _, name, n in copier.told] == [("a", "1")]
    world.run("10s")
    assert [(name, n) for _, name, n in copier.told] == [("a", "1"), ("a", "gone")]
    copier.component.crash(SECOND)
    world.run("10s")
    assert len(copier.told) == 2, "it happens once"


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=12))
def test_reordering_keeps_the_order_of_each_object(names) -> None:
    world = World()
    copier = running(world)
    arm(world, "reorder", by=SECOND)
    made: set[str] = set()
    for n, name in enumerate(names):
        if name in made:
            world.change(name, n=str(n))
        else:
            world.create("ConfigMap", name, body={"n": str(n)})
            made.add(name)
        world.run("20ms")
    world.run("5s")
    assert sorted(int(n) for _, _, n in copier.told) == list(range(len(names)))
    for name in sorted(made):
        own = [int(n) for _, which, n in copier.told if which == name]
        assert own == sorted(own)
    assert copier.maps.list() == [v.object for v in world.server.log.list(world.admin.resource("configmaps"))]


def test_reordering_really_mixes_objects(world) -> None:
    copier = running(world)
    arm(world, "reorder", by=SECOND)
    for number in range(8):
        world.create("ConfigMap", f"m{number}", body={"n": "0"})
    world.run("5s")
    told = [name for _, name, _ in copier.told]
    assert told != sorted(told)
    assert faults(world, "reorder")


def test_an_unknown_intervention_is_refused(world) -> None:
    with pytest.raises(ValueError, match="no intervention 'dorp' at a cursor; there are drop, repeat, lag"):
        arm(world, "dorp")
