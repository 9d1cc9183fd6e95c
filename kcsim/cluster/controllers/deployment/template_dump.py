"""A pod template as Go prints its typed struct, which is what template hashes are computed of.  Decides; never acts.

**Imitates:** ``dump.ForHash`` of apimachinery ``pkg/util/dump``, which is spew's ``%#v``, over ``PodTemplateSpec`` of
k8s.io/api core/v1 (v1.36), ``resource.Quantity`` and ``intstr.IntOrString`` as protobuf brings them from the store.

**Walk:** a template -> ``dumped(template)``: each field in Go's order with its type, whether it is set or not.
"""

import re
from typing import Any, Final, NamedTuple

from kcsim.api.validation.internal import external

Object = dict[str, Any]

_TABLE: Final = """
PodTemplateSpec ObjectMeta:ObjectMeta:metadata Spec:PodSpec
ObjectMeta Name GenerateName Namespace SelfLink UID:types.UID ResourceVersion Generation:int64 \
    CreationTimestamp:Time DeletionTimestamp:*Time DeletionGracePeriodSeconds:*int64 \
    Labels:map[string]string Annotations:map[string]string OwnerReferences:[]OwnerReference \
    Finalizers:[]string ManagedFields:[]ManagedFieldsEntry
PodSpec Volumes:[]Volume InitContainers:[]Container Containers:[]Container \
    EphemeralContainers:[]EphemeralContainer RestartPolicy:RestartPolicy \
    TerminationGracePeriodSeconds:*int64 ActiveDeadlineSeconds:*int64 DNSPolicy:DNSPolicy \
    NodeSelector:map[string]string ServiceAccountName DeprecatedServiceAccount:string:serviceAccount \
    AutomountServiceAccountToken:*bool NodeName HostNetwork:bool HostPID:bool HostIPC:bool \
    ShareProcessNamespace:*bool SecurityContext:*PodSecurityContext \
    ImagePullSecrets:[]LocalObjectReference Hostname Subdomain Affinity:*Affinity SchedulerName \
    Tolerations:[]Toleration HostAliases:[]HostAlias PriorityClassName Priority:*int32 \
    DNSConfig:*PodDNSConfig ReadinessGates:[]PodReadinessGate RuntimeClassName:*string \
    EnableServiceLinks:*bool PreemptionPolicy:*PreemptionPolicy Overhead:ResourceList \
    TopologySpreadConstraints:[]TopologySpreadConstraint SetHostnameAsFQDN:*bool OS:*PodOS HostUsers:*bool \
    SchedulingGates:[]PodSchedulingGate ResourceClaims:[]PodResourceClaim Resources:*ResourceRequirements \
    HostnameOverride:*string SchedulingGroup:*PodSchedulingGroup
Volume Name VolumeSource:VolumeSource:*
VolumeSource HostPath:*HostPathVolumeSource EmptyDir:*EmptyDirVolumeSource \
    GCEPersistentDisk:*GCEPersistentDiskVolumeSource \
    AWSElasticBlockStore:*AWSElasticBlockStoreVolumeSource GitRepo:*GitRepoVolumeSource \
    Secret:*SecretVolumeSource NFS:*NFSVolumeSource ISCSI:*ISCSIVolumeSource \
    Glusterfs:*GlusterfsVolumeSource PersistentVolumeClaim:*PersistentVolumeClaimVolumeSource \
    RBD:*RBDVolumeSource FlexVolume:*FlexVolumeSource Cinder:*CinderVolumeSource \
    CephFS:*CephFSVolumeSource Flocker:*FlockerVolumeSource DownwardAPI:*DownwardAPIVolumeSource \
    FC:*FCVolumeSource AzureFile:*AzureFileVolumeSource ConfigMap:*ConfigMapVolumeSource \
    VsphereVolume:*VsphereVirtualDiskVolumeSource Quobyte:*QuobyteVolumeSource \
    AzureDisk:*AzureDiskVolumeSource PhotonPersistentDisk:*PhotonPersistentDiskVolumeSource \
    Projected:*ProjectedVolumeSource PortworxVolume:*PortworxVolumeSource ScaleIO:*ScaleIOVolumeSource \
    StorageOS:*StorageOSVolumeSource CSI:*CSIVolumeSource Ephemeral:*EphemeralVolumeSource \
    Image:*ImageVolumeSource
HostPathVolumeSource Path Type:*HostPathType
EmptyDirVolumeSource Medium:StorageMedium SizeLimit:*resource.Quantity
GCEPersistentDiskVolumeSource PDName FSType Partition:int32 ReadOnly:bool
AWSElasticBlockStoreVolumeSource VolumeID FSType Partition:int32 ReadOnly:bool
GitRepoVolumeSource Repository Revision Directory
SecretVolumeSource SecretName Items:[]KeyToPath DefaultMode:*int32 Optional:*bool
KeyToPath Key Path Mode:*int32
NFSVolumeSource Server Path ReadOnly:bool
ISCSIVolumeSource TargetPortal IQN Lun:int32 ISCSIInterface FSType ReadOnly:bool Portals:[]string \
    DiscoveryCHAPAuth:bool:chapAuthDiscovery SessionCHAPAuth:bool:chapAuthSession \
    SecretRef:*LocalObjectReference InitiatorName:*string
LocalObjectReference Name
GlusterfsVolumeSource EndpointsName:string:endpoints Path ReadOnly:bool
PersistentVolumeClaimVolumeSource ClaimName ReadOnly:bool
RBDVolumeSource CephMonitors:[]string:monitors RBDImage:string:image FSType RBDPool:string:pool \
    RadosUser:string:user Keyring SecretRef:*LocalObjectReference ReadOnly:bool
FlexVolumeSource Driver FSType SecretRef:*LocalObjectReference ReadOnly:bool Options:map[string]string
CinderVolumeSource VolumeID FSType ReadOnly:bool SecretRef:*LocalObjectReference
CephFSVolumeSource Monitors:[]string Path User SecretFile SecretRef:*LocalObjectReference ReadOnly:bool
FlockerVolumeSource DatasetName DatasetUUID
DownwardAPIVolumeSource Items:[]DownwardAPIVolumeFile DefaultMode:*int32
DownwardAPIVolumeFile Path FieldRef:*ObjectFieldSelector ResourceFieldRef:*ResourceFieldSelector \
    Mode:*int32
ObjectFieldSelector APIVersion FieldPath
ResourceFieldSelector ContainerName Resource Divisor:resource.Quantity
FCVolumeSource TargetWWNs:[]string Lun:*int32 FSType ReadOnly:bool WWIDs:[]string:wwids
AzureFileVolumeSource SecretName ShareName ReadOnly:bool
ConfigMapVolumeSource LocalObjectReference:LocalObjectReference:* Items:[]KeyToPath DefaultMode:*int32 \
    Optional:*bool
VsphereVirtualDiskVolumeSource VolumePath FSType StoragePolicyName StoragePolicyID
QuobyteVolumeSource Registry Volume ReadOnly:bool User Group Tenant
AzureDiskVolumeSource DiskName DataDiskURI:string:diskURI CachingMode:*AzureDataDiskCachingMode \
    FSType:*string ReadOnly:*bool Kind:*AzureDataDiskKind
PhotonPersistentDiskVolumeSource PdID FSType
ProjectedVolumeSource Sources:[]VolumeProjection DefaultMode:*int32
VolumeProjection Secret:*SecretProjection DownwardAPI:*DownwardAPIProjection \
    ConfigMap:*ConfigMapProjection ServiceAccountToken:*ServiceAccountTokenProjection \
    ClusterTrustBundle:*ClusterTrustBundleProjection PodCertificate:*PodCertificateProjection
SecretProjection LocalObjectReference:LocalObjectReference:* Items:[]KeyToPath Optional:*bool
DownwardAPIProjection Items:[]DownwardAPIVolumeFile
ConfigMapProjection LocalObjectReference:LocalObjectReference:* Items:[]KeyToPath Optional:*bool
ServiceAccountTokenProjection Audience ExpirationSeconds:*int64 Path
ClusterTrustBundleProjection Name:*string SignerName:*string LabelSelector:*LabelSelector Optional:*bool \
    Path
LabelSelector MatchLabels:map[string]string MatchExpressions:[]LabelSelectorRequirement
LabelSelectorRequirement Key Operator:LabelSelectorOperator Values:[]string
PodCertificateProjection SignerName KeyType MaxExpirationSeconds:*int32 CredentialBundlePath KeyPath \
    CertificateChainPath UserAnnotations:map[string]string
PortworxVolumeSource VolumeID FSType ReadOnly:bool
ScaleIOVolumeSource Gateway System SecretRef:*LocalObjectReference SSLEnabled:bool ProtectionDomain \
    StoragePool StorageMode VolumeName FSType ReadOnly:bool
StorageOSVolumeSource VolumeName VolumeNamespace FSType ReadOnly:bool SecretRef:*LocalObjectReference
CSIVolumeSource Driver ReadOnly:*bool FSType:*string VolumeAttributes:map[string]string \
    NodePublishSecretRef:*LocalObjectReference
EphemeralVolumeSource VolumeClaimTemplate:*PersistentVolumeClaimTemplate
PersistentVolumeClaimTemplate ObjectMeta:ObjectMeta:metadata Spec:PersistentVolumeClaimSpec
PersistentVolumeClaimSpec AccessModes:[]PersistentVolumeAccessMode Selector:*LabelSelector \
    Resources:VolumeResourceRequirements VolumeName StorageClassName:*string \
    VolumeMode:*PersistentVolumeMode DataSource:*TypedLocalObjectReference \
    DataSourceRef:*TypedObjectReference VolumeAttributesClassName:*string
VolumeResourceRequirements Limits:ResourceList Requests:ResourceList
TypedLocalObjectReference APIGroup:*string Kind Name
TypedObjectReference APIGroup:*string Kind Name Namespace:*string
ImageVolumeSource Reference PullPolicy:PullPolicy
Container Name Image Command:[]string Args:[]string WorkingDir Ports:[]ContainerPort \
    EnvFrom:[]EnvFromSource Env:[]EnvVar Resources:ResourceRequirements \
    ResizePolicy:[]ContainerResizePolicy RestartPolicy:*ContainerRestartPolicy \
    RestartPolicyRules:[]ContainerRestartRule VolumeMounts:[]VolumeMount VolumeDevices:[]VolumeDevice \
    LivenessProbe:*Probe ReadinessProbe:*Probe StartupProbe:*Probe Lifecycle:*Lifecycle \
    TerminationMessagePath TerminationMessagePolicy:TerminationMessagePolicy ImagePullPolicy:PullPolicy \
    SecurityContext:*SecurityContext Stdin:bool StdinOnce:bool TTY:bool
ContainerPort Name HostPort:int32 ContainerPort:int32 Protocol:Protocol HostIP
EnvFromSource Prefix ConfigMapRef:*ConfigMapEnvSource SecretRef:*SecretEnvSource
ConfigMapEnvSource LocalObjectReference:LocalObjectReference:* Optional:*bool
SecretEnvSource LocalObjectReference:LocalObjectReference:* Optional:*bool
EnvVar Name Value ValueFrom:*EnvVarSource
EnvVarSource FieldRef:*ObjectFieldSelector ResourceFieldRef:*ResourceFieldSelector \
    ConfigMapKeyRef:*ConfigMapKeySelector SecretKeyRef:*SecretKeySelector FileKeyRef:*FileKeySelector
ConfigMapKeySelector LocalObjectReference:LocalObjectReference:* Key Optional:*bool
SecretKeySelector LocalObjectReference:LocalObjectReference:* Key Optional:*bool
FileKeySelector VolumeName Path Key Optional:*bool
ResourceRequirements Limits:ResourceList Requests:ResourceList Claims:[]ResourceClaim
ResourceClaim Name Request
ContainerResizePolicy ResourceName:ResourceName RestartPolicy:ResourceResizeRestartPolicy
ContainerRestartRule Action:ContainerRestartRuleAction ExitCodes:*ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes Operator:ContainerRestartRuleOnExitCodesOperator Values:[]int32
VolumeMount Name ReadOnly:bool RecursiveReadOnly:*RecursiveReadOnlyMode MountPath SubPath \
    MountPropagation:*MountPropagationMode SubPathExpr
VolumeDevice Name DevicePath
Probe ProbeHandler:ProbeHandler:* InitialDelaySeconds:int32 TimeoutSeconds:int32 PeriodSeconds:int32 \
    SuccessThreshold:int32 FailureThreshold:int32 TerminationGracePeriodSeconds:*int64
ProbeHandler Exec:*ExecAction HTTPGet:*HTTPGetAction TCPSocket:*TCPSocketAction GRPC:*GRPCAction
ExecAction Command:[]string
HTTPGetAction Path Port:intstr.IntOrString Host Scheme:URIScheme HTTPHeaders:[]HTTPHeader
HTTPHeader Name Value
TCPSocketAction Port:intstr.IntOrString Host
GRPCAction Port:int32 Service:*string
Lifecycle PostStart:*LifecycleHandler PreStop:*LifecycleHandler StopSignal:*Signal
LifecycleHandler Exec:*ExecAction HTTPGet:*HTTPGetAction TCPSocket:*TCPSocketAction Sleep:*SleepAction
SleepAction Seconds:int64
SecurityContext Capabilities:*Capabilities Privileged:*bool SELinuxOptions:*SELinuxOptions \
    WindowsOptions:*WindowsSecurityContextOptions RunAsUser:*int64 RunAsGroup:*int64 RunAsNonRoot:*bool \
    ReadOnlyRootFilesystem:*bool AllowPrivilegeEscalation:*bool ProcMount:*ProcMountType \
    SeccompProfile:*SeccompProfile AppArmorProfile:*AppArmorProfile
Capabilities Add:[]Capability Drop:[]Capability
SELinuxOptions User Role Type Level
WindowsSecurityContextOptions GMSACredentialSpecName:*string GMSACredentialSpec:*string \
    RunAsUserName:*string HostProcess:*bool
SeccompProfile Type:SeccompProfileType LocalhostProfile:*string
AppArmorProfile Type:AppArmorProfileType LocalhostProfile:*string
EphemeralContainer EphemeralContainerCommon:EphemeralContainerCommon:* TargetContainerName
EphemeralContainerCommon Name Image Command:[]string Args:[]string WorkingDir Ports:[]ContainerPort \
    EnvFrom:[]EnvFromSource Env:[]EnvVar Resources:ResourceRequirements \
    ResizePolicy:[]ContainerResizePolicy RestartPolicy:*ContainerRestartPolicy \
    RestartPolicyRules:[]ContainerRestartRule VolumeMounts:[]VolumeMount VolumeDevices:[]VolumeDevice \
    LivenessProbe:*Probe ReadinessProbe:*Probe StartupProbe:*Probe Lifecycle:*Lifecycle \
    TerminationMessagePath TerminationMessagePolicy:TerminationMessagePolicy ImagePullPolicy:PullPolicy \
    SecurityContext:*SecurityContext Stdin:bool StdinOnce:bool TTY:bool
PodSecurityContext SELinuxOptions:*SELinuxOptions WindowsOptions:*WindowsSecurityContextOptions \
    RunAsUser:*int64 RunAsGroup:*int64 RunAsNonRoot:*bool SupplementalGroups:[]int64 \
    SupplementalGroupsPolicy:*SupplementalGroupsPolicy FSGroup:*int64 Sysctls:[]Sysctl \
    FSGroupChangePolicy:*PodFSGroupChangePolicy SeccompProfile:*SeccompProfile \
    AppArmorProfile:*AppArmorProfile SELinuxChangePolicy:*PodSELinuxChangePolicy
Sysctl Name Value
Affinity NodeAffinity:*NodeAffinity PodAffinity:*PodAffinity PodAntiAffinity:*PodAntiAffinity
NodeAffinity RequiredDuringSchedulingIgnoredDuringExecution:*NodeSelector \
    PreferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm
NodeSelector NodeSelectorTerms:[]NodeSelectorTerm
NodeSelectorTerm MatchExpressions:[]NodeSelectorRequirement MatchFields:[]NodeSelectorRequirement
NodeSelectorRequirement Key Operator:NodeSelectorOperator Values:[]string
PreferredSchedulingTerm Weight:int32 Preference:NodeSelectorTerm
PodAffinity RequiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm \
    PreferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodAffinityTerm LabelSelector:*LabelSelector Namespaces:[]string TopologyKey \
    NamespaceSelector:*LabelSelector MatchLabelKeys:[]string MismatchLabelKeys:[]string
WeightedPodAffinityTerm Weight:int32 PodAffinityTerm:PodAffinityTerm
PodAntiAffinity RequiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm \
    PreferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
Toleration Key Operator:TolerationOperator Value Effect:TaintEffect TolerationSeconds:*int64
HostAlias IP Hostnames:[]string
PodDNSConfig Nameservers:[]string Searches:[]string Options:[]PodDNSConfigOption
PodDNSConfigOption Name Value:*string
PodReadinessGate ConditionType:PodConditionType
TopologySpreadConstraint MaxSkew:int32 TopologyKey WhenUnsatisfiable:UnsatisfiableConstraintAction \
    LabelSelector:*LabelSelector MinDomains:*int32 NodeAffinityPolicy:*NodeInclusionPolicy \
    NodeTaintsPolicy:*NodeInclusionPolicy MatchLabelKeys:[]string
PodOS Name:OSName
PodSchedulingGate Name
PodResourceClaim Name ResourceClaimName:*string ResourceClaimTemplateName:*string
PodSchedulingGroup PodGroupName:*string
"""
"""A struct a line: Go's name, type (none: string) and JSON name (none: as Go's; ``*``: inline) of each field."""
_PLAIN: Final = ("string", "bool", "int32", "int64")
_ZEROS: Final = {"bool": "false", "int32": "0", "int64": "0"}
_NO_TIME: Final = "{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}"
_NOTHING: Final = "<nil>"
_QUANTITY: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+|[numkKMGTPE]?i?)")
_POWERS: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_MOST_DIGITS: Final = 18
_NANO: Final = -9


class _Field(NamedTuple):
    name: str
    of: str
    key: str


def _field(text: str) -> _Field:
    name, of, key = [*text.split(":"), "", ""][:3]
    return _Field(name, of or "string", key or external(name))


_STRUCTS: Final = {
    words[0]: tuple(_field(word) for word in words[1:])
    for words in (line.split() for line in _TABLE.replace("\\\n", " ").strip().splitlines())
}


def dumped(template: Object) -> str:
    """The text of a PodTemplateSpec."""
    return _typed("PodTemplateSpec", template)


def _typed(of: str, value: Any) -> str:
    return f"({_shown(of)}){_plain(of, value, '')}"


def _shown(of: str) -> str:
    """The name of a type with the package it is from; those of core and meta are both called ``v1``."""
    for prefix in ("*", "[]"):
        if of.startswith(prefix):
            return prefix + _shown(of.removeprefix(prefix))
    return of if of in _PLAIN or "." in of or of.startswith("map[") else f"v1.{of}"


def _plain(of: str, value: Any, pointer: str = "<*>") -> str:
    """The value without its type; what is behind ``pointer`` has that before it, or the type already."""
    if of.startswith("*"):
        return _NOTHING if value is None else pointer + _plain(of[1:], value)
    if of.startswith("[]"):
        items = " ".join(_plain(of[2:], item) for item in value or ())
        return f"[{items}]" if value else _NOTHING
    if of == "ResourceList" or of.startswith("map["):
        inner = "resource.Quantity" if of == "ResourceList" else "string"
        items = " ".join(f"{key}:{_plain(inner, value[key])}" for key in sorted(value or ()))
        return f"map[{items}]" if value else _NOTHING
    if of in _STRUCTS:
        fields = value or {}
        return "{" + " ".join(_member(field, fields) for field in _STRUCTS[of]) + "}"
    if of == "resource.Quantity":
        return _quantity(value)
    if of == "intstr.IntOrString":
        number, text = (value or 0, "") if not isinstance(value, str) else (0, value)
        return f"{{Type:(intstr.Type){int(bool(text))} IntVal:(int32){number} StrVal:(string){text}}}"
    return _scalar(of, value)


def _member(field: _Field, fields: Object) -> str:
    value = fields if field.key == "*" else fields.get(field.key)
    return f"{field.name}:{_typed(field.of, value)}"


def _scalar(of: str, value: Any) -> str:
    if of == "Time":
        return _NO_TIME
    if isinstance(value, bool):
        return "true" if value else "false"
    return _ZEROS.get(of, "") if value is None else str(value)


def _quantity(value: Any) -> str:
    """A number with its power of ten; the text stays where it is canonical (ParseQuantity)."""
    text = "" if value is None else str(value)
    found = _QUANTITY.fullmatch(text)
    if not text or found is None:
        return _amount(0, 0, "", "")
    if text == "0":
        return _amount(0, 0, text, "DecimalSI")
    sign, whole, part, suffix = found.groups(default="")
    whole = whole.lstrip("0")
    shifted = whole + part
    number = int(shifted or "0") * (-1 if sign == "-" else 1)
    if suffix.endswith("i"):
        power = 10 * ("KMGTPE".index(suffix[0]) + 1)
        digits = 14 - len(whole) - power * 3 // 10
        if part or digits < 0:
            return _big(number * 2**power, len(part), "BinarySI")
        return _amount(number * 2**power, 0, text if number % 8 else "", "BinarySI")
    exponent = _POWERS.get(suffix)
    form = "DecimalExponent" if exponent is None else "DecimalSI"
    exponent = int(suffix[1:]) if exponent is None else exponent
    scale = exponent - len(part)
    if len(shifted) > _MOST_DIGITS or scale < _NANO:
        return _big(number, -scale, form)
    canonical = scale % 3 == 0 and not shifted.endswith("000") and not shifted.startswith("0")
    return _amount(number, scale, text if canonical and shifted else "", form)


def _amount(number: int, scale: int, text: str, form: str) -> str:
    return (
        f"{{i:(resource.int64Amount){{value:(int64){number} scale:(resource.Scale){scale}}} "
        f"d:(resource.infDecAmount){{Dec:(*inf.Dec)<nil>}} s:(string){text} Format:(resource.Format){form}}}"
    )


def _big(number: int, places: int, form: str) -> str:
    """What has too many digits: a decimal, rounded up to nine places."""
    size = abs(number)
    size = size * 10 ** (9 - places) if places <= 9 else -(-size // 10 ** (places - 9))
    words = []
    while size:
        size, word = divmod(size, 2**64)
        words.append(str(word))
    digits = f"[{' '.join(words)}]" if words else _NOTHING
    negative = "true" if number < 0 else "false"
    return (
        "{i:(resource.int64Amount){value:(int64)0 scale:(resource.Scale)0} "
        "d:(resource.infDecAmount){Dec:(*inf.Dec){unscaled:(big.Int)"
        f"{{neg:(bool){negative} abs:(big.nat){digits}}} scale:(inf.Scale)9}}}} "
        f"s:(string) Format:(resource.Format){form}}}"
    )
