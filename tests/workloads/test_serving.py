"""What the users of a Service notice: readiness, terminations, wrong selectors and ports."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.log import Version
from kcsim.cluster.images import ImageBehaviour, Window
from kcsim.engine.clock import SECOND
from kcsim.simulation.faults import Fault, inject
from tests.workloads.worlds import (
    GOOD,
    budget,
    cluster,
    image,
    pods,
    ready,
    restarts,
    service,
    settle,
    workload,
)

PROBE = {"tcpSocket": {"port": 80}, "periodSeconds": 10, "failureThreshold": 3}


def addresses(sim):
    return [
        endpoint["addresses"][0]
        for slice in sim.list("endpointslices", "default")
        if slice["metadata"]["name"] != "kubernetes"  # that of the API server itself
        for endpoint in slice.get("endpoints") or ()
        if endpoint["conditions"]["ready"]
    ]


def test_a_shared_dependency_takes_all_endpoints_away():
    """S06: all probes fail: no endpoint within a window of three periods, though every pod runs; one success restores."""
    sim = cluster(2)
    settle(
        sim,
        workload(replicas=4, container={"readinessProbe": PROBE}),
        service(),
        budget(minAvailable=2),
        ready=4,
    )
    users = sim.world.add_traffic("users", service="web", rate=10, start=sim.engine.now)
    broken = ImageBehaviour(GOOD, fails_readiness=Window(0))
    began = sim.now
    inject(sim.world, Fault("image-behaviour", GOOD, 120 * SECOND, behaviour=broken))
    sim.run_until(lambda s: not addresses(s), timeout="1m")
    assert 20 <= sim.now - began <= 33
    sim.run("5s")
    assert {p["status"]["phase"] for p in pods(sim)} == {"Running"}
    assert {restarts(p) for p in pods(sim)} == {0}
    assert not objects.condition_is(sim.get("deployment/web"), "Available")
    assert sim.get("pdb/web")["status"]["disruptionsAllowed"] == 0
    failed = users.totals().causes
    sim.run("30s")
    added = {cause: n - failed.get(cause, 0) for cause, n in users.totals().causes.items()}
    assert {cause for cause, n in added.items() if n} == {
        "no ready endpoints"
    }  # refused by the proxy, at once
    sim.run_until(lambda s: len(addresses(s)) == 4, timeout="2m")
    assert sim.now - began <= 120 + 12


def test_a_program_that_exits_at_once_loses_requests_and_a_pre_stop_hook_saves_them():
    """S13: requests routed to the pod after it has gone and before every proxy knows are refused."""
    lost = {}
    for hook in (0, 10):
        lifecycle = {"lifecycle": {"preStop": {"sleep": {"seconds": hook}}}} if hook else {}
        sim = cluster(3, image(stops_after_sigterm=0.01))
        settle(sim, workload(replicas=4, container=lifecycle), service(), ready=4)
        users = sim.world.add_traffic("users", service="web", rate=400, start=sim.engine.now)
        sim.run("5s")
        victim = pods(sim)[0]["metadata"]["name"]
        sim.kubectl(f"delete pod {victim} --wait=false")
        sim.run("60s")
        lost[hook] = users.totals().failed
    # A quarter of 400 a second, for the time between exit and the slowest proxy: at most some seconds.
    assert 0 < lost[0] <= 100 * 3
    assert lost[10] == 0


def test_a_hook_longer_than_the_grace_is_cut_off_and_the_program_killed():
    """S13's variant: preStop 40 s, grace 30 s: two more seconds for SIGTERM, then SIGKILL."""
    stubborn = image(ignores_sigterm=True)
    sim = cluster(1, stubborn)
    lifecycle = {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "40"]}}}}
    settle(sim, workload(replicas=1, container=lifecycle), ready=1)
    victim = pods(sim)[0]["metadata"]["name"]
    began = sim.now
    sim.kubectl(f"delete pod {victim} --wait=false")
    sim.run_until(lambda s: victim not in {p["metadata"]["name"] for p in pods(s)}, timeout="2m")
    assert 32 <= sim.now - began <= 37
    ended = [
        record.object
        for record in sim.trace.records
        if isinstance(record, Version) and record.subject == f"pod/default/{victim}" and not record.deleted
    ][-1]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert ended["exitCode"] == 137


class TestThreeKindsOfNothing:
    """S26: no endpoints, a wrong port and a policy fail differently."""

    @pytest.mark.parametrize(
        ("spec", "endpoints", "cause"),
        [
            ({"selector": {"app": "wbe"}}, 0, "no ready endpoints"),
            ({"ports": [{"port": 80, "targetPort": 8080}]}, 2, "connection refused"),
        ],
        ids=["selector", "port"],
    )
    def test_refused_at_once(self, spec, endpoints, cause):
        sim = cluster(2)
        settle(sim, workload(replicas=2), service(**spec), ready=2)
        users = sim.world.add_traffic("users", service="web", rate=5, start=sim.engine.now)
        sim.run("20s")
        assert len(addresses(sim)) == endpoints
        totals = users.totals()
        assert totals.ok == 0
        assert set(totals.causes) == {cause}
        assert totals.sent - totals.ended <= 1

    def test_a_policy_times_out(self):
        sim = cluster(2)
        policy = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "none", "namespace": "default"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
        }
        settle(sim, workload(replicas=2), service(), ready=2)
        sim.apply(policy)
        sim.run("10s")
        users = sim.world.add_traffic("users", service="web", rate=5, start=sim.engine.now)
        sim.run("20s")
        totals = users.totals()
        assert totals.ok == 0
        assert set(totals.causes) == {"dropped by network policy"}
        assert totals.sent - totals.ended >= 4  # each waits for its timeout
        assert ready(sim) == 2
