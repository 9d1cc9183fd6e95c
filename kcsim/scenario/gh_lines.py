"""gh as a person types it about pipelines: ``gh run list``, and ``gh run rerun RUN``.

**Imitates:** cli/cli, pkg/cmd/run/rerun/rerun.go and list/list.go: what a rerun says where it needs a run or may not have it,
and the columns of a list. Runs have no numbers of ten digits here: they count from 1, through all pipelines of a story. A run
is run again as a whole.

**Walk:** a line -> ``read_line`` -> ``entry_of`` makes the entry of the timeline that it stands for, or ``listed`` prints.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kcsim.delivery.ci.runs import Run
from kcsim.delivery.ci.system import CiSystem
from kcsim.engine.clock import SECOND, format_duration
from kcsim.kubectl.layout import columns
from kcsim.scenario.git_lines import BadLine
from kcsim.scenario.model import TimelineEntry

if TYPE_CHECKING:
    from kcsim.scenario.play import Play

VERBS = ("list", "rerun")
_WHOLE = frozenset({"--failed", "--job", "-j", "--debug", "-d"})
_GLYPHS = {"succeeded": "✓", "failed": "X", "canceled": "X", "running": "*", "queued": "*"}


@dataclass(frozen=True, slots=True)
class Line:
    """What is wanted: a list of runs, or one of them (0: none is named) again."""

    verb: str
    run: int = 0


def read_line(text: str) -> Line:
    """A line without the word gh.

    Raises:
        BadLine: it cannot be carried out here.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadLine(f"cannot read the line: {error}") from None
    if words[:1] != ["run"] or len(words) < 2 or words[1] not in VERBS:
        raise BadLine("of gh, `gh run list` and `gh run rerun RUN` are modelled here")
    verb, rest = words[1], words[2:]
    for word in rest:
        if verb == "rerun" and word in _WHOLE:
            raise BadLine(
                f"gh run rerun {word} is not modelled: a run is run again as a whole, gh run rerun RUN"
            )
        if word.startswith("-"):
            raise BadLine(f"gh run {verb} {word} is not modelled here")
    if verb == "list":
        if rest:
            raise BadLine(f"unknown argument {rest[0]!r}; gh run list takes none")
        return Line("list")
    if not rest:
        raise BadLine(
            "`<run-id>` or `--job` required when not running interactively; gh run list shows the runs"
        )
    if len(rest) > 1:
        raise BadLine(f"accepts at most 1 arg(s), received {len(rest)}")
    if not rest[0].isascii() or not rest[0].isdigit():
        raise BadLine(f"{rest[0]!r} is no run; gh run list shows their numbers")
    return Line("rerun", int(rest[0]))


def entry_of(play: Play, text: str, user: str) -> TimelineEntry:
    """The entry of the timeline that a line is, now.

    Raises:
        BadLine: it only looks, there is no such run, or it has not ended.
    """
    line = read_line(text)
    if line.verb == "list":
        raise BadLine("gh run list changes nothing")
    runs = play.world.runs
    if not 0 < line.run <= len(runs):
        here = f"runs here are 1 to {len(runs)}" if runs else "no pipeline has run"
        raise BadLine(f"failed to get run: HTTP 404: Not Found: {here}")
    if not runs[line.run - 1][1].ended:
        raise BadLine(f"run {line.run} cannot be rerun; This workflow is already running")
    return TimelineEntry(at=play.engine.now, as_=user, rerun=line.run)


def listed(play: Play, now: int) -> str:
    """The runs up to an instant (µs), the newest first."""
    rows = [
        _row(run, number, _title(play, system, run), now)
        for number, (system, run) in enumerate(play.world.runs, 1)
        if run.queued_at <= now
    ]
    if not rows:
        return "no runs found\n"
    head = ("STATUS", "TITLE", "WORKFLOW", "BRANCH", "EVENT", "ID", "ELAPSED", "AGE")
    return columns([head, *reversed(rows)])


def _title(play: Play, system: CiSystem, run: Run) -> str:
    """The first line of the commit's message."""
    repository = system.pipelines[run.pipeline].spec.repository
    return play.world.git.repository(repository).get(run.sha).subject


def _row(run: Run, number: int, title: str, now: int) -> tuple[str, ...]:
    begun = run.started_at is not None and run.started_at <= now
    ended = run.finished_at is not None and run.finished_at <= now
    status = run.status if ended else "running" if begun else "queued"
    until = run.finished_at if ended and run.finished_at is not None else now
    took = until - (run.started_at if begun and run.started_at is not None else run.queued_at)
    return (
        f"{_GLYPHS[status]} {status}",
        title,
        run.pipeline,
        run.branch,
        run.event,
        str(number),
        format_duration(took // SECOND * SECOND),
        f"{format_duration((now - run.queued_at) // SECOND * SECOND)} ago",
    )
