"""Nodes, namespaces, storage, configuration, rights and classes.

**Imitates:** kubectl ``pkg/describe/describe.go`` (v1.36).
"""

from __future__ import annotations

import base64
import binascii

from kcsim.api import objects, quantity
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.api.tables.cells import View, age, default_name, labels_cell, since, spec, status
from kcsim.api.tables.cluster import node_roles
from kcsim.api.tables.storage import DEFAULT_CLASS, modes_cell, storage_class
from kcsim.engine.task import Steps
from kcsim.kubectl.describers.containers import write_data_source, write_source
from kcsim.kubectl.describers.writer import NEVER, NONE, UNSET, Writer, long_time
from kcsim.kubectl.session import Session

_ENDED = frozenset({"Succeeded", "Failed"})
_INFO = (
    ("Machine ID", "machineID"),
    ("System UUID", "systemUUID"),
    ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"),
    ("Kube-Proxy Version", "kubeProxyVersion"),
)
_TRACKED = ("cpu", "memory", "ephemeral-storage")


# --- nodes ------------------------------------------------------------------------------------------------------


def describe_node(session: Session, obj: Object, writer: Writer) -> Steps:
    """A node and what runs on it."""
    state = status(obj)
    writer.pair("Name", objects.name(obj))
    writer.pair("Roles", node_roles(obj))
    writer.labels(obj)
    writer.annotations(obj)
    writer.pair("CreationTimestamp", long_time(obj["metadata"].get("creationTimestamp")))
    taints = sorted(spec(obj).get("taints") or (), key=lambda t: (t.get("effect", ""), t.get("key", "")))
    writer.column("Taints", [_taint(taint) for taint in taints])
    writer.pair("Unschedulable", str(bool(spec(obj).get("unschedulable"))).lower())
    yield from _lease(session, obj, writer)
    _node_conditions(writer, obj)
    writer.line(0, "Addresses:")
    for address in state.get("addresses") or ():
        writer.pair(address["type"], address["address"], 1)
    for title, field in (("Capacity", "capacity"), ("Allocatable", "allocatable")):
        amounts = state.get(field)
        if amounts:
            writer.line(0, f"{title}:")
            for name in sorted(amounts):
                writer.pair(name, amounts[name], 1)
    info = state.get("nodeInfo") or {}
    writer.line(0, "System Info:")
    for title, field in _INFO:
        if field != "kubeProxyVersion" or info.get(field) is not None or not info:
            writer.pair(title, info.get(field, ""), 1)
    if spec(obj).get("podCIDR"):
        writer.pair("PodCIDR", spec(obj)["podCIDR"])
    if spec(obj).get("podCIDRs"):
        writer.pair("PodCIDRs", ",".join(spec(obj)["podCIDRs"]))
    if spec(obj).get("providerID"):
        writer.pair("ProviderID", spec(obj)["providerID"])
    found = yield session.client.list("pods", "", field_selector=f"spec.nodeName={objects.name(obj)}")
    pods = [pod for pod in found["items"] if status(pod).get("phase") not in _ENDED]
    _pods(session, writer, obj, pods)


def _taint(taint: Object) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key', '')}{value}:{taint.get('effect', '')}"


def _lease(session: Session, obj: Object, writer: Writer) -> Steps:
    try:
        lease = yield session.client.get("leases.coordination.k8s.io", "kube-node-lease", objects.name(obj))
    except StatusError as error:
        writer.pair("Lease", f"Failed to get lease: {error.message}")
        return
    writer.line(0, "Lease:")
    writer.pair("HolderIdentity", spec(lease).get("holderIdentity") or UNSET, 1)
    for title, field in (("AcquireTime", "acquireTime"), ("RenewTime", "renewTime")):
        writer.pair(title, long_time(spec(lease).get(field)), 1)


def _node_conditions(writer: Writer, obj: Object) -> None:
    held = objects.conditions(obj)
    if not held:
        return
    writer.line(0, "Conditions:")
    header = ("Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message")
    rows = [
        (
            f"{c['type']} ",
            f"{c['status']} ",
            f"{long_time(c.get('lastHeartbeatTime') or NEVER)} ",
            f"{long_time(c.get('lastTransitionTime') or NEVER)} ",
            f"{c.get('reason', '')} ",
            c.get("message", ""),
        )
        for c in held
    ]
    writer.table(1, header, rows)


def _pods(session: Session, writer: Writer, node: Object, pods: list[Object]) -> None:
    available = status(node).get("allocatable") or status(node).get("capacity") or {}
    pages = sorted(name for name in available if name.startswith("hugepages-"))
    others = sorted(set(available) - {*_TRACKED, *pages, "pods"})
    capacity = {name: quantity.milli(available.get(name, "0")) for name in (*_TRACKED, *pages)}
    writer.pair("Non-terminated Pods", f"({len(pods)} in total)")
    # kubectl leaves an empty column between the name and the amounts.
    amounts = ("CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits")
    header = ("Namespace", "Name", "", *amounts, "Age")
    rows = []
    totals = {(kind, name): 0 for kind in ("requests", "limits") for name in (*capacity, *others)}
    for pod in pods:
        used = {key: _pod_amount(pod, *key) for key in totals}
        for key, amount in used.items():
            totals[key] += amount
        rows.append(
            (
                objects.namespace(pod),
                objects.name(pod),
                "",
                *(
                    f"{_amount(used[kind, name], name)} ({_percent(used[kind, name], capacity[name])}%)"
                    for name in ("cpu", "memory")
                    for kind in ("requests", "limits")
                ),
                age(pod, View(session.engine.now)),
            )
        )
    writer.table(1, header, rows)
    writer.line(0, "Allocated resources:")
    writer.line(1, "(Total limits may be over 100 percent, i.e., overcommitted.)")
    cells = [
        (
            name,
            *(
                f"{_amount(totals[kind, name], name)} ({_percent(totals[kind, name], capacity[name])}%)"
                for kind in ("requests", "limits")
            ),
        )
        for name in capacity
    ]
    plain = [
        (name, *(_amount(totals[kind, name], name) for kind in ("requests", "limits"))) for name in others
    ]
    writer.table(1, ("Resource", "Requests", "Limits"), [*cells, *plain])


def _pod_amount(pod: Object, kind: str, name: str) -> int:
    """What a pod asks for, in thousandths: the sum of its containers, or what its init containers need at once."""
    total, initial = 0, 0
    for container in spec(pod).get("containers") or ():
        total += _container_amount(container, kind, name)
    sidecars = 0
    for container in spec(pod).get("initContainers") or ():
        amount = _container_amount(container, kind, name)
        if container.get("restartPolicy") == "Always":
            sidecars += amount
            total += amount
        initial = max(initial, amount + sidecars)
    overhead = (spec(pod).get("overhead") or {}).get(name)
    return max(total, initial) + (quantity.milli(overhead) if overhead else 0)


def _container_amount(container: Object, kind: str, name: str) -> int:
    text = ((container.get("resources") or {}).get(kind) or {}).get(name)
    return quantity.milli(text) if text else 0


def _amount(milli: int, name: str) -> str:
    binary = name in {"memory", "ephemeral-storage"} or name.startswith("hugepages-")
    kind = quantity.BINARY_SI if binary else quantity.DECIMAL_SI
    return quantity.canonical_text(milli * 1_000_000, kind)


def _percent(amount: int, whole: int) -> int:
    return amount * 100 // whole if whole else 0


# --- configuration ----------------------------------------------------------------------------------------------


def describe_config_map(session: Session, obj: Object, writer: Writer) -> Steps:
    """A ConfigMap."""
    del session
    writer.head(obj)
    writer.line(0, "\nData\n====")
    for key, value in sorted((obj.get("data") or {}).items()):
        writer.line(0, f"{key}:\n----\n{value}\n")
    writer.line(0, "\nBinaryData\n====")
    for key, value in sorted((obj.get("binaryData") or {}).items()):
        writer.line(0, f"{key}: {_size(value)} bytes")
    writer.line(0, "")
    yield from ()


def describe_secret(session: Session, obj: Object, writer: Writer) -> Steps:
    """A Secret, without its values."""
    del session
    writer.head(obj)
    writer.line(0, f"\nType:\t{obj.get('type', '')}")
    writer.line(0, "\nData\n====")
    for key, value in sorted((obj.get("data") or {}).items()):
        token = key == "token" and obj.get("type") == "kubernetes.io/service-account-token"
        shown = base64.b64decode(value).decode(errors="replace") if token else f"{_size(value)} bytes"
        writer.pair(key, shown)
    yield from ()


def _size(value: str) -> int:
    try:
        return len(base64.b64decode(value))
    except binascii.Error:
        return len(value)


def describe_account(session: Session, obj: Object, writer: Writer) -> Steps:
    """A ServiceAccount."""
    del session
    writer.head(obj)
    for title, names in (
        ("Image pull secrets", [entry["name"] for entry in obj.get("imagePullSecrets") or ()]),
        ("Mountable secrets", [entry["name"] for entry in obj.get("secrets") or ()]),
        ("Tokens", []),
    ):
        writer.column(title, names)
    yield from ()


# --- storage ----------------------------------------------------------------------------------------------------


def describe_volume(session: Session, obj: Object, writer: Writer) -> Steps:
    """A PersistentVolume."""
    body, claim = spec(obj), spec(obj).get("claimRef")
    writer.head(obj, namespaced=False)
    _finalizers(writer, obj)
    writer.pair("StorageClass", storage_class(obj))
    writer.pair("Status", _phase(session, obj))
    writer.pair("Claim", f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "")
    writer.pair("Reclaim Policy", body.get("persistentVolumeReclaimPolicy", ""))
    writer.pair("Access Modes", modes_cell(body.get("accessModes")))
    if body.get("volumeMode"):
        writer.pair("VolumeMode", body["volumeMode"])
    writer.pair("Capacity", (body.get("capacity") or {}).get("storage", "0"))
    _affinity(writer, body.get("nodeAffinity"))
    writer.pair("Message", status(obj).get("message", ""))
    writer.line(0, "Source:")
    kind = next((kind for kind in ("hostPath", "nfs", "csi") if body.get(kind) is not None), "")
    if kind:
        write_source(writer, kind, body[kind])
    elif body.get("local") is not None:
        writer.pair("Type", "LocalVolume (a persistent volume backed by local storage on a node)", 2)
        writer.pair("Path", body["local"].get("path", ""), 2)
    else:
        writer.line(1, "<unknown>")
    yield from ()


def _affinity(writer: Writer, affinity: Object | None) -> None:
    if affinity is None or affinity.get("required") is None:
        writer.pair("Node Affinity", NONE)
        return
    writer.line(0, "Node Affinity:\t")
    terms = affinity["required"].get("nodeSelectorTerms") or []
    writer.line(1, f"Required Terms:\t{'' if terms else NONE}")
    for place, term in enumerate(terms):
        texts = [_requirement(item) for item in term.get("matchExpressions") or ()]
        for line, text in enumerate(texts or [NONE]):
            writer.line(2, f"Term {place}:\t{text}" if not line else f"\t{text}")


def _requirement(item: Object) -> str:
    values = f" [{', '.join(item['values'])}]" if item.get("values") else ""
    return f"{item['key']} {item['operator'].lower()}{values}"


def describe_claim(session: Session, obj: Object, writer: Writer) -> Steps:
    """A PersistentVolumeClaim and who uses it."""
    body = spec(obj)
    bound = bool(body.get("volumeName"))
    found = yield session.client.list("pods", objects.namespace(obj))
    users = [
        objects.name(pod)
        for pod in found["items"]
        if any(
            (volume.get("persistentVolumeClaim") or {}).get("claimName") == objects.name(obj)
            for volume in spec(pod).get("volumes") or ()
        )
    ]
    writer.names(obj)
    writer.pair("StorageClass", storage_class(obj))
    writer.pair("Status", _phase(session, obj))
    writer.pair("Volume", body.get("volumeName", ""))
    writer.labels(obj)
    writer.annotations(obj)
    _finalizers(writer, obj)
    writer.pair("Capacity", (status(obj).get("capacity") or {}).get("storage", "0") if bound else "")
    writer.pair("Access Modes", modes_cell(status(obj).get("accessModes")) if bound else "")
    if body.get("volumeMode"):
        writer.pair("VolumeMode", body["volumeMode"])
    write_data_source(writer, body.get("dataSource"), 0)
    writer.column("Used By", sorted(users))
    _claim_conditions(writer, obj)


def _claim_conditions(writer: Writer, obj: Object) -> None:
    held = objects.conditions(obj)
    if not held:
        return
    writer.line(0, "Conditions:")
    writer.line(1, "Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage")
    # The third rule is longer than its title in kubectl as well.
    writer.line(1, "----\t------\t-----------------\t------------------\t------\t-------")
    for c in held:
        times = [long_time(c.get(field) or NEVER) for field in ("lastProbeTime", "lastTransitionTime")]
        cells = (c["type"], c["status"], *times, c.get("reason", ""), c.get("message", ""))
        writer.line(1, " \t".join(cells))


def _phase(session: Session, obj: Object) -> str:
    if objects.is_deleting(obj):
        return f"Terminating (lasts {since(obj['metadata']['deletionTimestamp'], View(session.engine.now))})"
    return str(status(obj).get("phase", ""))


def _finalizers(writer: Writer, obj: Object) -> None:
    writer.pair("Finalizers", f"[{' '.join(obj['metadata'].get('finalizers') or ())}]")


def _topologies(writer: Writer, terms: list[Object] | None) -> None:
    """Where volumes of a class may be (describe.go: printAllowedTopologies)."""
    if terms is None:
        return
    if not terms:
        writer.pair("AllowedTopologies", NONE)
        return
    writer.line(0, "AllowedTopologies:\t")
    for place, term in enumerate(terms):
        wanted = term.get("matchLabelExpressions") or []
        for number, each in enumerate(wanted):
            lead = f"Term {place}:\t" if not number else "\t"
            writer.line(1, f"{lead}{each['key']} in [{', '.join(each.get('values') or ())}]")
        if not wanted:
            writer.line(1, f"Term {place}:\t{NONE}")


def describe_class(session: Session, obj: Object, writer: Writer) -> Steps:
    """A StorageClass."""
    del session
    writer.pair("Name", objects.name(obj))
    writer.pair("IsDefaultClass", "Yes" if default_name(obj, *DEFAULT_CLASS) != objects.name(obj) else "No")
    writer.pair("Annotations", labels_cell(objects.annotations(obj)))
    writer.pair("Provisioner", obj.get("provisioner", ""))
    writer.pair("Parameters", labels_cell(obj.get("parameters")))
    grows = obj.get("allowVolumeExpansion")
    writer.pair("AllowVolumeExpansion", UNSET if grows is None else str(grows))
    options = obj.get("mountOptions") or []
    if options:
        writer.line(0, "MountOptions:")
        for option in options:
            writer.line(1, option)
    else:
        writer.pair("MountOptions", NONE)
    for title, field in (("ReclaimPolicy", "reclaimPolicy"), ("VolumeBindingMode", "volumeBindingMode")):
        if obj.get(field) is not None:
            writer.pair(title, obj[field])
    _topologies(writer, obj.get("allowedTopologies"))
    yield from ()


def describe_attributes_class(session: Session, obj: Object, writer: Writer) -> Steps:
    """A VolumeAttributesClass."""
    del session
    writer.pair("Name", objects.name(obj))
    writer.pair("Annotations", labels_cell(objects.annotations(obj)))
    writer.pair("DriverName", obj.get("driverName", ""))
    writer.pair("Parameters", labels_cell(obj.get("parameters")))
    yield from ()


def describe_csi_node(session: Session, obj: Object, writer: Writer) -> Steps:
    """A CSINode."""
    del session
    writer.head(obj, namespaced=False)
    writer.pair("CreationTimestamp", long_time(obj["metadata"].get("creationTimestamp")))
    writer.line(0, "Spec:")
    drivers = spec(obj).get("drivers")
    if drivers is not None:
        writer.line(1, "Drivers:")
    for driver in drivers or ():
        writer.line(2, f"{driver.get('name', '')}:")
        writer.pair("Node ID", driver.get("nodeID", ""), 3)
        count = (driver.get("allocatable") or {}).get("count")
        if count is not None:
            writer.line(3, "Allocatables:")
            writer.pair("Count", count, 4)
        if driver.get("topologyKeys") is not None:
            writer.pair("Topology Keys", f"[{' '.join(driver['topologyKeys'])}]", 3)
    yield from ()


def describe_priority_class(session: Session, obj: Object, writer: Writer) -> Steps:
    """A PriorityClass."""
    del session
    writer.pair("Name", objects.name(obj))
    writer.pair("Value", obj.get("value", 0))
    writer.pair("GlobalDefault", str(bool(obj.get("globalDefault"))).lower())
    writer.pair("PreemptionPolicy", obj.get("preemptionPolicy", ""))
    writer.pair("Description", obj.get("description", ""))
    writer.pair("Annotations", labels_cell(objects.annotations(obj)))
    yield from ()


# --- rights -----------------------------------------------------------------------------------------------------


def describe_role(session: Session, obj: Object, writer: Writer) -> Steps:
    """A Role or ClusterRole."""
    del session
    writer.head(obj, namespaced=False)
    writer.line(0, "PolicyRule:")
    writer.table(
        1, ("Resources", "Non-Resource URLs", "Resource Names", "Verbs"), policy_rows(obj.get("rules") or [])
    )
    yield from ()


def policy_rows(rules: list[Object], *, merged: bool = True) -> list[tuple[str, str, str, str]]:
    """One row for each resource: rules broken down, in the order of their text; verbs of equal rules ``merged``."""
    broken: list[tuple[tuple[str, str, str, str], list[str]]] = []
    for rule in rules:
        for key in _broken_down(rule):
            same = next((verbs for other, verbs in broken if other == key), None) if merged else None
            if same is None:
                broken.append((key, list(rule.get("verbs") or ())))
            else:
                same.extend(verb for verb in rule.get("verbs") or () if verb not in same)
    rows = []
    for (group, resource, name, url), verbs in sorted(broken, key=_rule_text):
        plural, slash, sub = resource.partition("/")
        shown = f"{plural}.{group}{slash}{sub}" if group else resource
        rows.append((shown, f"[{url}]", f"[{name}]", f"[{' '.join(verbs)}]"))
    return rows


def _rule_text(item: tuple[tuple[str, str, str, str], list[str]]) -> str:
    """What kubectl sorts by: the text of the rule's Go struct."""
    (group, resource, name, url), verbs = item
    return f"Verbs:[{' '.join(verbs)}],APIGroups:[{group}],Resources:[{resource}],ResourceNames:[{name}],URLs:[{url}],"


def _broken_down(rule: Object) -> list[tuple[str, str, str, str]]:
    """(group, resource, name, url) of each single permission."""
    names = rule.get("resourceNames") or [""]
    keys = [
        (group, resource, name, "")
        for group in rule.get("apiGroups") or ()
        for resource in rule.get("resources") or ()
        for name in names
    ]
    return [*keys, *(("", "", "", url) for url in rule.get("nonResourceURLs") or ())]


def describe_binding(session: Session, obj: Object, writer: Writer) -> Steps:
    """A RoleBinding or ClusterRoleBinding."""
    del session
    writer.head(obj, namespaced=False)
    role = obj.get("roleRef") or {}
    writer.line(0, "Role:")
    writer.pair("Kind", role.get("kind", ""), 1)
    writer.pair("Name", role.get("name", ""), 1)
    writer.line(0, "Subjects:")
    rows = [(s.get("kind", ""), s.get("name", ""), s.get("namespace", "")) for s in obj.get("subjects") or ()]
    writer.table(1, ("Kind", "Name", "Namespace"), rows)
    yield from ()
