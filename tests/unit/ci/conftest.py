"""A tiny world of push: git host, registry, CI system, and an API server whose pods become ready by themselves."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.client import Client, DirectClient, Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.request import ADMIN
from kcsim.api.server import ApiServer
from kcsim.cluster.controllers.deployment.controller import DeploymentController
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.delivery.ci.deploy import Deploy
from kcsim.delivery.ci.pipelines import CiTimings, ClusterTarget, PipelineSpec, StageSpec
from kcsim.delivery.ci.rights import Deployer, rbac_objects
from kcsim.delivery.ci.system import CiSystem
from kcsim.delivery.git.host import GitHost, GitTimings
from kcsim.delivery.registry.registry import Registry
from kcsim.engine.clock import MILLISECOND, MINUTE, SECOND, rfc3339, seconds
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.profile.api import ApiProfile
from kcsim.profile.distributions import Fixed

QUICK = ApiProfile(
    write=Fixed(MILLISECOND), read=Fixed(MILLISECOND), watch=Fixed(MILLISECOND), reaction=Fixed(MILLISECOND)
)
HOSTS = (
    ("git.example", "git-host"),
    ("registry.example", "registry"),
    ("ci.example", "ci"),
    ("control-plane", "x"),
)

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 2
  progressDeadlineSeconds: 600
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: registry.example/shop/web:VERSION
"""
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME, namespace: shop}
data: {a: "1"}
"""


def web(version):
    """The Deployment at one version; pods of the version `bad` never become ready."""
    return WEB.replace("VERSION", version)


def config(name):
    return CONFIG.replace("NAME", name)


class Pods:
    """Stands in for scheduler and kubelets: a pod is ready a second after it was made, gone with its deletion."""

    def __init__(self, world):
        self.world = world
        self.watch = world.server.watch(world.admin.resource("pods"), ADMIN, self.wake)

    def wake(self):
        self.world.engine.after(0, self.look)

    def look(self):
        for kind, version in self.watch.take():
            pod = version.object
            if kind == "DELETED":
                continue
            if objects.is_deleting(pod):
                self.world.engine.after(SECOND, self.end, version.key)
            elif version.previous is None and not pod["spec"]["containers"][0]["image"].endswith(":bad"):
                self.world.engine.after(SECOND, self.ready, version.key)

    def ready(self, key):
        pod = self.world.find("pods", key[1], key[0])
        if pod is None or objects.is_deleting(pod):
            return
        now = rfc3339(self.world.engine.now)
        conditions = objects.set_condition(objects.conditions(pod), {"type": "Ready", "status": "True"}, now)
        status = {**pod["status"], "phase": "Running", "conditions": conditions}
        self.world.do(self.world.admin.update_status("pods", {**pod, "status": status}))

    def end(self, key):
        if self.world.find("pods", key[1], key[0]) is not None:
            self.world.do(self.world.admin.delete("pods", *key, grace=0))


class World:
    """What a test holds. Everything outside the cluster is 10 ms away; git answers in 100 ms, webhooks take 2 s."""

    def __init__(self, seed=1, deployer=None, images=None):
        self.engine = Engine(seed)
        self.network = Network()
        self.network.add_host("internet", kind="switch")
        for name, kind in HOSTS:
            self.network.add_host(name, kind=kind)
            self.network.connect(name, "internet", Fixed(5 * MILLISECOND))
        quick = GitTimings(Fixed(100 * MILLISECOND), Fixed(100 * MILLISECOND), Fixed(2 * SECOND))
        self.git = GitHost(self.engine, self.network, "git.example", quick)
        self.repository = self.git.create("shop")
        self.registry = Registry(
            self.engine, self.network, "registry.example", lambda _reference: ("fine", 1)
        )
        timings = CiTimings(Fixed(SECOND), 10 * MINUTE, 60 * SECOND)
        self.ci = CiSystem(
            self.engine, self.network, "ci.example", self.git, self.registry, images=images, timings=timings
        )
        self.server = ApiServer(self.engine, checking=True)
        self.endpoint = Endpoint(self.engine, self.network, self.server, "control-plane", QUICK)
        self.admin = DirectClient(self.endpoint, ADMIN, "control-plane", user_agent="test")
        self.deployer = deployer or Deployer()
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "cluster-admin"},
            "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
        }
        namespaces = ["default"] if "shop" in self.deployer.namespaces else ["default", "shop"]
        made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces]
        for obj in [*made, role, *rbac_objects(self.deployer)]:
            self.do(self.admin.create(self.server.catalog.of(obj), obj))
        self.pods = Pods(self)
        manager = Component(self.endpoint, "kube-controller-manager", ADMIN, "control-plane")
        manager.run(DeploymentController())
        manager.run(ReplicaSetController())
        manager.start()

    def target(self):
        def connect():
            return Client(self.endpoint, self.deployer.identity(), "ci.example", user_agent="kubectl")

        return ClusterTarget("", connect, self.deployer)

    def pipeline(self, *stages, deploy=None, **options):
        """A pipeline named shop with some stages and, last, a deployment of `deploy/`."""
        last = (StageSpec("deploy", action=deploy if deploy is not None else Deploy(("deploy",))),)
        spec = PipelineSpec("shop", "shop", stages=(*stages, *last), **options)
        return self.ci.add_pipeline(spec, [self.target()])

    def commit(self, files, message="change"):
        """Commit some files below deploy/."""
        given = {f"deploy/{name}": text for name, text in files.items()}
        return self.git.push("shop", "main", given, message, "dana")

    def do(self, call):
        return self.admin.now(call)

    def run(self, duration):
        self.engine.run_until(self.engine.now + seconds(duration))

    def find(self, resource, name, namespace="shop"):
        version = self.server.log.get(self.admin.resource(resource), namespace, name)
        return None if version is None else version.object

    def image(self):
        return self.find("deployments.apps", "web")["spec"]["template"]["spec"]["containers"][0]["image"]

    def notes(self, actor="ci"):
        """(verb, subject) of what one actor did."""
        return [(r.verb, r.subject) for r in self.engine.trace.records if r.actor == actor]

    def why(self, record):
        """(verb, subject) back to the origin."""
        return [(r.verb, r.subject) for r in record.chain()]


@pytest.fixture
def make_world():
    return World


@pytest.fixture
def world():
    return World()


@pytest.fixture
def files():
    """files.web("1"), files.config("a")."""

    class Files:
        web = staticmethod(web)
        config = staticmethod(config)

    return Files
