"""Inventory ids read back, and the stages of an apply."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.delivery.gitops import inventory, ordering


def thing(kind: str, name: str, namespace: str = "", api_version: str = "v1") -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


@pytest.mark.parametrize(
    ("obj", "id_"),
    [
        (thing("Deployment", "web", "shop", "apps/v1"), "shop_web_apps_Deployment"),
        (
            thing("ClusterRole", "system:a:b", "", "rbac.authorization.k8s.io/v1"),
            "_system__a__b_rbac.authorization.k8s.io_ClusterRole",
        ),
    ],
)
def test_ids_are_read_back(obj: dict[str, Any], id_: str) -> None:
    entry = inventory.entry(obj)
    assert entry["id"] == id_
    back = inventory.parse_entry(entry).as_object()
    assert (back["apiVersion"], back["kind"]) == (obj["apiVersion"], obj["kind"])
    assert back["metadata"]["name"] == obj["metadata"]["name"]


def test_broken_id_is_refused() -> None:
    with pytest.raises(ValueError, match="unable to parse stored object metadata: web"):
        inventory.parse_entry({"id": "web"})


def test_moving_to_another_version_is_not_stale() -> None:
    old, new = thing("HPA", "a", "s", "autoscaling/v1"), thing("HPA", "a", "s", "autoscaling/v2")
    assert inventory.stale([inventory.entry(old)], [inventory.entry(new)]) == []


def test_definitions_and_classes_are_stages_of_their_own() -> None:
    objects = [
        thing("Deployment", "web", "shop", "apps/v1"),
        thing("StorageClass", "fast", "", "storage.k8s.io/v1"),
        thing("Namespace", "shop"),
        thing("Widget", "w", "shop", "acme.io/v1"),
    ]
    found = ordering.stages(objects, custom_kinds=["Widget.acme.io"])
    assert [(s.name, s.wait, [o["kind"] for o in s.objects]) for s in found] == [
        ("definitions", True, ["Namespace"]),
        ("classes", True, ["StorageClass"]),
        ("custom", False, ["Widget"]),
        ("rest", False, ["Deployment"]),
    ]
    assert [o["kind"] for o in ordering.deletion_order(objects)][-1] == "Namespace"
