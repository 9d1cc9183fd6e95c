"""Objects as the server holds them, for messages that print them: Go's field names, in Go's order, nothing left out.

**Imitates:** the internal types of kubernetes pkg/apis/core/types.go (v1.36) under encoding/json, and apimachinery
pkg/util/diff. Left out: back ends of volumes that few use, whose fields are shown under their external names.

**Walk:** an external object -> ``shown(kind, object)``, a ``Struct`` -> its JSON, or the ``diff`` of two.
"""

import difflib
import json
from collections.abc import Mapping
from typing import Any, Final

from kcsim.api.validation.field import Struct

_TABLE: Final = """
PodTemplateSpec Spec{PodSpec}
PodSpec Volumes[Volume] InitContainers[Container] Containers[Container] EphemeralContainers[EphemeralContainer] \
    RestartPolicy" TerminationGracePeriodSeconds ActiveDeadlineSeconds DNSPolicy" NodeSelector() ServiceAccountName" \
    AutomountServiceAccountToken NodeName" SecurityContext(PodSecurityContext) \
    ImagePullSecrets[LocalObjectReference] Hostname" Subdomain" SetHostnameAsFQDN Affinity(Affinity) SchedulerName" \
    Tolerations[Toleration] HostAliases[HostAlias] PriorityClassName" Priority PreemptionPolicy \
    DNSConfig(PodDNSConfig) ReadinessGates[PodReadinessGate] RuntimeClassName Overhead() EnableServiceLinks \
    TopologySpreadConstraints[TopologySpreadConstraint] OS(PodOS) SchedulingGates[PodSchedulingGate] ResourceClaims \
    Resources(ResourceRequirements) HostnameOverride SchedulingGroup
PodSecurityContext HostNetwork? HostPID? HostIPC? ShareProcessNamespace HostUsers SELinuxOptions(SELinuxOptions) \
    WindowsOptions RunAsUser RunAsGroup RunAsNonRoot SupplementalGroups SupplementalGroupsPolicy FSGroup \
    FSGroupChangePolicy Sysctls[Sysctl] SeccompProfile(SeccompProfile) AppArmorProfile(AppArmorProfile) \
    SELinuxChangePolicy
Container Name" Image" Command Args WorkingDir" Ports[ContainerPort] EnvFrom[EnvFromSource] Env[EnvVar] \
    Resources{ResourceRequirements} ResizePolicy[ContainerResizePolicy] RestartPolicy RestartPolicyRules \
    VolumeMounts[VolumeMount] VolumeDevices[VolumeDevice] LivenessProbe(Probe) ReadinessProbe(Probe) \
    StartupProbe(Probe) Lifecycle(Lifecycle) TerminationMessagePath" TerminationMessagePolicy" ImagePullPolicy" \
    SecurityContext(SecurityContext) Stdin? StdinOnce? TTY?
EphemeralContainer Name" Image" Command Args WorkingDir" Ports[ContainerPort] EnvFrom[EnvFromSource] Env[EnvVar] \
    Resources{ResourceRequirements} ResizePolicy[ContainerResizePolicy] RestartPolicy RestartPolicyRules \
    VolumeMounts[VolumeMount] VolumeDevices[VolumeDevice] LivenessProbe(Probe) ReadinessProbe(Probe) \
    StartupProbe(Probe) Lifecycle(Lifecycle) TerminationMessagePath" TerminationMessagePolicy" ImagePullPolicy" \
    SecurityContext(SecurityContext) Stdin? StdinOnce? TTY? TargetContainerName"
ContainerPort Name" HostPort# ContainerPort# Protocol" HostIP"
ContainerResizePolicy ResourceName" RestartPolicy"
EnvFromSource Prefix" ConfigMapRef(OptionalReference) SecretRef(OptionalReference)
OptionalReference Name" Optional
EnvVar Name" Value" ValueFrom(EnvVarSource)
EnvVarSource FieldRef(ObjectFieldSelector) ResourceFieldRef(ResourceFieldSelector) ConfigMapKeyRef(KeySelector) \
    SecretKeyRef(KeySelector) FileKeyRef
ObjectFieldSelector APIVersion" FieldPath"
ResourceFieldSelector ContainerName" Resource" Divisor"
KeySelector Name" Key" Optional
ResourceRequirements Limits() Requests() Claims[ResourceClaim]
ResourceClaim Name" Request"
VolumeMount Name" ReadOnly? RecursiveReadOnly MountPath" SubPath" MountPropagation SubPathExpr"
VolumeDevice Name" DevicePath"
Probe Exec(ExecAction) HTTPGet(HTTPGetAction) TCPSocket(TCPSocketAction) GRPC(GRPCAction) InitialDelaySeconds# \
    TimeoutSeconds# PeriodSeconds# SuccessThreshold# FailureThreshold# TerminationGracePeriodSeconds
Lifecycle PostStart(LifecycleHandler) PreStop(LifecycleHandler) StopSignal
LifecycleHandler Exec(ExecAction) HTTPGet(HTTPGetAction) TCPSocket(TCPSocketAction) Sleep(SleepAction)
ExecAction Command
HTTPGetAction Path" Port# Host" Scheme" HTTPHeaders[HTTPHeader]
HTTPHeader Name" Value"
TCPSocketAction Port# Host"
GRPCAction Port# Service
SleepAction Seconds#
SecurityContext Capabilities(Capabilities) Privileged SELinuxOptions(SELinuxOptions) WindowsOptions RunAsUser \
    RunAsGroup RunAsNonRoot ReadOnlyRootFilesystem AllowPrivilegeEscalation ProcMount \
    SeccompProfile(SeccompProfile) AppArmorProfile(AppArmorProfile)
Capabilities Add Drop
SELinuxOptions User" Role" Type" Level"
SeccompProfile Type" LocalhostProfile
AppArmorProfile Type" LocalhostProfile
Sysctl Name" Value"
LocalObjectReference Name"
Toleration Key" Operator" Value" Effect" TolerationSeconds
HostAlias IP" Hostnames
PodDNSConfig Nameservers Searches Options[PodDNSConfigOption]
PodDNSConfigOption Name" Value
PodReadinessGate ConditionType"
PodSchedulingGate Name"
PodOS Name"
TopologySpreadConstraint MaxSkew# TopologyKey" WhenUnsatisfiable" LabelSelector MinDomains NodeAffinityPolicy \
    NodeTaintsPolicy MatchLabelKeys
Affinity NodeAffinity(NodeAffinity) PodAffinity(PodAffinity) PodAntiAffinity(PodAffinity)
NodeAffinity RequiredDuringSchedulingIgnoredDuringExecution(NodeSelector) \
    PreferredDuringSchedulingIgnoredDuringExecution[PreferredSchedulingTerm]
NodeSelector NodeSelectorTerms[NodeSelectorTerm]
NodeSelectorTerm MatchExpressions[NodeSelectorRequirement] MatchFields[NodeSelectorRequirement]
NodeSelectorRequirement Key" Operator" Values
PreferredSchedulingTerm Weight# Preference{NodeSelectorTerm}
PodAffinity RequiredDuringSchedulingIgnoredDuringExecution[PodAffinityTerm] \
    PreferredDuringSchedulingIgnoredDuringExecution[WeightedPodAffinityTerm]
PodAffinityTerm LabelSelector Namespaces TopologyKey" NamespaceSelector MatchLabelKeys MismatchLabelKeys
WeightedPodAffinityTerm Weight# PodAffinityTerm{PodAffinityTerm}
Volume Name" HostPath(HostPathVolumeSource) EmptyDir(EmptyDirVolumeSource) GCEPersistentDisk AWSElasticBlockStore \
    GitRepo Secret(SecretVolumeSource) NFS(NFSVolumeSource) ISCSI Glusterfs \
    PersistentVolumeClaim(PersistentVolumeClaimVolumeSource) RBD Quobyte FlexVolume Cinder CephFS Flocker \
    DownwardAPI(DownwardAPIVolumeSource) FC AzureFile ConfigMap(ConfigMapVolumeSource) VsphereVolume AzureDisk \
    PhotonPersistentDisk Projected(ProjectedVolumeSource) PortworxVolume ScaleIO StorageOS CSI(CSIVolumeSource) \
    Ephemeral Image(ImageVolumeSource)
HostPathVolumeSource Path" Type
EmptyDirVolumeSource Medium" SizeLimit
SecretVolumeSource SecretName" Items[KeyToPath] DefaultMode Optional
ConfigMapVolumeSource Name" Items[KeyToPath] DefaultMode Optional
KeyToPath Key" Path" Mode
NFSVolumeSource Server" Path" ReadOnly?
PersistentVolumeClaimVolumeSource ClaimName" ReadOnly?
DownwardAPIVolumeSource Items[DownwardAPIVolumeFile] DefaultMode
DownwardAPIVolumeFile Path" FieldRef(ObjectFieldSelector) ResourceFieldRef(ResourceFieldSelector) Mode
ProjectedVolumeSource Sources[VolumeProjection] DefaultMode
VolumeProjection Secret(FilesProjection) DownwardAPI(DownwardAPIProjection) ConfigMap(FilesProjection) \
    ServiceAccountToken(ServiceAccountTokenProjection) ClusterTrustBundle PodCertificate
FilesProjection Name" Items[KeyToPath] Optional
DownwardAPIProjection Items[DownwardAPIVolumeFile]
ServiceAccountTokenProjection Audience" ExpirationSeconds# Path"
CSIVolumeSource Driver" ReadOnly FSType VolumeAttributes() NodePublishSecretRef(LocalObjectReference)
ImageVolumeSource Reference" PullPolicy"
PersistentVolumeSource GCEPersistentDisk AWSElasticBlockStore HostPath(HostPathVolumeSource) Glusterfs \
    NFS(NFSVolumeSource) RBD Quobyte ISCSI FlexVolume Cinder CephFS FC Flocker AzureFile VsphereVolume AzureDisk \
    PhotonPersistentDisk PortworxVolume ScaleIO Local(LocalVolumeSource) StorageOS CSI(CSIPersistentVolumeSource)
LocalVolumeSource Path" FSType
CSIPersistentVolumeSource Driver" VolumeHandle" ReadOnly? FSType" VolumeAttributes() ControllerPublishSecretRef \
    NodeStageSecretRef NodePublishSecretRef ControllerExpandSecretRef NodeExpandSecretRef
PersistentVolumeClaimSpec AccessModes Selector Resources{VolumeResourceRequirements} VolumeName" StorageClassName \
    VolumeMode DataSource(TypedLocalObjectReference) DataSourceRef(TypedObjectReference) VolumeAttributesClassName
VolumeResourceRequirements Limits() Requests()
TypedLocalObjectReference APIGroup Kind" Name"
TypedObjectReference APIGroup Kind" Name" Namespace
"""
"""A struct a line. Behind a field: its zero (`"` text, `#` number, `?` switch; none: null), or the struct it holds, as a
pointer in round, a value in curly, a list in square brackets; ``()`` is a map."""
_ZEROS: Final[Mapping[str, Any]] = {'"': "", "#": 0, "?": False}
_EXTERNAL: Final = {"CephFS": "cephfs", "StorageOS": "storageos"}
_OF_SECURITY: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")

Field = tuple[str, str, str, str]
"""Go's name, JSON's name, the sign behind it, the struct it holds."""


def external(name: str) -> str:
    """``DNSPolicy`` as ``dnsPolicy``, ``TTY`` as ``tty``."""
    if name in _EXTERNAL:
        return _EXTERNAL[name]
    capitals = next((place for place, letter in enumerate(name) if not letter.isupper()), len(name))
    small = capitals if capitals in {1, len(name)} else capitals - 1
    return name[:small].lower() + name[small:]


def _field(text: str) -> Field:
    for left, right in ("()", "[]", "{}"):
        name, bracket, inner = text.partition(left)
        if bracket:
            return name, external(name), left, inner.removesuffix(right)
    name = text.rstrip('"#?')
    return name, external(name), text[len(name) :], ""


_STRUCTS: Final = {
    words[0]: tuple(_field(word) for word in words[1:])
    for words in (line.split() for line in _TABLE.replace("\\\n", " ").strip().splitlines())
}


def shown(kind: str, obj: Mapping[str, Any]) -> Struct:
    """An object of a kind of the table as Go's encoder prints the internal one."""
    if kind == "PodSpec":
        obj = _with_security(obj)
    made = Struct(_metadata(obj)) if kind == "PodTemplateSpec" else Struct()
    for name, key, sign, inner in _STRUCTS[kind]:
        made[name] = _value(obj.get(key), sign, inner)
    return made


def _value(value: Any, sign: str, inner: str) -> Any:
    if sign == "{":
        return shown(inner, value or {})
    if value is None:
        return _ZEROS.get(sign)
    if sign == "[":
        return [shown(inner, item) for item in value]
    if sign == "(":
        return shown(inner, value) if inner else dict(sorted(value.items()))
    return value


def _metadata(obj: Mapping[str, Any]) -> dict[str, Any]:
    """What a template says of its pods; a struct that keeps its external names."""
    meta = obj.get("metadata") or {}
    order = ("name", "generateName", "namespace", "labels", "annotations", "ownerReferences", "finalizers")
    return {name: meta[name] for name in order if meta.get(name)}


def _with_security(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What a pod shares with its host is part of the security context inside the server."""
    shared = {name: spec[name] for name in _OF_SECURITY if name in spec}
    context = spec.get("securityContext")
    if context is None and not shared:
        return dict(spec)
    return {**spec, "securityContext": {**(context or {}), **shared}}


def diff(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The lines that differ, with three lines around each change, as the server appends them to a refusal."""
    before, after = (json.dumps(shown(kind, each), indent=1, ensure_ascii=False) for each in (old, new))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return "\n".join(list(lines)[2:]) + "\n"
