"""kubectl drain: cordon a node and evict its pods.

**Imitates:** kubectl ``pkg/drain`` (v1.36): the refusals, evictions in parallel, a retry every five seconds on 429, and
polling every second until each pod is gone (workloads reference, section 8).
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND, seconds
from kcsim.engine.task import All, Sleep, Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.mutate import set_unschedulable
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import Target

RETRY = 5 * SECOND
_DAEMON = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"
_LOCAL = "Pods with local storage (use --delete-emptydir-data to override)"
_UNMANAGED = "Pods that declare no controller (use --force to override)"


def drain(session: Session, arguments: Arguments) -> Steps:
    """``kubectl drain NODE``."""
    if not arguments.words:
        raise KubectlError("error: USAGE: drain NODE [flags]")
    deadline = seconds(arguments.get("timeout", "0s"))
    end = session.engine.now + deadline if deadline else None
    for name in arguments.words:
        node = name.removeprefix("node/")
        yield from set_unschedulable(session, Target(session.resource("nodes"), "", node), wanted=True)
        found = yield session.client.list("pods", "", field_selector=f"spec.nodeName={node}")
        leave = [] if session.failed else _chosen(session, arguments, found["items"], node)
        yield from _evict_all(session, arguments, leave, end)
        if not session.failed:
            session.print(f"node/{node} drained")
    return None


def _chosen(session: Session, arguments: Arguments, pods: list[Object], node: str) -> list[Object]:
    leave: list[Object] = []
    refused: dict[str, list[str]] = {}
    ignored: list[str] = []
    for pod in pods:
        if "kubernetes.io/config.mirror" in objects.annotations(pod):
            continue
        owner = objects.controller_of(pod)
        name = f"{objects.namespace(pod)}/{objects.name(pod)}"
        finished = pod["status"].get("phase") in {"Succeeded", "Failed"}
        if owner is not None and owner["kind"] == "DaemonSet" and not finished:
            if arguments.on("ignore-daemonsets"):
                ignored.append(name)
            else:
                refused.setdefault(_DAEMON, []).append(name)
            continue
        local = any("emptyDir" in v for v in pod["spec"].get("volumes") or ())
        if local and not finished and not arguments.on("delete-emptydir-data"):
            refused.setdefault(_LOCAL, []).append(name)
        elif owner is None and not finished and not arguments.on("force"):
            refused.setdefault(_UNMANAGED, []).append(name)
        else:
            leave.append(pod)
    if refused:
        why = ", ".join(f"cannot delete {text}: {', '.join(names)}" for text, names in refused.items())
        session.error(f'error: unable to drain node "{node}" due to error: [{why}], continuing command...')
        return []
    if ignored:
        session.warn(f"Warning: ignoring DaemonSet-managed Pods: {', '.join(ignored)}")
    return leave


def _evict_all(session: Session, arguments: Arguments, pods: list[Object], end: int | None) -> Steps:
    grace = arguments.integer("grace-period")
    waiting = list(pods)
    for pod in pods:
        session.print(f"evicting pod {objects.namespace(pod)}/{objects.name(pod)}")
    leaving: list[Object] = []
    while waiting:
        calls = [session.client.evict(objects.namespace(p), objects.name(p), grace=grace) for p in waiting]
        answers = yield All(calls)
        again: list[Object] = []
        for pod, answer in zip(waiting, answers, strict=True):
            if not isinstance(answer, StatusError):
                leaving.append(pod)
            elif answer.code == 429:
                again.append(pod)
                session.warn(
                    f'error when evicting pods/"{objects.name(pod)}" -n "{objects.namespace(pod)}" '
                    f"(will retry after 5s): {answer.message}"
                )
            elif not answer.is_not_found:
                session.error(
                    f'error when evicting pods/"{objects.name(pod)}" -n "{objects.namespace(pod)}": {answer.message}'
                )
        waiting = again
        if waiting:
            if end is not None and session.engine.now + RETRY > end:
                session.error(f"error: drain did not complete within {arguments.get('timeout')}")
                return None
            yield Sleep(session.engine, RETRY)
    for pod in leaving:
        yield from _gone(session, pod, end)
    return None


def _gone(session: Session, pod: Object, end: int | None) -> Steps:
    while True:
        try:
            current = yield session.client.get("pods", objects.namespace(pod), objects.name(pod))
        except StatusError as error:
            if error.is_not_found:
                break
            raise
        if objects.uid(current) != objects.uid(pod):
            break
        if end is not None and session.engine.now >= end:
            session.error("error: timed out waiting for the condition")
            return None
        yield Sleep(session.engine, SECOND)
    session.print(f"pod/{objects.name(pod)} evicted")
    return None
