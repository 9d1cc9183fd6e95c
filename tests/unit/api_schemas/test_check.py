"""Structural checking gives the API server's words and leaves what Go's types keep."""

import pytest

from kcsim.api.schemas.check import Checker, check, find_faults, prune, strict_errors, type_error
from kcsim.api.schemas.definitions import compile_crd_schema, definition, definitions

DEPLOYMENT = ("apps", "v1", "Deployment")
POD = ("", "v1", "Pod")
CONFIG_MAP = ("", "v1", "ConfigMap")


def deployment(**spec):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
            },
            **spec,
        },
    }


TYPE_ERRORS = [
    (
        DEPLOYMENT,
        deployment(replicas="three"),
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    ),
    (
        DEPLOYMENT,
        deployment(template=[]),
        "json: cannot unmarshal array into Go struct field DeploymentSpec.spec.template of type v1.PodTemplateSpec",
    ),
    (
        POD,
        {"spec": {"containers": {"name": "a"}}},
        "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
    ),
    (
        CONFIG_MAP,
        {"data": {"n": 1}},
        "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
    ),
    (
        CONFIG_MAP,
        {"data": 5},
        "json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string",
    ),
    (
        CONFIG_MAP,
        {"metadata": {"labels": {"n": 1}}},
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
    ),
    (
        POD,
        {"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": "abc"}}}]}},
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ),
    (
        CONFIG_MAP,
        {"metadata": {"creationTimestamp": "yesterday"}},
        'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ),
    (("", "v1", "Secret"), {"data": {"a": "not base64!"}}, "illegal base64 data at input byte 3"),
    (
        DEPLOYMENT,
        deployment(replicas=1.5),
        "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
    ),
    (
        POD,
        {"spec": {"restartPolicy": 1}},
        "json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy",
    ),
]


@pytest.mark.parametrize(("gvk", "obj", "message"), TYPE_ERRORS)
def test_type_errors_read_as_the_servers(gvk, obj, message):
    fault = type_error(check(obj, gvk))
    assert fault is not None
    assert fault.message == message


def test_unknown_fields_come_in_document_order():
    obj = deployment(foo=1)
    obj["spec"]["template"]["spec"]["containers"][0]["bar"] = "x"
    assert strict_errors(check(obj, DEPLOYMENT)) == [
        'unknown field "spec.template.spec.containers[0].bar"',
        'unknown field "spec.foo"',
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("replica", "replicas"), ("Replicas", "replicas"), ("minReadySecond", "minReadySeconds"), ("zzz", None)],
)
def test_near_misses_are_suggested(written, meant):
    (fault,) = check(deployment(**{written: 1}), DEPLOYMENT)
    assert fault.path == ("spec", written)
    assert fault.suggestion == meant


def test_missing_required_fields_only_on_request():
    obj = {"spec": {"selector": {}}}
    assert check(obj, DEPLOYMENT) == []
    faults = list(find_faults(obj, definition(DEPLOYMENT), required=True))
    assert [fault.message for fault in faults] == ['missing required field "spec.template"']


def test_clean_objects_come_back_the_same():
    obj = deployment()
    assert prune(obj, DEPLOYMENT) is obj
    assert Checker().decode(obj, DEPLOYMENT) == (obj, [])


def test_pruning_drops_what_go_types_cannot_hold():
    obj = deployment(foo=1, paused=False, minReadySeconds=0, progressDeadlineSeconds=None)
    obj["metadata"] |= {"annotations": {}, "creationTimestamp": None, "finalizers": []}
    pod = obj["spec"]["template"]["spec"]
    pod |= {"nodeSelector": {}, "securityContext": {}, "volumes": []}
    pod["containers"][0] |= {"env": [{"name": "EMPTY", "value": ""}], "bar": 2}
    expected = deployment()
    expected["spec"]["template"]["spec"] |= {"securityContext": {}}
    expected["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "EMPTY"}]
    checker = Checker()
    pruned, faults = checker.decode(obj, DEPLOYMENT)
    assert pruned == expected
    assert len(faults) == 2
    assert checker.decode(pruned, DEPLOYMENT) == (pruned, [])


def test_memory_is_bounded_and_never_changes_results():
    checker = Checker(bound=4)
    good, bad = deployment(), deployment(foo=1)
    for _ in range(5):
        assert checker.check(good, DEPLOYMENT) == []
        assert len(checker.check(bad, DEPLOYMENT)) == 1
        # The same subtree at a place of another type is checked again.
        assert checker.check({"data": good["metadata"]["labels"]}, CONFIG_MAP) == []
        assert len(checker.check({"metadata": good["spec"]}, CONFIG_MAP)) == 3
    assert len(checker._known) <= 4


def test_kinds_without_a_schema_are_not_checked():
    assert check({"spec": {"anything": 1}}, ("example.com", "v1", "Widget")) == []


def test_every_definition_resolves():
    for name in definitions():
        node = definition(name)
        assert all(child.kind for child in node.fields.values())


def test_merge_facts_of_container_ports():
    ports = definition(DEPLOYMENT).at(("spec", "template", "spec", "containers", 0, "ports"))
    assert (ports.list_type, ports.list_map_keys) == ("map", ("containerPort", "protocol"))
    assert (ports.patch_strategy, ports.merge_key) == (("merge",), "containerPort")
    assert ports.element.fields["protocol"].default == "TCP"
    assert definition(DEPLOYMENT).at(("spec", "selector")).is_atomic


def test_custom_resource_schemas_compile():
    node = compile_crd_schema(
        {
            "type": "object",
            "properties": {
                "spec": {
                    "type": "object",
                    "properties": {
                        "size": {"type": "integer"},
                        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        "port": {"x-kubernetes-int-or-string": True},
                    },
                }
            },
        }
    )
    obj = {
        "apiVersion": "e/v1",
        "kind": "W",
        "metadata": {"name": "w"},
        "spec": {"free": {"a": [1]}, "port": "http"},
    }
    assert check(obj, node) == []
    assert [f.message for f in check({**obj, "spec": {"x": 1}}, node)] == ['unknown field "spec.x"']
    assert check(obj, compile_crd_schema(None)) == []
