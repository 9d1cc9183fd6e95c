"""Autoscalers in a whole cluster: pods that work for requests, metrics every 15 s, replicas that follow."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.images import ImageBehaviour
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.cluster.traffic.source import TrafficSource
from kcsim.engine.clock import MILLISECOND, SECOND, parse_rfc3339
from kcsim.engine.task import run_now
from kcsim.kubectl.command import kubectl
from kcsim.simulation.places import INTERNET
from kcsim.simulation.world import World

WEB = ImageBehaviour("web:1", cpu_milli=20, memory_bytes=64 << 20, cpu_per_request=5 * MILLISECOND)
_CAPACITY = {"cpu": "4", "memory": "8Gi", "pods": "110"}


class Town:
    """A cluster of three nodes with an app that is scaled."""

    def __init__(self, image=WEB, replicas=2, requests="200m", **autoscaler):
        self.world = World(1)
        self.world.push_image(image)
        nodes = [NodeSpec(f"n{i}", f"192.168.0.{i + 1}", _CAPACITY) for i in range(3)]
        self.cluster = self.world.add_cluster("", nodes)
        self.run(20)
        labels = {"app": "web"}
        resources = {"requests": {"cpu": requests, "memory": "128Mi"}} if requests else {}
        container = {
            "name": "app",
            "image": "web:1",
            "ports": [{"containerPort": 80}],
            "resources": resources,
        }
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        self.create("deployments", "apps/v1", "Deployment", spec)
        self.create("services", "v1", "Service", {"selector": labels, "ports": [{"port": 80}]})
        target = {"type": "Utilization", "averageUtilization": 50}
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
        ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        body = {"minReplicas": 2, "maxReplicas": 10, "scaleTargetRef": ref, "metrics": [metric], **autoscaler}
        self.create("horizontalpodautoscalers", "autoscaling/v2", "HorizontalPodAutoscaler", body)
        self.born = self.now

    def create(self, resource, version, kind, spec):
        metadata = {"name": "web", "namespace": "default"}
        admin = self.cluster.admin
        body = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
        admin.now(admin.create(resource, body))

    @property
    def now(self):
        return self.world.engine.now / SECOND

    def run(self, seconds):
        self.world.engine.run_until(self.world.engine.now + int(seconds * SECOND))

    def load(self, rate, until=None):
        pods = self.cluster.pods
        end = None if until is None else int(until * SECOND)
        TrafficSource(
            pods,
            f"users{rate}",
            service="web",
            rate=rate,
            start=self.world.engine.now,
            until=end,
            source=INTERNET,
        )

    def get(self, resource="horizontalpodautoscalers"):
        admin = self.cluster.admin
        return admin.now(admin.get(resource, "default", "web"))

    @property
    def replicas(self):
        return self.get("deployments")["spec"]["replicas"]

    def conditions(self):
        return {c["type"]: (c["status"], c["reason"]) for c in objects.conditions(self.get())}

    def events(self, reason):
        admin = self.cluster.admin
        fields = "involvedObject.kind=HorizontalPodAutoscaler"
        found = admin.now(admin.list("events", "default", field_selector=fields))["items"]
        return [
            (parse_rfc3339(e["firstTimestamp"]) / SECOND, e["message"])
            for e in found
            if e["reason"] == reason
        ]

    def kubectl(self, line):
        outcome = run_now(self.world.engine, kubectl(self.cluster.direct(), line), limit=100 * SECOND)
        return outcome.stdout or outcome.stderr


def test_load_scales_up_in_steps_and_down_after_five_minutes():
    """Up at once, at most double in a step; down only when five minutes have asked for less."""
    town = Town()
    town.run(600)
    started = town.now
    town.load(100, until=started + 600)
    town.run(120)
    steps = town.events("SuccessfulRescale")
    reason = "cpu resource utilization (percentage of request) above target"
    # The second look comes when the first of the new pods has been measured and the other has not.
    assert [message for _, message in steps] == [f"New size: {n}; reason: {reason}" for n in (4, 5, 6)]
    assert 15 <= steps[0][0] - started <= 45
    town.run(480)
    assert town.replicas == 6
    ended = town.now
    town.run(600)
    assert town.replicas == 2
    down = town.events("SuccessfulRescale")[-1]
    assert down[1] == "New size: 2; reason: All metrics below target"
    assert 300 <= down[0] - ended <= 360


def test_an_autoscaler_at_rest_costs_nothing():
    town = Town()
    town.load(30)
    town.run(900)
    before = town.world.engine.steps
    town.run(6 * 3600)
    assert town.world.engine.steps - before <= 20


def test_after_a_rest_the_past_still_counts():
    """What it would have recommended while it rested holds replicas for five minutes, as if it had been awake."""
    town = Town(replicas=6)
    town.load(90, until=town.now + 7200)
    town.run(7200)
    ended, replicas = town.now, town.replicas
    assert replicas > 2
    town.run(240)
    assert town.replicas == replicas
    assert town.conditions()["AbleToScale"] == ("True", "ScaleDownStabilized")
    town.run(150)
    assert town.replicas == 2
    assert town.events("SuccessfulRescale")[-1][0] - ended >= 290


def test_limits_are_kept_without_any_metric():
    town = Town(replicas=1, minReplicas=3)
    town.run(14)
    assert town.replicas == 1
    town.run(2)
    assert town.replicas == 3
    (event,) = town.events("SuccessfulRescale")
    assert event[1] == "New size: 3; reason: Current number of replicas below Spec.MinReplicas"


def test_containers_without_requests_cannot_be_scaled_by_utilization():
    town = Town(requests="")
    town.run(120)
    pod = town.kubectl("get pods -o name").split()[0].removeprefix("pod/")
    failed = objects.condition(town.get(), "ScalingActive")
    assert (failed["status"], failed["reason"]) == ("False", "FailedGetResourceMetric")
    assert "missing request for cpu in container app of Pod web-" in failed["message"]
    assert pod.startswith("web-")


def test_policies_slow_it_down():
    policies = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    town = Town(behavior={"scaleUp": {"policies": policies}})
    town.run(600)
    town.load(150)
    town.run(50)
    assert town.replicas == 3
    assert town.conditions()["ScalingLimited"] == ("True", "ScaleUpLimit")
    town.run(60)
    assert town.replicas == 4


def test_memory_that_grows_scales_too():
    image = ImageBehaviour("web:1", memory_bytes=32 << 20, memory_growth=1 << 16)
    target = {"type": "AverageValue", "averageValue": "48Mi"}
    town = Town(image, metrics=[{"type": "Resource", "resource": {"name": "memory", "target": target}}])
    town.run(240)
    assert town.replicas == 2
    town.run(300)
    assert town.replicas > 2


@pytest.mark.parametrize(
    ("metric", "reason", "text"),
    [
        (
            {
                "type": "Pods",
                "pods": {
                    "metric": {"name": "qps"},
                    "target": {"type": "AverageValue", "averageValue": "5"},
                },
            },
            "FailedGetPodsMetric",
            (
                "unable to get metric qps: unable to fetch metrics from custom metrics API: "
                "the server could not find the metric qps for pods"
            ),
        ),
        (
            {
                "type": "External",
                "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "5"}},
            },
            "FailedGetExternalMetric",
            (
                "unable to get external metric default/queue/nil: "
                "no metrics returned from external metrics API"
            ),
        ),
    ],
)
def test_metrics_that_nobody_measures_say_so(metric, reason, text):
    town = Town(metrics=[metric])
    town.run(20)
    failed = objects.condition(town.get(), "ScalingActive")
    assert (failed["reason"], failed["message"]) == (
        reason,
        f"the HPA was unable to compute the replica count: {text}",
    )


def test_two_autoscalers_of_the_same_pods_do_nothing():
    town = Town()
    second = town.get()
    metadata = {"name": "other", "namespace": "default"}
    body = {
        "apiVersion": "autoscaling/v2",
        "kind": second["kind"],
        "metadata": metadata,
        "spec": second["spec"],
    }
    admin = town.cluster.admin
    admin.now(admin.create("horizontalpodautoscalers", body))
    town.run(90)
    assert town.conditions()["ScalingActive"] == ("False", "AmbiguousSelector")
    text = "pods by selector app=web are controlled by multiple HPAs: [{other default} {web default}]"
    assert [message for _, message in town.events("AmbiguousSelector")] == [text] * 2
    assert [message for _, message in town.events("FailedComputeMetricsReplicas")][-1] == text


def test_top_shows_what_the_last_scrape_saw():
    town = Town()
    town.run(60)
    head, *rows = town.kubectl("top pods").splitlines()
    assert head.split() == ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert [row.split()[1:] for row in rows] == [["20m", "64Mi"]] * 2
    town.load(30)
    town.run(45)
    rows = town.kubectl("top pods --no-headers").splitlines()
    assert [row.split()[1] for row in rows] == ["95m", "95m"]
    nodes = [row.split() for row in town.kubectl("top nodes --no-headers --sort-by=cpu").splitlines()]
    assert [row[1:] for row in nodes] == [["95m", "2%", "64Mi", "0%"]] * 2 + [["0m", "0%", "0Mi", "0%"]]
    assert town.kubectl("top pod nope") == 'Error from server (NotFound): pods "nope" not found\n'


def test_a_young_pod_has_no_metrics_yet():
    town = Town()
    town.run(5)
    assert town.kubectl("top pods") == "error: metrics not available yet\n"


_REQUESTS = {"name": "http_requests_per_second"}
_PER_POD = {
    "type": "Pods",
    "pods": {"metric": _REQUESTS, "target": {"type": "AverageValue", "averageValue": "10"}},
}
_OF_SERVICE = {
    "type": "Object",
    "object": {
        "metric": _REQUESTS,
        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "web"},
        "target": {"type": "AverageValue", "averageValue": "10"},
    },
}


_OF_USERS = {
    "type": "External",
    "external": {
        "metric": {**_REQUESTS, "selector": {"matchLabels": {"service": "web"}}},
        "target": {"type": "AverageValue", "averageValue": "10"},
    },
}


@pytest.mark.parametrize("metric", [_PER_POD, _OF_SERVICE, _OF_USERS], ids=["pods", "object", "external"])
def test_requests_a_second_are_a_metric(metric):
    town = Town(metrics=[metric])
    town.load(75)
    town.run(600)
    assert town.replicas == 8
    (status,) = town.get()["status"]["currentMetrics"]
    (current,) = (part["current"] for name, part in status.items() if name != "type")
    assert current["averageValue"] == "9375m"


def test_of_several_metrics_the_largest_answer_counts():
    target = {"type": "Utilization", "averageUtilization": 50}
    cpu = {
        "type": "ContainerResource",
        "containerResource": {"name": "cpu", "container": "app", "target": target},
    }
    town = Town(metrics=[cpu, _PER_POD])
    town.load(50)
    town.run(600)
    assert town.replicas == 5
