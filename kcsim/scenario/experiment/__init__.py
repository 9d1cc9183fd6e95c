"""Chaos Toolkit experiments, run against a simulated world: hypothesis, method, rollbacks, journal."""

from kcsim.scenario.experiment.reading import Experiment, read_experiment
from kcsim.scenario.experiment.running import run_experiment

__all__ = ["Experiment", "read_experiment", "run_experiment"]
