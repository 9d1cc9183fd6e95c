"""Connections that are open: where conntrack leads their packets, and whether the far end still knows of them.  Decides; never acts.

**Imitates:** Linux: an established flow keeps to the backend that was chosen for it (``nf_conntrack``), whatever kube-proxy
and policies say later; when a process ends, its kernel closes its sockets, and answers later packets with a reset; an
address that nobody has swallows them.

**Walk:** a connection is accepted -> ``opened`` remembers the container -> a later request -> ``closed`` says why it is reset.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kcsim.cluster.kubelet.runtime import Container
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.engine.clock import SECOND
from kcsim.simulation.reach import Spot


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection that a client opened, as the kernels along it remember it: to one container, whatever comes after.

    Attributes:
        opened: when (µs).
        client: the uid of the pod that opened it; "" for a host.
        via: the node that passes its packets on; "" when they go straight.
        ip, port: where it leads, after all translation.
        node, pod, uid, container, container_id: what accepted it there; all "" for a host outside the cluster.
    """

    opened: int
    client: str
    via: str
    ip: str
    port: int
    node: str = ""
    pod: str = ""
    uid: str = ""
    container: str = ""
    container_id: str = ""


def opened(pods: PodNetwork, client: Spot, via: str, target: Spot, port: int) -> Connection:
    """The connection that a client opens now to somebody who listens; ``via`` a node that passes its packets on."""
    uid = client.pod["metadata"]["uid"] if client.pod is not None else ""
    runtime = pods.runtime(target.host)
    container = runtime.container_at(target.end.ip, port) if runtime is not None else None
    made = Connection(pods.engine.now, uid, via, target.end.ip, port)
    if container is None:
        return made
    sandbox = container.sandbox
    return replace(
        made,
        node=target.host,
        pod=f"{sandbox.namespace}/{sandbox.name}",
        uid=sandbox.uid,
        container=container.name,
        container_id=container.id,
    )


def closed(pods: PodNetwork, kept: Connection, target: Spot) -> str:
    """Why the far end, where ``target`` is now, resets what is sent over a connection; "" when it does not."""
    runtime = pods.runtime(kept.node)
    if not kept.uid or runtime is None:
        return ""
    sandbox = runtime.sandbox(kept.uid)
    if sandbox is None or kept.ip not in sandbox.ips or not sandbox.ready:
        return f"{target.name} has {kept.ip} now, and knows of no such connection: it answers with a reset"
    container = _attempt(sandbox.containers.get(kept.container), kept.container_id)
    if container is not None and container.finished_at is None:
        return ""
    how = ""
    if container is not None and container.finished_at is not None:
        ago = (pods.engine.now - container.finished_at) / SECOND
        how = f" {ago:g} s ago ({container.reason}, exit code {container.exit_code})"
    return f"container {kept.container} of {kept.pod} ended{how}, and its connections with it: reset"


def _attempt(newest: Container | None, id: str) -> Container | None:
    """The attempt of that id: the newest, or the one before, of which the runtime still knows."""
    for container in (newest, newest.previous if newest is not None else None):
        if container is not None and container.id == id:
            return container
    return None
