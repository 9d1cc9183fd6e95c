"""The promises about owners, inventories, volumes and nodes: each is broken by its own trace."""

from __future__ import annotations

import pytest

import kcsim
from kcsim.testing.invariants import check
from tests.unit.testing.test_invariants import Told, of

FLUX = "system:serviceaccount:flux-system:kustomize-controller"


def pod(told, name, t, node="n", ready="True", phase="Running", uid=None, **more):
    status = {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}
    metadata = {"uid": uid or name, **more}
    return told.write(f"pod/d/{name}", t, metadata=metadata, spec={"nodeName": node}, status=status)


def orphan():
    told = Told().write("replicaset.apps/d/r", 0, metadata={"uid": "u"}, spec={})
    pod(told, "p", 1, ownerReferences=of("ReplicaSet", "r"))
    told.write("replicaset.apps/d/r", 10)
    return told.write("configmap/d/late", 2000, metadata={"uid": "c"})


def strangers_pruned():
    told = Told().write("configmap/d/a", 0, metadata={"uid": "a"})
    told.write("configmap/d/a", 5, FLUX)
    return told


def claim(told, name, t, volume):
    return told.write(
        f"persistentvolumeclaim/d/{name}", t, metadata={"uid": name}, spec={"volumeName": volume}
    )


def job(told, t, active):
    return told.write(
        "job.batch/d/j", t, metadata={"uid": "j"}, spec={"parallelism": 2}, status={"active": active}
    )


def daemon(told, name, t):
    return pod(told, name, t, ownerReferences=of("DaemonSet", "ds"))


def service(told, name, t, address):
    return told.write(f"service/d/{name}", t, metadata={"uid": name}, spec={"clusterIPs": [address]})


def node(told, name, t, cidr):
    return told.write(f"node/{name}", t, metadata={"uid": name}, spec={"podCIDRs": [cidr]})


BROKEN = [
    ("no-orphan-outlives-its-owner", orphan),
    ("an-agent-prunes-only-what-it-applied", strangers_pruned),
    ("a-claim-keeps-its-volume", lambda: claim(claim(Told(), "c", 0, "v1"), "c", 1, "v2")),
    ("a-claim-keeps-its-volume", lambda: claim(claim(Told(), "c", 0, "v1"), "other", 1, "v1")),
    ("a-job-runs-no-more-than-its-parallelism", lambda: job(job(Told(), 0, 2), 1, 3)),
    ("one-daemon-pod-a-node", lambda: daemon(daemon(Told(), "a", 0), "b", 1)),
    ("an-ended-pod-stays-ended", lambda: pod(pod(Told(), "p", 0, phase="Failed", ready="False"), "p", 1)),
    (
        "service-addresses-are-unique",
        lambda: service(service(Told(), "a", 0, "10.96.0.9"), "b", 1, "10.96.0.9"),
    ),
    ("pod-cidrs-are-disjoint", lambda: node(node(Told(), "a", 0, "10.244.0.0/23"), "b", 1, "10.244.1.0/24")),
]
KEPT = [
    lambda: claim(claim(Told(), "c", 0, "v1"), "other", 1, "v2"),
    lambda: job(job(Told(), 0, 1), 1, 2),
    lambda: node(node(Told(), "a", 0, "10.244.0.0/24"), "b", 1, "10.244.1.0/24"),
    lambda: service(service(Told(), "a", 0, "None"), "b", 1, "None"),
    lambda: service(service(Told(), "a", 0, "10.96.0.9").write("service/d/a", 1), "b", 2, "10.96.0.9"),
]


@pytest.mark.parametrize(("name", "story"), BROKEN)
def test_each_finds_what_breaks_it(name, story):
    assert [violation.invariant for violation in check(story().lines)] == [name]


@pytest.mark.parametrize("story", KEPT)
def test_what_is_allowed_is_let_pass(story):
    assert check(story().lines) == []


@pytest.mark.breaks("a-write-changes-something")
def test_a_write_without_a_change_is_found():
    sim = kcsim.Simulation(nodes=1, seed=1)
    sim.kubectl("create configmap a")
    log, resource = sim.cluster().server.log, sim.cluster().direct().resource("configmaps")
    for _ in range(2):
        version = log.get(resource, "default", "a")
        log.append(
            resource, version.key, version.object, actor="x", verb="update", manager="x", previous=version
        )
    (found,) = check(sim)
    assert (found.invariant, found.why) == ("a-write-changes-something", "x wrote what was there already")


def test_there_are_at_least_twenty():
    from kcsim.testing.invariants import INVARIANTS

    assert len(INVARIANTS) >= 20
    assert all(each.promise for each in INVARIANTS.values())
