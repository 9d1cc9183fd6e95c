"""The kinds one API server serves, and how they are found.

**Walk:** a `Catalog` starts with the built-in table; each established CustomResourceDefinition adds one
`Resource` a served version (`add_crd`) and takes it away again (`remove_crd`). Requests look up by
(group, version, plural), objects by kind, and people by the words they type (`deploy`, `deployments.apps`).
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from kcsim.api.built_in import BUILT_IN
from kcsim.api.resources import GVK, Resource, ScalePaths, gvk_of


def crd_resources(crd: Mapping[str, Any]) -> list[Resource]:
    """The resources a CustomResourceDefinition serves: one a served version, the storage version first."""
    spec = crd["spec"]
    # Accepted names win once the naming controller has spoken; before that the asked-for names are all there is.
    names = (crd.get("status") or {}).get("acceptedNames") or {}
    names = names if names.get("plural") else spec["names"]
    versions = sorted(spec.get("versions") or (), key=lambda version: not version.get("storage"))
    stored = next((version["name"] for version in versions if version.get("storage")), "")
    return [
        Resource(
            group=spec["group"],
            version=version["name"],
            kind=names["kind"],
            plural=names["plural"],
            singular=names.get("singular") or names["kind"].lower(),
            namespaced=spec.get("scope") != "Cluster",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=tuple(
                name for name in ("status", "scale") if name in (version.get("subresources") or {})
            ),
            strategic=False,
            generation="content",
            unconditional_update=False,
            field_selectors=tuple(
                field["jsonPath"].removeprefix(".") for field in version.get("selectableFields") or ()
            ),
            storage="" if version["name"] == stored else f"{spec['group']}/{stored}",
            custom=True,
            scale=_scale_paths((version.get("subresources") or {}).get("scale")),
        )
        for version in versions
        if version.get("served")
    ]


def _scale_paths(scale: Mapping[str, str] | None) -> ScalePaths | None:
    if not scale:
        return None
    spec, status, selector = (
        tuple(filter(None, scale.get(field, "").split(".")))
        for field in ("specReplicasPath", "statusReplicasPath", "labelSelectorPath")
    )
    return ScalePaths(spec, status, selector)


ByPath = dict[tuple[str, str, str], Resource]
ByGVK = dict[GVK, Resource]
ByWord = dict[str, Resource]


class Catalog:
    """The resources of one API server: the built-in ones and those of its custom resource definitions.

    Iteration gives the built-in resources in the order of discovery, then custom ones in the order added.
    """

    __slots__ = ("_by_gvk", "_by_path", "_by_word", "version")

    def __init__(self, resources: tuple[Resource, ...] = BUILT_IN) -> None:
        by_path, by_gvk, by_word = _tables(resources)
        self._by_path = dict(by_path)
        self._by_gvk = dict(by_gvk)
        self._by_word = dict(by_word)
        self.version = len(resources)
        """Grows with every change, for those who cache what they derived from the catalog."""

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._by_path.values())

    def __len__(self) -> int:
        return len(self._by_path)

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource behind a URL path, or None."""
        return self._by_path.get((group, version, plural))

    def by_gvk(self, gvk: GVK) -> Resource | None:
        """The resource of a kind, or None."""
        return self._by_gvk.get(gvk)

    def of(self, obj: Mapping[str, Any]) -> Resource | None:
        """The resource an object belongs to by its apiVersion and kind, or None."""
        return self._by_gvk.get(gvk_of(obj))

    def by_word(self, word: str) -> Resource | None:
        """What a person typed: kind, singular, plural or short name, also as plural.group and plural.version.group.

        Letter case is free; where several groups use a word, the first in discovery order is meant.
        """
        word = word.lower()
        found = self._by_word.get(word)
        if found is not None or word.count(".") < 1:
            return found
        name, version, group = [*word.split(".", 2), ""][:3]
        plain = self._by_word.get(f"{name}.{group}" if group else name)
        return None if plain is None else self.find(group, version, plain.plural)

    def has_group(self, group: str, version: str) -> bool:
        """Whether the group is known (unknown ones are plain-text 404s), one of custom resources in that version."""
        return any(
            known == group and (not item.custom or served == version)
            for (known, served, _), item in self._by_path.items()
        )

    def in_version(self, group: str, version: str) -> list[Resource]:
        """Resources of one group version, sorted by plural as discovery lists them."""
        found = [item for item in self._by_path.values() if (item.group, item.version) == (group, version)]
        return sorted(found, key=lambda item: item.plural)

    def in_category(self, category: str) -> list[Resource]:
        """Resources `kubectl get <category>` fetches; of several versions only the first."""
        return [
            item for item in self if category in item.categories and self.by_word(item.group_resource) == item
        ]

    def group_versions(self) -> list[tuple[str, list[str]]]:
        """Each group with its versions, the preferred version first; the core group "" comes first."""
        groups: dict[str, list[str]] = {}
        for item in self._by_path.values():
            versions = groups.setdefault(item.group, [])
            if item.version not in versions:
                versions.append(item.version)
        return list(groups.items())

    def add_crd(self, crd: Mapping[str, Any]) -> list[Resource]:
        """Serve what a CustomResourceDefinition defines, in place of what it defined before; gives the resources."""
        self.remove_crd(crd)
        added = crd_resources(crd)
        for resource in added:
            self._add(resource)
        return added

    def remove_crd(self, crd: Mapping[str, Any]) -> None:
        """Stop serving the custom resources of a definition; unknown ones are no error."""
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        gone = [item for item in self if item.custom and (item.group, item.plural) == (group, plural)]
        if not gone:
            return
        kept = [item for item in self if item not in gone]
        for table in (self._by_path, self._by_gvk, self._by_word):
            table.clear()
        for resource in kept:
            self._add(resource)
        self.version += 1

    def _add(self, resource: Resource) -> None:
        self.version += 1
        _enter(resource, self._by_path, self._by_gvk, self._by_word)


def _enter(resource: Resource, by_path: ByPath, by_gvk: ByGVK, by_word: ByWord) -> None:
    by_path[resource.group, resource.version, resource.plural] = resource
    by_gvk[resource.gvk] = resource
    # The group-qualified words need no precedence; the bare ones belong to who came first.
    by_word[f"{resource.plural}.{resource.version}.{resource.group}".rstrip(".")] = resource
    kind = resource.kind.lower()
    for name in (resource.plural, resource.singular, kind, *resource.short_names):
        by_word.setdefault(name, resource)
        by_word.setdefault(f"{name}.{resource.group}".rstrip("."), resource)


@lru_cache(maxsize=8)
def _tables(resources: tuple[Resource, ...]) -> tuple[ByPath, ByGVK, ByWord]:
    """The tables that a catalog of these resources begins with; each catalog has copies of its own."""
    tables: tuple[ByPath, ByGVK, ByWord] = ({}, {}, {})
    for resource in resources:
        _enter(resource, *tables)
    return tables
