"""docs/tui.md, made from the bindings: what the terminal UI is, and every key that works in it."""

from __future__ import annotations

from kcsim.tui.app import HEIGHT_MIN, WIDTH_MIN, KcsimApp
from kcsim.tui.base import ALL, TWO
from kcsim.tui.board import Board
from kcsim.tui.compare import CompareScreen
from kcsim.tui.explain import ExplainScreen
from kcsim.tui.explorer import ExplorerScreen
from kcsim.tui.gallery import GalleryScreen
from kcsim.tui.keys import table
from kcsim.tui.lesson import LessonScreen
from kcsim.tui.link import FRAMES
from kcsim.tui.network import NetworkScreen
from kcsim.tui.run import RunScreen
from kcsim.tui.scrubber import ScrubberScreen
from kcsim.tui.session import SPEEDS
from kcsim.tui.themes import THEMES
from kcsim.tui.widgets.command_line import CommandLine
from kcsim.tui.widgets.heatmap import HeatMap
from kcsim.tui.widgets.pager import Pager
from kcsim.tui.widgets.rows import RowList
from kcsim.views.lanes import MARKS, ORDER
from kcsim.views.states import GLYPHS

_HEAD = """\
# The terminal interface

    kcsim tui                       the gallery
    kcsim tui drift-at-night        one story, opened at once
    kcsim tui my-story.yaml -d flux --seed 3
    kcsim tui --web                 the same in a browser, on this machine only (needs kcsim[web])
    kcsim run drift-at-night --plain --follow    the same story as lines of text

Choose a story and under which delivery it is played, then let it run, stop it, break it, look back, ask why, and try the
other way. In the gallery `space` previews a story: it is played to its end out of sight, and its timeline drawn. It needs a terminal of at least {width}x{height} characters; from {two} columns on it shows a list beside an
object, from {all} on everything at once. `?` lists what can be done wherever you are, and does it; `ctrl+p` finds the same
by name.

![A run under Flux: a node has died, and a bad release has arrived](pictures/tui.svg)

## What is on the screen

The **header** says what is played, under which delivery, and where in time you look. The **panes** are numbered: the
story so far, pods, nodes, objects of any kind, one object in full, and the score. The **timeline** has a lane for each
part of the story; click into it, or drag, to look at that instant. **WHY** names the first expectation that is not met,
else the first thing that is not right, and the chain of causes behind it. The **bar** shows the keys that work now.

State is a glyph and a word first, and a colour beside them: {glyphs}. Marks of the lanes: {marks}.

## Time

`space` runs and pauses; `+` and `-` choose the pace ({speeds} virtual seconds a second). `.` steps to the next event that
leaves a trace, `,` back to the one before, `]` jumps to the next change. `[` looks back at the change before and `g` goes
to any time. The past is read only and complete: every table and every object is shown as it was; `esc` returns to now.

`t` shows the **timeline in full**: the lanes of every open world, zoom with `+`, `-` or the wheel, a cursor to drag or move
with the arrows, bookmarks with `m`, and where branches leave.

## Branches

`f` **forks** the world at the instant you look at: a branch with a name, the same past to the byte, and a future of its own.
`b` lists deliveries and branches and switches. `c` **compares** two or three of them on one clock: what is the case in each,
what happened in which, measures side by side. What differs is lit and marked `≠`; `]` jumps to the next divergence, and `w`
says where the first two part and why.

## Asking

`w` opens **why**: the chain of causes of an object's last change, or of a moment, back to a commit, a person, a fault or a
clock. `p` finds out what would have prevented it: the world is played again without each origin that somebody could have
left undone, and the list says what became of the thing there. `f` forks just before any step, or opens such a world.

`enter` on an object opens the **explorer**: its owners and what it owns, described, as YAML with each line in the colour and
letter of the manager of its field, git against last applied against live, events, and who changed it when. `n` shows the
**network**: what is connected to what, a heat map of the nodes (`M` changes the measure), and with `r` the path of a request,
station by station.

`P` asks for **predictions** before the world tells: which expectations hold, and what any measure will come to (`90`, `1m30s`,
`never`). The score (`6`) puts them beside what came, with by how much they were off.

## Acting

`i` injects a fault: which, where, how long, anything else it takes, and a last look at whom it reaches and at the line it
adds to the story; the default is always to do nothing. `:` takes whole lines, which are carried out on the simulated world
by a person called `you`: kubectl, flux, argocd where it is installed, git (`git log`, `git show`, `git diff`,
`git revert HEAD`, `sed -i 's/OLD/NEW/' FILE && git commit -am "MESSAGE"`) and gh (`gh run list`, `gh run rerun RUN`). `tab` completes and `↑` brings earlier lines
back. `e` begins such a line for the selected object and `ctrl+d` deletes it, after asking. `z` takes the last deed back by
playing the world again without it.

Whatever you do becomes an entry of the timeline. `s` saves the story with all of it as a scenario file, and
`kcsim run` replays that file to the same trace, bit for bit. `x` exports the screen or the lanes as SVG, an object or the story as YAML,
the result as JSON, the trace as JSON lines.

## Looks

`T` goes through the themes: {themes}.
`NO_COLOR` starts without colour; `TEXTUAL_ANIMATIONS=none` without movement. For screen readers and logs,
`kcsim run STORY --plain --follow` tells the same story as lines of text, one fact a line.

## Two processes

The worlds of a story run in a process of their own, so that keys are answered while a world runs at full speed. The screen
asks it questions, {frames} times a second while a world runs; everything it shows is plain data that came back. While it paints,
the world waits and answers, and painting then rests nineteen times as long as it took, so that watching costs less than a
tenth of the speed. If that process breaks, another one plays every world again from its record and the screen says so. If
the screen breaks, the terminal is as before, and what was done by hand and not saved is written to
`STORY-WORLD-rescued.yaml`. So it is when a signal asks for the end (exit code 128 and its number) or the terminal is closed.
However it ends, no process is left behind.

`kcsim tui --web` serves the screen to browsers on 127.0.0.1, each visitor in a process of their own. It has no login, so it
answers only its own page on this machine.

## When something goes wrong

A story with faults is shown with file, line and remedy, and the gallery stays: mend the file and open it again. Without a
terminal, or on one that is too small, `kcsim tui` says so in one line and exits with 2. If the world itself breaks, which
is a defect of kcsim, the screen tells where, and the record so far can still be looked at and saved.

## Keys

"""


def page() -> str:
    """The page."""
    head = _HEAD.format(
        width=WIDTH_MIN,
        height=HEIGHT_MIN,
        two=TWO,
        all=ALL,
        glyphs=", ".join(f"`{glyph}` {state}" for state, glyph in GLYPHS.items() if state),
        marks=", ".join(f"`{MARKS[lane]}` {lane}" for lane in ORDER),
        speeds=", ".join(str(speed) if speed is not None else "or as many as it can" for speed in SPEEDS),
        themes=", ".join(f"`{theme.name}`" for theme in THEMES),
        frames=FRAMES,
    )
    sections = (
        ("Everywhere", KcsimApp.BINDINGS),
        ("Gallery", GalleryScreen.BINDINGS),
        ("Live run", [*RunScreen.BINDINGS, *Board.BINDINGS]),
        ("Lesson", LessonScreen.BINDINGS),
        ("Compare", CompareScreen.BINDINGS),
        ("Timeline", ScrubberScreen.BINDINGS),
        ("Object", ExplorerScreen.BINDINGS),
        ("Why", ExplainScreen.BINDINGS),
        ("Network", [*NetworkScreen.BINDINGS, *HeatMap.BINDINGS]),
        ("Lists", RowList.BINDINGS),
        ("Texts", Pager.BINDINGS),
        ("Command bar", CommandLine.BINDINGS),
    )
    return head + table(sections)
