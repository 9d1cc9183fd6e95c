"""What a client asks of the API server, in the server's own words.

An ``Operation`` is a decoded request: the HTTP front door makes one from method, path, query, headers and body; the
in-simulation client makes one directly. Both then take the same road.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.resources import Resource


@dataclass(frozen=True, slots=True)
class User:
    """An identity: name and groups, as authentication would give them."""

    name: str
    groups: tuple[str, ...] = ("system:authenticated",)

    @property
    def is_master(self) -> bool:
        """Members of system:masters pass every authorisation check."""
        return "system:masters" in self.groups


ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))
"""The administrator whose kubeconfig kubeadm writes."""


def person(name: str) -> User:
    """A person with a kubeconfig of an administrator: what makes drift possible."""
    return User(name, ("system:masters", "system:authenticated"))


def service_account(namespace: str, name: str) -> User:
    """The identity of a ServiceAccount."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(f"system:serviceaccount:{namespace}:{name}", groups)


class Computed(NamedTuple):
    """A status worked out by kcsim itself, to be patched in.

    Where the patch would meet the very status it starts from, its outcome is known, and it is not even written down;
    else, and in checking mode, the patch is made and takes the usual way.
    """

    before: Object
    after: Object
    patch: Callable[[], Object | None]


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which of a container's lines are asked for (PodLogOptions).

    Attributes:
        previous: those of the container before the last restart.
        timestamps: each with its instant before it.
        since: only those from this instant (µs) on.
        tail: only the last so many of them.
        limit_bytes: only the first so many bytes of these.
    """

    previous: bool = False
    timestamps: bool = False
    since: int | None = None
    tail: int | None = None
    limit_bytes: int | None = None


@dataclass
class Operation:
    """One decoded request. Field names follow the query parameters and DeleteOptions of the real API.

    Without slots, so that the defaults live in the class: the client makes one for each call and sets what is asked.
    """

    verb: str
    """get, list, create, update, patch, delete, deletecollection (a watch is opened by ``ApiServer.watch``)."""
    resource: Resource
    user: User
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    body: Any = None
    field_manager: str = ""
    patch_type: str = ""
    """json, merge, strategic or apply."""
    dry_run: bool = False
    force: bool = False
    field_validation: str = ""
    """Strict, Warn or Ignore. Empty for typed in-simulation clients, whose objects cannot carry unknown fields."""
    label_selector: str = ""
    field_selector: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    send_initial_events: bool = False
    limit: int = 0
    continue_token: str = ""
    container: str = ""
    log: LogOptions = LogOptions()
    """Of pods/log."""
    grace_period_seconds: int | None = None
    propagation_policy: str = ""
    managed_fields: bool = False
    """Show metadata.managedFields. Real clients always get them; here only who looks at them pays for them."""
    precondition_uid: str = ""
    precondition_resource_version: str = ""
    warnings: tuple[str, ...] = ()
    """What admission found and let pass: told with the answer."""
    duplicates: Sequence[str] = ()
    """What is to be said of keys that the body's text held twice."""


@dataclass(slots=True)
class Answer:
    """What the server answers an operation with: HTTP code, body (an object, a list or a Status) and warnings."""

    code: int
    body: Any
    warnings: tuple[str, ...] = ()
    versions: Sequence[Version] = ()
    """The stored versions behind the body: the one, or those of a list in its order. Empty for what is not stored."""
