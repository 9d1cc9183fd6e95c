"""Fields that kcsim stores and does nothing with: the one list, for those who tell users of them.

`kubectl explain` shows the reason beside a field's description. A field that is `told` is also reported, in the trace, by
whoever acts on the kind, when an object asks for it: what it asks for would change where a pod or a connection goes.
A test holds the others to being read nowhere, so that a field leaves the list when somebody models it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class NotModelled(NamedTuple):
    """Why a field does nothing here, and whether objects that set it are reported."""

    why: str
    is_told: bool = False


_NO_PROCESS = "no process runs in a container"
_JUDGED_ONLY = f"{_NO_PROCESS}; Pod Security Standards alone judge it"
_NO_FILES = "no file systems are mounted"
_NO_ENVIRONMENT = "containers have no environment"
_CORE: Final = "io.k8s.api.core.v1"
_SECURITY: Final = {"*": NotModelled(_JUDGED_ONLY)}

FIELDS: Final[Mapping[str, Mapping[str, NotModelled]]] = {
    f"{_CORE}.PodSpec": {
        "enableServiceLinks": NotModelled(_NO_ENVIRONMENT),
        "hostAliases": NotModelled("names are looked up without /etc/hosts"),
        "hostIPC": NotModelled(_NO_PROCESS),
        "hostPID": NotModelled(_NO_PROCESS),
        "hostUsers": NotModelled(_NO_PROCESS),
        "resourceClaims": NotModelled("the pod is placed as if it asked for no devices", is_told=True),
        "schedulingGroup": NotModelled("each pod is placed by itself"),
        "securityContext": NotModelled(_JUDGED_ONLY),
        "shareProcessNamespace": NotModelled(_NO_PROCESS),
    },
    f"{_CORE}.Container": {
        "securityContext": NotModelled(_JUDGED_ONLY),
        "stdinOnce": NotModelled(_NO_PROCESS),
        "terminationMessagePath": NotModelled(_NO_FILES),
        "terminationMessagePolicy": NotModelled("containers leave no message when they end"),
        "tty": NotModelled(_NO_PROCESS),
        "volumeDevices": NotModelled(_NO_FILES),
        "workingDir": NotModelled(_NO_PROCESS),
    },
    f"{_CORE}.EphemeralContainer": {
        "securityContext": NotModelled(_JUDGED_ONLY),
        "stdinOnce": NotModelled(_NO_PROCESS),
        "targetContainerName": NotModelled("containers have no processes to share"),
        "terminationMessagePath": NotModelled(_NO_FILES),
        "terminationMessagePolicy": NotModelled("containers leave no message when they end"),
        "tty": NotModelled(_NO_PROCESS),
        "volumeDevices": NotModelled(_NO_FILES),
        "workingDir": NotModelled(_NO_PROCESS),
    },
    f"{_CORE}.PodSecurityContext": _SECURITY,
    f"{_CORE}.SecurityContext": _SECURITY,
    f"{_CORE}.DownwardAPIVolumeFile": {"resourceFieldRef": NotModelled(_NO_FILES)},
    f"{_CORE}.EmptyDirVolumeSource": {
        "medium": NotModelled(_NO_FILES),
        "sizeLimit": NotModelled("what a pod writes counts as its image says"),
    },
    f"{_CORE}.EnvVarSource": {
        "fileKeyRef": NotModelled(_NO_ENVIRONMENT),
        "resourceFieldRef": NotModelled(_NO_ENVIRONMENT),
    },
    f"{_CORE}.HTTPGetAction": {"httpHeaders": NotModelled("programs answer probes whatever their headers")},
    f"{_CORE}.PersistentVolumeClaimSpec": {
        "dataSource": NotModelled("volumes begin empty"),
        "dataSourceRef": NotModelled("volumes begin empty"),
    },
    f"{_CORE}.ServiceAccountTokenProjection": {"audience": NotModelled(_NO_FILES)},
    f"{_CORE}.ServiceSpec": {
        "loadBalancerIP": NotModelled("the balancer's address is the next free one"),
        "loadBalancerSourceRanges": NotModelled(
            "the balancer takes connections from everywhere", is_told=True
        ),
    },
    f"{_CORE}.VolumeMount": {
        "mountPropagation": NotModelled(_NO_FILES),
        "recursiveReadOnly": NotModelled(_NO_FILES),
        "subPath": NotModelled(_NO_FILES),
        "subPathExpr": NotModelled(_NO_FILES),
    },
    f"{_CORE}.VolumeProjection": {
        "clusterTrustBundle": NotModelled(_NO_FILES),
        "podCertificate": NotModelled(_NO_FILES),
    },
    "io.k8s.api.networking.v1.IngressSpec": {
        "tls": NotModelled("TLS is not played, nor is the redirect to it", is_told=True)
    },
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.WebhookConversion": {
        "*": NotModelled("versions of a custom resource differ in their name alone")
    },
}
"""Definition -> field (`*`: every one) -> why."""


def why(definition: str, field: str) -> str:
    """Why a field does nothing here; "" for a field that does what it should, as far as this list knows."""
    found = FIELDS.get(definition, {})
    entry = found.get(field) or found.get("*")
    return entry.why if entry is not None else ""


def told(definition: str) -> dict[str, str]:
    """The fields of a definition whose use is reported, each with the reason."""
    return {field: entry.why for field, entry in FIELDS[definition].items() if entry.is_told}
