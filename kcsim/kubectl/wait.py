"""kubectl wait: until a condition holds, an object is there or gone, or a field has a value.

**Imitates:** kubectl ``pkg/cmd/wait`` (v1.36): default timeout 30 s, one deadline for all objects, what it prints. Where
kubectl watches, this looks again whenever the object has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.api import jsonpath, objects
from kcsim.api.jsonpath import JsonPathError
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND, seconds
from kcsim.engine.task import Sleep, Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session, UsageError, named, server_error
from kcsim.kubectl.targets import Target, choose, namespace_of, parse_targets, tell_all
from kcsim.kubectl.watching import Changed

_WEEK = 7 * 24 * 3600 * SECOND
_CREATE_POLL = SECOND

Holds = Callable[[Object], bool]


def wait(session: Session, arguments: Arguments) -> Steps:
    """``kubectl wait KIND/NAME --for=condition=Ready|delete|create|jsonpath=... [--timeout=30s]``."""
    condition = arguments.get("for")
    if not condition:
        raise KubectlError('error: unrecognized condition: ""')
    timeout = duration(arguments, "timeout", "30s", forever=_WEEK)
    kind, _, text = condition.partition("=")
    match kind.lower():
        case "delete":
            one = _gone
        case "create":
            if not arguments.get("selector") and not arguments.on("all"):
                yield from _created(session, arguments, session.engine.now + timeout)
            one = _there
        case "condition":
            one = _until(condition_holds(text))
        case "jsonpath":
            one = _until(path_holds(text))
        case _:
            raise KubectlError(f'error: unrecognized condition: "{condition}"')
    targets = yield from _targets(session, arguments, tolerant=kind.lower() == "delete")
    failures: list[str] = []
    for target in targets:
        try:
            yield from one(session, target, timeout)
        except StatusError as error:
            failures.append(server_error(error))
        except KubectlError as error:
            failures.append(str(error))
    tell_all(session, failures)
    return None


def duration(arguments: Arguments, name: str, default: str, forever: int) -> int:
    """A duration flag in µs; 0 or less means "check once" (0) and "forever" (negative), as kubectl reads --timeout.

    Raises:
        UsageError: when it is no duration.
    """
    text = arguments.get(name, default)
    try:
        value = seconds(text)
    except ValueError:
        raise UsageError(
            f'error: invalid argument "{text}" for "--{name}" flag: time: invalid duration "{text}"'
            + arguments.usage
        ) from None
    return forever if value < 0 else value


def _targets(session: Session, arguments: Arguments, *, tolerant: bool) -> Steps:
    """The objects to wait for; for ``delete`` none is as good as gone."""
    targets = yield from choose(session, arguments, arguments.words)
    if not targets and not tolerant:
        raise KubectlError("error: no matching resources found")
    return targets


# --- conditions -------------------------------------------------------------------------------------------------


def condition_holds(text: str) -> Holds:
    """``Ready`` or ``Ready=False``; letter case is free. A condition of an older generation does not count."""
    kind, _, wanted = text.partition("=")
    wanted = wanted or "true"

    def holds(obj: Object) -> bool:
        for condition in objects.conditions(obj):
            if str(condition.get("type", "")).lower() != kind.lower():
                continue
            generation = obj["metadata"].get("generation", 0)
            observed = condition.get("observedGeneration") or (obj.get("status") or {}).get(
                "observedGeneration"
            )
            if observed is not None and observed < generation:
                return False
            return str(condition.get("status", "")).lower() == wanted.lower()
        return False

    return holds


def path_holds(text: str) -> Holds:
    """``{.status.phase}=Running``, or ``{.status.ip}`` for any value.

    Raises:
        KubectlError: when the path cannot be read.
    """
    expression, equals, wanted = _split_path(text)
    if not expression:
        raise KubectlError("error: jsonpath expression cannot be empty")
    try:
        path = jsonpath.relaxed(expression.strip("'\""))
        jsonpath.parse(path)
    except JsonPathError as error:
        raise KubectlError(f"error: {error}") from None
    wanted = wanted.strip("'\"")
    if equals and not wanted:
        raise KubectlError("error: jsonpath wait value cannot be empty")

    def holds(obj: Object) -> bool:
        found = jsonpath.find(path, obj)
        if not equals:
            return bool(found)
        if len(found) > 1:
            raise KubectlError("error: given jsonpath expression matches more than one value")
        return bool(found) and not isinstance(found[0], dict | list) and jsonpath.show(found[0]) == wanted

    return holds


def _split_path(text: str) -> tuple[str, str, str]:
    brace = text.rfind("}")
    head, equals, value = text[brace + 1 :].partition("=")
    return text[: brace + 1] + head, equals, value


def _until(holds: Holds) -> Any:
    def one(session: Session, target: Target, timeout: int) -> Steps:
        end = session.engine.now + timeout
        while True:
            obj = yield session.client.get(target.resource, target.namespace, target.name)
            if holds(obj):
                session.print(f"{named(target.resource, target.name)} condition met")
                return None
            left = end - session.engine.now
            if not (yield Changed(session.client, target.resource, target.namespace, target.name, obj, left)):
                raise _timed_out(target, timeout)

    return one


def _gone(session: Session, target: Target, timeout: int) -> Steps:
    """Wait until an object is deleted; of one that was not there nothing is said."""
    end, uid = session.engine.now + timeout, ""
    while True:
        try:
            obj = yield session.client.get(target.resource, target.namespace, target.name)
        except StatusError as error:
            if not error.is_not_found:
                raise
            if not uid:
                return None
            break
        uid = uid or objects.uid(obj)
        if objects.uid(obj) != uid:
            break
        left = end - session.engine.now
        if not (yield Changed(session.client, target.resource, target.namespace, target.name, obj, left)):
            raise _timed_out(target, timeout)
    session.print(f"{named(target.resource, target.name)} condition met")
    return None


def _timed_out(target: Target, timeout: int) -> KubectlError:
    """What is said of an object: with a timeout of 0 it was looked at once."""
    what = "timed out waiting for the condition on" if timeout else "condition not met for"
    return KubectlError(f"error: {what} {target.resource.plural}/{target.name}")


def _created(session: Session, arguments: Arguments, end: int) -> Steps:
    """Wait for the named objects to exist, looking every second."""
    _, targets = parse_targets(session, arguments.words, namespace_of(session, arguments))
    if not targets:
        raise KubectlError("error: resource(s) were provided, but no name was specified")
    for target in targets:
        while True:
            try:
                yield session.client.get(target.resource, target.namespace, target.name)
                break
            except StatusError as error:
                if not error.is_not_found:
                    raise
            if session.engine.now >= end:
                raise KubectlError("error: timed out waiting for the condition")
            yield Sleep(session.engine, min(_CREATE_POLL, end - session.engine.now))
    return None


def _there(session: Session, target: Target, timeout: int) -> Steps:
    del timeout
    yield session.client.get(target.resource, target.namespace, target.name)
    session.print(f"{named(target.resource, target.name)} condition met")
    return None
