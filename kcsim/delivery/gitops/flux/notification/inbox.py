"""What has been sent to people: the inboxes behind the providers of one world.

**Walk:** an alert takes an event -> its provider's service gets it over the network -> ``Inbox.arrive`` -> a record of the trace, and
an entry that tests and surfaces read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.delivery.gitops.flux.events import Posted
from kcsim.engine.core import Engine


@dataclass(frozen=True, slots=True)
class Notification:
    """One message as it arrived.

    Attributes:
        time: virtual µs.
        provider: ``namespace/name`` of the Provider, in ``cluster``.
        type: of the Provider: ``slack``, ``github`` ...
        metadata: the event's, the alert's ``eventMetadata`` and ``summary``.
    """

    time: int
    cluster: str
    provider: str
    type: str
    address: str
    channel: str
    event: Posted
    metadata: Mapping[str, str]


class Inbox:
    """All messages of one world, in the order of arrival."""

    def __init__(self) -> None:
        self._found: list[Notification] = []

    @property
    def messages(self) -> Sequence[Notification]:
        """All of them. Read-only."""
        return self._found

    def arrive(self, engine: Engine, message: Notification) -> None:
        """A message has got there."""
        self._found.append(message)
        event = message.event
        detail: dict[str, Any] = {
            "object": event.subject,
            "severity": event.severity,
            "reason": event.reason,
            "message": event.message,
            "address": message.address,
        }
        if message.channel:
            detail["channel"] = message.channel
        if message.metadata:
            detail["metadata"] = dict(sorted(message.metadata.items()))
        engine.note("notification-controller", "notify", f"provider/{message.provider}", detail)
