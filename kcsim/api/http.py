"""The front door: a function from a request (method, path, query, headers, body) to a response or a stream.

Transport can be put in front of it and recordings replayed through it. It decodes and encodes; everything else is
``ApiServer.perform``.

**Imitates:** kube-apiserver's endpoint handlers (v1.36): paths, verbs, media types, parameters, warnings. Left out:
Table and protobuf encodings (answers are JSON, which clients accept), OpenAPI documents, logs, exec and proxy.

**Walk:** path -> route (resource, namespace, name, subresource) -> verb by method -> operation -> perform -> response.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from kcsim.api import status
from kcsim.api.catalog import Resource
from kcsim.api.discovery import document
from kcsim.api.log import EventType, Version, Watch
from kcsim.api.objects import Object
from kcsim.api.request import ADMIN, Operation, User
from kcsim.api.server import ApiServer
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND
from kcsim.manifests import ManifestError, documents

BODY_LIMIT = 3 * 1024 * 1024
"""apiserver: pkg/server/config.go."""
_PATCH_TYPES = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}
_MEDIA = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")


@dataclass(slots=True)
class Request:
    """One HTTP request. ``query`` may be a mapping or a query text; ``body`` JSON data, text or bytes."""

    method: str
    path: str
    query: Mapping[str, Any] | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    user: User = ADMIN


@dataclass(slots=True)
class Response:
    """The answer: HTTP code, headers, and a body of JSON data (or text where ``text`` is set)."""

    code: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Stream:
    """An open watch: events as ``{"type", "object"}``, collected as virtual time passes.

    Attributes:
        code: 200.
        ended: whether the server closed it.
    """

    def __init__(self, server: ApiServer, resource: Resource) -> None:
        self.code = 200
        self.ended = False
        self._server = server
        self._resource = resource
        self._events: list[dict[str, Any]] = []
        self._watch: Watch | None = None
        self._listener: Callable[[], None] | None = None

    def open(self, make: Callable[[Callable[[], None]], Watch], timeout: int) -> None:
        """Attach the cursor; the stream ends ``timeout`` µs later."""
        self._watch = make(self._on_wake)
        self._server.engine.after(timeout, self.close)
        self._on_wake()

    def push(self, kind: str, obj: Object) -> None:
        """Add an event."""
        self._events.append({"type": kind, "object": obj})

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
            self.push(kind, _event_object(self._server, kind, version))
        if self._events and self._listener is not None:
            self._listener()


def _event_object(server: ApiServer, kind: EventType, version: Version) -> Object:
    """A DELETED event for an object that only left the selection shows its previous content at the new revision."""
    if kind == "DELETED" and not version.deleted and version.previous is not None:
        shown = server.ownership.shown(version.previous)
        return {**shown, "metadata": {**shown["metadata"], "resourceVersion": str(version.revision)}}
    return server.ownership.shown(version)


def handle(server: ApiServer, request: Request) -> Response | Stream:
    """Answer a request. Never raises for anything a client can send."""
    try:
        return _handle(server, request)
    except StatusError as refusal:
        headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
        return Response(refusal.code, refusal.body(), headers)


def _handle(server: ApiServer, request: Request) -> Response | Stream:
    path = request.path.rstrip("/") or "/"
    special = document(server, path)
    if special is not None:
        return Response(200, special)
    route = _route(server, path)
    if route is None:
        return Response(404, "404 page not found\n")
    resource, namespace, name, subresource = route
    query = _query(request)
    headers = {k.lower(): v for k, v in request.headers.items() if v is not None}
    _check_accept(headers.get("accept", ""))
    verb = _verb(request.method, name, query)
    op = Operation(verb, resource, request.user, namespace, name, subresource)
    _read_query(op, query)
    op.field_manager = query.get("fieldManager") or _agent(headers.get("user-agent", ""))
    if verb == "watch":
        return _watch(server, op, query)
    if request.method in {"POST", "PUT", "PATCH", "DELETE"}:
        _read_body(op, request, headers)
    if verb == "patch" and op.patch_type == "apply" and not query.get("fieldManager"):
        raise _patch_option_invalid(
            "fieldManager", "Required value: is required for apply patch", "FieldValueRequired"
        )
    if op.force and op.patch_type not in {"", "apply"}:
        raise _patch_option_invalid(
            "force", "Forbidden: may not be specified for non-apply patch", "FieldValueForbidden"
        )
    _check_verb(op)
    answer = server.perform(op)
    warnings = answer.warnings
    return Response(answer.code, _encode(server, op, answer.body), _warning_headers(warnings), warnings)


# --- routing ----------------------------------------------------------------------------------------------------


def _route(server: ApiServer, path: str) -> tuple[Resource, str, str, str] | None:
    """Resource, namespace, name and subresource; None for a plain-text 404."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 3:
        group, version, rest = parts[1], parts[2], parts[3:]
        if not server.catalog.has_group(group):
            return None
    else:
        return None
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces" and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    if not rest:
        raise status.no_such_resource()
    resource = server.catalog.find(group, version, rest[0])
    if resource is None or (namespace and not resource.namespaced) or len(rest) > 3:
        raise status.no_such_resource()
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if resource.namespaced and not namespace and name:
        raise status.no_such_resource()
    return resource, namespace, name, subresource


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method == "GET" or method == "HEAD":
        if query.get("watch") in {"true", "1", ""} and "watch" in query:
            return "watch"
        return "get" if name else "list"
    verbs = {"POST": "create", "PUT": "update", "PATCH": "patch"}
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    if method not in verbs:
        raise status.method_not_allowed()
    return verbs[method]


def _check_verb(op: Operation) -> None:
    """405 for what the resource does not do."""
    if op.subresource:
        sub = op.resource.subresource(op.subresource)
        if sub is None:
            raise status.no_such_resource()
        allowed = op.verb in sub.verbs
    else:
        allowed = op.verb in op.resource.verbs
        if op.verb == "create" and op.name:
            allowed = False
        if op.verb in {"update", "patch"} and not op.name:
            allowed = False
        if op.verb in {"create", "deletecollection"} and op.resource.namespaced and not op.namespace:
            allowed = False
    if not allowed:
        raise status.method_not_allowed()


# --- decoding ---------------------------------------------------------------------------------------------------


def _query(request: Request) -> dict[str, str]:
    query = request.query
    if isinstance(query, str):
        return dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
    return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in query.items()}


def _read_query(op: Operation, query: Mapping[str, str]) -> None:
    op.label_selector = query.get("labelSelector", "")
    op.field_selector = query.get("fieldSelector", "")
    op.resource_version = query.get("resourceVersion", "")
    op.resource_version_match = query.get("resourceVersionMatch", "")
    op.continue_token = query.get("continue", "")
    op.limit = _integer(query, "limit")
    op.field_validation = query.get("fieldValidation", "Warn")
    op.force = query.get("force") in {"true", "1"}
    dry_run = query.get("dryRun")
    if dry_run is not None and dry_run != "All":
        text = f'Unsupported value: "{dry_run}": supported values: "All"'
        raise _options_invalid(op.verb, "dryRun", text, "FieldValueNotSupported")
    op.dry_run = dry_run == "All"
    if op.verb in {"delete", "deletecollection"}:
        op.propagation_policy = query.get("propagationPolicy", "")
        if "gracePeriodSeconds" in query:
            op.grace_period_seconds = _integer(query, "gracePeriodSeconds")


def _integer(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text:
        return 0
    try:
        return int(text)
    except ValueError:
        raise status.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _read_body(op: Operation, request: Request, headers: Mapping[str, str]) -> None:
    media = headers.get("content-type", "").partition(";")[0].strip()
    raw = request.body
    if isinstance(raw, bytes | str) and len(raw) > BODY_LIMIT:
        raise status.StatusError(
            413, "RequestEntityTooLarge", f"Request entity too large: limit is {BODY_LIMIT}", {}
        )
    if op.verb == "patch":
        patch_type = _PATCH_TYPES.get(media)
        if patch_type is None:
            raise status.unsupported_media_type("415: Unsupported Media Type")
        op.patch_type = patch_type
    elif media and media not in _MEDIA and op.verb in {"create", "update"}:
        raise status.unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join(_MEDIA)
        )
    if op.verb in {"delete", "deletecollection"}:
        _read_delete_options(op, _parse(raw, media, op) if raw else {})
        return
    op.body = _parse(raw, media, op)
    if op.verb in {"create", "update"} and not op.subresource:
        _check_kind(op)


def _parse(raw: Any, media: str, op: Operation) -> Any:
    if not isinstance(raw, bytes | str):
        return raw if raw is not None else {}
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    if "yaml" in media:
        try:
            found = documents(text, "body")
            return found[0].value if found else {}
        except ManifestError as error:
            raise status.bad_request(f"error decoding YAML: {error}") from None
    try:
        return json.loads(text)
    except ValueError as error:
        if op.verb == "patch":
            raise status.bad_request(f"error decoding patch: {error}") from None
        kind = op.resource.kind
        raise status.bad_request(
            f'{kind} in version "{op.resource.version}" cannot be handled as a {kind}: {error}'
        ) from None


def _check_kind(op: Operation) -> None:
    """The body must be of the resource's kind; a missing apiVersion or kind is taken from the path."""
    body, resource = op.body, op.resource
    if not isinstance(body, dict):
        raise status.bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
            "json: cannot unmarshal the body into an object"
        )
    version, kind = body.get("apiVersion") or resource.group_version, body.get("kind") or resource.kind
    if (version, kind) != (resource.group_version, resource.kind):
        group, _, number = str(version).rpartition("/")
        given = f"{group}/{number}" if group else number
        raise status.bad_request(
            f'{kind} in version "{number}" cannot be handled as a {resource.kind}: no kind "{kind}" is registered '
            f'for version "{given}" in scheme'
            if kind != resource.kind
            else f"the API version in the data ({version}) does not match the expected API version ({resource.group_version})"
        )


def _read_delete_options(op: Operation, options: Any) -> None:
    if not isinstance(options, dict):
        raise status.bad_request("DeleteOptions must be an object")
    if options.get("propagationPolicy"):
        op.propagation_policy = options["propagationPolicy"]
    if "orphanDependents" in options:
        op.propagation_policy = "Orphan" if options["orphanDependents"] else "Background"
    if options.get("gracePeriodSeconds") is not None:
        op.grace_period_seconds = options["gracePeriodSeconds"]
    preconditions = options.get("preconditions") or {}
    op.precondition_uid = preconditions.get("uid") or ""
    op.precondition_resource_version = preconditions.get("resourceVersion") or ""
    if "All" in (options.get("dryRun") or ()):
        op.dry_run = True
    if op.propagation_policy not in {"", "Background", "Foreground", "Orphan"}:
        text = f'Unsupported value: "{op.propagation_policy}": supported values: "Background", "Foreground", "Orphan", "nil"'
        raise _options_invalid("delete", "propagationPolicy", text, "FieldValueNotSupported")


def _options_invalid(verb: str, name: str, text: str, reason: str) -> StatusError:
    kinds = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
    kind = kinds.get(verb, "DeleteOptions")
    cause = {"reason": reason, "message": text, "field": name}
    details = {"group": "meta.k8s.io", "kind": kind, "causes": [cause]}
    return StatusError(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {name}: {text}', details)


def _patch_option_invalid(name: str, text: str, reason: str) -> StatusError:
    return _options_invalid("patch", name, text, reason)


def _agent(user_agent: str) -> str:
    """The field manager a User-Agent stands for: up to the first "/", at most 128 characters."""
    return user_agent.partition("/")[0][:128]


def _check_accept(accept: str) -> None:
    if not accept:
        return
    for item in accept.split(","):
        media = item.partition(";")[0].strip()
        if media in {"*/*", "application/*", *_MEDIA}:
            return
    text = "only the following media types are accepted: " + ", ".join(_MEDIA)
    raise StatusError(406, "NotAcceptable", text, {})


# --- answering --------------------------------------------------------------------------------------------------


def _encode(server: ApiServer, op: Operation, body: Any) -> Any:
    """The body with managedFields; list items of built-in kinds without kind and apiVersion, as Go leaves them out."""
    if not isinstance(body, dict) or body.get("kind") == "Status":
        return body
    if "items" in body and op.verb in {"list", "deletecollection"}:
        return {**body, "items": [_item(server, op.resource, item) for item in body["items"]]}
    return _owned(server, op.resource, body)


def _item(server: ApiServer, resource: Resource, item: Object) -> Object:
    shown = _owned(server, resource, item)
    return shown if resource.custom else {k: v for k, v in shown.items() if k not in {"kind", "apiVersion"}}


def _owned(server: ApiServer, resource: Resource, obj: Object) -> Object:
    metadata = obj.get("metadata") or {}
    version = server.log.get(resource, metadata.get("namespace", ""), metadata.get("name", ""))
    if version is None or version.object["metadata"].get("resourceVersion") != metadata.get(
        "resourceVersion"
    ):
        return obj
    if obj.get("kind") != resource.kind:
        return obj  # a Scale, which carries none
    entries = server.ownership.managed_of(version).to_json()
    return {**obj, "metadata": {**metadata, "managedFields": entries}} if entries else obj


def _warning_headers(warnings: tuple[str, ...]) -> dict[str, str]:
    if not warnings:
        return {}
    texts = (text.replace("\\", "\\\\").replace('"', '\\"') for text in warnings)
    return {"Warning": ", ".join(f'299 - "{text}"' for text in texts)}


# --- watching ---------------------------------------------------------------------------------------------------


def _watch(server: ApiServer, op: Operation, query: Mapping[str, str]) -> Stream:
    """Open a stream (kubernetes-api reference, section 4)."""
    resource, log = op.resource, server.log
    fields = op.field_selector
    if op.name:
        own = f"metadata.name={op.name}"
        fields = f"{fields},{own}" if fields else own
    send_initial = query.get("sendInitialEvents")
    if send_initial is not None and op.resource_version_match != "NotOlderThan":
        raise _list_options_invalid(
            "resourceVersionMatch",
            "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        )
    if send_initial is None and op.resource_version_match:
        raise _list_options_invalid(
            "resourceVersionMatch",
            "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        )
    since = _since(op)
    stream = Stream(server, resource)
    namespace = op.namespace or None
    if since is not None and 0 < since < log.compacted:
        refusal = status.expired(f"too old resource version: {since} ({log.compacted})")
        stream.push("ERROR", refusal.body())
        stream.ended = True
        return stream
    snapshot = send_initial == "true" or (send_initial is None and since is None)
    if snapshot:
        for version in server.find(resource, namespace, op.label_selector, fields):
            stream.push("ADDED", server.ownership.shown(version))
    if send_initial == "true" and query.get("allowWatchBookmarks") in {"true", "1"}:
        stream.push("BOOKMARK", _bookmark(resource, log.revision))
    start = None if snapshot or send_initial == "false" else since
    timeout = (_integer(query, "timeoutSeconds") or 1800) * SECOND
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
        timeout,
    )
    return stream


def _since(op: Operation) -> int | None:
    asked = op.resource_version
    if not asked or asked == "0":
        return None
    if not asked.isdigit():
        raise status.unclassified(f'strconv.ParseUint: parsing "{asked}": invalid syntax')
    return int(asked)


def _bookmark(resource: Resource, revision: int) -> Object:
    return {
        "kind": resource.kind,
        "apiVersion": resource.group_version,
        "metadata": {
            "resourceVersion": str(revision),
            "creationTimestamp": None,
            "annotations": {"k8s.io/initial-events-end": "true"},
        },
    }


def _list_options_invalid(name: str, text: str) -> StatusError:
    cause = {"reason": "FieldValueForbidden", "message": text, "field": name}
    details = {"group": "meta.k8s.io", "kind": "ListOptions", "causes": [cause]}
    return StatusError(422, "Invalid", f'ListOptions.meta.k8s.io "" is invalid: {name}: {text}', details)
