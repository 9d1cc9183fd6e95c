"""Hypothesis strategies for stories in the shop: lists of timed operations, and the scenarios they make.

Data first, then a run: the value that is shrunk is the scenario file that is saved.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from kcsim.scenario.model import Scenario
from kcsim.testing.operations import KINDS, Operation, scenario_of

_GAPS = (0, 1, 10, 60, 300)
_LENGTHS = (60, 10, 300, 900)


def operations(
    kinds: str | Sequence[str] = tuple(KINDS), *, min_size: int = 0, max_size: int = 8
) -> st.SearchStrategy[list[Operation]]:
    """Lists of operations of the given kinds (keys of ``KINDS``).

    Raises:
        ValueError: no kinds, or one that does not exist: nothing could be generated.
    """
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        named = f"no operation {', '.join(unknown)}" if unknown else "no kinds of operations"
        raise ValueError(f"{named}; choose from {', '.join(KINDS)}")
    one = st.builds(
        Operation,
        gap=st.sampled_from(_GAPS),
        kind=st.sampled_from(tuple(kinds)),
        which=st.integers(0, 7),
        amount=st.integers(0, 3),
        lasts=st.sampled_from(_LENGTHS),
    )
    return st.lists(one, min_size=min_size, max_size=max_size)


def scenarios(
    kinds: str | Sequence[str] = tuple(KINDS),
    *,
    min_size: int = 0,
    max_size: int = 8,
    name: str = "generated",
) -> st.SearchStrategy[Scenario]:
    """Stories of such operations, each with a seed of its own."""

    def build(chosen: list[Operation], seed: int) -> Scenario:
        return scenario_of(chosen, seed=seed, name=name)

    return st.builds(build, operations(kinds, min_size=min_size, max_size=max_size), st.integers(1, 1000))
