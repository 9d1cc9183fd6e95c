"""What a notebook shows of each value: the facts, escaped, and the same bytes every time."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import kcsim
from kcsim.notebook import load_ipython_extension, picture, player, three_way, timeline
from kcsim.notebook.html import line, page, table
from kcsim.notebook.representations import REPRESENTATIONS
from kcsim.scenario.compare import Twins
from kcsim.simulation.finding import NotFound
from kcsim.views.svg import Svg

HOSTILE = '<script>alert("&")</script>'


@pytest.fixture(scope="module")
def twins() -> Twins:
    return kcsim.compare("drift-at-night")


def shown(value: Any) -> str:
    return REPRESENTATIONS[type(value)](value)


def test_twins_show_lanes_and_measures_side_by_side(twins: Twins) -> None:
    html = shown(twins)
    assert "<svg" in html
    assert '<th scope="col">push</th><th scope="col">flux</th>' in html
    assert "Time to repair drift" in html


def test_worlds_chains_and_divergences_tell_their_facts(twins: Twins) -> None:
    flux = twins["flux"]
    assert "drift-at-night under flux" in shown(flux)
    assert "registry.example/shop/web:1.1.0" in shown(flux)
    assert "nico" in shown(flux.at("23m").why("deployment/web", "shop"))
    assert "shop/web" in shown(flux.at("23m"))
    assert "deployment.apps/shop/web differs" in shown(twins.divergence())


def test_worlds_that_agree_say_so_and_are_false_in_a_condition() -> None:
    story = kcsim.scenario.play.read_scenario("plain-release")
    twins = Twins(story, {name: kcsim.load("plain-release", delivery="flux") for name in ("one", "other")})
    early = twins.divergence()
    assert not early
    assert "nothing to compare until t=0.000s: the first commit has not arrived" in shown(early)
    twins.run_until("6m")
    agreed = twins.divergence()
    assert not agreed
    assert "the worlds agree: one and other hold the same objects until t=360.000s" in shown(agreed)


def test_steps_and_runs_say_what_they_did() -> None:
    sim = kcsim.Simulation(nodes=1)
    assert "configmap/default/kube-root-ca.crt" in shown(sim.step())
    assert "the time has come" in shown(sim.run_until("1s"))
    assert "no deployments" in shown(sim)


def test_a_run_tells_what_happened_meanwhile_and_says_the_same_later(twins: Twins) -> None:
    sim = kcsim.load("drift-at-night", delivery="flux")
    sim.run_until("21m")
    run = sim.run_until("30m")
    html = shown(run)
    assert "the time has come" in html
    assert "nico: kubectl scale deployment/web --replicas=1" in html
    assert "repaired: deployment/web is as git says again" in html
    assert "source-controller fetched" not in html  # that was before
    sim.finish()
    assert shown(run) == html


def test_measures_stand_beside_what_they_mean(twins: Twins) -> None:
    html = unescape(shown(twins["flux"].measures()))
    for measure in twins["flux"].measures():
        assert measure.definition in html


def test_where_worlds_part_stands_with_the_fields_and_both_chains(twins: Twins) -> None:
    html = shown(twins.divergence())
    assert "spec.replicas" in html
    assert '<th scope="col">flux</th><th scope="col">push</th>' in html
    assert "<svg" not in html  # one of the worlds did nothing: there is one chain, and no graph of two


def test_chains_have_short_names_and_a_graph_a_fold_away(twins: Twins) -> None:
    html = shown(twins["flux"].why("deployment/web", "shop"))
    long = "system:serviceaccount:flux-system:kustomize-controller"
    assert f'<span title="{long}">kustomize-controller</span>' in html
    assert "<summary>as a graph</summary>" in html


def test_rules_of_tables_are_more_particular_than_those_of_notebooks() -> None:
    """JupyterLab: ``:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td`` has two classes and an element."""
    rules = [rule.partition("{")[0] for rule in page(table(["a"], [["b"]])).split("}")]
    about = [part for rule in rules for part in rule.split(",") if re.search(r" (table|tr|th|td)$", part)]
    assert about
    assert all(part.rpartition("style>")[2].count(".kcsim") == 3 for part in about)


def test_pictures_are_well_formed_and_the_same_every_time(twins: Twins) -> None:
    drawn = str(picture(twins))
    assert drawn == str(picture(kcsim.compare("drift-at-night")))
    root = ET.fromstring(drawn)
    hovers = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any("nico" in (text or "") for text in hovers)
    assert any("pods ready" in (text or "") for text in hovers)


def test_every_text_is_escaped() -> None:
    svg = Svg(10, 10, HOSTILE, HOSTILE)
    svg.text(0, 0, HOSTILE, HOSTILE)
    svg.rect(0, 0, 1, 1, HOSTILE, HOSTILE)
    svg.circle(0, 0, 1, HOSTILE, HOSTILE)
    svg.path([(0, 0), (1, 1)], HOSTILE, HOSTILE)
    ET.fromstring(str(svg))
    for made in (str(svg), line(HOSTILE, HOSTILE), table([HOSTILE], [[HOSTILE, HOSTILE]])):
        assert "<script" not in made


def test_the_extension_registers_every_type() -> None:
    class Formatter(dict[type, Any]):
        def for_type(self, kind: type, represent: Any) -> None:
            self[kind] = represent

    class Shell:
        def __init__(self) -> None:
            self.display_formatter = self
            self.formatters = {"text/html": Formatter()}

    shell = Shell()
    load_ipython_extension(shell)
    assert shell.formatters["text/html"] == REPRESENTATIONS


def test_the_notebook_itself_shows_what_the_values_say() -> None:
    formatters = pytest.importorskip("IPython.core.formatters", reason="needs the notebook extra")
    display = formatters.DisplayFormatter()
    sim = kcsim.load("plain-release", delivery="push")
    sim.run_until("1m")
    for value in (
        sim,
        sim.step(),
        sim.measures(),
        sim.verdicts(),
        timeline(sim),
        sim.why("node/node-1"),
        sim.deploy("web"),
    ):
        found, _ = display.format(value)
        assert found["text/plain"] == str(value)
        assert found["text/html"] == value._repr_html_()
    found, _ = display.format(kcsim.Simulation)  # the class itself is no value of ours
    assert "text/html" not in found


def test_workloads_of_several_clusters_stand_with_the_name_of_theirs() -> None:
    sim = kcsim.load("three-environments", delivery="push", until="3m")
    sim.finish()
    for value in (sim, sim.at("2m")):
        for cluster in ("dev", "staging", "production"):
            assert f"{cluster}: shop/web" in shown(value)
    rows = player(sim).state()["frames"][-1][1]
    assert [row[0] for row in rows] == ["dev: shop/web", "production: shop/web", "staging: shop/web"]
    with pytest.raises(NotFound, match=r"several places \(dev shop, production shop, staging shop\)"):
        three_way(sim, "deployment/web")
    assert three_way(sim, "deployment/web", cluster="staging").object == "deployment/web"
