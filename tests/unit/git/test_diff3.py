"""Merging inside one file, against git's own answers."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.delivery.git import diff3

BASE = b"a\nb\nc\nd\ne\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        (b"A\nb\nc\nd\ne\n", b"a\nb\nc\nd\nE\n", b"A\nb\nc\nd\nE\n"),
        (b"a\nb\nc\nd\ne\n", b"a\nb\nx\nd\ne\n", b"a\nb\nx\nd\ne\n"),
        (b"a\nX\nc\nd\ne\n", b"a\nX\nc\nd\ne\n", b"a\nX\nc\nd\ne\n"),
        (b"a\nX\nc\nd\ne\n", b"a\nY\nc\nd\ne\n", None),
        (b"a\nX\nc\nd\ne\n", b"a\nb\nY\nd\ne\n", None),  # hunks that touch
        (b"b\nc\nd\ne\n", b"a\nb\nc\nd\ne\nf\n", b"b\nc\nd\ne\nf\n"),
        (b"a\nb\nc\nd\ne\nours\n", b"a\nb\nc\nd\ne\ntheirs\n", None),
    ],
)
def test_three_way(ours, theirs, merged):
    assert diff3.merge(BASE, ours, theirs) == merged


def test_binary_content_is_a_conflict():
    assert diff3.merge(b"\0a", b"\0b", b"\0a") is None


lines = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\n"]), max_size=8).map(b"".join)


@given(lines, lines)
def test_a_side_that_changed_nothing_gives_way(base, changed):
    assert diff3.merge(base, base, changed) == changed
    assert diff3.merge(base, changed, base) == changed


@given(lines, lines, lines)
def test_both_sides_are_alike(base, ours, theirs):
    assert diff3.merge(base, ours, theirs) == diff3.merge(base, theirs, ours)


@pytest.mark.skipif(shutil.which("git") is None, reason="compares with git")
@settings(max_examples=40, deadline=None)
@given(edits=st.lists(st.tuples(st.integers(0, 29), st.booleans(), st.integers(0, 9)), max_size=6))
def test_as_git_merges_files_whose_lines_do_not_repeat(tmp_path_factory, edits):
    base = [f"line {number}\n" for number in range(30)]
    sides = [list(base), list(base)]
    for line, side, value in edits:
        sides[side][line] = f"changed {line} to {value}\n"
    texts = ["".join(side).encode() for side in (base, *sides)]
    folder = tmp_path_factory.mktemp("merge")
    paths = [folder / name for name in ("base", "ours", "theirs")]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text)
    told = subprocess.run(
        ["git", "merge-file", "-p", str(paths[1]), str(paths[0]), str(paths[2])],
        capture_output=True,
        check=False,
    )
    assert diff3.merge(*texts) == (told.stdout if told.returncode == 0 else None)
