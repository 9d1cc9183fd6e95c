"""Containers, volumes, tolerations: what pods and pod templates share.

**Imitates:** kubectl ``pkg/describe/describe.go`` (describeContainers, describeVolumes; v1.36). Left out: volume kinds
that no cluster of ours can have (clouds, Ceph, iSCSI ...), which show as ``<unknown>``.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import selectors
from kcsim.api.objects import Object
from kcsim.kubectl.describers.writer import NONE, UNSET, Writer, long_time


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
        writer.pair("Started", long_time(running.get("startedAt")), 3)
    elif terminated is not None:
        writer.pair(title, "Terminated", 2)
        for name, field in (("Reason", "reason"), ("Message", "message")):
            if terminated.get(field):
                writer.pair(name, terminated[field], 3)
        writer.pair("Exit Code", terminated.get("exitCode", 0), 3)
        if terminated.get("signal"):
            writer.pair("Signal", terminated["signal"], 3)
        writer.pair("Started", long_time(terminated.get("startedAt")), 3)
        writer.pair("Finished", long_time(terminated.get("finishedAt")), 3)
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
        for line in _variable(entry, pod):
            writer.line(3, line)


def _variable(entry: Object, pod: Object | None) -> list[str]:
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
        return [f"{name}:\t{field.get('divisor', '0')} ({field.get('resource', '')})"]
    for kind, words in (("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")):
        reference = source.get(kind)
        if reference is not None:
            text = f"<set to the key '{reference.get('key', '')}' {words} '{reference.get('name', '')}'>"
            return [f"{name}:\t{text}\tOptional: {_bool(reference.get('optional'))}"]
    return [f"{name}:\t"]


def _field_value(pod: Object, path: str) -> Any:
    value: Any = pod
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else value


def _bool(value: Any) -> str:
    return "true" if value else "false"


def _mounts(writer: Writer, container: Object) -> None:
    mounts = sorted(container.get("volumeMounts") or (), key=lambda m: str(m.get("mountPath", "")))
    writer.line(2, "Mounts:" if mounts else f"Mounts:\t{NONE}")
    for mount in mounts:
        flags = ["ro" if mount.get("readOnly") else "rw"]
        if mount.get("subPath"):
            flags.append(f'path="{mount["subPath"]}"')
        writer.line(3, f"{mount.get('mountPath', '')} from {mount.get('name', '')} ({','.join(flags)})")


# --- volumes ----------------------------------------------------------------------------------------------------

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
            writer.pair("SizeLimit", source.get("sizeLimit") or UNSET, 2)
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
                field = (item.get("fieldRef") or {}).get("fieldPath", "")
                writer.line(3, f"{field} -> {item.get('path', '')}")
        case "ephemeral":
            _ephemeral(writer, source.get("volumeClaimTemplate") or {})
        case "nfs":
            writer.pair("Server", source.get("server", ""), 2)
            writer.pair("Path", source.get("path", ""), 2)
            writer.pair("ReadOnly", _bool(source.get("readOnly")), 2)
        case "csi":
            writer.pair("Driver", source.get("driver", ""), 2)
            writer.pair("FSType", source.get("fsType", ""), 2)
            writer.pair("ReadOnly", _bool(source.get("readOnly")), 2)


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


# --- scheduling -------------------------------------------------------------------------------------------------


def write_tolerations(writer: Writer, title: str, tolerations: list[Object]) -> None:
    """Tolerations, one a line."""
    writer.column(title, [toleration_text(item) for item in tolerations])


def toleration_text(item: Object) -> str:
    """``node.kubernetes.io/not-ready:NoExecute op=Exists for 300s``."""
    text = item.get("key", "")
    if item.get("value"):
        text += f"={item['value']}"
    if item.get("effect"):
        text += f":{item['effect']}"
    if item.get("operator") == "Exists" and not item.get("value"):
        text += " op=Exists" if item.get("key") else "op=Exists"
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
            text += f" for selector {selectors.from_object(item['labelSelector'])}"
        items.append(text)
    writer.column(f"{space}Topology Spread Constraints", items)
