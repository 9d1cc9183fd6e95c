"""The player's face: an anywidget, two dicts that travel between Python and ``player.js``. Needs the extra ``notebook``."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

if TYPE_CHECKING:
    from kcsim.notebook.playing.player import Player


class Face(anywidget.AnyWidget):
    """What is seen and pressed.

    Attributes:
        state: what to show; ``answered`` is the number of the last request that it answers.
        asked: what a hand asks for, with a number of its own in ``n``.
    """

    _esm = files(__package__).joinpath("player.js").read_text("utf-8")
    _css = files(__package__).joinpath("player.css").read_text("utf-8")
    settings = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    asked = traitlets.Dict().tag(sync=True)


def face(player: Player) -> Face:
    """The face of a player; what is pressed there is done in its world."""
    made = Face(settings=player.settings(), state={**player.state(), "answered": 0}, asked={})

    def done(change: dict[str, Any]) -> None:
        asked = change["new"]
        if asked:
            player.do(asked)
            made.state = {**player.state(), "answered": asked["n"]}

    made.observe(done, names="asked")
    return made
