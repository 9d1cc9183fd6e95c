"""In which form an answer goes out: JSON or YAML, whole objects, their metadata only, or a table.

**Imitates:** apiserver ``pkg/endpoints/handlers/{negotiation,response.go}`` (v1.36). Left out: protobuf and CBOR; a
client that lists JSON beside them gets JSON, as it must expect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kcsim.api import status
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import Answer, Operation
from kcsim.api.status import StatusError
from kcsim.api.tables.cells import Kind, View
from kcsim.api.tables.table import KINDS, document, kind_of
from kcsim.manifests import dump

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

MEDIA = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_ANY = frozenset({"*/*", "application/*"})
_FORMS = frozenset({"Table", "PartialObjectMetadata", "PartialObjectMetadataList"})
_INCLUDE = ("", "Metadata", "Object", "None")


@dataclass(frozen=True, slots=True)
class Representation:
    """The form a client accepts.

    Attributes:
        yaml: YAML text instead of JSON.
        form: ``Table``, ``PartialObjectMetadata``, ``PartialObjectMetadataList``, or "" for whole objects.
        include: what the rows of a Table carry of their objects.
    """

    yaml: bool = False
    form: str = ""
    include: str = "Metadata"


WHOLE = Representation()


def negotiate(accept: str, include: str) -> Representation:
    """The first form in an Accept header that this server can give.

    Raises:
        StatusError: 406 when there is none; 400 for an ``includeObject`` it does not know.
    """
    if not accept:
        return WHOLE
    known = False
    for item in accept.split(","):
        media, *parameters = (part.strip() for part in item.split(";"))
        if media not in MEDIA and media not in _ANY:
            continue
        known = True
        if media == MEDIA[2]:
            continue
        given = dict(parameter.partition("=")[::2] for parameter in parameters)
        form = given.get("as", "")
        if form and (form not in _FORMS or given.get("g") != "meta.k8s.io" or given.get("v") != "v1"):
            continue
        if form == "Table" and include not in _INCLUDE:
            raise status.bad_request(
                f'Unable to convert to Table as requested: includeObject: Invalid value: "{include}": must be '
                "'Metadata', 'Object', 'None', or empty"
            )
        return Representation(media == MEDIA[1], form, include or "Metadata")
    listed = ", ".join(MEDIA)
    if known:
        text = f"only the following media types are accepted: {listed}"
        raise StatusError(406, "NotAcceptable", text)
    text = f"406: Not Acceptable\n\nAvailable representations: {listed}"
    raise StatusError(406, "NotAcceptable", text, {})


def encode(
    server: ApiServer, op: Operation, answer: Answer, form: Representation
) -> tuple[Any, dict[str, str]]:
    """The body to send and its headers."""
    shown = _shaped(server, op, answer, form)
    if form.yaml and isinstance(shown, dict):
        return dump(shown, folded=True), {"Content-Type": "application/yaml"}
    return shown, {}


def _shaped(server: ApiServer, op: Operation, answer: Answer, form: Representation) -> Any:
    body = answer.body
    if not isinstance(body, dict) or body.get("kind") == "Status":
        return body
    if "items" in body and op.verb in {"list", "deletecollection"}:
        items = [_owned(server, *pair) for pair in zip(body["items"], answer.versions, strict=True)]
        return _list(server, op, {**body, "items": items}, form)
    obj = _owned(server, body, answer.versions[0]) if answer.versions else body
    if form.form == "Table":
        metadata = {"resourceVersion": (obj.get("metadata") or {}).get("resourceVersion", "")}
        return document(_kind(server, op, obj), [obj], _view(server), metadata, form.include)
    return partial(obj) if form.form == "PartialObjectMetadata" else obj


def _owned(server: ApiServer, obj: Object, version: Version) -> Object:
    """The object with its managedFields, which are kept beside the log."""
    entries = server.ownership.managed_of(version).to_json()
    return {**obj, "metadata": {**obj["metadata"], "managedFields": entries}} if entries else obj


def _list(server: ApiServer, op: Operation, body: Object, form: Representation) -> Object:
    items = body["items"]
    if form.form == "Table":
        kind = kind_of(op.resource, server.catalog, server.log)
        return document(kind, items, _view(server), body["metadata"], form.include)
    if form.form == "PartialObjectMetadataList":
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
        return {**head, "metadata": body["metadata"], "items": [partial(item) for item in items] or None}
    if op.resource.custom:
        return body
    # Go leaves both out of the items of a typed list.
    plain = [{k: v for k, v in item.items() if k not in {"kind", "apiVersion"}} for item in items]
    return {**body, "items": plain}


def _kind(server: ApiServer, op: Operation, obj: Object) -> Kind:
    if obj.get("kind") == "Scale":
        return KINDS["autoscaling", "Scale"]
    return kind_of(op.resource, server.catalog, server.log)


def _view(server: ApiServer) -> View:
    return View(server.engine.now, wide=True)


def partial(obj: Object) -> Object:
    """Only the metadata of an object."""
    head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {**head, "metadata": obj.get("metadata") or {}}
