"""A way to deliver: one of push, Flux and Argo CD."""

from kcsim.scenario.model.argocd import ArgoCD
from kcsim.scenario.model.flux import Flux
from kcsim.scenario.model.pipelines import Pipeline
from kcsim.scenario.model.push import Push

Delivery = Push | Flux | ArgoCD


def all_pipelines(way: Delivery) -> tuple[Pipeline, ...]:
    """Every pipeline of a delivery, its own first."""
    return (*([way.pipeline] if way.pipeline is not None else []), *way.pipelines)
