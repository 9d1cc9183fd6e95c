"""The terminal UI's application: themes, screens, and the runs that are open.

**Walk:** ``main`` checks the terminal -> ``KcsimApp`` shows the gallery -> a scenario is opened as a ``Session`` on a
``RunScreen`` -> escape leads back, and the run waits where it was left -> quitting ends everything there is.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from kcsim.engine.clock import SECOND, format_duration
from kcsim.scenario.diagnostics import ScenarioError
from kcsim.tui.catalogue import Entry, catalogue
from kcsim.tui.dialogs import Doable, Help, Read, confirm
from kcsim.tui.gallery import GalleryScreen, faults_screen
from kcsim.tui.keys import key
from kcsim.tui.opening import open_session
from kcsim.tui.run import RunScreen
from kcsim.tui.session import Session
from kcsim.tui.themes import MONO, THEMES, following
from kcsim.tui.widgets.pager import Pager
from kcsim.tui.widgets.rows import RowList

WIDTH_MIN, HEIGHT_MIN = 60, 20
BAD_INPUT = 2


class KcsimApp(App[int]):
    """kcsim on a terminal."""

    TITLE = "kcsim"
    CSS_PATH = "kcsim.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        key(
            "question_mark",
            "help",
            "Help",
            "Everything that can be done here; type to search, enter does it",
            bar=True,
        ),
        key("T", "theme", "Theme", "Next theme: dark, light, colour-blind, no colour"),
        key("q", "leave", "Quit", "Quit kcsim", bar=True),
    ]

    def __init__(
        self, asked: str | None = None, delivery: str | None = None, seed: int | None = None
    ) -> None:
        """``asked``: a gallery name or a path, opened at once; ``delivery`` and ``seed`` for it."""
        super().__init__()
        self._asked = asked
        self._delivery = delivery
        self._seed = seed
        self._entries = catalogue(asked)
        self._open: dict[tuple[str, str | None], Session] = {}
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = MONO.name if self.no_color else THEMES[0].name

    def on_mount(self) -> None:
        """Show the gallery, and the scenario that was asked for on top of it."""
        gallery = GalleryScreen(self._entries)
        self.push_screen(gallery)
        if self._asked is None:
            return
        entry = next((e for e in self._entries if self._asked in {e.name, e.path}), None)
        if entry is not None:
            delivery = self._delivery or (entry.deliveries[0] if entry.deliveries else None)
            self.call_after_refresh(self.open, entry, delivery)
            self.call_after_refresh(gallery.select, entry.path)

    def watch_theme(self, theme: str) -> None:
        """Without colour, weight and lines tell states apart."""
        self.set_class(theme == MONO.name, "-mono")

    # --- runs ---------------------------------------------------------------------------------------------------

    def open(self, entry: Entry, delivery: str | None) -> None:
        """Open a scenario live, or go on where it was left; one with faults says which."""
        key = (entry.path, delivery)
        session = self._open.get(key)
        if session is None:
            fresh = catalogue(entry.path)[0] if entry.scenario is None else entry
            if fresh.scenario is None:
                self.push_screen(faults_screen(fresh))
                return
            try:
                session = open_session(fresh.scenario, delivery, self._seed)
            except (ScenarioError, ValueError) as error:
                self.push_screen(Read(f"{entry.name} cannot be played", str(error)))
                return
            except Exception:  # noqa: BLE001 - a defect of kcsim is told, and the gallery stays
                self.push_screen(
                    Read(f"{entry.name} cannot be played: a defect of kcsim", traceback.format_exc())
                )
                return
            self._open[key] = session
        self.push_screen(RunScreen(session))

    def progress(self, entry: Entry, delivery: str | None) -> str:
        """How far a run that is open has come; "" when it is not."""
        session = self._open.get((entry.path, delivery))
        return format_duration(session.now // SECOND * SECOND) if session is not None and session.now else ""

    @property
    def unsaved(self) -> int:
        """How many deeds by hand would be lost."""
        return sum(session.unsaved for session in self._open.values())

    # --- actions ------------------------------------------------------------------------------------------------

    @work
    async def action_help(self) -> None:
        """Show what can be done now, and do what is chosen."""
        chosen = await self.push_screen_wait(Help(doables(self, self.screen)))
        if chosen is not None:
            await self.run_action(chosen.action, chosen.namespace)  # type: ignore[arg-type]

    def action_theme(self) -> None:
        """The next theme."""
        self.theme = following(self.theme)

    @work
    async def action_leave(self) -> None:
        """Quit; what was done by hand and not saved is asked about first."""
        for session in self._open.values():
            session.pause()
        count = self.unsaved
        if count:
            note = f"{count} things done by hand are not saved (s saves them as a scenario)."
            if await self.push_screen_wait(confirm("Quit kcsim?", "Quit", note)) != "yes":
                return
        self.exit(0)

    def get_system_commands(self, screen: Screen[Any]):  # type: ignore[no-untyped-def]  # noqa: ANN201
        """The palette offers what the keys do."""
        for doable in doables(self, screen):
            yield SystemCommand(doable.label, doable.meaning, lambda d=doable: self.run_worker(self._do(d)))
        yield from super().get_system_commands(screen)

    async def _do(self, doable: Doable) -> None:
        await self.run_action(doable.action, doable.namespace)  # type: ignore[arg-type]


def doables(app: KcsimApp, screen: Screen[Any]) -> list[Doable]:
    """What the bindings that are active on a screen would do; those of the screen before those of its lists."""
    found: dict[str, Doable] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if active.enabled and binding.tooltip and not binding.system:
            shown = app.get_key_display(binding)
            doable = Doable(shown, binding.description, binding.tooltip, binding.action, active.node)
            found.setdefault(binding.action, doable)
    # Moving about in a list is what people know already, so it comes last.
    return sorted(found.values(), key=lambda doable: isinstance(doable.namespace, RowList | Pager))


def fault_of_terminal() -> str | None:
    """What keeps the UI from being shown here, in one line; None when nothing does."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return (
            "kcsim tui needs a terminal: here input or output is redirected; use `kcsim run SCENARIO` instead"
        )
    if os.environ.get("TERM", "dumb") in {"", "dumb"}:
        return "kcsim tui needs a terminal that can move its cursor (TERM is dumb); use `kcsim run SCENARIO` instead"
    size = os.get_terminal_size(sys.stdout.fileno())
    if size.columns < WIDTH_MIN or size.lines < HEIGHT_MIN:
        return (
            f"kcsim tui needs at least {WIDTH_MIN}x{HEIGHT_MIN} characters, this terminal has "
            f"{size.columns}x{size.lines}: make it larger"
        )
    return None


def main(scenario: str | None = None, delivery: str | None = None, seed: int | None = None) -> int:
    """Run the terminal UI; gives the exit code: 0, or 2 when there is no terminal to run it on."""
    fault = fault_of_terminal()
    if fault is not None:
        print(f"kcsim: {fault}", file=sys.stderr)  # noqa: T201 - there is no screen to say it on
        return BAD_INPUT
    app = KcsimApp(scenario, delivery, seed)
    return app.run() or app.return_code or 0
