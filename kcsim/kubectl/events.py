"""kubectl events.

**Imitates:** kubectl ``pkg/cmd/events`` (v1.33 to v1.36). Left out: ``--watch``.
"""

from __future__ import annotations

from kcsim.api.tables.cells import View, since
from kcsim.api.tables.cluster import event_times
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.layout import columns, harmless
from kcsim.kubectl.printing import print_list
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import namespace_of


def events(session: Session, arguments: Arguments) -> Steps:
    """``kubectl events [--types=Warning] [--for=KIND/NAME]``."""
    if arguments.on("watch"):
        raise KubectlError("error: kcsim does not model 'kubectl events --watch'")
    namespace = namespace_of(session, arguments)
    fields = ""
    if arguments.get("for"):
        kind, _, name = arguments.get("for").partition("/")
        meant = session.resource(kind)
        fields = (
            f"involvedObject.apiVersion={meant.group_version},involvedObject.kind={meant.kind},"
            f"involvedObject.name={name}"
        )
    if any(kind.lower() not in {"normal", "warning"} for kind in arguments.all("types")):
        raise KubectlError("error: valid --types are Normal or Warning")
    found = (yield session.client.list("events", namespace, field_selector=fields))["items"]
    types = {kind.lower() for kind in arguments.all("types")}
    chosen = [event for event in found if not types or event.get("type", "").lower() in types]
    if not chosen:
        arguments.came_to_nothing()
        where = f" in {namespace} namespace." if namespace else "."
        session.warn(f"No events found{where}")
        return None
    if arguments.get("output") in {"yaml", "json"}:
        print_list(session, arguments.get("output"), "EventList", chosen)
        return None
    chosen.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    view = View(session.engine.now)
    rows = [] if arguments.on("no-headers") else [["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]]
    for event in chosen:
        first, last, count = event_times(event, view)
        about = event.get("involvedObject") or {}
        seen = (
            f"{last} (x{count} over {first})"
            if count > 1
            else since(event.get("firstTimestamp") or event.get("eventTime"), view)
        )
        row = [
            seen,
            harmless(event.get("type", "")),
            harmless(event.get("reason", "")),
            harmless(f"{about.get('kind', '')}/{about.get('name', '')}"),
            harmless(event.get("message", "").strip()),
        ]
        rows.append([event["metadata"].get("namespace", ""), *row] if arguments.on("all-namespaces") else row)
    if arguments.on("all-namespaces") and not arguments.on("no-headers"):
        rows[0] = ["NAMESPACE", *rows[0]]
    session.write(columns(rows))
    return None
