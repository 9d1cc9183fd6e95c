"""`kcsim run --repo` without a scenario: what stands in the repository delivers it, and what came of it is told."""

from __future__ import annotations

import json

import pytest

from kcsim.cli.exits import Exit
from kcsim.delivery.git.repository import Repository

ANA = "ana <ana@example.com>"


def deployment(name, image, namespace="shop", replicas=3):
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: {name}, image: "{image}"}}]}}
"""


def kustomization(name, path, *more):
    spec = "\n".join(f"  {line}" for line in more)
    return f"""\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec:
  interval: 10m
  path: {path}
  prune: true
  sourceRef: {{kind: GitRepository, name: flux-system}}
{spec}
"""


SOURCE = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: "ssh://git@github.com/acme/fleet", ref: {branch: production}, secretRef: {name: key}}
---
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
FLEET = {
    "clusters/prod/flux-system/gotk-sync.yaml": SOURCE + kustomization("flux-system", "./clusters/prod"),
    "clusters/prod/infra.yaml": kustomization("infra", "./infra", "wait: true"),
    "clusters/prod/apps.yaml": kustomization("apps", "./apps", "wait: true", "dependsOn: [{name: infra}]"),
    "infra/shop.yaml": NAMESPACE,
    "infra/database.yaml": deployment("database", "postgres:16", replicas=1),
    "apps/web.yaml": deployment("web", "web:1"),
    "apps/cart.yaml": deployment("cart", "cart:1", replicas=2),
}
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\n"


def on_disk(place, files, changed, *, branch="main"):
    repo = Repository("fleet")
    repo.commit("main", dict(files), "First", ANA, 0)
    if branch != "main":
        repo.create_branch(branch)
    repo.commit(branch, dict(changed), "Second", "ben <ben@example.com>", 60_000_000)
    repo.write_to(str(place))
    return str(place)


def played(kcsim, *options):
    said = kcsim("run", *options, "--json")
    assert said.code == Exit.OK, said.err
    return json.loads(said.out)["rehearsal"]


@pytest.fixture
def fleet(tmp_path):
    changed = {
        "apps/cart.yaml": None,
        "apps/settings.yaml": SETTINGS,
        "apps/web.yaml": deployment("web", "web:2"),
    }
    return on_disk(tmp_path / "fleet", FLEET, changed, branch="change")


def test_a_merge_request_is_delivered_by_the_kustomizations_of_the_repository(kcsim, fleet):
    told = played(kcsim, "--repo", fleet, "--from", "main", "--to", "change")
    first, second = told["worlds"]["flux"]
    order = [each["object"] for each in first["order"] if each["verb"] == "created"]
    # infra before apps, which depends on it; the Kustomizations come by the one of the bootstrap.
    assert order.index("namespace/shop") < order.index("deployment/shop/database")
    assert order.index("deployment/shop/database") < order.index("deployment/shop/web")
    assert order.index("kustomization/flux-system/apps") < order.index("namespace/shop")
    assert {each["by"] for each in first["order"]} == {"flux-system", "infra", "apps"}
    assert first["converged"] is not None
    assert second["title"] == "\"Merge 'change': Second\""
    assert [(each["verb"], each["object"], each["by"]) for each in second["order"]] == [
        ("created", "configmap/shop/settings", "apps"),
        ("configured", "deployment/shop/web", "apps"),
        ("deleted", "deployment/shop/cart", "apps"),
    ]
    assert second["pruned"] == ["deployment/shop/cart"]
    assert (second["left"], second["unready"]) == ([], [])
    # A look at git a minute, a rollout and its health check.
    assert 5 < second["converged"] < 120
    assert second["converged"] >= second["order"][-1]["at"]
    assert any("flux-system/key" in note for note in told["notes"])
    assert [(each["object"], each["available"], each["of"]) for each in second["worst"]] == [
        ("deployment/shop/database", 1, 1),
        ("deployment/shop/web", 3, 3),
    ]


def test_what_was_taken_for_granted_is_said_once(kcsim, fleet):
    said = kcsim("run", "--repo", fleet, "--from", "main", "--to", "change")
    assert said.code == Exit.OK
    assert said.out.count("nothing is known of 4 images") == 1
    assert "What if change were merged into main?" in said.out
    assert "Pruned\n    - deployment/shop/cart" in said.out
    assert "kcsim tui" not in said.out


def test_what_never_becomes_ready_says_why(kcsim, tmp_path):
    broken = deployment("web", "web:2").replace(
        'image: "web:2"', 'image: "web:2", resources: {requests: {cpu: 64}}'
    )
    place = on_disk(tmp_path / "fleet", FLEET, {"apps/web.yaml": broken}, branch="change")
    _, second = played(kcsim, "--repo", place, "--from", "main", "--to", "change")["worlds"]["flux"]
    assert second["converged"] is None
    why = {each["object"]: each["why"] for each in second["unready"]}
    assert why["kustomization/flux-system/apps"].startswith("HealthCheckFailed: ")
    assert "Insufficient cpu" in why["deployment/shop/web"]
    assert "deployment/shop/cart" not in why


def test_images_can_be_described(kcsim, fleet):
    images = 'images=[{name: "*"}, {name: "web:2", pull: notFound}]'
    told = played(kcsim, "--repo", fleet, "--from", "main", "--to", "change", "--set", images)
    why = {each["object"]: each["why"] for each in told["worlds"]["flux"][-1]["unready"]}
    assert "ImagePullBackOff" in why["deployment/shop/web"]
    assert not any("nothing is known of" in note for note in told["notes"])


def test_one_kustomization_brings_what_it_depends_on(kcsim, fleet):
    told = played(kcsim, "--repo", fleet, "--kustomization", "infra", "--until", "5m")
    objects = {each["object"] for each in told["worlds"]["flux"][-1]["order"]}
    assert objects == {"namespace/shop", "deployment/shop/database"}


def test_a_kustomization_that_is_not_there(kcsim, fleet):
    said = kcsim("run", "--repo", fleet, "--kustomization", "infar")
    assert said.code == Exit.BAD_INPUT
    assert "KC606" in said.err
    assert "did you mean 'infra'?" in said.err


def test_a_revision_that_is_not_there(kcsim, fleet):
    said = kcsim("run", "--repo", fleet, "--from", "mian", "--to", "change")
    assert said.code == Exit.BAD_INPUT
    assert "no revision 'mian' (branches: change, main)" in said.err


def test_two_sides_that_conflict(kcsim, tmp_path):
    repo = Repository("fleet")
    repo.commit("main", dict(FLEET), "First", ANA, 0)
    repo.create_branch("change")
    repo.commit("change", {"apps/web.yaml": deployment("web", "web:2")}, "Two", ANA, 1)
    repo.commit("main", {"apps/web.yaml": deployment("web", "web:3")}, "Three", ANA, 2)
    repo.write_to(str(tmp_path / "fleet"))
    said = kcsim("run", "--repo", str(tmp_path / "fleet"), "--from", "main", "--to", "change")
    assert said.code == Exit.BAD_INPUT
    assert "'change' cannot be merged into 'main': conflict in apps/web.yaml" in said.err


def test_a_base_that_went_on_keeps_its_own_changes(kcsim, tmp_path):
    repo = Repository("fleet")
    repo.commit("main", dict(FLEET), "First", ANA, 0)
    repo.create_branch("change")
    repo.commit("change", {"apps/web.yaml": deployment("web", "web:2")}, "Two", ANA, 1)
    repo.commit("main", {"apps/cart.yaml": deployment("cart", "cart:2")}, "Three", ANA, 2)
    repo.write_to(str(tmp_path / "fleet"))
    place = str(tmp_path / "fleet")
    _, second = played(kcsim, "--repo", place, "--from", "main", "--to", "change")["worlds"]["flux"]
    assert [each["object"] for each in second["order"]] == ["deployment/shop/web"]


# Argo CD.

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: argocd}}
spec:
  project: default
  source: {{repoURL: "https://github.com/acme/fleet.git", path: {path}, targetRevision: HEAD}}
  destination: {{server: "https://kubernetes.default.svc", namespace: {namespace}}}
  syncPolicy: {{automated: {{prune: true, selfHeal: true}}, syncOptions: [CreateNamespace=true]}}
"""
APPLICATION_SET = """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: teams, namespace: argocd}
spec:
  goTemplate: true
  generators: [{git: {repoURL: "https://github.com/acme/fleet.git", revision: HEAD, directories: [{path: "teams/*"}]}}]
  template:
    metadata: {name: "{{.path.basename}}"}
    spec:
      project: default
      source: {repoURL: "https://github.com/acme/fleet.git", path: "{{.path.path}}", targetRevision: HEAD}
      destination: {server: "https://kubernetes.default.svc", namespace: shop}
      syncPolicy: {automated: {prune: true}}
"""


def test_an_app_of_apps_delivers_its_own(kcsim, tmp_path):
    files = {
        "root.yaml": APPLICATION.format(name="root", path="argocd", namespace="argocd"),
        "argocd/web.yaml": APPLICATION.format(name="web", path="web", namespace="shop"),
        "web/web.yaml": deployment("web", "web:1"),
    }
    changed = {"web/web.yaml": deployment("web", "web:2"), "web/settings.yaml": SETTINGS}
    place = on_disk(tmp_path / "fleet", files, changed, branch="change")
    told = played(kcsim, "--repo", place, "--from", "main", "--to", "change")
    first, second = told["worlds"]["argocd"]
    assert [each["object"] for each in first["order"] if each["verb"] == "created"] == [
        "application/argocd/web",
        "deployment/shop/web",
    ]
    assert [each["object"] for each in second["order"]] == ["configmap/shop/settings", "deployment/shop/web"]
    assert second["converged"] is not None
    assert second["unready"] == []


def test_an_application_set_finds_a_new_folder(kcsim, tmp_path):
    files = {
        "teams.yaml": APPLICATION_SET,
        "teams/one/shop.yaml": NAMESPACE,
        "teams/one/web.yaml": deployment("web", "web:1"),
    }
    changed = {"teams/two/settings.yaml": SETTINGS}
    place = on_disk(tmp_path / "fleet", files, changed, branch="change")
    _, second = played(kcsim, "--repo", place, "--from", "main", "--to", "change")["worlds"]["argocd"]
    assert [(each["object"], each["by"]) for each in second["order"]] == [("configmap/shop/settings", "two")]
    assert second["converged"] is not None


def test_applications_go_to_the_clusters_that_they_name(kcsim, tmp_path):
    there = APPLICATION.format(name="web", path="web", namespace="shop")
    there = there.replace('server: "https://kubernetes.default.svc"', "name: blue")
    here = APPLICATION.format(name="tools", path="tools", namespace="shop")
    files = {
        "apps/web.yaml": there,
        "apps/tools.yaml": here,
        "web/web.yaml": deployment("web", "web:1"),
        "tools/tools.yaml": deployment("tools", "tools:1"),
    }
    place = on_disk(tmp_path / "fleet", files, {"web/web.yaml": deployment("web", "web:2")}, branch="change")
    _, second = played(kcsim, "--repo", place, "--from", "main", "--to", "change")["worlds"]["argocd"]
    assert [each["object"] for each in second["order"]] == ["deployment/shop/web in blue"]
    assert second["converged"] is not None
    assert second["unready"] == []


# Without a set-up.


def test_a_repository_of_manifests_alone_is_pushed_and_pulled(kcsim, tmp_path):
    web = deployment("web", "web:1").replace(", namespace: shop", "")
    gone = {"deploy/old.yaml": None, "deploy/web.yaml": web.replace("web:1", "web:2")}
    files = {"deploy/web.yaml": web, "deploy/old.yaml": SETTINGS.replace(", namespace: shop", "")}
    place = on_disk(tmp_path / "shop", files, gone, branch="change")
    told = played(kcsim, "--repo", place, "--path", "deploy", "--from", "main", "--to", "change")
    push, flux = (told["worlds"][name][-1] for name in ("push", "flux"))
    assert (push["pruned"], push["left"]) == ([], ["configmap/default/settings"])
    assert (flux["pruned"], flux["left"]) == (["configmap/default/settings"], [])
    assert any("no objects of Flux or Argo CD" in note for note in told["notes"])


def test_of_variants_that_stand_beside_each_other_one_is_taken(kcsim, tmp_path):
    files = {
        f"{folder}/web.yaml": deployment("web", "web:1", "default") for folder in ("base", "live/prod", "out")
    }
    changed = {"live/prod/web.yaml": deployment("web", "web:2", "default")}
    place = on_disk(tmp_path / "variants", files, changed)
    notes = " ".join(played(kcsim, "--repo", place)["notes"])
    told = "live/prod is taken; other folders describe the same objects (deployment/default/web): for one of them give"
    assert f"{told} --path: base, out" in notes
    assert "is taken" not in " ".join(played(kcsim, "--repo", place, "--path", "out")["notes"])


def test_folders_that_partly_describe_the_same_are_named(kcsim, tmp_path):
    files = {f"{folder}/web.yaml": deployment("web", "web:1", "default") for folder in ("a", "b")}
    files["c/cart.yaml"] = deployment("cart", "cart:1", "default")
    place = on_disk(tmp_path / "mixed", files, {"c/cart.yaml": deployment("cart", "cart:2", "default")})
    notes = " ".join(played(kcsim, "--repo", place)["notes"])
    told = "a and b both describe deployment/default/web: they will undo each other; give --path for one of a, b, c"
    assert told in notes


def test_a_history_is_replayed_commit_by_commit(kcsim, tmp_path):
    place = on_disk(tmp_path / "fleet", FLEET, {"apps/web.yaml": deployment("web", "web:2")})
    told = played(kcsim, "--repo", place)
    assert [each["title"] for each in told["worlds"]["flux"]] == ['"First"', '"Second"']
    assert [each["at"] for each in told["worlds"]["flux"]] == [0, 1200]


def test_kinds_that_nobody_knows_are_stored_and_named(kcsim, tmp_path):
    release = (
        "apiVersion: acme.example/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\nspec: {size: 3}\n"
    )
    place = on_disk(tmp_path / "fleet", FLEET, {"apps/widget.yaml": release}, branch="change")
    told = played(kcsim, "--repo", place, "--from", "main", "--to", "change")
    assert any(note.endswith("acts on: Widget (acme.example)") for note in told["notes"])
    assert told["worlds"]["flux"][-1]["order"][0]["object"] == "widget/shop/w"
    assert told["worlds"]["flux"][-1]["unready"] == []


def test_a_pipeline_that_cannot_build_says_why(kcsim, tmp_path):
    broken = {
        "deploy/kustomization.yaml": "resources: [web.yaml, gone.yaml]\n",
        "deploy/web.yaml": deployment("web", "web:1"),
    }
    place = on_disk(tmp_path / "shop", broken, {"deploy/web.yaml": deployment("web", "web:2")})
    told = played(kcsim, "--repo", place, "--path", "deploy", "--delivery", "push")
    first = told["worlds"]["push"][-1]["unready"][0]
    assert first["object"] == "the pipeline"
    assert "gone.yaml" in first["why"]
    assert not any("kustomize.config.k8s.io" in note for note in told["notes"])


# The command line.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "no SCENARIO and no --repo"),
        (("plain-release", "--from", "main"), "--from goes with --repo and without SCENARIO"),
        (
            ("--kustomization", "apps", "plain-release"),
            "--kustomization goes with --repo and without SCENARIO",
        ),
    ],
)
def test_options_that_do_not_go_together(kcsim, options, message):
    said = kcsim("run", *options)
    assert said.code == Exit.BAD_INPUT
    assert message in said.err


def test_a_repository_without_commits_or_manifests(kcsim, tmp_path):
    from dulwich.repo import Repo

    empty = str(tmp_path / "empty")
    Repo.init(empty, mkdir=True).close()
    said = kcsim("run", "--repo", empty)
    assert said.code == Exit.BAD_INPUT
    assert "KC602" in said.err
    assert "no commits yet" in said.err
    place = on_disk(tmp_path / "text", {"readme.txt": "hello"}, {"readme.txt": "world"})
    said = kcsim("run", "--repo", place)
    assert said.code == Exit.BAD_INPUT
    assert "no manifests on branch 'main'" in said.err
    assert "kustomization.yaml" in said.err


def test_lines_of_text_end_with_what_came_of_it(kcsim, fleet):
    said = kcsim("run", "--repo", fleet, "--from", "main", "--to", "change", "--plain")
    assert said.code == Exit.OK
    assert said.out.startswith("what-if-fleet under flux")
    assert "Taken for granted" in said.out


GENERATOR = """\
apiVersion: source.extensions.fluxcd.io/v1beta1
kind: ArtifactGenerator
metadata: {name: fleet, namespace: flux-system}
spec:
  sources: [{alias: fleet, kind: GitRepository, name: flux-system}]
  artifacts:
  - {name: infra, copy: [{from: "@fleet/infra/**", to: "@artifact/"}]}
  - {name: apps, copy: [{from: "@fleet/apps/**", to: "@artifact/"}]}
"""


def of_artifact(name, *more):
    made = kustomization(name, "./", *more)
    return made.replace(
        "{kind: GitRepository, name: flux-system}", f"{{kind: ExternalArtifact, name: {name}}}"
    )


def test_a_monorepo_that_is_split_into_artifacts_is_delivered_by_them(kcsim, tmp_path):
    fleet = {
        "clusters/prod/artifacts.yaml": GENERATOR,
        "clusters/prod/infra.yaml": of_artifact("infra", "wait: true"),
        "clusters/prod/apps.yaml": of_artifact("apps", "wait: true", "dependsOn: [{name: infra}]"),
        **{path: text for path, text in FLEET.items() if path.startswith(("infra/", "apps/"))},
    }
    place = on_disk(tmp_path / "fleet", fleet, {"apps/web.yaml": deployment("web", "web:2")})
    told = played(kcsim, "--repo", place)
    first, second = told["worlds"]["flux"]
    by = {each["object"]: each["by"] for each in first["order"]}
    assert by["deployment/shop/database"] == "infra"
    assert by["artifactgenerator/flux-system/fleet"] == "flux-system"
    assert [(each["verb"], each["object"]) for each in second["order"]] == [
        ("configured", "deployment/shop/web")
    ]
    assert (first["unready"], second["unready"]) == ([], [])
    assert first["converged"] is not None
    assert second["converged"] is not None
    assert any("flux bootstrap git --path=clusters/prod" in note for note in told["notes"])


CHARTS = """\
apiVersion: v1
kind: Namespace
metadata: {name: pki}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: issuer, namespace: pki}
spec:
  interval: 24h
  url: oci://registry.example/charts/issuer
  layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}
  ref: {semver: ">= 1.8.0-rc.0"}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: issuer, namespace: pki}
spec: {interval: 12h, chartRef: {kind: OCIRepository, name: issuer}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: public, namespace: pki}
spec: {interval: 1h, url: https://charts.example}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: metrics, namespace: pki}
spec:
  interval: 12h
  chart: {spec: {chart: metrics, version: 2.x, sourceRef: {kind: HelmRepository, name: public}}}
"""


def test_charts_of_the_outside_world_are_found_and_install_nothing(kcsim, tmp_path):
    fleet = {**FLEET, "infra/charts.yaml": CHARTS}
    place = on_disk(tmp_path / "fleet", fleet, {"apps/web.yaml": deployment("web", "web:2")})
    told = played(kcsim, "--repo", place)
    first, second = told["worlds"]["flux"]
    by = {each["object"]: each["by"] for each in first["order"]}
    assert by["helmrelease/pki/issuer"] == by["helmrelease/pki/metrics"] == "infra"
    assert (first["unready"], second["unready"]) == ([], [])
    assert first["converged"] is not None
    note = (
        "nothing is known of 2 charts (issuer, metrics): each is found at the lowest version its range allows, and "
        "installs nothing"
    )
    assert note in told["notes"]


OWN_CHART = """\
apiVersion: v1
kind: Namespace
metadata: {name: own}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: own, namespace: own}
spec:
  interval: 12h
  chart: {spec: {chart: ./charts/own, sourceRef: {kind: GitRepository, name: flux-system, namespace: flux-system}}}
"""


def test_a_chart_of_the_repository_itself_is_installed(kcsim, tmp_path):
    fleet = {
        **FLEET,
        "infra/own.yaml": OWN_CHART,
        "charts/own/Chart.yaml": "apiVersion: v2\nname: own\nversion: 0.1.0\n",
        "charts/own/values.yaml": "a: 1\n",
        "charts/own/templates/web.yaml": deployment("own", "own:1", "own"),
    }
    change = {"charts/own/Chart.yaml": "apiVersion: v2\nname: own\nversion: 0.2.0\n"}
    change["charts/own/templates/web.yaml"] = deployment("own", "own:2", "own")
    place = on_disk(tmp_path / "fleet", fleet, change)
    said = kcsim("run", "--repo", place)
    assert "own: released own@0.1.0 as v1" in said.out
    assert "own: released own@0.2.0 as v2" in said.out
