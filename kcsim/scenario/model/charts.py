"""Charts and their repositories as a scenario writes them."""

from dataclasses import dataclass
from typing import Annotated

from kcsim.scenario.model.part import Part
from kcsim.scenario.values import Json, Name


@dataclass(frozen=True, kw_only=True)
class ChartVersion(Part):
    """One version of a chart: the objects it stands for as they are, whatever the values; or a folder that helm renders."""

    version: Annotated[str, "The version, as Chart.yaml says it: 1.2.3."]
    app_version: Annotated[str, "The version of what it installs."] = ""
    objects: Annotated[
        tuple[Json, ...],
        "Its objects as manifests; those with the annotation helm.sh/hook are hooks. None: it installs nothing.",
    ] = ()
    crds: Annotated[tuple[Json, ...], "The definitions in its crds folder."] = ()
    path: Annotated[
        str | None,
        "A folder beside the scenario that holds the chart, in place of `objects`; templates need the helm binary.",
    ] = None


@dataclass(frozen=True, kw_only=True)
class Chart(Part):
    """A chart of the outside world, for Flux's HelmRepository and OCIRepository."""

    name: Annotated[Name, "The chart's name."]
    repository: Annotated[
        str, "Its repository's address: https://charts.example/shop, or oci://registry.example/charts."
    ] = "https://charts.example"
    versions: Annotated[tuple[ChartVersion, ...], "What is there from the beginning."] = ()


@dataclass(frozen=True, kw_only=True)
class Publication(ChartVersion):
    """A new version of a chart appears in its repository."""

    chart: Annotated[Name, "The chart, one of `charts`."]
    author: Annotated[str, "Who publishes it."] = "dana"
