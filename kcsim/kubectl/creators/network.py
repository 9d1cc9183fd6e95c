"""Services and Ingresses from flags (kubectl ``pkg/cmd/create/create_{service,ingress}.go``)."""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.kubectl.creators.common import head, number, pairs, required
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session

_TYPES = {
    "clusterip": "ClusterIP",
    "nodeport": "NodePort",
    "loadbalancer": "LoadBalancer",
    "externalname": "ExternalName",
}


def service(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create service clusterip``, ``nodeport``, ``loadbalancer`` and ``externalname``."""
    del session
    typed = what.partition(" ")[2]
    kind = _TYPES.get(typed)
    if kind is None:
        raise KubectlError(
            f"error: unknown command \"{typed}\"\nSee 'kubectl create service -h' for help and examples"
        )
    spec: Object = {"type": kind, "selector": {"app": name}}
    if kind == "ExternalName":
        spec["externalName"] = required(arguments, "external-name")
    if kind == "ClusterIP" and arguments.get("clusterip"):
        spec["clusterIP"] = arguments.get("clusterip")
    ports = [_port(arguments, kind, item) for item in arguments.all("tcp")]
    if ports:
        spec["ports"] = ports
    elif kind != "ExternalName" and spec.get("clusterIP") != "None":
        raise KubectlError("error: at least one tcp port specifier must be provided")
    return {**objects.with_labels(head("v1", "Service", name), {"app": name}), "spec": spec}


def _port(arguments: Arguments, kind: str, item: str) -> Object:
    port, _, target = item.partition(":")
    if not port.isdigit():
        raise KubectlError(f'error: strconv.Atoi: parsing "{port}": invalid syntax')
    words = item.replace(":", "-") if target else port
    made: Object = {"name": words, "port": int(port), "protocol": "TCP", "targetPort": number(target or port)}
    if kind == "NodePort" and arguments.integer("node-port"):
        made["nodePort"] = arguments.integer("node-port")
    return made


def ingress(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create ingress``."""
    del session, what
    rules: dict[str, list[Object]] = {}
    tls: list[Object] = []
    for text in arguments.flags.get("rule", ()):
        place, _, secure = text.partition(",")
        place, equals, backend = place.partition("=")
        host, slash, path = place.partition("/")
        if not equals or not all(backend.partition(":")[::2]):
            raise KubectlError(
                f"error: rule {text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"
            )
        kind = "Prefix" if path.endswith("*") else "Exact"
        entry = {"path": f"{slash}{path.rstrip('*')}", "pathType": kind, "backend": _backend(backend)}
        rules.setdefault(host, []).append(entry)
        if secure:
            secret = secure.partition("=")[2]
            tls.append({"hosts": [host], **({"secretName": secret} if secret else {})})
    spec: Object = {}
    if arguments.get("class"):
        spec["ingressClassName"] = arguments.get("class")
    if arguments.get("default-backend"):
        spec["defaultBackend"] = _backend(arguments.get("default-backend"))
    if rules:
        spec["rules"] = [
            {**({"host": host} if host else {}), "http": {"paths": paths}} for host, paths in rules.items()
        ]
    if not spec.get("rules") and "defaultBackend" not in spec:
        raise KubectlError(
            "error: not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)"
        )
    if tls:
        spec["tls"] = tls
    obj = {**head("networking.k8s.io/v1", "Ingress", name), "spec": spec}
    annotations = pairs(arguments.flags.get("annotation", []))
    return objects.with_annotations(obj, annotations) if annotations else obj


def _backend(text: str) -> Object:
    name, _, port = text.partition(":")
    return {"service": {"name": name, "port": {"number": int(port)} if port.isdigit() else {"name": port}}}
