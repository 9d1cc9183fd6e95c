"""What an ingress controller makes of the Ingresses of its class.  Decides; never acts.

**Imitates:** ingress-nginx 1.x (internal/ingress/controller/controller.go: getBackendServers, createServers; store:
which Ingresses are its own; annotations/canary). Left out: TLS and its redirects, all other annotations, which are reported.

**Walk:** Ingresses, oldest first -> a rule for each path -> canaries share the traffic of the rule they stand beside ->
a ``Table`` with the default backend.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kcsim.api import objects
from kcsim.api.not_modelled import told
from kcsim.api.objects import Object
from kcsim.cluster.routing.table import EXACT, PREFIX, Header, Rule, Table, Upstream

CONTROLLER = "k8s.io/ingress-nginx"
CLASS = "nginx"
_OLD_CLASS = "kubernetes.io/ingress.class"
_NGINX = "nginx.ingress.kubernetes.io/"
_CANARY, _WEIGHT, _TOTAL = f"{_NGINX}canary", f"{_NGINX}canary-weight", f"{_NGINX}canary-weight-total"
_HEADER, _HEADER_VALUE = f"{_NGINX}canary-by-header", f"{_NGINX}canary-by-header-value"
_PLAYED = {_CANARY, _WEIGHT, _TOTAL, _HEADER, _HEADER_VALUE}
_TOLD = told("io.k8s.api.networking.v1.IngressSpec")


def is_mine(ingress: Object, classes: Mapping[str, str]) -> bool:
    """Whether this controller plays an Ingress; ``classes`` are the controllers of the IngressClasses by name."""
    name = (ingress.get("spec") or {}).get("ingressClassName")
    if name is None:
        name = objects.annotations(ingress).get(_OLD_CLASS)
        return name == CLASS
    return classes.get(name) == CONTROLLER


def table_of(ingresses: Iterable[Object]) -> Table:
    """The rules of some Ingresses."""
    found = sorted(ingresses, key=_age)
    rules: dict[tuple[str, str, str], Rule] = {}
    default: tuple[Upstream, ...] = ()
    canaries = [ingress for ingress in found if _is_canary(ingress)]
    for ingress in found:
        if _is_canary(ingress):
            continue
        for number, (host, path, kind, backend) in enumerate(_paths(ingress)):
            # The oldest Ingress keeps a path that several claim.
            rules.setdefault(
                (host, path, kind),
                Rule(
                    host,
                    path,
                    kind,
                    (_upstream(ingress, backend),),
                    age=_age(ingress),
                    number=number,
                    origin=f"Ingress {'/'.join(objects.key(ingress))}",
                ),
            )
        backend = (ingress.get("spec") or {}).get("defaultBackend")
        if backend and not default:
            default = (_upstream(ingress, backend),)
    headers: list[Rule] = []
    for canary in canaries:
        headers.extend(_add_canary(rules, canary))
    return Table.of([*rules.values(), *headers], default)


def not_modelled(ingress: Object) -> dict[str, str]:
    """What an Ingress asks of nginx and does not get here: ``{field: value}``."""
    notes = objects.annotations(ingress)
    found = {
        f"metadata.annotations[{name}]": value
        for name, value in sorted(notes.items())
        if name.startswith(_NGINX) and name not in _PLAYED
    }
    asked = ingress.get("spec") or {}
    return found | {f"spec.{field}": why for field, why in _TOLD.items() if asked.get(field)}


def _age(ingress: Object) -> str:
    metadata = ingress["metadata"]
    return f"{metadata.get('creationTimestamp', '')} {'/'.join(objects.key(ingress))}"


def _paths(ingress: Object) -> list[tuple[str, str, str, Any]]:
    found = []
    for rule in (ingress.get("spec") or {}).get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            # nginx takes what is left to the implementation for a prefix.
            kind = EXACT if path.get("pathType") == EXACT else PREFIX
            found.append((rule.get("host") or "", path.get("path") or "/", kind, path["backend"]))
    return found


def _upstream(ingress: Object, backend: Any, weight: int = 1) -> Upstream:
    service = backend.get("service")
    if not service:
        return Upstream(weight, status=503, why="only Services can be backends")
    port = service.get("port") or {}
    key = (objects.namespace(ingress), service["name"])
    return Upstream(weight, key, port.get("number") or port.get("name") or 80)


def _is_canary(ingress: Object) -> bool:
    return objects.annotations(ingress).get(_CANARY) == "true"


def _add_canary(rules: dict[tuple[str, str, str], Rule], canary: Object) -> list[Rule]:
    """Split the traffic of the rules that a canary stands beside; gives rules of their own for its header."""
    notes = objects.annotations(canary)
    weight, total = _number(notes.get(_WEIGHT), 0), _number(notes.get(_TOTAL), 100) or 100
    named: list[Rule] = []
    for host, path, kind, backend in _paths(canary):
        beside = rules.get((host, path, kind))
        if beside is None:
            continue
        chosen = min(max(weight, 0), total)
        if chosen:
            kept = tuple(replace(each, weight=each.weight * (total - chosen)) for each in beside.upstreams)
            whole = sum(each.weight for each in beside.upstreams)
            split = (*kept, _upstream(canary, backend, chosen * whole))
            rules[host, path, kind] = replace(beside, upstreams=split)
        header = notes.get(_HEADER)
        if header:
            value = notes.get(_HEADER_VALUE)
            always = replace(beside, upstreams=(_upstream(canary, backend),))
            named.append(replace(always, headers=(Header(header, value or "always"),)))
            if value is None:
                named.append(replace(beside, headers=(Header(header, "never"),)))
    return named


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() else otherwise


def backends_of(ingress: Object) -> Sequence[tuple[str, Any]]:
    """Every Service an Ingress names, with its port: ``(name, number or name)``."""
    found = [backend for _, _, _, backend in _paths(ingress)]
    default = (ingress.get("spec") or {}).get("defaultBackend")
    named = [each["service"] for each in [*found, *([default] if default else [])] if each.get("service")]
    return [
        (each["name"], (each.get("port") or {}).get("number") or (each.get("port") or {}).get("name"))
        for each in named
    ]
