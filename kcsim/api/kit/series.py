"""Recording Events of the newer kind: no counts, but a series for what repeats.

**Imitates:** client-go ``tools/events`` (v1.36): a repetition is the same action and reason about the same version of
the same object, whatever the text; the first one writes ``series``, further ones are only counted. Left out: writing the
count of a series again after it has ended (every 6 minutes) or lasted (every 30).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcsim.api.client import Client
from kcsim.api.objects import Object
from kcsim.engine.clock import EPOCH_UNIX, MICROSECOND, rfc3339_micro

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component

_REMEMBERED = 4096

Same = tuple[str, str, str, str, str]


class SeriesRecorder:
    """Writes the Events of one controller of a component.

    Attributes:
        controller, instance: what it calls itself.
    """

    def __init__(self, component: Component, client: Client, controller: str) -> None:
        self._engine = component.engine
        self._client = client
        self.controller = controller
        self.instance = f"{controller}-{component.host}"
        self._last_name = 0
        self._written: dict[Same, tuple[str, int]] = {}

    def reset(self) -> None:
        """A crash forgets what was counted."""
        self._written.clear()

    def event(self, regarding: Object, type: str, reason: str, action: str, note: str) -> None:
        """Record that ``action`` had this outcome for an object."""
        metadata = regarding["metadata"]
        same = (metadata.get("uid", ""), metadata.get("resourceVersion", ""), type, reason, action)
        namespace = metadata.get("namespace") or "default"
        known = self._written.get(same)
        if known is not None:
            name, count = known
            self._written[same] = (name, count + 1)
            if count == 1:
                series = {"count": 2, "lastObservedTime": rfc3339_micro(self._engine.now)}
                call = self._client.patch("events", namespace, name, {"series": series}, type="strategic")
                self._client.start(call)
            return
        stamp = max(self._engine.now // MICROSECOND * 1000, self._last_name + 1)
        self._last_name = stamp
        new = RegardingEvent(self, regarding, (type, reason, action, note), self._engine.now, stamp)
        if len(self._written) > _REMEMBERED:
            self._written.pop(next(iter(self._written)))
        self._written[same] = (new.name, 1)
        self._client.record(new)


class RegardingEvent:
    """An Event of the newer kind, as its controller recorded it; ``now`` µs, ``stamp`` the ns that its name ends with."""

    __slots__ = ("_by", "_now", "_regarding", "_said", "name", "namespace")

    def __init__(
        self, by: SeriesRecorder, regarding: Object, said: tuple[str, str, str, str], now: int, stamp: int
    ) -> None:
        metadata = regarding["metadata"]
        self.namespace: str = metadata.get("namespace") or "default"
        self.name = f"{metadata['name']}.{EPOCH_UNIX * 10**9 + stamp:x}"
        self._by = by
        self._regarding = regarding
        self._said = said
        self._now = now

    def body(self) -> Object:
        """The Event as it is sent."""
        regarding = self._regarding
        metadata = regarding["metadata"]
        type, reason, action, note = self._said
        involved: dict[str, Any] = {"kind": regarding["kind"], "apiVersion": regarding["apiVersion"]}
        for field in ("namespace", "name", "uid", "resourceVersion"):
            if metadata.get(field):
                involved[field] = metadata[field]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": note,
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
            "type": type,
            "eventTime": rfc3339_micro(self._now),
            "action": action,
            "reportingComponent": self._by.controller,
            "reportingInstance": self._by.instance,
        }
