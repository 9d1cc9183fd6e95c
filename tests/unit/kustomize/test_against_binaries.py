"""Builds compared byte for byte with `kubectl kustomize` and `kustomize build`, where one of them is on the machine."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from kcsim.delivery.kustomize.build import build
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.manifests import dump

PROGRAMS = {"kubectl": (["kubectl", "kustomize"], "legacy"), "kustomize": (["kustomize", "build"], "none")}
"""What is typed, and the order in which its objects come."""

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
      - name: web
        image: registry.example.com:5000/shop/web:v1
        args: ["--name=web", "--quoted=a: b", "yes", "0x1"]
        env:
        - {name: HOST, value: placeholder}
        - {name: LONG, value: "several words that go on and on\\nover two lines and well past eighty columns of text"}
        - {name: ON, value: "true"}
        envFrom:
        - configMapRef: {name: settings}
        - secretRef: {name: password}
        ports:
        - {containerPort: 80, protocol: TCP}
"""
REST = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: web, namespace: default}]
"""
BASE = {
    "base/web.yaml": WEB,
    "base/rest.yaml": REST,
    "base/kustomization.yaml": "resources: [web.yaml, rest.yaml]\n",
}
BASE["base/kustomization.yaml"] += "configMapGenerator:\n- name: settings\n  literals: [a=b, 'c=d e']\n"
BASE["base/kustomization.yaml"] += "secretGenerator:\n- name: password\n  literals: [word=secret]\n"

OVERLAYS = {
    "resources alone": "",
    "namespace, prefix and suffix": "namespace: shop\nnamePrefix: eu-\nnameSuffix: -v2\n",
    "labels and annotations": (
        "labels:\n- pairs: {team: blue}\n  includeSelectors: true\n- pairs: {tier: front}\n  includeTemplates: true\n"
        "commonAnnotations: {note: hand made, when: '2026-01-01'}\n"
    ),
    "common labels": "commonLabels: {team: blue}\n",
    "images and replicas": (
        "images:\n- name: registry.example.com:5000/shop/web\n  newName: other/web\n  newTag: 'v2'\n"
        "replicas:\n- {name: web, count: 5}\n"
    ),
    "digest": "images:\n- {name: 'registry.example.com:5000/shop/web', digest: 'sha256:" + "a" * 64 + "'}\n",
    "strategic merge patch": (
        "patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec:\n"
        "      template:\n        spec:\n          containers:\n          - name: web\n            env: [{name: HOST, value: x}]\n"
        "          - {name: side, image: 'side:1'}\n"
    ),
    "json patch with a target": (
        "patches:\n- target: {kind: Deployment, labelSelector: app=web}\n  patch: |\n    - {op: replace, path: /spec/replicas, value: 3}\n"
        "    - {op: add, path: /metadata/annotations, value: {a: b}}\n"
    ),
    "patch that deletes": "patches:\n- patch: |\n    $patch: delete\n    apiVersion: v1\n    kind: Service\n    metadata: {name: web}\n",
    "generator options": (
        "configMapGenerator:\n- name: more\n  files: [app.properties, key.txt=app.properties]\n  envs: [plain.env]\n"
        "generatorOptions:\n  labels: {made: here}\n  annotations: {note: x}\n"
    ),
    "merged and unhashed generators": (
        "configMapGenerator:\n- {name: settings, behavior: merge, literals: [a=z]}\n"
        "- {name: fixed, literals: [x=y], options: {disableNameSuffixHash: true, immutable: true}}\n"
    ),
    "replacements": (
        "replacements:\n- source: {kind: Service, name: web, fieldPath: metadata.name}\n  targets:\n"
        "  - select: {kind: Deployment}\n    fieldPaths: ['spec.template.spec.containers.[name=web].env.[name=HOST].value']\n"
    ),
    "components": "components: [../component]\n",
    "sorted first in, first out": "sortOptions: {order: fifo}\n",
    "sorted in the old order": "sortOptions: {order: legacy}\n",
}
COMPONENT = (
    "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: c-\n"
    "patches:\n- patch: |\n    apiVersion: v1\n    kind: Service\n    metadata: {name: web}\n    spec: {type: NodePort}\n"
)


def printed(objects):
    """As the binaries print them: long texts are folded."""
    return "---\n".join(dump(obj, folded=True) for obj in objects)


def files_of(overlay):
    return BASE | {
        "overlay/kustomization.yaml": f"resources: [../base]\n{overlay}",
        "overlay/app.properties": "a=1\nb=two words\n",
        "overlay/plain.env": "FROM=env\n# a comment\nOTHER=1\n",
        "component/kustomization.yaml": COMPONENT,
    }


@pytest.mark.parametrize("name", list(OVERLAYS))
@pytest.mark.parametrize("program", list(PROGRAMS))
def test_output_is_the_binarys(tmp_path, program, name):
    if shutil.which(program) is None:
        pytest.skip(f"no {program} on this machine")
    files = files_of(OVERLAYS[name])
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    command, order = PROGRAMS[program]
    done = subprocess.run([*command, str(tmp_path / "overlay")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours = printed(build({path: text.encode() for path, text in files.items()}, "overlay", reorder=order))
    assert ours == done.stdout


@pytest.mark.parametrize(
    "overlay",
    [
        "namspace: x\n",
        "resources: [nope.yaml]\n",
        "patches:\n- patch: |\n    - {op: replace, path: /spec/replicas, value: 3}\n",
        "patches:\n- patch: |\n    kind: Deployment\n    apiVersion: apps/v1\n    metadata: {name: other}\n",
        "components: [../base]\n",
        "resources: [../overlay]\n",
        "configMapGenerator:\n- {name: settings, literals: [a=z]}\n",
        "replacements:\n- source: {kind: Nothing}\n  targets: [{select: {kind: Deployment}, fieldPaths: [spec.replicas]}]\n",
    ],
)
@pytest.mark.parametrize("program", list(PROGRAMS))
def test_what_the_binary_refuses_is_refused(tmp_path, program, overlay):
    if shutil.which(program) is None:
        pytest.skip(f"no {program} on this machine")
    files = files_of("")
    if overlay.startswith("resources:"):
        files["overlay/kustomization.yaml"] = overlay
    else:
        files["overlay/kustomization.yaml"] += overlay
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    command, _ = PROGRAMS[program]
    done = subprocess.run([*command, str(tmp_path / "overlay")], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    with pytest.raises(KustomizeError):
        build({path: text.encode() for path, text in files.items()}, "overlay")
