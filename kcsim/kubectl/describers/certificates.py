"""kubectl describe of CertificateSigningRequests: what stands in the request itself.

**Imitates:** ``describeCertificateSigningRequest`` of kubectl ``pkg/describe`` (v1.36), and of ``crypto/x509`` what reading a
request for its names takes: RFC 2986 (the request), RFC 5280 (names) in DER. Signatures are not checked.

**Walk:** ``spec.request`` -> PEM -> DER -> ``Request`` -> lines.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from kcsim.api.durations import human_duration
from kcsim.api.objects import Object
from kcsim.api.tables.cells import labels_cell
from kcsim.api.tables.cluster import request_state
from kcsim.engine.task import Steps
from kcsim.kubectl.describers.writer import Writer, long_time
from kcsim.kubectl.session import KubectlError, Session

_SECOND_NS = 10**9
_BEGIN, _END = b"-----BEGIN CERTIFICATE REQUEST-----", b"-----END CERTIFICATE REQUEST-----"
_SEQUENCE, _SET, _OID, _OCTETS, _ATTRIBUTES = 0x30, 0x31, 0x06, 0x04, 0xA0
_COMMON_NAME, _SERIAL_NUMBER = "2.5.4.3", "2.5.4.5"
_LISTED = {
    "Organization": "2.5.4.10",
    "Organizational Unit": "2.5.4.11",
    "Country": "2.5.4.6",
    "Locality": "2.5.4.7",
    "Province": "2.5.4.8",
    "StreetAddress": "2.5.4.9",
    "PostalCode": "2.5.4.17",
}
"""What a subject may have several times, in the order in which it is shown."""
_EXTENSIONS, _ALTERNATIVES = "1.2.840.113549.1.9.14", "2.5.29.17"
_NAMES = {0x82: "DNS Names", 0x81: "Email Addresses", 0x86: "URIs", 0x87: "IP Addresses"}


class BadRequest(ValueError):
    """It is no certificate request; the text says where it ends to be one."""


@dataclass
class Request:
    """Whose certificate is asked for: values of the subject by OID, other names by what they are."""

    subject: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)


def read_request(pem: bytes) -> Request:
    """A certificate request in PEM.

    Raises:
        BadRequest: it is none.
    """
    start, end = pem.find(_BEGIN), pem.find(_END)
    if start < 0 or end < 0:
        raise BadRequest("PEM block type must be CERTIFICATE REQUEST")
    try:
        der = base64.b64decode(b"".join(pem[start + len(_BEGIN) : end].split()), validate=True)
    except binascii.Error:
        raise BadRequest("PEM block type must be CERTIFICATE REQUEST") from None
    ((_, body),) = _only(der, _SEQUENCE)
    info = list(_parts(body))
    if len(info) != 3 or info[0][0] != _SEQUENCE:
        raise BadRequest("asn1: structure error: tags don't match")
    return _read_info(info[0][1])


def _read_info(info: bytes) -> Request:
    found = Request()
    parts = list(_parts(info))
    if len(parts) < 3 or parts[1][0] != _SEQUENCE:
        raise BadRequest("asn1: structure error: tags don't match")
    for _, relative in _parts(parts[1][1]):
        for _, pair in _parts(relative):
            (_, oid), (_, value) = _two(pair)
            found.subject.setdefault(_oid(oid), []).append(value.decode("utf-8", "replace"))
    for tag, attributes in parts[3:]:
        if tag == _ATTRIBUTES:
            _read_attributes(attributes, found)
    return found


def _read_attributes(attributes: bytes, found: Request) -> None:
    for _, attribute in _parts(attributes):
        (_, oid), (_, values) = _two(attribute)
        if _oid(oid) != _EXTENSIONS:
            continue
        for _, extensions in _parts(values):
            for _, extension in _parts(extensions):
                pieces = list(_parts(extension))
                if _oid(pieces[0][1]) == _ALTERNATIVES:
                    _read_names(pieces[-1][1], found)


def _read_names(der: bytes, found: Request) -> None:
    ((_, names),) = _only(der, _SEQUENCE)
    for tag, value in _parts(names):
        kind = _NAMES.get(tag)
        if kind == "IP Addresses":
            found.names.setdefault(kind, []).append(_address(value))
        elif kind is not None:
            found.names.setdefault(kind, []).append(value.decode("ascii", "replace"))


def _address(value: bytes) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise BadRequest(f"x509: cannot parse IP address of length {len(value)}") from None


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each value that stands there."""
    at = 0
    while at < len(der):
        if at + 2 > len(der):
            raise BadRequest("asn1: syntax error: truncated tag or length")
        tag, length = der[at], der[at + 1]
        at += 2
        if length >= 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size], "big")
            at += size
        if at + length > len(der):
            raise BadRequest("asn1: syntax error: data truncated")
        yield tag, der[at : at + length]
        at += length


def _only(der: bytes, tag: int) -> list[tuple[int, bytes]]:
    found = list(_parts(der))
    if len(found) != 1 or found[0][0] != tag:
        raise BadRequest("asn1: structure error: tags don't match")
    return found


def _two(der: bytes) -> list[tuple[int, bytes]]:
    found = list(_parts(der))
    if len(found) != 2 or found[0][0] != _OID:
        raise BadRequest("asn1: structure error: tags don't match")
    return found


def _oid(content: bytes) -> str:
    numbers, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2) if numbers else 0
    return (
        ".".join(str(number) for number in (first, numbers[0] - 40 * first, *numbers[1:])) if numbers else ""
    )


# --- lines ------------------------------------------------------------------------------------------------------


def describe_signing_request(session: Session, obj: Object, writer: Writer) -> Steps:
    """A CertificateSigningRequest.

    Raises:
        KubectlError: what it asks with is no certificate request.
    """
    del session
    spec, metadata = obj["spec"], obj["metadata"]
    try:
        request = read_request(base64.b64decode(spec.get("request") or ""))
    except BadRequest as error:
        raise KubectlError(f"error: Error parsing CSR: {error}") from None
    writer.pair("Name", metadata["name"])
    writer.pair("Labels", labels_cell(metadata.get("labels")))
    writer.pair("Annotations", labels_cell(metadata.get("annotations")))
    writer.pair("CreationTimestamp", long_time(metadata.get("creationTimestamp")))
    writer.pair("Requesting User", spec.get("username", ""))
    if spec.get("signerName"):
        writer.pair("Signer", spec["signerName"])
    if spec.get("expirationSeconds") is not None:
        writer.pair("Requested Duration", human_duration(spec["expirationSeconds"] * _SECOND_NS))
    writer.pair("Status", request_state(obj))
    writer.line(0, "Subject:")
    writer.line(0, f"\tCommon Name:\t{(request.subject.get(_COMMON_NAME) or [''])[-1]}")
    writer.line(0, f"\tSerial Number:\t{(request.subject.get(_SERIAL_NUMBER) or [''])[-1]}")
    for title, oid in _LISTED.items():
        _list(writer, title, request.subject.get(oid))
    if request.names:
        writer.line(0, "Subject Alternative Names:")
        for title in _NAMES.values():
            _list(writer, title, request.names.get(title))
    yield from ()


def _list(writer: Writer, title: str, values: list[str] | None) -> None:
    for place, value in enumerate(values or ()):
        writer.line(0, f"\t{title}:\t{value}" if not place else f"\t\t{value}")
