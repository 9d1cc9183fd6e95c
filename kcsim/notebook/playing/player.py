"""The player: a world, the verbs that its buttons stand for, and how it looks where it cannot be played."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from kcsim.engine.clock import seconds
from kcsim.engine.extras import MissingExtra, needed
from kcsim.engine.shown import Shown
from kcsim.notebook.html import line, note, page
from kcsim.notebook.playing.state import at, faults, horizon, state_of, title_of
from kcsim.simulation.inputs import NotReplayable
from kcsim.simulation.simulation import Simulation, Time
from kcsim.views.moments import short_actor
from kcsim.views.picture import picture_of

EXTRA = "kcsim[notebook]"
SPEEDS = (1, 10, 60, 300)
"""Virtual seconds that may pass in a second."""
VIEW = "application/vnd.jupyter.widget-view+json"


class Player(Shown):
    """A world that a notebook can play.

    Attributes:
        sim: the world as it is played now; to put a fault into the past, or to step on from there, makes a fork of it.
        speed: virtual seconds that pass in a second, at the start.
        said: what became of the last thing that was asked.
        wrong: whether that could not be done.
    """

    def __init__(self, sim: Simulation, speed: float = 60) -> None:
        """`speed` as above.

        Raises:
            TypeError: this is no world.
            ValueError: time would stand still, or run backwards.
        """
        if not isinstance(sim, Simulation):
            raise TypeError(
                f"a player plays one world, not {type(sim).__name__}: give what kcsim.load() or twins['flux'] gave"
            )
        if isinstance(speed, bool) or not isinstance(speed, int | float) or not speed > 0:
            raise ValueError(f"speed must be a number above 0, virtual seconds a second, not {speed!r}")
        self.sim = sim
        self.speed = speed
        self.said = ""
        self.wrong = False

    # What its buttons do.

    def run_until(self, until: Time) -> None:
        """Play on to an instant; nothing happens when it has come already.

        Raises:
            ValueError: it lies beyond the end of the story.
        """
        when = seconds(until)
        if when > self.sim.engine.now:
            self.sim.run_until(until)
        self._say(f"{at(self.sim.now)}: the story is over" if getattr(self.sim, "over", False) else "")

    def step(self) -> None:
        """Play on to the next instant at which something changes that one can see, or to where the lanes end."""
        left = horizon(self.sim) - self.sim.engine.now
        if left <= 0:
            self._say(f"{at(self.sim.now)}: the story is over")
            return
        change = self.sim.next_change(limit=left / 1_000_000)
        seen = "; ".join(f"{short_actor(r.actor)} {r.verb} {r.subject}" for r in change.records)
        self._say(f"{at(change.time)}: {seen or 'nothing changed until then'}")

    def inject(
        self, kind: str, target: str = "", duration: Time | None = None, when: Time | None = None
    ) -> None:
        """Put a fault in: now, or at an instant of the past, from which on another world is played.

        Args:
            kind, target, duration: as for ``Simulation.inject``.
            when: the instant; the world itself stays as it was, ``sim`` is its fork from there.

        Raises:
            FaultError: an unknown kind or target.
            ValueError: the instant has not come yet.
            NotReplayable: the world cannot be forked there.
        """
        forked = when is not None and seconds(when) < self.sim.engine.now
        sim = self.sim.fork(when) if forked else self.sim
        sim.inject(kind, target, duration=duration)
        self.sim = sim
        branch = "; what came after that is another world now" if forked else ""
        self._say(f"{at(sim.now)}: {' '.join(filter(None, (kind, target)))}{branch}")

    def do(self, asked: Mapping[str, Any]) -> None:
        """What ``player.js`` asks for: ``{do: run | step | inject, ...}``. What cannot be done is said, and changes nothing.

        Raises:
            ValueError: no button asks for such a thing.
        """
        what = asked.get("do")
        try:
            if what == "run":
                self.run_until(min(float(asked["until"]), horizon(self.sim) / 1_000_000))
            elif what == "step":
                self.step()
            elif what == "inject":
                self.inject(asked["kind"], asked["target"], asked["duration"] or None, asked["when"])
            else:
                raise ValueError(f"the player has no button for {what!r}")
        except (ValueError, LookupError, NotReplayable, TimeoutError) as error:
            self.said, self.wrong = str(error), True

    def _say(self, words: str) -> None:
        self.said, self.wrong = words, False

    # How it looks.

    def state(self) -> dict[str, Any]:
        """What its face shows: ``state_of`` its world, and ``{said, wrong}``."""
        return {**state_of(self.sim), "said": self.said, "wrong": self.wrong}

    def settings(self) -> dict[str, Any]:
        """What its face offers: ``{speed, speeds, faults}``."""
        speeds = sorted({*SPEEDS, self.speed})
        return {"speed": self.speed, "speeds": speeds, "faults": faults()}

    @cached_property
    def widget(self) -> Any:
        """Its face in a live notebook, an ``anywidget.AnyWidget``.

        Raises:
            MissingExtra: the extra is not installed.
        """
        needed("anywidget", "the player", EXTRA, "sim.step(), sim.run_until() and sim.inject() do the same")
        from kcsim.notebook.playing.widget import face

        return face(self)

    def still(self, words: str) -> str:
        """The player as a picture, and what to do about it."""
        return page(line(title_of(self.sim), at(self.sim.now)), picture_of(self.sim).embedded(), note(words))

    def __repr__(self) -> str:
        return f"player of {self.sim!r}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """The widget where there is one, and what is seen where none can be: a picture, and text."""
        del include, exclude  # hints that may be passed over
        bundle: dict[str, Any] = {"text/plain": str(self)}
        try:
            widget = self.widget
        except MissingExtra as missing:
            bundle["text/html"] = self.still(str(missing))
            return bundle
        found = widget._repr_mimebundle_()
        live = found[0] if isinstance(found, tuple) else found
        bundle["text/html"] = self.still(
            "A still picture: run this cell in JupyterLab, VS Code or marimo to play it."
        )
        return bundle | ({VIEW: live[VIEW]} if VIEW in live else {})

    def _display_(self) -> Any:
        """What marimo shows: the widget itself, or the still."""
        try:
            return self.widget
        except MissingExtra as missing:
            return _Still(self.still(str(missing)))


class _Still:
    """HTML for a host that asks an object for nothing else."""

    def __init__(self, html: str) -> None:
        self.html = html

    def _repr_html_(self) -> str:
        return self.html


def player(sim: Simulation, speed: float = 60) -> Player:
    """A world to play in a notebook, from where it stands; see ``Player``.

    Raises:
        TypeError: this is no world.
        ValueError: time would stand still, or run backwards.
    """
    return Player(sim, speed)
