"""Controllers that users bring, and which of the built-in ones run."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.simulation.control_plane import ControlPlane
from kcsim.simulation.simulation import Simulation


class Copies(Reconciler):
    """Keeps a copy of each ConfigMap labelled ``copy: "yes"``."""

    name = "copies"
    rules = ({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch", "create"]},)

    def setup(self, component: Component) -> None:
        self.maps = component.informer("configmaps")
        self.maps.on_change(lambda old, new: self.enqueue(objects.key(new or old or {})))

    def reconcile(self, key: tuple[str, str]) -> Any:
        found = self.maps.get(*key)
        if found is None or objects.labels(found).get("copy") != "yes":
            return
        copy = f"{key[1]}-copy"
        if self.maps.get(key[0], copy) is None:
            metadata = {"name": copy, "namespace": key[0]}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": found.get("data")}
            yield self.client.create("configmaps", body)


MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "labels": {"copy": "yes"}},
    "data": {"x": "1"},
}


def test_a_controller_runs_as_its_own_identity_with_the_rights_it_asks_for() -> None:
    sim = Simulation(nodes=0)
    program = sim.add_controller(Copies)
    sim.run("1s")
    sim.apply(MAP)
    sim.run("1s")
    assert sim.get("configmap/a-copy")["data"] == {"x": "1"}
    assert "system:serviceaccount:default:copies" in str(sim.why("configmap/a-copy"))
    assert sim.get("clusterrole/copies")["rules"] == list(Copies.rules)
    assert sim.world.cluster.controllers == {"copies": program}


def test_what_its_rules_leave_out_is_refused() -> None:
    sim = Simulation(nodes=0)
    reading = ({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},)
    sim.add_controller(Copies, rules=reading)
    sim.apply(MAP)
    sim.run("1s")
    errors = [record for record in sim.trace.records if record.verb == "error"]
    assert "cannot create resource" in errors[0].facts()["error"]
    assert "default/a" in errors[0].subject


class Leaves(Copies):
    """Calls sys.exit where its reconcile is a plain function."""

    def reconcile(self, key: tuple[str, str]) -> Any:
        sys.exit(3)


class LeavesLater(Copies):
    """Calls sys.exit after a request."""

    def reconcile(self, key: tuple[str, str]) -> Any:
        yield self.client.get("configmaps", *key)
        sys.exit(3)


@pytest.mark.parametrize("leaving", [Leaves, LeavesLater])
def test_a_controller_that_calls_sys_exit_ends_no_more_than_its_reconcile(leaving: type[Reconciler]) -> None:
    sim = Simulation(nodes=0)
    sim.add_controller(leaving)
    sim.apply(MAP)
    sim.run("1s")
    errors = [record for record in sim.trace.records if record.verb == "error"]
    assert "sys.exit(3) was called" in errors[0].facts()["error"]
    assert len(errors) > 1, "it is tried again after a back-off"


def test_its_process_can_crash_and_start_again() -> None:
    sim = Simulation(nodes=0)
    program = sim.add_controller(Copies)
    program.stop()
    sim.apply(MAP)
    sim.run("1m")
    assert [objects.name(each) for each in sim.list("configmap", "default")] == ["a", "kube-root-ca.crt"]
    program.start()
    sim.run("1m")
    assert sim.get("configmap/a-copy")


def test_a_name_is_given_once() -> None:
    sim = Simulation(nodes=0)
    sim.add_controller(Copies)
    with pytest.raises(ValueError, match="already"):
        sim.add_controller(Copies)
    sim.add_controller(Copies, name="more-copies")


def test_a_fork_brings_the_controller_along() -> None:
    sim = Simulation(nodes=0)
    sim.add_controller(Copies)
    sim.apply(MAP)
    sim.run("10s")
    assert sim.fork().trace.sha256() == sim.trace.sha256()


SET = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    },
}


def test_a_built_in_controller_is_left_out_and_brought_as_a_program_of_its_own() -> None:
    sim = Simulation(nodes=1, control_plane=ControlPlane(controllers=("*", "-replicaset")))
    sim.apply(SET)
    sim.run("1m")
    assert not sim.list("pod", "default")
    sim.add_controller(ReplicaSetController, user="system:kube-controller-manager")
    sim.run("1m")
    assert len(sim.list("pod", "default")) == 2


def test_only_the_controllers_that_are_named_run() -> None:
    sim = Simulation(nodes=0, control_plane=ControlPlane(controllers=("replicaset-controller",)))
    sim.apply(SET)
    sim.run("1m")
    assert len(sim.list("pod", "default")) == 2
    assert not sim.list("configmap", "default")  # no root-ca-cert-publisher


def test_a_controller_that_does_not_exist_is_told() -> None:
    with pytest.raises(ValueError, match="no controller -replicast; there are"):
        Simulation(nodes=0, control_plane=ControlPlane(controllers=("*", "-replicast")))
