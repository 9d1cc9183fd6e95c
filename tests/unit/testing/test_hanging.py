"""A controller that does not come back: it is ended and named, wherever it hangs and whoever runs it."""

from __future__ import annotations

import pickle
import runpy
import threading
import time
from pathlib import Path

import pytest

from kcsim import Simulation
from kcsim.api.kit.brought import HungController
from kcsim.cli.main import main
from kcsim.engine.watchdog import WATCHDOG, Stuck, Watchdog
from kcsim.scenario.play import Play
from kcsim.scenario.programs import load_class
from kcsim.testing.probing.probe import demand, probe
from kcsim.testing.probing.save import save
from kcsim.testing.tiny import crd, story
from kcsim.tui.session import Session
from tests.unit.testing.controllers import Hanging, Waking, WebApps, web_app

CRD = (0, crd("WebApp", "example.com"))


def hangs(image: str) -> HungController:
    sim = Simulation(nodes=1, seed=1)
    sim.apply(crd("WebApp", "example.com"))
    sim.add_controller(Hanging)
    sim.apply(web_app(image=image))
    with pytest.raises(HungController) as raised:
        sim.run("1m")
    assert sim.get("webapp/web")["spec"]["image"] == image, "the world can still be looked at"
    sim.run("1m")
    return raised.value


@pytest.mark.parametrize(
    ("image", "line"),
    [
        ("at once", "while True:"),
        ("after a call", 'while image == "after a call":'),
        ("in a handler", 'while new is not None and new["spec"]["image"] == "in a handler":'),
    ],
)
def test_it_is_named_with_its_object_its_time_and_its_line(image: str, line: str) -> None:
    told = hangs(image)
    assert told.controller == "hanging"
    assert told.subject == ("hanging" if image == "in a handler" else "hanging default/web")
    assert told.place.startswith("controllers.py:")
    assert told.line in {line, "pass", "obj = dict(obj)"}
    assert "one step has run for 0.3 s on the real clock and does not come back, in controllers.py:" in str(
        told
    )
    assert str(pickle.loads(pickle.dumps(told))) == str(told)  # as it comes out of another process


def test_a_loop_that_catches_everything_is_ended_too() -> None:
    assert hangs("stubborn").subject == "hanging default/web"


def test_it_is_found_in_a_thread_that_is_not_the_main_one() -> None:
    found: list[HungController] = []
    thread = threading.Thread(target=lambda: found.append(hangs("at once")))
    thread.start()
    thread.join(20)
    assert [each.subject for each in found] == ["hanging default/web"]


def test_the_probe_tells_it_in_the_run_without_a_perturbation() -> None:
    world = story("hangs", CRD, ("5s", web_app(image="at once")), controllers={"hanging": Hanging})
    report = probe(world)
    assert "hanging default/web hangs at t=5." in report.text()
    assert report.text().count("hanging default/web") == 1
    with pytest.raises(AssertionError, match="does not come back"):
        demand(world)


def test_a_plan_under_which_it_hangs_is_a_way_to_go_wrong() -> None:
    grown = {**web_app(replicas=3)}
    world = story("wakes", CRD, ("5s", web_app(replicas=1)), ("20s", grown), controllers={"waking": Waking})
    assert "waking default/web hangs at t=20" in probe(world).text()


def test_a_trace_is_the_same_watched_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def trace() -> str:
        sim = Simulation(nodes=1, seed=1)
        sim.apply(crd("WebApp", "example.com"))
        sim.add_controller(WebApps)
        sim.apply(web_app())
        sim.run("1m")
        return sim.trace.sha256()

    watched = trace()
    monkeypatch.setattr(WATCHDOG, "_can_watch", False)
    assert trace() == watched


# --- the watchdog itself --------------------------------------------------------------------------------------


def test_what_comes_back_gives_its_value_and_its_exceptions() -> None:
    watchdog = Watchdog()
    assert watchdog.call(1, lambda a, b: a + b, 1, 2) == 3
    with pytest.raises(ZeroDivisionError):
        watchdog.call(1, lambda: 1 / 0)


def test_its_thread_ends_when_there_is_nothing_to_look_after() -> None:
    watchdog = Watchdog()
    watchdog.call(1, int)
    deadline = time.monotonic() + 5
    while any(each.name == "kcsim-watchdog" for each in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(Stuck):
        watchdog.call(0.1, spin)


def test_nothing_rises_after_a_call_that_came_back_at_the_last_moment() -> None:
    watchdog, ended = Watchdog(), 0
    for take in range(8):
        try:
            watchdog.call(0.1, work, time.monotonic() + 0.18 + take / 200)
        except Stuck:
            ended += 1
        sum(range(20_000))  # where a late one would rise
    assert ended


def spin() -> None:
    while True:
        pass


def work(until: float) -> None:
    while time.monotonic() < until:
        pass


def test_without_threads_a_call_is_made_unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", cannot)
    watchdog = Watchdog()
    assert [watchdog.call(1, int, text) for text in ("1", "2")] == [1, 2]


def test_who_stands_at_a_debuggers_prompt_is_left_alone() -> None:
    prompt: dict[str, object] = {"__name__": "bdb"}
    exec("def interaction(pause):\n    pause(0.8)\n    return 'continue'", prompt)
    assert Watchdog().call(0.2, prompt["interaction"], time.sleep) == "continue"  # type: ignore[arg-type]


def test_what_was_found_is_saved_as_a_case_that_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hanging.py").write_text(PROGRAM)
    made = load_class("hanging.py:Hang")
    world = story("hangs", CRD, ("5s", web_app()), controllers={"hang": made})
    report = probe(world)
    file, test = save(report.target, report.violations[0], Path("found"))
    with pytest.raises(AssertionError, match="hang default/web hangs at"):
        runpy.run_path(str(test))[f"test_{file.stem.replace('-', '_')}"]()
    assert main(["run", str(file), "-q"]) == 2


def test_the_screen_lives_on_and_says_so() -> None:
    session = Session(
        Play(story("hangs", CRD, ("5s", web_app(image="at once")), controllers={"hanging": Hanging}))
    )
    session.toggle()
    while session.running:
        session.advance(1.0)
    assert session.failure.startswith("hanging default/web hangs at t=5.")
    assert "Traceback" not in session.failure


PROGRAM = '''
from kcsim.testing.controller import Operator


class Hang(Operator):
    name = "hang"
    watches = "webapps.example.com"
    patience = 0.2

    def sync(self, obj):
        while """\\\\d""":
            pass
'''
