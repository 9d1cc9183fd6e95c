"""The score card: what was expected and what came, what was measured, and what the person had predicted.

**Walk:** ``questions`` before the reveal -> ``predict`` keeps the answers -> ``card`` puts prediction beside fact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kcsim.scenario.expectations import Verdict
from kcsim.scenario.model import Expectation
from kcsim.tui.asks.lines import TextLine, dim
from kcsim.tui.session import Session
from kcsim.tui.worlds import Worlds
from kcsim.views.states import GLYPHS, State


@dataclass(frozen=True, slots=True)
class Question:
    """One expectation to predict: its name, and what it says in words."""

    name: str
    text: str


def questions(worlds: Worlds, name: str) -> list[Question]:
    """What a person can predict of a world: every expectation that is judged in it and not decided yet."""
    play = worlds[name].play
    judged = {v.name for v in play.verdicts() if v.expected != "not judged" and not v.decided}
    return [Question(e.name, _asked(e)) for e in play.scenario.expectations if e.name in judged]


def _asked(expectation: Expectation) -> str:
    words = [expectation.kind, expectation.expression]
    if expectation.after:
        words.append(f"after {expectation.after}")
    text = " ".join(words)
    return f"{expectation.note}\n{text}" if expectation.note else text


def predict(worlds: Worlds, name: str, guesses: dict[str, bool]) -> None:
    """Keep what a person predicts: {expectation: whether it will hold}."""
    worlds.guesses[name] = guesses


def card(worlds: Worlds, name: str) -> list[TextLine]:
    """How the story stands in one world."""
    session = worlds[name]
    guesses = worlds.guesses.get(name, {})
    verdicts = session.verdicts()
    lines: list[TextLine] = []
    if session.cursor is not None:
        lines.append(dim("The score is that of the present, not of the instant you look at."))
    if guesses:
        lines.append(_tally(verdicts, guesses))
    lines.append((("Expectations", "title"),))
    if not verdicts:
        lines.append(dim("  this story expects nothing"))
    elif not guesses and any(not v.decided for v in verdicts):
        lines.append(dim("  P asks what you predict, before the world tells"))
    for verdict in verdicts:
        lines.extend(_verdict_lines(verdict, guesses.get(verdict.name)))
    lines.extend(((("", ""),), (("Measures", "title"),)))
    lines.extend(_measures(session))
    return lines


def _tally(verdicts: Sequence[Verdict], guesses: dict[str, bool]) -> TextLine:
    told = [v for v in verdicts if v.decided and v.name in guesses]
    right = sum(guesses[v.name] == v.held for v in told)
    open_ = len(guesses) - len(told)
    more = f", {open_} still open" if open_ else ""
    return (("Predicted  ", "title"), (f"{right} of {len(told)} came as you said{more}", ""))


def _verdict_lines(verdict: Verdict, guess: bool | None) -> list[TextLine]:
    word, state = verdict_state(verdict)
    style = f"state--{state}"
    lines: list[TextLine] = [((f"{GLYPHS[state]} {word:<11} ", style), (verdict.name, ""))]
    lines.append((("              ", ""), (verdict.why, "dim")))
    if guess is not None:
        said = "holds" if guess else "does not hold"
        if not verdict.decided:
            lines.append((("              ", ""), (f"you said: {said}", "key")))
        else:
            came = guess == verdict.held
            mark, style = ("as it came", "state--ok") if came else ("it came otherwise", "state--pending")
            lines.append((("              ", ""), (f"you said: {said}, ", "key"), (mark, style)))
    return lines


def verdict_state(verdict: Verdict) -> tuple[str, State]:
    """How a verdict reads: a word and a state."""
    if verdict.expected == "not judged":
        return "not judged", "done"
    if not verdict.decided:
        return "open", "pending"
    if verdict.passed:
        return ("holds" if verdict.held else "fails, as expected"), "ok"
    return ("fails" if not verdict.held else "holds, unexpected"), "failed"


def _measures(session: Session) -> list[TextLine]:
    measures = session.measures()
    width = max(len(measure.title) for measure in measures)
    return [((f"  {measure.title:<{width}}  ", "key"), (measure.text, "")) for measure in measures]
