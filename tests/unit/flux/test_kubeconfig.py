"""One Flux for several clusters: `spec.kubeConfig` of Kustomizations, by Secret and by ConfigMap."""

from contextlib import suppress

import pytest

from kcsim.api import objects
from kcsim.api.status import StatusError
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.agent import Toolkit, adapted
from kcsim.delivery.gitops.flux.kubeconfig import KubeConfigError, Remote, of_config_map, of_text
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.scenario.deliveries import address_of, create, reach
from kcsim.simulation.world import World, node_specs

CONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: far, cluster: {{server: "{server}"}}}}]
users: [{{name: flux, user: {{token: "{token}"}}}}]
contexts: [{{name: far, context: {{cluster: far, user: flux}}}}]
current-context: far
"""
TOKEN = "system:serviceaccount:kube-system:flux"
MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings, namespace: default}}\ndata: {{value: '{}'}}\n"


def account(rights=("cluster-admin",)):
    made = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "flux", "namespace": "kube-system"},
        }
    ]
    for role in rights:
        subjects = [{"kind": "ServiceAccount", "name": "flux", "namespace": "kube-system"}]
        made.append(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": f"flux-{role}"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": subjects,
            }
        )
    return made


def secret(text, name="far", key="value"):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": "flux-system",
            "labels": {"reconcile.fluxcd.io/watch": "Enabled"},
        },
        "stringData": {key: text},
    }


class Hub:
    """Flux in one cluster, and another one beside it."""

    def __init__(self):
        self.world = World(1)
        self.hub = self.world.add_cluster("hub", node_specs(1))
        self.far = self.world.add_cluster("far", node_specs(1))
        toolkit = Toolkit(
            self.world.git, self.world.registry, reach=lambda address: reach(self.world, address)
        )
        for name, program in toolkit.programs().items():
            self.world.programs[name] = adapted(program)
            self.world.push_image(ImageBehaviour(install.IMAGES[name], ready_after=SECOND, program=name))
        self.world.git.create("shop")
        self.push("1")
        for obj in install.install_objects():
            create(self.hub, obj)
        create(self.hub, install.git_repository("shop", self.world.git.url("shop")))

    def push(self, value):
        self.world.git.push("shop", "main", {"config.yaml": MANIFEST.format(value)}, "change", "dana")

    def deliver(self, kube_config, **more):
        given = {"interval": 10 * MINUTE, "retryInterval": 30 * SECOND, **more}
        create(self.hub, install.kustomization("shop", "shop", kubeConfig=kube_config, **given))
        self.run(MINUTE)

    def run(self, span):
        self.world.engine.run_until(self.world.engine.now + span)

    def found(self, cluster, resource, name, namespace="default"):
        with suppress(StatusError):
            return cluster.admin.now(cluster.admin.get(resource, namespace, name))
        return None

    def ready(self):
        ks = self.found(
            self.hub, "kustomizations.kustomize.toolkit.fluxcd.io", "shop", namespace="flux-system"
        )
        found = objects.condition(ks, "Ready")
        return found["reason"], found["message"]


@pytest.fixture
def hub():
    return Hub()


def text(hub, token=TOKEN):
    return CONFIG.format(server=address_of(hub.far), token=token)


def test_a_kustomization_is_applied_to_the_cluster_of_its_kubeconfig(hub):
    for obj in account():
        create(hub.far, obj)
    create(hub.hub, secret(text(hub)))
    hub.deliver({"secretRef": {"name": "far"}})
    assert hub.ready()[0] == "ReconciliationSucceeded"
    assert hub.found(hub.far, "configmaps", "settings")["data"] == {"value": "1"}
    assert hub.found(hub.hub, "configmaps", "settings") is None


def test_it_is_pruned_there_when_the_kustomization_is_deleted(hub):
    for obj in account():
        create(hub.far, obj)
    create(hub.hub, secret(text(hub)))
    hub.deliver({"secretRef": {"name": "far"}})
    hub.hub.admin.now(hub.hub.admin.delete("kustomizations", "flux-system", "shop"))
    hub.run(10 * SECOND)
    assert hub.found(hub.far, "configmaps", "settings") is None


def test_what_may_be_done_there_is_what_the_account_of_the_kubeconfig_may_do(hub):
    for obj in account(rights=("view",)):
        create(hub.far, obj)
    create(hub.hub, secret(text(hub)))
    hub.deliver({"secretRef": {"name": "far"}})
    reason, message = hub.ready()
    assert reason == "ReconciliationFailed"
    assert 'User "system:serviceaccount:kube-system:flux" cannot patch resource "configmaps"' in message


def test_the_account_to_act_as_must_be_one_that_the_kubeconfigs_may_impersonate(hub):
    for obj in account(rights=("view",)):
        create(hub.far, obj)
    create(hub.hub, secret(text(hub)))
    hub.deliver({"secretRef": {"name": "far"}}, serviceAccountName="team")
    reason, message = hub.ready()
    assert reason == "ReconciliationFailed"
    assert message == (
        'serviceaccounts "team" is forbidden: User "system:serviceaccount:kube-system:flux" cannot impersonate '
        'resource "serviceaccounts" in API group "" in the namespace "flux-system"'
    )


def test_a_secret_that_comes_later_is_looked_at_at_once_where_it_is_labelled(hub):
    for obj in account():
        create(hub.far, obj)
    hub.deliver({"secretRef": {"name": "far"}}, retryInterval=60 * MINUTE)
    assert hub.ready() == (
        "ReconciliationFailed",
        "unable to read KubeConfig secret 'flux-system/far' error: secrets \"far\" not found",
    )
    create(hub.hub, secret(text(hub)))
    hub.run(5 * SECOND)
    assert hub.ready()[0] == "ReconciliationSucceeded"


def test_a_kubeconfig_that_leads_nowhere_says_so(hub):
    create(hub.hub, secret(CONFIG.format(server="https://nowhere:6443", token=TOKEN)))
    hub.deliver({"secretRef": {"name": "far"}})
    assert hub.ready() == (
        "ReconciliationFailed",
        'Get "https://nowhere:6443/api": dial tcp: lookup nowhere: no such host',
    )


def test_a_token_that_nobody_has_issued_is_not_let_in(hub):
    create(hub.hub, secret(text(hub, token="abc")))
    hub.deliver({"secretRef": {"name": "far"}})
    assert hub.ready()[1] == "the server has asked for the client to provide credentials"


def test_without_a_secret_the_controllers_own_account_is_known_there(hub):
    create(
        hub.hub,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "far", "namespace": "flux-system"},
            "data": {"provider": "generic", "address": address_of(hub.far)},
        },
    )
    hub.deliver({"configMapRef": {"name": "far"}})
    assert 'User "system:serviceaccount:flux-system:kustomize-controller" cannot patch' in hub.ready()[1]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("", "no configuration has been provided"),
        ("clusters: [{name: a, cluster: {}}]", "cluster has no server defined"),
        (
            "clusters: [{name: a, cluster: {server: x}}]\ncurrent-context: b",
            "context was not found for specified context: b, cluster has no server defined",
        ),
        (
            CONFIG.format(server="https://far:6443", token="").replace('token: ""', "client-certificate: a"),
            "kcsim reads no client certificates",
        ),
        ("clusters: [", "error loading config file"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used(config, why):
    with pytest.raises(KubeConfigError) as raised:
        of_text(config)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "provider '' not implemented"),
        ({"provider": "aws"}, "kcsim does not model provider aws"),
        ({"provider": "generic"}, "cluster address is required"),
        ({"provider": "generic", "address": "http://far"}, "must use https scheme"),
    ],
)
def test_parameters_that_cannot_be_used(data, why):
    with pytest.raises(KubeConfigError) as raised:
        of_config_map({"data": data}, "apps", ("flux-system", "kustomize-controller"))
    assert why in str(raised.value)


def test_parameters_may_name_an_account_of_the_objects_namespace():
    data = {"provider": "generic", "address": "FAR", "serviceAccountName": "team"}
    found = of_config_map({"data": data}, "apps", ("flux-system", "kustomize-controller"))
    assert found == Remote("https://far:443", "system:serviceaccount:apps:team")
