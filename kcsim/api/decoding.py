"""From what a client sends to an operation: query parameters, bodies, options.

**Imitates:** apiserver ``pkg/endpoints/handlers`` (create.go, update.go, patch.go, delete.go) and the option validation
of apimachinery ``pkg/apis/meta/v1/validation`` (v1.36): media types, messages and the order of the checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from kcsim.api import status
from kcsim.api.catalog import Catalog
from kcsim.api.gojson import JsonSyntaxError, loads
from kcsim.api.gotext import go_quote, json_word, yaml_error
from kcsim.api.patching import SCHEME, TYPE_META
from kcsim.api.representations import MEDIA
from kcsim.api.request import LogOptions, Operation
from kcsim.api.resources import GVK, split_api_version
from kcsim.api.schemas.check import Checker, type_error
from kcsim.api.status import StatusError
from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.manifests import ManifestError, documents
from kcsim.profile.constants import DEFAULT

BODY_LIMIT = DEFAULT.count("kube-apiserver/max-request-body-bytes")
"""apiserver: pkg/server/config.go."""
_PATCH_TYPES = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}
"""What encoding/json calls a value; the rest are numbers."""
_OPTIONS = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_PROPAGATION = ("Foreground", "Background", "Orphan")
_MANAGER_LIMIT = 128
_SUMMARY_LIMIT = 1024

Fault = tuple[str, str, str]
"""(field, cause reason, message) of an option that cannot be taken."""


# --- query ------------------------------------------------------------------------------------------------------


def query_of(query: Mapping[str, Any] | str) -> dict[str, str]:
    """Query parameters as texts, from a mapping or a query text."""
    if isinstance(query, str):
        return dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
    return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in query.items()}


def read_query(op: Operation, query: Mapping[str, str], user_agent: str) -> None:
    """Fill in what the query says.

    Raises:
        StatusError: 400 for what is no number, 422 for options out of range.
    """
    op.label_selector = query.get("labelSelector", "")
    op.field_selector = query.get("fieldSelector", "")
    op.resource_version = query.get("resourceVersion", "")
    op.resource_version_match = query.get("resourceVersionMatch", "")
    op.send_initial_events = "sendInitialEvents" in query
    op.container = query.get("container", "")
    op.continue_token = query.get("continue", "")
    op.limit = max(integer(query, "limit"), 0)
    op.field_validation = query.get("fieldValidation") or "Warn"
    op.force = boolean(query, "force")
    op.dry_run = query.get("dryRun") == "All"
    op.field_manager = query.get("fieldManager") or _agent(user_agent)
    if op.verb in {"delete", "deletecollection"}:
        op.propagation_policy = query.get("propagationPolicy", "")
        if "gracePeriodSeconds" in query:
            op.grace_period_seconds = integer(query, "gracePeriodSeconds")


def log_options(query: Mapping[str, str], pod: str, now: int) -> LogOptions:
    """Which lines of a log are asked for (PodLogOptions, and its validation).

    Raises:
        StatusError: 400 for what is no number or instant, 422 for what is out of range.
    """
    faults: list[Fault] = []
    numbers: dict[str, int | None] = {}
    for name, least in (("tailLines", 0), ("sinceSeconds", 1), ("limitBytes", 1)):
        numbers[name] = value = integer(query, name) if query.get(name) else None
        if value is not None and value < least:
            bound = "greater than 0" if least else "greater than or equal to 0"
            faults.append((name, "FieldValueInvalid", f"Invalid value: {value}: must be {bound}"))
    seconds_ago, instant = numbers["sinceSeconds"], query.get("sinceTime", "")
    if seconds_ago is not None and instant:
        text = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        faults.append(("", "FieldValueForbidden", text))
    if faults:
        raise _log_options_invalid(pod, faults)
    since = None
    if seconds_ago is not None:
        since = now - seconds_ago * SECOND
    elif instant:
        try:
            since = parse_rfc3339(instant)
        except ValueError:
            raise status.bad_request(f'parsing time "{instant}": it is no RFC 3339 time') from None
    return LogOptions(
        boolean(query, "previous"),
        boolean(query, "timestamps"),
        since,
        numbers["tailLines"],
        numbers["limitBytes"],
    )


def _log_options_invalid(pod: str, faults: list[Fault]) -> StatusError:
    causes = [
        {"reason": reason, "message": text, "field": field or "<nil>"} for field, reason, text in faults
    ]
    texts = [f"{cause['field']}: {cause['message']}" for cause in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = {"name": pod, "kind": "PodLogOptions", "causes": causes}
    return StatusError(422, "Invalid", f'PodLogOptions "{pod}" is invalid: {listed}', details)


def _agent(user_agent: str) -> str:
    """The field manager a User-Agent stands for: its printable characters up to the first "/"."""
    return "".join(c for c in user_agent.partition("/")[0] if c.isprintable())[:_MANAGER_LIMIT]


def boolean(query: Mapping[str, str], name: str) -> bool:
    """A switch of the query: whatever is not ``false`` or ``0`` is on (apimachinery: Convert_Slice_string_To_bool)."""
    return name in query and query[name].lower() not in {"false", "0"}


def integer(query: Mapping[str, str], name: str) -> int:
    """A whole number of the query, 0 when absent.

    Raises:
        StatusError: 400, with Go's words.
    """
    text = query.get(name, "")
    if not text:
        return 0
    try:
        return int(text)
    except ValueError:
        raise status.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def check_options(op: Operation, query: Mapping[str, str]) -> None:
    """Refuse write options that are out of range.

    Raises:
        StatusError: 422.
    """
    faults: list[Fault] = []
    manager = query.get("fieldManager", "")
    if op.verb == "patch" and op.patch_type == "apply" and not manager:
        faults.append(("fieldManager", "FieldValueRequired", "Required value: is required for apply patch"))
    if op.verb == "patch" and op.patch_type != "apply" and "force" in query and op.force:
        text = "Forbidden: may not be specified for non-apply patch"
        faults.append(("force", "FieldValueForbidden", text))
    faults.extend(_manager_faults(manager))
    dry_run = query.get("dryRun")
    if dry_run is not None and dry_run != "All":
        text = f'Unsupported value: ["{dry_run}"]: supported values: "All"'
        faults.append(("dryRun", "FieldValueNotSupported", text))
    validation = query.get("fieldValidation", "")
    if validation not in _VALIDATIONS:
        listed = ", ".join(f'"{value}"' for value in _VALIDATIONS)
        text = f'Unsupported value: "{validation}": supported values: {listed}'
        faults.append(("fieldValidation", "FieldValueNotSupported", text))
    if faults:
        raise options_invalid(op.verb, faults)


def _manager_faults(manager: str) -> list[Fault]:
    if len(manager.encode()) > _MANAGER_LIMIT:
        text = f"Too long: may not be more than {_MANAGER_LIMIT} bytes"
        return [("fieldManager", "FieldValueTooLong", text)]
    for place, char in enumerate(manager):
        if not char.isprintable():
            text = f"Invalid value: {go_quote(manager)}: invalid character U+{ord(char):04X} (at position {place})"
            return [("fieldManager", "FieldValueInvalid", text)]
    return []


def options_invalid(verb: str, faults: list[Fault]) -> StatusError:
    """422 about the options of a write."""
    return status.options_invalid(_OPTIONS.get(verb, "DeleteOptions"), faults)


# --- bodies -----------------------------------------------------------------------------------------------------


def media_of(headers: Mapping[str, str]) -> str:
    """The media type of the body, without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip()


def read_patch_type(op: Operation, media: str) -> None:
    """Which patch it is.

    Raises:
        StatusError: 415.
    """
    kind = _PATCH_TYPES.get(media)
    if kind is None:
        raise StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    if kind == "strategic" and not op.resource.strategic:
        listed = ", ".join(m for m, t in _PATCH_TYPES.items() if t != "strategic")
        text = f"the body of the request was in an unknown format - accepted media types include: {listed}"
        raise StatusError(415, "UnsupportedMediaType", text)
    op.patch_type = kind


def read_body(op: Operation, raw: Any, media: str, catalog: Catalog) -> None:
    """Fill in what the body says.

    Raises:
        StatusError: 400, 413 or 415.
    """
    if isinstance(raw, bytes | str) and len(raw) > BODY_LIMIT:
        text = f"Request entity too large: limit is {BODY_LIMIT}"
        raise StatusError(413, "RequestEntityTooLarge", text, {})
    if op.verb == "patch":
        op.body = _patch(op, raw)
        return
    if op.verb in {"delete", "deletecollection"}:
        if raw:
            read_delete_options(op, _delete_options(op, raw, media))
        return
    if media and media not in MEDIA:
        text = f"the body of the request was in an unknown format - accepted media types include: {', '.join(MEDIA)}"
        raise StatusError(415, "UnsupportedMediaType", text)
    op.body = _object(op, raw, media, catalog)


def _text(raw: Any) -> str:
    return raw.decode(errors="replace") if isinstance(raw, bytes) else raw


def _object(op: Operation, raw: Any, media: str, catalog: Catalog) -> Any:
    sub = op.resource.subresource(op.subresource) if op.subresource else None
    kind = sub.kind if sub is not None else op.resource.kind
    if isinstance(raw, bytes | str):
        text = _text(raw)
        try:
            body = _yaml(op, text) if "yaml" in media else _json(op, text)
        except JsonSyntaxError as error:
            raise _unrecognised(kind, str(error), text) from None
    else:
        body, text = ({} if raw is None else raw), ""
    if not isinstance(body, dict):
        given = json_word(body)
        raise _unrecognised(kind, f"json: cannot unmarshal {given} into Go value of type {TYPE_META}", text)
    for field in ("apiVersion", "kind"):
        value = body.get(field)
        if value is not None and not isinstance(value, str):
            given = json_word(value)
            why = f"json: cannot unmarshal {given} into Go struct field .{field} of type string"
            raise _unrecognised(kind, why, text)
    _check_kind(op, kind, body, catalog)
    if sub is None or op.subresource == "status":
        return body
    version = (sub.group, sub.version) if sub.version else (op.resource.group, op.resource.version)
    known, wrong = checked((*version, kind), body)
    if wrong:
        shown = f'{kind} in version "{version[1]}" cannot be handled as a {kind}'
        raise status.bad_request(f"{shown}: {wrong}")
    return known


def checked(gvk: GVK, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What a built-in kind knows of a body, and what makes it no object of that kind ("" for nothing)."""
    known, faults = Checker().decode(body, gvk)
    wrong = type_error(faults)
    return known, wrong.message if wrong is not None else ""


def _json(op: Operation, text: str) -> Any:
    body, paths = loads(text)
    op.duplicates = [f'duplicate field "{path}"' for path in paths]
    return body


def _yaml(op: Operation, text: str) -> Any:
    repeats: list[str] = []
    try:
        found = documents(text, "body", repeats)
    except ManifestError as error:
        raise JsonSyntaxError(f"error converting YAML to JSON: {yaml_error(error)}") from None
    op.duplicates = repeats
    return found[0].value if found else {}


def _unrecognised(kind: str, why: str, text: str) -> StatusError:
    return status.bad_request(
        f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: "
        f"{why} ({_summary(text)})"
    )


def _summary(text: str) -> str:
    """What a body looks like in a message: as it is when it looks like an object, else in hexadecimal."""
    if not text:
        return "<empty>"
    if text.startswith("{"):
        return text if len(text) <= _SUMMARY_LIMIT else f"{text[:_SUMMARY_LIMIT]} ..."
    data = text.encode()
    shown = data[:_SUMMARY_LIMIT].hex()
    return shown if len(data) <= _SUMMARY_LIMIT else f"{shown} ..."


def _check_kind(op: Operation, kind: str, body: dict[str, Any], catalog: Catalog) -> None:
    """The body must be of the path's kind; a missing apiVersion or kind is taken from the path."""
    resource = op.resource
    sub = resource.subresource(op.subresource) if op.subresource else None
    own = resource.group_version
    if sub is not None and sub.version:
        own = f"{sub.group}/{sub.version}" if sub.group else sub.version
    given_version, given_kind = body.get("apiVersion") or own, body.get("kind") or kind
    # A scale may only be a Scale; other sub-resources take what their parent is, too.
    if (given_version, given_kind) == (own, kind):
        return
    group, version = split_api_version(given_version)
    where = f'{given_kind} in version "{version}" cannot be handled as a {kind}'
    if resource.custom:
        raise status.bad_request(
            f"the API version in the data ({given_version}) does not match the expected API version ({own})"
        )
    known = catalog.by_gvk((group, version, given_kind))
    if known is None:
        text = f'no kind "{given_kind}" is registered for version "{given_version}" in scheme "{SCHEME}"'
        raise status.bad_request(f"{where}: {text}")
    if given_kind == kind:
        text = (
            f"the API version in the data ({given_version}) does not match the expected API version ({own})"
        )
        raise status.bad_request(text)
    target = own.rpartition("/")[0].partition(".")[0] or "core"
    text = f"converting ({version}.{given_kind}) to ({target}.{kind}): unknown conversion"
    raise status.bad_request(f"{where}: {text}")


def _patch(op: Operation, raw: Any) -> Any:
    if not isinstance(raw, bytes | str):
        body = {} if raw is None else raw
    else:
        text = _text(raw)
        try:
            body = _yaml(op, text) if op.patch_type == "apply" else _json(op, text)
        except JsonSyntaxError as error:
            # Strategic patches are decoded elsewhere upstream, without the words in front.
            lead = "" if op.patch_type == "strategic" else "error decoding patch: "
            lead = "error decoding YAML: " if op.patch_type == "apply" else lead
            raise status.bad_request(f"{lead}{error}") from None
    wanted, target = (
        (list, "[]handlers.jsonPatchOp") if op.patch_type == "json" else (dict, "map[string]interface {}")
    )
    if body is None and op.patch_type == "merge":
        raise status.bad_request("Invalid JSON Patch")
    if body is None and op.patch_type != "apply":
        return wanted()  # null is read into nothing at all
    if not isinstance(body, wanted):
        given = json_word(body)
        lead = "" if op.patch_type == "strategic" else "error decoding patch: "
        if op.patch_type == "apply":
            lead = "error decoding YAML: error unmarshaling JSON: while decoding JSON: "
        raise status.bad_request(f"{lead}json: cannot unmarshal {given} into Go value of type {target}")
    return body


# --- DeleteOptions ----------------------------------------------------------------------------------------------


def _delete_options(op: Operation, raw: Any, media: str) -> dict[str, Any]:
    body = raw
    if isinstance(raw, bytes | str):
        try:
            body = _yaml(op, _text(raw)) if "yaml" in media else loads(_text(raw))[0]
        except JsonSyntaxError as error:
            raise status.bad_request(f"couldn't get version/kind; json parse error: {error}") from None
    if not isinstance(body, dict):
        return {}
    known, wrong = checked(("", "v1", "DeleteOptions"), body)
    if wrong:
        raise status.bad_request(wrong)
    return known


def read_delete_options(op: Operation, options: Mapping[str, Any]) -> None:
    """Take over a DeleteOptions object."""
    if options.get("propagationPolicy"):
        op.propagation_policy = options["propagationPolicy"]
    orphan = options.get("orphanDependents")
    if orphan is not None and op.propagation_policy:
        text = f'Invalid value: "{op.propagation_policy}": orphanDependents and deletionPropagation cannot be both set'
        raise options_invalid("delete", [("propagationPolicy", "FieldValueInvalid", text)])
    if orphan is not None:
        op.propagation_policy = "Orphan" if orphan else "Background"
    if options.get("gracePeriodSeconds") is not None:
        op.grace_period_seconds = options["gracePeriodSeconds"]
    preconditions = options.get("preconditions") or {}
    op.precondition_uid = preconditions.get("uid") or ""
    op.precondition_resource_version = preconditions.get("resourceVersion") or ""
    if "All" in (options.get("dryRun") or ()):
        op.dry_run = True


def check_propagation(op: Operation) -> None:
    """Refuse a propagation policy nobody knows.

    Raises:
        StatusError: 422.
    """
    if op.propagation_policy not in {"", *_PROPAGATION}:
        listed = ", ".join(f'"{value}"' for value in (*_PROPAGATION, "nil"))
        text = f'Unsupported value: "{op.propagation_policy}": supported values: {listed}'
        raise options_invalid("delete", [("propagationPolicy", "FieldValueNotSupported", text)])
