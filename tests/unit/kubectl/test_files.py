"""What kubectl says of files that hold no objects, and of objects that cannot be meant."""

from __future__ import annotations

import pytest

_UNCHECKED = "; if you choose to ignore these errors, turn validation off with --validate=false"
_VALIDATING = 'error: error validating "STDIN": error validating data: '
NO_OBJECTS = [
    ("apply -f -", "{", "error: error parsing STDIN: unexpected EOF"),
    ("apply -f -", "a: b", f"{_VALIDATING}[apiVersion not set, kind not set]{_UNCHECKED}"),
    ("create -f -", "[]", f"{_VALIDATING}invalid object to validate{_UNCHECKED}"),
    ("apply -f -", "\ta: b", "error: error parsing STDIN: error converting YAML to JSON: yaml: found character that cannot start any token"),
    ("delete -f -", "a: b", "error: unable to decode \"STDIN\": Object 'Kind' is missing in '{\"a\":\"b\"}'"),
    ("delete -f -", "[]", 'error: unable to decode "STDIN": json: cannot unmarshal array into Go value of type unstructured.detector'),
    ("create -f -", "", "error: no objects passed to create"),
]  # fmt: skip
NAMELESS = "{apiVersion: v1, kind: Pod, metadata: {}}"
CONF = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: '1'}}"


@pytest.mark.parametrize(
    ("line", "text", "said"), NO_OBJECTS, ids=[f"{line} {text}" for line, text, _ in NO_OBJECTS]
)
def test_files_without_objects(k, line, text, said):
    assert k.fails(line, stdin=text) == f"{said}\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("apply --server-side -f -", "error: resource name may not be empty\n"),
        ("replace -f -", 'error: error when replacing "STDIN": resource name may not be empty\n'),
        ("delete -f -", 'error: error when deleting "STDIN": resource name may not be empty\n'),
    ],
)
def test_an_object_without_a_name(k, line, said):
    assert k.fails(line, stdin=NAMELESS) == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("apply -f - --force-conflicts", "error: --force-conflicts only works with --server-side\n"),
        (
            "apply -f - --validate=maybe",
            (
                'error: invalid - validate option "maybe"; must be one of: strict (or true), warn, '
                "ignore (or false)\n"
            ),
        ),
        ("apply x", "error: Unexpected args: [x]\nSee 'kubectl apply -h' for help and examples\n"),
    ],
)
def test_flags_that_do_not_fit(k, line, said):
    assert k.fails(line, stdin=CONF) == said


def test_what_was_applied_last_can_be_noted(k):
    note = (
        "error: no last-applied-configuration annotation found on resource: c, to create the annotation, run the "
        "command with --create-annotation\n"
    )
    k("create -f -", stdin=CONF)
    assert k.fails("apply set-last-applied -f -", stdin=CONF) == note
    assert k("apply set-last-applied -f - --create-annotation", stdin=CONF) == "configmap/c configured\n"
    assert k("apply set-last-applied -f -", stdin=CONF) == "set-last-applied c: no changes required.\n"
    assert k.fails("apply view-last-applied cm c -o name") == (
        "error: Unexpected -o output mode: name, the flag 'output' must be one of yaml|json\n"
        "See 'kubectl apply view-last-applied -h' for help and examples\n"
    )
    assert k("apply view-last-applied cm c -o json") == (
        '{\n  "apiVersion": "v1",\n  "data": {\n    "a": "1"\n  },\n  "kind": "ConfigMap",\n'
        '  "metadata": {\n    "name": "c",\n    "namespace": "default"\n  }\n}\n'
    )


def test_create_tries_objects_of_files_and_notes_them(k):
    assert k("create -f - --dry-run=client", stdin=CONF) == "configmap/c created (dry run)\n"
    assert k("create -f - --dry-run=server", stdin=CONF) == "configmap/c created (server dry run)\n"
    assert k("get cm -o name") == "configmap/kube-root-ca.crt\n" or "configmap/c" not in k("get cm -o name")
    k("create -f - --save-config", stdin=CONF)
    assert k("apply -f -", stdin=CONF) == "configmap/c unchanged\n"
    assert k("create -f - --dry-run=client", stdin=CONF) == "configmap/c created (dry run)\n"


def test_replace_prints_and_tries(k):
    k("create -f -", stdin=CONF)
    assert "kind: ConfigMap" in k("replace -f - -o yaml", stdin=CONF.replace("'1'", "'2'"))
    assert k("replace -f - --dry-run=client", stdin=CONF) == "configmap/c replaced (dry run)\n"
    assert k("get cm c -o jsonpath={.data.a}") == "2"
    assert "(NotFound)" in k.fails("replace -f - --subresource status", stdin=CONF)
