"""Questions and answers over a screen: choose, ask, confirm, read, help. Escape always means no.

Each is a modal screen that is dismissed with its answer, None for none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from kcsim.tui.asks.choices import Choice
from kcsim.tui.asks.lines import TextLine, plain
from kcsim.tui.widgets.pager import Pager


class Choose(ModalScreen[str | None]):
    """One of several; the first is the default. With ``search``, typing narrows the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", priority=True),
        Binding("down", "down", "Down", show=False, priority=True),
        Binding("up", "up", "Up", show=False, priority=True),
        Binding("j", "down", "Down", show=False),
        Binding("k", "up", "Up", show=False),
        Binding("question_mark", "help", "Help", show=False),
    ]

    def __init__(
        self, title: str, choices: Sequence[Choice], note: str = "", *, search: bool = False
    ) -> None:
        super().__init__()
        self._title = title
        self._choices = list(choices)
        self._shown = self._choices
        self._note = note
        self._search = search and len(self._choices) > 1

    def compose(self) -> ComposeResult:
        """Title, note, the choices, and the keys."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            if self._note:
                yield VerticalScroll(Static(Text(self._note)), classes="note", can_focus=False)
            if self._search:
                yield Input(placeholder="type to search")
            yield OptionList(*(Option(self._line(choice)) for choice in self._choices))
            hint = "type to search   " if self._search else ""
            yield Static(Text(f"{hint}enter choose   ↑↓ move   esc cancel"), classes="keys")

    def on_mount(self) -> None:
        """The first is the default."""
        options = self.query_one(OptionList)
        options.highlighted = 0
        if not self._search:
            options.focus()

    def _line(self, choice: Choice) -> Text:
        width = min(28, max(len(c.label) for c in self._choices))
        line = Text(f"{choice.label:<{width}}", style="bold")
        if choice.meaning:
            line.append(f"  {choice.meaning}", style="not bold")
        return line

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show those that match."""
        words = event.value.lower().split()
        self._shown = [
            c for c in self._choices if all(word in f"{c.label} {c.meaning}".lower() for word in words)
        ]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(self._line(choice)) for choice in self._shown)
        options.highlighted = 0 if self._shown else None

    def on_input_submitted(self) -> None:
        """The one under the cursor."""
        place = self.query_one(OptionList).highlighted
        if place is not None and self._shown:
            self.dismiss(self._shown[place].value)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The answer."""
        self.dismiss(self._shown[event.option_index].value)

    def action_cancel(self) -> None:
        """No answer."""
        self.dismiss(None)

    def action_down(self) -> None:
        """The next choice."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """The choice before."""
        self.query_one(OptionList).action_cursor_up()

    def action_help(self) -> None:
        """What can be done here stands at the bottom of the dialog."""
        self.notify("Choose with ↑ ↓ and enter; esc changes nothing.", timeout=4)


def confirm(title: str, yes: str, note: str) -> Choose:
    """A question whose default is to do nothing; answers "yes" or None or "no"."""
    return Choose(title, [Choice("no", "Cancel", "change nothing"), Choice("yes", yes)], note)


class Ask(ModalScreen[str | None]):
    """A line of text; ``check`` says what is wrong with it before it is taken."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(
        self, title: str, note: str, value: str = "", check: Callable[[str], str | None] = lambda _text: None
    ) -> None:
        super().__init__()
        self._title = title
        self._note = note
        self._value = value
        self._check = check

    def compose(self) -> ComposeResult:
        """Note, the line, what is wrong with it, and the keys."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield Static(Text(self._note), classes="note")
            yield Input(self._value)
            yield Static("", classes="fault")
            yield Static(Text("enter take it   esc cancel"), classes="keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it, or say what is wrong."""
        fault = self._check(event.value)
        if fault is None:
            self.dismiss(event.value)
        else:
            self.query_one(".fault", Static).update(Text(fault))

    def action_cancel(self) -> None:
        """No answer."""
        self.dismiss(None)


class Read(ModalScreen[None]):
    """A text to read: what a command printed, what is wrong with a scenario, why the world stopped."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Close"),
        Binding("question_mark", "close", "Close", show=False),
    ]

    def __init__(self, title: str, text: str | Sequence[TextLine]) -> None:
        super().__init__()
        self._title = title
        self._text = plain(text.rstrip("\n")) if isinstance(text, str) else text

    def compose(self) -> ComposeResult:
        """The text and the keys."""
        with Vertical(classes="dialog -wide") as dialog:
            dialog.border_title = self._title
            yield Pager()
            yield Static(Text("↑↓ scroll   esc close"), classes="keys")

    def on_mount(self) -> None:
        """Show it."""
        self.query_one(Pager).show(self._text, wrap=True)

    def action_close(self) -> None:
        """Back to where one was."""
        self.dismiss(None)


@dataclass(frozen=True, slots=True)
class Doable:
    """Something that can be done now: its key, what it does, and the action that does it."""

    key: str
    label: str
    meaning: str
    action: str
    namespace: object


class Help(ModalScreen[Doable | None]):
    """Everything that can be done now, searchable; enter does it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark", "cancel", "Close", priority=True),
        Binding("down", "down", "Down", show=False, priority=True),
        Binding("up", "up", "Up", show=False, priority=True),
    ]

    def __init__(self, doables: Sequence[Doable]) -> None:
        super().__init__()
        self._all = list(doables)
        self._shown = self._all

    def compose(self) -> ComposeResult:
        """The search line, the list, and the keys."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "What can be done here"
            yield Input(placeholder="type to search")
            yield OptionList()
            yield Static(Text("enter do it   ↑↓ move   esc close"), classes="keys")

    def on_mount(self) -> None:
        """Show all of them."""
        self._list("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show those that match."""
        self._list(event.value)

    def on_input_submitted(self) -> None:
        """Do the one under the cursor."""
        place = self.query_one(OptionList).highlighted
        self.dismiss(self._shown[place] if place is not None and self._shown else None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Do it."""
        self.dismiss(self._shown[event.option_index])

    def action_cancel(self) -> None:
        """Do nothing."""
        self.dismiss(None)

    def action_down(self) -> None:
        """The next one."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """The one before."""
        self.query_one(OptionList).action_cursor_up()

    def _list(self, wanted: str) -> None:
        words = wanted.lower().split()
        self._shown = [
            d for d in self._all if all(w in f"{d.key} {d.label} {d.meaning}".lower() for w in words)
        ]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(_help_line(doable)) for doable in self._shown)
        if self._shown:
            options.highlighted = 0


def _help_line(doable: Doable) -> Text:
    line = Text(f"{doable.key:>9}  ", style="bold")
    line.append(doable.meaning or doable.label, style="not bold")
    return line
