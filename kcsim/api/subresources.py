"""Sub-resources with semantics of their own: binding, scale, finalize; and what readers of leases see.

Eviction has a file of its own.

**Imitates:** kubernetes ``pkg/registry/core/pod/storage/storage.go``, ``pkg/registry/apps/*/storage`` (scale)
and ``pkg/registry/core/namespace/storage`` (v1.36). ``status`` needs nothing special: the store knows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kcsim.api import objects, patching, status
from kcsim.api.decoding import checked
from kcsim.api.eviction import evict
from kcsim.api.heartbeat import Heartbeats
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import Answer, Operation, service_account
from kcsim.api.resources import Resource, split_api_version
from kcsim.api.scale import AccessorError, missing_replicas, replicas_path, scale_of
from kcsim.engine.clock import SECOND, rfc3339, rfc3339_micro

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

_SUCCESS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def renewed(heartbeats: Heartbeats, lease: Object) -> Object:
    """The Lease with the renewTime that its holder's promise has reached."""
    last = heartbeats.last_renewal(*objects.key(lease))
    if last is None:
        return lease
    return objects.assoc(lease, ("spec", "renewTime"), rfc3339_micro(last))  # type: ignore[no-any-return]


def must_be_specified(resource: Resource, name: str) -> status.StatusError:
    """422 for an unconditional update of a kind that does not allow it."""
    why = "must be specified for an update"
    message = f"Invalid value: 0: {why}"
    text = f'{resource.group_resource} "{name}" is invalid: metadata.resourceVersion: {message}'
    details: dict[str, Any] = {"name": name}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.plural
    details["causes"] = [
        {"reason": "FieldValueInvalid", "message": message, "field": "metadata.resourceVersion"}
    ]
    return status.StatusError(422, "Invalid", text, details)


# --- pods/binding -----------------------------------------------------------------------------------------------


def _bind(server: ApiServer, op: Operation) -> Answer:
    pod = server.store.require(op.resource, op.namespace, op.name)
    kind = (op.body.get("target") or {}).get("kind", "")
    if kind not in {"", "Node"}:
        text = f'target.kind: Unsupported value: "{kind}": supported values: "Node", "<empty>"'
        raise status.unclassified(text)
    target = (op.body.get("target") or {}).get("name", "")
    if not target:
        raise status.unclassified("target.name: Required value")
    node = pod.object["spec"].get("nodeName")
    uid = (op.body.get("metadata") or {}).get("uid")
    if uid and uid != objects.uid(pod.object):
        why = (
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {objects.uid(pod.object)}"
        )
        raise status.conflict(op.resource, op.name, why)
    if objects.is_deleting(pod.object):
        raise _binding_conflict(op, f"pod {op.name} is being deleted, cannot be assigned to a host")
    if node:
        raise _binding_conflict(op, f'pod {op.name} is already assigned to node "{node}"')
    now = rfc3339(server.engine.now)
    labels = _topology_labels(server, target)

    def assign(old: Object) -> Object:
        if labels:
            merged = _with_topology(tuple(objects.labels(old).items()), labels)
            old = {**old, "metadata": {**old["metadata"], "labels": merged}}
        spec = {**old["spec"], "nodeName": target}
        before = old["status"].get("conditions")
        conditions = objects.set_condition(before, _SCHEDULED, now) if before else _only_scheduled(now)
        state = {**old["status"], "conditions": conditions}
        # A pod that is bound has no use for a nomination (gate ClearingNominatedNodeNameAfterBinding, on since 1.35).
        state.pop("nominatedNodeName", None)
        new = {**old, "spec": spec, "status": state}
        extra = (op.body.get("metadata") or {}).get("annotations")
        return objects.with_annotations(new, extra) if extra else new

    if not op.dry_run:
        server.store.rewrite(op, pod, assign, "bind")
        server.writes += 1
    return Answer(201, _SUCCESS)


def bind(server: ApiServer, op: Operation) -> Answer:
    """The path of old for bindings, ``namespaces/n/bindings``: nothing is stored, the pod of that name is bound.

    registry/core/pod/storage: LegacyBindingREST.
    """
    metadata = op.body.get("metadata") or {}
    if metadata.get("namespace") not in (None, "", op.namespace):
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not metadata.get("name"):
        raise status.bad_request("Name parameter required.")
    pods = server.catalog.by_gvk(("", "v1", "Pod"))
    assert pods is not None
    return _bind(server, replace(op, resource=pods, name=metadata["name"], subresource="binding"))


def _topology_labels(server: ApiServer, node: str) -> tuple[tuple[str, str], ...]:
    """What a pod is told of where its node stands (admission plugin PodTopologyLabels)."""
    nodes = server.catalog.by_gvk(("", "v1", "Node"))
    found = server.log.get(nodes, "", node) if nodes is not None else None
    if found is None:
        return ()
    labels = objects.labels(found.object)
    return tuple((key, labels[key]) for key in _TOPOLOGY if key in labels)


_SCHEDULED = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}


@lru_cache(maxsize=1024)
def _only_scheduled(now: str) -> list[Object]:
    """The conditions of a pod that had none before it was bound; the pods of one second share them."""
    return objects.set_condition([], _SCHEDULED, now)


_TOPOLOGY = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


@lru_cache(maxsize=4096)
def _with_topology(
    labels: tuple[tuple[str, str], ...], topology: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    """The labels of bound pods; pods of one template in one zone share one dict."""
    return {**dict(labels), **dict(topology)}


def _binding_conflict(op: Operation, why: str) -> status.StatusError:
    text = f'Operation cannot be fulfilled on pods/binding "{op.name}": {why}'
    return status.StatusError(409, "Conflict", text, {"name": op.name, "kind": "pods/binding"})


# --- scale ------------------------------------------------------------------------------------------------------

_SCALE = ("autoscaling", "v1", "Scale")


def _scale(server: ApiServer, op: Operation) -> Answer:
    """Read the Scale of a workload, or write the replicas in it."""
    current = server.store.require(op.resource, op.namespace, op.name)
    scale = _scale_shown(op.resource, current.object)
    if op.verb == "get":
        # Without the field there is nothing to read, though it may be written.
        if missing := missing_replicas(op.resource, current.object):
            raise status.internal(f'the spec replicas field "{missing}" does not exist')
        return Answer(200, scale)
    if op.verb == "patch" and op.patch_type == "apply":
        return _applied_scale(server, op, current)
    wanted = op.body if op.verb == "update" else patching.patched_plain(op, scale)
    wanted, wrong = checked(_SCALE, wanted)
    if wrong:
        raise _no_scale(server, op, current, wanted, wrong)
    metadata = wanted.get("metadata") or {}
    if op.verb == "update":
        patching.check_identity(op, wanted)
    version = metadata.get("resourceVersion")
    if version and version != objects.resource_version(current.object):
        raise status.conflict(op.resource, op.name)
    replicas = (wanted.get("spec") or {}).get("replicas") or 0
    if replicas < 0:
        text = f"spec.replicas: Invalid value: {replicas}: must be greater than or equal to 0"
        cause = {"reason": "FieldValueInvalid", "message": text.partition(": ")[2], "field": "spec.replicas"}
        details = {"name": op.name, "group": "autoscaling", "kind": "Scale", "causes": [cause]}
        raise status.StatusError(422, "Invalid", f'Scale.autoscaling "{op.name}" is invalid: {text}', details)
    path = replicas_path(op.resource)
    # Nobody comes to own the replicas of a custom resource that are written here (recorded).
    managed = server.ownership.managed_of(current) if op.resource.custom else None
    new = server.store.update(op, current, objects.assoc(current.object, path, replicas), managed=managed)
    server.writes += new is not current
    return Answer(200, _scale_shown(op.resource, new.object))


def _scale_shown(resource: Resource, obj: Object) -> Object:
    try:
        return scale_of(resource, obj)
    except AccessorError as error:
        raise status.internal(str(error)) from None


def _no_scale(
    server: ApiServer, op: Operation, current: Version, wanted: Object, why: str
) -> status.StatusError:
    """422 for a patch that makes something else of a Scale."""
    entries = [
        {**{k: v for k, v in entry.items() if k != "apiVersion"}, "apiVersion": "autoscaling/v1"}
        for entry in server.ownership.managed_of(current).to_json()
        if "f:replicas" in (entry["fieldsV1"].get("f:spec") or {})
    ]
    shown = [
        {
            "manager": entry["manager"],
            "operation": entry["operation"],
            "apiVersion": "autoscaling/v1",
            **({"time": entry["time"]} if "time" in entry else {}),
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
            **({"subresource": entry["subresource"]} if "subresource" in entry else {}),
        }
        for entry in entries
    ]
    return status.patch_invalid(
        patching.document_text(wanted, _scale_shown(op.resource, current.object), shown), why
    )


def _applied_scale(server: ApiServer, op: Operation, current: Version) -> Answer:
    """Server-side apply of a Scale: the parent with nothing but its replicas (scalehandler.go)."""
    config = op.body
    if (config.get("apiVersion"), config.get("kind")) != ("autoscaling/v1", "Scale"):
        group, version = split_api_version(str(config.get("apiVersion") or ""))
        raise status.bad_request(f"invalid object type: {group}/{version}, Kind={config.get('kind') or ''}")
    config, wrong = checked(_SCALE, config)
    if wrong:
        where = f"{op.namespace}/{op.name}; autoscaling/v1, Kind=Scale"
        raise status.unclassified(f"failed to create typed patch object ({where}): {wrong}")
    replicas = (config.get("spec") or {}).get("replicas")
    parent = {
        "apiVersion": op.resource.group_version,
        "kind": op.resource.kind,
        "metadata": config.get("metadata") or {},
    }
    path = replicas_path(op.resource)
    parent = {**parent, path[0]: {}} if replicas is None else objects.assoc(parent, path, replicas)
    obj, managed = patching.applied(replace(op, body=parent), current, server.ownership, server.engine.now)
    new = server.store.update(op, current, obj, managed=managed, operation="Apply")
    server.writes += new is not current
    return Answer(200, _scale_shown(op.resource, new.object))


# --- namespaces/finalize ----------------------------------------------------------------------------------------


def _finalize(server: ApiServer, op: Operation) -> Answer:
    current = server.store.require(op.resource, op.namespace, op.name)
    wanted = objects.resource_version(op.body)
    if wanted and wanted != objects.resource_version(current.object):
        raise status.conflict(op.resource, op.name)
    finalizers = (op.body.get("spec") or {}).get("finalizers")
    spec = {"finalizers": finalizers} if finalizers else {}
    version = server.store.rewrite(op, current, lambda old: {**old, "spec": spec}, "finalize")
    server.writes += 1
    return Answer(200, version.object, versions=(version,))


# --- serviceaccounts/token, pods/log ----------------------------------------------------------------------------

_TOKEN_MIN_S, _TOKEN_MAX_S, _TOKEN_DEFAULT_S = 600, 1 << 32, 3600


def _token(server: ApiServer, op: Operation) -> Answer:
    """TokenRequest: a text that authenticates as the account. It does not expire."""
    account = server.store.require(op.resource, op.namespace, op.name)
    spec = op.body.get("spec") or {}
    seconds = spec.get("expirationSeconds")
    seconds = _TOKEN_DEFAULT_S if seconds is None else seconds
    if seconds < _TOKEN_MIN_S:
        raise _token_refused(seconds, "may not specify a duration less than 10 minutes")
    if seconds > _TOKEN_MAX_S:
        raise _token_refused(seconds, "may not specify a duration larger than 2^32 seconds")
    audiences = spec.get("audiences") or ["https://kubernetes.default.svc.cluster.local"]
    now = server.engine.now
    dice = server.engine.dice(f"token/{server.cluster}")
    asked: dict[str, Object] = {f"f:{field}": {} for field in ("audiences", "expirationSeconds")}
    entry = {
        "manager": op.field_manager or "unknown",
        "operation": "Update",
        "apiVersion": "authentication.k8s.io/v1",
        "time": rfc3339(now),
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": asked},
        "subresource": "token",
    }
    token = ".".join(dice.suffix(40) for _ in range(3))
    server.tokens[token] = service_account(op.namespace, op.name)
    body = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": op.name,
            "namespace": op.namespace,
            "uid": objects.uid(account.object),
            "creationTimestamp": rfc3339(now),
            "managedFields": [entry],
        },
        "spec": {
            "audiences": audiences,
            "expirationSeconds": seconds,
            "boundObjectRef": spec.get("boundObjectRef"),
        },
        "status": {
            "token": token,
            "expirationTimestamp": rfc3339(now + seconds * SECOND),
        },
    }
    return Answer(201, body)


def _token_refused(seconds: int, why: str) -> status.StatusError:
    message = f"Invalid value: {seconds}: {why}"
    cause = {"reason": "FieldValueInvalid", "message": message, "field": "spec.expirationSeconds"}
    details = {"group": "authentication.k8s.io", "kind": "TokenRequest", "causes": [cause]}
    text = f'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: {message}'
    return status.StatusError(422, "Invalid", text, details)


def _log(server: ApiServer, op: Operation) -> Answer:
    """What a container wrote, from the kubelet of its node (registry/core/pod/strategy.go: LogLocation)."""
    pod = server.store.require(op.resource, op.namespace, op.name).object
    mains = [c["name"] for c in pod["spec"].get("containers") or ()]
    inits = [c["name"] for c in pod["spec"].get("initContainers") or ()]
    debuggers = [c["name"] for c in pod["spec"].get("ephemeralContainers") or ()]
    if op.container and op.container not in (*mains, *inits, *debuggers):
        raise status.bad_request(f"container {op.container} is not valid for pod {op.name}")
    if not op.container and len(mains) > 1:
        text = f"a container name must be specified for pod {op.name}, choose one of: [{' '.join(mains)}]"
        also = f" or one of the init containers: [{' '.join(inits)}]" if inits else ""
        raise status.bad_request(text + also)
    node = pod["spec"].get("nodeName", "")
    if not node:
        return Answer(200, "")
    nodes = server.catalog.by_gvk(("", "v1", "Node"))
    if nodes is not None and server.log.get(nodes, "", node) is None:
        raise status.not_found(op.resource, node)  # upstream names the pod's resource here too
    if server.container_logs is None:
        return Answer(200, "")
    return Answer(200, server.container_logs(pod, op.container or mains[0], op.log))


HANDLERS: dict[str, Callable[[ApiServer, Operation], Answer]] = {
    "binding": _bind,
    "eviction": evict,
    "scale": _scale,
    "finalize": _finalize,
    "token": _token,
    "log": _log,
}
