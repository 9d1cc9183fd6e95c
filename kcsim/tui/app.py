"""The terminal UI's application: themes, screens, and the runs that are open.

**Walk:** ``main`` checks the terminal -> ``KcsimApp`` shows the gallery -> a scenario is opened as a ``World`` on a
``RunScreen`` -> escape leads back, and the run waits where it was left -> quitting ends everything there is.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from kcsim.engine.clock import SECOND, format_duration
from kcsim.scenario.progress import Progress
from kcsim.scenario.shipped import lesson_named, of_code
from kcsim.tui.ahead import TypesAhead
from kcsim.tui.asks.choices import Choice
from kcsim.tui.catalogue import Entry, catalogue
from kcsim.tui.dialogs import Doable, Help, Read, confirm
from kcsim.tui.gallery import GalleryScreen, faults_screen
from kcsim.tui.keys import key
from kcsim.tui.leaving import watch_signals, watch_terminal
from kcsim.tui.themes import MONO, THEMES, following
from kcsim.tui.widgets.pager import Pager
from kcsim.tui.widgets.rows import RowList

if TYPE_CHECKING:
    from kcsim.scenario.lessons import Attempt
    from kcsim.scenario.model import Scenario
    from kcsim.tui.asks.lanes import Strip
    from kcsim.tui.link import Link, Spare, World
    from kcsim.tui.run import RunScreen
    from kcsim.views.objects import Ref

WIDTH_MIN, HEIGHT_MIN = 60, 20
BAD_INPUT = 2


class KcsimApp(TypesAhead):
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
        self,
        asked: str | None = None,
        delivery: str | None = None,
        seed: int | None = None,
        *,
        link: Callable[[Scenario, int | None], Link] | None = None,
        ready: Callable[[], None] = lambda: None,
        progress: Progress | None = None,
    ) -> None:
        """``asked``: a gallery name or a path, opened at once; ``delivery`` and ``seed`` for it; ``link``: where worlds live;
        ``ready`` is called once the first screen is there; ``progress``: what was reached in lessons, of the user when None.
        """
        super().__init__()
        self._asked = asked
        self._delivery = delivery
        self._seed = seed
        self._link = link or _local
        self._when_shown = ready
        self._entries = catalogue(asked)
        self._stories: dict[str, Link] = {}
        self._worlds: dict[tuple[str, str], World] = {}
        self._previews: Link | None = None
        self.reached = Progress.of_user() if progress is None else progress
        self.attempts: dict[str, Attempt] = {}
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = MONO.name if self.no_color else THEMES[0].name

    def on_mount(self) -> None:
        """Show the gallery, and the scenario that was asked for on top of it."""
        gallery = GalleryScreen(self._entries)
        self.push_screen(gallery)
        if self._asked is None:
            self.call_after_refresh(self._when_shown)
            return
        lesson = str(lesson_named(self._asked))
        entry = next((e for e in self._entries if e.path == lesson or self._asked in {e.name, e.path}), None)
        if entry is not None:
            delivery = self._delivery or (entry.deliveries[0] if entry.deliveries else None)
            self.call_after_refresh(self.open, entry, delivery)
            gallery.call_after_refresh(gallery.select, entry.path)

    def watch_theme(self, theme: str) -> None:
        """Without colour, weight and lines tell states apart."""
        self.set_class(theme == MONO.name, "-mono")

    # --- runs ---------------------------------------------------------------------------------------------------

    def open(self, entry: Entry, delivery: str | None) -> None:
        """Open a scenario live, or go on where it was left; one with faults says which."""
        from kcsim.scenario.diagnostics import ScenarioError
        from kcsim.scenario.lessons import prepared
        from kcsim.scenario.play import delivery_named
        from kcsim.tui.link import World
        from kcsim.tui.worlds import NAMELESS, Worlds

        fresh = catalogue(entry.path)[0] if entry.scenario is None else entry
        if fresh.scenario is None:
            self.push_screen(faults_screen(fresh))
            return
        try:
            name = delivery_named(fresh.scenario, delivery) or NAMELESS
            world = self._worlds.get((entry.path, name))
            if world is None:
                link = self._stories.get(entry.path)
                if link is None:
                    story = prepared(fresh.scenario, self._seed) if fresh.scenario.lesson else fresh.scenario
                    link = self._stories[entry.path] = self._link(story, self._seed)
                link.call(None, Worlds.open, (delivery,), {})
                world = self._worlds[entry.path, name] = World(link, name)
        except (ScenarioError, ValueError) as error:
            self.push_screen(Read(f"{entry.name} cannot be played", str(error)))
            return
        except Exception:  # noqa: BLE001 - a defect of kcsim is told, and the gallery stays
            self.push_screen(
                Read(f"{entry.name} cannot be played: a defect of kcsim", traceback.format_exc())
            )
            return
        self.push_screen(live(world))

    def restore_terminal(self) -> None:
        """Put the terminal back as it was before the screen."""
        if self._driver is not None:
            self._driver.stop_application_mode()
            self._driver.close()  # which waits until all is written

    def preview(self, scenario: Scenario, delivery: str | None, width: int, room: int) -> Strip:
        """The timeline of a story to its end, played where no world of the person's is; raises what keeps it from that."""
        from kcsim.tui.asks import lanes

        if self._previews is None:
            self._previews = self._link(scenario, self._seed)
        drawn, _ = self._previews.call(None, lanes.preview, (scenario, self._seed, delivery, width, room), {})
        return drawn  # type: ignore[no-any-return]

    def switch_world(self, world: World) -> None:
        """Show another world in place of the one that is shown."""
        from kcsim.tui.run import RunScreen
        from kcsim.tui.session import Session

        path = next(path for path, link in self._stories.items() if link is world.link)
        known = self._worlds.setdefault((path, world.name), world)
        if isinstance(self.screen, RunScreen):
            self.screen.world.ask(Session.pause)
            self.switch_screen(live(known))
        else:
            self.push_screen(live(known))

    def go_to_world(self, world: World, name: str) -> None:
        """Show the world of a name, opened if it is a delivery that is not open yet."""
        from kcsim.tui.worlds import Worlds

        if name not in world.state.worlds:
            world.ask_all(Worlds.open, name)
        self.switch_world(world.other(name))

    def world_choices(self, world: World) -> list[Choice]:
        """The worlds of a story: those that are open, and the deliveries that are not yet."""
        found = []
        for name in world.state.worlds:
            state = world.other(name).state
            forked = state.kept.forked
            where = (
                f"branch of {state.delivery}, forked at {format_duration(forked)}, "
                if forked is not None
                else ""
            )
            here = "here, " if name == world.name else ""
            found.append(
                Choice(name, name, f"{here}{where}t={format_duration(state.now // SECOND * SECOND)}")
            )
        waiting = [name for name in world.link.scenario.deliveries if name not in world.state.worlds]
        return [*found, *(Choice(name, name, "not begun") for name in waiting)]

    # What other screens ask of the live run, which stands below them.

    def _run_screen(self) -> RunScreen | None:
        from kcsim.tui.run import RunScreen

        return next((each for each in reversed(self.screen_stack) if isinstance(each, RunScreen)), None)

    @work
    async def fork(
        self,
        world: World,
        when: int | None = None,
        without: tuple[int, ...] = (),
        line: tuple[str, str] | None = None,
    ) -> None:
        """Fork a world, and type a line in the branch at its beginning."""
        from kcsim.tui.asks import steer

        screen = self._run_screen()
        if screen is None:
            return
        await screen.fork_at(world.state.seen if when is None else when, without)
        branch = self._run_screen()
        if line is not None and branch is not None and branch is not screen:
            branch.world.ask(steer.carry_out, *line)
            self.tell(f"{branch.world.name}: {line[0]} {line[1]}; space runs it, c compares")

    def choose_world(self) -> None:
        """Ask which world to go to."""
        screen = self._run_screen()
        if screen is not None:
            screen.action_worlds()

    def edit(self, ref: Ref) -> None:
        """Begin to change an object by hand."""
        screen = self._run_screen()
        if screen is not None:
            screen.board.selected = ref
            screen.action_edit()

    @work
    async def delete(self, ref: Ref) -> None:
        """Delete an object, after asking."""
        screen = self._run_screen()
        if screen is not None:
            await screen.delete(ref)

    def tell(self, text: str) -> None:
        """A line on the live run, which may still be on its way."""
        screen = self._run_screen()
        if screen is not None:
            screen.call_after_refresh(screen.say, text, "ok")

    def progress(self, entry: Entry, delivery: str | None) -> str:
        """How far a run that is open has come; "" when it is not."""
        world = self._worlds.get((entry.path, delivery or "world"))
        now = world.state.now if world is not None else 0
        return format_duration(now // SECOND * SECOND) if now else ""

    @property
    def unsaved(self) -> int:
        """How many deeds by hand would be lost."""
        return sum(world.state.unsaved for world in self._worlds.values())

    def rescue(self) -> list[Path]:
        """Write what was done by hand and would be lost; gives the files."""
        if not self.unsaved:
            return []
        from kcsim.tui.worlds import rescue

        return [
            path
            for world in self._worlds.values()
            for path in rescue(world.link.scenario, [(world.name, world.kept, world.state.unsaved)])
        ]

    def close_worlds(self) -> None:
        """End every process that was started."""
        for link in (*self._stories.values(), *([self._previews] if self._previews is not None else [])):
            link.close()

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
        for world in self._worlds.values():
            world.pause()
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


def live(world: World) -> RunScreen:
    """The live screen of a world; for a lesson the one that knows of it."""
    from kcsim.tui.lesson import LessonScreen
    from kcsim.tui.run import RunScreen

    return RunScreen(world) if world.link.scenario.lesson is None else LessonScreen(world)


def doables(app: KcsimApp, screen: Screen[Any]) -> list[Doable]:
    """What the bindings that are active on a screen would do; those of the screen before those of its lists."""
    found: dict[str, tuple[int, Doable]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if active.enabled and binding.tooltip and not binding.system:
            shown = app.get_key_display(binding)
            doable = Doable(shown, binding.description, binding.tooltip, binding.action, active.node)
            # First what the key bar shows; moving about in a list is what people know already, so it comes last.
            rank = 2 if isinstance(active.node, RowList | Pager) else 0 if binding.show else 1
            found.setdefault(binding.action, (rank, doable))
    return [doable for _, doable in sorted(found.values(), key=itemgetter(0))]


def fault_of_terminal() -> str | None:
    """What keeps the UI from being shown here, in one line; None when nothing does."""
    if os.environ.get("TEXTUAL_DRIVER", "").endswith("WebDriver"):
        return None  # a browser, which has the size it has
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


def _local(scenario: Scenario, seed: int | None) -> Link:
    """The worlds in this process."""
    from kcsim.tui.link import Local

    return Local(scenario, seed)


class _Ahead:
    """What a live run needs, loaded behind the first screen; and a process for its worlds."""

    def __init__(self) -> None:
        self._spare: Spare | None = None

    def start(self) -> None:
        """Begin, now that the first screen is there."""
        threading.Thread(target=self._load, daemon=True).start()

    def _load(self) -> None:
        self._found()
        import_module("kcsim.tui.run")

    def _found(self) -> Spare:
        from kcsim.tui.link import Spare

        if self._spare is None:
            self._spare = Spare()
            self._spare.start()
        return self._spare

    def begin(self, scenario: Scenario, seed: int | None) -> Link:
        """A process with a story."""
        return self._found().begin(scenario, seed)

    def close(self) -> None:
        """End what was not needed."""
        if self._spare is not None:
            self._spare.close()


def main(scenario: str | None = None, delivery: str | None = None, seed: int | None = None) -> int:
    """Run the terminal UI; gives the exit code: 0, or 2 when there is no terminal to run it on."""
    if scenario is not None:
        scenario, coded = of_code(scenario)
        seed = coded if seed is None else seed
    fault = fault_of_terminal()
    if fault is not None:
        print(f"kcsim: {fault}", file=sys.stderr)  # noqa: T201 - there is no screen to say it on
        return BAD_INPUT
    is_leaving = threading.Lock()
    watch_terminal(is_leaving)
    ahead = _Ahead()
    app = KcsimApp(scenario, delivery, seed, link=ahead.begin, ready=ahead.start)

    async def shown() -> int | None:
        watch_signals(lambda code: app.exit(return_code=code), app.restore_terminal)
        return await app.run_async()

    try:
        code = asyncio.run(shown()) or app.return_code or 0
    finally:
        with is_leaving:
            if app.return_code:
                for path in app.rescue():
                    print(f"kcsim: what was done by hand is kept in {path}", file=sys.stderr)  # noqa: T201
            app.close_worlds()
            ahead.close()
    return code
