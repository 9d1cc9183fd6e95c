"""Waiting for an object to change, as kubectl's watches do."""

from __future__ import annotations

from kcsim.api.client import Client
from kcsim.api.log import Watch
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.engine.core import Timer
from kcsim.engine.task import Done


class Changed:
    """Wait until an object differs from what was last seen of it; gives False when ``timeout`` µs passed first."""

    def __init__(
        self, client: Client, resource: Resource, namespace: str, name: str, seen: Object, timeout: int | None
    ) -> None:
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._name = name
        self._seen = seen
        self._timeout = timeout
        self._watch: Watch | None = None
        self._timer: Timer | None = None

    def start(self, done: Done) -> None:
        """Open the watch from the version last seen."""
        endpoint = self._client.endpoint
        engine = endpoint.engine
        answered = False

        def finish(value: bool) -> None:
            nonlocal answered
            if answered:
                return
            answered = True
            if self._watch is not None:
                self._watch.stop()
            if self._timer is not None:
                self._timer.cancel()
            done(value, None)

        def woken() -> None:
            delay = endpoint.profile.watch.at(0.5)
            engine.after(delay, finish, True)

        if self._timeout is not None:
            self._timer = engine.after(max(self._timeout, 0), finish, False)
        since = int(self._seen["metadata"]["resourceVersion"])
        self._watch = endpoint.server.watch(
            self._resource,
            self._client.user,
            woken,
            namespace=self._namespace or None,
            fields=f"metadata.name={self._name}",
            since=since,
        )
