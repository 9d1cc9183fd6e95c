"""The tour and the pictures: what the code of a page prints and draws."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from tempfile import TemporaryDirectory

from tools.docs.page import ROOT
from tools.pictures import printed, terminal
from tools.screens import screen

_RUN = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


def tour_page() -> str:
    """docs/tour.md as it stands, each block of text right after a block of Python replaced by what that prints."""
    names: dict[str, object] = {"__name__": "tour"}

    def run(match: re.Match[str]) -> str:
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(match[1], "docs/tour.md", "exec"), names)  # noqa: S102 - our own page
        if match[2] is None:
            return match[0]
        text = "\n".join(line.rstrip() for line in printed.getvalue().strip("\n").splitlines())
        return f"```python\n{match[1]}```\n\n```text\n{text}\n```"

    return _RUN.sub(run, (ROOT / "docs/tour.md").read_text("utf-8"))


def picture_of_a_run() -> str:
    """docs/pictures/drift-at-night.svg."""
    title = "Drift at night: three deliveries, side by side"
    return terminal("kcsim run drift-at-night", title, leave_out=("What happened", "Try next"))


def picture_in_full() -> str:
    """docs/pictures/drift-at-night-in-full.svg."""
    return terminal("kcsim run drift-at-night", "Drift at night, told in full")


def picture_of_why() -> str:
    """docs/pictures/why.svg."""
    with TemporaryDirectory() as folder:
        printed(f"kcsim run drift-at-night --quiet --out {folder}/night")
        shown = terminal(f"kcsim why {folder}/night/flux deployment/web", "Why is it as it is?")
    return shown.replace(f"{folder}/", "")


def picture_of_lanes() -> str:
    """docs/pictures/lanes.svg: what the timeline of a report begins with."""
    from kcsim.scenario.compare import compare
    from kcsim.views.picture import picture_of

    return str(picture_of(compare("bad-release-during-node-failure", ["push", "flux"])))


def picture_of_a_rollout() -> str:
    """docs/pictures/rollout.svg."""
    from kcsim.scenario.play import load
    from kcsim.views.rollout_chart import rollout

    world = load("plain-release", delivery="push")
    world.finish()
    return str(rollout(world, "web", "shop").svg())


def picture_of_three_columns() -> str:
    """docs/pictures/three-way.svg: drift at night, after both changes by hand."""
    from kcsim.scenario.play import load
    from kcsim.views.three_way import three_way

    world = load("drift-at-night", delivery="push")
    world.run_until("45m")
    return str(three_way(world, "deployment/web").svg())


def picture_of_the_tui() -> str:
    """docs/pictures/tui.svg."""
    keys = ["g", "=18m", "2", "end", "d"]
    title = "kcsim tui bad-release-during-node-failure"
    return screen("bad-release-during-node-failure", "flux", keys, (140, 40), title)
