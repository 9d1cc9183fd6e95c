"""Every order in which the events of an instant can happen, one after the other, as far as a bound allows.

    for path in explore(begin, then, depth=6):
        assert path.world.get("deployment/web")["status"]["readyReplicas"] == 3, path.order

A world is begun and run anew for each path; ``path.order`` replays it: ``Simulation(order=path.order)``, or
``kcsim run --order``. Depth first: the first path is first in, first out, and what differs last is tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kcsim.engine.order import ChosenOrder, written
from kcsim.engine.ordered import OrderedEngine
from kcsim.simulation.simulation import Simulation

Begin = Callable[[str], Simulation]
"""Makes a world with the order it is given, and runs it to where the choices begin to matter."""


@dataclass(frozen=True, slots=True)
class Path:
    """One order that was tried: the world at its end, the order that gives it again, and how many there were before."""

    world: Simulation
    order: str
    number: int


def explore(
    begin: Begin, then: Callable[[Simulation], object], *, depth: int = 8, limit: int = 1000
) -> Iterator[Path]:
    """Run the world under every order of its first ``depth`` choices after ``begin``, ``limit`` paths at most.

    Raises:
        ValueError: ``begin`` does not hand the order on, or a bound is less than 1.
    """
    if depth < 1 or limit < 1:
        raise ValueError("depth and limit are 1 or more")
    chosen: list[int] | None = []
    for number in range(limit):
        if chosen is None:
            return
        order = written(chosen)
        world = begin(order)
        strategy = _strategy(world)
        start = len(strategy.widths)
        then(world)
        yield Path(world, order, number)
        chosen = _next(chosen, strategy.widths, start, depth)


def _strategy(world: Simulation) -> ChosenOrder:
    engine = world.engine
    if not isinstance(engine, OrderedEngine) or not isinstance(engine.order, ChosenOrder):
        raise ValueError("begin(order) has to make its world with that order: Simulation(order=order)")  # noqa: TRY004 - it is what it was given
    return engine.order


def _next(made: list[int], widths: list[int], start: int, depth: int) -> list[int] | None:
    """The next path: the last choice that has another way takes it. None: all were tried."""
    last = min(len(widths), start + depth)
    choices = (made + [0] * last)[:last]
    for place in range(last - 1, start - 1, -1):
        if choices[place] + 1 < widths[place]:
            return [*choices[:place], choices[place] + 1]
    return None
