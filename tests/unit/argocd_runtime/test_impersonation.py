"""Syncs that act as the ServiceAccount that the project names for their destination."""

import pytest

from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.argocd.projects import ANYWHERE, Cluster, Project
from kcsim.delivery.gitops.argocd.settings import configuration
from tests.unit.argocd_runtime.conftest import AUTOMATED, ArgoWorld, config, deployment

ENABLED = {"application.sync.impersonation.enabled": "true"}
DEPLOYER = {"server": "*", "namespace": "default", "defaultServiceAccount": "deployer"}
HERE = Cluster(terms.IN_CLUSTER, terms.IN_CLUSTER_NAME)


def world_of(*accounts, settings=ENABLED, resources=("configmaps",), **more):
    world = ArgoWorld(config=settings, **more)
    project = {**ANYWHERE, "destinationServiceAccounts": list(accounts)}
    world.create(
        {
            "apiVersion": terms.API_VERSION,
            "kind": "AppProject",
            "metadata": {"name": "team", "namespace": "argocd"},
            "spec": project,
        }
    )
    world.create(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "deployer", "namespace": "default"},
        }
    )
    rules = [{"apiGroups": ["", "apps"], "resources": list(resources), "verbs": ["*"]}]
    rbac = "rbac.authorization.k8s.io"
    world.create(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "Role",
            "metadata": {"name": "d", "namespace": "default"},
            "rules": rules,
        }
    )
    world.create(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "d", "namespace": "default"},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "d"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": "default"}],
        }
    )
    world.push({"app/config.yaml": config()})
    return world


def test_a_sync_writes_as_the_account_of_the_project():
    world = world_of(DEPLOYER)
    world.application(project="team")
    world.run("10s")
    assert world.sync_status() == "Synced"
    asked = world.endpoint.server.asked
    assert asked["system:serviceaccount:default:deployer"] > 0
    world.push({"app/config.yaml": config(value="2")})
    world.refresh()
    world.run("10s")
    assert world.get("configmaps", "settings")["data"] == {"value": "2"}


def test_without_the_setting_the_controller_writes_itself():
    world = world_of(DEPLOYER, settings=None)
    world.application(project="team")
    world.run("10s")
    assert world.sync_status() == "Synced"
    assert "system:serviceaccount:default:deployer" not in world.endpoint.server.asked


def test_what_the_account_may_not_do_fails_the_sync():
    world = world_of(DEPLOYER)
    world.push({"app/web.yaml": deployment()})
    world.application(project="team", policy=None)
    world.run("5s")
    assert world.type("app sync shop").exit_code != 0
    results = {each["kind"]: each["message"] for each in world.operation()["syncResult"]["resources"]}
    assert (
        'User "system:serviceaccount:default:deployer" cannot get resource "deployments" in API group "apps"'
        in results["Deployment"]
    )
    assert world.operation()["phase"] == "Failed"
    assert world.get("configmaps", "settings") is None, "a dry run that fails applies nothing"


def test_a_destination_without_account_fails_unless_that_is_let_go():
    other = {**DEPLOYER, "namespace": "elsewhere"}
    world = world_of(other)
    world.application(project="team", policy={"automated": {}, "retry": {"limit": 0}})
    world.run("10s")
    assert world.operation()["phase"] == "Error"
    assert world.operation()["message"].startswith(
        "failed to find a matching service account to impersonate: no matching service account found for destination "
        "server https://kubernetes.default.svc and namespace default"
    )
    assert world.get("configmaps", "settings") is None
    lenient = world_of(other, settings={**ENABLED, "application.sync.impersonation.enforced": "false"})
    lenient.application(project="team")
    lenient.run("10s")
    assert lenient.sync_status() == "Synced"


def test_in_another_cluster_the_account_is_that_of_the_cluster():
    world = world_of(DEPLOYER, clusters=("", "east"))
    world.application(project="team", server=world.address("east"))
    world.run("15s")
    results = world.operation()["syncResult"]["resources"]
    assert 'User "system:serviceaccount:default:deployer" cannot' in results[0]["message"], "no rights there"


def test_pruning_is_done_as_the_account():
    world = world_of(DEPLOYER)
    world.push({"app/other.yaml": config(name="other")})
    world.application(project="team", policy=AUTOMATED)
    world.run("10s")
    world.patch(
        "roles.rbac.authorization.k8s.io",
        "d",
        {
            "rules": [
                {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "patch", "create"]}
            ]
        },
    )
    world.push({"app/other.yaml": None})
    world.refresh()
    world.run("10s")
    said = [
        each["message"] for each in world.operation()["syncResult"]["resources"] if each["name"] == "other"
    ]
    assert 'cannot delete resource "configmaps"' in said[0]
    assert world.get("configmaps", "other") is not None


@pytest.mark.parametrize(
    ("items", "namespace", "account"),
    [
        ([{"server": "*", "namespace": "*", "defaultServiceAccount": "a"}], "shop", "shop:a"),
        ([{"server": "*", "namespace": "", "defaultServiceAccount": "a"}], "", "argocd:a"),
        ([{"server": "https://*.svc", "namespace": "sh*", "defaultServiceAccount": "ci:a"}], "shop", "ci:a"),
        ([{"server": "*", "namespace": "x", "defaultServiceAccount": "b"}, {"server": "*", "namespace": "*", "defaultServiceAccount": "a"}], "shop", "shop:a"),
        ([{"server": "https://other", "namespace": "*", "defaultServiceAccount": "a"}], "shop", None),
        ([], "shop", None),
    ],
)  # fmt: skip
def test_the_first_entry_that_fits_names_the_account(items, namespace, account):
    found = Project("p", {"destinationServiceAccounts": items}).account(HERE, namespace, "argocd")
    assert (found.name if found else None) == (account and f"system:serviceaccount:{account}")


@pytest.mark.parametrize("name", ["", " ", "a*", "!a", "a/b"])
def test_an_account_that_is_no_name_is_an_error(name):
    project = Project("p", {"destinationServiceAccounts": [{**DEPLOYER, "defaultServiceAccount": name}]})
    with pytest.raises(ValueError, match="default service account contains invalid chars"):
        project.account(HERE, "default", "argocd")


def test_the_settings_are_read():
    found, absent = configuration({"data": ENABLED})
    assert (found.impersonates, found.impersonation_enforced, absent) == (True, True, [])
