"""kubectl get --watch: a row for each change, as virtual time passes.

**Imitates:** kubectl ``pkg/cmd/get`` (v1.36): what is there first, then each event; columns that only grow wider;
``--watch-only``, ``--output-watch-events``. A person ends a real watch with Ctrl-C; here it ends when the time of
``--request-timeout`` is over, and without one when nothing that it shows has changed for ``QUIET``, or after ``LONGEST``;
it then says so on stderr.

**Walk:** GET or LIST -> ``_Printer`` prints what is there -> a stream from that version on -> ``Next`` waits for events
-> each is printed -> the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from kcsim.api import streaming
from kcsim.api.objects import Object
from kcsim.api.representations import WHOLE
from kcsim.api.request import Operation
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.api.streaming import Stream
from kcsim.engine.clock import MINUTE, SECOND, format_duration
from kcsim.engine.core import Timer
from kcsim.engine.task import Done, Sleep, Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.layout import Columns
from kcsim.kubectl.printing import custom_rows, form_of, print_objects, table_rows
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import list_chosen, namespace_of, parse_targets, written
from kcsim.kubectl.wait import duration

QUIET = 6 * MINUTE
"""Longer than the longest wait of a container that crashes again and again (5 minutes)."""
LONGEST = 60 * MINUTE
_EVENT_WIDTH = 8
"""Of the column EVENT: as wide as MODIFIED from the first line on."""


class Patience:
    """How long somebody looks on who cannot press Ctrl-C.

    Attributes:
        stated: whether the command line names the end.
        end: the instant (µs) at which it is over in any case.
    """

    def __init__(self, session: Session, arguments: Arguments) -> None:
        given = duration(arguments, "request-timeout", "0", forever=0)
        self._session = session
        self.stated = given > 0
        self.end = session.engine.now + (given or LONGEST)
        self._changed_at = session.engine.now

    def changed(self) -> None:
        """Something happened just now."""
        self._changed_at = self._session.engine.now

    @property
    def left(self) -> int:
        """How long (µs) to wait for the next change."""
        now = self._session.engine.now
        end = self.end if self.stated else min(self.end, self._changed_at + QUIET)
        return max(end - now, 0)

    def say(self, what: str) -> None:
        """Tell that it was kcsim who went away."""
        if self.stated:
            return
        spent = self._session.engine.now >= self.end
        why = (
            f"after {format_duration(LONGEST)}" if spent else f"nothing changed for {format_duration(QUIET)}"
        )
        self._session.warn(
            f"kcsim: {what} ends, {why} of virtual time (--request-timeout states another end)"
        )


class Next:
    """Wait for events of a stream; gives them, or none when ``timeout`` µs passed first."""

    def __init__(self, session: Session, stream: Stream, timeout: int) -> None:
        self._engine = session.engine
        self._delay = session.client.endpoint.profile.watch.at(0.5)
        self._stream = stream
        self._timeout = timeout

    def start(self, done: Done) -> None:
        """Listen."""
        timer: Timer | None = None
        awake = False

        def finish() -> None:
            if timer is not None:
                timer.cancel()
            self._stream.on_event(_nothing)
            done(self._stream.take(), None)

        def woken() -> None:
            nonlocal awake
            if not awake:
                awake = True
                self._engine.after(self._delay, finish)

        waiting = self._stream.take()
        if waiting:
            done(waiting, None)
            return
        timer = self._engine.after(self._timeout, finish)
        self._stream.on_event(woken)


def _nothing() -> None:
    """Nobody listens between two waits."""


def watch(session: Session, arguments: Arguments) -> Steps:
    """``kubectl get -w``."""
    if arguments.get("sort-by"):
        flag = "watch-only" if arguments.on("watch-only") else "watch"
        session.warn(f"warning: --{flag} requested, --sort-by will be ignored")
    patience = Patience(session, arguments)
    resource, namespace, name = _subject(session, arguments)
    present: list[Object] = []
    try:
        if name:
            present = [(yield session.client.get(resource, namespace, name))]
            since = present[0]["metadata"]["resourceVersion"]
        else:
            listed = yield from list_chosen(session, arguments, resource, namespace)
            present, since = listed["items"], listed["metadata"]["resourceVersion"]
    except StatusError as error:
        if error.is_not_found and arguments.on("ignore-not-found"):
            return None
        raise
    show = _printer(session, arguments, resource)
    if not arguments.on("watch-only"):
        show([("ADDED", obj) for obj in present])
    stream = _open(session, arguments, (resource, namespace, name), since)
    try:
        yield from _follow(session, arguments, stream, show, patience)
    finally:
        stream.close()
    patience.say("the watch")
    return None


def _subject(session: Session, arguments: Arguments) -> tuple[Resource, str, str]:
    """What is watched: a kind in a namespace (or all), or one object."""
    if arguments.flags.get("filename"):
        items = written(session, arguments)
        found = [(item.resource, item.namespace, item.object["metadata"].get("name", "")) for item in items]
    else:
        namespace = namespace_of(session, arguments)
        kinds, targets = parse_targets(session, arguments.words, namespace)
        if len({kind.group_resource for kind in kinds}) > 1:
            raise KubectlError("error: you may only specify a single resource type")
        found = [(target.resource, target.namespace, target.name) for target in targets]
        found += [(kind, namespace if kind.namespaced else "", "") for kind in kinds]
    if len(found) != 1:
        raise KubectlError(
            "error: watch is only supported on individual resources and resource collections - "
            "more than 1 resource was found"
        )
    return found[0]


def _open(session: Session, arguments: Arguments, subject: tuple[Resource, str, str], since: str) -> Stream:
    resource, namespace, name = subject
    op = Operation("watch", resource, session.client.user, namespace, name)
    op.label_selector, op.field_selector = arguments.get("selector"), arguments.get("field-selector")
    op.resource_version = since
    return streaming.watch(session.client.endpoint.server, op, {}, WHOLE, 2 * LONGEST)


def _follow(
    session: Session,
    arguments: Arguments,
    stream: Stream,
    show: Callable[[list[tuple[str, Object]]], None],
    patience: Patience,
) -> Steps:
    while patience.left:
        if not session.client.reachable:
            yield Sleep(session.engine, min(SECOND, patience.left))  # the watch stands, and brings nothing
            continue
        events = yield Next(session, stream, patience.left)
        if not events:
            continue
        patience.changed()
        for event in events:
            if event["type"] == "ERROR":
                error = event["object"]
                raise StatusError(error["code"], error["reason"], error["message"])
            show([(event["type"], _plain(arguments, event["object"]))])


def _plain(arguments: Arguments, obj: Object) -> Object:
    """The object as ``get`` would have brought it."""
    if arguments.on("show-managed-fields") or "managedFields" not in obj["metadata"]:
        return obj
    return {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k != "managedFields"}}


# --- printing ---------------------------------------------------------------------------------------------------


def _printer(
    session: Session, arguments: Arguments, resource: Resource
) -> Callable[[list[tuple[str, Object]]], None]:
    """What prints events that come together: as rows of one table that grows, or each object by itself."""
    form, template = form_of(session, arguments)
    with_events = arguments.on("output-watch-events")
    if form in {"custom-columns", "custom-columns-file"}:
        return _growing(session, arguments, lambda objs: custom_rows(template, objs), with_events=False)
    if form in {"", "wide"}:
        return _growing(
            session,
            arguments,
            lambda objs: table_rows(session, arguments, resource, objs),
            with_events=with_events,
        )
    separate = False

    def one_by_one(events: list[tuple[str, Object]]) -> None:
        nonlocal separate
        for kind, obj in events:
            if form == "yaml" and separate:
                session.print("---")
            separate = True
            if with_events and form == "json":
                whole = {"object": obj, "type": kind}
                session.write(json.dumps(whole, indent=4, sort_keys=True, ensure_ascii=False) + "\n")
            else:
                print_objects(session, arguments, [obj])

    return one_by_one


def _growing(
    session: Session,
    arguments: Arguments,
    rows: Callable[[list[Object]], list[list[str]]],
    *,
    with_events: bool,
) -> Callable[[list[tuple[str, Object]]], None]:
    columns = Columns()
    headed = arguments.on("no-headers")

    def show(events: list[tuple[str, Object]]) -> None:
        nonlocal headed
        if not events:
            return
        header, *lines = rows([obj for _, obj in events])
        if with_events:
            header = ["EVENT".ljust(_EVENT_WIDTH), *header]
            lines = [[kind.ljust(_EVENT_WIDTH), *line] for (kind, _), line in zip(events, lines, strict=True)]
        session.write(columns.lines(lines if headed else [header, *lines]))
        headed = True

    return show
