"""Defaults of Services, storage, configuration, policy, RBAC, admission and CRDs.

**Imitates:** kubernetes pkg/apis/{core,networking,rbac,storage,scheduling,discovery,admissionregistration}/*/defaults.go,
apiextensions v1 defaults.go (v1.36), and the write-only `stringData` of Secrets. Left out: cluster IPs and node ports
(allocated by the registry), default storage and ingress classes (admission).
"""

import base64
from typing import Final

from kcsim.api.defaults.core_pod import claim_spec, volume
from kcsim.api.defaults.spine import Object, each_in, fill, put, within

_RBAC_GROUP: Final = "rbac.authorization.k8s.io"
_CLIENT_IP_SECONDS: Final = 10800
_NAME_LABEL: Final = "kubernetes.io/metadata.name"


def service(obj: Object) -> Object:
    """SetDefaults_Service."""
    spec = fill(obj.get("spec") or {}, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "ClientIP":
        config = spec.get("sessionAffinityConfig") or {}
        client = fill(config.get("clientIP") or {}, timeoutSeconds=_CLIENT_IP_SECONDS)
        spec = put(spec, "sessionAffinityConfig", put(config, "clientIP", client))
    spec = each_in(spec, "ports", _service_port)
    kind = spec["type"]
    if kind in ("NodePort", "LoadBalancer") or (spec.get("externalIPs") and kind == "ClusterIP"):
        spec = fill(spec, externalTrafficPolicy="Cluster")
    if kind != "ExternalName":
        spec = fill(spec, internalTrafficPolicy="Cluster")
    if kind == "LoadBalancer":
        spec = fill(spec, allocateLoadBalancerNodePorts=True)
    return put(obj, "spec", spec)


def _service_port(port: Object) -> Object:
    port = fill(port, protocol="TCP")
    target = port.get("targetPort")
    # The zero of int-or-string ("" or 0) means the service's own port.
    return port if target not in (None, 0, "") else {**port, "targetPort": port.get("port", 0)}


def endpoints(obj: Object) -> Object:
    """SetDefaults_Endpoints."""
    return each_in(obj, "subsets", lambda sub: each_in(sub, "ports", lambda port: fill(port, protocol="TCP")))


def endpoint_slice(obj: Object) -> Object:
    """SetDefaults_EndpointSlice; `conditions` is always printed."""
    obj = each_in(obj, "endpoints", lambda item: fill(item, conditions={}))
    return each_in(obj, "ports", lambda port: fill(port, name="", protocol="TCP"))


def secret(obj: Object) -> Object:
    """SetDefaults_Secret, and stringData folded into data."""
    texts = obj.get("stringData")
    if texts is not None:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        obj = {name: value for name, value in obj.items() if name != "stringData"}
        obj = {**obj, "data": {**(obj.get("data") or {}), **encoded}} if encoded else obj
    return fill(obj, type="Opaque")


def limit_range(obj: Object) -> Object:
    """SetDefaults_LimitRangeItem: limits default to max, requests to the default limit or else to min."""
    return within(obj, "spec", lambda spec: each_in(spec, "limits", _limit_item))


def _limit_item(item: Object) -> Object:
    if item.get("type") != "Container":
        return item
    limits = {**(item.get("max") or {}), **(item.get("default") or {})}
    requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
    found = {name: value for name, value in (("default", limits), ("defaultRequest", requests)) if value}
    return item if all(item.get(name) == value for name, value in found.items()) else {**item, **found}


def namespace(obj: Object) -> Object:
    """SetDefaults_Namespace: the label that selectors find a namespace by."""
    metadata = obj.get("metadata") or {}
    name, labels = metadata.get("name"), metadata.get("labels") or {}
    if not name or labels.get(_NAME_LABEL) == name:
        return obj
    return {**obj, "metadata": {**metadata, "labels": {**labels, _NAME_LABEL: name}}}


def node(obj: Object) -> Object:
    """SetDefaults_NodeStatus; and the list of pod ranges for clients that know only one (its conversion)."""
    spec = obj.get("spec") or {}
    if spec.get("podCIDR") and (spec.get("podCIDRs") or [""])[0] != spec["podCIDR"]:
        obj = put(obj, "spec", {**spec, "podCIDRs": [spec["podCIDR"]]})
    status = obj.get("status") or {}
    capacity = status.get("capacity")
    return put(obj, "status", fill(status, allocatable=capacity)) if capacity else obj


def persistent_volume(obj: Object) -> Object:
    """SetDefaults_PersistentVolume."""
    spec = fill(obj.get("spec") or {}, persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    # The sources of a volume have their defaults wherever they stand.
    return put(obj, "spec", volume(spec) if len(spec) > 1 else spec)


def persistent_volume_claim(obj: Object) -> Object:
    """SetDefaults_PersistentVolumeClaim."""
    return put(obj, "spec", claim_spec(obj.get("spec") or {}))


def storage_class(obj: Object) -> Object:
    """SetDefaults_StorageClass."""
    return fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def csi_driver(obj: Object) -> Object:
    """SetDefaults_CSIDriver."""
    spec = fill(
        obj.get("spec") or {},
        attachRequired=True,
        podInfoOnMount=False,
        storageCapacity=False,
        fsGroupPolicy="ReadWriteOnceWithFSType",
        volumeLifecycleModes=["Persistent"],
        requiresRepublish=False,
        seLinuxMount=False,
    )
    return put(obj, "spec", spec)


def priority_class(obj: Object) -> Object:
    """SetDefaults_PriorityClass; `value` is always printed."""
    return fill(obj, value=0, preemptionPolicy="PreemptLowerPriority")


def network_policy(obj: Object) -> Object:
    """SetDefaults_NetworkPolicy."""
    spec = fill(obj.get("spec") or {}, podSelector={})
    if not spec.get("policyTypes"):
        spec = {**spec, "policyTypes": ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]}
    for direction in ("ingress", "egress"):
        spec = each_in(
            spec, direction, lambda rule: each_in(rule, "ports", lambda port: fill(port, protocol="TCP"))
        )
    return put(obj, "spec", spec)


# ---- RBAC


def binding(obj: Object) -> Object:
    """SetDefaults_RoleBinding, SetDefaults_ClusterRoleBinding and SetDefaults_Subject."""
    obj = within(obj, "roleRef", lambda ref: ref if ref.get("apiGroup") else {**ref, "apiGroup": _RBAC_GROUP})
    return each_in(obj, "subjects", _subject)


def _subject(subject: Object) -> Object:
    if subject.get("apiGroup") or subject.get("kind") not in ("User", "Group"):
        return subject
    return {**subject, "apiGroup": _RBAC_GROUP}


# ---- admission and extension


def webhook_configuration(obj: Object) -> Object:
    """SetDefaults_ValidatingWebhook and SetDefaults_MutatingWebhook."""
    mutating = obj.get("kind") == "MutatingWebhookConfiguration"

    def webhook(item: Object) -> Object:
        item = fill(
            item,
            failurePolicy="Fail",
            matchPolicy="Equivalent",
            namespaceSelector={},
            objectSelector={},
            timeoutSeconds=10,
        )
        item = fill(item, reinvocationPolicy="Never") if mutating else item
        item = each_in(item, "rules", lambda rule: fill(rule, scope="*"))
        return within(
            item, "clientConfig", lambda config: within(config, "service", lambda ref: fill(ref, port=443))
        )

    return each_in(obj, "webhooks", webhook)


def admission_policy(obj: Object) -> Object:
    """SetDefaults_ValidatingAdmissionPolicySpec and SetDefaults_MatchResources."""
    spec = fill(obj.get("spec") or {}, failurePolicy="Fail")
    return put(obj, "spec", within(spec, "matchConstraints", match_resources))


def admission_policy_binding(obj: Object) -> Object:
    """SetDefaults_MatchResources."""
    return within(obj, "spec", lambda spec: within(spec, "matchResources", match_resources))


def match_resources(match: Object) -> Object:
    """SetDefaults_MatchResources: selectors of everything, equivalent versions, all scopes."""
    match = fill(match, namespaceSelector={}, objectSelector={}, matchPolicy="Equivalent")
    for rules in ("resourceRules", "excludeResourceRules"):
        match = each_in(match, rules, lambda rule: fill(rule, scope="*"))
    return match


def custom_resource_definition(obj: Object) -> Object:
    """SetDefaults_CustomResourceDefinitionSpec."""
    spec = fill(obj.get("spec") or {}, names={}, conversion={"strategy": "None"})
    kind = spec["names"].get("kind") or ""
    names = spec["names"]
    if kind:
        names = names if names.get("singular") else {**names, "singular": kind.lower()}
        names = names if names.get("listKind") else {**names, "listKind": f"{kind}List"}
    return put(obj, "spec", put(spec, "names", names))
