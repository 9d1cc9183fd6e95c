"""Running an experiment in a world: hypothesis, method, hypothesis again, rollbacks; and the journal of it.

**Imitates:** chaoslib/run.py (1.40): an experiment whose hypothesis does not hold before the method fails and changes
nothing; one that does not hold after it has deviated. An activity that fails is noted and the method goes on. Rollbacks are
played unless it failed, or as the strategy says. Differs: time is virtual, so the journal is the same each time.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any

from kcsim.engine.clock import SECOND, rfc3339_micro
from kcsim.scenario.experiment.kubernetes import ActivityFailed
from kcsim.scenario.experiment.reading import Activity, Experiment
from kcsim.scenario.experiment.tolerance import within
from kcsim.simulation.simulation import Simulation

Journal = dict[str, Any]


def run_experiment(experiment: Experiment, sim: Simulation) -> Journal:
    """Play the experiment from now on; gives the journal as the Chaos Toolkit writes it."""
    began = sim.engine.now
    states: dict[str, Any] = {"before": None, "after": None, "during": []}
    journal: Journal = {
        "chaoslib-version": "kcsim",
        "platform": "kcsim",
        "node": f"seed {sim.seed}",
        "experiment": {**experiment.document, "title": experiment.title},
        "start": _iso(began),
        "status": "completed",
        "deviated": False,
        "steady_states": states,
        "run": [],
        "rollbacks": [],
    }
    sim.engine.note("chaos", "experiment", experiment.title)
    strategy = experiment.strategies.get("hypothesis", "default")
    if experiment.hypothesis and strategy != "after-method-only":
        states["before"] = _steady_state(experiment.hypothesis, sim)
    if states["before"] is not None and not states["before"]["steady_state_met"]:
        journal["status"] = "failed"
    else:
        journal["run"] = [_run(activity, sim) for activity in experiment.method]
        if experiment.hypothesis and strategy != "before-method-only":
            after = states["after"] = _steady_state(experiment.hypothesis, sim)
            if not after["steady_state_met"]:
                journal["deviated"], journal["status"] = True, "failed"
    if _rolls_back(experiment, journal):
        journal["rollbacks"] = [_run(activity, sim) for activity in experiment.rollbacks]
    journal["end"] = _iso(sim.engine.now)
    journal["duration"] = (sim.engine.now - began) / SECOND
    return journal


def _rolls_back(experiment: Experiment, journal: Journal) -> bool:
    match experiment.strategies.get("rollbacks", "default"):
        case "always":
            return True
        case "never":
            return False
        case "deviated":
            return bool(journal["deviated"])
        case _:
            return bool(journal["status"] != "failed")


def _steady_state(probes: Sequence[Activity], sim: Simulation) -> dict[str, Any]:
    """Every probe in turn, up to the first that is outside its tolerance."""
    state: dict[str, Any] = {"steady_state_met": True, "probes": []}
    for probe in probes:
        run = _run(probe, sim)
        state["probes"].append(run)
        run["tolerance_met"] = run["status"] == "succeeded" and within(probe.tolerance, run["output"])
        if not run["tolerance_met"]:
            state["steady_state_met"] = False
            break
    return state


def _run(activity: Activity, sim: Simulation) -> dict[str, Any]:
    if activity.before:
        sim.run(activity.before / SECOND)
    began = sim.engine.now
    run: dict[str, Any] = {"activity": dict(activity.document), "output": None, "status": "succeeded"}
    sim.engine.note("chaos", activity.type, activity.name)
    try:
        run["output"] = activity.do(sim)
    except ActivityFailed as error:
        run["status"] = "failed"
        run["exception"] = traceback.format_exception_only(error)
        sim.engine.note("chaos", "failed", activity.name, {"error": str(error)})
    run["start"], run["end"] = _iso(began), _iso(sim.engine.now)
    run["duration"] = (sim.engine.now - began) / SECOND
    if activity.after:
        sim.run(activity.after / SECOND)
    return run


def _iso(us: int) -> str:
    """As ``datetime.utcnow().isoformat()`` writes it."""
    return rfc3339_micro(us).removesuffix("Z")
