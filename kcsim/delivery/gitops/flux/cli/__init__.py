"""The flux command line: what a person types at Flux's objects."""

from kcsim.delivery.gitops.flux.cli.command import check, flux

__all__ = ["check", "flux"]
