"""CODEOWNERS: the last line that matches decides."""

from __future__ import annotations

import pytest

from kcsim.delivery.git import codeowners

TEXT = """\
# owners
*            @ana
/deploy/     @bob @team/ops
*.md         docs@example.com
/deploy/web/ # nobody in particular
apps/**/*.yaml @carl
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("main.go", ("ana",)),
        ("deploy/api.yaml", ("bob", "team/ops")),
        ("deploy/web/a.yaml", ()),
        ("deploy/README.md", ("docs",)),
        ("apps/shop/prod/a.yaml", ("carl",)),
    ],
)
def test_who_owns_a_file(path, owners):
    assert codeowners.read(TEXT).of(path) == owners


def test_needed_are_the_groups_of_all_files():
    found = codeowners.read(TEXT).needed(["main.go", "deploy/api.yaml", "other.go", "deploy/web/a.yaml"])
    assert found == (("bob", "team/ops"), ("ana",))


def test_the_first_place_counts():
    files = {"CODEOWNERS": b"* @ana", ".github/CODEOWNERS": b"* @bob"}
    assert codeowners.of(files).of("x") == ("bob",)
    assert codeowners.of({}).of("x") == ()


def test_lines_that_do_not_work_are_told():
    wrong = codeowners.read("!x @ana\n*.js ana\n[ab] @ana\n* @bob\n").wrong
    assert [line for line, _ in wrong] == [1, 2, 3]
