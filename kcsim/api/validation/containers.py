"""Validation of containers: images, ports, environment, resources, probes, handlers.

**Imitates:** validateContainers, validateInitContainers and below in kubernetes pkg/apis/core/validation/validation.go
(v1.36). Left out: resource claims, Windows options.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from kcsim.api import names, quantity
from kcsim.api.pod_resources import amounts, is_pod_level, of_containers
from kcsim.api.validation.common import amount, non_negative_fields, port_or_name
from kcsim.api.validation.field import (
    Errors,
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_found,
    not_supported,
    one_of,
    required,
)
from kcsim.api.validation.security import app_armor, proc_mount, seccomp, user_or_group
from kcsim.api.validation.sources import field_reference, resource_reference
from kcsim.api.validation.volumes import Known, devices, mounts

PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_STANDARD_RESOURCES: Final = frozenset({"cpu", "memory", "ephemeral-storage"})
# What the environment may show of a pod; labels and annotations only one by one.
_ENV_FIELD_PATHS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)


def containers(
    path: str, items: list[dict[str, Any]], volumes: Known, taken: set[str], pod: Mapping[str, Any]
) -> Errors:
    """The ordinary containers; `taken` are the names of the init containers, `pod` the whole spec."""
    if not items:
        return [required(path)]
    errors: Errors = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        errors += _container(here, item, volumes, pod)
        name = item.get("name") or ""
        if name in seen or name in taken:
            errors.append(duplicate(f"{here}.name", name))
        seen.add(name)
        for probe_name in PROBES:
            if item.get(probe_name) is not None:
                errors += probe(f"{here}.{probe_name}", item[probe_name], once=probe_name != "readinessProbe")
        errors += _lifecycle(
            f"{here}.lifecycle", item.get("lifecycle") or {}, pod.get("terminationGracePeriodSeconds")
        )
    return errors + host_port_conflicts(path, items)


def init_containers(
    path: str,
    items: list[dict[str, Any]],
    volumes: Known,
    regular: list[dict[str, Any]],
    pod: Mapping[str, Any],
) -> Errors:
    """The init containers; those with restartPolicy Always (sidecars) may have probes and handlers."""
    errors: Errors = []
    seen = {item.get("name") or "" for item in regular}
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        errors += _container(here, item, volumes, pod)
        name = item.get("name") or ""
        if name in seen:
            errors.append(duplicate(f"{here}.name", name))
        seen.add(name)
        sidecar = item.get("restartPolicy") == "Always"
        for part in ("lifecycle", *PROBES):
            if item.get(part) is None:
                continue
            if not sidecar:
                text = "may not be set for init containers without restartPolicy=Always"
                errors.append(forbidden(f"{here}.{part}", text))
            elif part == "lifecycle":
                errors += _lifecycle(f"{here}.{part}", item[part], pod.get("terminationGracePeriodSeconds"))
            else:
                errors += probe(f"{here}.{part}", item[part], once=part != "readinessProbe")
    return errors


# EphemeralContainerCommon's fields that upstream's list of allowed ones leaves out, in the order of the struct.
_NOT_EPHEMERAL: Final = (
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
)
_NEVER_EPHEMERAL: Final = "cannot be set for an Ephemeral Container"


def ephemeral_containers(
    path: str,
    items: list[dict[str, Any]],
    volumes: Known,
    others: list[dict[str, Any]],
    pod: Mapping[str, Any],
) -> Errors:
    """The containers added to debug (validateEphemeralContainers); `others` are the containers of other kinds."""
    errors: Errors = []
    targets = [item.get("name") or "" for item in others]
    taken = set(targets)
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        errors += _container(here, item, volumes, pod)
        name, target = item.get("name") or "", item.get("targetContainerName")
        if name in taken:
            errors.append(duplicate(f"{here}.name", name))
        taken.add(name)
        if target and target not in targets:
            errors.append(not_found(f"{here}.targetContainerName", target))
        errors += [
            forbidden(f"{here}.{field}", _NEVER_EPHEMERAL) for field in _NOT_EPHEMERAL if item.get(field)
        ]
        for at, mount in enumerate(item.get("volumeMounts") or ()):
            errors += [
                forbidden(f"{here}.volumeMounts[{at}].{field}", _NEVER_EPHEMERAL)
                for field in ("subPath", "subPathExpr")
                if mount.get(field)
            ]
    return errors


def _container(path: str, item: Mapping[str, Any], volumes: Known, pod: Mapping[str, Any]) -> Errors:
    """validateContainerCommon."""
    errors: Errors = []
    name, image = item.get("name") or "", item.get("image") or ""
    if not name:
        errors.append(required(f"{path}.name"))
    else:
        errors += each_invalid(f"{path}.name", name, names.is_dns1123_label(name))
    if not image:
        errors.append(required(f"{path}.image"))
    elif image != image.strip():
        errors.append(invalid(f"{path}.image", image, "must not have leading or trailing whitespace"))
    if item.get("terminationMessagePolicy") not in (None, "File", "FallbackToLogsOnError"):
        supported = ("FallbackToLogsOnError", "File")
        errors.append(
            not_supported(f"{path}.terminationMessagePolicy", item["terminationMessagePolicy"], supported)
        )
    errors += _ports(f"{path}.ports", item.get("ports") or [])
    errors += _env(f"{path}.env", item.get("env") or [])
    errors += _env_from(f"{path}.envFrom", item.get("envFrom") or [])
    errors += mounts(f"{path}.volumeMounts", item, volumes)
    errors += devices(f"{path}.volumeDevices", item, volumes)
    errors += one_of(f"{path}.imagePullPolicy", item.get("imagePullPolicy") or "", PULL_POLICIES)
    errors += resources(f"{path}.resources", item.get("resources") or {})
    errors += _resize_policy(
        f"{path}.resizePolicy", item.get("resizePolicy") or [], pod.get("restartPolicy") == "Never"
    )
    return errors + _security_context(f"{path}.securityContext", item.get("securityContext") or {})


def _ports(path: str, items: list[dict[str, Any]]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        name = item.get("name")
        if name:
            wrong = names.is_valid_port_name(name)
            errors += each_invalid(f"{here}.name", name, wrong)
            if not wrong and name in seen:
                errors.append(duplicate(f"{here}.name", name))
            seen.add(name)
        number = item.get("containerPort") or 0
        if number == 0:
            errors.append(required(f"{here}.containerPort"))
        else:
            errors += each_invalid(f"{here}.containerPort", number, names.is_valid_port_num(number))
        host = item.get("hostPort") or 0
        if host:
            errors += each_invalid(f"{here}.hostPort", host, names.is_valid_port_num(host))
        protocol = item.get("protocol") or ""
        if not protocol:
            errors.append(required(f"{here}.protocol"))
        else:
            errors += one_of(f"{here}.protocol", protocol, PROTOCOLS)
    return errors


def host_port_conflicts(path: str, items: list[dict[str, Any]]) -> Errors:
    """Two ports of a pod on the same port of the host."""
    errors: Errors = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        for at, port in enumerate(item.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol') or ''}/{port.get('hostIP') or ''}/{port['hostPort']}"
            if key in seen:
                errors.append(duplicate(f"{path}[{index}].ports[{at}].hostPort", key))
            seen.add(key)
    return errors


def _env(path: str, items: list[dict[str, Any]]) -> Errors:
    errors: Errors = []
    for index, item in enumerate(items):
        here, name = f"{path}[{index}]", item.get("name") or ""
        if not name:
            errors.append(required(f"{here}.name"))
        else:
            errors += each_invalid(f"{here}.name", name, names.is_relaxed_env_var_name(name))
        source = item.get("valueFrom")
        if source is not None:
            errors += _value_from(f"{here}.valueFrom", source, has_value=bool(item.get("value")))
    return errors


def _value_from(path: str, source: Mapping[str, Any], *, has_value: bool) -> Errors:
    errors: Errors = []
    kinds = [
        name
        for name in ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")
        if source.get(name)
    ]
    if "fieldRef" in kinds:
        errors += field_reference(f"{path}.fieldRef", source["fieldRef"], _ENV_FIELD_PATHS)
    if "resourceFieldRef" in kinds:
        errors += resource_reference(f"{path}.resourceFieldRef", source["resourceFieldRef"], volume=False)
    for name in ("configMapKeyRef", "secretKeyRef"):
        if name in kinds:
            key = source[name].get("key") or ""
            if not source[name].get("name"):
                errors.append(required(f"{path}.{name}.name"))
            errors += (
                each_invalid(f"{path}.{name}.key", key, names.is_config_map_key(key))
                if key
                else [required(f"{path}.{name}.key")]
            )
    if not kinds:
        errors.append(
            invalid(
                path,
                "",
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
            )
        )
    elif has_value:
        errors.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(kinds) > 1:
        errors.append(invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def _env_from(path: str, items: list[dict[str, Any]]) -> Errors:
    errors: Errors = []
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        if item.get("prefix"):
            errors += each_invalid(
                f"{here}.prefix", item["prefix"], names.is_relaxed_env_var_name(item["prefix"])
            )
        kinds = [name for name in ("configMapRef", "secretRef") if item.get(name) is not None]
        if not kinds:
            errors.append(invalid(here, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(kinds) > 1:
            errors.append(invalid(here, "", "may not have more than one field specified at a time"))
        errors += [required(f"{here}.{name}.name") for name in kinds if not item[name].get("name")]
    return errors


# ---- resources


def pod_resources(path: str, spec: Mapping[str, Any]) -> Errors:
    """validatePodResources: what the pod as a whole asks for, beside what its containers do."""
    item = spec.get("resources")
    if item is None:
        return []
    errors = resources(path, item, _pod_level)
    own = {field: amounts(item, field) for field in ("requests", "limits")}
    for name, together in sorted(of_containers(spec, "requests").items()):
        given = own["requests"].get(name)
        if given is not None and together.nanos > given.nanos:
            text = f"must be greater than or equal to aggregate container requests of {together}"
            errors.append(invalid(f"{path}.requests[{name}]", str(given), text))
    for index, each in enumerate(spec.get("containers") or ()):
        for name, limit in sorted(amounts(each.get("resources"), "limits").items()):
            most = own["limits"].get(name)
            if most is not None and limit.nanos > most.nanos:
                text = f"must be less than or equal to pod limits of {most}"
                errors.append(invalid(f"{path}.containers[{index}][{name}].limits", str(limit), text))
    return errors


def _pod_level(field: str, name: str, value: Any) -> Errors:
    errors = each_invalid(field, name, names.is_qualified_name(name))
    if not errors and not is_pod_level(name):
        errors = [not_supported(field, name, ("cpu", "hugepages-", "memory"))]
    return errors + amount(field, value)


def resources(
    path: str, item: Mapping[str, Any], one: Callable[[str, str, Any], Errors] | None = None
) -> Errors:
    """ValidateContainerResourceRequirements; `one` judges a single amount, a container's when left out."""
    one = one or _resource
    limits, requests = item.get("limits") or {}, item.get("requests") or {}
    errors: Errors = []
    for name in sorted(limits):
        errors += one(f"{path}.limits[{name}]", name, limits[name])
    for name in sorted(requests):
        here = f"{path}.requests[{name}]"
        errors += one(here, name, requests[name])
        limit = limits.get(name)
        if limit is None:
            if not _overcommits(name):
                errors.append(
                    required(f"{path}.limits", "Limit must be set for non overcommitable resources")
                )
            continue
        asked, most = quantity.of(requests[name]), quantity.of(limit)
        if not _overcommits(name) and asked.nanos != most.nanos:
            errors.append(invalid(f"{path}.requests", str(asked), f"must be equal to {name} limit of {most}"))
        elif asked.nanos > most.nanos:
            errors.append(
                invalid(
                    f"{path}.requests", str(asked), f"must be less than or equal to {name} limit of {most}"
                )
            )
    named = {*limits, *requests}
    if any(name.startswith("hugepages-") for name in named) and not named & {"cpu", "memory"}:
        errors.append(forbidden(path, "HugePages require cpu or memory"))
    return errors


def _resize_policy(path: str, items: list[dict[str, Any]], never: bool) -> Errors:
    """validateResizePolicy: but for what stands there twice the errors name the list. `never`: nothing starts again."""
    errors: Errors = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        resource = item.get("resourceName") or ""
        if resource in seen:
            errors.append(duplicate(f"{path}[{index}]", resource))
        seen.add(resource)
        for name, supported in (
            ("resourceName", ("cpu", "memory")),
            ("restartPolicy", ("NotRequired", "RestartContainer")),
        ):
            value = item.get(name) or ""
            errors += one_of(path, value, supported) if value else [required(path)]
        policy = item.get("restartPolicy") or ""
        if never and policy != "NotRequired":
            errors.append(invalid(path, policy, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
    return errors


def _overcommits(name: str) -> bool:
    """Native resources but huge pages may be promised more often than they exist."""
    native = "/" not in name or "kubernetes.io/" in name
    return native and not name.startswith("hugepages-")


def _resource(field: str, name: str, value: Any) -> Errors:
    errors = container_resource_name(field, name)
    errors += amount(field, value)
    if not errors and "/" in name and "kubernetes.io/" not in name and quantity.of(value).nanos % 10**9:
        errors.append(invalid(field, value, "must be an integer"))
    return errors


def container_resource_name(field: str, name: str) -> Errors:
    """What a container can ask for (validateContainerResourceName)."""
    errors = each_invalid(field, name, names.is_qualified_name(name))
    if (
        not errors
        and "/" not in name
        and name not in _STANDARD_RESOURCES
        and not name.startswith("hugepages-")
    ):
        errors.append(invalid(field, name, "must be a standard resource type or fully qualified"))
        errors.append(invalid(field, name, "must be a standard resource for containers"))
    return errors


# ---- probes and handlers


def probe(path: str, item: Mapping[str, Any], *, once: bool) -> Errors:
    """validateProbe; liveness and startup probes succeed after `once`."""
    errors = _handler(path, item)
    errors += non_negative_fields(
        path,
        item,
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    )
    if once and item.get("successThreshold") != 1:
        errors.append(invalid(f"{path}.successThreshold", item.get("successThreshold", 0), "must be 1"))
    grace = item.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        errors.append(invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0"))
    if grace is not None and not once:
        text = "must not be set for readinessProbes"
        errors.append(invalid(f"{path}.terminationGracePeriodSeconds", grace, text))
    return errors


def _handler(path: str, item: Mapping[str, Any], grace: int | None = None) -> Errors:
    present = [name for name in _HANDLERS if item.get(name) is not None]
    if not present:
        return [required(path, "must specify a handler type")]
    errors: Errors = []
    for name in present[1:]:
        errors.append(forbidden(f"{path}.{name}", "may not specify more than 1 handler type"))
    return _action(f"{path}.{present[0]}", present[0], item[present[0]], grace) + errors


def _action(path: str, name: str, action: Mapping[str, Any], grace: int | None) -> Errors:
    if name == "exec":
        return [] if action.get("command") else [required(f"{path}.command")]
    if name == "sleep":
        pause = action.get("seconds", 0)
        if grace is None or 0 <= pause <= grace:
            return []
        text = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        return [invalid(path, pause, text)]
    errors: Errors = []
    if name == "httpGet" and not action.get("path"):
        errors.append(required(f"{path}.path"))
    errors += port_or_name(f"{path}.port", action.get("port", 0))
    if name == "httpGet":
        errors += one_of(f"{path}.scheme", action.get("scheme", ""), ("HTTP", "HTTPS"))
        for index, header in enumerate(action.get("httpHeaders") or ()):
            wrong = names.is_http_header_name(header.get("name", ""))
            errors += each_invalid(f"{path}.httpHeaders[{index}].name", header.get("name", ""), wrong)
    return errors


def _lifecycle(path: str, item: Mapping[str, Any], grace: int | None) -> Errors:
    errors: Errors = []
    for name in ("postStart", "preStop"):
        if item.get(name) is not None:
            errors += _handler(f"{path}.{name}", item[name], grace)
    return errors


_SECURITY_FIELDS: Final = (
    "capabilities",
    "privileged",
    "seLinuxOptions",
    "windowsOptions",
    "runAsUser",
    "runAsGroup",
    "runAsNonRoot",
    "readOnlyRootFilesystem",
    "allowPrivilegeEscalation",
    "procMount",
    "seccompProfile",
    "appArmorProfile",
)


def _security_context(path: str, item: Mapping[str, Any]) -> Errors:
    errors = user_or_group(path, item, "runAsUser", "runAsGroup")
    errors += proc_mount(f"{path}.procMount", item.get("procMount"))
    errors += seccomp(f"{path}.seccompProfile", item.get("seccompProfile"))
    if item.get("allowPrivilegeEscalation") is False:
        # Shown as Go prints the internal struct: every field, with its Go name.
        shown = {_go_name(name): item.get(name) for name in _SECURITY_FIELDS}
        if item.get("privileged"):
            text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            errors.append(invalid(path, shown, text))
        if "CAP_SYS_ADMIN" in ((item.get("capabilities") or {}).get("add") or ()):
            text = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            errors.append(invalid(path, shown, text))
    return errors + app_armor(f"{path}.appArmorProfile", item.get("appArmorProfile"))


def _go_name(name: str) -> str:
    return "SELinuxOptions" if name == "seLinuxOptions" else name[0].upper() + name[1:]
