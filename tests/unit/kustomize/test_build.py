"""Builds end to end, where the upstream table has no case: transformers together, components, errors, purity."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kcsim import manifests
from kcsim.delivery.kustomize.build import build
from kcsim.delivery.kustomize.errors import KustomizeError

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      serviceAccountName: web
      containers:
      - name: log
        image: log:1
      - name: web
        image: registry.example.com:5000/shop/web:v1
        envFrom:
        - configMapRef: {name: settings}
        ports:
        - {containerPort: 80, protocol: TCP}
        - {containerPort: 80, protocol: UDP}
"""
ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n"


def run(root: str = ".", **files: str) -> list[dict[str, Any]]:
    """Builds; file names are written with `__` for a slash and `_` for a dot."""
    paths = {name.replace("__", "/").replace("_yaml", ".yaml"): text.encode() for name, text in files.items()}
    return build(paths, root)


def test_an_overlay_uses_everything_at_once() -> None:
    overlay = """\
resources: [../base]
namespace: prod
namePrefix: a-
nameSuffix: -z
labels:
- pairs: {team: shop}
  includeSelectors: true
- pairs: {tier: front}
commonAnnotations: {note: hi}
images:
- name: registry.example.com:5000/shop/web
  newTag: v2
- name: log
  newName: logger
  digest: sha256:abc
replicas:
- {name: web, count: 5}
"""
    base = """\
resources: [web.yaml, account.yaml]
configMapGenerator:
- name: settings
  literals: [LEVEL=info]
"""
    deployment, account, config = run(
        "over",
        base__kustomization_yaml=base,
        base__web_yaml=WEB,
        base__account_yaml=ACCOUNT,
        over__kustomization_yaml=overlay,
    )
    assert account["metadata"]["name"] == "a-web-z"
    assert config["metadata"]["name"].startswith("a-settings-z-")
    assert {o["metadata"]["namespace"] for o in (deployment, account, config)} == {"prod"}
    spec = deployment["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "a-web-z"
    assert [c["image"] for c in spec["containers"]] == [
        "logger@sha256:abc",
        "registry.example.com:5000/shop/web:v2",
    ]
    assert spec["containers"][1]["envFrom"][0]["configMapRef"]["name"] == config["metadata"]["name"]
    assert deployment["spec"]["replicas"] == 5
    assert deployment["spec"]["selector"]["matchLabels"] == {"app": "web", "team": "shop"}
    assert deployment["metadata"]["labels"] == {"app": "web", "team": "shop", "tier": "front"}
    assert deployment["spec"]["template"]["metadata"]["annotations"] == {"note": "hi"}


def test_a_patched_container_comes_first_and_ports_go_by_both_keys() -> None:
    patch = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: web
        ports:
        - {containerPort: 80, protocol: UDP, name: dns}
      - name: new
        image: new:1
"""
    kustomization = "resources: [web.yaml]\npatches:\n- path: patch.yaml\n"
    [web] = run(kustomization_yaml=kustomization, web_yaml=WEB, patch_yaml=patch)
    containers = web["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in containers] == ["web", "new", "log"]
    assert containers[0]["ports"] == [
        {"containerPort": 80, "protocol": "UDP", "name": "dns"},
        {"containerPort": 80, "protocol": "TCP"},
    ]


def test_patches_with_targets_take_any_number_of_objects() -> None:
    kustomization = """\
resources: [web.yaml, account.yaml]
patches:
- target: {kind: Deployment|ServiceAccount, name: w.*}
  patch: |-
    - op: add
      path: /metadata/annotations
      value: {seen: "yes"}
- target: {labelSelector: app=web}
  patch: |-
    kind: any
    metadata: {name: any}
    spec: {paused: true}
"""
    web, account = run(kustomization_yaml=kustomization, web_yaml=WEB, account_yaml=ACCOUNT)
    assert web["metadata"]["annotations"] == account["metadata"]["annotations"] == {"seen": "yes"}
    assert (web["metadata"]["name"], web["kind"], web["spec"]["paused"]) == ("web", "Deployment", True)


def test_components_change_what_includes_them() -> None:
    component = """\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [account.yaml]
replicas: [{name: web, count: 3}]
"""
    web, account = run(
        "app",
        app__kustomization_yaml="resources: [web.yaml]\ncomponents: [../extra]\nnamePrefix: x-\n",
        app__web_yaml=WEB,
        extra__kustomization_yaml=component,
        extra__account_yaml=ACCOUNT,
    )
    assert (web["spec"]["replicas"], account["metadata"]["name"]) == (3, "x-web")


def test_custom_resources_merge_as_free_form() -> None:
    custom = "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: t}\nspec: {a: {b: 1}, l: [1, 2]}\n"
    patch = "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: t}\nspec: {a: {c: 2}, l: [3]}\n"
    [thing] = run(
        kustomization_yaml="resources: [t.yaml]\npatches: [{path: p.yaml}]\n", t_yaml=custom, p_yaml=patch
    )
    assert thing["spec"] == {"a": {"b": 1, "c": 2}, "l": [3]}


def test_legacy_order() -> None:
    kinds = [o["kind"] for o in run(
        kustomization_yaml="resources: [web.yaml, account.yaml]\nsortOptions: {order: legacy}\n",
        web_yaml=WEB,
        account_yaml=ACCOUNT,
    )]  # fmt: skip
    assert kinds == ["ServiceAccount", "Deployment"]


def test_builtin_transformers_in_files_of_their_own() -> None:
    labels = """\
apiVersion: builtin
kind: LabelTransformer
metadata: {name: labels}
labels: {env: dev}
fieldSpecs: [{path: metadata/labels, create: true}]
"""
    [account] = run(
        kustomization_yaml="resources: [account.yaml]\ntransformers: [labels.yaml]\n",
        account_yaml=ACCOUNT,
        labels_yaml=labels,
    )
    assert account["metadata"]["labels"] == {"env": "dev"}


def test_generators_merge_into_what_a_base_made() -> None:
    base = "configMapGenerator:\n- name: c\n  literals: [a=1, b=2]\n"
    over = "resources: [../base]\nconfigMapGenerator:\n- name: c\n  behavior: merge\n  files: [b=file.txt]\n  envs: [e.env]\n"
    files = {
        "base/kustomization.yaml": base.encode(),
        "over/kustomization.yaml": over.encode(),
        "over/file.txt": b"two\n",
        "over/e.env": b"# no\nx=y=z\n\n",
    }
    [config] = build(files, "over")
    assert config["data"] == {"a": "1", "b": "two\n", "x": "y=z"}


def test_binary_files_and_long_secrets() -> None:
    files = {
        "kustomization.yaml": b"configMapGenerator:\n- {name: c, files: [b.bin]}\n"
        b"secretGenerator:\n- {name: s, files: [long.txt], options: {disableNameSuffixHash: true}}\n",
        "b.bin": b"\xff\xfe",
        "long.txt": b"x" * 60,
    }
    config, secret = build(files, ".")
    assert config["binaryData"] == {"b.bin": "//4="}
    lines = secret["data"]["long.txt"].splitlines()
    assert [len(line) for line in lines] == [70, 10]
    assert secret["metadata"]["name"] == "s"


def test_files_outside_need_the_lax_restrictor() -> None:
    files = {
        "app/kustomization.yaml": b"resources: [../account.yaml]\n",
        "account.yaml": ACCOUNT.encode(),
    }
    with pytest.raises(KustomizeError, match=r"security; file 'account\.yaml' is not in or below 'app'"):
        build(files, "app")
    assert len(build(files, "app", load_restrictor="none")) == 1


K = "kustomization_yaml"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '.'"),
        ({K: ""}, "kustomization.yaml: kustomization.yaml is empty"),
        ({K: "kind: Kustomization\n"}, "kustomization.yaml: kustomization.yaml is empty"),
        (
            {K: "resources: []\nresource: [a]\n"},
            "kustomization.yaml:2:1: invalid Kustomization: json: unknown field \"resource\" (did you mean 'resources'?)",
        ),
        (
            {K: "images:\n- name: a\n  tag: b\n"},
            'kustomization.yaml:3:3: invalid Kustomization: json: unknown field "tag"',
        ),
        ({K: "resources: web.yaml\n"}, "kustomization.yaml:1:12: invalid Kustomization: resources must be a list of strings"),
        ({K: "helmCharts: []\n"}, "kustomization.yaml:1:1: field 'helmCharts' is not modelled here: render the chart"),
        ({K: "kind: Other\nresources: []\n"}, "kustomization.yaml:1:7: kind should be Kustomization or Component"),
        ({K: "apiVersion: v2\nresources: []\n"}, "should be kustomize.config.k8s.io/v1beta1"),
        ({K: "a: b: c\n"}, "kustomization.yaml:1:5: yaml: mapping values are not allowed in this context"),
        ({K: "resources: [gone.yaml]\n"}, "kustomization.yaml: accumulating resources from 'gone.yaml': no such file"),
        (
            {K: "resources: ['github.com/acme/base?ref=v1']\n"},
            "accumulating resources from 'github.com/acme/base?ref=v1': remote bases are not fetched here",
        ),
        ({K: "resources: ['https://x.example/base.yaml']\n"}, "remote bases are not fetched here"),
        ({K: "resources: [sub]\n", "sub__kustomization_yaml": "resources: [..]\n"}, "cycle detected: '.' is reached"),
        ({K: "resources: [a.yaml]\n", "a_yaml": "kind: X\nmetadata: {}\n"}, "a.yaml:1:1: missing metadata.name in object X"),
        ({K: "resources: [a.yaml]\n", "a_yaml": "metadata: {name: x}\n"}, "a.yaml:1:1: missing Resource metadata"),
        (
            {K: "resources: [a.yaml, b.yaml]\n", "a_yaml": ACCOUNT, "b_yaml": ACCOUNT},
            "b.yaml: may not add resource with an already registered id: ServiceAccount.v1.[noGrp]/web.[noNs]",
        ),
        ({K: "patches:\n- patch: |\n    kind: A\n    metadata: {name: b}\n"}, "no resource matches strategic merge patch"),
        ({K: "patches: [{path: p.yaml}]\n"}, "kustomization.yaml: open p.yaml: no such file or directory"),
        ({K: "patches: [{}]\n"}, "must specify one of patch and path"),
        (
            {K: "patches: [{path: p.yaml, target: {kind: '['}}]\n", "p_yaml": "[{op: add, path: /x, value: 1}]"},
            "p.yaml: patch target: error parsing regexp '['",
        ),
        (
            {K: "resources: [a.yaml]\npatches: [{path: p.yaml, target: {kind: ServiceAccount}}]\n", "a_yaml": ACCOUNT,
             "p_yaml": "[{op: remove, path: /nope}]"},
            "p.yaml: ",
        ),
        ({K: "configMapGenerator: [{name: c, literals: [novalue]}]\n"}, "invalid literal source novalue, expected key=value"),
        ({K: "configMapGenerator: [{name: c, literals: [a=1, a=2]}]\n"}, "configmap c illegally repeats the key `a`"),
        ({K: "configMapGenerator: [{name: c, behavior: merge}]\n"}, "does not exist; cannot merge or replace"),
        ({K: "resources: [a.yaml]\nreplicas: [{name: x, count: 1}]\n", "a_yaml": ACCOUNT},
         "resource with name x does not match a config with the following GVK"),
        ({K: "components: [sub]\n", "sub__kustomization_yaml": "resources: []\n"}, "expected kind 'Component'"),
    ],
)  # fmt: skip
def test_faults_name_the_file(files: dict[str, str], message: str) -> None:
    with pytest.raises(KustomizeError) as caught:
        run(**({"other_yaml": "a"} | files))
    assert message in str(caught.value)


def test_building_changes_no_input_and_repeats() -> None:
    files = {
        "kustomization.yaml": b"resources: [web.yaml]\nnamePrefix: a-\nimages: [{name: log, newTag: '2'}]\n",
        "web.yaml": WEB.encode(),
    }
    first = build(files, ".")
    kept = copy.deepcopy(first)
    assert build(files, ".") == first == kept


def test_output_is_what_kubectl_prints() -> None:
    [account] = run(kustomization_yaml="resources: [a.yaml]\nnamespace: x\n", a_yaml=ACCOUNT)
    assert manifests.dump(account) == (
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n  namespace: x\n"
    )


def test_what_was_built_before_is_built_again_only_where_something_it_reads_has_changed(monkeypatch):
    from kcsim.delivery.kustomize import build as module

    built: list[str] = []
    inner = module._build

    def counted(files, root, *more):
        built.append(root)
        return inner(files, root, *more)

    monkeypatch.setattr(module, "_build", counted)
    monkeypatch.setattr(module, "_builds", {})
    config = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\n"
    files = {
        "a/kustomization.yaml": b"resources: [../base, own.yaml]\n",
        "a/own.yaml": config.replace(b"NAME", b"own"),
        "base/kustomization.yaml": b"resources: [one.yaml]\n",
        "base/one.yaml": config.replace(b"NAME", b"one"),
        "other/readme.md": b"1",
    }

    def names(files, root="a"):
        return [obj["metadata"]["name"] for obj in module.build(files, root)]

    assert names(files) == ["one", "own"]
    module.build(files, "a").clear()  # a list of one's own
    assert names({**files, "other/readme.md": b"2", "a/more.yaml": b"x: 1"}) == ["one", "own"]
    assert built == ["a"]
    assert names({**files, "base/one.yaml": config.replace(b"NAME", b"two")}) == ["two", "own"]
    assert names(files) == ["one", "own"]
    assert built == ["a", "a"]
    # A file that was looked for and not there counts, too, and a directory that took the place of a file.
    twice = {**files, "a/kustomization.yml": b"resources: []\n"}
    for wrong in (twice, {k: v for k, v in files.items() if not k.startswith("base/")}):
        for _ in range(2):
            with pytest.raises(KustomizeError):
                names(wrong)
    directory = {k: v for k, v in files.items() if k != "a/own.yaml"}
    directory |= {"a/own.yaml/kustomization.yaml": b"resources: [x.yaml]\n", "a/own.yaml/x.yaml": config}
    assert names(directory) == ["one", "NAME"]
