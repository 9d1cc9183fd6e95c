"""An agent that dies between two writes: its container ends, the kubelet starts another, and the work is done."""

from __future__ import annotations

import pytest

from kcsim.api.kit.seams import CrashPoint, Seams
from tests.unit.flux.test_in_a_cluster import flux_cluster


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kustomize_controller_that_dies_at_its_apply_is_restarted_by_the_kubelet(yaml, when):
    sim = flux_cluster(yaml)
    rule = CrashPoint("kustomize-controller", when, verb="patch", resource="deployments", name="web")
    armed = Seams.of(sim.world.cluster.endpoint).arm(rule)
    sim.run_until(lambda s: armed.fired, timeout="2m")
    sim.run("5s")
    (pod,) = sim.list("pods", "flux-system", labels="app=kustomize-controller")
    (status,) = pod["status"]["containerStatuses"]
    assert status["restartCount"] + ("waiting" in status["state"]) >= 1
    ended = (status.get("lastState") or status["state"])["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (2, "Error")
    sim.run_until(lambda s: s.get("deployment/web", "shop")["status"]["readyReplicas"] == 2, timeout="3m")
