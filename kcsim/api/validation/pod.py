"""Validation of pods and pod templates.

**Imitates:** ValidatePodCreate, ValidatePodUpdate, ValidatePodTemplateSpec and ValidatePodSpec in kubernetes
pkg/apis/core/validation/validation.go (v1.36). Left out: resource claims, Windows
and user namespace rules.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names, objects
from kcsim.api.qos import qos_class
from kcsim.api.validation import containers as container_rules
from kcsim.api.validation.affinity import affinity, tolerations, topology_spread
from kcsim.api.validation.common import ip_address, labels, non_negative
from kcsim.api.validation.field import (
    Errors,
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    one_of,
    required,
)
from kcsim.api.validation.internal import diff
from kcsim.api.validation.metadata import annotations
from kcsim.api.validation.security import host_network, host_users, pod_context
from kcsim.api.validation.volumes import volumes as volume_rules

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_NAMESERVERS: Final = 3
_SEARCHES: Final = 32
_SEARCH_LENGTH: Final = 2048
_MAX_INT32: Final = 2**31 - 1
_SYSCTL_FORM: Final = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"


def pod(obj: Mapping[str, Any]) -> Errors:
    """A new pod, beyond its metadata."""
    spec = obj.get("spec") or {}
    errors = pod_spec("spec", spec)
    if spec.get("nodeName") and spec.get("schedulingGates"):
        errors.append(forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"))
    if spec.get("ephemeralContainers"):
        errors.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
    return errors


def pod_template(path: str, template: Mapping[str, Any]) -> Errors:
    """ValidatePodTemplateSpec."""
    meta = template.get("metadata") or {}
    errors = labels(f"{path}.labels", meta.get("labels"))
    errors += annotations(f"{path}.annotations", meta.get("annotations"))
    spec = template.get("spec") or {}
    errors += pod_spec(f"{path}.spec", spec)
    if spec.get("ephemeralContainers"):
        text = "ephemeral containers not allowed in pod template"
        errors.append(forbidden(f"{path}.spec.ephemeralContainers", text))
    return errors


def pod_spec(path: str, spec: Mapping[str, Any]) -> Errors:
    """ValidatePodSpec, in upstream's order."""
    regular, init = spec.get("containers") or [], spec.get("initContainers") or []
    errors, known = volume_rules(f"{path}.volumes", spec.get("volumes") or [])
    errors += container_rules.containers(f"{path}.containers", regular, known, set(), spec)
    errors += container_rules.init_containers(f"{path}.initContainers", init, known, regular, spec)
    if spec.get("ephemeralContainers"):
        errors += container_rules.ephemeral_containers(
            f"{path}.ephemeralContainers", spec["ephemeralContainers"], known, [*regular, *init], spec
        )
    errors += container_rules.pod_resources(f"{path}.resources", spec)
    errors += one_of(f"{path}.restartPolicy", spec.get("restartPolicy") or "", RESTART_POLICIES)
    errors += one_of(f"{path}.dnsPolicy", spec.get("dnsPolicy") or "", DNS_POLICIES)
    errors += labels(f"{path}.nodeSelector", spec.get("nodeSelector"))
    context = spec.get("securityContext") or {}
    if spec.get("hostNetwork"):
        errors += host_network(f"{path}.containers", regular)
    sysctls = _sysctls(f"{path}.securityContext.sysctls", context.get("sysctls") or [])
    errors += pod_context(f"{path}.securityContext", context, spec, sysctls)
    errors += affinity(f"{path}.affinity", spec.get("affinity") or {})
    errors += dns(f"{path}.dnsConfig", spec)
    errors += _readiness_gates(f"{path}.readinessGates", spec.get("readinessGates") or [])
    errors += _scheduling_gates(f"{path}.schedulingGates", spec.get("schedulingGates") or [])
    errors += topology_spread(
        f"{path}.topologySpreadConstraints", spec.get("topologySpreadConstraints") or []
    )
    errors += host_users(path, spec)
    errors += _names(path, spec, "serviceAccountName", "nodeName")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None:
        wrong = names.is_in_range(deadline, 1, _MAX_INT32)
        errors += each_invalid(f"{path}.activeDeadlineSeconds", deadline, wrong)
    errors += _names(path, spec, "hostname", "subdomain")
    errors += tolerations(f"{path}.tolerations", spec.get("tolerations") or [])
    errors += _host_aliases(f"{path}.hostAliases", spec.get("hostAliases") or [])
    errors += _names(path, spec, "priorityClassName", "runtimeClassName")
    errors += non_negative(f"{path}.terminationGracePeriodSeconds", spec.get("terminationGracePeriodSeconds"))
    system = (spec.get("os") or {}).get("name")
    if spec.get("os") is not None:
        errors += (
            [required(f"{path}.os.name")]
            if not system
            else one_of(f"{path}.os", system, ("linux", "windows"))
        )
    return errors


def _names(path: str, spec: Mapping[str, Any], *fields: str) -> Errors:
    errors: Errors = []
    for field in fields:
        value = spec.get(field)
        rule = names.is_dns1123_label if field in {"hostname", "subdomain"} else names.is_dns1123_subdomain
        if value:
            errors += each_invalid(f"{path}.{field}", value, rule(value))
    return errors


def _sysctls(path: str, items: list[dict[str, Any]]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, sysctl in enumerate(items):
        here, name = f"{path}[{index}].name", sysctl.get("name") or ""
        if not name:
            errors.append(required(here))
        elif len(name) > 253 or not re.match(_SYSCTL_FORM, name):
            text = f"must have at most 253 characters and match regex {_SYSCTL_FORM}"
            errors.append(invalid(here, name, text))
        elif name in seen:
            errors.append(duplicate(here, name))
        seen.add(name)
    return errors


def _readiness_gates(path: str, items: list[dict[str, Any]]) -> Errors:
    errors: Errors = []
    for index, item in enumerate(items):
        kind = item.get("conditionType") or ""
        errors += each_invalid(f"{path}[{index}].conditionType", kind, names.is_qualified_name(kind))
    return errors


def dns(path: str, spec: Mapping[str, Any]) -> Errors:
    """validatePodDNSConfig."""
    config = spec.get("dnsConfig")
    if spec.get("dnsPolicy") == "None":
        if config is None:
            return [required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.get("nameservers"):
            text = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            return [required(f"{path}.nameservers", text)]
    if config is None:
        return []
    errors: Errors = []
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if len(servers) > _NAMESERVERS:
        text = f"must not have more than {_NAMESERVERS} nameservers"
        errors.append(invalid(f"{path}.nameservers", servers, text))
    for index, server in enumerate(servers):
        errors += ip_address(f"{path}.nameservers[{index}]", server)
    if len(searches) > _SEARCHES:
        text = f"must not have more than {_SEARCHES} search paths"
        errors.append(invalid(f"{path}.searches", searches, text))
    if len(" ".join(searches)) > _SEARCH_LENGTH:
        text = f"must not have more than {_SEARCH_LENGTH} characters (including spaces) in the search list"
        errors.append(invalid(f"{path}.searches", searches, text))
    for index, search in enumerate(searches):
        plain = search.removesuffix(".").replace("_", "a")
        wrong = names.is_dns1123_subdomain(plain) if search != "." else []
        errors += each_invalid(f"{path}.searches[{index}]", search.removesuffix("."), wrong)
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            errors.append(required(f"{path}.options[{index}]", "must not be empty"))
    return errors


def _host_aliases(path: str, items: list[dict[str, Any]]) -> Errors:
    errors: Errors = []
    for index, item in enumerate(items):
        errors += ip_address(f"{path}[{index}].ip", item.get("ip") or "")
        for at, host in enumerate(item.get("hostnames") or ()):
            errors += each_invalid(f"{path}[{index}].hostnames[{at}]", host, names.is_dns1123_subdomain(host))
    return errors


def _scheduling_gates(path: str, items: list[dict[str, Any]]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        name = item.get("name") or ""
        errors += each_invalid(f"{path}[{index}].name", name, names.is_qualified_name(name))
        if name in seen:
            errors.append(duplicate(f"{path}[{index}].name", name))
        seen.add(name)
    return errors


# ---- update

_UPDATE_FORBIDDEN: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidatePodUpdate, beyond metadata."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    if after is before:
        return []
    errors = pod_spec("spec", after)
    for name in ("containers", "initContainers"):
        if len(after.get(name) or ()) != len(before.get(name) or ()):
            errors.append(forbidden(f"spec.{name}", "pod updates may not add or remove containers"))
            return errors
    deadline = _deadline_update(after.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds"))
    tolerance = _tolerations_update(after.get("tolerations") or [], before.get("tolerations") or [])
    gates = _gates_update(after, before)
    errors += deadline
    if deadline:
        return errors
    errors += tolerance + gates
    munged = _munged(after, before)
    if not gates and munged != before:
        errors.append(forbidden("spec", f"{_UPDATE_FORBIDDEN}\n{diff('PodSpec', before, munged)}"))
    return errors


_MIRROR: Final = "kubernetes.io/config.mirror"
"""The annotation of a pod that stands for a static one."""


def ephemeral_containers_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidatePodEphemeralContainersUpdate, beyond metadata: containers are added, and stay as they are."""
    if _MIRROR in (old["metadata"].get("annotations") or {}):
        return [forbidden("", "static pods do not support ephemeral containers")]
    errors = pod_spec("spec", new["spec"])
    path = "spec.ephemeralContainers"
    known = {item.get("name"): item for item in new["spec"].get("ephemeralContainers") or ()}
    for before in old["spec"].get("ephemeralContainers") or ():
        name = before["name"]
        after = known.get(name)
        what = f"existing ephemeral containers {json.dumps(name)} may not be"
        if after is None:
            errors.append(forbidden(path, f"{what} removed\n"))
        elif after != before:
            errors.append(forbidden(path, f"{what} changed\n{diff('EphemeralContainer', before, after)}"))
    return errors


_CPU_MEMORY: Final = ("cpu", "memory")
_MUTABLE: Final = "only cpu and memory resources are mutable"


def resize_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidatePodResize, beyond metadata: cpu and memory of main containers, sidecars and the pod, within one QoS class."""
    errors = pod_spec("spec", new["spec"])
    before, after = old["spec"], new["spec"]
    if _MIRROR in (old["metadata"].get("annotations") or {}):
        return [forbidden("", "static pods cannot be resized")]
    if (before.get("os") or {}).get("name") == "windows":
        return [forbidden("", "windows pods cannot be resized")]
    status = old.get("status") or {}
    if (status.get("qosClass") or qos_class(before)) != qos_class(after):
        text = "Pod QOS Class may not change as a result of resizing"
        errors.append(invalid("spec", status.get("qosClass") or "", text))
    if not _node_resizes(status):
        errors.append(forbidden("spec", "Pod running on node without support for resize"))
    names = [[c.get("name") for c in _every(spec)] for spec in (before, after)]
    if names[0] == names[1]:
        errors += _resizes(before, after)
        errors += _removed("spec.resources", before, after)
        same = _fixed({"resources": before.get("resources")}) == _fixed({"resources": after.get("resources")})
        same = same and all(
            _fixed(a) == _fixed(b) for a, b in zip(_every(before), _every(after), strict=True)
        )
        if same:
            return errors
    if not any(error.detail == _MUTABLE for error in errors):
        errors.append(forbidden("spec", _MUTABLE))
    return errors


def _every(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _node_resizes(status: Mapping[str, Any]) -> bool:
    """A kubelet that can resize reports the sizes of what runs (isPodResizeRequestSupported)."""
    running = [c for c in status.get("containerStatuses") or () if "running" in (c.get("state") or {})]
    return not running or running[0].get("resources") is not None


def _resizes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    for field in ("initContainers", "containers"):
        pairs = zip(before.get(field) or (), after.get(field) or (), strict=True)
        for place, (was, now) in enumerate(pairs):
            sidecar = field == "initContainers" and was.get("restartPolicy") == "Always"
            if field == "initContainers" and not sidecar:
                continue
            errors += _removed(f"spec.{field}[{place}].resources", was, now)
    for place, was in enumerate(before["containers"]):
        if _fixed(was) != _fixed(after["containers"][place]):
            errors.append(forbidden("spec", _MUTABLE))
    for place, was in enumerate(before.get("initContainers") or ()):
        now = after["initContainers"][place]
        if was.get("restartPolicy") == "Always":
            if _fixed(was) != _fixed(now):
                errors.append(
                    forbidden("spec", "only cpu and memory resources for sidecar containers are mutable")
                )
        elif was != now:
            errors.append(forbidden("spec", "resources for non-sidecar init containers are immutable"))
    return errors


def _removed(path: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Errors:
    """Amounts that are there no more."""
    errors: Errors = []
    for name in ("requests", "limits"):
        had, has = ((each.get("resources") or {}).get(name) or {} for each in (was, now))
        if any(amount not in has for amount in had):
            errors.append(forbidden(f"{path}.{name}", f"resource {name} cannot be removed"))
    return errors


def _fixed(container: Mapping[str, Any]) -> dict[str, Any]:
    """A container without what a resize may change."""
    given = container.get("resources") or {}
    rest = {
        field: {name: value for name, value in (amounts or {}).items() if name not in _CPU_MEMORY}
        if field != "claims"
        else amounts
        for field, amounts in given.items()
    }
    return {**container, "resources": {field: left for field, left in rest.items() if left}}


def _deadline_update(new: Any, old: Any) -> Errors:
    field = "spec.activeDeadlineSeconds"
    if old is None or new == old:
        return []
    if new is None:
        return [invalid(field, None, "must not update from a positive integer to nil value")]
    return [invalid(field, new, "must be less than or equal to previous value")] if new > old else []


def _tolerations_update(new: list[dict[str, Any]], old: list[dict[str, Any]]) -> Errors:
    """Existing tolerations stay; only their tolerationSeconds may change."""

    def kept(item: dict[str, Any]) -> bool:
        return any(
            objects.dissoc(other, ("tolerationSeconds",)) == objects.dissoc(item, ("tolerationSeconds",))
            for other in new
        )

    if all(kept(item) for item in old):
        return []
    return [
        forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
    ]


def _gates_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    known = {gate["name"] for gate in old.get("schedulingGates") or ()}
    return [
        forbidden(
            f"spec.schedulingGates[{index}].name",
            f"only deletion is allowed, but found new scheduling gate '{gate['name']}'",
        )
        for index, gate in enumerate(new.get("schedulingGates") or ())
        if gate["name"] not in known
    ]


def _munged(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """The new spec with what may change put back: equal to the old one when nothing else changed."""
    spec = dict(new)
    for name in ("containers", "initContainers"):
        if name in spec:
            pairs = zip(spec[name], old.get(name) or (), strict=False)
            spec[name] = [{**item, "image": other.get("image")} for item, other in pairs]
    free = ["activeDeadlineSeconds", "tolerations", "schedulingGates"]
    if (old.get("terminationGracePeriodSeconds") or 0) < 0 and new.get("terminationGracePeriodSeconds") == 1:
        free.append("terminationGracePeriodSeconds")
    if old.get("schedulingGates"):
        free += ["nodeSelector", "affinity"]
    for name in free:
        spec.pop(name, None)
        if name in old:
            spec[name] = old[name]
    return spec
