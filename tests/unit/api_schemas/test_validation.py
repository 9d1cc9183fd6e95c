"""Validation, replayed against recorded refusals (and acceptances) of a real server."""

import json
import re
from pathlib import Path

import pytest

from kcsim.api import objects
from kcsim.api.catalog import Catalog
from kcsim.api.defaults.table import default
from kcsim.api.defaults.workloads import job_selector
from kcsim.api.ip_families import families_wrong
from kcsim.api.patch import merge_patch
from kcsim.api.resources import gvk_of
from kcsim.api.schemas.check import Checker, type_error
from kcsim.api.validation.batch import schedule_error
from kcsim.api.validation.field import FieldError, invalid, not_supported, required
from kcsim.api.validation.metadata import object_meta_update
from kcsim.api.validation.rules import CREATE, UPDATE, validate_create, validate_update

TEXT = (Path(__file__).parent / "recorded" / "invalid.json").read_text("utf-8")
# Placeholders of the recordings get values of the right type.
TEXT = re.sub(r'"<nodeport:(\d)>"', r"3000\1", TEXT.replace("<time>", "2020-01-01T00:00:00Z"))
TEXT = re.sub(r"<(uid|rand|rv):(\d+)>", r"\1\2", TEXT)
RECORDED = json.loads(TEXT)["cases"]
# Refused by other parts of the server: the address allocator, and the decoding of patches.
ELSEWHERE = ("failed to allocate IP", "is registered for version")
CASES = [case for case in RECORDED if not any(text in case["message"] for text in ELSEWHERE)]
CREATES = [case for case in CASES if "method" not in case]
UPDATES = [case for case in CASES if case.get("type") == "application/merge-patch+json"]


def accepted(obj):
    """The object decoded and defaulted, with what strategies add before validation."""
    gvk = gvk_of(obj)
    known, faults = Checker().decode(obj, gvk)
    assert type_error(faults) is None
    obj = default(known, gvk)
    if gvk[2] == "Job" and "uid" not in obj["metadata"]:
        obj = job_selector(objects.with_metadata(obj, uid="u"), "u")
    if gvk[2] == "Namespace":
        obj = objects.with_labels(obj, {"kubernetes.io/metadata.name": obj["metadata"]["name"]})
    if gvk[2] == "Event":
        obj = objects.with_metadata(obj, namespace="inv-other")
    return obj, gvk


def comparable(causes):
    """Causes without repetitions, and without the Go structs in diffs and immutable templates."""
    found = {}
    for reason, field, message in causes:
        text = message.partition("\n@@")[0]
        if field == "spec.template":
            text = re.sub(r": \{.*\}: ", ": {...}: ", text)
        found[reason, field, text] = None
    return list(found)


def causes_of(errors):
    return [(error.cause_reason, error.field, error.cause_message) for error in errors]


def name(case):
    obj = case["object"]
    return f"{case['source']}-{case['resource']}-{json.dumps(obj.get('spec', obj))[:60]}"


@pytest.mark.parametrize("case", CREATES, ids=name)
def test_creates_are_refused_in_the_servers_words(case):
    obj, gvk = accepted(case["object"])
    errors = validate_create(obj, gvk)
    if gvk[2] == "Service" and not errors:
        # Asked when addresses are given out, which comes after: the recorded server has one family.
        errors = families_wrong(obj["spec"], ("IPv4",))
    assert comparable(causes_of(errors)) == comparable(case["causes"])


@pytest.mark.parametrize("case", UPDATES, ids=name)
def test_updates_are_refused_in_the_servers_words(case):
    old = case["old"]
    new, gvk = accepted(merge_patch.apply(old, case["object"]))
    if gvk[2] == "Service" and new["spec"].get("clusterIP") != old["spec"].get("clusterIP"):
        # The registry keeps the list in step with the single address.
        new = objects.assoc(new, ("spec", "clusterIPs"), [new["spec"]["clusterIP"]])
    assert comparable(causes_of(validate_update(new, old, gvk))) == comparable(case["causes"])


def test_what_was_stored_may_be_stored_again():
    seen = set()
    for case in UPDATES:
        old, gvk = accepted(case["old"])
        assert validate_update(old, old, gvk) == []
        seen.add(gvk[2])
    assert len(seen) > 15


def test_pod_updates_that_are_allowed():
    gvk = ("", "v1", "Pod")
    pod, _ = accepted(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": "n"},
            "spec": {"containers": [{"name": "a", "image": "b:1"}], "activeDeadlineSeconds": 50},
        }
    )
    allowed = [
        (("spec", "containers", 0, "image"), "b:2"),
        (("spec", "activeDeadlineSeconds"), 40),
        (("spec", "tolerations"), [{"key": "k", "operator": "Exists"}]),
        (("metadata", "labels"), {"a": "b"}),
    ]
    for path, value in allowed:
        assert validate_update(objects.assoc(pod, path, value), pod, gvk) == [], path
    refused = validate_update(objects.assoc(pod, ("spec", "hostname"), "h"), pod, gvk)
    assert [error.field for error in refused] == ["spec"]
    assert '+ "Hostname": "h"' in str(refused[0])


@pytest.mark.parametrize(
    ("error", "text", "reason"),
    [
        (required("a.b"), "a.b: Required value", "FieldValueRequired"),
        (required("a", "why"), "a: Required value: why", "FieldValueRequired"),
        (invalid("a", "x", "bad"), 'a: Invalid value: "x": bad', "FieldValueInvalid"),
        (invalid("a", None, "bad"), "a: Invalid value: null: bad", "FieldValueInvalid"),
        (
            not_supported("a", "x", ("b", "c")),
            'a: Unsupported value: "x": supported values: "b", "c"',
            "FieldValueNotSupported",
        ),
        (FieldError("NotFound", "a", "v", ""), 'a: Not found: "v"', "FieldValueNotFound"),
    ],
)
def test_errors_read_as_upstreams(error, text, reason):
    assert str(error) == text
    assert error.cause_reason == reason


def test_no_finalizers_are_added_to_what_is_being_deleted():
    old = {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["e.x/a"]}
    errors = object_meta_update({**old, "finalizers": ["e.x/a", "e.x/b"]}, old)
    assert [str(error) for error in errors] == [
        (
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
            'found new finalizers []string{"e.x/b"}'
        )
    ]
    assert object_meta_update({**old, "finalizers": []}, old) == []


def test_requests_may_not_exceed_limits():
    resources = {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}
    spec = {"containers": [{"name": "a", "image": "b", "resources": resources}]}
    pod, gvk = accepted({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    assert [str(error) for error in validate_create(pod, gvk)] == [
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'
    ]


@pytest.mark.parametrize(
    ("schedule", "error"),
    [
        ("*/5 * * * *", ""),
        ("0 9-17 * JAN-MAR mon,fri", ""),
        ("@hourly", ""),
        ("@every 1h30m", ""),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
    ],
)
def test_schedules_parse_as_cron_does(schedule, error):
    assert schedule_error(schedule) == error


def test_every_rule_takes_a_bare_object():
    for gvk in sorted(CREATE):
        validate_create({"metadata": {"name": "x"}}, gvk)
    for gvk in sorted(UPDATE):
        validate_update({"metadata": {"name": "x"}}, {"metadata": {"name": "x"}}, gvk)


def test_every_rule_belongs_to_a_served_kind():
    catalog = Catalog()
    assert all(catalog.by_gvk(gvk) for gvk in [*CREATE, *UPDATE])


def test_mounts_of_a_stateful_set_may_name_its_claim_templates():
    container = {"name": "db", "image": "db:1", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    template = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [container]}}
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    spec = {"selector": {"matchLabels": {"app": "db"}}, "template": template, "volumeClaimTemplates": [claim]}
    obj = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "a"},
        "spec": spec,
    }
    assert not validate_create(*accepted(obj))
    ending = objects.assoc(obj, ("spec", "template", "spec", "activeDeadlineSeconds"), 5)
    (error,) = validate_create(*accepted(ending))
    assert "activeDeadlineSeconds in StatefulSet is not Supported" in str(error)
