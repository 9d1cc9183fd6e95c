"""The simple transformers: namespace, prefix, suffix, labels, annotations, replicas, images.

**Imitates:** kustomize api/internal/builtins/{Namespace,Prefix,Suffix,Label,Annotations,ReplicaCount,ImageTag}Transformer
and api/filters/{namespace,imagetag}, api/internal/image.

Each takes the list of resources and gives the next one; nothing is changed in place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from kcsim.api.objects import assoc
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.fieldspec import Change, Create, FieldPathError, FieldSpec, change_fields
from kcsim.delivery.kustomize.resources import (
    Gvk,
    Resource,
    Resources,
    find_by_any_id,
    replace_at,
    set_namespace,
)

Specs = tuple[FieldSpec, ...]

_KEEP_NAME = (
    Gvk(kind="CustomResourceDefinition"),
    Gvk(group="apiregistration.k8s.io", kind="APIService"),
    Gvk(kind="Namespace"),
)
"""Kinds whose names are not free: prefixes and suffixes pass them by."""


def change_all(resource: Resource, specs: Specs, change: Change, create: Create = "") -> Resource:
    """The resource with `change` applied to each field that the specs name.

    Raises: KustomizeError naming the resource.
    """
    try:
        return resource.with_object(change_fields(resource.obj, specs, change, create))
    except FieldPathError as error:
        raise KustomizeError(resource.file, f"{error} (object {resource.id})") from error


def set_namespaces(resources: Resources, namespace: str, specs: Specs) -> Resources:
    """Every namespaced object into one namespace; Namespace objects take its name."""
    moved = tuple(_in_namespace(r, namespace, specs) for r in resources)
    keys = [(*r.id[:4], r.id.effective_namespace) for r in moved]
    for resource, key in zip(moved, keys, strict=True):
        if keys.count(key) > 1:
            raise KustomizeError(
                resource.file, f"namespace transformation produces ID conflict: {resource.id}"
            )
    return moved


def _in_namespace(resource: Resource, namespace: str, specs: Specs) -> Resource:
    resource = resource.remember()
    obj = resource.obj
    if not resource.id.is_cluster_scoped:
        obj = set_namespace(obj, namespace)
    if obj.get("kind") in ("RoleBinding", "ClusterRoleBinding") and isinstance(obj.get("subjects"), list):
        # Only the account that every namespace has; others follow their ServiceAccount by name.
        subjects = [
            {**s, "namespace": namespace} if isinstance(s, dict) and s.get("name") == "default" else s
            for s in obj["subjects"]
        ]
        obj = {**obj, "subjects": subjects}
    own = tuple(
        s
        for s in specs
        if s.path != "metadata/namespace" and (s.path != "metadata/name" or obj.get("apiVersion") == "v1")
    )
    return change_all(resource.with_object(obj), own, lambda _: namespace, "scalar")


def add_prefix(resources: Resources, prefix: str, specs: Specs) -> Resources:
    """A prefix to the names of all resources."""
    return tuple(_affix(r, specs, prefix, "prefixes", lambda old: f"{prefix}{old or ''}") for r in resources)


def add_suffix(resources: Resources, suffix: str, specs: Specs) -> Resources:
    """A suffix to the names of all resources."""
    return tuple(_affix(r, specs, suffix, "suffixes", lambda old: f"{old or ''}{suffix}") for r in resources)


def _affix(resource: Resource, specs: Specs, affix: str, kept: str, change: Change) -> Resource:
    first = resource.original_id
    if any(first.is_selected(gvk) for gvk in _KEEP_NAME):
        return resource
    for spec in specs:
        if not first.is_selected(spec.gvk):
            continue
        if spec.path == "metadata/name" and affix:
            noted: dict[str, Any] = {kept: (*getattr(resource, kept), affix)}
            resource = replace(resource.remember(), **noted)
        resource = change_all(resource, (spec,), change, "scalar")
    return resource


def set_entries(resources: Resources, pairs: Mapping[str, str], specs: Specs) -> Resources:
    """Labels or annotations set in the maps that the specs name."""
    if not pairs:
        return resources

    def change(old: Any) -> Any:
        if old is not None and not isinstance(old, dict):
            raise FieldPathError(f"a map is expected where {', '.join(sorted(pairs))} is to be set")
        return {**(old or {}), **pairs}

    return tuple(change_all(r, specs, change, "map") for r in resources)


def set_replicas(resources: Resources, name: str, count: int, specs: Specs, file: str) -> Resources:
    """The number of replicas of whatever goes, or went, by a name.

    Raises: KustomizeError when nothing does.
    """
    changes: dict[int, Resource] = {}
    for spec in specs:
        matching = find_by_any_id(
            resources,
            lambda id_, spec=spec: id_.name == name and id_.is_selected(spec.gvk),  # type: ignore[misc]
        )
        for i in matching:
            changes[i] = change_all(changes.get(i, resources[i]), (spec,), lambda _: count, "scalar")
    if not changes:
        kinds = " ".join(str(spec.gvk) for spec in specs)
        raise KustomizeError(
            file, f"resource with name {name} does not match a config with the following GVK [{kinds}]"
        )
    return replace_at(resources, changes)


# ---------------------------------------------------------------- images


@dataclass(frozen=True, slots=True)
class ImageChange:
    """One entry of `images`: which image, and what becomes of it."""

    name: str
    new_name: str = ""
    new_tag: str = ""
    tag_suffix: str = ""
    digest: str = ""

    def apply(self, text: Any) -> Any:
        """The image reference after the change; the same when it is another image."""
        if not isinstance(text, str) or not _matches(self.name, text):
            return text
        name, tag, digest = split_image(text)
        if self.new_tag:
            tag, digest = self.new_tag, self.digest
        elif self.digest:
            tag, digest = "", self.digest
        elif self.tag_suffix:
            tag, digest = tag + self.tag_suffix, ""
        return (self.new_name or name) + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


@lru_cache(maxsize=512)
def _pattern(name: str) -> re.Pattern[str] | None:
    # Upstream puts the name into a regular expression as it stands; one that is none matches nothing.
    digest = r"(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{}-]*)?"
    try:
        return re.compile(f"^{name}(:[a-zA-Z0-9_.{{}}-]*)?{digest}\\Z")
    except re.error:
        return None


def _matches(name: str, text: str) -> bool:
    pattern = _pattern(name)
    return pattern is not None and pattern.match(text) is not None


def split_image(text: str) -> tuple[str, str, str]:
    """(name, tag, digest) of an image reference; a colon in the host part is a port."""
    rest, _, digest = text.partition("@")
    slash = max(rest.find("/"), 0)
    colon = rest.find(":", slash)
    return (rest[:colon], rest[colon + 1 :], digest) if colon >= 0 else (rest, "", digest)


def set_images(resources: Resources, change: ImageChange, specs: Specs) -> Resources:
    """An image's name, tag or digest, wherever containers and the specs name it."""
    return tuple(
        r
        if r.obj.get("kind") == "CustomResourceDefinition"
        else change_all(r.with_object(_in_containers(r.obj, change.apply)), specs, change.apply)
        for r in resources
    )


def images_in(resources: Resources, name: str, specs: Specs) -> frozenset[str]:
    """The image references of that name that an entry of `images` would change."""
    found: set[str] = set()

    def note(text: Any) -> Any:
        if isinstance(text, str) and _matches(name, text):
            found.add(text)
        return text

    for resource in resources:
        if resource.obj.get("kind") != "CustomResourceDefinition":
            change_all(resource.with_object(_in_containers(resource.obj, note)), specs, note)
    return frozenset(found)


def _in_containers(value: Any, change: Callable[[Any], Any]) -> Any:
    """`image` of the items of every `containers` and `initContainers`, however deep (upstream's LegacyFilter)."""
    if isinstance(value, list):
        items = [_in_containers(item, change) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if not isinstance(value, dict):
        return value
    result = value
    for key, member in value.items():
        after = _in_containers(member, change)
        if key in ("containers", "initContainers") and isinstance(after, list):
            after = [_with_image(item, change) for item in after]
        if after is not member and after != member:
            result = assoc(result, (key,), after)
    return result


def _with_image(item: Any, change: Callable[[Any], Any]) -> Any:
    if not isinstance(item, dict) or "image" not in item:
        return item
    after = change(item["image"])
    return item if after == item["image"] else {**item, "image": after}
