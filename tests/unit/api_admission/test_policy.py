"""ValidatingAdmissionPolicy: what is matched, judged, refused, warned of, and what no policy may be."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.admission.policy.typechecking import type_warnings
from kcsim.api.schemas.definitions import definition
from tests.unit.api_admission.conftest import ADMISSION, containers

CONFIG_MAPS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}


def policy(
    door: Any, *validations: Any, rules: Any = None, actions: Any = None, bound: Any = None, **spec: Any
) -> Any:
    """A policy of ConfigMaps named p, and its binding."""
    texts = [v if isinstance(v, dict) else {"expression": v} for v in validations]
    match = {"resourceRules": rules or [CONFIG_MAPS], **spec.pop("match", {})}
    made = door.create(
        ADMISSION,
        "ValidatingAdmissionPolicy",
        "p",
        spec={"matchConstraints": match, "validations": texts, **spec},
    )
    binding = {"policyName": "p", "validationActions": actions or ["Deny"], **(bound or {})}
    door.create(ADMISSION, "ValidatingAdmissionPolicyBinding", "b", spec=binding)
    return made


def denied(message: str, name: str = "c") -> tuple[int, str]:
    text = f"ValidatingAdmissionPolicy 'p' with binding 'b' denied request: {message}"
    return 422, f'configmaps "{name}" is forbidden: {text}'


def test_the_first_validation_that_does_not_hold_refuses(door):
    policy(
        door,
        {"expression": "has(object.data)", "message": "data, please"},
        {"expression": "object.data.a == 'b'", "messageExpression": "'a is ' + object.data.a"},
        {"expression": "!has(object.data.z)", "reason": "Forbidden"},
    )
    assert door.create("v1", "ConfigMap", "c") == denied("data, please")
    assert door.create("v1", "ConfigMap", "c", data={"a": "x"}) == denied("a is x")
    code, message = door.create("v1", "ConfigMap", "c", data={"a": "b", "z": ""})
    assert (code, message.rpartition(": ")[2]) == (403, "!has(object.data.z)")
    assert door.create("v1", "ConfigMap", "c", data={"a": "b"})["data"] == {"a": "b"}
    assert door.create("v1", "Secret", "c")["kind"] == "Secret"


def test_updates_and_deletions_see_what_was(door):
    policy(
        door,
        "request.operation != 'UPDATE' || object.data.a == oldObject.data.a",
        "request.operation != 'DELETE'",
    )
    door.create("v1", "ConfigMap", "c", data={"a": "1"})
    assert door.patch("configmaps", "c", {"data": {"a": "2"}})[0] == 422
    assert door.patch("configmaps", "c", {"data": {"b": "2"}})["data"] == {"a": "1", "b": "2"}
    assert door.delete("configmaps", "c") == denied("failed expression: request.operation != 'DELETE'")


def test_warnings_pass_and_are_told(door):
    policy(door, {"expression": "false", "message": "no"}, actions=["Warn", "Audit"])
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    assert door.warned(door.client.create("configmaps", obj, "a")) == (
        "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no",
    )


FAILS = "expression 'object.data.nope == 1' resulted in error: no such key: nope"


@pytest.mark.parametrize(("failure_policy", "refused"), [("Fail", True), ("Ignore", False)])
def test_failure_policy(door, failure_policy, refused):
    policy(door, "object.data.nope == 1", failurePolicy=failure_policy)
    answer = door.create("v1", "ConfigMap", "c", data={"a": "b"})
    assert (answer == denied(FAILS)) is refused


def test_match_conditions_decide_whether_a_policy_is_asked(door):
    condition = {"name": "not-mine", "expression": "request.userInfo.username != 'me'"}
    policy(door, "false", matchConditions=[condition])
    assert door.create("v1", "ConfigMap", "c", client=door.as_user("me"))["kind"] == "ConfigMap"
    assert door.create("v1", "ConfigMap", "d", client=door.as_user("you"))[0] == 422


def test_variables_are_worked_out_when_named(door):
    variables = [
        {"name": "data", "expression": "has(object.data) ? object.data : {}"},
        {"name": "size", "expression": "size(variables.data)"},
        {"name": "bad", "expression": "object.nope"},
    ]
    policy(
        door,
        {"expression": "variables.size > 0", "messageExpression": "string(variables.size) + ' entries'"},
        "variables.size > 1 || variables.bad == 1",
        variables=variables,
    )
    assert door.create("v1", "ConfigMap", "c") == denied("0 entries")
    assert door.create("v1", "ConfigMap", "c", data={"a": "", "b": ""})["kind"] == "ConfigMap"
    code, message = door.create("v1", "ConfigMap", "d", data={"a": ""})
    assert code == 422
    assert message.endswith('composited variable "bad" fails to evaluate: no such key: nope')


def test_parameters(door):
    ref = {"name": "limits", "namespace": "a", "parameterNotFoundAction": "Deny"}
    policy(
        door,
        "object.metadata.name == 'limits' || size(object.data) <= int(params.data.max)",
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        bound={"paramRef": ref},
    )
    missing = (
        "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
    )
    assert door.create("v1", "ConfigMap", "c", data={}) == denied(missing)
    door.patch(
        "validatingadmissionpolicybindings.admissionregistration.k8s.io", "b", {"spec": {"paramRef": None}}
    )
    door.create("v1", "ConfigMap", "limits", data={"max": "1"})
    door.patch(
        "validatingadmissionpolicybindings.admissionregistration.k8s.io", "b", {"spec": {"paramRef": ref}}
    )
    assert door.create("v1", "ConfigMap", "c", data={"a": ""})["kind"] == "ConfigMap"
    assert door.create("v1", "ConfigMap", "d", data={"a": "", "b": ""})[0] == 422


def test_the_namespace_and_the_authorizer_can_be_asked(door):
    policy(
        door,
        "namespaceObject.metadata.labels.stage == 'test'",
        "authorizer.group('apps').resource('deployments').namespace('a').check('create').allowed()",
        "!authorizer.serviceAccount('a', 'default').group('').resource('secrets').check('get').allowed()",
        "authorizer.requestResource.check('create').allowed()",
    )
    assert door.create("v1", "ConfigMap", "c")["kind"] == "ConfigMap"


@pytest.mark.parametrize(
    ("match", "refused"),
    [
        ({}, True),
        ({"resourceRules": [{**CONFIG_MAPS, "resources": ["*"]}]}, True),
        ({"resourceRules": [{**CONFIG_MAPS, "resources": ["configmaps/status"]}]}, False),
        ({"resourceRules": [{**CONFIG_MAPS, "operations": ["UPDATE"]}]}, False),
        ({"resourceRules": [{**CONFIG_MAPS, "scope": "Cluster"}]}, False),
        ({"resourceRules": [{**CONFIG_MAPS, "resourceNames": ["d"]}]}, False),
        ({"excludeResourceRules": [CONFIG_MAPS]}, False),
        ({"namespaceSelector": {"matchLabels": {"stage": "test"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"stage": "live"}}}, False),
        ({"objectSelector": {"matchLabels": {"app": "web"}}}, True),
        ({"objectSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}}, False),
    ],
)
def test_what_a_policy_matches(door, match, refused):
    policy(door, "false", match=match)
    answer = door.create("v1", "ConfigMap", "c", labels={"app": "web"})
    assert (answer == denied("failed expression: false")) is refused


def test_policies_do_not_judge_policies(door):
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}
    policy(door, "false", rules=[everything])
    assert door.create("v1", "ConfigMap", "c")[0] == 422
    assert isinstance(door.delete("validatingadmissionpolicies.admissionregistration.k8s.io", "p"), dict)
    assert door.create("v1", "ConfigMap", "c")["kind"] == "ConfigMap"


def test_scale_is_judged_as_scale(door):
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["UPDATE"],
        "resources": ["deployments/scale"],
    }
    policy(door, "object.kind == 'Scale' && object.spec.replicas < 5", rules=[rule])
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": containers({})}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    door.create("apps/v1", "Deployment", "web", spec=spec)
    assert door.patch("deployments", "web", {"spec": {"replicas": 9}}, subresource="scale")[0] == 422
    assert door.patch("deployments", "web", {"spec": {"replicas": 9}})["spec"]["replicas"] == 9


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"validations": [{"expression": "object.spec."}]}, "spec.validations[0].expression: Invalid value"),
    ({"validations": [{"expression": "1"}]}, "must evaluate to bool but got int"),
    (
        {"validations": [{"expression": ""}]},
        "spec.validations[0].expression: Required value: expression is not specified",
    ),
    ({"validations": [{"expression": "params.x"}]}, "undeclared reference to 'params' (in container '')"),
    ({"validations": [{"expression": "request.nope == 1"}]}, "undefined field 'nope'"),
    ({"validations": [{"expression": "variables.nope"}]}, "ERROR: <input>:1:10: undefined field 'nope'"),
    (
        {"validations": [{"expression": "true", "messageExpression": "1"}]},
        'spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int',
    ),
    (
        {
            "validations": [
                {"expression": "true", "messageExpression": "authorizer.path('/').check('get').reason()"}
            ]
        },
        "undeclared reference to 'authorizer' (in container '')",
    ),
    ({"variables": [{"name": "in", "expression": "1"}]}, "name is not a valid CEL identifier"),
    (
        {"matchConditions": [{"name": "a b", "expression": "true"}]},
        "spec.matchConditions[0].name: Invalid value",
    ),
    ({"paramKind": {"apiVersion": "v1"}}, "spec.paramKind.kind: Required value"),
    (
        {"auditAnnotations": [{"key": "k", "valueExpression": "1"}]},
        'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type] but got int',
    ),
]


@pytest.mark.parametrize(("spec", "message"), FAULTS)
def test_what_no_policy_may_be(door, spec, message):
    code, text = (
        policy(door, "true", **{k: v for k, v in spec.items() if k != "validations"})
        if ("validations" not in spec)
        else policy(door, *spec["validations"])
    )
    assert code == 422
    assert message in text


def test_types_are_checked_against_the_schemas_of_what_is_matched(door):
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["*"],
        "resources": ["deployments", "replicasets"],
    }
    made = policy(
        door,
        "object.spec.replicaz > 1",
        "object.spec.template.spec.containers.all(c, c.image.startsWith('a')) && object.metadata.namespace == 'a'",
        {"expression": "true", "messageExpression": "'x' + object.spec.minReadySeconds"},
        rules=[rule],
    )
    warnings = type_warnings(made, door.server.catalog, definition, door.server.authorizer)
    assert [warning["fieldRef"] for warning in warnings] == [
        "spec.validations[0].expression",
        "spec.validations[2].messageExpression",
    ]
    text = "ERROR: <input>:1:12: undefined field 'replicaz'\n | object.spec.replicaz > 1\n | ...........^\n"
    assert warnings[0]["warning"] == f"apps/v1, Kind=Deployment: {text}\napps/v1, Kind=ReplicaSet: {text}"
    assert "found no matching overload for '_+_' applied to '(string, int)'" in warnings[1]["warning"]
