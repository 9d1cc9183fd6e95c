"""Types that expressions know by name: the values of Kubernetes' libraries, and objects with declared fields.

**Imitates:** apiserver ``pkg/cel/types.go`` (DeclType), ``pkg/cel/common/schemas.go`` (SchemaDeclType) and ``pkg/cel/escaping.go``
(v1.36). The library knows such types as protocol buffer messages, so they are declared as such. Only values of the
libraries (quantities, addresses, versions) ever exist; objects stay JSON.

**Walk:** schema node -> ``Declarations.type_of`` -> message and its fields, once a definition -> ``pool``.
"""

from __future__ import annotations

import re
from base64 import b64decode
from functools import cache
from typing import Any

from kcsim.api.durations import parse_duration
from kcsim.api.schemas.schema import Schema

PACKAGE = "kubernetes"
_RESERVED = frozenset(
    (
        "true false null in as break const continue else for function if import let loop package namespace return "
        "var void while"
    ).split()
)
_NAME = re.compile(r"[a-zA-Z_./-][a-zA-Z0-9_./-]*\Z")
_ESCAPED = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))
_VALUE, _TIMESTAMP, _DURATION = (f".google.protobuf.{name}" for name in ("Value", "Timestamp", "Duration"))

_CHECK = ("user", "group", "resource", "subresource", "namespace", "name")
OPAQUE: dict[str, dict[str, str]] = {
    "Quantity": {"nanos": "string"},
    "URL": {"text": "string"},
    "Semver": {"text": "string"},
    "IP": {"text": "string"},
    "CIDR": {"text": "string"},
    "PathCheck": {"user": "string", "path": "string"},
    "GroupCheck": {"user": "string", "group": "string"},
    "ResourceCheck": dict.fromkeys(_CHECK, "string"),
    "Authorizer": {"user": "string", "requestResource": "ResourceCheck"},
    "Decision": {"allowed": "string", "reason": "string"},
}
"""Values of the libraries and what they carry."""


def escape(name: str) -> str:
    """The name of a property as expressions write it; "" when they cannot."""
    if not _NAME.match(name):
        return ""
    if name in _RESERVED:
        return f"__{name}__"
    return re.sub(r"__|\.|-|/", lambda found: dict(_ESCAPED)[found[0]], name)


class Declarations:
    """A set of messages on its way into a descriptor pool."""

    def __init__(self) -> None:
        from google.protobuf import descriptor_pb2

        self._file = descriptor_pb2.FileDescriptorProto(
            name="declared.proto",
            package=PACKAGE,
            syntax="proto2",
            dependency=[f"google/protobuf/{name}.proto" for name in ("struct", "timestamp", "duration")],
        )
        self._names: dict[str, str] = {}
        self._count = 0
        for name, fields in OPAQUE.items():
            self.struct(name, fields)

    def struct(self, name: str, fields: dict[str, str]) -> None:
        """A message with fields of scalar types, of messages by name, or of lists (``[]``) or maps (``{}``) of those."""
        message = self._file.message_type.add(name=name)
        for field, kind in fields.items():
            self._declare(message, field, kind)

    def pool(self) -> Any:
        """The messages so far, as the library wants them."""
        from google.protobuf import descriptor_pool, duration_pb2, struct_pb2, timestamp_pb2

        pool = descriptor_pool.DescriptorPool()
        for module in (struct_pb2, timestamp_pb2, duration_pb2):
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        pool.AddSerializedFile(self._file.SerializeToString())
        return pool

    def type_of(self, node: Schema | None, *, escaped_only: bool = False, root: bool = False) -> str:
        """The type of a schema node: a scalar, ``dyn``, a message's name, ``[]`` or ``{}`` before an element's."""
        if node is None or node.int_or_string or (node.preserve_unknown and node.kind == "any"):
            return "dyn"
        if node.kind == "struct":
            return self._object(node, escaped_only=escaped_only, root=root)
        if node.kind in ("list", "map"):
            inner = self.type_of(node.element, escaped_only=escaped_only)
            return f"{'[]' if node.kind == 'list' else '{}'}{inner}"
        return _scalar(node)

    def _object(self, node: Schema, *, escaped_only: bool, root: bool) -> str:
        key = node.name or f"@{id(node)}"
        known = self._names.get(key)
        if known is not None:
            return known
        self._count += 1
        name = self._names[key] = f"Object{self._count}"
        message = self._file.message_type.add(name=name)
        for field, child in node.fields.items():
            kind = self._metadata() if root and field == "metadata" and escaped_only else None
            kind = kind or self.type_of(child, escaped_only=escaped_only)
            word = escape(field)
            for shown in {word: None} if escaped_only else {word: None, field: None}:
                if re.fullmatch(r"[A-Za-z_]\w*", shown):
                    self._declare(message, shown, kind)
        return name

    def _metadata(self) -> str:
        """What rules of custom resources see of metadata."""
        if "@metadata" not in self._names:
            self._names["@metadata"] = "RuleMetadata"
            self.struct("RuleMetadata", {"name": "string", "generateName": "string"})
        return "RuleMetadata"

    def _declare(self, message: Any, field: str, kind: str) -> None:
        if kind.startswith("[]"):
            inner = kind[2:]
            # Messages have no lists of lists.
            self._field(message, field, "dyn" if inner[:2] in {"[]", "{}"} else inner, repeated=True)
        elif kind.startswith("{}"):
            self._map(message, field, kind[2:])
        else:
            self._field(message, field, kind, repeated=False)

    def _map(self, message: Any, field: str, kind: str) -> None:
        place = len(message.field) + 1
        # The library insists on the name that the field's own gives.
        name = "".join(part[:1].upper() + part[1:] for part in field.split("_"))
        entry = message.nested_type.add(name=f"{name}Entry")
        entry.options.map_entry = True
        self._field(entry, "key", "string", repeated=False)
        self._field(entry, "value", "dyn" if kind[:2] in {"[]", "{}"} else kind, repeated=False)
        message.field.add(
            name=field,
            number=place,
            label=3,
            type=11,
            type_name=f".{PACKAGE}.{message.name}.{entry.name}",
        )

    def _field(self, message: Any, field: str, kind: str, *, repeated: bool) -> None:
        place = len(message.field) + 1
        label = 3 if repeated else 1
        if kind in _SCALARS:
            message.field.add(name=field, number=place, label=label, type=_SCALARS[kind])
            return
        type_name = _WELL_KNOWN.get(kind, f".{PACKAGE}.{kind}")
        message.field.add(name=field, number=place, label=label, type=11, type_name=type_name)


_SCALARS = {"double": 1, "int": 3, "bool": 8, "string": 9, "bytes": 12}
_WELL_KNOWN = {"dyn": _VALUE, "timestamp": _TIMESTAMP, "duration": _DURATION}
_FORMATS = {"date-time": "timestamp", "date": "timestamp", "duration": "duration", "byte": "bytes"}


def _scalar(node: Schema) -> str:
    if node.type == "string":
        return _FORMATS.get(node.format, "string")
    return {"integer": "int", "number": "double", "boolean": "bool"}.get(str(node.type), "dyn")


def library_type(kind: str) -> Any:
    """The library's type for what ``type_of`` names."""
    from cel_expr_python import cel

    if kind.startswith("[]"):
        return cel.Type.List(library_type(kind[2:]))
    if kind.startswith("{}"):
        return cel.Type.Map(cel.Type.STRING, library_type(kind[2:]))
    plain = getattr(cel.Type, kind.upper(), None) if kind.islower() else None
    return plain if plain is not None else cel.Type(f"{PACKAGE}.{kind}")


@cache
def opaque_pool() -> Any:
    """The messages of values that exist while expressions run."""
    return Declarations().pool()


@cache
def opaque(name: str) -> Any:
    """The class of a library's value."""
    from google.protobuf import message_factory

    found = opaque_pool().FindMessageTypeByName(f"{PACKAGE}.{name}")
    return message_factory.GetMessageClass(found)


def read_timestamp(text: str) -> Any:
    """A date, or a date and time, as the library's timestamp."""
    from google.protobuf import timestamp_pb2

    stamp = timestamp_pb2.Timestamp()
    stamp.FromJsonString(text if "T" in text.upper() else f"{text}T00:00:00Z")
    return stamp


def read_duration(text: str) -> Any:
    """A duration as Go writes it ("1h30m") as the library's."""
    from google.protobuf import duration_pb2

    span = duration_pb2.Duration()
    span.FromNanoseconds(parse_duration(text))
    return span


def read_bytes(text: str) -> bytes:
    """Base64."""
    return b64decode(text)
