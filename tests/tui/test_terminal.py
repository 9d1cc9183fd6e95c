"""The program on a real (pseudo) terminal: it starts, answers keys, restores the terminal, and says what it needs."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.tui.worlds import SMALL

PROGRAM = [sys.executable, "-m", "kcsim.cli.main", "tui"]
PATIENCE = 60
OWNED = [
    sys.executable,
    "-c",
    (
        "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    ),
]
"""Gives a program a terminal of its own, and the signals of one: who runs the tests may have them ignored, as nohup does."""
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
        owned: bool = False,
    ) -> None:
        """``owned``: as in a window of one's own, where the program gets a signal when the window is closed."""
        self.mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"}
        self.program = subprocess.Popen(
            [*(OWNED if owned else []), *program, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            cwd=folder,
            start_new_session=owned,
        )
        os.close(theirs)
        self.seen = b""

    def _read(self, until: float) -> bytes:
        """What comes next; nothing when the program has ended. One that hangs is ended, so that the test ends too."""
        if not select.select([self.mine], [], [], max(0.0, until - time.monotonic()))[0]:
            self.program.kill()
            raise AssertionError(f"not within {PATIENCE} s:\n{self.seen.decode(errors='replace')}")
        try:
            return os.read(self.mine, 65536)
        except OSError:  # the terminal's other side is closed
            return b""

    def until(self, text: bytes) -> None:
        """Read until the text has come; the end of the output is a failure."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            part = self._read(deadline)
            if not part:
                raise AssertionError(f"{text!r} never came:\n{self.seen.decode(errors='replace')}")
            self.seen += part

    def press(self, keys: bytes) -> None:
        """Keys."""
        os.write(self.mine, keys)

    def do_by_hand(self) -> None:
        """A command at the bar, which is part of the record from then on."""
        self.press(b":")
        self.until(b"deploy shop")
        self.press(b"kubectl create namespace mine")
        self.until(b"mine")
        self.press(b"\r")
        self.until(b"on its way")

    def children(self) -> list[int]:
        """The processes that it has started."""
        pid = self.program.pid
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def end(self) -> int:
        """Read what is left; gives the exit code."""
        deadline = time.monotonic() + PATIENCE
        while part := self._read(deadline):
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
    terminal.do_by_hand()
    terminal.press(b".")
    assert terminal.end() == 1
    (kept,) = tmp_path.glob("*-rescued.yaml")
    assert kept.name.encode() in terminal.seen
    assert "create namespace mine" in kept.read_text(encoding="utf-8")


def by_hand(folder: Path, *, owned: bool) -> tuple[Terminal, list[int]]:
    """A world on a terminal, running, with something done in it; and the processes that are to end."""
    terminal = Terminal(SMALL, "-d", "push", columns=80, lines=24, folder=folder, owned=owned)
    terminal.until(b"paused")
    terminal.do_by_hand()
    terminal.press(b"-- ")
    terminal.until(b"running")
    return terminal, [terminal.program.pid, *terminal.children()]


def assert_kept(folder: Path) -> None:
    (kept,) = folder.glob("*-rescued.yaml")
    assert "create namespace mine" in kept.read_text(encoding="utf-8")


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def assert_gone(processes: list[int]) -> None:
    """Nobody but the system waits for the children of a program that has ended, so look until they run no more."""
    until = time.monotonic() + PATIENCE
    while left := [pid for pid in processes if runs(pid)]:
        assert time.monotonic() < until, f"processes are left behind: {left}"
        time.sleep(0.02)


@pytest.mark.parametrize("owned", [True, False], ids=["its own", "another's"])
def test_when_the_terminal_goes_away_no_process_is_left_and_the_record_is_kept(tmp_path, owned):
    terminal, processes = by_hand(tmp_path, owned=owned)
    os.close(terminal.mine)
    assert terminal.program.wait(PATIENCE) in {128 + signal.SIGHUP, -signal.SIGHUP}
    assert_gone(processes)
    assert_kept(tmp_path)


def test_when_the_server_of_a_browser_is_gone_its_screens_end():
    env = {**os.environ, "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"}
    program = subprocess.Popen([*PROGRAM, SMALL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    assert program.stdin is not None
    assert program.stdout is not None
    seen = b""
    while b"Story" not in seen:
        part = program.stdout.read1()
        assert part, seen
        seen += part
    program.stdin.close()
    assert program.wait(PATIENCE) == 128 + signal.SIGHUP
    program.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_ends_everything_restores_the_terminal_and_keeps_the_record(tmp_path, number):
    terminal, processes = by_hand(tmp_path, owned=True)
    os.killpg(terminal.program.pid, number)
    assert terminal.end() == 128 + number
    assert_gone(processes)
    assert_kept(tmp_path)
    assert terminal.seen.rindex(LEAVE_SCREEN) > terminal.seen.rindex(ENTER_SCREEN)
    assert b"-rescued.yaml" in terminal.seen[terminal.seen.rindex(LEAVE_SCREEN) :]


def test_a_screen_that_cannot_leave_is_ended_and_the_terminal_put_back(tmp_path):
    stuck = (
        "import sys; from kcsim.tui import app, leaving\n"
        "leaving.PATIENCE_S = 0.2\n"
        "app.KcsimApp.exit = lambda *arguments, **options: None\n"
        "sys.exit(app.main(sys.argv[1], 'push'))"
    )
    program = [sys.executable, "-c", stuck]
    terminal = Terminal(SMALL, columns=80, lines=24, program=program, folder=tmp_path, owned=True)
    terminal.until(b"paused")
    processes = [terminal.program.pid, *terminal.children()]
    terminal.program.terminate()
    assert terminal.end() == 128 + signal.SIGTERM
    assert_gone(processes)
    assert terminal.seen.rindex(LEAVE_SCREEN) > terminal.seen.rindex(ENTER_SCREEN)


def test_a_signal_ends_a_screen_whose_terminal_takes_nothing_any_more(tmp_path):
    hasty = (
        "import sys; from kcsim.tui import app, leaving\n"
        "leaving.PATIENCE_S = leaving.LAST_WORDS_S = 0.2\n"
        "sys.exit(app.main(sys.argv[1], 'push'))"
    )
    program = [sys.executable, "-c", hasty]
    terminal = Terminal(SMALL, columns=160, lines=48, program=program, folder=tmp_path, owned=True)
    terminal.until(b"paused")
    processes = [terminal.program.pid, *terminal.children()]
    for _ in range(20):  # a picture of the whole screen each, which nobody reads
        terminal.press(b"n")
        time.sleep(0.05)
    terminal.program.terminate()
    assert terminal.program.wait(PATIENCE) == 128 + signal.SIGTERM
    os.close(terminal.mine)
    assert_gone(processes)


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
