"""`kcsim report`: makes the report of a recorded run again, as a page or as a comment for a merge request."""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from kcsim.cli.arguments import Folder
from kcsim.cli.console import Console
from kcsim.cli.exits import Exit
from kcsim.cli.problems import BadInput

# Surfaces do not import one another: it is named here as a script would name it.
REPORT = "kcsim.report"
STDOUT = Path("-")


@click.command("report", short_help="The report of a recorded run: a page, or a comment for a merge request.")
@click.argument("folder", metavar="DIR", type=Folder())
@click.option(
    "--format",
    "form",
    metavar="FORMAT",
    type=click.Choice(["html", "md"]),
    default="html",
    show_default=True,
    help="html, a page for a browser, or md, Markdown.",
)
@click.option(
    "-o", "--output", metavar="FILE", type=Folder(), help="Where to; - is stdout. DIR/report.html for a page."
)
@click.pass_obj
def command(console: Console, folder: Path, form: str, output: Path | None) -> Exit:
    """Make the report of the run that `kcsim run ... --out DIR` recorded in DIR; nothing is run again.

    The page holds everything it shows and fetches nothing. The comment goes to stdout unless a file is named.

    \b
    kcsim run drift-at-night --out night
    kcsim report night
    kcsim report night --format md > comment.md
    """
    report = room()
    from kcsim.scenario.recording import RecordingError, rewrite

    try:
        facts = report.read_facts(folder)
        text = report.page(facts) if form == "html" else report.comment(facts)
        if form == "html" and output is None:
            path = rewrite(folder, report.PAGE, text)
        elif output is None or output == STDOUT:
            console.write(text)
            return Exit.OK
        else:
            path = _written(output, text)
    except RecordingError as error:
        raise BadInput(str(error), error.remedy) from None
    console.print(f"Written to {path}")
    return Exit.OK


def room() -> Any:
    """The room that makes reports."""
    return import_module(REPORT)


def _written(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise BadInput(
            f"--output: {path} cannot be written: {error.strerror or error}",
            "Name a file that can be written.",
        ) from None
    return path
