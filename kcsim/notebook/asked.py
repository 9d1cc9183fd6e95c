"""What the pictures of a notebook are asked of: one world, and what to give where something else was given."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

from kcsim.scenario.play import Play
from kcsim.simulation.simulation import Simulation

P = ParamSpec("P")
R = TypeVar("R")
W = TypeVar("W", bound=Simulation)


def of_a_world(
    draw: Callable[Concatenate[W, P], R], kind: type[Simulation] = Simulation
) -> Callable[Concatenate[W, P], R]:
    """A picture of one world that says so when it is asked of anything else; ``kind`` is what the world must be."""

    @wraps(draw)
    def asked(sim: W, *args: P.args, **options: P.kwargs) -> R:
        checked(sim, draw.__name__, kind)
        return draw(sim, *args, **options)

    return cast("Callable[Concatenate[W, P], R]", asked)


def checked(sim: object, what: str, kind: type[Simulation] = Simulation) -> None:
    """Refuse what is no world.

    Raises:
        TypeError: it is none, or one that plays no story where there has to be one.
    """
    if isinstance(sim, kind):
        return
    if isinstance(sim, Simulation) and kind is Play:
        raise TypeError(
            f"{what} compares with git, and a bare simulation has none: kcsim.load() gives a world that has"
        )
    raise TypeError(
        f"{what} is about one world, not about {_named(sim)}: give what kcsim.load() or twins['flux'] gave"
    )


def _named(value: object) -> str:
    return "nothing" if value is None else f"a value of the type {type(value).__name__}"
