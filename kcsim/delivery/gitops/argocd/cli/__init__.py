"""``argocd``: what a person types about Applications."""

from kcsim.delivery.gitops.argocd.cli.command import argocd, check

__all__ = ["argocd", "check"]
