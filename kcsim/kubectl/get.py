"""kubectl get: objects in every form of output.

**Imitates:** kubectl ``pkg/cmd/get`` (v1.36): names, kinds, selectors, sorting, what it says when there is nothing;
``--raw``. Watching has a file of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cmp_to_key
from typing import Any

from kcsim.api import jsonpath, quantity
from kcsim.api.gotext import go_quote
from kcsim.api.http import Request, handle
from kcsim.api.jsonpath import JsonPathError
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError, no_such_resource
from kcsim.api.streaming import Stream
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.printing import check_form, form_of, print_objects, print_table
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import list_chosen, namespace_of, parse_targets, tell, written
from kcsim.kubectl.watch import watch

_NO_KIND = (
    'You must specify the type of resource to get. Use "kubectl api-resources" for a complete list of '
    "supported resources.\n\nerror: Required resource not specified.\n"
    'Use "kubectl explain <resource>" for a detailed description of that resource '
    "(e.g. kubectl explain pods).\nSee 'kubectl get -h' for help and examples"
)


def get(session: Session, arguments: Arguments) -> Steps:
    """``kubectl get KIND [NAME...]``, ``get KIND/NAME``, ``get -f``."""
    if "raw" in arguments.flags:
        _raw(session, arguments)
        return None
    check_form(session, arguments)
    if arguments.on("output-watch-events") and not (arguments.on("watch") or arguments.on("watch-only")):
        raise KubectlError(
            "error: --output-watch-events option can only be used with --watch or --watch-only"
        )
    if arguments.on("watch") or arguments.on("watch-only"):
        if not arguments.words and not arguments.flags.get("filename"):
            raise KubectlError(_NO_KIND)
        return (yield from watch(session, arguments))
    sort_by = _sort_path(arguments)
    found, single, several = yield from fetch(session, arguments)
    if sort_by:
        found = ordered(found, sort_by)
    form, _ = form_of(session, arguments)
    if form not in {"", "wide"}:
        if found or not single:
            print_objects(session, arguments, found, as_list=not single)
        return None
    if found:
        print_table(session, arguments, found, with_kind=several)
        return None
    arguments.came_to_nothing()
    if not session.failed and not arguments.on("ignore-not-found"):
        namespace = namespace_of(session, arguments)
        where = f" in {namespace} namespace." if namespace and _namespaced(session, arguments) else ""
        session.warn(f"No resources found{where}")
    return None


def _raw(session: Session, arguments: Arguments) -> None:
    """``get --raw PATH``: the answer as it comes over the wire."""
    _check_raw(arguments)
    server = session.client.endpoint.server
    path, _, query = arguments.get("raw").partition("?")
    answer = handle(
        server, Request("GET", path, query, {"Accept": "application/json, */*"}, user=session.client.user)
    )
    if isinstance(answer, Stream):
        raise KubectlError("error: kcsim does not model 'kubectl get --raw' of a watch: use 'kubectl get -w'")
    if isinstance(answer.body, str):
        if answer.code >= 400:
            raise no_such_resource()
        session.write(answer.body)
        return
    if answer.code >= 400:
        body = answer.body
        raise StatusError(answer.code, body.get("reason", ""), body.get("message", ""), body.get("details"))
    session.write(json.dumps(answer.body, separators=(",", ":"), ensure_ascii=False) + "\n")


def _check_raw(arguments: Arguments) -> None:
    if arguments.on("watch") or arguments.on("watch-only"):
        raise KubectlError(
            "error: --raw may not be specified with other flags that filter the server request or alter the output"
        )
    if any(
        flag in arguments.flags
        for flag in ("filename", "selector", "sort-by", "output", "field-selector", "label-columns")
    ):
        raise KubectlError(
            "error: --raw may not be specified with other flags that filter the server request or alter the output"
        )
    if arguments.words:
        raise KubectlError("error: arguments may not be passed when --raw is specified")
    path = arguments.get("raw")
    if not path.startswith("/"):
        raise KubectlError(
            f"error: --raw must be a valid URL path: parse {go_quote(path)}: invalid URI for request"
        )


def _namespaced(session: Session, arguments: Arguments) -> bool:
    kinds, _ = parse_targets(session, arguments.words, "")
    return all(kind.namespaced for kind in kinds)


def fetch(session: Session, arguments: Arguments) -> Steps:
    """What the command line names: the objects, whether it is one object by name, whether kinds are to be told apart."""
    namespace = namespace_of(session, arguments)
    if arguments.flags.get("filename"):
        items = written(session, arguments)
        named = [(item.resource, item.namespace, item.object["metadata"].get("name", "")) for item in items]
        kinds: list[Resource] = []
    else:
        if not arguments.words:
            raise KubectlError(_NO_KIND)
        kinds, targets = parse_targets(session, arguments.words, namespace)
        named = [(t.resource, t.namespace, t.name) for t in targets]
        if named and (arguments.get("selector") or arguments.get("field-selector")):
            raise KubectlError("error: name cannot be provided when a selector is specified")
        if named and arguments.on("all-namespaces"):
            raise KubectlError("error: a resource cannot be retrieved by name across all namespaces")
    # Only what is printed as YAML or JSON goes without its owners.
    owned = arguments.on("show-managed-fields") or form_of(session, arguments)[0] not in {
        "",
        "wide",
        "name",
        "yaml",
        "json",
    }
    found: list[Object] = []
    for resource, space, name in named:
        try:
            obj = yield session.client.get(
                resource,
                space,
                name,
                subresource=arguments.get("subresource"),
                managed_fields=owned,
            )
        except StatusError as error:
            if not (error.is_not_found and arguments.on("ignore-not-found")):
                tell(session, error)
            continue
        found.append(obj)
    for resource in kinds:
        listed = yield from list_chosen(session, arguments, resource, namespace)
        found.extend(listed["items"])
    told = {(obj["apiVersion"], obj["kind"]) for obj in found}
    several = len({(kind.group, kind.kind) for kind in kinds}) > 1 or len(told) > 1
    return found, len(named) == 1, several


# --- sorting ----------------------------------------------------------------------------------------------------


def _sort_path(arguments: Arguments) -> str:
    text = arguments.get("sort-by")
    if not text:
        return ""
    try:
        path = jsonpath.relaxed(text)
        jsonpath.parse(path)
    except JsonPathError as error:
        raise KubectlError(f"error: {error}") from None
    return path


def ordered(objects: Sequence[Object], path: str) -> list[Object]:
    """Objects by the value at a path; those without one come first, equals stay as they are.

    Raises:
        KubectlError: when no object has the field.
    """
    keys = [next(iter(jsonpath.find(path, obj)), None) for obj in objects]
    if objects and all(key is None for key in keys):
        return []
    by_key = cmp_to_key(compare)
    return [objects[place] for place in sorted(range(len(objects)), key=lambda place: by_key(keys[place]))]


def compare(left: Any, right: Any) -> int:
    """Below, equal or above: numbers by value, quantities by amount, texts naturally (cmd/get/sorter.go)."""
    if left is None or right is None:
        return (left is not None) - (right is not None)
    if isinstance(left, str) and isinstance(right, str):
        try:
            a, b = quantity.parse(left), quantity.parse(right)
        except ValueError:
            return (left > right) - (left < right)
        return (a.nanos > b.nanos) - (a.nanos < b.nanos)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return (left > right) - (left < right)
    first, second = jsonpath.show(left), jsonpath.show(right)
    return (first > second) - (first < second)
