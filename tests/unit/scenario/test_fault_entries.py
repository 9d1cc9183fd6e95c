"""Faults in scenario files: every kind can be written, played and saved; what is wrong is told where it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kcsim.scenario.diagnostics import ScenarioError
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.faults import FAULTS, RECONCILERS, built_in_reconcilers
from kcsim.scenario.load import load, loads
from kcsim.scenario.model import Cluster, Node
from kcsim.scenario.play import Play
from kcsim.scenario.played_checks import check_played

_ZONES = tuple(Node(name=f"node-{number}", zone=f"zone-{zone}") for number, zone in enumerate("abc", start=1))
_STORY = to_yaml(replace(load("plain-release"), cluster=Cluster(nodes=_ZONES, control_plane_replicas=2)))
HEAD = _STORY[: _STORY.index("timeline:\n")]
"""The story without its timeline and expectations."""


def story(entry: str):
    return loads(f"{HEAD}timeline:\n  - {entry}\n", "s.yaml")


EXAMPLES = {
    "api-latency": "client: kube-scheduler, delay: 1s",
    "api-throttle": "client: kube-scheduler, share: 0.5, verb: patch, resource: pods",
    "api-error": "client: flux, code: 503",
    "api-timeout": "client: node-1",
    "api-reset": "client: ci",
    "api-partition": "client: node-2",
    "api-outage": "",
    "watch-lag": "component: kube-controller-manager, resource: pods, delay: 5s",
    "watch-drop": "component: kube-scheduler, event: DELETED, nth: 2, times: 3",
    "watch-repeat": "component: kubelet@node-1, objectName: web-*",
    "watch-reorder": "component: source-controller",
    "watch-relist": "component: kube-scheduler",
    "api-stale": "component: kustomize-controller",
    "watch-rewind": "component: kube-controller-manager, ago: 1m, delay: 5s, down: 2s",
    "component-crash": "component: kube-scheduler",
    "component-restart": "component: kubelet@node-3, down: 5s",
    "crash-point": "component: kube-controller-manager, when: before, nth: 2, verb: create, resource: pods",
    "slow-worker": "component: kube-scheduler, delay: 2s",
    "node-crash": "node: node-1",
    "node-reboot": "node: node-1",
    "node-freeze": "node: node-1",
    "node-disk-pressure": "node: node-1, share: 0.99",
    "node-memory-pressure": "node: node-1",
    "node-clock-skew": "node: node-1, skew: -5m",
    "zone-outage": "zone: zone-b",
    "network-partition": "link: node-1 <-> node-2",
    "network-loss": "link: node-1 -> control-plane, loss: 0.3",
    "network-delay": "link: node-1, delay: 200ms",
    "git-outage": "repository: shop",
    "git-slow": "delay: 10s",
    "git-rate-limit": "quota: 3",
    "deploy-key-revoked": "repository: shop",
    "registry-outage": "",
    "registry-slow": "delay: 10s",
    "registry-rate-limit": "quota: 1",
    "ci-outage": "",
    "runner-crash": "runner: shop-runner-1",
    "webhook-loss": "share: 0.5",
    "webhook-delay": "delay: 1m",
    "webhook-duplicate": "times: 2",
    "human-edit": 'object: deployment/web, namespace: shop, patch: \'{"spec": {"paused": true}}\'',
    "human-scale": "object: deployment/web, namespace: shop, replicas: 5, person: mallory",
    "human-delete": "object: service/web, namespace: shop",
    "human-force-delete": "object: deployment/web, namespace: shop",
    "human-label-removed": "object: deployment/web, namespace: shop, label: app",
    "suspend-forgotten": "object: kustomization/shop",
    "credential-expired": "client: ci",
    "credential-leaked": "client: ci, namespace: shop",
    "load-spike": "traffic: shoppers, factor: 2.5",
    "image-crash": "containerImage: registry.example/shop/web:1.0.0",
}


@pytest.mark.parametrize("name", [name for name in FAULTS if name != "two-leaders"])
def test_every_kind_can_be_written_played_and_saved(name):
    fields = EXAMPLES[name]
    lasts = "" if FAULTS[name].momentary else ", for: 30s"
    scenario = story("{at: 8m, fault: " + name + (f", {fields}" if fields else "") + lasts + "}")
    assert loads(to_yaml(scenario)).timeline == scenario.timeline
    delivery = "push" if name in {"ci-outage", "runner-crash", "credential-leaked"} else "flux"
    play = Play(scenario, delivery)
    play.run_until("10m")
    (record,) = [r for r in play.trace.records if r.actor == "fault" and r.verb in {"inject", "strike"}]
    assert record.subject.startswith(name)
    assert not [r for r in play.trace.records if (r.actor, r.verb) == ("fault", "miss")]
    healed = [r for r in play.trace.records if (r.actor, r.verb) == ("fault", "heal")]
    assert len(healed) == (0 if FAULTS[name].momentary else 1)
    assert play.world.faults == []


def test_two_leaders_need_a_control_plane_with_a_standby():
    entry = "{at: 8m, fault: two-leaders, component: kube-controller-manager, for: 1m}"
    play = Play(story(entry), "flux")
    play.run_until("8m30s")
    assert [ongoing.fault.kind for ongoing in play.world.faults] == ["two-leaders"]
    text = HEAD.replace("  controlPlaneReplicas: 2\n", "", 1)
    assert text != HEAD
    alone = Play(loads(f"{text}timeline:\n  - {entry}\n"), "flux")
    alone.run_until("10m")
    (miss,) = [r for r in alone.trace.records if (r.actor, r.verb) == ("fault", "miss")]
    assert "needs a second kube-controller-manager" in miss.detail["error"]


def test_another_tools_name_and_an_end_instead_of_a_length():
    play = Play(story("{at: 8m, fault: pod-network-latency, link: node-1, delay: 1s, until: 9m}"), "flux")
    play.run_until("10m")
    begin, end = (r for r in play.trace.records if r.actor == "fault")
    assert begin.subject == end.subject == "network-delay/node-1"
    assert (begin.detail["for"], end.time - begin.time) == ("1m", 60_000_000)


def test_a_fault_whose_target_is_gone_is_told_and_the_story_goes_on():
    entry = "{at: 1s, fault: human-delete, object: deployment/web, namespace: shop}"
    play = Play(story(entry), "flux")
    play.run_until("6m")
    (miss,) = [r for r in play.trace.records if (r.actor, r.verb) == ("fault", "miss")]
    assert "no deployment/web in namespace shop" in miss.detail["error"]
    assert play.get("deployment/web", "shop")["status"]["readyReplicas"] == 3


@pytest.mark.parametrize(
    ("entry", "marker", "words"),
    [
        ("{at: 8m, fault: node-crsh, node: node-1}", "node-crsh", "there is no fault 'node-crsh'\n  did you mean 'node-crash'"),
        ("{at: 8m, fault: pod-cpu-hog, node: node-1}", "pod-cpu-hog", "does not model CPU"),
        ("{at: 8m, fault: node-crash}", "node-crash", "needs the field 'node'"),
        ("{at: 8m, fault: node-restart}", "node-restart", "node-restart (node-reboot) needs the field 'node'"),
        ("{at: 8m, fault: node-crash, node: node-1, loss: 0.5}", "loss", "takes no field 'loss'"),
        ("{at: 8m, fault: node-crash, node: node-9}", "node-9", "no node 'node-9'"),
        ("{at: 8m, fault: zone-outage, zone: zone-x}", "zone-x", "no zone 'zone-x'"),
        ("{at: 8m, fault: component-restart, component: kube-schedular}", "kube-schedular", "did you mean 'kube-scheduler'"),
        ("{at: 8m, fault: component-restart, component: kubelet@node-9}", "kubelet@node-9", "no component 'kubelet@node-9'"),
        ("{at: 8m, fault: api-error, client: nobody}", "nobody", "no API client 'nobody'"),
        ("{at: 8m, fault: api-error, client: ci, code: 200}", "200", "code is an HTTP status code from 400 to 599"),
        ("{at: 8m, fault: api-error, client: ci, share: 0}", "0}", "share is a share: more than 0"),
        ("{at: 8m, fault: api-error, client: ci, share: 1.5}", "1.5", "from 0 to 1"),
        ("{at: 8m, fault: api-error, client: ci, verb: post}", "post", "verb is one of get, list"),
        ("{at: 8m, fault: api-error, client: ci, resource: podz}", "podz", "no resource 'podz'"),
        ("{at: 8m, fault: crash-point, component: kube-scheduler, nth: 0}", "0}", "nth is a whole number, 1 or more"),
        ("{at: 8m, fault: crash-point, component: kube-scheduler, when: during}", "during", "after, before"),
        ("{at: 8m, fault: crash-point, component: kube-controller-manager, reconciler: deploymnt}", "deploymnt", "no reconciler 'deploymnt'\n  did you mean 'deployment-controller'"),
        ("{at: 8m, fault: crash-point, component: kustomize-controller, reconciler: web}", "web}", "reconcilers: kustomization"),
        ("{at: 8m, fault: crash-point, component: kube-scheduler, reconciler: web}", "web}", "Leave `reconciler` out"),
        ("{at: 8m, fault: crash-point, component: kubelet@node-1, reconciler: web}", "web}", "Leave `reconciler` out"),
        ("{at: 8m, fault: human-scale, object: deployment/wep, namespace: shop}", "deployment/wep", "nothing makes deployment/wep"),
        ("{at: 8m, fault: human-scale, object: web}", "web}", "'web' names no object"),
        ("{at: 8m, fault: human-edit, object: deployment/web, namespace: shop, patch: '{'}", "'{'", "patch cannot be read"),
        ("{at: 8m, fault: human-edit, object: deployment/web, namespace: shop}", "human-edit", "needs the field 'patch'"),
        ("{at: 8m, fault: runner-crash, runner: shop-runner-2}", "shop-runner-2", "did you mean 'shop-runner-1'"),
        ("{at: 8m, fault: load-spike, traffic: shopers}", "shopers", "did you mean 'shoppers'"),
        ("{at: 8m, fault: image-crash, containerImage: 'web:9'}", "'web:9'", "no image 'web:9'"),
        ("{at: 8m, fault: node-crash, node: node-1, until: 7m}", "7m", "the fault ends at 7m, before it begins at 8m"),
        ("{at: 8m, fault: node-crash, node: node-1, until: 8m}", "8m}", "the fault ends when it begins"),
        ("{at: 8m, fault: node-crash, node: node-1, for: 0s}", "0s", "the fault ends when it begins"),
        ("{at: 8m, fault: node-crash, node: node-1, for: 1m, until: 9m}", "until", "two ends"),
        ("{at: 8m, fault: human-delete, object: service/web, namespace: shop, for: 1m}", "for:", "over at once: it takes no 'for'"),
        ("{at: 8m, kubectl: get pods, nth: 2}", "nth", "'nth' goes with a fault"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_where_it_stands(entry, marker, words):
    with pytest.raises(ScenarioError) as refused:
        story(entry)
    line = HEAD.count("\n") + 2
    column = len("  - ") + entry.index(marker) + 1
    told = str(refused.value)
    assert f"s.yaml:{line}:{column}: KC" in told, told
    assert words in told, told


@pytest.mark.parametrize("delivery", ["flux", "argocd"])
def test_the_reconcilers_that_are_known_are_those_that_run(delivery):
    play = Play(load("plain-release"), delivery)
    play.run_until("5m")
    running = {}
    for component in play.world.cluster.endpoint.components:
        running.setdefault(component.name, set()).update(component.reconcilers)
    for name, known in RECONCILERS.items():
        assert running.get(name, set()) <= set(known), name
    assert running["kube-controller-manager"] == set(built_in_reconcilers(("*",)))


def test_a_reconciler_that_the_settings_leave_out_is_told():
    head = HEAD.replace("  controlPlaneReplicas: 2", "  controlPlaneControllers: ['*', '-job-controller']")
    entry = "{at: 8m, fault: crash-point, component: kube-controller-manager, reconciler: job-controller}"
    with pytest.raises(ScenarioError, match="no reconciler 'job-controller'"):
        loads(f"{head}timeline:\n  - {entry}\n", "s.yaml")


def test_a_revision_that_is_not_written_yet_is_told_where_it_stands():
    at_first = "{at: 8m, fault: watch-rewind, component: kube-controller-manager, revision: 20}"
    assert check_played(story(at_first)) == ()
    entry = at_first.replace("20}", "99999}")
    found = [str(each) for each in check_played(story(entry))]
    column = len("  - ") + entry.index("99999") + 1
    assert found
    assert found[0].startswith(
        f"s.yaml:{HEAD.count(chr(10)) + 2}:{column}: KC704 revision 99999 is not written yet at 8m"
    )


def test_a_story_without_revisions_is_not_played(monkeypatch):
    monkeypatch.setattr("kcsim.scenario.played_checks.Play", None)
    assert check_played(story("{at: 8m, fault: registry-outage}")) == ()
