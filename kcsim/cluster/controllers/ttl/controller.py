"""The TTL controller: the larger the cluster, the longer kubelets may go by what they know.

**Imitates:** pkg/controller/ttl/ttl_controller.go (v1.36): the boundaries overlap, so that a cluster whose size goes to
and fro does not have its nodes rewritten each time. As upstream, a node learns of a new boundary at its own next change.

**Walk:** a Node appears or goes -> the boundary moves, perhaps -> its annotation says something else -> a patch.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError

ANNOTATION = "node.alpha.kubernetes.io/ttl"


@dataclass(frozen=True, slots=True)
class Boundary:
    """Between ``size_min`` and ``size_max`` nodes, objects may be ``ttl_s`` seconds old."""

    size_min: int
    size_max: int
    ttl_s: int


BOUNDARIES = (
    Boundary(0, 100, 0),
    Boundary(90, 500, 15),
    Boundary(450, 1000, 30),
    Boundary(900, 2000, 60),
    Boundary(1800, 10_000, 300),
    Boundary(9000, 2**31 - 1, 600),
)


def next_step(step: int, size: int) -> int:
    """The boundary in force with ``size`` nodes, after the one at ``step``."""
    while size > BOUNDARIES[step].size_max and step < len(BOUNDARIES) - 1:
        step += 1
    while size < BOUNDARIES[step].size_min and step > 0:
        step -= 1
    return step


class TtlController(Reconciler):
    """Keeps the annotation of each Node."""

    name = "ttl-controller"
    workers = 5

    def setup(self, component: Component) -> None:
        """Subscribe to nodes."""
        self.reset()
        self._nodes = component.informer("nodes")
        self._nodes.on_change(self._node_changed)

    def reset(self) -> None:
        """Forget what was counted."""
        self._size = 0
        self._step = 0

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if old is None or new is None:
            self._size += 1 if old is None else -1
            self._step = next_step(self._step, self._size)
        if new is not None and objects.annotations(new).get(ANNOTATION) != self._wanted():
            self.enqueue(("", objects.name(new)))

    def _wanted(self) -> str:
        return str(BOUNDARIES[self._step].ttl_s)

    def reconcile(self, key: Key) -> Outcome:
        """Write the annotation of one Node."""
        node = self._nodes.get(*key)
        if node is None or objects.annotations(node).get(ANNOTATION) == self._wanted():
            return None
        body = {"metadata": {"annotations": {ANNOTATION: self._wanted()}}}
        try:
            yield self.client.patch("nodes", *key, body, type="strategic")
        except StatusError as error:
            if not error.is_not_found:
                raise
        return None
