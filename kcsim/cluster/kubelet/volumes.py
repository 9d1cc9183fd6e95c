"""What must exist before a pod's containers can run: the ConfigMaps and Secrets it refers to.

**Imitates:** ``pkg/volume/configmap``, ``secret`` and ``projected`` (a volume waits for its objects) and
``pkg/kubelet/kubelet_pods.go`` (``makeEnvironmentVariables``), v1.36. Left out: keys inside the objects, refreshing
mounted files. Claims are ``volume_manager``'s. Differs:
``kube-root-ca.crt`` is taken for granted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.cluster.kubelet.shared import Shared

GRANTED = "kube-root-ca.crt"


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """One object that has to exist; ``volume`` names the volume that needs it, "" for an environment variable."""

    resource: str
    name: str
    volume: str = ""

    @property
    def kind_text(self) -> str:
        """The kind as error messages write it."""
        return "configmap" if self.resource == "configmaps" else "secret"


def _reference(source: dict[str, Any] | None, resource: str, key: str, volume: str = "") -> list[Reference]:
    if not source or source.get("optional") or not source.get(key) or source[key] == GRANTED:
        return []
    return [Reference(resource, source[key], volume)]


def volume_references(spec: dict[str, Any]) -> list[Reference]:
    """What the pod's volumes need, in their order."""
    volumes = spec.get("volumes")
    return _of_volumes(volumes) if volumes else []


def _needs_of_volumes(volumes: list[dict[str, Any]]) -> list[Reference]:
    found: list[Reference] = []
    for volume in volumes:
        name = volume["name"]
        found += _reference(volume.get("configMap"), "configmaps", "name", name)
        found += _reference(volume.get("secret"), "secrets", "secretName", name)
        for source in (volume.get("projected") or {}).get("sources") or ():
            found += _reference(source.get("configMap"), "configmaps", "name", name)
            found += _reference(source.get("secret"), "secrets", "name", name)
    return found


_of_volumes = Shared(_needs_of_volumes)


def has_claims(spec: dict[str, Any]) -> bool:
    """Whether a PersistentVolumeClaim is behind any of the pod's volumes."""
    return any("persistentVolumeClaim" in each or "ephemeral" in each for each in spec.get("volumes") or ())


def environment_references(container: dict[str, Any]) -> list[Reference]:
    """What the container's environment needs, in its order."""
    if "env" not in container and "envFrom" not in container:
        return []
    found: list[Reference] = []
    for source in container.get("envFrom") or ():
        found += _reference(source.get("configMapRef"), "configmaps", "name")
        found += _reference(source.get("secretRef"), "secrets", "name")
    for variable in container.get("env") or ():
        value = variable.get("valueFrom") or {}
        found += _reference(value.get("configMapKeyRef"), "configmaps", "name")
        found += _reference(value.get("secretKeyRef"), "secrets", "name")
    return found


def failed_mount(reference: Reference) -> str:
    """Event FailedMount."""
    return f'MountVolume.SetUp failed for volume "{reference.volume}" : {not_found(reference)}'


def not_found(reference: Reference) -> str:
    """The error of an object that does not exist."""
    return f'{reference.kind_text} "{reference.name}" not found'
