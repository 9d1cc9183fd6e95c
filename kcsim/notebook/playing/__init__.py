"""A world to play in a notebook: play, step, scrub, change the speed, put faults in; and a still picture of it elsewhere.

``player(sim)`` gives a ``Player``. What it does is plain Python (``player.py``) and needs no library; its face in a live
notebook is an anywidget (``widget.py`` with ``player.js``, extra ``notebook``). Everything that a hand does there is a verb of
the façade, so that a world that was played can be forked, asked and told as any other.

**Walk:** a hand presses a button -> ``player.js`` sets ``asked`` -> ``Player.do`` plays the world on -> ``state_of`` says what it
shows now -> ``player.js`` draws it.
"""

from kcsim.notebook.playing.player import Player, player

__all__ = ["Player", "player"]
