"""Graphs made for those who draw or analyse: the one place besides the topology that knows networkx."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import networkx as nx

if TYPE_CHECKING:
    Graph = nx.Graph[str]
else:
    Graph = nx.Graph  # what callers get; they need not import networkx themselves


def graph_of(
    vertices: Iterable[tuple[str, dict[str, Any]]],
    edges: Iterable[tuple[str, str, dict[str, Any]]],
    about: Mapping[str, Any] | None = None,
) -> Graph:
    """A graph of named vertices and edges with their attributes, and what is said ``about`` all of it."""
    graph: Graph = nx.Graph(**(about or {}))
    graph.add_nodes_from(vertices)
    graph.add_edges_from(edges)
    return graph
