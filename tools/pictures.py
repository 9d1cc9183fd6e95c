"""Pictures of what a terminal shows, as SVG: the output of a real command, drawn character by character.

`terminal(command)` runs kcsim as a person would, with colours, and draws what it printed. The pictures of docs/pictures/ are
made by `python -m tools.docs`; the same seed prints the same text, so a picture changes only when the output does.
Light and dark follow the reader's own setting. Each picture carries the plain text as its description.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
CELL, LINE, MARGIN, BAR = 8.4, 19, 16, 34

_STYLE = """\
  .w { fill: #ffffff } .f { stroke: #d0d7de } text { fill: #1f2328; font-family: ui-monospace, SFMono-Regular, Menlo,
  Consolas, "Liberation Mono", monospace; font-size: 14px; white-space: pre } .t { fill: #656d76 } .b { font-weight: 600 }
  .d { fill: #656d76 } .c31 { fill: #b3261e } .c32 { fill: #1a7f37 } .c33 { fill: #8a5a00 } .c34 { fill: #0550ae }
  .c35 { fill: #8250df } .c36 { fill: #0a6a75 }
  @media (prefers-color-scheme: dark) { .w { fill: #0d1117 } .f { stroke: #30363d } text { fill: #e6edf3 }
  .t, .d { fill: #8b949e } .c31 { fill: #ff7b72 } .c32 { fill: #3fb950 } .c33 { fill: #d29922 } .c34 { fill: #79c0ff }
  .c35 { fill: #d2a8ff } .c36 { fill: #56d4dd } }
"""
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
    'role="img" aria-labelledby="title text">'
)
_SGR = re.compile(r"\x1b\[([0-9;]*)m")


@cache
def printed(command: str, columns: int = 100) -> tuple[str, ...]:
    """What a kcsim command line prints to a terminal with colours, line by line."""
    env = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(columns), "PYTHONPATH": str(ROOT)}
    env |= {"PYTHONIOENCODING": "utf-8"}
    env.pop("NO_COLOR", None)
    program = [sys.executable, "-m", "kcsim.cli.main", *command.split()[1:]]
    done = subprocess.run(program, cwd=ROOT, env=env, capture_output=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise RuntimeError(f"`{command}` ended with {done.returncode}: {done.stderr.decode()}")
    return tuple(done.stdout.decode("utf-8").rstrip().splitlines())


def terminal(command: str, title: str, columns: int = 100, leave_out: tuple[str, ...] = ()) -> str:
    """The picture of a kcsim command line and what it prints.

    Args:
        command: as typed, beginning with kcsim.
        title: of the window.
        columns: how wide the terminal is.
        leave_out: beginnings of the sections (up to the next empty line) that a dim line stands for.
    """
    lines = list(_without(printed(command, columns), leave_out))
    while lines and lines[-1] in {"", *map(_left_out, leave_out)}:
        lines.pop()
    return draw([f"\x1b[2m$\x1b[0m \x1b[1m{command}\x1b[0m", *lines], title)


def _without(lines: Iterable[str], sections: tuple[str, ...]) -> Iterator[str]:
    skipping = ""
    for line in lines:
        plain = _SGR.sub("", line)
        if skipping:
            if plain.strip():
                continue
            skipping = ""
        elif any(plain.startswith(section) for section in sections):
            skipping = plain.split("  ")[0]
            yield _left_out(skipping)
            continue
        yield line


def _left_out(section: str) -> str:
    return f"\x1b[2m{section} ...\x1b[0m"


def draw(lines: list[str], title: str) -> str:
    """Lines of text with SGR colours as an SVG document."""
    columns = max(len(_SGR.sub("", line)) for line in lines)
    width, height = round(columns * CELL + 2 * MARGIN), len(lines) * LINE + BAR + MARGIN
    plain = "\n".join(_SGR.sub("", line) for line in lines)
    parts = [
        _HEAD.format(width=width, height=height),
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="text">{escape(plain)}</desc>',
        f"<style>\n{_STYLE}</style>",
        f'<rect class="w f" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        f'<text class="t" x="{width / 2:g}" y="22" text-anchor="middle">{escape(title)}</text>',
    ]
    for number, line in enumerate(lines):
        y = BAR + (number + 1) * LINE - 5
        for column, text, classes in _runs(line):
            attributes = f' class="{classes}"' if classes else ""
            x, length = MARGIN + column * CELL, len(text) * CELL
            parts.append(
                f'<text{attributes} x="{x:.1f}" y="{y}" textLength="{length:.1f}">{escape(text)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


def _runs(line: str) -> Iterator[tuple[int, str, str]]:
    """(column, text, classes) of each stretch of one style; blanks draw nothing."""
    column, classes, position = 0, "", 0
    for match in [*_SGR.finditer(line), None]:
        end = match.start() if match else len(line)
        text = line[position:end]
        for word in re.finditer(r"\S+(?: \S+)*", text):
            yield column + word.start(), word[0], classes
        column += len(text)
        if match:
            classes = _classes(match[1])
            position = match.end()


def _classes(parameters: str) -> str:
    names = {"1": "b", "2": "d"}
    found = [names.get(each, f"c{each}") for each in parameters.split(";") if each not in {"", "0"}]
    return " ".join(found)
