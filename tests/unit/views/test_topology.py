"""The topology as text and as a picture."""

from __future__ import annotations

from kcsim.simulation.simulation import Simulation
from kcsim.views.topology import layout_of, picture, text


def town() -> Simulation:
    sim = Simulation(nodes=3, seed=1)
    sim.run_until("5s")
    pod = {"containers": [{"name": "c", "image": "registry.example/c:1"}]}
    sim.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": pod})
    far = {**pod, "nodeSelector": {"no": "where"}}
    sim.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lost"}, "spec": far})
    sim.run_until("20s")
    return sim


def test_nodes_stand_in_their_zones_and_pods_on_their_nodes() -> None:
    layout = layout_of(town().network.topology())
    assert [[n.name for n in nodes] for nodes in layout.zones.values()] == [
        ["node-1"],
        ["node-2"],
        ["node-3"],
    ]
    pods = [p.name for nodes in layout.zones.values() for n in nodes for p in n.pods]
    assert pods == ["default/one"]
    assert [p.name for p in layout.pending] == ["default/lost"]


def test_a_node_that_is_off_says_so() -> None:
    sim = town()
    sim.inject("node-crash", "node-2")
    assert "node-2  OFF" in text(sim.network.topology())
    assert "node-2 (off)" in str(picture(sim.network.topology()))


def test_the_picture_is_the_same_each_time() -> None:
    sim = town()
    assert str(picture(sim.network.topology())) == str(picture(sim.network.topology()))
