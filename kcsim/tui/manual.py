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

Choose a story and under which delivery it is played, then let it run, stop it, break it, look back, and ask why.
It needs a terminal of at least {width}x{height} characters; from {two} columns on it shows a list beside an object, from
{all} on everything at once. `?` lists what can be done wherever you are, and does it.

![A run under Flux: a node has died, and a bad release has arrived](pictures/tui.svg)

## What is on the screen

The **header** says what is played, under which delivery, and where in time you look. The **panes** are numbered: the
story so far, pods, nodes, objects of any kind, one object in full, and the score. The **timeline** has a lane for each
part of the story; click into it, or drag, to look at that instant. **WHY** names the first expectation that is not met,
else the first thing that is not right, and the chain of causes behind it. The **bar** shows the keys that work now.

State is a glyph and a word first, and a colour beside them: {glyphs}. Marks of the lanes: {marks}.

## Time

`space` runs and pauses; `+` and `-` choose the pace ({speeds} virtual seconds a second). `.` steps to the next event that
leaves a trace, `]` jumps to the next change. `[` looks back at the change before and `g` goes to any time. The past is
read only and complete: every table and every object is shown as it was; `esc` returns to now.

## Acting

`i` injects a fault: what, where, for how long, and a last look at the line it adds to the story; the default is always to
do nothing. `:` takes kubectl lines, which are carried out on the simulated cluster by a person called `you`; `tab`
completes and `↑` brings earlier lines back. `e` begins such a line for the selected object and `ctrl+d` deletes it, after
asking. `z` takes the last deed back by playing the world again without it.

Whatever you do becomes an entry of the timeline. `s` saves the story with all of it as a scenario file, and
`kcsim run` replays that file to the same trace, bit for bit.

## Looks

`T` goes through the themes: {themes}.
`NO_COLOR` starts without colour; `TEXTUAL_ANIMATIONS=none` without movement. For screen readers and logs,
`kcsim run STORY` tells the same story as lines of text.

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
    )
    sections = (
        ("Everywhere", KcsimApp.BINDINGS),
        ("Gallery", GalleryScreen.BINDINGS),
        ("Live run", [*RunScreen.BINDINGS, *Board.BINDINGS]),
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
