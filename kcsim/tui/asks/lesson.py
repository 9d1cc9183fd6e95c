"""A lesson in the worlds of a story: the reveal, the checks, the chains. Plain data, so that it works across processes."""

from __future__ import annotations

from kcsim.scenario import lessons
from kcsim.scenario.lessons import Outcome, Score, Truth
from kcsim.scenario.play import Play
from kcsim.tui.asks.lines import TextLine, dim
from kcsim.tui.session import Session
from kcsim.tui.worlds import NAMELESS, Worlds


def reveal(worlds: Worlds) -> tuple[Truth, ...]:
    """What comes when nobody lays a hand on the story."""
    return lessons.untouched(worlds.scenario)


def check(worlds: Worlds) -> tuple[tuple[Outcome, ...], tuple[Score, ...]]:
    """Play the world of each delivery to its end, opened where it was not, judge them, and say how well."""
    plays = _plays(worlds)
    for name in plays:
        session = worlds[name or NAMELESS]
        session.look_at(None)
        session.play.finish()
    return lessons.outcomes(worlds.scenario, plays), lessons.scores(worlds.scenario, plays)


def chains(worlds: Worlds) -> tuple[tuple[str, str], ...]:
    """The causal chains of the debrief."""
    plays = _plays(worlds)
    lessons.finish(plays)
    return lessons.chains(worlds.scenario, plays)


def again(worlds: Worlds) -> None:
    """Every delivery's world at its beginning; branches go."""
    worlds.sessions.clear()
    _plays(worlds)


def _plays(worlds: Worlds) -> dict[str, Play]:
    """{delivery: world}, "" for a story without deliveries; opened where they are not yet."""
    names = tuple(worlds.scenario.deliveries) or ("",)
    for name in names:
        if (name or NAMELESS) not in worlds.sessions:
            worlds.open(name)
    return {name: worlds[name or NAMELESS].play for name in names}


def next_stop(session: Session) -> int | None:
    """The next instant (µs) at which the learner can act; None when there is none."""
    return session.next_stop if session.next_stop <= session.end else None


# What is shown.


def outcome_lines(outcomes: tuple[Outcome, ...]) -> list[TextLine]:
    """The checks, one after the other, with what to think of where one did not pass."""
    lines: list[TextLine] = []
    for outcome in outcomes:
        mark, style = ("o passed", "state--ok") if outcome.passed else ("x failed", "state--failed")
        under = f" under {outcome.delivery}" if outcome.delivery else ""
        lines.append(((f"{mark}  ", style), (f"{outcome.check}{under}", "key")))
        lines.append(dim(f"          {outcome.why}"))
        if not outcome.passed and outcome.note:
            lines.append(((f"          {outcome.note}", ""),))
    return lines
