"""Why did that happen? The same answer from a living world and from its trace.jsonl, back to where it began."""

import json

import pytest

import kcsim
from kcsim.simulation import why


@pytest.fixture(scope="module")
def play():
    play = kcsim.load("drift-at-night", "flux")
    play.finish()
    return play


@pytest.mark.parametrize("ref", ["deployment/web", "service/web", "node/node-2", "namespace/shop"])
def test_the_trace_on_disk_tells_what_the_living_world_tells(play, ref):
    rows = [json.loads(line) for line in play.trace.lines()]
    assert str(why.of_rows(rows, why.last_change(rows, ref))) == str(play.why(ref))


def test_a_pod_leads_back_to_the_commit(play):
    pod = play.list("pods", "shop")[0]["metadata"]["name"]
    chain = play.why(f"pod/{pod}")
    assert chain.origin.actor == "dana"
    assert chain.origin.verb == "commit"
    assert "entry=morning-release" in chain.origin.facts


def test_a_repair_leads_back_to_the_clock():
    play = kcsim.load("drift-at-night", "flux")
    play.run_until("31m")
    chain = play.why("deployment/web", "shop")
    assert str(chain).splitlines()[0].endswith("spec.replicas=3")
    assert (chain.origin.actor, chain.origin.object) == ("clock", "interval 10m")
    assert play.why("deployment/shop/web").links == chain.links


def test_what_only_controllers_note_is_no_change_to_ask_about():
    sim = kcsim.Simulation(nodes=1, seed=1)
    sim.run("5s")
    sim.kubectl("create deployment web --image=nginx", as_="nico")
    sim.run("1m")
    assert sim.get("deployment/web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    assert [link.verb for link in sim.why("deployment/web").links] == ["create", "kubectl"]


def test_what_is_gone_can_still_be_asked_about():
    sim = kcsim.Simulation(nodes=1, seed=1)
    sim.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    sim.kubectl("delete configmap a", as_="nico")
    assert sim.why("configmap/a").origin.actor == "nico"


def test_near_misses(play):
    pod = play.list("pods", "shop")[0]["metadata"]["name"]
    for asked, words in (
        (f"pod/{pod[:-2]}", f"did you mean {pod}"),
        ("deployment/wbe", "did you mean web"),
        ("deploymnt/web", "did you mean deployment"),
    ):
        with pytest.raises(kcsim.NotFound, match=words):
            play.why(asked)
