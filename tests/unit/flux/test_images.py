"""Image reflection and automation: from a tag in a registry to a commit, and on to the cluster."""

from __future__ import annotations

import re

import pytest

from kcsim.api import objects
from kcsim.delivery.git.repository import GitError
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.image import policy, setters

TAGS = ["1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "main-abc-100", "main-def-99", "dev-xyz-500", "latest"]
TIMES = {"pattern": "^main-[a-f0-9]+-(?P<ts>[0-9]+)$", "extract": "$ts"}


# --- decisions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "tag_filter", "latest"),
    [
        ({"semver": {"range": ">=1.0.0"}}, None, "1.10.0"),
        ({"semver": {"range": ">=1.0.0-0"}}, None, "2.0.0-rc.1"),
        ({"semver": {"range": "~1.2"}}, None, "1.2.0"),
        ({"alphabetical": {}}, None, "main-def-99"),
        ({"alphabetical": {"order": "desc"}}, None, "1.0.0"),
        ({"numerical": {"order": "asc"}}, TIMES, "main-abc-100"),
        ({"numerical": {"order": "desc"}}, TIMES, "main-def-99"),
        ({"alphabetical": {"order": "asc"}}, TIMES, "main-def-99"),
        ({"semver": {"range": "*"}}, {"pattern": r"^1\.[01]"}, "1.10.0"),
        ({"numerical": {}}, {"pattern": r"-(\d+)$", "extract": "${1}0"}, "dev-xyz-500"),
    ],
)
def test_the_latest_tag(chosen, tag_filter, latest):
    assert policy.latest(chosen, tag_filter, TAGS) == latest


@pytest.mark.parametrize(
    ("chosen", "tag_filter", "error", "message"),
    [
        (
            {"semver": {"range": "new"}},
            None,
            policy.InvalidPolicy,
            "invalid policy: improper constraint: new",
        ),
        ({"semver": {"range": ">9"}}, None, policy.NothingFits, "unable to determine latest version"),
        ({"numerical": {}}, None, policy.NothingFits, "failed to parse invalid numeric value 'main-abc-100'"),
        ({"semver": {"range": "*"}}, {"pattern": "("}, policy.InvalidPolicy, "invalid regular expression"),
        ({"semver": {"range": "*"}}, {"pattern": "^x"}, policy.NothingFits, "cannot be empty"),
    ],
)
def test_policies_without_a_latest_tag(chosen, tag_filter, error, message):
    with pytest.raises(error, match=re.escape(message)):
        policy.latest(chosen, tag_filter, TAGS[4:] if "numerical" in chosen else TAGS)


def chosen(name, image, tag, **more):
    return {
        "metadata": {"name": name, "namespace": "flux-system"},
        "status": {"latestRef": {"name": image, "tag": tag, **more}},
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('image: web:1 # {"$imagepolicy": "flux-system:web"}', "image: registry.example/web:2 # "),
        ('- registry.example/web:1 # {"$imagepolicy": "flux-system:web"}', "- registry.example/web:2 # "),
        ('newTag: "1" # {"$imagepolicy": "flux-system:web:tag"}', 'newTag: "2" # '),
        ('newTag: \'1\'   # {"$imagepolicy": "flux-system:web:tag"}', "newTag: '2'   # "),
        ('newTag: v1 # {"$imagepolicy": "flux-system:web:tag"}', 'newTag: "2" # '),
        ('newName: old/web # {"$imagepolicy": "flux-system:web:name"}', "newName: registry.example/web # "),
        ('digest: sha256:0 # {"$imagepolicy": "flux-system:web:digest"}', "digest: sha256:1 # "),
        ('image: web:1 # {"$imagepolicy": "flux-system:other"}', None),
        ('image: web:1 # {"$imagepolicy": "web"}', None),
        ("image: web:1 # $imagepolicy", None),
    ],
)
def test_marked_values_are_replaced(line, expected):
    ref = chosen("web", "registry.example/web", "2")
    if "digest" in line:
        ref = chosen("web", "registry.example/web", "2", digest="sha256:1")
    files = {"a/k.yaml": f"x:\n  {line}\nother: 1 # a comment\n".encode().replace(b"x:\n  -", b"x:\n  -")}
    update = setters.updated(files, "./a", [ref])
    if expected is None:
        assert not update.files
        return
    text = update.files["a/k.yaml"].decode().split("\n")
    assert text[1].startswith(f"  {expected}")
    assert text[1].endswith(line.partition("# ")[2])
    assert text[2] == "other: 1 # a comment"


def test_only_files_below_the_path_change():
    marked = b'image: web:1 # {"$imagepolicy": "flux-system:web"}\n'
    files = {"a/x.yaml": marked, "ab/x.yaml": marked, "a/x.txt": marked, "a/deep/y.yml": marked}
    update = setters.updated(files, "a", [chosen("web", "web", "2")])
    assert sorted(update.files) == ["a/deep/y.yml", "a/x.yaml"]
    assert [(c.file, c.old, c.new) for c in update.changes] == [
        ("a/deep/y.yml", "web:1", "web:2"),
        ("a/x.yaml", "web:1", "web:2"),
    ]


# --- the loop ---------------------------------------------------------------------------------------------------

IMAGE = "registry.example/shop/web"
AUTHOR = {"name": "fluxbot", "email": "flux@example.com"}


def custom(kind, name="web", **spec):
    return {
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": spec,
    }


def automation(**more):
    git = {"checkout": {"ref": {"branch": "main"}}, "commit": {"author": AUTHOR}, **more.pop("git", {})}
    source = {"kind": "GitRepository", "name": "shop"}
    return custom("ImageUpdateAutomation", "all", interval="30m", sourceRef=source, git=git, **more)


@pytest.fixture
def world(make_world, yaml):
    world = make_world(components=("image-reflector-controller", "image-automation-controller"))
    world.start("image-reflector-controller", "node-1")
    world.start("image-automation-controller", "node-2")
    world.registry.push(f"{IMAGE}:1.0.0", None)
    marked = yaml.deployment(f'{IMAGE}:1.0.0 # {{"$imagepolicy": "flux-system:web"}}')
    world.push({"ns.yaml": yaml.namespace, "web.yaml": marked})
    world.deliver()
    world.create(custom("ImageRepository", image=IMAGE, interval="1m"))
    world.create(
        custom("ImagePolicy", imageRepositoryRef={"name": "web"}, policy={"semver": {"range": "1.x"}})
    )
    return world


def status(world, resource, name="web"):
    return world.get(resource, name, "flux-system").get("status") or {}


def ready(world, resource, name="web"):
    found = objects.condition(world.get(resource, name, "flux-system"), "Ready")
    return (found["status"], found["reason"], found["message"]) if found else None


def image(world):
    found = world.get("deployments", "web")
    return found["spec"]["template"]["spec"]["containers"][0]["image"] if found else ""


def test_a_new_tag_opens_its_own_promotion(world):
    world.create(automation())
    world.run("2m")
    assert ready(world, "imageupdateautomations", "all") == ("True", "Succeeded", "repository up-to-date")
    assert status(world, "imagepolicies")["latestRef"] == {"name": IMAGE, "tag": "1.0.0"}
    head = world.git.repository("shop").head("main").sha
    pushed_at = world.now
    world.registry.push(f"{IMAGE}:1.1.0", None)
    world.registry.push(f"{IMAGE}:2.0.0", None)
    world.until(lambda: image(world) == f"{IMAGE}:1.1.0", "10m")
    assert world.now - pushed_at < 60 * 1.05 + 60 * 1.05 + 20
    commit = world.git.repository("shop").head("main")
    assert (commit.parents, commit.author) == ((head,), "fluxbot <flux@example.com>")
    assert commit.message.strip() == "Update from image update automation"
    message = f"Latest image tag for {IMAGE} resolved to 1.1.0 (previously {IMAGE}:1.0.0)"
    assert ready(world, "imagepolicies") == ("True", "Succeeded", message)
    found = status(world, "imageupdateautomations", "all")
    assert found["lastPushCommit"] == commit.sha
    assert found["observedSourceRevision"] == f"main@sha1:{commit.sha}"
    told = [m for _, m in world.events("ImageUpdateAutomation", "all")]
    assert told[-1].startswith(f"pushed commit '{commit.sha[:7]}' to branch 'main'\n")
    world.run("1h")
    assert world.git.repository("shop").head("main").sha == commit.sha


def test_the_message_tells_what_changed(world):
    template = (
        "Automated\n\n{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}\n{{ end }}"
        "{{ range $file, $_ := .Changed.FileChanges }}{{ $file }}\n{{ end }}"
        "{{ range $o, $_ := .Changed.Objects }}{{ $o.Kind }} {{ $o.Name }} {{ $o.Namespace }}\n{{ end }}"
        "{{ .AutomationObject.Name }} {{ .Values.env }}"
    )
    commit = {"author": AUTHOR, "messageTemplate": template, "messageTemplateValues": {"env": "prod"}}
    world.create(automation(git={"commit": commit}))
    world.registry.push(f"{IMAGE}:1.1.0", None)
    world.until(lambda: image(world) == f"{IMAGE}:1.1.0", "10m")
    assert world.git.repository("shop").head("main").message.strip().splitlines()[2:] == [
        f"{IMAGE}:1.0.0 -> {IMAGE}:1.1.0",
        "web.yaml",
        "Deployment web shop",
        "all prod",
    ]


def test_a_branch_of_its_own_waits_for_somebody_to_merge(world):
    world.create(automation(git={"push": {"branch": "updates"}}))
    world.registry.push(f"{IMAGE}:1.1.0", None)
    world.run("5m")
    repository = world.git.repository("shop")
    assert b":1.1.0" in repository.files("updates")["web.yaml"]
    assert b":1.0.0" in repository.files("main")["web.yaml"]
    first = repository.head("updates").sha
    world.run("1h")
    assert repository.head("updates").sha == first
    world.registry.push(f"{IMAGE}:1.2.0", None)
    world.run("5m")
    assert repository.head("updates").parents == (first,)
    assert image(world) == f"{IMAGE}:1.0.0"


def test_a_protected_branch_refuses_the_push_and_is_tried_again(world):
    world.create(automation())
    world.run("2m")
    protect(world)
    world.registry.push(f"{IMAGE}:1.1.0", None)
    world.run("3m")
    found = ready(world, "imageupdateautomations", "all")
    assert found[:2] == ("False", "GitOperationFailed")
    assert found[2].startswith("failed to update source: ")
    protect(world, protected=False)
    world.until(lambda: ready(world, "imageupdateautomations", "all")[0] == "True", "20m")
    assert b":1.1.0" in world.git.repository("shop").files("main")["web.yaml"]


def protect(world, *, protected=True):
    def refuse(repository, branch, *, forced=False):
        raise GitError(f"remote rejected {branch}: protected branch hook declined")

    if protected:
        world.git.reviews.check_push = refuse
    else:
        del world.git.reviews.check_push


def test_a_pod_that_restarts_scans_again(world):
    world.run("2m")
    scans = list(world.writes("imagerepositories", "web", "flux-system"))
    world.agents["image-reflector-controller"].stop()
    world.start("image-reflector-controller", "node-2")
    world.run("30s")
    assert ready(world, "imagepolicies")[0] == "True"
    assert len(world.writes("imagerepositories", "web", "flux-system")) > len(scans)


@pytest.mark.parametrize(
    ("resource", "spec", "condition"),
    [
        (
            "imagerepositories",
            {"image": "registry.example/none"},
            (
                "False",
                "ReadOperationFailed",
                (
                    "scan failed: GET https://registry.example/v2/none/tags/list: "
                    "NAME_UNKNOWN: repository name not known to registry"
                ),
            ),
        ),
        (
            "imagepolicies",
            {"policy": {"semver": {"range": "new"}}},
            ("False", "InvalidPolicy", "invalid policy: improper constraint: new"),
        ),
        (
            "imagepolicies",
            {"policy": {"semver": {"range": ">9"}}},
            ("False", "Failure", "unable to determine latest version from provided list"),
        ),
        (
            "imagepolicies",
            {"imageRepositoryRef": {"name": "none"}},
            (
                "False",
                "DependencyNotReady",
                (
                    "failed to get the referred ImageRepository: referenced ImageRepository does not exist: "
                    'imagerepositories.image.toolkit.fluxcd.io "none" not found'
                ),
            ),
        ),
    ],
    ids=["no repository", "bad range", "no match", "no reference"],
)
def test_what_is_wrong_is_said(world, resource, spec, condition):
    world.run("1m")
    world.patch(resource, "web", {"spec": spec}, "flux-system")
    world.run("10s")
    assert ready(world, resource) == condition


def test_a_restored_digest_policy(world):
    world.run("1m")
    world.patch("imagepolicies", "web", {"spec": {"digestReflectionPolicy": "IfNotPresent"}}, "flux-system")
    world.run("10s")
    digest = world.registry.find(f"{IMAGE}:1.0.0").digest
    assert status(world, "imagepolicies")["latestRef"]["digest"] == digest


def test_flux_is_installed_with_the_controllers_that_are_asked_for():
    kinds = [o["metadata"]["name"] for o in install.install_objects() if o["kind"] == "Deployment"]
    assert kinds == ["source-controller", "kustomize-controller"]
    more = install.install_objects(components=tuple(install.IMAGES))
    assert {o["metadata"]["name"] for o in more if o["kind"] == "Deployment"} == set(install.IMAGES)


def test_all_marked_files_change_together_whatever_environment_they_belong_to(world, yaml):
    """image-automation-controller #123: the path is the only fence."""
    marked = f'image: {IMAGE}:1.0.0 # {{"$imagepolicy": "flux-system:web"}}\n'
    world.push({"staging/values.yaml": marked, "prod/values.yaml": marked})
    world.create(automation(update={"strategy": "Setters", "path": "./staging"}))
    world.registry.push(f"{IMAGE}:1.1.0", None)
    world.run("5m")
    files = world.git.repository("shop").files("main")
    assert (b":1.1.0" in files["staging/values.yaml"], b":1.1.0" in files["prod/values.yaml"]) == (
        True,
        False,
    )
    world.patch("imageupdateautomations", "all", {"spec": {"update": {"path": "./"}}}, "flux-system")
    world.registry.push(f"{IMAGE}:1.2.0", None)
    world.run("5m")
    files = world.git.repository("shop").files("main")
    assert all(b":1.2.0" in files[name] for name in ("staging/values.yaml", "prod/values.yaml", "web.yaml"))
