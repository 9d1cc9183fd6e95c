"""The admission chain: plugins that complete an object, then plugins that may refuse it, in upstream's order.

**Imitates:** kubernetes ``pkg/kubeapiserver/options/plugins.go`` (v1.36). Here: NamespaceLifecycle, LimitRanger, ServiceAccount,
NodeRestriction, TaintNodesByCondition, Priority, DefaultTolerationSeconds, DefaultStorageClass,
StorageObjectInUseProtection, PersistentVolumeClaimResize, RuntimeClass, DefaultIngressClass, ValidatingAdmissionPolicy,
ResourceQuota, PodSecurity. Left out, and warned of where a user meets it: webhooks, MutatingAdmissionPolicy. Not asked at all
about bindings, evictions and what kcsim's own programs write by the thousand (Events, statuses they computed).

**Walk:** defaults -> ``admit_create`` or ``admit_update`` -> the object's own validation -> ``validate`` -> storage. Deletions see
``admit_delete`` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kcsim.api import objects, status
from kcsim.api.admission import nodes, pods, storage
from kcsim.api.admission.limit_ranger import (
    ANNOTATION,
    claim_violations,
    joined,
    pod_violations,
    with_defaults,
)
from kcsim.api.admission.pod_security import PodSecurity
from kcsim.api.admission.policy.matching import is_exempt
from kcsim.api.admission.quota.check import admit as charge
from kcsim.api.admission.quota.check import is_handled
from kcsim.api.admission.request import Action, AdmissionRequest, name_of
from kcsim.api.admission.shelf import Shelf, served
from kcsim.api.catalog import Catalog
from kcsim.api.cel import library
from kcsim.api.log import Log, Version
from kcsim.api.objects import Object
from kcsim.api.qos import qos_class
from kcsim.api.request import Operation
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.engine.core import Engine

if TYPE_CHECKING:
    from kcsim.api.admission.policy.plugin import Policies

IMMORTAL_NAMESPACES = frozenset({"default", "kube-system", "kube-public"})
NOT_ENFORCED = frozenset(
    {
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "CertificateSigningRequest",
        "FlowSchema",
        "IPAddress",
        "PriorityLevelConfiguration",
        "ServiceCIDR",
    }
)
"""Kinds the server stores but whose effect on other objects kcsim does not model: creating one warns."""
CEL_KINDS = frozenset({"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"})
"""Kinds whose objects hold CEL, and are stored unread where there is nothing to evaluate it."""
_PROTECTED = {
    "PersistentVolumeClaim": "kubernetes.io/pvc-protection",
    "PersistentVolume": "kubernetes.io/pv-protection",
}
_SIZING = frozenset({"", "resize"})
"""The ways by which an object comes to its sizes."""
_REMEMBERED = 4096


class _Admitted(NamedTuple):
    """What a spec became. The given one is held, so that its identity cannot be another's while the entry lives."""

    given: Object
    made: Object
    note: str
    """What LimitRanger says it filled in."""


class Admission:
    """The plugins of one API server. ``write`` stores what a quota is charged with."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        catalog: Catalog,
        cluster: str,
        write: Callable[[Version, Object], None],
    ) -> None:
        self._engine = engine
        self._log = log
        self._write = write
        self._catalog = catalog
        self._dice = engine.dice(f"admission/{cluster}")
        self._namespaces = served(catalog, "", "v1", "Namespace")
        self._pods = served(catalog, "", "v1", "Pod")
        self._claims = served(catalog, "", "v1", "PersistentVolumeClaim")
        self._ranges = Shelf(log, served(catalog, "", "v1", "LimitRange"), self._forget)
        self._accounts = Shelf(log, served(catalog, "", "v1", "ServiceAccount"), self._forget)
        self._runtime_classes = Shelf(log, served(catalog, "node.k8s.io", "v1", "RuntimeClass"), self._forget)
        self._priority_classes = Shelf(
            log, served(catalog, "scheduling.k8s.io", "v1", "PriorityClass"), self._forget
        )
        self._storage_classes = Shelf(log, served(catalog, "storage.k8s.io", "v1", "StorageClass"))
        self._ingress_classes = Shelf(log, served(catalog, "networking.k8s.io", "v1", "IngressClass"))
        self._nodes = served(catalog, "", "v1", "Node")
        self._quotas = Shelf(log, served(catalog, "", "v1", "ResourceQuota"))
        self._security = PodSecurity(log, self._namespaces, self._pods)
        group = "admissionregistration.k8s.io"
        self._bindings = Shelf(log, served(catalog, group, "v1", "ValidatingAdmissionPolicyBinding"))
        self._policies: Policies | None = None
        # Pods of one template share their spec: what admission made of it is kept, keyed by identity and namespace,
        # until something that the plugins read is written.
        self._specs: dict[tuple[int, str], _Admitted] = {}

    def _forget(self) -> None:
        self._specs.clear()

    # --- completing ---------------------------------------------------------------------------------------------

    def admit_create(self, op: Operation, obj: Object) -> Object:
        """A new object with what the plugins add.

        Raises:
            StatusError: when a plugin refuses it.
        """
        resource = op.resource
        if resource.namespaced:
            self.check_namespace(resource, op.namespace, name_of(obj))
        if resource.custom:
            return obj
        kind = resource.kind
        if kind == "Pod":
            return self._pod(op, obj)
        if kind == "Node":
            return nodes.with_taint(obj)
        if kind == "PersistentVolumeClaim":
            obj = storage.with_storage_class(obj, self._storage_classes)
        if kind in _PROTECTED and not resource.group:
            return _protected(obj, _PROTECTED[kind])
        if kind == "Ingress":
            return storage.with_ingress_class(obj, self._ingress_classes)
        return obj

    def admit_update(self, resource: Resource, obj: Object) -> Object:
        """The object as it will replace the stored one: a pod that lost its default tolerations gets them back."""
        if resource.kind != "Pod" or resource.custom:
            return obj
        spec = pods.with_tolerations(obj["spec"])
        return obj if spec["tolerations"] == obj["spec"].get("tolerations") else {**obj, "spec": spec}

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

    def _pod(self, op: Operation, pod: Object) -> Object:
        spec = pod["spec"]
        key = (id(spec), op.namespace)
        known = self._specs.get(key)
        if known is None or known.given is not spec:
            if len(self._specs) > _REMEMBERED:
                self._specs.clear()
            known = self._specs[key] = self._admitted(op, pod)
        if not known.note:
            return {**pod, "spec": known.made}
        noted = objects.with_annotations(pod, {ANNOTATION: known.note})
        return {**noted, "spec": known.made, "status": {**pod["status"], "qosClass": qos_class(known.made)}}

    def _admitted(self, op: Operation, pod: Object) -> _Admitted:
        """What the plugins make of a pod's spec."""
        given = pod["spec"]
        ranges = [version.object for version in self._ranges.of(op.namespace)] if self._ranges.any else ()
        ranged = with_defaults({"metadata": {}, "spec": given}, ranges)
        request = self._request(op, "CREATE", pod, None)
        made = pods.with_account(request, ranged["spec"], self._accounts, self._dice)
        made = pods.with_priority(request, made, self._priority_classes)
        made = pods.with_tolerations(made)
        made = pods.with_runtime_class(request, made, self._runtime_classes)
        return _Admitted(given, made, objects.annotations(ranged).get(ANNOTATION, ""))

    # --- refusing -----------------------------------------------------------------------------------------------

    def validate(self, op: Operation, obj: Object, old: Object | None) -> None:
        """Let a write pass that is complete and valid.

        Raises:
            StatusError: when a plugin refuses it.
        """
        resource = op.resource
        if not (
            self._quotas.any
            or self._bindings.any
            or self._ranges.any
            or self._security.any
            or op.user.name.startswith("system:node:")
            or resource.kind in _LOOKED_AT
            or op.subresource == "resize"
        ):
            return
        request = self._request(op, "CREATE" if old is None else "UPDATE", obj, old)
        try:
            if not resource.custom:
                self._built_in(request)
            self._everything(request)
        except StatusError as refusal:
            refusal.warnings = (*refusal.warnings, *request.warnings)
            raise
        if request.warnings:
            op.warnings = (*op.warnings, *request.warnings)

    def _built_in(self, request: AdmissionRequest) -> None:
        """The plugins that know kinds."""
        resource, obj, old = request.resource, request.object, request.old
        assert obj is not None
        if resource.kind in CEL_KINDS:
            self._well_made(request, obj)
        if resource is self._pods and request.subresource == "resize":
            pods.check_resize(request, self._nodes, self._log)
        if self._ranges.any and request.subresource in _SIZING and request.namespace:
            self._limits(request, obj)
        if (node := nodes.node_of(request.user)) is not None:
            nodes.restrict(request, node, self._object(self._nodes, node))
        if self._security.any:
            self._security.judge(request)
        if resource.kind == "PriorityClass" and obj.get("globalDefault"):
            default = pods.global_default(self._priority_classes)
            if default is not None and (old is None or objects.name(default) != objects.name(obj)):
                name = objects.name(default)
                raise request.forbidden(
                    f"PriorityClass {name} is already marked as default. Only one default can exist"
                )
        if resource is self._claims and old is not None and not request.subresource:
            storage.check_growth(request, self._storage_classes)
        if resource is self._namespaces:
            self._security.check_namespace(request)

    def _well_made(self, request: AdmissionRequest, obj: Object) -> None:
        """Policies and bindings are validated here, where the rights are known that their expressions may ask about."""
        from kcsim.api.admission.policy.validation import binding_faults, policy_faults

        resource = request.resource
        if request.subresource:
            return
        if not library.available():
            request.warnings.append(library.MISSING)
            return
        is_policy = resource.kind == "ValidatingAdmissionPolicy"
        faults = policy_faults(obj, self._policy_plugin().authorizer) if is_policy else binding_faults(obj)
        if faults:
            raise status.invalid(resource.group, resource.kind, objects.name(obj), faults)

    def _limits(self, request: AdmissionRequest, obj: Object) -> None:
        """LimitRanger's second half."""
        judge: Callable[[Object, Object], list[str]]
        if request.resource is self._pods and (request.action == "CREATE" or request.subresource):
            judge = pod_violations
        elif request.resource is self._claims:
            judge = claim_violations
        else:
            return
        for version in self._ranges.of(request.namespace):
            if violations := judge(obj, version.object):
                raise request.forbidden(joined(violations))

    def _everything(self, request: AdmissionRequest) -> None:
        """The plugins that know no kinds: policies, then quotas."""
        if self._bindings.any and not is_exempt(request):
            self._policy_plugin().validate(request)
        if self._quotas.any and request.namespace and request.object is not None and is_handled(request):
            quotas = self._quotas.of(request.namespace)
            if quotas:
                charge(request, quotas, self._engine.now, self._write)

    def admit_delete(self, op: Operation, current: Version) -> None:
        """Refuse the deletion of what must live (NamespaceLifecycle), or of what policies keep."""
        resource = current.resource
        if resource is self._namespaces and current.key[1] in IMMORTAL_NAMESPACES:
            raise status.forbidden(resource, current.key[1], "this namespace may not be deleted")
        if not (self._bindings.any or op.user.name.startswith("system:node:")):
            return
        request = self._request(op, "DELETE", None, current.object)
        if (node := nodes.node_of(op.user)) is not None and not resource.custom:
            nodes.restrict(request, node, self._object(self._nodes, node))
        if self._bindings.any and not is_exempt(request):
            self._policy_plugin().validate(request)
        if request.warnings:
            op.warnings = (*op.warnings, *request.warnings)

    # --- what they look at --------------------------------------------------------------------------------------

    def _request(
        self, op: Operation, action: Action, obj: Object | None, old: Object | None
    ) -> AdmissionRequest:
        shown = obj if obj is not None else old
        name = ((shown or {}).get("metadata") or {}).get("name") or op.name
        if op.subresource == "scale" and obj is not None and old is not None:
            from kcsim.api.scale import scale_of

            obj, old = scale_of(op.resource, obj), scale_of(op.resource, old)
        return AdmissionRequest(op, action, op.resource, op.namespace, name, obj, old, [])

    def _object(self, resource: Resource, name: str) -> Object | None:
        version = self._log.get(resource, "", name)
        return None if version is None else version.object

    def _policy_plugin(self) -> Policies:
        if self._policies is None:
            # CEL is loaded when the first policy is met.
            from kcsim.api.admission.policy.plugin import Policies

            self._policies = Policies(self._log, self._catalog)
        return self._policies


def _protected(obj: Object, finalizer: str) -> Object:
    """StorageObjectInUseProtection: what may be in use goes only when a controller lets it."""
    finalizers = obj["metadata"].get("finalizers") or []
    if finalizer in finalizers:
        return obj
    return objects.with_metadata(obj, finalizers=[*finalizers, finalizer])


_LOOKED_AT = frozenset(("PriorityClass", "PersistentVolumeClaim", "Namespace", *CEL_KINDS))
"""Kinds that a plugin looks at whatever else there is."""
