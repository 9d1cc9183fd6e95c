"""`kcsim schema`: the JSON Schema of scenario files, for editors."""

import json

import click

from kcsim.cli.console import Console
from kcsim.cli.exits import Exit


@click.command("schema", short_help="The JSON Schema of scenario files, for editors.")
@click.pass_obj
def command(console: Console) -> Exit:
    """Print the JSON Schema (2020-12) of scenario files.

    Save it, and write `# yaml-language-server: $schema=FILE` on top of a scenario: the editor completes and checks.
    """
    from kcsim.scenario.schema import json_schema

    console.document(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return Exit.OK
