"""flux events.

**Imitates:** flux2 cmd/flux/events.go: the Events of Flux's objects, oldest first, with those of the source when one object
is asked for.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.cli.session import (
    ARTIFACT_KINDS,
    HELM_RELEASE,
    IMAGE_KINDS,
    KUSTOMIZATION,
    OTHER_KINDS,
    SOURCE_KINDS,
    FluxError,
    Kind,
    Session,
)
from kcsim.delivery.gitops.flux.helm import terms
from kcsim.delivery.gitops.flux.toolkit import source_key, source_kind
from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.engine.task import Steps

_ALL = (
    KUSTOMIZATION,
    HELM_RELEASE,
    *SOURCE_KINDS.values(),
    *ARTIFACT_KINDS.values(),
    *IMAGE_KINDS.values(),
    *OTHER_KINDS.values(),
)
_KINDS = {"ks": KUSTOMIZATION, "hr": HELM_RELEASE} | {kind.kind.lower(): kind for kind in _ALL}
_TYPES = {"normal": "Normal", "warning": "Warning"}


def events(session: Session, kinds: tuple[Kind, ...]) -> Steps:
    """List Events."""
    del kinds
    arguments = session.arguments
    types = {_type(t) for t in arguments.get("types").split(",") if t}
    everywhere = arguments.on("all-namespaces")
    found = yield session.client.list("events", "" if everywhere else session.namespace)
    items: list[Object] = found["items"]
    about = None
    if arguments.get("for"):
        word, _, name = arguments.get("for").partition("/")
        kind = _KINDS.get(word.lower())
        if kind is None:
            raise FluxError(f"Flux kind {word} not recognized")
        about = {(kind.kind, name)}
        if kind is KUSTOMIZATION and name:
            obj = yield session.client.get(kind.resource, session.namespace, name)
            about.add((source_kind(obj), source_key(obj)[1]))
        if kind is HELM_RELEASE and name:
            obj = yield session.client.get(kind.resource, session.namespace, name)
            above, _, chart = terms.source_subject(obj).split("/")
            source = objects.get_in(obj, ("spec", "chart", "spec", "sourceRef"), {})
            about |= {(above, chart), (source.get("kind", ""), source.get("name", ""))}
    now = session.client.endpoint.engine.now
    rows = [
        _row(item, now, everywhere)
        for item in sorted(items, key=lambda e: (e.get("lastTimestamp") or "", objects.name(e)))
        if _is_chosen(item, about, types)
    ]
    if not rows:
        session.failure(
            "No events found." if everywhere else f"No events found in {session.namespace} namespace."
        )
        return
    headers = ["Last seen", "Type", "Reason", "Object", "Message"]
    session.table(["Namespace", *headers] if everywhere else headers, rows)


def _type(text: str) -> str:
    try:
        return _TYPES[text.lower()]
    except KeyError:
        raise FluxError(f"type '{text}' not supported. Supported types are Normal, Warning") from None


def _is_chosen(event: Object, about: set[tuple[str, str]] | None, types: set[str]) -> bool:
    who = event["involvedObject"]
    if types and event["type"] not in types:
        return False
    if about is None:
        return who["kind"] in {kind.kind for kind in _ALL}
    return any(who["kind"] == kind and name in {"", who["name"]} for kind, name in about)


def _row(event: Object, now: int, with_namespace: bool) -> list[str]:
    who = event["involvedObject"]
    seen = _age(now - parse_rfc3339(event["lastTimestamp"]))
    if event.get("count", 1) > 1:
        seen += f" (x{event['count']} over {_age(now - parse_rfc3339(event['firstTimestamp']))})"
    row = [seen, event["type"], event["reason"], f"{who['kind']}/{who['name']}", event["message"]]
    return [objects.namespace(event), *row] if with_namespace else row


def _age(us: int) -> str:
    """As duration.HumanDuration writes an age."""
    whole = max(us, 0) // SECOND
    if whole < 120:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 10:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 8:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    return f"{hours}h" if hours < 48 else f"{hours // 24}d"
