"""Who is asking: bearer tokens and impersonation.

**Imitates:** apiserver ``pkg/authentication`` (tokens) and ``pkg/endpoints/filters/impersonation`` (v1.36). Whoever sends
no token is who the connection says, as with a client certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kcsim.api.request import User
from kcsim.api.status import StatusError

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
"""Who sends nothing to be known by."""
AUTHENTICATED = "system:authenticated"


def authenticated(server: ApiServer, user: User, headers: Mapping[str, str]) -> User:
    """The identity of a request, from its bearer token or else its connection.

    Raises:
        StatusError: 401 for a token nobody was given.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return user
    known = server.tokens.get(token.strip())
    if known is None:
        raise StatusError(401, "Unauthorized", "Unauthorized")
    return known


def impersonated(headers: Mapping[str, str]) -> User | None:
    """Whom the request wants to be taken for; None when it does not."""
    name = headers.get("impersonate-user", "")
    if not name:
        return None
    groups = tuple(
        group.strip() for group in headers.get("impersonate-group", "").split(",") if group.strip()
    )
    return taken_for(name, groups)


def taken_for(name: str, groups: tuple[str, ...] = ()) -> User:
    """An impersonated user: with the groups asked for, and among the authenticated."""
    if name.startswith("system:serviceaccount:") and not groups:
        namespace = name.split(":")[2]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return User(name, groups if AUTHENTICATED in groups else (*groups, AUTHENTICATED))


def may_impersonate(server: ApiServer, user: User, wanted: User) -> bool:
    """Whether ``user`` holds the verb impersonate for another user and each of the groups."""
    allows = server.authorizer.allows_path
    if not allows(user, "impersonate", "", "users", "", wanted.name):
        return False
    return all(
        allows(user, "impersonate", "", "groups", "", group)
        for group in wanted.groups
        if group != AUTHENTICATED
    )
