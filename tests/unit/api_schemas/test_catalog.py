"""The catalog finds resources by path, kind and typed word, and follows custom resource definitions."""

import pytest

from kcsim.api.built_in import BUILT_IN
from kcsim.api.catalog import Catalog
from kcsim.api.resources import gvk_of, split_api_version
from kcsim.api.schemas.definitions import definition

CRD = {
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {
            "plural": "widgets",
            "singular": "widget",
            "kind": "Widget",
            "shortNames": ["wd"],
            "categories": ["all"],
        },
        "versions": [
            {"name": "v1alpha1", "served": True, "storage": False},
            {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}, "scale": {}}},
            {"name": "v0", "served": False, "storage": False},
        ],
    },
}


@pytest.mark.parametrize(
    ("word", "group_version", "plural"),
    [
        ("deploy", "apps/v1", "deployments"),
        ("Deployment", "apps/v1", "deployments"),
        ("deployments", "apps/v1", "deployments"),
        ("deployments.apps", "apps/v1", "deployments"),
        ("deployment.apps", "apps/v1", "deployments"),
        ("deployments.v1.apps", "apps/v1", "deployments"),
        ("po", "v1", "pods"),
        ("pods.v1", "v1", "pods"),
        ("ev", "v1", "events"),
        ("events.events.k8s.io", "events.k8s.io/v1", "events"),
        ("hpa", "autoscaling/v2", "horizontalpodautoscalers"),
        ("horizontalpodautoscalers.v1.autoscaling", "autoscaling/v1", "horizontalpodautoscalers"),
        ("ep", "v1", "endpoints"),
        ("crds", "apiextensions.k8s.io/v1", "customresourcedefinitions"),
    ],
)
def test_words_people_type(word, group_version, plural):
    found = Catalog().by_word(word)
    assert (found.group_version, found.plural) == (group_version, plural)


def test_unknown_words_find_nothing():
    assert Catalog().by_word("gizmos") is None
    assert Catalog().find("apps", "v2", "deployments") is None


def test_category_all_is_kubectls():
    names = [item.plural for item in Catalog().in_category("all")]
    assert names == [
        "pods",
        "replicationcontrollers",
        "services",
        "daemonsets",
        "deployments",
        "replicasets",
        "statefulsets",
        "horizontalpodautoscalers",
        "cronjobs",
        "jobs",
    ]


def test_group_resources_and_sub_resources():
    deployments = Catalog().find("apps", "v1", "deployments")
    assert deployments.group_resource == "deployments.apps"
    assert deployments.gvk == ("apps", "v1", "Deployment")
    assert deployments.subresource("scale").kind == "Scale"
    assert deployments.subresource("scale").group == "autoscaling"
    assert deployments.subresource("status").kind == "Deployment"
    assert deployments.subresource("log") is None


def test_every_stored_kind_has_a_definition_with_its_status():
    for resource in BUILT_IN:
        node = definition(resource.gvk)
        assert node is not None, resource
        if resource.has_status:
            assert "status" in node.fields, resource
        assert resource.storage == "" or resource.storage != resource.group_version


def test_custom_resources_come_and_go():
    catalog = Catalog()
    before = catalog.version
    stored, older = catalog.add_crd(CRD)
    assert (stored.version, stored.subresources, stored.storage) == ("v1", ("status", "scale"), "")
    assert (older.version, older.storage_version) == ("v1alpha1", "example.com/v1")
    assert not stored.strategic
    assert not stored.unconditional_update
    assert catalog.by_word("wd") is stored
    assert catalog.by_gvk(("example.com", "v1alpha1", "Widget")) is older
    assert catalog.find("example.com", "v0", "widgets") is None
    assert stored in catalog.in_category("all")
    assert catalog.version > before
    catalog.remove_crd(CRD)
    assert catalog.by_word("widgets") is None
    assert len(catalog) == len(BUILT_IN)
    assert not catalog.has_group("example.com", "v1")


def test_adding_a_definition_again_replaces_it():
    catalog = Catalog()
    catalog.add_crd(CRD)
    spec = {**CRD["spec"], "versions": [{"name": "v2", "served": True, "storage": True}]}
    catalog.add_crd({**CRD, "spec": spec})
    assert [item.version for item in catalog if item.group == "example.com"] == ["v2"]


def test_catalogs_are_independent():
    one, two = Catalog(), Catalog()
    one.add_crd(CRD)
    assert two.by_word("widgets") is None


@pytest.mark.parametrize(("text", "parts"), [("v1", ("", "v1")), ("apps/v1", ("apps", "v1")), ("", ("", ""))])
def test_api_versions_split(text, parts):
    assert split_api_version(text) == parts
    assert gvk_of({"apiVersion": text}) == (*parts, "")
