"""What the fields of a delivery do to the world it is put on."""

import pytest

from kcsim.views.telling import Teller
from tests.unit.scenario.test_play import BY_HAND, RELEASE, measure, played, records, story

PUSH = "deliveries:\n  push:\n    type: push\n"
FLUX = "deliveries:\n  flux:\n    type: flux\n"


def lead_time(deliveries: str, delivery: str) -> float:
    return measure(played(story(RELEASE, deliveries=deliveries), delivery), "change_lead_time").value


def test_a_poll_finds_a_commit_later_than_a_webhook_does():
    webhook = lead_time(PUSH, "push")
    poll = lead_time(PUSH + "    pipeline: {trigger: poll, pollInterval: 3m}\n", "push")
    assert webhook < 60
    assert webhook < poll < webhook + 180


def test_a_receiver_makes_flux_as_quick_as_a_webhook():
    slow = "    gitRepository: {interval: 4m}\n"
    assert lead_time(FLUX + slow, "flux") > 20
    assert lead_time(FLUX + slow + "    receiver: true\n", "flux") < 20


def test_runs_wait_for_the_only_runner():
    second = (
        RELEASE.replace("at: 10m", "at: 11m")
        .replace("name: release", "name: again")
        .replace("replicas: 3", "replicas: 4")
    )
    deliveries = PUSH + "    pipeline: {stages: [{name: slow, duration: 3m}]}\n"
    play = played(story(RELEASE + second.lstrip(), deliveries=deliveries))
    assert [record.subject for record in records(play, "queue")] == ["run/shop/3"]
    assert play.get("deployment/web", "shop")["spec"]["replicas"] == 4


def test_a_stage_that_always_fails_keeps_commits_from_the_cluster():
    deliveries = PUSH + "    pipeline: {stages: [{name: test, duration: 10s, failureRate: 1}]}\n"
    play = played(story(deliveries=deliveries))
    assert play.list("deployments", "shop") == []
    assert measure(play, "deployments").value == 0
    assert measure(play, "failed_changes").value == 0  # nothing of it ever reached the cluster
    assert measure(play, "first_delivery_time").text == "never"


@pytest.mark.parametrize(
    ("deployer", "told", "deployed"),
    [
        ("{user: robot}", "robot (everything)", True),
        ("{user: robot, clusterRole: edit, namespaces: [shop]}", "robot (in shop)", True),
        ("{user: robot, clusterRole: view}", "none", False),
        (
            "{user: robot, rules: [{apiGroups: ['', apps], resources: ['*'], verbs: ['*']}]}",
            "robot (some kinds)",
            True,
        ),
    ],
)
def test_who_deploys_and_how_far_the_rights_reach(deployer, told, deployed):
    play = played(story(deliveries=PUSH + f"    deployer: {deployer}\n"), until="10m")
    assert measure(play, "credentials_outside").text == told
    assert (
        measure(play, "credentials_inside").text == "none"
    )  # the accounts of Kubernetes' own controllers are left out
    assert bool(play.list("deployments", "shop")) == deployed


def test_kustomizations_in_the_order_of_their_dependencies():
    files = """
    kustomizations:
      - {name: base, path: app/base, interval: 5m, wait: true}
      - {name: apps, path: app/apps, interval: 5m, dependsOn: [{name: base}]}
    """
    scenario = story(
        RELEASE.replace("app/web.yaml", "app/apps/web.yaml"), deliveries=FLUX + files, split=True
    )
    play = played(scenario, "flux")
    assert play.get("deployment/web", "shop")["status"]["readyReplicas"] == 3
    applied = [
        record.key[1]
        for record in play.trace.records
        if record.subject.startswith("kustomization.")
        and (record.object.get("status") or {}).get("lastAppliedRevision")
        and not ((record.previous.object.get("status") or {}) if record.previous else {}).get(
            "lastAppliedRevision"
        )
    ]
    assert applied == ["base", "apps"]
    assert play.deployed("shop") == play.history.head("shop")


def test_without_pruning_what_left_git_stays():
    gone = """
    - at: 10m
      commit: {message: gone, delete: [app/service.yaml]}
    """
    pruned = played(story(gone, deliveries=FLUX), "flux")
    kept = played(story(gone, deliveries=FLUX + "    kustomization: {prune: false}\n"), "flux")
    pushed = played(story(gone, deliveries=PUSH))
    assert [len(play.list("services", "shop")) for play in (pruned, kept, pushed)] == [0, 1, 1]
    assert not pushed.drift()  # it is nobody's any more


def test_server_side_apply_by_a_pipeline():
    play = played(story(RELEASE, deliveries=PUSH + "    deploy: {serverSide: true}\n"))
    assert play.get("deployment/web", "shop")["status"]["readyReplicas"] == 3
    assert any(record.actor == "ci-deployer" and record.verb == "apply" for record in play.trace.records)


def test_a_cut_off_agent_repairs_nothing_until_it_is_back():
    cut = "- at: 9m\n  fault: api-partition\n  client: flux\n  for: 7m\n"
    play = played(
        story(cut + BY_HAND.lstrip(), deliveries=FLUX + "    kustomization: {interval: 2m}\n"), "flux"
    )
    (episode,) = play.episodes.episodes
    assert episode.ended / 1_000_000 > 16 * 60


def test_a_cut_off_pipeline_fails_and_says_why():
    cut = "- at: 9m\n  fault: api-partition\n  client: ci\n"
    play = played(story(cut + RELEASE.lstrip(), deliveries=PUSH))
    (failed,) = [record for record in records(play, "fail") if record.subject.startswith("run/")]
    assert "connect" in failed.facts()["reason"].lower()
    assert play.get("deployment/web", "shop")["spec"]["replicas"] == 2


IMAGES = """\
- at: 1m
  apply: |
    apiVersion: image.toolkit.fluxcd.io/v1
    kind: ImageRepository
    metadata: {name: web, namespace: flux-system}
    spec: {image: shop/web, interval: 1m}
    ---
    apiVersion: image.toolkit.fluxcd.io/v1
    kind: ImagePolicy
    metadata: {name: web, namespace: flux-system}
    spec:
      imageRepositoryRef: {name: web}
      policy: {semver: {range: ">=1.0.0"}}
    ---
    apiVersion: image.toolkit.fluxcd.io/v1
    kind: ImageUpdateAutomation
    metadata: {name: all, namespace: flux-system}
    spec:
      interval: 30m
      sourceRef: {kind: GitRepository, name: shop}
      git: {commit: {author: {name: fluxbot, email: flux@example.com}}}
- at: 2m
  commit:
    message: Let Flux choose the image
    edit:
      app/web.yaml:
        replace:
          'image: shop/web:1': 'image: shop/web:1.0.0 # {"$imagepolicy": "flux-system:web"}'
"""


def test_a_pushed_image_promotes_itself_where_flux_automates_it():
    controllers = "[image-reflector-controller, image-automation-controller, notification-controller]"
    play = played(story(IMAGES, deliveries=f"{FLUX}    components: {controllers}\n"), "flux", "10m")
    registry = play.world.registry
    registry.push("shop/web:1.1.0", registry.find("shop/web:1").behaviour)
    play.finish()
    containers = play.get("deployment/web", "shop")["spec"]["template"]["spec"]["containers"]
    assert containers[0]["image"] == "shop/web:1.1.0"
    assert [r.actor for r in records(play, "commit")][-1] == "fluxbot"


ARTIFACT = """\
- at: 1m
  flux: push artifact oci://registry.example/shop/manifests:latest --path=./app --source=shop --revision=main
- at: 2m
  apply: |
    apiVersion: source.toolkit.fluxcd.io/v1
    kind: OCIRepository
    metadata: {name: artifacts, namespace: flux-system}
    spec: {url: oci://registry.example/shop/manifests, interval: 1m}
    ---
    apiVersion: kustomize.toolkit.fluxcd.io/v1
    kind: Kustomization
    metadata: {name: from-registry, namespace: flux-system}
    spec: {interval: 10m, prune: true, sourceRef: {kind: OCIRepository, name: artifacts}}
"""


def test_manifests_travel_through_a_registry():
    deliveries = f"{FLUX}    kustomization: {{suspend: true}}\n"
    play = played(story(ARTIFACT, deliveries=deliveries), "flux")
    found = play.get("kustomization/from-registry", "flux-system")["status"]
    assert found["lastAppliedRevision"].startswith("latest@sha256:")
    assert play.get("deployment/web", "shop")["status"]["readyReplicas"] == 2


ALERT = """\
- at: 1m
  apply: |
    apiVersion: notification.toolkit.fluxcd.io/v1beta3
    kind: Provider
    metadata: {name: chat, namespace: flux-system}
    spec: {type: slack, address: "https://chat.example/hook"}
    ---
    apiVersion: notification.toolkit.fluxcd.io/v1beta3
    kind: Alert
    metadata: {name: ops, namespace: flux-system}
    spec: {providerRef: {name: chat}, eventSources: [{kind: GitRepository, name: "*"}]}
- at: 5m
  commit:
    message: Three of them
    edit: {app/web.yaml: {replace: {"replicas: 2": "replicas: 3"}}}
"""


def test_alerts_of_flux_are_told_in_the_story():
    play = played(story(ALERT, deliveries=f"{FLUX}    components: [notification-controller]\n"), "flux")
    told = [(r.subject, r.facts()["message"]) for r in records(play, "notify")]
    assert told == [("provider/flux-system/chat", "stored artifact for commit 'Three of them'")]
    teller = Teller()
    for record in play.world.engine.trace.records:
        teller.take(record)
    lines = [moment.text for moment in teller.moments if "is told" in moment.text]
    what = "GitRepository/flux-system/shop stored artifact for commit 'Three of them'"
    assert lines == [f"flux-system/chat is told: {what}"]


RETAINED = """\
- at: 2h
  commit: {message: two, edit: {app/web.yaml: {replace: {"web:1": "web:2"}}}}
- at: 30h
  commit: {message: back to one, edit: {app/web.yaml: {replace: {"web:2": "web:1", "replicas: 2": "replicas: 6"}}}}
"""


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_a_rollback_to_an_image_that_retention_has_deleted_starts_only_where_the_image_still_is(delivery):
    images = 'images:\n  - {name: "shop/web:1"}\n  - {name: "shop/web:2"}\n'
    images += "registry: {retention: [{images: [shop/*], keepLast: 1, every: 24h}]}\n"
    play = played(
        story(RETAINED, deliveries=PUSH if delivery == "push" else FLUX, images=images, until="30h20m"),
        delivery,
    )
    assert [r.subject for r in records(play, "delete") if r.actor.startswith("registry")] == [
        "image/docker.io/shop/web:1"
    ]
    name = "docker.io/shop/web:1"
    told = {event["message"] for event in play.list("events", "shop") if event["reason"] == "Failed"}
    assert (
        'Failed to pull image "shop/web:1": rpc error: code = NotFound desc = failed to pull and unpack image '
        f'"{name}": failed to resolve reference "{name}": {name}: not found'
    ) in told
