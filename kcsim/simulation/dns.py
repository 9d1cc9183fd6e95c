"""DNS for a cluster of a world, when somebody asks for it: a world without costs nothing.

**Walk:** ``install_dns`` puts CoreDNS' image into the registry and its objects into the cluster -> pods start -> their
programs answer -> ``resolver_of`` says how a pod asks them.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.objects import Key, Object
from kcsim.cluster.dns.coredns import PROGRAM, CoreDns
from kcsim.cluster.dns.install import NAMESPACE, SERVICE, behaviour, install_objects
from kcsim.cluster.dns.lookup import dns_address
from kcsim.cluster.dns.resolver import ResolvConf, resolv_conf
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.places import INTERNET
from kcsim.simulation.world import World


def install_dns(world: World, cluster: str = "", *, replicas: int = 2) -> None:
    """Install CoreDNS in a cluster; the first when no name is given."""
    home = world.clusters[cluster] if cluster else world.cluster
    world.programs.setdefault(PROGRAM, _start)
    world.push_image(behaviour())
    for obj in install_objects(replicas, home.plan.service_cidrs[0]):
        resource = home.server.catalog.by_gvk(_gvk(obj))
        assert resource is not None
        home.admin.now(home.admin.create(resource, obj))


def has_dns(cluster: Cluster) -> bool:
    """Whether a cluster has a DNS Service."""
    return cluster.pods.service((NAMESPACE, SERVICE)) is not None


def resolver_of(cluster: Cluster, pod: Object) -> ResolvConf:
    """What a pod's resolv.conf says."""
    return resolv_conf(pod, dns_address(cluster.pods))


def _start(cluster: Cluster, pod: dict[str, Any], node: str) -> CoreDns:
    servers = cluster.pods.name_servers

    def gone(key: Key) -> None:
        servers.pop(key, None)

    program = CoreDns(cluster.endpoint, pod, node, INTERNET, gone, cluster.pods.names_changed)
    servers[program.pod] = program
    program.start()
    return program


def _gvk(obj: Object) -> tuple[str, str, str]:
    group, _, version = obj["apiVersion"].rpartition("/")
    return group, version, obj["kind"]
