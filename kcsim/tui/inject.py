"""The fault palette: what, where, how long, and a last look at the line it adds; to do nothing is always the default.

The faults are those that a scenario file can name (``kcsim.scenario.faults``), so that whatever is injected by key can be
saved and replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kcsim.engine.clock import MINUTE, SECOND, format_duration
from kcsim.scenario.dump import to_data
from kcsim.scenario.faults import COMPONENT_CLIENTS, FAULTS, TARGET_FIELDS
from kcsim.scenario.model import TimelineEntry
from kcsim.simulation.control_plane import COMPONENTS
from kcsim.tui.dialogs import Choice, Choose, confirm
from kcsim.tui.hands import in_words

if TYPE_CHECKING:
    from textual.app import App

    from kcsim.tui.session import Session

DURATIONS = (30 * SECOND, 1 * MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE)
ALL = "(all)"


async def ask(app: App[Any], session: Session) -> TimelineEntry | None:
    """Ask step by step; None when it was cancelled anywhere."""
    kind = await app.push_screen_wait(Choose("Inject a fault", kinds(), "What goes wrong?"))
    if kind is None:
        return None
    fields: dict[str, str] = {}
    for field in (name for name in TARGET_FIELDS if name in {*FAULTS[kind].needs, *FAULTS[kind].takes}):
        options = targets(session, kind, field)
        chosen = await app.push_screen_wait(Choose(f"{kind}: which {field}?", options, FAULTS[kind].summary))
        if chosen is None:
            return None
        if chosen != ALL:
            fields[field] = chosen
    length = await app.push_screen_wait(Choose(f"{kind}: for how long?", durations()))
    if length is None:
        return None
    entry = TimelineEntry(at=session.now, fault=kind, **fields, for_=int(length) or None)  # type: ignore[arg-type]
    note = f"{FAULTS[kind].summary}\n\nThe line it adds to the story:\n{as_line(entry)}"
    sure = await app.push_screen_wait(confirm(f"Inject {in_words(entry)}?", "Inject", note))
    return entry if sure == "yes" else None


def kinds() -> list[Choice]:
    """Every fault, with what it does."""
    return [Choice(name, name, kind.summary.partition(":")[0].rstrip(".")) for name, kind in FAULTS.items()]


def targets(session: Session, kind: str, field: str) -> list[Choice]:
    """What a fault can hit now."""
    whole = [] if field in FAULTS[kind].needs else [Choice(ALL, ALL, f"every {field}")]
    nodes = session.machines()
    if field == "node":
        return [*whole, *(Choice(name, name, _pods_on(session, name)) for name in nodes)]
    if field == "link":
        parts = [
            *nodes,
            *(f"{node} <-> users" for node in nodes),
            *(f"{node} -> control-plane" for node in nodes),
        ]
        return [*whole, *(Choice(name, name) for name in parts)]
    if field == "component":
        return [Choice(name, name) for name in COMPONENTS]
    if field == "client":
        components = [Choice(name, name, "component") for name in COMPONENT_CLIENTS]
        return [*whole, *components, *(Choice(name, name, "the node's kubelet") for name in nodes)]
    return [*whole, *(Choice(name, name) for name in session.repositories())]


def _pods_on(session: Session, node: str) -> str:
    pods = [pod for pod in session.look.objects("pods") if pod["spec"].get("nodeName") == node]
    return f"{len(pods)} pods run there" if len(pods) != 1 else "1 pod runs there"


def durations() -> list[Choice]:
    """How long a fault lasts."""
    spans = [Choice(str(span), format_duration(span)) for span in DURATIONS]
    two = spans.pop(2)
    return [two, *spans, Choice("0", "for good", "until the story ends")]


def as_line(entry: TimelineEntry) -> str:
    """The entry as one line of a scenario's timeline."""
    data: Mapping[str, Any] = to_data(replace(entry, note=""))
    return "- {" + ", ".join(f"{key}: {value}" for key, value in data.items()) + "}"
