"""The fault palette: what, where, how long, and a last look at its reach and the line it adds; to do nothing is the default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcsim.scenario.model import TimelineEntry
from kcsim.tui.asks import faults
from kcsim.tui.dialogs import Ask, Choose, Read, confirm
from kcsim.tui.hands import in_words

if TYPE_CHECKING:
    from textual.app import App

    from kcsim.tui.link import World


async def ask(app: App[Any], world: World) -> TimelineEntry | None:
    """Ask step by step; None when it was cancelled anywhere."""
    kind = await app.push_screen_wait(
        Choose("Inject a fault", faults.kinds(), "What goes wrong?", search=True)
    )
    if kind is None:
        return None
    hit: dict[str, str] = {}
    for field in faults.fields_of(kind):
        chosen = await _target(app, world, kind, field)
        if chosen is None:
            return None
        if chosen != faults.ALL:
            hit[field], _, space = chosen.partition(" ") if field == "object" else (chosen, "", "")
            if space:
                hit["namespace"] = space
    settings = await _settings(app, world, kind, hit)
    if settings is None:
        return None
    hit.update(settings)
    length = "0"
    if not faults.is_momentary(kind):
        chosen = await app.push_screen_wait(Choose(f"{kind}: for how long?", faults.durations()))
        if chosen is None:
            return None
        length = chosen
    plan = world.ask(faults.plan, kind, hit, int(length) or None)
    if isinstance(plan, str):
        await app.push_screen_wait(Read(f"{kind} cannot be put in", plan))
        return None
    note = "\n".join(
        [plan.summary, "", "Reach:", *plan.reach, "", "The line it adds to the story:", plan.line]
    )
    sure = await app.push_screen_wait(confirm(f"Inject {in_words(plan.entry)}?", "Inject", note))
    return plan.entry if sure == "yes" else None


async def _target(app: App[Any], world: World, kind: str, field: str) -> str | None:
    options = world.ask(faults.targets, kind, field)
    summary = faults.summary(kind)
    if options:
        return await app.push_screen_wait(Choose(f"{kind}: which {field}?", options, summary, search=True))
    return await app.push_screen_wait(Ask(f"{kind}: which {field}?", summary)) or None


async def _settings(app: App[Any], world: World, kind: str, hit: dict[str, str]) -> dict[str, str] | None:
    """What may be said besides: nothing has to be, so enter goes on."""
    offered = {name: text for name, text in faults.settings_of(kind).items() if name not in hit}
    if not offered:
        return {}

    def check(text: str) -> str | None:
        try:
            given = faults.settings_in(text)
        except ValueError as error:
            return str(error)
        unknown = [name for name in given if name not in offered]
        if unknown:
            return f"{kind} takes no {unknown[0]}: {', '.join(map(faults.camel, offered))}"
        found = world.ask(faults.plan, kind, {**hit, **given}, None)
        return found if isinstance(found, str) else None

    note = "\n".join(f"{faults.camel(name)}: {text}" for name, text in offered.items())
    text = await app.push_screen_wait(Ask(f"{kind}: anything else? (enter: no)", note, check=check))
    return None if text is None else faults.settings_in(text)
