"""C: what a correct controller survives, and what the machinery under it promises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.objects import Key
from kcsim.api.request import ADMIN
from kcsim.api.status import StatusError
from kcsim.engine.clock import MILLISECOND, SECOND
from kcsim.simulation.simulation import Simulation
from tests.workloads.worlds import GOOD, NEXT, cluster, pods, settle, workload

# --- C3: crashes between two writes -----------------------------------------------------------------------------


class Claims(Reconciler):
    """Gives each ConfigMap a claim and notes it there. The careless one takes any claim of that name for complete."""

    name = "claims"

    def __init__(self, *, careful: bool) -> None:
        self._careful = careful

    def setup(self, component: Component) -> None:
        self._maps = component.informer("configmaps")
        self._maps.on_change(lambda _old, new: self.enqueue(objects.key(new)) if new else None)

    def reconcile(self, key: Key) -> Outcome:
        config = self._maps.get(*key)
        if config is None or not config["metadata"]["name"].startswith("db"):
            return None
        namespace, name = key
        claim = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"claim-{name}", "namespace": namespace},
            "data": {"size": "10"},
        }
        try:
            found = yield self.client.get("configmaps", namespace, f"claim-{name}")
        except StatusError as error:
            if not error.is_not_found:
                raise
            found = yield self.client.create("configmaps", claim)
            owner: Any = found
            yield self.client.patch(
                "configmaps", namespace, owner["metadata"]["name"], {"data": {"class": "fast"}}
            )
            return None
        complete = {"size": "10", "class": "fast"} if self._careful else {"size": "10"}
        if not complete.items() <= found["data"].items():
            yield self.client.patch("configmaps", namespace, f"claim-{name}", {"data": {"class": "fast"}})
        return None


def claim_after(careful: bool, crash_after_writes: int | None) -> dict[str, str]:
    """What the claim says at rest when the controller crashes after so many writes and starts again."""
    sim = Simulation(nodes=0)
    component = Component(sim.cluster().endpoint, "claims", ADMIN, "control-plane")
    component.run(Claims(careful=careful))
    component.start()
    written = 0

    def count(record: Any) -> None:
        nonlocal written
        if record.subject.startswith("configmap/default/claim"):
            written += 1
            if written == crash_after_writes:
                sim.engine.after(0, component.stop)
                sim.engine.after(SECOND, component.start)

    sim.trace.on_record(count)
    sim.kubectl("create configmap db")
    sim.run("1m")
    data: dict[str, str] = sim.get("configmap/claim-db")["data"]
    return data


@pytest.mark.parametrize("crash", [None, 1, 2])
def test_c3_a_crash_between_two_writes_finds_a_careless_controller(crash):
    whole = {"size": "10", "class": "fast"}
    assert claim_after(True, crash) == whole
    assert (claim_after(False, crash) == whole) is (crash != 1)


# --- C6: the work queue -----------------------------------------------------------------------------------------


class Failing(Reconciler):
    """Fails each time, and notes when."""

    name = "failing"

    def setup(self, component: Component) -> None:
        self._engine = component.engine
        self.tries: list[int] = []
        component.informer("configmaps").on_change(
            lambda _old, new: self.enqueue(objects.key(new)) if new else None
        )

    def reconcile(self, key: Key) -> None:
        if key[1] == "broken":
            self.tries.append(self._engine.now)
            raise RuntimeError("still broken")


def test_c6_back_off_doubles_from_5_ms():
    sim = Simulation(nodes=0)
    component = Component(sim.cluster().endpoint, "failing", ADMIN, "control-plane")
    failing = Failing()
    component.run(failing)
    component.start()
    sim.kubectl("create configmap broken")
    sim.run("2h")
    waits = [b - a for a, b in zip(failing.tries, failing.tries[1:], strict=False)]
    reaction = 100 * MILLISECOND + 50 * MILLISECOND
    for number, wait in enumerate(waits):
        least = min(5 * MILLISECOND << number, 1000 * SECOND)
        assert least <= wait <= least + reaction
    assert [failing.error_delay(n) / SECOND for n in range(6)] == [0.005, 0.01, 0.02, 0.04, 0.08, 0.16]
    assert waits[-1] >= 1000 * SECOND


def test_c6_many_failures_share_a_bucket_of_ten_a_second():
    sim = Simulation(nodes=0)
    component = Component(sim.cluster().endpoint, "failing", ADMIN, "control-plane")
    controller = component.run(Failing())
    waits = [controller._bucket_wait() for _ in range(130)]
    assert waits[:100] == [0] * 100
    assert waits[100:] == [(n + 1) * SECOND // 10 for n in range(30)]


# --- C8, C11: faults and orders ---------------------------------------------------------------------------------


def end_state(sim: Simulation) -> tuple[Any, ...]:
    """What is left when all is quiet, without names, times and numbers of versions."""
    sim.run_until(
        lambda s: (
            s.get("deployment/web")["status"].get("updatedReplicas") == 3
            and s.get("deployment/web")["status"].get("availableReplicas") == 3
            and s.get("deployment/web")["status"].get("replicas") == 3
        ),
        timeout="30m",
    )
    sim.run("1m")
    status = sim.get("deployment/web")["status"]
    sets = sorted(
        (
            s["spec"]["template"]["spec"]["containers"][0]["image"],
            s["spec"]["replicas"],
            s["status"]["replicas"],
        )
        for s in sim.list("replicasets")
    )
    images = [p["spec"]["containers"][0]["image"] for p in pods(sim)]
    return status["replicas"], status["readyReplicas"], tuple(sets), tuple(images)


QUIET = (3, 3, ((GOOD, 0, 0), (NEXT, 3, 3)), (NEXT, NEXT, NEXT))
FAULTS = (
    ("component-crash", "kube-controller-manager"),
    ("component-crash", "kube-scheduler"),
    ("api-partition", "kube-controller-manager"),
    ("api-partition", "kube-scheduler"),
    ("api-partition", "node-1"),
    ("node-crash", "node-1"),
    ("api-outage", ""),
)


@pytest.mark.parametrize("at", [0.05, 0.3, 2.0, 5.0])
@pytest.mark.parametrize(("fault", "target"), FAULTS)
def test_c8_deployment_and_replica_set_get_there_under_every_single_fault(fault, target, at):
    sim = cluster(2)
    settle(sim, workload(replicas=3), ready=3)
    sim.kubectl(f"set image deployment/web app={NEXT}")
    sim.run(at)
    sim.inject(fault, target, duration="25s")
    sim.run("1m")
    assert end_state(sim) == QUIET


@pytest.mark.slow
@pytest.mark.parametrize("place", range(1, 16))
def test_c8_a_crash_after_any_write_changes_nothing_in_the_end(place):
    sim = cluster(2)
    settle(sim, workload(replicas=3), ready=3)
    seen = 0

    def count(record: Any) -> None:
        nonlocal seen
        if record.actor == "system:kube-controller-manager" and record.subject.startswith(
            ("deployment.apps/", "replicaset.apps/", "pod/")
        ):
            seen += 1
            if seen == place:
                sim.engine.after(0, sim.inject, "component-crash", "kube-controller-manager")
                sim.engine.after(20 * SECOND, sim.cluster().restart_component, "kube-controller-manager")

    sim.trace.on_record(count)
    sim.kubectl(f"set image deployment/web app={NEXT}")
    sim.run("2m")
    assert seen >= place
    assert end_state(sim) == QUIET


class EdgeTriggered(Reconciler):
    """Counts each deletion of a pod as one to make, and looks at nothing else: what a controller must not do."""

    name = "edge-triggered"

    def setup(self, component: Component) -> None:
        self._made = 0
        component.informer("configmaps").on_change(self._changed)

    def _changed(self, old: Any, new: Any) -> None:
        if new is None and old is not None and old["metadata"]["name"].startswith("copy-"):
            self._made += 1
            self.enqueue(("default", f"copy-again-{self._made}"))

    def reconcile(self, key: Key) -> Outcome:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": key[1], "namespace": key[0]}}
        yield self.client.create("configmaps", body)
        return None


@pytest.mark.parametrize(("crashes", "left"), [(False, 2), (True, 1)])
def test_c8_an_edge_triggered_controller_loses_what_it_did_not_see(crashes, left):
    sim = Simulation(nodes=0)
    component = Component(sim.cluster().endpoint, "edges", ADMIN, "control-plane")
    component.run(EdgeTriggered())
    component.start()
    for name in ("copy-1", "copy-2"):
        sim.kubectl(f"create configmap {name}")
    sim.run("5s")
    if crashes:
        component.stop()
    sim.kubectl("delete configmap copy-1")
    if crashes:
        component.start()
    sim.run("1m")
    copies = [o for o in sim.list("configmaps", "default") if o["metadata"]["name"].startswith("copy-")]
    assert len(copies) == left


@settings(max_examples=15)
@given(
    order=st.permutations(("scale 5", "image", "label", "scale 3")), crash=st.sampled_from((None, 0, 1, 2, 3))
)
def test_c11_any_order_and_a_relist_end_the_same(order, crash):
    lines = {
        "scale 5": "scale deployment/web --replicas=5",
        "scale 3": "scale deployment/web --replicas=3",
        "image": f"set image deployment/web app={NEXT}",
        "label": "label deployment web tier=front --overwrite",
    }
    sim = cluster(2)
    settle(sim, workload(replicas=3), ready=3)
    for place, word in enumerate(order):
        sim.kubectl(lines[word])
        sim.run("200ms")
        if place == crash:
            sim.cluster().crash_component("kube-controller-manager")
            sim.cluster().restart_component("kube-controller-manager")
    sim.kubectl(lines["scale 3"])
    sim.run("1m")
    assert end_state(sim) == QUIET


# --- C12: the flat network --------------------------------------------------------------------------------------


def reaching(sim: Simulation) -> int:
    """How many ordered pairs of pods have a path between them."""
    network = sim.cluster().pods
    alive = [(p["spec"]["nodeName"], p["status"]["podIP"]) for p in pods(sim)]
    return sum(
        network.path(node, ip) is not None
        for node, own in alive
        for _, ip in alive
        if own != ip and sim.world.network.is_up(node)
    )


def test_c12_every_pod_reaches_every_other_and_a_cut_removes_its_pairs():
    sim = cluster(4)
    settle(sim, workload(replicas=12), ready=12)
    n = 12
    assert reaching(sim) == n * (n - 1)
    cidrs = [node["spec"]["podCIDR"] for node in sim.list("nodes")]
    assert len(set(cidrs)) == 4
    k = len(pods(sim, node="node-1"))
    sim.inject("node-crash", "node-1")
    # Pods of the node that is cut off lose the others both ways, and each other with the machine.
    assert reaching(sim) == n * (n - 1) - 2 * k * (n - k) - k * (k - 1)


# --- C13: laws of the API ---------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(("create", "label", "delete")), st.integers(0, 3)), max_size=20))
def test_c13_versions_grow_and_a_watch_tells_exactly_the_later_writes(script):
    sim = Simulation(nodes=0)
    server = sim.cluster().server
    log, maps = server.log, server.catalog.by_word("configmaps")
    half = len(script) // 2
    lines = {
        "create": "create configmap c{}",
        "label": "label configmap c{} step={} --overwrite",
        "delete": "delete configmap c{}",
    }
    for place, (verb, which) in enumerate(script[:half]):
        sim.kubectl(lines[verb].format(which, place))
    start = log.revision
    told: list[Any] = []
    watch = log.watch(maps, lambda: None, since=start)
    for place, (verb, which) in enumerate(script[half:]):
        sim.kubectl(lines[verb].format(which, place))
    told = [version.revision for _, version in watch.take()]
    assert told == [v.revision for v in log.versions if v.resource is maps and v.revision > start]
    assert [v.revision for v in log.versions] == sorted({v.revision for v in log.versions})


def test_c13_stale_conflicts_and_repetition_writes_nothing():
    sim = Simulation(nodes=0)
    client = sim.cluster().direct()
    sim.kubectl("create configmap c --from-literal=a=1")
    old = sim.get("configmap/c")
    client.now(client.update("configmaps", {**old, "data": {"a": "2"}}))
    with pytest.raises(StatusError) as stale:
        client.now(client.update("configmaps", {**old, "data": {"a": "3"}}))
    assert stale.value.code == 409
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "d", "namespace": "default"},
        "data": {"a": "1"},
    }
    text = json.dumps(manifest)
    sim.apply(manifest)
    revision = sim.cluster().server.log.revision
    sim.apply(manifest)
    assert sim.cluster().server.log.revision == revision
    other = text.replace('"d"', '"e"')
    for _ in range(2):
        assert sim.kubectl(["apply", "--server-side", "-f", "-"], stdin=other).exit_code == 0
    assert sim.cluster().server.log.revision == revision + 1


def test_c13_a_compacted_revision_is_gone():
    sim = cluster(1)
    settle(sim, workload(replicas=1), ready=1)
    old = sim.get("pod/" + pods(sim)[0]["metadata"]["name"])["metadata"]["resourceVersion"]
    for number in range(3):
        sim.kubectl(f"scale deployment/web --replicas={number + 2}")
        sim.run("6m")
    server = sim.cluster().server
    with pytest.raises(StatusError) as gone:
        server.watch(server.catalog.by_word("pods"), ADMIN, lambda: None, since=int(old))
    assert gone.value.code == 410
