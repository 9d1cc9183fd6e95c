"""A commit or a drift meets the clock of who looks for it at any phase: over seeds it waits half an interval.

The world begins with the agent's start and acts stand at round instants, so without drawn phases every seed would
tell the same lucky or unlucky wait (docs/decisions/0011-phases-of-polls.md).
"""

from statistics import mean

import pytest

import kcsim

SEEDS = range(40)
BY_POLL = {
    "deliveries.push.pipeline.trigger": "poll",
    "deliveries.push.pipeline.pollInterval": "1m",
}


def wait(play, began: float, subject: str, verb: str) -> float:
    """Seconds from an act to the first record of somebody who noticed it."""
    play.finish()
    first = next(
        record
        for record in play.trace.records
        if record.time > began * 1e6 and record.verb == verb and record.subject.startswith(subject)
    )
    return first.time / 1e6 - began


@pytest.mark.parametrize(
    ("delivery", "settings", "subject", "verb"),
    [("flux", {}, "gitrepository", "patch"), ("push", BY_POLL, "pipeline", "poll")],
)
def test_a_release_is_noticed_after_half_an_interval_on_average(delivery, settings, subject, verb):
    waits = [
        wait(
            kcsim.load("plain-release", delivery, seed, settings=settings, until="11m10s"),
            600,
            subject,
            verb,
        )
        for seed in SEEDS
    ]
    # Uniform over a minute: the mean of 40 has a standard deviation of 2.7 s. Looking takes about a second.
    assert mean(waits) == pytest.approx(30, abs=7)
    assert min(waits) < 10
    assert 50 < max(waits) < 66


def test_drift_lives_for_half_the_interval_on_average():
    seeds = range(24)
    plays = [kcsim.load("drift-at-night", "flux", seed, until="33m") for seed in seeds]
    waits = [wait(play, 22 * 60, "deployment.apps/shop/web", "apply") for play in plays]
    # 10 m: the mean of 24 has a standard deviation of 35 s.
    assert mean(waits) == pytest.approx(300, abs=90)
    assert max(waits) < 640
