"""What is worked out beforehand goes a short way to the log; in checking mode everything goes the long one."""

from __future__ import annotations

from kcsim.api.log import EventVersion, ExpiredVersion
from kcsim.cluster.images import ImageBehaviour
from kcsim.simulation.simulation import Simulation
from tests.unit.simulation.conftest import IMAGE, deployment


def story(*, checking: bool) -> Simulation:
    """Pods come up, lose their node, are rolled over, crash and go; then their Events expire."""
    sim = Simulation(nodes=3, seed=9, checking=checking)
    sim.world.push_image(ImageBehaviour(IMAGE))
    sim.run_until("60s")
    sim.apply(deployment(3))
    sim.run("2m")
    sim.inject("node-crash", sim.list("pods")[0]["spec"]["nodeName"], duration="7m")
    sim.run("1m")
    sim.apply(deployment(4, image="registry.example/web:2.0"))
    sim.inject("api-partition", "kube-scheduler", duration="30s")
    sim.run("1m")
    sim.inject("image-crash", IMAGE, duration="20s")
    sim.run("10m")
    sim.kubectl("delete deployment web")
    sim.run("70m")
    return sim


def test_the_short_ways_lead_to_the_same_log_as_the_long_ones() -> None:
    short, long = story(checking=False), story(checking=True)
    unread = [v for v in short.cluster().server.log.versions if isinstance(v, EventVersion) and v.unread]
    assert unread, "Events that nobody reads are not spelled out"
    assert not any(isinstance(v, EventVersion) for v in long.cluster().server.log.versions)
    assert any(isinstance(v, ExpiredVersion) for v in short.cluster().server.log.versions)
    pairs = zip(short.cluster().server.log.versions, long.cluster().server.log.versions, strict=True)
    for one, other in pairs:
        assert (one.subject, one.actor, one.manager) == (other.subject, other.actor, other.manager)
        assert one.object == other.object, other.subject
    assert not any(v.unread for v in unread), "they were read just now"
    assert short.trace.sha256() == long.trace.sha256()
