"""Endpoints: one object a Service; what it lists, when it is written, and where it stops."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.controllers.endpoints.controller import EndpointsController
from kcsim.cluster.controllers.endpoints.subsets import belongs, subsets_of, truncate
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController

PORT = {"port": 80, "targetPort": 8080, "protocol": "TCP"}


@pytest.fixture
def world(make_world, make):
    world = make_world()
    world.run_controllers(ReplicaSetController(), EndpointsController(), limits=make.unlimited)
    return world


def service(make, name="web", **spec):
    return make.manifest("v1", "Service", name, spec={"selector": {"app": "web"}, "ports": [PORT], **spec})


def pod(name, ip, *, ready=True, **more):
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    container = {"name": "app", "ports": [{"name": "http", "containerPort": more.pop("number", 8080)}]}
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", **more.pop("metadata", {})},
        "spec": {"nodeName": "node-1", "containers": [container], **more.pop("spec", {})},
        "status": {"phase": "Running", "podIP": ip, "conditions": [condition], **more},
    }


def shown(subsets):
    def ips(subset, kind):
        return [address["ip"] for address in subset.get(kind, [])]

    ports = [[port["port"] for port in subset.get("ports", [])] for subset in subsets]
    return [
        (ips(subset, "addresses"), ips(subset, "notReadyAddresses"), port)
        for subset, port in zip(subsets, ports, strict=True)
    ]


def web(*ports, **spec):
    return {"metadata": {"name": "web"}, "spec": {"ports": list(ports or (PORT,)), **spec}}


class TestObject:
    def test_a_service_without_pods_has_an_empty_object(self, world, make):
        world.do(world.client.create("services", service(make)))
        world.run("1s")
        (written,) = world.list("endpoints")
        assert objects.name(written) == "web"
        assert "subsets" not in written
        assert objects.labels(written) == {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}

    def test_it_follows_pods_and_goes_with_the_service(self, world, make):
        world.do(world.client.create("services", service(make)))
        world.do(world.client.create("replicasets", make.replica_set(3)))
        world.run("3s")
        (written,) = world.list("endpoints")
        (subset,) = written["subsets"]
        assert len(subset["addresses"]) == 3
        assert subset["ports"] == [{"port": 8080, "protocol": "TCP"}]
        made = written["metadata"]["annotations"]["endpoints.kubernetes.io/last-change-trigger-time"]
        assert made > written["metadata"]["creationTimestamp"]
        world.do(world.client.delete("services", "shop", "web"))
        world.run("1s")
        assert world.list("endpoints") == []

    def test_nothing_is_written_without_a_change(self, world, make):
        world.do(world.client.create("services", service(make)))
        world.do(world.client.create("replicasets", make.replica_set(2)))
        world.run("3s")
        before = world.list("endpoints")
        world.patch("services", "web", {"metadata": {"annotations": {"note": "x"}}})
        world.run("3s")
        assert world.list("endpoints") == before

    def test_labels_follow_the_service_and_headless_is_marked(self, world, make):
        world.do(world.client.create("services", service(make, clusterIP="None")))
        world.run("1s")
        world.patch("services", "web", {"metadata": {"labels": {"team": "shop"}}})
        world.run("1s")
        (written,) = world.list("endpoints")
        assert objects.labels(written)["team"] == "shop"
        assert objects.labels(written)["service.kubernetes.io/headless"] == ""

    def test_a_deleted_object_comes_back(self, world, make):
        world.do(world.client.create("services", service(make)))
        world.run("1s")
        world.do(world.client.delete("endpoints", "shop", "web"))
        world.run("1s")
        assert world.names("endpoints") == ["web"]

    def test_another_selector_finds_other_pods(self, world, make):
        world.do(world.client.create("replicasets", make.replica_set(2)))
        world.do(world.client.create("services", service(make, selector={"app": "other"})))
        world.run("3s")
        assert "subsets" not in world.list("endpoints")[0]
        world.patch("services", "web", {"spec": {"selector": {"app": "web"}}})
        world.run("1s")
        assert len(world.list("endpoints")[0]["subsets"][0]["addresses"]) == 2


class TestSubsets:
    def test_ready_ones_and_others_share_a_subset(self):
        pods = [pod("a", "10.0.0.10"), pod("b", "10.0.0.9", ready=False), pod("c", "10.0.0.2")]
        assert shown(subsets_of(web(), pods)) == [(["10.0.0.2", "10.0.0.10"], ["10.0.0.9"], [8080])]

    def test_a_named_port_that_differs_makes_another_subset(self):
        named = {"port": 80, "targetPort": "http", "protocol": "TCP"}
        found = subsets_of(web(named), [pod("a", "10.0.0.1"), pod("b", "10.0.0.2", number=9090)])
        assert sorted(shown(found)) == [(["10.0.0.1"], [], [8080]), (["10.0.0.2"], [], [9090])]

    def test_ports_stand_in_the_order_of_their_hashes(self):
        ports = [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
            {"name": "metrics", "port": 9153, "protocol": "TCP"},
        ]
        (subset,) = subsets_of(web(*ports), [pod("a", "10.0.0.1")])
        assert [port["name"] for port in subset["ports"]] == ["dns-tcp", "dns", "metrics"]

    def test_a_headless_service_without_ports_lists_addresses_alone(self):
        (subset,) = subsets_of(
            {"metadata": {"name": "db"}, "spec": {"clusterIP": "None"}}, [pod("a", "10.0.0.1")]
        )
        assert "ports" not in subset
        assert subset["addresses"][0]["targetRef"]["name"] == "a"
        assert (
            subsets_of(
                {"metadata": {"name": "db"}, "spec": {"clusterIP": "10.96.0.9"}}, [pod("a", "1.1.1.1")]
            )
            == []
        )

    @pytest.mark.parametrize(
        ("policy", "phase", "expected"),
        [
            ("Always", "Failed", True),
            ("OnFailure", "Failed", True),
            ("OnFailure", "Succeeded", False),
            ("Never", "Failed", False),
            ("Never", "Running", True),
        ],
    )
    def test_ended_pods_by_restart_policy(self, policy, phase, expected):
        one = pod("a", "10.0.0.1", phase=phase, spec={"restartPolicy": policy})
        assert belongs(one, publish_not_ready=False) is expected

    def test_a_pod_on_its_way_out_is_left_out_unless_published(self):
        one = pod("a", "10.0.0.1", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
        assert not belongs(one, publish_not_ready=False)
        published = subsets_of(web(publishNotReadyAddresses=True), [{**one}])
        assert shown(published) == [(["10.0.0.1"], [], [8080])]


class TestTruncation:
    def subset(self, ready, other):
        some = {"addresses": [{"ip": f"r{i}"} for i in range(ready)]} if ready else {}
        more = {"notReadyAddresses": [{"ip": f"n{i}"} for i in range(other)]} if other else {}
        return {**some, **more, "ports": [{"port": 1}]}

    def sizes(self, subsets):
        return [(len(s.get("addresses", ())), len(s.get("notReadyAddresses", ()))) for s in subsets]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ([(600, 400)], [(600, 400)]),
            ([(600, 500)], [(600, 400)]),
            ([(1001, 7)], [(1000, 0)]),
            ([(1000, 7)], [(1000, 0)]),
            ([(1000, 0), (500, 10)], [(667, 0), (333, 0)]),
            ([(10, 900), (0, 600)], [(10, 594), (0, 396)]),
        ],
    )
    def test_shares_are_rounded_up(self, given, expected):
        cut, over = truncate([self.subset(*sizes) for sizes in given])
        assert self.sizes(cut) == expected
        assert over == (given != expected)

    def test_the_annotation_says_so(self, world, make):
        world.do(world.client.create("services", service(make)))
        world.do(world.client.create("replicasets", make.replica_set(1001)))
        world.run("20s")
        (written,) = world.list("endpoints")
        assert written["metadata"]["annotations"]["endpoints.kubernetes.io/over-capacity"] == "truncated"
        assert sum(len(s.get("addresses", ())) for s in written["subsets"]) == 1000
