"""Charts: what helm is asked, what becomes of its answer, and what is said where it is not there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from kcsim.delivery import helm
from kcsim.delivery.gitops.argocd.repo_server.generate import GenerationError, generate
from kcsim.delivery.helm import HelmError, HelmMissing, Release

CHART = {
    "app/Chart.yaml": b"apiVersion: v2\nname: app\nversion: 1.0.0\n",
    "app/values.yaml": b"replicas: 1\n",
    "app/prod.yaml": b"replicas: 3\n",
    "app/templates/cm.yaml": (
        b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        b"  namespace: {{ .Release.Namespace }}\ndata:\n  replicas: {{ .Values.replicas | quote }}\n"
    ),
}
ECHO = """#!/bin/sh
echo "# $*" | sed "s#/[^ ]*/repository/##g; s#/[^ ]*/scratch/##g" >> {log}
cat <<END
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: made}}
---
# nothing
END
"""


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A program in helm's place; gives the command lines it was called with."""
    log, program = tmp_path / "log", tmp_path / "helm"
    program.write_text(ECHO.format(log=log), "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("KCSIM_HELM", str(program))
    return lambda: log.read_text("utf-8").splitlines() if log.exists() else []


def test_what_helm_is_asked(asked):
    options = {
        "valueFiles": ["values.yaml", "/app/prod.yaml", "none.yaml"],
        "ignoreMissingValueFiles": True,
        "valuesObject": {"a": 1},
        "parameters": [{"name": "x", "value": "1,2"}, {"name": "y", "value": "5", "forceString": True}],
        "fileParameters": [{"name": "z", "path": "prod.yaml"}],
        "kubeVersion": "1.34.0",
        "apiVersions": ["x/v1"],
        "skipCrds": True,
        "skipTests": True,
    }
    kind, made = generate({"path": "app", "helm": options}, CHART, application="shop", namespace="prod")
    assert (kind, [o["metadata"]["name"] for o in made]) == ("Helm", ["made"])
    line = (
        "# template shop app --namespace prod --values app/values.yaml --values app/prod.yaml --values values-0.yaml"
        " --set x=1\\,2 --set-string y=5 --set-file z=app/prod.yaml --kube-version 1.34.0 --api-versions x/v1"
        " --skip-crds --skip-tests"
    )
    assert [each.replace("z=/", "z=") for each in asked()] == [line]


def test_the_same_question_is_asked_once(asked):
    release = Release("once", "default")
    assert helm.template(CHART, "app", release) is helm.template(CHART, "app", release)
    assert len(asked()) == 1
    helm.template({**CHART, "app/values.yaml": b"replicas: 2\n"}, "app", release)
    assert len(asked()) == 2


def test_a_values_file_that_is_not_there(asked):
    with pytest.raises(GenerationError, match=r"open app/none.yaml: no such file"):
        generate({"path": "app", "helm": {"valueFiles": ["none.yaml"]}}, CHART)
    assert asked() == []


def test_what_helm_says_is_said_without_the_paths_of_this_machine(tmp_path, monkeypatch):
    program = tmp_path / "helm"
    program.write_text('#!/bin/sh\necho "Error: $3/templates/x.yaml: bad" >&2\nexit 1\n', "utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("KCSIM_HELM", str(program))
    with pytest.raises(HelmError) as caught:
        helm.template(CHART, "app", Release("shop", "default"))
    assert str(caught.value) == "failed exit status 1: Error: app/templates/x.yaml: bad"


def test_without_helm_it_is_said_how_to_mend_it(monkeypatch):
    monkeypatch.setenv("KCSIM_HELM", str(Path("no") / "helm"))
    with pytest.raises(HelmMissing, match=r"put helm on the PATH, or its path into KCSIM_HELM"):
        helm.template(CHART, "app", Release("shop", "default"))


@pytest.mark.skipif(helm.binary() is None, reason="there is no helm binary on this machine")
def test_a_real_chart():
    values = {"valueFiles": ["prod.yaml"]}
    _, made = generate({"path": "app", "helm": values}, CHART, application="shop", namespace="prod")
    (found,) = made
    assert found["metadata"] == {"name": "shop", "namespace": "prod"}
    assert found["data"] == {"replicas": "3"}
