"""The screens around the live run, each visited and used: compare, timeline, object, why, network, score, palette, bar."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kcsim.engine.clock import MINUTE, SECOND
from kcsim.scenario.faults import FAULTS
from kcsim.scenario.play import load
from kcsim.tui.asks import score
from kcsim.tui.compare import CompareScreen
from kcsim.tui.dialogs import Ask, Choose, Read
from kcsim.tui.explain import ExplainScreen
from kcsim.tui.explorer import ExplorerScreen
from kcsim.tui.gallery import GalleryScreen
from kcsim.tui.network import NetworkScreen
from kcsim.tui.run import RunScreen
from kcsim.tui.scrubber import ScrubberScreen
from kcsim.views.objects import Ref
from tests.tui.worlds import SMALL, Driver, play


async def go_to(user: Driver, when: str) -> None:
    await user.press("g")
    await user.type(when)
    await user.rest()


async def command(user: Driver, line: str) -> None:
    await user.press("colon")
    await user.type(line)


def test_drift_is_repaired_rewound_forked_without_repair_compared_saved_and_replayed(tmp_path, monkeypatch):
    """The whole journey: by hand, under Flux, back in time, another way, side by side, into a file, to the byte."""
    monkeypatch.chdir(tmp_path)
    traces: dict[str, str] = {}

    async def story(user: Driver) -> None:
        await go_to(user, "3m")
        await command(user, "kubectl scale deployment/web -n shop --replicas=1")
        await go_to(user, "5m30s")
        deployment = user.session.look.find("deployment", "shop", "web")
        assert deployment["spec"]["replicas"] == 2, "Flux has put it back"
        await go_to(user, "drift")
        assert user.session.cursor is not None, "rewound"
        drifted = user.session.seen
        await user.press("f")
        assert isinstance(user.app.screen, Ask)
        await user.type("no-heal")
        assert user.screen.world.name == "no-heal"
        assert user.session.forked == drifted
        assert user.session.now == drifted
        await command(user, "flux suspend kustomization shop")
        await go_to(user, "5m30s")
        if isinstance(user.app.screen, Read):
            await user.press("escape")
        assert user.session.look.find("deployment", "shop", "web")["spec"]["replicas"] == 1
        await user.press("c")
        if isinstance(user.app.screen, Choose):
            await user.press("enter")
        await user.settle()
        assert isinstance(user.app.screen, CompareScreen)
        assert user.app.screen.names == ("no-heal", "flux")
        assert "≠" in user.text
        assert "has drifted" in user.text or "deployment/web" in user.text
        await user.press("left_square_bracket")
        assert "only" in user.message
        await user.press("w")
        assert isinstance(user.app.screen, Read)
        assert "deployment.apps/shop/web" in user.text
        await user.press("escape", "escape", "escape")
        assert isinstance(user.app.screen, RunScreen)
        await go_to(user, "end")
        await user.press("s")
        await user.press("enter")
        assert "saved: kcsim run small-no-heal-by-hand.yaml --delivery flux" in user.message
        traces["flux"] = user.session.play.trace.sha256()

    play(story, SMALL, "flux")
    again = load("small-no-heal-by-hand.yaml", "flux")
    again.finish()
    assert again.trace.sha256() == traces["flux"]


def test_worlds_are_compared_on_one_clock():
    async def story(user: Driver) -> None:
        await go_to(user, "6m")
        await user.press("c")
        await user.settle()
        screen = user.app.screen
        assert isinstance(screen, CompareScreen)
        worlds = screen.world.link.worlds
        await user.until(lambda: not any(worlds[name].running for name in screen.names))
        assert {worlds[name].now for name in screen.names} == {6 * MINUTE}, "the other was brought along"
        await user.press("2", "end")
        await user.settle()
        assert "nico: kubectl scale" in user.text, user.text
        await user.press("3")
        assert "API writes" in user.text
        await user.press("1", "left_square_bracket")
        first = {worlds[name].seen for name in screen.names}
        assert len(first) == 1, "one clock"
        await user.press("left_square_bracket")
        assert max(worlds[name].seen for name in screen.names) < max(first)
        await user.press("right_square_bracket")
        assert {worlds[name].seen for name in screen.names} == first
        await user.press("escape", *["plus"] * 5, "space")
        await user.until(lambda: not any(worlds[name].running for name in screen.names))
        assert all(worlds[name].at_end for name in screen.names)
        await user.press("o", "down", "enter")
        await user.settle()
        assert user.screen.world.name == "flux"

    play(story, SMALL, "push")


def test_three_worlds_side_by_side():
    async def story(user: Driver) -> None:
        await go_to(user, "4m")
        await user.press("f")
        await user.type("")
        assert user.screen.world.name == "push-2", "a name is made up"
        await user.press("c", "end", "enter")
        await user.settle()
        assert isinstance(user.app.screen, CompareScreen)
        assert len(user.app.screen.names) == 3
        for name in user.app.screen.names:
            assert name in user.text

    play(story, SMALL, "push", size=(160, 48))


def test_branches_are_listed_and_switched_and_a_name_is_taken_once():
    async def story(user: Driver) -> None:
        await go_to(user, "2m")
        await user.press("f")
        await user.type("push")
        assert "there is a world 'push' already" in user.text
        await user.type("other")
        await user.press("b")
        assert isinstance(user.app.screen, Choose)
        assert "branch of push, forked at 2m" in user.text
        assert "not begun" in user.text
        await user.press("enter")
        await user.settle()
        assert user.screen.world.name == "push"

    play(story, SMALL, "push")


def test_the_timeline_in_full():
    async def story(user: Driver) -> None:
        await go_to(user, "8m")
        await user.press("t")
        await user.settle()
        screen = user.app.screen
        assert isinstance(screen, ScrubberScreen)
        session = screen.world.link.worlds["push"]
        await user.press("left")
        assert session.seen < 8 * MINUTE
        seen = session.seen
        await user.press("comma")
        assert session.seen < seen, "one event back"
        await user.press("full_stop")
        assert session.seen >= seen or session.seen > 0
        await user.press("left_square_bracket")
        change = session.seen
        assert any(moment.time == change for moment in session.moments)
        await user.press("plus", "plus")
        assert screen.window[1] - screen.window[0] < session.end
        assert screen.window[0] <= session.seen <= screen.window[1]
        await user.press("m")
        assert change in screen.world.link.worlds.marks
        assert "⚑" in user.text
        await user.press("0", "n", "quotation_mark")
        assert session.seen == change, "back to the bookmark"
        await user.press("minus")
        assert screen.window == (0, session.end)
        await user.click("#scrubber", offset=(30, 2))
        assert session.seen != change
        await user.press("f")
        await user.settle()
        await user.type("from-here")
        assert user.session.forked is not None

    play(story, SMALL, "push")


def test_the_cursor_of_the_timeline_is_dragged_and_the_wheel_zooms():
    async def story(user: Driver) -> None:
        await go_to(user, "8m")
        await user.press("t")
        await user.settle()
        screen = user.app.screen
        assert isinstance(screen, ScrubberScreen)
        session = screen.world.link.worlds["push"]
        await user.pilot.mouse_down("#scrubber", offset=(20, 2))
        await user.settle()
        first = session.seen
        await user.pilot.hover("#scrubber", offset=(40, 2))
        await user.settle()
        assert session.seen > first
        await user.pilot.mouse_up("#scrubber", offset=(40, 2))
        strip = screen.query_one("#scrubber")
        strip._zoom(30, 1)
        await user.settle()
        assert screen.window != (0, session.end)

    play(story, SMALL, "push")


def test_an_object_in_full():
    async def story(user: Driver) -> None:
        await go_to(user, "5m10s")
        await user.press("4", "enter")
        await user.settle()
        screen = user.app.screen
        assert isinstance(screen, ExplorerScreen)
        assert screen.ref == Ref("deployment", "shop", "web")
        await user.press("y")
        assert "kubectl-client-side-apply" in user.text, "who manages which field"
        await user.press("D")
        assert "≠ spec.replicas" in user.text
        assert "last applied" in user.text
        await user.press("H")
        assert "spec.replicas: 2 → 1" in user.text
        assert "nico" in user.text
        await user.press("tab", "down", "down", "d")
        assert screen.ref.kind == "pod"
        assert "Node:" in user.text or "Name:" in user.text
        await user.press("J")
        assert screen.ref.kind == "replicaset"
        await user.press("J", "J")
        assert "nobody owns deployment/web" in user.message
        await user.press("v")
        assert "ScalingReplicaSet" in user.text
        await user.press("w")
        assert isinstance(user.app.screen, ExplainScreen)
        await user.press("escape", "e")
        await user.settle()
        assert isinstance(user.app.screen, RunScreen)
        assert user.screen.query_one("#command").value.startswith("kubectl scale deployment/web")

    play(story, SMALL, "push", size=(100, 40))


def test_why_and_what_would_have_prevented_it():
    async def story(user: Driver) -> None:
        await go_to(user, "6m")
        await user.press("1", "up", "w")
        await user.settle()
        screen = user.app.screen
        assert isinstance(screen, ExplainScreen)
        assert "nico" in user.text
        await user.press("p")
        await user.settle()
        assert "without by-hand" in user.text
        assert "it does not happen" in user.text
        await user.press("f")
        await user.settle()
        await user.type("calm")
        await user.settle()
        assert user.session.play.without[0].name == "by-hand"
        await go_to(user, "end")
        assert user.session.look.find("deployment", "shop", "web")["spec"]["replicas"] == 2
        await user.press("b", "enter")
        await user.settle()
        await user.press("1", "up", "w")
        await user.settle()
        await user.press("end", "f")
        await user.settle()
        await user.type("before-it")
        await user.settle()
        assert user.session.forked == 5 * MINUTE - 1, "just before the step"

    play(story, SMALL, "push", size=(100, 40))


def test_the_network():
    async def story(user: Driver) -> None:
        await go_to(user, "4m")
        await user.press("n")
        await user.settle()
        screen = user.app.screen
        assert isinstance(screen, NetworkScreen)
        assert "node-1" in user.text
        assert "shop/web-" in user.text
        await user.press("2")
        assert "ready 2" in user.text
        await user.press("M")
        assert "by pods" in user.text
        await user.press("right")
        assert "node-2" in user.text
        await user.press("r")
        await user.settle()
        await user.type("users")
        await user.settle()
        await user.press("enter")  # there is no Service: another URL
        await user.settle()
        await user.type("http://web.shop/")
        await user.settle()
        assert "users → http://web.shop/" in user.text
        await user.press("2", "enter")
        await user.settle()
        assert isinstance(user.app.screen, ExplorerScreen)
        assert user.app.screen.ref == Ref("node", "", "node-2")

    play(story, SMALL, "push", size=(120, 40))


def test_a_prediction_stands_beside_what_came():
    async def story(user: Driver) -> None:
        await user.press("P")
        await user.settle()
        assert "comes-up" in user.text
        await user.press("enter")
        await user.settle()
        await user.press("enter")
        await user.settle()
        await user.press("escape")
        await user.settle()
        assert "2 predictions kept" in user.message
        await go_to(user, "end")
        assert "1 of 2 came as you said" in user.message
        await user.press("6")
        assert "1 of 2 came as you said" in user.text
        assert "you said: holds, it came otherwise" in user.text
        await user.press("P")
        assert "nothing is left to predict" in user.message

    play(story, SMALL, "push", size=(100, 40))


def card(user: Driver) -> str:
    """The score card, unbroken."""
    lines = user.screen_below.world.ask(score.card)
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_a_number_that_was_predicted_stands_beside_the_measure():
    async def story(user: Driver) -> None:
        await go_to(user, "1m")
        await user.press("P")
        await user.settle()
        await user.press("escape")
        await user.settle()
        for answer, text in (("api writes", "1"), ("api requests", "many")):
            await user.press(*(key if key != " " else "space" for key in answer))
            await user.press("enter")
            await user.settle()
            await user.type(text)
            await user.settle()
        assert "is no api requests: write a number of requests, or never" in user.text
        await user.type("never")
        await user.settle()
        assert "API requests: never" in user.text
        await user.press("escape")
        await user.settle()
        assert "2 predictions kept" in user.message
        await user.press("6")
        assert "you said 1 writes at t=1m: so far" in card(user)
        await go_to(user, "end")
        assert "0 of 2 came as you said" in user.message
        assert "◐ you said 1 writes at t=1m: it came to" in card(user)
        assert "◐ you said never at t=1m: it came all the same" in card(user)

    play(story, SMALL, "push", size=(140, 50))


def test_git_at_the_command_bar():
    async def story(user: Driver) -> None:
        await go_to(user, "3m")
        await command(user, "git log --oneline")
        line = user.message if isinstance(user.app.screen, RunScreen) else user.text
        assert "commit" in line.lower()
        if isinstance(user.app.screen, Read):
            await user.press("escape")
        await command(user, "git show HEAD:deploy/web.yaml")
        assert "kind: Deployment" in user.text
        await user.press("escape")
        await command(user, "git pusj")
        assert isinstance(user.app.screen, Read), "too long for the line of messages"
        assert "is not modelled" in user.text
        await user.press("escape")
        await command(user, "sed -i 's/replicas: 2/replicas: 4/' deploy/web.yaml && git commit -am \"more\"")
        assert "on its way" in user.message
        await go_to(user, "4m30s")
        assert user.session.look.find("deployment", "shop", "web")["spec"]["replicas"] == 4
        await command(user, "git diff")
        assert "+  replicas: 4" in user.text
        await user.press("escape")
        await command(user, "git revert HEAD")
        await go_to(user, "5m")
        await command(user, "git show HEAD:deploy/web.yaml")
        assert "replicas: 2" in user.text
        await user.press("escape")
        await command(user, "sed -i 's/nothing/x/' deploy/web.yaml && git commit -am \"no\"")
        assert "does not hold 'nothing'" in (user.text if isinstance(user.app.screen, Read) else user.message)

    play(story, SMALL, "push")


def test_what_a_commit_at_the_bar_did_replays_to_the_same_trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    traces = []

    async def story(user: Driver) -> None:
        await go_to(user, "3m")
        await command(user, "sed -i 's/replicas: 2/replicas: 4/' deploy/web.yaml && git commit -am \"more\"")
        await go_to(user, "end")
        await user.press("s", "enter")
        traces.append(user.session.play.trace.sha256())

    play(story, SMALL, "push")
    again = load("small-by-hand.yaml", "push")
    again.finish()
    assert again.trace.sha256() == traces[0]


@pytest.mark.parametrize(
    ("form", "ends"),
    [("result", "json"), ("story", "yaml"), ("trace", "jsonl"), ("screen", "svg"), ("lanes", "svg")],
)
def test_what_is_exported(tmp_path, monkeypatch, form, ends):
    monkeypatch.chdir(tmp_path)

    async def story(user: Driver) -> None:
        await go_to(user, "2m")
        await user.press("x")
        place = {"screen": 0, "result": 1, "story": 2, "trace": 3, "lanes": 4}[form]
        await user.press(*["down"] * place, "enter")
        await user.settle()
        assert "written" in user.message

    play(story, SMALL, "push")
    (written,) = tmp_path.glob(f"kcsim-small-push{'-lanes' if form == 'lanes' else ''}-120s.{ends}")
    text = Path(written).read_text(encoding="utf-8")
    if form == "result":
        assert json.loads(text)["delivery"] == "push"
    elif form == "story":
        assert "kind: Scenario" in text
    elif form == "trace":
        assert json.loads(text.splitlines()[0])["seq"] == 0
    else:
        assert text.startswith("<svg")
        assert (
            form == "screen" or 'class="kc"' in text
        )  # the lanes are drawn by the writer of all our pictures


def test_the_palette_offers_every_fault_of_the_catalogue_and_narrows_as_one_types():
    async def story(user: Driver) -> None:
        await go_to(user, "2m")
        await user.press("i")
        dialog = user.app.screen
        assert isinstance(dialog, Choose)
        assert {choice.value for choice in dialog._choices} == set(FAULTS)
        await user.press(*"network-l")
        await user.settle()
        assert [choice.value for choice in dialog._shown] == ["network-loss"]

    play(story, SMALL, "push")


def test_a_fault_whose_target_has_vanished_is_told_and_nothing_is_lost():
    async def story(user: Driver) -> None:
        await go_to(user, "2m")
        await user.press("i")
        await user.type("human-delete")
        await user.settle()
        await user.type("deployment/web")
        await user.settle()
        await user.press("enter")  # no settings
        await user.settle()
        session = user.session
        session.play.kubectl("delete deployment web -n shop")
        await user.press("down", "enter")
        await user.settle()
        assert user.message
        assert not session.failure
        await user.press("space", "space")
        assert session.now >= 120 * SECOND

    play(story, SMALL, "push")


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 30), (160, 48), (30, 10)])
def test_no_screen_breaks_at_any_size(size):
    async def story(user: Driver) -> None:
        await go_to(user, "5m10s")
        for keys in (["t"], ["n", "2", "3", "1"], ["c"], ["4", "enter", "D", "y", "H"], ["1", "w", "p"]):
            await user.press(*keys)
            await user.settle()
            await user.pilot.resize_terminal(80, 24)
            await user.settle()
            await user.pilot.resize_terminal(*size)
            await user.settle()
            while not isinstance(user.app.screen, RunScreen):
                await user.press("escape")
            await user.press("escape")
            assert not isinstance(user.app.screen, GalleryScreen) or user.app.screen
            if isinstance(user.app.screen, GalleryScreen):
                await user.press("enter")
                await user.settle()

    play(story, SMALL, "push", size=size)


SCREENS = {
    "gallery": ([], GalleryScreen),
    "run": (["enter"], RunScreen),
    "timeline": (["enter", "t"], ScrubberScreen),
    "network": (["enter", "n"], NetworkScreen),
    "compare": (["enter", "c"], CompareScreen),
    "object": (["enter", "g", "=2m", "3", "enter"], ExplorerScreen),
    "why": (["enter", "g", "=2m", "3", "w"], ExplainScreen),
}


@pytest.mark.parametrize("name", SCREENS)
def test_no_screen_lacks_help(name, monkeypatch):
    """On every screen ``?`` lists what its own bindings do, and every binding says what it does."""
    monkeypatch.setattr("kcsim.tui.catalogue.gallery", dict)
    monkeypatch.setattr("kcsim.tui.catalogue.lessons", dict)
    keys, kind = SCREENS[name]

    async def story(user: Driver) -> None:
        await user.press("escape")
        for key in keys:
            if key.startswith("="):
                await user.type(key[1:])
                await user.rest()
            else:
                await user.press(key)
            await user.settle()
            await user.settle()
        screen = user.app.screen
        assert isinstance(screen, kind)
        assert all(binding.tooltip for binding in kind.BINDINGS), "a key without a sentence"
        await user.press("question_mark")
        await user.settle()
        help_ = user.app.screen
        offered = {doable.action for doable in help_._all}
        missing = {binding.action for binding in kind.BINDINGS} - offered
        assert not missing, missing
        await user.press("escape")
        assert user.app.screen is screen

    play(story, SMALL, "push", size=(100, 30))
