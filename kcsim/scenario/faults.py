"""The faults a scenario can name: field words, which fields each takes, and what it does to whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.scenario.model import Fault
from kcsim.simulation import faults as simulated


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault: what it does, and the fields of a timeline entry it needs or may have (`for` is always allowed)."""

    summary: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


FAULTS: dict[str, FaultKind] = {
    "node-crash": FaultKind(
        "The machine loses power: its kubelet falls silent and its containers are gone. With `for` it boots again then.",
        needs=("node",),
    ),
    "git-outage": FaultKind(
        "The git host answers nobody: fetches, pushes and webhooks fail. Commits wait in their authors' clones.",
        takes=("repository",),
    ),
    "registry-outage": FaultKind(
        "The image registry answers nobody: pulls and pushes fail. Cached images still start."
    ),
    "component-crash": FaultKind(
        "The leading process of kube-controller-manager or kube-scheduler dies; one that stands by takes over, or nobody "
        "works until, with `for`, it starts again and its old lease has run out.",
        needs=("component",),
    ),
    "api-partition": FaultKind(
        "One client cannot reach the API server; everybody else can.",
        needs=("client",),
    ),
    "network-partition": FaultKind(
        "Packets between two parts of the network are lost, both ways (`<->`) or one (`->`).",
        needs=("link",),
    ),
    "network-loss": FaultKind(
        "A share of the packets between two parts of the network is lost, each way: answers come late, or too late.",
        needs=("link",),
        takes=("loss",),
    ),
    "network-delay": FaultKind(
        "Packets between two parts of the network take longer, each way.",
        needs=("link",),
        takes=("delay",),
    ),
}
"""name -> kind of fault."""

TARGET_FIELDS = ("node", "repository", "client", "component", "link")
"""Fields of a timeline entry that say what a fault hits."""

AMOUNT_FIELDS = ("loss", "delay")
"""Fields of a timeline entry that say how much."""

COMPONENT_CLIENTS = (
    "ci",
    "flux",
    "source-controller",
    "kustomize-controller",
    "kube-scheduler",
    "kube-controller-manager",
)
"""API clients every story has, besides its nodes (their kubelets) and its people."""


def world_fault(fault: Fault, cluster: str, detail: Mapping[str, Any]) -> simulated.Fault:
    """The fault to put into a world for one of the timeline; `detail` goes on its trace record."""
    target = next(iter(fault.target.values()), "")
    amounts = {"loss": fault.loss, "delay": fault.delay}
    given = {name: value for name, value in amounts.items() if value is not None}
    return simulated.Fault(fault.kind, target, fault.duration, cluster, detail=detail, **given)  # type: ignore[arg-type]  # each by its name
