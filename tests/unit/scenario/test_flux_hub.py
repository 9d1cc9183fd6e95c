"""Stories delivered by one Flux in a hub, which reaches the other clusters by spec.kubeConfig."""

from kcsim.delivery.gitops.flux import install
from kcsim.scenario.load import examine_text, loads
from kcsim.scenario.play import Play
from tests.unit.scenario.test_argocd import STORY as OF_ARGOCD
from tests.unit.scenario.test_argocd import value

_BEFORE, _, _REST = OF_ARGOCD.partition("deliveries:\n")
_TIMELINE = _REST.partition("timeline:\n")[2].partition("  - at: 25m")[0]
STORY = f"""\
{_BEFORE}deliveries:
  flux:
    type: flux
    clusters: [blue, green]
    hub: hub
    receiver: true
    kustomization: {{interval: 5m, wait: true}}
timeline:
{_TIMELINE}  - at: 26m
    name: looked
    flux: get kustomizations
"""
SPOKE = "system:serviceaccount:kube-system:flux"


def test_a_hub_delivers_to_its_spokes():
    play = Play(loads(STORY), "flux")
    play.run_until("9m")
    assert (value(play, "blue"), value(play, "green")) == ("1", "1")
    play.run_until("11m")
    assert (value(play, "blue"), value(play, "green")) == ("2", "2")
    play.run_until("21m")
    assert value(play, "green") == "by hand"
    play.run_until("30m")
    assert value(play, "green") == "2"
    measures = {measure.name: measure for measure in play.measures()}
    assert measures["deployments"].value == 4  # two commits to two clusters
    assert 0 < measures["minutes_adrift"].value <= 6
    inside = measures["credentials_inside"].detail
    assert [text for text in inside if text.startswith("flux: ")] == [
        "flux: everything in the cluster of blue",
        "flux: everything in the cluster of green",
    ]
    # Two commits to each, and the repair of one, which takes the field from kubectl first; all else is written in the hub.
    spokes = [r for r in play.trace.records if r.actor == SPOKE and r.subject == "configmap/default/settings"]
    assert len(spokes) == 6
    assert SPOKE in play.way.actors
    looked = [r for r in play.trace.records if r.verb == "flux"]
    assert looked
    assert not [r for r in play.trace.records if r.verb == "flux-failed"]
    assert play.way.deployed("shop") == play.changes()[-1].sha
    assert {(a.cluster, a.scope) for a in play.way.attempts} == {
        ("blue", "shop-blue"),
        ("green", "shop-green"),
    }


def test_a_write_tells_its_commit():
    play = Play(loads(STORY), "flux")
    play.run_until("11m")
    written = [
        r for r in play.trace.records if r.actor == SPOKE and r.subject == "configmap/default/settings"
    ]
    newest = play.changes()[-1]
    assert play.way.revision_of(written[-1]) == newest.sha
    assert written[-1].chain()[-1].verb == "commit"


def test_a_kubeconfig_of_ones_own_leads_there_too():
    """Objects of the story may bring their own Secret; what they put elsewhere is measured where it lands."""
    head, _, tail = STORY.partition("    kustomization: {interval: 5m, wait: true}\n")
    kubeconfig = "{name: mine, namespace: flux-system}"
    story = f"""{head}    objects:
      - apiVersion: source.toolkit.fluxcd.io/v1
        kind: GitRepository
        metadata: {{name: shop, namespace: flux-system}}
        spec: {{url: "https://git.example/shop", interval: 1m, ref: {{branch: main}}}}
      - apiVersion: v1
        kind: Secret
        metadata: {kubeconfig}
        stringData:
          value: |
            clusters: [{{name: far, cluster: {{server: "SERVER"}}}}]
            users: [{{name: me, user: {{token: "{SPOKE}"}}}}]
            contexts: [{{name: far, context: {{cluster: far, user: me}}}}]
            current-context: far
      - apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata: {{name: mine, namespace: flux-system}}
        spec:
          interval: 5m
          path: deploy
          prune: true
          sourceRef: {{kind: GitRepository, name: shop}}
          kubeConfig: {{secretRef: {{name: mine}}}}
{tail}"""
    probe = Play(loads(STORY), "flux")
    from kcsim.scenario.deliveries import address_of

    address = address_of(probe.world.clusters["green"])
    play = Play(loads(story.replace("SERVER", address).replace("receiver: true", "receiver: false")), "flux")
    play.run_until("12m")
    assert value(play, "green") == "2"
    assert len(play.changes()) == 2
    assert {(a.cluster, a.scope) for a in play.way.attempts} == {("green", "mine")}


def test_environments_go_where_they_belong():
    text = STORY.replace("    clusters: [blue, green]\n", "").replace(
        "timeline:\n",
        "environments:\n  - {name: dev, path: deploy, cluster: blue}\n  - {name: prod, path: deploy, cluster: green}\ntimeline:\n",
    )
    play = Play(loads(text), "flux")
    play.run_until("11m")
    assert len(play.changes()) == 2
    assert {(a.cluster, a.scope) for a in play.way.attempts} == {("blue", "dev"), ("green", "prod")}
    assert value(play, "green") == "2"


def test_a_hub_that_is_not_there():
    found = examine_text(STORY.replace("hub: hub", "hub: hb")).diagnostics
    assert [(each.code, "did you mean 'hub'" in each.remedy) for each in found] == [("KC208", True)]


def test_the_hub_itself_needs_no_kubeconfig():
    play = Play(
        loads(STORY.replace("[blue, green]", "[hub, blue]").replace("cluster: green", "cluster: blue")),
        "flux",
    )
    play.run_until("9m")
    assert (value(play, "hub"), value(play, "blue")) == ("1", "1")
    hub = play.world.clusters["hub"].admin
    resource = "kustomizations.kustomize.toolkit.fluxcd.io"
    own = hub.now(hub.get(resource, "flux-system", "shop-hub"))
    far = hub.now(hub.get(resource, "flux-system", "shop-blue"))
    assert "kubeConfig" not in own["spec"]
    assert far["spec"]["kubeConfig"] == {"secretRef": {"name": install.kubeconfig_name("blue")}}
