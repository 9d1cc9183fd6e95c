"""Events are forgotten an hour after they were last written.

**Imitates:** ``--event-ttl`` of kube-apiserver (v1.36), and the leases of etcd that it attaches to what expires
(apiserver ``pkg/storage/etcd3/lease_manager.go``): one lease serves all that is written within a minute, so an Event
lives an hour and up to a minute more. Left out: a lease is not given up after a thousand keys.

**Walk:** the first Event takes a lease -> a timer for its end -> what was written under the lease and not since is
deleted -> the next lease begins with the oldest Event left.
"""

from __future__ import annotations

from kcsim.api.log import Log
from kcsim.api.resources import Resource
from kcsim.engine.core import Engine
from kcsim.profile.constants import DEFAULT

TTL = DEFAULT.us("kube-apiserver/event-ttl")
REUSE = DEFAULT.us("kube-apiserver/etcd-lease-reuse")


class EventLeases:
    """The leases of the Events in one log. An idle cluster without Events has no timer."""

    __slots__ = ("_engine", "_events", "_log", "_position", "_running", "_since")

    def __init__(self, engine: Engine, log: Log, events: Resource) -> None:
        self._engine = engine
        self._log = log
        self._events = events
        self._running = False
        self._since = 0  # when the running lease was taken
        self._position = 0  # of the log: up to here all Events have been judged

    def written(self) -> None:
        """An Event was written."""
        if not self._running:
            self._take(self._engine.now)

    def _take(self, since: int) -> None:
        self._running, self._since = True, since
        end = since + TTL + REUSE
        self._engine.tick(end - self._engine.now, "event-ttl 1h", self._expire)

    def _expire(self) -> None:
        log, events = self._log, self._events
        self._running = False
        versions = log.versions
        for place in range(self._position, len(versions)):
            version = versions[place]
            if version.resource is not events or version.deleted:
                continue
            if version.time >= self._since + REUSE:
                self._position = place
                self._take(version.time)
                return
            # An Event that was written again since has another lease.
            if log.get(events, *version.key) is version:
                log.expire(version, "kube-apiserver")
        self._position = len(versions)
