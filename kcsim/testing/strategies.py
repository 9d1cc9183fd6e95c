"""Hypothesis strategies: for stories in the shop, and for Kubernetes objects, steps and worlds of one's own.

Data first, then a run: the value that is shrunk is the scenario file that is saved. The plainest comes first everywhere, so
that a counterexample shrinks to the fewest and plainest things.

``operations``, ``commits``, ``drift``, ``faults``   lists of timed operations in the shop, of all kinds or of one family
``scenarios``, ``histories``                        the stories they make; with commits alone: a history of the repository
``manifests``                                       objects that the API server takes
``timelines``                                       steps over time, as ``tiny.story`` takes them
``worlds``                                          bare clusters in which some manifests were applied
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from kcsim.api.objects import Object
from kcsim.engine.clock import format_duration
from kcsim.engine.clock import seconds as micros
from kcsim.scenario.model import Scenario
from kcsim.simulation.simulation import Simulation
from kcsim.testing.operations import COMMITS, DRIFT, FAULTS, KINDS, Operation, scenario_of
from kcsim.testing.tiny import Step

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


def commits(*, min_size: int = 0, max_size: int = 6) -> st.SearchStrategy[list[Operation]]:
    """Lists of commits: other replicas, other versions, workloads that go and come back."""
    return operations(COMMITS, min_size=min_size, max_size=max_size)


def drift(*, min_size: int = 0, max_size: int = 6) -> st.SearchStrategy[list[Operation]]:
    """Lists of what people do to a cluster by hand."""
    return operations(DRIFT, min_size=min_size, max_size=max_size)


def faults(*, min_size: int = 0, max_size: int = 6) -> st.SearchStrategy[list[Operation]]:
    """Lists of plain faults, each with its own end; ``schedules.windows`` has the whole catalogue."""
    return operations(FAULTS, min_size=min_size, max_size=max_size)


def histories(*, min_size: int = 0, max_size: int = 6) -> st.SearchStrategy[Scenario]:
    """Stories in which nothing happens but commits."""
    return scenarios(COMMITS, min_size=min_size, max_size=max_size, name="history")


# Objects, steps and worlds.

_Make = Callable[[str], st.SearchStrategy[Object]]
"""An object's body by its name, without metadata."""
_IMAGES = st.sampled_from(("app:1", "app:2"))
_REPLICAS = st.integers(0, 3)
_TEXTS = st.dictionaries(st.sampled_from(("one", "two")), st.sampled_from(("x", "y")), max_size=2)


def _workload(**fields: st.SearchStrategy[Any]) -> _Make:
    def make(name: str) -> st.SearchStrategy[Object]:
        labels = {"app": name}

        def build(image: str, **spec: Any) -> Object:
            template = {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image}]},
            }
            return {"spec": {**spec, "selector": {"matchLabels": labels}, "template": template}}

        return st.builds(build, _IMAGES, **fields)

    return make


def _service(name: str) -> st.SearchStrategy[Object]:
    ports = st.lists(st.sampled_from((80, 443)), min_size=1, max_size=2, unique=True)
    return ports.map(
        lambda found: {
            "spec": {"selector": {"app": name}, "ports": [{"name": f"p{n}", "port": n} for n in found]}
        }
    )


def _budget(name: str) -> st.SearchStrategy[Object]:
    selector = {"matchLabels": {"app": name}}
    return st.integers(0, 2).map(lambda least: {"spec": {"minAvailable": least, "selector": selector}})


MANIFESTS: dict[str, tuple[str, _Make]] = {
    "ConfigMap": ("v1", lambda _name: _TEXTS.map(lambda data: {"data": data})),
    "Secret": ("v1", lambda _name: _TEXTS.map(lambda data: {"stringData": data})),
    "Deployment": ("apps/v1", _workload(replicas=_REPLICAS)),
    "Service": ("v1", _service),
    "StatefulSet": ("apps/v1", _workload(replicas=_REPLICAS)),
    "DaemonSet": ("apps/v1", _workload()),
    "PodDisruptionBudget": ("policy/v1", _budget),
}
"""kind -> its version and what an object of it says; the plain ones first, for shrinking."""


def manifests(
    kinds: str | Sequence[str] = tuple(MANIFESTS),
    *,
    names: Sequence[str] = ("a", "b", "c"),
    namespace: str = "default",
) -> st.SearchStrategy[Object]:
    """Objects that the API server takes as they are, of the given kinds (keys of ``MANIFESTS``).

    There are few names and values, so that objects meet: a Service and a budget select the pods of the workload that has
    their name, and a name that comes twice is a change.

    Raises:
        ValueError: no kinds or no names, or a kind that there is none of: nothing could be generated.
    """
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    unknown = sorted(set(kinds) - set(MANIFESTS))
    if unknown or not kinds:
        told = f"no manifests of {', '.join(unknown)}" if unknown else "no kinds of manifests"
        raise ValueError(f"{told}; choose from {', '.join(MANIFESTS)}")
    if not names:
        raise ValueError("no names for manifests: give one or more")

    def one(kind: str, name: str) -> st.SearchStrategy[Object]:
        version, make = MANIFESTS[kind]
        metadata = {"name": name, "namespace": namespace}
        return make(name).map(
            lambda body: {"apiVersion": version, "kind": kind, "metadata": metadata, **body}
        )

    return st.one_of([one(kind, name) for kind in kinds for name in names])


def timelines(
    steps: st.SearchStrategy[str | Object],
    *,
    begin: str | float = "10s",
    min_size: int = 0,
    max_size: int = 6,
) -> st.SearchStrategy[list[Step]]:
    """Steps over time for ``tiny.story``: kubectl lines, or objects to apply, each some seconds after the one before it."""

    def build(chosen: list[tuple[int, str | Object]]) -> list[Step]:
        now = micros(begin)
        made: list[Step] = []
        for gap, step in chosen:
            now += micros(gap)
            made.append((format_duration(now), step))
        return made

    one = st.tuples(st.sampled_from(_GAPS), steps)
    return st.builds(build, st.lists(one, min_size=min_size, max_size=max_size))


def worlds(
    objects: st.SearchStrategy[Object] | None = None,
    *,
    nodes: tuple[int, int] = (1, 3),
    orders: Sequence[str] = ("fifo",),
    max_size: int = 4,
) -> st.SearchStrategy[Simulation]:
    """Bare clusters in which objects (``manifests()`` when left out) were applied one after the other, not yet run."""

    def build(count: int, seed: int, order: str, chosen: list[Object]) -> Simulation:
        world = Simulation(count, seed, order=order)
        for each in chosen:
            world.apply(each)
        return world

    return st.builds(
        build,
        st.integers(*nodes),
        st.integers(1, 1000),
        st.sampled_from(tuple(orders)),
        st.lists(manifests() if objects is None else objects, max_size=max_size),
    )
