"""What a proxy programs for one Service: for each port, where a new connection may go.  Decides; never acts.

**Imitates:** kube-proxy's ``pkg/proxy/topology.go`` and ``endpointslicecache.go`` (v1.36): ready endpoints; when there are
none, those that are serving though terminating; when there are none either, the connection is rejected. Left out, and
told by ``not_modelled``: session affinity, ``Local`` traffic policies, traffic distribution, ExternalName.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kcsim.api import objects
from kcsim.api.objects import Object


@dataclass(frozen=True, slots=True)
class Backend:
    """One place a connection can go: an address and port, and the pod (``namespace/name``) said to be there."""

    ip: str
    port: int
    pod: str


@dataclass(frozen=True, slots=True)
class PortRule:
    """One port of a Service and its backends, in the order of the slices."""

    name: str
    number: int
    backends: tuple[Backend, ...]


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """All ports of one Service."""

    ports: tuple[PortRule, ...]

    def port(self, wanted: int | str | None) -> PortRule | None:
        """The port of that number or name; None means the first. None when the Service has no such port."""
        if wanted is None:
            return self.ports[0] if self.ports else None
        return next((p for p in self.ports if wanted in {p.number, p.name}), None)


def service_rules(service: Object, slices: Iterable[Object]) -> ServiceRules:
    """What a Service and its EndpointSlices come to."""
    spec = service["spec"]
    headless = spec.get("clusterIP") == "None"
    known = list(slices)
    return ServiceRules(
        tuple(
            PortRule(
                port.get("name", ""),
                port["port"],
                # Nobody translates the port of a headless Service: its name leads to the pods themselves.
                _backends(known, port.get("name", ""), port["port"] if headless else None),
            )
            for port in spec.get("ports") or ()
        )
    )


def _backends(slices: list[Object], name: str, fixed: int | None) -> tuple[Backend, ...]:
    ready: list[Backend] = []
    leaving: list[Backend] = []
    for slice_ in slices:
        number = next(
            (p.get("port") for p in slice_.get("ports") or () if (p.get("name") or "") == name), None
        )
        if number is None:
            continue
        for endpoint in slice_.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            target = endpoint.get("targetRef") or {}
            pod = f"{target.get('namespace', '')}/{target['name']}" if target.get("kind") == "Pod" else ""
            backend = Backend(endpoint["addresses"][0], fixed or number, pod)
            # A missing condition counts as true, but for terminating (discovery/v1, EndpointConditions).
            if conditions.get("ready") is not False:
                ready.append(backend)
            elif conditions.get("serving") is not False and conditions.get("terminating"):
                leaving.append(backend)
    return tuple(dict.fromkeys(ready or leaving))


def not_modelled(service: Object) -> dict[str, str]:
    """Fields of a Service that would change where connections go, and are not played: ``{field: value}``."""
    spec = service["spec"]
    usual = {
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "externalTrafficPolicy": "Cluster",
    }
    found = {field: spec[field] for field, value in usual.items() if spec.get(field) not in {None, "", value}}
    if spec.get("trafficDistribution"):
        found["trafficDistribution"] = spec["trafficDistribution"]
    if spec.get("type") == "ExternalName":
        found["type"] = "ExternalName"
    return found


def service_of_slice(slice_: Object) -> tuple[str, ...]:
    """``namespace/name`` of the Service a slice belongs to, for an informer's index."""
    name = objects.labels(slice_).get("kubernetes.io/service-name")
    return (f"{objects.namespace(slice_)}/{name}",) if name else ()
