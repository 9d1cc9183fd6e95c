"""Validation of `metadata`, for every kind.

**Imitates:** apimachinery pkg/api/validation/objectmeta.go and the name rules of each kind (v1.36). Left out:
managedFields (the server writes them).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from kcsim.api import names
from kcsim.api.resources import GVK, split_api_version
from kcsim.api.validation.common import NOT_NEGATIVE, canonical_ip, immutable, labels
from kcsim.api.validation.field import Errors, each_invalid, forbidden, invalid, required, too_long

TOTAL_ANNOTATIONS_LIMIT: Final = 262144
_SUFFIX: Final = "xxxxx"
_GENERIC_METADATA: Final = frozenset(
    {"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io"}
)
NameRule = Callable[[str], list[str]]


def path_segment(value: str) -> list[str]:
    """Names of RBAC objects: anything that can stand in a URL path."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{character}'" for character in "/%" if character in value]


def _cron_job(value: str) -> list[str]:
    # 11 characters are left for the "-<minutes>" of its Jobs.
    errors = names.is_dns1123_subdomain(value)
    return errors if len(value) <= 52 else [*errors, "must be no more than 52 characters"]


def _address(value: str) -> list[str]:
    return [error.detail for error in canonical_ip("", value)]


NAME_RULES: Final[Mapping[tuple[str, str], NameRule]] = {
    ("", "Namespace"): names.is_dns1123_label,
    ("", "Service"): names.is_dns1123_label,
    ("apps", "StatefulSet"): names.is_dns1123_label,
    ("batch", "CronJob"): _cron_job,
    ("networking.k8s.io", "IPAddress"): _address,
    ("rbac.authorization.k8s.io", "Role"): path_segment,
    ("rbac.authorization.k8s.io", "ClusterRole"): path_segment,
    ("rbac.authorization.k8s.io", "RoleBinding"): path_segment,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): path_segment,
}
"""By (group, kind); every other kind takes DNS subdomains."""


def name_rule(gvk: GVK) -> NameRule:
    """What names objects of a kind may have."""
    return NAME_RULES.get((gvk[0], gvk[2]), names.is_dns1123_subdomain)


def object_meta(meta: Mapping[str, Any], rule: NameRule, path: str = "metadata") -> Errors:
    """ValidateObjectMeta on create. The namespace is the server's business: it comes from the URL."""
    errors: Errors = []
    name, prefix = meta.get("name") or "", meta.get("generateName") or ""
    if prefix:
        errors += each_invalid(
            f"{path}.generateName", prefix, rule(prefix + _SUFFIX) and rule(prefix[:-1] or "x")
        )
    if not name and not prefix:
        errors.append(required(f"{path}.name", "name or generateName is required"))
    elif name:
        errors += each_invalid(f"{path}.name", name, rule(name))
    generation = meta.get("generation") or 0
    if generation < 0:
        errors.append(invalid(f"{path}.generation", generation, NOT_NEGATIVE))
    return errors + _shared(meta, path, {})


def _shared(meta: Mapping[str, Any], path: str, old: Mapping[str, Any]) -> Errors:
    """What holds for new and for old objects; the very parts of the ``old`` one are valid already."""
    errors: Errors = []
    if meta.get("labels") is not old.get("labels"):
        errors += labels(f"{path}.labels", meta.get("labels"))
    if meta.get("annotations") is not old.get("annotations"):
        errors += annotations(f"{path}.annotations", meta.get("annotations"))
    if meta.get("ownerReferences") is not old.get("ownerReferences"):
        errors += _owner_references(f"{path}.ownerReferences", meta.get("ownerReferences") or [])
    if not meta.get("finalizers"):
        return errors
    for finalizer in meta.get("finalizers") or ():
        errors += each_invalid(f"{path}.finalizers", finalizer, names.is_qualified_name(finalizer))
    if {"orphan", "foregroundDeletion"} <= set(meta.get("finalizers") or ()):
        text = "finalizer orphan and foregroundDeletion cannot be both set"
        errors.append(invalid(f"{path}.finalizers", meta["finalizers"], text))
    return errors


STANDARD_FINALIZERS: Final = frozenset({"kubernetes", "orphan", "foregroundDeletion"})


def plain_finalizers(meta: Mapping[str, Any]) -> list[tuple[int, str]]:
    """The finalizers, with their places, whose names have neither a domain nor a meaning of their own."""
    return [
        (index, name)
        for index, name in enumerate(meta.get("finalizers") or ())
        if "/" not in name and name not in STANDARD_FINALIZERS
    ]


def kube_finalizers(meta: Mapping[str, Any], gvk: GVK, path: str = "metadata") -> Errors:
    """validateKubeFinalizerName: built-in kinds take none that is plain, but for those of API machinery itself."""
    if gvk[0] in _GENERIC_METADATA:
        return []
    text = "name is neither a standard finalizer name nor is it fully qualified"
    return [invalid(f"{path}.finalizers[{index}]", name, text) for index, name in plain_finalizers(meta)]


def annotations(field: str, values: Mapping[str, str] | None) -> Errors:
    """ValidateAnnotations: keys without regard to case, and the total size."""
    errors: Errors = []
    total = 0
    for key in sorted(values or {}):
        errors += each_invalid(field, key, names.is_qualified_name(key.lower()))
        total += len(key.encode()) + len((values or {})[key].encode())
    if total > TOTAL_ANNOTATIONS_LIMIT:
        errors.append(too_long(field, TOTAL_ANNOTATIONS_LIMIT))
    return errors


def _owner_references(field: str, references: list[dict[str, Any]]) -> Errors:
    errors: Errors = []
    controller = ""
    for reference in references:
        errors += _owner_reference(field, reference)
        if reference.get("controller"):
            if controller:
                text = (
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {controller} and {_shown(reference)}'
                )
                errors.append(invalid(field, references, text))
            else:
                controller = _shown(reference)
    return errors


def _shown(reference: Mapping[str, Any]) -> str:
    return f"{reference.get('kind', '')}/{reference.get('name', '')}"


def _owner_reference(field: str, reference: dict[str, Any]) -> Errors:
    errors: Errors = []
    api_version = reference.get("apiVersion") or ""
    group, version = split_api_version(api_version)
    if not version:
        errors.append(invalid(f"{field}.apiVersion", api_version, "version must not be empty"))
    errors.extend(
        invalid(f"{field}.{name}", "", "must not be empty")
        for name in ("kind", "name", "uid")
        if not reference.get(name)
    )
    if reference.get("kind") == "Event" and (group, version) in (("", "v1"), ("events.k8s.io", "v1")):
        text = f"{group}/{version}, Kind=Event is disallowed from being an owner"
        errors.append(invalid(field, reference, text))
    return errors


_FIXED: Final = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def object_meta_update(new: Mapping[str, Any], old: Mapping[str, Any], path: str = "metadata") -> Errors:
    """ValidateObjectMetaUpdate: identity stays, and nothing new may hold up a deletion."""
    errors: Errors = []
    if old.get("deletionTimestamp"):
        before = set(old.get("finalizers") or ())
        added = [finalizer for finalizer in new.get("finalizers") or () if finalizer not in before]
        if added:
            listed = ", ".join(f'"{finalizer}"' for finalizer in sorted(added))
            text = (
                "no new finalizers can be added if the object is being deleted, "
                f"found new finalizers []string{{{listed}}}"
            )
            errors.append(forbidden(f"{path}.finalizers", text))
    if (new.get("generation") or 0) < (old.get("generation") or 0):
        errors.append(invalid(f"{path}.generation", new.get("generation") or 0, "must not be decremented"))
    for name in _FIXED:
        if new.get(name) is not old.get(name):
            errors += immutable(f"{path}.{name}", new.get(name), old.get(name))
    return errors + _shared(new, path, old)
