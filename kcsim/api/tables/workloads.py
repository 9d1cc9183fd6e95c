"""Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs, autoscalers and disruption budgets.

**Imitates:** ``printDeployment`` and its neighbours (pkg/printers/internalversion/printers.go, v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.objects import Object
from kcsim.api.selectors import SelectorError
from kcsim.api.tables.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Kind,
    View,
    age,
    between,
    columns,
    containers_cells,
    labels_cell,
    name,
    selector_cell,
    since,
    spec,
    status,
    template_cells,
)

NIL = "<nil>"
_JOB_STATES = ("Suspended", "FailureTarget", "SuccessCriteriaMet")
_METRICS_SHOWN = 2


def _deployment(obj: Object, view: View) -> list[Any]:
    state = status(obj)
    return [
        name(obj),
        f"{state.get('readyReplicas', 0)}/{spec(obj).get('replicas', 0)}",
        state.get("updatedReplicas", 0),
        state.get("availableReplicas", 0),
        age(obj, view),
        *template_cells(obj),
        _plain_selector(spec(obj).get("selector")),
    ]


def _plain_selector(selector: Object | None) -> str:
    """Deployments show the bare text: nothing at all for the empty selector."""
    try:
        return str(selectors.from_object(selector))
    except SelectorError:
        return "<invalid>"


def _counts(obj: Object) -> list[Any]:
    state = status(obj)
    return [name(obj), spec(obj).get("replicas", 0), state.get("replicas", 0), state.get("readyReplicas", 0)]


def _replica_set(obj: Object, view: View) -> list[Any]:
    selector = selector_cell(spec(obj).get("selector"))
    return [*_counts(obj), age(obj, view), *template_cells(obj), selector]


def _replication_controller(obj: Object, view: View) -> list[Any]:
    selector = labels_cell(spec(obj).get("selector"))
    return [*_counts(obj), age(obj, view), *template_cells(obj), selector]


def _stateful_set(obj: Object, view: View) -> list[Any]:
    ready = f"{status(obj).get('readyReplicas', 0)}/{spec(obj).get('replicas', 0)}"
    return [name(obj), ready, age(obj, view), *template_cells(obj)]


def _daemon_set(obj: Object, view: View) -> list[Any]:
    state = status(obj)
    pod = (spec(obj).get("template") or {}).get("spec") or {}
    return [
        name(obj),
        state.get("desiredNumberScheduled", 0),
        state.get("currentNumberScheduled", 0),
        state.get("numberReady", 0),
        state.get("updatedNumberScheduled", 0),
        state.get("numberAvailable", 0),
        labels_cell(pod.get("nodeSelector")),
        age(obj, view),
        *template_cells(obj),
        selector_cell(spec(obj).get("selector")),
    ]


def _job(obj: Object, view: View) -> list[Any]:
    wanted, done = spec(obj).get("completions"), status(obj).get("succeeded", 0)
    parallelism = spec(obj).get("parallelism") or 0
    if wanted is not None:
        completions = f"{done}/{wanted}"
    else:
        completions = f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"
    start, end = status(obj).get("startTime"), status(obj).get("completionTime")
    duration = "" if not start else between(start, end) if end else since(start, view)
    selector = selector_cell(spec(obj).get("selector"))
    return [name(obj), job_state(obj), completions, duration, age(obj, view), *template_cells(obj), selector]


def job_state(obj: Object) -> str:
    """The STATUS of a Job."""
    if objects.condition_is(obj, "Complete"):
        return "Complete"
    if objects.condition_is(obj, "Failed"):
        return "Failed"
    if objects.is_deleting(obj):
        return "Terminating"
    return next((state for state in _JOB_STATES if objects.condition_is(obj, state)), "Running")


def _cron_job(obj: Object, view: View) -> list[Any]:
    last = status(obj).get("lastScheduleTime")
    suspend = spec(obj).get("suspend")
    job = (spec(obj).get("jobTemplate") or {}).get("spec") or {}
    return [
        name(obj),
        spec(obj).get("schedule", ""),
        spec(obj).get("timeZone", NONE),
        UNSET if suspend is None else str(suspend),
        len(status(obj).get("active") or ()),
        since(last, view) if last else NONE,
        age(obj, view),
        *containers_cells((job.get("template") or {}).get("spec") or {}),
        selector_cell(job.get("selector")),
    ]


# --- autoscalers ------------------------------------------------------------------------------------------------


def _autoscaler(obj: Object, view: View) -> list[Any]:
    target = spec(obj).get("scaleTargetRef") or {}
    least = spec(obj).get("minReplicas")
    return [
        name(obj),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        metrics_cell(spec(obj).get("metrics") or [], status(obj).get("currentMetrics") or []),
        UNSET if least is None else str(least),
        spec(obj).get("maxReplicas", 0),
        status(obj).get("currentReplicas", 0),
        age(obj, view),
    ]


def metrics_cell(wanted: list[Object], current: list[Object]) -> str:
    """The TARGETS of an autoscaler: current / target of its first two metrics."""
    if not wanted:
        return NONE
    items = [_metric(metric, current[i] if i < len(current) else {}) for i, metric in enumerate(wanted)]
    shown = ", ".join(items[:_METRICS_SHOWN])
    return f"{shown} + {len(items) - _METRICS_SHOWN} more..." if len(items) > _METRICS_SHOWN else shown


def _metric(metric: Object, state: Object) -> str:
    kind = metric.get("type", "")
    field = kind[:1].lower() + kind[1:]
    source, measured = metric.get(field) or {}, state.get(field)
    now = None if measured is None else measured.get("current") or {}
    target = source.get("target") or {}
    if kind == "Pods":
        return f"{amount(now, 'averageValue')}/{amount(target, 'averageValue')}"
    if kind in {"External", "Object"}:
        if target.get("averageValue") is not None:
            return f"{(now or {}).get('averageValue', UNKNOWN)}/{target['averageValue']} (avg)"
        return f"{amount(now, 'value')}/{amount(target, 'value')}"
    if kind in {"Resource", "ContainerResource"}:
        return f"{source.get('name', '')}: {_resource_metric(target, now)}"
    return "<unknown type>"


def amount(values: Object | None, field: str) -> str:
    """A quantity; one that was not set is Go's nil, but nothing measured at all is unknown."""
    return UNKNOWN if values is None else str(values.get(field, NIL))


def _resource_metric(target: Object, now: Object | None) -> str:
    if target.get("averageValue") is not None:
        return f"{amount(now, 'averageValue')}/{target['averageValue']}"
    used, wanted = (now or {}).get("averageUtilization"), target.get("averageUtilization")
    return f"{UNKNOWN if used is None else f'{used}%'}/{'<auto>' if wanted is None else f'{wanted}%'}"


def as_v2(obj: Object) -> Object:
    """An ``autoscaling/v1`` autoscaler in the words of v2."""
    wanted = spec(obj).get("targetCPUUtilizationPercentage")
    if "metrics" in spec(obj) or wanted is None:
        return obj
    used = status(obj).get("currentCPUUtilizationPercentage")
    target = {"type": "Utilization", "averageUtilization": wanted}
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    current = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": used}}}
    state = {**status(obj), "currentMetrics": [current] if used is not None else []}
    return {**obj, "spec": {**spec(obj), "metrics": metrics}, "status": state}


def _any_autoscaler(obj: Object, view: View) -> list[Any]:
    return _autoscaler(as_v2(obj), view)


def _budget(obj: Object, view: View) -> list[Any]:
    least, most = spec(obj).get("minAvailable"), spec(obj).get("maxUnavailable")
    return [
        name(obj),
        "N/A" if least is None else str(least),
        "N/A" if most is None else str(most),
        status(obj).get("disruptionsAllowed", 0),
        age(obj, view),
    ]


def _revision(obj: Object, view: View) -> list[Any]:
    owner = objects.controller_of(obj)
    controller = NONE
    if owner is not None:
        group = owner.get("apiVersion", "").rpartition("/")[0]
        kind = f"{owner['kind']}.{group}" if group else owner["kind"]
        controller = f"{kind.lower()}/{owner['name']}"
    return [name(obj), controller, obj.get("revision", 0), age(obj, view)]


def _pod_template(obj: Object, view: View) -> list[Any]:
    del view
    template = obj.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    return [name(obj), *containers_cells(template.get("spec") or {}), labels_cell(labels)]


_WIDE = "| Containers Images Selector"
_REPLICAS = columns(f"Name Desired:integer Current:integer Ready:integer Age {_WIDE}")
WORKLOADS: dict[tuple[str, str], Kind] = {
    ("apps", "Deployment"): Kind(columns(f"Name Ready Up-to-date Available Age {_WIDE}"), _deployment),
    ("apps", "ReplicaSet"): Kind(_REPLICAS, _replica_set),
    ("", "ReplicationController"): Kind(_REPLICAS, _replication_controller),
    ("apps", "StatefulSet"): Kind(columns("Name Ready Age | Containers Images"), _stateful_set),
    ("apps", "DaemonSet"): Kind(
        columns(
            "Name Desired:integer Current:integer Ready:integer Up-to-date:integer Available:integer "
            f"Node_Selector Age {_WIDE}"
        ),
        _daemon_set,
    ),
    ("apps", "ControllerRevision"): Kind(columns("Name Controller Revision Age"), _revision),
    ("batch", "Job"): Kind(columns(f"Name Status Completions Duration Age {_WIDE}"), _job),
    ("batch", "CronJob"): Kind(
        columns(f"Name Schedule Timezone Suspend:boolean Active:integer Last_Schedule Age {_WIDE}"), _cron_job
    ),
    ("autoscaling", "HorizontalPodAutoscaler"): Kind(
        columns("Name Reference Targets MinPods MaxPods Replicas Age"), _any_autoscaler
    ),
    ("policy", "PodDisruptionBudget"): Kind(
        columns("Name Min_Available Max_Unavailable Allowed_Disruptions:integer Age"), _budget
    ),
    ("", "PodTemplate"): Kind(columns("Name Containers Images Pod_Labels"), _pod_template),
}
