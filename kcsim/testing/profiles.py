"""Profiles for Hypothesis: how many stories a property is tried on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import settings


def load(name: str, profiles: Mapping[str, Mapping[str, Any]]) -> None:
    """Register the profiles, and go by one of them."""
    for each, options in profiles.items():
        settings.register_profile(each, deadline=None, **options)
    settings.load_profile(name)
