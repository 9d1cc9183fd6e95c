"""A tiny world with Flux in it: an API server, a git host, two machines on which the controllers run as processes."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.request import ADMIN
from kcsim.api.server import ApiServer
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.deployment.controller import DeploymentController
from kcsim.cluster.controllers.garbagecollector.controller import GarbageCollector
from kcsim.cluster.controllers.namespace.controller import NamespaceController
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.delivery.buckets import ObjectStore
from kcsim.delivery.chart_repositories import ChartRepositories
from kcsim.delivery.charts import chart_files
from kcsim.delivery.git.host import GitHost, GitTimings
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.agent import Toolkit
from kcsim.delivery.registry.registry import Registry
from kcsim.engine.clock import MILLISECOND, MINUTE, SECOND, seconds
from kcsim.engine.core import Engine
from kcsim.engine.task import run_now
from kcsim.kubectl.command import kubectl
from kcsim.network.topology import Network
from kcsim.profile.api import CONTROLLER_MANAGER, ApiProfile
from kcsim.profile.distributions import Fixed
from kcsim.simulation.bootstrap import bootstrap

QUICK = ApiProfile(
    write=Fixed(MILLISECOND), read=Fixed(MILLISECOND), watch=Fixed(MILLISECOND), reaction=Fixed(MILLISECOND)
)
URL = "https://git.example/shop"
CHARTS = "https://charts.example/shop"
GIT = GitTimings(Fixed(100 * MILLISECOND), Fixed(400 * MILLISECOND), Fixed(SECOND))

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n"


def config(name="settings", value="1", namespace="shop", annotations=""):
    extra = f"  annotations: {{{annotations}}}\n" if annotations else ""
    return (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\n{extra}"
        f'data:\n  value: "{value}"\n'
    )


def deployment(image="web:1", replicas=2, name="web"):
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: shop
spec:
  replicas: {replicas}
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      containers:
      - name: app
        image: {image}
"""


class FluxWorld:
    def __init__(self, seed=1, *, start=True, controllers=False, checking=True, components=()):
        self.engine = Engine(seed)
        self.network = Network()
        for name, kind in (
            ("switch", "switch"),
            ("control-plane", "control-plane"),
            ("git.example", "git-host"),
            ("registry.example", "registry"),
            ("store.example", "object-store"),
            ("node-1", "node"),
            ("node-2", "node"),
        ):
            self.network.add_host(name, kind=kind, address="192.168.255.1" if kind == "control-plane" else "")
            if name != "switch":
                self.network.connect(name, "switch", Fixed(200))
        self.server = ApiServer(self.engine, checking=checking)
        self.endpoint = Endpoint(self.engine, self.network, self.server, "control-plane", QUICK)
        self.client = DirectClient(self.endpoint, ADMIN, "control-plane", user_agent="test")
        bootstrap(self.client.endpoint)
        self.git = GitHost(self.engine, self.network, "git.example", GIT)
        self.git.create("shop")
        for obj in install.install_objects(components=(*install.COMPONENTS, *components)):
            self.create(obj)
        self.installed = components
        self.registry = Registry(self.engine, self.network, "registry.example")
        self.store = ObjectStore(self.engine, self.network, "store.example")
        self.charts = ChartRepositories(self.engine, self.network, self.registry)
        charts = self.charts if "helm-controller" in components else None
        self.toolkit = Toolkit(self.git, self.registry, {"store.example": self.store}, charts)
        self.programs = self.toolkit.programs()
        self.agents = {}
        self.started = 0
        if controllers:
            manager = Component(self.endpoint, "kube-controller-manager", ADMIN, "control-plane")
            for reconciler in (
                DeploymentController(),
                ReplicaSetController(),
                GarbageCollector(),
                NamespaceController(),
            ):
                manager.run(reconciler, CONTROLLER_MANAGER)
            manager.start()
        if start:
            self.start("source-controller", "node-1")
            self.start("kustomize-controller", "node-2")
            if charts is not None:
                self.start("helm-controller", "node-2")

    def start(self, program, node, args=()):
        """A container of the image starts on a machine."""
        if "notification-controller" in self.installed and program != "notification-controller":
            args = [*args, "--events-addr=http://notification-controller.flux-system.svc.cluster.local./"]
        self.started += 1
        number = self.started - 1
        pod = {
            "metadata": {"name": f"{program}-{number}", "namespace": "flux-system"},
            "spec": {"serviceAccountName": program, "containers": [{"args": list(args)}]},
        }
        self.agents[program] = self.programs[program](self.endpoint, pod, node)

    def power_off(self, node):
        """The machine dies with what runs on it."""
        for agent in self.agents.values():
            if agent.manager.host == node:
                agent.stop()
        self.network.set_up(node, False)

    # --- git ----------------------------------------------------------------------------------------------------

    def push(self, files, message="change", branch="main"):
        return self.git.push("shop", branch, files, message, "dana")

    def revision(self):
        return f"main@sha1:{self.git.repository('shop').head('main').sha}"

    # --- charts -------------------------------------------------------------------------------------------------

    def publish(self, version, *templates, name="web", url=CHARTS, crds=()):
        """A version of a chart that stands for these objects appears in the repository of an address."""
        return self.charts.publish(url, chart_files(name, version, templates, app_version="1", crds=crds))

    def release(self, name="web", **spec):
        """A HelmRelease in the namespace shop, of the chart ``web`` of the HelmRepository ``charts``."""
        ref = {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}
        if not spec.keys() & {"chart", "chartRef"}:
            spec["chart"] = {"spec": {**ref, "version": spec.pop("version", "*")}}
        metadata = {"name": name, "namespace": "shop"}
        kind = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": metadata}
        return self.create({**kind, "spec": {"interval": "10m", **spec}})

    def hr(self, name="web"):
        return self.get("helmreleases", name)

    def hr_status(self, name="web"):
        return (self.hr(name) or {}).get("status") or {}

    def hr_ready(self, name="web"):
        """(status, reason, message) of a HelmRelease."""
        return self.hr_condition("Ready", name)

    def hr_condition(self, kind, name="web"):
        found = objects.condition(self.hr(name), kind)
        return (found["status"], found["reason"], found["message"]) if found else None

    # --- objects ------------------------------------------------------------------------------------------------

    def create(self, obj):
        return self.do(
            self.client.create(self.client.endpoint.server.catalog.of(obj), obj, field_manager="flux")
        )

    def deliver(self, interval=MINUTE, **spec):
        """A GitRepository and a Kustomization, both named shop."""
        self.create(install.git_repository("shop", URL, interval=interval))
        self.create(install.kustomization("shop", "shop", **spec))

    def do(self, call):
        return self.client.now(call)

    def get(self, resource, name, namespace="shop"):
        try:
            return self.do(self.client.get(resource, namespace, name))
        except StatusError as error:
            if error.is_not_found:
                return None
            raise

    def ks(self, name="shop"):
        return self.get("kustomizations", name, "flux-system")

    def source(self, name="shop"):
        return self.get("gitrepositories", name, "flux-system")

    def ready(self, name="shop"):
        """(status, reason, message) of a Kustomization."""
        found = objects.condition(self.ks(name), "Ready")
        return (found["status"], found["reason"], found["message"]) if found else None

    def reconciling(self, name="shop"):
        """What a Kustomization is said to be at; "" when it is at nothing."""
        found = objects.condition(self.ks(name), "Reconciling")
        return found["message"] if found else ""

    def source_ready(self):
        found = objects.condition(self.source(), "Ready")
        return (found["status"], found["reason"], found["message"])

    def events(self, kind="Kustomization", name="shop", namespace="flux-system"):
        items = self.do(self.client.list("events", namespace))["items"]
        found = [
            e for e in items if e["involvedObject"]["kind"] == kind and e["involvedObject"]["name"] == name
        ]
        found.sort(key=lambda e: e["metadata"]["name"].rpartition(".")[2])
        return [(e["reason"], e["message"]) for e in found]

    def patch(self, resource, name, body, namespace="shop"):
        return self.do(self.client.patch(resource, namespace, name, body))

    def kubectl(self, line):
        outcome = run_now(self.engine, kubectl(self.client, line, namespace="shop"))
        assert outcome.exit_code == 0, outcome.stderr
        return outcome

    # --- time ---------------------------------------------------------------------------------------------------

    @property
    def now(self):
        return self.engine.now / SECOND

    def run(self, duration):
        self.engine.run_until(self.engine.now + seconds(duration))

    def until(self, predicate, limit="1h"):
        """Run until something holds; gives the seconds it took."""
        began, end = self.engine.now, self.engine.now + seconds(limit)
        while not predicate():
            upcoming = self.engine.next_time
            assert upcoming is not None, "nothing is going to happen any more"
            assert upcoming <= end, "it did not come to hold"
            self.engine.step()
        return (self.engine.now - began) / SECOND

    def writes(self, resource, name, namespace="shop"):
        """The versions of one object: (seconds, actor, the origin of its causes)."""
        wanted = self.client.resource(resource)
        return [
            (v.time / SECOND, v.actor, v.chain()[-1])
            for v in self.server.log.history(wanted, (namespace, name))
        ]


@pytest.fixture
def make_world():
    return FluxWorld


@pytest.fixture
def yaml():
    """Manifests as text: yaml.namespace, yaml.config(...), yaml.deployment(...)."""

    class Yaml:
        namespace = NAMESPACE
        config = staticmethod(config)
        deployment = staticmethod(deployment)

    return Yaml
