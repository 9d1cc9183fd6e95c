"""Containers, volumes, tolerations: what pods and pod templates share.

**Imitates:** kubectl ``pkg/describe/describe.go`` (describeContainers, describeVolumes; v1.36). Left out: volume kinds
that no cluster of ours can have (clouds, Ceph, iSCSI ...), which show as ``<unknown>``.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import quantity
from kcsim.api.gotext import go_quote
from kcsim.api.objects import Object
from kcsim.api.tables.cells import selector_cell
from kcsim.kubectl.describers.writer import NEVER, NONE, UNSET, Writer, long_time


def write_template(writer: Writer, template: Object) -> None:
    """A pod template."""
    spec, metadata = template.get("spec") or {}, template.get("metadata") or {}
    writer.line(0, "Pod Template:")
    writer.mapping("  Labels", metadata.get("labels"))
    if metadata.get("annotations"):
        writer.annotations(template, "  Annotations")
    if spec.get("serviceAccountName"):
        writer.pair("Service Account", spec["serviceAccountName"], 1)
    if spec.get("initContainers"):
        write_containers(writer, "Init Containers", spec["initContainers"], {}, None, "  ")
    write_containers(writer, "Containers", spec.get("containers") or [], {}, None, "  ")
    write_volumes(writer, spec.get("volumes") or [], "  ")
    write_spread(writer, spec.get("topologySpreadConstraints") or [], "  ")
    if spec.get("priorityClassName"):
        writer.pair("Priority Class Name", spec["priorityClassName"], 1)
    writer.mapping("  Node-Selectors", spec.get("nodeSelector"))
    write_tolerations(writer, "  Tolerations", spec.get("tolerations") or [])


def write_containers(
    writer: Writer,
    title: str,
    containers: list[Object],
    statuses: dict[str, Object],
    pod: Object | None,
    space: str,
) -> None:
    """Containers under a title; ``statuses`` by container name."""
    writer.line(0, f"{space}{title}:" if containers else f"{space}{title}: {NONE}")
    for container in containers:
        state = statuses.get(container["name"])
        _basics(writer, container, state, space)
        for name, words in (("Command", container.get("command")), ("Args", container.get("args"))):
            if words:
                writer.line(2, f"{name}:")
                for word in words:
                    for line in word.split("\n"):
                        writer.line(3, line)
        if state is not None:
            _state(writer, state)
        write_amounts(writer, container.get("resources") or {}, 2)
        _probes(writer, container)
        _environment(writer, container, pod)
        _mounts(writer, container)


def _basics(writer: Writer, container: Object, state: Object | None, space: str) -> None:
    writer.line(1, f"{' ' if space else ''}{container['name']}:")
    if state is not None:
        writer.pair("Container ID", state.get("containerID", ""), 2)
    writer.pair("Image", container.get("image", ""), 2)
    if state is not None:
        writer.pair("Image ID", state.get("imageID", ""), 2)
    ports = container.get("ports") or []
    for title, field in (("Port", "containerPort"), ("Host Port", "hostPort")):
        texts = [f"{port.get(field, 0)}/{port.get('protocol', '')}" for port in ports]
        writer.pair(f"{title}s" if len(texts) > 1 else title, ", ".join(texts) or NONE, 2)
    write_seccomp(writer, container, 2)


def write_seccomp(writer: Writer, holder: Object, level: int) -> None:
    """The seccomp profile of a pod spec or container, where it has one."""
    profile = (holder.get("securityContext") or {}).get("seccompProfile")
    if profile is None:
        return
    writer.pair("SeccompProfile", profile.get("type", ""), level)
    if profile.get("type") == "Localhost":
        # Below that of a container, beside that of a pod.
        writer.pair("LocalhostProfile", profile.get("localhostProfile", ""), level and level + 1)


def _state(writer: Writer, state: Object) -> None:
    _moment(writer, "State", state.get("state") or {})
    if (state.get("lastState") or {}).get("terminated") is not None:
        _moment(writer, "Last State", state["lastState"])
    writer.pair("Ready", bool(state.get("ready")), 2)
    writer.pair("Restart Count", state.get("restartCount", 0), 2)


def _moment(writer: Writer, title: str, state: Object) -> None:
    running, terminated = state.get("running"), state.get("terminated")
    if running is not None:
        writer.pair(title, "Running", 2)
        writer.pair("Started", long_time(running.get("startedAt") or NEVER), 3)
    elif terminated is not None:
        writer.pair(title, "Terminated", 2)
        for name, field in (("Reason", "reason"), ("Message", "message")):
            if terminated.get(field):
                writer.pair(name, terminated[field], 3)
        writer.pair("Exit Code", terminated.get("exitCode", 0), 3)
        if terminated.get("signal"):
            writer.pair("Signal", terminated["signal"], 3)
        writer.pair("Started", long_time(terminated.get("startedAt") or NEVER), 3)
        writer.pair("Finished", long_time(terminated.get("finishedAt") or NEVER), 3)
    else:
        writer.pair(title, "Waiting", 2)
        reason = (state.get("waiting") or {}).get("reason")
        if reason:
            writer.pair("Reason", reason, 3)


def write_amounts(writer: Writer, resources: Object, level: int) -> None:
    """Limits and requests."""
    for title, field in (("Limits", "limits"), ("Requests", "requests")):
        amounts = resources.get(field)
        if amounts:
            writer.line(level, f"{title}:")
            for name in sorted(amounts):
                writer.pair(name, amounts[name], level + 1)


def _probes(writer: Writer, container: Object) -> None:
    for title in ("Liveness", "Readiness", "Startup"):
        probe = container.get(f"{title.lower()}Probe")
        if probe is not None:
            writer.pair(title, probe_text(probe), 2)


def probe_text(probe: Object) -> str:
    """``http-get http://:80/healthz delay=0s timeout=1s period=10s #success=1 #failure=3``."""
    numbers = (
        f"delay={probe.get('initialDelaySeconds', 0)}s timeout={probe.get('timeoutSeconds', 0)}s "
        f"period={probe.get('periodSeconds', 0)}s #success={probe.get('successThreshold', 0)} "
        f"#failure={probe.get('failureThreshold', 0)}"
    )
    if probe.get("exec") is not None:
        return f"exec [{' '.join(probe['exec'].get('command') or ())}] {numbers}"
    if probe.get("httpGet") is not None:
        get = probe["httpGet"]
        path = get.get("path", "")
        path = path if path.startswith("/") or not path else f"/{path}"
        return f"http-get {get.get('scheme', '').lower()}://{get.get('host', '')}:{get.get('port', '')}{path} {numbers}"
    if probe.get("tcpSocket") is not None:
        socket = probe["tcpSocket"]
        return f"tcp-socket {socket.get('host', '')}:{socket.get('port', '')} {numbers}"
    if probe.get("grpc") is not None:
        call = probe["grpc"]
        return f"grpc <pod>:{call.get('port', 0)} {call.get('service') or ''} {numbers}"
    return f"unknown {numbers}"


def _environment(writer: Writer, container: Object, pod: Object | None) -> None:
    sources = container.get("envFrom") or []
    if sources:
        writer.line(2, "Environment Variables from:")
        for source in sources:
            kind = "ConfigMap" if source.get("configMapRef") is not None else "Secret"
            reference = source.get("configMapRef") or source.get("secretRef") or {}
            prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
            writer.line(
                3,
                f"{reference.get('name', '')}\t{kind}{prefix}\tOptional: {_bool(reference.get('optional'))}",
            )
    entries = container.get("env") or []
    writer.line(2, "Environment:" if entries else f"Environment:\t{NONE}")
    for entry in entries:
        for line in _variable(entry, container, pod):
            writer.line(3, line)


def _variable(entry: Object, container: Object, pod: Object | None) -> list[str]:
    name, source = entry["name"], entry.get("valueFrom")
    if source is None:
        first, *rest = entry.get("value", "").split("\n")
        return [f"{name}:\t{first}", *(f"\t{line}" for line in rest)]
    if source.get("fieldRef") is not None:
        field = source["fieldRef"]
        value = _field_value(pod, field.get("fieldPath", "")) if pod is not None else ""
        return [f"{name}:\t{value} ({field.get('apiVersion', '')}:{field.get('fieldPath', '')})"]
    if source.get("resourceFieldRef") is not None:
        field = source["resourceFieldRef"]
        return [f"{name}:\t{_resource_value(container, field)} ({field.get('resource', '')})"]
    for kind, words in (("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")):
        reference = source.get(kind)
        if reference is not None:
            text = f"<set to the key '{reference.get('key', '')}' {words} '{reference.get('name', '')}'>"
            return [f"{name}:\t{text}\tOptional: {_bool(reference.get('optional'))}"]
    return [f"{name}:\t"]


def _field_value(pod: Object, path: str) -> str:
    """kubectl's scheme knows two fields of a pod by their paths; for all others it shows nothing."""
    shown = {
        f"metadata.{field}": (pod.get("metadata") or {}).get(field, "") for field in ("name", "namespace")
    }
    return str(shown.get(path, ""))


def _resource_value(container: Object, reference: Object) -> str:
    """The amount in units of the divisor, rounded up; what is not limited is the node's."""
    resource = reference.get("resource", "")
    kind, _, name = resource.partition(".")
    amount = quantity.of(((container.get("resources") or {}).get(kind) or {}).get(name, "0"))
    divisor = quantity.of(reference.get("divisor") or "0")
    one = quantity.parse("1") if not divisor.nanos else divisor
    if name == "cpu":
        shown = -(-amount.milli_value() // one.milli_value())
    else:
        shown = -(-amount.value() // one.value())
    if not shown and resource in {"limits.cpu", "limits.memory"}:
        return "node allocatable"
    return str(shown)


def _bool(value: Any) -> str:
    return "true" if value else "false"


def _mounts(writer: Writer, container: Object) -> None:
    mounts = sorted(container.get("volumeMounts") or (), key=lambda m: str(m.get("mountPath", "")))
    writer.line(2, "Mounts:" if mounts else f"Mounts:\t{NONE}")
    for mount in mounts:
        flags = ["ro" if mount.get("readOnly") else "rw"]
        if mount.get("subPath"):
            flags.append(f"path={go_quote(mount['subPath'])}")
        writer.line(3, f"{mount.get('mountPath', '')} from {mount.get('name', '')} ({','.join(flags)})")
    devices = sorted(container.get("volumeDevices") or (), key=lambda d: str(d.get("devicePath", "")))
    if devices:
        # As kubectl has it: that there are none is said of the mounts.
        writer.line(2, "Devices:" if mounts else f"Devices:\t{NONE}")
    for device in devices:
        writer.line(3, f"{device.get('devicePath', '')} from {device.get('name', '')}")


# --- volumes ----------------------------------------------------------------------------------------------------

_LONGEST = 140
_TYPES = {
    "hostPath": "HostPath (bare host directory volume)",
    "emptyDir": "EmptyDir (a temporary directory that shares a pod's lifetime)",
    "secret": "Secret (a volume populated by a Secret)",
    "configMap": "ConfigMap (a volume populated by a ConfigMap)",
    "persistentVolumeClaim": "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
    "projected": "Projected (a volume that contains injected data from multiple sources)",
    "downwardAPI": "DownwardAPI (a volume populated by information about the pod)",
    "ephemeral": "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)",
    "nfs": "NFS (an NFS mount that lasts the lifetime of a pod)",
    "csi": "CSI (a Container Storage Interface (CSI) volume source)",
    "image": "Image (a container image or OCI artifact)",
}


def write_volumes(writer: Writer, volumes: list[Object], space: str) -> None:
    """Volumes of a pod spec."""
    writer.line(0, f"{space}Volumes:" if volumes else f"{space}Volumes:\t{NONE}")
    for volume in volumes:
        writer.line(1, f"{' ' if space else ''}{volume['name']}:")
        kind = next((kind for kind in _TYPES if volume.get(kind) is not None), None)
        if kind is None:
            writer.line(1, "<unknown>")
            continue
        write_source(writer, kind, volume[kind])


def write_source(writer: Writer, kind: str, source: Object) -> None:
    """What a volume is made of."""
    writer.pair("Type", _TYPES[kind], 2)
    match kind:
        case "hostPath":
            writer.pair("Path", source.get("path", ""), 2)
            writer.pair("HostPathType", NONE if source.get("type") is None else source["type"], 2)
        case "emptyDir":
            writer.pair("Medium", source.get("medium", ""), 2)
            limit = source.get("sizeLimit")
            writer.pair("SizeLimit", limit if limit and quantity.of(limit).nanos > 0 else UNSET, 2)
        case "secret":
            writer.pair("SecretName", source.get("secretName", ""), 2)
            writer.pair("Optional", _bool(source.get("optional")), 2)
        case "configMap":
            writer.pair("Name", source.get("name", ""), 2)
            writer.pair("Optional", _bool(source.get("optional")), 2)
        case "persistentVolumeClaim":
            writer.pair("ClaimName", source.get("claimName", ""), 2)
            writer.pair("ReadOnly", _bool(source.get("readOnly")), 2)
        case "projected":
            for part in source.get("sources") or ():
                _projection(writer, part)
        case "downwardAPI":
            writer.line(2, "Items:")
            for item in source.get("items") or ():
                for place, field in (("fieldRef", "fieldPath"), ("resourceFieldRef", "resource")):
                    if item.get(place) is not None:
                        writer.line(3, f"{item[place].get(field, '')} -> {item.get('path', '')}")
        case "ephemeral":
            _ephemeral(writer, source.get("volumeClaimTemplate") or {})
        case "nfs":
            writer.pair("Server", source.get("server", ""), 2)
            writer.pair("Path", source.get("path", ""), 2)
            writer.pair("ReadOnly", _bool(source.get("readOnly")), 2)
        case "csi":
            writer.pair("Driver", source.get("driver", ""), 2)
            writer.pair("FSType", source.get("fsType", ""), 2)
            if "volumeHandle" in source:
                writer.pair("VolumeHandle", source["volumeHandle"], 2)
            writer.pair("ReadOnly", _bool(source.get("readOnly")), 2)
            _attributes(writer, source.get("volumeAttributes") or {})
        case "image":
            writer.pair("Reference", source.get("reference", ""), 2)
            writer.pair("PullPolicy", source.get("pullPolicy", ""), 2)


def _attributes(writer: Writer, attributes: Object) -> None:
    lines = [f"{key}={value}" for key, value in sorted(attributes.items())] or [NONE]
    for place, line in enumerate(lines):
        text = f"{line[:_LONGEST]}..." if len(line) > _LONGEST else line
        # Each is indented once more than a value is elsewhere, and a title that is missing as well.
        lead = "VolumeAttributes:" if not place else "    "
        writer.line(2, f"{lead}\t{text if text == NONE else f'    {text}'}")


def _projection(writer: Writer, part: Object) -> None:
    if part.get("secret") is not None:
        writer.pair("SecretName", part["secret"].get("name", ""), 2)
        writer.pair("Optional", _bool(part["secret"].get("optional")), 2)
    elif part.get("configMap") is not None:
        writer.pair("ConfigMapName", part["configMap"].get("name", ""), 2)
        writer.pair("Optional", _bool(part["configMap"].get("optional")), 2)
    elif part.get("downwardAPI") is not None:
        writer.pair("DownwardAPI", "true", 2)
    elif part.get("serviceAccountToken") is not None:
        writer.pair("TokenExpirationSeconds", part["serviceAccountToken"].get("expirationSeconds", 0), 2)


def _ephemeral(writer: Writer, template: Object) -> None:
    spec, metadata = template.get("spec") or {}, template.get("metadata") or {}
    writer.pair("StorageClass", spec.get("storageClassName", ""), 2)
    writer.pair("Volume", spec.get("volumeName", ""), 2)
    writer.mapping("    Labels", metadata.get("labels"))
    writer.annotations(template, "    Annotations")
    writer.pair("Capacity", "", 2)
    writer.pair("Access Modes", "", 2)
    if spec.get("volumeMode"):
        writer.pair("VolumeMode", spec["volumeMode"], 2)
    write_data_source(writer, spec.get("dataSource"), 2)


def write_data_source(writer: Writer, source: Object | None, level: int) -> None:
    """What a claim is filled from, where it is."""
    if source is None:
        return
    writer.line(level, "DataSource:")
    for title, field in (("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name")):
        if field != "apiGroup" or source.get(field) is not None:
            writer.pair(title, source.get(field, ""), level + 1)


# --- scheduling -------------------------------------------------------------------------------------------------


def write_tolerations(writer: Writer, title: str, tolerations: list[Object]) -> None:
    """Tolerations, one a line."""
    ordered = sorted(tolerations, key=lambda item: str(item.get("key", "")))
    writer.column(title, [toleration_text(item) for item in ordered])


def toleration_text(item: Object) -> str:
    """``node.kubernetes.io/not-ready:NoExecute op=Exists for 300s``."""
    text = item.get("key", "")
    if item.get("value"):
        text += f"={item['value']}"
    if item.get("effect"):
        text += f":{item['effect']}"
    if item.get("operator") == "Exists" and not item.get("value"):
        text += " op=Exists" if text else "op=Exists"
    if item.get("tolerationSeconds") is not None:
        text += f" for {item['tolerationSeconds']}s"
    return str(text)


def write_spread(writer: Writer, constraints: list[Object], space: str) -> None:
    """Topology spread constraints, where there are any."""
    if not constraints:
        return
    items = []
    for item in sorted(constraints, key=lambda c: str(c.get("topologyKey", ""))):
        text = (
            f"{item['topologyKey']}:{item['whenUnsatisfiable']} when max skew {item['maxSkew']} is exceeded"
        )
        if item.get("labelSelector") is not None:
            text += f" for selector {selector_cell(item['labelSelector'])}"
        items.append(text)
    writer.column(f"{space}Topology Spread Constraints", items)
