"""VolumeBinding: a pod goes where its claims' volumes can be reached, or can be made.

**Imitates:** plugins/volumebinding/{volume_binding,binder}.go (v1.36). Left out: storage capacity of CSI drivers, CSI
migration, the score (gate StorageCapacityScoring, off by default).

**Walk:** PreFilter: every claim exists, and is bound or waits for its consumer -> Filter: bound volumes reach the node,
the others find a volume or a provisioner there -> ``volume_binder`` carries the choice out before the pod is bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.cluster.scheduler.framework import SKIP, Code, Nodes, NoExtensions, PreFilterResult, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import ClaimUse, PodInfo, claims_of
from kcsim.cluster.scheduler.storage import (
    Storage,
    can_provision,
    find_volume,
    is_bound,
    is_delayed,
    volume_suits_node,
)
from kcsim.cluster.volumes import SELECTED_NODE

_NAME = "VolumeBinding"
CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
NO_VOLUMES = "node(s) didn't find available persistent volumes to bind"
NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


@dataclass(slots=True)
class PodClaims:
    """A pod's claims: those that are bound, and those that wait for this pod's node."""

    bound: list[Object] = field(default_factory=list)
    waiting: list[Object] = field(default_factory=list)


@dataclass(slots=True)
class Choice:
    """What binding a pod's waiting claims on a node takes: (claim, volume) pairs, and claims to provision for."""

    bind: list[tuple[Object, Object]] = field(default_factory=list)
    provision: list[Object] = field(default_factory=list)


class VolumeBinding(NoExtensions):
    """PreFilter and Filter.

    Attributes:
        promised: volumes chosen for claims whose binding is under way: volume name -> namespace/claim.
    """

    name = _NAME

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.promised: dict[str, str] = {}

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Look every claim up; skip pods without any."""
        del nodes
        uses = claims_of(pod)
        if not uses:
            return PreFilterResult(SKIP)
        found = self.claims(pod, uses)
        if isinstance(found, str):
            return PreFilterResult(Status(Code.UNRESOLVABLE, (found,), _NAME))
        return PreFilterResult(state=found)

    def claims(self, pod: PodInfo, uses: list[ClaimUse]) -> PodClaims | str:
        """The pod's claims, or what is wrong with one of them."""
        found = PodClaims()
        immediate = False
        for use in uses:
            claim = self._storage.claim(pod.namespace, use.name)
            if claim is None:
                if use.ephemeral:
                    return f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{use.name}"'
                return f'persistentvolumeclaim "{use.name}" not found'
            if (claim.get("status") or {}).get("phase") == "Lost":
                volume = claim["spec"].get("volumeName", "")
                return f'persistentvolumeclaim "{use.name}" bound to non-existent persistentvolume "{volume}"'
            if objects.is_deleting(claim):
                return f'persistentvolumeclaim "{use.name}" is being deleted'
            owner = objects.controller_of(claim)
            if use.ephemeral and (owner is None or owner["uid"] != pod.uid):
                return f"PVC {pod.namespace}/{use.name} was not created for pod {pod.full_name} (pod is not owner)"
            if is_bound(claim):
                found.bound.append(claim)
            elif not claim["spec"].get("volumeName") and is_delayed(claim, self._storage):
                found.waiting.append(claim)
            else:
                immediate = True
        return UNBOUND if immediate else found

    def filter(self, state: PodClaims, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse a node that a volume cannot be reached from, or where none can be had."""
        del pod
        reasons = []
        choice = self.choose(state, node)
        for claim in state.bound:
            volume = self._storage.volume(claim["spec"]["volumeName"])
            if volume is None:
                reasons.append(NO_VOLUME)
                break
            if not volume_suits_node(volume, node):
                reasons.append(CONFLICT)
                break
        if choice is None:
            reasons.append(NO_VOLUMES)
        return Status(Code.UNRESOLVABLE, tuple(reasons), _NAME) if reasons else None

    def choose(self, claims: PodClaims, node: NodeInfo) -> Choice | None:
        """How the waiting claims would be bound on a node; None when one of them cannot be."""
        choice = Choice()
        taken = dict(self.promised)
        for claim in claims.waiting:
            selected = objects.annotations(claim).get(SELECTED_NODE)
            if selected:
                # A provisioner is at work for that node already.
                if selected != node.name:
                    return None
                choice.provision.append(claim)
                continue
            volume = find_volume(claim, node, self._storage, taken)
            if volume is not None:
                taken[objects.name(volume)] = f"{objects.namespace(claim)}/{objects.name(claim)}"
                choice.bind.append((claim, volume))
            elif can_provision(claim, node, self._storage):
                choice.provision.append(claim)
            else:
                return None
        return choice

    def choice_for(self, pod: PodInfo, node: NodeInfo) -> Choice | None:
        """What has to be bound before the pod is; None when nothing."""
        found = self.claims(pod, claims_of(pod))
        if isinstance(found, str) or not found.waiting:
            return None
        return self.choose(found, node)
