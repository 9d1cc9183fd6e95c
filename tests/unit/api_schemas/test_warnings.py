"""What the API server warns of when it stores an object: WarningsOnCreate and WarningsOnUpdate of the strategies."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.warnings.kinds import on_create, on_update

Object = dict[str, Any]

_LABEL = "which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"
_HIDES = 'hides previous definition of "A", which may be dropped when using apply'


def pod(name: str = "a", **spec: Any) -> Object:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c"}], **spec}}


def container(**fields: Any) -> Object:
    return pod(containers=[{"name": "c", **fields}])


def env(*values: str) -> Object:
    return container(env=[{"name": "A", "value": value} for value in values])


def ports(*ports: Object) -> Object:
    return container(ports=[{"protocol": "TCP", **port} for port in ports])


def volume(**source: Any) -> Object:
    return pod(volumes=[{"name": "v", **source}])


PODS: list[tuple[Object, list[str]]] = [
    (pod(), []),
    (pod("a.b"), [f"metadata.name: this is used in the Pod's hostname, {_LABEL}"]),
    (env("1", "2"), [f"spec.containers[0].env[1]: {_HIDES}"]),
    (env("1", "$(A)"), [f"spec.containers[0].env[1]: {_HIDES}"]),
    (env("1", "$(A)2"), []),
    (
        ports({"containerPort": 80}, {"containerPort": 80}),
        ["spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]"],
    ),
    (
        ports({"containerPort": 80, "hostPort": 80}, {"containerPort": 80}),
        ["spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]"],
    ),
    (
        ports(
            {"containerPort": 80, "hostPort": 8, "hostIP": "10.0.0.1"}, {"containerPort": 80, "hostPort": 8}
        ),
        [
            "spec.containers[0].ports[1]: dangerously ambiguous port definition with spec.containers[0].ports[0]"
        ],
    ),
    (ports({"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}), []),
    (
        ports({"containerPort": 80, "hostIP": "10.0.0.1"}),
        [
            (
                "spec.containers[0].ports[0]: hostIP set without hostPort: "
                "{Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:10.0.0.1}"
            )
        ],
    ),
    (
        container(resources={"limits": {"memory": "100m"}}),
        [
            'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer'
        ],
    ),
    (
        pod(imagePullSecrets=[{"name": "a"}, {"name": "a"}, {}]),
        [
            'spec.imagePullSecrets[1].name: duplicate name "a"',
            'spec.imagePullSecrets[2].name: invalid empty name ""',
        ],
    ),
    (
        pod(nodeSelector={"beta.kubernetes.io/os": "linux"}),
        ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
    ),
    (
        pod(topologySpreadConstraints=[{"topologyKey": "zone"}]),
        ["spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod"],
    ),
    (
        volume(configMap={"name": "m", "items": [{"key": "a", "path": "x"}, {"key": "b", "path": "x/y"}]}),
        ['volume "v" (ConfigMap "m"): overlapping paths: "x/y" with "x"'],
    ),
    (
        volume(
            projected={
                "sources": [
                    {"serviceAccountToken": {"path": "token"}},
                    {"secret": {"name": "s", "items": [{"key": "a", "path": "token"}]}},
                    {},
                ]
            }
        ),
        [
            'volume "v" (Projected Secret "s"): overlapping paths: "token" with "token"',
            'volume "v" (Projected) has no sources provided',
        ],
    ),
    (
        volume(gitRepo={}),
        ["spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"],
    ),
]


@pytest.mark.parametrize(("obj", "told"), PODS)
def test_pods(obj: Object, told: list[str]) -> None:
    assert on_create(obj, ("", "v1", "Pod")) == told


def service(**spec: Any) -> Object:
    return {"metadata": {"name": "a"}, "spec": {"type": "ClusterIP", "sessionAffinity": "None", **spec}}


OTHERS: list[tuple[str, str, Object, list[str]]] = [
    (
        "",
        "Service",
        service(externalIPs=["1.2.3.4"], externalName="x", trafficDistribution="PreferClose"),
        [
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
            'spec.externalName is ignored when spec.type is not "ExternalName"',
            'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
        ],
    ),
    (
        "",
        "Service",
        service(clusterIP="None", sessionAffinity="ClientIP"),
        ["spec.SessionAffinity is ignored for headless services"],
    ),
    (
        "networking.k8s.io",
        "Ingress",
        {"metadata": {"name": "a", "annotations": {"kubernetes.io/ingress.class": "x"}}, "spec": {}},
        [
            "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"
        ],
    ),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        {
            "metadata": {"name": "a"},
            "spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "2001:DB8::/32"}}]}]},
        },
        [
            (
                'spec.ingress[0].from[0].ipBlock.cidr: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format '
                '("2001:db8::/32")'
            )
        ],
    ),
    (
        "apps",
        "StatefulSet",
        {
            "metadata": {"name": "a"},
            "spec": {
                "revisionHistoryLimit": -1,
                "template": {},
                "volumeClaimTemplates": [
                    {"spec": {"resources": {"requests": {"storage": "1500m"}}}},
                ],
            },
        },
        [
            'spec.volumeClaimTemplates[0].resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended",
        ],
    ),
]


@pytest.mark.parametrize(("group", "kind", "obj", "told"), OTHERS)
def test_others(group: str, kind: str, obj: Object, told: list[str]) -> None:
    assert on_create(obj, (group, "v1", kind)) == told


def test_a_template_is_looked_at_again_when_the_generation_moves() -> None:
    def deployment(generation: int) -> Object:
        return {"metadata": {"name": "a.b", "generation": generation}, "spec": {"template": env("1", "2")}}

    gvk = ("apps", "v1", "Deployment")
    told = [f"spec.template.spec.containers[0].env[1]: {_HIDES}"]
    name = f"metadata.name: this is used in Pod names and hostnames, {_LABEL}"
    assert on_create(deployment(1), gvk) == [name, *told]
    assert on_update(deployment(2), deployment(1), gvk) == told
    assert on_update(deployment(1), deployment(1), gvk) == []


def test_finalizers_of_custom_resources_are_better_qualified() -> None:
    def application(*finalizers: str) -> Object:
        return {"metadata": {"name": "a", "finalizers": list(finalizers)}}

    gvk, plain = ("argoproj.io", "v1alpha1", "Application"), "resources-finalizer.argocd.argoproj.io"
    told = [
        (
            f'metadata.finalizers: "{plain}": prefer a domain-qualified finalizer name including a path (/) to avoid '
            "accidental conflicts with other finalizer writers"
        )
    ]
    new, old = application(plain, "a.example/b", "orphan"), application("a.example/b")
    assert on_create(new, gvk, custom=True) == told
    assert on_update(new, old, gvk, custom=True) == told
    assert on_update(new, new, gvk, custom=True) == []
    assert on_create(new, ("", "v1", "ConfigMap")) == []
