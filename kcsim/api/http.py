"""The front door: a function from a request (method, path, query, headers, body) to a response or a stream.

Transport can be put in front of it and recordings replayed through it. It routes; ``decoding``, ``representations``
and ``streaming`` read and write; everything else is ``ApiServer.perform``.

**Imitates:** kube-apiserver's endpoint handlers (v1.36): paths, verbs, media types, parameters, warnings. Left out:
protobuf, OpenAPI documents, following logs, exec and proxy.

**Walk:** path -> route (resource, namespace, name, subresource) -> verb by method -> operation -> perform -> response.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import decoding, status
from kcsim.api.discovery import AGGREGATED, aggregated, document, wants_aggregated
from kcsim.api.identity import authenticated, impersonated, may_impersonate
from kcsim.api.representations import encode, negotiate
from kcsim.api.request import ADMIN, Operation, User
from kcsim.api.resources import Resource
from kcsim.api.server import ApiServer
from kcsim.api.status import StatusError
from kcsim.api.streaming import Stream, watch
from kcsim.engine.clock import SECOND

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


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
    """The answer: HTTP code, a body of JSON data (or a text), headers, and warnings as they read."""

    code: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def handle(server: ApiServer, request: Request) -> Response | Stream:
    """Answer a request. Never raises for anything a client can send."""
    try:
        return _handle(server, request)
    except StatusError as refusal:
        headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
        return Response(
            refusal.code, refusal.body(), {**headers, **_warning_headers(refusal.warnings)}, refusal.warnings
        )


def _handle(server: ApiServer, request: Request) -> Response | Stream:
    path = request.path.rstrip("/") or "/"
    query = decoding.query_of(request.query)
    headers = {k.lower(): v for k, v in request.headers.items() if v is not None}
    user = authenticated(server, request.user, headers)
    route = _route(server, path)
    verb = "watch" if route.old_watch else _verb(request.method, route.name, query)
    user = _impersonate(server, user, headers, route, verb)
    if not route.plural:
        server.authorizer.check_url(user, verb if verb != "list" else "get", request.path)
        if wants_aggregated(headers.get("accept", "")):
            whole = aggregated(server, path)
            if whole is not None:
                return Response(200, whole, {"Content-Type": AGGREGATED})
        page = document(server, path)
        if page is not None:
            return Response(200, page, dict(_TEXT) if isinstance(page, str) else {})
        parts = [*path.split("/"), ""]
        if parts[1] == "api" or (parts[1] == "apis" and server.catalog.has_group(parts[2], parts[3])):
            raise status.no_such_resource()
        return Response(404, "404 page not found\n", dict(_TEXT))
    resource = _served(server, user, route, verb)
    if resource is None:
        return Response(404, "404 page not found\n", dict(_TEXT))
    namespace, name, subresource = route.namespace, route.name, route.subresource
    form = negotiate(headers.get("accept", ""), query.get("includeObject", ""))
    op = Operation(verb, resource, user, namespace, name, subresource)
    _check_verb(op)
    decoding.read_query(op, query, headers.get("user-agent", ""))
    if subresource == "log":
        op.log = decoding.log_options(query, name, server.engine.now)
    if verb == "watch":
        timeout = decoding.integer(query, "timeoutSeconds") * SECOND
        return watch(server, op, query, form, timeout)
    if request.method in _WRITES:
        media = decoding.media_of(headers)
        if verb == "patch":
            decoding.read_patch_type(op, media)
        decoding.check_options(op, query)
        decoding.read_body(op, request.body, media, server.catalog)
        decoding.check_propagation(op)
    answer = server.perform(op)
    body, more = encode(server, op, answer, form)
    return Response(answer.code, body, {**_warning_headers(answer.warnings), **more}, answer.warnings)


# --- routing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Route:
    """What a path names (apiserver: RequestInfo); without a plural it names no resource."""

    group: str = ""
    version: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    old_watch: bool = False
    surplus: bool = False


def _route(server: ApiServer, path: str) -> _Route:
    """Take a path apart, whether or not its resource is served."""
    del server
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return _Route()
    old_watch = rest[0] == "watch" and len(rest) > 1
    rest = rest[1:] if old_watch else rest
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces" and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    return _Route(group, version, rest[0], namespace, name, subresource, old_watch, len(rest) > 3)


def _served(server: ApiServer, user: User, route: _Route, verb: str) -> Resource | None:
    """The resource of a route; None where its group is unknown (a plain-text 404).

    Raises:
        StatusError: 403 before 404 for who may not know, 404.
    """
    resource = server.catalog.find(route.group, route.version, route.plural)
    wrong = resource is None or (route.namespace and not resource.namespaced) or route.surplus
    lost = resource is not None and resource.namespaced and not route.namespace and route.name
    if resource is not None and not wrong and not lost:
        return resource
    path = f"{route.plural}/{route.subresource}" if route.subresource else route.plural
    if not server.authorizer.allows_path(user, verb, route.group, path, route.namespace, route.name):
        raise server.authorizer.denial(user, verb, route.group, path, route.namespace, route.name)
    if route.group and not server.catalog.has_group(route.group, route.version):
        return None
    raise status.no_such_resource()


def _impersonate(server: ApiServer, user: User, headers: Mapping[str, str], route: _Route, verb: str) -> User:
    """Whom the request is from, when it asks to be taken for another.

    Raises:
        StatusError: 403 for who may not.
    """
    wanted = impersonated(headers)
    if wanted is None:
        return user
    if not may_impersonate(server, user, wanted):
        path = f"{route.plural}/{route.subresource}" if route.subresource else route.plural
        asked = f"impersonate-on:user-info:{verb}"
        raise server.authorizer.denial(user, asked, route.group, path, route.namespace, route.name)
    return wanted


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method in {"GET", "HEAD"}:
        if name:
            return "get"  # one object is never watched by its own path, whatever the query says
        return "watch" if decoding.boolean(query, "watch") else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    verbs = {"POST": "create", "PUT": "update", "PATCH": "patch"}
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


def _warning_headers(warnings: tuple[str, ...]) -> dict[str, str]:
    if not warnings:
        return {}
    texts = (text.replace("\\", "\\\\").replace('"', '\\"') for text in warnings)
    return {"Warning": ", ".join(f'299 - "{text}"' for text in texts)}
