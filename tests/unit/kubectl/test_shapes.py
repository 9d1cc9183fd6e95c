"""What kubectl prints by itself: members in Go's order, names and ages without the server's columns, resolved variables."""

from __future__ import annotations

import json

import pytest

from kcsim.simulation.simulation import Simulation


@pytest.fixture(scope="module")
def sim():
    sim = Simulation(nodes=1, seed=1)
    sim.run("10s")
    sim.kubectl("create deployment web --image=nginx")
    sim.run("20s")
    return sim


def keys(value, *path):
    for step in path:
        value = value[step]
    return list(value)


def test_json_of_what_kubectl_makes_is_in_the_order_of_gos_structs(sim):
    made = json.loads(
        sim.kubectl("create deployment x --image=nginx --port=80 --dry-run=client -o json").stdout
    )
    assert keys(made) == ["kind", "apiVersion", "metadata", "spec", "status"]
    assert keys(made, "spec") == ["replicas", "selector", "template", "strategy"]
    assert keys(made, "spec", "template", "spec", "containers", 0) == ["name", "image", "ports", "resources"]
    made = json.loads(sim.kubectl("create rolebinding r --role=x --user=y --dry-run=client -o json").stdout)
    assert keys(made) == ["kind", "apiVersion", "metadata", "subjects", "roleRef"]
    made = json.loads(sim.kubectl("create service clusterip x --tcp=80 --dry-run=client -o json").stdout)
    assert keys(made, "spec") == ["ports", "selector", "type"]
    assert keys(made, "spec", "ports", 0) == ["name", "protocol", "port", "targetPort"]


def test_what_the_server_gave_is_in_the_order_of_its_keys(sim):
    made = json.loads(sim.kubectl("get deployment web -o json").stdout)
    assert keys(made, "spec") == sorted(made["spec"])


@pytest.mark.parametrize("flags", ["", "-o wide"])
def test_without_the_servers_columns_there_are_names_and_ages(sim, flags):
    lines = sim.kubectl(f"get deploy,nodes --server-print=false {flags}").stdout.splitlines()
    assert [line.split()[:1] for line in lines] == [
        ["NAME"],
        ["deployment.apps/web"],
        [],
        ["NAME"],
        ["node/node-1"],
    ]
    assert lines[0].split() == ["NAME", "AGE"]
    line = sim.kubectl("get pods -A --server-print=false").stdout.splitlines()[0]
    assert line.split() == ["NAMESPACE", "NAME", "AGE"]


def test_variables_are_resolved(sim):
    sim.kubectl("create cm settings --from-literal=k=v")
    sim.kubectl("create secret generic keys --from-literal=k=w")
    sim.kubectl("set env deploy/web --from=configmap/settings")
    sim.kubectl("set env deploy/web --from=secret/keys --prefix=S_")
    head = "# Deployment web, container nginx\n"
    assert sim.kubectl("set env deploy/web --list --resolve").stdout == f"{head}K=v\nS_K=w\n"
    sim.kubectl("delete cm settings")
    answer = sim.kubectl("set env deploy/web --list --resolve")
    assert answer.stdout == f"{head}# K from configmap settings, key k\nS_K=w\n"
    assert answer.stderr == 'error retrieving reference for K: configmaps "settings" not found\n'


def test_what_was_applied_last_is_shown_of_a_whole_kind(sim):
    sim.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}})
    shown = sim.kubectl("apply view-last-applied cm").stdout
    assert "name: a" in shown
