"""Promises about who belongs to whom: owners, inventories, volumes, nodes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from kcsim.api import objects
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.engine.clock import MINUTE
from kcsim.testing.invariants.history import History, Write

ORPHAN_AFTER = 15 * MINUTE
"""How long (µs) what belongs to nobody any more may last: the garbage collector may have been away for a while."""
_KUSTOMIZE = "kustomize.toolkit.fluxcd.io/name"
_KUSTOMIZE_CONTROLLER = "system:serviceaccount:flux-system:kustomize-controller"
_OWN_KINDS = (
    "event",
    "lease.coordination.k8s.io",
    "kustomization.kustomize.toolkit.fluxcd.io",
    "serviceaccount",
)


def no_orphan_outlives_its_owner(history: History) -> Iterator[tuple[Write, str]]:
    """What is controlled by an object that is gone is deleted within fifteen minutes, or let go.

    Source: pkg/controller/garbagecollector (workloads reference, 18.8).
    """
    gone: dict[tuple[str, str], int] = {}
    for write in history.all_writes:
        if write.deleted and write.uid:
            gone.setdefault((write.cluster, write.uid), write.time)
    if not gone:
        return
    end = history.records[-1].time if history.records else 0
    latest: dict[tuple[str, str, objects.Key], Write] = {}
    for write in history.all_writes:
        latest[write.cluster, write.kind, write.key] = write
    for write in latest.values():
        if write.deleted or objects.is_deleting(write.object):
            continue
        owner = objects.controller_of(write.object)
        lost = gone.get((write.cluster, owner["uid"])) if owner is not None else None
        if owner is not None and lost is not None and end - max(lost, write.time) > ORPHAN_AFTER:
            yield (
                write,
                f"its {owner['kind']} {owner['name']} has been gone for {(end - lost) // MINUTE} minutes",
            )


def an_agent_prunes_only_what_it_applied(history: History) -> Iterator[tuple[Write, str]]:
    """kustomize-controller deletes nothing that does not carry the label of a Kustomization.

    Source: fluxcd/pkg ssa DeleteAll with Exclusions and owner labels (flux reference, pruning).
    """
    for write in history.all_writes:
        if write.record.actor != _KUSTOMIZE_CONTROLLER or not write.deleted:
            continue
        if write.kind in _OWN_KINDS:
            continue
        if _KUSTOMIZE not in (write.object["metadata"].get("labels") or {}):
            yield write, "it belongs to no Kustomization"


def a_claim_keeps_its_volume(history: History) -> Iterator[tuple[Write, str]]:
    """A PersistentVolumeClaim is bound to one volume for good, and no two claims to the same one.

    Source: pkg/apis/core/validation (spec.volumeName is immutable), pkg/controller/volume/persistentvolume.
    """
    holders: dict[tuple[str, str], str] = {}
    for write in history.writes("persistentvolumeclaim"):
        volume = (write.object.get("spec") or {}).get("volumeName", "")
        before = (write.before.object.get("spec") or {}).get("volumeName", "") if write.before else ""
        if before and volume != before:
            yield write, f"bound to {volume or 'nothing'} after {before}"
        if not volume:
            continue
        place = (write.cluster, volume)
        if write.deleted:
            if holders.get(place) == write.uid:
                del holders[place]
        elif holders.setdefault(place, write.uid) != write.uid:
            yield write, f"{volume} is another claim's"


def a_job_runs_no_more_than_its_parallelism(history: History) -> Iterator[tuple[Write, str]]:
    """A Job has no more active pods than spec.parallelism, unless that was lowered.

    Source: pkg/controller/job (workloads reference, 6).
    """
    for write in history.writes("job.batch"):
        if write.deleted or write.before is None:
            continue
        parallelism = (write.object.get("spec") or {}).get("parallelism", 1)
        active = (write.object.get("status") or {}).get("active", 0)
        before = (write.before.object.get("status") or {}).get("active", 0)
        if active > parallelism and active > before:
            yield write, f"{active} active pods, and {parallelism} may be"


def one_daemon_pod_a_node(history: History) -> Iterator[tuple[Write, str]]:
    """No node has two ready pods of one DaemonSet, but for the moment in which a surge replaces one.

    Source: pkg/controller/daemon (workloads reference, 5).
    """
    ready: dict[tuple[str, str, str], dict[str, bool]] = {}
    for write in history.writes("pod"):
        owner = objects.controller_of(write.object)
        if owner is None or owner["kind"] != "DaemonSet":
            continue
        place = (write.cluster, owner["uid"], write.object["spec"].get("nodeName", ""))
        here = ready.setdefault(place, {})
        is_ready = not objects.is_deleting(write.object) and objects.condition_is(write.object, "Ready")
        if write.deleted or not is_ready:
            here.pop(write.uid, None)
            continue
        surges = _surges(history, write, owner["name"])
        if write.uid not in here and place[2] and len(here) > surges:
            yield write, f"{len(here) + 1} ready pods on {place[2]}"
        here[write.uid] = True


def _surges(history: History, write: Write, name: str) -> int:
    found = history.at(write.cluster, "daemonset.apps", (write.key[0], name), write.time) or {}
    update = ((found.get("spec") or {}).get("updateStrategy") or {}).get("rollingUpdate") or {}
    return 0 if update.get("maxSurge", 0) in {0, "0%"} else 1


def an_ended_pod_stays_ended(history: History) -> Iterator[tuple[Write, str]]:
    """A pod that Succeeded or Failed never runs again.

    Source: pkg/kubelet/status/status_manager.go (a terminal phase does not change).
    """
    for write in history.writes("pod"):
        if write.before is None:
            continue
        before, now = _phase(write.before.object), _phase(write.object)
        if before in {"Succeeded", "Failed"} and now != before:
            yield write, f"{now or 'no phase'} after {before}"


def service_addresses_are_unique(history: History) -> Iterator[tuple[Write, str]]:
    """No two Services have one cluster IP at the same time.

    Source: pkg/registry/core/service/ipallocator.
    """
    holders: dict[tuple[str, str], str] = {}
    for write in history.writes("service"):
        now = [] if write.deleted else _cluster_ips(write.object)
        before = _cluster_ips(write.object if write.deleted else write.before.object if write.before else {})
        for address in before:
            place = (write.cluster, address)
            if address not in now and holders.get(place) == write.uid:
                del holders[place]
        for address in now:
            if holders.setdefault((write.cluster, address), write.uid) != write.uid:
                yield write, f"{address} is another Service's"


def _cluster_ips(service: Object) -> list[str]:
    return [ip for ip in (service.get("spec") or {}).get("clusterIPs") or () if ip != "None"]


def pod_cidrs_are_disjoint(history: History) -> Iterator[tuple[Write, str]]:
    """No two nodes have pod addresses in common.

    Source: pkg/controller/nodeipam/ipam/cidrset.
    """
    held: dict[tuple[str, str], list[Any]] = {}
    for write in history.writes("node"):
        place = (write.cluster, write.uid)
        texts = (write.object.get("spec") or {}).get("podCIDRs") or []
        if write.deleted or not texts:
            held.pop(place, None)
            continue
        if write.before is not None and (write.before.object.get("spec") or {}).get("podCIDRs") == texts:
            continue
        mine = [ipaddress.ip_network(text) for text in texts]
        for (cluster, uid), others in held.items():
            if cluster == write.cluster and uid != write.uid and _overlap(mine, others):
                yield write, f"{texts[0]} overlaps another node's {others[0]}"
        held[place] = mine


def _overlap(mine: list[Any], others: list[Any]) -> bool:
    return any(a.version == b.version and a.overlaps(b) for a in mine for b in others)


def a_write_changes_something(history: History) -> Iterator[tuple[Write, str]]:
    """No new version of an object is stored that equals the one before it, by the same manager.

    Another manager, and any server-side apply, may change who owns fields and nothing else. A trace read from lines does not
    name managers.

    Source: apiserver registry/generic/registry/store.go (an update without a change is not written).
    """
    for write in history.all_writes:
        if write.before is None or write.deleted or write.before.deleted:
            continue
        now, then = write.record, write.before.record
        if not isinstance(now, Version) or not isinstance(then, Version):
            return
        if now.operation == "Apply":
            continue
        same = (now.manager, now.operation, now.subresource) == (
            then.manager,
            then.operation,
            then.subresource,
        )
        if same and _content(write.object) == _content(write.before.object):
            yield write, f"{write.record.actor} wrote what was there already"


def _content(obj: Object) -> Object:
    metadata = {k: v for k, v in obj["metadata"].items() if k not in {"resourceVersion", "managedFields"}}
    return {**obj, "metadata": metadata}


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase", ""))
