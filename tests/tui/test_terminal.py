"""The program on a real (pseudo) terminal: it starts, answers keys, restores the terminal, and says what it needs."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.tui.worlds import SMALL

PROGRAM = [sys.executable, "-m", "kcsim.cli.main", "tui"]
PATIENCE = 60
ENTER_SCREEN, LEAVE_SCREEN, SHOW_CURSOR = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25h"


class Terminal:
    """A program with a terminal of some size."""

    def __init__(
        self,
        *arguments: str,
        columns: int,
        lines: int,
        program: Sequence[str] = PROGRAM,
        folder: Path | None = None,
    ) -> None:
        self.mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"}
        self.program = subprocess.Popen(
            [*program, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=folder
        )
        os.close(theirs)
        self.seen = b""

    def _read(self) -> bytes:
        """What comes next; nothing when the program has ended. One that hangs is ended, so that the test ends too."""
        if not select.select([self.mine], [], [], PATIENCE)[0]:
            self.program.kill()
            raise AssertionError(f"nothing came for {PATIENCE} s:\n{self.seen.decode(errors='replace')}")
        try:
            return os.read(self.mine, 65536)
        except OSError:  # the terminal's other side is closed
            return b""

    def until(self, text: bytes) -> None:
        """Read until the text has come; the end of the output is a failure."""
        while text not in self.seen:
            part = self._read()
            if not part:
                raise AssertionError(f"{text!r} never came:\n{self.seen.decode(errors='replace')}")
            self.seen += part

    def press(self, keys: bytes) -> None:
        """Keys."""
        os.write(self.mine, keys)

    def children(self) -> list[int]:
        """The processes that it has started."""
        pid = self.program.pid
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def end(self) -> int:
        """Read what is left; gives the exit code."""
        while part := self._read():
            self.seen += part
        os.close(self.mine)
        return self.program.wait()


def test_it_starts_runs_quits_and_restores_the_terminal():
    terminal = Terminal(SMALL, columns=80, lines=24)
    terminal.until(ENTER_SCREEN)
    terminal.until(b"Story")
    terminal.press(b"]")
    terminal.until(b"commits")
    children = terminal.children()
    assert children, "the world runs apart"
    terminal.press(b"q")
    assert terminal.end() == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children), "no process is left behind"
    assert terminal.seen.rindex(LEAVE_SCREEN) > terminal.seen.rindex(ENTER_SCREEN)
    assert SHOW_CURSOR in terminal.seen[terminal.seen.rindex(LEAVE_SCREEN) - 200 :]


def test_after_a_defect_of_the_screen_the_terminal_is_as_before():
    broken = (
        "import sys; from kcsim.tui.run import RunScreen; from kcsim.tui.app import main\n"
        "RunScreen.action_step = lambda self: 1 / 0\n"
        "sys.exit(main(sys.argv[1]))"
    )
    terminal = Terminal(SMALL, columns=80, lines=24, program=[sys.executable, "-c", broken])
    terminal.until(b"Story")
    terminal.press(b".")
    assert terminal.end() == 1
    assert terminal.seen.rindex(LEAVE_SCREEN) > terminal.seen.rindex(ENTER_SCREEN)
    assert b"ZeroDivisionError" in terminal.seen


def test_what_was_done_by_hand_outlives_a_defect_of_the_screen(tmp_path):
    broken = (
        "import sys; from kcsim.tui.run import RunScreen; from kcsim.tui.app import main\n"
        "RunScreen.action_step = lambda self: 1 / 0\n"
        "sys.exit(main(sys.argv[1], 'push'))"
    )
    program = [sys.executable, "-c", broken]
    terminal = Terminal(SMALL, columns=80, lines=24, program=program, folder=tmp_path)
    terminal.until(b"paused")
    terminal.press(b":")
    terminal.until(b"deploy shop")
    terminal.press(b"kubectl create namespace mine")
    terminal.until(b"mine")
    terminal.press(b"\r")
    terminal.until(b"on its way")
    terminal.press(b".")
    assert terminal.end() == 1
    (kept,) = tmp_path.glob("*-rescued.yaml")
    assert kept.name.encode() in terminal.seen
    assert "create namespace mine" in kept.read_text(encoding="utf-8")


@pytest.mark.parametrize(("columns", "lines"), [(59, 24), (80, 19)])
def test_a_terminal_too_small_is_one_clear_line(columns, lines):
    terminal = Terminal(columns=columns, lines=lines)
    assert terminal.end() == 2
    assert f"needs at least 60x20 characters, this terminal has {columns}x{lines}".encode() in terminal.seen
    assert ENTER_SCREEN not in terminal.seen


def test_no_terminal_is_one_clear_line():
    done = subprocess.run(PROGRAM, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert b"needs a terminal" in done.stderr
