"""What a registry deletes by itself, and what clients are told then."""

from __future__ import annotations

import pytest

from kcsim.delivery.registry.registry import ImageNotFound, Registry
from kcsim.delivery.registry.retention import Retention, Rule
from kcsim.engine.clock import HOUR, MINUTE
from kcsim.engine.core import Engine
from kcsim.network.topology import Network

WEB = "registry.example.com/shop/web"
DAY = 24 * HOUR


class World:
    """A registry with retention, and an image pushed every hour."""

    def __init__(self, *rules):
        self.engine = Engine(seed=1)
        network = Network()
        network.add_host("registry.example.com", kind="host")
        self.registry = Registry(self.engine, network, "registry.example.com", lambda _: ("public", 1))
        self.retention = Retention(self.engine, self.registry, rules)

    def push(self, *tags, name=WEB, every=HOUR, **options):
        made = []
        for tag in tags:
            made.append(self.registry.push(f"{name}:{tag}", tag, **options))
            self.run(every)
        return made

    def run(self, duration):
        self.engine.run_until(self.engine.now + duration)

    @property
    def deleted(self):
        return [r.subject.removeprefix("image/") for r in self.engine.trace.records if r.verb == "delete"]


def test_the_newest_tags_are_kept_and_the_others_go_at_the_next_run():
    world = World(Rule(keep_last=2, every=DAY))
    world.push("v1", "v2", "v3", "v4")
    assert world.registry.tags(WEB) == ["v1", "v2", "v3", "v4"]
    world.run(DAY)
    assert world.registry.tags(WEB) == ["v3", "v4"]
    with pytest.raises(ImageNotFound) as caught:
        world.registry.resolve(f"{WEB}:v1")
    assert str(caught.value) == f'failed to resolve reference "{WEB}:v1": {WEB}:v1: not found'


def test_only_what_is_old_goes():
    world = World(Rule(older_than=3 * HOUR, keep=("release-*",), every=HOUR))
    world.push("release-1", "v1", "v2")
    world.run(MINUTE)
    assert "v1" in world.registry.tags(WEB)
    world.run(3 * HOUR)
    assert world.registry.tags(WEB) == ["release-1"]
    assert world.deleted == [f"{WEB}:v1", f"{WEB}:v2"]


def test_age_and_number_count_together():
    world = World(Rule(keep_last=1, older_than=10 * HOUR, every=HOUR))
    world.push("v1", "v2")
    world.run(5 * HOUR)
    assert world.registry.tags(WEB) == ["v1", "v2"]
    world.run(DAY)
    assert world.registry.tags(WEB) == ["v2"]


def test_digests_without_a_tag_go_only_where_a_rule_says_so():
    for untagged, found in ((None, True), (2 * HOUR, False)):
        world = World(Rule(keep_last=1, untagged_after=untagged, every=HOUR))
        first, _second = world.push("v1", "v1")  # the tag moves
        world.run(5 * HOUR)
        assert world.registry.holds(f"{WEB}@{first.digest}") is found
        assert world.registry.holds(f"{WEB}:v1")


def test_the_first_rule_that_covers_an_image_counts():
    world = World(Rule(images=("registry.example.com/shop/*",)), Rule(keep_last=1, every=HOUR))
    world.push("v1", "v2")
    world.push("v1", "v2", name="other")
    world.run(DAY)
    assert world.registry.tags(WEB) == ["v1", "v2"]
    assert world.registry.tags("other") == ["v2"]


def test_docker_hubs_images_are_known_by_their_short_names():
    world = World(Rule(images=("shop/*",), keep_last=1, every=HOUR))
    world.push("v1", "v2", name="shop/web")
    world.run(DAY)
    assert world.registry.tags("shop/web") == ["v2"]


def test_what_was_deleted_does_not_come_back_as_a_public_image_but_by_a_push():
    world = World(Rule(keep_last=1, every=HOUR))
    world.push("v1", "v2")
    world.run(DAY)
    assert not world.registry.holds(f"{WEB}:v1")
    assert world.registry.holds(f"{WEB}:never-pushed")
    world.registry.push(f"{WEB}:v1", "again")
    assert world.registry.resolve(f"{WEB}:v1").behaviour == "again"


def test_a_run_that_would_find_nothing_costs_nothing():
    world = World(Rule(keep_last=5, every=MINUTE))
    world.push("v1", "v2")
    world.run(30 * DAY)
    assert world.engine.next_time is None


def test_deleting_a_digest_takes_its_tags_along():
    world = World()
    (made,) = world.push("v1")
    world.registry.push(f"{WEB}:latest", "x")
    world.registry.delete(f"{WEB}@{made.digest}")
    assert world.registry.tags(WEB) == ["latest"]
    with pytest.raises(ImageNotFound):
        world.registry.delete(f"{WEB}@{made.digest}")
    with pytest.raises(ImageNotFound):
        world.registry.delete(f"{WEB}:v1")
