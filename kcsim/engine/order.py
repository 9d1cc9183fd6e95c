"""The order in which the events of one instant happen: a choice, for those who look for the order that breaks things.

First in, first out is what an engine does by itself, and costs nothing. Any other order is an ``Order``, which an
``OrderedEngine`` asks whenever more than one event is due at an instant.

``fifo``              in the order in which they were armed
``random`` [``:N``]   any of them, all alike; N instead of the world's seed
``pct:D`` [``:N``]    by priority: a lane of events (what one object does) has a random priority, the highest goes first, and
                      at D-1 random places the lane that was to go falls behind all others. Finds a bug that needs D
                      ordering constraints with a known least probability
``choices:I.J.K``     the I-th first, then the J-th ..., from 0; beyond the list in the order of arming. ``40*0`` stands for
                      forty times 0. One path of ``kcsim.simulation.orders.explore``

With ``@10ms`` at the end, ``pct:3@10ms``, instants are that coarse: what would fall due within ten milliseconds falls due
together at their end, for latencies of single microseconds leave few events at one instant.

**Source of PCT:** Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010;
lanes as in Ozkan et al., Randomized Testing of Distributed Systems with Probabilistic Guarantees, OOPSLA 2018, but by who
acts instead of by chains that are worked out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from kcsim.engine.clock import seconds
from kcsim.engine.dice import Dice

PCT_LENGTH = 1000
"""Among how many choices PCT spreads its change points: those of a rollout in a small world."""


class Order(Protocol):
    """Chooses among events that are due at the same instant."""

    def choose(self, ready: Sequence[Callable[..., object]]) -> int:
        """The index of the one that goes first; ``ready`` are their functions, two or more, in the order of arming."""
        ...


class RandomOrder:
    """Any of them, all alike."""

    def __init__(self, seed: int) -> None:
        self._dice = Dice(seed, "order/random")

    def choose(self, ready: Sequence[Callable[..., object]]) -> int:
        """Draw one."""
        return self._dice.integer(len(ready))


class PctOrder:
    """Priorities of lanes, and a few places at which the one in front falls behind."""

    def __init__(self, seed: int, depth: int, length: int = PCT_LENGTH) -> None:
        self._dice = Dice(seed, f"order/pct/{depth}")
        self._priorities: dict[Any, float] = {}
        self._changes = {self._dice.integer(length): -float(n) for n in range(1, depth)}
        self._choices = 0

    def choose(self, ready: Sequence[Callable[..., object]]) -> int:
        """The one whose lane has the highest priority; of equals the one that was armed first."""
        front = self._front(ready)
        change = self._changes.get(self._choices)
        self._choices += 1
        if change is not None:
            self._priorities[_lane(ready[front])] = change
            front = self._front(ready)
        return front

    def _front(self, ready: Sequence[Callable[..., object]]) -> int:
        ranks = [self._priority(_lane(fn)) for fn in ready]
        return ranks.index(max(ranks))

    def _priority(self, lane: Any) -> float:
        priority = self._priorities.get(lane)
        if priority is None:
            priority = self._priorities[lane] = self._dice.uniform()
        return priority


class ChosenOrder:
    """A list of choices, then the order of arming.

    Attributes:
        widths: among how many events each choice was made so far; what ``explore`` goes on from.
    """

    def __init__(self, choices: Sequence[int] = (), most: int | None = None) -> None:
        """``most``: how many choices are written down in ``widths``; all when None."""
        self._choices = tuple(choices)
        self._most = most
        self._made = 0
        self.widths: list[int] = []

    def choose(self, ready: Sequence[Callable[..., object]]) -> int:
        """What the list says; a choice beyond what is there means the last."""
        if self._most is None or self._made < self._most:
            self.widths.append(len(ready))
        chosen = self._choices[self._made] if self._made < len(self._choices) else 0
        self._made += 1
        return min(chosen, len(ready) - 1)


def _lane(fn: Callable[..., object]) -> Any:
    """Whose doing an event is: the object whose method is called, or the function where there is none."""
    owner = getattr(fn, "__self__", None)
    named = owner is None or type(owner).__hash__ is None  # a closure, or an object that no table can hold
    return getattr(fn, "__qualname__", "") if named else owner


def choices_in(text: str) -> list[int]:
    """The choices that ``2.0.1`` or ``40*0.1`` lists.

    Raises:
        ValueError: it lists none.
    """
    chosen: list[int] = []
    for part in text.split(".") if text else ():
        times, star, choice = part.rpartition("*")
        if int(choice) < 0 or (star and int(times) < 0):
            raise ValueError(text)
        chosen += [int(choice)] * (int(times) if star else 1)
    return chosen


def written(choices: Sequence[int]) -> str:
    """The order that makes these choices, as a text; zeros at the beginning in short."""
    zeros = next((n for n, choice in enumerate(choices) if choice), len(choices))
    parts = ([f"{zeros}*0"] if zeros > 1 else ["0"] * zeros) + [str(choice) for choice in choices[zeros:]]
    return f"choices:{'.'.join(parts)}"


FORMS = ("fifo", "random", "pct:D", "choices:I.J.K")


def grid_of(text: str) -> tuple[str, int]:
    """An order's text without its grid, and the grid in µs; 1 without one.

    Raises:
        ValueError: the grid is no duration of 1 µs or more.
    """
    order, at, grid = text.partition("@")
    us = seconds(grid) if at else 1
    if us < 1:
        raise ValueError(f"no order {text!r}: what follows @ is a duration of 1us or more")
    return order, us


def order_of(text: str, seed: int) -> Order | None:
    """The order that a text without a grid names; None for first in, first out.

    Raises:
        ValueError: it names none; the message says what there is.
    """
    word, _, rest = text.partition(":")
    try:
        match word:
            case "" | "fifo" if not rest:
                return None
            case "random":
                return RandomOrder(int(rest) if rest else seed)
            case "pct":
                depth, _, own = rest.partition(":")
                if int(depth) >= 1:
                    return PctOrder(int(own) if own else seed, int(depth))
            case "choices":
                return ChosenOrder(choices_in(rest))
    except ValueError:
        pass  # told below, with what was written
    raise ValueError(
        f"no order {text!r}: write {', '.join(FORMS[:-1])} or {FORMS[-1]}, as random, pct:3 or choices:0.2;"
        " with a grid, as random@10ms, what lies that close together counts as one instant"
    )
