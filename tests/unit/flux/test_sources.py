"""OCIRepository and Bucket as sources, signatures, and what they say when it does not work."""

from __future__ import annotations

import base64

import pytest

from kcsim.api import objects
from kcsim.delivery.gitops.flux.install import git_repository
from kcsim.delivery.gitops.flux.signatures import Signature
from kcsim.delivery.registry.artifacts import push
from kcsim.engine.clock import MINUTE
from kcsim.engine.task import run_now

KEY = "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----"


def source(kind, name="shop", **spec):
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {"interval": "5m", **spec},
    }


def kustomization(kind, **spec):
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "shop", "namespace": "flux-system"},
        "spec": {"interval": "10m", "prune": True, "sourceRef": {"kind": kind, "name": "shop"}, **spec},
    }


def secret(name, **data):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "flux-system"},
        "data": {k.replace("_", "."): base64.b64encode(v.encode()).decode() for k, v in data.items()},
    }


def conditions(world, resource):
    found = world.get(resource, "shop", "flux-system")
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in objects.conditions(found)}


def files(yaml, value="1"):
    return {"ns.yaml": yaml.namespace.encode(), "cm.yaml": yaml.config(value=value).encode()}


URL = "oci://registry.example/shop/manifests"


@pytest.fixture
def world(make_world):
    return make_world()


# --- OCIRepository ----------------------------------------------------------------------------------------------


def test_an_artifact_of_a_registry_is_applied_and_a_moved_tag_is_followed(world, yaml):
    first = push(
        world.registry,
        f"{URL}:latest",
        files(yaml),
        source="https://git.example/shop",
        revision="main@sha1:abc",
    )
    world.create(source("OCIRepository", url=URL))
    world.create(kustomization("OCIRepository"))
    world.until(lambda: world.ready() and world.ready()[0] == "True")
    revision = f"latest@{first.digest}"
    assert world.ready() == ("True", "ReconciliationSucceeded", f"Applied revision: {revision}")
    found = world.get("ocirepositories", "shop", "flux-system")["status"]["artifact"]
    assert found["revision"] == revision
    assert found["metadata"]["org.opencontainers.image.revision"] == "main@sha1:abc"
    told = f"stored artifact for digest '{revision}'"
    assert conditions(world, "ocirepositories")["Ready"] == ("True", "Succeeded", told)
    news = [m for r, m in world.events("OCIRepository") if r == "NewArtifact"]
    origin = "origin source 'https://git.example/shop', origin revision 'main@sha1:abc'"
    assert news == [f"stored artifact with revision '{revision}' from '{URL}', {origin}"]
    push(world.registry, f"{URL}:latest", files(yaml, "2"))
    took = world.until(lambda: world.get("configmaps", "settings")["data"]["value"] == "2", "10m")
    assert took < 320
    last = world.writes("configmaps", "settings")[-1]
    assert last[2].verb == "push"


def test_the_strongest_reference_to_an_artifact_wins(world, yaml):
    made = {
        tag: push(world.registry, f"{URL}:{tag}", files(yaml, tag))
        for tag in ("1.0.0", "1.2.0", "2.0.0-rc.1")
    }
    ref = {"tag": "1.0.0", "semver": ">=1.0.0", "digest": made["2.0.0-rc.1"].digest}
    world.create(source("OCIRepository", url=URL, ref=ref))

    def revision():
        return (
            world.get("ocirepositories", "shop", "flux-system")["status"].get("artifact", {}).get("revision")
        )

    def becomes(**changed):
        world.patch("ocirepositories", "shop", {"spec": {"ref": changed}}, "flux-system")
        world.run("1m")
        return revision()

    world.run("1m")
    assert revision() == made["2.0.0-rc.1"].digest
    assert becomes(digest=None) == f"1.2.0@{made['1.2.0'].digest}"
    assert becomes(semver=">=1.0.0-0") == f"2.0.0-rc.1@{made['2.0.0-rc.1'].digest}"
    assert becomes(semverFilter=r"^1\.0") == f"1.0.0@{made['1.0.0'].digest}"
    assert becomes(semver=None, semverFilter=None) == f"1.0.0@{made['1.0.0'].digest}"


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        (
            {"url": URL, "ref": {"tag": "none"}},
            "OCIArtifactPullFailed",
            (
                "failed to determine artifact digest: GET https://registry.example/v2/shop/manifests/manifests/none: "
                "MANIFEST_UNKNOWN: manifest unknown"
            ),
        ),
        (
            {"url": URL, "ref": {"semver": ">9"}},
            "ReadOperationFailed",
            f"failed to determine the artifact tag for '{URL}': no match found for semver: >9",
        ),
        (
            {"url": f"{URL}:v1"},
            "URLInvalid",
            f"URL validation failed for '{URL}:v1': URL must not contain a tag; remove ':v1'",
        ),
        ({"url": URL, "provider": "aws"}, "NotModelled", None),
        (
            {"url": URL, "layerSelector": {"mediaType": "x/y"}},
            "OCIArtifactLayerOperationFailed",
            "failed to find layer with media type 'x/y' in artifact",
        ),
    ],
    ids=["tag", "semver", "url", "provider", "layer"],
)
def test_what_an_artifact_that_cannot_be_had_looks_like(world, yaml, spec, reason, message):
    push(world.registry, f"{URL}:latest", files(yaml))
    world.create(source("OCIRepository", **spec))
    world.run("20s")
    found = conditions(world, "ocirepositories")
    assert (found["Ready"][:2] == found["FetchFailed"][:1] and False) or found["Ready"][0] == "False"
    assert found["FetchFailed"][1] == reason
    assert message is None or found["Ready"][2] == message
    stalls = reason in {"URLInvalid", "NotModelled"}
    assert ("Stalled" in found) is stalls


def test_a_registry_that_is_down_keeps_the_last_artifact(world, yaml):
    push(world.registry, f"{URL}:latest", files(yaml))
    world.create(source("OCIRepository", url=URL))
    world.create(kustomization("OCIRepository"))
    world.until(lambda: world.ready() and world.ready()[0] == "True")
    world.registry.available = False
    world.until(lambda: conditions(world, "ocirepositories")["Ready"][0] == "False", "10m")
    assert conditions(world, "ocirepositories")["Ready"][2].endswith("503 Service Unavailable")
    assert world.get("ocirepositories", "shop", "flux-system")["status"]["artifact"]
    world.registry.available = True
    world.until(lambda: conditions(world, "ocirepositories")["Ready"][0] == "True", "20m")


# --- signatures -------------------------------------------------------------------------------------------------


def test_an_unsigned_artifact_is_not_taken_and_a_signed_one_is(world, yaml):
    image = push(world.registry, f"{URL}:latest", files(yaml))
    world.create(secret("keys", cosign_pub=KEY))
    world.create(
        source("OCIRepository", url=URL, verify={"provider": "cosign", "secretRef": {"name": "keys"}})
    )
    world.run("20s")
    found = conditions(world, "ocirepositories")
    name = "registry.example/shop/manifests"
    why = (
        "failed to verify the signature using provider 'cosign': "
        f"no matching signatures were found for '{name}:latest'"
    )
    assert found["SourceVerified"] == ("False", "VerificationError", why)
    assert found["Ready"] == ("False", "VerificationError", why)
    assert "artifact" not in world.get("ocirepositories", "shop", "flux-system")["status"]
    world.toolkit.signed.add(f"{name}@{image.digest}", Signature(KEY))
    world.until(lambda: conditions(world, "ocirepositories")["Ready"][0] == "True", "10m")
    verified = f"verified signature of revision latest@{image.digest}"
    assert conditions(world, "ocirepositories")["SourceVerified"] == ("True", "Succeeded", verified)


@pytest.mark.parametrize(
    ("signature", "accepted"),
    [
        (Signature(issuer="https://token.example", subject="repo:shop/main"), True),
        (Signature(issuer="https://token.example", subject="repo:evil/main"), False),
        (Signature(key=KEY), False),
    ],
)
def test_keyless_signatures_are_known_by_their_identity(world, yaml, signature, accepted):
    image = push(world.registry, f"{URL}:latest", files(yaml))
    world.toolkit.signed.add(f"registry.example/shop/manifests@{image.digest}", signature)
    allowed = [{"issuer": "^https://token", "subject": "^repo:shop/"}]
    world.create(
        source("OCIRepository", url=URL, verify={"provider": "cosign", "matchOIDCIdentity": allowed})
    )
    world.run("20s")
    assert (conditions(world, "ocirepositories")["Ready"][0] == "True") is accepted


@pytest.mark.parametrize("mode", ["HEAD", "Tag", "TagAndHEAD"])
def test_commits_and_tags_of_git_must_be_signed_where_that_is_wanted(world, yaml, mode):
    world.push({"cm.yaml": yaml.config()})
    sha = world.git.repository("shop").head("main").sha
    world.git.repository("shop").tag("v1", sha)
    world.create(secret("keys", dana_asc=KEY))
    verify = {"mode": mode, "secretRef": {"name": "keys"}}
    world.create(source("GitRepository", url="https://git.example/shop", ref={"tag": "v1"}, verify=verify))
    world.run("20s")
    status, reason, message = conditions(world, "gitrepositories")["SourceVerified"]
    assert (status, reason) == ("False", "VerificationError")
    assert "signature verification of" in message
    signed = world.toolkit.signed
    if mode != "Tag":
        signed.add(f"shop@{sha}", Signature(KEY))
    if mode != "HEAD":
        signed.add("shop:v1", Signature(KEY))
    world.until(lambda: conditions(world, "gitrepositories")["Ready"][0] == "True", "10m")
    assert conditions(world, "gitrepositories")["SourceVerified"][:2] == ("True", "Succeeded")
    assert world.source()["status"]["sourceVerificationMode"] == mode


# --- Bucket -----------------------------------------------------------------------------------------------------


def bucket(**spec):
    return source("Bucket", **{"endpoint": "store.example", "bucketName": "deploy", **spec})


def test_a_bucket_is_applied_and_followed(world, yaml):
    world.store.create("deploy")
    world.store.put("deploy", {**files(yaml), "readme.md": b"x", ".sourceignore": b"*.md\n"})
    world.create(bucket())
    world.create(kustomization("Bucket"))
    world.until(lambda: world.ready() and world.ready()[0] == "True")
    found = world.get("buckets", "shop", "flux-system")["status"]["artifact"]
    assert found["revision"].startswith("sha256:")
    told = f"stored artifact: revision '{found['revision']}'"
    assert conditions(world, "buckets")["Ready"] == ("True", "Succeeded", told)
    news = [m for r, m in world.events("Bucket") if r == "NewArtifact"]
    assert news == ["stored artifact with 2 fetched files from 'deploy' bucket"]
    before = len(world.writes("buckets", "shop", "flux-system"))
    world.run("30m")
    assert before == len(world.writes("buckets", "shop", "flux-system")), (
        "looks that find nothing write nothing"
    )
    world.store.put("deploy", {"cm.yaml": yaml.config(value="2").encode()})
    world.until(lambda: world.get("configmaps", "settings")["data"]["value"] == "2", "10m")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"bucketName": "none"}, "bucket 'none' does not exist"),
        (
            {"endpoint": "nowhere.example"},
            (
                "failed to confirm existence of 'deploy' bucket: "
                'Get "https://nowhere.example/deploy/": dial tcp: lookup nowhere.example: no such host'
            ),
        ),
    ],
)
def test_a_bucket_that_cannot_be_read(world, spec, message):
    world.store.create("deploy")
    world.create(bucket(**spec))
    world.run("20s")
    assert conditions(world, "buckets")["Ready"] == ("False", "BucketOperationFailed", message)


def test_a_kustomization_waits_for_a_source_of_its_kind(world):
    world.create(kustomization("OCIRepository"))
    world.run("10s")
    assert world.ready() == (
        "False",
        "ArtifactFailed",
        'ocirepositories.source.toolkit.fluxcd.io "shop" not found',
    )


# --- GitRepository: includes and sparse checkouts -----------------------------------------------------------------


def including(*includes, name="shop", **more):
    made = git_repository(name, "https://git.example/shop", interval=MINUTE)
    return {**made, "spec": {**made["spec"], "include": list(includes), **more}}


def include(name="library", **more):
    return {"repository": {"name": name}, **more}


@pytest.fixture
def library(world, yaml):
    """A second repository, and its GitRepository."""
    world.git.create("library")
    world.git.push(
        "library", "main", {"cm/settings.yaml": yaml.config(value="1"), "notes.txt": "n"}, "one", "ana"
    )
    world.create(git_repository("library", "https://git.example/library", interval=MINUTE))
    return world


def shop_conditions(world):
    return conditions(world, "gitrepositories")


def test_what_is_included_is_part_of_the_artifact_and_followed_at_the_interval(library, yaml):
    world = library
    world.push({"ns.yaml": yaml.namespace})
    world.create(including(include(fromPath="cm", toPath="theirs")))
    world.create(kustomization("GitRepository"))
    world.until(lambda: world.ready() and world.ready()[0] == "True")
    assert world.get("configmaps", "settings")["data"]["value"] == "1"
    status = world.source()["status"]
    assert status["observedInclude"] == [include(fromPath="cm", toPath="theirs")]
    theirs = world.source("library")["status"]["artifact"]
    assert [a["revision"] for a in status["includedArtifacts"]] == [theirs["revision"]]
    world.git.push("library", "main", {"cm/settings.yaml": yaml.config(value="2")}, "two", "ana")
    world.until(lambda: world.source()["status"]["artifact"]["digest"] != status["artifact"]["digest"])
    assert world.source()["status"]["artifact"]["revision"] == status["artifact"]["revision"]
    world.until(lambda: world.get("configmaps", "settings")["data"]["value"] == "2")


def test_an_include_goes_to_a_folder_of_its_name(library):
    world = library
    world.push({"a.txt": "a"})
    world.create(including(include()))
    world.until(lambda: shop_conditions(world).get("Ready", "?")[0] == "True")
    source = world.agents["source-controller"].manager
    artifact = world.source()["status"]["artifact"]
    fetched = run_now(world.engine, world.toolkit.artifacts().fetch(world.endpoint, source.host, artifact))
    assert sorted(fetched.files) == ["a.txt", "library/cm/settings.yaml", "library/notes.txt"]


@pytest.mark.parametrize(
    ("made", "reason", "message"),
    [
        (
            include("none"),
            "NotFound",
            "could not get resource for include 'none': gitrepositories.source.toolkit.fluxcd.io \"none\" not found",
        ),
        (include("empty"), "NoArtifact", "no artifact available for include 'empty'"),
    ],
)
def test_an_include_that_is_not_there_is_looked_for_again(library, made, reason, message):
    world = library
    world.git.create("empty")
    world.create(git_repository("empty", "https://git.example/empty", interval=MINUTE))
    world.push({"a.txt": "a"})
    world.create(including(made))
    world.run("10s")
    found = shop_conditions(world)
    assert found["IncludeUnavailable"] == ("True", reason, message)
    assert found["Ready"] == ("False", reason, message)
    if reason == "NotFound":
        world.create(git_repository("none", "https://git.example/library", interval=MINUTE))
        assert world.until(lambda: shop_conditions(world)["Ready"][0] == "True") < 40
        assert "IncludeUnavailable" not in shop_conditions(world)


def test_an_include_without_the_path_is_a_failure_of_the_copy(library):
    world = library
    world.push({"a.txt": "a"})
    world.create(including(include(fromPath="nowhere")))
    world.run("40s")
    assert shop_conditions(world)["Ready"] == (
        "False",
        "CopyFailure",
        "failed to copy 'library' include from nowhere to library: stat nowhere: no such file or directory",
    )
    assert shop_conditions(world)["StorageOperationFailed"][1] == "CopyFailure"


def test_a_folder_that_a_sparse_checkout_names_must_be_there(world):
    world.push({"a/b.txt": "a"})
    world.create(including(sparseCheckout=["a", "c"]))
    world.run("10s")
    why = "failed to sparse checkout directories : sparse checkout dir 'c' does not exist in repository: lstat c: no such file or directory"
    assert shop_conditions(world)["Ready"] == ("False", "GitOperationFailed", why)
