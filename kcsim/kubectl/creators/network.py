"""Services and Ingresses from flags (kubectl ``pkg/cmd/create/create_{service,ingress}.go``)."""

from __future__ import annotations

import re

from kcsim.api import names, objects
from kcsim.api.objects import Object
from kcsim.kubectl.creators.common import head, number, pairs, required
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session

_LAST_PORT = 65535
_RULE = re.compile(r"[\w*.-]*/.*=[\w-]+:[\w-]+(,tls(=[\w-]+)?)?", re.ASCII)
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
    port, target, *_ = [*item.split(":"), ""]
    if not port.isdigit() or int(port) > _LAST_PORT:
        why = "value out of range" if port.isdigit() else "invalid syntax"
        raise KubectlError(f'error: strconv.ParseUint: parsing "{port}": {why}')
    wrong = names.is_valid_port_num(int(target)) if target.isdigit() else names.is_valid_port_name(target)
    if ":" in item and wrong:
        raise KubectlError(f"error: {','.join(wrong)}")
    words = item.replace(":", "-")
    made: Object = {"name": words, "port": int(port), "protocol": "TCP", "targetPort": number(target or port)}
    if kind == "NodePort" and arguments.integer("node-port"):
        made["nodePort"] = arguments.integer("node-port")
    return made


def ingress(session: Session, arguments: Arguments, name: str, what: str) -> Object:
    """``create ingress``."""
    del session, what
    _check_ingress(arguments)
    rules: dict[str, list[Object]] = {}
    tls: list[Object] = []
    for text in arguments.flags.get("rule", ()):
        place, _, secure = text.partition(",")
        place, _, backend = place.partition("=")
        host, slash, path = place.partition("/")
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
    if tls:
        spec["tls"] = tls
    obj = {**head("networking.k8s.io/v1", "Ingress", name), "spec": spec}
    annotations = pairs(arguments.flags.get("annotation", []))
    return objects.with_annotations(obj, annotations) if annotations else obj


def _check_ingress(arguments: Arguments) -> None:
    rules, backend = arguments.flags.get("rule", ()), arguments.get("default-backend")
    if not rules and not backend:
        raise KubectlError(
            "error: not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)"
        )
    for text in rules:
        if not _RULE.fullmatch(text):
            raise KubectlError(
                f"error: rule {text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"
            )
    for text in arguments.flags.get("annotation", ()):
        if "=" not in text:
            raise KubectlError(f"error: annotation {text} is invalid and should be in format key=[value]")
    if backend and backend.count(":") != 1:
        raise KubectlError("error: default-backend should be in format servicename:serviceport")


def _backend(text: str) -> Object:
    name, _, port = text.partition(":")
    return {"service": {"name": name, "port": {"number": int(port)} if port.isdigit() else {"name": port}}}
