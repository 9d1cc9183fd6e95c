"""Health beyond the vectors: messages, kinds with Lua checks upstream, customisations, Applications."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.delivery.gitops.argocd.health import check, customize
from kcsim.delivery.gitops.argocd.health.aggregate import application_health
from kcsim.delivery.gitops.argocd.health.check import Health, assess, is_worse
from kcsim.delivery.gitops.argocd.resources import HOOK
from kcsim.delivery.gitops.argocd.sync import hooks

Obj = dict[str, Any]


def obj(
    api_version: str, kind: str, spec: Obj | None = None, status: Obj | None = None, **metadata: Any
) -> Obj:
    made: Obj = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "x", "namespace": "ns", **metadata},
    }
    return (
        made
        | ({"spec": spec} if spec is not None else {})
        | ({"status": status} if status is not None else {})
    )


def condition(kind: str, status: str = "True", reason: str = "", message: str = "m") -> Obj:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def deployment(spec: Obj | None = None, generation: int = 1, **status: Any) -> Obj:
    return obj(
        "apps/v1",
        "Deployment",
        {"replicas": 3, **(spec or {})},
        {"observedGeneration": 1, **status},
        generation=generation,
    )


@pytest.mark.parametrize(
    ("live", "health", "message"),
    [
        (deployment({"paused": True}), "Suspended", "Deployment is paused"),
        (
            deployment(generation=2),
            "Progressing",
            "Waiting for rollout to finish: observed deployment generation less than desired generation",
        ),
        (
            deployment(updatedReplicas=1),
            "Progressing",
            "Waiting for rollout to finish: 1 out of 3 new replicas have been updated...",
        ),
        (
            deployment(updatedReplicas=3, replicas=4),
            "Progressing",
            "Waiting for rollout to finish: 1 old replicas are pending termination...",
        ),
        (
            deployment(updatedReplicas=3, replicas=3, availableReplicas=2),
            "Progressing",
            "Waiting for rollout to finish: 2 of 3 updated replicas are available...",
        ),
        (
            deployment(conditions=[condition("Progressing", "False", "ProgressDeadlineExceeded")]),
            "Degraded",
            'Deployment "x" exceeded its progress deadline',
        ),
        (deployment(updatedReplicas=3, replicas=3, availableReplicas=3), "Healthy", ""),
        (
            obj("apps/v1beta1", "Deployment"),
            "Unknown",
            "unsupported Deployment GVK: apps/v1beta1, Kind=Deployment",
        ),
        (
            obj("apps/v1", "StatefulSet", {}, {}),
            "Progressing",
            "Waiting for statefulset spec update to be observed...",
        ),
        (
            obj("apps/v1", "StatefulSet", {"replicas": 3}, {"observedGeneration": 1, "readyReplicas": 1}),
            "Progressing",
            "Waiting for 2 pods to be ready...",
        ),
        (
            obj(
                "apps/v1",
                "StatefulSet",
                {
                    "replicas": 3,
                    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
                },
                {"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 1},
            ),
            "Progressing",
            "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...",
        ),
        (
            obj(
                "apps/v1",
                "StatefulSet",
                {"replicas": 1},
                {"observedGeneration": 1, "readyReplicas": 1, "updateRevision": "b", "currentRevision": "a"},
            ),
            "Progressing",
            "waiting for statefulset rolling update to complete 0 pods at revision b...",
        ),
        (
            obj(
                "apps/v1",
                "DaemonSet",
                {},
                {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1},
            ),
            "Progressing",
            'Waiting for daemon set "x" rollout to finish: 1 of 2 updated pods are available...',
        ),
        (
            obj(
                "apps/v1",
                "ReplicaSet",
                {"replicas": 1},
                {"conditions": [condition("ReplicaFailure", message="quota")]},
            ),
            "Degraded",
            "quota",
        ),
        (obj("batch/v1", "Job", {}, {"conditions": [condition("Suspended", message="s")]}), "Suspended", "s"),
        (
            obj("batch/v1", "Job", {}, {"conditions": [condition("Suspended", "False", message="r")]}),
            "Healthy",
            "r",
        ),
        (obj("v1", "PersistentVolumeClaim", {}, {"phase": "Lost"}), "Degraded", ""),
        (obj("v1", "PersistentVolumeClaim", {}, {}), "Unknown", ""),
        (obj("argoproj.io/v1alpha1", "Workflow", {}, {"phase": "Error", "message": "w"}), "Degraded", "w"),
        (
            obj(
                "apiregistration.k8s.io/v1",
                "APIService",
                {},
                {"conditions": [condition("Available", "False", "R", "m")]},
            ),
            "Progressing",
            "R: m",
        ),
        (
            obj(
                "v1",
                "Pod",
                {"restartPolicy": "Never"},
                {
                    "phase": "Failed",
                    "containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 3}}}],
                },
            ),
            "Degraded",
            'container "c" failed with exit code 3',
        ),
        (
            obj(
                "v1",
                "Pod",
                {"restartPolicy": "Always"},
                {"phase": "Running", "containerStatuses": [{"lastState": {"terminated": {}}}]},
            ),
            "Degraded",
            "",
        ),
        (
            obj("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
            "Unknown",
            "unsupported HPA GVK: autoscaling/v2beta2, Kind=HorizontalPodAutoscaler",
        ),
        (obj("autoscaling/v1", "HorizontalPodAutoscaler"), "Progressing", "Waiting to Autoscale"),
    ],
)
def test_built_in_checks(live: Obj, health: str, message: str) -> None:
    found = assess(live)
    assert found is not None
    assert (found.status, found.message) == (health, message)


@pytest.mark.parametrize(
    ("live", "health", "message"),
    [
        (obj("batch/v1", "CronJob", {"suspend": True}), "Healthy", "CronJob is Suspended"),
        (obj("batch/v1", "CronJob", {}), "Progressing", "Waiting for CronJob"),
        (obj("batch/v1", "CronJob", {}, {}), "Healthy", "CronJob has not been scheduled yet"),
        (
            obj(
                "batch/v1",
                "CronJob",
                {},
                {"lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:00:00Z"},
            ),
            "Degraded",
            "CronJob has not completed its last execution successfully",
        ),
        (
            obj(
                "policy/v1",
                "PodDisruptionBudget",
                {},
                {"conditions": [condition("DisruptionAllowed", "False", "InsufficientPods")]},
            ),
            "Healthy",
            "PodDisruptionBudget has InsufficientPods",
        ),
        (
            obj(
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
                {},
                {"conditions": [condition("NamesAccepted", "False", message="taken")]},
            ),
            "Degraded",
            "CRD names have not been accepted: taken",
        ),
        (
            obj(
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
                {},
                {"conditions": [condition("Established")]},
            ),
            "Healthy",
            "CRD is healthy",
        ),
        (
            obj(
                "cert-manager.io/v1",
                "Certificate",
                {},
                {"conditions": [condition("Ready", "False", message="no")]},
            ),
            "Degraded",
            "no",
        ),
        (
            obj(
                "cert-manager.io/v1",
                "Certificate",
                {},
                {"conditions": [condition("Ready", "False"), condition("Issuing", message="busy")]},
            ),
            "Progressing",
            "busy",
        ),
        (obj("cert-manager.io/v1", "Issuer", {}), "Progressing", "Initializing issuer"),
        (
            obj(
                "kustomize.toolkit.fluxcd.io/v1",
                "Kustomization",
                {},
                {"conditions": [condition("Ready", "False", "BuildFailed")]},
            ),
            "Degraded",
            "BuildFailed",
        ),
        (
            obj("kustomize.toolkit.fluxcd.io/v1", "Kustomization", {"suspend": True}),
            "Suspended",
            "Kustomization is suspended",
        ),
        (
            obj(
                "source.toolkit.fluxcd.io/v1",
                "GitRepository",
                {},
                {"conditions": [condition("Ready", reason="S"), condition("ArtifactInStorage")]},
            ),
            "Healthy",
            "S",
        ),
        (
            obj("argoproj.io/v1alpha1", "Rollout", {}, {"phase": "Paused", "message": "CanaryPauseStep"}),
            "Suspended",
            "CanaryPauseStep",
        ),
        (
            obj(
                "argoproj.io/v1alpha1",
                "ApplicationSet",
                {},
                {
                    "conditions": [
                        condition("ResourcesUpToDate"),
                        condition("RolloutProgressing", message="step 1"),
                    ]
                },
            ),
            "Progressing",
            "step 1",
        ),
        (
            obj(
                "gateway.networking.k8s.io/v1",
                "Gateway",
                {},
                {
                    "conditions": [condition("Accepted")],
                    "listeners": [{"conditions": [condition("ResolvedRefs", "False", message="no secret")]}],
                },
            ),
            "Degraded",
            "Listener: no secret",
        ),
    ],
)
def test_checks_that_upstream_writes_in_lua(live: Obj, health: str, message: str) -> None:
    found = assess(live)
    assert found is not None
    assert (found.status, found.message) == (health, message)


def test_kinds_without_a_check_have_no_health() -> None:
    assert assess(obj("v1", "ConfigMap")) is None
    assert assess(obj("argoproj.io/v1alpha1", "Application", {}, {"health": {"status": "Degraded"}})) is None


def test_what_is_being_deleted_is_progressing_unless_a_hook_holds_it() -> None:
    leaving = obj("v1", "ConfigMap", deletionTimestamp="2026-01-01T00:00:00Z")
    assert assess(leaving) == Health("Progressing", "Pending deletion")
    held = obj("v1", "ConfigMap", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=[hooks.FINALIZER])
    assert assess(held) is None


def test_the_order_of_health() -> None:
    assert is_worse("Healthy", "Suspended")
    assert is_worse("Missing", "Degraded")
    assert not is_worse("Unknown", "Degraded")


# --- customisations -----------------------------------------------------------------------------------------------

APPLICATION = f"{customize.PREFIX}argoproj.io_Application"


def test_the_check_of_applications_can_be_restored() -> None:
    checks = customize.customizations({APPLICATION: "Application", "other": "x"})
    child = obj("argoproj.io/v1alpha1", "Application", {}, {"health": {"status": "Degraded", "message": "m"}})
    assert assess(child, checks) == Health("Degraded", "m")
    assert assess(obj("argoproj.io/v1alpha1", "Application"), checks) == Health("Progressing")
    odd = obj("argoproj.io/v1alpha1", "Application", {}, {"health": {"status": "Odd"}})
    assert assess(odd, checks) == Health("Unknown", "Lua returned an invalid health status")


def test_a_check_is_a_list_of_conditions_for_one_kind_or_a_glob() -> None:
    rules = {
        "conditions": [{"type": "Ready", "status": "True", "health": "Healthy", "message": "fine"}],
        "waiting": "not yet",
    }
    for key in ("acme.io_Thing", "*.io_*", "acme.io_*"):
        checks = customize.customizations({f"{customize.PREFIX}{key}": rules})
        ready = obj("acme.io/v1", "Thing", {}, {"conditions": [condition("Ready")]})
        assert assess(ready, checks) == Health("Healthy", "fine")
        assert assess(obj("acme.io/v1", "Thing"), checks) == Health("Progressing", "not yet")
        assert assess(obj("v1", "ConfigMap"), checks) is None


def test_a_config_map_holds_the_conditions_as_yaml() -> None:
    text = "conditions:\n- {type: Ready, status: 'True', health: Healthy}\nwaiting: not yet\n"
    checks = customize.customizations({f"{customize.PREFIX}acme.io_Thing": text})
    assert assess(obj("acme.io/v1", "Thing"), checks) == Health("Progressing", "not yet")


def test_a_configured_check_wins_over_the_built_in_one() -> None:
    checks = customize.customizations(
        {f"{customize.PREFIX}apps_Deployment": {"conditions": [], "waiting": "mine"}}
    )
    assert assess(deployment(), checks) == Health("Progressing", "mine")
    assert customize.kind_key(f"{customize.PREFIX}_ConfigMap") == "ConfigMap"


def test_lua_is_not_run_and_that_is_told() -> None:
    data = {APPLICATION: "hs = {}\nreturn hs\n", "data": "x"}
    assert customize.customizations(data) == {}
    assert customize.unread(data) == [APPLICATION]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "a check is a name or an object"),
        ({"conditions": [{"health": "Fine"}]}, "health 'Fine' is none of Healthy"),
    ],
)
def test_a_check_that_cannot_be_read_is_refused(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        customize.customizations({APPLICATION: value})


# --- Applications -------------------------------------------------------------------------------------------------

GOOD = deployment(updatedReplicas=3, replicas=3, availableReplicas=3)
BAD = deployment(conditions=[condition("Progressing", "False", "ProgressDeadlineExceeded")])
BUSY = deployment(updatedReplicas=1)


def judged(*pairs: tuple[Obj | None, Obj | None]) -> Health:
    return application_health(pairs, {}, ("argocd", "me")).health


def test_the_worst_resource_counts_and_is_named() -> None:
    assert judged() == Health("Healthy")
    assert judged((GOOD, GOOD)) == Health("Healthy")
    assert judged((GOOD, GOOD), (BUSY, BUSY)) == Health("Progressing", "Caused by apps/Deployment:ns/x")
    several = [(BAD, BAD)] * 5
    assert judged(*several).message == (
        "Caused by apps/Deployment:ns/x, apps/Deployment:ns/x, apps/Deployment:ns/x and 2 more"
    )


def test_missing_resources_count_only_when_all_are() -> None:
    assert judged((GOOD, None), (GOOD, GOOD)).status == "Healthy"
    assert judged((GOOD, None)) == Health("Missing")


def test_what_does_not_count() -> None:
    hook = obj("batch/v1", "Job", {}, {"conditions": [condition("Failed")]}, annotations={HOOK: "PreSync"})
    ignored = {
        **BAD,
        "metadata": {**BAD["metadata"], "annotations": {"argocd.argoproj.io/ignore-healthcheck": "true"}},
    }
    assert judged((hook, hook), (GOOD, GOOD)).status == "Healthy"
    assert judged((ignored, ignored)).status == "Healthy"


def test_children_that_are_missing_or_unknown_and_the_application_itself_do_not_count() -> None:
    checks = customize.customizations({APPLICATION: "Application"})

    def child(name: str, health: str) -> Obj:
        found = obj("argoproj.io/v1alpha1", "Application", {}, {"health": {"status": health}})
        return {**found, "metadata": {"name": name, "namespace": "argocd"}}

    pairs = [(c, c) for c in (child("a", "Missing"), child("b", "Unknown"), child("me", "Degraded"))]
    assert application_health(pairs, checks, ("argocd", "me")).health.status == "Healthy"
    degraded = [(c, c) for c in (child("a", "Degraded"),)]
    found = application_health(degraded, checks, ("argocd", "me"))
    assert found.health.status == "Degraded"
    assert found.resources == (Health("Degraded"),)


def test_a_check_that_cannot_be_made_is_told() -> None:
    odd = obj("apps/v1beta1", "Deployment")
    found = application_health([(odd, odd)], {}, ("argocd", "me"))
    assert found.health.status == check.UNKNOWN
    assert found.error.startswith(
        'failed to get resource health for "Deployment" with name "x" in namespace "ns"'
    )
