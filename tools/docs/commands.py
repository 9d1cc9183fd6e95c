"""The command line."""

from __future__ import annotations

import inspect

import click

from kcsim.cli.exits import Exit
from kcsim.cli.main import cli
from tools.docs.page import cell, page


def cli_page() -> str:
    """docs/cli.md: what each command says about itself, and the exit codes."""
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    rows = "\n".join(
        f"| [`kcsim {name}`](#kcsim-{name}) | {cell(command.short_help or '')} |"
        for name, command in commands.items()
        if command is not None
    )
    parts = [f"# The command line\n\n{_told(cli.help)}\n\n| command | |\n|---|---|\n{rows}\n"]
    parts.extend(_command(name, command) for name, command in commands.items() if command is not None)
    rows = "\n".join(f"| {code.value} | {code.meaning} |" for code in Exit)
    parts.append(f"## Exit codes\n\n| code | meaning |\n|---|---|\n{rows}\n")
    parts.append(_CLI_TAIL)
    return page("\n".join(parts), "kcsim/cli/")


def _command(name: str, command: click.Command) -> str:
    words = [f"kcsim {name}"]
    rows = []
    for each in command.params:
        if isinstance(each, click.Argument):
            words.append(each.make_metavar(click.Context(command)))
        elif isinstance(each, click.Option) and not each.hidden:
            value = "" if each.is_flag else f" {each.metavar or (each.type.name or 'text').upper()}"
            rows.append(f"| `{', '.join(each.opts)}{value}` | {cell(each.help or '')} |")
    table = "| option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n" if rows else ""
    return f"## kcsim {name}\n\n    {' '.join(words)}\n\n{_told(command.help)}\n\n{table}"


def _told(text: str | None) -> str:
    """A command's help as markdown: paragraphs that click must not wrap (after a lone backspace) stay as they are."""
    told = []
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if paragraph.startswith("\b"):
            told.append("\n".join(f"    {line}".rstrip() for line in paragraph.splitlines()[1:]))
        else:
            told.append(paragraph)
    return "\n\n".join(told)


_CLI_TAIL = """\
## Output

Data go to stdout, everything said about them to stderr. Colours appear on a terminal only and never carry a meaning alone;
`NO_COLOR` switches them off. A progress line shows on a terminal when a run takes longer than a moment, never in a pipe.
`--json` prints one document and nothing else.
"""
