"""EndpointSlices: which pods are listed how, and how few slices a change rewrites."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.controllers.endpointslice.controller import EndpointSliceController
from kcsim.cluster.controllers.endpointslice.services import ServiceIndex
from kcsim.cluster.controllers.endpointslice.slices import SliceSet, group_of
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.engine.clock import SECOND

PORTS = [{"name": "", "port": 80, "protocol": "TCP"}]


@pytest.fixture
def world(make_world, make):
    world = make_world()
    world.run_controllers(ReplicaSetController(), EndpointSliceController(), limits=make.unlimited)
    return world


def service(make, name="web", **spec):
    ports = [{"port": 80, "targetPort": 8080, "protocol": "TCP"}]
    return make.manifest("v1", "Service", name, spec={"selector": {"app": "web"}, "ports": ports, **spec})


def slices(world):
    return world.list("endpointslices")


def conditions(world):
    return {
        e["targetRef"]["name"]: tuple(e["conditions"][c] for c in ("ready", "serving", "terminating"))
        for s in slices(world)
        for e in s.get("endpoints") or ()
    }


def test_a_service_without_pods_has_one_empty_slice(world, make):
    world.do(world.client.create("services", service(make)))
    world.run("1s")
    (placeholder,) = slices(world)
    assert not placeholder.get("endpoints")
    assert not placeholder.get("ports")
    assert placeholder["addressType"] == "IPv4"
    assert objects.labels(placeholder)["kubernetes.io/service-name"] == "web"
    assert objects.controller_of(placeholder)["kind"] == "Service"


def test_endpoints_follow_pods_and_the_placeholder_is_reused(world, make):
    world.do(world.client.create("services", service(make)))
    world.run("1s")
    placeholder = world.names("endpointslices")
    world.do(world.client.create("replicasets", make.replica_set(3)))
    world.run("0.5s")
    assert conditions(world) == {}
    world.run("1s")
    assert world.names("endpointslices") == placeholder
    (only,) = slices(world)
    assert only["ports"] == [{"name": "", "port": 8080, "protocol": "TCP"}]
    assert set(conditions(world).values()) == {(True, True, False)}
    endpoint = only["endpoints"][0]
    pod = world.get("pods", endpoint["targetRef"]["name"])
    assert endpoint["addresses"] == [pod["status"]["podIP"]]
    assert (endpoint["nodeName"], endpoint["zone"]) == (
        pod["spec"]["nodeName"],
        {"node-0": "zone-a", "node-1": "zone-b", "node-2": "zone-a"}[pod["spec"]["nodeName"]],
    )
    # Ready at 2.0 s: the annotation names the instant that asked for the change.
    trigger = objects.get_in(
        only, ("metadata", "annotations", "endpoints.kubernetes.io/last-change-trigger-time")
    )
    assert trigger == "2026-01-01T00:00:02Z"


def test_unready_and_terminating_pods_stay_listed(world, make):
    world.nodes.gone_after = 5 * SECOND
    world.do(world.client.create("services", service(make)))
    world.do(world.client.create("replicasets", make.replica_set(2)))
    world.run("3s")
    first, second = sorted(conditions(world))
    world.nodes.report(("shop", first), False)
    world.do(world.client.delete("pods", "shop", second))
    world.run("0.5s")
    assert conditions(world) == {first: (False, False, False), second: (False, True, True)}
    world.run("10s")
    assert second not in conditions(world)


def test_publish_not_ready_addresses(world, make):
    world.do(world.client.create("services", service(make, publishNotReadyAddresses=True)))
    world.do(world.client.create("replicasets", make.replica_set(1)))
    world.run("3s")
    (name,) = conditions(world)
    world.nodes.report(("shop", name), False)
    world.run("1s")
    assert conditions(world) == {name: (True, False, False)}


def test_a_change_of_ports_moves_all_endpoints(world, make):
    world.do(world.client.create("services", service(make)))
    world.do(world.client.create("replicasets", make.replica_set(2)))
    world.run("3s")
    before = world.names("endpointslices")
    world.patch("services", "web", {"spec": {"ports": [{"port": 80, "targetPort": 9090, "protocol": "TCP"}]}})
    world.run("1s")
    (only,) = slices(world)
    assert [objects.name(only)] == before
    assert only["ports"][0]["port"] == 9090
    assert len(only["endpoints"]) == 2


def test_a_foreign_edit_is_undone_after_a_second(world, make):
    world.do(world.client.create("services", service(make)))
    world.do(world.client.create("replicasets", make.replica_set(2)))
    world.run("3s")
    world.patch("endpointslices", world.names("endpointslices")[0], {"endpoints": []})
    world.run("0.9s")
    assert conditions(world) == {}
    world.run("0.2s")
    assert len(conditions(world)) == 2
    world.do(world.client.delete("endpointslices", "shop", world.names("endpointslices")[0]))
    world.run("2s")
    assert len(conditions(world)) == 2


def test_hundred_endpoints_a_slice_and_one_pod_rewrites_one_slice(world, make):
    world.do(world.client.create("services", service(make)))
    world.do(world.client.create("replicasets", make.replica_set(250)))
    world.run("20s")
    sizes = sorted(len(s["endpoints"]) for s in slices(world))
    assert sum(sizes) == 250
    assert max(sizes) <= 100
    before = {objects.name(s): objects.resource_version(s) for s in slices(world)}
    world.nodes.report(("shop", sorted(conditions(world))[7]), False)
    world.run("1s")
    after = {objects.name(s): objects.resource_version(s) for s in slices(world)}
    assert sum(before[name] != after[name] for name in before) == 1


def test_a_service_label_reaches_its_slices(world, make):
    world.do(world.client.create("services", service(make, clusterIP="None")))
    world.run("1s")
    world.patch("services", "web", {"metadata": {"labels": {"team": "a"}}})
    world.run("1s")
    labels = objects.labels(slices(world)[0])
    assert labels["team"] == "a"
    assert labels["service.kubernetes.io/headless"] == ""


def test_quiet_when_idle(world, make):
    world.do(world.client.create("services", service(make)))
    world.do(world.client.create("replicasets", make.replica_set(5)))
    world.run("10s")
    world.run("2h")  # the Events of the start are forgotten
    steps = world.engine.steps
    world.run("24h")
    assert world.engine.steps == steps


def wanted(name, ports=PORTS):
    return {(name, "IPv4"): (group_of("IPv4", ports), ports, {"targetRef": {"name": name}})}


def stored(name, pods, ports=PORTS):
    endpoints = [{"targetRef": {"name": pod}} for pod in pods]
    return {"metadata": {"name": name}, "addressType": "IPv4", "ports": ports, "endpoints": endpoints}


def test_new_endpoints_go_where_something_changes_anyway():
    slices = SliceSet()
    slices.load(stored("full", [f"a{i}" for i in range(99)]))
    slices.load(stored("half", [f"b{i}" for i in range(50)]))
    changes = slices.apply({("b0", "IPv4"): None, **wanted("new")}, ["IPv4"])
    assert [s.name for s in changes.update] == ["half"]
    changes = slices.apply(wanted("another"), ["IPv4"])
    # Nothing else changes: the fullest slice with room takes it.
    assert [s.name for s in changes.update] == ["full"]
    changes = slices.apply({k: v for i in range(60) for k, v in wanted(f"n{i}").items()}, ["IPv4"])
    assert (len(changes.create), changes.update) == (1, [])


def test_the_last_endpoint_leaves_an_empty_slice_behind():
    slices = SliceSet()
    slices.load(stored("one", ["a"]))
    slices.load(stored("two", ["b"]))
    changes = slices.apply({("a", "IPv4"): None, ("b", "IPv4"): None}, ["IPv4"])
    assert [s.name for s in changes.update] == ["one"]
    assert changes.update[0].ports == []
    assert [s.name for s in changes.delete] == ["two"]
    changes.update[0].stored = stored("one", [], [])
    assert slices.apply({("a", "IPv4"): None}, ["IPv4"]).update == []


def test_an_endpoint_that_two_slices_list_stays_in_the_first():
    slices = SliceSet()
    slices.load(stored("one", ["a", "b"]))
    slices.load(stored("two", ["a", "b"]))
    slices.load(stored("three", ["b", "c"]))
    changes = slices.apply({**wanted("a"), **wanted("b"), **wanted("c")}, ["IPv4"])
    assert [(s.name, list(s.endpoints)) for s in changes.update if s.name == "three"] == [("three", ["c"])]
    assert [s.name for s in changes.delete] == ["two"]
    assert not changes.create


def test_services_are_found_by_any_pod_label():
    index = ServiceIndex()
    index.put(("shop", "a"), {"app": "web"})
    index.put(("shop", "b"), {"app": "web", "tier": "front"})
    index.put(("other", "c"), {"app": "web"})
    assert index.matching("shop", {"app": "web"}) == [("shop", "a")]
    assert index.matching("shop", {"app": "web", "tier": "front"}) == [("shop", "a"), ("shop", "b")]
    index.put(("shop", "a"), {"app": "api"})
    index.drop(("shop", "b"))
    assert index.matching("shop", {"app": "web", "tier": "front"}) == []
