"""Recording Kubernetes Events.

**Imitates:** client-go ``tools/record`` (v1.36): identical events raise ``count`` by a PATCH; more than ten of one kind
with different messages within ten minutes are combined; a bucket of 25 per source and object, refilled by one every
five minutes, drops the rest in silence. Each source sends one Event after the other, the next when the last has been
answered, so they arrive in the order in which they were recorded. Left out: trying again what did not arrive (12 times,
every 10 seconds), and dropping what is recorded while a thousand wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import EPOCH_UNIX, rfc3339
from kcsim.profile.constants import DEFAULT

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component

MAX_SIMILAR = DEFAULT.count("client-go/events-max-similar")
SIMILAR_WINDOW = DEFAULT.us("client-go/events-similar-window")
SPAM_BURST = DEFAULT.count("client-go/events-spam-burst")
SPAM_REFILL = DEFAULT.us("client-go/events-spam-refill")
_REMEMBERED = 4096
_EPOCH_NS = EPOCH_UNIX * 10**9

Similar = tuple[str, str, str]


class RecordedEvent:
    """An Event with a count, as its source recorded it; ``now`` µs, ``stamp`` the ns that its name ends with."""

    __slots__ = ("_message", "_now", "_obj", "_reason", "_source", "_type", "name", "namespace")

    def __init__(
        self,
        obj: Object,
        type: str,
        reason: str,
        message: str,
        source: dict[str, str],
        now: int,
        stamp: int,
    ) -> None:
        metadata = obj["metadata"]
        self.namespace: str = metadata.get("namespace") or "default"
        self.name = f"{metadata['name']}.{_EPOCH_NS + stamp:x}"
        self._obj = obj
        self._type = type
        self._reason = reason
        self._message = message
        self._source = source
        self._now = now

    def body(self) -> Object:
        """The Event as it is sent."""
        obj, source, when = self._obj, self._source, rfc3339(self._now)
        metadata = obj["metadata"]
        involved: dict[str, Any] = {"kind": obj["kind"], "apiVersion": obj["apiVersion"]}
        if namespace := metadata.get("namespace", ""):
            involved["namespace"] = namespace
        involved["name"] = metadata["name"]
        involved["uid"] = metadata.get("uid", "")
        if version := metadata.get("resourceVersion"):
            involved["resourceVersion"] = version
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "involvedObject": involved,
            "reason": self._reason,
            "message": self._message,
            "source": source,
            "firstTimestamp": when,
            "lastTimestamp": when,
            "count": 1,
            "type": self._type,
            "eventTime": None,
            "reportingComponent": source["component"],
            "reportingInstance": source.get("host", ""),
        }


class EventRecorder:
    """Writes the Events of one component."""

    def __init__(self, component: Component, client: Client, host: str = "") -> None:
        self._component = component
        self._engine = component.engine
        self._client = client
        self._host = host
        self._last_name = 0
        self._sources: dict[str, dict[str, str]] = {}
        self._counts: dict[tuple[str, ...], tuple[str, int]] = {}
        self._similar: dict[Similar, tuple[int, str]] = {}
        self._different: dict[Similar, dict[str, None]] = {}
        """The messages of what is similar, where there is more than one."""
        self._buckets: dict[str, int] = {}
        self._free_at: dict[str, int] = {}
        """When a source will have its last answer, in µs."""

    def reset(self) -> None:
        """A crash forgets what was counted."""
        self._counts.clear()
        self._similar.clear()
        self._different.clear()
        self._buckets.clear()
        self._free_at.clear()

    def event(self, obj: Object, type: str, reason: str, message: str, source: str = "") -> None:
        """Record that something happened to ``obj``. ``source`` replaces the component's name."""
        metadata = obj["metadata"]
        uid = metadata.get("uid", "")
        now = self._engine.now
        if self._is_spam(uid, now):
            return
        message = self._combined((uid, type, reason), message, now)
        key = (uid, type, reason, message)
        known = self._counts.get(key)
        if known is not None:
            name, count = known
            self._counts[key] = (name, count + 1)
            body = {"count": count + 1, "lastTimestamp": rfc3339(now)}
            call = self._client.patch(
                "events", metadata.get("namespace") or "default", name, body, type="strategic"
            )
            self._free_at[source] = self._client.send_in_turn(
                call,
                self._free_at.get(source, 0),
                lambda _value, error: self._repost(error, key, obj, type, reason, message, source),
            )
            return
        self._post(key, obj, type, reason, message, source)

    def _post(
        self, key: tuple[str, ...], obj: Object, type: str, reason: str, message: str, source: str
    ) -> None:
        new = self._new(obj, type, reason, message, source)
        if len(self._counts) > _REMEMBERED:
            self._counts.pop(next(iter(self._counts)))
        self._counts[key] = (new.name, 1)
        free_at = self._free_at
        free_at[source] = self._client.record(new, free_at.get(source, 0))

    def _repost(
        self,
        error: Exception | None,
        key: tuple[str, ...],
        obj: Object,
        type: str,
        reason: str,
        message: str,
        source: str,
    ) -> None:
        """The counted Event is gone (expired): write it anew."""
        if isinstance(error, StatusError) and error.is_not_found:
            self._post(key, obj, type, reason, message, source)

    def _new(self, obj: Object, type: str, reason: str, message: str, source: str) -> RecordedEvent:
        now = self._engine.now
        stamp = now * 1000
        if stamp <= self._last_name:
            stamp = self._last_name + 1
        self._last_name = stamp
        component = source or self._component.name
        shown = self._sources.get(component)
        if shown is None:
            shown = {"component": component, "host": self._host} if self._host else {"component": component}
            self._sources[component] = shown
        return RecordedEvent(obj, type, reason, message, shown, now, stamp)

    def _is_spam(self, uid: str, now: int) -> bool:
        """A token bucket per object, kept as the instant at which it would be full again."""
        buckets = self._buckets
        full = buckets.get(uid, now)
        if full <= now:
            full = now
        elif full - now > (SPAM_BURST - 1) * SPAM_REFILL:
            return True
        if len(buckets) > _REMEMBERED:
            del buckets[next(iter(buckets))]
        buckets[uid] = full + SPAM_REFILL
        return False

    def _combined(self, key: Similar, message: str, now: int) -> str:
        """The message, or the text that stands for many different ones."""
        similar = self._similar
        known = similar.get(key)
        if known is None or now - known[0] > SIMILAR_WINDOW:
            if len(similar) > _REMEMBERED:
                oldest = next(iter(similar))
                del similar[oldest]
                self._different.pop(oldest, None)
            similar[key] = (now, message)
            self._different.pop(key, None)
            return message
        if message == known[1]:
            messages = self._different.get(key, ())
        else:
            messages = self._different.setdefault(key, {known[1]: None})
            messages[message] = None
        if len(messages) > MAX_SIMILAR:
            return f"(combined from similar events): {message}"
        return message


__all__ = ["EventRecorder", "objects"]
