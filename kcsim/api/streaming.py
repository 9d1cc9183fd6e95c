"""Watches as the front door gives them: streams of events.

**Imitates:** apiserver ``pkg/endpoints/handlers/watch.go`` and the watch cache's rules for the first events (v1.36;
kubernetes-api reference, section 4).

**Walk:** options checked -> what is there now (unless a version was named) -> a cursor on the log -> events pulled as
virtual time passes -> the end after ``timeoutSeconds``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kcsim.api import status
from kcsim.api.conversion import shown_version
from kcsim.api.log import EventType, Version, Watch
from kcsim.api.objects import Object
from kcsim.api.representations import Representation, partial
from kcsim.api.request import Operation
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.api.tables.cells import View
from kcsim.api.tables.table import document, kind_of
from kcsim.profile.constants import DEFAULT

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

TIMEOUT = DEFAULT.us("kube-apiserver/min-request-timeout")
"""A watch without timeoutSeconds ends between this and twice as long; here always at its earliest."""
_TRUE = frozenset({"true", "1"})


class Stream:
    """An open watch: events as ``{"type", "object"}``, collected as virtual time passes.

    Attributes:
        code: 200.
        ended: whether the server closed it.
    """

    def __init__(self, server: ApiServer, resource: Resource, form: Representation) -> None:
        self.code = 200
        self.ended = False
        self._server = server
        self._resource = resource
        self._form = form
        self._columns_sent = False
        self._events: list[dict[str, Any]] = []
        self._watch: Watch | None = None
        self._listener: Callable[[], None] | None = None

    def open(self, make: Callable[[Callable[[], None]], Watch], timeout: int) -> None:
        """Attach the cursor; the stream ends ``timeout`` µs later."""
        self._watch = make(self._on_wake)
        self._server.engine.after(timeout, self.close)
        self._on_wake()

    def push(self, kind: str, obj: Object) -> None:
        """Add an event; errors and bookmarks stay as they are, whatever form was asked for."""
        shown = obj if kind in {"ERROR", "BOOKMARK"} else self._shaped(obj)
        self._events.append({"type": kind, "object": shown})

    def on_event(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever events wait."""
        self._listener = listener

    def take(self) -> list[dict[str, Any]]:
        """The events since the last call."""
        self._on_wake()
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """End it."""
        if self._watch is not None:
            self._on_wake()
            self._watch.stop()
        self.ended = True

    def _on_wake(self) -> None:
        if self._watch is None:
            return
        for kind, version in self._watch.take():
            self.push(kind, _event_object(self._server, self._resource, kind, version))
        if self._events and self._listener is not None:
            self._listener()

    def _shaped(self, obj: Object) -> Object:
        if self._form.form == "PartialObjectMetadata":
            return partial(obj)
        if self._form.form != "Table":
            return obj
        kind = kind_of(self._resource, self._server.catalog, self._server.log)
        metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        view = View(self._server.engine.now, wide=True)
        table = document(kind, [obj], view, metadata, self._form.include)
        if self._columns_sent:
            table["columnDefinitions"] = None
        self._columns_sent = True
        return table


def _event_object(server: ApiServer, resource: Resource, kind: EventType, version: Version) -> Object:
    """A DELETED event for an object that only left the selection shows its previous content at the new revision."""
    if kind == "DELETED" and not version.deleted and version.previous is not None:
        shown = shown_version(server, resource, version.previous)
        return {**shown, "metadata": {**shown["metadata"], "resourceVersion": str(version.revision)}}
    return shown_version(server, resource, version)


def watch(
    server: ApiServer, op: Operation, query: Mapping[str, str], form: Representation, timeout: int
) -> Stream:
    """Open a stream; ``timeout`` is in µs, 0 for the server's own."""
    resource, log = op.resource, server.log
    fields = op.field_selector
    if op.name:
        own = f"metadata.name={op.name}"
        fields = f"{fields},{own}" if fields else own
    _check_options(op, query)
    initial = query.get("sendInitialEvents")
    bookmarks = query.get("allowWatchBookmarks") in _TRUE
    since = _since(op)
    stream = Stream(server, resource, form)
    namespace = op.namespace or None
    if since is not None and 0 < since < log.compacted:
        refusal = status.expired(f"too old resource version: {since} ({log.compacted})")
        return _refused(stream, refusal)
    if initial in _TRUE and since is not None and since > log.revision:
        return _refused(stream, status.future_version(since, log.revision))
    snapshot = initial in _TRUE or (initial is None and since is None)
    if snapshot:
        for version in server.find(resource, namespace, op.label_selector, fields):
            stream.push("ADDED", shown_version(server, resource, version))
    if initial in _TRUE and bookmarks:
        stream.push("BOOKMARK", _bookmark(resource, log.revision))
    start = None if snapshot or initial is not None else since
    stream.open(
        lambda wake: server.watch(
            resource,
            op.user,
            wake,
            namespace=namespace,
            labels=op.label_selector,
            fields=fields,
            since=start,
        ),
        timeout or TIMEOUT,
    )
    return stream


def _refused(stream: Stream, refusal: StatusError) -> Stream:
    stream.push("ERROR", refusal.body())
    stream.ended = True
    return stream


def _since(op: Operation) -> int | None:
    asked = op.resource_version
    if not asked or asked == "0":
        return None
    if not asked.isdigit():
        raise status.unclassified(
            f'resourceVersion: Invalid value: "{asked}": strconv.ParseUint: parsing "{asked}": invalid syntax'
        )
    return int(asked)


def _bookmark(resource: Resource, revision: int) -> Object:
    return {
        "kind": resource.kind,
        "apiVersion": resource.group_version,
        "metadata": {
            "resourceVersion": str(revision),
            "annotations": {"k8s.io/initial-events-end": "true"},
        },
    }


def _check_options(op: Operation, query: Mapping[str, str]) -> None:
    match, initial = op.resource_version_match, query.get("sendInitialEvents")
    faults: list[tuple[str, str]] = []
    if initial is not None and match != "NotOlderThan":
        text = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        faults.append(("FieldValueForbidden", text))
    if initial is not None and match not in {"", "NotOlderThan"}:
        text = f'Unsupported value: "{match}": supported values: "NotOlderThan"'
        faults.append(("FieldValueNotSupported", text))
    if initial is None and match:
        text = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        faults.append(("FieldValueForbidden", text))
    if faults:
        raise status.options_invalid(
            "ListOptions", [("resourceVersionMatch", reason, text) for reason, text in faults]
        )
