"""Keys: how a binding is written here, and the page of keys that is made from the bindings.

Every binding says in a few words what it does: the key bar shows the short word, help and docs/tui.md the sentence.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding, BindingType

_NAMES = {
    "full_stop": ".",
    "comma": ",",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "colon": ":",
    "slash": "/",
    "question_mark": "?",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}


def key(
    keys: str, action: str, label: str, meaning: str, *, bar: bool = False, priority: bool = False
) -> Binding:
    """A binding.

    Args:
        keys: the keys, with commas between.
        action: what is called.
        label: one or two words for the key bar.
        meaning: a sentence for help.
        bar: whether it is shown on the bar.
        priority: whether it comes before the keys of the widget that has the focus.
    """
    shown = _name(keys.split(",", maxsplit=1)[0])
    return Binding(keys, action, label, show=bar, key_display=shown, priority=priority, tooltip=meaning)


def _name(name: str) -> str:
    return _NAMES.get(name, name)


def table(sections: Iterable[tuple[str, Iterable[BindingType]]]) -> str:
    """The page of keys as Markdown: a section for each screen, a row for each thing one can do."""
    lines: list[str] = []
    for title, bindings in sections:
        lines += [f"### {title}", "", "| key | what it does |", "|---|---|"]
        lines += [
            f"| {' '.join(f'`{_name(name)}`' for name in binding.key.split(','))} | {binding.tooltip} |"
            for binding in bindings
            if isinstance(binding, Binding)
        ]
        lines.append("")
    return "\n".join(lines)
