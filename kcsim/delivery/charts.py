"""Helm charts as files: what a chart is called, which objects and hooks it stands for.  Pure, but for the binary it may ask.

A chart whose templates hold no actions (``{{``) and that has no charts inside is read as it stands; every other one is rendered by
the ``helm`` binary of this machine (helm.py). Values change only what the binary renders.

**Imitates:** helm's pkg/chart/loader (folders, archives with one folder at the top) and pkg/release/v1/util (the order of kinds, which
manifests are hooks).

**Walk:** files -> ``loaded`` -> a ``Chart`` -> ``rendered`` for a release -> ``Rendered``: objects in order, hooks, definitions.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery import helm
from kcsim.manifests import ManifestError, documents, dump

MEDIA_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
HOOK, HOOK_WEIGHT, HOOK_DELETE_POLICY = "helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy"
_FIRST = (
    "PriorityClass Namespace NetworkPolicy ResourceQuota LimitRange PodSecurityPolicy PodDisruptionBudget ServiceAccount Secret "
    "SecretList ConfigMap StorageClass PersistentVolume PersistentVolumeClaim CustomResourceDefinition ClusterRole ClusterRoleList "
    "ClusterRoleBinding ClusterRoleBindingList Role RoleList RoleBinding RoleBindingList Service DaemonSet Pod ReplicationController "
    "ReplicaSet Deployment HorizontalPodAutoscaler StatefulSet Job CronJob IngressClass Ingress APIService "
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration"
).split()
_RANK = {kind: place for place, kind in enumerate(_FIRST)}
_METADATA = "Chart.yaml"


class ChartUnreadable(Exception):
    """The files are no chart."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart; ``files`` by their paths in it."""

    name: str
    version: str
    app_version: str
    metadata: Mapping[str, Any] = field(repr=False, compare=False)
    files: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Template:
    """One object of a chart, and the file it comes from, beginning with the chart's name."""

    path: str
    object: Object

    @property
    def is_hook(self) -> bool:
        """Whether it is created by a hook, not with the release."""
        return HOOK in objects.annotations(self.object)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a chart stands for: ``templates`` in the order of installation, hooks among them, and the definitions in ``crds``."""

    templates: Sequence[Template]
    crds: Sequence[Object]


def rank(obj: Mapping[str, Any]) -> tuple[int, str]:
    """The place of an object's kind in the order of installation."""
    kind = str(obj.get("kind"))
    return _RANK.get(kind, len(_RANK)), kind if kind not in _RANK else ""


def folder(files: Mapping[str, bytes]) -> str:
    """The folder of an archive that holds the chart; "." where its files stand at the top.

    Raises:
        ChartUnreadable: there is none, or more than one.
    """
    if _METADATA in files:
        return "."
    found = sorted(
        path.partition("/")[0] for path in files if path.count("/") == 1 and path.endswith(f"/{_METADATA}")
    )
    if len(found) != 1:
        raise ChartUnreadable("Chart.yaml file is missing")
    return found[0]


def loaded(files: Mapping[str, bytes], at: str | None = None) -> Chart:
    """The chart in a folder of some files; without one, in the folder that an archive has.

    Raises:
        ChartUnreadable: there is no chart.
    """
    root = folder(files) if at is None else posixpath.normpath(at)
    above = "" if root == "." else f"{root}/"
    own = {path.removeprefix(above): data for path, data in files.items() if path.startswith(above)}
    if _METADATA not in own:
        raise ChartUnreadable("Chart.yaml file is missing")
    try:
        values = [document.value for document in documents(own[_METADATA], f"{above}{_METADATA}")]
    except ManifestError as error:
        raise ChartUnreadable(f"cannot load Chart.yaml: {error}") from error
    metadata = values[0] if values and isinstance(values[0], dict) else {}
    for name in ("name", "version"):
        if not metadata.get(name):
            raise ChartUnreadable(f"validation: chart.metadata.{name} is required")
    app = metadata.get("appVersion")
    return Chart(
        str(metadata["name"]), str(metadata["version"]), "" if app is None else str(app), metadata, own
    )


def missing_dependencies(chart: Chart) -> list[str]:
    """Charts that it needs and does not hold."""
    held = {path.split("/")[1] for path in chart.files if path.startswith("charts/")}
    names = [str(each.get("name")) for each in chart.metadata.get("dependencies") or ()]
    return [n for n in names if n not in held and not any(h.startswith(f"{n}-") for h in held)]


def chart_files(
    name: str,
    version: str,
    templates: Sequence[Object],
    *,
    app_version: str = "",
    crds: Sequence[Object] = (),
) -> dict[str, bytes]:
    """The files of a chart that stands for some objects as they are, hooks among them."""
    metadata = {"apiVersion": "v2", "name": name, "version": version}
    if app_version:
        metadata["appVersion"] = app_version
    files = {_METADATA: dump(metadata).encode()}
    for place, given in (("templates", templates), ("crds", crds)):
        for number, obj in enumerate(given):
            word = f"{number:02}-{str(obj.get('kind')).lower()}"
            files[f"{place}/{word}.yaml"] = dump(obj).encode()
    return files


def rendered(chart: Chart, name: str, namespace: str, values: Mapping[str, Any]) -> Rendered:
    """What the chart stands for in a release.

    Raises:
        HelmError: it cannot be rendered; HelmMissing where it needs the binary and there is none.
    """
    crds = [obj for path in _below(chart, "crds/") for obj in _read(chart, path)]
    if needs_binary(chart):
        release = helm.Release(name, namespace, (dump(dict(values)),), crds=False)
        made = helm.template(chart.files, ".", release)
        templates = [Template(f"{chart.name}/templates", each) for obj in made for each in _unfolded(obj)]
    else:
        templates = [
            Template(f"{chart.name}/{path}", obj)
            for path in _below(chart, "templates/")
            for obj in _read(chart, path)
        ]
    return Rendered(sorted(templates, key=lambda each: (*rank(each.object), each.path)), crds)


def needs_binary(chart: Chart) -> bool:
    """Whether a chart is more than objects as they are."""
    return any(path.startswith("charts/") for path in chart.files) or any(
        b"{{" in chart.files[path] for path in _below(chart, "templates/")
    )


def _below(chart: Chart, place: str) -> list[str]:
    return sorted(
        path
        for path in chart.files
        if path.startswith(place)
        and path.endswith((".yaml", ".yml"))
        and not posixpath.basename(path).startswith("_")
    )


def _read(chart: Chart, path: str) -> list[Object]:
    try:
        found = [document.value for document in documents(chart.files[path], path)]
    except ManifestError as error:
        raise helm.HelmError(f"YAML parse error on {chart.name}/{path}: {error}") from error
    return [obj for value in found if isinstance(value, dict) and value for obj in _unfolded(value)]


def _unfolded(obj: Object) -> list[Object]:
    """The items of a List, whatever its kind; any other object by itself."""
    items = obj.get("items")
    if not str(obj.get("kind", "")).endswith("List") or not isinstance(items, list):
        return [obj]
    return [item for item in items if isinstance(item, dict) and item]


# --- manifests of releases --------------------------------------------------------------------------------------


def manifest_of(templates: Sequence[Template]) -> str:
    """The text that a release keeps of its objects."""
    return "".join(f"---\n# Source: {each.path}\n{dump(each.object)}" for each in templates)


@lru_cache(maxsize=256)
def objects_of(manifest: str) -> tuple[Object, ...]:
    """The objects of such a text. Read-only."""
    found: list[Any] = [document.value for document in documents(manifest, "manifest")]
    return tuple(value for value in found if isinstance(value, dict) and value)
