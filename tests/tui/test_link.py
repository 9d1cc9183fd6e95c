"""The worlds in a process of their own: the same answers, and a break of one side does not take the other along."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kcsim.engine.clock import MINUTE, SECOND
from kcsim.scenario.load import load
from kcsim.scenario.play import load as load_play
from kcsim.tui.asks import commands, faults, lanes, panes, score, steer
from kcsim.tui.asks.commands import BadCommand
from kcsim.tui.asks.pages import Want
from kcsim.tui.asks.panes import Kinds
from kcsim.tui.child import QUESTIONS, portable
from kcsim.tui.hands import PERSON
from kcsim.tui.link import Child, Link, Local, World, WorldsLost
from kcsim.tui.session import BadTime, Session
from kcsim.tui.worlds import Worlds
from tests.tui.worlds import SMALL


def _opened(link: Link, delivery: str = "push") -> World:
    link.call(None, Worlds.open, (delivery,), {})
    return World(link, delivery)


def _rest(world: World) -> World:
    while world.refresh().running:
        world.link.turn(1.0)
        time.sleep(0)
    return world


@pytest.fixture
def child():
    link = Child().begin(load(SMALL))
    yield link
    link.close()
    assert link._process.returncode == 0


def test_the_screen_cannot_tell_where_its_worlds_are(child):
    here, there = _opened(Local(load(SMALL))), _opened(child)
    for world in (here, there):
        world.ask(Session.go_to, 6 * MINUTE)
        _rest(world)
    questions = [
        (panes.story, ("", Want())),
        (panes.objects, (Kinds("pods"), Want())),
        (panes.why_line, (100,)),
        (lanes.strip, (60, 8)),
        (faults.plan, ("node-crash", {"node": "node-1"}, MINUTE)),
        (steer.look_up, ("kubectl", "get deploy -n shop")),
        (steer.look_up, ("git", "log --oneline")),
        (commands.parse, ("kubectl get pods",)),
    ]
    for fn, args in questions:
        assert here.ask(fn, *args) == there.ask(fn, *args), fn
    assert here.state == there.state


def test_a_world_stands_still_while_it_is_talked_to(child):
    world = _opened(child)
    world.ask(Session.go_to, 9 * MINUTE)
    with child.talk():
        first = world.refresh().now
        time.sleep(0.05)
        assert world.refresh().now == first
    assert _rest(world).state.now == 9 * MINUTE, "and runs on after that"


def test_a_process_lost_in_the_middle_of_talking_is_replaced(child):
    world = _opened(child)
    with child.talk():
        os.kill(child.pid, signal.SIGKILL)
        time.sleep(0.05)
        assert world.refresh().name == "push"
        assert "signal 9" in child.news
    assert world.refresh().name == "push"


def test_what_is_wrong_is_told_across(child):
    world = _opened(child)
    with pytest.raises(BadTime, match="is no time"):
        world.ask(Session.instant, "yesterday")
    with pytest.raises(BadCommand, match="did you mean"):
        world.ask(commands.parse, "podz")


def test_what_cannot_be_sent_is_told_as_text():
    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} and {two}")

    told = portable(Odd(1, 2))
    assert isinstance(told, RuntimeError)
    assert "1 and 2" in str(told)
    assert pickle.loads(pickle.dumps(told)).args == told.args


def test_a_world_that_is_lost_is_played_again_from_its_record(child):
    world = _opened(child, "flux")
    world.ask(Session.go_to, 3 * MINUTE)
    _rest(world)
    assert world.ask(steer.carry_out, "kubectl", "scale deployment/web -n shop --replicas=4") is None
    world.ask(Session.go_to, 4 * MINUTE)
    _rest(world)
    branch = world.other(world.ask_all(Worlds.fork, "flux", "calm", 200 * SECOND))
    world.ask(score.predict, {"comes-up": True})
    world.ask_all(lanes.bookmark, MINUTE, "here")
    sha = world.ask(_sha)
    os.kill(child.pid, signal.SIGKILL)
    assert world.ask(_sha) == sha, "the same world, in another process"
    assert "ended by signal 9" in child.news
    assert "played again" in child.news
    assert world.refresh().deeds == 1
    assert world.state.kept.predictions.holds == {"comes-up": True}
    assert world.state.kept.marks == ((MINUTE, "here"),)
    assert branch.refresh().now == 200 * SECOND
    assert branch.state.kept.forked == 200 * SECOND


def test_a_question_that_ends_two_processes_is_given_up():
    link = Child().begin(load(SMALL))
    world = _opened(link)
    with pytest.raises(WorldsLost, match="ended with 3"):
        world.ask(_die)
    link.close()


def test_when_the_screen_is_gone_the_world_ends_and_what_was_done_is_kept(tmp_path):
    script = (
        "import os, sys\n"
        "from kcsim.scenario.load import load\n"
        "from kcsim.tui.asks import steer\n"
        "from kcsim.tui.link import Child, World\n"
        "from kcsim.tui.worlds import Worlds\n"
        "link = Child().begin(load(sys.argv[1]))\n"
        "link.call(None, Worlds.open, ('push',), {})\n"
        "World(link, 'push').ask(steer.carry_out, 'kubectl', 'scale deployment/web -n shop --replicas=4')\n"
        "print(link.pid, flush=True)\n"
        "os._exit(9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, SMALL], cwd=tmp_path, capture_output=True, check=False, text=True
    )
    assert done.returncode == 9, done.stderr
    pid = int(done.stdout)
    for _ in range(400):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the process of the worlds lives on")
    (kept,) = tmp_path.glob("*-rescued.yaml")
    again = load_play(kept, "push")
    again.run_until("1s")
    assert any(record.actor == PERSON for record in again.trace.records)


def test_the_process_of_the_worlds_loads_no_screen():
    code = "import sys, kcsim.tui.child; print([m for m in sys.modules if m.split('.')[0] == 'textual'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
    assert QUESTIONS


def _sha(session: Session) -> str:
    return session.play.trace.sha256()


def _die(_session: Session) -> None:
    os._exit(3)
