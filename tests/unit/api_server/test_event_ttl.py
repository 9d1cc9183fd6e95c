"""Events live an hour and up to a minute, from when they were last written."""

from __future__ import annotations

from kcsim.simulation.simulation import Simulation


def event(name):
    about = {"kind": "Pod", "namespace": "default", "name": "web"}
    body = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "default"}}
    return {**body, "involvedObject": about, "reason": "Tested", "type": "Normal", "message": "x"}


def names(sim):
    return [e["metadata"]["name"] for e in sim.list("events", "default") if e["reason"] == "Tested"]


def world():
    sim = Simulation(nodes=1, seed=1)
    sim.run_until("2h")  # what the start wrote is forgotten
    assert sim.list("events") == []
    return sim, sim.cluster().direct()


def test_an_event_is_gone_after_an_hour_and_a_minute():
    sim, client = world()
    client.now(client.create("events", event("a")))
    sim.run("60m")
    assert names(sim) == ["a"]
    sim.run("61s")
    assert names(sim) == []


def test_events_of_one_minute_go_together_and_later_ones_later():
    sim, client = world()
    for name in ("a", "b", "c"):
        client.now(client.create("events", event(name)))
        sim.run("40s")
    sim.run("58m59s")
    assert names(sim) == ["a", "b", "c"]
    sim.run("2s")
    assert names(sim) == ["c"]
    sim.run("82s")
    assert names(sim) == []


def test_an_event_that_is_written_again_lives_on():
    sim, client = world()
    client.now(client.create("events", event("a")))
    sim.run("30m")
    client.now(client.patch("events", "default", "a", {"count": 2}))
    sim.run("45m")
    assert names(sim) == ["a"]
    sim.run("17m")
    assert names(sim) == []


def test_a_cluster_without_events_waits_for_nothing():
    sim, _ = world()
    before = sim.engine.steps
    sim.run("24h")
    assert sim.engine.steps - before < 100


def test_a_watcher_sees_it_go():
    sim, client = world()
    client.now(client.create("events", event("a")))
    seen = []
    cluster = sim.cluster()
    watch = cluster.server.log.watch(cluster.server.events, lambda: None)
    sim.run("62m")
    seen = [(kind, version.key[1], version.verb) for kind, version in watch.take()]
    assert seen == [("DELETED", "a", "expire")]
