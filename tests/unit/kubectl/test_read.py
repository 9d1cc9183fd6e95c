"""kubectl get, describe, wait, events, auth and api-resources: what is shown, and how."""

from __future__ import annotations

import json

import pytest


def test_a_table_has_the_columns_of_the_kind(web, sim):
    header, *rows = web("get pods").splitlines()
    assert header.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [row.split()[1:4] for row in rows] == [["1/1", "Running", "0"]] * 2
    assert web("get deploy").splitlines()[1].split()[:4] == ["web", "2/2", "2", "2"]


def test_wide_labels_namespaces_and_headers_are_switches(web):
    assert (
        web("get pods -o wide")
        .splitlines()[0]
        .endswith("IP           NODE     NOMINATED NODE   READINESS GATES")
    )
    assert web("get deploy --show-labels").splitlines()[1].endswith("app=web")
    assert web("get deploy -A").startswith("NAMESPACE   NAME")
    assert web("get deploy --no-headers").startswith("web ")


def test_several_kinds_are_told_apart_by_prefix(web):
    text = web("get deploy,rs")
    first, second = text.split("\n\n")
    assert first.splitlines()[1].startswith("deployment.apps/web ")
    assert second.splitlines()[1].startswith("replicaset.apps/web-")


def test_nothing_there_is_said_on_stderr(sim):
    outcome = sim.kubectl("get pods")
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert outcome.stderr == "No resources found in default namespace.\n"


FORMS = [
    ("get deploy web -o name", "deployment.apps/web\n"),
    ("get deploy web -o jsonpath={.spec.replicas}", "2"),
    ("get deploy -o jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}'", "web\n"),
    (
        "get deploy web -o jsonpath='{.spec.template.spec.containers[?(@.name==\"app\")].image}'",
        "registry.example/app:1",
    ),
    ("get deploy web -o custom-columns=NAME:.metadata.name,X:.spec.nope", "NAME   X\nweb    <none>\n"),
    ("get deploy web -o jsonpath={.spec.template.spec.containers[].name}", "app"),
    ("get deploy web --subresource scale -o jsonpath={.kind}", "Scale"),
]


@pytest.mark.parametrize(("line", "text"), FORMS, ids=[line for line, _ in FORMS])
def test_forms_of_output(web, line, text):
    assert web(line) == text


def test_json_is_one_object_by_name_and_a_list_otherwise(web):
    assert json.loads(web("get deploy web -o json"))["kind"] == "Deployment"
    listed = json.loads(web("get deploy -o json"))
    assert (listed["kind"], [item["kind"] for item in listed["items"]]) == ("List", ["Deployment"])
    assert "managedFields" not in web("get deploy web -o yaml")
    assert "managedFields:" in web("get deploy web -o yaml --show-managed-fields")


def test_sorting_goes_by_value(k):
    for name, replicas in (("a", 10), ("b", 9), ("c", 1)):
        k(f"create deployment {name} --image x --replicas {replicas}")
    assert k("get deploy --sort-by .spec.replicas -o name").split() == [
        "deployment.apps/c",
        "deployment.apps/b",
        "deployment.apps/a",
    ]


ERRORS = [
    ("get nope", 'error: the server doesn\'t have a resource type "nope"\n'),
    ("get pod nope", 'Error from server (NotFound): pods "nope" not found\n'),
    ("get", "You must specify the type of resource to get."),
    ("get pods -o nonsense", 'error: unable to match a printer suitable for the output format "nonsense"'),
    ("get pods -o jsonpath={.bad", "error: error parsing jsonpath {.bad, unclosed action\n"),
    (
        "get pods -o jsonpath={.items[-]}",
        "error: error parsing jsonpath {.items[-]}, invalid array index -\n",
    ),
    ("get pods x -l a=b", "error: name cannot be provided when a selector is specified\n"),
    (
        "get pods -l 'a in (b'",
        'Error from server (BadRequest): Unable to find "/v1, Resource=pods" that match label',
    ),
    (
        "get pods --field-selector nope=1",
        'Error from server (BadRequest): Unable to find "/v1, Resource=pods" that',
    ),
    ("describe pod nope", 'Error from server (NotFound): pods "nope" not found\n'),
]


@pytest.mark.parametrize(("line", "said"), ERRORS, ids=[line for line, _ in ERRORS])
def test_errors_of_reading(web, line, said):
    assert web.fails(line).startswith(said)


def test_describe_tells_of_replica_sets_conditions_and_events(web):
    text = web("describe deploy web")
    assert "Replicas:               2 desired | 2 updated | 2 total | 2 available | 0 unavailable\n" in text
    assert "  Available      True    MinimumReplicasAvailable\n" in text
    assert "(2/2 replicas created)\n" in text
    assert "deployment-controller  Scaled up replica set web-" in text


def test_describe_finds_pods_by_the_beginning_of_their_name(web):
    text = web("describe pod web-")
    assert text.count("Name:  ") == 2
    assert "Controlled By:  ReplicaSet/web-" in text
    assert "Successfully assigned default/web-" in text


def test_describe_node_counts_what_runs_there(web, sim):
    node = sim.list("pods", "default")[0]["spec"]["nodeName"]
    text = web(f"describe node {node}")
    assert "Non-terminated Pods:" in text
    assert "KubeletReady" in text


def test_wait_for_conditions_fields_and_absence(web, sim):
    assert web("wait deploy/web --for=condition=Available") == "deployment.apps/web condition met\n"
    assert (
        web("wait deploy/web --for=jsonpath='{.status.readyReplicas}'=2")
        == "deployment.apps/web condition met\n"
    )
    assert web.fails("wait deploy/web --for=jsonpath='{.spec.replicas}'=9 --timeout=2s") == (
        "error: timed out waiting for the condition on deployments/web\n"
    )
    assert web.fails("wait pod -l a=b --for=condition=Ready") == "error: no matching resources found\n"
    pod = sim.list("pods", "default")[0]["metadata"]["name"]
    web(f"delete pod {pod} --wait=false")
    assert web(f"wait pod/{pod} --for=delete") == f"pod/{pod} condition met\n"


def test_wait_passes_virtual_time_only_as_far_as_needed(k, sim):
    k("create deployment web --image x")
    k("wait deploy/web --for=condition=Available --timeout=60s")
    assert sim.now < 30


def test_events_and_rights_are_listed(web):
    assert web("events --for deploy/web").splitlines()[0].split()[:3] == ["LAST", "SEEN", "TYPE"]
    assert web("auth can-i create pods") == "yes\n"
    assert web("auth whoami").splitlines()[1] == "Username    kubernetes-admin"
    assert web("api-resources --api-group batch").splitlines()[1].split() == [
        "cronjobs",
        "cj",
        "batch/v1",
        "true",
        "CronJob",
    ]


def test_somebody_without_rights_is_refused_in_the_servers_words(web, sim):
    outcome = sim.kubectl("get pods --as alice")
    assert outcome.stderr == (
        'Error from server (Forbidden): pods is forbidden: User "alice" cannot list resource "pods" in API group "" in '
        'the namespace "default"\n'
    )
    assert sim.kubectl("auth can-i get pods --as alice").text == "no\n"


def test_waiting_for_something_to_be_made(k, sim):
    sim.engine.after(5_000_000, lambda: sim.kubectl("create cm conf"))
    assert k("wait --for=create cm/conf") == "configmap/conf condition met\n"
    assert 5 <= sim.now <= 6
    assert (
        k.fails("wait --for=create cm/later --timeout=3s") == "error: timed out waiting for the condition\n"
    )
    assert k.fails("wait --for=create cm") == "error: resource(s) were provided, but no name was specified\n"
    assert k.fails("wait --for=create cm -l a=b") == "error: no matching resources found\n"
