"""The worker of a static pod: what it says of the pod goes to its mirror.

**Imitates:** ``pkg/kubelet/pod/pod_manager.go`` (TranslatePodUID, mirror pods) and ``status_manager.go``, v1.36.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.cluster.kubelet.pod_worker import PodWorker

if TYPE_CHECKING:
    from kcsim.cluster.kubelet.kubelet import Kubelet


class StaticPodWorker(PodWorker):
    """Runs one static pod; nothing is said of it until it has a mirror."""

    def __init__(self, kubelet: Kubelet, pod: dict[str, Any], requests: dict[str, int]) -> None:
        super().__init__(kubelet, pod, requests)
        self._static = pod
        self.api_uid = ""

    def mirrored(self, mirror: dict[str, Any]) -> None:
        """A version of the mirror: statuses are said of it from now on."""
        self.api_uid = objects.uid(mirror)
        self.observe(mirror)
        if self.status is not None:
            self.kubelet.statuses.enqueue(self)

    def unmirrored(self) -> None:
        """The mirror is gone: the next one has to be told everything."""
        self.api_uid = ""
        self.pod = self._static

    def observe(self, pod: dict[str, Any]) -> None:
        """A version of the mirror: only its status and version are news; what runs is the static pod."""
        if objects.uid(pod) != self.api_uid:
            return
        version = {k: pod["metadata"][k] for k in ("resourceVersion", "generation") if k in pod["metadata"]}
        metadata = {**self._static["metadata"], **version}
        self.pod = {**self._static, "metadata": metadata, "status": pod.get("status") or {}}
