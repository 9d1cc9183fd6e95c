"""A tiny world: one API server, a controller manager, and a stand-in for scheduler and kubelets."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.request import ADMIN
from kcsim.api.server import ApiServer
from kcsim.cluster.controllers.daemonset.placement import target_node
from kcsim.engine.clock import MILLISECOND, SECOND, rfc3339, seconds
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.profile.api import CONTROLLER_MANAGER, UNLIMITED, ApiProfile
from kcsim.profile.distributions import Fixed

QUICK = ApiProfile(
    write=Fixed(MILLISECOND), read=Fixed(MILLISECOND), watch=Fixed(MILLISECOND), reaction=Fixed(MILLISECOND)
)


class FakeNodes:
    """Binds each pod at once to the emptiest node and makes it Ready after a while; ends it after its deletion."""

    def __init__(self, world, nodes):
        self.world = world
        self.load = dict.fromkeys(nodes, 0)
        self.ready_after = SECOND
        self.gone_after = SECOND
        self.bad_images = {"bad"}
        self.ips = 0
        self.watch = world.server.watch(world.client.resource("pods"), ADMIN, self.wake)

    def wake(self):
        self.world.engine.after(0, self.look)

    def look(self):
        for kind, version in self.watch.take():
            pod = version.object
            if kind == "DELETED":
                continue
            if objects.is_deleting(pod):
                before = version.previous
                if before is not None and not objects.is_deleting(before.object):
                    self.world.engine.after(self.gone_after, self.end, version.key, objects.uid(pod))
            elif not pod["spec"].get("nodeName"):
                self.bind(pod)

    def bind(self, pod):
        node = target_node(pod) or min(self.load, key=lambda name: (self.load[name], name))
        self.load[node] = self.load.get(node, 0) + 1
        self.world.do(self.world.client.bind(pod, node))
        self.world.engine.after(self.ready_after, self.report, objects.key(pod), True)

    def report(self, key, ready, phase="Running"):
        """Write a pod's status as its kubelet would."""
        version = self.world.server.log.get(self.world.client.resource("pods"), *key)
        if version is None or objects.is_deleting(version.object):
            return
        pod = version.object
        if pod["spec"]["containers"][0]["image"] in self.bad_images:
            return
        self.ips += 1
        now = rfc3339(self.world.engine.now)
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        conditions = objects.set_condition(objects.conditions(pod), condition, now)
        ip = pod["status"].get("podIP") or f"10.0.{self.ips // 250}.{self.ips % 250 + 1}"
        status = {
            **pod["status"],
            "phase": phase,
            "conditions": conditions,
            "podIP": ip,
            "podIPs": [{"ip": ip}],
        }
        self.world.do(self.world.client.update_status("pods", {**pod, "status": status}))

    def end(self, key, uid):
        version = self.world.server.log.get(self.world.client.resource("pods"), *key)
        if version is not None and objects.uid(version.object) == uid:
            self.world.do(self.world.client.delete("pods", *key, grace=0))


class World:
    """What a test holds: an engine, a server, and one component for the controllers under test."""

    def __init__(self, seed=1, profile=QUICK, nodes=("node-0", "node-1", "node-2")):
        self.engine = Engine(seed)
        self.network = Network()
        self.network.add_host("control-plane", kind="control-plane")
        self.server = ApiServer(self.engine, checking=True)
        self.endpoint = Endpoint(self.engine, self.network, self.server, "control-plane", profile)
        self.client = DirectClient(self.endpoint, ADMIN, "control-plane", user_agent="test")
        self.manager = Component(self.endpoint, "kube-controller-manager", ADMIN, "control-plane")
        for name in ("default", "shop"):
            self.do(self.client.create("namespaces", manifest("v1", "Namespace", name, None)))
        for i, name in enumerate(nodes):
            self.add_node(name, {"topology.kubernetes.io/zone": f"zone-{'ab'[i % 2]}"})
        self.nodes = FakeNodes(self, nodes)

    def add_node(self, name, labels):
        """A node that is ready at once: without the taint that new nodes are given."""
        node = manifest("v1", "Node", name, None)
        node["metadata"]["labels"] = labels
        self.do(self.client.create("nodes", node))
        self.patch("nodes", name, {"spec": {"taints": None}}, namespace="")

    def run_controllers(self, *reconcilers, limits=CONTROLLER_MANAGER):
        for reconciler in reconcilers:
            self.manager.run(reconciler, limits)
        self.manager.start()
        return reconcilers

    def do(self, call):
        return self.client.now(call)

    def run(self, duration):
        self.engine.run_until(self.engine.now + seconds(duration))

    def get(self, resource, name, namespace="shop"):
        return self.do(self.client.get(resource, namespace, name))

    def list(self, resource, namespace="shop"):
        return self.do(self.client.list(resource, namespace))["items"]

    def names(self, resource, namespace="shop"):
        return [objects.name(obj) for obj in self.list(resource, namespace)]

    def events(self, kind):
        found = [e for e in self.list("events") if e["involvedObject"]["kind"] == kind]
        found.sort(key=lambda e: e["metadata"]["name"].rpartition(".")[2])
        return [(e["type"], e["reason"], e["message"]) for e in found]

    def patch(self, resource, name, body, namespace="shop"):
        return self.do(self.client.patch(resource, namespace, name, body))

    def history(self, resource, name, namespace="shop"):
        """Every version of one object: (seconds, object)."""
        key = (namespace, name)
        wanted = self.client.resource(resource)
        return [
            (v.time / SECOND, v.object)
            for v in self.server.log.versions
            if v.resource is wanted and v.key == key and not v.deleted
        ]


def manifest(api_version, kind, name, namespace="shop", **fields):
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def pod_template(image="app:1", **labels):
    return {
        "metadata": {"labels": {"app": "web", **labels}},
        "spec": {"containers": [{"name": "app", "image": image}], "terminationGracePeriodSeconds": 30},
    }


def deployment(replicas, name="web", **spec):
    selector = {"matchLabels": {"app": "web"}}
    body = {"replicas": replicas, "selector": selector, "template": pod_template(), **spec}
    return manifest("apps/v1", "Deployment", name, spec=body)


def replica_set(replicas, name="web", **spec):
    selector = {"matchLabels": {"app": "web"}}
    body = {"replicas": replicas, "selector": selector, "template": pod_template(), **spec}
    return manifest("apps/v1", "ReplicaSet", name, spec=body)


@pytest.fixture
def make_world():
    return World


@pytest.fixture
def make():
    """Builders of manifests: make.deployment(3), make.replica_set(2), make.manifest(...)."""

    class Make:
        deployment = staticmethod(deployment)
        replica_set = staticmethod(replica_set)
        manifest = staticmethod(manifest)
        pod_template = staticmethod(pod_template)
        unlimited = UNLIMITED

    return Make
