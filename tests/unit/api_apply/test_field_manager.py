"""Applies and other writes on one object: ownership over time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kcsim.api import objects
from kcsim.api.apply.last_applied import ANNOTATION
from kcsim.api.apply.managed import Managed, ManagedFieldsError, is_reset, manager_identity, manager_text
from kcsim.api.apply.managed_fields import (
    ApplyConflict,
    ApplyError,
    apply_patch,
    check_type,
    track_update,
)
from kcsim.api.apply.schemas import custom_schema, schema_for

DEPLOYMENT = schema_for(("apps", "v1", "Deployment"))
CONFIG_MAP = schema_for(("", "v1", "ConfigMap"))
T1, T2, T3 = (f"2026-01-01T00:00:0{second}Z" for second in (1, 2, 3))
Object = dict[str, Any]


def config_map(**data: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def stored(obj: Object) -> Object:
    return objects.assoc(obj, ("metadata", "uid"), "u-1")


def apply(
    live: Object | None, config: Object, managed: Managed, manager: str, now: str, **options: Any
) -> tuple[Object, Managed]:
    schema = DEPLOYMENT if config["kind"] == "Deployment" else CONFIG_MAP
    return apply_patch(live, config, managed, manager, schema, options.pop("force", False), now, **options)


def update(old: Object | None, new: Object, managed: Managed, manager: str, now: str) -> Managed:
    return track_update(old, new, managed, manager, CONFIG_MAP, "v1", now)


def owners(managed: Managed) -> dict[str, Any]:
    return {e["manager"]: (e["operation"], e.get("time"), e["fieldsV1"]) for e in managed.to_json()}


def test_a_second_apply_of_the_same_changes_nothing() -> None:
    new, managed = apply(None, config_map(a="1"), Managed.empty(), "one", T1)
    live = stored(new)
    again, after = apply(live, config_map(a="1"), managed, "one", T2)
    assert again is live
    assert after is managed


def test_sharing_a_field_has_no_time_until_something_changes() -> None:
    live, managed = apply(None, config_map(a="1"), Managed.empty(), "one", T1)
    live, managed = apply(live, config_map(a="1"), managed, "two", T2)
    assert owners(managed) == {
        "two": ("Apply", None, {"f:data": {"f:a": {}}}),
        "one": ("Apply", T1, {"f:data": {"f:a": {}}}),
    }
    live, managed = apply(live, config_map(a="1", b="2"), managed, "two", T3)
    assert owners(managed)["two"] == ("Apply", T3, {"f:data": {"f:a": {}, "f:b": {}}})


def test_a_dropped_field_goes_unless_another_owns_it() -> None:
    live, managed = apply(None, config_map(a="1", b="2"), Managed.empty(), "one", T1)
    live, managed = apply(live, config_map(a="1"), managed, "two", T1)
    live, managed = apply(live, config_map(), managed, "one", T2)
    assert live["data"] == {"a": "1"}
    live, managed = apply(live, config_map(), managed, "two", T3)
    assert "data" not in live, "a map that pruning empties is null, which decoding drops"
    assert {entry["manager"]: entry["fieldsV1"] for entry in managed.to_json()} == {
        "one": {"f:data": {}},
        "two": {"f:data": {}},
    }


def test_a_write_without_change_adds_nothing() -> None:
    live = stored(config_map(a="1"))
    managed = update(None, live, Managed.empty(), "kubectl-create", T1)
    same = json.loads(json.dumps(live))
    assert update(live, same, managed, "other", T2) is managed
    assert owners(managed) == {"kubectl-create": ("Update", T1, {"f:data": {".": {}, "f:a": {}}})}


def test_a_changed_field_changes_hands_and_a_removed_one_has_no_owner() -> None:
    live = stored(config_map(a="1", b="2", c="3"))
    managed = update(None, live, Managed.empty(), "one", T1)
    new = objects.assoc(live, ("data",), {"a": "9", "c": "3"})
    managed = update(live, new, managed, "two", T2)
    assert owners(managed) == {
        "one": ("Update", T1, {"f:data": {".": {}, "f:c": {}}}),
        "two": ("Update", T2, {"f:data": {"f:a": {}}}),
    }


def test_objects_without_managers_stay_so_until_the_first_apply() -> None:
    live = stored(config_map(a="1"))
    new = objects.assoc(live, ("data", "b"), "2")
    assert update(live, new, Managed.empty(), "two", T1) == Managed.empty()
    after, managed = apply(new, config_map(a="1", c="3"), Managed.empty(), "one", T2)
    assert after["data"] == {"a": "1", "b": "2", "c": "3"}
    assert owners(managed) == {
        "one": ("Apply", T2, {"f:data": {"f:a": {}, "f:c": {}}}),
        "before-first-apply": ("Update", T2, {"f:data": {".": {}, "f:a": {}, "f:b": {}}}),
    }


def test_conflicts_are_grouped_by_manager() -> None:
    live = stored(config_map(a="1", b="2", c="3"))
    managed = update(None, live, Managed.empty(), "upd", T1)
    live, managed = apply(live, config_map(c="3"), managed, "ssa", T1)
    with pytest.raises(ApplyConflict) as found:
        apply(live, config_map(a="x", b="y", c="z"), managed, "me", T2)
    assert found.value.message == (
        'Apply failed with 4 conflicts: conflicts with "ssa":\n- .data.c\n'
        'conflicts with "upd" using v1:\n- .data.a\n- .data.b\n- .data.c'
    )
    assert found.value.causes[0] == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "ssa"',
        "field": ".data.c",
    }
    live, managed = apply(live, config_map(a="x", b="y", c="z"), managed, "me", T2, force=True)
    assert owners(managed) == {
        "me": ("Apply", T2, {"f:data": {"f:a": {}, "f:b": {}, "f:c": {}}}),
        "upd": ("Update", T1, {"f:data": {}}),
    }


def test_only_ten_updaters_are_kept() -> None:
    live = stored(config_map(k="0"))
    managed = update(None, live, Managed.empty(), "m00", "2026-01-01T00:00:00Z")
    for number in range(1, 13):
        new = objects.assoc(live, ("data", f"k{number:02}"), "v")
        managed = update(live, new, managed, f"m{number:02}", f"2026-01-01T00:00:{number:02}Z")
        live = new
    entries = managed.to_json()
    assert len(entries) == 10
    oldest = entries[0]
    assert (oldest["manager"], oldest["time"]) == ("ancient-changes", "2026-01-01T00:00:03Z")
    assert list(oldest["fieldsV1"]["f:data"]) == [".", "f:k", "f:k01", "f:k02", "f:k03"]
    assert [entry["manager"] for entry in entries[1:]] == [f"m{number:02}" for number in range(4, 13)]


def deployment(replicas: int, **metadata: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "csa", "namespace": "n", **metadata},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}},
    }


def client_side_applied(replicas: int) -> tuple[Object, Managed]:
    annotation = json.dumps(deployment(replicas, annotations={})) + "\n"
    live = deployment(replicas, annotations={ANNOTATION: annotation}, uid="u")
    return live, track_update(
        None, live, Managed.empty(), "kubectl-client-side-apply", DEPLOYMENT, "apps/v1", T1
    )


def test_kubectl_takes_over_from_client_side_apply() -> None:
    live, managed = client_side_applied(7)
    new, after = apply(live, deployment(8), managed, "kubectl", T2)
    assert new["spec"]["replicas"] == 8
    assert new["metadata"]["annotations"][ANNOTATION] == (
        '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"csa","namespace":"n"},'
        '"spec":{"replicas":8,"selector":{"matchLabels":{"app":"web"}}}}\n'
    )
    assert owners(after)["kubectl"][2] == {"f:spec": {"f:replicas": {}, "f:selector": {}}}
    assert "f:replicas" not in owners(after)["kubectl-client-side-apply"][2]["f:spec"]


def test_only_kubectl_does_and_only_what_is_as_last_applied() -> None:
    live, managed = client_side_applied(7)
    with pytest.raises(ApplyConflict):
        apply(live, deployment(8), managed, "flux", T2)
    scaled = objects.assoc(live, ("spec", "replicas"), 1)
    managed = track_update(
        live, scaled, managed, "kubectl.1.33", DEPLOYMENT, "apps/v1", T2, subresource="scale"
    )
    with pytest.raises(ApplyConflict) as found:
        apply(scaled, deployment(8), managed, "kubectl", T3)
    assert found.value.message == (
        "Apply failed with 1 conflict: "
        'conflict with "kubectl.1.33" with subresource "scale" using apps/v1: .spec.replicas'
    )


def test_scale_entries_have_no_time() -> None:
    live, managed = client_side_applied(7)
    scaled = objects.assoc(live, ("spec", "replicas"), 1)
    managed = track_update(live, scaled, managed, "s", DEPLOYMENT, "apps/v1", T2, subresource="scale")
    assert owners(managed)["s"] == ("Update", None, {"f:spec": {"f:replicas": {}}})


def test_endpoints_own_only_what_they_write() -> None:
    live, managed = client_side_applied(7)
    new = {**objects.assoc(live, ("spec", "replicas"), 1), "status": {"replicas": 3}}
    main = track_update(live, new, managed, "m", DEPLOYMENT, "apps/v1", T2)
    assert owners(main)["m"][2] == {"f:spec": {"f:replicas": {}}}
    status = track_update(live, new, managed, "m", DEPLOYMENT, "apps/v1", T2, subresource="status")
    assert owners(status)["m"][2] == {"f:status": {"f:replicas": {}}}
    assert status.to_json()[-1]["subresource"] == "status"


def test_custom_resources_own_their_parents_and_keep_nulls() -> None:
    schema = custom_schema(None, has_status=True)
    thing = {"apiVersion": "e.org/v1", "kind": "T", "metadata": {"name": "t"}, "spec": {"a": {"b": 1}}}
    managed = track_update(None, thing, Managed.empty(), "m", schema, "e.org/v1", T1)
    assert owners(managed)["m"][2] == {"f:spec": {".": {}, "f:a": {".": {}, "f:b": {}}}}
    config = {**thing, "metadata": {"name": "t", "labels": None}, "spec": {"a": None}}
    new, _ = apply_patch(None, config, Managed.empty(), "m", schema, False, T1)
    assert new["spec"] == {"a": None}
    assert new["metadata"] == {"name": "t"}
    status = {**thing, "status": {"ready": True}}
    after = track_update(thing, status, managed, "c", schema, "e.org/v1", T2, subresource="status")
    assert owners(after)["c"][2] == {"f:status": {".": {}, "f:ready": {}}}


def test_reordered_items_are_no_change_of_owner() -> None:
    def pods(*names: str) -> Object:
        items = [{"name": name, "image": name} for name in names]
        return objects.assoc(deployment(1), ("spec", "template"), {"spec": {"containers": items}})

    live, managed = apply(None, pods("a", "b"), Managed.empty(), "one", T1)
    assert track_update(live, pods("b", "a"), managed, "two", DEPLOYMENT, "apps/v1", T2) is managed
    new, _ = apply(live, pods("c", "b", "a"), managed, "one", T2)
    names = [item["name"] for item in new["spec"]["template"]["spec"]["containers"]]
    assert names == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"apiVersion": "apps/v1", "kind": "StatefulSet"}, "invalid object type: apps/v1, Kind=StatefulSet"),
        ({"kind": "Deployment"}, "invalid object type: /, Kind=Deployment"),
        ({}, "invalid object type: /, Kind="),
        ({"apiVersion": "v1", "kind": "Pod"}, "invalid object type: /v1, Kind=Pod"),
    ],
)
def test_bodies_of_another_kind(body: Object, message: str) -> None:
    with pytest.raises(ApplyError) as found:
        check_type(body, "apps/v1", "Deployment")
    assert (found.value.code, found.value.message) == (400, message)


def test_managed_fields_may_not_be_applied() -> None:
    config = objects.assoc(config_map(), ("metadata", "managedFields"), [])
    with pytest.raises(ApplyError) as found:
        apply(None, config, Managed.empty(), "one", T1)
    assert (found.value.code, found.value.message) == (400, "metadata.managedFields must be nil")


ENTRY = {"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"operation": "Create"}, "operation must be `Apply` or `Update`"),
        ({"apiVersion": ""}, "apiVersion must not be empty"),
        ({"fieldsType": ""}, "missing fieldsType in managed fields entry 0"),
        ({"fieldsType": "V2"}, 'invalid fieldsType "V2" in managed fields entry 0'),
        ({"fieldsV1": {"bad": {}}}, "error decoding set: missing colon: bad"),
    ],
)
def test_bad_entries(change: Object, message: str) -> None:
    with pytest.raises(ManagedFieldsError, match="^" + message.replace("`", ".") + "$"):
        Managed.from_json([{**ENTRY, **change}])


def test_entries_sort_applies_first_then_by_time() -> None:
    rows = [
        ("Update", "b", "v1", T1),
        ("Update", "a", "v1", T1),
        ("Apply", "z", "v1", T3),
        ("Apply", "y", "v1", None),
        ("Update", "a", "v2", None),
    ]
    entries = [
        {**ENTRY, "operation": op, "manager": m, "apiVersion": v, "fieldsV1": {"f:a": {}}}
        | ({"time": time} if time else {})
        for op, m, v, time in rows
    ]
    found = [(e["operation"], e["manager"], e["apiVersion"]) for e in Managed.from_json(entries).to_json()]
    assert found == [
        ("Apply", "y", "v1"),
        ("Apply", "z", "v1"),
        ("Update", "a", "v2"),
        ("Update", "a", "v1"),
        ("Update", "b", "v1"),
    ]


def test_identity_of_managers() -> None:
    assert manager_identity("a", "Apply", "v1") == manager_identity("a", "Apply", "v2")
    assert manager_identity("a", "Update", "v1") != manager_identity("a", "Update", "v2")
    assert manager_text(manager_identity("a", "Apply", "v1", "status")) == '"a" with subresource "status"'


def test_what_clears_managers() -> None:
    assert is_reset([])
    assert is_reset([{}])
    assert not is_reset(None)
    assert not is_reset([ENTRY])
