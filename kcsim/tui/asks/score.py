"""The score card: what was expected and what came, what was measured, and what the person had predicted.

**Walk:** ``questions`` and ``numbers`` before the reveal -> ``predict`` keeps the answers -> ``card`` puts prediction beside
fact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kcsim.scenario.expectations import Verdict
from kcsim.scenario.measure import Measure
from kcsim.scenario.model import Expectation
from kcsim.tui.asks.lines import TextLine, dim
from kcsim.tui.predictions import (
    BadNumber,
    Predictions,
    Said,
    beside,
    came,
    is_number,
    read_number,
    said_text,
)
from kcsim.tui.session import Session
from kcsim.views.states import GLYPHS, State


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to predict: its name, what it says in words, and what people call it."""

    name: str
    text: str
    title: str = ""


def questions(session: Session) -> list[Question]:
    """What a person can say yes or no to: every expectation that is judged in this world and not decided yet."""
    play = session.play
    judged = {v.name for v in session.verdicts() if v.expected != "not judged" and not v.decided}
    return [Question(e.name, _asked(e)) for e in play.scenario.expectations if e.name in judged]


def _asked(expectation: Expectation) -> str:
    words = [expectation.kind, expectation.expression]
    if expectation.after:
        words.append(f"after {expectation.after}")
    text = " ".join(words)
    return f"{expectation.note}\n{text}" if expectation.note else text


def predict(session: Session, holds: dict[str, bool]) -> None:
    """Keep what a person predicts: {expectation: whether it will hold}."""
    said = session.predictions
    session.predictions = Predictions({**said.holds, **holds}, said.numbers)


def numbers(session: Session) -> list[Question]:
    """The measures whose end can still be predicted, each with what is measured and what was said already."""
    if session.at_end:
        return []
    said = session.predictions.numbers
    found = []
    for measure in session.measures():
        if is_number(measure):
            before = said.get(measure.name)
            text = f"you said {said_text(measure, before)}" if before is not None else measure.definition
            found.append(Question(measure.name, text, measure.title))
    return found


def wrong_number(session: Session, name: str, text: str) -> str | None:
    """Why a text is no prediction of a measure; None when it is one."""
    try:
        read_number(_measure(session, name), text)
    except BadNumber as error:
        return str(error)
    return None


def predict_number(session: Session, name: str, text: str) -> str:
    """Keep what a person says that a measure will come to; gives it in words."""
    measure = _measure(session, name)
    said = Said(read_number(measure, text), session.now)
    before = session.predictions
    session.predictions = Predictions(before.holds, {**before.numbers, name: said})
    return f"{measure.title}: {said_text(measure, said)}"


def _measure(session: Session, name: str) -> Measure:
    return next(measure for measure in session.measures() if measure.name == name)


def tally(session: Session) -> str:
    """How much came as the person said; "" when nothing was said."""
    said = session.predictions
    return said.tally(session.verdicts(), session.measures(), over=session.at_end) if said else ""


def card(session: Session) -> list[TextLine]:
    """How the story stands in one world: prediction beside fact."""
    said = session.predictions
    verdicts = session.verdicts()
    lines: list[TextLine] = []
    if session.cursor is not None:
        lines.append(dim("The score is that of the present, not of the instant you look at."))
    if said:
        lines.append((("Predicted  ", "title"), (tally(session), "")))
    elif not session.at_end:
        lines.append(dim("P asks what you predict, before the world tells"))
    lines.append((("Expectations", "title"),))
    if not verdicts:
        lines.append(dim("  this story expects nothing"))
    for verdict in verdicts:
        lines.extend(_verdict_lines(verdict, said.holds.get(verdict.name)))
    lines.extend(((("", ""),), (("Measures", "title"),)))
    lines.extend(_measures(session))
    return lines


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


def _measures(session: Session) -> Iterator[TextLine]:
    measures = session.measures()
    width = max(len(measure.title) for measure in measures)
    for measure in measures:
        yield ((f"  {measure.title:<{width}}  ", "key"), (measure.text, ""))
        said = session.predictions.numbers.get(measure.name)
        if said is not None:
            over = session.at_end
            style = "dim" if not over else "state--ok" if came(measure, said) else "state--pending"
            mark = f"{GLYPHS['ok' if came(measure, said) else 'pending']} " if over else ""
            yield ((f"  {'':<{width}}  ", ""), (f"{mark}{beside(measure, said, over=over)}", style))
