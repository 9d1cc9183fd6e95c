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
    """Writes the Events of one controller of a component."""

    def __init__(self, component: Component, client: Client, controller: str) -> None:
        self._engine = component.engine
        self._client = client
        self._controller = controller
        self._instance = f"{controller}-{component.host}"
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
        new = self._new(regarding, namespace, type, reason, action, note)
        if len(self._written) > _REMEMBERED:
            self._written.pop(next(iter(self._written)))
        self._written[same] = (new["metadata"]["name"], 1)
        self._client.record(new)

    def _new(
        self, regarding: Object, namespace: str, type: str, reason: str, action: str, note: str
    ) -> Object:
        metadata = regarding["metadata"]
        now = self._engine.now
        stamp = max(now // MICROSECOND * 1000, self._last_name + 1)
        self._last_name = stamp
        involved: dict[str, Any] = {"kind": regarding["kind"], "apiVersion": regarding["apiVersion"]}
        for field in ("namespace", "name", "uid", "resourceVersion"):
            if metadata.get(field):
                involved[field] = metadata[field]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name']}.{EPOCH_UNIX * 10**9 + stamp:x}",
                "namespace": namespace,
            },
            "involvedObject": involved,
            "reason": reason,
            "message": note,
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
            "type": type,
            "eventTime": rfc3339_micro(now),
            "action": action,
            "reportingComponent": self._controller,
            "reportingInstance": self._instance,
        }
