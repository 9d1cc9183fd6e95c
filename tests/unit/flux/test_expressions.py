"""CEL in Kustomizations, and fields that are left to others."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.cel.errors import EvaluationError
from kcsim.api.cel.library import available
from kcsim.delivery.gitops.flux import expressions, install
from kcsim.delivery.gitops.flux.ssa import ignore
from kcsim.engine.clock import MINUTE

needs_cel = pytest.mark.skipif(not available(), reason="the CEL library is not installed")

# --- health -----------------------------------------------------------------------------------------------------

CHECK = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "inProgress": "data.state == 'busy'",
    "failed": "data.state == 'broken'",
    "current": "data.state == 'done'",
}


def config(state, **status):
    found = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generation": 2}, "data": {"state": state}}
    return {**found, "status": status} if status else found


@needs_cel
@pytest.mark.parametrize(
    ("live", "status"),
    [
        (config("busy"), "InProgress"),
        (config("broken"), "Failed"),
        (config("done"), "Current"),
        (config("other"), "InProgress"),
        (config("done", observedGeneration=1), "InProgress"),
        (config("done", observedGeneration=2), "Current"),
    ],
)
def test_the_order_of_expressions(live, status):
    check = expressions.compiled([CHECK])["v1", "ConfigMap"]
    assert check.status_of(live) == status


@needs_cel
def test_an_expression_about_what_is_not_there_is_an_error():
    check = expressions.compiled([{**CHECK, "inProgress": "status.phase == 'x'"}])["v1", "ConfigMap"]
    with pytest.raises(EvaluationError):
        check.status_of(config("done"))


@needs_cel
def test_an_expression_decides_how_long_is_waited(make_world, yaml):
    world = make_world()
    world.push({"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    check = {"apiVersion": "v1", "kind": "ConfigMap", "current": "'ready' in metadata.labels"}
    world.deliver(wait=True, timeout=2 * MINUTE, healthCheckExprs=[check])
    world.run("1m")
    assert world.ready()[:2] == ("Unknown", "Progressing")
    world.patch("configmaps", "settings", {"metadata": {"labels": {"ready": "yes"}}})
    took = world.until(lambda: world.ready()[0] == "True", "1m")
    assert took <= 5.5


@needs_cel
def test_a_failed_expression_ends_the_wait_at_once(make_world, yaml):
    world = make_world()
    world.push({"ns.yaml": yaml.namespace, "cm.yaml": yaml.config(value="bad")})
    check = {**CHECK, "inProgress": "false", "failed": "data.value == 'bad'", "current": "true"}
    world.deliver(wait=True, healthCheckExprs=[check])
    world.run("20s")
    assert world.ready()[1] == "HealthCheckFailed"
    assert world.ready()[2].endswith(
        "failed early due to stalled resources: [ConfigMap/shop/settings status: 'Failed']"
    )


@needs_cel
def test_an_expression_that_is_none_stalls(make_world, yaml):
    world = make_world()
    world.push({"ns.yaml": yaml.namespace})
    world.deliver(healthCheckExprs=[{**CHECK, "current": "status.phase =="}])
    world.run("20s")
    status, reason, message = world.ready()
    assert (status, reason) == ("False", "InvalidCELExpression")
    assert message.startswith("Reconciliation failed terminally due to configuration error: ")
    assert "failed to parse the expression Current" in message
    assert objects.condition_is(world.ks(), "Stalled")


@needs_cel
def test_a_dependency_is_ready_when_its_expression_says_so(make_world, yaml):
    world = make_world()
    world.push({"a/ns.yaml": yaml.namespace, "b/cm.yaml": yaml.config()})
    world.create(install.git_repository("shop", "https://git.example/shop"))
    world.create(install.kustomization("first", "shop", path="a"))
    expression = "dep.metadata.?labels['go'].orValue('') == self.spec.path"
    depends = [{"name": "first", "readyExpr": expression}]
    world.create(install.kustomization("shop", "shop", path="b", dependsOn=depends))
    world.run("1m")
    message = "dependency 'flux-system/first' is not ready according to readyExpr eval"
    assert world.ready() == ("False", "DependencyNotReady", message)
    world.patch("kustomizations", "first", {"metadata": {"labels": {"go": "b"}}}, "flux-system")
    took = world.until(lambda: world.ready()[0] == "True", "1m")
    assert took <= 35, "looked at every 30 s"


# --- ignore rules -----------------------------------------------------------------------------------------------


def deployed(replicas, manager="hpa"):
    fields = {"f:spec": {"f:replicas": {}}}
    entry = {"manager": manager, "operation": "Update", "fieldsV1": fields}
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web", "namespace": "shop", "managedFields": [entry]},
        "spec": {"replicas": replicas, "paused": False},
    }


def test_a_field_of_somebody_else_is_dropped_and_one_of_flux_keeps_its_value():
    desired = {**deployed(1), "metadata": {"name": "web"}}
    paths = [("spec", "replicas")]
    assert ignore.payload(desired, deployed(5), paths, "kustomize-controller")["spec"] == {"paused": False}
    own = deployed(5, "kustomize-controller")
    assert ignore.payload(desired, own, paths, "kustomize-controller")["spec"]["replicas"] == 5
    assert ignore.payload(desired, None, paths, "kustomize-controller") is desired
    assert ignore.without(deployed(5), paths)["spec"] == {"paused": False}
    assert ignore.without(deployed(5), [("spec", "none", "0")]) == deployed(5)


def test_items_of_lists_belong_to_who_applied_their_keys():
    item = {'k:{"name":"app"}': {"f:image": {}}}
    entry = {"manager": "x", "operation": "Update", "fieldsV1": {"f:spec": {"f:containers": item}}}
    live = {"metadata": {"managedFields": [entry]}, "spec": {"containers": [{"name": "app", "image": "a:2"}]}}
    desired = {"metadata": {}, "spec": {"containers": [{"name": "app", "image": "a:1"}]}}
    path = ("spec", "containers", "0", "image")
    assert ignore.payload(desired, live, [path], "flux")["spec"]["containers"] == [{"name": "app"}]
    assert ignore.payload(desired, live, [path], "x")["spec"]["containers"][0]["image"] == "a:2"


@pytest.mark.parametrize("ignored", [True, False])
def test_replicas_are_left_to_an_autoscaler_where_the_rules_say_so(make_world, yaml, ignored):
    world = make_world()
    world.push({"ns.yaml": yaml.namespace, "web.yaml": yaml.deployment(replicas=2)})
    rule = {"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}
    world.deliver(interval=MINUTE, **({"ignore": [rule]} if ignored else {}))
    world.until(lambda: world.get("deployments", "web") is not None)
    world.kubectl("scale deployment web --replicas=5")
    world.patch("kustomizations", "shop", {"spec": {"interval": "1m"}}, "flux-system")
    world.run("5m")
    assert world.get("deployments", "web")["spec"]["replicas"] == (5 if ignored else 2)
    world.push({"web.yaml": yaml.deployment(image="web:2", replicas=3)})
    world.run("3m")
    found = world.get("deployments", "web")["spec"]
    assert found["template"]["spec"]["containers"][0]["image"] == "web:2"
    assert found["replicas"] == (5 if ignored else 3)


def test_rules_hold_for_what_their_target_selects(make_world, yaml):
    world = make_world()
    world.push({"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    world.deliver(ignore=[{"paths": ["/data/value"], "target": {"kind": "Secret"}}])
    world.until(lambda: world.ready() and world.ready()[0] == "True")
    world.patch("configmaps", "settings", {"data": {"value": "by hand"}})
    world.patch("kustomizations", "shop", {"spec": {"force": True}}, "flux-system")
    world.run("1m")
    assert world.get("configmaps", "settings")["data"]["value"] == "1"
