"""ResourceQuota: what is counted, when it is refused, and that usage is charged before the object is there."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.admission.quota.scopes import counts_object
from kcsim.api.admission.quota.usage import resource_names, usage
from kcsim.api.catalog import Catalog
from tests.unit.api_admission.conftest import containers

CATALOG = Catalog()
POD = CATALOG.by_gvk(("", "v1", "Pod"))
SERVICE = CATALOG.by_gvk(("", "v1", "Service"))
CLAIM = CATALOG.by_gvk(("", "v1", "PersistentVolumeClaim"))
DEPLOYMENT = CATALOG.by_gvk(("apps", "v1", "Deployment"))


def quota(door: Any, hard: dict[str, str], name: str = "q", **spec: Any) -> None:
    """A quota whose usage was added up once, as its controller does."""
    door.create("v1", "ResourceQuota", name, spec={"hard": hard, **spec})
    status = {"hard": hard, "used": dict.fromkeys(hard, "0")}
    door.patch("resourcequotas", name, {"status": status}, subresource="status")


def used(door: Any, name: str = "q") -> dict[str, str]:
    return door.get("resourcequotas", name)["status"]["used"]


def test_usage_is_charged_with_each_object_and_never_beyond_hard(door):
    quota(door, {"pods": "2", "requests.cpu": "1"})
    for name in ("one", "two"):
        door.create("v1", "Pod", name, spec=containers({"requests": {"cpu": "400m"}}))
    assert used(door) == {"pods": "2", "requests.cpu": "800m"}
    assert door.create("v1", "Pod", "three", spec=containers({"requests": {"cpu": "400m"}})) == (
        403,
        (
            'pods "three" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=400m, '
            "used: pods=2,requests.cpu=800m, limited: pods=2,requests.cpu=1"
        ),
    )
    assert used(door) == {"pods": "2", "requests.cpu": "800m"}


def test_the_charge_is_the_api_servers_own_write_before_the_pod(door):
    quota(door, {"pods": "2"})
    door.create("v1", "Pod", "p", spec=containers({}))
    charge, pod = door.server.log.versions[-2:]
    assert (charge.resource.kind, charge.actor, charge.subresource) == (
        "ResourceQuota",
        "system:apiserver",
        "status",
    )
    assert pod.resource.kind == "Pod"


def test_containers_must_name_what_is_limited(door):
    quota(door, {"limits.cpu": "4", "requests.memory": "1Gi"})
    assert door.create("v1", "Pod", "p", spec=containers({}, {"limits": {"cpu": "1"}})) == (
        403,
        'pods "p" is forbidden: failed quota: q: must specify limits.cpu for: c0; requests.memory for: c0,c1',
    )


def test_a_quota_whose_usage_is_not_known_refuses(door):
    door.create("v1", "ResourceQuota", "q", spec={"hard": {"pods": "1"}})
    assert door.create("v1", "Pod", "early", spec=containers({}))["kind"] == "Pod"
    door.patch("resourcequotas", "q", {"status": {"hard": {"pods": "1"}}}, subresource="status")
    assert door.create("v1", "Pod", "p", spec=containers({})) == (
        403,
        'pods "p" is forbidden: status unknown for quota: q, resources: pods',
    )


def test_any_kind_can_be_counted(door):
    quota(door, {"count/configmaps": "1", "configmaps": "5"})
    door.create("v1", "ConfigMap", "one")
    assert used(door) == {"configmaps": "1", "count/configmaps": "1"}
    code, message = door.create("v1", "ConfigMap", "two")
    assert code == 403
    assert message.endswith(
        "requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1"
    )


def test_a_service_pays_for_what_it_becomes(door):
    quota(door, {"services": "2", "services.nodeports": "1"})
    ports = [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]
    door.create("v1", "Service", "s", spec={"ports": ports[:1]})
    door.patch("services", "s", {"spec": {"type": "NodePort"}})
    assert used(door) == {"services": "1", "services.nodeports": "1"}
    code, message = door.patch("services", "s", {"spec": {"ports": ports}})
    assert (code, message.partition("requested: ")[2]) == (
        403,
        "services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1",
    )


def test_a_dry_run_is_judged_and_not_charged(door):
    quota(door, {"pods": "1"})
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": containers({})}
    door.client.now(door.client.create("pods", obj, "a", dry_run=True))
    assert used(door) == {"pods": "0"}


AMOUNTS: list[tuple[Any, dict[str, Any], dict[str, str]]] = [
    (
        POD,
        {"spec": containers({"requests": {"cpu": "1", "example.org/gpu": "2"}, "limits": {"cpu": "2"}})},
        {
            "count/pods": "1",
            "pods": "1",
            "cpu": "1",
            "requests.cpu": "1",
            "limits.cpu": "2",
            "requests.example.org/gpu": "2",
        },
    ),
    (POD, {"spec": containers({}), "status": {"phase": "Succeeded"}}, {"count/pods": "1"}),
    (
        SERVICE,
        {"spec": {"type": "LoadBalancer", "ports": [{"port": 1}, {"port": 2}]}},
        {"count/services": "1", "services": "1", "services.loadbalancers": "1", "services.nodeports": "2"},
    ),
    (
        CLAIM,
        {"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}}},
        {
            "count/persistentvolumeclaims": "1",
            "persistentvolumeclaims": "1",
            "requests.storage": "1Gi",
            "fast.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
            "fast.storageclass.storage.k8s.io/requests.storage": "1Gi",
        },
    ),
    (DEPLOYMENT, {"spec": {}}, {"count/deployments.apps": "1"}),
]


@pytest.mark.parametrize(("resource", "obj", "expected"), AMOUNTS)
def test_what_objects_use(resource, obj, expected):
    found = usage({"metadata": {"name": "x"}, **obj}, resource, 0)
    assert {name: str(amount) for name, amount in found.items()} == expected
    assert sorted(resource_names(expected, resource)) == sorted(expected)


@pytest.mark.parametrize(
    ("scope", "spec", "counts"),
    [
        ({"scopes": ["BestEffort"]}, containers({}), True),
        ({"scopes": ["BestEffort"]}, containers({"requests": {"cpu": "1"}}), False),
        ({"scopes": ["NotBestEffort", "NotTerminating"]}, containers({"requests": {"cpu": "1"}}), True),
        ({"scopes": ["Terminating"]}, {"activeDeadlineSeconds": 5, **containers({})}, True),
        ({"scopes": ["PriorityClass"]}, containers({}), False),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]
                }
            },
            {"priorityClassName": "high", **containers({})},
            True,
        ),
        (
            {
                "scopeSelector": {
                    "matchExpressions": [
                        {"scopeName": "PriorityClass", "operator": "NotIn", "values": ["high"]}
                    ]
                }
            },
            {"priorityClassName": "high", **containers({})},
            False,
        ),
        (
            {"scopes": ["CrossNamespacePodAffinity"]},
            {
                "affinity": {
                    "podAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [
                            {"topologyKey": "z", "namespaces": ["b"]}
                        ]
                    }
                },
                **containers({}),
            },
            True,
        ),
    ],
)
def test_scopes(scope, spec, counts):
    assert counts_object({"spec": scope}, {"metadata": {}, "spec": spec}, POD) is counts


def test_a_resize_is_charged_with_what_it_adds(door):
    quota(door, {"requests.cpu": "1"})
    door.create("v1", "Pod", "one", spec=containers({"requests": {"cpu": "400m"}}))

    def resize(cpu: str) -> Any:
        body = {"spec": {"containers": [{"name": "c0", "resources": {"requests": {"cpu": cpu}}}]}}
        return door.patch("pods", "one", body, type="strategic", subresource="resize")

    resize("900m")
    assert used(door) == {"requests.cpu": "900m"}
    assert resize("2") == (
        403,
        (
            'pods "one" is forbidden: exceeded quota: q, requested: requests.cpu=1100m, used: requests.cpu=900m, '
            "limited: requests.cpu=1"
        ),
    )
