"""Worlds with programs that call each other, behind names, Ingresses and Gateways."""

from __future__ import annotations

from typing import Any

from kcsim.cluster.images import Call, ImageBehaviour
from kcsim.simulation.simulation import Simulation


def image(name: str, *calls: str | Call, **behaviour: Any) -> ImageBehaviour:
    """An image of a program that calls others."""
    made = tuple(call if isinstance(call, Call) else Call(call) for call in calls)
    return ImageBehaviour(f"registry.example/{name}:1", calls=made, **behaviour)


def program(name: str, replicas: int = 2, namespace: str = "default", **pod: Any) -> list[dict[str, Any]]:
    """A Deployment and its Service."""
    labels = {"app": name}
    container = {
        "name": name,
        "image": f"registry.example/{name}:1",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        **pod.pop("container", {}),
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], **pod}}
    metadata = {"name": name, "namespace": namespace}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": "http"}]},
        },
    ]


def shop(*images: ImageBehaviour, dns: bool = False, nodes: int = 3, seed: int = 1) -> Simulation:
    """A cluster with web, cart and db, each two pods; web calls cart, cart calls db. It is t=40s."""
    sim = Simulation(nodes=nodes, seed=seed, checking=True)
    for each in (image("web", "http://cart"), image("cart", "http://db"), image("db"), *images):
        sim.world.push_image(each)
    if dns:
        sim.network.install_dns()
    sim.run_until("15s")
    for name in ("web", "cart", "db"):
        sim.apply(program(name))
    sim.run_until("40s")
    return sim


def die(sim: Simulation, pod: dict[str, Any]) -> None:
    """The programs of a pod are killed, as for want of memory."""
    runtime = sim.cluster().pods.runtime(pod["spec"]["nodeName"])
    assert runtime is not None
    sandbox = runtime.sandbox(pod["metadata"]["uid"])
    assert sandbox is not None
    for container in sandbox.running():
        runtime.exit_now(container, 137, "OOMKilled")


INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
      - {path: /cart, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}
"""
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public}
spec:
  gatewayClassName: kcsim
  listeners:
  - {name: http, port: 80, protocol: HTTP, hostname: "*.example"}
"""


def route(backends: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    """An HTTPRoute at the Gateway ``public``."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "parentRefs": [{"name": "public"}],
            "hostnames": ["shop.example"],
            "rules": [{"backendRefs": backends}],
            **spec,
        },
    }


def conditions(obj: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition."""
    return {c["type"]: (c["status"], c["reason"]) for c in obj["conditions"]}
