"""C, with the catalogue of faults: which plan finds which bug, and that the control plane survives every single fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kcsim.api import objects
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.kit.seams import CrashPoint, CursorFault, Rule, Seams
from kcsim.api.objects import Key
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND
from kcsim.simulation.faults import KINDS
from kcsim.simulation.simulation import Simulation
from tests.unit.kit.conftest import World
from tests.unit.simulation.conftest import settled

# --- plans ------------------------------------------------------------------------------------------------------


MISSED = 15 * SECOND
"""A watch that lost a change ends so long afterwards, and the reflector lists again."""


def play(reconciler: Reconciler, gap: str, script: list[tuple[str, ...]], rule: Rule | None = None) -> World:
    """A bare server, one controller, and a person who follows a script, a step each ``gap``."""
    world = World()
    component = world.component(reconciler)
    component.start()
    seams = Seams.of(world.endpoint)
    seams.collect()
    world.run("1s")
    armed = seams.arm(rule) if rule is not None else None
    for verb, *words in script:
        if verb == "create":
            finalizers = {"finalizers": ["example.com/clean-up"]} if reconciler.name == "cleaner" else {}
            name, phase = words
            metadata = {"name": name, "namespace": "default", **finalizers}
            obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"phase": phase}}
            world.admin.now(world.admin.create("configmaps", obj))
        elif verb == "delete":
            world.admin.now(world.admin.delete("configmaps", "default", words[0]))
        elif verb == "restart":
            component.crash(SECOND)
        else:
            world.change(words[0], phase=words[1])
        world.run("1s")
        if armed is not None and armed.fired and isinstance(rule, CursorFault) and rule.what == "drop":
            world.engine.after(MISSED, armed.lift)
        world.run(gap)
    world.run("5m")
    return world


def plans(reference: World) -> Iterator[tuple[str, Rule]]:
    """Every crash, every unobserved change, every view of the past that a restart could have."""
    sites = Seams.of(reference.endpoint).collect()
    for number in range(1, len(sites.writes) + 1):
        for when in ("before", "after"):
            yield "intermediate", CrashPoint("robot", when, number)  # type: ignore[arg-type]  # one of the two
    for number in range(1, sum(each.resource == "configmaps" for each in sites.deliveries) + 1):
        yield "unobserved", CursorFault("drop", "robot", "configmaps", nth=number)
    for version in reference.server.log.versions:
        if version.resource.plural == "configmaps":
            yield (
                "stale",
                CursorFault("rewind", "robot", "configmaps", revision=version.revision, by=20 * SECOND),
            )


def tally(world: World) -> tuple[list[str], int]:
    """The secrets at the end, and how many were deleted on the way."""
    secrets = world.admin.resource("secrets")
    deleted = sum(v.deleted for v in world.server.log.versions if v.resource is secrets)
    return [version.key[1] for version in world.server.log.list(secrets)], deleted


def found_by(
    make: type[Reconciler], gap: str, script: list[tuple[str, ...]], *, counts: bool = True
) -> set[str]:
    """The patterns of which any plan ends with other secrets than the reference run, or (counted) deletes more of them."""
    reference = play(make(), gap, script)
    there, deleted = tally(reference)
    found = set()
    for pattern, rule in plans(reference):
        end, count = tally(play(make(), gap, script, rule))
        if end != there or (counts and count > deleted):
            found.add(pattern)
    return found


# --- C4: a view of the past -------------------------------------------------------------------------------------


class Cleaner(Reconciler):
    """Keeps a secret beside each ConfigMap; deletes it when the ConfigMap is being deleted."""

    name = "cleaner"
    careful = False

    def setup(self, component: Any) -> None:
        self.maps = component.informer("configmaps")
        self.maps.on_change(lambda old, new: self.enqueue(objects.key(new or old)))

    def reconcile(self, key: Key) -> Outcome:
        namespace, name = key
        owner = self.maps.get(*key)
        if owner is None:
            return None
        if objects.is_deleting(owner):
            try:
                secret = yield self.client.get("secrets", namespace, name)
                # The mended twin asks whose secret it is: one of an owner that came later stays.
                mine = objects.labels(secret).get("owner") == objects.uid(owner)
                if mine or not self.careful:
                    yield self.client.delete("secrets", namespace, name, uid=objects.uid(secret))
            except StatusError as error:
                if not error.is_not_found:
                    raise
            try:
                patch = {"metadata": {"finalizers": None, "uid": objects.uid(owner)}}
                yield self.client.patch("configmaps", namespace, name, patch)
            except StatusError as error:
                if error.code not in {404, 409}:
                    raise
            return None
        metadata = {"name": name, "namespace": namespace, "labels": {"owner": objects.uid(owner)}}
        try:
            yield self.client.create("secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise
        return None


class CarefulCleaner(Cleaner):
    """The same, with the precondition."""

    careful = True


REBORN = [("create", "db", "a"), ("delete", "db"), ("create", "db", "b"), ("restart",)]


def test_c4_a_view_of_the_past_deletes_what_was_made_since_and_only_the_stale_plans_find_it() -> None:
    assert tally(play(Cleaner(), "20s", REBORN)) == (["db"], 1)
    assert found_by(Cleaner, "20s", REBORN) == {"stale"}
    assert found_by(CarefulCleaner, "20s", REBORN) == set()


# --- C5: what came and went unseen ------------------------------------------------------------------------------


class Claims(Reconciler):
    """Keeps a claim (a secret) beside each ConfigMap; lets it go when it sees the ConfigMap scale down."""

    name = "claims"
    careful = False

    def setup(self, component: Any) -> None:
        self.seen: set[Key] = set()
        self.maps = component.informer("configmaps")
        self.maps.on_change(self.changed)

    def changed(self, old: Any, new: Any) -> None:
        if new is not None and new["data"]["phase"] == "scaling-down":
            self.seen.add(objects.key(new))
        self.enqueue(objects.key(new or old))

    def reset(self) -> None:
        self.seen.clear()

    def reconcile(self, key: Key) -> Outcome:
        namespace, name = key
        owner = self.maps.get(*key)
        phase = owner["data"]["phase"] if owner is not None else "gone"
        # The mended twin goes by what is, not by what it happened to see on the way there.
        lets_go = phase == "gone" or key in self.seen or (self.careful and phase == "small")
        try:
            if lets_go:
                yield self.client.delete("secrets", namespace, name)
                self.seen.discard(key)
            elif phase == "large":
                metadata = {"name": name, "namespace": namespace}
                yield self.client.create(
                    "secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
                )
        except StatusError as error:
            if not (error.is_not_found or error.reason == "AlreadyExists"):
                raise
        return None


class CarefulClaims(Claims):
    """The same, level-triggered."""

    careful = True


SCALED = [
    ("create", "db", "large"),
    ("change", "db", "scaling-down"),
    ("change", "db", "small"),
    ("restart",),
]


def test_c5_a_missed_scale_down_leaks_a_claim_and_only_the_unobserved_plans_find_it() -> None:
    assert tally(play(Claims(), "10s", SCALED)) == ([], 1)
    assert found_by(Claims, "10s", SCALED, counts=False) == {"unobserved"}
    assert found_by(CarefulClaims, "10s", SCALED, counts=False) == set()


# --- C8: every single fault -------------------------------------------------------------------------------------

MANAGER = "kube-controller-manager"
SINGLE: list[tuple[str, str, dict[str, Any]]] = [
    *(("api-error", who, {"share": share}) for who in (MANAGER, "kube-scheduler") for share in (0.3, 1)),
    ("api-error", "node-2", {"share": 0.3}),
    *(("api-timeout", who, {}) for who in (MANAGER, "kube-scheduler", "node-2")),
    *(
        (kind, MANAGER, {})
        for kind in ("api-latency", "api-throttle", "api-reset", "api-partition", "api-stale")
    ),
    ("api-outage", "", {}),
    *(("watch-drop", MANAGER, {"nth": nth, "times": 2}) for nth in (1, 2, 4, 8, 16)),
    *(("watch-drop", MANAGER, {"nth": 1, "resource": r}) for r in ("deployments", "replicasets", "pods")),
    *((kind, MANAGER, {}) for kind in ("watch-lag", "watch-repeat", "watch-reorder", "watch-rewind")),
    ("watch-rewind", "kube-scheduler", {"ago": "30s"}),
    ("watch-rewind", "kubelet@node-2", {"ago": "30s"}),
    *(("component-restart", who, {}) for who in (MANAGER, "kube-scheduler", "kubelet@node-2")),
    *(
        ("crash-point", MANAGER, {"when": when, "nth": nth, "reconciler": reconciler})
        for when in ("before", "after")
        for nth in (1, 2, 3)
        for reconciler in ("deployment-controller", "replicaset-controller")
    ),
    *(("crash-point", "kube-scheduler", {"when": when, "nth": 1}) for when in ("before", "after")),
    *(("crash-point", "kubelet@node-2", {"when": when, "nth": 1}) for when in ("before", "after")),
    ("slow-worker", MANAGER, {"delay": "5s"}),
    *((kind, "node-2", {}) for kind in ("node-crash", "node-reboot", "node-freeze", "node-clock-skew")),
    ("network-loss", "node-2", {"loss": 0.3}),
    ("registry-outage", "", {}),
]


@pytest.mark.parametrize(("kind", "target", "amounts"), SINGLE)
def test_c8_a_deployment_gets_there_under_every_single_fault_and_stays(kind, target, amounts) -> None:
    sim: Simulation = settled()
    sim.run("40s")
    duration = None if KINDS[kind].momentary else "2m"
    sim.inject(kind, target, duration=duration, **amounts)
    sim.kubectl("set image deployment/web web=registry.example/web:2.0")
    sim.kubectl("scale deployment web --replicas=4")
    sim.run("12m")
    pods = [pod for pod in sim.list("pods") if not objects.is_deleting(pod)]
    assert len(pods) == 4
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {"registry.example/web:2.0"}
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 4
    before = len(sim.trace)
    sim.run("20m")
    writes = [
        r for r in sim.trace.records[before:] if r.subject.startswith(("pod/", "replicaset", "deployment"))
    ]
    assert not writes, "eventually stable: nothing more is done"


@pytest.mark.breaks("conditions-move-with-their-status")
def test_c8_a_kubelet_that_can_watch_but_not_write_tells_its_own_times_later() -> None:
    # It lets pods go that it sees deleted, and says so with the times of its own when it can write again: as upstream,
    # whose status manager knows nothing of what others wrote into the conditions meanwhile.
    test_c8_a_deployment_gets_there_under_every_single_fault_and_stays("api-error", "node-2", {"share": 1})
