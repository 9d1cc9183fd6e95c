"""What a fault is, as data, and what a kind of faults is: who can be hit, how strongly, and by what means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kcsim.cluster.images import ImageBehaviour
from kcsim.engine.core import Timer
from kcsim.engine.trace import Record

if TYPE_CHECKING:
    from kcsim.simulation.cluster import Cluster
    from kcsim.simulation.world import World


class FaultError(ValueError):
    """The fault cannot be put in: what it should hit does not exist, or it is not of this kind."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong.

    Attributes:
        kind: one of ``KINDS``.
        target: what it hits, as its kind's ``target`` says; "" where the kind needs none, or hits all.
        duration: how long (µs); None: for good.
        cluster: the cluster it happens in; "" for the first.
        behaviour: for ``image-behaviour``: how the image behaves from now on.
        amounts: how strongly: values for the fields its kind takes; those left out have the kind's value.
        detail: further facts for its trace record: who tells a story says why it happens.
    """

    kind: str
    target: str = ""
    duration: int | None = None
    cluster: str = ""
    behaviour: ImageBehaviour | None = None
    amounts: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """A field's value; ``inject`` has filled in what was left out."""
        return self.amounts[name]


Undo = Callable[[], object]
"""Takes one fault back."""


@dataclass(slots=True)
class Ongoing:
    """A fault that is not over. ``record`` noted it; ``ends`` is its timer, None when it lasts for good."""

    fault: Fault
    record: Record
    ends: Timer | None = None
    undo: Undo | None = None


Check = Callable[["World", "Cluster", Fault], dict[str, Any]]
"""Refuses what does not exist (``FaultError``); gives facts for the trace."""
Settle = Callable[["World", "Cluster", str, Sequence[Fault]], None]
"""Brings a target where these ongoing faults want it; none: it is well."""
Begin = Callable[["World", "Cluster", Fault], Undo | None]
"""Carries one fault out; gives what takes it back, None when it is over at once or cannot be taken back."""


def nothing_to_check(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    """For kinds that can always be put in."""
    del world, cluster, fault
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How faults of a kind are played. It has ``settle``, for what faults on one target bring about together, or
    ``begin``, for what each does by itself.

    Attributes:
        layer: where it acts: one of ``LAYERS``.
        summary: what goes wrong, in a sentence.
        effect: what that does to whom.
        target: the field that says what it hits; "" when nothing can be named.
        everywhere: whether the target may be left out: it hits all.
        takes: the fields that say how strongly, each with its value when left out (None: nothing).
        needs: those of them that cannot be left out.
        check: see ``Check``.
        scope: kinds with the same scope act on the same thing.
        worldwide: whether it hits something outside the clusters.
        lasts: how long it lasts (µs) when nothing is said; None: for good.
        momentary: whether it is over at once: it takes no duration.
        in_stories: whether a scenario can name it.
    """

    layer: str
    summary: str
    effect: str
    target: str = ""
    everywhere: bool = False
    takes: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    check: Check = nothing_to_check
    settle: Settle | None = None
    begin: Begin | None = None
    scope: str = ""
    worldwide: bool = False
    lasts: int | None = None
    momentary: bool = False
    in_stories: bool = True


LAYERS: Mapping[str, str] = {
    "api": "The way to the API server",
    "cursor": "What an informer sees",
    "process": "Processes",
    "node": "Nodes",
    "network": "The network",
    "git": "The git host",
    "registry": "The image registry",
    "ci": "The CI system",
    "webhook": "Webhooks",
    "credentials": "Credentials",
    "human": "People",
    "load": "Load",
    "image": "Images",
}
"""layer -> its title, in the order in which they are told."""
