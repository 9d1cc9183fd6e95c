"""How a kubelet is configured: the parts of KubeletConfiguration that change what a pod goes through.

**Imitates:** ``pkg/kubelet/apis/config/v1beta1`` (v1.36), with upstream's defaults and names. Durations in µs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class KubeletConfig:
    """A node's settings.

    Attributes:
        serialize_image_pulls: one pull at a time.
        max_parallel_image_pulls: how many at a time otherwise; None: any number.
        registry_qps: pulls a second, and ``registry_burst`` at once; more are refused. 0: no limit.
        shutdown_grace_period: how long a shutdown of the machine waits for pods; 0: not at all.
        shutdown_grace_period_critical: the part of it that is kept for critical pods.
        static_pods: manifests in the node's static pod folder.
    """

    serialize_image_pulls: bool = True
    max_parallel_image_pulls: int | None = None
    registry_qps: int = 5
    registry_burst: int = 10
    shutdown_grace_period: int = 0
    shutdown_grace_period_critical: int = 0
    static_pods: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what the kubelet would not start with."""
        parallel = self.max_parallel_image_pulls
        if parallel is not None and parallel < 1:
            raise ValueError("maxParallelImagePulls must be a positive number")
        if parallel is not None and parallel > 1 and self.serialize_image_pulls:
            raise ValueError(
                "maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) set to false"
            )
        if self.shutdown_grace_period < self.shutdown_grace_period_critical:
            raise ValueError("shutdownGracePeriod must be at least shutdownGracePeriodCriticalPods")

    @property
    def pulls_at_once(self) -> int | None:
        """How many pulls run at a time; None: any number."""
        return 1 if self.serialize_image_pulls else self.max_parallel_image_pulls


DEFAULTS = KubeletConfig()
