"""What plugins remember of objects that seldom change: read once, forgotten when one of the kind is written.

**Imitates:** the informers of the admission plugins. Differs: a write is seen at once, not some milliseconds later.
"""

from __future__ import annotations

from collections.abc import Callable

from kcsim.api.catalog import Catalog
from kcsim.api.log import Log, Version
from kcsim.api.resources import Resource


class Shelf:
    """The current versions of one resource, by namespace."""

    __slots__ = ("_kept", "_log", "_on_change", "_resource", "_watch", "any")

    def __init__(self, log: Log, resource: Resource, on_change: Callable[[], None] | None = None) -> None:
        self._log = log
        self._resource = resource
        self._kept: dict[str | None, list[Version]] = {}
        self._on_change = on_change
        self.any = log.count(resource) > 0
        self._watch = log.watch(resource, self._written)

    def _written(self) -> None:
        self._watch.take()
        self._kept.clear()
        self.any = True
        if self._on_change is not None:
            self._on_change()

    def of(self, namespace: str | None = None) -> list[Version]:
        """The versions in a namespace, or all, in key order."""
        if not self.any:
            return []
        found = self._kept.get(namespace)
        if found is None:
            found = self._kept[namespace] = self._log.list(self._resource, namespace)
            if namespace is None and not found:
                self.any = False
        return found

    def get(self, namespace: str, name: str) -> Version | None:
        """One version."""
        return self._log.get(self._resource, namespace, name)


def served(catalog: Catalog, group: str, version: str, kind: str) -> Resource:
    """A built-in resource."""
    resource = catalog.by_gvk((group, version, kind))
    assert resource is not None, (group, version, kind)
    return resource
