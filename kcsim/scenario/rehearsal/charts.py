"""Charts of the outside world that a rehearsed repository asks for.  Decides; never acts.

Nobody here knows what such a chart installs. It is played as one that is there and brings nothing, so that what waits for its
HelmRelease can go on.
**Walk:** HelmReleases, HelmCharts and OCIRepositories among the objects -> address, name and range of each chart -> the lowest version
that each range allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.chart_repositories import OCI
from kcsim.delivery.charts import MEDIA_TYPE
from kcsim.delivery.gitops.flux.toolkit import HELM_GROUP, SOURCE_GROUP, spec
from kcsim.delivery.gitops.flux.versions import lowest
from kcsim.scenario.expanded import is_kind

Wanted = tuple[str, str, str]
"""(address of the repository, name, range of versions)."""


def unknown_charts(brought: Sequence[Object]) -> list[dict[str, Any]]:
    """The charts that the objects ask for, as a scenario writes them."""
    versions: dict[tuple[str, str], list[str]] = {}
    for address, name, wanted in _wanted(brought):
        found = lowest(wanted)
        held = versions.setdefault((address, name), [])
        if found is not None and found not in held:
            held.append(found)
    return [
        {"name": name, "repository": address, "versions": [{"version": each} for each in held]}
        for (address, name), held in versions.items()
        if held
    ]


def told(charts: Sequence[dict[str, Any]]) -> str:
    """What is taken for granted of them."""
    names = sorted({chart["name"] for chart in charts})
    some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    many, its = len(charts), "each" if len(charts) > 1 else "it"
    what = f"nothing is known of {many} chart{'s' * (many > 1)} ({some})"
    return f"{what}: {its} is found at the lowest version its range allows, and installs nothing"


def _wanted(brought: Sequence[Object]) -> Iterator[Wanted]:
    repositories = {
        objects.key(obj): str(spec(obj).get("url", ""))
        for obj in brought
        if is_kind(obj, SOURCE_GROUP, "HelmRepository")
    }
    for namespace, wanted in _templates(brought):
        ref = wanted.get("sourceRef") or {}
        address = repositories.get((ref.get("namespace") or namespace, str(ref.get("name"))))
        if ref.get("kind") == "HelmRepository" and address:
            yield address.rstrip("/"), str(wanted.get("chart")), str(wanted.get("version") or "*")
    used = {
        (ref.get("namespace") or objects.namespace(obj), ref.get("name"))
        for obj in brought
        if is_kind(obj, HELM_GROUP, "HelmRelease")
        and (ref := spec(obj).get("chartRef") or {}).get("kind") == "OCIRepository"
    }
    for obj in brought:
        if not is_kind(obj, SOURCE_GROUP, "OCIRepository"):
            continue
        holds = (spec(obj).get("layerSelector") or {}).get("mediaType") == MEDIA_TYPE
        if holds or objects.key(obj) in used:
            place, _, name = str(spec(obj).get("url", "")).rpartition("/")
            ref = spec(obj).get("ref") or {}
            if place.startswith(OCI) and name and not ref.get("digest"):
                yield place, name, str(ref.get("semver") or ref.get("tag") or "latest").replace("_", "+")


def _templates(brought: Iterable[Object]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(namespace, what is asked for) of each HelmChart, written out or in a HelmRelease."""
    for obj in brought:
        if is_kind(obj, SOURCE_GROUP, "HelmChart"):
            yield objects.namespace(obj), spec(obj)
        elif is_kind(obj, HELM_GROUP, "HelmRelease"):
            yield objects.namespace(obj), objects.get_in(obj, ("spec", "chart", "spec"), {})
