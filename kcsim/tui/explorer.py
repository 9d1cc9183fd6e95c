"""One object in full: the tree of its owners and what it owns, and each of them in all its forms."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Static

from kcsim.tui.asks import explore
from kcsim.tui.asks.explore import FORMS
from kcsim.tui.base import WorldScreen, head
from kcsim.tui.keys import key
from kcsim.tui.link import World
from kcsim.tui.session import Session
from kcsim.tui.widgets.keybar import KeyBar
from kcsim.tui.widgets.pager import Pager
from kcsim.tui.widgets.rows import RowList
from kcsim.views.objects import Ref


class ExplorerScreen(WorldScreen):
    """The object explorer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("d", "form('describe')", "Describe", "Described, as kubectl does", bar=True),
        key("y", "form('yaml')", "YAML", "As YAML, each field in the colour of its manager", bar=True),
        key("D", "form('diff')", "Diff", "Git, last applied and live, side by side", bar=True),
        key("v", "form('events')", "Events", "Its events", bar=True),
        key("H", "form('history')", "History", "Who changed it, when, and what", bar=True),
        key("J", "owner", "Owner", "Jump to its owner", bar=True),
        key("w", "why", "Why", "The chain of causes of its last change", bar=True),
        key("left_square_bracket", "change(-1)", "Back", "Look back at the change before"),
        key("right_square_bracket", "change(1)", "Next", "On to the next change of the past"),
        key("e", "edit", "Edit", "Change it by hand"),
        key("ctrl+d", "delete", "Delete", "Delete it; asks first"),
        key("tab", "pane", "Next pane", "From the tree to the text and back", priority=True),
        key("escape", "leave_screen", "Close", "Back to where one came from"),
    ]

    def __init__(self, world: World, ref: Ref, form: str) -> None:
        super().__init__()
        self.world = world
        self.ref = ref
        self.form = form if form in FORMS else "yaml"
        self._shown: object = None

    def compose(self) -> ComposeResult:
        """Header, the tree, the object, messages, and the keys."""
        yield Static("", id="head", classes="line")
        with Container(id="explorer"):
            tree = RowList(id="tree")
            tree.add_class("pane")
            tree.border_title = "Owners"
            yield tree
            pager = Pager(id="form")
            pager.add_class("pane")
            yield pager
        yield Static("", id="message", classes="line")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the object that was asked for."""
        self.query_one("#form").focus()
        self.call_after_refresh(self._first)

    def _first(self) -> None:
        self.paint()
        self.query_one("#tree", RowList).select_key(self.ref)

    def paint(self) -> None:
        """Show the tree and the object."""
        world = self.world
        tree = self.query_one("#tree", RowList)
        tree.show(world.ask(explore.tree, self.ref, tree.want))
        self._paint_form()
        self.query_one("#head", Static).update(head(world.state, self.size.width, "OBJECT"), layout=False)

    def _paint_form(self) -> None:
        pager = self.query_one("#form", Pager)
        lines, note = self.world.ask(explore.form, self.ref, self.form, pager.size.width)
        shown = (self.ref, self.form)
        pager.show(lines, keep_place=shown == self._shown, wrap=self.form not in {"yaml", "diff"})
        self._shown = shown
        tabs = "  ".join(f"▸{each}" if each == self.form else each for each in FORMS if each != "tree")
        pager.border_title = f"{self.ref}   {tabs}"
        pager.border_subtitle = note

    # --- actions ------------------------------------------------------------------------------------------------

    def action_form(self, form: str) -> None:
        """Another form."""
        self.form = form
        self._paint_form()

    def action_owner(self) -> None:
        """Jump to the owner."""
        owner = self.world.ask(explore.owner, self.ref)
        if owner is None:
            self.say(f"nobody owns {self.ref}")
        else:
            self._select(owner)

    def _select(self, ref: Ref) -> None:
        self.ref = ref
        self._paint_form()
        self.query_one("#tree", RowList).select_key(ref)

    def action_pane(self) -> None:
        """From the tree to the text and back."""
        to = "#form" if self.query_one("#tree").has_focus else "#tree"
        self.query_one(to).focus()

    def action_change(self, by: int) -> None:
        """Back and forth in time."""
        if by > 0 and self.world.state.cursor is None:
            self.say("this is the present")
            return
        self.world.ask(Session.next_change if by > 0 else Session.previous_change)
        self.paint()

    def action_why(self) -> None:
        """The chain of causes."""
        from kcsim.tui.explain import ExplainScreen

        self.app.push_screen(ExplainScreen(self.world, self.ref))

    def action_edit(self) -> None:
        """Begin the kubectl line that changes it."""
        self.app.pop_screen()
        self.app.edit(self.ref)

    def action_delete(self) -> None:
        """Delete it, after asking."""
        self.app.pop_screen()
        self.app.delete(self.ref)

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """The object under the cursor of the tree is the one that is shown."""
        row = event.rows.current
        if row is not None and isinstance(row.key, Ref):
            self.ref = row.key
            self._paint_form()

    def on_row_list_chosen(self) -> None:
        """Enter: the keys to the text."""
        self.query_one("#form").focus()
