"""``--dry-run``: a command goes through all it would do, and nothing is stored.

**Imitates:** kubectl ``pkg/cmd/util/helpers.go`` (GetDryRunStrategy, v1.36). Differs: of what ``client`` would only
print, the commands that change something that is there ask the server for a dry run as well.

**Walk:** flag -> ``strategy`` -> ``Trying``, a client whose writes are dry runs.
"""

from __future__ import annotations

from kcsim.api.client import Client
from kcsim.api.request import Operation
from kcsim.engine.task import Done
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError

_STRATEGIES = {"": "", "none": "", "client": "client", "server": "server", "unchanged": "client"}
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


def strategy(arguments: Arguments) -> str:
    """``client``, ``server`` or "".

    Raises:
        KubectlError: another value.
    """
    given = arguments.get("dry-run")
    if given not in _STRATEGIES:
        raise KubectlError(f'error: Invalid dry-run value ({given}). Must be "none", "server", or "client".')
    return _STRATEGIES[given]


class Trying(Client):
    """A client whose writes the server only tries."""

    def __init__(self, client: Client) -> None:
        self.__dict__.update(client.__dict__)
        self._through = client

    def send(self, op: Operation, done: Done) -> None:
        """Send it as the client behind does, a write as a dry run."""
        if op.verb in _WRITES:
            op.dry_run = True
        self._through.send(op, done)
