"""The terminal interface in a real pseudo-terminal, and its worlds in their own process: wall clock, as a person feels it.

Figures are medians unless said otherwise. The floor of the first screen is the smallest Textual application there is, started
the same way in the same run; that of speed is the processor time of the same world that nobody looks at.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figure import Figure
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.scenario.load import gallery, load, loads
from kcsim.scenario.model import Scenario
from kcsim.tui.asks import lanes, net, panes
from kcsim.tui.asks.pages import Want
from kcsim.tui.asks.panes import Kinds
from kcsim.tui.asks.topology import topology
from kcsim.tui.link import FRAMES, LEISURE, Child, World
from kcsim.tui.session import Session
from kcsim.tui.worlds import Worlds

STORY = "drift-at-night"
BARE = "from textual.app import App\nfrom textual.widgets import Static\nclass A(App):\n  def compose(self): yield Static('Scenarios')\nA().run()"
COLUMNS, LINES = 160, 48
PODS_A_SECOND = 18
"""A few fewer than controllers create: 20, which is what the controller manager's client may ask."""

LARGE = """\
apiVersion: kcsim/v1
kind: Scenario
name: large
until: 3h
cluster:
  nodes: {nodes}
images:
  - name: app:1
    readyAfter: 1s
repositories:
  - name: app
    path: deploy
    files:
      deploy/app.yaml: |
{manifests}
deliveries:
  push:
    type: push
    pipeline:
      stages: [{{name: build, duration: 1s}}]
    deploy: {{rolloutTimeout: 30m}}
"""
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{number}, namespace: default}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: app-{number}}}}}
  template:
    metadata: {{labels: {{app: app-{number}}}}}
    spec: {{containers: [{{name: app, image: "app:1"}}]}}
---
"""


class Terminal:
    """A program with a terminal."""

    def __init__(self, *words: str) -> None:
        self.mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none", "COLORTERM": "truecolor"}
        self.began = time.perf_counter()
        self.process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
        os.close(theirs)

    def until(self, text: bytes, patience: float = 60) -> float:
        """Read until a text has come; gives seconds since the program was started."""
        seen = b""
        end = time.perf_counter() + patience
        while text not in seen:
            if not select.select([self.mine], [], [], max(0, end - time.perf_counter()))[0]:
                raise TimeoutError(f"{text!r} did not come: {seen[-2000:]!r}")
            seen += os.read(self.mine, 1 << 16)
        return time.perf_counter() - self.began

    def quiet(self, calm: float = 0.3) -> None:
        """Read until nothing has come for a while."""
        while select.select([self.mine], [], [], calm)[0]:
            os.read(self.mine, 1 << 16)

    def answer(self, key: bytes, patience: float = 5) -> float:
        """Press a key; gives seconds until the screen changes."""
        began = time.perf_counter()
        os.write(self.mine, key)
        if not select.select([self.mine], [], [], patience)[0]:
            raise TimeoutError(f"no answer to {key!r}")
        took = time.perf_counter() - began
        os.read(self.mine, 1 << 16)
        return took

    def resident(self) -> float:
        """Megabytes that the program holds."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        os.close(self.mine)  # nobody reads what it would still write
        self.process.wait()


@contextmanager
def terminal(*words: str) -> Iterator[Terminal]:
    """A program with a terminal, ended in the end."""
    made = Terminal(*words)
    try:
        yield made
    finally:
        made.close()


def interface() -> list[Figure]:
    """First screen, answer to keys, memory; as the program itself shows it."""
    program = (sys.executable, "-m", "kcsim", "tui")
    first, bare = [], []
    for _ in range(3):
        with terminal(*program) as shown:
            first.append(shown.until(b"Scenarios"))
        with terminal(sys.executable, "-c", BARE) as shown:
            bare.append(shown.until(b"Scenarios"))
    with terminal(*program, STORY, "-d", "flux") as run:
        run.until(b"Story")
        run.quiet()
        os.write(run.mine, b"g")
        run.quiet()
        os.write(run.mine, b"30m\r")
        run.quiet(1.0)
        calm = [_after(run, key) for key in (b"k", b"j") * 15]
        resident = run.resident()
    return [
        Figure(
            "tui: first screen",
            min(first),
            "s",
            0.6,
            min(bare),
            {"median": round(statistics.median(first), 2)},
        ),
        Figure("tui: a key answers", _ms(calm), "ms", 50, None, {"at most": round(max(calm) * 1000)}),
        Figure("tui: memory of the screen", resident, "MB", 150, None, {}),
    ]


def _after(run: Terminal, key: bytes) -> float:
    took = run.answer(key)
    run.quiet(0.03)
    return took


def _ms(times: list[float]) -> float:
    return statistics.median(times) * 1000


def jumps() -> Figure:
    """From a key to everything the screen shows of an instant of the past, over the gallery's longest stories."""
    times: list[float] = []
    link = None
    for name in sorted(gallery()):
        scenario = load(name)
        if scenario.until < 60 * MINUTE:
            continue
        link = Child().begin(scenario)
        world = World(link, link.call(None, Worlds.open, (None,), {})[0])
        _to(world, scenario.until)
        shares = (0.9, 0.1, 0.5, 0.99, 0.33)
        times.extend(_timed(lambda w=world, s=share: _look(w, round(w.state.end * s))) for share in shares)
        link.close()
    return Figure(
        "tui: jump to an instant",
        max(times) * 1000,
        "ms",
        200,
        None,
        {"median": round(_ms(times)), "jumps": len(times)},
    )


def _look(world: World, when: int) -> None:
    world.ask(Session.look_at, when)
    world.ask(panes.story, "", Want(height=20))
    for word in ("pods", "nodes", "deployments"):
        world.ask(panes.objects, Kinds(word), Want(height=10))
    world.ask(lanes.strip, 150, 10)
    world.ask(panes.why_line, 150)


def _to(world: World, when: int) -> None:
    world.ask(Session.go_to, when)
    while world.refresh().running:
        time.sleep(0.01)


def _paint(world: World) -> None:
    world.ask(panes.story, "", Want(height=20))
    world.ask(panes.objects, Kinds("pods"), Want(height=10))
    world.ask(lanes.strip, 150, 10)
    world.ask(panes.why_line, 150)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def large_world(nodes: int = 100, pods: int = 3000) -> list[Figure]:
    """A larger world: what its tables and heat map cost, and how much of its speed watching takes."""
    scenario = _large(nodes, pods)
    end = 2 * MINUTE + pods // PODS_A_SECOND * SECOND
    with _child(scenario) as world:
        alone = world.ask(_run_alone, end)
    with _child(scenario) as world:
        before = world.ask(_spent)
        frames, answers = _watched(world, end)
        spent = world.ask(_spent) - before
        opened, count = _opened(world)
        assert count >= pods, "all of them are there"
        firsts = {
            "filter": _filter(world, "app-1-"),
            "events": _timed(lambda: world.ask(panes.objects, Kinds("events"), Want(height=40))),
            "topology": _timed(lambda: world.ask(topology, Want(height=40))),
        }
        prepared = _timed(lambda: _prepare(world))
        filtered = [_filter(world, text) for text in ("app-1-", "app-2-", "!running", "-l app=app-3", "x")]
        heats = [_heat(world, measure) for measure in (*net.MEASURES, *net.MEASURES)]
    size = {"nodes": nodes, "pods": pods}
    return [
        Figure("tui: pod table opens", opened, "s", 0.3, None, size),
        Figure(
            "tui: filter of pods",
            max(filtered) * 1000,
            "ms",
            50,
            None,
            {**size, "prepared, s": round(prepared, 1)},
        ),
        Figure(
            "tui: first answers: a filter at once, events, topology",
            max(firsts.values()),
            "s",
            0.3,
            None,
            {**size, **{what: round(took, 3) for what, took in firsts.items()}},
        ),
        Figure(
            "tui: an answer at full speed",
            _ms(answers),
            "ms",
            50,
            None,
            {**size, "at most": round(max(answers) * 1000)},
        ),
        Figure("tui: heat map", _ms(heats), "ms", 15, None, size),
        Figure("tui: time of a watched world", spent / alone, "x", 1.1, 1.0, size),
        Figure("tui: time between two frames at full speed", 1000 / frames, "ms", 50, None, size),
    ]


@contextmanager
def _child(scenario: Scenario) -> Iterator[World]:
    """The world of a scenario, in a process of its own."""
    link = Child().begin(scenario)
    try:
        yield World(link, link.call(None, Worlds.open, (None,), {})[0])
    finally:
        link.close()


def _opened(world: World) -> tuple[float, int]:
    """Seconds until the table of pods is there, and how many rows it has."""
    began = time.perf_counter()
    page = world.ask(panes.objects, Kinds("pods"), Want(height=40))
    return time.perf_counter() - began, page.count


def _filter(world: World, text: str) -> float:
    return _timed(lambda: world.ask(panes.objects, Kinds("pods", text), Want(height=40)))


def _prepare(world: World) -> None:
    """Let the filter of pods be made ready, which is done while nobody asks."""
    while world.ask(panes.objects, Kinds("pods", "app-1-"), Want(height=40)).unfinished:
        time.sleep(0.2)
    time.sleep(1)  # as long as a person takes to type again


def _heat(world: World, measure: str) -> float:
    return _timed(lambda: world.ask(net.heat, measure))


def _spent(_session: Session) -> float:
    """Seconds of processor time that the process of the world has taken."""
    return time.process_time()


def _run_alone(session: Session, until: int) -> float:
    """Seconds of processor time that the world takes when nobody looks."""
    began = time.process_time()
    session.play.run_until(until / SECOND)
    return time.process_time() - began


def large() -> list[Figure]:
    """The world of 5,000 nodes and 150,000 pods."""
    return large_world(5_000, 150_000)


def _large(nodes: int, pods: int) -> Scenario:
    each = 10
    text = "".join(MANIFEST.format(number=n, replicas=pods // each) for n in range(each))
    manifests = "\n".join(f"        {line}" for line in text.rstrip("\n").split("\n"))
    return loads(LARGE.format(nodes=nodes, manifests=manifests))


def _watched(world: World, until: int) -> tuple[float, list[float]]:
    """Looks a second at a world that runs at full speed, and seconds until each answer; as the live screen looks at it."""
    answers, painted, cost = [], 0.0, 0.0
    began = due = time.perf_counter()
    world.ask(Session.go_to, until)
    while world.state.running:
        now = time.perf_counter()
        answers.append(_timed(world.refresh))
        if time.perf_counter() - painted > LEISURE * cost:
            with world.link.talk():
                cost = _timed(lambda: _paint(world))
            painted = time.perf_counter()
        due = max(due + 1 / FRAMES, now)
        time.sleep(max(0.0, due - time.perf_counter()))
    return len(answers) / (time.perf_counter() - began), answers
