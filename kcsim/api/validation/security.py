"""Validation of what security contexts of pods and containers share.

**Imitates:** validateSeccompProfileField, ValidateAppArmorProfileField, ValidateProcMountType and validatePodSpecSecurityContext
in kubernetes pkg/apis/core/validation/validation.go (v1.36). Left out: Windows and SELinux options.
"""

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names
from kcsim.api.validation.field import (
    Errors,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    one_of,
    required,
)
from kcsim.api.validation.paths import descending_path

_MAX_ID: Final = 2**31 - 1
_PROFILES: Final = ("Localhost", "RuntimeDefault", "Unconfined")


def user_or_group(path: str, item: Mapping[str, Any], *fields: str) -> Errors:
    """Ids that a process may run as."""
    errors: Errors = []
    for name in fields:
        if item.get(name) is not None:
            errors += _id(f"{path}.{name}", item[name])
    return errors


def _id(field: str, value: int) -> Errors:
    return each_invalid(field, value, names.is_in_range(value, 0, _MAX_ID))


def proc_mount(field: str, value: str | None) -> Errors:
    """How /proc is mounted."""
    return [] if value is None else one_of(field, value, ("Default", "Unmasked"))


def seccomp(path: str, profile: Mapping[str, Any] | None) -> Errors:
    """A seccomp profile."""
    if profile is None:
        return []
    errors: Errors = []
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    if not kind:
        errors.append(required(f"{path}.type", "type is required when seccompProfile is set"))
    elif kind not in _PROFILES:
        errors.append(not_supported(f"{path}.type", kind, _PROFILES))
    if kind == "Localhost":
        text = "must be set when seccomp type is Localhost"
        errors += (
            [required(f"{path}.localhostProfile", text)]
            if local is None
            else descending_path(f"{path}.localhostProfile", local)
        )
    elif local is not None:
        shown = {"Type": kind, "LocalhostProfile": local}
        text = "can only be set when seccomp type is Localhost"
        errors.append(invalid(f"{path}.localhostProfile", shown, text))
    return errors


def app_armor(path: str, profile: Mapping[str, Any] | None) -> Errors:
    """An AppArmor profile."""
    if profile is None:
        return []
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    field = f"{path}.localhostProfile"
    if kind == "Localhost":
        if local is None or not local.strip():
            return [required(field, "must be set when AppArmor type is Localhost")]
        return [] if local == local.strip() else [invalid(field, local, "must not be padded with whitespace")]
    if kind in _PROFILES:
        text = "can only be set when AppArmor type is Localhost"
        return [] if local is None else [invalid(field, local, text)]
    if not kind:
        return [required(f"{path}.type", "type is required when appArmorProfile is set")]
    return [not_supported(f"{path}.type", kind, _PROFILES)]


def host_network(path: str, containers: list[dict[str, Any]]) -> Errors:
    """In the network of the host a port is the host's."""
    return [
        invalid(
            f"{path}[{index}].ports[{at}].containerPort",
            port.get("containerPort", 0),
            "must match `hostPort` when `hostNetwork` is true",
        )
        for index, item in enumerate(containers)
        for at, port in enumerate(item.get("ports") or ())
        if port.get("hostPort", 0) != port.get("containerPort", 0)
    ]


def pod_context(path: str, item: Mapping[str, Any], spec: Mapping[str, Any], sysctls: Errors) -> Errors:
    """The security context of a pod; ``sysctls`` is what is wrong with those."""
    errors = user_or_group(path, item, "fsGroup", "runAsUser", "runAsGroup")
    for index, group in enumerate(item.get("supplementalGroups") or ()):
        errors += _id(f"{path}.supplementalGroups[{index}]", group)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        text = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.append(invalid(f"{path}.shareProcessNamespace", True, text))
    errors += sysctls
    if item.get("fsGroupChangePolicy") is not None:
        policies = ("Always", "OnRootMismatch")
        errors += one_of(f"{path}.fsGroupChangePolicy", item["fsGroupChangePolicy"], policies)
    errors += seccomp(f"{path}.seccompProfile", item.get("seccompProfile"))
    errors += app_armor(f"{path}.appArmorProfile", item.get("appArmorProfile"))
    if item.get("supplementalGroupsPolicy") is not None:
        errors += one_of(
            f"{path}.supplementalGroupsPolicy", item["supplementalGroupsPolicy"], ("Merge", "Strict")
        )
    return errors


def host_users(path: str, spec: Mapping[str, Any]) -> Errors:
    """Without the users of the host a pod may not share other things with it."""
    if spec.get("hostUsers") is not False:
        return []
    return [
        forbidden(f"{path}.{shown}", "when `hostUsers` is false")
        for name, shown in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC"))
        if spec.get(name)
    ]
