"""Which warnings come with a write of which kind.

**Imitates:** WarningsOnCreate and WarningsOnUpdate of kubernetes pkg/registry/*/*/strategy.go, with
pkg/api/{service,job,storage,persistentvolume}/ (v1.36). Pod templates are looked at again only when an update moves the
generation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from kcsim.api import names, objects
from kcsim.api.objects import Object
from kcsim.api.resources import GVK
from kcsim.api.validation.metadata import plain_finalizers
from kcsim.api.warnings.addresses import of_cidr, of_ip
from kcsim.api.warnings.claims import STORAGE_CLASS, STORAGE_CLASS_DEPRECATED, of_claim_spec
from kcsim.api.warnings.nodes import DEPRECATED_LABELS, of_required
from kcsim.api.warnings.pods import of_pod

Warn = Callable[[Object, Object | None], Iterator[str]]
"""Of an object, and of the one it takes the place of (None: a new one)."""


def on_create(obj: Object, gvk: GVK, *, custom: bool = False) -> list[str]:
    """What to warn of when an object that is valid is made."""
    warn = _custom if custom else _KINDS.get((gvk[0], gvk[2]))
    return list(warn(obj, None)) if warn is not None else []


def on_update(new: Object, old: Object, gvk: GVK, *, custom: bool = False) -> list[str]:
    """What to warn of when an object is valid in another's place."""
    warn = _custom if custom else _KINDS.get((gvk[0], gvk[2]))
    return list(warn(new, old)) if warn is not None else []


def _custom(new: Object, old: Object | None) -> Iterator[str]:
    """Of a custom resource (apiextensions-apiserver pkg/registry/customresource): finalizers that anyone could mean."""
    if not new["metadata"].get("finalizers"):
        return
    before = (old["metadata"].get("finalizers") or ()) if old is not None else ()
    for finalizer in sorted({name for _, name in plain_finalizers(new["metadata"])} - set(before)):
        yield (
            f'metadata.finalizers: "{finalizer}": prefer a domain-qualified finalizer name including a path (/) to avoid '
            "accidental conflicts with other finalizer writers"
        )


def _moved(new: Object, old: Object | None) -> bool:
    return old is None or new["metadata"].get("generation") != old["metadata"].get("generation")


def _label_wanted(obj: Object, used: str) -> Iterator[str]:
    wrong = names.is_dns1123_label(objects.name(obj))
    if wrong:
        why = f"this is used in {used}, which can result in surprising behavior; a DNS label is recommended"
        yield f"metadata.name: {why}: [{' '.join(wrong)}]"


def _pod(new: Object, old: Object | None) -> Iterator[str]:
    if old is None:
        yield from _label_wanted(new, "the Pod's hostname")
    if _moved(new, old):
        yield from of_pod(new)


def _workload(new: Object, old: Object | None) -> Iterator[str]:
    if old is None:
        yield from _label_wanted(new, "Pod names and hostnames")
    yield from _templated(new, old)


def _templated(new: Object, old: Object | None) -> Iterator[str]:
    if _moved(new, old):
        yield from of_pod(new["spec"].get("template") or {}, "spec.template.")


def _pod_template(new: Object, old: Object | None) -> Iterator[str]:
    if _moved(new, old):
        yield from of_pod(new.get("template") or {}, "template.")


def _stateful_set(new: Object, old: Object | None) -> Iterator[str]:
    yield from _templated(new, old)
    for index, claim in enumerate(new["spec"].get("volumeClaimTemplates") or ()):
        place = f"spec.volumeClaimTemplates[{index}]"
        # The strategy for updates spells a field of its own.
        yield from of_claim_spec(place if old is None else f"{place}.Spec", claim.get("spec") or {})
    if (new["spec"].get("revisionHistoryLimit") or 0) < 0:
        yield (
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; "
            "a value >= 0 is recommended"
        )


def _job_spec(path: str, spec: Mapping[str, object]) -> Iterator[str]:
    completions, parallelism = spec.get("completions") or 0, spec.get("parallelism") or 0
    assert isinstance(completions, int)
    assert isinstance(parallelism, int)
    if spec.get("completionMode") == "Indexed" and completions > 100_000 and parallelism > 10_000:
        yield (
            f"{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than "
            "10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        )
    template = spec.get("template")
    assert isinstance(template, dict)
    yield from of_pod(template, f"{path}.template.")


def _job(new: Object, old: Object | None) -> Iterator[str]:
    if old is None:
        yield from _label_wanted(new, "Pod names and hostnames")
    if _moved(new, old):
        yield from _job_spec("spec", new["spec"])


def _cron_job(new: Object, old: Object | None) -> Iterator[str]:
    if old is None:
        yield from _label_wanted(new, "Pod names and hostnames")
    if _moved(new, old):
        yield from _job_spec("spec.jobTemplate.spec", new["spec"]["jobTemplate"]["spec"])
    if old is not None and "TZ" in new["spec"]["schedule"]:
        yield (
            "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see "
            "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        )


_TOPOLOGY_HINTS: Final = "service.kubernetes.io/topology-aware-hints"


def _service(new: Object, old: Object | None) -> Iterator[str]:
    del old
    spec = new["spec"]
    kind, external = spec.get("type"), spec.get("externalIPs") or ()
    headless = kind == "ClusterIP" and spec.get("clusterIP") == "None"
    if _TOPOLOGY_HINTS in objects.annotations(new):
        yield f"annotation {_TOPOLOGY_HINTS} is deprecated, please use service.kubernetes.io/topology-mode instead"
    if spec.get("clusterIP") not in {None, "", "None"}:
        for index, address in enumerate(spec.get("clusterIPs") or ()):
            yield from of_ip(f"spec.clusterIPs[{index}]", address)
    if headless:
        if spec.get("loadBalancerIP"):
            yield "spec.loadBalancerIP is ignored for headless services"
        if external:
            yield "spec.externalIPs is ignored for headless services"
        if spec.get("sessionAffinity") != "None":
            yield "spec.SessionAffinity is ignored for headless services"
    for index, address in enumerate(external):
        yield from of_ip(f"spec.externalIPs[{index}]", address)
    if external and not headless and kind != "ExternalName":
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if spec.get("loadBalancerIP"):
        yield from of_ip("spec.loadBalancerIP", spec["loadBalancerIP"])
    for index, block in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        yield from of_cidr(f"spec.loadBalancerSourceRanges[{index}]", block.strip())
    if kind == "ExternalName" and external:
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if kind != "ExternalName" and spec.get("externalName"):
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.get("trafficDistribution") == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'


_INGRESS_CLASS: Final = "kubernetes.io/ingress.class"


def _ingress(new: Object, old: Object | None) -> Iterator[str]:
    if (
        old is None
        and _INGRESS_CLASS in objects.annotations(new)
        and new["spec"].get("ingressClassName") is None
    ):
        yield f"annotation \"{_INGRESS_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"


def _network_policy(new: Object, old: Object | None) -> Iterator[str]:
    del old
    for rules, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(new["spec"].get(rules) or ()):
            for j, peer in enumerate(rule.get(peers) or ()):
                block = peer.get("ipBlock")
                if block is not None:
                    path = f"spec.{rules}[{i}].{peers}[{j}].ipBlock"
                    yield from of_cidr(f"{path}.cidr", block["cidr"])
                    for k, excepted in enumerate(block.get("except") or ()):
                        yield from of_cidr(f"{path}.except[{k}]", excepted)


_SLICE_MAKERS: Final = frozenset(
    {"endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"}
)


def _endpoint_slice(new: Object, old: Object | None) -> Iterator[str]:
    kind = new.get("addressType")
    if old is None and kind == "FQDN":
        yield "spec.addressType: FQDN endpoints are deprecated"
    if kind == "FQDN" or objects.labels(new).get("endpointslice.kubernetes.io/managed-by") in _SLICE_MAKERS:
        return
    for i, endpoint in enumerate(new.get("endpoints") or ()):
        for j, address in enumerate(endpoint.get("addresses") or ()):
            yield from of_ip(f"endpoints[{i}].addresses[{j}]", address)


def _volume(new: Object, old: Object | None) -> Iterator[str]:
    del old
    if STORAGE_CLASS in objects.annotations(new):
        yield STORAGE_CLASS_DEPRECATED
    if new["spec"].get("persistentVolumeReclaimPolicy") == "Recycle":
        yield (
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. "
            "Instead, the recommended approach is to use dynamic provisioning."
        )
    required = (new["spec"].get("nodeAffinity") or {}).get("required")
    yield from of_required("spec.nodeAffinity.required", required)


def _claim(new: Object, old: Object | None) -> Iterator[str]:
    del old
    if STORAGE_CLASS in objects.annotations(new):
        yield STORAGE_CLASS_DEPRECATED
    yield from of_claim_spec("spec", new["spec"])


def _storage_class(new: Object, old: Object | None) -> Iterator[str]:
    del old
    for i, topology in enumerate(new.get("allowedTopologies") or ()):
        for j, expression in enumerate(topology.get("matchLabelExpressions") or ()):
            text = DEPRECATED_LABELS.get(expression.get("key"))
            if text is not None:
                yield f"allowedTopologies[{i}].matchLabelExpressions[{j}].key: {text}"


def _runtime_class(new: Object, old: Object | None) -> Iterator[str]:
    del old
    for label in sorted((new.get("scheduling") or {}).get("nodeSelector") or ()):
        if label in DEPRECATED_LABELS:
            yield f"scheduling.nodeSelector: {DEPRECATED_LABELS[label]}"


def _node(new: Object, old: Object | None) -> Iterator[str]:
    del old
    spec = new.get("spec") or {}
    if spec.get("configSource") is not None:
        yield "spec.configSource: the feature is removed"
    if spec.get("externalID"):
        yield "spec.externalID: this field is deprecated, and is unused by Kubernetes"


_KINDS: Final[Mapping[tuple[str, str], Warn]] = {
    ("", "Pod"): _pod,
    ("", "PodTemplate"): _pod_template,
    ("", "ReplicationController"): _workload,
    ("", "Service"): _service,
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Node"): _node,
    ("apps", "Deployment"): _workload,
    ("apps", "ReplicaSet"): _workload,
    ("apps", "DaemonSet"): _templated,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _cron_job,
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("networking.k8s.io", "NetworkPolicy"): _network_policy,
    ("node.k8s.io", "RuntimeClass"): _runtime_class,
    ("storage.k8s.io", "StorageClass"): _storage_class,
}
