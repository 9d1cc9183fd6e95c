"""Defaults of the controllers: apps, batch, autoscaling, and the ReplicationController.

**Imitates:** kubernetes pkg/apis/{apps,batch}/v1/defaults.go, pkg/apis/autoscaling/{v1,v2}/defaults.go (v1.36).
Left out: the labels and selector a Job gets from its uid (the registry strategy knows the uid, see `job_selector`).
"""

from typing import Any, Final

from kcsim.api.defaults.core_pod import claim_templates, with_template
from kcsim.api.defaults.spine import Object, fill, put, within

_MAX_INT32: Final = 2**31 - 1
_TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"


def _spec(obj: Object) -> Object:
    spec: Object = obj.get("spec") or {}
    return spec


def deployment(obj: Object) -> Object:
    """SetDefaults_Deployment."""
    spec = with_template(_spec(obj))
    spec = fill(spec, replicas=1, strategy={}, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    return put(obj, "spec", within(spec, "strategy", _rolling(maxUnavailable="25%", maxSurge="25%")))


def _rolling(**limits: Any) -> Any:
    """A strategy defaulter: RollingUpdate unless said otherwise, with these limits when rolling."""

    def strategy(value: Object) -> Object:
        value = fill(value, type="RollingUpdate")
        if value["type"] != "RollingUpdate":
            return value
        return put(value, "rollingUpdate", fill(value.get("rollingUpdate") or {}, **limits))

    return strategy


def daemon_set(obj: Object) -> Object:
    """SetDefaults_DaemonSet, and the annotation that the old template generation is kept in."""
    metadata = obj.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if _TEMPLATE_GENERATION not in annotations:
        obj = {**obj, "metadata": {**metadata, "annotations": {**annotations, _TEMPLATE_GENERATION: "1"}}}
    spec = fill(with_template(_spec(obj)), updateStrategy={}, revisionHistoryLimit=10)
    return put(obj, "spec", within(spec, "updateStrategy", _rolling(maxUnavailable=1, maxSurge=0)))


def stateful_set(obj: Object) -> Object:
    """SetDefaults_StatefulSet."""
    spec = fill(
        with_template(_spec(obj)),
        replicas=1,
        podManagementPolicy="OrderedReady",
        updateStrategy={},
        revisionHistoryLimit=10,
        persistentVolumeClaimRetentionPolicy={},
    )
    spec = within(spec, "volumeClaimTemplates", claim_templates)
    spec = within(
        spec,
        "persistentVolumeClaimRetentionPolicy",
        lambda policy: fill(policy, whenDeleted="Retain", whenScaled="Retain"),
    )
    return put(obj, "spec", within(spec, "updateStrategy", _stateful_strategy))


def _stateful_strategy(strategy: Object) -> Object:
    # Unlike the other kinds', rollingUpdate is added only where the type had to be added too.
    if strategy.get("type") is None:
        strategy = fill({**strategy, "type": "RollingUpdate"}, rollingUpdate={})
    if strategy["type"] != "RollingUpdate":
        return strategy
    return within(strategy, "rollingUpdate", lambda value: fill(value, partition=0))


def replica_set(obj: Object) -> Object:
    """SetDefaults_ReplicaSet."""
    return put(obj, "spec", fill(with_template(_spec(obj)), replicas=1))


def replication_controller(obj: Object) -> Object:
    """SetDefaults_ReplicationController: selector and labels come from the template."""
    spec = fill(_spec(obj), replicas=1)
    if spec.get("template") is None:
        return put(obj, "spec", spec)
    spec = with_template(spec)
    labels = (spec["template"].get("metadata") or {}).get("labels")
    if labels:
        spec = spec if spec.get("selector") else {**spec, "selector": labels}
        metadata = obj.get("metadata") or {}
        obj = obj if metadata.get("labels") else {**obj, "metadata": {**metadata, "labels": labels}}
    return put(obj, "spec", spec)


def pod_template(obj: Object) -> Object:
    """The PodTemplate kind: a template at the top level."""
    return with_template(obj)


# ---- batch


def job(obj: Object) -> Object:
    """SetDefaults_Job; labels of the object are those of the template when it has none."""
    obj = put(obj, "spec", _job_spec(_spec(obj)))
    labels = (obj["spec"]["template"].get("metadata") or {}).get("labels")
    metadata = obj.get("metadata") or {}
    return (
        {**obj, "metadata": {**metadata, "labels": labels}} if labels and not metadata.get("labels") else obj
    )


def _job_spec(spec: Object) -> Object:
    spec = with_template(spec)
    mode = spec.get("completionMode")
    # Measured: an Indexed Job without completions gets 1 as well.
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec = {**spec, "completions": 1, "parallelism": 1}
    per_index = spec.get("backoffLimitPerIndex") is not None
    return fill(
        spec,
        parallelism=1,
        backoffLimit=_MAX_INT32 if per_index else 6,
        completionMode=mode or "NonIndexed",
        suspend=False,
        manualSelector=False,
        podReplacementPolicy="Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed",
    )


def job_selector(obj: Object, uid: str) -> Object:
    """A Job with the selector and labels generated from its uid (strategy generateSelector), on create.

    The labels land on the pod template and, where the Job had none of its own, on the Job.
    """
    spec = obj["spec"]
    if spec.get("manualSelector"):
        return obj
    name = obj["metadata"].get("name") or ""
    generated = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    template = spec.get("template") or {}
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), **generated}
    selector = spec.get("selector") or {}
    matched = {**(selector.get("matchLabels") or {}), "batch.kubernetes.io/controller-uid": uid}
    spec = {
        **spec,
        "selector": {**selector, "matchLabels": matched},
        "template": {**template, "metadata": {**metadata, "labels": labels}},
    }
    own = obj["metadata"].get("labels")
    # The scheme copies template labels to an unlabelled Job after this, so it shows the generated ones.
    shown = own if own and own != (metadata.get("labels") or {}) else labels
    return {**obj, "metadata": {**obj["metadata"], "labels": shown}, "spec": spec}


def cron_job(obj: Object) -> Object:
    """SetDefaults_CronJob. The Job defaults of the template are applied when a Job is made from it."""
    spec = fill(
        _spec(obj),
        concurrencyPolicy="Allow",
        suspend=False,
        jobTemplate={},
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )
    template = fill(spec["jobTemplate"], metadata={}, spec={})
    return put(obj, "spec", put(spec, "jobTemplate", within(template, "spec", with_template)))


# ---- autoscaling

_SCALE_UP: Final = (
    {"type": "Pods", "value": 4, "periodSeconds": 15},
    {"type": "Percent", "value": 100, "periodSeconds": 15},
)
_SCALE_DOWN: Final = ({"type": "Percent", "value": 100, "periodSeconds": 15},)
_CPU_80: Final[Object] = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


def horizontal_pod_autoscaler(obj: Object) -> Object:
    """SetDefaults_HorizontalPodAutoscaler (v2)."""
    spec = fill(_spec(obj), minReplicas=1)
    spec = spec if spec.get("metrics") else {**spec, "metrics": [_CPU_80]}
    return put(obj, "spec", within(spec, "behavior", _behavior))


def horizontal_pod_autoscaler_v1(obj: Object) -> Object:
    """SetDefaults_HorizontalPodAutoscaler (v1)."""
    return put(obj, "spec", fill(_spec(obj), minReplicas=1))


def _behavior(behavior: Object) -> Object:
    up = fill(
        behavior.get("scaleUp") or {},
        stabilizationWindowSeconds=0,
        selectPolicy="Max",
        policies=list(_SCALE_UP),
    )
    down = fill(behavior.get("scaleDown") or {}, selectPolicy="Max", policies=list(_SCALE_DOWN))
    return put(put(behavior, "scaleUp", up), "scaleDown", down)
