"""A tiny world with Argo CD in it: API servers, a git host, machines on which its components run as processes."""

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
from kcsim.delivery.git.host import GitHost, GitTimings
from kcsim.delivery.gitops.argocd import install, terms
from kcsim.delivery.gitops.argocd.agent import Programs
from kcsim.delivery.gitops.argocd.cli import argocd
from kcsim.delivery.gitops.argocd.redis import Cache
from kcsim.engine.clock import MILLISECOND, SECOND, seconds
from kcsim.engine.core import Engine
from kcsim.engine.task import Task
from kcsim.network.topology import Network
from kcsim.profile.api import CONTROLLER_MANAGER, ApiProfile
from kcsim.profile.distributions import Fixed
from kcsim.simulation.bootstrap import bootstrap

QUICK = ApiProfile(
    write=Fixed(MILLISECOND), read=Fixed(MILLISECOND), watch=Fixed(MILLISECOND), reaction=Fixed(MILLISECOND)
)
URL = "https://git.example/shop"
GIT = GitTimings(Fixed(100 * MILLISECOND), Fixed(400 * MILLISECOND), Fixed(SECOND))
AUTOMATED = {"automated": {"prune": True, "selfHeal": True}}


def config(name="settings", value="1", *, annotations="", namespace=""):
    where = f"  namespace: {namespace}\n" if namespace else ""
    extra = f"  annotations: {{{annotations}}}\n" if annotations else ""
    return f'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{where}{extra}data:\n  value: "{value}"\n'


def deployment(image="web:1", replicas=2, name="web", *, annotations=""):
    extra = f"  annotations: {{{annotations}}}\n" if annotations else ""
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
{extra}spec:
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


def job(name, hook, *, policy="", wave=""):
    notes = [f"argocd.argoproj.io/hook: {hook}"]
    notes += [f"argocd.argoproj.io/hook-delete-policy: {policy}"] if policy else []
    notes += [f'argocd.argoproj.io/sync-wave: "{wave}"'] if wave else []
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  annotations: {{{", ".join(notes)}}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: job, image: "job:1"}}]
"""


class ArgoWorld:
    """One or more clusters; Argo CD runs in the first."""

    def __init__(
        self,
        seed=1,
        *,
        clusters=("",),
        controllers=False,
        config=None,
        params=None,
        replicas=1,
        start=True,
        checking=True,
    ):
        self.engine = Engine(seed)
        self.checking = checking
        self.network = Network()
        self.network.add_host("switch", kind="switch")
        for name, kind in (
            ("git.example", "git-host"),
            ("node-1", "node"),
            ("node-2", "node"),
            ("node-3", "node"),
            *((self._control_plane(name), "control-plane") for name in clusters),
        ):
            self.network.add_host(name, kind=kind, address="192.168.255.1" if kind == "control-plane" else "")
            self.network.connect(name, "switch", Fixed(200))
        self.endpoints = {name: self._cluster(name, controllers=controllers) for name in clusters}
        self.endpoint = next(iter(self.endpoints.values()))
        self.client = self.direct(clusters[0])
        self.git = GitHost(self.engine, self.network, "git.example", GIT)
        self.git.create("shop")
        for obj in install.install_objects(config=config, params=params, replicas=replicas):
            self.create(obj)
        for name in clusters[1:]:
            for obj in install.manager_objects():
                self.create(obj, cluster=name)
            self.create(install.cluster_secret(name, self.address(name)))
        self.programs = Programs(self.git, lambda _, address: self._reach(address))
        self.processes = {}
        self.started = 0
        if start:
            self.start_all()

    @staticmethod
    def _control_plane(cluster):
        return f"{cluster}-control-plane" if cluster else "control-plane"

    def _cluster(self, name, *, controllers):
        server = ApiServer(self.engine, name, checking=self.checking)
        endpoint = Endpoint(self.engine, self.network, server, self._control_plane(name), QUICK)
        bootstrap(endpoint)
        manager = Component(endpoint, "kube-controller-manager", ADMIN, endpoint.host)
        found = (GarbageCollector(), NamespaceController())
        for reconciler in (*found, DeploymentController(), ReplicaSetController()) if controllers else found:
            manager.run(reconciler, CONTROLLER_MANAGER)
        manager.start()
        return endpoint

    def address(self, cluster):
        return f"https://{self._control_plane(cluster)}:6443"

    def _reach(self, address):
        return next((e for name, e in self.endpoints.items() if self.address(name) == address), None)

    def direct(self, cluster=""):
        endpoint = self.endpoints[cluster]
        return DirectClient(endpoint, ADMIN, endpoint.host, user_agent="test")

    # --- processes ----------------------------------------------------------------------------------------------

    def start_all(self):
        self.start(install.REDIS, "node-1")
        self.start(install.REPO_SERVER, "node-1")
        self.run(seconds("50ms"))
        self.start(install.CONTROLLER, "node-2")
        self.start(install.SERVER, "node-3")
        self.start(install.SET_CONTROLLER, "node-3")

    def start(self, name, node, *, pod=None, env=(), args=()):
        """A container of the image starts on a machine."""
        self.started += 1
        container = {
            "args": [f"/usr/local/bin/{name}", *args],
            "env": [{"name": k, "value": v} for k, v in env],
        }
        kind = "statefulsets.apps" if name == install.CONTROLLER else "deployments.apps"
        stored = self.get(kind, name, "argocd")
        if stored is not None:
            template = stored["spec"]["template"]["spec"]["containers"][0]
            container["env"] = [*(template.get("env") or ()), *container["env"]]
        made = {
            "metadata": {"name": pod or f"{name}-0", "namespace": "argocd"},
            "spec": {"serviceAccountName": name, "containers": [container]},
        }
        program = self.programs.redis if name == install.REDIS else self.programs.argocd
        process = self.processes[pod or name] = program(self.endpoint, made, node)
        return process

    def stop(self, name):
        self.processes.pop(name).stop()

    def run(self, duration):
        self.engine.run_until(
            self.engine.now + (seconds(duration) if isinstance(duration, str) else duration)
        )

    # --- objects ------------------------------------------------------------------------------------------------

    def create(self, obj, *, cluster=None):
        client = self.direct(cluster if cluster is not None else next(iter(self.endpoints)))
        resource = client.endpoint.server.catalog.of(obj)
        try:
            return client.now(client.create(resource, obj))
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise
            return None

    def get(self, resource, name, namespace="default", cluster=None):
        client = self.direct(cluster if cluster is not None else next(iter(self.endpoints)))
        try:
            return client.now(client.get(resource, namespace, name))
        except StatusError as error:
            if error.is_not_found:
                return None
            raise

    def list(self, resource, namespace="default", cluster=None):
        client = self.direct(cluster if cluster is not None else next(iter(self.endpoints)))
        return client.now(client.list(resource, namespace))["items"]

    def patch(self, resource, name, body, namespace="default", type="merge", cluster=None):
        client = self.direct(cluster if cluster is not None else next(iter(self.endpoints)))
        return client.now(client.patch(resource, namespace, name, body, type=type))

    def push(self, files, message="change"):
        return self.git.push("shop", "main", files, message, "dana")

    def application(
        self,
        name="shop",
        path="app",
        *,
        server=terms.IN_CLUSTER,
        policy=AUTOMATED,
        namespace="default",
        **more,
    ):
        source = more.pop("source", None) or {"repoURL": URL, "path": path, "targetRevision": "main"}
        cascade = more.pop("cascade", False)
        project = more.pop("project", "default")
        annotations = more.pop("annotations", None)
        obj = install.application(
            name,
            source,
            server=server,
            destination_namespace=namespace,
            project=project,
            cascade=cascade,
            syncPolicy=policy,
            **more,
        )
        if annotations:
            obj["metadata"]["annotations"] = annotations
        return self.create(obj)

    def app(self, name="shop"):
        return self.get(terms.APPLICATIONS, name, "argocd")

    def status(self, name="shop"):
        return self.app(name).get("status") or {}

    def sync_status(self, name="shop"):
        return (self.status(name).get("sync") or {}).get("status")

    def health(self, name="shop"):
        return (self.status(name).get("health") or {}).get("status")

    def operation(self, name="shop"):
        return self.status(name).get("operationState") or {}

    def conditions(self, name="shop"):
        return {c["type"]: c["message"] for c in self.status(name).get("conditions") or ()}

    def events(self, name="shop"):
        return [
            (e["reason"], e["message"])
            for e in sorted(
                self.list("events", "argocd"), key=lambda e: objects.resource_version(e).zfill(12)
            )
            if e["involvedObject"]["name"] == name
        ]

    def refresh(self, name="shop", kind="normal"):
        self.patch(terms.APPLICATIONS, name, {"metadata": {"annotations": {terms.REFRESH: kind}}}, "argocd")

    def type(self, line, *, limit="10m"):
        """A person types an argocd command line; the world runs until it returns."""
        found = []
        cache = Cache(self.programs.services, self.endpoint, "argocd")
        known = lambda key: cache.get(("managed-resources", "argocd", key))  # noqa: E731
        Task(argocd(self.client, line, comparisons=known), lambda value, error: found.append((value, error)))
        until = self.engine.now + seconds(limit)
        while not found and self.engine.now < until:
            self.run("100ms")
        value, error = found[0]
        assert error is None, error
        return value


@pytest.fixture
def world():
    return ArgoWorld()
