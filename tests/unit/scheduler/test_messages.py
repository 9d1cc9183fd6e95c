"""FailedScheduling texts, word for word."""

from __future__ import annotations

from kcsim.cluster.scheduler.framework import Code, Status
from kcsim.cluster.scheduler.messages import cut_note, fit_error, preemption_text
from kcsim.cluster.scheduler.schedule_pod import Diagnosis


def test_reasons_are_sorted_as_text() -> None:
    assert fit_error(23, {"Insufficient cpu": 2, "Too many pods": 10, "Insufficient memory": 1}) == (
        "0/23 nodes are available: 1 Insufficient memory, 10 Too many pods, 2 Insufficient cpu."
    )


def test_the_example_of_the_reference() -> None:
    tainted = Status(Code.UNRESOLVABLE, ("node(s) had untolerated taint(s)",), "TaintToleration")
    full = Status(Code.UNSCHEDULABLE, ("Insufficient cpu",), "NodeResourcesFit")
    diagnosis = Diagnosis(3, {tainted: ["a"], full: ["b", "c"]})
    assert diagnosis.message() == (
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. "
        "no new claims to deallocate, preemption: 0/3 nodes are available: "
        "1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."
    )
    assert diagnosis.plugins == {"TaintToleration", "NodeResourcesFit"}


def test_pre_filter_speaks_alone() -> None:
    status = Status(Code.UNRESOLVABLE, ("pod has unbound immediate PersistentVolumeClaims",), "VolumeBinding")
    assert Diagnosis(4, pre_filter=status).message() == (
        "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    )


def test_nodes_that_were_never_looked_at_cannot_be_helped_by_preemption() -> None:
    full = Status(Code.UNSCHEDULABLE, ("Insufficient cpu",), "NodeResourcesFit")
    assert Diagnosis(6, {full: ["a"]}, absent=5).message() == (
        "0/6 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: "
        "0/6 nodes are available: 1 No preemption victims found for incoming pod, "
        "5 Preemption is not helpful for scheduling."
    )


def test_note_is_cut_at_its_limit() -> None:
    assert cut_note("x" * 1024) == "x" * 1024
    assert len(cut_note("x" * 2000)) == 1024
    assert preemption_text(0, []).startswith("no new claims to deallocate, preemption: ")
