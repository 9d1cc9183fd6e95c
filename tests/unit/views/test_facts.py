"""What is worked out once a version: facts, readiness turns, usage of nodes; and what is kept of a look."""

from __future__ import annotations

from itertools import pairwise

import pytest

import kcsim
from kcsim.api import quantity
from kcsim.views import objects as table_of
from kcsim.views import usage
from kcsim.views.concern import Concerns
from kcsim.views.facts import Facts
from kcsim.views.look import Look
from kcsim.views.objects import Ref, object_table
from kcsim.views.readiness import Readiness

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: web:1, resources: {requests: {cpu: 250m, memory: 64Mi}}}
"""


@pytest.fixture
def world():
    sim = kcsim.Simulation(nodes=3)
    sim.apply(WEB)
    sim.run("1m")
    return sim


def names(table):
    return [table.ref(place).name for place in range(len(table))]


def test_a_filter_finds_what_any_shown_cell_holds_and_no_ages(world):
    look = Look(world)
    node = look.objects("pods", "default")[0]["spec"]["nodeName"]
    assert len(object_table(look, "pods", wanted="RUNNING", namespace="default")) == 3
    assert names(object_table(look, "pods", wanted=node, wide=True)), "wide shows the node"
    assert not names(object_table(look, "pods", wanted=node, namespace="default")), "narrow does not"
    age = object_table(look, "pods", namespace="default").to_records()[0]["AGE"]
    assert not names(object_table(look, "pods", wanted=age, namespace="default"))


def test_what_is_hidden_counts_for_both_senses_of_a_filter(world):
    look = Look(world)
    for wide in (False, True):
        for text in ("web", "running", "node-1", "default web"):
            some = names(object_table(look, "pods", wanted=text, wide=wide))
            others = names(object_table(look, "pods", wanted=f"!{text}", wide=wide))
            assert sorted(some + others) == sorted(names(object_table(look, "pods", wide=wide)))


def test_an_object_that_does_not_change_is_read_once(world, monkeypatch):
    facts = Facts()
    concerns = Concerns(world, facts)
    concerns.first()
    read = []
    table = object_table(Look(world), "pods")
    monkeypatch.setattr(type(table), "fact", lambda self, obj: read.append(obj) or ("ok", "", ""))
    object_table(Look(world, facts=facts), "pods", wanted="web")
    assert not read, "the filter finds what the line of why has read"
    world.kubectl("delete pod -l app=web --wait=false")
    world.run("1s")
    concerns.first()
    kinds = {obj["kind"] for obj in read}
    assert "Pod" in kinds
    assert "Node" not in kinds, "only what has changed"


def test_a_filter_of_too_many_says_how_far_it_has_come_and_goes_on(world, monkeypatch):
    monkeypatch.setattr(table_of, "_AT_ONCE", 2)
    look = Look(world)
    whole = object_table(Look(world), "events")
    assert whole.total > 5
    for searched in (2, 4):
        table = object_table(look, "events", wanted="-l !nosuch")
        assert (table.searched, len(table)) == (searched, searched)
    parts = [object_table(look, "events", wanted="pod/") for _ in range(whole.total)]
    assert [part.searched for part in parts] == sorted(part.searched for part in parts)
    assert parts[-1].searched == parts[-1].total
    monkeypatch.undo()
    for wide in (False, True):
        for wanted in ("pod/", "!pod/"):
            at_once = object_table(Look(world), "events", wanted=wanted, wide=wide)
            assert names(object_table(look, "events", wanted=wanted, wide=wide)) == names(at_once)


def test_a_filter_is_prepared_bit_by_bit(world, monkeypatch):
    monkeypatch.setattr(table_of, "_CHORE", 2)
    look = Look(world)
    steps = 1
    while not table_of.prepare_filter(look, "events"):
        steps += 1
    assert steps > len(look.facts) / 2
    assert len(look.facts) == len(look.objects("events"))


def test_a_row_is_found_by_its_object(world):
    table = object_table(Look(world), "pods", wanted="web")
    for place in range(len(table)):
        assert table.place(table.ref(place)) == place
    assert table.place(Ref("pod", "default", "web-no")) is None
    assert table.place(("pod", "default")) is None


def test_a_list_is_not_spelled_out_to_show_some_of_it(world):
    versions = world.cluster().server.log.list(Look(world).resource("events"))
    unread = sum(version.unread for version in versions)
    assert unread > 1
    table = object_table(Look(world), "events")
    first = next(place for place, version in enumerate(versions) if version.unread)
    table.row(first)
    assert sum(version.unread for version in versions) == unread - 1
    assert [obj["metadata"]["name"] for obj in Look(world).objects("events")[:2]] == names(table)[:2]


def test_facts_do_not_grow_with_the_number_of_versions(world):
    facts = Facts()
    concerns = Concerns(world, facts)
    concerns.first()
    before = len(facts)
    for replicas in (4, 3, 4, 3):
        world.kubectl(f"scale deployment/web --replicas={replicas}")
        world.run("40s")
        concerns.first()
    assert len(facts) == before


def test_what_was_worked_out_of_a_look_is_kept_until_the_world_moves(world):
    look = Look(world)
    made = []
    for _ in range(2):
        look.once("thing", lambda: made.append(1))
    assert made == [1]
    assert look.objects("pods") is look.objects("po")
    world.kubectl("scale deployment/web --replicas=1")
    world.run("40s")
    look.once("thing", lambda: made.append(1))
    assert made == [1, 1]
    assert len(look.objects("pods", "default")) == 1
    later = look.later()
    assert later.objects("pods") is look.objects("pods")


def test_the_turns_of_readiness_are_where_its_level_changes(world):
    world.kubectl("scale deployment/web --replicas=9")
    world.run("1m")
    world.kubectl("delete deployment/web")
    world.run("1m")
    readiness = Readiness()
    readiness.update(world.cluster().server.log)
    levels = [step.level for step in readiness.turns]
    assert all(one != other for one, other in pairwise(levels))
    assert len(readiness.turns) < len(readiness.steps)
    at = {step.time: step.level for step in readiness.steps}
    level = None
    turns = {step.time: step.level for step in readiness.turns}
    for when in sorted(at):
        level = turns.get(when, level)
        assert level == at[when]


def test_usage_kept_up_to_date_is_usage_added_up(world):
    kept = usage.Usage()
    log = world.cluster().server.log
    for line in ("scale deployment/web --replicas=7", "scale deployment/web --replicas=2", "cordon node-1"):
        kept.update(log)
        world.kubectl(line)
        world.run("40s")
    assert not kept.update(log, most=1), "there is more"
    while not kept.update(log, most=7):
        pass
    fresh = usage.added_up(world.list("pods"))
    assert {node: amounts for node, amounts in kept.asked.items() if any(amounts)} == fresh
    web = world.list("pods", "default")
    assert usage.asked_by(web[0]) == (1000, 250, quantity.milli("64Mi"))


def test_machines_are_in_the_order_in_which_people_count():
    sim = kcsim.Simulation(nodes=12)
    sim.run("30s")
    machines = usage.Machines()
    first = machines.of(sim.list("nodes"))
    assert [machine.order[2] for machine in first] == [1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12], "zone by zone"
    assert {machine.state for machine in first} == {"ok"}
    sim.kubectl("cordon node-3")
    sim.run("1s")
    again = machines.of(sim.list("nodes"))
    assert [machine.name for machine in again if machine.state == "pending"] == ["node-3"]
    assert again[0] is first[0], "what has not changed is not read again"
