"""What a new cluster contains: the same whether it was asked for object by object, or is held again."""

import pytest

from kcsim.api.request import User
from kcsim.simulation import bootstrap
from kcsim.simulation.simulation import Simulation

FIELDS = ("actor", "verb", "manager", "operation", "key", "revision", "time", "object", "sent")


@pytest.fixture
def pair(monkeypatch):
    """Two clusters of one seed: the first of a process, and one after it."""
    monkeypatch.setattr(bootstrap, "_MADE", [])
    return [Simulation(nodes=0, seed=4).cluster().server for _ in range(2)]


def test_later_clusters_hold_what_the_first_one_stored(pair):
    first, later = pair
    for one, other in zip(first.log.versions, later.log.versions, strict=True):
        assert {field: getattr(one, field) for field in FIELDS} == {
            field: getattr(other, field) for field in FIELDS
        }
        assert list(one.object["metadata"]) == list(other.object["metadata"])
        owners = [
            server.ownership.managed_of(version).to_json()
            for server, version in ((first, one), (later, other))
        ]
        assert owners[0] == owners[1]
    assert (first.requests, first.writes, first.asked) == (later.requests, later.writes, later.asked)


def test_clusters_of_other_seeds_have_uids_of_their_own(pair):
    other = Simulation(nodes=0, seed=5).cluster().server
    uids = [
        {version.object["metadata"]["uid"] for version in server.log.versions} for server in (pair[1], other)
    ]
    assert not uids[0] & uids[1]
    assert len(uids[1]) == len({(version.resource, version.key) for version in other.log.versions})


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
