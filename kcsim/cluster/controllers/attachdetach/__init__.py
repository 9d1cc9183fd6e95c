"""Volumes on nodes: attached where pods need them, detached where none does any more."""
