"""The terminal: where text goes, how wide it may be, and whether it has colours.

Data go to stdout, everything said about them to stderr. Colours appear only on a terminal and never carry a meaning
alone: whoever paints a word writes the word as well. `NO_COLOR` and `TERM=dumb` switch them off, `FORCE_COLOR` on.
A reader that goes away (`kcsim list | head -1`) is no fault: the rest is dropped and the exit code keeps its meaning.
"""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO
from unicodedata import combining, east_asian_width

WIDTH_MIN, WIDTH_MAX, WIDTH_PIPED = 60, 140, 80

_STYLES = {
    "bold": "1",
    "dim": "2",
    "good": "32",
    "bad": "1;31",
    "warn": "33",
    "title": "1;36",
    "first": "34",
    "second": "35",
    "third": "36",
    "command": "36",
}
"""Role -> SGR parameters: the sixteen colours that every terminal's theme sets itself."""

_ASCII = dict(zip("✓✗●○◐·│─┼┴└█░▄▁━◆■▲▼µ", "+x*o@.|-++`#._.=*#^vu", strict=True)) | {
    "→": "->",
    "…": "...",
    "≥": ">=",
    "≤": "<=",
}
"""What stands for a character on a terminal that has ASCII only."""

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_HARMFUL = re.compile(
    r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""What would steer the terminal: controls but line feed, tab and colours, and marks that turn the direction of text."""


class OutputLostError(Exception):
    """What should go to stdout cannot be written there, and not because its reader went away; says why."""


@dataclass
class Console:
    """Both streams of one process, with what is known about them."""

    out: TextIO
    err: TextIO
    width: int = WIDTH_PIPED
    colour: bool = False
    """Colours on stdout."""
    err_colour: bool = False
    """Colours on stderr."""
    interactive: bool = False
    """Both streams are a terminal: somebody watches."""
    _gone: set[str] = field(default_factory=set)

    @classmethod
    def of_process(cls, environment: Mapping[str, str] | None = None) -> "Console":
        """The console of this process."""
        env = os.environ if environment is None else environment
        out, err = sys.stdout, sys.stderr
        on_terminal = _is_terminal(out)
        columns = shutil.get_terminal_size((WIDTH_PIPED, 24)).columns if on_terminal else _columns(env)
        return cls(
            out,
            err,
            width=max(WIDTH_MIN, min(columns, WIDTH_MAX)),
            colour=_wants_colour(out, env),
            err_colour=_wants_colour(err, env),
            interactive=on_terminal and _is_terminal(err),
        )

    def print(self, text: str = "") -> None:
        """A line (or several) of text to stdout."""
        self._write("out", _harmless(text) + "\n")

    def document(self, text: str) -> None:
        """A document for programs (JSON, a script) to stdout, to the byte."""
        self._write("out", text + "\n")

    def write(self, text: str) -> None:
        """Text of a program to stdout as it is, without a line end of its own; on a terminal it cannot steer it."""
        self._write("out", _harmless(text) if _is_terminal(self.out) else text)

    def say_text(self, text: str) -> None:
        """The same to stderr."""
        self._write("err", _harmless(text) if _is_terminal(self.err) else text)

    def say(self, text: str) -> None:
        """A line about what goes on, to stderr."""
        self._write("err", _harmless(text) + "\n")

    def draw(self, text: str) -> None:
        """Raw text for a terminal's progress line, to stderr."""
        self._write("err", text)

    def paint(self, text: str, role: str) -> str:
        """The text in a role's colour, for stdout."""
        return _painted(text, role) if self.colour else text

    def paint_err(self, text: str, role: str) -> str:
        """The text in a role's colour, for stderr."""
        return _painted(text, role) if self.err_colour else text

    def flush(self) -> None:
        """Hand everything over; a reader that is gone is not mentioned."""
        for name in ("out", "err"):
            self._write(name, "")

    def _write(self, name: str, text: str) -> None:
        if name in self._gone:
            return
        stream: TextIO = getattr(self, name)
        try:
            stream.write(_encodable(text, stream.encoding or "utf-8"))
            stream.flush()
        except BrokenPipeError:
            self._gone.add(name)
            silence(stream)
        except OSError as error:  # a full disk
            self._gone.add(name)
            silence(stream)
            if name == "out":
                raise OutputLostError(error.strerror or str(error)) from None


def _harmless(text: str) -> str:
    """Names and messages come from files that anybody may have written."""
    return _HARMFUL.sub("?", text)


def silence(stream: TextIO) -> None:
    """Let what is still buffered for a reader that went away vanish; without it the interpreter complains at exit."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return  # no file below it: nothing that could complain
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def visible(text: str) -> int:
    """Columns a text takes on the terminal; colours take none."""
    plain = ESCAPES.sub("", text)
    if plain.isascii():
        return len(plain)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in plain)


def padded(text: str, width: int) -> str:
    """The text, filled up with blanks to a visible width."""
    return text + " " * max(0, width - visible(text))


def wrapped(text: str, width: int, indent: str = "", first: str | None = None) -> list[str]:
    """Lines of prose within a width; `first` leads the first line, `indent` the others. Long words stay whole."""
    lines = textwrap.wrap(
        " ".join(text.split()),
        max(20, width),
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [(indent if first is None else first).rstrip()]


def _painted(text: str, role: str) -> str:
    return f"\x1b[{_STYLES[role]}m{text}\x1b[0m" if text else text


def _wants_colour(stream: TextIO, env: Mapping[str, str]) -> bool:
    if env.get("NO_COLOR"):
        return False
    if env.get("FORCE_COLOR"):
        return True
    return _is_terminal(stream) and env.get("TERM") != "dumb"


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _columns(env: Mapping[str, str]) -> int:
    text = env.get("COLUMNS", "")
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 6 else WIDTH_PIPED


def _encodable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = "".join(_ASCII.get(char, char) for char in text)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return text
