"""What plugins make of a pod's spec: account and token, runtime class, priority, tolerations; and how far it may grow.

**Imitates:** ``plugin/pkg/admission/{serviceaccount,priority,defaulttolerationseconds,podresize}`` and apiserver's and kubernetes'
``plugin/pkg/admission/runtimeclass`` (v1.36). Each is a function from a pod to the spec it then has; they refuse through
``AdmissionRequest.forbidden``.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects, quantity, status
from kcsim.api.admission.request import AdmissionRequest
from kcsim.api.admission.shelf import Shelf
from kcsim.api.admission.token_volume import with_token
from kcsim.api.log import Log
from kcsim.api.objects import Object
from kcsim.api.pod_resources import pod_requests
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.engine.dice import Dice

_TOLERATION_SECONDS = 300
_MIRROR = "kubernetes.io/config.mirror"
SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def with_account(request: AdmissionRequest, spec: Object, accounts: Shelf, dice: Dice) -> Object:
    """ServiceAccount: the namespace's ``default`` account unless another is named, and its token mounted.

    Differs: where there is no ``default`` account, which no controller may have made, the pod is taken without a
    token (upstream refuses it); pods of one template share the volume's name.
    """
    if _MIRROR in objects.annotations(request.object or {}):
        _check_mirror(request, spec)
        return spec
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec = {**spec, "serviceAccountName": name, "serviceAccount": name}
    account = accounts.get(request.namespace, name)
    if account is None:
        if name == "default":
            return spec
        raise request.forbidden(
            f'error looking up service account {request.namespace}/{name}: serviceaccount "{name}" not found'
        )
    if account.object.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account.object["imagePullSecrets"]
    mounts = spec.get("automountServiceAccountToken")
    if mounts is None:
        mounts = account.object.get("automountServiceAccountToken")
    return spec if mounts is False else with_token(spec, dice.suffix(5))


def _check_mirror(request: AdmissionRequest, spec: Object) -> None:
    """A static pod's mirror may not lean on the API."""
    if spec.get("serviceAccountName"):
        raise request.forbidden("a mirror pod may not reference service accounts")
    for volume in spec.get("volumes") or ():
        if "secret" in volume:
            raise request.forbidden("a mirror pod may not reference secrets")
        for source in (volume.get("projected") or {}).get("sources") or ():
            if "serviceAccountToken" in source:
                raise request.forbidden("a mirror pod may not use ServiceAccountToken volume projections")


def with_runtime_class(request: AdmissionRequest, spec: Object, classes: Shelf) -> Object:
    """RuntimeClass: the class there is, and what its pods need on top."""
    name = spec.get("runtimeClassName")
    if not name:
        if spec.get("overhead"):
            raise request.forbidden(
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            )
        return spec
    version = classes.get("", name)
    if version is None:
        raise request.forbidden(f'pod rejected: RuntimeClass "{name}" not found')
    overhead = (version.object.get("overhead") or {}).get("podFixed")
    if spec.get("overhead") not in (None, {}, overhead):
        raise request.forbidden("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    if overhead:
        spec = {**spec, "overhead": overhead}
    return _scheduled_with(request, spec, version.object.get("scheduling") or {})


def _scheduled_with(request: AdmissionRequest, spec: Object, scheduling: Object) -> Object:
    selector = dict(spec.get("nodeSelector") or {})
    for key, value in sorted((scheduling.get("nodeSelector") or {}).items()):
        if selector.get(key, value) != value:
            raise request.forbidden(
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {selector[key]}"
            )
        selector[key] = value
    if selector != (spec.get("nodeSelector") or {}):
        spec = {**spec, "nodeSelector": selector}
    tolerations = list(spec.get("tolerations") or ())
    more = [item for item in scheduling.get("tolerations") or () if item not in tolerations]
    return {**spec, "tolerations": [*tolerations, *more]} if more else spec


def with_priority(request: AdmissionRequest, spec: Object, classes: Shelf) -> Object:
    """Priority: resolves priorityClassName; without one the global default or 0."""
    name = spec.get("priorityClassName", "")
    value, policy = 0, "PreemptLowerPriority"
    if name in SYSTEM_PRIORITIES:
        value = SYSTEM_PRIORITIES[name]
    elif name:
        version = classes.get("", name)
        if version is None:
            raise request.forbidden(f"no PriorityClass with name {name} was found")
        value = version.object.get("value", 0)
        policy = version.object.get("preemptionPolicy", policy)
    elif default := global_default(classes):
        name, value = objects.name(default), default.get("value", 0)
        policy = default.get("preemptionPolicy", policy)
    if spec.get("priority") not in (None, value):
        raise request.forbidden(
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name"
        )
    if spec.get("preemptionPolicy") not in (None, policy):
        raise request.forbidden(
            f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec; "
            f"priority admission controller computed {policy} from the given PriorityClass name"
        )
    extra: dict[str, Any] = {"priority": value, "preemptionPolicy": policy}
    if name:
        extra["priorityClassName"] = name
    return {**spec, **extra}


def global_default(classes: Shelf) -> Object | None:
    """The PriorityClass of pods that name none: of several the lowest."""
    defaults = [version.object for version in classes.of() if version.object.get("globalDefault")]
    return min(defaults, key=lambda obj: obj.get("value", 0), default=None)


def with_tolerations(spec: Object) -> Object:
    """DefaultTolerationSeconds: stay 300 s on a node that is not ready or unreachable."""
    tolerations = list(spec.get("tolerations") or ())
    for taint in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if any(
            t.get("key", "") in {"", taint} and t.get("effect", "") in {"", "NoExecute"} for t in tolerations
        ):
            continue
        tolerations.append(
            {
                "key": taint,
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": _TOLERATION_SECONDS,
            }
        )
    return {**spec, "tolerations": tolerations}


def check_resize(request: AdmissionRequest, nodes: Resource, log: Log) -> None:
    """PodResizeValidator: a pod on a node may not ask for more than the node could ever give.

    Raises:
        StatusError: 403.
    """
    pod, old = request.object, request.old
    assert pod is not None
    assert old is not None
    name = pod["spec"].get("nodeName")
    if not name or pod["metadata"].get("generation") == old["metadata"].get("generation"):
        return
    version = log.get(nodes, "", name)
    if version is None:
        raise request.forbidden(f'node "{name}" not found')
    system = objects.labels(version.object).get("kubernetes.io/os", "linux")
    if system != "linux":
        why = f'pod resize is only supported on linux nodes, node "{name}" is "{system}"'
        raise _no_resize(request, why, "UnsupportedPlatform")
    given = (version.object.get("status") or {}).get("allocatable") or {}
    asked = pod_requests(pod)
    found = []
    for what, read in (("cpu", quantity.milli), ("memory", quantity.value)):
        most, wanted = read(given.get(what, "0")), read(str(asked[what])) if what in asked else 0
        if wanted > most:
            found.append(f"{what}, requested: {wanted}, allocatable: {most}")
    if found:
        why = f"node didn't have enough allocatable resources: {'; '.join(found)}"
        raise _no_resize(request, why, "NodeCapacity")


def _no_resize(request: AdmissionRequest, why: str, cause: str) -> StatusError:
    return status.forbidden(request.resource, request.shown_name, why, [{"reason": cause}])
