"""Events that repeat become a series: one object, written again once."""

from __future__ import annotations

from kcsim.api import objects
from kcsim.simulation.simulation import Simulation

PENDING = """
apiVersion: v1
kind: Pod
metadata: {name: big}
spec:
  containers:
  - {name: app, image: "app:1", resources: {requests: {cpu: "100"}}}
"""


def events(sim, reason):
    return [event for event in sim.list("events") if event["reason"] == reason]


def test_the_scheduler_writes_events_without_counts():
    sim = Simulation(nodes=1, seed=1)
    sim.run("1m")
    sim.apply(PENDING)
    sim.run("10s")
    (event,) = events(sim, "FailedScheduling")
    assert "count" not in event
    assert event["firstTimestamp"] is None
    assert (event["action"], event["source"]) == ("Scheduling", {})
    assert (event["reportingComponent"], event["reportingInstance"]) == (
        "default-scheduler",
        "default-scheduler-control-plane",
    )
    assert objects.name(event).startswith("big.")


def test_the_same_outcome_for_the_same_version_is_a_series():
    sim = Simulation(nodes=1, seed=1)
    sim.run("1m")
    sim.apply(PENDING)
    pod = sim.get("pod/big")
    recorder = sim.cluster().scheduler._series
    for note in ("first", "second", "third"):
        recorder.event(pod, "Warning", "Tried", "Trying", note)
        sim.run("1s")
    (event,) = events(sim, "Tried")
    assert event["message"] == "first"
    # The first repetition is written, later ones are only counted.
    assert event["series"]["count"] == 2
    changed = objects.with_metadata(pod, resourceVersion="999")
    recorder.event(changed, "Warning", "Tried", "Trying", "fourth")
    sim.run("1s")
    assert [event["message"] for event in events(sim, "Tried")] == ["first", "fourth"]
