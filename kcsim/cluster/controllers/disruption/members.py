"""The pods of each budget, counted as they change.

A sync because one of 5,000 pods became ready must not look at 5,000 pods: each change of a pod moves a few counters
here, and a sync reads them.

**Imitates:** ``getPodsForPdb`` and ``countHealthyPods`` of ``pkg/controller/disruption/disruption.go`` (v1.36), which
go through all pods at each sync; the outcome is the same.
**May:** keep references to pods it was shown; never changes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.selectors import LabelSelector
from kcsim.cluster.controllers.pods import is_ready

Object = dict[str, Any]


class Members:
    """The pods that one budget selects.

    Attributes:
        pods: by name.
        controllers: by uid of a controller, one of its pods for each: (reference, how many).
        unmanaged: names of pods without a controller.
    """

    def __init__(self, selector: LabelSelector, pods: Iterable[Object]) -> None:
        self.selector = selector
        self.pods: dict[str, Object] = {}
        self.controllers: dict[str, tuple[Object, int]] = {}
        self.unmanaged: dict[str, None] = {}
        self._ready = 0
        for pod in pods:
            self.observe(pod)

    def observe(self, pod: Object) -> bool:
        """A pod of the budget's namespace as it is now; gives whether the budget selects it."""
        selected = self.selector.matches(objects.labels(pod))
        self.drop(objects.name(pod))
        if selected:
            name = objects.name(pod)
            self.pods[name] = pod
            self._ready += _counts(pod)
            ref = objects.controller_of(pod)
            if ref is None:
                self.unmanaged[name] = None
            else:
                known = self.controllers.get(ref["uid"])
                self.controllers[ref["uid"]] = (ref, 1) if known is None else (known[0], known[1] + 1)
        return selected

    def drop(self, name: str) -> bool:
        """A pod is gone; gives whether the budget selected it."""
        pod = self.pods.pop(name, None)
        if pod is None:
            return False
        self._ready -= _counts(pod)
        self.unmanaged.pop(name, None)
        ref = objects.controller_of(pod)
        if ref is not None:
            known, count = self.controllers[ref["uid"]]
            if count > 1:
                self.controllers[ref["uid"]] = (known, count - 1)
            else:
                del self.controllers[ref["uid"]]
        return True

    def healthy(self, disrupted: Mapping[str, str]) -> int:
        """Pods that are ready, not being deleted and not evicted."""
        return self._ready - sum(_counts(self.pods[name]) for name in disrupted)


def _counts(pod: Object) -> bool:
    return not objects.is_deleting(pod) and is_ready(pod)
