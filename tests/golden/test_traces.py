"""The trace of every shipped scenario under every delivery, as it is known to be.

A golden file begins with the digest of the whole trace; below it stands the story in a form that can be read in review: one
line for each record but Events, leases and ticks of the clock, with what changed. A change of behaviour shows there; a
change of the digest alone is one of detail (a message, a condition's time).
"""

from pathlib import Path

import pytest

import kcsim
from kcsim.api.log import Version
from kcsim.scenario.load import gallery
from kcsim.simulation.why import of_record

TRACES = Path(__file__).parent / "traces"
SKIPPED = ("event/", "lease.coordination.k8s.io/", "endpointslice.discovery.k8s.io/")


def worlds():
    from kcsim.scenario.load import load

    return [(name, delivery) for name in gallery() for delivery in load(name).deliveries]


def readable(play) -> list[str]:
    lines = [f"sha256 {play.trace.sha256()}", f"records {len(play.trace)}"]
    for record in play.trace.records:
        if record.verb == "tick" or record.subject.startswith(SKIPPED):
            continue
        if record.time == 0 and record.actor == "kubernetes-admin":
            continue  # what a cluster holds before anybody uses it
        # What only says in a status how far something is would drown the rest.
        facts = (
            of_record(record).links[0].facts
            if not isinstance(record, Version) or not record.subresource
            else ""
        )
        lines.append(
            f"{record.time / 1e6:11.6f} {record.actor} {record.verb} {record.subject} {facts}".rstrip()
        )
    return lines


@pytest.mark.parametrize(("scenario", "delivery"), worlds(), ids=lambda value: value)
def test_the_trace_is_the_one_that_is_known(scenario, delivery, updating):
    play = kcsim.load(scenario, delivery)
    play.finish()
    found = readable(play)
    path = TRACES / f"{scenario}.{delivery}.txt"
    if updating:
        path.write_text("\n".join(found) + "\n", encoding="utf-8")
    known = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    assert found[2:] == known[2:], (
        "the story has changed: pytest tests/golden --update-golden, and read the diff"
    )
    assert found == known, "details of the trace have changed: pytest tests/golden --update-golden"


def test_no_golden_file_is_left_over():
    assert {path.stem for path in TRACES.glob("*.txt")} == {
        f"{name}.{delivery}" for name, delivery in worlds()
    }


@pytest.mark.parametrize(("scenario", "delivery"), worlds(), ids=lambda value: value)
def test_every_expectation_comes_out_as_the_story_says(scenario, delivery):
    play = kcsim.load(scenario, delivery)
    play.finish()
    wrong = [f"{verdict.name}: {verdict.why}" for verdict in play.verdicts() if not verdict.passed]
    assert not wrong
