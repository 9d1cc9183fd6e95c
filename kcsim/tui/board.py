"""The board: the panes of a live run, which of them are in sight, and what is selected in them.

One pane at a time on a small terminal, a list beside an object on a larger one, all of them on a large one; the keys are
the same everywhere.

**Walk:** ``front`` brings a pane forward -> ``paint`` fills the panes in sight from the session -> the cursor of the
list in front selects the object -> the object pane shows it as YAML, described, with its events, owners or causes.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message

from kcsim.tui.asks import explore, panes, score
from kcsim.tui.asks.panes import Kinds
from kcsim.tui.keys import key
from kcsim.tui.link import World
from kcsim.tui.widgets.pager import Pager
from kcsim.tui.widgets.rows import RowList
from kcsim.views.objects import Ref

LISTS = ("story", "pods", "nodes", "objects")
DETAILS = ("object", "score")
PANES = (*LISTS, *DETAILS)
TITLES = {name: name.capitalize() for name in PANES}


class Board(Container):
    """The panes of a run.

    Attributes:
        current: the pane in front.
        selected: the object that is shown in full.
        mode: in which form.
        filters: what the rows of a list must hold, by pane.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            key(str(place + 1), f"front('{name}')", TITLES[name], f"Pane {place + 1}: {name}")
            for place, name in enumerate(PANES)
        ),
        key("tab", "pane(1)", "Next pane", "Next pane", priority=True),
        key("shift+tab", "pane(-1)", "Previous pane", "Previous pane", priority=True),
        key("w", "why", "Why", "Why: the chain of causes of the selected object or moment", bar=True),
        key(
            "y",
            "form('yaml')",
            "YAML",
            "The selected object as YAML, each field in the colour of its manager",
        ),
        key("d", "form('describe')", "Describe", "The selected object, described"),
        key("D", "form('diff')", "Diff", "The selected object: git, last applied and live"),
        key("v", "form('events')", "Events", "The events of the selected object"),
        key("H", "form('history')", "History", "Who changed the selected object, when, and what"),
        key("o", "form('tree')", "Owners", "The owner tree of the selected object"),
    ]

    class AskedWhy(Message):
        """Why is an object, or a moment (its trace record), as it is?"""

        def __init__(self, what: Ref | int) -> None:
            super().__init__()
            self.what = what

    class Opened(Message):
        """An object is to be shown in full, in a form."""

        def __init__(self, ref: Ref, form: str) -> None:
            super().__init__()
            self.ref = ref
            self.form = form

    class Says(Message):
        """Something for the line of messages."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, world: World) -> None:
        super().__init__(id="board")
        self.world = world
        self.current = "story"
        self.selected: Ref | None = None
        self.mode = "yaml"
        self.filters: dict[str, str] = {}
        self._list = "story"
        self._detail = "object"
        self._kind = "deployments"
        self._namespace: str | None = None
        self._shown: object = None

    def compose(self) -> ComposeResult:
        """Lists first, then what shows one thing in full."""
        for name in LISTS:
            rows = RowList(id=name, follow=name == "story")
            rows.add_class("pane", "-list")
            yield rows
        for name in DETAILS:
            pager = Pager(id=name)
            pager.add_class("pane", "-detail")
            yield pager

    # --- which pane ---------------------------------------------------------------------------------------------

    def front(self, name: str) -> None:
        """Bring a pane to the front and give it the keys."""
        self.current = name
        if name in LISTS:
            self._list = name
        else:
            self._detail = name
        for other in PANES:
            pane = self.query_one(f"#{other}")
            pane.set_class(other == name, "-current")
            pane.set_class(other in {self._list, self._detail}, "-beside")
        if name in LISTS:
            self._paint_list(name)
            self._select()
        self.query_one(f"#{name}").focus()
        self.call_after_refresh(self.paint)

    def show_kind(self, word: str, namespace: str | None, wanted: str | None = None) -> None:
        """Show the objects of a kind in the pane of objects; ``wanted`` replaces its filter."""
        self._kind, self._namespace = word, namespace
        if wanted is not None:
            self.filters["objects"] = wanted
        self.front("objects")

    def back(self) -> bool:
        """From one thing in full back to the list; False when there is nothing to go back from."""
        if self.current in LISTS or self.screen.has_class("-board"):
            return False
        self.front(self._list)
        return True

    @property
    def moment(self) -> int | None:
        """The trace record of the moment under the cursor of the story."""
        row = self.query_one("#story", RowList).current
        return row.key if row is not None and isinstance(row.key, int) else None

    def _select(self) -> None:
        """The object under the cursor of the list in front is the one that is shown."""
        if self.current in LISTS:
            row = self.query_one(f"#{self.current}", RowList).current
            if row is not None and isinstance(row.key, Ref):
                self.selected = row.key

    # --- painting -----------------------------------------------------------------------------------------------

    def paint(self) -> None:
        """Fill the panes in sight; before they are there, nothing."""
        if not self.children:
            return
        for name in LISTS:
            if self.query_one(f"#{name}").display:
                self._paint_list(name)
        self._select()
        if self.query_one("#object").display:
            self._paint_object()
        pager = self.query_one("#score", Pager)
        if pager.display:
            pager.show(self.world.ask(score.card), keep_place=True, wrap=True)
            pager.border_title = self._title("score", "Score")

    @property
    def unfinished(self) -> bool:
        """Whether a list in sight has not found everything yet."""
        return any(rows.display and rows.unfinished for rows in self.query(RowList))

    def _paint_list(self, name: str) -> None:
        rows = self.query_one(f"#{name}", RowList)
        wanted = self.filters.get(name, "")
        word = self._kind if name == "objects" else name
        ask = self.world.ask
        if name == "story":
            page = ask(panes.story, wanted, rows.want)
            rows.show(page, lambda want: ask(panes.story, wanted, want))
        else:
            space = self._namespace if name == "objects" else None
            kinds = Kinds(word, wanted, space, wide=rows.size.width >= panes.WIDE_TABLE)
            page = ask(panes.objects, kinds, rows.want)
            rows.show(page, lambda want: ask(panes.objects, kinds, want))
        rows.border_subtitle = page.note
        rows.border_title = self._title(name, word.capitalize())

    def _paint_object(self) -> None:
        pager = self.query_one("#object", Pager)
        shown = (self.selected, self.mode)
        lines, note = self.world.ask(explore.form, self.selected, self.mode, pager.size.width)
        pager.show(lines, keep_place=shown == self._shown, wrap=self.mode not in {"yaml", "diff"})
        self._shown = shown
        name = f"{self.selected or 'Object'}  {self.mode}"
        pager.border_title = self._title("object", name)
        pager.border_subtitle = note or (name if self._is_alone else "")

    @property
    def _is_alone(self) -> bool:
        """Whether one pane is in sight at a time."""
        return self.screen.has_class("-one")

    def _title(self, name: str, own: str) -> str:
        """The pane's number and name; where the others are out of sight, theirs as well."""
        if self._is_alone:
            tabs: tuple[str, ...] = PANES
        elif self.screen.has_class("-two") and name in LISTS:
            tabs = LISTS
        else:
            return f"{PANES.index(name) + 1} {own}"
        short = self.size.width < panes.NARROW
        return "  ".join(_tab(tab, is_current=tab == name, short=short) for tab in tabs)

    # --- events and actions -------------------------------------------------------------------------------------

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """What is shown in full follows the cursor."""
        if event.rows.id == self.current:
            self._select()
            if self.query_one("#object").display:
                self._paint_object()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Enter: the object in full, or why a moment came about."""
        if event.rows.id == "story":
            self.action_why()
        else:
            self._select()
            if self.selected is not None:
                self.post_message(self.Opened(self.selected, self.mode))

    def on_descendant_focus(self) -> None:
        """A pane that was clicked comes to the front."""
        focused = self.screen.focused
        if focused is not None and focused.id in PANES and focused.id != self.current:
            self.front(focused.id)

    def action_front(self, name: str) -> None:
        """One of the panes, by number."""
        self.front(name)

    def action_pane(self, by: int) -> None:
        """The next pane."""
        self.front(PANES[(PANES.index(self.current) + by) % len(PANES)])

    def action_form(self, mode: str) -> None:
        """Show the selected object in one of its forms."""
        if self.selected is None:
            self.post_message(self.Says("select an object first: 2 pods, 3 nodes, 4 objects"))
            return
        self.mode = mode
        self.front("object")

    def action_why(self) -> None:
        """The chain of causes of what is selected."""
        if self.current == "story" and self.moment is not None:
            self.post_message(self.AskedWhy(self.moment))
        elif self.selected is not None:
            self.post_message(self.AskedWhy(self.selected))
        else:
            self.post_message(
                self.Says("select a moment (1) or an object (2 pods, 3 nodes, 4 objects) first")
            )


def _tab(name: str, *, is_current: bool, short: bool) -> str:
    number = PANES.index(name) + 1
    if is_current:
        return f"▸{number} {TITLES[name]}"
    return f"{number} {TITLES[name][:3]}" if short else f"{number} {TITLES[name]}"
