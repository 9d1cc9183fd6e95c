"""Why: the chain of causes of one thing, what would have prevented it, and a branch just before any step."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Static

from kcsim.engine.clock import clock_text
from kcsim.tui.asks import explain
from kcsim.tui.asks.explain import Alternative, Asked
from kcsim.tui.asks.lines import TextLine, dim, plain
from kcsim.tui.asks.pages import Page, Row, listed
from kcsim.tui.base import WorldScreen, head
from kcsim.tui.keys import key
from kcsim.tui.link import World
from kcsim.tui.session import Session
from kcsim.tui.widgets.keybar import KeyBar
from kcsim.tui.widgets.pager import Pager
from kcsim.tui.widgets.rows import RowList
from kcsim.views.objects import Ref


class ExplainScreen(WorldScreen):
    """The causal chain of an object's last change, or of a moment."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key(
            "p",
            "prevent",
            "Prevent",
            "What would have prevented it: the world is played without each origin",
            bar=True,
        ),
        key(
            "f",
            "fork",
            "Fork",
            "Fork just before the step under the cursor, or open the alternative",
            bar=True,
        ),
        key("g", "look", "Go there", "Look at the instant of the step under the cursor", bar=True),
        key("1", "front('chain')", "Chain", "Pane 1: the chain of causes"),
        key("2", "front('others')", "Prevent", "Pane 2: what would have prevented it"),
        key("tab", "pane", "Next pane", "Next pane", priority=True),
        key("escape,w", "leave_screen", "Close", "Back to where one came from"),
    ]

    def __init__(self, world: World, what: Ref | int) -> None:
        """``what``: an object, or the trace record of a moment."""
        super().__init__()
        self.world = world
        self.what = what
        self._asked: Asked | str = ""
        self._others: list[Alternative] | None = None

    def compose(self) -> ComposeResult:
        """Header, what is asked, the chain, the step in full, the alternatives, messages, and the keys."""
        yield Static("", id="head", classes="line")
        yield Static("", id="question", classes="line")
        with Container(id="explain"):
            chain = RowList(id="chain", glyphs=False)
            chain.add_class("pane")
            chain.border_title = "1 Because: newest first, the origin last"
            yield chain
            step = Pager(id="step")
            step.add_class("pane")
            step.can_focus = False
            step.border_title = "This step"
            yield step
            others = RowList(id="others")
            others.add_class("pane")
            others.border_title = "2 What would have prevented it"
            yield others
        yield Static("", id="message", classes="line")
        yield KeyBar()

    def on_mount(self) -> None:
        """Find the record."""
        self._asked = self.world.ask(explain.asked, self.what)
        self.query_one("#chain").focus()
        self.say(
            "enter looks at the instant of a step, f forks just before it, p finds what would have prevented it"
        )
        self.call_after_refresh(self.paint)

    def paint(self) -> None:
        """Show the chain."""
        world, found = self.world, self._asked
        self.query_one("#head", Static).update(head(world.state, self.size.width, "WHY"), layout=False)
        chain = self.query_one("#chain", RowList)
        if isinstance(found, str):
            self.query_one("#question", Static).update(found)
            chain.show(Page((), 0, 0, (), 0, found))
            return
        self.query_one("#question", Static).update(f"Why  t={clock_text(found.time)} {found.text}?")
        chain.show(world.ask(explain.chain, found.seq, chain.want))
        self._paint_step()
        self._paint_others()

    def _paint_step(self) -> None:
        row = self.query_one("#chain", RowList).current
        lines: list[TextLine] = [dim("no step is selected")]
        if row is not None and isinstance(row.key, tuple):
            first, *rest = self.world.ask(explain.step, row.key[0])
            lines = [((first, "key"),), *(line for text in rest for line in plain(text))]
        self.query_one("#step", Pager).show(lines, wrap=True)

    def _paint_others(self) -> None:
        rows = self.query_one("#others", RowList)
        if self._others is None:
            rows.show(Page((), 0, 0, (), 0, "p plays the world without each origin of the chain, and tells"))
            return
        made = [
            Row(place, (each.label, each.told), "ok" if each.prevents else "pending")
            for place, each in enumerate(self._others)
        ]
        empty = "nothing in this chain was anybody's doing: it comes from a clock or from the beginning"
        rows.show(listed(rows.want, ("ANOTHER WORLD", "AND THEN"), made, empty=empty))

    # --- actions ------------------------------------------------------------------------------------------------

    def action_front(self, name: str) -> None:
        """The keys to a pane."""
        self.query_one(f"#{name}").focus()

    def action_pane(self) -> None:
        """The other pane."""
        self.action_front("others" if self.query_one("#chain").has_focus else "chain")

    @work
    async def action_prevent(self) -> None:
        """Play the world without each origin."""
        if isinstance(self._asked, str):
            return
        seq = self._asked.seq
        self._others = await self.slowly(
            "replaying", lambda: self.world.ask_all(explain.alternatives, self.world.name, seq)
        )
        prevents = sum(each.prevents for each in self._others)
        self.say(
            f"{prevents} of {len(self._others)} other worlds would not have seen it; f opens one as a branch",
            "ok",
        )
        self.paint()
        if self._others:
            self.action_front("others")

    def action_look(self) -> None:
        """Look at the instant of the step."""
        row = self.query_one("#chain", RowList).current
        if row is not None and isinstance(row.key, tuple):
            self.world.ask(Session.look_at, row.key[1])
            self.app.pop_screen()

    @work
    async def action_fork(self) -> None:
        """A branch just before the step, or the alternative under the cursor."""
        others = self.query_one("#others", RowList)
        row = others.current
        if others.has_focus and self._others and row is not None and isinstance(row.key, int):
            chosen = self._others[row.key]
            self.app.pop_screen()
            self.app.fork(self.world, chosen.at, chosen.without, chosen.line)
            return
        row = self.query_one("#chain", RowList).current
        if row is not None and isinstance(row.key, tuple):
            self.app.pop_screen()
            self.app.fork(self.world, max(0, row.key[1] - 1))

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """The step under the cursor in full."""
        if event.rows.id == "chain":
            self._paint_step()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Enter: look there, or open the alternative."""
        if event.rows.id == "chain":
            self.action_look()
        else:
            self.action_fork()
