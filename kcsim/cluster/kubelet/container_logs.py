"""What containers write to their logs, and the kubelet that hands it out.

**Imitates:** the kubelet's ``/containerLogs`` (``pkg/kubelet/kubelet_pods.go``: which attempt is meant, and what is said
when there is none) and its reading of CRI logs (``kuberuntime/logs``: since, tail, timestamps), v1.36. Differs: what a
real program writes is its own; here lines are worked out, when somebody asks, from the life of the container: its start,
when it listens, what its probes and users notice, SIGTERM, and its end. An image whose behaviour is changed by a fault
is told of as it behaves now. Left out: what programs say of single requests or of the objects they look after, rotation.

**Walk:** pods/log -> the pod's status says which attempt -> ``life`` of that container -> ``chosen`` lines -> a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.api.request import LogOptions
from kcsim.api.status import StatusError, bad_request
from kcsim.cluster.images import Window
from kcsim.cluster.kubelet.kubelet import Kubelet
from kcsim.cluster.kubelet.runtime import LOST_EXIT, NO_PORT, Container
from kcsim.engine.clock import rfc3339_micro
from kcsim.network.topology import Network

Object = dict[str, Any]
_PORT = 10250


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One line of a log: the instant (µs) at which it was written, and its text."""

    at: int
    text: str


# --- what a container writes: pure ------------------------------------------------------------------------------


def life(container: Container, now: int) -> list[Line]:
    """Every line that this attempt has written until ``now``, in order."""
    end = now if container.finished_at is None else container.finished_at
    lines = [line for line in _alive(container) if line.at <= end]
    last = _last_words(container)
    lines.sort(key=lambda line: line.at)
    if last:
        lines.append(Line(end, last))
    return lines


def _alive(container: Container) -> list[Line]:
    behaviour, start = container.behaviour, container.started_at
    lines = [Line(start, f"starting {container.image}")]
    if behaviour.program is not None:
        lines.append(Line(start, f"running {behaviour.program}"))
    if behaviour.exits_after is None and container.ports is not NO_PORT and not _is_init(container):
        listed = ", ".join(str(port) for port in container.ports)
        text = f"listening on port {listed}" if listed else "ready"
        lines.append(Line(start + behaviour.ready_after, text))
    told: tuple[tuple[Window | None, str, str], ...] = (
        (behaviour.fails_readiness, "not ready to serve", "ready to serve again"),
        (behaviour.fails_liveness, "unhealthy", "healthy again"),
        (
            behaviour.serves_errors,
            f"error: answering {behaviour.error_fraction:.0%} of requests with an error",
            "answering requests again",
        ),
    )
    for window, begins, ends in told:
        if window is not None:
            lines.append(Line(start + window.since, begins))
            if window.until is not None:
                lines.append(Line(start + window.until, ends))
    if container.sigterm_at is not None:
        ignores = behaviour.ignores_sigterm
        text = "received SIGTERM, going on" if ignores else "received SIGTERM, shutting down"
        lines.append(Line(container.sigterm_at, text))
    return lines


def _is_init(container: Container) -> bool:
    inits = container.sandbox.pod["spec"].get("initContainers") or ()
    return any(each["name"] == container.name for each in inits)


def _last_words(container: Container) -> str:
    """What it writes as it ends; a program that is killed has no time for any."""
    code = container.exit_code
    if container.finished_at is None or code in {LOST_EXIT, 137, 143}:
        return ""
    return "done" if code == 0 else f"fatal error, exiting with code {code}"


def chosen(lines: list[Line], options: LogOptions) -> str:
    """The lines that are asked for, as a text."""
    if options.since is not None:
        lines = [line for line in lines if line.at >= options.since]
    if options.tail is not None:
        lines = lines[max(len(lines) - options.tail, 0) :]
    stamped = options.timestamps
    text = "".join(f"{_stamp(line.at)} {line.text}\n" if stamped else f"{line.text}\n" for line in lines)
    return (
        text if options.limit_bytes is None else text.encode()[: options.limit_bytes].decode(errors="ignore")
    )


def _stamp(at: int) -> str:
    """With nine digits of a second, as containerd writes it."""
    return rfc3339_micro(at).replace("Z", "000Z")


def attempt(pod: Object, name: str, *, previous: bool) -> str:
    """The id of the container whose log is meant.

    Raises:
        StatusError: 400 in the kubelet's words: there is none.
    """
    status = _status_of(pod, name)
    what = f'container "{name}" in pod "{objects.name(pod)}"'
    if status is None:
        raise bad_request(f"{what} is not available")
    state = status.get("state") or {}
    before = (status.get("lastState") or {}).get("terminated")
    if previous:
        if not before or not before.get("containerID"):
            raise bad_request(f"previous terminated {what} not found")
        return str(before["containerID"])
    if "running" in state:
        return str(status["containerID"])
    ended = (state.get("terminated") or {}).get("containerID") or (before or {}).get("containerID")
    if ended:
        return str(ended)
    if "terminated" in state or before:
        raise bad_request(f"{what} is terminated")
    if "waiting" in state:
        reason = state["waiting"].get("reason", "")
        raise bad_request(f"{what} is waiting to start: {_WAITING.get(reason, reason)}")
    raise bad_request(f"{what} is waiting to start - no logs yet")


_WAITING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


def _status_of(pod: Object, name: str) -> Object | None:
    for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for status in (pod.get("status") or {}).get(field) or ():
            if status["name"] == name:
                return dict(status)
    return None


# --- the kubelets' servers --------------------------------------------------------------------------------------


class ContainerLogs:
    """Fetches logs from the kubelets of a cluster, for its API server."""

    def __init__(self, network: Network, host: str, kubelets: Mapping[str, Kubelet]) -> None:
        self._network = network
        self._host = host
        self._kubelets = kubelets

    def __call__(self, pod: Object, name: str, options: LogOptions) -> str:
        """The text.

        Raises:
            StatusError: 400 what the kubelet has no log of; 500 it cannot be reached.
        """
        node = pod["spec"]["nodeName"]
        kubelet = self._kubelets.get(node)
        if kubelet is None:
            return ""  # no machine stands behind this node: there is nothing that could write
        why = ""
        if not kubelet.runtime.powered or not self._network.reachable(self._host, node):
            why = "i/o timeout"
        elif not kubelet.running:
            why = "connect: connection refused"
        if why:
            address = f"{kubelet.node.address}:{_PORT}"
            path = f"containerLogs/{objects.namespace(pod)}/{objects.name(pod)}/{name}"
            text = f'Get "https://{address}/{path}": dial tcp {address}: {why}'
            raise StatusError(500, "", text)
        wanted = attempt(pod, name, previous=options.previous)
        container = _found(kubelet, objects.uid(pod), name, wanted)
        if container is None:
            return f"unable to retrieve container logs for {wanted}"
        return chosen(life(container, kubelet.engine.now), options)


def _found(kubelet: Kubelet, uid: str, name: str, id: str) -> Container | None:
    sandbox = kubelet.runtime.written(uid)
    newest = sandbox.containers.get(name) if sandbox is not None else None
    for container in (newest, newest.previous if newest is not None else None):
        if container is not None and container.id == id:
            return container
    return None
