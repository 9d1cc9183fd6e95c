"""What an exhibit of the bug zoo is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kcsim.api.kit.queue import Reconciler
from kcsim.scenario.model import Scenario
from kcsim.testing.tiny import Step, crd, story

Pattern = Literal["intermediate", "stale", "unobserved", "indirect"]
PATTERNS: tuple[Pattern, ...] = ("intermediate", "stale", "unobserved", "indirect")
BUILTIN = ("garbage-collector-controller", "persistentvolumeclaim-protection-controller")
"""What the zoo's worlds run of the controller manager."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One defect that real operators had, in a small controller, beside its mended twin.

    Attributes:
        name: of the exhibit, and of its controller.
        pattern: ``intermediate``, ``stale``, ``unobserved`` (Sieve's three), or ``indirect``: a defect of another kind that
            a perturbation brings to light.
        kind: the kind that the controller is for.
        defect: what is wrong.
        mend: what the twin does instead.
        models: the upstream report whose defect it has, as ``project#number`` or an issue key; or ``the class`` when it
            stands for many.
        broken, mended: the two controllers.
        steps: the story in which the defect shows under the right schedule, and under no other.
        schedule: the smallest such schedule, as ``kcsim probe --plan`` takes it; its revision and the fractions of its
            seconds are those of the day it was written down, and move with what a bare cluster holds.
        also: further kinds that the world knows.
        builtin: what its world runs of the controller manager.
    """

    name: str
    pattern: Pattern
    kind: str
    defect: str
    mend: str
    models: str
    broken: type[Reconciler]
    mended: type[Reconciler]
    steps: Sequence[Step]
    schedule: str
    also: Sequence[str] = ()
    builtin: Sequence[str] = BUILTIN

    def world(self, *, mended: bool = False, seed: int = 1) -> Scenario:
        """The story with one of the two controllers in it, under the exhibit's name."""
        kinds = [crd(kind) for kind in (self.kind, *self.also)]
        return story(
            f"{self.name}-mended" if mended else self.name,
            (0, kinds),
            *self.steps,
            controllers={self.name: self.mended if mended else self.broken},
            builtin=self.builtin,
            seed=seed,
        )


def custom(kind: str, name: str = "db", **spec: object) -> dict[str, object]:
    """An object of a kind of the zoo."""
    return {"apiVersion": "zoo.example/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
