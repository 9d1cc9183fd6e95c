"""Is one resource in sync: three-way, structured and server-side comparison, ignored fields, tracking."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kcsim.delivery.gitops.argocd.diff import ignore, strategies, tracking
from kcsim.delivery.gitops.argocd.diff.compare import (
    Options,
    compare,
    dry_run_target,
    needs_dry_run,
    respecting_ignored,
)
from kcsim.delivery.gitops.argocd.diff.normalize import KnownField, Normalizer, unknown_types
from kcsim.delivery.gitops.argocd.resources import FIELD_MANAGER, LAST_APPLIED, SYNC_OPTIONS

Obj = dict[str, Any]


def deployment(replicas: int | None = 2, image: str = "web:1", **metadata: Any) -> Obj:
    spec: Obj = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": image}]},
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", **metadata},
        "spec": spec,
    }


def applied(target: Obj, **changes: Any) -> Obj:
    """The live object after a client-side apply, with what a server adds."""
    live = json.loads(json.dumps(target))
    live["metadata"] |= {
        "uid": "1",
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    live["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(target)
    live["spec"].update(changes)
    live["spec"].setdefault("revisionHistoryLimit", 10)
    live["spec"]["template"]["spec"]["containers"][0].setdefault("imagePullPolicy", "IfNotPresent")
    live["status"] = {"replicas": 2}
    return live


def modified(target: Obj | None, live: Obj | None, options: Options | None = None) -> bool:
    default = Options(Normalizer(ignore.rules_of((), {})))
    return compare(target, live, options or default).modified


def test_what_was_applied_is_in_sync_whatever_the_server_added() -> None:
    assert not modified(deployment(), applied(deployment()))


def test_a_changed_field_is_a_difference() -> None:
    assert modified(deployment(image="web:2"), applied(deployment()))
    assert modified(deployment(), applied(deployment(), replicas=5))


def test_a_field_taken_out_of_git_is_a_difference_but_one_that_was_never_there_is_not() -> None:
    assert modified(deployment(replicas=None), applied(deployment(replicas=2)))
    assert not modified(deployment(replicas=None), applied(deployment(replicas=None), replicas=7))


def test_without_last_applied_the_target_stands_in_for_it() -> None:
    live = applied(deployment(), replicas=2)
    del live["metadata"]["annotations"]
    assert not modified(deployment(replicas=None), live)
    assert modified(deployment(image="web:2"), live)


def test_status_is_ignored_for_all_kinds_by_default() -> None:
    target = {**deployment(), "status": {"replicas": 9}}
    assert not modified(target, applied(deployment()))
    assert modified(target, applied(deployment()), Options(Normalizer(ignore.rules_of((), {}, "none"))))


def test_equal_amounts_written_differently_are_no_difference() -> None:
    target = deployment()
    target["spec"]["template"]["spec"]["containers"][0]["resources"] = {
        "limits": {"cpu": "1000m", "memory": "1024Mi"}
    }
    live = applied(target)
    live["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1", "memory": "1Gi"}}
    assert not modified(target, live)


def test_an_object_to_create_is_modified_and_one_to_prune_is_not() -> None:
    assert modified(deployment(), None)
    assert not modified(None, applied(deployment()))


def test_defaults_filled_into_custom_resources_are_no_difference() -> None:
    target = {"apiVersion": "acme.io/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"size": 1}}
    live = json.loads(json.dumps(target))
    live["spec"]["mode"] = "filled-in"
    assert not modified(target, live)
    live["spec"]["size"] = 2
    assert modified(target, live)


def test_stringdata_of_a_secret_is_compared_encoded() -> None:
    target = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "value"}}
    live = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"key": "dmFsdWU="},
        "type": "Opaque",
    }
    assert not modified(target, live)
    assert modified({**target, "stringData": {"key": "other"}}, live)


def test_rules_of_aggregated_roles_are_ignored_only_when_asked() -> None:
    target = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "r"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
        "rules": [],
    }
    live = {**target, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}
    assert modified(target, live)
    assert not modified(target, live, Options(Normalizer(aggregated_roles=True)))


# --- what is ignored ----------------------------------------------------------------------------------------------


def ignoring(**rule: Any) -> Options:
    found = {"group": "apps", "kind": "Deployment", **rule}
    return Options(Normalizer(ignore.rules_of([found], {})))


@pytest.mark.parametrize(
    "rule",
    [
        {"jsonPointers": ["/spec/replicas"]},
        {"jqPathExpressions": [".spec.replicas"]},
        {"jsonPointers": ["/spec/replicas"], "name": "web", "namespace": "shop"},
        {"jsonPointers": ["/spec/replicas"], "group": "*", "kind": "Deploy*"},
    ],
)
def test_an_ignored_field_is_no_difference(rule: Obj) -> None:
    assert not modified(deployment(), applied(deployment(), replicas=9), ignoring(**rule))


@pytest.mark.parametrize(
    "rule", [{"name": "api"}, {"namespace": "other"}, {"group": "batch"}, {"kind": "StatefulSet"}]
)
def test_a_rule_about_other_objects_ignores_nothing_here(rule: Obj) -> None:
    options = ignoring(jsonPointers=["/spec/replicas"], **rule)
    assert modified(deployment(), applied(deployment(), replicas=9), options)


def test_fields_of_a_trusted_manager_are_left_to_it() -> None:
    live = applied(deployment(), replicas=9)
    live["metadata"]["managedFields"] = [
        {
            "manager": "kube-controller-manager",
            "operation": "Update",
            "apiVersion": "apps/v1",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        }
    ]
    trusting = ignoring(managedFieldsManagers=["kube-controller-manager"])
    assert not modified(deployment(), live, trusting)
    assert modified(deployment(), live, ignoring(managedFieldsManagers=["somebody"]))
    assert modified(deployment(image="web:2"), live, trusting)


def test_respecting_ignored_differences_takes_the_live_value_along() -> None:
    options = ignoring(jsonPointers=["/spec/replicas"])
    wanted = respecting_ignored(deployment(image="web:2"), applied(deployment(), replicas=9), options)
    assert wanted["spec"]["replicas"] == 9
    assert wanted["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
    assert "status" not in wanted
    assert respecting_ignored(deployment(), None, options) == deployment()


def test_system_rules_hold_for_all_kinds_or_for_one() -> None:
    for key in ("*/*", "apps/Deployment"):
        options = Options(Normalizer(ignore.rules_of((), {key: {"jsonPointers": ["/spec/replicas"]}})))
        assert not modified(deployment(), applied(deployment(), replicas=9), options)
    assert ignore.override_key(f"{ignore.PREFIX}apps_Deployment") == "apps/Deployment"
    assert ignore.override_key(f"{ignore.PREFIX}all") == "*/*"
    assert ignore.override_key(f"{ignore.PREFIX}_ConfigMap") == "ConfigMap"


def test_an_expression_that_is_not_modelled_is_refused_when_it_is_read() -> None:
    with pytest.raises(ValueError, match="not modelled from 'reduce'"):
        ignoring(jqPathExpressions=[".a | reduce . as $x (0; . + 1)"])


def test_amounts_inside_custom_kinds_can_be_told_of() -> None:
    known = KnownField("acme.io", "Thing", ("spec", "memory"), "core/Quantity")
    target = {
        "apiVersion": "acme.io/v1",
        "kind": "Thing",
        "metadata": {"name": "a"},
        "spec": {"memory": "1024Mi"},
    }
    live = {**target, "spec": {"memory": "1Gi"}}
    assert modified(target, live)
    assert not modified(target, live, Options(Normalizer(known=(known,))))
    assert unknown_types([known, KnownField("acme.io", "Thing", ("a",), "core/v1/Nothing")]) == [
        "core/v1/Nothing"
    ]


# --- the other strategies -----------------------------------------------------------------------------------------


def owned(live: Obj, fields: Obj, manager: str = FIELD_MANAGER, operation: str = "Apply") -> Obj:
    entry = {
        "manager": manager,
        "operation": operation,
        "apiVersion": live["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    entries = [*(live["metadata"].get("managedFields") or ()), entry]
    return {**live, "metadata": {**live["metadata"], "managedFields": entries}}


CONFIG: Obj = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c", "namespace": "shop"},
    "data": {"a": "1", "b": "2"},
}
OWN_DATA: Obj = {"f:data": {"f:a": {}, "f:b": {}}}


def test_a_server_side_apply_is_worked_out_on_this_side() -> None:
    options = Options(structured=True)
    live = owned(CONFIG, OWN_DATA)
    assert not compare(CONFIG, live, options).modified
    assert compare({**CONFIG, "data": {"a": "1"}}, live, options).modified
    other = owned(
        {**live, "data": {**CONFIG["data"], "x": "y"}}, {"f:data": {"f:x": {}}}, "somebody", "Update"
    )
    assert not compare(CONFIG, other, options).modified


def test_the_annotation_of_an_object_chooses_server_side_apply() -> None:
    target = {
        **CONFIG,
        "metadata": {**CONFIG["metadata"], "annotations": {SYNC_OPTIONS: "ServerSideApply=true"}},
    }
    live = owned(target, {**OWN_DATA, "f:metadata": {"f:annotations": {f"f:{SYNC_OPTIONS}": {}}}})
    without = {**target, "data": {"a": "1"}}
    assert compare(without, live, Options()).modified
    assert not compare(target, live, Options()).modified


def test_a_dry_run_is_wanted_only_where_both_objects_are_there() -> None:
    options = Options(server_side=True)
    assert needs_dry_run(CONFIG, CONFIG, options)
    assert not needs_dry_run(CONFIG, None, options)
    assert not needs_dry_run(None, CONFIG, options)
    assert dry_run_target(CONFIG, CONFIG, options) == CONFIG
    assert compare(CONFIG, None, options).modified
    with pytest.raises(strategies.DiffError, match="serverSideDryRunner is null"):
        compare(CONFIG, CONFIG, options)


def test_what_admission_changed_is_no_difference_unless_asked_for() -> None:
    live = owned(CONFIG, OWN_DATA)
    predicted = {**live, "data": {"a": "1", "b": "2", "injected": "by a webhook"}}
    assert not compare(CONFIG, live, Options(server_side=True), predicted).modified
    assert compare(CONFIG, live, Options(server_side=True, keeps_mutations=True), predicted).modified


def test_what_the_apply_itself_would_change_is_a_difference() -> None:
    live = owned(CONFIG, OWN_DATA)
    changed = {**CONFIG, "data": {"a": "changed", "b": "2"}}
    assert compare(changed, live, Options(server_side=True), owned(changed, OWN_DATA)).modified
    less = {**CONFIG, "data": {"a": "1"}}
    assert compare(less, live, Options(server_side=True), owned(less, {"f:data": {"f:a": {}}})).modified


def test_a_dry_run_that_names_no_owner_is_an_error() -> None:
    with pytest.raises(strategies.DiffError, match="must have the managedFields"):
        compare(CONFIG, CONFIG, Options(server_side=True), CONFIG)
    foreign = owned(CONFIG, OWN_DATA, "somebody")
    with pytest.raises(strategies.DiffError, match="no managed fields found for manager: argocd-controller"):
        compare(CONFIG, CONFIG, Options(server_side=True), foreign)


# --- tracking -----------------------------------------------------------------------------------------------------


def test_a_tracking_id_names_application_kind_and_object() -> None:
    marked = tracking.with_instance(deployment(), "shop", "shop", tracking.Tracking())
    assert marked["metadata"]["annotations"] == {
        "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"
    }
    assert tracking.application_of(marked, tracking.Tracking()) == "shop"
    assert "labels" not in marked["metadata"]


def test_an_object_without_namespace_is_tracked_in_that_of_the_destination() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    marked = tracking.with_instance(obj, "team_app", "shop", tracking.Tracking())
    assert marked["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] == "team_app:/ConfigMap:shop/c"


def test_labels_are_cut_unless_they_are_what_is_read_back() -> None:
    long = "a" * 60 + "---b-more"
    both = tracking.Tracking(tracking.ANNOTATION_AND_LABEL)
    labels = tracking.with_instance(deployment(), long, "shop", both)["metadata"]["labels"]
    assert labels[tracking.LABEL_KEY] == "a" * 60
    by_label = tracking.Tracking(tracking.LABEL)
    whole = tracking.with_instance(deployment(), long, "shop", by_label)
    assert tracking.application_of(whole, by_label) == long
    with pytest.raises(ValueError, match="unable to truncate label"):
        tracking.label_value("-" * 70)


def test_another_installation_s_object_belongs_to_nobody_here() -> None:
    theirs = tracking.with_instance(deployment(), "shop", "shop", tracking.Tracking(installation_id="other"))
    assert tracking.application_of(theirs, tracking.Tracking(installation_id="mine")) == ""
    assert tracking.application_of(theirs, tracking.Tracking(installation_id="other")) == "shop"


def test_a_copy_of_a_tracked_object_is_not_the_object() -> None:
    marked = tracking.with_instance(deployment(), "shop", "shop", tracking.Tracking())
    copy = {**marked, "metadata": {**marked["metadata"], "name": "copy"}}
    assert tracking.describes_itself(marked, None, "shop", tracking.Tracking())
    assert not tracking.describes_itself(copy, None, "shop", tracking.Tracking())
    assert tracking.describes_itself(copy, None, "shop", tracking.Tracking(tracking.LABEL))
    assert tracking.describes_itself(None, deployment(), "shop", tracking.Tracking())


def test_changing_from_label_to_annotation_makes_nothing_out_of_sync() -> None:
    target = tracking.with_instance(deployment(), "shop", "shop", tracking.Tracking())
    live = applied(tracking.with_instance(deployment(), "shop", "shop", tracking.Tracking(tracking.LABEL)))
    assert not modified(target, live)
    moved = applied(tracking.with_instance(deployment(), "other", "shop", tracking.Tracking()))
    assert modified(target, moved)


@pytest.mark.parametrize("text", ["", "app", "app:kind", "app:g/k:n", "app:g/k/x:ns/n", "app:g/k:ns/n/x"])
def test_what_is_no_tracking_id_is_none(text: str) -> None:
    assert tracking.parse(text) is None
