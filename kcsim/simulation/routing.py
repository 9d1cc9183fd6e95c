"""Ingress and Gateway API for a cluster of a world, when somebody asks for them: a world without costs nothing.

**Walk:** ``install_ingress`` or ``install_gateway`` puts images into the registry and objects into the cluster -> pods start ->
their programs are the routers that requests meet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.api.objects import Key, Object
from kcsim.cluster.routing.crds import definitions
from kcsim.cluster.routing.gateway import MANAGER, PROXY, GatewayController, GatewayProxy
from kcsim.cluster.routing.nginx import PROGRAM, IngressController
from kcsim.cluster.routing.program import RouterProgram
from kcsim.cluster.routing.proxies import gateway_objects, images, ingress_objects
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.world import World


def install_ingress(world: World, cluster: str = "", *, replicas: int = 2) -> None:
    """Install the ingress controller in a cluster; the first when no name is given."""
    _prepare(world)
    _create(world.clusters[cluster] if cluster else world.cluster, ingress_objects(replicas))


def install_gateway(world: World, cluster: str = "") -> None:
    """Install the Gateway API's kinds and a controller of class ``kcsim`` in a cluster."""
    _prepare(world)
    _create(world.clusters[cluster] if cluster else world.cluster, [*definitions(), *gateway_objects()])


def _prepare(world: World) -> None:
    world.programs.setdefault(PROGRAM, _router(IngressController))
    world.programs.setdefault(PROXY, _router(GatewayProxy))
    world.programs.setdefault(MANAGER, _controller)
    for image in images():
        world.push_image(image)


def _create(home: Cluster, found: list[Object]) -> None:
    for obj in found:
        group, _, version = obj["apiVersion"].rpartition("/")
        resource = home.server.catalog.by_gvk((group, version, obj["kind"]))
        assert resource is not None, f"no kind {obj['kind']}"
        home.admin.now(home.admin.create(resource, obj))


def _router(
    make: Callable[..., RouterProgram],
) -> Callable[[Cluster, dict[str, Any], str], RouterProgram]:
    def start(cluster: Cluster, pod: dict[str, Any], node: str) -> RouterProgram:
        routers = cluster.pods.routers

        def gone(key: Key) -> None:
            routers.pop(key, None)

        program = make(cluster.endpoint, pod, node, cluster.pods.routes_changed, gone)
        routers[program.pod] = program
        program.start()
        return program

    return start


def _controller(cluster: Cluster, pod: dict[str, Any], node: str) -> GatewayController:
    program = GatewayController(cluster.endpoint, pod, node)
    program.start()
    return program
