"""The errors of the API: Kubernetes ``Status`` bodies.

**Imitates:** apimachinery ``pkg/api/errors/errors.go`` (v1.36): codes, reasons, message forms and details; where a
recording of the real server differs from the text, the recording holds (kubernetes-api reference, section 0).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kcsim.api.resources import Resource


class StatusError(Exception):
    """An answer of the API server other than success.

    Attributes:
        code: the HTTP status code.
        reason: the machine-readable reason (``NotFound``, ``Conflict`` ...), "" where the real server gives none.
        message: what a person reads.
        details: the ``details`` member, None when absent.
        retry_after: seconds in the Retry-After header, 0 when absent.
        warnings: what the server warns of beside the refusal.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after = retry_after
        self.warnings: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """The Status object as it goes over the wire."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status

    @property
    def is_not_found(self) -> bool:
        """404 NotFound."""
        return self.reason == "NotFound"

    @property
    def is_conflict(self) -> bool:
        """409 Conflict (a stale resourceVersion, or an apply conflict)."""
        return self.reason == "Conflict"

    @property
    def is_already_exists(self) -> bool:
        """409 AlreadyExists."""
        return self.reason == "AlreadyExists"


class Unreachable(StatusError):
    """No answer from the API server: refused, timed out or cut off. Not a Status of the server's own making."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "Unreachable", message)


def _details(resource: Resource, name: str) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if name:
        details["name"] = name
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.plural
    return details


def not_found(resource: Resource, name: str) -> StatusError:
    """404: ``deployments.apps "web" not found``."""
    return StatusError(
        404, "NotFound", f'{resource.group_resource} "{name}" not found', _details(resource, name)
    )


def no_such_resource() -> StatusError:
    """404 for a path no resource answers to."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: Resource, name: str) -> StatusError:
    """409: the name is taken."""
    text = f'{resource.group_resource} "{name}" already exists'
    return StatusError(409, "AlreadyExists", text, _details(resource, name))


def being_deleted(resource: Resource, name: str) -> StatusError:
    """409 for a create while the old object of that name is still terminating."""
    text = f'object is being deleted: {resource.group_resource} "{name}" already exists'
    return StatusError(409, "AlreadyExists", text, _details(resource, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(resource: Resource, name: str, why: str = MODIFIED) -> StatusError:
    """409: the write was based on an older version."""
    text = f'Operation cannot be fulfilled on {resource.group_resource} "{name}": {why}'
    return StatusError(409, "Conflict", text, _details(resource, name))


def apply_conflict(message: str, causes: list[dict[str, str]]) -> StatusError:
    """409: server-side apply met fields of other managers."""
    return StatusError(409, "Conflict", message, {"causes": causes})


def forbidden(
    resource: Resource, name: str, why: str, causes: list[dict[str, Any]] | None = None
) -> StatusError:
    """403 by admission or authorisation."""
    subject = (
        f'{resource.group_resource} "{name}" is forbidden'
        if name
        else f"{resource.group_resource} is forbidden"
    )
    details = _details(resource, name)
    if causes:
        details["causes"] = causes
    return StatusError(403, "Forbidden", f"{subject}: {why}", details)


def bad_request(message: str) -> StatusError:
    """400: the request makes no sense."""
    return StatusError(400, "BadRequest", message)


def too_large(message: str) -> StatusError:
    """413: more than the server takes at once."""
    return StatusError(413, "RequestEntityTooLarge", f"Request entity is too large: {message}")


def method_not_allowed() -> StatusError:
    """405 with the text the real server gives in every case that was recorded."""
    text = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", text, {})


def unsupported_media_type(message: str) -> StatusError:
    """415."""
    return StatusError(415, "UnsupportedMediaType", message, {})


def invalid(group: str, kind: str, name: str, errors: Sequence[Any]) -> StatusError:
    """422 from field errors (each with ``field``, ``cause_reason`` and ``cause_message``, and a text as ``str``)."""
    texts = list(
        dict.fromkeys(str(error) for error in errors)
    )  # the text says a thing once, the causes each time
    text = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details: dict[str, Any] = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = kind
    details["causes"] = [
        {"reason": e.cause_reason, "message": e.cause_message, "field": e.field} for e in errors
    ]
    qualified = f"{kind}.{group}" if group else kind
    return StatusError(422, "Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def options_invalid(kind: str, faults: Sequence[tuple[str, str, str]]) -> StatusError:
    """422 about the options of a request: (field, cause reason, message) of each fault."""
    causes = [{"reason": reason, "message": text, "field": field} for field, reason, text in faults]
    details = {"group": "meta.k8s.io", "kind": kind, "causes": causes}
    texts = [f"{field}: {text}" for field, _, text in faults]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return StatusError(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {listed}', details)


def patch_invalid(document: str, why: str) -> StatusError:
    """422: what a patch makes of an object cannot be read as one. ``document`` is that object as JSON."""
    message = f"Invalid value: {json.dumps(document, ensure_ascii=False)}: {why}"
    cause = {"reason": "FieldValueInvalid", "message": message, "field": "patch"}
    return StatusError(422, "Invalid", f' "" is invalid: patch: {message}', {"causes": [cause]})


def unprocessable() -> StatusError:
    """422 without a field: a JSON patch that does not fit."""
    text = "the server rejected our request due to an error in our request"
    return StatusError(422, "Invalid", text, {})


def expired(message: str) -> StatusError:
    """410: that history is gone."""
    return StatusError(410, "Expired", message)


def too_many_requests(
    message: str, retry_after: int, causes: list[dict[str, str]] | None = None
) -> StatusError:
    """429."""
    details: dict[str, Any] = {"causes": causes} if causes else {}
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    return StatusError(429, "TooManyRequests", message, details, retry_after)


def internal(message: str) -> StatusError:
    """500 with a reason."""
    return StatusError(
        500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]}
    )


def unclassified(message: str) -> StatusError:
    """500 without a reason, as the real server answers some client mistakes (reference, section 0)."""
    return StatusError(500, "", message)


def future_version(wanted: int, current: int) -> StatusError:
    """504: a resourceVersion that has not happened yet."""
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    text = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return StatusError(504, "Timeout", text, details, 1)
