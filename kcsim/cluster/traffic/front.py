"""Where requests for an Ingress or a Gateway come in: the load balancer of the programs that play it."""

from __future__ import annotations

from kcsim.api.objects import Key
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.traffic.target import Target

INGRESS_SERVICE: Key = ("ingress-nginx", "ingress-nginx-controller")
"""The Service of the ingress controller, as its own manifests name it."""
GATEWAY_CLASS = "kcsim"
"""The GatewayClass that kcsim's gateway controller brings along."""


def gateway_service(namespace: str, gateway: str) -> Key:
    """The Service of a Gateway's proxies: ``<gateway>-<class>``, as GEP-1762 recommends."""
    return namespace, f"{gateway}-{GATEWAY_CLASS}"


class Front:
    """The Service in front of the routers of a source."""

    def __init__(self, pods: PodNetwork, entry: str, namespace: str, gateway: str) -> None:
        if entry == "Gateway" and not gateway:
            raise ValueError("requests through a Gateway name it")
        self._pods = pods
        self._what = "ingress controller" if entry == "Ingress" else f"Gateway {namespace}/{gateway}"
        self._key = INGRESS_SERVICE if entry == "Ingress" else gateway_service(namespace, gateway)

    def target(self, target: Target) -> Target | str:
        """The target behind the load balancer of the routers, asked for the same; or what is missing."""
        if self._pods.service(self._key) is None:
            return f"there is no {self._what}"
        port = target.port if isinstance(target.port, int) else 80
        return Target(self._key, "", port, target.ask)
