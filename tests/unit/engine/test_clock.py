"""Durations as people are told them."""

import pytest

from kcsim.engine.clock import told_duration


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0s"),
        (40_000, "0s"),
        (850_000, "800ms"),
        (3_249_000, "3.2s"),
        (9_960_000, "10s"),
        (45_400_000, "45s"),
        (45_600_000, "46s"),
        (70_499_000, "1m10s"),
        (59_999_999, "1m"),
    ],
)
def test_to_the_second_or_the_tenth_below_ten(us, text):
    assert told_duration(us) == text
