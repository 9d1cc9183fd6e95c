"""Each checker finds the trace that breaks its promise, and only that one."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from kcsim.engine.clock import SECOND, rfc3339
from kcsim.testing.invariants import INVARIANTS, check, demand
from kcsim.testing.invariants.quiet import unrest
from tests.unit.simulation.conftest import deployment, settled

MANAGER = "system:kube-controller-manager"


class Told:
    """A trace written by hand: lines of a trace.jsonl."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, subject: str, t: float, actor: str = MANAGER, rv: int | None = None, **set_: Any) -> Told:
        """A write that changes these fields; without any it is a deletion."""
        detail: dict[str, Any] = {"rv": len(self.lines) + 1 if rv is None else rv}
        if set_:
            detail["set"] = set_
        record = {
            "seq": len(self.lines),
            "t": f"{t:.6f}",
            "cause": None,
            "actor": actor,
            "verb": "patch",
            "object": subject,
            "detail": detail,
        }
        self.lines.append(json.dumps(record))
        return self

    def broken(self) -> list[str]:
        return [violation.invariant for violation in check(self.lines)]


def stamp(t: float) -> str:
    return rfc3339(int(t * SECOND))


def of(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"kind": kind, "name": name, "uid": "u", "controller": True}]


def told_deployment(replicas: int = 10) -> Told:
    return Told().write(
        "deployment.apps/d/web", 0, "dana", metadata={"uid": "d"}, spec={"replicas": replicas}
    )


def replica_set(told: Told, name: str, t: float, replicas: int, available: int | None = None) -> Told:
    status = {} if available is None else {"status": {"availableReplicas": available}}
    return told.write(
        f"replicaset.apps/d/{name}",
        t,
        metadata={"uid": name, "ownerReferences": of("Deployment", "web")},
        spec={"replicas": replicas},
        **status,
    )


def container(count: int, started: float, finished: float | None = None, code: int = 1) -> dict[str, Any]:
    last = {} if finished is None else {"terminated": {"exitCode": code, "finishedAt": stamp(finished)}}
    return {
        "name": "c",
        "image": "i",
        "restartCount": count,
        "state": {"running": {"startedAt": stamp(started)}},
        "lastState": last,
    }


SCHEDULED = {"type": "PodScheduled", "status": "True"}


def pod(told: Told, t: float, *statuses: dict[str, Any], **more: Any) -> Told:
    status = {"containerStatuses": list(statuses), "conditions": [SCHEDULED], **more.pop("status", {})}
    return told.write("pod/d/p", t, metadata={"uid": "p"}, spec={"nodeName": "n", **more}, status=status)


def surge() -> Told:
    told = told_deployment()
    replica_set(told, "web-1", 1, 10)
    replica_set(told, "web-2", 20, 3)
    return replica_set(told, "web-2", 21, 4)


def too_few_left() -> Told:
    told = replica_set(told_deployment(), "web-1", 1, 10, 10)
    replica_set(told, "web-1", 20, 8, 10)
    replica_set(told, "web-1", 30, 8, 8)
    return replica_set(told, "web-1", 40, 5, 8)


def out_of_order() -> Told:
    told = Told().write("statefulset.apps/d/db", 0, metadata={"uid": "s"}, spec={"replicas": 2})
    meta = {"ownerReferences": of("StatefulSet", "db")}
    told.write("pod/d/db-0", 1, metadata={"uid": "0", **meta}, spec={})
    return told.write("pod/d/db-1", 2, metadata={"uid": "1", **meta}, spec={})


def moved() -> Told:
    return pod(pod(Told(), 1), 2, nodeName="elsewhere")


def started_early() -> Told:
    return Told().write("pod/d/p", 1, spec={}, metadata={}, status={"containerStatuses": [container(0, 1)]})


def restarted_early() -> Told:
    told = pod(Told(), 1, container(0, 1))
    pod(told, 5, container(1, 4, 4))
    return pod(told, 10, container(2, 9, 8))


def counted_down() -> Told:
    return pod(pod(Told(), 1, container(2, 1)), 5, container(1, 4, 4))


def ready_too_soon() -> Told:
    conditions = [
        SCHEDULED,
        {"type": "Ready", "status": "True"},
        {"type": "ContainersReady", "status": "False"},
    ]
    return pod(Told(), 1, status={"conditions": conditions})


def time_without_transition() -> Told:
    def at(t: float) -> dict[str, Any]:
        return {"conditions": [{**SCHEDULED, "lastTransitionTime": stamp(t)}]}

    return pod(pod(Told(), 1, status=at(1)), 9, status=at(9))


def address_twice() -> Told:
    told = Told()
    for name in ("a", "b"):
        told.write(f"pod/d/{name}", 1, metadata={"uid": name}, spec={}, status={"podIP": "10.0.0.1"})
    return told


def ready_endpoint() -> Told:
    told = Told().write("service/d/web", 0, metadata={"uid": "s"}, spec={})
    told.write("pod/d/p", 1, metadata={"uid": "p"}, spec={}, status={"conditions": []})
    labels = {
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": "web",
    }
    endpoint = {"conditions": {"ready": True}, "targetRef": {"name": "p"}}
    return told.write(
        "endpointslice.discovery.k8s.io/d/web-1", 2, metadata={"labels": labels}, endpoints=[endpoint]
    )


def one_eviction_too_many() -> Told:
    told = Told().write("poddisruptionbudget.policy/d/web", 1, metadata={}, status={"disruptionsAllowed": 0})
    return told.write("poddisruptionbudget.policy/d/web", 2, status={"disruptedPods": {"p": stamp(2)}})


def over_quota() -> Told:
    told = Told().write(
        "resourcequota/d/q", 1, metadata={}, status={"hard": {"pods": "2"}, "used": {"pods": "2"}}
    )
    return told.write("resourcequota/d/q", 2, status={"used": {"pods": "3"}})


def two_nodes_at_once() -> Told:
    told = Told()
    taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
    for number in range(2):
        told.write(f"node/n{number}", 10 + number, metadata={"labels": {}}, spec={"taints": [taint]})
    return told


def backwards() -> Told:
    return Told().write("node/n", 1, rv=7, metadata={}, spec={}).write("node/n", 2, rv=7, metadata={"a": 1})


def generation_falls() -> Told:
    told = Told().write("deployment.apps/d/x", 1, metadata={"generation": 2}, spec={})
    return told.write("deployment.apps/d/x", 2, metadata={"generation": 1})


def from_the_dead() -> Told:
    told = Told().write("node/n", 1, metadata={"uid": "u"}, spec={}).write("node/n", 2)
    return told.write("node/n", 3, metadata={"uid": "u"}, spec={})


def effect_before_cause() -> Told:
    told = Told().write("node/n", 1, metadata={}, spec={}).write("node/n", 2, metadata={"a": 1})
    told.lines[1] = json.dumps({**json.loads(told.lines[1]), "cause": 0, "t": "0.500000"})
    return told


BROKEN = [
    (backwards, "revisions-grow"),
    (effect_before_cause, "causes-come-first"),
    (generation_falls, "generation-counts-changes-of-the-spec"),
    (from_the_dead, "what-is-gone-stays-gone"),
    (surge, "a-rolling-update-adds-no-more-than-its-surge"),
    (too_few_left, "a-rolling-update-takes-no-more-than-may-be-unavailable"),
    (out_of_order, "one-stateful-pod-an-ordinal-and-in-order"),
    (moved, "a-pod-stays-on-its-node"),
    (started_early, "a-pod-stays-on-its-node"),
    (restarted_early, "restarts-count-up-and-wait-their-back-off"),
    (counted_down, "restarts-count-up-and-wait-their-back-off"),
    (ready_too_soon, "conditions-are-in-order"),
    (time_without_transition, "conditions-move-with-their-status"),
    (address_twice, "addresses-are-given-once"),
    (ready_endpoint, "ready-endpoints-are-ready-pods"),
    (one_eviction_too_many, "evictions-stay-within-the-budget"),
    (over_quota, "counted-quota-is-never-exceeded"),
    (two_nodes_at_once, "evictions-of-a-zone-are-rate-limited"),
]


@pytest.mark.parametrize(("story", "name"), BROKEN, ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_promise_is_found_and_no_other(story, name):
    assert story().broken() == [name]


def test_a_step_for_statuses_that_were_true_a_moment_before_is_no_broken_promise():
    """Upstream's controller decides by caches: 8 of 10 have to stay, and 11 were available 200 ms ago."""
    told = replica_set(told_deployment(), "web-1", 1, 8, 7)
    replica_set(told, "web-2", 2, 3, 3)
    replica_set(told, "web-1", 39.8, 8, 8)
    replica_set(told, "web-2", 39.9, 0, 3)
    replica_set(told, "web-2", 39.95, 0, 0)
    assert replica_set(told, "web-1", 40, 5, 8).broken() == []


def test_every_invariant_has_a_story_that_breaks_it_and_a_promise():
    from tests.unit.testing import test_ownership_invariants  # which builds on this file

    elsewhere = {name for name, _ in test_ownership_invariants.BROKEN} | {"a-write-changes-something"}
    assert {name for _, name in BROKEN} | elsewhere == set(INVARIANTS)
    assert all(each.promise.endswith(".") for each in INVARIANTS.values())


def test_the_first_violation_is_told_with_time_object_and_causes():
    (violation,) = check(surge().lines)
    assert (violation.time, violation.object) == (21, "replicaset.apps/d/web-2")
    assert str(violation).splitlines()[0] == (
        "a-rolling-update-adds-no-more-than-its-surge: t=21.000s replicaset.apps/d/web-2: "
        "14 replicas in all ReplicaSets, where 10 are wanted and 13 allowed"
    )
    with pytest.raises(AssertionError, match="13 allowed"):
        demand(surge().lines)


def test_a_world_and_its_written_trace_are_judged_alike():
    sim = settled()
    sim.apply(deployment(3, "registry.example/web:2.0"))
    sim.run("2m")
    assert check(sim) == check(sim.trace) == check(sim.trace.lines()) == []


def test_only_the_invariants_asked_for_are_judged():
    assert check(surge().lines, ["revisions-grow"]) == []
    with pytest.raises(ValueError, match="no invariant"):
        check([], ["no-such-promise"])


def test_a_settled_world_is_quiet_and_a_changed_one_is_not():
    sim = settled()
    sim.run("2m")
    assert [write.record for write in unrest(sim, 60)] == []
    sim.kubectl("scale deployment/web --replicas=4")
    sim.run("10s")
    assert {write.kind for write in unrest(sim, 140)} >= {"deployment.apps", "replicaset.apps", "pod"}


@pytest.mark.parametrize(
    ("source", "only", "error", "told"),
    [
        ([], ("no-orphan-outlives-its-owners",), ValueError, "did you mean 'no-orphan-outlives-its-owner'?"),
        ([], "nonsense", ValueError, "no invariant 'nonsense'; there are revisions-grow, "),
        (["{bad"], (), ValueError, "line 1 is none of a trace.jsonl (JSONDecodeError: "),
        (['{"a": 1}'], (), ValueError, "line 1 is none of a trace.jsonl (KeyError: 't')"),
        ("trace.jsonl", (), TypeError, "the lines of a trace.jsonl is checked, not 'trace.jsonl'"),
        (None, (), TypeError, "is checked, not None"),
    ],
)
def test_what_cannot_be_checked_is_told(source, only, error, told):
    with pytest.raises(error, match=re.escape(told)):
        check(source, only)
