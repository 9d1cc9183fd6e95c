"""flux.json: apply order and inventory."""

from __future__ import annotations

from typing import Any

from kcsim.delivery.gitops import inventory, ordering


def reconcile_order(given: dict[str, Any]) -> dict[str, Any]:
    # The file flattens the objects; give them back the shape that objects have.
    objects = [
        {
            "apiVersion": f"{o['group']}/v1" if o.get("group") else "v1",
            "kind": o["kind"],
            "metadata": {"namespace": o.get("namespace", ""), "name": o.get("name", "")},
            "given": o,
        }
        for o in given["objects"]
    ]
    return {"order": [o["given"] for o in ordering.reconcile_order(objects)]}


def inventory_id(given: dict[str, Any]) -> dict[str, Any]:
    return dict(inventory.entry(given["object"]))


def inventory_diff(given: dict[str, Any]) -> dict[str, Any]:
    gone = inventory.stale(inventory.entries(given["old"]), inventory.entries(given["new"]))
    return {"removed": [ref.name for ref in gone]}


ADAPTERS = {"reconcileOrder": reconcile_order, "inventoryId": inventory_id, "inventoryDiff": inventory_diff}
