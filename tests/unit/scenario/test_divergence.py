"""Where worlds part: over what git asks for, in which fields, and never over what tools note for themselves."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

import kcsim
from kcsim.scenario.compare import Twins
from kcsim.scenario.divergence import Differing, Divergence, Side, substance

PAIRS = list(combinations(("push", "flux", "argocd"), 2))


@pytest.fixture(scope="module")
def twins() -> Twins:
    return kcsim.compare("drift-at-night", seed=7)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_worlds_part_over_what_a_hand_changed_and_not_over_the_marks_of_tools(
    twins: Twins, first: str, second: str
) -> None:
    parted = twins.divergence(first, second)
    assert parted
    assert parted.object == "deployment.apps/shop/web"
    assert [field.path for field in parted.fields] == ["spec.replicas"]


def test_the_fields_in_which_they_differ_stand_in_the_order_of_the_sides(twins: Twins) -> None:
    parted = twins.divergence("push", "flux")
    assert [side.delivery for side in parted.sides] == ["flux", "push"]
    assert parted.fields == (Differing("spec.replicas", (3, 1)),)
    assert "  spec.replicas: 3 under flux, 1 under push" in str(parted).splitlines()


ALLOTTED = """
apiVersion: kcsim/v1
kind: Scenario
name: allotted
title: What servers draw
summary: Objects that get something of their own in each world.
teaches: Nothing.
until: 12m
cluster: {nodes: 2}
images: [{name: "registry.example/web:1"}]
repositories:
  - name: shop
    path: deploy
    files:
      deploy/all.yaml: |
        apiVersion: batch/v1
        kind: Job
        metadata: {name: once, namespace: default}
        spec:
          template:
            spec: {restartPolicy: Never, containers: [{name: c, image: "registry.example/web:1"}]}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: alone, namespace: default, labels: {a: b}}
        spec: {containers: [{name: c, image: "registry.example/web:1"}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: outside, namespace: default}
        spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {a: b}, ports: [{port: 80}]}
        ---
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: data, namespace: default}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
deliveries:
  push: {type: push}
  flux: {type: flux}
  argocd: {type: argocd, application: {prune: true, selfHeal: true}}
timeline:
  - at: 8m
    as: nico
    kubectl: delete service outside
"""


def test_what_servers_draw_anew_in_each_world_is_no_difference(tmp_path: Path) -> None:
    story = tmp_path / "allotted.yaml"
    story.write_text(ALLOTTED, "utf-8")
    twins = Twins(
        kcsim.scenario.play.read_scenario(story),
        {name: kcsim.load(story, delivery=name) for name in ("push", "flux", "argocd")},
    )
    twins.run_until("7m59s")
    assert [twins.divergence(*pair) for pair in PAIRS if twins.divergence(*pair)] == []
    twins.finish()
    parted = twins.divergence("push", "argocd")
    assert parted
    assert parted.object == "service/default/outside"
    assert parted.fields == (Differing("", ("there", "not there")),)
    assert "  the object: there under argocd, not there under push" in str(parted)


def test_a_rename_parts_the_worlds_over_the_new_name_and_not_over_volumes() -> None:
    twins = kcsim.compare("a-rename-prunes-a-database")
    parted = twins.divergence("push", "flux")
    assert parted
    assert parted.time > 600
    assert parted.fields[0].values == ("invoices-data", "invoices")


def test_objects_of_one_name_in_several_clusters_are_told_apart() -> None:
    twins = kcsim.compare("three-environments")
    for first, second in PAIRS:
        parted = twins.divergence(first, second)
        assert parted
        cluster, _, subject = parted.object.partition(": ")
        assert (cluster in twins[first].world.clusters, subject) == (True, "deployment.apps/shop/web")
        assert [field.path for field in parted.fields] == ["spec.template.spec.containers[web].image"]


@pytest.mark.parametrize("story", ["two-teams-one-namespace", "an-agents-node-dies", "git-host-down"])
def test_worlds_of_one_cluster_still_find_what_they_manage(story: str) -> None:
    assert kcsim.compare(story, ["push", "flux"]).divergence()


def test_many_fields_are_counted_in_the_text() -> None:
    fields = tuple(Differing(f"data.k{number}", (None, "x" * 99)) for number in range(7))
    text = str(
        Divergence(1.0, "configmap/shop/c", (Side("a", None, None), Side("b", None, None)), fields)
    ).splitlines()
    assert text[1] == f"  data.k0: - under a, {'x' * 57}... under b"
    assert text[5] == "  and 3 more fields"


@pytest.mark.parametrize(
    "key", ["argocd.argoproj.io/tracking-id", "kubectl.kubernetes.io/last-applied-configuration"]
)
def test_notes_of_tools_are_no_substance_and_what_people_wrote_is(key: str) -> None:
    metadata = {"name": "a", "annotations": {key: "x", "argocd.argoproj.io/sync-wave": "1"}}
    kept = substance({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    assert kept["metadata"]["annotations"] == {"argocd.argoproj.io/sync-wave": "1"}
