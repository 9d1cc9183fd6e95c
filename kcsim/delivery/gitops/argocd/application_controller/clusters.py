"""The clusters that an installation knows, and which replica of the controller looks after which of them.

**Imitates:** argo-cd 3.x util/db/cluster.go (Secrets of type cluster, the local cluster beside them), util/argo/argo.go
(GetDestinationCluster), controller/sharding (legacy, round-robin, consistent-hashing). Left out: execProviders and
client certificates; a Secret's bearer token is taken as the name of the account it is of.

**Walk:** cluster Secrets -> ``Cluster`` -> an Application's destination -> ``find`` -> ``shard_of``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.request import User, service_account
from kcsim.delivery.gitops.argocd.terms import IN_CLUSTER, IN_CLUSTER_NAME, SECRET_TYPE

LEGACY, ROUND_ROBIN, CONSISTENT = "legacy", "round-robin", "consistent-hashing"


class UnknownCluster(Exception):
    """A destination that leads nowhere; the message is what the Application's condition shows."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One destination.

    Attributes:
        id: the uid of its Secret; "" for the local cluster.
        user: who the controller is there; None for itself.
        shard: the replica it is pinned to.
        namespaces: those the controller is limited to; empty for all.
    """

    name: str
    server: str
    id: str = ""
    user: User | None = None
    shard: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    namespaces: tuple[str, ...] = ()
    project: str = ""


LOCAL = Cluster(IN_CLUSTER_NAME, IN_CLUSTER)


def is_cluster_secret(secret: Object) -> bool:
    """Whether a Secret describes a cluster."""
    return objects.labels(secret).get(SECRET_TYPE) == "cluster"


def cluster_of(secret: Object) -> Cluster:
    """The cluster that a Secret describes."""
    data = {key: _decoded(value) for key, value in (secret.get("data") or {}).items()}
    try:
        config: Mapping[str, Any] = json.loads(data.get("config") or "{}")
    except ValueError:
        config = {}
    token = str(config.get("bearerToken") or "")
    parts = token.split(":")
    user = (
        service_account(parts[2], parts[3])
        if token.startswith("system:serviceaccount:") and len(parts) == 4
        else None
    )
    if user is None and (config.get("username") or token):
        user = User(str(config.get("username") or token))
    shard = data.get("shard", "")
    return Cluster(
        data.get("name", ""),
        data.get("server", "").rstrip("/"),
        objects.uid(secret),
        user,
        int(shard) if shard.isdigit() else None,
        objects.labels(secret),
        objects.annotations(secret),
        tuple(part.strip() for part in data.get("namespaces", "").split(",") if part.strip()),
        data.get("project", ""),
    )


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def clusters_of(secrets: Iterable[Object]) -> list[Cluster]:
    """All clusters, the local one first unless a Secret describes it."""
    found = [cluster_of(secret) for secret in secrets if is_cluster_secret(secret)]
    return found if any(c.server == IN_CLUSTER for c in found) else [LOCAL, *found]


def find(destination: Mapping[str, Any], known: Sequence[Cluster]) -> Cluster:
    """The cluster that a destination means (GetDestinationServer, GetDestinationCluster).

    Raises:
        UnknownCluster: there is none, there are several of the name, or the destination names both or neither.
    """
    name, server = destination.get("name") or "", (destination.get("server") or "").rstrip("/")
    if name and server:
        raise UnknownCluster(
            f"application destination can't have both name and server defined: {name} {destination['server']}"
        )
    if name:
        named = [cluster for cluster in known if cluster.name == name]
        if len(named) > 1:
            servers = " ".join(cluster.server for cluster in named)
            raise UnknownCluster(f"there are {len(named)} clusters with the same name: [{servers}]")
        if not named:
            raise UnknownCluster(f"there are no clusters with this name: {name}")
        return named[0]
    if not server:
        raise UnknownCluster("Destination server missing from app spec")
    found = next((cluster for cluster in known if cluster.server == server), None)
    if found is None:
        raise UnknownCluster(
            f'error getting cluster by server "{server}": rpc error: code = NotFound desc = cluster "{server}" not found'
        )
    return found


def shard_of(cluster: Cluster, known: Sequence[Cluster], replicas: int, method: str) -> int:
    """The replica (from 0) that looks after a cluster."""
    if replicas <= 1:
        return 0
    if cluster.shard is not None:
        return cluster.shard if cluster.shard < replicas else 0
    if not cluster.id and method == LEGACY:
        return 0  # the local cluster has no uid, and legacy gives it to the first
    if method == LEGACY:
        return _fnv32a(cluster.id.encode()) % replicas
    ranked = sorted(known, key=lambda each: each.id)
    if method == ROUND_ROBIN:
        return next((rank for rank, each in enumerate(ranked) if each.id == cluster.id), 0) % replicas
    return _bounded(cluster, ranked, replicas)


def _fnv32a(data: bytes) -> int:
    value = 2166136261
    for byte in data:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value


_VIRTUAL_NODES = 1000
_LOAD = 1.25


def _bounded(cluster: Cluster, ranked: Sequence[Cluster], replicas: int) -> int:
    """Consistent hashing with bounded loads (controller/sharding/consistent): no replica gets over 1.25 of its share."""
    ring = sorted((_point(f"{shard}{i}"), shard) for shard in range(replicas) for i in range(_VIRTUAL_NODES))
    loads = [0] * replicas
    for number, each in enumerate(ranked, start=1):
        limit = max(1, -(-int(number * _LOAD * 100) // (replicas * 100)))
        place = bisect_left(ring, (_point(each.id), -1))
        for step in range(len(ring)):
            shard = ring[(place + step) % len(ring)][1]
            if loads[shard] + 1 <= limit:
                loads[shard] += 1
                if each.id == cluster.id:
                    return shard
                break
    return 0


def _point(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
