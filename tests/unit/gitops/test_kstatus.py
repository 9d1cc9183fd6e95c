"""What the upstream table does not hold: time windows, pods of a controller, Flux's rule for Jobs."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.delivery.gitops import kstatus
from kcsim.engine.clock import SECOND, rfc3339


def pod(phase: str, **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "status": {"phase": phase, **status},
    }


UNSCHEDULABLE = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
LOOPING = [{"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]


@pytest.mark.parametrize(("age", "status"), [(14, "InProgress"), (15, "Failed"), (60, "Failed")])
def test_unschedulable_pod_fails_after_fifteen_seconds(age: int, status: str) -> None:
    waiting = pod("Pending", conditions=UNSCHEDULABLE)
    waiting["metadata"]["creationTimestamp"] = rfc3339(100 * SECOND)
    assert kstatus.compute(waiting, (100 + age) * SECOND).status == status


def test_absent_object_is_not_found() -> None:
    assert kstatus.compute(None, 0).status == "NotFound"


@pytest.mark.parametrize(
    ("pods", "status"),
    [
        ([], "InProgress"),
        ([pod("Running", containerStatuses=LOOPING)], "Failed"),
        ([pod("Pending", conditions=UNSCHEDULABLE)], "InProgress"),
        (
            [pod("Running", containerStatuses=LOOPING) | {"metadata": {"deletionTimestamp": "x"}}],
            "InProgress",
        ),
    ],
    ids=["no pods", "crash loop", "unschedulable is transient", "terminating is transient"],
)
def test_controller_in_progress_fails_with_its_pods(pods: list[dict[str, Any]], status: str) -> None:
    own = kstatus.compute({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}, 0)
    assert kstatus.with_pods(own, pods, 0).status == status


@pytest.mark.parametrize(
    ("conditions", "status"),
    [([], "InProgress"), (["Complete"], "Current"), (["Failed"], "Failed"), (["Suspended"], "Current")],
)
def test_flux_waits_for_jobs_to_end(conditions: list[str], status: str) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "status": {"active": 1, "conditions": [{"type": t, "status": "True"} for t in conditions]},
    }
    assert kstatus.job_status(job).status == status


def test_ready_condition_decides_for_custom_resources() -> None:
    custom = {
        "apiVersion": "x.io/v1",
        "kind": "X",
        "status": {"conditions": [{"type": "Ready", "status": "False"}]},
    }
    assert kstatus.compute(custom, 0).status == "InProgress"
