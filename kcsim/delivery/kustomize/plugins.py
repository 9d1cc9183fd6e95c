"""Builtin generators and transformers configured by a file of their own, listed under `generators` or `transformers`.

**Imitates:** kustomize api/internal/builtins, as `apiVersion: builtin` objects configure them. Left out: plugins that
run a program, charts, and validators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kcsim.delivery.kustomize.defaults import DEFAULT, field_specs
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.fieldspec import FieldSpec
from kcsim.delivery.kustomize.generators import generate as make
from kcsim.delivery.kustomize.loader import Loader
from kcsim.delivery.kustomize.patches import apply_patch, read_patch
from kcsim.delivery.kustomize.replacements import apply_replacement
from kcsim.delivery.kustomize.resources import Resource, Resources, selector_of
from kcsim.delivery.kustomize.transformers import (
    ImageChange,
    add_prefix,
    add_suffix,
    set_entries,
    set_images,
    set_namespaces,
    set_replicas,
)

Specs = tuple[FieldSpec, ...]
_Rule = Callable[[Resources, Mapping[str, Any], Specs, str], Resources]


def generate(plugin: Any, loader: Loader) -> Resource:
    """The resource that one configured generator makes.

    Raises: KustomizeError, also for generators that are not builtin.
    """
    raw, kind, where = _builtin(plugin, loader, "generator")
    if kind == "IAMPolicyGenerator":
        return Resource(_iam_account(raw, where), where)
    if kind not in ("ConfigMapGenerator", "SecretGenerator"):
        known = "ConfigMapGenerator, SecretGenerator and IAMPolicyGenerator"
        raise KustomizeError(where, f"of the builtin generators only {known} are modelled here, not {kind}")
    metadata = raw.get("metadata") or {}
    args = {**raw, **{field: raw.get(field) or metadata.get(field) for field in ("name", "namespace")}}
    return make(kind.removesuffix("Generator"), args, {}, lambda path: loader.load(path, where), where)


def _builtin(plugin: Any, loader: Loader, role: str) -> tuple[Mapping[str, Any], str, str]:
    raw: Mapping[str, Any] = plugin if isinstance(plugin, dict) else {}
    where = f"{loader.root} {role} {(raw.get('metadata') or {}).get('name', '')}".strip()
    if raw.get("apiVersion") != "builtin":
        problem = f"only builtin {role}s are modelled here, not {raw.get('apiVersion')} {raw.get('kind')}"
        raise KustomizeError(where, problem)
    return raw, str(raw.get("kind")), where


def _iam_account(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A ServiceAccount that stands for an account of a cloud (api/filters/iampolicygenerator)."""
    if raw.get("cloud") != "gke":
        raise KustomizeError(where, f"cloud provider {raw.get('cloud')} not supported yet")
    own, cloud = raw.get("kubernetesService") or {}, raw.get("serviceAccount") or {}
    account = f"{cloud.get('name', '')}@{cloud.get('projectId', '')}.iam.gserviceaccount.com"
    metadata = {"annotations": {"iam.gke.io/gcp-service-account": account}, "name": own.get("name", "")}
    if own.get("namespace"):
        metadata["namespace"] = own["namespace"]
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def transform(resources: Resources, plugin: Any, loader: Loader) -> Resources:
    """The resources after one configured transformer.

    Raises: KustomizeError, also for transformers that are not builtin.
    """
    raw, kind, where = _builtin(plugin, loader, "transformer")
    if kind in ("PatchTransformer", "PatchStrategicMergeTransformer", "PatchJson6902Transformer"):
        return _patch(resources, raw, loader, where)
    rule = _RULES.get(kind)
    if rule is None:
        raise KustomizeError(where, f"unknown builtin transformer {kind}")
    try:
        specs = field_specs(raw.get("fieldSpecs"))
    except ValueError as error:
        raise KustomizeError(where, f"fieldSpecs: {error}") from error
    return rule(resources, raw, specs, where)


def _patch(resources: Resources, raw: Mapping[str, Any], loader: Loader, where: str) -> Resources:
    target = selector_of(raw["target"]) if raw.get("target") is not None else None
    paths = [*(raw.get("paths") or []), *([raw["path"]] if raw.get("path") else [])]
    texts: list[tuple[str | bytes, str]] = [(loader.load(path, where), loader.path(path)) for path in paths]
    texts.extend((raw[field], where) for field in ("patch", "patches", "jsonOp") if raw.get(field))
    if not texts:
        raise KustomizeError(where, "must specify one of patch and path")
    for text, source in texts:
        resources = apply_patch(resources, read_patch(text, source, target, raw.get("options") or {}))
    return resources


def _affixes(resources: Resources, raw: Mapping[str, Any], specs: Specs, _where: str) -> Resources:
    if raw.get("prefix"):
        resources = add_prefix(resources, raw["prefix"], specs)
    return add_suffix(resources, raw["suffix"], specs) if raw.get("suffix") else resources


def _namespace(resources: Resources, raw: Mapping[str, Any], specs: Specs, _where: str) -> Resources:
    name = (raw.get("metadata") or {}).get("namespace")
    return set_namespaces(resources, name, specs) if name else resources


def _image(resources: Resources, raw: Mapping[str, Any], specs: Specs, _where: str) -> Resources:
    tag = raw.get("imageTag") or {}
    fields = ("name", "newName", "newTag", "tagSuffix", "digest")
    return set_images(resources, ImageChange(*(str(tag.get(field) or "") for field in fields)), specs)


def _replicas(resources: Resources, raw: Mapping[str, Any], specs: Specs, where: str) -> Resources:
    replica = raw.get("replica") or {}
    return set_replicas(
        resources, replica.get("name") or "", replica.get("count") or 0, specs or DEFAULT.replicas, where
    )


def _replacement(resources: Resources, raw: Mapping[str, Any], _specs: Specs, where: str) -> Resources:
    for replacement in raw.get("replacements") or []:
        resources = apply_replacement(resources, replacement, where)
    return resources


_RULES: Mapping[str, _Rule] = {
    "LabelTransformer": lambda rs, raw, specs, _: set_entries(rs, raw.get("labels") or {}, specs),
    "AnnotationsTransformer": lambda rs, raw, specs, _: set_entries(rs, raw.get("annotations") or {}, specs),
    "PrefixTransformer": _affixes,
    "SuffixTransformer": _affixes,
    "PrefixSuffixTransformer": _affixes,
    "NamespaceTransformer": _namespace,
    "ImageTagTransformer": _image,
    "ReplicaCountTransformer": _replicas,
    "ReplacementTransformer": _replacement,
}
