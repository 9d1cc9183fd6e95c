"""argocd-redis: a disposable cache; what it holds is gone with its pod.

**Imitates:** argo-cd 3.x util/cache over redis: keys with an expiry. Differs: a look-up takes no time; while no Redis
runs every look-up finds nothing, and whoever asked does the work again.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.client import Endpoint
from kcsim.delivery.gitops.argocd.services import Services

SERVICE = "argocd-redis"


class Redis:
    """What one pod holds."""

    def __init__(self) -> None:
        self.entries: dict[Any, tuple[Any, int]] = {}


class Cache:
    """The cache as a client of one installation sees it."""

    def __init__(self, services: Services, endpoint: Endpoint, namespace: str) -> None:
        self._services = services
        self._endpoint = endpoint
        self._namespace = namespace

    def _redis(self) -> Redis | None:
        server = self._services.find(self._endpoint, self._namespace, SERVICE)
        return server.handler if server is not None else None

    def get(self, key: Any) -> Any:
        """What was stored under a key, None when it is not there or has expired."""
        redis = self._redis()
        found = redis.entries.get(key) if redis is not None else None
        if found is None:
            return None
        value, until = found
        if until <= self._endpoint.engine.now:
            assert redis is not None, "it answered"
            del redis.entries[key]
            return None
        return value

    def put(self, key: Any, value: Any, expiry: int) -> None:
        """Keep a value for ``expiry`` µs."""
        redis = self._redis()
        if redis is not None:
            redis.entries[key] = (value, self._endpoint.engine.now + expiry)

    def drop(self, key: Any) -> None:
        """Forget a value."""
        redis = self._redis()
        if redis is not None:
            redis.entries.pop(key, None)
