"""`kcsim constants`: the numbers the simulated systems go by, with unit and source."""

import json

import click

from kcsim.cli.console import Console
from kcsim.cli.exits import Exit
from kcsim.cli.problems import BadInput


class ProfileName(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """A profile, by its Kubernetes version."""

    name = "profile"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        """One of the versions there are."""
        from kcsim.profile.constants import VERSIONS

        if value not in VERSIONS:
            raise BadInput(f"there is no profile '{str(value)[:60]}'", f"Profiles: {', '.join(VERSIONS)}.")
        return str(value)


@click.command("constants", short_help="Every delay, period and limit in use, with its unit and source.")
@click.option("--profile", type=ProfileName(), help="Kubernetes version: 1.36 (default) or 1.31.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.pass_obj
def command(console: Console, profile: str | None, as_json: bool, words: tuple[str, ...]) -> Exit:
    """Print the constants of a profile: component, name, value, unit, and the upstream file or flag they are from.

    With words, only those whose component or name contains each of them. Where the two profiles differ, the other's value
    is told. Sources are paths in the repository of Kubernetes; [model] marks what no source states.
    """
    from kcsim.profile.constants import DEFAULT, PROFILES, Constant

    chosen = PROFILES[profile] if profile else DEFAULT
    rows = [c for c in chosen.constants if all(w.lower() in f"{c.component}/{c.name}" for w in words)]
    if as_json:
        document = {"profile": chosen.version, "constants": [row.to_json() for row in rows]}
        console.document(json.dumps(document, indent=2, ensure_ascii=False))
        return Exit.OK
    if not rows:
        raise BadInput(f"no constant's name has {' and '.join(words)[:60]}", "kcsim constants prints all.")
    other = next(p for version, p in PROFILES.items() if version != chosen.version)

    def value(row: Constant) -> str:
        there = other[f"{row.component}/{row.name}"]
        differs = f"  ({there.text()} in {other.version})" if there.value != row.value else ""
        return f"{row.text()}{'' if row.unit in {'count', 'on'} else f' {row.unit}'}{differs}"

    name_width = max(len(row.name) for row in rows)
    value_width = max(len(value(row)) for row in rows)
    component = ""
    for row in rows:
        if row.component != component:
            component = row.component
            console.print(console.paint(component, "title"))
        cells = f"  {row.name:<{name_width}}  {value(row):<{value_width}}  "
        console.print(cells + console.paint(row.source, "dim"))
    return Exit.OK
