"""One object in all its forms, and the owner tree it stands in.

**Walk:** ``tree`` lists the family of an object -> ``form`` shows one of them: described, as YAML in the colours of its
managers, as the difference of git, last applied and live, its events, its history, its owners.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from kcsim.engine.clock import clock_text, format_duration
from kcsim.simulation.finding import NotFound
from kcsim.tui.asks.lines import MANAGER_STYLES, TextLine, dim, yaml_lines
from kcsim.tui.asks.pages import Page, Row, Want, listed
from kcsim.tui.asks.panes import States, describe_lines, event_lines, tree_lines
from kcsim.tui.session import Session
from kcsim.views.detail import owner_tree
from kcsim.views.history import Field, changes, sides_of, version_at
from kcsim.views.managers import managers_of, owned_lines
from kcsim.views.moments import short_actor
from kcsim.views.objects import Ref

FORMS = ("describe", "yaml", "diff", "events", "history", "tree")
"""In the order of the tabs."""

MANAGER_MARKS = "abcdef"
"""A letter beside the colour: colour says nothing alone."""


def form(session: Session, ref: Ref | None, mode: str, width: int = 100) -> tuple[Sequence[TextLine], str]:
    """What is shown of an object in ``width`` columns, and the note under the pane."""
    if ref is None:
        return [dim("select an object: 2 pods, 3 nodes, 4 objects")], ""
    if mode == "history":
        return _history(session, ref)
    if mode == "diff":
        return _diff(session, ref, width)
    if session.look.find(ref.kind, ref.namespace, ref.name) is None:
        when = f"at t={format_duration(session.seen)}" if session.cursor is not None else "any more"
        return [dim(f"{ref} does not exist {when}; w tells why, [ looks back")], ""
    return _FORMS[mode](session, ref)


def _tree(session: Session, ref: Ref) -> tuple[Sequence[TextLine], str]:
    return tree_lines(session.look, ref), ""


def _events(session: Session, ref: Ref) -> tuple[Sequence[TextLine], str]:
    lines = event_lines(session.look, ref)
    return lines or [dim("no events")], f"{len(lines)} events"


def _describe(session: Session, ref: Ref) -> tuple[Sequence[TextLine], str]:
    return describe_lines(session, ref), ""


def _yaml(session: Session, ref: Ref) -> tuple[Sequence[TextLine], str]:
    """Each line in the colour of the manager of its field, with the manager's letter before it."""
    obj = _with_managers(session, ref)
    managers = list(dict.fromkeys(manager.name for manager in managers_of(obj)))
    place = {name: min(number, len(MANAGER_STYLES) - 1) for number, name in enumerate(managers)}
    lines: list[TextLine] = []
    for name in managers:
        how = ", ".join(dict.fromkeys(str(m).partition(" ")[2] for m in managers_of(obj) if m.name == name))
        lines.append(((f"{MANAGER_MARKS[place[name]]}  # {name} {how}", MANAGER_STYLES[place[name]]),))
    for line in owned_lines(obj):
        if not line.managers:
            lines.append((("   ", ""), *yaml_lines(line.text)[0]))
            continue
        marks = "".join(MANAGER_MARKS[place[name]] for name in line.managers)[:2]
        lines.append(((f"{marks:<2} ", "dim"), (line.text, MANAGER_STYLES[place[line.managers[-1]]])))
    return lines, f"{len(managers)} managers"


def _with_managers(session: Session, ref: Ref) -> Any:
    """The object with its managedFields as of the instant looked at."""
    version = version_at(session.look, session.play, ref)
    assert version is not None, "the caller has found the object"
    return session.play.cluster().server.ownership.shown(version)


_FORMS: dict[str, Callable[[Session, Ref], tuple[Sequence[TextLine], str]]] = {
    "describe": _describe,
    "yaml": _yaml,
    "events": _events,
    "tree": _tree,
}


# The three sides.


def _diff(session: Session, ref: Ref, room: int) -> tuple[Sequence[TextLine], str]:
    """Git, last applied and live, field by field; those that differ first, each side in its column."""
    try:
        sides = sides_of(session.look, session.play, ref)
    except NotFound as error:
        return [dim(str(error))], ""
    if not sides.fields:
        return [dim(f"neither git nor an apply names {ref}: nobody says how it should be")], ""
    room -= 6
    width = min(max(len(each.path) for each in sides.fields), max(20, room * 2 // 5))
    column = max(8, (room - width - 6) // 3)
    heads = (f"git {sides.git}".rstrip(), "last applied", "live")
    lines: list[TextLine] = [
        (
            (f"  {'FIELD':<{width}}  ", "title"),
            *((f"{_cell(head, column):<{column}}  ", "title") for head in heads),
        )
    ]
    order = sorted(sides.fields, key=lambda field: not field.differs)
    lines.extend(_sides(each, width, column) for each in order)
    differing = sum(each.differs for each in sides.fields)
    lines.append(dim(""))
    lines.append(dim(f"last applied by {sides.applied}" if sides.applied else "nobody has applied it"))
    if not sides.git:
        lines.append(dim("git does not name this object"))
    return lines, f"{differing} of {len(sides.fields)} fields differ"


def _sides(field: Field, width: int, column: int) -> TextLine:
    style = "state--failed" if field.differs else "dim"
    mark = "≠ " if field.differs else "  "
    git, applied = (f"{_cell(_text(value), column):<{column}}  " for value in (field.git, field.applied))
    plain = "" if field.differs else "dim"
    return (
        (f"{mark}{_cut(field.path, width):<{width}}  ", "key" if field.differs else "dim"),
        (git, plain),
        (applied, plain),
        (_cell(_text(field.live), column), style),
    )


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cell(text: str, width: int) -> str:
    return _cut(" ".join(text.split()), width)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"…{text[-(width - 1) :]}"


# History.


def _history(session: Session, ref: Ref) -> tuple[Sequence[TextLine], str]:
    """Newest first: when, who, what they did, and the fields they changed; runs of status writes are folded."""
    try:
        found = changes(session.look, session.play, ref)
    except NotFound as error:
        return [dim(str(error))], ""
    lines: list[TextLine] = []
    folded = 0
    for place, change in enumerate(found):
        following = found[place + 1] if place + 1 < len(found) else None
        same = following is not None and (following.actor, following.verb) == (change.actor, change.verb)
        if change.status_only and same and following is not None and following.status_only and place:
            folded += 1
            continue
        times = f"  and {folded} more like it before" if folded else ""
        folded = 0
        lines.append(
            (
                (f"{clock_text(change.time)}  ", "dim"),
                (f"{short_actor(change.actor)} ", "key"),
                (change.verb, "dim" if change.status_only else "title"),
                (times, "dim"),
            )
        )
        shown = change.fields[:6]
        lines.extend(((("          ", ""), (text, "dim" if change.status_only else ""))) for text in shown)
        if len(change.fields) > len(shown):
            lines.append(dim(f"          and {len(change.fields) - len(shown)} fields more"))
    return lines or [dim(f"{ref} has never existed")], f"{len(found)} writes"


# The tree.


def tree(session: Session, ref: Ref, want: Want) -> Page:
    """The owner tree that an object stands in, or the object alone, as rows."""
    look = session.look
    states = States(look)
    rows = []
    for branch in owner_tree(look, ref):
        state, word = states.of(branch.ref)
        stem = "   " * (branch.depth - 1) + "└─ " if branch.depth else ""
        rows.append(Row(branch.ref, (f"{stem}{branch.ref}", word), state))
    if not rows:
        state, word = states.of(ref)
        rows = [Row(ref, (str(ref), word), state)]
    return listed(want, ("OBJECT", "STATUS"), rows, note=f"{len(rows)} objects")


def owner(session: Session, ref: Ref) -> Ref | None:
    """Whoever controls an object; None when nobody does."""
    branches = owner_tree(session.look, ref)
    place = next((i for i, branch in enumerate(branches) if branch.ref == ref), 0)
    for branch in reversed(branches[:place]):
        if branch.depth < branches[place].depth:
            return branch.ref
    return None
