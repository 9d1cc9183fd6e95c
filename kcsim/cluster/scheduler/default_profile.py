"""Which plugins run, in which order, with which weight.

**Imitates:** pkg/scheduler/apis/config/v1/default_plugins.go (v1.36). The order of the filters is the order of
refusal: the first to fail speaks for the node.

Left out: DynamicResources (pods with resource claims are reported, see ``reports``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kcsim.cluster.scheduler.framework import FilterPlugin, ScorePlugin
from kcsim.cluster.scheduler.plugins.image_locality import ImageLocality
from kcsim.cluster.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kcsim.cluster.scheduler.plugins.node_affinity import NodeAffinity
from kcsim.cluster.scheduler.plugins.node_name import NodeName
from kcsim.cluster.scheduler.plugins.node_ports import NodePorts
from kcsim.cluster.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from kcsim.cluster.scheduler.plugins.node_resources_fit import NodeResourcesFit
from kcsim.cluster.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kcsim.cluster.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from kcsim.cluster.scheduler.plugins.pod_topology_spread import PodTopologySpread
from kcsim.cluster.scheduler.plugins.taint_toleration import TaintToleration
from kcsim.cluster.scheduler.plugins.volume_binding import VolumeBinding
from kcsim.cluster.scheduler.plugins.volume_restrictions import VolumeRestrictions
from kcsim.cluster.scheduler.plugins.volume_zone import VolumeZone
from kcsim.cluster.scheduler.storage import NoStorage, Storage


@dataclass(frozen=True, slots=True)
class SchedulerProfile:
    """Filters in order, and scores with their weights."""

    filters: Sequence[FilterPlugin]
    scores: Sequence[tuple[ScorePlugin, int]]


TAINT_WEIGHT = 3
NODE_AFFINITY_WEIGHT = 2
FIT_WEIGHT = 1
BALANCED_WEIGHT = 1
IMAGE_WEIGHT = 1
SPREAD_WEIGHT = 2
INTER_POD_WEIGHT = 2


def default_profile(storage: Storage | None = None) -> SchedulerProfile:
    """The default plugins; those about volumes look them up in ``storage``."""
    storage = storage or NoStorage()
    taints, affinity, fit = TaintToleration(), NodeAffinity(), NodeResourcesFit()
    spread, inter_pod = PodTopologySpread(), InterPodAffinity()
    return SchedulerProfile(
        filters=(
            NodeUnschedulable(),
            NodeName(),
            taints,
            affinity,
            NodePorts(),
            fit,
            VolumeRestrictions(storage),
            NodeVolumeLimits(storage),
            VolumeBinding(storage),
            VolumeZone(storage),
            spread,
            inter_pod,
        ),
        scores=(
            (taints, TAINT_WEIGHT),
            (affinity, NODE_AFFINITY_WEIGHT),
            (fit, FIT_WEIGHT),
            (spread, SPREAD_WEIGHT),
            (inter_pod, INTER_POD_WEIGHT),
            (NodeResourcesBalancedAllocation(), BALANCED_WEIGHT),
            (ImageLocality(), IMAGE_WEIGHT),
        ),
    )
