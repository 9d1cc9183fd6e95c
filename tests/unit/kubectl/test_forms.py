"""Words for kinds, and what is printed in forms that real clients print otherwise than one would think."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize("word", ["deployment.apps", "deployments.v1.apps", "deployment.v1.apps", "deploy"])
def test_ways_to_name_a_kind(web, word):
    assert web(f"get {word} web -o name") == "deployment.apps/web\n"
    assert web("get pods.v1. -o name").startswith("pod/web-")
    assert (
        web.fails("get deployment.v9.apps web")
        == 'error: the server doesn\'t have a resource type "deployment"\n'
    )


def test_owners_of_fields_are_left_out_of_yaml_and_json_only(web):
    assert "managedFields" not in web("get deploy web -o yaml")
    assert "managedFields" in web("get deploy web -o jsonpath={.metadata}")
    assert "kubectl-client-side-apply" in web("get deploy web -o go-template={{.metadata.managedFields}}")


def test_the_scale_of_an_object_has_columns_of_its_own(web):
    lines = web("get deploy web --subresource scale").splitlines()
    assert lines[0].split() == ["NAME", "DESIRED", "AVAILABLE", "AGE"]
    assert web('patch deploy web --subresource scale --type merge -p \'{"spec":{"replicas":3}}\'') == (
        "scale.autoscaling/web patched\n"
    )


def test_a_cell_ends_with_its_first_line_and_cannot_command_the_terminal(k):
    for name, message in [("one", "first\nsecond"), ("two", "left\rright"), ("three", "\x1b[31mred")]:
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": "default"},
            "involvedObject": {"kind": "Pod", "name": name, "namespace": "default"},
            "reason": "Told",
            "message": message,
        }
        k("create -f -", stdin=json.dumps(event))
    lines = k("get events --no-headers").splitlines()
    assert sorted(line.split()[-1] for line in lines if "Told" in line) == [
        "^[[31mred",
        "first...",
        "left...",
    ]
    assert "\x1b" not in k("events") + k("get events -o custom-columns=TEXT:.message") + k(
        "describe event three"
    )


def test_a_path_beyond_a_list_shows_the_template_and_the_object(web):
    said = web.fails("get deploy web -o jsonpath={.spec.template.spec.containers[5]}")
    assert said.startswith(
        'error: error executing jsonpath "{.spec.template.spec.containers[5]}": Error executing template: array index '
        "out of bounds: index 5, length 1. Printing more information for debugging the template:\n\ttemplate was:\n"
        "\t\t{.spec.template.spec.containers[5]}\n\tobject given to jsonpath engine was:\n"
        '\t\tmap[string]interface {}{"apiVersion":"apps/v1", "kind":"Deployment", '
    )


def test_events_as_a_list(web):
    shown = web("events --for deploy/web -o yaml")
    assert shown.startswith("apiVersion: v1\nitems:\n- ")
    assert shown.endswith("kind: EventList\nmetadata: {}\n")


def test_a_class_of_volumes_in_full(k):
    k(
        "create -f -",
        stdin="{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: c}, provisioner: a.b/c, "
        "mountOptions: [ro, hard], allowedTopologies: [{matchLabelExpressions: [{key: zone, values: [a, b]}]}]}",
    )
    assert "MountOptions:\n  ro\n  hard\n" in k("describe sc c")
    assert "AllowedTopologies:  \n  Term 0:           zone in [a, b]\n" in k("describe sc c")


def test_one_object_that_is_missing_leaves_nothing_described(web, sim):
    outcome = sim.kubectl("describe svc/nope deploy/web")
    assert (outcome.stdout, outcome.stderr) == (
        "",
        'Error from server (NotFound): services "nope" not found\n',
    )


@pytest.mark.parametrize(("body", "given"), [("[]", "array"), ('"x"', "string")])
def test_a_patch_that_is_no_object(web, body, given):
    said = web.fails(["patch", "deploy", "web", "-p", body])
    assert said == (
        f"Error from server (BadRequest): json: cannot unmarshal {given} into Go value of type map[string]interface {{}}\n"
    )
