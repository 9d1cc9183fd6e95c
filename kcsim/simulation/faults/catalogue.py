"""The catalogue: every kind of fault by its name, and the names that other tools have for them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from kcsim.simulation.faults import api, cursor, image, load, network, node, outside, people, process
from kcsim.simulation.faults.aliases import ALIASES, UNMAPPED
from kcsim.simulation.faults.fault import LAYERS, FaultError, Kind

_ROOMS = (api, cursor, process, node, network, outside, people, load, image)
_FOUND = {name: kind for room in _ROOMS for name, kind in room.KINDS.items()}
_ORDER = list(LAYERS)

KINDS: Mapping[str, Kind] = dict(sorted(_FOUND.items(), key=lambda pair: _ORDER.index(pair[1].layer)))
"""name -> kind of fault, layer by layer."""


def kind_named(name: str) -> tuple[str, Kind]:
    """The kind that a name of ours, or another tool's, means, and its own name.

    Raises:
        FaultError: there is none; the nearest is told.
    """
    own = ALIASES.get(name, name)
    kind = KINDS.get(own)
    if kind is None:
        raise FaultError(f"no fault {name!r}; {nearest(str(name))}")
    return own, kind


def nearest(name: str) -> str:
    """What to say to somebody who wrote a name that is none."""
    if name in UNMAPPED:
        return UNMAPPED[name]
    folded = {each.lower().replace("-", ""): each for each in (*ALIASES, *KINDS)}
    near = get_close_matches(name.lower().replace("-", "").replace("_", ""), folded, 1, 0.7)
    return f"did you mean '{folded[near[0]]}'?" if near else f"there are {', '.join(KINDS)}"
