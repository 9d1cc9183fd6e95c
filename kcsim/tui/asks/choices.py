"""What a question offers to choose from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose: the answer it gives, its name, and what it means."""

    value: str
    label: str
    meaning: str = ""
