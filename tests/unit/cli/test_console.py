"""The terminal's laws: colours, width, encodings, readers that go away."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kcsim.cli.console import Console, padded, visible, wrapped

FULL = Path("/dev/full")


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "env", "coloured"),
    [
        (Terminal, {}, True),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"NO_COLOR": ""}, True),
        (Terminal, {"TERM": "dumb"}, False),
        (Terminal, {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        (io.StringIO, {}, False),
        (io.StringIO, {"FORCE_COLOR": "1"}, True),
        (io.StringIO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_only_where_they_are_wanted(monkeypatch, stream, env, coloured):
    monkeypatch.setattr(sys, "stdout", stream())
    monkeypatch.setattr(sys, "stderr", stream())
    console = Console.of_process(env)
    assert (console.colour, console.err_colour) == (coloured, coloured)
    assert (console.paint("web", "bad") != "web") is coloured


@pytest.mark.parametrize(
    ("columns", "width"), [("120", 120), ("7", 60), ("9999", 140), ("x", 80), ("", 80), ("²", 80)]
)
def test_the_width_of_a_pipe_is_80_or_what_columns_says(monkeypatch, columns, width):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert Console.of_process({"COLUMNS": columns}).width == width


def test_an_ascii_terminal_gets_ascii():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    console = Console(stream, stream)
    console.print("✓ ok → web │ 12µs, naïve")
    assert raw.getvalue() == b"+ ok -> web | 12us, na\\xefve\n"


def test_colours_take_no_room():
    console = Console(io.StringIO(), io.StringIO(), colour=True)
    red = console.paint("web", "bad")
    assert visible(red) == 3
    assert visible(padded(red, 10)) == 10


def test_what_would_steer_the_terminal_is_shown_as_a_question_mark():
    out = io.StringIO()
    console = Console(out, out, colour=True)
    console.print("a\x1b]0;title\x07b\x9bc\u202ed\r" + console.paint("red", "bad") + "\te")
    assert out.getvalue() == "a?]0;title?b?c?d?\x1b[1;31mred\x1b[0m\te\n"
    console.document("as\u202eis")
    assert out.getvalue().endswith("as\u202eis\n")


def test_prose_keeps_long_words_whole():
    assert wrapped("see https://example.test/a-very-long-path/that-cannot-be-broken now", 20, "  ") == [
        "  see",
        "  https://example.test/a-very-long-path/that-cannot-be-broken",
        "  now",
    ]
    assert wrapped("", 20, "  ") == [""]


def test_a_reader_that_goes_away_is_not_mentioned():
    reading, writing = os.pipe()
    os.close(reading)  # nobody will ever read
    done = subprocess.run(
        [sys.executable, "-m", "kcsim.cli.main", "schema"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_for_a_reader_that_went_away():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "kcsim.cli.main", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", ["schema", "--help"])
def test_a_full_disk_is_told_in_a_line(command):
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kcsim.cli.main", command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("kcsim: stdout cannot be written: No space left")
    assert "Traceback" not in done.stderr
