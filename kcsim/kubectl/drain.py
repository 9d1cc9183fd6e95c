"""kubectl drain: cordon a node and evict its pods.

**Imitates:** kubectl ``pkg/drain`` (v1.36): the refusals, evictions in parallel, a retry every five seconds on 429, and
polling every second until each pod is gone (workloads reference, section 8).
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND, seconds
from kcsim.engine.task import Sleep, Steps, gather
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.mutate import chosen_nodes, set_unschedulable
from kcsim.kubectl.session import Session
from kcsim.profile.constants import DEFAULT

RETRY = DEFAULT.us("kubectl/drain-eviction-retry")
_DAEMON = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"
_LOCAL = "Pods with local storage (use --delete-emptydir-data to override)"
_UNMANAGED = "Pods that declare no controller (use --force to override)"


def drain(session: Session, arguments: Arguments) -> Steps:
    """``kubectl drain NODE``."""
    nodes = yield from chosen_nodes(session, arguments, "drain")
    deadline = seconds(arguments.get("timeout", "0s"))
    end = session.engine.now + deadline if deadline else None
    for target in nodes:
        node = target.name
        yield from set_unschedulable(session, target, wanted=True, dry=arguments.get("dry-run"))
        if session.failed:
            continue
        leave, errors = yield from _chosen(session, arguments, node)
        if not errors:
            errors = yield from _evict_all(session, arguments, leave, end)
            if errors:
                yield from _tell_pending(session, arguments, node, errors)
        if errors:
            _tell_failed(session, node, errors)
        else:
            tried = {"server": " (server dry run)", "client": " (dry run)"}.get(arguments.get("dry-run"), "")
            session.print(f"node/{node} drained{tried}")
    return None


def _tell_pending(session: Session, arguments: Arguments, node: str, errors: list[str]) -> Steps:
    """The pods that are still there after some could not be evicted."""
    pending, _ = yield from _chosen(session, arguments, node, quiet=True)
    if pending:
        session.warn(f'There are pending pods in node "{node}" when an error occurred: {_aggregate(errors)}')
        for pod in pending:
            session.warn(f"pod/{objects.name(pod)}")


def _tell_failed(session: Session, node: str, errors: list[str]) -> None:
    session.warn(
        f'error: unable to drain node "{node}" due to error: {_aggregate(errors)}, continuing command...'
    )
    session.warn(f"There are pending nodes to be drained:\n {node}")
    for error in errors:
        session.error(error)


def _aggregate(errors: list[str]) -> str:
    """Several errors as one text (utilerrors.Aggregate)."""
    return errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"


def _chosen(session: Session, arguments: Arguments, node: str, *, quiet: bool = False) -> Steps:
    """(the pods to evict, why some must not be)."""
    selector = arguments.get("pod-selector", "")
    found = yield session.client.list(
        "pods", "", field_selector=f"spec.nodeName={node}", label_selector=selector
    )
    leave: list[Object] = []
    refused: dict[str, list[str]] = {}
    ignored: list[str] = []
    for pod in found["items"]:
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
    if ignored and not refused and not quiet:
        session.warn(f"Warning: ignoring DaemonSet-managed Pods: {', '.join(ignored)}")
    return leave, [f"cannot delete {text}: {', '.join(names)}" for text, names in refused.items()]


def _evict_all(session: Session, arguments: Arguments, pods: list[Object], end: int | None) -> Steps:
    """Evict all pods side by side and wait until they are gone; gives what went wrong."""
    results = yield from gather([_evict(session, arguments, pod, end) for pod in pods])
    failures = [result for result in results if isinstance(result, Exception)]
    if failures:
        raise failures[0]
    return [text for text in results if text]


def _evict(session: Session, arguments: Arguments, pod: Object, end: int | None) -> Steps:
    """Evict one pod, again and again while its budget forbids it; gives what went wrong, "" when it is gone."""
    namespace, name = objects.key(pod)
    grace = arguments.integer("grace-period")
    if arguments.on("disable-eviction"):
        return (yield from _delete(session, arguments, pod, end))
    while True:
        session.print(f"evicting pod {namespace}/{name}")
        if end is not None and session.engine.now >= end:
            timeout = f"global timeout reached: {arguments.get('timeout')}"
            return f'error when evicting pods/"{name}" -n "{namespace}": {timeout}'
        try:
            yield session.client.evict(namespace, name, grace=grace)
        except StatusError as error:
            if error.is_not_found:
                return ""
            if error.code != 429:
                return f'error when evicting pods/"{name}" -n "{namespace}": {error.message}'
            text = f"(will retry after 5s): {error.message}"
            session.warn(f'error when evicting pods/"{name}" -n "{namespace}" {text}')
        else:
            return (yield from _gone(session, arguments, pod, end))
        yield Sleep(session.engine, RETRY)


def _delete(session: Session, arguments: Arguments, pod: Object, end: int | None) -> Steps:
    """``--disable-eviction``: delete the pod, whatever its budget says; gives what went wrong."""
    namespace, name = objects.key(pod)
    try:
        yield session.client.delete("pods", namespace, name, grace=arguments.integer("grace-period"))
    except StatusError as error:
        if error.is_not_found:
            return ""
        return f'error when deleting pods/"{name}" -n "{namespace}": {error.message}'
    return (yield from _gone(session, arguments, pod, end))


def _gone(session: Session, arguments: Arguments, pod: Object, end: int | None) -> Steps:
    """Wait for the pod's end; gives what went wrong."""
    namespace, name = objects.key(pod)
    while True:
        try:
            current = yield session.client.get("pods", namespace, name)
        except StatusError as error:
            if error.is_not_found:
                break
            raise
        if objects.uid(current) != objects.uid(pod):
            break
        if end is not None and session.engine.now >= end:
            timeout = f"global timeout reached: {arguments.get('timeout')}"
            return f'error when waiting for pod "{name}" in namespace "{namespace}" to terminate: {timeout}'
        yield Sleep(session.engine, SECOND)
    session.print(f"pod/{name} {'deleted' if arguments.on('disable-eviction') else 'evicted'}")
    return ""
