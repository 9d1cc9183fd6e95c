"""What a person types at Flux, and what the terminal shows."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.cli import check, flux
from kcsim.delivery.registry.artifacts import push
from kcsim.engine.task import run_now


def started(world, files, **spec):
    world.push(files, "Start")
    world.deliver(**spec)
    world.until(lambda: world.ks() and (world.ready() or ("",))[0] == "True", "2m")
    world.run("40s")
    return world


def typed(world, line, **more):
    outcome = run_now(world.engine, flux(world.client, line, **more))
    return outcome.exit_code, outcome.stdout, outcome.stderr


@pytest.fixture
def world(make_world, yaml):
    return started(
        make_world(), {"deploy/ns.yaml": yaml.namespace, "deploy/cm.yaml": yaml.config()}, path="deploy"
    )


def test_get_shows_both_kinds(world):
    sha = world.revision().rpartition(":")[2][:8]
    _, out, _ = typed(world, "flux get sources git")
    assert out == (
        "NAME\tREVISION          \tSUSPENDED\tREADY\tMESSAGE\n"
        f"shop\tmain@sha1:{sha}\tFalse    \tTrue \tstored artifact for revision 'main@sha1:{sha}'\n"
    )
    _, out, _ = typed(world, "get ks --show-source -A")
    assert out == (
        "NAMESPACE  \tNAME\tSOURCE                        \tREVISION          \tSUSPENDED\tREADY\tMESSAGE\n"
        f"flux-system\tshop\tGitRepository/flux-system/shop\tmain@sha1:{sha}\tFalse    \tTrue \t"
        f"Applied revision: main@sha1:{sha}\n"
    )
    _, out, _ = typed(world, "get all --no-header")
    assert [line.split("\t")[0].strip() for line in out.splitlines()] == [
        "gitrepository/shop",
        "",
        "kustomization/shop",
        "",
    ]
    assert typed(world, "get ks --status-selector ready=false")[1].count("\n") == 1
    assert typed(world, "get ks nope")[2] == (
        "✗ Kustomization object 'nope' not found in \"flux-system\" namespace\n"
    )


def test_reconcile_with_source_fetches_and_applies_a_commit_at_once(world, yaml):
    world.push({"deploy/cm.yaml": yaml.config(value="2")})
    began = world.now
    code, _, err = typed(world, "reconcile kustomization shop --with-source")
    assert code == 0
    assert world.now - began < 10
    assert world.get("configmaps", "settings")["data"]["value"] == "2"
    assert err.splitlines() == [
        "► annotating GitRepository shop in flux-system namespace",
        "✔ GitRepository annotated",
        "◎ waiting for GitRepository reconciliation",
        f"✔ fetched revision {world.revision()}",
        "► annotating Kustomization shop in flux-system namespace",
        "✔ Kustomization annotated",
        "◎ waiting for Kustomization reconciliation",
        f"✔ applied revision {world.revision()}",
    ]


def test_reconcile_of_what_fails_waits_until_its_timeout(world):
    world.git.available = False
    began = world.now
    code, _, err = typed(world, "reconcile source git shop --timeout=30s")
    assert code == 1
    assert world.now - began == pytest.approx(30, abs=0.1)
    assert err.endswith("✗ context deadline exceeded\n")


def test_suspend_and_resume(world):
    assert typed(world, "suspend ks shop") == (
        0,
        "",
        "► suspending kustomization shop in flux-system namespace\n✔ kustomization suspended\n",
    )
    assert world.ks()["spec"]["suspend"] is True
    assert typed(world, "reconcile ks shop")[2] == "✗ resource is suspended\n"
    code, _, err = typed(world, "resume kustomization shop")
    assert code == 0
    assert err.splitlines()[-1] == f"✔ applied revision {world.revision()}"
    assert "suspend" not in world.ks()["spec"]
    assert typed(world, "suspend source git nope")[2] == (
        "✗ GitRepository nope not found in flux-system namespace\n"
    )
    assert typed(world, "suspend source git --all")[0] == 0
    assert world.source()["spec"]["suspend"] is True


def test_trace_leads_from_an_object_to_its_commit(world):
    code, out, _ = typed(world, "trace configmap settings -n shop")
    assert code == 0
    lines = out.splitlines()
    assert lines[1:5] == [
        "Object:          ConfigMap/settings",
        "Namespace:       shop",
        "Status:          Managed by Flux",
        "---",
    ]
    assert "Path:            deploy" in lines
    assert f"Message:         Applied revision: {world.revision()}" in lines
    assert "Branch:          main" in lines
    assert "not managed by Flux" in typed(world, "trace namespace default")[2]


def test_tree_follows_kustomizations(world):
    assert typed(world, "tree ks shop")[1] == (
        "Kustomization/flux-system/shop\n├── Namespace/shop\n└── ConfigMap/shop/settings\n"
    )


def test_events_are_filtered(world):
    _, out, _ = typed(world, "events --for Kustomization/shop")
    assert "NewArtifact" in out
    assert "ReconciliationSucceeded" in out
    assert typed(world, "events --types Warning")[2] == "✗ No events found in flux-system namespace.\n"


def test_diff_tells_what_a_checkout_would_change(world, yaml):
    text = yaml.config(value="2").encode()
    files = {
        "local/ns.yaml": yaml.namespace.encode(),
        "local/cm.yaml": text,
        "local/x.yaml": yaml.config("x").encode(),
    }
    code, out, _ = typed(world, "diff kustomization shop --path local", files=files)
    assert code == 1
    assert out.splitlines() == [
        "► ConfigMap/shop/settings drifted",
        '  - data.value: "1"',
        '  + data.value: "2"',
        "► ConfigMap/shop/x created",
    ]
    _, out, _ = typed(world, "diff ks shop --path local", files={"local/ns.yaml": yaml.namespace.encode()})
    assert out == "► ConfigMap/shop/settings deleted\n"
    assert typed(world, "diff ks shop --path nowhere")[0] == 2


def test_version(world):
    _, out, _ = typed(world, "version")
    assert out.splitlines() == [
        f"flux: {install.VERSION}",
        f"distribution: flux-{install.VERSION}",
        "kustomize-controller: v1.9.4",
        "source-controller: v1.9.4",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("get kustomization", None),
        ("reconcile source git shop", None),
        ("recncile ks shop", 'unknown command "recncile" for "flux"\n\nDid you mean this?\n\treconcile'),
        ("bootstrap github", "kcsim does not model 'flux bootstrap'"),
        ("suspend helmrelease x", None),
        ("suspend source helm x", None),
        ("get sources external", None),
        ("get artifacts generators", None),
        ("suspend source external x", 'unknown command "external" for "flux suspend source"'),
        ("reconcile hr x --force --reset --with-source", None),
        ("suspend source oci x", None),
        ("reconcile image repository x", None),
        ("get images all", None),
        ("get image", "flux get image needs a kind: repository or policy or update or all"),
        ("get alert-providers", None),
        ("reconcile alert x", 'unknown command "alert" for "flux reconcile"'),
        (
            "suspend kustomisation x",
            'unknown command "kustomisation" for "flux suspend"\n\nDid you mean this?\n\tkustomization',
        ),
        ("get ks --with-sourc", "unknown flag: --with-sourc (did you mean --with-source?)"),
        (
            "suspend",
            "flux suspend needs a kind: kustomization or helmrelease or source or image or receiver or alert",
        ),
        ("get ks 'x", "cannot read the command line: No closing quotation"),
        ("", "no flux command given"),
    ],
)
def test_lines_are_checked_before_they_are_run(line, problem):
    told, _, choices = (check(line) or "").partition("\n\nflux ")
    assert told == (problem or "")
    assert bool(choices) == told.startswith(("unknown command", "kcsim does not model")), (
        "what there is, is listed"
    )


def test_nothing_a_person_types_raises(world):
    for line in (
        "get ks --timeout",
        "reconcile ks nope",
        "trace pod",
        "trace nope/x",
        "tree ks",
        "diff ks",
        "resume ks",
    ):
        code, _, err = typed(world, line)
        assert code != 0, line
        assert err.startswith("✗ "), line
    assert objects.name(world.ks()) == "shop"


def test_sources_and_images_are_shown_and_asked_for(make_world, yaml):
    world = make_world(components=("image-reflector-controller", "notification-controller"))
    world.start("image-reflector-controller", "node-1")
    push(world.registry, "registry.example/shop:1", {"ns.yaml": yaml.namespace.encode()})
    world.create(
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "OCIRepository",
            "metadata": {"name": "shop", "namespace": "flux-system"},
            "spec": {"interval": "1h", "url": "oci://registry.example/shop", "ref": {"tag": "1"}},
        }
    )
    spec = {"interval": "10m", "prune": True, "sourceRef": {"kind": "OCIRepository", "name": "shop"}}
    world.create(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "shop", "namespace": "flux-system"},
            "spec": spec,
        }
    )
    images = {"image": "registry.example/shop", "interval": "1h"}
    world.create(
        {
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImageRepository",
            "metadata": {"name": "web", "namespace": "flux-system"},
            "spec": images,
        }
    )
    world.run("1m")

    def told(line):
        outcome = run_now(world.engine, flux(world.client, line))
        assert outcome.exit_code == 0, outcome.stderr
        return outcome

    lines = told("get sources oci").stdout.splitlines()
    assert lines[0].split("\t")[0].strip() == "NAME"
    assert lines[1].startswith("shop\t1@sha256:")
    assert "stored artifact for digest" in lines[1]
    assert "scan fetched 1 tags" in told("reconcile image repository web").stderr
    assert "LAST SCAN" in told("get images repository").stdout
    assert told("reconcile ks shop --with-source").stderr.count("annotating") == 2
    assert "OCIRepository:   shop" in told("trace namespace shop").stdout
    told("suspend source oci shop")
    assert world.get("ocirepositories", "shop", "flux-system")["spec"]["suspend"] is True


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("push artifact", "artifact URL is required"),
        ("push artifact oci://registry.example/x:1 --source=s --revision=r", "--path is required"),
        ("push artifact registry.example/x:1 --path=. --source=s --revision=r", "URL must be in format"),
        (
            "push artifact oci://registry.example/x:1 --path=none --source=s --revision=r",
            "invalid path 'none'",
        ),
    ],
)
def test_an_artifact_that_cannot_be_pushed(make_world, line, problem):
    world = make_world()
    outcome = run_now(
        world.engine, flux(world.client, line, files={"app/x.yaml": b"x"}, registry=world.registry)
    )
    assert outcome.exit_code == 1
    assert problem in outcome.stderr


def test_an_artifact_is_pushed(make_world):
    world = make_world()
    line = "push artifact oci://registry.example/x:1 --path=./app --source=shop --revision=main@sha1:abc"
    files = {"app/x.yaml": b"x", "app/.github/ci.yaml": b"", "y.yaml": b"y"}
    outcome = run_now(world.engine, flux(world.client, line, files=files, registry=world.registry))
    assert outcome.exit_code == 0, outcome.stderr
    image = world.registry.find("registry.example/x:1")
    assert dict(image.behaviour.files) == {"x.yaml": b"x"}
    assert f"artifact successfully pushed to registry.example/x@{image.digest}" in outcome.stderr


def test_a_kind_whose_controller_is_not_installed(world):
    assert typed(world, "get hr")[2] == (
        '✗ no matches for kind "HelmRelease": its controller is not among the components of Flux in this cluster\n'
    )
