"""kubectl logs: what containers wrote.

**Imitates:** kubectl ``pkg/cmd/logs`` and ``polymorphichelpers/logsforobject.go`` (v1.36): which pods and containers are
meant, what is said of the choice, ``--tail`` of ten with a selector. ``--follow`` looks every second, and ends with the
containers; else as a watch does. What there is to read: ``kcsim/cluster/kubelet/container_logs.py``.

**Walk:** words -> pods (by name, by selector, or the first one of a workload) -> containers -> pods/log of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.client import Call
from kcsim.api.objects import Object
from kcsim.api.request import LogOptions, Operation
from kcsim.api.status import StatusError
from kcsim.engine.clock import MICROSECOND, SECOND, parse_rfc3339
from kcsim.engine.task import Sleep, Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session, UsageError
from kcsim.kubectl.targets import namespace_of, parse_targets
from kcsim.kubectl.wait import duration
from kcsim.kubectl.watch import Patience

_USAGE = (
    "error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\n"
    "POD or TYPE/NAME is a required argument for the logs command\nSee 'kubectl logs -h' for help and examples"
)
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_SELECTED_TAIL = 10
_POLL = SECOND
_FOREVER = 10**15


@dataclass(frozen=True, slots=True)
class _Source:
    """A container whose log is read."""

    pod: Object
    container: str

    @property
    def prefix(self) -> str:
        return f"[pod/{objects.name(self.pod)}/{self.container}] "


def logs(session: Session, arguments: Arguments) -> Steps:
    """``kubectl logs (POD | TYPE/NAME | -l SELECTOR)``."""
    words, selector = arguments.words, arguments.get("selector")
    if len(words) > 2 or (not words and not selector):
        raise UsageError(_USAGE)
    if words and selector:
        text = "only a selector (-l) or a POD name is allowed"
        raise UsageError(f"error: {text}\nSee 'kubectl logs -h' for help and examples")
    options = _options(session, arguments)
    if len(words) == 2:
        if "container" in arguments.flags:
            raise KubectlError("error: only one of -c or an inline [CONTAINER] arg is allowed")
        arguments.flags["container"] = [words[1]]
    if arguments.on("all-containers") and arguments.get("container"):
        raise KubectlError(
            f"error: --all-containers=true should not be specified with container name {arguments.get('container')}"
        )
    pods = yield from _pods(session, arguments)
    sources = [source for pod in pods for source in _containers(session, arguments, pod)]
    if arguments.on("follow"):
        most = arguments.integer("max-log-requests") or 5
        if len(sources) > most:
            raise KubectlError(
                f"error: you are attempting to follow {len(sources)} log streams, but maximum allowed concurrency is "
                f"{most}, use --max-log-requests to increase the limit"
            )
        return (yield from _follow(session, arguments, sources, options))
    for source in sources:
        text = yield _read(session, source, options)
        _write(session, arguments, source, text)
    return None


def _options(session: Session, arguments: Arguments) -> LogOptions:
    """The flags as PodLogOptions."""
    since = arguments.get("since-time")
    ago = duration(arguments, "since", "0", forever=-1)
    if since and ago:
        raise KubectlError("error: at most one of `sinceTime` or `sinceSeconds` may be specified")
    if ago < 0:
        raise KubectlError("error: --since must be greater than 0")
    tail, limit = arguments.integer("tail"), arguments.integer("limit-bytes")
    if tail is not None and tail < -1:
        raise KubectlError("error: --tail must be greater than or equal to -1")
    if limit is not None and limit < 0:
        raise KubectlError("error: --limit-bytes must be greater than 0")
    if tail is None and arguments.get("selector"):
        tail = _SELECTED_TAIL
    start: int | None = None
    if ago:
        start = session.engine.now - max(round(ago / SECOND), 1) * SECOND
    elif since:
        try:
            start = parse_rfc3339(since)
        except ValueError:
            raise KubectlError(
                f'error: parsing time "{since}" as "2006-01-02T15:04:05Z07:00": cannot parse "{since}" as "2006"'
            ) from None
    return LogOptions(
        arguments.on("previous"),
        arguments.on("timestamps"),
        start,
        None if tail in {None, -1} else tail,
        limit or None,
    )


# --- which pods -------------------------------------------------------------------------------------------------


def _pods(session: Session, arguments: Arguments) -> Steps:
    namespace = namespace_of(session, arguments)
    selector = arguments.get("selector")
    if selector:
        found = yield session.client.list("pods", namespace, label_selector=selector)
        if not found["items"]:
            arguments.came_to_nothing()
            session.warn(f"No resources found in {namespace} namespace.")
        return found["items"]
    word = arguments.words[0]
    _, targets = parse_targets(session, [word if "/" in word else f"pods/{word}"], namespace)
    target = targets[0]
    try:
        obj = yield session.client.get(target.resource, target.namespace, target.name)
    except StatusError as error:
        if not error.is_not_found:
            raise
        text = f'{error.message} in namespace "{namespace}"'
        raise KubectlError(f"error: error from server (NotFound): {text}") from None
    if target.resource.kind == "Pod":
        return [obj]
    wanted = _selector(obj)
    if wanted is None:
        kind = f"*{target.resource.version}.{target.resource.kind}"
        raise KubectlError(f"error: cannot get the logs from {kind}: selector for {kind} not implemented")
    return (yield from _pods_of(session, arguments, target.namespace, wanted))


def _selector(obj: Object) -> str | None:
    """The pods that belong to a workload or Service, as a selector; None for other kinds."""
    spec = obj.get("spec") or {}
    if obj["kind"] in {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"}:
        return str(selectors.from_object(spec.get("selector")))
    if obj["kind"] in {"ReplicationController", "Service"} and spec.get("selector"):
        return ",".join(f"{key}={value}" for key, value in sorted(spec["selector"].items()))
    return None


def _pods_of(session: Session, arguments: Arguments, namespace: str, selector: str) -> Steps:
    """The first pod in the order of ``podutils.ByLogging``, waited for; all of them with --all-pods."""
    end = session.engine.now + duration(arguments, "pod-running-timeout", "20s", forever=_FOREVER)
    while True:
        found = (yield session.client.list("pods", namespace, label_selector=selector))["items"]
        if found:
            break
        if session.engine.now >= end:
            raise KubectlError("error: timed out waiting for the condition")
        yield Sleep(session.engine, min(_POLL, end - session.engine.now))
    found.sort(key=by_logging)
    if arguments.on("all-pods"):
        return found
    if len(found) > 1:
        session.warn(f"Found {len(found)} pods, using pod/{objects.name(found[0])}")
    return found[:1]


_PHASES = {"Unknown": 1, "Pending": 2}


def by_logging(pod: Object) -> tuple[Any, ...]:
    """Which pod to look at first: bound, running, ready, ready the longest, restarted the most, the oldest."""
    status = pod.get("status") or {}
    ready = objects.condition(pod, "Ready") or {}
    is_ready = ready.get("status") == "True"
    restarts = max((s.get("restartCount", 0) for s in status.get("containerStatuses") or ()), default=0)
    return (
        not pod["spec"].get("nodeName"),
        _PHASES.get(status.get("phase", ""), 0),
        not is_ready,
        ready.get("lastTransitionTime", "") if is_ready else "",
        -restarts,
        pod["metadata"].get("creationTimestamp", ""),
    )


# --- which containers -------------------------------------------------------------------------------------------


def _containers(session: Session, arguments: Arguments, pod: Object) -> list[_Source]:
    mains = [c["name"] for c in pod["spec"]["containers"]]
    inits = [c["name"] for c in pod["spec"].get("initContainers") or ()]
    debuggers = [c["name"] for c in pod["spec"].get("ephemeralContainers") or ()]
    every = (*inits, *mains, *debuggers)
    if arguments.on("all-containers"):
        return [_Source(pod, name) for name in every]
    marked = [*(f"{name} (ephem)" for name in debuggers), *(f"{name} (init)" for name in inits)]
    listed = ", ".join([*mains, *marked])
    name = arguments.get("container")
    if not name:
        usual = objects.annotations(pod).get(_DEFAULT_CONTAINER, "")
        if usual and usual not in every:
            session.warn(f'Default container name "{usual}" not found in pod {objects.name(pod)}')
            usual = ""
        name = usual
    if not name:
        name = mains[0]
        if (len(mains) > 1 or marked) and not arguments.on("all-pods"):
            session.warn(f'Defaulted container "{name}" out of: {listed}')
    if name not in every:
        raise KubectlError(
            f"error: container {name} is not valid for pod {objects.name(pod)} out of: {listed}"
        )
    return [_Source(pod, name)]


# --- reading ----------------------------------------------------------------------------------------------------


def _read(session: Session, source: _Source, options: LogOptions) -> Call:
    pod = source.pod["metadata"]
    resource = session.client.resource("pods")
    op = Operation("get", resource, session.client.user, pod["namespace"], pod["name"], "log")
    op.container, op.log = source.container, options
    return Call(session.client, op)


def _write(session: Session, arguments: Arguments, source: _Source, text: str) -> None:
    if arguments.on("prefix") or arguments.on("all-pods"):
        text = "".join(source.prefix + line for line in text.splitlines(keepends=True))
    session.write(text)


def _follow(session: Session, arguments: Arguments, sources: list[_Source], options: LogOptions) -> Steps:
    """Read again and again what has been written since, until the containers have ended or patience has."""
    patience = Patience(session, arguments)
    open_sources = list(sources)
    while True:
        seen_until = session.engine.now + MICROSECOND  # what is written in this very instant is read now
        for source in list(open_sources):
            try:
                text = yield _read(session, source, options)
            except StatusError as error:
                if not arguments.on("ignore-errors"):
                    raise
                session.print(f"error: {error.message}")
                text = ""
            if text:
                patience.changed()
                _write(session, arguments, source, text)
            if (yield from _has_ended(session, source)):
                open_sources.remove(source)
        options = replace(options, since=seen_until, tail=None)
        if not open_sources:
            return None
        if not patience.left:
            patience.say("following")
            return None
        yield Sleep(session.engine, min(_POLL, patience.left))


def _has_ended(session: Session, source: _Source) -> Steps:
    """Whether the container runs no longer (its log ends there, whatever is started in its place)."""
    metadata = source.pod["metadata"]
    try:
        pod = yield session.client.get("pods", metadata["namespace"], metadata["name"])
    except StatusError as error:
        if error.is_not_found:
            return True
        raise
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for one in status.get(field) or ():
            if one["name"] == source.container:
                return "running" not in (one.get("state") or {})
    return True
