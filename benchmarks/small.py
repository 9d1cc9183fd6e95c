"""What everybody pays: building a small world, leaving a large one idle, and starting the command."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.figure import Figure, best_of
from benchmarks.floor import floor
from kcsim.simulation.simulation import Simulation

ROW = 20
HEAVY = ("textual", "dulwich", "networkx", "hypothesis")


def bare_simulation() -> Figure:
    """Three nodes, nothing run yet; one after the other, as tests make them."""
    Simulation(nodes=3, seed=1)
    spent = best_of(20, lambda: [Simulation(nodes=3, seed=seed) for seed in range(ROW)]) / ROW
    return Figure("bare three-node simulation built", spent * 1000, "ms", 2)


def idle_day() -> list[Figure]:
    """A day in which nobody asks for anything, after the nodes have registered: its events, and its time."""
    events, seconds, least = _idle(1_000)
    thousand = Figure(
        "idle day of 1,000 nodes", events, "events", 20_000, detail={"seconds": round(seconds, 3)}
    )
    events, seconds, least = _idle(5_000)
    five = Figure("idle day of 5,000 nodes", seconds, "s", 1, floor=least, detail={"events": events})
    return [thousand, five]


def _idle(nodes: int) -> tuple[int, float, float]:
    """(events, seconds, the floor's seconds) of the day."""
    simulation = Simulation(nodes=nodes, seed=1)
    simulation.run_until("10m")
    versions, before = len(simulation.cluster().server.log.versions), simulation.engine.steps
    begin = time.process_time()
    simulation.run("24h")
    spent = time.process_time() - begin
    events = simulation.engine.steps - before
    return events, spent, floor(len(simulation.cluster().server.log.versions) - versions, events, nodes)


def help_text() -> Figure:
    """``kcsim --help`` in a fresh process: the median of five."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "kcsim.cli.main", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return Figure("kcsim --help", sorted(times)[2], "s", 0.2, floor=_bare_python())


def heavy_imports() -> Figure:
    """Libraries that ``kcsim --help`` has no use for and loads all the same."""
    code = (
        "import sys, runpy\n"
        "sys.argv = ['kcsim', '--help']\n"
        "try: runpy.run_module('kcsim.cli.main', run_name='__main__')\n"
        "except SystemExit: pass\n"
        f"print('LOADED', *[m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = done.stdout.rpartition("LOADED")[2].split()
    detail = {"loaded": " ".join(loaded)} if loaded else {}
    return Figure("heavy libraries loaded by --help", len(loaded), "libraries", 0, detail=detail)


def _bare_python() -> float:
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        times.append(time.perf_counter() - begin)
    return min(times)
