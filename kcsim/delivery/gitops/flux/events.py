"""Events of Flux's controllers: each becomes an Event of Kubernetes, and is posted to notification-controller where the
controller knows one.

**Imitates:** fluxcd/pkg runtime/events/recorder.go (what is posted, severities, metadata) and its retrying client
(hashicorp/go-retryablehttp: four more attempts after 1, 2, 4 and 8 s). Traces stay in the cluster.

**Walk:** ``record`` -> an Event -> ``Posted`` to the door of ``--events-addr`` -> notification/server.py; lost after five attempts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.request import User
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.gitops.flux.doors import ConnectionRefused, Doors
from kcsim.engine.clock import SECOND
from kcsim.engine.task import Sleep, Steps
from kcsim.profile.api import ClientLimits

NOTIFICATION_CONTROLLER = "notification-controller"
INFO, ERROR = "info", "error"
COMMIT_STATUS, UPDATE = "commit_status", "update"
"""Metadata of an event that concerns only what shows the state of a commit (apis/event MetaCommitStatusKey)."""
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Posted:
    """An event as it is posted (apis/event/v1beta1 Event).

    Attributes:
        involved: ``kind``, ``namespace``, ``name``, ``apiVersion`` of the object.
        metadata: ``revision`` and the like, without the prefix of the object's group.
    """

    involved: Mapping[str, str]
    severity: str
    reason: str
    message: str
    controller: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """``Kind/namespace/name``."""
        return f"{self.involved['kind']}/{self.involved['namespace']}/{self.involved['name']}"


class TooManyRequests(Exception):
    """The event was posted before: 429."""


class Controller(Component):
    """The manager of one of Flux's controllers.

    Attributes:
        notifies: the namespace whose notification-controller gets its events, "" where none does.
    """

    def __init__(
        self, endpoint: Endpoint, name: str, user: User, host: str, *, limits: ClientLimits, doors: Doors
    ) -> None:
        super().__init__(endpoint, name, user, host, limits=limits)
        self.doors = doors
        self.notifies = ""


def record(
    component: Component,
    obj: Object,
    type: str,
    reason: str,
    message: str,
    *,
    trace: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Something happened to ``obj``. ``type`` is Normal or Warning; a ``trace`` is of no interest outside the cluster."""
    component.event(obj, type, reason, message)
    if trace or not isinstance(component, Controller) or not component.notifies:
        return
    involved = {
        "kind": obj["kind"],
        "apiVersion": obj["apiVersion"],
        "namespace": objects.namespace(obj),
        "name": objects.name(obj),
    }
    severity = ERROR if type == "Warning" else INFO
    told = {k: v for k, v in (metadata or {}).items() if v}
    posted = Posted(involved, severity, reason, message, component.name, told)
    component.spawn(_post(component, posted))


def _post(component: Controller, event: Posted) -> Steps:
    def deliver(door: Any) -> tuple[None, int]:
        door.receive(event)
        return None, 0

    for attempt in range(_ATTEMPTS):
        if attempt:
            yield Sleep(component.engine, SECOND << (attempt - 1))
        try:
            yield component.doors.ask(
                component.endpoint,
                component.notifies,
                NOTIFICATION_CONTROLLER,
                component.host,
                deliver,
                dice=f"events {component.host}",
            )
        except (Unreachable, ConnectionRefused):
            continue
        except TooManyRequests:
            return
        return
    component.engine.note(component.name, "notification-lost", event.subject, {"message": event.message})
