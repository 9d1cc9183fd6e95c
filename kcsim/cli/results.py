"""What came of the worlds of a run, as text: measures side by side, what they are made of, and the expectations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kcsim.cli.console import Console, padded, wrapped
from kcsim.cli.table import role_of, table
from kcsim.engine.clock import SECOND, clock_text
from kcsim.views.comparison import comparison

if TYPE_CHECKING:  # what the command has loaded already
    from kcsim.scenario.compare import Table
    from kcsim.scenario.expectations import Verdict
    from kcsim.scenario.measure import Measure

NAME = 10
"""Columns of a world's name before a text."""
BRIEF = 2
"""With more worlds than these, verdicts are told in fewer words, so that a row stays within 80 columns."""


def measured(console: Console, compared: "Table") -> list[str]:
    """The measures that happened in some world, a column a world; what is a text and no number stands below."""
    single = len(compared.columns) == 1
    units = {row.name: row.unit for row in compared.measures}
    found = [line for line in comparison(compared, every=single) if line.kind == "measure"]
    rows = [(line.title, line.cells) for line in found if units[line.name]]
    lines = table(console, "Measured", compared.columns, rows, differing=not single)
    for line in found:
        if not units[line.name]:
            lines.extend(_texts(console, line.title, compared.columns, line.cells))
    return lines


def _texts(console: Console, title: str, names: Sequence[str], texts: Sequence[str]) -> list[str]:
    lines = [title]
    indent = max(NAME, 4 + max(map(len, names)))
    for place, (name, text) in enumerate(zip(names, texts, strict=True)):
        lead = padded(console.paint(name, role_of(place)), indent - 2)
        first, *rest = wrapped(text, console.width - indent)
        lines.append(f"  {lead}{first}")
        lines.extend(" " * indent + line for line in rest)
    return lines


def explained(console: Console, measures: Sequence["Measure"]) -> list[str]:
    """What the measures of a single world are made of."""
    lines: list[str] = []
    for measure in measures:
        if measure.unit and measure.value is not None and measure.detail:
            lines.append(f"{measure.title}: {measure.text}")
            for detail in measure.detail:
                lines.extend(
                    console.paint(line, "dim") for line in wrapped(detail, console.width, "    ", "  ")
                )
    return [console.paint("In detail", "bold"), *lines] if lines else []


def judged(console: Console, worlds: Mapping[str, Sequence["Verdict"]]) -> list[str]:
    """The expectations, a column a world, and below why those failed that should not have."""
    first = next(iter(worlds.values()), ())
    if not first:
        return []
    by_world = [{verdict.name: verdict for verdict in verdicts} for verdicts in worlds.values()]
    rows = [
        (
            each.name,
            [_verdict(console, verdicts[each.name], brief=len(by_world) > BRIEF) for verdicts in by_world],
        )
        for each in first
    ]
    lines = table(console, "Expected", list(worlds), rows)
    judged_ones = [(name, v) for name, vs in worlds.items() for v in vs if v.expected != "not judged"]
    failed = [(name, verdict) for name, verdict in judged_ones if not verdict.passed]
    for name, verdict in failed:
        under = f" under {name}" if name else ""
        lines.append(f"{console.paint('✗', 'bad')} {console.paint(verdict.name, 'bold')}{under}")
        lines.extend(wrapped(verdict.why, console.width, "  "))
        if verdict.note:
            lines.extend(console.paint(line, "dim") for line in wrapped(verdict.note, console.width, "  "))
    if failed:
        text = f"✗ {len(failed)} of {len(judged_ones)} came out otherwise than the story says"
        lines.append(console.paint(text, "bad"))
    elif judged_ones:
        lines.append(console.paint(f"✓ all {len(judged_ones)} came out as the story says", "good"))
    return lines


def _verdict(console: Console, verdict: "Verdict", *, brief: bool) -> str:
    word = "held" if verdict.held else "did not hold"
    if verdict.expected == "not judged":
        return console.paint("○ not judged", "dim")
    if not verdict.passed:
        return console.paint(f"✗ {word}", "bad")
    if verdict.expected == "fails":
        return f"{console.paint('✓', 'good')} {word}, as told"
    moment = clock_text(round(verdict.at * SECOND)) if verdict.at is not None else ""
    at = f" {moment}" if brief and moment else f" at {moment}" if moment else ""
    return f"{console.paint('✓', 'good')} {word}{at}"
