"""Who is asking: bearer tokens and impersonation.

**Imitates:** apiserver ``pkg/authentication`` (tokens) and ``pkg/endpoints/filters/impersonation`` (v1.36). Whoever sends
no token is who the connection says, as with a client certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kcsim.api.request import User, service_account
from kcsim.api.status import StatusError

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
"""Who sends nothing to be known by."""
AUTHENTICATED = "system:authenticated"
_ACCOUNT = "system:serviceaccount:"


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
    account = account_of(name)
    if account is not None and not groups:
        return service_account(*account)
    return User(name, groups if AUTHENTICATED in groups else (*groups, AUTHENTICATED))


def account_of(name: str) -> tuple[str, str] | None:
    """Namespace and name of the ServiceAccount that a user name is of; None where it is of none."""
    parts = name.removeprefix(_ACCOUNT).split(":")
    return (parts[0], parts[1]) if name.startswith(_ACCOUNT) and len(parts) == 2 and all(parts) else None


def bearer(server: ApiServer, token: str) -> User | None:
    """Whom a token stands for; a token that was never issued may be the name of the ServiceAccount it is of.

    Manifests are written before a world runs, so they cannot hold a token that the world would issue.
    """
    known = server.tokens.get(token)
    if known is not None:
        return known
    account = account_of(token)
    return service_account(*account) if account is not None else None


def may_impersonate(server: ApiServer, user: User, wanted: User) -> bool:
    """Whether ``user`` may be taken for another."""
    return impersonation_denial(server, user, wanted) is None


def impersonation_denial(server: ApiServer, user: User, wanted: User) -> StatusError | None:
    """403 for who may not be taken for another; None for who may.

    The verb impersonate is needed for the user, or for the ServiceAccount that it is, and for each group asked for.
    """
    account = account_of(wanted.name)
    asked: list[tuple[str, str, str]] = []
    if account is None:
        asked.append(("users", "", wanted.name))
    else:
        asked.append(("serviceaccounts", *account))
    if account is None or wanted.groups != service_account(*account).groups:
        asked += [("groups", "", group) for group in wanted.groups if group != AUTHENTICATED]
    for plural, namespace, name in asked:
        if not server.authorizer.allows_path(user, "impersonate", "", plural, namespace, name):
            return server.authorizer.denial(user, "impersonate", "", plural, namespace, name)
    return None
