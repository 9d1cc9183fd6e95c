"""The charts of a story: in their repositories from the beginning, published later, and what is wrong with them.

**Walk:** `charts` -> `chart_repositories` before anything happens; `publish` of the timeline -> `publish`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from kcsim.delivery.chart_repositories import OCI, ChartRepositories
from kcsim.delivery.charts import ChartUnreadable, chart_files, loaded
from kcsim.delivery.gitops.flux.versions import read
from kcsim.delivery.registry.reference import InvalidReference, parse
from kcsim.manifests import Manifest, dump
from kcsim.scenario.contents import Place, at, folder_files, resolve
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.model import Chart, ChartVersion, Publication, Scenario
from kcsim.scenario.standing import written_in
from kcsim.simulation.world import World


def chart_repositories(world: World, scenario: Scenario) -> ChartRepositories:
    """The repositories of the story's charts, with what they hold from the beginning."""
    held = ChartRepositories(world.engine, world.network, world.registry)
    for chart in scenario.charts:
        for version in chart.versions:
            held.publish(chart.repository, _files(scenario, chart, version))
    return held


def publish(
    held: ChartRepositories, scenario: Scenario, action: Publication, detail: Mapping[str, Any]
) -> None:
    """Somebody publishes a version, now."""
    chart = next(each for each in scenario.charts if each.name == action.chart)
    engine = held.engine
    record = engine.note(
        action.author, "helm push", f"chart/{chart.name}", {"version": action.version, **detail}
    )
    with engine.because(record):
        held.publish(chart.repository, _files(scenario, chart, action))


def _files(scenario: Scenario, chart: Chart, version: ChartVersion) -> dict[str, bytes]:
    if version.path is None:
        return chart_files(
            chart.name, version.version, version.objects, app_version=version.app_version, crds=version.crds
        )
    files = folder_files(resolve(scenario, version.path))
    metadata = {**loaded(files).metadata, "version": version.version}  # as `helm package --version`
    if version.app_version:
        metadata["appVersion"] = version.app_version
    return {**files, "Chart.yaml": dump(metadata).encode()}


# What is wrong with them.


def in_charts(scenario: Scenario) -> Iterator[tuple[Manifest, Place]]:
    """Every object that a chart is written with, and its place."""
    published = [entry.publish for entry in scenario.timeline if entry.publish is not None]
    for version in (*(each for chart in scenario.charts for each in chart.versions), *published):
        yield from written_in(version, "objects", version.objects)
        yield from written_in(version, "crds", version.crds)


def check_charts(scenario: Scenario, report: Report) -> None:
    """Addresses, versions and folders of the charts."""
    seen: set[tuple[str, str]] = set()
    for chart in scenario.charts:
        if (chart.repository, chart.name) in seen:
            report.add(
                "KC106", at(chart, "name"), f"two charts of {chart.repository} are called '{chart.name}'"
            )
        seen.add((chart.repository, chart.name))
        _check_address(chart, report)
        versions: set[str] = set()
        for version in chart.versions:
            _check_version(scenario, chart, version, report)
            if version.version in versions:
                report.add("KC106", at(version, "version"), f"version {version.version} is there twice")
            versions.add(version.version)


def check_publication(scenario: Scenario, publication: Publication, report: Report) -> None:
    """The chart of a `publish` of the timeline."""
    known = [each.name for each in scenario.charts]
    chart = next((each for each in scenario.charts if each.name == publication.chart), None)
    if chart is None:
        remedy = did_you_mean(publication.chart, known, "charts")
        report.add("KC226", at(publication, "chart"), f"no chart '{publication.chart}'", remedy)
    else:
        _check_version(scenario, chart, publication, report)


def _check_address(chart: Chart, report: Report) -> None:
    address = chart.repository
    remedy = "Write it like https://charts.example/shop, or oci://registry.example/charts."
    if address.startswith(OCI):
        try:
            parse(f"{address.removeprefix(OCI)}/{chart.name}")
        except InvalidReference as error:
            report.add("KC104", at(chart, "repository"), str(error), remedy)
    elif not address.startswith(("https://", "http://")) or not address.partition("://")[2]:
        report.add(
            "KC104", at(chart, "repository"), f"'{address[:60]}' is no address of a repository", remedy
        )


def _check_version(scenario: Scenario, chart: Chart, version: ChartVersion, report: Report) -> None:
    if read(version.version) is None:
        what = f"'{version.version[:60]}' is no semantic version"
        report.add("KC104", at(version, "version"), what, "Write it like 1.2.3.")
    if version.path is None:
        return
    if version.objects or version.crds:
        what = "a version has either `objects` or a `path`"
        report.add("KC105", at(version, "path"), what, "Leave one of them out.")
    try:
        found = loaded(folder_files(resolve(scenario, version.path)))
    except (OSError, ChartUnreadable) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        report.add("KC104", at(version, "path"), f"no chart can be read from '{version.path}': {why}")
        return
    if found.name != chart.name:
        what = f"'{version.path}' holds the chart '{found.name}', not '{chart.name}'"
        report.add("KC104", at(version, "path"), what, "Let the names agree.")
