"""`kcsim kubectl`: a command typed in the world of a story, of a recorded run, or in a bare cluster."""

from __future__ import annotations

import io

import pytest

from kcsim.cli.exits import Exit

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\n"


@pytest.fixture
def kubectl(kcsim):
    def run(*argv):
        return kcsim("kubectl", *argv)

    return run


def test_without_a_story_there_are_three_nodes(kubectl):
    said = kubectl("--", "get", "nodes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert [line.split()[:2] for line in said.out.splitlines()[1:]] == [
        [f"node-{n}", "Ready"] for n in (1, 2, 3)
    ]


def test_the_cluster_may_be_of_another_size_and_age(kubectl):
    said = kubectl("--nodes", "1", "--at", "2h", "get", "nodes", "--no-headers")
    assert said.out.split()[:4] == ["node-1", "Ready", "<none>", "120m"]


def test_streams_and_exit_code_are_those_of_kubectl(kubectl):
    said = kubectl("get", "pods", "nope")
    assert (said.code, said.out) == (1, "")
    assert said.err == 'Error from server (NotFound): pods "nope" not found\n'
    assert kubectl("get", "--raw", "/readyz").out == "ok"


def test_a_flag_of_kubectl_is_not_one_of_kcsim(kubectl):
    assert 'User "ann" cannot get resource' in kubectl("get", "ns", "default", "--as", "ann").err
    assert "Username    ann\n" in kubectl("--as", "ann", "auth", "whoami").out


def test_what_edits_opens_the_editor_of_who_types(kubectl, monkeypatch):
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setenv("KUBE_EDITOR", "sed -i s/kind-of-nothing/x/")
    said = kubectl("edit", "ns", "default")
    assert (said.code, said.err) == (Exit.OK, "Edit cancelled, no changes made.\n")
    monkeypatch.setenv("KUBE_EDITOR", "sed -i 's/^metadata:/&\\n  annotations: {a: b}/'")
    assert kubectl("edit", "ns", "default").out == "namespace/default edited\n"
    monkeypatch.delenv("KUBE_EDITOR")
    said = kubectl("edit", "ns", "default")
    assert said.code == Exit.BAD_INPUT
    assert "there was a problem with the editor 'false'" in said.err


# --- stories ----------------------------------------------------------------------------------------------------


def test_a_story_is_played_to_an_instant(kubectl):
    early = kubectl("--scenario", "plain-release", "--delivery", "push", "--at", "1s", "get", "deploy", "-A")
    assert (early.code, early.out, early.err) == (0, "", "No resources found\n")
    late = kubectl("--scenario", "plain-release", "--delivery", "push", "get", "deploy", "-A", "-o", "name")
    assert late.out.startswith("deployment.apps/")


def test_a_recorded_world_is_played_again(kubectl, kcsim, tmp_path):
    out = tmp_path / "out"
    assert kcsim("run", "plain-release", "--out", str(out), "-q", "--seed", "5").code == Exit.OK
    several = kubectl("--scenario", str(out), "get", "pods")
    assert several.code == Exit.BAD_INPUT
    assert "holds several worlds" in several.err
    named = kubectl("--scenario", str(out), "--delivery", "push", "get", "pods", "-A", "-o", "name")
    assert named.code == Exit.OK
    recorded = (out / "push" / "objects.yaml").read_text("utf-8")
    pods = [line.removeprefix("pod/") for line in named.out.splitlines()]
    assert pods
    assert all(f"  name: {pod}\n" in recorded for pod in pods)
    assert kubectl("--scenario", str(out / "push"), "get", "pods", "-A", "-o", "name").out == named.out


WRONG = [
    (("--delivery", "push", "get", "pods"), "--delivery goes with --scenario only"),
    (("--scenario", "plain-release", "--nodes", "4", "get", "pods"), "--nodes is for a bare cluster"),
    (("--cluster", "east", "get", "pods"), "there is no cluster 'east'"),
    (("--scenario", "plain-release", "--delivery", "carrier-pigeon", "get", "pods"), "carrier-pigeon"),
    (("--scenario", "/nowhere", "get", "pods"), "the file cannot be read"),
    ((), "missing argument"),
]


@pytest.mark.parametrize(("argv", "text"), WRONG, ids=[text for _, text in WRONG])
def test_what_cannot_be_used_is_told_before_anything_runs(kubectl, argv, text):
    said = kubectl(*argv)
    assert said.code == Exit.BAD_INPUT
    assert text in said.err


def test_a_folder_without_a_world_is_no_world(kubectl, tmp_path):
    said = kubectl("--scenario", str(tmp_path), "get", "pods")
    assert said.code == Exit.BAD_INPUT
    assert "holds no recorded world" in said.err


# --- files ------------------------------------------------------------------------------------------------------


def test_files_and_folders_are_read_from_disk(kubectl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf.yaml").write_text(CONFIG)
    deeper = tmp_path / "more"
    deeper.mkdir()
    (deeper / "two.yaml").write_text(CONFIG.replace("conf", "two"))
    assert kubectl("apply", "-f", "conf.yaml").out == "configmap/conf created\n"
    assert kubectl("apply", "-f", str(tmp_path)).out == "configmap/conf created\n"
    assert kubectl("apply", "-R", "-f", ".").out == "configmap/conf created\nconfigmap/two created\n"
    made = kubectl("create", "cm", "x", "--from-file=key=conf.yaml", "-o", "jsonpath={.data.key}")
    assert made.out == CONFIG
    assert kubectl("apply", "-f", "nope.yaml").err == 'error: the path "nope.yaml" does not exist\n'


def test_stdin_is_read_where_it_is_named(kubectl, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(CONFIG))
    assert kubectl("create", "-f", "-").out == "configmap/conf created\n"
    monkeypatch.setattr("sys.stdin", None)
    assert kubectl("get", "cm").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("gte pods", "did you mean 'get'?  (kubectl has here: annotate, api-resources"),
        ("frobnicate", "kcsim: kubectl has here: annotate"),
        (
            "rollout stauts deployment/web",
            "did you mean 'status'?  (kubectl rollout has here: history, pause",
        ),
        (
            "create deploymnt x --image y",
            "did you mean 'deployment'?  (kubectl create has here: clusterrole,",
        ),
        ("get podz", "did you mean 'pods'?  (`kubectl api-resources`"),
    ],
)
def test_a_word_that_kubectl_does_not_know_is_told_with_those_it_knows(kcsim, words, told):
    said = kcsim("kubectl", "--", *words.split())
    assert said.code == 1
    assert told in " ".join(said.err.split("\n"))


def test_what_is_not_there_is_no_word_that_is_not_known(kcsim):
    assert "kcsim:" not in kcsim("kubectl", "--", "get", "pods", "nope").err
