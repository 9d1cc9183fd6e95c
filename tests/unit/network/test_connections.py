"""Connections that break: a program that ends under a request, and kept connections to what is there no more."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.simulation.simulation import Simulation
from tests.unit.network.test_reach import town
from tests.unit.traffic.worlds import INGRESS, die, image, shop

URL = "http://web"


def serving_pod(sim: Simulation) -> dict[str, Any]:
    pods = [p for p in sim.list("pods") if p["metadata"]["name"].startswith("web")]
    assert len(pods) == 1
    return pods[0]


def name_of(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["name"])


# --- a request under way ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ({"crash_after": 60_000_000, "latency": 900_000}, "Error, exit code 1"),
        ({"exits_after": 60_000_000, "latency": 900_000}, "Completed, exit code 0"),
    ],
)
def test_a_program_that_ends_under_a_request_resets_it(behaviour: dict[str, Any], told: str) -> None:
    sim = town(1, **behaviour)
    started = serving_pod(sim)["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    end = int(started[-3:-1]) + 60  # worlds begin at midnight: the pod started in their first minute
    sim.run_until(f"{end - 1}s")
    journey = sim.network.trace("client", URL)
    while journey.ok:  # its start is written in whole seconds
        sim.run("0.25s")
        journey = sim.network.trace("client", URL)
    assert journey.outcome == "reset", journey
    assert told in journey.why
    assert journey.took < 900_000


def test_a_pod_that_is_deleted_is_killed_under_slow_requests() -> None:
    """What is sent before the end of the grace period, and would be answered after it, is reset by SIGKILL."""
    sim = town(1, latency=900_000, ignores_sigterm=True)
    pod = serving_pod(sim)
    address = f"http://{pod['status']['podIP']}:8080"
    sim.kubectl(f"delete pod {name_of(pod)} --wait=false --grace-period=10")
    sim.run("5s")
    assert sim.network.trace("client", address).ok, "it serves until it is killed"
    sim.run("4.5s")
    journey = sim.network.trace("client", address)
    assert journey.outcome == "reset"
    assert "exit code 137" in journey.why
    sim.run("1.5s")
    assert sim.network.trace("client", address).outcome == "timeout", "nobody has the address any more"


def test_a_backend_that_dies_under_a_request_is_an_error_of_the_router_that_has_no_other() -> None:
    for replicas, outcome in ((1, "server error"), (2, "answered")):
        sim = shop(image("web", latency=900_000, crash_after=200_000_000))
        sim.network.install_ingress()
        sim.apply(INGRESS)
        sim.kubectl(f"scale deployment web --replicas={replicas}")
        if replicas == 2:
            die(sim, sim.list("pods", "default")[-1])  # the two will not crash at once
        ended = set()
        sim.run_until("210s")
        for _ in range(30):
            ended.add(sim.network.trace("users", "http://shop.example/").outcome)
            sim.run("0.5s")
        assert outcome in ended
        assert "reset" not in ended, "it is the router that users are connected to"


# --- kept connections -------------------------------------------------------------------------------------------


def test_a_kept_connection_is_none_of_proxies_and_policies_business() -> None:
    sim = town(1)
    opened = sim.network.trace("client", URL)
    assert opened.connection is not None
    address = f"http://{opened.connection.ip}:8080"
    deny = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }
    sim.apply(deny)
    sim.kubectl("delete service web")
    sim.run("10s")
    assert sim.network.trace("client", address).outcome == "policy drop"
    journey = sim.network.trace("client", URL, over=opened)
    assert journey.ok
    assert [hop.what for hop in journey.hops] == ["kept", "path", "reply"]


def test_a_kept_connection_to_a_container_that_was_killed_is_reset() -> None:
    sim = town(1)
    opened = sim.network.trace("client", URL)
    die(sim, serving_pod(sim))
    sim.run("5s")
    journey = sim.network.trace("client", URL, over=opened)
    assert journey.outcome == "reset"
    assert "OOMKilled, exit code 137" in journey.why
    sim.run("60s")
    assert sim.network.trace("client", URL).ok, "it has been started again"
    assert sim.network.trace("client", URL, over=opened).outcome == "reset", "which is another program"


def test_a_kept_connection_to_an_address_that_nobody_has_hangs() -> None:
    sim = town(1)
    opened = sim.network.trace("client", URL)
    sim.kubectl(f"delete pod {name_of(serving_pod(sim))} --wait=false --grace-period=1")
    sim.run("20s")
    journey = sim.network.trace("client", URL, over=opened, timeout="3s")
    assert (journey.outcome, journey.took) == ("timeout", 3_000_000)
    assert "nobody has it" in journey.why


def test_whoever_has_the_address_next_resets_what_it_does_not_know() -> None:
    sim = town(1, nodes=1)
    opened = sim.network.trace("users", URL)
    assert opened.connection is not None
    pod = serving_pod(sim)
    sim.kubectl("scale deployment web --replicas=0")
    sim.kubectl(f"delete pod {name_of(pod)} --wait=false --grace-period=1")
    sim.run("20s")
    runtime = sim.cluster().pods.runtime("node-1")
    assert runtime is not None
    other = {"metadata": {"name": "client", "namespace": "default", "uid": "u"}, "spec": {"containers": []}}
    runtime.create_sandbox(other, (opened.connection.ip,))
    assert sim.network.trace("users", URL, over=opened).outcome == "reset"


def test_a_cut_way_swallows_what_a_kept_connection_carries() -> None:
    sim = town(1)
    opened = sim.network.trace("users", URL)
    sim.inject("network-partition", "users <-> nodes")
    assert sim.network.trace("users", URL, over=opened).outcome == "timeout"


def test_whose_connection_it_is() -> None:
    sim = town(1)
    opened = sim.network.trace("client", URL)
    with pytest.raises(ValueError, match="ended with the users"):
        sim.network.trace("users", URL, over=opened)
    with pytest.raises(ValueError, match="no connection was opened: NXDOMAIN"):
        sim.network.trace("client", URL, over=sim.network.trace("client", "http://nobody"))


def test_a_kept_connection_through_a_node_goes_on_through_it() -> None:
    sim = town(1)
    sim.kubectl("""patch service web --patch '{"spec": {"type": "NodePort"}}'""")
    sim.run("5s")
    port = sim.get("service/web")["spec"]["ports"][0]["nodePort"]
    pod = serving_pod(sim)
    node = next(n for n in ("node-1", "node-2", "node-3") if n != pod["spec"]["nodeName"])
    address = sim.get(f"node/{node}")["status"]["addresses"][0]["address"]
    opened = sim.network.trace("users", f"http://{address}:{port}")
    assert opened.ok
    assert sim.network.trace("users", URL, over=opened).ok
    sim.inject("network-partition", f"users <-> {node}")
    assert sim.network.trace("users", f"http://{pod['status']['hostIP']}:{port}").ok
    assert sim.network.trace("users", URL, over=opened).outcome == "timeout"
