"""What a new cluster contains before anybody uses it: namespaces, roles and bindings.

**Imitates:** the API server's own start-up objects; its roles and bindings stand in ``bootstrap_policy``.
"""

from __future__ import annotations

from collections.abc import Iterator

from kcsim.api.client import DirectClient
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import User
from kcsim.cluster.controllers.clusterroleaggregation.controller import ClusterRoleAggregation
from kcsim.simulation import bootstrap_policy
from kcsim.simulation.control_plane import CONTROLLER_MANAGER

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")

_MADE: list[Version] = []
"""The start-up objects as the first server of this process stored them: all others hold the same, under other uids."""


def bootstrap(client: DirectClient) -> None:
    """Create the start-up objects, as the API server itself does before it says it is ready.

    The roles that aggregate others have their rules, as after the first pass of a controller manager.
    """
    server = client.endpoint.server
    if _MADE and _MADE[0].time == client.endpoint.engine.now:
        server.write_again(_MADE)
        return
    for word, obj in _objects():
        client.now(client.create(word, obj))
    manager = User(f"system:{CONTROLLER_MANAGER}")
    controller = DirectClient(client.endpoint, manager, client.host, user_agent=CONTROLLER_MANAGER)
    for name, body in bootstrap_policy.aggregated_rules():
        controller.now(
            controller.patch(
                "clusterroles",
                "",
                name,
                body,
                type="apply",
                field_manager=ClusterRoleAggregation.name,
                force=True,
            )
        )
    if not _MADE:
        _MADE.extend(server.log.versions)


def _objects() -> Iterator[tuple[str, Object]]:
    for name in NAMESPACES:
        yield "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    for role in bootstrap_policy.cluster_roles():
        yield "clusterroles", role
    for binding in bootstrap_policy.cluster_role_bindings():
        yield "clusterrolebindings", binding
