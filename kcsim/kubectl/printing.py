"""How objects are printed: as tables, names, YAML, JSON, by JSONPath or in columns of one's own.

**Imitates:** kubectl ``pkg/cmd/get`` and cli-runtime ``pkg/printers`` (v1.36). Left out: KYAML; where in a Go
template an error is, beyond its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kcsim.api import jsonpath
from kcsim.api.gotext import go_quote, go_syntax
from kcsim.api.jsonpath import JsonPathError
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.tables.cells import View, labels_cell
from kcsim.api.tables.cluster import NAMED
from kcsim.api.tables.table import kind_of, visible
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.go_template import go_template, read_go_template
from kcsim.kubectl.layout import columns, harmless
from kcsim.kubectl.session import KubectlError, Session, named
from kcsim.manifests import dump

_FORMATS = "go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,yaml"
_TABLE_FORMATS = (
    "custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,"
    "jsonpath-file,name,template,templatefile,wide,yaml"
)
GO_TEMPLATES = frozenset({"go-template", "go-template-file", "template", "templatefile"})
_FROM_FILES = frozenset({"go-template-file", "templatefile", "jsonpath-file", "custom-columns-file"})
_LINE_BREAK = re.compile(r"[\f\n\r]")


def print_objects(
    session: Session,
    arguments: Arguments,
    objects: Sequence[Object],
    *,
    as_list: bool = False,
    typed: bool = False,
) -> None:
    """Print objects in the form that -o asks for; several (or ``as_list``) as a List.

    ``typed``: kubectl holds them as Go structs, whose members JSON shows in their own order; what is only a map is
    shown in the order of its keys, as YAML always is.

    Raises:
        KubectlError: an unknown form, a bad template.
    """
    form, template = form_of(session, arguments)
    if form == "name":
        for obj in objects:
            session.print(named(resource_of(session, obj), obj["metadata"]["name"]))
        return
    if not objects and not as_list:
        return
    whole = objects[0] if len(objects) == 1 and not as_list else list_of(objects)
    if form == "yaml":
        session.write(dump(whole, folded=True))
    elif form == "json":
        session.write(json.dumps(whole, indent=4, sort_keys=not typed, ensure_ascii=False) + "\n")
    elif form in {"jsonpath", "jsonpath-as-json", "jsonpath-file"}:
        session.write(_by_path(form, template, whole))
    elif form in GO_TEMPLATES:
        session.write(go_template(template, whole, strict=not _may_miss_keys(arguments)))
    elif form in {"custom-columns", "custom-columns-file"}:
        session.write(custom_columns(template, objects, headers=not arguments.on("no-headers")))
    elif form in {"", "wide"}:
        print_table(session, arguments, objects)
    else:
        check_form(session, arguments, _FORMATS)


def tell_done(
    session: Session,
    arguments: Arguments,
    resource: Resource,
    obj: Object,
    verb: str,
    *,
    dry: bool = True,
    typed: bool = False,
) -> None:
    """Print an object that was made or changed as ``-o`` asks for, or what was done to it.

    ``dry``: whether the command says of a dry run that it was one; patch and taint do not.
    """
    if arguments.get("output") not in {"", "name"}:
        print_objects(session, arguments, [obj], typed=typed)
        return
    said = {"server": " (server dry run)", "client": " (dry run)"}.get(arguments.get("dry-run"), "")
    said = said if dry else ""
    name = named(resource, obj["metadata"]["name"])
    session.print(name if arguments.get("output") == "name" else f"{name} {verb}{said}")


def form_of(session: Session, arguments: Arguments) -> tuple[str, str]:
    """The form of output that -o asks for, and its template: from -o, --template, or a file."""
    form, _, template = arguments.get("output").partition("=")
    template = template or arguments.get("template")
    if not form and template:
        form = "go-template"
    if form in _FROM_FILES and template:
        text = session.files.get(template)
        if text is None:
            what = "template" if form in GO_TEMPLATES else "--template"
            raise KubectlError(
                f"error: error reading {what} {template}, open {template}: no such file or directory"
            )
        text = text if isinstance(text, str) else text.decode()
        return form, ",".join(_columns_of_file(text)) if form == "custom-columns-file" else text
    return form, template


def _columns_of_file(text: str) -> list[str]:
    """A line of headers and a line of paths, as a specification in one line."""
    headers, paths = [line.split() for line in [*text.splitlines(), "", ""][:2]]
    if not headers or len(headers) != len(paths):
        raise KubectlError(
            f"error: number of headers ({len(headers)}) does not match number of paths ({len(paths)})"
        )
    return [f"{header}:{path}" for header, path in zip(headers, paths, strict=True)]


def check_form(session: Session, arguments: Arguments, known: str = _TABLE_FORMATS) -> None:
    """Refuse a form of output before anything is asked of the server; ``known`` are those that a command has.

    Raises:
        KubectlError: an unknown form, a template that cannot be read.
    """
    form, template = form_of(session, arguments)
    if form in {"jsonpath", "jsonpath-as-json", "jsonpath-file"} | GO_TEMPLATES:
        if not template:
            raise KubectlError("error: template format specified but no template given")
        if form in GO_TEMPLATES:
            read_go_template(template)
        else:
            _parsed(template)
    elif form in {"custom-columns", "custom-columns-file"}:
        _specification(template)
    elif form == "kyaml":
        raise KubectlError("error: kcsim does not model '-o kyaml': use yaml")
    elif form not in {"", "wide", "name", "yaml", "json"} or "=" in arguments.get("output"):
        raise KubectlError(
            f'error: unable to match a printer suitable for the output format "{form}", allowed formats are: {known}'
        )


def list_of(objects: Sequence[Object]) -> Object:
    """A ``v1`` List, as kubectl makes it from what it got."""
    return {"apiVersion": "v1", "items": list(objects), "kind": "List", "metadata": {"resourceVersion": ""}}


def print_list(session: Session, form: str, kind: str, objects: Sequence[Object]) -> None:
    """Print a list as kubectl holds one of a known kind, in YAML or JSON."""
    whole = {"kind": kind, "apiVersion": "v1", "metadata": {}, "items": list(objects)}
    if form == "yaml":
        session.write(dump(whole, folded=True))
    else:
        session.write(json.dumps(whole, indent=4, ensure_ascii=False) + "\n")


def resource_of(session: Session, obj: Object) -> Resource:
    """The resource of an object that the server gave."""
    found = session.client.endpoint.server.catalog.of(obj)
    if found is None:
        raise KubectlError(
            f'error: no matches for kind "{obj.get("kind")}" in version "{obj.get("apiVersion")}"'
        )
    return found


def _may_miss_keys(arguments: Arguments) -> bool:
    return arguments.on("allow-missing-template-keys", default=True)


def _parsed(template: str) -> None:
    try:
        jsonpath.parse(template)
    except JsonPathError as error:
        raise KubectlError(f"error: error parsing jsonpath {template}, {error}") from None


def _by_path(form: str, template: str, whole: Object) -> str:
    _parsed(template)
    try:
        if form == "jsonpath-as-json":
            return (
                json.dumps(jsonpath.find(template, whole), indent=4, sort_keys=True, ensure_ascii=False)
                + "\n"
            )
        return jsonpath.render(template, whole)
    except JsonPathError as error:
        raise KubectlError(
            f"error: error executing jsonpath {go_quote(template)}: Error executing template: {error}. Printing more "
            f"information for debugging the template:\n\ttemplate was:\n\t\t{template}\n"
            f"\tobject given to jsonpath engine was:\n\t\t{go_syntax(whole)}\n\n"
        ) from None


# --- custom columns ---------------------------------------------------------------------------------------------


def custom_columns(specification: str, objects: Sequence[Object], *, headers: bool = True) -> str:
    """A table of one's own: ``NAME:.metadata.name,IMAGE:.spec.containers[*].image``."""
    lines = custom_rows(specification, objects)
    return columns(lines if headers else lines[1:])


def custom_rows(specification: str, objects: Sequence[Object]) -> list[list[str]]:
    """The cells of its header, and those of each object."""
    wanted = _specification(specification)
    lines = [[header for header, _ in wanted]]
    for obj in objects:
        cells = []
        for _, path in wanted:
            values = jsonpath.find(path, obj)
            cells.append(
                ",".join(
                    harmless(jsonpath.show(value)) if value is not None else "<none>" for value in values
                )
                or "<none>"
            )
        lines.append(cells)
    return lines


def _specification(text: str) -> list[tuple[str, str]]:
    if not text:
        raise KubectlError("error: custom-columns format specified but no custom columns given")
    wanted = []
    for part in text.split(","):
        header, colon, path = part.partition(":")
        if not colon:
            raise KubectlError(
                f"error: unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"
            )
        try:
            strict = jsonpath.relaxed(path)
            jsonpath.parse(strict)
        except JsonPathError as error:
            raise KubectlError(f"error: error parsing jsonpath {path}, {error}") from None
        wanted.append((header, strict))
    return wanted


# --- tables -----------------------------------------------------------------------------------------------------


def print_table(
    session: Session, arguments: Arguments, objects: Sequence[Object], *, with_kind: bool = False
) -> None:
    """Objects as kubectl's table: one for each run of objects of a kind, a blank line between two."""
    start = 0
    for end in range(1, len(objects) + 1):
        if end < len(objects) and objects[end].get("kind") == objects[start].get("kind"):
            continue
        run = objects[start:end]
        resource = _scale(session) if run[0].get("kind") == "Scale" else resource_of(session, run[0])
        if start:
            session.print("")
        session.write(_table(session, arguments, resource, run, with_kind or start > 0 or end < len(objects)))
        start = end


def _scale(session: Session) -> Resource:
    """What a Scale is printed as: no resource of its own, but with columns."""
    scaler = session.client.endpoint.server.catalog.find("autoscaling", "v1", "horizontalpodautoscalers")
    assert scaler is not None
    return replace(scaler, kind="Scale", singular="scale", plural="scales")


def _table(
    session: Session, arguments: Arguments, resource: Resource, objects: Sequence[Object], with_kind: bool
) -> str:
    lines = table_rows(session, arguments, resource, objects, with_kind=with_kind)
    return columns(lines if not arguments.on("no-headers") else lines[1:])


def table_rows(
    session: Session,
    arguments: Arguments,
    resource: Resource,
    objects: Sequence[Object],
    *,
    with_kind: bool = False,
) -> list[list[str]]:
    """The cells of the header, and those of each object as it looks now."""
    wide = arguments.get("output") == "wide"
    with_kind = with_kind or arguments.on("show-kind")
    server = session.client.endpoint.server
    # Without the server's columns kubectl knows names and ages.
    server_print = arguments.on("server-print", default=True)
    kind = kind_of(resource, server.catalog, server.log) if server_print else NAMED
    places = visible(kind, wide)
    namespaces = arguments.on("all-namespaces") and resource.namespaced
    shown = [label for label in arguments.all("label-columns") if label]
    lines: list[list[str]] = [
        [
            *(["NAMESPACE"] if namespaces else []),
            *(kind.columns[place].name.upper() for place in places),
            *(label.rpartition("/")[2].upper() for label in shown),
            *(["LABELS"] if arguments.on("show-labels") else []),
        ]
    ]
    view = View(session.engine.now, wide=True)  # as the server, which makes the wide cells always
    in_order = objects if arguments.get("sort-by") else kind.in_order(objects)
    for obj in in_order:
        row = kind.cells(obj, view)
        cells = [_text(row[place]) for place in places]
        if with_kind:
            at = next((i for i, place in enumerate(places) if kind.columns[place].format == "name"), None)
            if at is not None:
                cells[at] = named(resource, cells[at])
        if namespaces:
            cells.insert(0, obj["metadata"].get("namespace", ""))
        labels = obj["metadata"].get("labels") or {}
        cells.extend(labels.get(label, "") for label in shown)
        if arguments.on("show-labels"):
            cells.append(labels_cell(obj["metadata"].get("labels")))
        lines.append(cells)
    return lines


def _text(cell: Any) -> str:
    """A cell as text: its first line; Go prints booleans small, and kubectl leaves out what is null."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    first, *more = _LINE_BREAK.split(str(cell), maxsplit=1)
    return harmless(first) + ("..." if more else "")
