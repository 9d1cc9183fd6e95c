"""What is refused of pods, in upstream's words: rules that no recording holds (pkg/apis/core/validation/validation.go)."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.validation.pod import pod

_C = "spec.containers[0]"
_VOLUME: dict[str, Any] = {"volumes": [{"name": "v", "emptyDir": {}}]}


def container(**fields: Any) -> dict[str, Any]:
    """A spec with one container that is right but for these fields."""
    return {"containers": [{"name": "app", "image": "a", "imagePullPolicy": "Always", **fields}]}


def mounted(**fields: Any) -> dict[str, Any]:
    return {**container(volumeMounts=[{"name": "v", "mountPath": "/x", **fields}]), **_VOLUME}


def volume(**source: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", **source}]}


def spread(**fields: Any) -> dict[str, Any]:
    item = {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", **fields}
    return {"topologySpreadConstraints": [item]}


_PROBE = {"tcpSocket": {"port": 80}}
CASES: list[tuple[dict[str, Any], list[str]]] = [
    (
        container(readinessProbe={**_PROBE, "terminationGracePeriodSeconds": 5}),
        [
            f"{_C}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes"
        ],
    ),
    (
        container(lifecycle={"preStop": {"sleep": {"seconds": 100}}}),
        [
            (
                f"{_C}.lifecycle.preStop.sleep: Invalid value: 100: must be non-negative and less than "
                "terminationGracePeriodSeconds (30)"
            )
        ],
    ),
    (
        container(resources={"limits": {"a.b/c": "1500m"}}),
        [f'{_C}.resources.limits[a.b/c]: Invalid value: "1500m": must be an integer'],
    ),
    (
        container(resources={"limits": {"hugepages-2Mi": "2Mi"}, "requests": {"hugepages-2Mi": "2Mi"}}),
        [f"{_C}.resources: Forbidden: HugePages require cpu or memory"],
    ),
    (
        container(resizePolicy=[{"resourceName": "x", "restartPolicy": "NotRequired"}]),
        [f'{_C}.resizePolicy: Unsupported value: "x": supported values: "cpu", "memory"'],
    ),
    (
        {
            **container(resources={"requests": {"cpu": "2"}, "limits": {"memory": "3Gi"}}),
            "resources": {"requests": {"cpu": "1", "a.b/c": "1"}, "limits": {"memory": "2Gi"}},
        },
        [
            'spec.resources.requests[a.b/c]: Unsupported value: "a.b/c": supported values: "cpu", "hugepages-", "memory"',
            "spec.resources.limits: Required value: Limit must be set for non overcommitable resources",
            'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2',
            'spec.resources.containers[0][memory].limits: Invalid value: "3Gi": must be less than or equal to pod limits of 2Gi',
        ],
    ),
    (
        container(resizePolicy=[{"resourceName": "cpu", "restartPolicy": "NotRequired"}] * 2),
        [f'{_C}.resizePolicy[1]: Duplicate value: "cpu"'],
    ),
    (
        {
            **container(resizePolicy=[{"resourceName": "memory", "restartPolicy": "RestartContainer"}]),
            "restartPolicy": "Never",
        },
        [
            (
                f"{_C}.resizePolicy: Invalid value: \"RestartContainer\": must be 'NotRequired' when `restartPolicy` is "
                "'Never'"
            )
        ],
    ),
    (
        container(securityContext={"runAsUser": -1}),
        [f"{_C}.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
    ),
    (
        container(securityContext={"procMount": "X"}),
        [f'{_C}.securityContext.procMount: Unsupported value: "X": supported values: "Default", "Unmasked"'],
    ),
    (
        container(securityContext={"seccompProfile": {"type": "Localhost"}}),
        [
            (
                f"{_C}.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type "
                "is Localhost"
            )
        ],
    ),
    (
        container(securityContext={"appArmorProfile": {"type": "X"}}),
        [
            (
                f'{_C}.securityContext.appArmorProfile.type: Unsupported value: "X": supported values: "Localhost", '
                '"RuntimeDefault", "Unconfined"'
            )
        ],
    ),
    (
        container(env=[{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "x"}}}]),
        [
            (
                f'{_C}.env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "x": supported values: '
                '"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", '
                '"requests.ephemeral-storage", "requests.memory"'
            )
        ],
    ),
    (
        container(
            env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v2"}}}]
        ),
        [
            (
                f'{_C}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.name": error converting '
                "fieldPath: unsupported pod version: v2"
            )
        ],
    ),
    (
        container(volumeDevices=[{"name": "v", "devicePath": ""}]),
        [f'{_C}.volumeDevices[0].name: Not found: "v"', f"{_C}.volumeDevices[0].devicePath: Required value"],
    ),
    (
        mounted(subPath="a", subPathExpr="b"),
        [
            (
                f'{_C}.volumeMounts[0].subPathExpr: Invalid value: "b": subPathExpr and subPath are mutually '
                "exclusive"
            )
        ],
    ),
    (mounted(subPath="../a"), [f"{_C}.volumeMounts.subPath: Invalid value: \"../a\": must not contain '..'"]),
    (
        mounted(mountPropagation="Bidirectional"),
        [
            (
                f"{_C}.volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to "
                "privileged containers"
            )
        ],
    ),
    (
        mounted(recursiveReadOnly="Enabled"),
        [f"{_C}.volumeMounts[0].recursiveReadOnly: Forbidden: may only be specified when readOnly is true"],
    ),
    (
        volume(downwardAPI={"items": [{"path": "a"}]}),
        [
            "spec.volumes[0].downwardAPI.items[0]: Required value: one of fieldRef and resourceFieldRef is required"
        ],
    ),
    (
        volume(projected={"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]}),
        [
            (
                "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not "
                "specify a duration less than 10 minutes"
            )
        ],
    ),
    (
        volume(
            projected={
                "sources": [
                    {"configMap": {"name": "a", "items": [{"key": "k", "path": "p"}]}},
                    {"secret": {"name": "a", "items": [{"key": "k", "path": "p"}]}},
                ]
            }
        ),
        ['spec.volumes[0].projected: Invalid value: "p": conflicting duplicate paths'],
    ),
    (volume(ephemeral={}), ["spec.volumes[0].ephemeral.volumeClaimTemplate: Required value"]),
    (
        volume(ephemeral={"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}),
        ["spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value"],
    ),
    (
        {"hostNetwork": True, **container(ports=[{"containerPort": 1, "hostPort": 2, "protocol": "TCP"}])},
        [f"{_C}.ports[0].containerPort: Invalid value: 1: must match `hostPort` when `hostNetwork` is true"],
    ),
    ({"hostUsers": False, "hostPID": True}, ["spec.HostPID: Forbidden: when `hostUsers` is false"]),
    (
        {"securityContext": {"supplementalGroups": [-1], "fsGroupChangePolicy": "X"}},
        [
            "spec.securityContext.supplementalGroups[0]: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            (
                'spec.securityContext.fsGroupChangePolicy: Unsupported value: "X": supported values: "Always", '
                '"OnRootMismatch"'
            ),
        ],
    ),
    (
        {"dnsPolicy": "None"},
        ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    ),
    (
        {"dnsConfig": {"nameservers": ["1.1.1.1"] * 4, "options": [{"name": ""}]}},
        [
            (
                'spec.dnsConfig.nameservers: Invalid value: ["1.1.1.1","1.1.1.1","1.1.1.1","1.1.1.1"]: must not have '
                "more than 3 nameservers"
            ),
            "spec.dnsConfig.options[0]: Required value: must not be empty",
        ],
    ),
    (
        spread(whenUnsatisfiable="ScheduleAnyway", minDomains=2),
        [
            (
                "spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if "
                "whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway"
            )
        ],
    ),
    (
        spread(nodeTaintsPolicy="X", matchLabelKeys=["a"]),
        [
            (
                'spec.topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: "X": supported values: '
                '"Honor", "Ignore"'
            ),
            (
                "spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when "
                "labelSelector is not set"
            ),
        ],
    ),
    (
        {"ephemeralContainers": [{"name": "e", "image": "a", "imagePullPolicy": "Always"}]},
        ["spec.ephemeralContainers: Forbidden: cannot be set on create"],
    ),
]


@pytest.mark.parametrize(("spec", "errors"), CASES, ids=[errors[0][:70] for _, errors in CASES])
def test_what_is_refused(spec, errors):
    whole = {
        **container(),
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
        **spec,
    }
    for probe in ("livenessProbe", "readinessProbe"):
        for item in whole["containers"]:
            if probe in item:
                item[probe].setdefault("successThreshold", 1)
    assert [str(error) for error in pod({"spec": whole})] == errors
