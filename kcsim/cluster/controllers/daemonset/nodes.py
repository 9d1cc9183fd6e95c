"""All nodes in the eyes of one DaemonSet, kept as they change.

A sync because one pod of 5,000 became ready must not look at 5,000 nodes. So a change of a node or a pod only marks the
node as stale; a sync works out the views of stale nodes and moves what they add up to.

**May:** keep references to pods it was shown; never changes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.daemonset.node_view import NOTHING, NodeView, Roll, Rules, view_node
from kcsim.cluster.controllers.daemonset.placement import Placement, placement_of, target_node
from kcsim.cluster.controllers.pods import is_terminal

Object = dict[str, Any]

_NO_RULES = Rules("", None, 0, surges=False)


class DaemonNodes:
    """What one DaemonSet knows of the nodes.

    Attributes:
        needs: nodes on which something must be done, as of the last `refresh`.
        buckets: nodes by what the rollout sees there, each with the name of its outdated pod.
        tally: the sum over all nodes.
    """

    def __init__(self, template: Object, nodes: Iterable[Object], pods: Iterable[Object]) -> None:
        self._template = template
        self._placement: Placement = placement_of(template)
        self._placed = {objects.name(node): self._placement.check(node) for node in nodes}
        self._pods: dict[str, dict[str, Object]] = {}
        self._views: dict[str, NodeView] = {}
        self._waiting: dict[str, int] = {}
        self._rules = _NO_RULES
        self._stale = dict.fromkeys(self._placed)
        self.needs: dict[str, NodeView] = {}
        self.buckets: dict[Roll, dict[str, str]] = {}
        self.tally = NOTHING
        for pod in pods:
            self.pod_changed(None, pod)

    # --- changes ------------------------------------------------------------------------------------------------

    def is_for(self, template: Object) -> bool:
        """Whether the placement rules are those of this template."""
        if template is not self._template:
            if placement_of(template) != self._placement:
                return False
            self._template = template
        return True

    def node_changed(self, name: str, node: Object | None) -> bool:
        """A node was added, changed or deleted. Gives whether pods should come or go because of it."""
        before = self._placed.get(name)
        if node is None:
            self._placed.pop(name, None)
            self._stale[name] = None
            # As upstream: the pods that end with their node will tell.
            return False
        after = self._placement.check(node)
        if before == after:
            return False
        self._placed[name] = after
        self._stale[name] = None
        return after[0] if before is None else True

    def pod_changed(self, old: Object | None, new: Object | None) -> None:
        """A pod of the DaemonSet was added, changed or deleted."""
        if old is not None:
            self._drop(old)
        # An ended pod on its way out is as good as gone.
        if new is not None and not (is_terminal(new) and objects.is_deleting(new)):
            node = target_node(new)
            if node:
                self._pods.setdefault(node, {})[objects.name(new)] = new
                self._stale[node] = None

    def _drop(self, pod: Object) -> None:
        node = target_node(pod)
        pods = self._pods.get(node)
        if pods is not None and pods.pop(objects.name(pod), None) is not None:
            self._stale[node] = None
            if not pods:
                del self._pods[node]

    # --- looking ------------------------------------------------------------------------------------------------

    def refresh(self, rules: Rules, now: int) -> None:
        """Bring views, needs, buckets and tally up to date at ``now`` (µs)."""
        if rules != self._rules:
            self._rules = rules
            self._stale = dict.fromkeys([*self._placed, *self._pods, *self._views])
        if self._waiting:
            for name in [name for name, at in self._waiting.items() if at <= now]:
                del self._waiting[name]
                self._stale[name] = None
        for name in self._stale:
            self._look(name, now)
        self._stale.clear()

    def _look(self, name: str, now: int) -> None:
        placed, pods = self._placed.get(name), self._pods.get(name)
        old = self._views.pop(name, None)
        self._waiting.pop(name, None)
        if placed is None and pods is None:
            self._replace(name, old, None)
            return
        should_run, may_stay = placed or (False, False)
        on_node = list(pods.values()) if pods else []
        view = view_node(placed is not None, should_run, may_stay, on_node, self._rules, now)
        self._views[name] = view
        if view.changes_at is not None:
            self._waiting[name] = view.changes_at
        self._replace(name, old, view)

    def _replace(self, name: str, old: NodeView | None, new: NodeView | None) -> None:
        if new is not None and new.needs:
            self.needs[name] = new
        else:
            self.needs.pop(name, None)
        before = old.tally if old is not None else NOTHING
        after = new.tally if new is not None else NOTHING
        if before != after:
            self.tally = self.tally.plus(before, -1).plus(after)
        left, right = old.roll if old is not None else None, new.roll if new is not None else None
        if left is not None and left != right:
            bucket = self.buckets[left]
            bucket.pop(name, None)
            if not bucket:
                del self.buckets[left]
        if right is not None and new is not None:
            self.buckets.setdefault(right, {})[name] = new.old

    def pods_of(self, name: str) -> dict[str, Object]:
        """The pods on a node, by name."""
        return self._pods.get(name) or {}
