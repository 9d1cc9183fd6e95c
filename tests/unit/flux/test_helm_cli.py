"""What a person types at Flux about charts and releases."""

from __future__ import annotations

import pytest

from kcsim.delivery.gitops.flux.cli import flux
from kcsim.engine.task import run_now

REPOSITORY = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "HelmRepository",
    "metadata": {"name": "charts", "namespace": "shop"},
    "spec": {"interval": "5m", "url": "https://charts.example/shop"},
}


def config(value):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"value": value},
    }


@pytest.fixture
def world(make_world):
    made = make_world(components=("helm-controller",))
    made.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    made.publish("1.0.0", config("1"))
    made.create(REPOSITORY)
    made.release()
    made.until(lambda: (made.hr_ready() or ("",))[0] == "True")
    made.run("1s")
    return made


def typed(world, line):
    outcome = run_now(world.engine, flux(world.client, line, namespace="shop"))
    return outcome.exit_code, outcome.stdout, outcome.stderr


def test_releases_and_their_charts_are_shown(world):
    assert typed(world, "get hr")[1] == (
        "NAME\tREVISION\tSUSPENDED\tREADY\tMESSAGE\n"
        "web \t1.0.0   \tFalse    \tTrue \tHelm install succeeded for release shop/web.v1 with chart web@1.0.0\n"
    )
    assert "pulled 'web' chart with version '1.0.0'" in typed(world, "get sources chart")[1]
    assert "stored artifact: revision 'sha256:" in typed(world, "get source helm charts")[1]
    told = typed(world, "get all --no-header")[1]
    assert [line.split("\t")[0].strip() for line in told.splitlines() if line] == [
        "helmrepository/charts",
        "helmchart/shop-web",
        "helmrelease/web",
    ]


def test_reconciling_with_the_source_brings_a_new_version_at_once(world):
    world.publish("1.1.0", config("2"))
    code, _, told = typed(world, "reconcile hr web --with-source")
    assert code == 0
    lines = told.splitlines()
    assert lines[-1] == "✔ applied revision 1.1.0"
    assert [line for line in lines if line.startswith("► ")] == [
        "► annotating HelmRepository charts in shop namespace",
        "► annotating HelmChart shop-web in shop namespace",
        "► annotating HelmRelease web in shop namespace",
    ]
    assert world.get("configmaps", "settings")["data"] == {"value": "2"}


def test_forcing_makes_a_new_revision_of_what_is_in_sync(world):
    assert typed(world, "reconcile hr web")[0] == 0
    assert world.hr_status()["history"][0]["version"] == 1
    assert typed(world, "reconcile hr web --force")[0] == 0
    assert world.hr_status()["history"][0]["version"] == 2


def test_suspending_stops_releases(world):
    assert typed(world, "suspend hr web")[2] == (
        "► suspending helmrelease web in shop namespace\n✔ helmrelease suspended\n"
    )
    world.publish("1.1.0", config("2"))
    typed(world, "reconcile source helm charts")
    world.run("1m")
    assert world.hr_status()["history"][0]["chartVersion"] == "1.0.0"
    assert typed(world, "resume hr web")[0] == 0
    assert world.hr_status()["history"][0]["chartVersion"] == "1.1.0"


def test_trace_leads_from_an_object_to_the_repository_of_its_chart(world):
    told = typed(world, "trace configmap settings")[1]
    assert "HelmRelease:     web\nNamespace:       shop\nRevision:        1.0.0\n" in told
    assert "HelmChart:       shop-web\n" in told
    assert (
        "HelmRepository:  charts\nNamespace:       shop\nURL:             https://charts.example/shop\n"
        in told
    )


def test_a_repository_in_a_registry_has_nothing_to_reconcile(world):
    world.create(
        {
            **REPOSITORY,
            "metadata": {"name": "oci", "namespace": "shop"},
            "spec": {"type": "oci", "interval": "5m", "url": "oci://registry.example/charts"},
        }
    )
    world.run("1m")
    assert "status" not in world.get("helmrepositories", "oci") or "conditions" not in world.get(
        "helmrepositories", "oci"
    ).get("status", {})
    assert typed(world, "reconcile source helm oci")[2] == "✔ reconciliation not supported by the object\n"
    assert "Helm repository is Ready" in typed(world, "get sources helm oci")[1]


def test_a_tree_leads_through_a_release_to_its_objects(world):
    release = (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: more, namespace: shop}\nspec:\n"
        "  interval: 10m\n  chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: charts}}}\n"
    )
    world.push({"release.yaml": release}, "More")
    world.deliver(wait=True, timeout=300_000_000)
    world.until(lambda: (world.ready() or ("",))[0] == "True")
    outcome = run_now(world.engine, flux(world.client, "tree ks shop", namespace="flux-system"))
    assert outcome.stdout == (
        "Kustomization/flux-system/shop\n└── HelmRelease/shop/more\n    └── ConfigMap/shop/settings\n"
    )


def test_events_of_a_release_come_with_those_of_its_chart_and_repository(world):
    told = typed(world, "events --for HelmRelease/web")[1]
    assert "Helm install succeeded for release shop/web.v1 with chart web@1.0.0" in told
    assert "HelmChart/shop-web" in told
    assert "HelmRepository/charts" in told
