"""Validation of Nodes, Namespaces, persistent volumes and claims, storage and priority classes, runtime classes.

**Imitates:** the parts of kubernetes pkg/apis/{core,storage,scheduling,node}/validation that concern them (v1.36).
Left out: volume sources beyond what pods share, data sources of claims, CSI objects.
"""

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names, quantity
from kcsim.api.validation.affinity import node_selector, taints, tolerations
from kcsim.api.validation.claims import ACCESS_MODES, VOLUME_MODES, claim_spec, positive
from kcsim.api.validation.common import amount, cidr, immutable, labels
from kcsim.api.validation.containers import resources
from kcsim.api.validation.field import (
    Errors,
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    one_of,
    required,
)
from kcsim.api.validation.internal import diff
from kcsim.api.validation.volumes import SOURCES, source

_MAX_USER_PRIORITY: Final = 1_000_000_000


# ---- Node, Namespace


def node(obj: Mapping[str, Any]) -> Errors:
    """ValidateNode."""
    spec = obj.get("spec") or {}
    errors = taints("metadata.taints", spec.get("taints") or [])
    for index, block in enumerate(_pod_cidrs(spec)):
        errors += cidr(f"spec.podCIDRs[{index}]", block)
    status = obj.get("status") or {}
    for field in ("capacity", "allocatable"):
        for name, value in sorted((status.get(field) or {}).items()):
            errors += amount(f"status.{field}.{name}", value)
    return errors


def namespace(obj: Mapping[str, Any]) -> Errors:
    """ValidateNamespace: its finalizers are the standard one or have a domain."""
    return [
        invalid(
            "spec.finalizers", name, "name is neither a standard finalizer name nor is it fully qualified"
        )
        for name in (obj.get("spec") or {}).get("finalizers") or ()
        if "/" not in name and name != "kubernetes"
    ]


def _pod_cidrs(spec: Mapping[str, Any]) -> list[str]:
    blocks: list[str] = spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])
    return blocks


def node_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateNodeUpdate: the pod range and the provider's id are given once."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors = taints("metadata.taints", after.get("taints") or [])
    blocks = _pod_cidrs(before)
    # Clients that know only podCIDR change it alone; the list is then rebuilt from it.
    given = (
        [after["podCIDR"]]
        if after.get("podCIDR") != before.get("podCIDR") and after.get("podCIDR")
        else _pod_cidrs(after)
    )
    if blocks and given != blocks:
        errors.append(
            forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')
        )
    if before.get("providerID") and after.get("providerID") != before["providerID"]:
        errors.append(
            forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid')
        )
    return errors


# ---- persistent volumes and claims


def persistent_volume(obj: Mapping[str, Any]) -> Errors:
    """ValidatePersistentVolume."""
    spec = obj.get("spec") or {}
    modes, capacity = spec.get("accessModes") or [], spec.get("capacity") or {}
    errors: Errors = []
    if not modes:
        errors.append(required("spec.accessModes"))
    for mode in modes:
        errors += one_of("spec.accessModes", mode, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        text = "may not use ReadWriteOncePod with other access modes"
        errors.append(forbidden("spec.accessModes", text))
    if not capacity:
        errors.append(required("spec.capacity"))
    if "storage" not in capacity or len(capacity) > 1:
        errors.append(not_supported("spec.capacity", capacity, ("storage",)))
    for name in sorted(capacity):
        errors += positive(f"spec.capacity[{name}]", capacity[name])
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy:
        errors += one_of("spec.persistentVolumeReclaimPolicy", policy, ("Delete", "Recycle", "Retain"))
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        terms = affinity.get("required")
        errors += (
            [required("spec.nodeAffinity.required", "must specify required node constraints")]
            if terms is None
            else node_selector("spec.nodeAffinity.required", terms)
        )
    errors += source("spec", spec)
    local = spec.get("local")
    if local is not None:
        place = local.get("path") or ""
        if not place:
            errors.append(required("spec.local.path"))
        elif ".." in place.split("/"):
            errors.append(invalid("spec.local.path", place, "must not contain '..'"))
        if affinity is None:
            errors.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    if policy == "Recycle" and ((spec.get("hostPath") or {}).get("path") or "").rstrip("/") == "":
        if spec.get("hostPath") is not None:
            text = "may not be 'recycle' for a hostPath mount of '/'"
            errors.append(forbidden("spec.persistentVolumeReclaimPolicy", text))
    if spec.get("storageClassName"):
        wrong = names.is_dns1123_subdomain(spec["storageClassName"])
        errors += each_invalid("spec.storageClassName", spec["storageClassName"], wrong)
    if spec.get("csi") is not None and not spec["csi"].get("volumeHandle"):
        errors.append(required("spec.csi.volumeHandle"))
    mode = spec.get("volumeMode")
    return errors + (one_of("spec.volumeMode", mode, VOLUME_MODES) if mode else [])


def persistent_volume_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidatePersistentVolumeUpdate."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    given = {name: after[name] for name in SOURCES if name in after}
    kept = {name: before[name] for name in SOURCES if name in before}
    errors: Errors = []
    if given != kept:
        field = "spec.persistentvolumesource"
        errors.append(
            forbidden(
                field, f"{field} is immutable after creation\n{diff('PersistentVolumeSource', kept, given)}"
            )
        )
    errors += immutable("volumeMode", after.get("volumeMode"), before.get("volumeMode"))
    if before.get("nodeAffinity"):
        errors += immutable("nodeAffinity", after.get("nodeAffinity"), before.get("nodeAffinity"))
    return errors


def persistent_volume_claim(obj: Mapping[str, Any]) -> Errors:
    """ValidatePersistentVolumeClaim."""
    return claim_spec("spec", obj.get("spec") or {})


def persistent_volume_claim_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidatePersistentVolumeClaimUpdate: only a bound claim's request may change, and only grow."""
    after, before = dict(new.get("spec") or {}), old.get("spec") or {}
    errors: Errors = []
    shown = after
    if not before.get("volumeName"):
        # While it waits for a volume a claim takes a volume name and a class (measured).
        shown = _with(shown, before, "volumeName", "storageClassName")
    bound = (old.get("status") or {}).get("phase") == "Bound"
    if bound:
        shown = _with(shown, before, "resources", "volumeAttributesClassName")
    if shown != before:
        text = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName "
            f"for bound claims\n{diff('PersistentVolumeClaimSpec', before, shown)}"
        )
        errors.append(forbidden("spec", text))
    elif bound:
        errors += _shrinking(after, before)
    return errors + immutable("volumeMode", after.get("volumeMode"), before.get("volumeMode"))


def _with(spec: Mapping[str, Any], other: Mapping[str, Any], *fields: str) -> dict[str, Any]:
    """The spec with some fields as in the other."""
    kept = {name: value for name, value in spec.items() if name not in fields}
    return kept | {name: other[name] for name in fields if name in other}


def _shrinking(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    sizes = [((spec.get("resources") or {}).get("requests") or {}).get("storage", "0") for spec in (new, old)]
    if quantity.of(sizes[0]).nanos < quantity.of(sizes[1]).nanos:
        return [forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")]
    return []


# ---- classes


def storage_class(obj: Mapping[str, Any]) -> Errors:
    """ValidateStorageClass."""
    provisioner = obj.get("provisioner") or ""
    errors: Errors = []
    if not provisioner:
        errors.append(required("provisioner"))
    else:
        errors += each_invalid("provisioner", provisioner, names.is_qualified_name(provisioner.lower()))
    if "" in (obj.get("parameters") or {}):
        errors.append(invalid("parameters", "", "field can not be empty."))
    errors += one_of("reclaimPolicy", obj.get("reclaimPolicy") or "", ("Delete", "Retain"))
    modes = ("Immediate", "WaitForFirstConsumer")
    errors += one_of("volumeBindingMode", obj.get("volumeBindingMode") or "", modes)
    for index, term in enumerate(obj.get("allowedTopologies") or ()):
        errors += _topology_term(f"allowedTopologies[{index}]", term)
    return errors


def _topology_term(path: str, term: Mapping[str, Any]) -> Errors:
    """ValidateTopologySelectorTerm."""
    errors: Errors = []
    keys: set[str] = set()
    for index, item in enumerate(term.get("matchLabelExpressions") or ()):
        here, key, values = (
            f"{path}.matchLabelExpressions[{index}]",
            item.get("key") or "",
            item.get("values") or [],
        )
        if not values:
            errors.append(required(f"{here}.values"))
        errors += [
            duplicate(f"{here}.values[{at}]", value)
            for at, value in enumerate(values)
            if value in values[:at]
        ]
        errors += each_invalid(f"{here}.key", key, names.is_qualified_name(key))
        if key in keys:
            errors.append(duplicate(f"{here}.key", key))
        keys.add(key)
    return errors


def storage_class_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateStorageClassUpdate."""
    errors: Errors = []
    if (new.get("parameters") or {}) != (old.get("parameters") or {}):
        errors.append(forbidden("parameters", "updates to parameters are forbidden."))
    for name in ("provisioner", "reclaimPolicy", "volumeBindingMode"):
        errors += immutable(name, new.get(name), old.get(name))
    return errors


def priority_class(obj: Mapping[str, Any]) -> Errors:
    """ValidatePriorityClass."""
    name, value = (obj.get("metadata") or {}).get("name") or "", obj.get("value") or 0
    errors: Errors = []
    if name.startswith("system-"):
        if name not in ("system-node-critical", "system-cluster-critical"):
            text = "priority class names with 'system-' prefix are reserved for system use only. error: unrecognized system priority class"
            errors.append(forbidden("metadata.name", text))
    elif value > _MAX_USER_PRIORITY:
        text = f"maximum allowed value of a user defined priority is {_MAX_USER_PRIORITY}"
        errors.append(forbidden("value", text))
    policy = obj.get("preemptionPolicy")
    return errors + (one_of("preemptionPolicy", policy, ("PreemptLowerPriority", "Never")) if policy else [])


def priority_class_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidatePriorityClassUpdate."""
    errors: Errors = []
    if (new.get("value") or 0) != (old.get("value") or 0):
        errors.append(forbidden("value", "may not be changed in an update."))
    return errors + immutable("preemptionPolicy", new.get("preemptionPolicy"), old.get("preemptionPolicy"))


def runtime_class(obj: Mapping[str, Any]) -> Errors:
    """ValidateRuntimeClass."""
    handler, scheduling = obj.get("handler") or "", obj.get("scheduling") or {}
    errors = each_invalid("handler", handler, names.is_dns1123_label(handler))
    if obj.get("overhead") is not None:
        # Checked as what a container may have at most, and told so.
        errors += resources("overhead", {"limits": obj["overhead"].get("podFixed")})
    errors += labels("scheduling.nodeSelector", scheduling.get("nodeSelector"))
    wanted = scheduling.get("tolerations") or []
    errors += tolerations("scheduling.tolerations", wanted)
    seen = set()
    for index, item in enumerate(wanted):
        key = tuple(item.get(part) or "" for part in ("key", "operator", "value", "effect"))
        if key in seen:
            seconds = {"TolerationSeconds": item.get("tolerationSeconds")}
            shown = dict(zip(("Key", "Operator", "Value", "Effect"), key, strict=True)) | seconds
            errors.append(duplicate(f"scheduling.tolerations[{index}]", shown))
        seen.add(key)
    return errors


def runtime_class_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateRuntimeClassUpdate."""
    return immutable("handler", new.get("handler"), old.get("handler"))
