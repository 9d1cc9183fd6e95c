"""Stories delivered by Argo CD: bad input, hubs and spokes, commands of the timeline."""

import textwrap

import pytest

from kcsim.scenario.load import examine_text, loads
from kcsim.scenario.play import Play

STORY = textwrap.dedent(
    """\
    apiVersion: kcsim/v1
    kind: Scenario
    name: hub
    seed: 3
    until: 30m
    clusters:
      - {name: hub, nodes: 1}
      - {name: blue, nodes: 1}
      - {name: green, nodes: 1}
    repositories:
      - name: shop
        path: deploy
        files:
          deploy/config.yaml: |
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: settings, namespace: default}
            data: {value: "1"}
    deliveries:
      argocd:
        type: argocd
        clusters: [blue, green]
        hub: hub
        webhook: true
        application:
          prune: true
          selfHeal: true
          syncOptions: [ServerSideApply=true]
    timeline:
      - at: 10m
        name: release
        commit:
          message: second
          edit:
            deploy/config.yaml: {replace: {'"1"': '"2"'}}
      - at: 20m
        name: by-hand
        cluster: green
        kubectl: patch configmap settings -n default --type merge -p '{"data":{"value":"by hand"}}'
      - at: 25m
        name: looked
        argocd: app sync shop-green --timeout 60
    """
)


def value(play, cluster):
    client = play.world.clusters[cluster].admin
    return client.now(client.get("configmaps", "default", "settings"))["data"]["value"]


def test_a_hub_delivers_to_its_spokes():
    play = Play(loads(STORY), "argocd")
    play.run_until("9m")
    assert (value(play, "blue"), value(play, "green")) == ("1", "1")
    play.run_until("11m")
    assert (value(play, "blue"), value(play, "green")) == ("2", "2")
    play.run_until("21m")
    assert value(play, "green") == "2"
    play.run_until("30m")
    measures = {measure.name: measure for measure in play.measures()}
    assert measures["deployments"].value == 4  # two commits to two clusters
    assert measures["drift_detection_time"].value < 2
    assert "argocd-manager" in str(measures["credentials_inside"].value)
    assert measures["credentials_outside"].value is None
    assert not [r for r in play.trace.records if r.verb == "argocd-failed"]
    heads = play.changes()
    assert play.way.deployed("shop") == heads[-1].sha
    names = {attempt.scope for attempt in play.way.attempts}
    assert names == {"shop-blue", "shop-green"}


def test_what_a_story_gives_changes_what_the_installation_has_made():
    application, _, _ = STORY.partition("    application:\n")[2].partition("timeline:\n")
    given = """\
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: argocd-cm, namespace: argocd}
        data: {application.resourceTrackingMethod: label}
"""
    story = STORY.replace(f"    application:\n{application}", f"    objects:\n{given}")
    play = Play(loads(story), "argocd")
    hub = play.world.clusters["hub"].admin
    data = hub.now(hub.get("configmaps", "argocd", "argocd-cm"))["data"]
    assert data["application.resourceTrackingMethod"] == "label"
    assert "timeout.reconciliation" in data


def test_a_write_tells_its_commit():
    play = Play(loads(STORY), "argocd")
    play.run_until("11m")
    written = [
        record
        for record in play.trace.records
        if record.actor == "system:serviceaccount:kube-system:argocd-manager"
        and record.subject == "configmap/default/settings"
    ]
    newest = play.changes()[-1]
    assert play.way.revision_of(written[-1]) == newest.sha
    assert written[-1].chain()[-1].verb == "commit"


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("hub: hub", "hub: hb", "KC208", "did you mean 'hub'"),
        ("ServerSideApply=true", "ServerSideAply=true", "KC104", "did you mean 'ServerSideApply'"),
        (
            "ServerSideApply=true",
            "ServerSideApply=yes",
            "KC104",
            "Write ServerSideApply= and one of: false, true",
        ),
        ("webhook: true", "refresh: 0s", "KC104", "an interval of nothing"),
        ("webhook: true", "controllers: 0", "KC104", "no controller at all"),
        ("app sync shop-green", "app snc shop-green", "KC702", "Did you mean this? sync"),
        ("app sync shop-green", "app logs shop-green", "KC702", "does not model 'argocd app logs'"),
        ("selfHeal: true", "selfheal: true", "KC102", "selfHeal"),
    ],
)
def test_bad_input_says_what_where_and_how_to_mend_it(old, new, code, said):
    assert old in STORY
    found = examine_text(STORY.replace(old, new)).diagnostics
    assert [each.code for each in found] == [code]
    assert said.lower() in f"{found[0].message} {found[0].remedy}".lower()


def test_an_argocd_command_needs_an_argocd_delivery():
    push = (
        STORY[: STORY.index("  argocd:\n    type")]
        + "  push: {type: push}\n"
        + STORY[STORY.index("timeline:") :]
    )
    assert "KC206" in [each.code for each in examine_text(push).diagnostics]


PREVIEWS = """\
apiVersion: kcsim/v1
kind: Scenario
name: previews
seed: 3
until: 30m
repositories:
  - name: shop
    path: app
    files:
      app/settings.yaml: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings}
        data: {owner: shop}
deliveries:
  argocd:
    type: argocd
    webhook: true
    objects:
      - apiVersion: argoproj.io/v1alpha1
        kind: ApplicationSet
        metadata: {name: previews, namespace: argocd}
        spec:
          generators: [{pullRequest: {github: {owner: acme, repo: shop, labels: [preview]}}}]
          template:
            metadata: {name: "preview-{{number}}"}
            spec:
              project: default
              source: {repoURL: "https://git.example/shop", path: app, targetRevision: "{{head_sha}}"}
              destination: {server: "https://kubernetes.default.svc", namespace: "preview-{{number}}"}
              syncPolicy: {automated: {prune: true}, syncOptions: [CreateNamespace=true]}
timeline:
  - at: 5m
    name: ask
    mergeRequest: {message: Try it, branch: try, labels: [preview], set: {app/settings.yaml: {data.owner: dana}}, reviewers: [{name: olga, takes: 10m}]}
expectations:
  - {name: preview, after: ask, eventually: 'exists("configmap/settings", "preview-1")', within: 1m}
  - {name: gone-once-merged, after: now() > 960, always: 'not exists("configmap/settings", "preview-1")'}
"""


def test_a_merge_request_has_a_preview_until_it_is_merged():
    play = Play(loads(PREVIEWS), "argocd")
    play.run_until("10m")
    assert play.get("configmap/settings", "preview-1")["data"]["owner"] == "dana"
    play.finish()
    assert [each.name for each in play.verdicts() if not each.passed] == []
