"""What projects allow, and what a comparison of a whole Application says."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.delivery.gitops.argocd import conditions, globs, projects
from kcsim.delivery.gitops.argocd.diff import state
from kcsim.delivery.gitops.argocd.diff.strategies import Difference
from kcsim.delivery.gitops.argocd.diff.tracking import Tracking, application_of, with_instance
from kcsim.delivery.gitops.argocd.projects import Cluster, Project
from kcsim.delivery.gitops.argocd.resources import COMPARE_OPTIONS, HOOK, SYNC_OPTIONS, SYNC_WAVE, key_of

Obj = dict[str, Any]
HERE = Cluster("https://kubernetes.default.svc", "in-cluster")


def project(**spec: Any) -> Project:
    return Project("team", spec)


# --- globs and projects -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "separators", "matches"),
    [
        ("*", "anything/at/all", "", True),
        ("https://git/*", "https://git/a/b", "/", False),
        ("https://git/**", "https://git/a/b", "/", True),
        ("a?c", "abc", "", True),
        ("[!a-c]x", "dx", "", True),
        ("[!a-c]x", "ax", "", False),
        ("{web,api}-*", "api-1", "", True),
        ("a.b", "axb", "", False),
        ("[", "[", "", True),
        ("[z-a]", "m", "", False),
        ("{open", "open", "", False),
        (r"\*", "*", "", True),
    ],
)
def test_globs(pattern: str, text: str, separators: str, matches: bool) -> None:
    assert globs.matches(pattern, text, separators) is matches


@pytest.mark.parametrize(
    ("allowed", "url", "permitted"),
    [
        ([], "https://git/a", False),
        (["*"], "https://git/a/b", True),
        (["https://git/team/*"], "https://git/team/apps.git", True),
        (["https://git/team/*"], "https://git/team/deep/apps", False),
        (["*", "!https://git/secret/*"], "https://git/secret/x", False),
        (["*", "!https://git/secret/*"], "https://git/open/x", True),
        (["!https://git/secret/*"], "https://git/open/x", True),
        (["git@git:team/apps.git"], "ssh://git@git/team/apps", True),
        (["https://GIT/Team/Apps"], "https://git/team/apps", True),
    ],
)
def test_sources(allowed: list[str], url: str, permitted: bool) -> None:
    assert project(sourceRepos=allowed).permits_source(url) is permitted


@pytest.mark.parametrize(
    ("allowed", "permitted"),
    [
        ([], False),
        ([{"server": "*", "namespace": "*"}], True),
        ([{"name": "in-cluster", "namespace": "shop"}], True),
        ([{"server": HERE.server, "namespace": "other-*"}], False),
        ([{"server": "*", "namespace": "*"}, {"server": "*", "namespace": "!shop"}], False),
        ([{"server": "*", "namespace": "*"}, {"server": "!https://kubernetes*", "namespace": "*"}], False),
        ([{"server": "*", "namespace": "*"}, {"server": "*", "namespace": "!kube-*"}], True),
    ],
)
def test_destinations(allowed: list[Obj], permitted: bool) -> None:
    assert project(destinations=allowed).permits_destination(HERE, "shop") is permitted


def test_a_project_can_be_kept_to_its_own_clusters() -> None:
    spec = {"destinations": [{"server": "*", "namespace": "*"}], "permitOnlyProjectScopedClusters": True}
    assert not Project("team", spec).permits_destination(HERE, "shop")
    assert Project("team", spec, (HERE,)).permits_destination(HERE, "shop")


@pytest.mark.parametrize(
    ("spec", "kind", "namespaced", "permitted"),
    [
        ({}, "ConfigMap", True, True),
        ({}, "Namespace", False, False),
        ({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}, "Namespace", False, True),
        (
            {"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "shop*"}]},
            "Namespace",
            False,
            False,
        ),
        (
            {"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "x*"}]},
            "Namespace",
            False,
            True,
        ),
        ({"namespaceResourceBlacklist": [{"group": "", "kind": "Config*"}]}, "ConfigMap", True, False),
        ({"namespaceResourceWhitelist": []}, "ConfigMap", True, False),
        ({"namespaceResourceWhitelist": [{"group": "", "kind": "Secret"}]}, "ConfigMap", True, False),
    ],
)
def test_kinds(spec: Obj, kind: str, namespaced: bool, permitted: bool) -> None:
    assert project(**spec).permits_kind("", kind, "x1", namespaced=namespaced) is permitted


def test_why_a_task_is_refused() -> None:
    team = project(
        destinations=[{"server": "*", "namespace": "shop"}],
        namespaceResourceBlacklist=[{"group": "apps", "kind": "*"}],
    )
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    assert (
        team.refusal(web, HERE, namespaced=True)
        == "resource apps:Deployment is not permitted in project team"
    )
    conf = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "kube-system"}}
    assert (
        team.refusal(conf, HERE, namespaced=True)
        == "namespace kube-system is not permitted in project 'team'"
    )
    assert team.refusal({**conf, "metadata": {"name": "c", "namespace": "shop"}}, HERE, namespaced=True) == ""


def test_what_is_wrong_with_a_spec() -> None:
    team = project(sourceRepos=["https://git/ok"], destinations=[{"name": "other", "namespace": "*"}])
    source = {"repoURL": "https://git/bad", "path": "."}
    found = projects.violations(team, [source], {"name": "in-cluster", "namespace": "shop"}, HERE)
    assert found == [
        "application repo https://git/bad is not permitted in project 'team'",
        (
            "application destination server 'in-cluster' and namespace 'shop' do not match any of the allowed "
            "destinations in project 'team'"
        ),
    ]
    (empty,) = projects.violations(team, [{"repoURL": "x"}], {}, HERE)
    assert empty == "spec.source.repoURL and either spec.source.path or spec.source.chart are required"
    chart = {"repoURL": "x", "chart": "web"}
    assert projects.violations(team, [chart], {}, HERE) == [
        "spec.source.targetRevision is required if the manifest source is a helm chart"
    ]
    good = {"repoURL": "https://git/ok", "path": "."}
    assert projects.violations(team, [good], {}, "there is no cluster x") == ["there is no cluster x"]


def test_orphans_are_what_nobody_manages_and_nobody_ignores() -> None:
    def obj(kind: str, name: str) -> Obj:
        return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}}

    there = [
        obj("ConfigMap", "kube-root-ca.crt"),
        obj("ServiceAccount", "default"),
        obj("ConfigMap", "mine"),
        obj("Secret", "left"),
        obj("Secret", "known-1"),
    ]
    managed = frozenset({key_of(there[2])})
    watching = project(orphanedResources={"warn": True, "ignore": [{"kind": "Secret", "name": "known-*"}]})
    found = projects.orphans(watching, there, managed)
    assert [o["metadata"]["name"] for o in found] == ["left"]
    assert projects.orphan_warning(watching, 1) == "Application has 1 orphaned resources"
    assert projects.orphan_warning(project(orphanedResources={}), 1) == ""
    assert projects.orphans(project(), there, managed) == []


# --- the state of an Application ----------------------------------------------------------------------------------

ANY = Project("default", projects.ANYWHERE)
APP: Obj = {
    "metadata": {"name": "web", "namespace": "argocd"},
    "spec": {"destination": {"namespace": "shop"}},
}


def scope(_group: str, kind: str) -> bool | None:
    return {"Namespace": False, "Thing": None}.get(kind, True)


def obj(kind: str = "ConfigMap", name: str = "a", namespace: str = "shop", **annotations: str) -> Obj:
    metadata: Obj = {"name": name, "annotations": annotations}
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": metadata | ({"namespace": namespace} if namespace else {}),
    }


def tracked(found: Obj, app: str = "web") -> Obj:
    return with_instance(found, app, "shop", Tracking())


def judged(
    targets: list[Obj],
    live: list[Obj],
    modified: bool = False,
    app: Obj = APP,
    allowed: Project = ANY,
    **more: Any,
) -> state.SyncState:
    pairs = state.pairs_of(targets, {key_of(o): o for o in live}, "shop", scope)
    differences = [Difference(modified, b, a) for a, b in pairs.pairs]
    return state.sync_state(app, pairs, differences, allowed, scope, Tracking(), **more)


def test_targets_get_a_namespace_and_cluster_wide_ones_lose_it() -> None:
    found = state.targets_of([obj(namespace=""), obj("Namespace", "n", "shop")], "shop", scope, tracked)
    assert [o["metadata"].get("namespace") for o in found.objects] == ["shop", None]
    assert (
        found.objects[0]["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"]
        == "web:/ConfigMap:shop/a"
    )


def test_of_doubles_the_last_one_counts_and_a_warning_is_given() -> None:
    first, last = obj(x="1"), obj(x="2")
    found = state.targets_of([first, last], "shop", scope, tracked)
    assert found.objects == [last]
    assert found.conditions == [
        {
            "type": "RepeatedResourceWarning",
            "message": "Resource /ConfigMap/shop/a appeared 2 times among application resources.",
        }
    ]


def test_excluded_kinds_are_dropped_with_a_warning() -> None:
    found = state.targets_of(
        [obj("Event", "e")], "shop", scope, tracked, lambda g, k: state.is_excluded(g, k, "https://x")
    )
    assert found.objects == []
    assert found.conditions[0]["message"] == "Resource /Event e is excluded in the settings"


@pytest.mark.parametrize(
    ("kind", "exclusions", "inclusions", "excluded"),
    [
        ("ConfigMap", [], [], False),
        ("ConfigMap", [{"apiGroups": [""], "kinds": ["ConfigMap"]}], [], True),
        ("ConfigMap", [{"kinds": ["ConfigMap"], "clusters": ["https://other"]}], [], False),
        ("ConfigMap", [], [{"kinds": ["Secret"], "clusters": ["*"]}], True),
        ("Secret", [], [{"kinds": ["Secret"], "clusters": ["*"]}], False),
    ],
)
def test_exclusions(kind: str, exclusions: list[Obj], inclusions: list[Obj], excluded: bool) -> None:
    assert state.is_excluded("", kind, "https://here", exclusions, inclusions) is excluded


def test_what_is_equal_is_synced_and_what_differs_is_not() -> None:
    assert judged([obj()], [tracked(obj())]).status == "Synced"
    assert judged([obj()], [tracked(obj())], modified=True).status == "OutOfSync"
    assert judged([obj()], []).status == "OutOfSync"


def test_what_git_no_longer_has_requires_pruning() -> None:
    found = judged([], [tracked(obj())])
    assert found.status == "OutOfSync"
    assert found.resources[0].requires_pruning
    ignored = judged([], [tracked(obj(**{COMPARE_OPTIONS: "IgnoreExtraneous"}))])
    assert ignored.status == "Synced"
    assert ignored.resources[0].status == "OutOfSync"


def test_hooks_and_copies_have_no_say() -> None:
    hook = tracked(obj("Job", "migrate", **{HOOK: "PreSync", SYNC_WAVE: "3"}))
    found = judged([obj("Job", "migrate", **{HOOK: "PreSync", SYNC_WAVE: "3"})], [hook])
    assert found.status == "Synced"
    assert found.resources[0].to_json() == {
        "version": "v1",
        "kind": "Job",
        "namespace": "shop",
        "name": "migrate",
        "hook": True,
        "requiresPruning": True,
        "syncWave": 3,
    }
    copy = tracked(obj())
    copy["metadata"] = {**copy["metadata"], "name": "copy"}
    copied = judged([], [copy])
    assert (copied.status, copied.resources[0].status, copied.resources[0].requires_pruning) == (
        "Synced",
        "",
        False,
    )


def test_unknown_kinds_are_looked_for_with_and_without_a_namespace() -> None:
    thing, wide = obj("Thing", "t"), obj("Thing", "t", "")
    assert state.pairs_of([thing], {key_of(wide): wide}, "shop", scope).pairs == [(thing, wide)]
    assert state.pairs_of([wide], {key_of(thing): thing}, "shop", scope).pairs == [(wide, thing)]


def test_one_object_under_two_groups_is_no_surplus() -> None:
    old = {**obj("Ingress", "i"), "apiVersion": "extensions/v1beta1"}
    new = {**obj("Ingress", "i"), "apiVersion": "networking.k8s.io/v1"}
    for each in (old, new):
        each["metadata"] = {**each["metadata"], "uid": "1"}
    found = state.pairs_of([new], {key_of(old): old, key_of(new): new}, "shop", scope)
    assert found.pairs == [(new, new)]


def test_what_the_project_does_not_allow_or_nobody_could_load_is_unknown() -> None:
    strict = project(namespaceResourceBlacklist=[{"group": "", "kind": "ConfigMap"}])
    found = judged([obj()], [tracked(obj())], allowed=strict)
    assert (found.status, found.resources[0].status) == ("Synced", "Unknown")
    failed = judged([obj()], [tracked(obj())], failed=True)
    assert (failed.status, failed.resources[0].status) == ("Unknown", "Unknown")


def test_approvals_that_are_needed_are_told() -> None:
    asked = judged([obj(**{SYNC_OPTIONS: "Delete=confirm"})], [])
    assert asked.resources[0].to_json()["requiresDeletionConfirmation"] is True
    by_app = {**APP, "spec": {**APP["spec"], "syncPolicy": {"syncOptions": ["Prune=confirm"]}}}
    assert judged([obj()], [], app=by_app).resources[0].requires_confirmation
    assert (
        not judged([obj(**{SYNC_OPTIONS: "Prune=true"})], [], app=by_app).resources[0].requires_confirmation
    )


def test_shared_objects_are_warned_of() -> None:
    found = state.shared_with(
        [tracked(obj(), "team_other"), tracked(obj(name="b"))],
        "web",
        "argocd/web",
        lambda o: application_of(o, Tracking()),
    )
    assert [c["message"] for c in found] == ["ConfigMap/a is part of applications argocd/web and team/other"]


def test_a_managed_namespace_is_compared_as_if_git_had_it() -> None:
    metadata = {"labels": {"team": "a"}}
    managed = {**APP, "spec": {**APP["spec"], "syncPolicy": {"managedNamespaceMetadata": metadata}}}
    live = obj("Namespace", "shop", "")
    (target,) = state.compared_namespaces(managed, [], [live])
    assert target["metadata"]["labels"] == {"team": "a"}
    assert state.compared_namespaces(managed, [obj("Namespace", "shop", "")], [live]) == []
    assert state.compared_namespaces(APP, [], [live]) == []
    result = {"operationState": {"syncResult": {"managedNamespaceMetadata": {"labels": {}}}}}
    assert judged([obj()], [tracked(obj())], app={**managed, "status": result}).status == "OutOfSync"


# --- conditions ---------------------------------------------------------------------------------------------------


def test_conditions_that_were_not_looked_for_stay_and_unchanged_ones_keep_their_time() -> None:
    old = [
        {"type": "SyncError", "message": "s", "lastTransitionTime": "1"},
        {"type": "ComparisonError", "message": "c", "lastTransitionTime": "1"},
        {"type": "SharedResourceWarning", "message": "gone", "lastTransitionTime": "1"},
    ]
    new = [conditions.condition("ComparisonError", "c")]
    found = conditions.set_conditions(old, new, conditions.COMPARED, "2")
    assert [(c["type"], c["lastTransitionTime"]) for c in found] == [
        ("ComparisonError", "1"),
        ("SyncError", "1"),
    ]
    changed = conditions.set_conditions(
        old, [conditions.condition("ComparisonError", "d")], conditions.COMPARED, "2"
    )
    assert [(c["type"], c["lastTransitionTime"]) for c in changed] == [
        ("ComparisonError", "2"),
        ("SyncError", "1"),
    ]
    assert conditions.as_text(conditions.of_types(old, conditions.BLOCKING)) == "ComparisonError: c"
