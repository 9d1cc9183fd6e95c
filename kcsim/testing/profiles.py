"""Profiles for Hypothesis: how many stories a property is tried on.

None explains a failure by the lines that only failing runs go through: these are lines of kcsim, and to trace them makes
every run after the first failure some forty times as slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import Phase, settings

PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)


def load(name: str, profiles: Mapping[str, Mapping[str, Any]]) -> None:
    """Register the profiles, and go by one of them."""
    for each, options in profiles.items():
        settings.register_profile(each, deadline=None, phases=PHASES, **options)
    settings.load_profile(name)
