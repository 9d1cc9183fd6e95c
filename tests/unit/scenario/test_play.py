"""Small stories, played: what the timeline does to a world, and what is read from it afterwards."""

import subprocess
import textwrap

import pytest

from kcsim.scenario.compare import Twins
from kcsim.scenario.load import loads
from kcsim.scenario.play import Play

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: shop/web:1
          ports: [{containerPort: 80}]
          resources: {requests: {cpu: "0.1"}}
"""
SHOP = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
    "spec: {selector: {app: web}, ports: [{port: 80}]}\n"
)
DELIVERIES = """\
deliveries:
  push:
    type: push
    pipeline: {stages: [{name: test, duration: 30s}]}
  flux:
    type: flux
    kustomization: {interval: 5m, wait: true}
"""


def story(
    timeline: str = "",
    *,
    until: str = "20m",
    more: str = "",
    deliveries: str = DELIVERIES,
    images: str = "",
    split: bool = False,
):
    """A story of one app; `split` puts the app and what it stands on into folders of their own."""
    base, apps = ("app/base", "app/apps") if split else ("app", "app")
    files = {f"{base}/namespace.yaml": SHOP, f"{apps}/web.yaml": WEB, f"{apps}/service.yaml": SERVICE}
    lines = ["apiVersion: kcsim/v1", "kind: Scenario", "name: story", "seed: 3", f"until: {until}"]
    lines += ["repositories:", "  - name: shop", "    path: app", "    files:"]
    for path, text in files.items():
        lines += [f"      {path}: |", *(f"        {line}" for line in text.splitlines())]
    parts = [
        deliveries,
        images,
        f"timeline:\n{textwrap.indent(textwrap.dedent(timeline), '  ')}" if timeline else "",
    ]
    return loads("\n".join(lines) + "\n" + "\n".join([*parts, textwrap.dedent(more)]))


def played(scenario, delivery="push", until=None) -> Play:
    play = Play(scenario, delivery)
    if until is None:
        play.finish()
    else:
        play.run_until(until)
    return play


def measure(play, name):
    return next(each for each in play.measures() if each.name == name)


def records(play, verb):
    return [record for record in play.trace.records if record.verb == verb]


RELEASE = """
- at: 10m
  name: release
  note: It is time.
  commit:
    message: more
    set: {app/web.yaml: {spec.replicas: 3}}
"""


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_a_commit_reaches_the_cluster_and_its_record_carries_the_story(delivery):
    play = played(story(RELEASE), delivery)
    assert play.get("deployment/web", "shop")["status"]["readyReplicas"] == 3
    commit = next(record for record in records(play, "commit") if record.time)
    assert (commit.time, commit.facts()["entry"], commit.facts()["note"]) == (
        600_000_000,
        "release",
        "It is time.",
    )
    assert play.why("deployment/web").origin.object == commit.subject
    assert measure(play, "change_lead_time").value > 0
    assert measure(play, "deployments").value == 2
    assert play.deployed("shop") == play.history.head("shop") == commit.facts()["sha"]


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_commits_wait_for_the_git_host_in_their_order(delivery):
    timeline = (
        """
- at: 9m
  fault: git-outage
  for: 4m
"""
        + RELEASE
        + """
- at: 11m
  name: back
  revert: {commit: release}
"""
    )
    scenario = story(
        timeline,
        more="""
        expectations:
          - name: opened-when-it-was-pushed
            after: release
            always: now() >= 780
        """,
    )
    play = played(scenario, delivery)
    assert [record.time // 1_000_000 for record in records(play, "push-refused")] == [600, 660]
    pushed = [record for record in records(play, "commit") if record.time]
    assert [record.time // 1_000_000 for record in pushed] == [780, 780]
    assert [record.facts()["entry"] for record in pushed] == ["release", "back"]
    assert pushed[0].cause.verb == "push-refused"
    assert play.get("deployment/web", "shop")["spec"]["replicas"] == 2
    assert [verdict.passed for verdict in play.verdicts()] == [True]


def test_an_outage_of_another_repository_keeps_nobody_from_pushing():
    scenario = story(
        RELEASE.replace("commit:\n", "commit:\n    repository: shop\n"),
        deliveries=DELIVERIES.replace("type: push", "type: push\n    repository: shop").replace(
            "type: flux", "type: flux\n    repository: shop"
        ),
    )
    other = played(scenario, until="9m")
    other.world.git.create("other")
    other.inject("git-outage", "other")
    other.finish()
    assert not records(other, "push-refused")


def test_an_entry_happens_only_under_its_deliveries():
    scenario = story(RELEASE.replace("  commit:", "  deliveries: [flux]\n  commit:"))
    assert played(scenario, "push").get("deployment/web", "shop")["spec"]["replicas"] == 2
    assert played(scenario, "flux").get("deployment/web", "shop")["spec"]["replicas"] == 3


BY_HAND = """
- at: 10m
  name: by-hand
  as: nico
  kubectl: scale deployment/web --replicas=5 -n shop
"""


def test_drift_stays_under_push():
    play = played(story(BY_HAND))
    (episode,) = play.episodes.episodes
    assert (episode.ref, episode.cause.actor, episode.ended) == ("deployment/web", "nico", None)
    assert [(leaf.path, leaf.before, leaf.after) for leaf in episode.fields] == [("spec.replicas", 5, 2)]
    assert play.drift("shop") == ["deployment/web"]
    assert measure(play, "drift_repair_time").text == "never"
    assert measure(play, "drift_detection_time").text == "not detected"
    assert measure(play, "minutes_adrift").value == pytest.approx(10, abs=0.1)
    assert measure(play, "convergence_time").text == "not converged"


def test_drift_is_repaired_by_flux_within_its_interval():
    play = played(story(BY_HAND), "flux")
    (episode,) = play.episodes.episodes
    assert episode.by_delivery
    assert 0 < measure(play, "drift_repair_time").value <= 5 * 60 * 1.05 + 5
    assert measure(play, "drift_detection_time").value == measure(play, "drift_repair_time").value
    assert play.drift() == []
    assert play.get("deployment/web", "shop")["spec"]["replicas"] == 2


def test_what_a_manifest_does_not_name_is_no_drift():
    timeline = BY_HAND.replace("scale deployment/web --replicas=5", "label deployment/web team=shop")
    assert played(story(timeline)).episodes.episodes == []


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_deleting_by_hand_is_drift(delivery):
    timeline = BY_HAND.replace("scale deployment/web --replicas=5", "delete service web")
    (episode,) = played(story(timeline), delivery).episodes.episodes
    assert (episode.ref, episode.ended is not None) == ("service/web", delivery == "flux")


def test_undoing_by_hand_ends_drift_without_the_delivery():
    back = BY_HAND.replace("10m", "12m").replace("by-hand", "back").replace("replicas=5", "replicas=2")
    (episode,) = played(story(BY_HAND + back)).episodes.episodes
    assert episode.ended // 1_000_000 == 720
    assert not episode.by_delivery


def test_a_suspended_kustomization_repairs_nothing_until_it_is_resumed():
    suspend = "- at: 9m\n  flux: suspend kustomization shop\n"
    resume = "- at: 18m\n  flux: resume kustomization shop\n"
    play = played(story(suspend + BY_HAND.lstrip() + resume, until="25m"), "flux")
    (episode,) = play.episodes.episodes
    assert episode.ended // 1_000_000 >= 18 * 60
    assert not records(play, "flux-failed")


def test_flux_reconcile_does_not_wait_for_the_interval():
    command = "- at: 11m\n  as: nico\n  flux: reconcile kustomization shop\n"
    play = played(story(BY_HAND + command, deliveries=DELIVERIES.replace("5m", "1h")), "flux")
    (episode,) = play.episodes.episodes
    assert 660 <= episode.ended / 1_000_000 < 665
    assert not records(play, "flux-failed")


def test_commands_that_fail_say_why():
    scenario = story(BY_HAND + "- at: 11m\n  flux: reconcile kustomization shop\n")
    (failed,) = records(played(scenario, "push"), "flux-failed")
    assert "not installed" in failed.facts()["error"]


@pytest.mark.parametrize(("delivery", "after"), [("push", 5), ("flux", 2)])
def test_an_object_edited_by_hand_is_drift(delivery, after):
    by_hand = """
    - at: 10m
      as: nico
      kubectl: edit deployment/web -n shop
      edit: {replace: {"replicas: 2": "replicas: 5"}}
    """
    play = played(story(by_hand), delivery)
    assert play.at("10m5s").get("deployment/web", "shop")["spec"]["replicas"] == 5
    assert play.get("deployment/web", "shop")["spec"]["replicas"] == after


def test_an_editor_that_does_not_find_its_text_is_left():
    by_hand = """
    - at: 10m
      kubectl: edit deployment/web -n shop
      edit: {replace: {"replicas: 7": "replicas: 5"}}
    """
    (failed,) = records(played(story(by_hand)), "kubectl-failed")
    assert "there is no 'replicas: 7' in the object" in failed.facts()["error"]


def test_a_person_without_a_way_to_the_server_gets_no_answer():
    cut = "- at: 9m\n  fault: api-partition\n  client: nico\n"
    (failed,) = records(played(story(cut + BY_HAND.lstrip())), "kubectl-failed")
    assert "i/o timeout" in failed.facts()["error"]


def test_a_manifest_applied_by_hand():
    timeline = """
    - at: 10m
      as: nico
      apply: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: extra, namespace: shop}
        data: {a: b}
    """
    play = played(story(timeline))
    assert play.get("configmap/extra", "shop")["data"] == {"a": "b"}
    assert play.why("configmap/extra").origin.actor == "nico"


IMAGES = """
images:
  - name: shop/web:1
    readyAfter: 2s
  - name: shop/web:2
"""


def test_an_image_changes_for_containers_started_from_then_on():
    timeline = """
    - at: 10m
      image: {name: "shop/web:1", crashAfter: 1s}
    - at: 15m
      as: nico
      kubectl: scale deployment/web --replicas=3 -n shop
    """
    play = played(story(timeline, images=IMAGES), until="14m")
    assert play.get("deployment/web", "shop")["status"]["readyReplicas"] == 2
    play.finish()
    restarts = [pod["status"]["containerStatuses"][0]["restartCount"] for pod in play.list("pods", "shop")]
    assert sorted(count > 0 for count in restarts) == [False, False, True]


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_the_registry_knows_an_image_once_a_pipeline_has_built_it(delivery):
    build = "{stages: [{name: build, duration: 2m, builds: [shop/web]}]}"
    deliveries = (
        f"deliveries:\n  push: {{type: push, pipeline: {build}}}\n  flux: {{type: flux, pipeline: {build}}}\n"
    )
    play = played(story(images=IMAGES, deliveries=deliveries), delivery, "110s")
    assert play.world.registry.is_reserved("shop/web:1")
    if delivery == "flux":
        reasons = {
            (status.get("state", {}).get("waiting") or {}).get("reason")
            for pod in play.list("pods", "shop")
            for status in pod["status"].get("containerStatuses") or ()
        }
        assert reasons <= {"ErrImagePull", "ImagePullBackOff"}
    play.run_until("10m")
    assert play.get("deployment/web", "shop")["status"]["readyReplicas"] == 2


def test_undoing_a_failed_rollout_leaves_the_cluster_other_than_git_says():
    deliveries = DELIVERIES.replace(
        "pipeline: {stages", "deploy: {rolloutTimeout: 1m, onFailure: undo}\n    pipeline: {stages"
    )
    bad = """
    - at: 10m
      name: bad
      commit: {message: bad, edit: {app/web.yaml: {replace: {"web:1": "web:2"}}}}
    """
    images = "images:\n  - name: shop/web:1\n  - {name: 'shop/web:2', pull: notFound}\n"
    play = played(story(bad, deliveries=deliveries, images=images))
    assert (
        play.get("deployment/web", "shop")["spec"]["template"]["spec"]["containers"][0]["image"]
        == "shop/web:1"
    )
    assert play.drift("shop") == ["deployment/web"]
    failed = measure(play, "failed_changes")
    assert failed.value == 1
    assert "timed out" in failed.detail[0]
    assert measure(play, "recovery_time").text == "never"


def test_a_history_on_disk_is_replayed_at_a_pace(tmp_path):
    def git(*words):
        subprocess.run(
            ["git", "-c", "user.name=kim", "-c", "user.email=kim@example.com", *words],
            cwd=tmp_path,
            check=True,
        )

    git("init", "-q", "-b", "main")
    (tmp_path / "app").mkdir()
    for name, text in (("namespace.yaml", SHOP), ("web.yaml", WEB), ("service.yaml", SERVICE)):
        (tmp_path / "app" / name).write_text(text)
    git("add", ".")
    git("commit", "-qm", "first")
    (tmp_path / "app" / "web.yaml").write_text(WEB.replace("replicas: 2", "replicas: 4"))
    git("commit", "-qam", "more")
    clone = (
        "apiVersion: kcsim/v1\nkind: Scenario\nname: replay\nuntil: 20m\nrepositories:\n"
        f"  - {{name: shop, clone: {tmp_path}, pace: 10m}}\n{DELIVERIES}"
    )
    for delivery in ("push", "flux"):
        play = played(loads(clone), delivery)
        assert play.get("deployment/web", "shop")["status"]["readyReplicas"] == 4
        commits = records(play, "commit")
        assert [record.time // 1_000_000 for record in commits] == [0, 600]
        assert commits[1].actor == "kim"


def test_two_clusters_get_the_same():
    clusters = "clusters:\n  - {name: east, nodes: 2}\n  - {name: west, nodes: 1}\n"
    scenario = story(
        BY_HAND.replace("  kubectl:", "  cluster: west\n  kubectl:"),
        deliveries=DELIVERIES + clusters,
        more="""
        expectations:
          - name: west-is-repaired
            after: by-hand
            eventually: desired("deployment/web", "shop", "west") == 2
            within: 8m
            failsUnder: [push]
          - name: east-is-left-alone
            after: by-hand
            always: desired("deployment/web", "shop", "east") == 2
        """,
    )
    for delivery in ("push", "flux"):
        play = played(scenario, delivery)
        for name in ("east", "west"):
            assert play.get("deployment/web", "shop", name)["status"]["readyReplicas"] >= 2
        assert [verdict.passed for verdict in play.verdicts()] == [True, True]
        assert {episode.key.cluster for episode in play.episodes.episodes} == {"west"}
        names = {
            name: [node["metadata"]["name"] for node in play.list("nodes", cluster=name)]
            for name in ("east", "west")
        }
        assert names == {"east": ["east-node-1", "east-node-2"], "west": ["west-node-1"]}


def test_availability_is_what_requests_saw():
    traffic = "traffic:\n  - {name: users, to: service/web, namespace: shop, rate: 5/s, start: 5m}\n"
    crash = "- at: 10m\n  fault: node-crash\n  node: node-1\n"
    play = played(story(crash, deliveries=DELIVERIES + traffic))
    found = measure(play, "availability")
    ended, failed = measure(play, "requests").value, measure(play, "failed_requests").value
    assert found.value == pytest.approx(100 * (ended - failed) / ended, abs=1e-4)
    assert ended == pytest.approx(15 * 60 * 5, rel=0.01)


def test_the_verdict_knows_the_record_that_decided_it():
    scenario = story(
        BY_HAND,
        more="""
        expectations:
          - name: nobody-touches-it
            always: not exists("deployment/web", "shop") or desired("deployment/web", "shop") == 2
        """,
    )
    play = played(scenario)
    (verdict,) = play.verdicts()
    assert not verdict.passed
    assert play.why(verdict.record).origin.actor == "nico"
    assert 'desired("deployment/web", "shop") was 5' in verdict.why


def test_twins_part_where_their_deliveries_do():
    scenario = story(BY_HAND)
    twins = Twins(scenario, {name: Play(scenario, name) for name in scenario.deliveries})
    twins.finish()
    parted = twins.divergence()
    assert parted.object == "deployment.apps/shop/web"
    assert parted.sides[0].delivery == "flux"
    assert parted.sides[0].why.origin.object == "interval 5m"
    table = twins.table()
    assert table.columns == ("push", "flux")
    row = next(row for row in table.measures if row.name == "drift_repair_time")
    assert row.texts[0] == "never"
    document = twins.result()
    assert [world["delivery"] for world in document["worlds"]] == ["push", "flux"]
    assert {measure["name"] for measure in document["worlds"][0]["measures"]} >= {"availability"} - {
        "availability"
    }


def test_a_scenario_without_deliveries_still_plays():
    scenario = story(deliveries="", timeline="""
    - at: 1m
      as: nico
      apply: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: extra}
        data: {a: b}
    """)  # fmt: skip
    play = played(scenario, "")
    assert play.get("configmap/extra")["data"] == {"a": "b"}
    assert measure(play, "change_lead_time").value is None


def test_worlds_that_differ_when_both_have_arrived_part_by_what_made_the_difference():
    early = """
    - at: 45s
      deliveries: [flux]
      as: nico
      kubectl: scale deployment/web --replicas=3 -n shop
    """
    scenario = story(early, until="2m")
    twins = Twins(scenario, {name: Play(scenario, name) for name in scenario.deliveries})
    twins.finish()
    parted = twins.divergence()
    assert parted.object == "deployment.apps/shop/web"
    assert parted.time == twins.worlds["push"].first_arrival / 1_000_000
    facts = {
        side.delivery: (side.record.actor, side.record.facts()["set"]["spec"]["replicas"])
        for side in parted.sides
    }
    assert facts == {"flux": ("nico", 3), "push": ("ci-deployer", 2)}
