"""What is wrong with what the user gave, told in one place: one line each, the remedy below it, to stderr.

**Walk:** a command raises `BadInput`, `ScenarioError` or click's usage errors -> `main` hands them to `tell` -> exit 2.
"""

import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kcsim.cli.console import Console

if TYPE_CHECKING:  # the scenario room is loaded by the commands that need it
    from kcsim.scenario.diagnostics import Diagnostic


class BadInput(Exception):
    """Something on the command line or in a file it names cannot be used."""

    def __init__(self, message: str, remedy: str) -> None:
        """One line that names the value got, and one that says what to do."""
        super().__init__(message)
        self.message, self.remedy = message, remedy


def refused(said: str, otherwise: str) -> BadInput:
    """What a program says of a line before it is run: its first line, and what follows as the remedy, one paragraph after the other."""
    message, _, rest = said.partition("\n")
    paragraphs = [" ".join(part.split()) for part in rest.split("\n\n")]
    return BadInput(message, "\n  ".join(part for part in paragraphs if part) or otherwise)


def tell(console: Console, message: str, remedy: str, *, where: str = "") -> None:
    """One fault: `where` leads (file:line:column or the command), the remedy follows indented."""
    head = f"{console.paint_err(where, 'bold')}: " if where else ""
    console.say(f"{head}{message}")
    if remedy:
        console.say(f"  {console.paint_err(remedy, 'dim')}")


def tell_diagnostics(console: Console, diagnostics: "Iterable[Diagnostic]") -> None:
    """Faults of scenario files, as they come: sorted by position."""
    for found in diagnostics:
        is_warning = found.severity == "warning"
        code = console.paint_err(found.code, "warn" if is_warning else "bad")
        word = " warning:" if is_warning else ""
        place = found.position
        # An option is its own place; line and column are of use in files only.
        where = place.file if place.file.startswith("--") else str(place)
        tell(console, f"{code}{word} {found.message}", found.remedy, where=where)


def tell_usage(console: Console, error: click.ClickException) -> None:
    """A command line that click cannot read."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "kcsim"
    message, remedy = error.format_message(), f"See `{path} --help`."
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        message, remedy = error.message, f"did you mean '{error.possibilities[0]}'?  ({path} --help)"
    elif isinstance(error, click.MissingParameter):
        message = error.format_message().removesuffix(".")
        remedy = context.get_usage() if context is not None else remedy
    tell(console, _lowered(message).removesuffix("."), " ".join(remedy.split()), where=path)


def tell_defect(console: Console, error: Exception) -> None:
    """A defect of kcsim: where it happened, without a wall of text."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "kcsim" in Path(frame.filename).parts] or list(frames)
    place = f" ({'/'.join(Path(ours[-1].filename).parts[-2:])}:{ours[-1].lineno})" if ours else ""
    text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    tell(
        console,
        f"internal error: {text}{place}",
        "This is a defect of kcsim, not of your file: please report it with the command. KCSIM_DEBUG=1 shows all of it.",
        where="kcsim",
    )


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
