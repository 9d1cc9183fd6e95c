"""The Events at the end of a description."""

from __future__ import annotations

from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.api.tables.cells import View, since
from kcsim.api.tables.cluster import as_core_event
from kcsim.engine.clock import parse_rfc3339
from kcsim.engine.task import Steps
from kcsim.kubectl.describers.writer import Writer
from kcsim.kubectl.session import Session


def write_events(session: Session, resource: Resource, obj: Object, writer: Writer) -> Steps:
    """Ask for the events about an object and write them, the earliest first."""
    metadata = obj["metadata"]
    terms = [
        f"involvedObject.name={metadata['name']}",
        f"involvedObject.namespace={metadata.get('namespace', '')}",
        f"involvedObject.kind={resource.kind}",
        # Events about nodes carry the node's name as uid.
        f"involvedObject.uid={metadata['name'] if resource.kind == 'Node' else metadata.get('uid', '')}",
    ]
    where = metadata.get("namespace", "")
    try:
        found = yield session.client.list("events", where, field_selector=",".join(terms))
    except StatusError:
        return None  # as kubectl: without the right to see events a description has none
    events_table(session, [as_core_event(event) for event in found["items"]], writer)
    return None


def events_table(session: Session, events: list[Object], writer: Writer) -> None:
    """The table of events, or that there are none."""
    if not events:
        writer.line(0, "Events:\t<none>")
        return
    writer.flush()
    view = View(session.engine.now)
    writer.line(0, "Events:")
    rows = [
        [
            event.get("type", ""),
            event.get("reason", ""),
            _interval(event, view),
            (event.get("source") or {}).get("component") or event.get("reportingComponent", ""),
            event.get("message", "").strip(),
        ]
        for event in sorted(events, key=_last)
    ]
    names = ["Type", "Reason", "Age", "From", "Message"]
    writer.line(1, "\t".join(names))
    # The third rule is longer than its title in kubectl as well.
    writer.line(1, "----\t------\t----\t----\t-------")
    for row in rows:
        writer.line(1, "\t".join(row))


def _last(event: Object) -> int:
    stamp = event.get("lastTimestamp") or event.get("firstTimestamp")
    return parse_rfc3339(stamp) if stamp else 0


def _interval(event: Object, view: View) -> str:
    first = since(event.get("eventTime") or event.get("firstTimestamp"), view)
    series = event.get("series")
    if series:
        return f"{since(series.get('lastObservedTime'), view)} (x{series.get('count', 0)} over {first})"
    if (event.get("count") or 0) > 1:
        return f"{since(event.get('lastTimestamp'), view)} (x{event['count']} over {first})"
    return first
