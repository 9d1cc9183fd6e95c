"""Entries of a kustomization that are about nothing: kustomize takes them without a word, and they do nothing.

**Imitates:** nothing; kustomize is silent about a patch whose target selects no resource (`Select` of api/resmap gives an empty list), an image
that no container has (api/filters/imagetag) and a replacement whose target selects none (api/filters/replacement). A patch without target, and an entry of
`replicas`, that find none are errors of the build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kcsim.delivery.kustomize.defaults import Config
from kcsim.delivery.kustomize.replacements import is_replaced
from kcsim.delivery.kustomize.resources import Resources, selector_of
from kcsim.delivery.kustomize.transformers import images_in, split_image
from kcsim.manifests import Path

Found = tuple[Path, str, str, tuple[str, ...]]
"""Where below the entry, what is wrong, the name that was meant, and the names that there are."""

WITH_TARGETS = frozenset({"patches", "patchesJson6902", "images", "replacements"})
"""Fields whose entries may be about nothing."""


def selects_nothing(field: str, raw: Mapping[str, Any], resources: Resources, config: Config) -> list[Found]:
    """What of one entry of `field` is about none of the resources, as they are when its turn comes."""
    if field in {"patches", "patchesJson6902"}:
        return list(_patch(raw, resources))
    if field == "images":
        return list(_image(raw, resources, config))
    return list(_replacement(raw, resources)) if field == "replacements" else []


def _patch(raw: Mapping[str, Any], resources: Resources) -> Iterator[Found]:
    target = raw.get("target")
    if target is not None and not any(map(selector_of(target).selects, resources)):
        yield _unmet(("target",), "the patch's target", target, resources)


def _replacement(raw: Mapping[str, Any], resources: Resources) -> Iterator[Found]:
    for number, target in enumerate(raw.get("targets") or ()):
        if target.get("select") is not None and not any(is_replaced(target, each) for each in resources):
            where = ("targets", number, "select")
            yield _unmet(where, "the replacement's target", target["select"], resources)


def _image(raw: Mapping[str, Any], resources: Resources, config: Config) -> Iterator[Found]:
    name = str(raw.get("name") or "")
    # Asked of the transformer itself, by a change that no image is the same after.
    if not images_in(resources, name, config.images):
        there = tuple(sorted({split_image(each)[0] for each in images_in(resources, ".*", config.images)}))
        yield ("name",), f"no container has the image {name}: nothing is changed", name, there


def _unmet(where: Path, what: str, target: Mapping[str, Any], resources: Resources) -> Found:
    shown = ", ".join(f"{key}: {value}" for key, value in target.items() if value)
    kind, name = str(target.get("kind") or ""), str(target.get("name") or "")
    kinds = sorted({each.id.kind for each in resources})
    message = f"{what} ({shown}) selects no resource: nothing is changed"
    if kind and kind not in kinds:
        return (*where, "kind"), message, kind, tuple(kinds)
    names = {each.id.name for each in resources if not kind or each.id.kind == kind}
    if name and name not in names:
        return (*where, "name"), message, name, tuple(sorted(names))
    return where, message, "", ()
