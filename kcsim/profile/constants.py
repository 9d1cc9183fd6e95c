"""Every constant of the simulated systems in one table: its value, its unit, and the upstream file or flag it is from.

A constant that changed between Kubernetes versions has a value for each profile. Sources are paths in the repository of
Kubernetes unless another one is named; ``[model]`` marks what no source states: orders of magnitude to start from
(workloads reference, 16.3).

**Walk:** a component's dataclass of timings, or its module's constant, is built from ``PROFILES[version]`` or
``DEFAULT`` -> ``kcsim constants`` prints the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kcsim.profile.distributions import Distribution, Fixed, Skewed, Uniform
from kcsim.profile.rows import ROWS, Row, Unit, Value

VERSIONS = ("1.31", "1.36")
"""The profiles there are; the last is the default."""

_MICROSECONDS = {"us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant of one profile.

    Attributes:
        component: the program or library it belongs to.
        name: the upstream flag, field or constant, in lower case with hyphens.
        unit: ``s``, ``ms``, ``min``, ``h`` (durations), ``1/s``, ``count``, ``share``, ``bytes``, ``bytes/s``, or ``on`` for a switch.
        source: the upstream file or flag.
    """

    component: str
    name: str
    value: Value
    unit: Unit
    source: str

    def text(self) -> str:
        """The value as a person reads it, without its unit."""
        value = self.value
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, Skewed):
            return f"{self._in_unit(value.median)} (p99 {self._in_unit(value.p99)})"
        if isinstance(value, Uniform):
            return f"{self._in_unit(value.low)} to {self._in_unit(value.high)}"
        if isinstance(value, Fixed):
            return self._in_unit(value.us)
        return f"{value:g}" if isinstance(value, float) else str(value)

    def to_json(self) -> dict[str, object]:
        """The row as JSON; a delay that varies is an object with the ends or quantiles of its distribution."""
        value: object = self.value
        if isinstance(value, Skewed):
            value = {"median": self._number(value.median), "p99": self._number(value.p99)}
        elif isinstance(value, Uniform):
            value = {"min": self._number(value.low), "max": self._number(value.high)}
        elif isinstance(value, Fixed):
            value = self._number(value.us)
        return {
            "component": self.component,
            "name": self.name,
            "value": value,
            "unit": self.unit,
            "source": self.source,
        }

    def _number(self, us: int) -> float | int:
        number = us / _MICROSECONDS[self.unit]
        return int(number) if number == int(number) else number

    def _in_unit(self, us: int) -> str:
        return f"{self._number(us):g}"


class Profile:
    """The constants of one Kubernetes version; each is asked for as ``component/name``.

    A name that does not exist is a KeyError at import, where the components read their constants.
    """

    def __init__(self, version: str, rows: Mapping[str, tuple[Row, ...]] = ROWS) -> None:
        self.version = version
        self.constants = tuple(
            Constant(component, row.name, row.value_in(version), row.unit, row.source)
            for component, group in rows.items()
            for row in group
        )
        self._by_name = {f"{c.component}/{c.name}": c for c in self.constants}

    def __getitem__(self, name: str) -> Constant:
        return self._by_name[name]

    def us(self, name: str) -> int:
        """A duration in whole µs."""
        constant = self._by_name[name]
        assert isinstance(constant.value, int | float), f"{name} is a duration"
        return round(constant.value * _MICROSECONDS[constant.unit])

    def count(self, name: str) -> int:
        """A whole number."""
        value = self._by_name[name].value
        assert isinstance(value, int), f"{name} is a whole number"
        return value

    def number(self, name: str) -> float:
        """A number: a rate, or a share."""
        value = self._by_name[name].value
        assert isinstance(value, int | float), f"{name} is a number"
        return float(value)

    def on(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(self._by_name[name].value)

    def delay(self, name: str) -> Distribution:
        """A delay that varies."""
        value = self._by_name[name].value
        assert not isinstance(value, int | float), f"{name} is a distribution"
        return value


PROFILES: Mapping[str, Profile] = {version: Profile(version) for version in VERSIONS}
DEFAULT = PROFILES[VERSIONS[-1]]
"""The profile that a world has unless it says otherwise."""
