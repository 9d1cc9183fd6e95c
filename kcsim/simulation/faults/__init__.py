"""Faults as data, put in at the seams of a world.

Nothing in the components knows about them: a fault switches a machine off, cuts a host, stops a server, breaks one
client's connection or changes what an informer is told, and takes it back when its time is over. Faults of one kind on
one target may overlap: the target is well again when the last of them is over.
"""

from kcsim.simulation.faults.aliases import ALIASES, TOOLS, UNMAPPED
from kcsim.simulation.faults.api import FLUX_CONTROLLERS, clients_named
from kcsim.simulation.faults.catalogue import KINDS, kind_named, nearest
from kcsim.simulation.faults.fault import LAYERS, Fault, FaultError, Kind, Ongoing
from kcsim.simulation.faults.fields import AMOUNTS, Amount
from kcsim.simulation.faults.playing import fault, heal, heal_all, inject

__all__ = [
    "ALIASES",
    "AMOUNTS",
    "FLUX_CONTROLLERS",
    "KINDS",
    "LAYERS",
    "TOOLS",
    "UNMAPPED",
    "Amount",
    "Fault",
    "FaultError",
    "Kind",
    "Ongoing",
    "clients_named",
    "fault",
    "heal",
    "heal_all",
    "inject",
    "kind_named",
    "nearest",
]
