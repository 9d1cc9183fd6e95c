"""What is done to a chart's objects before Helm gets them: patches, images, common metadata, and whose they are.  Decides; never acts.

**Imitates:** helm-controller 1.6 internal/postrender (build.go, kustomize.go, transformer.go): the renderers of the spec in their
order, ``commonMetadata``, then the labels of origin, which are always put on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object, with_annotations, with_labels
from kcsim.delivery.charts import Template
from kcsim.delivery.gitops.flux.helm.terms import ORIGIN_NAME, ORIGIN_NAMESPACE
from kcsim.delivery.gitops.flux.toolkit import spec
from kcsim.delivery.kustomize.build import build
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.manifests import dump, dump_all

_MANIFESTS = "manifests.yaml"


class PostRenderFailed(Exception):
    """The objects cannot be changed as the spec says."""


def post_rendered(obj: Object, templates: Sequence[Template]) -> list[Template]:
    """The objects of a chart as Helm installs them; hooks stay as they are under the strategy ``nohooks``.

    Raises:
        PostRenderFailed: a patch does not fit, say.
    """
    aside = spec(obj).get("postRenderStrategy") == "nohooks"
    kept = [each for each in templates if aside and each.is_hook]
    made = [each for each in templates if not (aside and each.is_hook)]
    for renderer in spec(obj).get("postRenderers") or ():
        if renderer.get("kustomize"):
            made = _kustomized(made, renderer["kustomize"])
    return [*kept, *(replace(each, object=_marked(obj, each.object)) for each in made)]


def _kustomized(templates: Sequence[Template], wanted: Mapping[str, Any]) -> list[Template]:
    if not templates:
        return []
    patches = [
        {k: v for k, v in each.items() if k in {"patch", "target"}} for each in wanted.get("patches") or ()
    ]
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [_MANIFESTS],
        "patches": patches,
        "images": list(wanted.get("images") or ()),
    }
    files = {
        "kustomization.yaml": dump({k: v for k, v in kustomization.items() if v}).encode(),
        _MANIFESTS: dump_all([each.object for each in templates]).encode(),
    }
    try:
        built = build(files, ".", load_restrictor="none")
    except KustomizeError as error:
        raise PostRenderFailed(f"error while running post render on files: {error}") from error
    paths = {_identity(each.object): each.path for each in templates}
    return [Template(paths.get(_identity(each), templates[0].path), each) for each in built]


def _identity(obj: Object) -> tuple[str, ...]:
    return str(obj.get("apiVersion")), str(obj.get("kind")), *objects.key(obj)


def _marked(obj: Object, made: Object) -> Object:
    common = spec(obj).get("commonMetadata") or {}
    origin = {ORIGIN_NAME: objects.name(obj), ORIGIN_NAMESPACE: objects.namespace(obj)}
    new = with_labels(made, {**(common.get("labels") or {}), **origin})
    return with_annotations(new, common["annotations"]) if common.get("annotations") else new
