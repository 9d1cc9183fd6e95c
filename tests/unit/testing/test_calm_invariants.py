"""Promises that hold while nothing is broken: asked by name, each with a story that breaks it and one that does not."""

from __future__ import annotations

import pytest

import kcsim
from kcsim.api import objects
from kcsim.testing.controller import Operator
from kcsim.testing.invariants import CALM, INVARIANTS, check
from kcsim.testing.tiny import crd


class Sweeper(Operator):
    """Deletes a ConfigMap by its name, whoever made it."""

    name = "sweeper"
    watches = "sweeps.example.com"
    owns = ("configmaps",)

    def sync(self, obj):
        if obj["spec"].get("makes"):
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}}
            yield self.client.create("configmaps", body, namespace="default")
        yield self.client.delete("configmaps", objects.namespace(obj), obj["spec"]["target"])


def swept(target: str, *, makes: bool) -> kcsim.Simulation:
    sim = kcsim.Simulation(nodes=1, seed=1)
    sim.add_controller(Sweeper)
    sim.apply(crd("Sweep", "example.com"))
    sim.kubectl("create configmap others")
    sweep = {"apiVersion": "example.com/v1", "kind": "Sweep", "metadata": {"name": "s"}}
    sim.apply({**sweep, "spec": {"target": target, "makes": makes}})
    sim.run("30s")
    return sim


def names(sim: object) -> list[str]:
    return [each.invariant for each in check(sim, list(CALM))]


def test_a_program_that_deletes_what_is_others_is_found():
    (found,) = check(swept("others", makes=False), list(CALM))
    assert found.invariant == "never-an-unowned-delete"
    assert found.object == "configmap/default/others"
    assert "system:serviceaccount:default:sweeper deletes what it never wrote" in found.why


def test_a_program_may_delete_what_it_made():
    assert names(swept("own", makes=True)) == []


def fought(turns: int, *, also: str) -> kcsim.Simulation:
    sim = kcsim.Simulation(nodes=1, seed=1)
    sim.run("10s")
    sim.kubectl("create deployment web --image=web:1 --replicas=1")
    for turn in range(turns):
        sim.run("1m")
        who = "dana" if turn % 2 else also
        sim.kubectl(f"scale deployment/web --replicas={1 + (turn + 1) % 2}", as_=who)
    sim.run("1m")
    return sim


@pytest.mark.parametrize(
    ("turns", "also", "broken"), [(6, "nico", True), (4, "nico", False), (9, "dana", False)]
)
def test_a_fight_is_six_turns_of_two_actors(turns, also, broken):
    assert names(fought(turns, also=also)) == (["no-oscillation"] if broken else [])


def test_a_fight_is_told_with_both_and_read_from_the_lines_of_a_trace():
    sim = fought(6, also="nico")
    (found,) = check(list(sim.trace.lines()), ["no-oscillation"])
    assert "undo each other's change, 6 turns in 5m" in found.why
    assert {"nico", "dana"} <= set(found.why.split())


def test_endpoints_of_dead_pods_are_found_when_nobody_takes_them_away():
    sim = kcsim.Simulation(nodes=1, seed=1)
    sim.run("10s")
    sim.kubectl("create deployment web --image=web:1 --replicas=1")
    sim.kubectl("expose deployment web --port=80")
    sim.run("1m")
    assert names(sim) == []
    sim.inject("component-crash", "kube-controller-manager")
    sim.kubectl("delete pod -l app=web --wait=false")
    sim.run("20s")
    assert names(sim) == []
    sim.run("3m")
    (found,) = check(sim, list(CALM))
    assert found.invariant == "dead-endpoints-leave"
    assert "after it is dead" in found.why


@pytest.mark.parametrize("delivery", ["push", "flux", "argocd"])
def test_a_release_on_an_ordinary_day_is_calm(delivery):
    play = kcsim.load("plain-release", delivery)
    play.finish()
    assert names(play) == []


def test_no_name_is_used_twice_and_a_near_one_is_told():
    assert not set(CALM) & set(INVARIANTS)
    with pytest.raises(ValueError, match="no invariant 'oscillation'; did you mean 'no-oscillation'"):
        check(kcsim.Simulation(nodes=0), ["oscillation"])
