"""Flags belong to commands, and none is passed over in silence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kcsim.kubectl
from kcsim.kubectl import options
from kcsim.kubectl.command import check
from kcsim.kubectl.flags import parse


def code() -> str:
    folder = Path(kcsim.kubectl.__file__).parent
    files = sorted(p for p in folder.rglob("*.py") if p.name not in {"options.py", "flags.py"})
    return "\n".join(p.read_text() for p in files)


def test_a_flag_that_no_code_asks_for_is_refused_or_without_effect():
    known = options.GLOBAL.union(*(options.options_of(path.split()) for path in options.paths()))
    asked = set(re.findall(r'"([a-z][a-z-]*)"', code()))
    silent = known - asked - options.WITHOUT_EFFECT
    refused = {"client-certificate", "client-key", "kubeconfig"}  # by name, with what to do instead
    assert sorted(silent) == sorted(options.NOT_MODELLED | refused)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("get pods --prune", "unknown flag: --prune"),
        ("scale deploy/web --replicas=1 --image=x", "unknown flag: --image"),
        ("create cm a --image=x", "unknown flag: --image"),
        ("rollout status deploy/web --to-revision=1", "unknown flag: --to-revision"),
        ("top pods --sum", "kcsim does not model --sum"),
        ("get pods --context=prod", "kcsim does not model --context: it reaches the one cluster"),
    ],
)
def test_what_is_refused(line, why):
    assert check(line).startswith(why)


@pytest.mark.parametrize(
    "line",
    [
        "create cm a --from-literal=a=b --dry-run=client -o yaml",
        "create secret generic s --from-literal=a=b --type=Opaque",
        "create svc clusterip s --tcp=80",
        "top pods --containers",
        "set env deploy/web A=b --prefix=X",
        "logs web --prefix",
        "config view --raw",
        "get --raw /healthz",
        "get pods --chunk-size=500 -v=6 --request-timeout=5s",
    ],
)
def test_what_is_known(line):
    assert check(line) is None


def test_values_and_switches_by_command():
    assert parse(["set", "env", "deploy/web", "--prefix", "X", "A=b"]).words == [
        "set",
        "env",
        "deploy/web",
        "A=b",
    ]
    assert parse(["logs", "--prefix", "web"]).words == ["logs", "web"]


def test_what_a_command_never_asked_about_is_told_at_its_end(web, sim):
    outcome = sim.kubectl("events --template=x")
    assert outcome.exit_code == 0
    assert outcome.stderr == "Warning: kcsim does not model --template of this command: it changed nothing\n"


NOTHING_FOUND = [
    ("get pods -l no=one --show-labels -L app --no-headers", "No resources found in default namespace.\n"),
    ("describe pods -l no=one --show-events=false", "No resources found in default namespace.\n"),
    ("delete pods -l no=one --cascade=orphan --grace-period=5 --timeout=3s", ""),
    ("label pods -l no=one a=b --overwrite", ""),
    ("logs -l no=one --prefix", "No resources found in default namespace.\n"),
    ("drain -l no=one --ignore-daemonsets --force", ""),
    ("rollout status sts --timeout=3s", "No resources found in default namespace.\n"),
    ("rollout restart deploy -l no=one -o name", "No resources found in default namespace.\n"),
    ("rollout undo sts --to-revision=3", ""),
]


@pytest.mark.parametrize(("line", "told"), NOTHING_FOUND)
def test_where_nothing_is_found_no_flag_counts_as_not_modelled(web, sim, line, told):
    outcome = sim.kubectl(line)
    assert (outcome.exit_code, outcome.stderr) == (0, told)


def test_flags_of_every_command_need_not_be_asked_about(web, sim):
    line = "create clusterrole reader --verb=get --resource=pods -n default"
    assert sim.kubectl(line).stderr == ""
    unchanged = sim.kubectl("set image deploy/web app=registry.example/app:1 -o name")
    assert (unchanged.exit_code, unchanged.stdout, unchanged.stderr) == (0, "", "")


class TestNew:
    def test_a_drain_that_deletes_passes_by_the_budget(self, web, sim):
        budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {minAvailable: 2, selector: {matchLabels: {app: web}}}\n"
        web("apply -f -", stdin=budget)
        sim.run("5s")
        node = sim.list("pods", "default")[0]["spec"]["nodeName"]
        outcome = sim.kubectl(f"drain {node} --disable-eviction --force")
        assert outcome.exit_code == 0
        assert "evicting" not in outcome.stdout
        assert re.search(r"^pod/web-\S+ deleted$", outcome.stdout, re.MULTILINE)

    def test_pairs_from_an_env_file(self, k, sim):
        sim.kubectl("create cm conf --from-env-file=app.env", files={"app.env": "# note\n\nA=1\nB=x=y\nC\n"})
        assert sim.get("cm/conf")["data"] == {"A": "1", "B": "x=y"}

    def test_a_bad_line_of_an_env_file(self, sim):
        outcome = sim.kubectl("create cm conf --from-env-file=app.env", files={"app.env": "A=1\nB C=2\n"})
        assert outcome.stderr == 'error: "app.env:2": "B C" is not a valid key name\n'

    def test_a_patch_from_a_file(self, web, sim):
        sim.kubectl("patch deploy/web --patch-file p.yaml", files={"p.yaml": "spec: {replicas: 3}\n"})
        assert sim.get("deploy/web")["spec"]["replicas"] == 3

    def test_describe_without_events(self, web):
        assert "Events:" in web("describe deploy web")
        assert "Events:" not in web("describe deploy web --show-events=false")

    def test_expose_and_run_take_their_fields(self, web, sim):
        web("expose deploy/web --port=80 --name=in --cluster-ip=None -l tier=front")
        service = sim.get("service/in")
        assert service["spec"]["clusterIP"] == "None"
        assert service["metadata"]["labels"] == {"tier": "front"}
        web("run solo --image=x --image-pull-policy=Never --annotations=a=b")
        pod = sim.get("pod/solo")
        assert pod["spec"]["containers"][0]["imagePullPolicy"] == "Never"
        assert pod["metadata"]["annotations"] == {"a": "b"}

    def test_who_am_i_as_yaml(self, k):
        assert "username: kubernetes-admin" in k("auth whoami -o yaml")
