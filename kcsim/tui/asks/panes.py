"""What each pane shows: the view models of ``kcsim.views`` put into rows and lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from kcsim.engine.clock import clock_text, format_duration
from kcsim.scenario.expectations import Verdict
from kcsim.simulation.simulation import NotFound
from kcsim.simulation.why import Why, of_record
from kcsim.tui.session import Session
from kcsim.tui.widgets.pager import TextLine, yaml_lines
from kcsim.tui.widgets.rows import Row, RowList
from kcsim.views.concern import Concern, in_short
from kcsim.views.detail import events_of, owner_tree, yaml_text
from kcsim.views.lanes import MARKS
from kcsim.views.look import Look
from kcsim.views.objects import ObjectTable, Ref, object_table
from kcsim.views.states import GLYPHS, State, state_of, state_of_line
from kcsim.views.timeline import Moment

MODES = ("describe", "yaml", "events", "tree", "why")
"""The forms in which one object is shown."""

NARROW = 72
"""Below this width names are cut short."""

WIDE_HEAD = 100
"""From this width on the header has room for counts."""


# The lines above and below the panes.


def head(session: Session, width: int) -> Text:
    """The header: what is played, where in time, how fast."""
    is_past = session.cursor is not None
    line = Text("kcsim " if width >= NARROW else "", style="dim")
    line.append(session.title, style="bold")
    if session.delivery:
        line.append(f" {session.delivery.upper()}")
    line.append(f"  t={clock_text(session.seen)}", style="bold reverse" if is_past else "bold")
    if session.end is not None:
        line.append(f"/{clock_text(session.end)}", style="dim")
    if is_past:
        word = "PAST (read only)" if width >= WIDE_HEAD else "PAST"
    elif session.running:
        word = "▶ running"
    else:
        word = "■ the end" if session.at_end else "‖ paused"
    line.append(f"  {session.speed_text} {word}")
    if width >= WIDE_HEAD:
        line.append(
            f"   records {len(session.simulation.trace):,}   seed {session.simulation.seed}", style="dim"
        )
    if session.hands.deeds and width >= WIDE_HEAD:
        line.append(f"   by hand {len(session.hands.deeds)}", style="dim")
    return line


def why_line(session: Session, width: int) -> Text:
    """The first expectation that is not met, else the first thing that is not right, and what led to it."""
    line = Text("WHY  ", style="bold")
    verdict = session.unmet()
    if verdict is not None:
        line.append(f"{GLYPHS['failed']} {verdict.name}: ", style="bold")
        line.append(verdict.why)
        return line
    concern = session.concern()
    if concern is None:
        line.append("nothing is wrong here", style="dim")
        return line
    line.append(str(concern))
    because = causes(session, concern, width - len(line) - 3)
    if because:
        line.append(f" ← {because}", style="dim")
    return line


# Lists.


def show_story(rows: RowList, session: Session, wanted: str) -> str:
    """The moments up to the instant one looks at; gives the note under the pane."""
    moments = session.moments_seen()
    text = wanted.strip().lower()
    if text:
        hide = text.startswith("!")
        text = text.removeprefix("!")
        moments = [m for m in moments if (text in f"{m.lane} {m.actor} {m.text}".lower()) is not hide]

    def make(place: int) -> Row:
        moment = moments[place]
        lane = f"{MARKS.get(moment.lane, '*')} {moment.lane}"
        state = state_of_line(moment.lane, moment.text)
        return Row((moment.record.seq, moment.text), (clock_text(moment.time), lane, told(moment)), state)

    empty = "nothing has happened yet: space runs the world" if not text else "nothing matches"
    rows.show(
        ("TIME", "LANE", "WHAT"), len(moments), make, key_at=lambda i: moments[i].record.seq, empty=empty
    )
    return f"{len(moments)} moments{f'  /{wanted}' if wanted else ''}"


def told(moment: Moment) -> str:
    """A moment in words; who did it is said where the words leave it open."""
    if moment.lane in {"agent", "api"} and not moment.text.startswith(moment.actor):
        return f"{moment.actor}: {moment.text}"
    return moment.text


def show_objects(
    rows: RowList, look: Look, word: str, wanted: str, namespace: str | None, *, wide: bool
) -> str:
    """The objects of a kind; gives the note under the pane.

    Raises:
        NotFound: there is no such kind.
        BadFilter: the filter cannot be read.
    """
    table = object_table(look, word, wide=wide, wanted=wanted, namespace=namespace)

    def make(place: int) -> Row:
        row = table.row(place)
        return Row(row.ref, row.cells, row.state)

    empty = f"no {table.resource.plural}" + (f" match {wanted!r}" if wanted else " yet")
    rows.show(table.header, len(table), make, key_at=table.ref, empty=empty)
    return _count(table, wanted, namespace)


def _count(table: ObjectTable, wanted: str, namespace: str | None) -> str:
    of = f"{len(table)} of {table.total}" if wanted else str(table.total)
    return of + (f"  -n {namespace}" if namespace else "") + (f"  /{wanted}" if wanted else "")


# One object, in its forms.


def detail(
    session: Session, ref: Ref | None, mode: str, record: int | None
) -> tuple[Sequence[TextLine], str]:
    """What is shown of an object (or of a moment's record), and the note under the pane."""
    if mode == "moment":
        if record is None:
            return [_dim("select a moment in the story")], ""
        return why_lines(session.why_record(record)), f"record {record}"
    if ref is None:
        return [_dim("select an object: 2 pods, 3 nodes, 4 objects")], ""
    if mode == "why":
        try:
            return why_lines(session.why(ref)), ""
        except NotFound as error:
            return [_dim(str(error))], ""
    obj = session.look.find(ref.kind, ref.namespace, ref.name)
    if obj is None:
        when = f"at t={format_duration(session.seen)}" if session.cursor is not None else "any more"
        return [_dim(f"{ref} does not exist {when}; w tells why, [ looks back")], ""
    if mode == "tree":
        return tree_lines(session.look, ref), ""
    if mode == "events":
        lines = event_lines(session.look, ref)
        return lines or [_dim("no events")], f"{len(lines)} events"
    if mode == "describe":
        return describe_lines(session, ref), ""
    return yaml_lines(yaml_text(obj)), ""


def describe_lines(session: Session, ref: Ref) -> list[TextLine]:
    """As ``kubectl describe`` prints it, at the instant one looks at."""
    outcome = session.read(f"describe {ref}" + (f" -n {ref.namespace}" if ref.namespace else ""))
    return [_describe_line(line) for line in outcome.text.rstrip("\n").split("\n")]


def _describe_line(line: str) -> TextLine:
    head, colon, rest = line.partition(":")
    if colon and (not rest or rest.startswith(" ")) and len(head.split()) <= 2:
        return ((f"{head}:", "key"), (rest, ""))
    return ((line, ""),)


def event_lines(look: Look, ref: Ref) -> list[TextLine]:
    """One line an event: when, how often, reason, who, message."""
    obj = look.find(ref.kind, ref.namespace, ref.name)
    if obj is None:
        return []
    lines: list[TextLine] = []
    for event in events_of(look, obj):
        times = f" x{event.count}" if event.count > 1 else ""
        state = "state--failed" if event.type == "Warning" else ""
        lines.append(
            (
                (f"{clock_text(event.time)}  ", "dim"),
                (f"{event.type:<8} {event.reason}{times}", state),
                (f"  {event.source}  ", "dim"),
                (event.message, ""),
            )
        )
    return lines


def tree_lines(look: Look, ref: Ref) -> list[TextLine]:
    """The owner tree that an object stands in, each with its state."""
    lines: list[TextLine] = []
    tables: dict[str, dict[Ref, tuple[State, str]]] = {}
    for branch in owner_tree(look, ref):
        kind = branch.ref.kind
        if kind not in tables:
            tables[kind] = _states(look, kind, ref.namespace)
        state, word = tables[kind].get(branch.ref, ("", ""))
        name = "title" if branch.ref == ref else ""
        glyph: tuple[str, str] = (f"{GLYPHS[state]} ", f"state--{state}" if state else "")
        stem = "   " * (branch.depth - 1) + "└─ " if branch.depth else ""
        lines.append(((stem, "dim"), glyph, (str(branch.ref), name), (f"  {word}", "dim")))
    return lines or [_dim(f"{ref} owns nothing and nothing owns it")]


def _states(look: Look, kind: str, namespace: str) -> dict[Ref, tuple[State, str]]:
    table = object_table(look, kind, namespace=namespace or None)
    found = {}
    for row in table.rows():
        cells = dict(zip(table.header, row.cells, strict=True))
        found[row.ref] = state_of(cells), " ".join(cells[c] for c in ("READY", "STATUS") if c in cells)
    return found


# Why.


def why_lines(why: Why) -> list[TextLine]:
    """A chain of causes, newest first, each step under what it led to."""
    lines: list[TextLine] = []
    last = len(why.links) - 1
    for place, link in enumerate(why.links):
        lead = f"{'  ' * min(place, 8)}{'because ' if place else ''}"
        lines.append(
            (
                (lead, "dim"),
                (f"t={float(link.t):.3f}s ", "dim"),
                (f"{link.actor} ", "key"),
                (f"{link.verb} {link.object}", "title" if place in {0, last} else ""),
            )
        )
        if link.facts:
            lines.append(((" " * len(lead), ""), (link.facts, "dim")))
    return lines


def causes(session: Session, concern: Concern, width: int) -> str:
    """Why something is as it is, in what fits on the line."""
    try:
        why = of_record(concern.record) if concern.record is not None else session.why(concern.ref)
    except NotFound:
        return ""
    return in_short(why, width)


def _dim(text: str) -> TextLine:
    return ((text, "dim"),)


# The score.


def score(session: Session) -> list[TextLine]:
    """How the story stands: what was expected of it, and what was measured."""
    play = session.play
    if play is None:
        return [_dim("a bare cluster has no expectations and no measures")]
    lines: list[TextLine] = []
    if session.cursor is not None:
        lines.append(_dim("The score is that of the present, not of the instant you look at."))
    lines.append((("Expectations", "title"),))
    lines.extend(line for verdict in play.verdicts() for line in _verdict_lines(verdict))
    lines.extend(((("", ""),), (("Measures", "title"),)))
    measures = play.measures()
    width = max(len(measure.title) for measure in measures)
    lines.extend(((f"  {measure.title:<{width}}  ", "key"), (measure.text, "")) for measure in measures)
    return lines


def _verdict_lines(verdict: Verdict) -> list[TextLine]:
    word, state = verdict_state(verdict)
    style = f"state--{state}"
    head: TextLine = ((f"{GLYPHS[state]} {word:<11} ", style), (verdict.name, ""))
    return [head, (("              ", ""), (verdict.why, "dim"))]


def verdict_state(verdict: Verdict) -> tuple[str, State]:
    """How a verdict reads: a word and a state."""
    if verdict.expected == "not judged":
        return "not judged", "done"
    if not verdict.decided:
        return "open", "pending"
    if verdict.passed:
        return ("holds" if verdict.held else "fails, as expected"), "ok"
    return ("fails" if not verdict.held else "holds, unexpected"), "failed"
