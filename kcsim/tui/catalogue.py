"""What the gallery offers: shipped scenarios and the file that was asked for.

Their names are there at once. What they say is read when somebody asks, because the reader of scenarios checks them against
the whole simulator, and loading that takes longer than the first screen should.

**Walk:** ``catalogue`` lists entries -> ``Entry.read`` (behind the first screen, all of them) -> title, story, deliveries.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kcsim.engine.clock import format_duration
from kcsim.scenario.shipped import gallery, lesson_named, lessons

if TYPE_CHECKING:
    from kcsim.scenario.diagnostics import Diagnostic
    from kcsim.scenario.load import Loaded
    from kcsim.scenario.model import Scenario

_READER = "kcsim.scenario.load"


@dataclass(slots=True)
class Entry:
    """One scenario of the gallery.

    Attributes:
        name: as ``kcsim run`` takes it.
        path: its file.
        peeked: its title as far as a look at the text tells.
        is_lesson: whether it is one of the shipped lessons.
    """

    name: str
    path: str
    peeked: str = ""
    is_lesson: bool = False
    _loaded: Loaded | None = field(default=None, repr=False)

    @property
    def is_read(self) -> bool:
        """Whether asking costs nothing any more."""
        return self._loaded is not None

    def read(self) -> Loaded:
        """What the reader says of the file, kept."""
        if self._loaded is None:
            from kcsim.scenario.load import examine

            self._loaded = examine(self.path)
        return self._loaded

    @property
    def scenario(self) -> Scenario | None:
        """What it says; None when it has faults."""
        return self.read().scenario

    @property
    def faults(self) -> tuple[Diagnostic, ...]:
        """Every fault, sorted by position."""
        return tuple(fault for fault in self.read().diagnostics if fault.severity == "error")

    @property
    def deliveries(self) -> tuple[str, ...]:
        """The ways to deliver it can be played under."""
        return tuple(self.scenario.deliveries) if self.scenario is not None else ()

    @property
    def title(self) -> str:
        """A few words."""
        if not self.is_read:
            return self.peeked
        if self.scenario is None:
            count = len(self.faults)
            return f"cannot be read: {count} fault{'' if count == 1 else 's'}"
        return self.scenario.title or self.name


def catalogue(asked: str | None = None) -> list[Entry]:
    """The shipped scenarios by name, then the lessons; a file that was asked for comes first."""
    shipped = gallery()
    entries = [Entry(name, str(path), _peek(path)) for name, path in shipped.items()]
    entries += [Entry(name, str(path), _peek(path), is_lesson=True) for name, path in lessons().items()]
    found = lesson_named(asked) if asked is not None else None
    if found is not None:
        entries.sort(key=lambda entry: entry.path != str(found))
    elif asked is not None and asked not in shipped:
        entries.insert(0, Entry(Path(asked).stem or asked, asked))
    return entries


def is_quick() -> bool:
    """Whether the reader of scenarios is loaded already."""
    return _READER in sys.modules


def _peek(path: Path) -> str:
    """The title in a scenario's text, for the first look."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("title:"):
                return line.removeprefix("title:").strip().strip("'\"")
    return ""


def matching(entries: Sequence[Entry], wanted: str) -> list[Entry]:
    """The entries whose name, title or lesson holds the text."""
    text = wanted.strip().lower()
    return [entry for entry in entries if not text or text in _searched(entry)]


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
