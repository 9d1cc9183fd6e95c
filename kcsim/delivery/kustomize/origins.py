"""Build metadata: annotations that tell where an object came from, and what changed it on the way.

**Imitates:** kustomize api/resource/origin.go, `AddOriginAnnotation` and `AddTransformerAnnotation` of
api/resmap/reswrangler.go, the end of `Run` in api/krusty/kustomizer.go. Left out: repositories and refs, because
nothing remote is built.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from kcsim.api.objects import assoc, dissoc
from kcsim.delivery.kustomize.paths import scalar_text
from kcsim.delivery.kustomize.resources import Resource, Resources
from kcsim.manifests import dump

ORIGIN = "config.kubernetes.io/origin"
_TRANSFORMATIONS = "alpha.config.kubernetes.io/transformations"
_ANNOTATIONS = ("metadata", "annotations")
_WANTED = {"originAnnotations": ORIGIN, "transformerAnnotations": _TRANSFORMATIONS}

Origin = Mapping[str, Any]
"""What an annotation says: `path` of a file that was read, or `configuredIn` and `configuredBy`."""


def configured(path: str, config: Mapping[str, Any]) -> Origin:
    """The origin that a generator or transformer is: the file that configures it, and its own identity."""
    metadata = config.get("metadata") or {}
    identity = {"apiVersion": config.get("apiVersion"), "kind": config.get("kind")}
    identity |= {field: metadata.get(field) for field in ("name", "namespace")}
    return {"configuredIn": path, "configuredBy": {k: v for k, v in identity.items() if v}}


def with_origin(resources: Iterable[Resource], origin: Origin) -> list[Resource]:
    """The resources, with `origin` noted in those that have none yet."""
    text = dump(origin, sort_keys=False)
    return [r if ORIGIN in _annotations(r) else _annotated(r, ORIGIN, text) for r in resources]


def with_transformation(resources: Resources, origin: Origin) -> Resources:
    """The resources after a transformer: one without an origin was made by it, the others were changed by it."""
    made, changed = dump(origin, sort_keys=False), dump([origin], sort_keys=False)
    return tuple(
        _annotated(r, _TRANSFORMATIONS, _annotations(r).get(_TRANSFORMATIONS, "") + changed)
        if ORIGIN in _annotations(r)
        else _annotated(r, ORIGIN, made)
        for r in resources
    )


def with_final_annotations(obj: dict[str, Any], metadata: Collection[str]) -> dict[str, Any]:
    """The object as it leaves the build: annotations are texts, and only the `metadata` asked for is told."""
    before = (obj.get("metadata") or {}).get("annotations")
    if before is None:
        return obj
    unwanted = {name for option, name in _WANTED.items() if option not in metadata}
    after = {name: _text(value) for name, value in before.items() if name not in unwanted}
    if after == before:
        return obj if after else dissoc(obj, _ANNOTATIONS)
    result: dict[str, Any] = assoc(obj, _ANNOTATIONS, after) if after else dissoc(obj, _ANNOTATIONS)
    return result


def _text(value: Any) -> str:
    # Lists and objects are no annotations: upstream reads them as empty texts.
    return "" if isinstance(value, dict | list) else scalar_text(value)


def _annotations(resource: Resource) -> Mapping[str, Any]:
    return (resource.obj.get("metadata") or {}).get("annotations") or {}


def _annotated(resource: Resource, name: str, text: str) -> Resource:
    return (
        resource.with_object(assoc(resource.obj, (*_ANNOTATIONS, name), text)) if resource.obj else resource
    )
