"""What the gallery offers: shipped scenarios and the file that was asked for, each read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kcsim.engine.clock import format_duration
from kcsim.scenario.diagnostics import Diagnostic
from kcsim.scenario.load import examine, gallery
from kcsim.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Entry:
    """One scenario of the gallery.

    Attributes:
        name: as ``kcsim run`` takes it.
        path: its file.
        scenario: what it says; None when it has faults.
        faults: every fault, sorted by position.
    """

    name: str
    path: str
    scenario: Scenario | None
    faults: tuple[Diagnostic, ...]

    @property
    def deliveries(self) -> tuple[str, ...]:
        """The ways to deliver it can be played under."""
        return tuple(self.scenario.deliveries) if self.scenario is not None else ()

    @property
    def title(self) -> str:
        """A few words."""
        if self.scenario is None:
            return (
                f"cannot be read: {len(self.faults)} faults"
                if len(self.faults) != 1
                else "cannot be read: 1 fault"
            )
        return self.scenario.title or self.name


def catalogue(asked: str | None = None) -> list[Entry]:
    """The shipped scenarios by name; a file that was asked for comes first."""
    shipped = gallery()
    entries = [_entry(name, str(path)) for name, path in shipped.items()]
    if asked is not None and asked not in shipped:
        entries.insert(0, _entry(Path(asked).stem or asked, asked))
    return entries


def _entry(name: str, path: str) -> Entry:
    loaded = examine(path)
    errors = tuple(fault for fault in loaded.diagnostics if fault.severity == "error")
    return Entry(name, path, loaded.scenario, errors)


def matching(entries: Sequence[Entry], wanted: str) -> list[Entry]:
    """The entries whose name, title or lesson holds the text."""
    text = wanted.strip().lower()
    return [entry for entry in entries if text in _searched(entry)]


def _searched(entry: Entry) -> str:
    scenario = entry.scenario
    lesson = "" if scenario is None else f"{scenario.title} {scenario.teaches} {scenario.summary}"
    return f"{entry.name} {lesson}".lower()


def story_lines(scenario: Scenario) -> list[tuple[str, str]]:
    """When and what: the timeline of a scenario in a few words a line."""
    lines = []
    for entry in scenario.timeline:
        names = entry.action_names()
        what = names[0] if names else ""
        lines.append((format_duration(entry.at), f"{entry.name or what} ({_action(entry.fault, what)})"))
    return lines


def _action(fault: str | None, what: str) -> str:
    return f"fault: {fault}" if fault else what
