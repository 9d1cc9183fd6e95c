"""ArtifactGenerator and ExternalArtifact: what is copied, what is stored, who follows it, and what goes wrong."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from kcsim.api import objects
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.artifact_copies import BadPattern, CopyFailed, copied, requests
from kcsim.delivery.gitops.flux.source_watcher import contents_hash, digest_of_sources

COPY = "failed to apply copy operations: failed to apply copy operation from"
EXPAND = "failed to expand path pattern: pathPattern"
UNDEFINED = 'invalid template "{x}": capture variable "x" is not defined by pathPattern'
GATE = "--feature-gates=ExternalArtifact=true"
REPOSITORY = {
    "apps/base/app.yaml": b"a",
    "apps/base/kustomization.yaml": b"k",
    "apps/prod/deep/x.yaml": b"x",
    "apps/prod/README.md": b"r",
    "top.yaml": b"t",
}


def copy(source, to="@artifact/", **more):
    return {"from": source, "to": to, **more}


# --- copies, as the builder's own comments and tests describe them ----------------------------------------------


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([copy("@r/apps/base/**")], {"app.yaml", "kustomization.yaml"}),
        ([copy("@r/apps/base/**", "@artifact/b/")], {"b/app.yaml", "b/kustomization.yaml"}),
        (
            [copy("@r/apps/**")],
            {"base/app.yaml", "base/kustomization.yaml", "prod/deep/x.yaml", "prod/README.md"},
        ),
        ([copy("@r/apps/*/app.yaml")], {"apps/base/app.yaml"}),
        ([copy("@r/top.yaml")], {"top.yaml"}),
        ([copy("@r/top.yaml", "@artifact/other.yaml")], {"other.yaml"}),
        ([copy("@r/apps/base", "@artifact/x")], {"x/base/app.yaml", "x/base/kustomization.yaml"}),
        (
            [copy("@r/apps/base/app.yaml", "@artifact/d/"), copy("@r/top.yaml", "@artifact/d")],
            {"d/app.yaml", "d/top.yaml"},
        ),
        (
            [copy("@r/apps/**", exclude=["*.md"])],
            {"base/app.yaml", "base/kustomization.yaml", "prod/deep/x.yaml"},
        ),
        ([copy("@r/apps/**", exclude=["prod/**"])], {"base/app.yaml", "base/kustomization.yaml"}),
        (
            [copy("@r/apps/**", exclude=["apps/base/k*"])],
            {"base/app.yaml", "prod/deep/x.yaml", "prod/README.md"},
        ),
        ([copy("@r/*.yaml")], {"top.yaml"}),
    ],
)
def test_what_is_copied_where(operations, expected):
    assert set(copied(operations, {"r": REPOSITORY})) == expected


def test_the_later_copy_wins_and_values_are_merged():
    sources = {
        "a": {"values.yaml": b"x: {a: 1, b: 1}\nl: [1]\n"},
        "b": {"values.yaml": b"x: {b: 2}\nl: [2]\n"},
    }
    plain = [copy("@a/values.yaml"), copy("@b/values.yaml")]
    assert copied(plain, sources)["values.yaml"] == b"x: {b: 2}\nl: [2]\n"
    merged = [copy("@a/values.yaml"), copy("@b/values.yaml", strategy="Merge")]
    assert copied(merged, sources)["values.yaml"] == b"l:\n- 2\nx:\n  a: 1\n  b: 2\n"


def tarball(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name.replace("_", "/") + ".yaml")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


def test_tarballs_are_extracted_wherever_they_lie():
    sources = {"r": {"a/b/chart.tgz": tarball(chart_values=b"v"), "a/readme.md": b""}}
    assert copied([copy("@r/**/*.tgz", "@artifact/c", strategy="Extract")], sources) == {
        "c/chart/values.yaml": b"v"
    }
    with pytest.raises(CopyFailed, match="requires tarball file"):
        copied([copy("@r/a/readme.md", strategy="Extract")], sources)
    with pytest.raises(CopyFailed, match="failed to extract tarball"):
        copied([copy("@r/x.tgz", strategy="Extract")], {"r": {"x.tgz": b"no tarball"}})


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (copy("@r/none/**"), "no files match pattern 'none/**' in source 'r'"),
        (copy("@r/none.yaml"), "source 'none.yaml' does not exist"),
        (copy("@x/a"), "source alias 'x' not found"),
        (
            copy("@r/apps/base/*.yaml", exclude=["*.yaml"]),
            "all files matching pattern 'apps/base/*.yaml' in source 'r' were",
        ),
        (copy("@r/[x"), "invalid glob pattern '[x': syntax error in pattern"),
        (
            copy("@r/apps", strategy="Extract"),
            "extract strategy is not supported for directories, got 'apps'",
        ),
    ],
)
def test_what_cannot_be_copied_is_said(operation, why):
    with pytest.raises(CopyFailed) as error:
        copied([operation], {"r": REPOSITORY})
    head = f"failed to apply copy operations: failed to apply copy operation from '{operation['from']}' to '@artifact/': "
    assert str(error.value).startswith(head + why)


def test_a_path_pattern_makes_an_artifact_of_each_directory():
    spec = {
        "pathPattern": "@r/apps/{app}",
        "artifacts": [{"name": "app-{app}", "copy": [copy("@r/apps/{app}/**")]}],
    }
    found = requests(spec, {"r": REPOSITORY})
    assert [(r.output["name"], r.labels) for r in found] == [
        ("app-base", {"app": "base"}),
        ("app-prod", {"app": "prod"}),
    ]
    assert found[1].output["copy"][0]["from"] == "@r/apps/prod/**"


@pytest.mark.parametrize(
    ("pattern", "name", "why"),
    [
        ("@x/{a}", "n", "source alias x not found in local sources"),
        ("@r/{a", "n", "invalid capture starting at offset 0: missing closing brace"),
        ("@r/a}", "n", "invalid capture ending at offset 1: missing opening brace"),
        ("@r/{}", "n", "empty capture variable"),
        ("@r/{a}/{a}", "n", 'duplicate capture variable "a"'),
        ("@r/{1}", "n", 'capture variable "1" must be a valid capture name'),
        ("@r/apps/{a}", "{b}", 'capture variable "b" is not defined by pathPattern'),
        (
            "@r/apps/{a}",
            "same",
            'directories "apps/base" and "apps/prod" both resolve to artifact name "same"',
        ),
        ("@r/apps/{a}", "No-{a}", 'rendered artifact name "No-base" is not a valid Kubernetes object name'),
    ],
)
def test_a_bad_path_pattern_is_said(pattern, name, why):
    spec = {"pathPattern": pattern, "artifacts": [{"name": name, "copy": [copy("@r/**")]}]}
    with pytest.raises(BadPattern) as error:
        requests(spec, {"r": REPOSITORY})
    assert why in str(error.value)


def test_hashes():
    observed = {
        "b": {"digest": "sha256:2", "revision": "r2", "url": "u2"},
        "a": {"digest": "sha256:1", "revision": "r1", "url": "u1"},
    }
    assert digest_of_sources(observed) == digest_of_sources(dict(reversed(observed.items())))
    assert contents_hash("x", {"a": b"1"}) != contents_hash("x", {"a": b"2"})


# --- in a world -------------------------------------------------------------------------------------------------


def generator(*artifacts, sources=(("repo", "GitRepository", "shop"),), **more):
    return {
        "apiVersion": "source.extensions.fluxcd.io/v1beta1",
        "kind": "ArtifactGenerator",
        "metadata": {"name": "apps", "namespace": "flux-system"},
        "spec": {
            "sources": [{"alias": a, "kind": k, "name": n} for a, k, n in sources],
            "artifacts": list(artifacts),
            **more,
        },
    }


def output(name, *copies, **more):
    return {"name": name, "copy": list(copies), **more}


@pytest.fixture
def world(make_world):
    made = make_world(start=False, components=("source-watcher",))
    made.start("source-controller", "node-1")
    made.start("source-watcher", "node-1")
    made.start("kustomize-controller", "node-2", [GATE])
    return made


def files(yaml, value="1"):
    return {
        "shop/ns.yaml": yaml.namespace,
        "shop/cm.yaml": yaml.config(value=value),
        "other/cm.yaml": yaml.config("other"),
    }


def deliver(world, yaml, *artifacts, **more):
    world.push(files(yaml))
    world.create(install.git_repository("shop", "https://git.example/shop"))
    world.create(generator(*(artifacts or [output("shop", copy("@repo/shop/**"))]), **more))


def kustomization(name="shop"):
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "shop", "namespace": "flux-system"},
        "spec": {"interval": "10m", "prune": True, "sourceRef": {"kind": "ExternalArtifact", "name": name}},
    }


def ready(world, name="apps"):
    found = objects.condition(world.get("artifactgenerators", name, "flux-system") or {}, "Ready")
    return None if found is None else (found["status"], found["reason"], found["message"])


def external(world, name="shop"):
    return world.get("externalartifacts", name, "flux-system")


def test_an_external_artifact_is_applied_and_followed(world, yaml):
    deliver(world, yaml, output("shop", copy("@repo/shop/**"), originRevision="@repo"))
    world.create(kustomization())
    world.until(lambda: world.ready() and world.ready()[0] == "True")
    artifact = external(world)["status"]["artifact"]
    assert artifact["revision"] == f"latest@{artifact['digest']}"
    assert artifact["url"].startswith(
        "http://source-watcher.flux-system.svc.cluster.local./externalartifact/"
    )
    assert artifact["metadata"] == {"org.opencontainers.image.revision": world.revision()}
    assert world.ready()[2] == f"Applied revision: {artifact['revision']}"
    assert world.ks()["status"]["lastAttemptedRevision"] == artifact["revision"]
    assert world.ks()["status"]["lastAppliedOriginRevision"] == world.revision()
    assert ready(world) == ("True", "Succeeded", "reconciliation succeeded, generated 1 artifact(s)")
    assert objects.condition(external(world), "Ready")["message"] == "Artifact is ready"
    world.push(files(yaml, value="2"))
    world.until(lambda: world.get("configmaps", "settings", "shop")["data"]["value"] == "2")


def test_a_commit_that_changes_nothing_of_an_artifact_wakes_nobody_who_follows_it(world, yaml):
    deliver(world, yaml)
    world.create(kustomization())
    world.until(lambda: world.ready() and world.ready()[0] == "True")
    before = world.get("kustomizations", "shop", "flux-system")["metadata"]["resourceVersion"]
    artifact = external(world)["status"]["artifact"]
    world.push({**files(yaml), "other/cm.yaml": yaml.config("other", value="9")})
    world.run("5m")
    assert external(world)["status"]["artifact"]["digest"] == artifact["digest"]
    assert world.get("kustomizations", "shop", "flux-system")["metadata"]["resourceVersion"] == before


def test_an_artifact_that_is_no_longer_asked_for_goes(world, yaml):
    deliver(world, yaml, output("shop", copy("@repo/shop/**")), output("other", copy("@repo/other/**")))
    world.until(lambda: ready(world) and ready(world)[0] == "True")
    assert external(world, "other")
    changed = generator(output("shop", copy("@repo/shop/**")))
    world.patch("artifactgenerators", "apps", {"spec": changed["spec"]}, "flux-system")
    world.until(lambda: external(world, "other") is None)
    world.run("30s")
    assert [
        ref["name"] for ref in world.get("artifactgenerators", "apps", "flux-system")["status"]["inventory"]
    ] == ["shop"]
    world.do(world.client.delete("artifactgenerators", "flux-system", "apps"))
    world.until(lambda: world.get("artifactgenerators", "apps", "flux-system") is None)
    assert external(world) is None


def test_without_the_gate_an_external_artifact_is_no_source(make_world, yaml):
    world = make_world(components=("source-watcher",))
    deliver(world, yaml)
    world.create(kustomization())
    world.until(lambda: world.ready() and world.ready()[0] == "False")
    why = "can't access 'ExternalArtifact/flux-system/shop', ExternalArtifact feature gate is disabled"
    assert world.ready() == ("False", "AccessDenied", why)


def test_the_installation_opens_the_gate(make_world):
    for components, opened in (((), False), (("source-watcher",), True)):
        made = install.install_objects(components=(*install.COMPONENTS, *components))
        args = next(
            o for o in made if o["kind"] == "Deployment" and objects.name(o) == "kustomize-controller"
        )
        assert (GATE in args["spec"]["template"]["spec"]["containers"][0]["args"]) is opened


def test_a_deleted_external_artifact_comes_back_within_the_hour(world, yaml):
    deliver(world, yaml)
    world.until(lambda: ready(world) and ready(world)[0] == "True")
    world.do(world.client.delete("externalartifacts", "flux-system", "shop"))
    world.run("64m")
    assert external(world)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            generator(output("a", copy("@repo/nothing/**"))),
            (
                "False",
                "BuildFailed",
                f"a build failed: {COPY} '@repo/nothing/**' to '@artifact/': no files match pattern 'nothing/**' in source 'repo'",
            ),
        ),
        (
            generator(output("a", copy("@repo/**")), sources=(("repo", "Bucket", "none"),)),
            (
                "False",
                "SourceFetchFailed",
                'get sources failed: buckets.source.toolkit.fluxcd.io "none" not found',
            ),
        ),
        (
            generator(output("a", copy("@repo/**")), output("a", copy("@repo/**"))),
            ("False", "ValidationFailed", "duplicate artifact name 'a' found"),
        ),
        (
            generator(output("a", copy("@repo/**"), revision="@none")),
            ("False", "ValidationFailed", "artifact a revision source alias 'none' not found"),
        ),
        (
            generator(
                output("a", copy("@repo/**")),
                sources=(("repo", "GitRepository", "shop"), ("repo", "GitRepository", "shop")),
            ),
            ("False", "ValidationFailed", "duplicate source alias 'repo' found"),
        ),
        (
            generator(output("{x}", copy("@repo/**")), pathPattern="@repo/{y}"),
            (
                "False",
                "BuildFailed",
                f'{EXPAND} "@repo/{{y}}": failed to render artifact {{x}} for match other: {UNDEFINED}',
            ),
        ),
    ],
)
def test_what_is_wrong_becomes_the_condition(world, yaml, made, expected):
    world.push(files(yaml))
    world.create(install.git_repository("shop", "https://git.example/shop"))
    world.run("10s")
    world.create(made)
    world.until(lambda: ready(world) and ready(world)[0] == "False")
    assert ready(world) == expected
    stalled = expected[1] == "ValidationFailed" or "path pattern" in expected[2]
    found = world.get("artifactgenerators", "apps", "flux-system")
    assert (objects.condition(found, "Stalled") is not None) is stalled


def test_the_source_watcher_loses_its_artifacts_with_its_pod_and_makes_them_again(world, yaml):
    deliver(world, yaml)
    world.until(lambda: ready(world) and ready(world)[0] == "True")
    world.agents["source-watcher"].stop()
    world.run("1m")
    world.start("source-watcher", "node-1")
    world.run("1m")
    world.create(kustomization())
    world.until(lambda: world.ready() and world.ready()[0] == "True")
