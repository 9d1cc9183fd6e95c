"""Route reflectors: nodes that tell the others, by BGP, which node has which pods.

**Imitates:** Calico's BGP peers by ``nodeSelector`` and ``peerSelector``: with them there is no mesh of all nodes, and a node
whose peers are gone forgets the routes to the pods of other nodes. Simplified: routes come and go as soon as the labels do
(no hold timer, no graceful restart), and reflectors that are down still count.
"""

from __future__ import annotations

from kcsim.api import objects, selectors
from kcsim.api.log import Log
from kcsim.api.resources import Resource
from kcsim.network.topology import Network


class RouteReflectors:
    """The nodes that a selector chooses; without any of them no node knows the way to another's pods."""

    def __init__(self, log: Log, nodes: Resource, network: Network, selector: str) -> None:
        """``selector`` is written as ``kubectl get -l`` takes it; "": every node tells every other.

        Raises:
            SelectorError: it cannot be read.
        """
        self._selector = selectors.parse(selector) if selector else None
        self._network = network
        self._names: set[str] = set()
        if self._selector is not None:
            self._watch = log.watch(nodes, self._changed)

    @property
    def work(self) -> bool:
        """Whether the nodes know where pods are."""
        return self._selector is None or bool(self._names)

    def _changed(self) -> None:
        assert self._selector is not None, "nobody watches otherwise"
        before = bool(self._names)
        for kind, version in self._watch.take():
            chosen = kind != "DELETED" and self._selector.matches(objects.labels(version.object))
            (self._names.add if chosen else self._names.discard)(version.key[1])
        if bool(self._names) != before:
            self._network.touch()
