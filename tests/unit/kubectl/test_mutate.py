"""Commands that change one thing: scale, set, label, annotate, patch, taint, cordon, drain, delete, create."""

from __future__ import annotations

import pytest

SAYS = [
    ("scale deploy/web --replicas 3", "deployment.apps/web scaled\n"),
    ("scale deploy web --current-replicas 2 --replicas 4", "deployment.apps/web scaled\n"),
    ("set image deploy/web app=registry.example/app:2", "deployment.apps/web image updated\n"),
    ("set image deploy/web app=registry.example/app:1", ""),
    ("set env deploy/web A=1", "deployment.apps/web env updated\n"),
    ("set resources deploy/web --requests cpu=10m", "deployment.apps/web resource requirements updated\n"),
    ("label deploy/web tier=front", "deployment.apps/web labeled\n"),
    ("label deploy/web app=web", "deployment.apps/web not labeled\n"),
    ("label deploy/web app-", "deployment.apps/web unlabeled\n"),
    ("annotate deploy/web note=x", "deployment.apps/web annotated\n"),
    ('patch deploy/web -p \'{"spec":{"replicas":3}}\'', "deployment.apps/web patched\n"),
    ('patch deploy/web -p \'{"spec":{"replicas":2}}\'', "deployment.apps/web patched (no change)\n"),
    ("cordon node-1", "node/node-1 cordoned\n"),
    ("uncordon node-1", "node/node-1 already uncordoned\n"),
    ("taint nodes node-1 a=b:NoSchedule", "node/node-1 tainted\n"),
    ("create cm c --from-literal a=1", "configmap/c created\n"),
    ("create ns shop", "namespace/shop created\n"),
    ("create job once --image busybox -- true", "job.batch/once created\n"),
    ("create role r --verb get --resource pods", "role.rbac.authorization.k8s.io/r created\n"),
    ("expose deploy/web --port 80", "service/web exposed\n"),
    ("run solo --image busybox", "pod/solo created\n"),
    ("autoscale deploy/web --max 3", "horizontalpodautoscaler.autoscaling/web autoscaled\n"),
    ("delete deploy/web", 'deployment.apps "web" deleted\n'),
    ("delete cm nope --ignore-not-found", ""),
]


@pytest.mark.parametrize(("line", "said"), SAYS, ids=[line for line, _ in SAYS])
def test_a_change_is_told(web, line, said):
    assert web(line) == said


REFUSES = [
    ("scale deploy/web --replicas -1", "error: The --replicas=COUNT flag is required, and COUNT must be"),
    ("scale deploy/web --current-replicas 9 --replicas 1", "error: Expected replicas to be 9, was 2"),
    ("scale deploy/nope --replicas 1", 'error: no objects passed to scale deployments.apps "nope" not found'),
    ("set image deploy/web other=x", 'error: unable to find container named "other"'),
    ("set resources deploy/web --limits cpu=abc", "error: quantities must match the regular expression"),
    ("label deploy/web app=x", "error: 'app' already has a value (web), and --overwrite is false"),
    ("label deploy/web a=b a-", "error: can not both modify and remove a label in the same command"),
    ("taint nodes node-1 a=b:Never", "error: invalid taint effect: Never, unsupported taint effect"),
    (
        "patch deploy/web -p '{bad'",
        "Error from server (BadRequest): invalid character 'b' looking for beginning",
    ),
    ("patch deploy/web --type odd -p '{}'", "error: --type must be one of [json merge strategic]"),
    ("delete pods", "error: resource(s) were provided, but no name was specified"),
    ("delete pod nope", 'Error from server (NotFound): pods "nope" not found'),
    ("create ns default", 'Error from server (AlreadyExists): namespaces "default" already exists'),
    (
        "create deployment web --image a",
        'error: failed to create deployment: deployments.apps "web" already exists',
    ),
    ("autoscale deploy/web --max 0", "error: --max=MAXPODS is required and must be at least 1"),
    ("run bad", 'error: required flag(s) "image" not set'),
]


@pytest.mark.parametrize(("line", "said"), REFUSES, ids=[line for line, _ in REFUSES])
def test_a_refusal_says_why(web, line, said):
    assert web.fails(line).startswith(said)


def test_drain_evicts_and_waits_until_the_pods_are_gone(web, sim):
    pods = sim.list("pods", "default")
    node = pods[0]["spec"]["nodeName"]
    lines = web(f"drain {node}").splitlines()
    here = sorted(p["metadata"]["name"] for p in pods if p["spec"]["nodeName"] == node)
    assert lines[0] == f"node/{node} cordoned"
    assert sorted(lines[1 : 1 + len(here)]) == [f"evicting pod default/{name}" for name in here]
    assert sorted(lines[1 + len(here) : -1]) == [f"pod/{name} evicted" for name in here]
    assert lines[-1] == f"node/{node} drained"
    assert not [p for p in sim.list("pods", "default") if p["spec"].get("nodeName") == node]


def test_drain_leaves_pods_of_nobody_unless_forced(k, sim):
    k("run solo --image busybox")
    k("wait pod/solo --for=condition=Ready")
    node = sim.get("pod/solo")["spec"]["nodeName"]
    assert "Pods that declare no controller (use --force to override): default/solo" in k.fails(
        f"drain {node}"
    )
    assert f"node/{node} drained" in k(f"drain {node} --force")


def test_deleting_a_pod_waits_for_its_end(web, sim):
    name = sim.list("pods", "default")[0]["metadata"]["name"]
    before = sim.now
    assert web(f"delete pod {name}") == f'pod "{name}" deleted\n'
    assert sim.now > before
    assert f"pod/{name}" not in web("get pods -o name").split()


def test_forcing_a_deletion_warns(web, sim):
    name = sim.list("pods", "default")[0]["metadata"]["name"]
    outcome = sim.kubectl(f"delete pod {name} --grace-period 0 --force")
    assert outcome.stdout == f'pod "{name}" force deleted\n'
    assert outcome.stderr.startswith("Warning: Immediate deletion does not wait for confirmation")


def test_a_changed_object_is_printed_as_asked(web):
    assert web("label deploy web a=b -o jsonpath={.metadata.labels.a}") == "b"
    assert web("scale deploy web --replicas 3 -o name") == "deployment.apps/web\n"
    assert web("label deploy web --list") == "a=b\napp=web\n"
    assert web("taint nodes node-1 a=b:NoSchedule --overwrite") == "node/node-1 modified\n"


def test_labels_become_columns(web):
    header, row = web("get deploy -L app,x.example/team").splitlines()
    assert header.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "APP", "TEAM"]
    assert row.split()[-1] == "web"


def test_a_custom_resource_takes_no_strategic_patch(k):
    k("apply -f -", stdin=CRD)
    k("apply -f -", stdin="apiVersion: x.example/v1\nkind: W\nmetadata: {name: w}\n")
    said = k.fails("patch w w -p '{\"spec\":{}}'")
    assert said.startswith(
        "error: application/strategic-merge-patch+json is not supported by x.example/v1, Kind=W: the body"
    )
    assert k('patch w w --type merge -p \'{"spec":{"a":1}}\'') == "w.x.example/w patched\n"


CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ws.x.example}
spec:
  group: x.example
  scope: Namespaced
  names: {plural: ws, singular: w, kind: W}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
