"""Worlds side by side: the rows a reader needs, and plain text that lines up."""

import pytest

import kcsim
from kcsim.views.comparison import comparison, comparison_text
from kcsim.views.text import columns, table


@pytest.fixture(scope="module")
def compared():
    return kcsim.compare("drift-at-night").table()


def test_only_what_happened_is_shown_unless_everything_is_asked_for(compared):
    short, everything = comparison(compared), comparison(compared, every=True)
    assert {line.name for line in short} < {line.name for line in everything}
    assert "recovery_time" not in {line.name for line in short}
    assert all(len(line.cells) == len(line.states) == 3 for line in everything)


def test_rows_say_where_worlds_differ_and_how_verdicts_came_out(compared):
    rows = {line.name: line for line in comparison(compared)}
    assert rows["drift_detection_time"].differs
    assert rows["drift_detection_time"].cells[0] == "not detected"
    assert not rows["deployments"].differs
    assert rows["replicas-are-repaired"].cells == ("failed, as expected", "held", "held")
    assert rows["replicas-are-repaired"].states == ("ok", "ok", "ok")


def test_text_lines_up(compared):
    text = comparison_text(compared, width=80)
    assert max(columns(line) for line in text.splitlines()) <= 80
    assert text.splitlines()[0].split() == ["measured", "push", "flux", "argocd"]


def test_rows_as_data(compared):
    rows = {row["name"]: row for row in compared.rows()}
    assert rows["drift_repair_time"]["push"] > rows["drift_repair_time"]["flux"]
    assert rows["drift_repair_time"]["unit"] == "s"


@pytest.mark.parametrize(
    ("rows", "width", "wanted"),
    [
        ([("a", "b")], 80, "x  y\n-  -\na  b\n"),
        ([("one two three four", "b")], 12, "x          y\n---------  -\none two    b\nthree\nfour\n"),
        ([("日本", "b")], 80, "x     y\n----  -\n日本  b\n"),
    ],
)
def test_tables(rows, width, wanted):
    assert table(("x", "y"), rows, width) == wanted
