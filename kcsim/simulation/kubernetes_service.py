"""The Service ``kubernetes``: how pods of a cluster find its API server.

**Imitates:** ``pkg/controlplane/controller/kubernetesservice`` and ``pkg/controlplane/reconcilers/endpointsadapter.go`` (v1.36): the
API server creates the Service with the first address of its range, its Endpoints and EndpointSlice; it looks after them every
ten seconds, and makes again what is gone. Differs: a look that would find nothing amiss is not made. Left out: the slice of a
second family, and further API servers, since a world has one.

**Walk:** ``objects_of`` at the start of a cluster -> somebody deletes the Service -> at the next look it is there again, with the
addresses that the controllers for endpoints took away with it.
"""

from __future__ import annotations

import ipaddress

from kcsim.api.client import DirectClient
from kcsim.api.ip_families import family_of
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.profile.constants import DEFAULT

NAMESPACE, NAME = "default", "kubernetes"
SECURE_PORT = 6443
INTERVAL = DEFAULT.us("kube-apiserver/kubernetes-service-interval")
"""pkg/controlplane/controller/kubernetesservice: EndpointInterval."""
_KINDS = ("services", "endpoints", "endpointslices.discovery.k8s.io")


def objects_of(service_cidr: str, address: str) -> list[tuple[str, Object]]:
    """The Service, its Endpoints and its slice, each with its resource, of an API server at an address."""
    family = family_of(service_cidr)
    port = {"name": "https", "port": SECURE_PORT, "protocol": "TCP"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "clusterIP": str(ipaddress.ip_network(service_cidr)[1]),
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": SECURE_PORT}],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
    }
    endpoints = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [{"addresses": [{"ip": address}], "ports": [port]}],
    }
    slice_ = {
        "addressType": family,
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": NAME},
        },
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [port],
    }
    return list(zip(_KINDS, (service, endpoints, slice_), strict=True))


class KubernetesService:
    """Looks after the Service of one API server."""

    def __init__(self, client: DirectClient, service_cidr: str, address: str) -> None:
        self._client = client
        self._wanted = objects_of(service_cidr, address)
        self._armed = False
        log, index = client.endpoint.server.log, ("metadata.name", NAME)
        self._watches = [
            log.watch(client.resource(word), self._changed, namespace=NAMESPACE, index=index)
            for word in _KINDS
        ]

    def _changed(self) -> None:
        engine = self._client.endpoint.engine
        gone = [version for watch in self._watches for kind, version in watch.take() if kind == "DELETED"]
        if gone and not self._armed:
            self._armed = True
            wait = INTERVAL - engine.now % INTERVAL
            engine.tick_on(wait, "the API server looks after its Service", self._look)

    def _look(self) -> None:
        self._armed = False
        client = self._client
        log = client.endpoint.server.log
        for word, obj in self._wanted:
            if log.get(client.resource(word), NAMESPACE, NAME) is None:
                try:
                    client.now(client.create(word, obj))
                except StatusError:
                    # As upstream, which says so in its log and looks again.
                    self._armed = True
                    client.endpoint.engine.after(INTERVAL, self._look)
                    return
