"""The network of a world: its topology, a heat map of its nodes, and the path of a request, at the instant looked at."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Static

from kcsim.tui.asks import net
from kcsim.tui.asks.choices import Choice
from kcsim.tui.asks.lines import TextLine, dim
from kcsim.tui.asks.topology import topology
from kcsim.tui.base import WorldScreen, head
from kcsim.tui.dialogs import Ask, Choose
from kcsim.tui.explorer import ExplorerScreen
from kcsim.tui.keys import key
from kcsim.tui.link import FRAMES, World
from kcsim.tui.session import Session
from kcsim.tui.widgets.heatmap import HeatMap
from kcsim.tui.widgets.keybar import KeyBar
from kcsim.tui.widgets.pager import Pager
from kcsim.tui.widgets.rows import RowList
from kcsim.views.objects import Ref
from kcsim.views.states import GLYPHS, State

PANES = ("topology", "heat", "path")
OTHER = "(another)"
_WORDS: dict[State, str] = {
    "ok": "ready",
    "pending": "cordoned or under pressure",
    "failed": "not ready",
    "unknown": "silent",
}


class NetworkScreen(WorldScreen):
    """Who reaches whom."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("r", "request", "Request", "Follow a request: from whom, to which URL", bar=True),
        key(
            "M", "measure", "Measure", "Another measure for the heat map: state, pods, cpu, memory", bar=True
        ),
        key("space", "run", "Run", "Run or pause the world", bar=True),
        key("left_square_bracket", "change(-1)", "Back", "Look back at the change before", bar=True),
        key("right_square_bracket", "change(1)", "Next", "On to the next change"),
        key("1", "front('topology')", "Topology", "Pane 1: zones, nodes, pods and Services"),
        key("2", "front('heat')", "Heat map", "Pane 2: a cell a node"),
        key("3", "front('path')", "Path", "Pane 3: the path of a request"),
        key("tab", "pane", "Next pane", "Next pane", priority=True),
        key("escape,n", "leave_screen", "Close", "Back to where one came from"),
    ]

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.current = "topology"
        self._measure = net.MEASURES[0]
        self._request: tuple[str, str] | None = None
        self._dirty = False

    def compose(self) -> ComposeResult:
        """Header, the three panes, messages, and the keys."""
        yield Static("", id="head", classes="line")
        with Container(id="network"):
            topology = RowList(id="topology")
            topology.add_class("pane")
            yield topology
            heat = HeatMap(id="heat")
            heat.add_class("pane")
            yield heat
            path = Pager(id="path")
            path.add_class("pane")
            yield path
        yield Static("", id="message", classes="line")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show where things are, and keep up with the world."""
        self.action_front("topology")
        self.set_interval(1 / FRAMES, self._tick)
        self.say(
            "r follows a request, M changes what the heat map shows, enter opens what is under the cursor"
        )

    def _tick(self) -> None:
        if self.is_current and self.world.state.running:
            self.world.link.turn(1 / FRAMES)
            self._dirty = self._dirty or self.world.state.now != self.world.refresh().now
            self._paint_head()
            if self._dirty and (self.has_rested() or not self.world.state.running):
                self.paint()

    def paint(self) -> None:
        """Show all three."""
        self._dirty = False
        world = self.world
        with self.frame(world.link):
            rows = self.query_one("#topology", RowList)
            if rows.display:
                page = world.ask(topology, rows.want)
                rows.show(page, lambda want: world.ask(topology, want))
                rows.border_subtitle = page.note
            rows.border_title = self._title(1, "topology", "Topology")
            self._paint_heat()
            self._paint_path()
            self._paint_head()

    def _paint_head(self) -> None:
        self.show_head(head(self.world.state, self.size.width, "NETWORK"))

    def _paint_heat(self) -> None:
        heat = self.query_one("#heat", HeatMap)
        if heat.display:
            found = self.world.ask(net.heat, self._measure)
            heat.show(found)
            told = [f"{GLYPHS[state]} {_WORDS.get(state, state)} {count}" for state, count in found.counts]
            heat.border_subtitle = "   ".join(told)
        cell = heat.current
        where = f"  {cell.name}" if cell is not None else ""
        share = f" {cell.tenths * 10}%" if cell is not None and cell.tenths >= 0 else ""
        heat.border_title = self._title(2, "heat", f"Nodes by {self._measure}{where}{share}")

    def _paint_path(self) -> None:
        pager = self.query_one("#path", Pager)
        lines: list[TextLine] = [dim("r follows a request: who sends it, and to which URL")]
        note = ""
        if pager.display and self._request is not None:
            lines, note = self.world.ask(net.path, *self._request)
        pager.show(lines, keep_place=True, wrap=True)
        pager.border_title = self._title(3, "path", "Path of a request")
        pager.border_subtitle = note

    def _title(self, number: int, name: str, own: str) -> str:
        if not self.has_class("-one"):
            return f"{number} {own}"
        return "  ".join(
            f"▸{place} {own}" if other == name else f"{place} {other.capitalize()}"
            for place, other in enumerate(PANES, 1)
        )

    # --- actions ------------------------------------------------------------------------------------------------

    def action_front(self, name: str) -> None:
        """Bring a pane to the front."""
        self.current = name
        for other in PANES:
            self.query_one(f"#{other}").set_class(other == name, "-current")
        self.query_one(f"#{name}").focus()
        self.call_after_refresh(self.paint)

    def action_pane(self) -> None:
        """The next pane."""
        self.action_front(PANES[(PANES.index(self.current) + 1) % len(PANES)])

    def action_run(self) -> None:
        """Run or pause."""
        self.world.ask(Session.toggle)
        self.paint()

    def action_change(self, by: int) -> None:
        """Back and forth in time."""
        if by > 0 and self.world.state.cursor is None:
            self.say("this is the present: space runs the world on")
            return
        self.world.ask(Session.next_change if by > 0 else Session.previous_change)
        self.paint()

    def action_measure(self) -> None:
        """Another measure."""
        place = net.MEASURES.index(self._measure)
        self._measure = net.MEASURES[(place + 1) % len(net.MEASURES)]
        self.action_front("heat")

    @work
    async def action_request(self) -> None:
        """Who sends it, and where to."""
        client = await self._one_of("From whom?", self.world.ask(net.clients), "a pod, a node, users")
        if client is None:
            return
        url = await self._one_of("To which URL?", self.world.ask(net.urls), "http://web.shop/")
        if url is None:
            return
        self._request = client, url
        self.action_front("path")

    async def _one_of(self, title: str, offered: list[str], example: str) -> str | None:
        choices = [*(Choice(each, each) for each in offered), Choice(OTHER, OTHER, "type it")]
        chosen = await self.app.push_screen_wait(Choose(title, choices, search=True))
        if chosen == OTHER:
            return await self.app.push_screen_wait(Ask(title, f"for example {example}"))
        return chosen

    # --- events -------------------------------------------------------------------------------------------------

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Enter on a node, a pod or a Service: that object."""
        row = event.rows.current
        if row is not None and isinstance(row.key, Ref):
            self.app.push_screen(ExplorerScreen(self.world, row.key, "describe"))

    def on_heat_map_moved(self) -> None:
        """The name of the node under the cursor."""
        self._paint_heat()

    def on_heat_map_chosen(self) -> None:
        """Enter on a cell: that node."""
        cell = self.query_one("#heat", HeatMap).current
        if cell is not None:
            self.app.push_screen(ExplorerScreen(self.world, Ref("node", "", cell.name), "describe"))

    def on_descendant_focus(self) -> None:
        """A pane that was clicked comes to the front."""
        focused = self.focused
        if focused is not None and focused.id in PANES and focused.id != self.current:
            self.action_front(focused.id)
