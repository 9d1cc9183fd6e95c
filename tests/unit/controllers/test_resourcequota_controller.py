"""Quotas are added up when they are made or changed, when something goes, and every five minutes."""

from __future__ import annotations

from kcsim.api import objects
from kcsim.cluster.controllers.resourcequota.controller import ResourceQuotaController
from kcsim.cluster.controllers.validatingadmissionpolicystatus.controller import PolicyStatusController
from tests.unit.controllers.conftest import manifest

POD = {"containers": [{"name": "c", "image": "web:1", "resources": {"requests": {"cpu": "500m"}}}]}


def create(world, resource, obj):
    return world.do(world.client.create(resource, obj, "shop"))


def quota(world, **hard):
    create(world, "resourcequotas", manifest("v1", "ResourceQuota", "q", spec={"hard": hard}))
    world.run("1s")


def test_a_new_quota_finds_what_is_there(make_world):
    world = make_world()
    create(world, "pods", manifest("v1", "Pod", "p", spec=POD))
    create(world, "configmaps", manifest("v1", "ConfigMap", "c"))
    world.run_controllers(ResourceQuotaController())
    world.run("1s")
    quota(world, **{"requests.cpu": "2", "count/configmaps": "3", "count/deployments.apps": "1"})
    status = world.get("resourcequotas", "q")["status"]
    assert status["hard"] == {"requests.cpu": "2", "count/configmaps": "3", "count/deployments.apps": "1"}
    assert status["used"] == {"count/configmaps": "1", "count/deployments.apps": "0", "requests.cpu": "500m"}


def test_usage_comes_back_when_a_pod_is_over_or_gone(make_world):
    world = make_world()
    world.run_controllers(ResourceQuotaController())
    quota(world, pods="3", **{"count/pods": "3"})
    for name in ("one", "two"):
        create(world, "pods", manifest("v1", "Pod", name, spec=POD))
    world.run("1s")
    assert world.get("resourcequotas", "q")["status"]["used"] == {"count/pods": "2", "pods": "2"}
    world.nodes.report(("shop", "one"), False, phase="Succeeded")
    world.run("1s")
    assert world.get("resourcequotas", "q")["status"]["used"] == {"count/pods": "2", "pods": "1"}
    world.do(world.client.delete("pods", "shop", "one", grace=0))
    world.run("1s")
    assert world.get("resourcequotas", "q")["status"]["used"] == {"count/pods": "1", "pods": "1"}


def test_a_changed_limit_is_in_force_when_the_status_says_so(make_world):
    world = make_world()
    world.run_controllers(ResourceQuotaController())
    quota(world, pods="1")
    world.patch("resourcequotas", "q", {"spec": {"hard": {"pods": "2", "services": "1"}}})
    assert world.get("resourcequotas", "q")["status"]["hard"] == {"pods": "1"}
    world.run("1s")
    status = world.get("resourcequotas", "q")["status"]
    assert status == {"hard": {"pods": "2", "services": "1"}, "used": {"pods": "0", "services": "0"}}


def test_a_charge_for_what_was_never_stored_is_found_by_the_next_resync(make_world):
    world = make_world()
    world.run_controllers(ResourceQuotaController())
    quota(world, **{"count/configmaps": "5"})
    status = {"hard": {"count/configmaps": "5"}, "used": {"count/configmaps": "1"}}
    wrong = {**world.get("resourcequotas", "q"), "status": status}
    world.do(world.client.update_status("resourcequotas", wrong))
    world.run("4m")
    assert world.get("resourcequotas", "q")["status"]["used"] == {"count/configmaps": "1"}
    world.run("2m")
    assert world.get("resourcequotas", "q")["status"]["used"] == {"count/configmaps": "0"}


def test_the_types_of_policies_are_checked_once_a_generation(make_world):
    world = make_world()
    world.run_controllers(PolicyStatusController())
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "object.spec.nope == 1"}],
    }
    policies = "validatingadmissionpolicies.admissionregistration.k8s.io"
    policy = manifest("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "p", None, spec=spec)
    world.do(world.client.create(policies, policy))
    world.run("1s")
    status = world.get(policies, "p", "")["status"]
    assert status["observedGeneration"] == 1
    (warning,) = status["typeChecking"]["expressionWarnings"]
    assert warning["fieldRef"] == "spec.validations[0].expression"
    assert "undefined field 'nope'" in warning["warning"]
    world.patch(policies, "p", {"spec": {"validations": [{"expression": "object.spec.paused == true"}]}}, "")
    world.run("1s")
    checked = world.get(policies, "p", "")
    assert objects.get_in(checked, ("metadata", "generation")) == checked["status"]["observedGeneration"]
