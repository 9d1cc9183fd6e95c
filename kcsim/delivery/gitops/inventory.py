"""What a Kustomization has applied: `status.inventory`.  Pure data, no API.

**Imitates:** fluxcd/kustomize-controller internal/inventory and cli-utils pkg/object/objmetadata.go (the id format).

**Walk:** applied objects -> `entries` -> `status.inventory` -> the next run's `stale` -> pruned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.delivery.gitops.ordering import group_of

# Names of RBAC objects may hold colons, which the id's consumers (label-like keys) do not take.
_COLON = "__"


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """An object an inventory names; `version` is the API version without the group."""

    namespace: str
    name: str
    group: str
    kind: str
    version: str = ""

    @property
    def id(self) -> str:
        """`<namespace>_<name>_<group>_<kind>`, as in `status.inventory.entries[].id`."""
        return "_".join((self.namespace, self.name.replace(":", _COLON), self.group, self.kind))

    @property
    def api_version(self) -> str:
        """Group and version as an object's `apiVersion` writes them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def as_object(self) -> dict[str, Any]:
        """The reference as an object with nothing but its identity."""
        metadata = {"name": self.name} | ({"namespace": self.namespace} if self.namespace else {})
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata}


def ref_of(obj: Mapping[str, Any]) -> ObjectRef:
    """The reference that an inventory keeps of an object."""
    metadata = obj.get("metadata") or {}
    version = obj.get("apiVersion", "").rpartition("/")[2]
    return ObjectRef(
        metadata.get("namespace", ""), metadata.get("name", ""), group_of(obj), obj.get("kind", ""), version
    )


def entry(obj: Mapping[str, Any]) -> dict[str, str]:
    """One member of `status.inventory.entries` for an object."""
    ref = ref_of(obj)
    return {"id": ref.id, "v": ref.version}


def entries(objects: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """`status.inventory.entries` for applied objects, in the order given, each id once."""
    found: dict[str, dict[str, str]] = {}
    for obj in objects:
        made = entry(obj)
        found.setdefault(made["id"], made)
    return list(found.values())


def parse_entry(raw: Mapping[str, str]) -> ObjectRef:
    """The reference behind an inventory entry.

    Raises: ValueError when the id has not its four parts.
    """
    parts = _split_id(raw.get("id", ""))
    if parts is None:
        raise ValueError(f"unable to parse stored object metadata: {raw.get('id', '')}")
    namespace, name, group, kind = parts
    return ObjectRef(namespace, name, group, kind, raw.get("v", ""))


def stale(old: Iterable[Mapping[str, str]], new: Iterable[Mapping[str, str]]) -> list[ObjectRef]:
    """What is in the old entries and no longer in the new ones (prune candidates), sorted by identity.

    The version takes no part: an object that only moved to another API version stays the same object.
    """
    kept = {raw.get("id", "") for raw in new}
    return sorted(parse_entry(raw) for raw in old if raw.get("id", "") not in kept)


def _split_id(text: str) -> tuple[str, str, str, str] | None:
    # As cli-utils ParseObjMetadata: the outer underscores delimit, so that a name may hold the escaped colon.
    namespace, first, rest = text.partition("_")
    head, second, kind = rest.rpartition("_")
    name, third, group = head.rpartition("_")
    if not (first and second and third):
        return None
    return namespace, name.replace(_COLON, ":"), group, kind
