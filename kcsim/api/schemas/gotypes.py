"""What the Go types behind the schemas say that OpenAPI does not: type names in errors, and which zeros vanish.

**Imitates:** the `json:"...,omitempty"` tags and named string types of k8s.io/api (v1.36). A request is decoded
into those types and encoded again, so nulls, empty lists and the zero of a non-pointer optional field never reach
the store. Left out: rarely written structs; their zeros are kept as sent (`Differs:` below).
"""

from collections.abc import Mapping
from typing import Final

from kcsim.api.schemas.schema import Schema

# Differs: only these named string types are known; elsewhere a type error says "string".
NAMED_STRINGS: Final = {
    "PodSpec.restartPolicy": "v1.RestartPolicy",
    "PodSpec.dnsPolicy": "v1.DNSPolicy",
    "PodSpec.preemptionPolicy": "v1.PreemptionPolicy",
    "Container.imagePullPolicy": "v1.PullPolicy",
    "Container.restartPolicy": "v1.ContainerRestartPolicy",
    "Container.terminationMessagePolicy": "v1.TerminationMessagePolicy",
    "ContainerPort.protocol": "v1.Protocol",
    "HTTPGetAction.scheme": "v1.URIScheme",
    "ServicePort.protocol": "v1.Protocol",
    "ServiceSpec.type": "v1.ServiceType",
    "ServiceSpec.sessionAffinity": "v1.ServiceAffinity",
    "ServiceSpec.externalTrafficPolicy": "v1.ServiceExternalTrafficPolicy",
    "ServiceSpec.internalTrafficPolicy": "v1.ServiceInternalTrafficPolicy",
    "ServiceSpec.ipFamilyPolicy": "v1.IPFamilyPolicy",
    "Toleration.effect": "v1.TaintEffect",
    "Toleration.operator": "v1.TolerationOperator",
    "Taint.effect": "v1.TaintEffect",
    "Secret.type": "v1.SecretType",
    "DeploymentStrategy.type": "v1.DeploymentStrategyType",
    "StatefulSetSpec.podManagementPolicy": "v1.PodManagementPolicyType",
    "CronJobSpec.concurrencyPolicy": "v1.ConcurrencyPolicy",
    "JobSpec.completionMode": "v1.CompletionMode",
    "OwnerReference.uid": "types.UID",
    "ObjectMeta.uid": "types.UID",
    "NamespaceStatus.phase": "v1.NamespacePhase",
    "PodStatus.phase": "v1.PodPhase",
}

_SCALARS: Final = {
    ("integer", "int32"): "int32",
    ("integer", "int64"): "int64",
    ("integer", ""): "int64",
    ("number", "double"): "float64",
    ("number", ""): "float64",
    ("boolean", ""): "bool",
    ("string", "byte"): "[]uint8",
    ("string", ""): "string",
}


def struct_name(schema: Schema) -> str:
    """Go struct of a definition: "DeploymentSpec"."""
    return schema.name.rsplit(".", 1)[-1]


def go_type(schema: Schema, owner: str = "", field: str = "") -> str:
    """Go type at a place, as an unmarshal error names it: "int32", "[]v1.Container", "map[string]string"."""
    if schema.kind == "list":
        return f"[]{go_type(schema.element)}" if schema.element else "[]interface {}"
    if schema.kind == "map":
        return f"map[string]{go_type(schema.element)}" if schema.element else "map[string]interface {}"
    if schema.name and schema.kind in ("struct", "any"):
        package, kind = schema.name.rsplit(".", 2)[-2:]
        return f"{package}.{kind}"
    if schema.type == "string" and not schema.format:
        return NAMED_STRINGS.get(f"{owner}.{field}", "string")
    return _SCALARS.get((schema.type, schema.format)) or schema.type or "interface {}"


def _table(text: str) -> dict[str, frozenset[str]]:
    rows = (line.split() for line in text.strip().splitlines())
    return {row[0]: frozenset(row[1:]) for row in rows}


PRINTED_EMPTY: Final[Mapping[str, tuple[str, ...]]] = {
    "Role": ("rules",),
    "ClusterRole": ("rules",),
    "EndpointSlice": ("endpoints",),
}
"""Lists without omitempty that the OpenAPI document does not call required."""

OMITTED_ZEROS: Final = _table(
    """
    ObjectMeta name generateName namespace uid resourceVersion generation selfLink
    ObjectReference kind namespace name uid apiVersion resourceVersion fieldPath
    LocalObjectReference name
    ConfigMapKeySelector name
    SecretKeySelector name
    ConfigMapEnvSource name
    SecretEnvSource name
    EnvFromSource prefix
    EnvVar value
    ObjectFieldSelector apiVersion
    ResourceFieldSelector containerName
    KeyToPath
    PodSpec nodeName serviceAccountName serviceAccount hostname subdomain schedulerName priorityClassName \
        restartPolicy dnsPolicy hostNetwork hostPID hostIPC
    Container image workingDir imagePullPolicy terminationMessagePath terminationMessagePolicy stdin stdinOnce tty
    EphemeralContainer image workingDir imagePullPolicy terminationMessagePath terminationMessagePolicy stdin \
        stdinOnce tty targetContainerName
    ContainerPort name hostPort protocol hostIP
    VolumeMount readOnly subPath subPathExpr
    Probe initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold
    HTTPGetAction path host scheme
    TCPSocketAction host
    Toleration key operator value effect
    Taint value
    HostAlias
    SecretVolumeSource secretName
    ConfigMapVolumeSource name
    ConfigMapProjection name
    SecretProjection name
    ServiceAccountTokenProjection audience
    EmptyDirVolumeSource medium
    PersistentVolumeClaimVolumeSource readOnly
    PersistentVolumeClaimSpec volumeName
    PersistentVolumeSpec persistentVolumeReclaimPolicy storageClassName
    PodAffinityTerm
    ServiceSpec clusterIP type sessionAffinity loadBalancerIP externalName externalTrafficPolicy \
        healthCheckNodePort publishNotReadyAddresses
    ServicePort name protocol nodePort
    ServiceAccount
    NodeSpec podCIDR providerID unschedulable externalID
    DeploymentSpec minReadySeconds paused
    DeploymentStrategy type
    ReplicaSetSpec minReadySeconds
    StatefulSetSpec minReadySeconds serviceName podManagementPolicy
    StatefulSetUpdateStrategy type
    DaemonSetSpec minReadySeconds
    DaemonSetUpdateStrategy type
    ReplicationControllerSpec minReadySeconds
    DeploymentStatus observedGeneration replicas updatedReplicas readyReplicas availableReplicas \
        unavailableReplicas
    ReplicaSetStatus fullyLabeledReplicas readyReplicas availableReplicas observedGeneration
    StatefulSetStatus observedGeneration readyReplicas currentReplicas updatedReplicas currentRevision \
        updateRevision
    DaemonSetStatus observedGeneration updatedNumberScheduled numberAvailable numberUnavailable
    ReplicationControllerStatus fullyLabeledReplicas readyReplicas availableReplicas observedGeneration
    JobStatus active succeeded failed completedIndexes
    PodStatus phase message reason nominatedNodeName hostIP podIP qosClass observedGeneration
    PodCondition reason message observedGeneration
    ContainerStateWaiting reason message
    ContainerStateTerminated signal reason message containerID
    ContainerStatus containerID
    NodeCondition reason message
    DeploymentCondition reason message
    ReplicaSetCondition reason message
    StatefulSetCondition reason message
    JobCondition reason message
    NamespaceCondition reason message
    PodDisruptionBudgetStatus observedGeneration
    CronJobSpec concurrencyPolicy
    Event reason message type count action
    EventSource component host
    Secret type
    Subject apiGroup namespace
    RoleRef apiGroup
    PriorityClass globalDefault description
    IngressBackend
    IngressRule host
    HTTPIngressPath path
    IngressTLS secretName
    IngressServiceBackend
    ServiceBackendPort name number
    CustomResourceDefinitionNames singular listKind
    HorizontalPodAutoscalerStatus currentReplicas
    """
)
"""Struct -> optional fields that are no pointers in Go: "", 0 and false there vanish on encoding."""
