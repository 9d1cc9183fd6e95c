"""Defaults, replayed against recorded answers of a real server."""

import json
from pathlib import Path

import pytest

from kcsim.api.defaults.core_pod import default_pull_policy
from kcsim.api.defaults.table import DEFAULTERS, default
from kcsim.api.defaults.workloads import job_selector
from kcsim.api.resources import gvk_of
from kcsim.api.schemas.check import Checker, check

RECORDED = json.loads((Path(__file__).parent / "recorded" / "defaults.json").read_text("utf-8"))["cases"]
# Events have no defaults; the times and sources they show empty belong to the encoder.
CASES = [case for case in RECORDED if case["sent"]["kind"] != "Event"]
EXACT = [case for case in RECORDED if "<" not in json.dumps(case["stored"])]
# Admission and registry strategies add these; the defaulters here do not.
STRATEGY_FIELDS = {
    "Service": ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"),
    "Pod": ("serviceAccount", "serviceAccountName", "tolerations", "priority", "preemptionPolicy"),
    "Node": ("taints",),
    "Job": ("selector",),
}


def without_server_fields(obj):
    obj = json.loads(json.dumps(obj))
    kind, spec = obj["kind"], obj.get("spec") or {}
    for name in STRATEGY_FIELDS.get(kind, ()):
        spec.pop(name, None)
    if kind == "Pod":
        spec["volumes"] = [v for v in spec.get("volumes", ()) if not v["name"].startswith("kube-api-access")]
        if not spec["volumes"]:
            del spec["volumes"]
        for container in spec.get("containers", []) + spec.get("initContainers", []):
            container.pop("volumeMounts", None)
    if kind == "Job":
        obj["metadata"].pop("labels", None)
        spec["template"]["metadata"].pop("labels", None)
    if kind == "Service":
        for port in spec.get("ports", ()):
            if str(port.get("nodePort", "")).startswith("<"):
                del port["nodePort"]
    if kind == "Node":
        obj["status"] = {k: v for k, v in obj["status"].items() if k in ("capacity", "allocatable")}
        spec or obj.pop("spec", None)
    obj["metadata"].pop("finalizers", None)
    if kind == "DaemonSet":
        obj["metadata"].pop("annotations", None)
    for template in spec.get("volumeClaimTemplates", ()):
        template.setdefault("status", {"phase": "Pending"})
    return obj


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"{c['source']}-{c['sent']['kind']}-{c['sent']['metadata']['name']}"
)
def test_defaults_are_the_servers(case):
    sent, stored = case["sent"], case["stored"]
    gvk = gvk_of(sent)
    known, faults = Checker().decode(sent, gvk)
    assert faults == []
    got = default(known, gvk)
    expected = without_server_fields(stored)
    # Empty members that Go prints are the strategies' business.
    if gvk[2] == "Lease":
        expected.pop("spec")
    if gvk[2] == "Role":
        expected.pop("rules")
    assert without_server_fields(got) == expected
    assert default(got, gvk) == got


@pytest.mark.parametrize(
    "case", EXACT, ids=lambda c: f"{c['source']}-{c['sent']['kind']}-{c['sent']['metadata']['name']}"
)
def test_what_is_stored_has_no_structural_faults(case):
    assert check(case["stored"], gvk_of(case["stored"])) == []


def test_nothing_missing_gives_the_same_object():
    for case in CASES:
        gvk = gvk_of(case["sent"])
        once = default(case["sent"], gvk)
        assert default(once, gvk) is once, gvk


def test_input_is_not_changed():
    for case in CASES:
        before = json.dumps(case["sent"])
        default(case["sent"], gvk_of(case["sent"]))
        assert json.dumps(case["sent"]) == before


def test_pods_of_one_template_share_one_spec():
    spec = {"containers": [{"name": "a", "image": "b:1", "resources": {"limits": {"cpu": "1"}}}]}
    gvk = ("", "v1", "Pod")
    first, second = (default({"metadata": {"name": name}, "spec": spec}, gvk) for name in "ab")
    assert first["spec"] is second["spec"]
    assert first["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "1"}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("app", "Always"),
        ("app:latest", "Always"),
        ("app:1", "IfNotPresent"),
        ("host:5000/app", "Always"),
        ("host:5000/app:v2", "IfNotPresent"),
        ("app@sha256:aa", "IfNotPresent"),
        ("app:latest@sha256:aa", "Always"),
        ("", "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image, policy):
    assert default_pull_policy(image) == policy


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("1000m", "1"), (2, "2"), (0.5, "500m"), ("1024Mi", "1Gi"), ("100m", "100m")],
)
def test_quantities_are_stored_canonical(sent, stored):
    claim = {"metadata": {"name": "a"}, "spec": {"resources": {"requests": {"storage": sent}}}}
    got = default(claim, ("", "v1", "PersistentVolumeClaim"))
    assert got["spec"]["resources"]["requests"]["storage"] == stored


def test_times_are_stored_in_utc_seconds():
    secret = {"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T02:00:00.5+02:00"}}
    got = default(secret, ("", "v1", "Secret"))
    assert got["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"


def test_job_selector_and_labels_come_from_the_uid():
    sent = next(
        c["sent"] for c in CASES if c["sent"]["kind"] == "Job" and c["source"] == "defaulting-workloads"
    )
    got = job_selector(default(sent, ("batch", "v1", "Job")), "u-1")
    labels = {
        "batch.kubernetes.io/controller-uid": "u-1",
        "batch.kubernetes.io/job-name": "min",
        "controller-uid": "u-1",
        "job-name": "min",
    }
    assert got["metadata"]["labels"] == got["spec"]["template"]["metadata"]["labels"] == labels
    assert got["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u-1"}}


def test_every_defaulter_takes_a_bare_object():
    for gvk in DEFAULTERS:
        default({"metadata": {"name": "x"}}, gvk)
