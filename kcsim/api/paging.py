"""Lists: their metadata, limits and continue tokens.

**Imitates:** apiserver ``pkg/storage/continue.go`` and the list rules of kubernetes-api reference, section 3. A token
holds the revision of the first page, so all pages show one moment; it expires when that revision is compacted.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from kcsim.api import gojson, status
from kcsim.api.filters import compile_filter
from kcsim.api.gotext import json_word
from kcsim.api.log import Version

_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_MATCHES = ("Exact", "NotOlderThan")

if TYPE_CHECKING:
    from kcsim.api.request import Operation
    from kcsim.api.server import ApiServer


def page(
    server: ApiServer, op: Operation, versions: list[Version] | None = None
) -> tuple[dict[str, Any], list[Version]]:
    """A ``<Kind>List`` with the objects asked for, and the versions they are."""
    log = server.log
    if versions is None:
        _check_options(op)
    revision = log.revision
    after: str | None = None
    if versions is None:
        if op.continue_token:
            revision, after = _read_token(op.continue_token)
            if revision < log.compacted:
                raise status.expired(
                    "The provided continue parameter is too old to display a consistent list result. "
                    "You can start a new list without the continue parameter."
                )
        else:
            revision = _asked_revision(server, op)
        versions = _find_at(server, op, revision)
    remaining = 0
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if after is not None:
        versions = [v for v in versions if _place(v) > after]
    unlimited = (
        op.resource_version == "0" and not op.continue_token
    )  # served from the cache, which ignores limits
    if op.limit > 0 and not unlimited and len(versions) > op.limit:
        remaining = len(versions) - op.limit
        versions = versions[: op.limit]
        metadata["continue"] = _token(revision, _place(versions[-1]))
        if not op.label_selector and not op.field_selector:
            metadata["remainingItemCount"] = remaining
    resource = op.resource
    body = {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.group_version,
        "metadata": metadata,
        "items": [server.shown(v) for v in versions],
    }
    return body, versions


def _find_at(server: ApiServer, op: Operation, revision: int) -> list[Version]:
    namespace = op.namespace or None
    if revision == server.log.revision:
        return server.find(op.resource, namespace, op.label_selector, op.field_selector)
    match, _ = compile_filter(op.resource, op.label_selector, op.field_selector)
    table = server.log.state_at(revision).get(op.resource.table, {})
    return [
        table[key]
        for key in sorted(table)
        if (namespace is None or key[0] == namespace) and (match is None or match(table[key].object))
    ]


def _asked_revision(server: ApiServer, op: Operation) -> int:
    """The revision a list shows (kubernetes-api reference, section 3, the table)."""
    current = server.log.revision
    asked, match = op.resource_version, op.resource_version_match
    if not asked or asked == "0":
        return current
    wanted = _number(asked)
    if wanted > current:
        raise status.future_version(wanted, current)
    if match == "Exact" or (not match and op.limit > 0):
        if wanted < server.log.compacted:
            raise status.expired("The resourceVersion for the provided list is too old.")
        return wanted
    return current


def _number(text: str) -> int:
    if not text.isdigit():
        raise status.bad_request(
            f'invalid resource version: resourceVersion: Invalid value: "{text}": strconv.ParseUint: '
            f'parsing "{text}": invalid syntax'
        )
    return int(text)


def _check_options(op: Operation) -> None:
    """ValidateListOptions for lists (apimachinery ``pkg/apis/meta/internalversion/validation``)."""
    match, asked = op.resource_version_match, op.resource_version
    faults: list[tuple[str, str, str]] = []
    field, forbidden = "resourceVersionMatch", "FieldValueForbidden"
    if match:
        if not asked:
            text = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
            faults.append((field, forbidden, text))
        if op.continue_token:
            text = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
            faults.append((field, forbidden, text))
        if match not in _MATCHES:
            listed = ", ".join(f'"{value}"' for value in (*_MATCHES, ""))
            faults.append(
                (field, "FieldValueNotSupported", f'Unsupported value: "{match}": supported values: {listed}')
            )
        if match == "Exact" and asked == "0":
            text = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            faults.append((field, forbidden, text))
    if op.send_initial_events:
        text = "Forbidden: sendInitialEvents is forbidden for list"
        faults.append(("sendInitialEvents", forbidden, text))
    if faults:
        raise status.options_invalid("ListOptions", faults)
    if op.continue_token and asked and asked != "0":
        raise status.bad_request("specifying resource version is not allowed when using continue")


def _place(version: Version) -> str:
    """Where the object stands in key order."""
    return "/".join(version.key)


def _token(revision: int, last: str) -> str:
    text = json.dumps(
        {"v": "meta.k8s.io/v1", "rv": revision, "start": f"{last}\u0000"}, separators=(",", ":")
    )
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    """The revision and the key that a token holds (storage.DecodeContinue)."""
    try:
        # Go shows a byte that begins no JSON as the character of that number.
        data, _ = gojson.loads(base64.urlsafe_b64decode(_checked(token)).decode("latin-1"))
    except ValueError as error:
        raise _no_token(f": {error}") from None
    if not isinstance(data, dict):
        raise _no_token(
            f": json: cannot unmarshal {json_word(data)} into Go value of type storage.continueToken"
        )
    revision, start = data.get("rv") or 0, data.get("start") or ""
    for field, value, kind in (("rv", revision, int), ("start", start, str)):
        if not isinstance(value, kind):
            named = f"continueToken.{field} of type {'int64' if kind is int else 'string'}"
            raise _no_token(f": json: cannot unmarshal {json_word(value)} into Go struct field {named}")
    if data.get("v") != "meta.k8s.io/v1":
        raise _no_token(": server does not recognize this encoded version")
    if not revision:
        raise _no_token(": incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    if not start:
        raise _no_token(": encoded start key empty (version meta.k8s.io/v1)")
    return revision, start.rstrip("\u0000")


def _no_token(why: str) -> status.StatusError:
    return status.bad_request(f"invalid continue token: continue key is not valid{why}")


def _checked(token: str) -> str:
    """The token with its padding, if Go's RawURLEncoding would take it."""
    bad = next((place for place, char in enumerate(token) if char not in _BASE64), len(token))
    if bad < len(token) or len(token) % 4 == 1:
        # Go reads four at a time: a rest of one is found at the end of the last whole group.
        place = bad if bad < len(token) else len(token) - 1
        raise ValueError(f"illegal base64 data at input byte {place}")
    return token + "=" * (-len(token) % 4)
