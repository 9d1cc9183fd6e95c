"""What is refused of Jobs, Services and autoscalers, in upstream's words: rules that no recording holds."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.validation.batch import cron_job, job_spec
from kcsim.api.validation.policy import horizontal_pod_autoscaler
from kcsim.api.validation.service import service

_POD = {
    "restartPolicy": "Never",
    "dnsPolicy": "ClusterFirst",
    "containers": [
        {"name": "a", "image": "a", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"}
    ],
}
_INDEXED = {"completionMode": "Indexed", "completions": 3, "parallelism": 1}


def job(**fields: Any) -> list[str]:
    return [str(error) for error in job_spec("spec", {"template": {"spec": _POD}, **fields})]


def failure(**rule: Any) -> dict[str, Any]:
    return {"podFailurePolicy": {"rules": [rule]}}


JOBS: list[tuple[dict[str, Any], list[str]]] = [
    (
        {**_INDEXED, "maxFailedIndexes": 1},
        ["spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"],
    ),
    (
        {**_INDEXED, "maxFailedIndexes": 5, "backoffLimitPerIndex": 1},
        ["spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions"],
    ),
    (
        {**_INDEXED, "completions": 200000, "parallelism": 200000},
        [
            (
                "spec.parallelism: Invalid value: 200000: must be less than or equal to 100000 when completion mode is "
                "Indexed"
            )
        ],
    ),
    (
        failure(action="FailJob", onExitCodes={"operator": "In", "values": [2, 1, 1], "containerName": "zz"}),
        [
            (
                'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "zz": must be one of the '
                "container or initContainer names in the pod template"
            ),
            "spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 1",
            "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1,1]: must be ordered",
        ],
    ),
    (
        failure(action="FailIndex", onExitCodes={"operator": "In", "values": [1]}),
        [
            (
                'spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex '
                "to be set"
            )
        ],
    ),
    (
        {"successPolicy": {"rules": [{"succeededIndexes": "0"}]}},
        [
            (
                'spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":"0","SucceededCount":null}]}: '
                "requires indexed completion mode"
            )
        ],
    ),
    (
        {**_INDEXED, "successPolicy": {"rules": []}},
        ["spec.successPolicy.rules: Required value: at least one rules must be specified"],
    ),
    (
        {**_INDEXED, "successPolicy": {"rules": [{"succeededIndexes": "2-1"}, {"succeededCount": 9}]}},
        [
            (
                'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "2-1": error parsing succeededIndexes: '
                "non-increasing order, previous: 2, current: 1"
            ),
            (
                "spec.successPolicy.rules[1].succeededCount: Invalid value: 9: must be less than or equal to 3 (the "
                "number of specified completions)"
            ),
        ],
    ),
    (
        {"managedBy": "x"},
        ['spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")'],
    ),
]


@pytest.mark.parametrize(("fields", "errors"), JOBS, ids=[errors[0][:60] for _, errors in JOBS])
def test_jobs(fields, errors):
    assert job(**fields) == errors


def test_a_cron_jobs_jobs_have_generated_selectors():
    inner = {"manualSelector": True, "template": {"spec": _POD}}
    spec = {"schedule": "* * * * *", "concurrencyPolicy": "Allow", "jobTemplate": {"spec": inner}}
    errors = [str(error) for error in cron_job({"spec": spec})]
    assert errors == [
        'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil"'
    ]


_ONLY = "may only be used when `type` is 'LoadBalancer'"
SERVICES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"type": "NodePort", "clusterIP": "None"},
        ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
    ),
    (
        {"loadBalancerSourceRanges": ["10.0.0.0/8"]},
        [f"spec.loadBalancerSourceRanges: Forbidden: {_ONLY}"],
    ),
    ({"allocateLoadBalancerNodePorts": False}, [f"spec.allocateLoadBalancerNodePorts: Forbidden: {_ONLY}"]),
    (
        {"healthCheckNodePort": 30000},
        [
            (
                "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and "
                "`externalTrafficPolicy` is 'Local'"
            )
        ],
    ),
    (
        {
            "type": "NodePort",
            "ports": [
                {"name": "a", "port": 1, "protocol": "TCP", "nodePort": 30005},
                {"name": "b", "port": 2, "protocol": "TCP", "nodePort": 30005},
            ],
        },
        ["spec.ports[1].nodePort: Duplicate value: 30005"],
    ),
    (
        {"ipFamilyPolicy": "X", "trafficDistribution": "Y"},
        [
            (
                'spec.ipFamilyPolicy: Unsupported value: "X": supported values: "PreferDualStack", '
                '"RequireDualStack", "SingleStack"'
            ),
            (
                'spec.trafficDistribution: Unsupported value: "Y": supported values: "PreferClose", '
                '"PreferSameNode", "PreferSameZone"'
            ),
        ],
    ),
]


@pytest.mark.parametrize(("fields", "errors"), SERVICES, ids=[errors[0][:60] for _, errors in SERVICES])
def test_services(fields, errors):
    spec = {
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "ports": [{"port": 80, "protocol": "TCP"}],
        **fields,
    }
    assert [str(error) for error in service({"spec": spec})] == errors


def metric(kind: str, **source: Any) -> dict[str, Any]:
    return {"type": kind, kind[0].lower() + kind[1:]: source}


_M = "spec.metrics[0]"
METRICS: list[tuple[dict[str, Any], list[str]]] = [
    (
        metric(
            "Resource",
            name="cpu",
            target={"type": "Utilization", "averageUtilization": 5, "averageValue": "1"},
        ),
        [
            (
                f"{_M}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target "
                "utilization"
            )
        ],
    ),
    (
        metric("ContainerResource", name="cpu", target={"type": "Utilization", "averageUtilization": 5}),
        [f"{_M}.containerResource.container: Required value: must specify a container"],
    ),
    (
        metric("Pods", metric={"name": ""}, target={"type": "AverageValue"}),
        [
            f"{_M}.pods.metric.name: Required value: must specify a metric name",
            f"{_M}.pods.target.averageValue: Required value: must specify a positive target averageValue",
        ],
    ),
    (
        metric(
            "Object",
            metric={"name": "m"},
            describedObject={"kind": "a/b", "name": "x"},
            target={"type": "Value"},
        ),
        [
            f"{_M}.object.describedObject.kind: Invalid value: \"a/b\": may not contain '/'",
            f"{_M}.object.target.averageValue: Required value: must set either a target value or averageValue",
        ],
    ),
    (
        metric("External", metric={"name": "m"}, target={"type": "Value", "value": "1", "averageValue": "1"}),
        [
            (
                f"{_M}.external.target.value: Forbidden: may not set both a target value for metric and a per-pod "
                "target"
            )
        ],
    ),
    (
        metric("External", metric={"name": "m"}, target={"type": "Value", "value": "-1"}),
        [f'{_M}.external.target.value: Invalid value: "-1": must be positive'],
    ),
]


@pytest.mark.parametrize(("each", "errors"), METRICS, ids=[errors[0][:60] for _, errors in METRICS])
def test_metrics(each, errors):
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"}
    spec = {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": reference, "metrics": [each]}
    assert [str(error) for error in horizontal_pod_autoscaler({"spec": spec})] == errors
