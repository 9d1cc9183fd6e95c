"""Flux: source-controller and kustomize-controller as programs in pods."""
