"""Tables, states and concerns of a small world, now and in the past."""

from __future__ import annotations

import pytest

from kcsim.scenario.load import load
from kcsim.scenario.play import Play
from kcsim.simulation.finding import NotFound
from kcsim.simulation.simulation import Simulation
from kcsim.views.concern import Concerns, first_concern, in_short
from kcsim.views.detail import events_of, owner_tree, yaml_text
from kcsim.views.look import Look
from kcsim.views.objects import BadFilter, Ref, object_table
from kcsim.views.readiness import Readiness
from kcsim.views.states import state_of, state_of_line, worst

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {tier: front}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "registry.example/shop/web:1.0.0"}]
"""


@pytest.fixture
def world():
    simulation = Simulation(nodes=2, seed=1)
    simulation.run_until("10s")
    simulation.apply(DEPLOYMENT)
    simulation.run_until("1m")
    return simulation


def words(table, column):
    place = table.header.index(column)
    return [row.cells[place] for row in table.rows()]


def test_pods_read_as_kubectl_prints_them(world):
    table = object_table(Look(world), "pods")
    assert table.header == ("NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE")
    assert words(table, "STATUS") == ["Running", "Running"]
    assert words(table, "READY") == ["1/1", "1/1"]
    assert {row.state for row in table.rows()} == {"ok"}
    assert "NODE" in object_table(Look(world), "po", wide=True).header


def test_a_table_is_plain_data_by_the_names_of_its_columns(world):
    first, second = object_table(Look(world), "pods").to_records()
    assert (first["READY"], first["STATUS"]) == ("1/1", "Running")
    assert first["NAME"] != second["NAME"]


def test_a_chain_of_causes_is_plain_data(world):
    rows = world.why("deployment/web").to_records()
    assert rows[0]["object"] == "deployment.apps/default/web"
    assert rows[-1]["verb"] == "kubectl"
    assert rows[0]["t"] >= rows[-1]["t"]


def test_the_past_has_its_own_rows_and_ages(world):
    past = Look(world, 10_500_000)
    assert words(object_table(past, "pods"), "STATUS") == ["ContainerCreating", "ContainerCreating"]
    assert len(object_table(Look(world, 5_000_000), "pods")) == 0
    assert words(object_table(Look(world, 40_000_000), "deploy"), "AGE") == ["30s"]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("", 2),
        ("running", 2),
        ("RUNNING", 2),
        ("!running", 0),
        ("nosuch", 0),
        ("-l app=web", 2),
        ("-l app!=web", 0),
    ],
)
def test_filters_are_those_of_k9s(world, wanted, count):
    table = object_table(Look(world), "pods", wanted=wanted)
    assert (len(table), table.total) == (count, 2)


def test_a_filter_that_cannot_be_read_says_why(world):
    with pytest.raises(BadFilter):
        object_table(Look(world), "pods", wanted="-l a==b==c")


def test_unknown_kinds_are_not_found(world):
    with pytest.raises(NotFound):
        object_table(Look(world), "gadgets")


def test_nothing_is_wrong_and_then_a_node_dies(world):
    assert first_concern(Look(world)) is None
    world.inject("node-crash", "node-1")
    world.run("60s")
    look = Look(world)
    concern = first_concern(look)
    assert str(concern) == "✗ node/node-1 NotReady"
    why = look.why("node", "", "node-1")
    assert in_short(why, 60).endswith("fault at 1m: inject node-crash/node-1")
    assert first_concern(Look(world, 59_000_000)) is None


def test_what_no_controller_has_looked_at_yet_is_on_its_way():
    world = Play(load("drift-at-night"), "flux")
    world.run_until(0)
    (row,) = object_table(Look(world), "kustomizations").rows()
    assert (row.state, "<nil>" in row.cells) == ("pending", False)
    assert str(first_concern(Look(world))) == "◐ kustomization/shop has no status yet"


def test_concerns_of_a_world_that_goes_on_are_those_of_the_instant(world):
    concerns = Concerns(world)
    world.inject("node-crash", "node-1", duration="7m")
    seen = set()
    for _ in range(45):
        world.run("15s")
        first = concerns.first()
        assert first == first_concern(Look(world))
        seen.add(first)
    assert len(seen) == 2, "it is wrong for a while and then right again"
    world.kubectl("delete deployment web")
    assert concerns.first() == first_concern(Look(world))


def test_a_deployment_that_lacks_pods_is_a_concern(world):
    world.kubectl("set image deployment/web web=registry.example/shop/web:1.0.0")
    world.kubectl("scale deployment/web --replicas=3")
    concern = first_concern(Look(world))
    assert concern.ref == Ref("deployment", "default", "web")
    assert concern.text == "2/3 ready"


def test_yaml_is_without_managed_fields(world):
    pod = world.list("pods")[0]
    assert "managedFields" not in yaml_text(pod)
    assert "containers:" in yaml_text(pod)


def test_events_of_one_object_in_order(world):
    pod = world.list("pods")[0]
    events = events_of(Look(world), pod)
    assert [event.reason for event in events][:2] == ["Scheduled", "Pulling"]
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert events_of(Look(world, 10_000_000), pod) == []


def test_the_owner_tree_is_the_same_from_everywhere_in_it(world):
    look = Look(world)
    from_top = owner_tree(look, Ref("deployment", "default", "web"))
    assert [(branch.ref.kind, branch.depth) for branch in from_top] == [
        ("deployment", 0),
        ("replicaset", 1),
        ("pod", 2),
        ("pod", 2),
    ]
    assert owner_tree(look, from_top[-1].ref) == from_top
    assert owner_tree(look, Ref("pod", "default", "nosuch")) == []


def test_readiness_follows_the_log(world):
    readiness = Readiness()
    readiness.update(world.cluster().server.log)
    first, last = readiness.steps[0], readiness.steps[-1]
    assert (first.ready, first.total) == (0, 1) or (first.ready, first.total) == (0, 2)
    assert (last.ready, last.total) == (2, 2)
    world.kubectl("scale deployment/web --replicas=0")
    world.run("60s")
    before = len(readiness.steps)
    readiness.update(world.cluster().server.log)
    assert len(readiness.steps) > before
    assert readiness.steps[-1].total == 0
    times = [step.time for step in readiness.steps]
    assert times == sorted(set(times)), "one step an instant"
    assert readiness.during(last.time, last.time + 1) == [last]


@pytest.mark.parametrize(
    ("cells", "state"),
    [
        ({"READY": "1/1", "STATUS": "Running"}, "ok"),
        ({"READY": "0/1", "STATUS": "Running"}, "pending"),
        ({"READY": "0/1", "STATUS": "ContainerCreating"}, "pending"),
        ({"READY": "0/1", "STATUS": "Init:0/2"}, "pending"),
        ({"READY": "0/1", "STATUS": "Init:CrashLoopBackOff"}, "failed"),
        ({"READY": "0/1", "STATUS": "CrashLoopBackOff"}, "failed"),
        ({"READY": "0/1", "STATUS": "ImagePullBackOff"}, "failed"),
        ({"READY": "0/1", "STATUS": "Completed"}, "done"),
        ({"READY": "1/1", "STATUS": "Unknown"}, "unknown"),
        ({"STATUS": "Ready"}, "ok"),
        ({"STATUS": "Ready,SchedulingDisabled"}, "pending"),
        ({"STATUS": "NotReady"}, "failed"),
        ({"STATUS": "Active"}, "ok"),
        ({"READY": "2/3"}, "pending"),
        ({"READY": "3/3"}, "ok"),
        ({"READY": "True", "STATUS": "Applied revision: main@sha1:1"}, "ok"),
        ({"READY": "False", "STATUS": "kustomize build failed"}, "failed"),
        ({"DESIRED": "3", "READY": "3"}, "ok"),
        ({"DESIRED": "3", "READY": "1"}, "pending"),
        ({"NAME": "web", "AGE": "3s"}, ""),
    ],
)
def test_states_are_read_from_what_kubectl_prints(cells, state):
    assert state_of(cells) == state


@pytest.mark.parametrize(
    ("lane", "text", "state"),
    [
        ("git", 'dana commits 4ab233e "web: release 1.1.0"', ""),
        ("git", 'dana cannot push "x": the git host does not answer', "failed"),
        ("git", 'dana commits 4ab233e "mend the test that failed, lost in "quotes" or not"', ""),
        ("git", "a webhook to argocd@server is lost", "failed"),
        ("git", 'dana cannot push "lost": the git host does not answer', "failed"),
        ("person", "nico: kubectl delete pod the-failing-one", ""),
        ("person", "nico: kubectl annotate pod web note failed", ""),
        ("person", 'nico: kubectl failed: deployments.apps "wob" not found', "failed"),
        ("ci", "run 2: lint passed", "ok"),
        ("ci", "run 2 failed: stage deploy", "failed"),
        ("fault", "node-crash of node-2 begins, for 20m", "failed"),
        ("fault", "node-crash of node-2 is over", "ok"),
        ("traffic", "shoppers: requests are answered again", "ok"),
        ("pods", "deployment/web: rollout is stuck: ProgressDeadlineExceeded", "failed"),
        ("pods", "deployment/web: 2 of 3 ready", ""),
    ],
)
def test_lines_of_the_timeline_tell_how_things_stand(lane, text, state):
    assert state_of_line(lane, text) == state


def test_the_worst_state_is_the_one_that_needs_somebody():
    assert worst(["ok", "pending", "failed", "done"]) == "failed"
    assert worst([]) == ""
