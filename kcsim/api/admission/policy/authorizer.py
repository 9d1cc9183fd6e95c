"""The ``authorizer`` of expressions: may somebody do something?

**Imitates:** apiserver ``pkg/cel/library/authz.go`` (v1.36). Left out: field and label selectors of checks.

**Walk:** ``authorizer.group('apps').resource('deployments').check('get').allowed()``: each step is a message that carries what was
said so far; the last asks the server's authoriser.
"""

from __future__ import annotations

import json
from typing import Any

from kcsim.api.cel.functions import Overload
from kcsim.api.cel.messages import opaque
from kcsim.api.rbac import Authorizer
from kcsim.api.request import User, service_account


def authorizer_value(user: User, **asked: str) -> Any:
    """``authorizer``; ``asked`` says what ``authorizer.requestResource`` is about: group, resource, namespace ..."""
    who = _written(user)
    check = opaque("ResourceCheck")(user=who, **asked)
    return opaque("Authorizer")(user=who, requestResource=check)


def _written(user: User) -> str:
    return json.dumps([user.name, list(user.groups)])


def _with(**fields: str) -> Any:
    def step(check: Any, value: str) -> Any:
        new = type(check)()
        new.CopyFrom(check)
        for field in fields:
            setattr(new, field, value)
        return new

    return step


def authorizer_functions(authorizer: Authorizer) -> tuple[Overload, ...]:
    """The steps of a question, answered by one server's rules."""

    def path_check(check: Any, verb: str) -> Any:
        return _decision(
            bool(authorizer.grant_for_url(_user(check), verb, check.path)) or _user(check).is_master
        )

    def resource_check(check: Any, verb: str) -> Any:
        path = f"{check.resource}/{check.subresource}" if check.subresource else check.resource
        return _decision(
            authorizer.allows_path(_user(check), verb, check.group, path, check.namespace, check.name)
        )

    return (
        Overload(
            "path",
            "PathCheck",
            "self Authorizer string",
            lambda a, p: opaque("PathCheck")(user=a.user, path=p),
        ),
        Overload(
            "group",
            "GroupCheck",
            "self Authorizer string",
            lambda a, g: opaque("GroupCheck")(user=a.user, group=g),
        ),
        Overload("serviceAccount", "Authorizer", "self Authorizer string string", _account),
        Overload(
            "resource",
            "ResourceCheck",
            "self GroupCheck string",
            lambda g, r: opaque("ResourceCheck")(user=g.user, group=g.group, resource=r),
        ),
        Overload("subresource", "ResourceCheck", "self ResourceCheck string", _with(subresource="")),
        Overload("namespace", "ResourceCheck", "self ResourceCheck string", _with(namespace="")),
        Overload("name", "ResourceCheck", "self ResourceCheck string", _with(name="")),
        Overload("check", "Decision", "self PathCheck string", path_check),
        Overload("check", "Decision", "self ResourceCheck string", resource_check),
        Overload("allowed", "bool", "self Decision", lambda d: d.allowed == "yes"),
        Overload("reason", "string", "self Decision", lambda d: d.reason),
        Overload("errored", "bool", "self Decision", lambda _d: False),
        Overload("error", "string", "self Decision", lambda _d: ""),
    )


def _user(check: Any) -> User:
    name, groups = json.loads(check.user)
    return User(name, tuple(groups))


def _account(_authorizer: Any, namespace: str, name: str) -> Any:
    return opaque("Authorizer")(user=_written(service_account(namespace, name)))


def _decision(allowed: bool) -> Any:
    return opaque("Decision")(allowed="yes" if allowed else "", reason="")
