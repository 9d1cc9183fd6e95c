"""Questions nobody can answer: an exception that says what to do, never a blank cell, never one about insides."""

from __future__ import annotations

from typing import Any

import pytest

import kcsim
from kcsim.notebook import causes, heat_map, picture, player, rollout, spread, three_way, timeline, topology
from kcsim.notebook.plots import cumulative
from kcsim.scenario.compare import Twins
from kcsim.simulation.finding import NotFound


@pytest.fixture(scope="module")
def sim() -> kcsim.Simulation:
    world = kcsim.load("drift-at-night", delivery="flux")
    world.run_until("24m")
    return world


@pytest.fixture(scope="module")
def twins() -> Twins:
    return kcsim.compare("plain-release", until="12m")


def over() -> Any:
    world = kcsim.load("drift-at-night", delivery="flux", until="5m")
    world.finish()
    return world


class TestTheEndOfAStory:
    def test_a_step_goes_no_further_and_says_so(self) -> None:
        world = over()
        step = world.step()
        assert (step.time, step.records, str(step)) == (300, (), "t=300.000s: the story is over")
        assert "the story is over" in step._repr_html_()
        assert world.now == 300

    def test_the_next_change_lies_before_it(self) -> None:
        world = over()
        change = world.next_change()
        assert not change.found
        assert str(change) == "t=300.000s: nothing changed until then; the story is over"
        assert "the story is over" in change._repr_html_()
        world = kcsim.load("drift-at-night", delivery="flux", until="5m")
        assert not world.next_change(world.deploy("wob"), limit="2h").found
        assert world.now == 300

    def test_a_step_towards_it_stops_there(self) -> None:
        world = kcsim.load("drift-at-night", delivery="flux", until="5m")
        while not (step := world.step()).over:
            assert step.records
        assert (world.now, step.time) == (300, 300)

    def test_a_fork_of_a_finished_branch_says_what_to_do(self) -> None:
        world = over()
        with pytest.raises(ValueError, match=r"the story is over at 5m.*fork\(.2m30s.\).*until=\.\.\."):
            world.fork()
        fork = world.fork("2m30s")
        fork.finish()
        assert fork.now == 300
        with pytest.raises(
            ValueError, match=r'6m lies beyond the end of the story at 5m; load\(..., until="6m"\)'
        ):
            fork.run_until("6m")

    def test_bare_worlds_have_none(self) -> None:
        bare = kcsim.Simulation(nodes=1)
        bare.run("3h")
        assert not bare.step(limit="1h").over
        assert bare.fork().now == bare.now


class TestObjects:
    @pytest.mark.parametrize("look", [lambda sim: sim, lambda sim: sim.at("23m")], ids=["now", "then"])
    def test_the_namespace_is_to_blame(self, sim: Any, look: Any) -> None:
        with pytest.raises(NotFound, match=r"no deployment/web.* in namespace shp; there is one in shop"):
            look(sim).get("deployment/web", "shp")
        assert look(sim).get("deployment/shop/web") == look(sim).get("deployment/web", "shop")

    @pytest.mark.parametrize("ref", [None, 3, {}])
    def test_a_reference_that_is_no_text(self, sim: Any, ref: Any) -> None:
        for ask in (sim.get, sim.why, sim.at("3m").get):
            with pytest.raises(TypeError, match='names no object: write "deployment/web"'):
                ask(ref)

    def test_the_past_asks_for_the_namespace_where_there_are_several_as_the_present_does(self) -> None:
        bare = kcsim.Simulation(nodes=1)
        for space in ("one", "two"):
            bare.kubectl(f"create namespace {space}")
            bare.kubectl(f"create configmap same -n {space}")
        for look in (bare, bare.at(bare.now)):
            with pytest.raises(NotFound, match=r"several namespaces \(one, two\): say which"):
                look.get("configmap/same")


def test_a_condition_is_negated_as_a_condition(sim: Any) -> None:
    with pytest.raises(TypeError, match=r"write ~sim\.node"):
        sim.run_until(not sim.deploy("web", "shop").available)
    with pytest.raises(NotFound, match="there is one, without a name"):
        sim.cluster("east")


class TestPictures:
    @pytest.mark.parametrize("draw", [heat_map, rollout, timeline, topology, three_way])
    @pytest.mark.parametrize("what", [None, 3, "drift-at-night"])
    def test_of_what_is_no_world(self, draw: Any, what: Any) -> None:
        with pytest.raises(TypeError, match=rf"{draw.__name__} is about one world.*kcsim\.load\(\)"):
            draw(what)

    def test_of_twins_where_one_world_is_meant(self, twins: Twins) -> None:
        for draw in (heat_map, rollout, timeline, topology, three_way, player):
            with pytest.raises(TypeError, match=r"twins\['flux'\]"):
                draw(twins)
        with pytest.raises(TypeError, match="picture is about one world"):
            picture(3)

    def test_what_only_a_story_has(self) -> None:
        with pytest.raises(TypeError, match="a bare simulation has none"):
            three_way(kcsim.Simulation(nodes=1), "deployment/web")

    def test_chains_that_are_none(self) -> None:
        with pytest.raises(TypeError, match="web is no chain of causes"):
            causes(web=3)
        with pytest.raises(TypeError, match="nothing was asked about"):
            causes()

    def test_groups_that_are_none(self) -> None:
        with pytest.raises(ValueError, match="there is no group"):
            cumulative({}, "a")


class TestTwins:
    def test_a_world_that_there_is_not(self, twins: Twins) -> None:
        for ask in (lambda: twins["flx"], lambda: twins.divergence("push", "flx")):
            with pytest.raises(NotFound, match="no world 'flx': did you mean 'flux'"):
                ask()

    def test_one_world_twice(self, twins: Twins) -> None:
        with pytest.raises(ValueError, match="'push' is one world"):
            twins.divergence("push", "push")
        assert {side.delivery for side in twins.divergence(second="push").sides} == {"push", "flux"}

    def test_one_delivery_may_stand_alone(self) -> None:
        assert list(kcsim.compare("plain-release", "flux", until="1m").worlds) == ["flux"]


def test_a_measure_that_there_is_not_is_told_with_the_nearest() -> None:
    swept = kcsim.sweep("plain-release", seeds=1, deliveries=["flux"], until="12m", progress=False)
    for ask in (swept.medians, lambda name: spread(swept, name), lambda name: heat_map(swept, name)):
        with pytest.raises(ValueError, match="did you mean 'change_lead_time'"):
            ask("change_led_time")
