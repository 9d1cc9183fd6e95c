"""The admission chain: ordered mutating plugins, then ordered validating ones.

**Imitates:** kubernetes ``pkg/kubeapiserver/options/plugins.go`` (v1.36). Here: NamespaceLifecycle, ServiceAccount,
TaintNodesByCondition, Priority, DefaultTolerationSeconds,
StorageObjectInUseProtection. Left out and refused loudly elsewhere: LimitRanger, ResourceQuota,
webhooks and policies (see ``docs/fidelity.md``).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects, status
from kcsim.api.admission.token_volume import with_token
from kcsim.api.catalog import Catalog, Resource
from kcsim.api.log import Log
from kcsim.api.objects import Object
from kcsim.engine.dice import Dice

IMMORTAL_NAMESPACES = frozenset({"default", "kube-system", "kube-public"})
NOT_ENFORCED = frozenset(
    {
        "LimitRange",
        "ResourceQuota",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
    }
)
"""Kinds the server stores but whose effect on other objects kcsim does not model: creating one warns."""

_TOLERATION_SECONDS = 300
_PROTECTED = {
    "PersistentVolumeClaim": "kubernetes.io/pvc-protection",
    "PersistentVolume": "kubernetes.io/pv-protection",
}


class Admission:
    """The plugins of one API server."""

    def __init__(self, log: Log, catalog: Catalog, dice: Dice) -> None:
        self._log = log
        self._dice = dice
        self._pods = _required(catalog, ("", "v1", "Pod"))
        self._runtime_classes = _required(catalog, ("node.k8s.io", "v1", "RuntimeClass"))
        self._accounts = _required(catalog, ("", "v1", "ServiceAccount"))
        self._namespaces = _required(catalog, ("", "v1", "Namespace"))
        self._priority_classes = _required(catalog, ("scheduling.k8s.io", "v1", "PriorityClass"))
        # Pods of one template share their spec: what admission made of it is kept, keyed by identity. The spec is
        # held as well, so its identity cannot be reused while the entry lives.
        self._specs: dict[int, tuple[Object, Object]] = {}
        self._watch = log.watch(self._priority_classes, self._specs.clear)

    def admit_create(self, resource: Resource, namespace: str, obj: Object) -> Object:
        """The object as it will be stored.

        Raises:
            StatusError: when a plugin refuses it.
        """
        if resource.namespaced:
            self.check_namespace(resource, namespace, objects_name(obj))
        if resource.kind == "Pod" and not resource.custom:
            return self._pod(namespace, obj)
        if resource.kind == "Node" and not resource.custom:
            return _taint_new_node(obj)
        if resource.kind in _PROTECTED and not resource.group:
            return _protected(obj, _PROTECTED[resource.kind])
        return obj

    def admit_update(self, resource: Resource, obj: Object) -> Object:
        """The object as it will replace the stored one: a pod that lost its default tolerations gets them back."""
        if resource.kind != "Pod" or resource.custom:
            return obj
        spec = _tolerations(obj["spec"])
        return obj if spec["tolerations"] == obj["spec"].get("tolerations") else {**obj, "spec": spec}

    def admit_delete(self, resource: Resource, name: str) -> None:
        """Refuse the deletion of what must live (NamespaceLifecycle)."""
        if resource is self._namespaces and name in IMMORTAL_NAMESPACES:
            raise status.forbidden(resource, name, "this namespace may not be deleted")

    def check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        """NamespaceLifecycle: refuse what would be created where there is no namespace, or one that is going."""
        version = self._log.get(self._namespaces, "", namespace)
        if version is None:
            raise status.not_found(self._namespaces, namespace)
        if version.object["status"].get("phase") == "Terminating":
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise status.forbidden(resource, name, why, [cause])

    def _pod(self, namespace: str, obj: Object) -> Object:
        spec = obj["spec"]
        known = self._specs.get(id(spec))
        if known is not None and known[0] is spec:
            return {**obj, "spec": known[1]}
        admitted = _tolerations(self._runtime(obj, self._priority(obj, self._account(namespace, obj))))
        if len(self._specs) > 4096:
            self._specs.clear()
        self._specs[id(spec)] = (spec, admitted)
        return {**obj, "spec": admitted}

    def _account(self, namespace: str, obj: Object) -> Object:
        """ServiceAccount: the namespace's ``default`` account unless another is named, and its token mounted.

        Differs: where there is no ``default`` account, which no controller may have made, the pod is taken without a
        token (upstream refuses it); pods of one template share the volume's name.
        """
        spec: Object = obj["spec"]
        if "kubernetes.io/config.mirror" in objects.annotations(obj):
            return spec
        name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
        spec = {**spec, "serviceAccountName": name, "serviceAccount": name}
        account = self._log.get(self._accounts, namespace, name)
        if account is None and name != "default":
            why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            raise status.forbidden(self._pods, objects_name(obj), why)
        if account is None:
            return spec
        if account.object.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
            spec["imagePullSecrets"] = account.object["imagePullSecrets"]
        mounts = spec.get("automountServiceAccountToken")
        if mounts is None:
            mounts = account.object.get("automountServiceAccountToken")
        return spec if mounts is False else with_token(spec, self._dice.suffix(5))

    def _runtime(self, pod: Object, spec: Object) -> Object:
        """RuntimeClass: the class there is, and what its pods need on top."""
        name = spec.get("runtimeClassName")
        if not name:
            return spec
        version = self._log.get(self._runtime_classes, "", name)
        if version is None:
            why = f'pod rejected: RuntimeClass "{name}" not found'
            raise status.forbidden(self._pods, objects_name(pod), why)
        overhead = (version.object.get("overhead") or {}).get("podFixed")
        return {**spec, "overhead": overhead} if overhead else spec

    def _priority(self, pod: Object, spec: Object) -> Object:
        """Priority: resolves priorityClassName; without one the global default or 0."""
        self._watch.take()
        name = spec.get("priorityClassName", "")
        value, policy = 0, "PreemptLowerPriority"
        if name in _SYSTEM_PRIORITIES:
            value = _SYSTEM_PRIORITIES[name]
        elif name:
            version = self._log.get(self._priority_classes, "", name)
            if version is None:
                raise status.StatusError(
                    403, "Forbidden", f"pods is forbidden: no PriorityClass with name {name} was found"
                )
            value = version.object.get("value", 0)
            policy = version.object.get("preemptionPolicy", policy)
        else:
            for version in self._log.list(self._priority_classes):
                if version.object.get("globalDefault"):
                    name, value = version.key[1], version.object.get("value", 0)
                    policy = version.object.get("preemptionPolicy", policy)
        if spec.get("priority") not in (None, value):
            why = (
                f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
                f"priority admission controller computed {value} from the given PriorityClass name"
            )
            raise status.forbidden(self._pods, objects_name(pod), why)
        extra: dict[str, Any] = {"priority": value, "preemptionPolicy": policy}
        if name:
            extra["priorityClassName"] = name
        return {**spec, **extra}


_SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def objects_name(obj: Object) -> str:
    """metadata.name, "" while it is still to be generated."""
    return obj["metadata"].get("name") or ""


def _required(catalog: Catalog, gvk: tuple[str, str, str]) -> Resource:
    resource = catalog.by_gvk(gvk)
    assert resource is not None, gvk
    return resource


def _tolerations(spec: Object) -> Object:
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


def _taint_new_node(obj: Object) -> Object:
    """TaintNodesByCondition: a new node is not ready until its conditions say so."""
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    taints = obj["spec"].get("taints") or []
    if any(t.get("key") == taint["key"] and t.get("effect") == taint["effect"] for t in taints):
        return obj
    return objects.assoc(obj, ("spec", "taints"), [*taints, taint])  # type: ignore[no-any-return]


def _protected(obj: Object, finalizer: str) -> Object:
    """StorageObjectInUseProtection: what may be in use goes only when a controller lets it."""
    finalizers = obj["metadata"].get("finalizers") or []
    if finalizer in finalizers:
        return obj
    return objects.with_metadata(obj, finalizers=[*finalizers, finalizer])
