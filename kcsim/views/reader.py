"""The looking commands of kubectl and flux, answered from a ``Look``: of the present without asking the API server, and of the past.

Looking must not take part: a request to the API server is counted, and measures would differ between a world that was
watched and one that was not. So the reader is a client that answers from what can be seen, and changes nothing.

**Walk:** ``read`` runs the command with a ``LookClient`` -> its gets and lists become looks -> the output, with ages as of the
instant looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from kcsim.api.client import Client
from kcsim.api.filters import compile_filter
from kcsim.api.objects import Object
from kcsim.api.request import ADMIN, Operation
from kcsim.api.status import StatusError, bad_request, not_found
from kcsim.api.subresources import HANDLERS
from kcsim.delivery.gitops.argocd.cli import argocd
from kcsim.delivery.gitops.flux.cli import flux
from kcsim.engine.core import Engine
from kcsim.engine.task import Done, Steps, Task
from kcsim.kubectl.command import kubectl, split
from kcsim.kubectl.flags import parse
from kcsim.kubectl.session import KubectlError, Outcome
from kcsim.simulation.cluster import Cluster
from kcsim.views.look import Look

_PROGRAMS: dict[str, Callable[[Client, str], Steps]] = {"flux": flux, "argocd": argocd}


def read(cluster: Cluster, look: Look, program: str, line: str) -> Outcome:
    """What a line of kubectl, flux or argocd that only looks (``get``, ``describe``) prints at the instant of the look."""
    run: Callable[..., Steps] = _PROGRAMS.get(program, kubectl)
    if program == "kubectl" and _looks_on(line):
        return Outcome(1, "", "error: what one looks at stands still: let the world run and look again\n")
    task = Task(run(LookClient(cluster, look), line), lambda _value, _error: None)
    if task.error is not None:
        raise task.error
    assert task.done, "a look answers at once"
    outcome: Outcome = task.value
    return outcome


def _looks_on(line: str) -> bool:
    """Whether it is a watch, which would have to wait; what cannot be read is left to kubectl to refuse."""
    try:
        arguments = parse(split(line))
    except KubectlError:
        return False
    return any(arguments.on(flag) for flag in ("watch", "watch-only", "follow"))


class LookClient(Client):
    """A client that sees one instant and can change nothing."""

    def __init__(self, cluster: Cluster, look: Look) -> None:
        super().__init__(cluster.endpoint, ADMIN, cluster.control_plane, user_agent="kubectl")
        self.endpoint = replace(cluster.endpoint, engine=cast("Engine", _Still(look.now)))
        self._sight = look
        self._server = cluster.server

    def send(self, op: Operation, done: Done) -> None:
        """Answer from what can be seen."""
        try:
            done(self._seen(op), None)
        except StatusError as refusal:
            done(None, refusal)

    def _seen(self, op: Operation) -> Any:
        word = f"{op.resource.plural}.{op.resource.group}" if op.resource.group else op.resource.plural
        if op.subresource == "log":
            if self._sight.is_past:
                raise bad_request(
                    "kubelets tell what is in their logs now, not what was: look at the present"
                )
            return HANDLERS["log"](self._server, op).body
        if op.verb == "get":
            found = self._sight.find(word, op.namespace, op.name)
            if found is None:
                raise not_found(op.resource, op.name)
            return found
        if op.verb == "list":
            return self._list(op, self._sight.objects(word, op.namespace or None))
        raise bad_request("where one only looks, nothing can be changed")

    @staticmethod
    def _list(op: Operation, objects: Sequence[Object]) -> Object:
        match, _ = compile_filter(op.resource, op.label_selector, op.field_selector)
        items = [obj for obj in objects if match is None or match(obj)]
        return {
            "apiVersion": op.resource.group_version,
            "kind": f"{op.resource.kind}List",
            "metadata": {"resourceVersion": ""},
            "items": items,
        }


class _Still:
    """A clock that stands: all that kubectl's printers ask of an engine."""

    def __init__(self, now: int) -> None:
        self.now = now
