"""kcsim: a deterministic simulator of Kubernetes and GitOps delivery.

    import kcsim
    sim = kcsim.load("drift-at-night", delivery="flux", seed=7)
    sim.run_until("10m")
    twins = kcsim.compare("drift-at-night")
    empty = kcsim.Simulation(nodes=3, seed=1)

Names are loaded when they are first used, so that importing kcsim costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kcsim.scenario.compare import compare
    from kcsim.scenario.lesson_run import lesson
    from kcsim.scenario.play import load
    from kcsim.scenario.sweep import sweep
    from kcsim.simulation.finding import NotFound
    from kcsim.simulation.simulation import Simulation

__version__ = "0.1.0"

_HOMES = {
    "NotFound": "kcsim.simulation.finding",
    "Simulation": "kcsim.simulation.simulation",
    "compare": "kcsim.scenario.compare",
    "lesson": "kcsim.scenario.lesson_run",
    "load": "kcsim.scenario.play",
    "sweep": "kcsim.scenario.sweep",
}

__all__ = ["NotFound", "Simulation", "__version__", "compare", "lesson", "load", "sweep"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'kcsim' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
