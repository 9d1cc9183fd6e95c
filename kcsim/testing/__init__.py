"""kcsim for tests: builders, strategies, invariants, and ``kcsim.testing.probe`` for controllers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kcsim.testing.probing.probe import probe

__all__ = ["probe"]


def __getattr__(name: str) -> Any:
    """The probe, loaded when somebody asks for it."""
    if name != "probe":
        raise AttributeError(f"module 'kcsim.testing' has no attribute {name!r}")
    return import_module("kcsim.testing.probing.probe").probe
