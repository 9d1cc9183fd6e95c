"""When a live object is as a manifest wants it."""

import pytest

from kcsim.api.catalog import Catalog
from kcsim.api.ownership import Ownership
from kcsim.manifests import read
from kcsim.scenario.wanted import deviation, wanted_objects

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web:1
          resources: {requests: {cpu: 0.5}}
"""


def wanted(text: str):
    (found,) = wanted_objects([manifest.object for manifest in read(text, "m")], Catalog(), cluster="")
    return found


def stored(text: str) -> dict:
    """The manifest as a server would hold it, with defaults and what others add."""
    from kcsim.api.defaults.table import default

    obj = wanted(text).manifest
    made = default(obj, wanted(text).resource.gvk)
    return {
        **made,
        "metadata": {**made["metadata"], "uid": "1", "annotations": {"other": "tool"}},
        "status": {},
    }


def test_defaults_and_what_others_add_are_no_deviation():
    assert deviation(stored(DEPLOYMENT), wanted(DEPLOYMENT), Ownership()) is None


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("replicas: 2", "replicas: 3", {"spec": {"replicas": 2}}),
        (
            "labels: {app: web}}\nspec",
            "labels: {app: other}}\nspec",
            {"metadata": {"labels": {"app": "web"}}},
        ),
        ("cpu: 0.5", "cpu: 500m", None),
        ("  replicas: 2\n", "  replicas: 2\n  minReadySeconds: 5\n", None),
        (
            "        - name: web\n          image: web:1\n",
            "        - name: web\n          image: web:1\n          env: [{name: A, value: b}]\n",
            None,
        ),
    ],
)
def test_only_what_the_manifest_names_counts(old, new, change):
    assert old in DEPLOYMENT
    assert deviation(stored(DEPLOYMENT.replace(old, new)), wanted(DEPLOYMENT), Ownership()) == change


def test_an_object_that_goes_is_a_deviation():
    live = stored(DEPLOYMENT)
    going = {**live, "metadata": {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert deviation(None, wanted(DEPLOYMENT), Ownership()) == "deleted"
    assert deviation(going, wanted(DEPLOYMENT), Ownership()) == "deleted"


def test_secrets_written_as_text_are_compared_as_stored():
    secret = wanted("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n")
    live = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "default"},
        "data": {"a": "Yg=="},
    }
    assert deviation(live, secret, Ownership()) is None
    assert deviation({**live, "data": {"a": "eA=="}}, secret, Ownership()) == {"data": {"a": "Yg=="}}


def test_kinds_the_cluster_does_not_have_are_left_out():
    text = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\n"
    assert wanted_objects([read(text, "m")[0].object], Catalog(), cluster="") == []
