"""Pods and the workloads that make them.

**Imitates:** kubectl ``pkg/describe/describe.go`` (PodDescriber, DeploymentDescriber and their neighbours; v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.objects import Object
from kcsim.api.qos import qos_class
from kcsim.api.tables.cells import View, between, since, spec, status
from kcsim.engine.task import Steps
from kcsim.kubectl.describers.containers import (
    write_amounts,
    write_containers,
    write_seccomp,
    write_spread,
    write_template,
    write_tolerations,
    write_volumes,
)
from kcsim.kubectl.describers.writer import NONE, UNSET, Writer, long_time
from kcsim.kubectl.session import Session

_INDEXES_SHOWN = 50


def _selector(obj: Object) -> str:
    return str(selectors.from_object(spec(obj).get("selector"))) or NONE


def _controlled_by(writer: Writer, obj: Object) -> None:
    owner = objects.controller_of(obj)
    if owner is not None:
        writer.pair("Controlled By", f"{owner['kind']}/{owner['name']}")


# --- pods -------------------------------------------------------------------------------------------------------


def describe_pod(session: Session, obj: Object, writer: Writer) -> Steps:
    """A pod."""
    body, state = spec(obj), status(obj)
    writer.names(obj)
    if body.get("priority") is not None:
        writer.pair("Priority", body["priority"])
    for title, field in (
        ("Priority Class Name", "priorityClassName"),
        ("Runtime Class Name", "runtimeClassName"),
        ("Service Account", "serviceAccountName"),
    ):
        if body.get(field):
            writer.pair(title, body[field])
    writer.pair("Node", f"{body['nodeName']}/{state.get('hostIP', '')}" if body.get("nodeName") else NONE)
    if state.get("startTime"):
        writer.pair("Start Time", long_time(state["startTime"]))
    writer.labels(obj)
    writer.annotations(obj)
    _pod_state(session, writer, obj)
    _pod_addresses(writer, state)
    _controlled_by(writer, obj)
    if state.get("nominatedNodeName"):
        writer.pair("NominatedNodeName", state["nominatedNodeName"])
    if body.get("resources"):
        writer.line(0, "Resources:")
        write_amounts(writer, body["resources"], 1)
    for title, field, reported in (
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
        ("Ephemeral Containers", "ephemeralContainers", "ephemeralContainerStatuses"),
    ):
        statuses = {entry["name"]: entry for entry in state.get(reported) or ()}
        if field == "containers" or body.get(field):
            write_containers(writer, title, body.get(field) or [], statuses, obj, "")
    _pod_conditions(writer, obj)
    write_volumes(writer, body.get("volumes") or [], "")
    writer.pair("QoS Class", state.get("qosClass") or qos_class(body))
    writer.mapping("Node-Selectors", body.get("nodeSelector"))
    write_tolerations(writer, "Tolerations", body.get("tolerations") or [])
    write_spread(writer, body.get("topologySpreadConstraints") or [], "")
    yield from ()


def _pod_state(session: Session, writer: Writer, obj: Object) -> None:
    state, metadata = status(obj), obj["metadata"]
    if metadata.get("deletionTimestamp") and state.get("phase") not in {"Succeeded", "Failed"}:
        lasts = since(metadata["deletionTimestamp"], View(session.engine.now))
        writer.pair("Status", f"Terminating (lasts {lasts})")
        writer.pair("Termination Grace Period", f"{metadata.get('deletionGracePeriodSeconds', 0)}s")
    else:
        writer.pair("Status", state.get("phase", ""))
    for title, field in (("Reason", "reason"), ("Message", "message")):
        if state.get(field):
            writer.pair(title, state[field])
    write_seccomp(writer, spec(obj), 0)


def _pod_addresses(writer: Writer, state: Object) -> None:
    writer.pair("IP", state.get("podIP", ""))
    addresses = state.get("podIPs") or []
    writer.line(0, "IPs:" if addresses else f"IPs:\t{NONE}")
    for entry in addresses:
        writer.pair("IP", entry.get("ip", ""), 1)


def _pod_conditions(writer: Writer, obj: Object) -> None:
    gates = spec(obj).get("readinessGates") or []
    if gates:
        writer.line(0, "Readiness Gates:")
        writer.line(1, "Type\tStatus")
        for gate in gates:
            found = objects.condition(obj, gate["conditionType"])
            writer.line(1, f"{gate['conditionType']} \t{found['status'] if found else NONE} ")
    held = objects.conditions(obj)
    if held:
        writer.line(0, "Conditions:")
        writer.line(1, "Type\tStatus")
        for condition in held:
            writer.line(1, f"{condition['type']} \t{condition['status']} ")


def _pods_of(session: Session, obj: Object) -> Steps:
    """How many pods that an object controls run, wait, have succeeded, have failed."""
    found = yield session.client.list(
        "pods", objects.namespace(obj), label_selector=str(selectors.from_object(spec(obj).get("selector")))
    )
    counts = {"Running": 0, "Pending": 0, "Succeeded": 0, "Failed": 0}
    for pod in found["items"]:
        owner = objects.controller_of(pod)
        phase = status(pod).get("phase", "")
        if owner is not None and owner["uid"] == objects.uid(obj) and phase in counts:
            counts[phase] += 1
    return (
        f"{counts['Running']} Running / {counts['Pending']} Waiting / {counts['Succeeded']} Succeeded / "
        f"{counts['Failed']} Failed"
    )


def _conditions(writer: Writer, obj: Object) -> None:
    held = objects.conditions(obj)
    if not held:
        return
    writer.line(0, "Conditions:")
    rows = [(f"{c['type']} ", c["status"], c.get("reason", "")) for c in held]
    writer.table(1, ("Type", "Status", "Reason"), rows)


# --- controllers ------------------------------------------------------------------------------------------------


def describe_deployment(session: Session, obj: Object, writer: Writer) -> Steps:
    """A Deployment."""
    body, state = spec(obj), status(obj)
    writer.names(obj)
    writer.pair("CreationTimestamp", long_time(obj["metadata"].get("creationTimestamp")))
    writer.labels(obj)
    writer.annotations(obj)
    writer.pair("Selector", _selector(obj))
    writer.pair(
        "Replicas",
        f"{body.get('replicas', 0)} desired | {state.get('updatedReplicas', 0)} updated | "
        f"{state.get('replicas', 0)} total | {state.get('availableReplicas', 0)} available | "
        f"{state.get('unavailableReplicas', 0)} unavailable",
    )
    strategy = body.get("strategy") or {}
    writer.pair("StrategyType", strategy.get("type", ""))
    writer.pair("MinReadySeconds", body.get("minReadySeconds", 0))
    rolling = strategy.get("rollingUpdate")
    if rolling is not None:
        text = f"{rolling.get('maxUnavailable')} max unavailable, {rolling.get('maxSurge')} max surge"
        writer.pair("RollingUpdateStrategy", text)
    write_template(writer, body.get("template") or {})
    _conditions(writer, obj)
    yield from _replica_sets(session, obj, writer)


def _replica_sets(session: Session, obj: Object, writer: Writer) -> Steps:
    found = yield session.client.list("replicasets", objects.namespace(obj), label_selector=_selector(obj))
    owned = [
        item
        for item in found["items"]
        if (owner := objects.controller_of(item)) is not None and owner["uid"] == objects.uid(obj)
    ]
    if not owned:
        return
    template = _plain_template((spec(obj).get("template")) or {})
    owned.sort(key=lambda item: (item["metadata"].get("creationTimestamp", ""), objects.name(item)))
    current = next((item for item in owned if _plain_template(spec(item)["template"]) == template), None)
    old = [item for item in owned if item is not current]
    for title, items in (("OldReplicaSets", old), ("NewReplicaSet", [current] if current else [])):
        texts = [
            f"{objects.name(item)} ({status(item).get('replicas', 0)}/{spec(item).get('replicas', 0)} replicas created)"
            for item in items
        ]
        writer.pair(title, ", ".join(texts) or NONE)


def _plain_template(template: Object) -> Object:
    metadata = template.get("metadata") or {}
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != "pod-template-hash"}
    return {**template, "metadata": {**metadata, "labels": labels}}


def describe_replica_set(session: Session, obj: Object, writer: Writer) -> Steps:
    """A ReplicaSet or ReplicationController."""
    writer.names(obj)
    selector = spec(obj).get("selector") or {}
    plain = ",".join(f"{k}={v}" for k, v in sorted(selector.items())) or NONE
    writer.pair("Selector", plain if obj.get("kind") == "ReplicationController" else _selector(obj))
    writer.labels(obj)
    writer.annotations(obj)
    _controlled_by(writer, obj)
    writer.pair(
        "Replicas", f"{status(obj).get('replicas', 0)} current / {spec(obj).get('replicas', 0)} desired"
    )
    writer.pair("Pods Status", (yield from _pods_of(session, obj)))
    write_template(writer, spec(obj).get("template") or {})
    _conditions(writer, obj)


def describe_stateful_set(session: Session, obj: Object, writer: Writer) -> Steps:
    """A StatefulSet."""
    writer.names(obj)
    writer.pair("CreationTimestamp", long_time(obj["metadata"].get("creationTimestamp")))
    writer.pair("Selector", _selector(obj))
    writer.labels(obj)
    writer.annotations(obj)
    writer.pair(
        "Replicas", f"{spec(obj).get('replicas', 0)} desired | {status(obj).get('replicas', 0)} total"
    )
    strategy = spec(obj).get("updateStrategy") or {}
    writer.pair("Update Strategy", strategy.get("type", ""))
    rolling = strategy.get("rollingUpdate")
    if rolling is not None and rolling.get("partition") is not None:
        writer.pair("Partition", rolling["partition"], 1)
        if rolling.get("maxUnavailable") is not None:
            writer.pair("MaxUnavailable", rolling["maxUnavailable"], 1)
    writer.pair("Pods Status", (yield from _pods_of(session, obj)))
    write_template(writer, spec(obj).get("template") or {})
    claims = spec(obj).get("volumeClaimTemplates") or []
    writer.line(0, "Volume Claims:" if claims else f"Volume Claims:\t{NONE}")
    for claim in claims:
        _claim_template(writer, claim)


def _claim_template(writer: Writer, claim: Object) -> None:
    writer.pair("Name", claim["metadata"]["name"], 1)
    writer.pair("StorageClass", spec(claim).get("storageClassName", ""), 1)
    writer.mapping("  Labels", claim["metadata"].get("labels"))
    writer.mapping("  Annotations", claim["metadata"].get("annotations"))
    amount = ((spec(claim).get("resources") or {}).get("requests") or {}).get("storage")
    writer.pair("Capacity", amount or "<default>", 1)
    writer.pair("Access Modes", f"[{' '.join(spec(claim).get('accessModes') or ())}]", 1)


def describe_daemon_set(session: Session, obj: Object, writer: Writer) -> Steps:
    """A DaemonSet."""
    state = status(obj)
    writer.names(obj)
    writer.pair("Selector", _selector(obj))
    chosen = ((spec(obj).get("template") or {}).get("spec") or {}).get("nodeSelector") or {}
    writer.pair("Node-Selector", ",".join(f"{k}={v}" for k, v in sorted(chosen.items())) or NONE)
    writer.labels(obj)
    writer.annotations(obj)
    for title, field in (
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ):
        writer.line(0, f"{title}: {state.get(field, 0)}")
    writer.pair("Pods Status", (yield from _pods_of(session, obj)))
    write_template(writer, spec(obj).get("template") or {})


def describe_job(session: Session, obj: Object, writer: Writer) -> Steps:
    """A Job."""
    del session
    body, state = spec(obj), status(obj)
    writer.names(obj)
    writer.pair("Selector", str(selectors.from_object(body.get("selector"))))
    writer.labels(obj)
    writer.annotations(obj)
    _controlled_by(writer, obj)
    if body.get("parallelism") is not None:
        writer.pair("Parallelism", body["parallelism"])
    writer.pair("Completions", UNSET if body.get("completions") is None else body["completions"])
    if body.get("completionMode"):
        writer.pair("Completion Mode", body["completionMode"])
    if body.get("suspend") is not None:
        writer.pair("Suspend", str(body["suspend"]).lower())
    if body.get("backoffLimit") is not None:
        writer.pair("Backoff Limit", body["backoffLimit"])
    if body.get("ttlSecondsAfterFinished") is not None:
        writer.pair("TTL Seconds After Finished", body["ttlSecondsAfterFinished"])
    _job_times(writer, body, state)
    active = f"{state.get('active', 0)} Active"
    if state.get("ready") is not None:
        active += f" ({state['ready']} Ready)"
    done = f"{state.get('succeeded', 0)} Succeeded / {state.get('failed', 0)} Failed"
    writer.pair("Pods Statuses", f"{active} / {done}")
    if body.get("completionMode") == "Indexed":
        writer.pair("Completed Indexes", _first_indexes(state.get("completedIndexes") or NONE))
    write_template(writer, body.get("template") or {})
    yield from ()


def _first_indexes(indexes: str) -> str:
    """Cut after the first comma that lies fifty characters in."""
    cut = indexes.find(",", _INDEXES_SHOWN)
    return indexes if cut < 0 else f"{indexes[: cut + 1]}..."


def _job_times(writer: Writer, body: Object, state: Object) -> None:
    start, end = state.get("startTime"), state.get("completionTime")
    if start:
        writer.pair("Start Time", long_time(start))
    if end:
        writer.pair("Completed At", long_time(end))
    if start and end:
        writer.pair("Duration", between(start, end))
    if body.get("activeDeadlineSeconds") is not None:
        writer.pair("Active Deadline Seconds", f"{body['activeDeadlineSeconds']}s")


def describe_cron_job(session: Session, obj: Object, writer: Writer) -> Steps:
    """A CronJob."""
    del session
    body = spec(obj)
    job = (body.get("jobTemplate") or {}).get("spec") or {}
    writer.head(obj)
    writer.pair("Schedule", body.get("schedule", ""))
    if body.get("timeZone"):
        writer.pair("Time Zone", body["timeZone"])
    writer.pair("Concurrency Policy", body.get("concurrencyPolicy", ""))
    writer.pair("Suspend", str(bool(body.get("suspend"))))
    for title, value in (
        ("Successful Job History Limit", body.get("successfulJobsHistoryLimit")),
        ("Failed Job History Limit", body.get("failedJobsHistoryLimit")),
        ("Starting Deadline Seconds", _seconds(body.get("startingDeadlineSeconds"))),
        ("Selector", str(selectors.from_object(job["selector"])) if job.get("selector") else None),
        ("Parallelism", job.get("parallelism")),
        ("Completions", job.get("completions")),
        ("Active Deadline Seconds", _seconds(job.get("activeDeadlineSeconds"))),
    ):
        if title == "Active Deadline Seconds" and value is None:
            continue
        writer.pair(title, UNSET if value is None else value)
    write_template(writer, job.get("template") or {})
    last = status(obj).get("lastScheduleTime")
    writer.pair("Last Schedule Time", long_time(last) if last else UNSET)
    active = status(obj).get("active") or []
    writer.pair("Active Jobs", ", ".join(entry["name"] for entry in active) or NONE)
    yield from ()


def _seconds(value: Any) -> str | None:
    return None if value is None else f"{value}s"
