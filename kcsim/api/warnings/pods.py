"""Warnings about pods and pod templates.

**Imitates:** kubernetes pkg/api/pod/warnings.go (v1.36). Left out: clashes between the paths of projected trust
bundles, which name a bundle by its signer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kcsim.api.warnings.claims import fraction, of_claim_spec
from kcsim.api.warnings.nodes import DEPRECATED_LABELS, of_required, of_term

Spec = Mapping[str, Any]

_ANNOTATIONS: Final = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_VOLUMES: Final = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_SECCOMP: Final = 'non-functional in v1.27+; use the "seccompProfile" field instead'
_APP_ARMOR: Final = 'deprecated since v1.30; use the "appArmorProfile" field instead'
_SECCOMP_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
_APP_ARMOR_CONTAINER: Final = "container.apparmor.security.beta.kubernetes.io/"
_BYTES: Final = ("memory", "ephemeral-storage")
_NO_POD: Final = "a null labelSelector results in matching no pod"


def of_pod(obj: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Of a pod, or of the pod template that stands at ``prefix`` (which ends in a dot)."""
    spec, annotations = obj.get("spec") or {}, (obj.get("metadata") or {}).get("annotations") or {}
    path = f"{prefix}spec"
    yield from _places(path, spec)
    yield from _annotations(prefix, annotations)
    yield from _volumes(path, spec.get("volumes") or ())
    yield from _twice(f"{path}.hostAliases", spec.get("hostAliases") or (), "ip")
    secrets = spec.get("imagePullSecrets") or ()
    yield from _twice(f"{path}.imagePullSecrets", secrets, "name")
    for index, secret in enumerate(secrets):
        if not secret.get("name"):
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
    for name in _BYTES:
        yield from fraction(f"{path}.overhead", spec.get("overhead"), name)
    context = spec.get("securityContext") or {}
    if _SECCOMP_POD in annotations and "seccompProfile" not in context:
        yield f"{prefix}metadata.annotations[{_SECCOMP_POD}]: {_SECCOMP}"
    for field, container in _containers(path, spec):
        yield from _profiles(prefix, annotations, context, container)
        yield from _container(field, container)
    yield from _ports(path, spec)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        yield (
            f"{path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
        )
    yield from _pod_affinity(f"{path}.affinity", spec.get("affinity") or {})


def _containers(path: str, spec: Spec) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            yield f"{path}.{kind}[{index}]", container


def _places(path: str, spec: Spec) -> Iterator[str]:
    for label in sorted(spec.get("nodeSelector") or ()):
        if label in DEPRECATED_LABELS:
            yield f"{path}.nodeSelector[{label}]: {DEPRECATED_LABELS[label]}"
    nodes = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    field = f"{path}.affinity.nodeAffinity"
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    yield from of_required(f"{field}.{required}", nodes.get(required))
    for index, wish in enumerate(nodes.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        place = f"{field}.preferredDuringSchedulingIgnoredDuringExecution[{index}].preference"
        yield from of_term(place, wish.get("preference") or {})
    for index, spread in enumerate(spec.get("topologySpreadConstraints") or ()):
        key, place = spread.get("topologyKey"), f"{path}.topologySpreadConstraints[{index}]"
        if key in DEPRECATED_LABELS:
            yield f"{place}.topologyKey: {key} is {DEPRECATED_LABELS[key]}"
        if spread.get("labelSelector") is None:
            yield f"{place}.labelSelector: {_NO_POD}"


def _annotations(prefix: str, annotations: Mapping[str, str]) -> Iterator[str]:
    for key, text in _ANNOTATIONS.items():
        if key in annotations:
            yield f"{prefix}metadata.annotations[{key}]: {text}"


def _twice(path: str, items: Iterable[Mapping[str, Any]], field: str) -> Iterator[str]:
    seen = set()
    for index, item in enumerate(items):
        value = item.get(field) or ""
        if value in seen:
            yield f'{path}[{index}].{field}: duplicate {field} "{value}"'
        seen.add(value)


def _profiles(
    prefix: str, annotations: Mapping[str, str], pod: Mapping[str, Any], container: Mapping[str, Any]
) -> Iterator[str]:
    """Annotations that stand where fields should. Those of a pod itself are put into fields, so no AppArmor there."""
    context, name = container.get("securityContext") or {}, container.get("name")
    key = f"{_SECCOMP_CONTAINER}{name}"
    if key in annotations and "seccompProfile" not in context:
        yield f"{prefix}metadata.annotations[{key}]: {_SECCOMP}"
    key = f"{_APP_ARMOR_CONTAINER}{name}"
    if prefix and key in annotations and not ("appArmorProfile" in pod or "appArmorProfile" in context):
        yield f"{prefix}metadata.annotations[{key}]: {_APP_ARMOR}"


def _container(path: str, container: Mapping[str, Any]) -> Iterator[str]:
    resources = container.get("resources") or {}
    for name in _BYTES:
        for part in ("limits", "requests"):
            yield from fraction(f"{path}.resources.{part}", resources.get(part), name)
    seen = set()
    for index, variable in enumerate(container.get("env") or ()):
        name, value = variable["name"], variable.get("value") or ""
        itself = f"$({name})"
        if name in seen and ("valueFrom" in variable or value == itself or itself not in value):
            yield f'{path}.env[{index}]: hides previous definition of "{name}", which may be dropped when using apply'
        seen.add(name)


def _ports(path: str, spec: Spec) -> Iterator[str]:
    """Ports of all containers that are the same, or may be."""
    known: dict[tuple[int, str], list[tuple[str, Mapping[str, Any]]]] = {}
    for owner, container in _containers(path, spec):
        for index, port in enumerate(container.get("ports") or ()):
            field = f"{owner}.ports[{index}]"
            if port.get("hostIP") and not port.get("hostPort"):
                yield f"{field}: hostIP set without hostPort: {_as_go(port)}"
            others = known.setdefault((port["containerPort"], port.get("protocol") or ""), [])
            for where, other in others:
                if word := _clash(port, other):
                    yield f"{field}: {word} port definition with {where}"
            others.append((field, port))


def _as_go(port: Mapping[str, Any]) -> str:
    fields = {"Name": "", "HostPort": 0, "ContainerPort": 0, "Protocol": "", "HostIP": ""}
    shown = (f"{name}:{port.get(name[0].lower() + name[1:], empty)}" for name, empty in fields.items())
    return "{" + " ".join(shown) + "}"


def _clash(port: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    ip, others_ip = port.get("hostIP") or "", other.get("hostIP") or ""
    host, others_host = port.get("hostPort") or 0, other.get("hostPort") or 0
    if (ip, host) == (others_ip, others_host):
        return "duplicate"
    if not host or not others_host:
        return "overlapping"
    return "dangerously ambiguous" if host == others_host and (not ip) != (not others_ip) else ""


def _pod_affinity(path: str, affinity: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        field = "requiredDuringSchedulingIgnoredDuringExecution"
        for index, term in enumerate(terms.get(field) or ()):
            if term.get("labelSelector") is None:
                yield f"{path}.{kind}.{field}[{index}].labelSelector: {_NO_POD}"
        field = "preferredDuringSchedulingIgnoredDuringExecution"
        for index, wish in enumerate(terms.get(field) or ()):
            if (wish.get("podAffinityTerm") or {}).get("labelSelector") is None:
                yield f"{path}.{kind}.{field}[{index}].podAffinityTerm.labelSelector: {_NO_POD}"


# --- volumes ----------------------------------------------------------------------------------------------------


def _volumes(path: str, volumes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for index, volume in enumerate(volumes):
        for kind, text in _VOLUMES.items():
            if kind in volume:
                yield f"{path}.volumes[{index}].{kind}: {text}"
        template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
        if template is not None:
            place = f"{path}.volumes[{index}].ephemeral.volumeClaimTemplate.spec"
            yield from of_claim_spec(place, template.get("spec") or {})
    for volume in volumes:
        yield from _overlaps(volume)


_SOURCES: Final = (
    # The field, what it is called, and its field for a name.
    ("configMap", "ConfigMap", "name"),
    ("secret", "Secret", "secretName"),
    ("downwardAPI", "DownwardAPI", ""),
)


def _overlaps(volume: Mapping[str, Any]) -> Iterator[str]:
    """Files of one volume that would lie on, or below, each other."""
    name = volume["name"]
    for field, title, named in _SOURCES:
        source = volume.get(field) or {}
        if source.get("items"):
            shown = f'{title} "{source.get(named) or ""}"' if named else title
            yield from _below(_paths(source), f'volume "{name}" ({shown}): overlapping paths')
    everything: set[str] = set()
    for projection in (volume.get("projected") or {}).get("sources") or ():
        if not projection:
            yield f'volume "{name}" (Projected) has no sources provided'
            continue
        paths, shown = _projected(projection)
        if not paths:
            continue
        text = f'volume "{name}" (Projected {shown}): overlapping paths'
        yield from _below(paths, text)
        yield from _below(sorted([*set(paths), *everything]), text)
        everything.update(paths)


def _projected(projection: Mapping[str, Any]) -> tuple[list[str], str]:
    for field, title, named in _SOURCES:
        source = projection.get(field) or {}
        if source.get("items"):
            return _paths(source), f'{title} "{source.get("name") or ""}"' if named else title
    token = projection.get("serviceAccountToken")
    return ([token.get("path") or ""], "ServiceAccountToken") if token is not None else ([], "")


def _paths(source: Mapping[str, Any]) -> list[str]:
    return [item.get("path") or "" for item in source["items"]]


def _below(paths: Iterable[str], text: str) -> Iterator[str]:
    known: list[str] = []
    for path in paths:
        short = path.rstrip("/")
        # Upstream asks a set in no order; the first one named is one of its answers.
        other = next((one for one in known if f"{one}/".startswith(short) or f"{short}/".startswith(one)), "")
        if other and short:
            yield f'{text}: "{short}" with "{other}"'
        if short not in known:
            known.append(short)
