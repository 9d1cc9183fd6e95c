"""Conformance: facts from the upstream projects' own test tables, one test per case."""

from __future__ import annotations

from typing import Any


def test_vector(vector: Any) -> None:
    vector.run()
