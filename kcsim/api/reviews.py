"""Questions to the server about rights and identities, asked by creating an object that is never stored.

**Imitates:** kubernetes ``pkg/registry/{authorization,authentication}`` (v1.36): SubjectAccessReview in its three forms,
SelfSubjectRulesReview, SelfSubjectReview, TokenReview.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kcsim.api import status
from kcsim.api.apply.managed_fields import Managed, track_update
from kcsim.api.objects import Object
from kcsim.api.request import Answer, Operation, User
from kcsim.engine.clock import rfc3339

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

_ONE_OF = "exactly one of nonResourceAttributes or resourceAttributes must be specified"


def perform(server: ApiServer, op: Operation) -> Answer:
    """Answer a review."""
    known, warnings = server.store.typed.decode(op.resource, op.body, op.field_validation or "Ignore")
    spec, extra = _REVIEWS[op.resource.kind](server, op, known.get("spec") or {})
    metadata = {k: v for k, v in (known.get("metadata") or {}).items() if v is not None}
    managed = track_update(
        None,
        known,
        Managed.empty(),
        op.field_manager,
        server.ownership.schema(op.resource),
        op.resource.group_version,
        rfc3339(server.engine.now),
    ).to_json()
    if managed and op.resource.kind != "SelfSubjectRulesReview":
        metadata["managedFields"] = managed
    if op.resource.kind == "SelfSubjectReview":
        metadata["creationTimestamp"] = rfc3339(server.engine.now)
    body: Object = {"kind": op.resource.kind, "apiVersion": op.resource.group_version, "metadata": metadata}
    if spec is not None:
        body["spec"] = spec
    return Answer(201, {**body, "status": extra}, warnings)


# --- access -----------------------------------------------------------------------------------------------------


def _self_access(server: ApiServer, op: Operation, spec: Object) -> tuple[Object, Object]:
    return spec, _decision(server, op.user, spec)


def _access(server: ApiServer, op: Operation, spec: Object) -> tuple[Object, Object]:
    del op
    user = User(spec.get("user", ""), tuple(spec.get("groups") or ()))
    return spec, _decision(server, user, spec)


def _local_access(server: ApiServer, op: Operation, spec: Object) -> tuple[Object, Object]:
    attributes = spec.get("resourceAttributes") or {}
    if attributes.get("namespace") != op.namespace:
        text = f"spec.resourceAttributes.namespace must match namespace: {op.namespace}"
        raise status.bad_request(text)
    return _access(server, op, spec)


def _decision(server: ApiServer, user: User, spec: Object) -> Object:
    attributes, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (attributes is None) == (path is None):
        message = f"Invalid value: null: {_ONE_OF}"
        cause = {"reason": "FieldValueInvalid", "message": message, "field": "spec.resourceAttributes"}
        details = {"group": "authorization.k8s.io", "causes": [cause]}
        text = f'.authorization.k8s.io "" is invalid: spec.resourceAttributes: {message}'
        raise status.StatusError(422, "Invalid", text, details)
    if user.is_master:
        return {"allowed": True}
    authorizer = server.authorizer
    if path is not None:
        grant = authorizer.grant_for_url(user, path.get("verb", ""), path.get("path", ""))
        missing: list[str] = []
    else:
        assert attributes is not None
        plural, sub = attributes.get("resource", ""), attributes.get("subresource")
        namespace = attributes.get("namespace", "")
        grant = authorizer.grant_for(
            user,
            attributes.get("verb", ""),
            attributes.get("group", ""),
            f"{plural}/{sub}" if sub else plural,
            namespace,
            attributes.get("name", ""),
        )
        missing = authorizer.missing_roles(user, namespace)
    if grant is not None:
        return {"allowed": True, "reason": f"RBAC: allowed by {grant.origin}"}
    return {"allowed": False, "reason": f"RBAC: {', '.join(missing)}"} if missing else {"allowed": False}


def _rules(server: ApiServer, op: Operation, spec: Object) -> tuple[Object, Object]:
    namespace = spec.get("namespace", "")
    if not namespace:
        raise status.bad_request("no namespace on request")
    found = server.authorizer.rules_of(op.user)
    here = [rule for where, rule in found if where is None or where == namespace]
    if op.user.is_master:
        here = [
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
            {"verbs": ["*"], "nonResourceURLs": ["*"]},
        ]
    fields = ("verbs", "apiGroups", "resources", "resourceNames")
    return {}, {
        "resourceRules": [
            {k: rule[k] for k in fields if rule.get(k)} for rule in here if rule.get("resources")
        ],
        "nonResourceRules": [
            {k: rule[k] for k in ("verbs", "nonResourceURLs")} for rule in here if rule.get("nonResourceURLs")
        ],
        "incomplete": False,
    }


# --- identity ---------------------------------------------------------------------------------------------------


def _self(server: ApiServer, op: Operation, spec: Object) -> tuple[None, Object]:
    del server, spec
    return None, {"userInfo": {"username": op.user.name, "groups": list(op.user.groups)}}


def _token(server: ApiServer, op: Operation, spec: Object) -> tuple[Object, Object]:
    del op
    known = server.tokens.get(spec.get("token", ""))
    if known is None:
        return spec, {"user": {}, "error": "invalid bearer token"}
    return spec, {"authenticated": True, "user": {"username": known.name, "groups": list(known.groups)}}


_REVIEWS: dict[str, Callable[[ApiServer, Operation, Object], tuple[Any, Object]]] = {
    "SelfSubjectAccessReview": _self_access,
    "SubjectAccessReview": _access,
    "LocalSubjectAccessReview": _local_access,
    "SelfSubjectRulesReview": _rules,
    "SelfSubjectReview": _self,
    "TokenReview": _token,
}
REVIEWS = frozenset(_REVIEWS)
"""Kinds that are asked, not stored."""
