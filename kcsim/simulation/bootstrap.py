"""What a new cluster contains before anybody uses it: namespaces, priorities, roles and bindings, and the way to its API server.

**Imitates:** the API server's own start-up objects (``pkg/controlplane``, ``pkg/registry/{rbac,scheduling}/rest`` post-start hooks,
v1.36). Its roles and bindings stand in ``bootstrap_policy``, its Service in ``kubernetes_service``.

**Walk:** ``bootstrap`` asks for what a server of that name, at that instant and with those addresses begins with -> the first time
in a process ``_first_versions`` has a server of its own make it, request by request -> every such server holds the same versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import User
from kcsim.api.server import ApiServer
from kcsim.cluster.controllers.clusterroleaggregation.controller import ClusterRoleAggregation
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.simulation import bootstrap_policy
from kcsim.simulation.cabling import node_addresses
from kcsim.simulation.control_plane import CONTROLLER_MANAGER
from kcsim.simulation.kubernetes_service import KubernetesService, objects_of

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
PRIORITIES = (
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
)
"""pkg/apis/scheduling/v1/helpers.go."""
API_SERVER = User("system:apiserver", ("system:masters", "system:authenticated"))
_AGENT = "kube-apiserver"
_SEED = -1
"""The dice of the servers that make the first versions are nobody else's: seeds of worlds are not negative."""


def bootstrap(endpoint: Endpoint) -> KubernetesService:
    """Put the start-up objects into a server, as it does before it says it is ready; gives what looks after its Service.

    The roles that aggregate others have their rules, as after the first pass of a controller manager.
    """
    server, engine = endpoint.server, endpoint.engine
    cidr = server.store.services.cidrs[0]
    address = node_addresses(endpoint.network.host(endpoint.host).address, [cidr])[0]
    trace = engine.trace
    server.begin_with(_first_versions(server.cluster, cidr, address, engine.now, len(trace)))
    return KubernetesService(_client(endpoint, API_SERVER, _AGENT), cidr, address)


@lru_cache(maxsize=64)
def _first_versions(cluster: str, cidr: str, address: str, now: int, seq: int) -> tuple[Version, ...]:
    """The versions that such a server writes first; ``seq`` is the number of the first one's record."""
    engine, network, host = Engine(_SEED), Network(), "control-plane"
    engine.run_until(now)
    network.add_host(host, kind="control-plane")
    server = ApiServer(engine, cluster, service_cidrs=(cidr,))
    endpoint = Endpoint(engine, network, server, host)
    client = _client(endpoint, API_SERVER, _AGENT)
    for word, obj in (*_objects(), *objects_of(cidr, address)):
        client.now(client.create(word, obj))
    manager = _client(endpoint, User(f"system:{CONTROLLER_MANAGER}"), CONTROLLER_MANAGER)
    for name, body in bootstrap_policy.aggregated_rules():
        manager.now(
            manager.patch(
                "clusterroles",
                "",
                name,
                body,
                type="apply",
                field_manager=ClusterRoleAggregation.name,
                force=True,
            )
        )
    made = tuple(server.log.versions)
    for number, version in enumerate(made, seq):
        version.seq = number
    return made


def _client(endpoint: Endpoint, user: User, agent: str) -> DirectClient:
    return DirectClient(endpoint, user, endpoint.host, user_agent=agent)


def _objects() -> Iterator[tuple[str, Object]]:
    for name in NAMESPACES:
        yield "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    for name, value, description in PRIORITIES:
        yield (
            "priorityclasses",
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name},
                "description": description,
                "value": value,
            },
        )
    for word, found in (
        ("clusterroles", bootstrap_policy.cluster_roles()),
        ("clusterrolebindings", bootstrap_policy.cluster_role_bindings()),
        ("roles", bootstrap_policy.roles()),
        ("rolebindings", bootstrap_policy.role_bindings()),
    ):
        for obj in found:
            yield word, obj
