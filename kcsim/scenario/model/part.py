"""What every part of a scenario is, and the forms of time that several of them share."""

from dataclasses import dataclass, field
from typing import Annotated

from kcsim.scenario.values import Duration
from kcsim.scenario.yamltree import Tree


@dataclass(frozen=True, kw_only=True)
class Part:
    """Any part of a scenario; `source` is the YAML it was read from, for positions, and plays no role in equality."""

    source: Tree | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Spread(Part):
    """A duration that varies: evenly between min and max, or skewed with a median and a 99th percentile."""

    min: Annotated[Duration | None, "Shortest; together with `max`."] = None
    max: Annotated[Duration | None, "Longest; together with `min`."] = None
    median: Annotated[Duration | None, "Half of the draws are shorter; together with `p99`."] = None
    p99: Annotated[Duration | None, "99 of 100 draws are shorter; together with `median`."] = None
