"""The ClusterRole aggregation controller: what a role selects by labels is what it allows.

**Imitates:** pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go (v1.36): any change of any ClusterRole
wakes all that aggregate; the rules are those of the selected roles in the order of their names, each once; they are applied by
server-side apply with force, so what somebody writes into them by hand is overwritten.

**Walk:** a ClusterRole changes -> each ClusterRole with ``aggregationRule`` -> ``aggregated`` -> an apply, where it differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.objects import Key, Object
from kcsim.api.selectors import from_object
from kcsim.api.status import StatusError


def aggregated(role: Object, roles: Iterable[Object]) -> list[dict[str, Any]]:
    """The rules that a role with ``aggregationRule`` should have; ``roles`` are all ClusterRoles, in any order."""
    rules: list[dict[str, Any]] = []
    by_name = sorted(roles, key=objects.name)
    for selector in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ():
        selected = from_object(selector)
        for other in by_name:
            if objects.name(other) == objects.name(role) or not selected.matches(objects.labels(other)):
                continue
            rules += [rule for rule in other.get("rules") or () if rule not in rules]
    return rules


class ClusterRoleAggregation(Reconciler):
    """Keeps the rules of each ClusterRole that aggregates others."""

    name = "clusterrole-aggregation-controller"
    workers = 5

    def setup(self, component: Component) -> None:
        """Subscribe to ClusterRoles."""
        self._roles = component.informer("clusterroles")
        self._roles.add_index("aggregates", lambda role: ["yes"] if role.get("aggregationRule") else [])
        self._roles.on_change(self._role_changed)

    def _role_changed(self, old: Object | None, new: Object | None) -> None:
        del old, new
        for role in self._roles.by_index("aggregates", "yes"):
            self.enqueue(objects.key(role))

    def reconcile(self, key: Key) -> Outcome:
        """Write the rules of one ClusterRole, where they are not what they should be."""
        role = self._roles.get(*key)
        if role is None or not role.get("aggregationRule"):
            return None
        rules = aggregated(role, self._roles.list())
        if rules == (role.get("rules") or []):
            return None
        head = {field: role[field] for field in ("apiVersion", "kind")}
        body = {**head, "metadata": {"name": objects.name(role)}, "rules": rules}
        try:
            yield self.client.patch(
                "clusterroles", *key, body, type="apply", field_manager=self.name, force=True
            )
        except StatusError as error:
            if not error.is_not_found:
                raise
        return None
