"""The faults a scenario can name: the catalogue of `kcsim.simulation.faults`, as fields of a timeline entry."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final

from kcsim.scenario.model import Fault, FaultFields
from kcsim.simulation import faults as simulated
from kcsim.simulation.control_plane import ControlPlane
from kcsim.simulation.simulation import Simulation


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault: what it does, and the fields of a timeline entry it needs or may have.

    `for` or `until` may always stand beside them, unless it is `momentary`.
    """

    layer: str
    summary: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    momentary: bool = False


def _of(kind: simulated.Kind) -> FaultKind:
    target = (kind.target,) if kind.target else ()
    optional = tuple(name for name in kind.takes if name not in kind.needs)
    return FaultKind(
        kind.layer,
        f"{kind.summary} {kind.effect}",
        (*(() if kind.everywhere else target), *kind.needs),
        (*(target if kind.everywhere else ()), *optional),
        kind.momentary,
    )


FAULTS: Final[Mapping[str, FaultKind]] = {
    name: _of(kind) for name, kind in simulated.KINDS.items() if kind.in_stories
}
"""name -> kind of fault, layer by layer."""

TARGET_FIELDS: Final = tuple(
    field.name
    for field in fields(FaultFields)
    if any(kind.target == field.name for kind in simulated.KINDS.values())
)
"""Fields of a timeline entry that say what a fault hits."""

COMPONENT_CLIENTS: Final = (
    "ci",
    "flux",
    "source-controller",
    "kustomize-controller",
    "argocd",
    "argocd-application-controller",
    "argocd-server",
    "kube-scheduler",
    "kube-controller-manager",
)
"""API clients every story has, besides its nodes (their kubelets) and its people."""

COMPONENTS: Final = (
    "kube-controller-manager",
    "kube-scheduler",
    "source-controller",
    "kustomize-controller",
    "argocd-application-controller",
    "argocd-repo-server",
)
"""Components that a fault can name, besides each node's `kubelet@NODE`."""


RECONCILERS: Final[Mapping[str, tuple[str, ...]]] = {
    "kube-scheduler": (),
    "kubelet": (),
    "source-controller": ("bucket", "gitrepository", "helmchart", "helmrepository", "ocirepository"),
    "kustomize-controller": ("kustomization",),
    "argocd-application-controller": ("app_operation_processing_queue", "app_reconciliation_queue"),
    "argocd-repo-server": (),
}
"""The reconcilers of components that are not a matter of the cluster's settings, or of the story's."""


@lru_cache(maxsize=8)
def built_in_reconcilers(controllers: tuple[str, ...]) -> tuple[str, ...]:
    """The reconcilers of a controller manager that runs these (its flag ``--controllers``)."""
    manager = Simulation(0, control_plane=ControlPlane(controllers=controllers)).cluster().controller_manager
    return tuple(sorted(manager.reconcilers))


def world_fault(fault: Fault, cluster: str, detail: Mapping[str, Any]) -> simulated.Fault:
    """The fault to put into a world for one of the timeline; `detail` goes on its trace record."""
    name, kind = simulated.kind_named(fault.kind)
    given = dict(fault.fields)
    target = given.pop(kind.target, "") if kind.target else ""
    return simulated.Fault(name, target, fault.duration, cluster, amounts=given, detail=detail)
