"""The comment for a merge request: short, complete, and nothing in it that a forge would act on."""

from __future__ import annotations

import re
from pathlib import Path

from kcsim.report import comment, read_facts


def test_it_begins_with_the_verdict_and_has_both_tables(gallery: Path) -> None:
    lines = comment(read_facts(gallery)).splitlines()
    assert lines[0] == "### ✅ Drift at night"
    assert lines[2].startswith("All 12 expectations")
    assert "| Time to repair drift | **39m59s** | **2m37s** |" in lines
    assert "| replicas-are-repaired | ✅ did not hold, as told | ✅ held |" in lines
    assert any(line.startswith("- flux: `kcsim run flux/scenario.yaml --delivery flux`") for line in lines)
    assert lines[-1].endswith("kcsim 0.1.0</sub>")


def test_where_the_worlds_part_stands_with_the_fields(gallery: Path) -> None:
    text = comment(read_facts(gallery))
    assert "| field | flux | push |\n|---|---|---|\n| spec.replicas | `3` | `1` |\n" in text


def test_what_failed_is_told_with_its_chain(hostile: Path) -> None:
    text = comment(read_facts(hostile))
    assert text.startswith("### ❌ ")
    assert "**❌ never-two-replicas** under push: " in text
    assert "kustomize-controller" in text
    assert "system:serviceaccount" not in text
    assert "1. 00:00:26 ci-deployer create `deployment.apps/default/web`" in text


def test_no_text_of_others_is_acted_on(hostile: Path) -> None:
    text = comment(read_facts(hostile))
    ours = {"details", "/details", "summary", "/summary", "sub", "/sub"}
    assert set(re.findall(r"<([^>]*)>", text)) <= ours
    assert not re.search(r"@\w", text)
    assert "\u202e" not in text
    widths = {}
    for line in text.splitlines():
        if line.startswith("|"):
            widths.setdefault(len(re.findall(r"(?<!\\)\|", line)), line)
    assert set(widths) == {4}


def test_the_same_recording_gives_the_same_comment(gallery: Path) -> None:
    assert comment(read_facts(gallery)) == comment(read_facts(gallery))
