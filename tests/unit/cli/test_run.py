"""`kcsim run`, `test` and `why` on a story of a minute: what they print, write and answer."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from kcsim.cli.exits import Exit
from kcsim.manifests import documents

STORY = textwrap.dedent(
    """\
    apiVersion: kcsim/v1
    kind: Scenario
    name: small
    title: A small story
    seed: 3
    until: 60s
    repositories:
      - name: shop
        path: deploy
        files:
          deploy/web.yaml: |
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web, namespace: default}
            spec:
              replicas: 2
              selector:
                matchLabels: {app: web}
              template:
                metadata:
                  labels: {app: web}
                spec:
                  containers: [{name: web, image: "shop/web:1"}]
    deliveries:
      push:
        type: push
        pipeline:
          stages: [{name: build, duration: 5s}]
      flux:
        type: flux
        kustomization: {interval: 20s}
    timeline:
      - at: 30s
        name: by-hand
        as: nico
        kubectl: scale deployment/web --replicas=1
    expectations:
      - name: comes-up
        eventually: ready("deployment/web") == 2
      - name: repaired
        note: Only an agent looks again.
        after: by-hand
        eventually: desired("deployment/web") == 2
        within: 25s
        failsUnder: [push]
    """
)


@pytest.fixture
def story(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(STORY)
    return str(path)


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    """The same with an expectation that fails under push."""
    path = tmp_path / "wrong.yaml"
    path.write_text(STORY.replace("    failsUnder: [push]\n", ""))
    return str(path)


# Text.


def test_run_tells_the_story_compares_and_says_what_to_try_next(kcsim, story):
    said = kcsim("run", story)
    assert (said.code, said.err) == (0, "")
    for part in (
        "A small story\npush | flux  ·  seed 3  ·  1m of virtual time\n",
        "nico: kubectl scale deployment/web --replicas=1",
        "The worlds part at 00:00:",
        "Time to repair drift",
        "✓ did not hold, as told",
        "✓ all 4 came out as the story says",
        f"kcsim run {story} --delivery flux",
    ):
        assert part in said.out, part
    assert "\x1b" not in said.out


@pytest.mark.parametrize("columns", ["80", "120"])
def test_lines_keep_within_the_width(kcsim, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    for line in kcsim("run", "drift-at-night").out.splitlines():
        assert len(line) <= int(columns), line


def test_colours_change_nothing_but_colours(kcsim, monkeypatch, story):
    import re

    plain = kcsim("run", story).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = kcsim("run", story).out
    assert coloured != plain
    assert [
        line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", coloured).splitlines()
    ] == plain.splitlines()


def test_one_delivery_is_told_in_full(kcsim, story):
    said = kcsim("run", story, "--delivery", "flux")
    assert "flux  ·  seed 3" in said.out
    assert "push" not in said.out.partition("Try next")[0]
    assert "In detail" in said.out
    assert f"kcsim run {story} " in said.out


def test_a_failed_expectation_is_explained_and_gives_exit_code_1(kcsim, wrong):
    said = kcsim("run", wrong)
    assert said.code == Exit.EXPECTATION_FAILED
    assert "✗ repaired under push" in said.out
    assert "did not become true within 25s" in " ".join(said.out.split())
    assert "Only an agent looks again." in said.out
    assert "✗ 1 of 4 came out otherwise than the story says" in said.out


def test_quiet_says_failures_only(kcsim, story, wrong):
    assert kcsim("run", "--quiet", story) == type(kcsim("--version"))(0, "", "")
    said = kcsim("run", "-q", wrong)
    assert (said.code, said.out) == (Exit.EXPECTATION_FAILED, "")
    assert said.err.startswith("push: ✗ failed repaired: ")
    assert said.err.count("\n") == 1


def test_a_scenario_without_deliveries_runs_in_one_world(kcsim, story, tmp_path):
    out = tmp_path / "out"
    said = kcsim("run", story, "--set", "deliveries={}", "--set", "expectations=[]", "--out", str(out))
    assert (said.code, said.err) == (0, "")
    assert (out / "world" / "trace.jsonl").is_file()


# JSON.


def test_json_is_one_document(kcsim, story):
    said = kcsim("run", "--json", story, "--seed", "5")
    assert (said.code, said.err) == (0, "")
    document = json.loads(said.out)
    assert (document["scenario"], document["seed"]) == ("small", 5)
    assert document["version"]
    assert [world["delivery"] for world in document["worlds"]] == ["push", "flux"]
    for world in document["worlds"]:
        assert len(world["trace_sha256"]) == 64
        assert world["end"] == 60.0
        assert all({"name", "value", "unit"} <= set(measure) for measure in world["measures"])
        assert {each["name"]: each["passed"] for each in world["expectations"]} == {
            "comes-up": True,
            "repaired": True,
        }
        assert all({"at", "why"} <= set(each) for each in world["expectations"])


def test_the_same_seed_gives_the_same_document_and_another_seed_another_trace(kcsim, story):
    first = kcsim("run", "--json", story).out
    assert kcsim("run", "--json", story).out == first
    other = json.loads(kcsim("run", "--json", story, "--seed", "4").out)
    for one, two in zip(json.loads(first)["worlds"], other["worlds"], strict=True):
        assert one["trace_sha256"] != two["trace_sha256"]


def test_until_and_set_change_the_story(kcsim, story):
    document = json.loads(
        kcsim("run", "--json", story, "--until", "20s", "--delivery", "push", "--set", "cluster.nodes=1").out
    )
    (world,) = document["worlds"]
    assert world["end"] == 20.0


# Files.


def test_out_writes_each_world(kcsim, story, tmp_path):
    out = tmp_path / "deep" / "out"
    said = kcsim("run", story, "--out", str(out), "--json")
    assert said.code == 0
    document = json.loads((out / "result.json").read_text())
    assert document == json.loads(said.out)
    for world in document["worlds"]:
        folder = out / world["delivery"]
        trace = (folder / "trace.jsonl").read_bytes()
        assert hashlib.sha256(trace).hexdigest() == world["trace_sha256"]
        rows = [json.loads(line) for line in trace.splitlines()]
        assert [row["seq"] for row in rows] == list(range(len(rows)))
        assert all(row["cause"] is None or row["cause"] < row["seq"] for row in rows)
        assert {"actor", "cause", "detail", "object", "seq", "t", "verb"} == set(rows[0])
        objects = [found.value for found in documents((folder / "objects.yaml").read_text(), "objects.yaml")]
        assert {"Deployment", "Pod", "Node"} <= {obj["kind"] for obj in objects}
        assert json.loads((folder / "result.json").read_text()) == world


def test_the_written_scenario_plays_the_same_world_again(kcsim, story, tmp_path):
    out = tmp_path / "out"
    kcsim("run", story, "--seed", "9", "--set", "cluster.nodes=2", "--out", str(out), "--quiet")
    sha = json.loads((out / "flux" / "result.json").read_text())["trace_sha256"]
    again = json.loads(kcsim("run", "--json", str(out / "flux" / "scenario.yaml"), "--delivery", "flux").out)
    assert again["worlds"][0]["trace_sha256"] == sha


def test_a_second_run_takes_the_place_of_the_first(kcsim, story, tmp_path):
    out = tmp_path / "out"
    kcsim("run", story, "--out", str(out), "--quiet")
    assert (out / "push").is_dir()
    (out / "flux" / "notes.txt").write_text("mine")
    assert kcsim("run", story, "--delivery", "flux", "--out", str(out), "--quiet").code == 0
    ours = ["kcsim-run.json", "report.html", "result.json", "timeline.json"]
    assert sorted(path.name for path in out.iterdir()) == ["flux", *ours]
    assert (out / "flux" / "notes.txt").read_text() == "mine"


def test_a_folder_of_somebody_elses_is_left_alone(kcsim, story, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    said = kcsim("run", story, "--out", str(tmp_path / "mine"))
    assert (said.code, said.out) == (Exit.BAD_INPUT, "")
    assert "holds files that kcsim did not write; nothing was touched" in said.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_marker_that_names_other_files_removes_none_of_them(kcsim, story, tmp_path):
    """A folder somebody sent: its marker is read, not trusted."""
    victim = tmp_path / "victim.txt"
    victim.write_text("keep me")
    out = tmp_path / "out"
    out.mkdir()
    (out / "kcsim-run.json").write_text(
        json.dumps({"files": ["../victim.txt", str(victim), "a/../../victim.txt", 5]})
    )
    kcsim("run", story, "--out", str(out), "--quiet")
    assert victim.read_text() == "keep me"


BAD = {
    "setting": (["--set", "cluster.nods=5"], "--set cluster.nods=5: KC102", "did you mean 'nodes'?"),
    "delivery": (["--delivery", "fluxx"], "KC206", "did you mean 'flux'?"),
    "until": (["--until", "soon"], "--until: 'soon' is not a duration", '"1m30s"'),
    "until zero": (["--until", "0"], "--until: '0' is not a duration", '"1m30s"'),
    "seed": (["--seed", "x"], "--seed: 'x' is no seed", "whole number"),
    "negative seed": (["--seed", "-1"], "--seed: '-1' is no seed", "whole number"),
    "pace": (["--pace", "5m"], "--pace goes with --repo only", "--repo PATH"),
    "repo": (["--repo", "/dev"], "KC601", ".git"),
    "out is a file": (["--out", "/dev/null"], "--out: /dev/null cannot be used", "Name a folder"),
}


@pytest.mark.parametrize("row", BAD)
def test_bad_options_are_told_before_anything_runs(kcsim, story, row):
    options, message, remedy = BAD[row]
    said = kcsim("run", story, *options)
    assert (said.code, said.out) == (Exit.BAD_INPUT, "")
    head, advice, *_ = said.err.splitlines()
    assert message in head
    assert remedy in advice


# Why.


@pytest.fixture
def recorded(kcsim, story, tmp_path) -> Path:
    out = tmp_path / "out"
    assert kcsim("run", story, "--out", str(out), "--quiet").code == 0
    return out


def test_why_goes_back_to_the_person_or_the_clock(kcsim, recorded):
    push, flux = (kcsim("why", str(recorded / name), "deploy/web") for name in ("push", "flux"))
    assert (push.code, flux.code) == (0, 0)
    assert push.out.splitlines()[0].endswith("nico patch deployment.apps/default/web")
    assert "00:00:30.000  ● because nico kubectl scale deployment/web --replicas=1\n" in push.out
    assert "kustomize-controller apply deployment.apps/default/web" in flux.out
    assert "spec.replicas=2" in flux.out
    assert "● because clock tick interval 20s" in flux.out


def test_why_as_json(kcsim, recorded):
    document = json.loads(kcsim("why", str(recorded / "push"), "deployment/default/web", "--json").out)
    assert document["object"] == "deployment.apps/default/web"
    assert [link["verb"] for link in document["chain"]] == ["patch", "kubectl"]


@pytest.mark.parametrize(
    ("where", "target", "message", "remedy"),
    [
        ("push", "deployment/wbe", "nothing named 'deployment/wbe'", "did you mean 'deployment/web'?"),
        ("push", "deploymnt/web", "nothing named 'deploymnt/web'", "did you mean 'deployment'?"),
        ("push", "web", "'web' names no object", "deployment/web"),
        (".", "deployment/web", "holds several worlds", "/flux"),
        ("nowhere", "deployment/web", "does not exist", "kcsim run SCENARIO --out DIR"),
    ],
)
def test_why_asks_back(kcsim, recorded, where, target, message, remedy):
    said = kcsim("why", str(recorded / where), target)
    assert (said.code, said.out) == (Exit.BAD_INPUT, "")
    assert message in said.err.splitlines()[0]
    assert remedy in said.err.splitlines()[1]


def test_why_takes_the_folder_of_a_single_world(kcsim, story, tmp_path):
    kcsim("run", story, "--delivery", "push", "--out", str(tmp_path / "one"), "--quiet")
    assert kcsim("why", str(tmp_path / "one"), "deployment/web").code == 0


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "5", '{"seq": 7}', '{"seq": 1, "t": "x", "cause": null, "actor": "", "verb": "", "object": "", "detail": {}}',
     '{"seq": 1, "t": "0.0", "cause": 1, "actor": "", "verb": "", "object": "", "detail": {}}', "\udcff", "[" * 100_000],
    ids=["open brace", "list", "number", "no columns", "time", "cause", "no utf-8", "too deep"],
)  # fmt: skip
def test_a_damaged_trace_is_told_with_its_line(kcsim, recorded, line):
    path = recorded / "push" / "trace.jsonl"
    lines = path.read_text().splitlines()
    path.write_bytes("\n".join([lines[0], line, *lines[2:]]).encode(errors="surrogateescape"))
    said = kcsim("why", str(recorded / "push"), "deployment/web")
    assert (said.code, said.out) == (Exit.BAD_INPUT, "")
    assert f"{path}:2:1: " in said.err


# Test.


def test_test_sums_up_each_world(kcsim, story):
    said = kcsim("test", story)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "small  push  ✓ 1 hold  ✓ 1 fail as told",
        "small  flux  ✓ 2 hold",
        "4 expectations in 2 worlds: ✓ all as the scenarios say",
    ]
    assert kcsim("test", "--quiet", story).out == ""


def test_test_fails_with_the_reason_and_writes_junit(kcsim, story, wrong, tmp_path):
    report = tmp_path / "reports" / "junit.xml"
    said = kcsim("test", wrong, story, "--junitxml", str(report))
    assert said.code == Exit.EXPECTATION_FAILED
    assert "  ✗ failed  repaired\n" in said.out
    assert said.out.endswith("8 expectations in 4 worlds: ✗ 1 failed\n")
    root = ET.parse(report).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("8", "1", "0")
    assert [suite.get("name") for suite in root] == ["small/push", "small/flux", "small/push", "small/flux"]
    cases = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert cases[:2] == [("small.push", "comes-up"), ("small.push", "repaired")]
    (failure,) = root.iter("failure")
    assert "did not become true within 25s" in str(failure.get("message"))
    assert "kcsim run small --delivery push --seed 3" in str(failure.text)


def test_one_bad_scenario_stops_the_others_from_being_run(kcsim, story):
    said = kcsim("test", story, "nope.yaml")
    assert (said.code, said.out) == (Exit.BAD_INPUT, "")
    assert "nope.yaml:1:1: KC001" in said.err


def test_a_report_that_cannot_be_written_is_told_at_once(kcsim, story):
    said = kcsim("test", story, "--junitxml", "/dev/null/x.xml")
    assert (said.code, said.out) == (Exit.BAD_INPUT, "")
    assert "--junitxml: /dev/null/x.xml cannot be written" in said.err


# Interruption.


def test_ctrl_c_writes_what_was_recorded(story, tmp_path):
    """The signal comes when the second world has run for five virtual seconds: no wall clock decides."""
    out = tmp_path / "out"
    program = textwrap.dedent(
        """
        import os, signal, sys
        import kcsim.cli.playing as playing
        from kcsim.cli.main import main

        show = playing.Progress.show

        def interrupted(self, name, now, end):
            if name == "flux" and now > 5:
                os.kill(os.getpid(), signal.SIGINT)
            show(self, name, now, end)

        playing.Progress.show = interrupted
        sys.exit(main(sys.argv[1:]))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "run", story, "--out", str(out), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == Exit.INTERRUPTED, done.stderr
    assert "kcsim: interrupted; flux stopped at t=00:00:" in done.stderr
    document = json.loads(done.stdout)
    assert (document["interrupted"], document["finished"]) == (True, ["push"])
    push, flux = document["worlds"]
    assert push["end"] == 60.0
    assert 5 < flux["end"] < 60
    trace = (out / "flux" / "trace.jsonl").read_bytes()
    assert hashlib.sha256(trace).hexdigest() == flux["trace_sha256"]


def test_what_a_repository_on_disk_leaves_out_is_told(kcsim, story, tmp_path, monkeypatch):
    repo = tmp_path / "shop"
    (repo / "deploy").mkdir(parents=True)
    manifest = repo / "deploy" / "web.yaml"
    text = STORY[STORY.index("        apiVersion: apps/v1") : STORY.index("deliveries:")]

    def git(*words: str, hour: int) -> None:
        for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            monkeypatch.setenv(name, f"2026-01-01T{hour:02}:00:00Z")
        identity = ("-c", "user.name=kim", "-c", "user.email=kim@example.com")
        subprocess.run(["git", *identity, *words], cwd=repo, check=True)

    git("init", "-q", hour=8)
    for hour, replicas in ((8, 2), (9, 3)):
        manifest.write_text(textwrap.dedent(text).replace("replicas: 2", f"replicas: {replicas}"))
        git("add", ".", hour=hour)
        git("commit", "-qm", f"{replicas} replicas", hour=hour)
    said = kcsim("run", story, "--repo", str(repo), "--quiet")
    assert said.code == Exit.OK
    left_out, _, beyond, _ = said.err.splitlines()
    assert left_out.startswith(f"--repo {repo}: KC605 warning: left out")
    assert "`expectations` and what the `timeline` does but for faults" in left_out
    assert "KC604 warning: 1 of 2 commits lie beyond the end of the run, the last at 1h" in beyond
    assert "KC604" not in kcsim("run", story, "--repo", str(repo), "--quiet", "--pace", "20s").err


def test_what_is_not_judged_neither_held_nor_came_out(kcsim, story, tmp_path):
    path = tmp_path / "pull.yaml"
    path.write_text(STORY.replace("    failsUnder: [push]\n", "    deliveries: [flux]\n"))
    said = kcsim("run", str(path))
    (row,) = (line for line in said.out.splitlines() if line.startswith("repaired "))
    assert row.split("│")[1].strip() == "○ not judged"
    assert "✓ all 3 came out as the story says" in said.out
    early = kcsim("run", story, "--until", "2s").out
    assert early.count("○ not judged") == 4
    assert "came out" not in early


def test_the_story_as_plain_lines(kcsim):
    once = kcsim("run", "drift-at-night", "--delivery", "flux", "--plain")
    followed = kcsim("run", "drift-at-night", "--delivery", "flux", "--plain", "--follow")
    assert once.out == followed.out
    assert "\x1b[" not in once.out
    lines = once.out.splitlines()
    assert lines[0].startswith("drift-at-night under flux")
    assert any(line.startswith("t=00:22:00 person: nico: kubectl scale") for line in lines)
    assert lines[-1].startswith("trace_sha256 ")


def test_plain_lines_are_no_document(kcsim):
    refused = kcsim("run", "drift-at-night", "--plain", "--json")
    assert refused.code == 2
    assert "--json does not go with --plain" in refused.err


def test_long_names_of_deliveries_stand_apart_from_what_is_said(kcsim):
    said = kcsim("run", "a-monorepo-cut-into-artifacts")
    lines = said.out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("The worlds part"))
    told = lines[start + 1 : start + 12]
    for name in ("flux     ", "artifacts"):
        assert any(re.match(rf"  {name}  (\d\d:\d\d:\d\d |nothing changes)", line) for line in told), told
