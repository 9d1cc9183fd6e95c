"""What must hold in every world: small checkers over what a trace says, usable on any world or trace.

**Walk:** ``check(world)`` -> ``History`` sorts the trace's writes by kind and object -> each function of ``INVARIANTS``
yields what breaks its promise -> the first of each becomes a ``Violation`` with time, object and chain of causes.
"""

from kcsim.testing.invariants.registry import CALM, INVARIANTS, Violation, check, demand

__all__ = ["CALM", "INVARIANTS", "Violation", "check", "demand"]
