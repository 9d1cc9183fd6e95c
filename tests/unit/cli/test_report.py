"""`kcsim report`: what `run --out` recorded, made a page or a comment again."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcsim.cli.main import main


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "out"
    assert main(["run", "plain-release", "--out", str(folder), "-q"]) == 0
    return folder


def test_run_writes_the_page_and_says_so(tmp_path: Path, capsys) -> None:
    assert main(["run", "plain-release", "--out", str(tmp_path / "o"), "--until", "12m"]) == 0
    assert "report.html" in capsys.readouterr().out
    assert (tmp_path / "o" / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_the_page_is_made_again_to_the_byte_and_belongs_to_the_recording(out: Path, capsys) -> None:
    page = out / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert main(["report", str(out)]) == 0
    assert page.read_bytes() == before
    assert str(page) in capsys.readouterr().out
    assert '"report.html"' in (out / "kcsim-run.json").read_text("utf-8")


def test_the_comment_goes_to_stdout_or_to_a_file(out: Path, tmp_path: Path, capsys) -> None:
    assert main(["report", str(out), "--format", "md"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("### ✅ A plain release\n")
    target = tmp_path / "deep" / "comment.md"
    assert main(["report", str(out), "--format", "md", "-o", str(target)]) == 0
    assert target.read_text("utf-8") == printed


def test_the_page_can_go_to_stdout(out: Path, capsys) -> None:
    assert main(["report", str(out), "-o", "-"]) == 0
    assert capsys.readouterr().out == (out / "report.html").read_text("utf-8")


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_what_is_no_recording_is_bad_input(tmp_path: Path, capsys, name: str) -> None:
    assert main(["report", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert "kcsim run SCENARIO --out DIR" in said
    assert "Traceback" not in said


def test_a_place_that_cannot_be_written_is_bad_input(out: Path, tmp_path: Path, capsys) -> None:
    assert main(["report", str(out), "-o", str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err
