"""job.json: one sync, back-off, indexes, pod failure policy, success policy."""

from __future__ import annotations

import json

from kcsim.api import objects
from kcsim.cluster.controllers.job.backoff import Record, finished_at, remaining_for_index
from kcsim.cluster.controllers.job.failure_policy import match
from kcsim.cluster.controllers.job.indexes import (
    first_pending,
    generate_name,
    succeeded_indexes,
    surplus,
)
from kcsim.cluster.controllers.job.job_pods import FINALIZER, INDEX
from kcsim.cluster.controllers.job.success_policy import met_by
from kcsim.cluster.controllers.job.sync import JobSync
from kcsim.engine.clock import format_duration, parse_rfc3339, rfc3339, seconds
from kcsim.engine.task import Task

NOW = "2026-11-23T14:00:00Z"


class _Control:
    """Stands in for the API: every call works, but for those that the case makes fail."""

    def __init__(self, error, limit):
        self.error = Exception(error) if error else None
        self.limit = limit
        self.created, self.deleted = [], []

    def create(self, job, bodies):
        if self.error:
            self.created += bodies[:1]  # upstream's stand-in notes the call that it fails
            return 0, self.error
        allowed = len(bodies) if self.limit is None else min(self.limit, len(bodies))
        self.created += bodies[:allowed]
        return allowed, None if allowed == len(bodies) else Exception("limit exceeded")
        yield

    def delete(self, job, pods, *, release):
        if self.error:
            return [], self.error
        self.deleted += [objects.name(pod) for pod in pods]
        return list(pods), None
        yield

    def release(self, job, pods):
        if self.error:
            return [], self.error
        return [objects.uid(pod) for pod in pods], None
        yield

    def update_status(self, job):
        return job
        yield


def _pod(pod):
    metadata = pod["metadata"]
    return {**pod, "metadata": {"namespace": "default", "uid": metadata["name"], **metadata}}


def _sync(job, pods, now, error=None, limit=None, record=None):
    control = _Control(error, limit)
    job = {"apiVersion": "batch/v1", "kind": "Job", **job}
    sync = JobSync(
        job,
        [_pod(pod) for pod in pods],
        control=control,
        event=lambda *_: None,
        clock=lambda: now,
        record=record or Record(),
    )
    stored = [job]

    def update_status(written):
        stored.append(written)
        return written
        yield

    control.update_status = update_status
    task = Task(sync.run(), lambda *_: None)
    failure = task.error or task.value.error
    return control, stored[-1].get("status", {}), failure


def sync(case):
    record = case.get("backoffRecord")
    if record:
        failure = record.get("lastFailureTime")
        record = Record(record["failuresAfterLastSuccess"], parse_rfc3339(failure) if failure else None)
    control, status, failure = _sync(
        case["job"],
        case.get("pods") or [],
        parse_rfc3339(case["now"]),
        case.get("podControllerError"),
        case.get("podCreateLimit"),
        record,
    )
    status = {
        name: value
        for name, value in status.items()
        if name not in ("startTime", "completionTime", "uncountedTerminatedPods")
    }
    if "conditions" in status:
        hidden = ("lastProbeTime", "lastTransitionTime")
        status["conditions"] = [
            {k: v for k, v in condition.items() if k not in hidden and v}
            for condition in status["conditions"]
        ]
    return {
        "status": status,
        "podsCreated": len(control.created),
        "podsDeleted": sorted(control.deleted),
        "error": failure is not None,
    }


def check_sync(case, outcome):
    expect = case["expect"]
    for name in ("status", "podsCreated", "error"):
        if name in expect:
            assert outcome[name] == expect[name], name
    if "podsDeleted" in expect:
        # Which of several equal pods goes depends on the order of a cache upstream.
        assert _looks(case, outcome["podsDeleted"]) == _looks(case, expect["podsDeleted"])


def _looks(case, names):
    """The pods of these names, without their names."""
    found = [pod for pod in case["input"]["pods"] if pod["metadata"]["name"] in names]
    return sorted(json.dumps({**p, "metadata": {**p["metadata"], "name": ""}}, sort_keys=True) for p in found)


def backoff_restart_never(case):
    spec = {
        "parallelism": case["parallelism"],
        "completions": case["completions"],
        "backoffLimit": case["backoffLimit"],
        "template": {"spec": {"restartPolicy": "Never", "containers": []}},
    }
    job = {"metadata": {"name": "job", "namespace": "default"}, "spec": spec}
    pods = []
    for phase, count in ((case["activePodsPhase"], case["activePods"]), ("Failed", case["failedPods"])):
        for i in range(count):
            status = {"phase": phase}
            if phase == "Failed":
                # Long ago, so that no back-off holds up the next pod.
                state = {"terminated": {"exitCode": 1, "finishedAt": "2026-11-22T00:00:00Z"}}
                status["containerStatuses"] = [{"name": "app", "state": state}]
            metadata = {"name": f"{phase}-{i}", "finalizers": [FINALIZER]}
            pods.append({"metadata": metadata, "spec": {}, "status": status})
    _, status, _ = _sync(job, pods, parse_rfc3339(NOW))
    shown = ("type", "status", "reason", "message")
    return {
        "active": status.get("active", 0),
        "succeeded": status.get("succeeded", 0),
        "failed": status.get("failed", 0),
        "conditions": [{k: c[k] for k in shown} for c in status.get("conditions", [])],
    }


def _whole_seconds(text):
    return parse_rfc3339(rfc3339(parse_rfc3339(text)))


def remaining_backoff(case):
    failure = case.get("lastFailureTime")
    record = Record(case["failuresAfterLastSuccess"], parse_rfc3339(failure) if failure else None)
    left = record.remaining(
        _whole_seconds(case["currentTime"]), seconds(case["defaultBackoff"]), seconds(case["maxBackoff"])
    )
    return {"remaining": left}


def remaining_backoff_per_index(case):
    left = remaining_for_index(
        case.get("lastFailedPod"),
        _whole_seconds(case["currentTime"]),
        seconds(case["defaultBackoff"]),
        seconds(case["maxBackoff"]),
    )
    return {"remaining": left}


def check_remaining(case, outcome):
    assert outcome["remaining"] == seconds(case["expect"]["remaining"]), format_duration(outcome["remaining"])


def pod_finished_time(case):
    return {"finishTime": rfc3339(finished_at(case["pod"]))}


def _index_pods(pods):
    made = []
    for place, pod in enumerate(pods):
        annotations = {} if pod["index"] == "-" else {INDEX: pod["index"]}
        metadata = {"name": f"pod-{place:03}", "finalizers": [FINALIZER], "annotations": annotations}
        made.append({"metadata": metadata, "spec": {}, "status": {"phase": pod["phase"]}})
    return made


def succeeded(case):
    job = {
        "metadata": {"name": "job"},
        "spec": {"completions": case["completions"], "completionMode": "Indexed"},
        "status": {"completedIndexes": case.get("prevSucceeded") or ""},
    }
    known, done = succeeded_indexes(job, _index_pods(case.get("pods") or []))
    return {"succeeded": [list(pair) for pair in done], "fromStatus": [list(pair) for pair in known]}


def first_pending_indexes(case):
    job = {"metadata": {"name": "job"}, "spec": {"completions": case["completions"]}}
    pods = _index_pods([{"index": index, "phase": "Running"} for index in case.get("activePodIndexes") or ()])
    found = first_pending(
        job, case["count"], pods, pods, _intervals(case.get("succeeded")), _intervals(case.get("failed"))
    )
    return {"indexes": found}


def _intervals(pairs):
    return tuple((first, last) for first, last in pairs or ())


def append_duplicates(case):
    rows = case.get("pods") or []
    pods = _index_pods(rows)
    back = {objects.name(made): given for made, given in zip(pods, rows, strict=True)}
    remove, keep = surplus(pods, case["completions"], parse_rfc3339(NOW))
    return {
        "remove": [back[objects.name(pod)] for pod in remove],
        "keep": [back[objects.name(pod)] for pod in keep],
    }


def pod_generate_name(case):
    return {"generateName": generate_name(case["jobName"], case["index"])}


def match_pod_failure_policy(case):
    found = match(
        case.get("podFailurePolicy"),
        case["failedPod"],
        per_index=case.get("backoffLimitPerIndexEnabled", True),
    )
    return {
        "action": found.action or None,
        "countFailed": found.counts,
        "message": found.fails_job or None,
    }


def match_success_policy(case):
    message = met_by(case.get("successPolicy"), case["completions"], _intervals(case.get("succeeded")))
    return {"met": bool(message), "message": message}


ADAPTERS = {
    "syncJob": sync,
    "syncJobPastDeadline": sync,
    "syncJobPodFailurePolicy": sync,
    "syncJobSuccessPolicy": sync,
    "syncJobBackoffLimitPerIndex": sync,
    "backoffOnFailure": sync,
    "backoffRestartNever": backoff_restart_never,
    "remainingBackoff": remaining_backoff,
    "remainingBackoffPerIndex": remaining_backoff_per_index,
    "podFinishedTime": pod_finished_time,
    "succeededIndexes": succeeded,
    "firstPendingIndexes": first_pending_indexes,
    "appendDuplicates": append_duplicates,
    "podGenerateName": pod_generate_name,
    "matchPodFailurePolicy": match_pod_failure_policy,
    "matchSuccessPolicy": match_success_policy,
}
_SYNCS = [op for op, adapter in ADAPTERS.items() if adapter is sync]
CHECKS = {
    **dict.fromkeys(_SYNCS, check_sync),
    "remainingBackoff": check_remaining,
    "remainingBackoffPerIndex": check_remaining,
}
