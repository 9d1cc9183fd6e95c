"""HelmRepository and HelmChart: what is fetched, what is packed, and what is said when it cannot be."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from kcsim.api import objects
from kcsim.delivery.chart_repositories import ChartsUnavailable
from kcsim.delivery.charts import ChartUnreadable, chart_files, loaded, rendered
from kcsim.delivery.gitops.flux.helm.releases import Release, decoded, encoded
from kcsim.delivery.gitops.flux.helm.values import ValuesError, at_path, digest
from kcsim.delivery.gitops.flux.helm_charts import choose, pick
from kcsim.delivery.gitops.flux.reconciler import Stalling
from kcsim.delivery.helm import HelmError
from kcsim.engine.task import run_now

SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


def config(name="settings", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def repository(url="https://charts.example/shop", **spec):
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "HelmRepository",
        "metadata": {"name": "charts", "namespace": "shop"},
        "spec": {"interval": "5m", "url": url, **spec},
    }


def chart(source="HelmRepository", name="charts", **spec):
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "HelmChart",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"interval": "5m", "chart": "web", "sourceRef": {"kind": source, "name": name}, **spec},
    }


@pytest.fixture
def world(make_world):
    made = make_world(components=("helm-controller",))
    made.create(SHOP)
    return made


def ready(world, resource="helmcharts", name="web"):
    found = objects.condition(world.get(resource, name) or {}, "Ready")
    return (found["status"], found["reason"], found["message"]) if found else None


def settled(world, resource="helmcharts", name="web", status="True"):
    world.until(lambda: (ready(world, resource, name) or ("",))[0] == status)
    return ready(world, resource, name)


def stored(world, name="web"):
    return world.get("helmcharts", name)["status"]["artifact"]["revision"]


# --- repositories -----------------------------------------------------------------------------------------------


def test_an_index_is_stored_under_its_digest_and_looked_at_again(world):
    world.publish("1.0.0", config())
    world.create(repository())
    _, reason, message = settled(world, "helmrepositories", "charts")
    revision = world.get("helmrepositories", "charts")["status"]["artifact"]["revision"]
    assert (reason, message) == ("Succeeded", f"stored artifact: revision '{revision}'")
    world.run("1s")
    told = dict(world.events("HelmRepository", "charts", "shop"))["NewArtifact"]
    assert told.startswith("stored fetched index of size ")
    assert told.endswith("B from 'https://charts.example/shop'")
    world.publish("1.1.0", config())
    took = world.until(
        lambda: world.get("helmrepositories", "charts")["status"]["artifact"]["revision"] != revision
    )
    assert took < 330


@pytest.mark.parametrize(
    ("url", "reason", "told"),
    [
        ("https://nowhere.example", "Failed", "dial tcp: lookup nowhere.example: no such host"),
        ("https://charts.example/other", "Failed", "404 Not Found"),
        ("oci://registry.example/charts", "URLInvalid", "'oci' URL scheme cannot be used with 'default'"),
    ],
)
def test_an_address_that_cannot_be_asked_says_why(world, url, reason, told):
    world.publish("1.0.0", config())
    world.create(repository(url))
    _, found, message = settled(world, "helmrepositories", "charts", "False")
    assert found == reason
    assert told in message


def test_a_registry_that_is_down_takes_its_charts_along(world):
    world.publish("1.0.0", config())
    world.registry.available = False
    world.create(repository())
    assert "503 Service Unavailable" in settled(world, "helmrepositories", "charts", "False")[2]
    world.registry.available = True
    settled(world, "helmrepositories", "charts")


def test_certificates_are_refused_by_name(world):
    world.create(repository(certSecretRef={"name": "ca"}))
    assert settled(world, "helmrepositories", "charts", "False")[1:] == (
        "NotModelled",
        "spec.certSecretRef: kcsim does not model certificates of chart repositories yet",
    )


# --- charts -----------------------------------------------------------------------------------------------------


def test_the_highest_version_of_a_range_is_taken(world):
    for version in ("1.0.0", "1.2.0", "1.10.0", "2.0.0", "2.1.0-rc.1"):
        world.publish(version, config())
    world.create(repository())
    world.create(chart(version="1.x"))
    settled(world)
    assert stored(world) == "1.10.0"
    world.patch("helmcharts", "web", {"spec": {"version": "2.1.0-rc.1"}})
    world.until(lambda: stored(world) == "2.1.0-rc.1")
    world.patch("helmcharts", "web", {"spec": {"version": "*"}})
    world.until(lambda: stored(world) == "2.0.0")


def test_a_version_that_is_not_there_stalls(world):
    world.publish("1.0.0", config())
    world.create(repository())
    world.create(chart(version=">=3"))
    world.until(lambda: (ready(world) or ("", ""))[1] == "InvalidChartReference")
    assert ready(world)[2] == (
        "invalid chart reference: failed to get chart version for remote reference: no 'web' chart with version "
        "matching '>=3' found"
    )
    world.publish("3.0.0", config())
    settled(world)


def test_a_source_that_is_missing_is_waited_for(world):
    world.create(chart())
    assert settled(world, status="False")[1:] == (
        "SourceUnavailable",
        'failed to get source: HelmRepository.source.toolkit.fluxcd.io "charts" not found',
    )
    world.publish("1.0.0", config())
    world.create(repository())
    settled(world)


def in_git(world, version="0.1.0", value="1", **files):
    made = chart_files("web", version, [config(value=value)])
    texts = {f"charts/web/{path}": data.decode() for path, data in made.items()}
    return world.push({**texts, **files})


def from_git(world, **spec):
    world.deliver(path="./nothing", suspend=True)
    made = chart("GitRepository", "shop", chart="./charts/web", **spec)
    made["metadata"]["namespace"] = "flux-system"
    world.create(made)
    world.until(lambda: _of_git(world) is not None)


def _of_git(world):
    found = world.get("helmcharts", "web", "flux-system")
    return objects.get_in(found, ("status", "artifact"), None)


def test_a_chart_in_git_is_packed_anew_only_with_its_version(world):
    in_git(world)
    from_git(world)
    ready = objects.condition(world.get("helmcharts", "web", "flux-system"), "Ready")
    assert (ready["reason"], ready["message"]) == (
        "ChartPackageSucceeded",
        "packaged 'web' chart with version '0.1.0'",
    )
    before = _of_git(world)["digest"]
    in_git(world, value="2")
    world.run("10m")
    assert _of_git(world)["digest"] == before
    in_git(world, "0.2.0", value="2")
    world.until(lambda: _of_git(world)["revision"] == "0.2.0")


def test_the_strategy_revision_packs_every_commit(world):
    in_git(world)
    from_git(world, reconcileStrategy="Revision")
    sha = world.revision().rpartition(":")[2]
    assert _of_git(world)["revision"] == f"0.1.0+{sha[:12]}"
    in_git(world, value="2")
    sha = world.revision().rpartition(":")[2]
    world.until(lambda: _of_git(world)["revision"] == f"0.1.0+{sha[:12]}")


def test_values_files_are_merged_into_the_charts_own(world):
    in_git(world, **{"values/a.yaml": "a: 1\nb: {c: 1}\n", "values/b.yaml": "b: {d: 2}\n"})
    from_git(world, valuesFiles=["./values/a.yaml", "values/b.yaml"])
    assert _of_git(world)["revision"] == "0.1.0+1"
    ready = objects.condition(world.get("helmcharts", "web", "flux-system"), "Ready")
    assert ready["message"].endswith("and merged values files [./values/a.yaml values/b.yaml]")


def test_a_chart_of_git_is_released(world):
    in_git(world)
    world.deliver(path="./nothing", suspend=True)
    source = {"kind": "GitRepository", "name": "shop", "namespace": "flux-system"}
    world.release(chart={"spec": {"chart": "./charts/web", "sourceRef": source}})
    world.until(lambda: (world.hr_ready() or ("",))[0] == "True")
    assert world.get("configmaps", "settings")["data"] == {"value": "1"}
    assert world.hr_status()["helmChart"] == "flux-system/shop-web"
    commit = world.git.repository("shop").head("main").sha
    origin = world.writes("configmaps", "settings")[0][2]
    assert commit.startswith(origin.subject.rpartition("/")[2])


# --- files of charts --------------------------------------------------------------------------------------------


def test_a_chart_is_read_from_a_folder_or_an_archive():
    files = chart_files("web", "1.0.0", [config(value="1")], app_version="7")
    assert (loaded(files).name, loaded(files).app_version) == ("web", "7")
    archive = {f"web/{path}": data for path, data in files.items()}
    assert loaded(archive).version == "1.0.0"
    with pytest.raises(ChartUnreadable, match=r"Chart\.yaml file is missing"):
        loaded({"a/Chart.yaml": b"", "b/Chart.yaml": b""})
    with pytest.raises(ChartUnreadable, match=r"chart\.metadata\.version is required"):
        loaded({"Chart.yaml": b"name: web\n"})


def test_objects_come_in_the_order_of_installation():
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}}
    files = chart_files("web", "1.0.0", [widget, deployment, config(), SHOP])
    made = rendered(loaded(files), "web", "shop", {})
    assert [each.object["kind"] for each in made.templates] == [
        "Namespace",
        "ConfigMap",
        "Deployment",
        "Widget",
    ]
    with pytest.raises(HelmError, match="YAML parse error on web/templates/a"):
        rendered(loaded({**files, "templates/a.yaml": b"a: [\n"}), "web", "shop", {})


def test_lists_are_unfolded():
    listed = {"apiVersion": "v1", "kind": "List", "items": [config("a"), config("b")]}
    made = rendered(loaded(chart_files("web", "1.0.0", [listed])), "web", "shop", {})
    assert [each.object["metadata"]["name"] for each in made.templates] == ["a", "b"]


def test_of_some_versions_the_one_that_is_asked_for():
    versions = ["1.0.0", "1.1.0", "2.0.0-rc.1", "1.1.0+build"]
    assert pick(versions, "1.0.0") == "1.0.0"
    assert pick(versions, "") == pick(versions, "*")
    assert pick(versions, "2.0.0-rc.1") == "2.0.0-rc.1"
    assert pick(versions, "no range") is None
    with pytest.raises(Stalling, match="no chart name found"):
        choose(json.dumps({"entries": {}}).encode(), "web", "*")


def test_a_download_that_is_not_there(world):
    world.publish("1.0.0", config())

    def asks():
        yield world.charts.download("node-1", "https://charts.example/shop", "web", "9.9.9")

    with pytest.raises(ChartsUnavailable, match="404 Not Found"):
        run_now(world.engine, asks())


# --- values and storage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text", "made"),
    [
        ("a", "1", {"a": 1, "keep": 0}),
        ("a.b", "true", {"a": {"b": True}, "keep": 0}),
        ("a.b[1]", "x", {"a": {"b": [None, "x"]}, "keep": 0}),
        ("a[0].b", "'7'", {"a": [{"b": "7"}], "keep": 0}),
        (r"a\.b", "null", {"a.b": None, "keep": 0}),
    ],
)
def test_values_land_at_their_path(path, text, made):
    assert at_path({"keep": 0}, path, text) == made


def test_paths_that_lead_nowhere():
    with pytest.raises(ValueError, match="invalid path"):
        at_path({}, "[0]", "x")
    with pytest.raises(ValueError, match="below something that is no map"):
        at_path({"a": 1}, "a.b", "x")
    assert at_path({}, "a", "1", literal=True) == {"a": "1"}
    assert issubclass(ValuesError, Exception)


def test_the_digest_of_values_does_not_depend_on_their_order():
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({}) == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_release_survives_its_secret_and_any_gzip_reads_it():
    text = "x" * 70_000
    release = Release("web", "shop", 3, {"name": "web"}, {"a": 1}, text, (), "deployed", "", "t1", "t2")
    secret = {"data": {"release": encoded(release)}}
    assert decoded(secret) == release
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    assert json.loads(gzip.decompress(packed))["manifest"] == text
    assert decoded({"data": {"release": "bm9uc2Vuc2U="}}) is None


def test_an_artifact_generator_copies_out_of_a_chart(make_world):
    world = make_world(components=("helm-controller", "source-watcher"))
    world.start("source-watcher", "node-1")
    world.create(SHOP)
    world.publish("1.0.0", config(value="1"))
    world.create(repository())
    world.create(chart())
    world.create(
        {
            "apiVersion": "source.extensions.fluxcd.io/v1beta1",
            "kind": "ArtifactGenerator",
            "metadata": {"name": "parts", "namespace": "shop"},
            "spec": {
                "sources": [{"alias": "web", "kind": "HelmChart", "name": "web"}],
                "artifacts": [
                    {"name": "manifests", "copy": [{"from": "@web/web/templates/**", "to": "@artifact/"}]}
                ],
            },
        }
    )
    world.until(lambda: (ready(world, "externalartifacts", "manifests") or ("",))[0] == "True")
    assert world.get("externalartifacts", "manifests")["status"]["artifact"]["size"] > 0
