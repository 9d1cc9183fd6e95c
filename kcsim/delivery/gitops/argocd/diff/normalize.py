"""Bringing an object into the form in which it is compared.  Decides; never acts.

**Imitates:** gitops-engine pkg/diff/diff.go (`Normalize`, `NormalizeSecret`, `normalizeRole`, `normalizeEndpoint`,
`remarshal`) and argo-cd util/argo/normalizers/knowntypes_normalizer.go.
Differs: of the types that `knownTypeFields` may name, quantities, durations and the pod parts of the shipped
schemas are known; a field of another type stays as it is and `unknown_types` names it.

**Walk:** target, live and last applied -> `remarshalled` -> `normalized` -> compared.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import quantity
from kcsim.api.defaults.canonical import canonical
from kcsim.api.durations import format_duration, parse_duration
from kcsim.api.objects import Object
from kcsim.api.resources import GVK
from kcsim.api.schemas.check import Checker
from kcsim.api.schemas.definitions import definition
from kcsim.delivery.gitops.argocd.diff.ignore import Ignores
from kcsim.delivery.gitops.argocd.resources import (
    kind_of,
    metadata_of,
    version_of,
)
from kcsim.delivery.gitops.ordering import group_of

# Remembers clean subtrees by identity; it changes how fast, never what is found.
_CHECKER = Checker()

_POD_SPEC = "io.k8s.api.core.v1.PodSpec"


@dataclass(frozen=True, slots=True)
class KnownField:
    """A field of a custom kind that holds a built-in type: its path, and the type (`core/v1/PodSpec`)."""

    group: str
    kind: str
    path: tuple[str, ...]
    type: str


ROLLOUT_TEMPLATE = KnownField("argoproj.io", "Rollout", ("spec", "template", "spec"), "core/v1/PodSpec")
"""What holds without any setting (`ensureDefaultCRDsConfigured`)."""


@dataclass(frozen=True, slots=True)
class Normalizer:
    """How objects are normalised: what is ignored, and the fields of known types.

    `aggregated_roles`: whether rules of aggregated ClusterRoles are ignored (`ignoreAggregatedRoles`).
    """

    ignores: Ignores = field(default_factory=Ignores)
    known: tuple[KnownField, ...] = (ROLLOUT_TEMPLATE,)
    aggregated_roles: bool = False

    def normalized(self, obj: Object, *, full: bool = True) -> Object:
        """The object as it is compared; not `full` leaves ignored fields in, for a server to see."""
        obj = _without_creation(obj)
        match group_of(obj), kind_of(obj):
            case "", "Secret":
                obj = secret(obj)
            case "rbac.authorization.k8s.io", "ClusterRole" | "Role":
                obj = self._role(obj)
            case "", "Endpoints":
                obj = endpoints(obj)
            case _:
                pass
        if not full:
            return obj
        obj = self.ignores.strip(obj)
        for known in self.known:
            if (known.group, known.kind) == (group_of(obj), kind_of(obj)):
                obj = _at(obj, known.path, lambda value, k=known: _typed(value, k.type))  # type: ignore[misc]
        return obj

    def _role(self, obj: Object) -> Object:
        if self.aggregated_roles and isinstance(obj.get("aggregationRule"), Mapping):
            return {**obj, "rules": None}
        return {**obj, "rules": None} if obj.get("rules") == [] else obj


def known_fields(group: str, kind: str, raw: Iterable[Mapping[str, Any]]) -> list[KnownField]:
    """The fields of `resource.customizations.knownTypeFields.<group>_<kind>`, each with `field` and `type`.

    Raises: ValueError when one is no object.
    """
    items = list(raw)
    if not all(isinstance(item, Mapping) for item in items):
        raise ValueError("each member has a field and a type")
    return [
        KnownField(group, kind, tuple(str(item.get("field") or "").split(".")), str(item.get("type") or ""))
        for item in items
    ]


def unknown_types(known: Iterable[KnownField]) -> list[str]:
    """The types of fields that are not modelled, sorted."""
    return sorted({k.type for k in known if k.type not in _TYPES and _definition_of(k.type) is None})


def remarshalled(obj: Object) -> Object:
    """The object as Go would write it after reading it as its kind: without empty optional fields, values canonical.

    Custom kinds, and objects with fields that their kind does not have, stay as they are.
    """
    gvk: GVK = (group_of(obj), version_of(obj), kind_of(obj))
    node = definition(gvk)
    if node is None:
        return obj
    pruned, faults = _CHECKER.decode(dict(obj), gvk)
    if faults:
        return obj
    made: Object = canonical(pruned, node)
    return made


def conforms(obj: Object, gvk: GVK) -> bool:
    """Whether an object fits the schema of a built-in kind, so that its defaults can be filled in."""
    return definition(gvk) is not None and not _CHECKER.check(obj, gvk)


def secret(obj: Object) -> Object:
    """A Secret with its `stringData` encoded into `data`, and nothing where there was null."""
    texts, data = obj.get("stringData"), obj.get("data")
    if not texts and not data:
        return {k: v for k, v in obj.items() if k != "stringData"} if "stringData" in obj else obj
    made = dict(data or {})
    for key, value in (texts or {}).items():
        made[key] = base64.b64encode(value.encode()).decode() if isinstance(value, str) else value
    made = {k: "" if v is None else v for k, v in made.items()}
    return {**{k: v for k, v in obj.items() if k != "stringData"}, "data": made}


def endpoints(obj: Object) -> Object:
    """Endpoints with their subsets, addresses and ports in one order, and the protocol that is the default."""
    subsets = [_subset(subset) for subset in obj.get("subsets") or ()]
    if not subsets:
        return obj
    return {**obj, "subsets": sorted(subsets, key=repr)}


def _subset(subset: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(subset)
    for kind in ("addresses", "notReadyAddresses"):
        if subset.get(kind):
            made[kind] = sorted(subset[kind], key=lambda a: (a.get("ip", ""), _target_uid(a)))
    if subset.get("ports"):
        ports = [{**port, "protocol": port.get("protocol") or "TCP"} for port in subset["ports"]]
        made["ports"] = sorted(ports, key=lambda p: (p.get("name", ""), p["protocol"], p.get("port", 0)))
    return made


def _target_uid(address: Mapping[str, Any]) -> str:
    return str((address.get("targetRef") or {}).get("uid") or "")


def _without_creation(obj: Object) -> Object:
    metadata = metadata_of(obj)
    if "creationTimestamp" not in metadata:
        return obj
    return {**obj, "metadata": {k: v for k, v in metadata.items() if k != "creationTimestamp"}}


def _at(value: Any, path: tuple[str, ...], change: Callable[[Any], Any]) -> Any:
    # Lists on the way are gone through item by item, as upstream's `normalize` does.
    if isinstance(value, list):
        return [_at(item, path, change) if isinstance(item, Mapping) else item for item in value]
    if not path:
        return change(value)
    if not isinstance(value, Mapping) or path[0] not in value:
        return value
    return {**value, path[0]: _at(value[path[0]], path[1:], change)}


def _definition_of(type_name: str) -> str | None:
    group, _, rest = type_name.partition("/")
    name = f"io.k8s.api.{group}.{rest.replace('/', '.')}"
    return name if definition(name) is not None else None


def _typed(value: Any, type_name: str) -> Any:
    if (convert := _TYPES.get(type_name)) is not None:
        return convert(value)
    name = _definition_of(type_name)
    node = definition(name) if name is not None else None
    if node is None or not isinstance(value, dict):
        return value
    pruned, faults = _CHECKER.decode(value, node)
    # A value that is not of the type is left as it is, as an error of upstream's normaliser leaves it.
    return value if faults else canonical(pruned, node)


def _quantity(value: Any) -> Any:
    try:
        return quantity.canonical(str(value))
    except ValueError:
        return value


def _duration(value: Any) -> Any:
    try:
        return format_duration(parse_duration(str(value)))
    except ValueError:
        return value


_TYPES: Mapping[str, Callable[[Any], Any]] = {"core/Quantity": _quantity, "meta/v1/Duration": _duration}
