"""Which Services select a pod, without asking each of them.

**Imitates:** the selector cache of ``pkg/controller/util/endpoint`` (v1.36). A Service is filed under one pair of its
selector, so a pod's labels lead straight to the few Services that can match.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
Key = tuple[str, str]
Pair = tuple[str, str, str]
"""Namespace, label and value."""


class ServiceIndex:
    """Services with a selector, by one of its pairs."""

    def __init__(self) -> None:
        self._selectors: dict[Key, dict[str, str]] = {}
        self._filed: dict[Pair, dict[Key, None]] = {}

    def __bool__(self) -> bool:
        """Whether any Service selects anything."""
        return bool(self._selectors)

    def put(self, key: Key, selector: dict[str, str] | None) -> None:
        """A Service as it is now; without a selector it selects nothing."""
        self.drop(key)
        if selector:
            self._selectors[key] = selector
            self._filed.setdefault(_pair(key, selector), {})[key] = None

    def drop(self, key: Key) -> None:
        """The Service is gone."""
        selector = self._selectors.pop(key, None)
        if selector:
            pair = _pair(key, selector)
            del self._filed[pair][key]
            if not self._filed[pair]:
                del self._filed[pair]

    def matching(self, namespace: str, labels: dict[str, str] | None) -> list[Key]:
        """The Services of the namespace that select these labels."""
        found = []
        for label, value in (labels or {}).items():
            for key in self._filed.get((namespace, label, value), ()):
                selector = self._selectors[key]
                if len(selector) == 1 or selector.items() <= (labels or {}).items():
                    found.append(key)
        return found


def selects(service: Object, pod: Object) -> bool:
    """Whether a Service with a selector selects this pod, by its labels."""
    return service["spec"]["selector"].items() <= (pod["metadata"].get("labels") or {}).items()  # type: ignore[no-any-return]


def _pair(key: Key, selector: dict[str, str]) -> Pair:
    label = min(selector)
    return key[0], label, selector[label]
