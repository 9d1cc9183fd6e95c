"""Whole journeys through the terminal interface, key by key."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from kcsim.scenario.play import load
from kcsim.tui.asks import panes, steer
from kcsim.tui.dialogs import Ask, Choose, Help, Read
from kcsim.tui.explain import ExplainScreen
from kcsim.tui.gallery import GalleryScreen
from kcsim.tui.run import RunScreen
from kcsim.tui.session import SPEEDS
from kcsim.views import objects as table_of
from kcsim.views.objects import Ref
from tests.tui.worlds import SMALL, Driver, play


def test_a_story_is_previewed_in_the_gallery_without_being_opened():
    async def story(user: Driver) -> None:
        await user.press("slash")
        await user.type("drift-at-night")
        await user.press("space")
        assert "drift-at-night under push, to 1h20m; enter opens it" in user.text
        assert any(" ci " in line and "■" in line for line in user.text.splitlines())
        await user.press("right", "space")
        assert "drift-at-night under flux, to" in user.text
        await user.press("escape", "down")
        assert "■" not in user.text
        await user.press("space", "space")
        assert "■" in user.text
        await user.press("L", "space")
        assert "a lesson begins with what you expect" in user.text
        assert not user.app._worlds

    play(story)


def test_from_the_gallery_to_the_end_of_the_story():
    async def story(user: Driver) -> None:
        assert isinstance(user.app.screen, GalleryScreen)
        assert "a-job-gives-up" in user.text
        await user.press("slash")
        await user.type("plain-release")
        assert "drift-at-night" not in user.text
        await user.press("right", "enter")
        assert user.screen.world.state.title == "plain-release"
        assert user.session.play.delivery == "flux"
        assert "paused" in user.text
        await user.press(*["plus"] * len(SPEEDS))
        assert user.session.speed is None
        await user.press("space")
        await user.rest()
        assert user.session.at_end
        assert "the story is over" in user.message
        await user.press("6")
        assert "Expectations" in user.text
        await user.press("escape", "escape")
        assert isinstance(user.app.screen, GalleryScreen)
        assert "the end" in user.text
        await user.press("q")

    play(story)


def test_run_pause_step_speed_and_jump():
    async def story(user: Driver) -> None:
        await user.press("full_stop")
        assert len(user.session.play.trace) > 0
        assert "create" in user.message or "commit" in user.message
        await user.press("right_square_bracket")
        await user.rest()
        assert user.session.moments
        assert user.session.moments[-1].text[:20] in user.text
        await user.press("minus")
        assert "x10" in user.text
        await user.press("space")
        assert user.session.running
        await user.press("space")
        assert not user.session.running
        await user.press("g")
        assert isinstance(user.app.screen, Ask)
        await user.type("yesterday")
        assert "is no time" in user.text
        await user.type("4m")
        await user.rest()
        assert user.session.now == 240_000_000

    play(story, SMALL, "push")


def test_objects_in_all_their_forms():
    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("3m")
        await user.rest()
        await user.press("2")
        assert "Running" in user.text
        assert "1/1" in user.text
        pod = user.screen.board.selected
        assert pod is not None
        assert pod.kind == "pod"
        await user.press("y")
        assert "apiVersion: v1" in user.text
        await user.press("d")
        assert "Name:" in user.text
        await user.press("v")
        assert "Scheduled" in user.text
        await user.press("o")
        assert "deployment/web" in user.text
        await user.press("H")
        assert "kubelet" in user.text or "node" in user.text
        await user.press("w")
        assert isinstance(user.app.screen, ExplainScreen)
        assert "←" in user.text
        await user.press("escape", "escape")
        assert user.screen.board.current == "pods"
        await user.press("3")
        assert "node-2" in user.text
        await user.press("4")
        assert user.screen.board.selected == Ref("deployment", "shop", "web")

    play(story, SMALL, "push")


def test_a_fault_by_key_asks_three_times_and_does_nothing_by_default():
    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("2m")
        await user.rest()
        await user.press("i")
        assert isinstance(user.app.screen, Choose)
        await user.type("node-crash")
        await user.press("enter", "enter")
        assert "fault: node-crash, node: node-1, for: 2m" in user.text
        await user.press("enter")
        assert not user.session.hands.deeds, "Cancel is the default"
        await user.press("i")
        await user.type("node-crash")
        await user.press("escape")
        assert isinstance(user.app.screen, RunScreen), "escape leaves the palette"
        await user.press("i")
        await user.type("node-crash")
        await user.press("down", "enter", "enter", "down", "enter")
        assert "injected: node-crash node-2 for 2m" in user.message
        await user.press("g")
        await user.type("+70s")
        await user.rest()
        await user.press("3")
        assert "NotReady" in user.text
        assert "node/node-2 NotReady" in user.text
        assert "fault at 2m: inject node-crash/node-2" in user.text
        await user.press("z")
        assert "taken back" in user.message
        assert "NotReady" not in user.text

    play(story, SMALL, "push")


def test_a_hand_on_the_cluster_is_saved_and_replayed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    traces = []

    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("3m")
        await user.rest()
        await user.press("colon")
        await user.type("kubectl scale deployment/web -n shop --replicas=3")
        await user.press("g")
        await user.type("end")
        await user.rest()
        assert user.session.unsaved == 1
        await user.press("q")
        assert isinstance(user.app.screen, Choose), "what was done by hand is not thrown away unasked"
        await user.press("escape", "s")
        assert isinstance(user.app.screen, Ask)
        await user.press("enter")
        assert "saved: kcsim run small-by-hand.yaml" in user.message
        traces.append(user.session.play.trace.sha256())

    play(story, SMALL, "flux")
    again = load("small-by-hand.yaml", "flux")
    again.finish()
    assert again.trace.sha256() == traces[0]


def test_the_command_bar():
    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("2m")
        await user.rest()
        await user.press("colon")
        await user.type("services shop")
        assert "ClusterIP" in user.text or "services" in user.text
        await user.press("colon")
        await user.type("kubectl get deploy -n shop")
        assert isinstance(user.app.screen, Read)
        assert "READY" in user.text
        await user.press("escape", "colon")
        await user.type("deplyoments")
        assert "did you mean deployments?" in user.message
        await user.press("colon")
        await user.type("kubectl scle deploy/web")
        assert "unknown command" in user.message
        await user.press("colon", *"kubectl", "space", *"sc", "tab")
        assert user.screen.query_one("#command", Input).value == "kubectl scale"
        await user.press("escape", "colon", "up", "up")
        assert user.screen.query_one("#command", Input).value == "deplyoments"
        await user.press("escape", "colon")
        await user.type("deploy")
        await user.press("e")
        assert user.screen.query_one("#command", Input).value.startswith("kubectl scale")

    play(story, SMALL, "push")


def test_a_refusal_is_read_in_full_where_the_line_is_too_short_for_its_remedy():
    async def story(user: Driver) -> None:
        await user.press(":", *"kubectl scle deploy/web", "enter")
        assert isinstance(user.app.screen, Read)
        assert "Did you" in user.text
        assert "scale" in user.text

    play(story, SMALL, "push", size=(60, 20))


def test_deleting_asks_first_and_the_cluster_heals():
    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("3m")
        await user.rest()
        await user.press("2", "ctrl+d")
        assert isinstance(user.app.screen, Choose)
        gone = user.screen_below.board.selected
        await user.press("enter")
        assert not user.session.hands.deeds, "Cancel is the default"
        await user.press("ctrl+d", "down", "enter", "g")
        await user.type("+1m")
        await user.rest()
        assert "deleted" in user.message
        assert user.session.look.find("pod", gone.namespace, gone.name) is None
        assert len(user.session.look.objects("pods", "shop")) == 2

    play(story, SMALL, "push")


def test_the_past_is_read_only_and_complete():
    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("6m")
        await user.rest()
        await user.press("4")
        assert "1/1" in user.text
        await user.press("g")
        await user.type("4m")
        assert "PAST" in user.text
        assert "2/2" in user.text
        await user.press("i")
        assert "read only" in user.message
        assert isinstance(user.app.screen, RunScreen)
        await user.press("w")
        assert "←" in user.text
        await user.press("escape", "right_square_bracket")
        assert user.session.seen == 300_041_000 or user.session.seen >= 300_000_000
        await user.press("left_square_bracket", "left_square_bracket", "space")
        assert user.session.running
        assert user.session.cursor is None

    play(story, SMALL, "push")


def test_clicking_the_timeline_looks_there():
    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("8m")
        await user.rest()
        await user.click("#timeline", offset=(30, 2))
        assert 0 < user.session.seen < user.session.now
        await user.press("escape")
        assert user.session.cursor is None

    play(story, SMALL, "push")


def test_help_lists_what_can_be_done_and_does_it():
    async def story(user: Driver) -> None:
        await user.press("question_mark")
        assert isinstance(user.app.screen, Help)
        await user.press(*"fault")
        assert "Inject a fault" in user.text
        await user.press("enter")
        await user.settle()
        assert isinstance(user.app.screen, Choose)

    play(story, SMALL, "push")


def test_faults_of_a_scenario_are_told_and_the_gallery_stays(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("apiVersion: kcsim/v1\nkind: Scenario\nname: broken\nsede: 3\n", encoding="utf-8")

    async def story(user: Driver) -> None:
        await user.settle()
        assert isinstance(user.app.screen, Read)
        assert "broken.yaml:4:1" in user.text.replace("\n", "")
        assert "'seed'" in user.text
        await user.press("escape")
        assert isinstance(user.app.screen, GalleryScreen)
        broken.write_text((tmp_path / "broken.yaml").read_text().replace("sede", "seed"), encoding="utf-8")
        await user.press("enter")
        assert isinstance(user.app.screen, RunScreen), "mended, it opens"

    play(story, str(broken), size=(120, 30))


def test_an_open_run_waits_where_it_was_left():
    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("2m")
        await user.rest()
        await user.press("escape")
        assert "paused at t=2m" in user.text
        await user.press("enter")
        assert user.session.now == 120_000_000

    play(story, SMALL, "push")


def test_a_filter_of_too_many_shows_what_it_has_found_and_goes_on(monkeypatch):
    monkeypatch.setattr(table_of, "_AT_ONCE", 3)

    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("2m")
        await user.rest()
        await user.press("colon")
        await user.type("events")
        shows = []
        ask = panes.objects
        monkeypatch.setattr(panes, "objects", lambda *asked: shows.append(ask(*asked)) or shows[-1])
        await user.press("slash", "w")
        await user.until(lambda: len(shows) > 1 and not shows[-1].unfinished)
        assert shows[0].unfinished
        assert "3 searched so far" in shows[0].note
        assert "searched so far" not in user.text, "nobody has pressed a key"

    play(story, SMALL, "push")


def test_what_takes_a_while_is_said_while_it_does_and_not_afterwards(monkeypatch):
    shown = []

    async def story(user: Driver) -> None:
        undo = steer.undo
        monkeypatch.setattr(steer, "undo", lambda session: shown.append(user.text) or undo(session))
        await user.press("colon")
        await user.type("kubectl create namespace mine")
        await user.press("z")
        await user.until(lambda: shown)
        assert "replaying ..." in shown[0]
        await user.until(lambda: "taken back" in user.text)
        assert "replaying" not in user.text

    play(story, SMALL, "push")


@pytest.mark.parametrize("size", [(60, 20), (120, 30), (160, 48), (20, 5)])
def test_no_size_breaks_it(size):
    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("2m")
        await user.rest()
        await user.press("2", "y", "6", "question_mark", "escape", "i", "escape", "slash", "escape")
        await user.pilot.resize_terminal(80, 24)
        await user.settle()
        assert "Story" in user.text or "Object" in user.text

    play(story, SMALL, "push", size=size)


def test_a_defect_of_the_world_is_shown_and_the_screen_lives():
    async def story(user: Driver) -> None:
        def break_it():
            raise RuntimeError("a defect")

        user.session.play.engine.after(1, break_it)
        await user.press("space")
        await user.until(lambda: isinstance(user.app.screen, Read))
        assert "a defect" in user.text
        await user.press("escape", "2")
        assert user.screen.board.current == "pods"

    play(story, SMALL, "push")


def test_a_world_that_cannot_be_built_is_told_and_the_gallery_stays(monkeypatch):
    def broken(*_arguments):
        raise RuntimeError("a defect")

    monkeypatch.setattr("kcsim.tui.worlds.Play", broken)

    async def story(user: Driver) -> None:
        await user.press("enter")
        assert isinstance(user.app.screen, Read)
        assert "a defect" in user.text
        await user.press("escape")
        assert isinstance(user.app.screen, GalleryScreen)

    play(story, delivery="flux")


def test_a_delivery_that_there_is_not_is_told():
    async def story(user: Driver) -> None:
        await user.settle()
        assert "no delivery 'flix'" in user.text
        assert "flux" in user.text

    play(story, SMALL, "flix")


def test_no_colour_when_asked_for(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    async def story(user: Driver) -> None:
        assert user.app.theme == "kcsim-mono"
        await user.press("T")
        assert user.app.theme == "kcsim-dark"

    play(story)
