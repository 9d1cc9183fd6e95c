"""What a new cluster contains: the same whether it was asked for object by object, or is held again."""

from itertools import takewhile

from kcsim.api.request import User
from kcsim.simulation import bootstrap
from kcsim.simulation.simulation import Simulation
from kcsim.simulation.world import World

FIELDS = ("actor", "verb", "manager", "operation", "key", "revision", "time", "object", "sent")


def _first(server):
    """What was there before any program did anything."""
    return list(takewhile(lambda version: version.resource.plural != "leases", server.log.versions))


def test_a_cluster_holds_what_another_of_its_kind_holds():
    first, later = (Simulation(nodes=0, seed=seed).cluster().server for seed in (4, 5))
    assert all(one is other for one, other in zip(_first(first), _first(later), strict=True))
    assert (first.requests, first.writes, first.asked) == (later.requests, later.writes, later.asked)
    assert later.asked["system:apiserver"] > 100


def test_what_was_begun_with_is_as_if_it_had_been_asked_for(monkeypatch):
    held = _first(Simulation(nodes=0, seed=4).cluster().server)
    monkeypatch.setattr(bootstrap, "_first_versions", bootstrap._first_versions.__wrapped__)
    made = _first(Simulation(nodes=0, seed=4).cluster().server)
    for one, other in zip(held, made, strict=True):
        assert {field: getattr(one, field) for field in FIELDS} == {
            field: getattr(other, field) for field in FIELDS
        }


def test_clusters_of_one_world_have_uids_of_their_own():
    world = World(seed=1)
    logs = [world.add_cluster(name).server.log for name in ("a", "b")]
    uids = [{version.object["metadata"]["uid"] for version in log.versions} for log in logs]
    assert not uids[0] & uids[1]
    assert [record.seq for record in world.engine.trace.records] == list(range(len(world.engine.trace)))


def test_nothing_is_changed_in_place_in_what_worlds_share():
    world = World(seed=1, checking=True)
    world.add_cluster()
    world.engine.run_until(20_000_000)
    world.cluster.server.log.verify()


def test_who_may_do_everything_stops_when_the_binding_goes():
    sim = Simulation(nodes=0, seed=1)
    server, user = sim.cluster().server, User("nico", ())
    pods = server.catalog.by_word("pods")
    assert not server.authorizer.allows(user, "delete", pods, "default")
    sim.kubectl("create clusterrolebinding nico --clusterrole=cluster-admin --user=nico")
    assert server.authorizer.allows(user, "delete", pods, "default")
    sim.kubectl("delete clusterrolebinding nico")
    assert not server.authorizer.allows(user, "delete", pods, "default")


def test_everything_in_one_namespace_is_not_everything():
    sim = Simulation(nodes=0, seed=1)
    server, user = sim.cluster().server, User("nico", ())
    pods = server.catalog.by_word("pods")
    sim.kubectl("create rolebinding nico --clusterrole=cluster-admin --user=nico -n default")
    assert server.authorizer.allows(user, "delete", pods, "default")
    assert not server.authorizer.allows(user, "delete", pods, "kube-system")


def test_pods_of_the_system_have_their_priorities():
    sim = Simulation(nodes=0, seed=1)
    found = [(c["metadata"]["name"], c["value"]) for c in sim.list("priorityclasses")]
    assert found == [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)]
