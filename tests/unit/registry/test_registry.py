"""References, tags and digests, and what a registry in trouble answers."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.registry.reference import InvalidReference, parse
from kcsim.delivery.registry.registry import ImageNotFound, Registry, RegistryUnavailable
from kcsim.engine.clock import MILLISECOND, SECOND
from kcsim.engine.core import Engine
from kcsim.engine.task import run_now
from kcsim.network.topology import Network
from kcsim.profile.distributions import Fixed

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("acme/web", "docker.io/acme/web:latest"),
        ("ghcr.io/acme/web:v2", "ghcr.io/acme/web:v2"),
        ("localhost/web", "localhost/web:latest"),
        ("registry:5000/web:v1", "registry:5000/web:v1"),
        (f"web@{DIGEST}", f"docker.io/library/web@{DIGEST}"),
        (f"ghcr.io/acme/web:v2@{DIGEST}", f"ghcr.io/acme/web:v2@{DIGEST}"),
    ],
)
def test_references_are_completed(text: str, whole: str) -> None:
    assert str(parse(text)) == whole


@pytest.mark.parametrize("text", ["", "Web", "web:", "web:a b", "web@sha256:12", "a//b", "-x", "web:v1:v2"])
def test_broken_references(text: str) -> None:
    with pytest.raises(InvalidReference, match="invalid reference format"):
        parse(text)


class World:
    def __init__(self, **options: Any) -> None:
        self.engine = Engine(seed=1)
        self.network = Network()
        for name in ("registry.example.com", "runner"):
            self.network.add_host(name, kind="host")
        self.network.connect("registry.example.com", "runner", Fixed(10 * MILLISECOND))
        self.registry = Registry(self.engine, self.network, "registry.example.com", **options)

    def wait_for(self, exchange: Any) -> Any:
        def steps() -> Any:
            return (yield exchange)

        return run_now(self.engine, steps())


WEB = "registry.example.com/shop/web"


def test_a_moved_tag_has_a_new_digest_and_the_old_one_stays() -> None:
    registry = World().registry
    first = registry.push(f"{WEB}:v1", "good")
    second = registry.push(f"{WEB}:v1", "bad", size=7)
    assert first.digest != second.digest
    assert registry.resolve(f"{WEB}:v1") == second
    assert registry.resolve(f"{WEB}@{first.digest}").behaviour == "good"
    assert (second.behaviour, second.size) == ("bad", 7)


def test_the_same_content_has_the_same_digest() -> None:
    registry = World().registry
    assert (
        registry.push(f"{WEB}:v1", 1, content="c").digest == registry.push(f"{WEB}:v2", 1, content="c").digest
    )
    assert registry.tags(WEB) == ["v1", "v2"]
    assert registry.repositories() == [WEB]


def test_digests_repeat_from_run_to_run() -> None:
    assert World().registry.push(f"{WEB}:v1", 1).digest == World().registry.push(f"{WEB}:v1", 2).digest


def test_not_found_reads_as_containerd_says_it() -> None:
    registry = World().registry
    registry.push(f"{WEB}:v1", 1)
    registry.delete(f"{WEB}:v1")
    with pytest.raises(ImageNotFound) as caught:
        registry.resolve(f"{WEB}:v1")
    assert str(caught.value) == f'failed to resolve reference "{WEB}:v1": {WEB}:v1: not found'


def test_an_outage_refuses_everything() -> None:
    world = World()
    world.registry.push(f"{WEB}:v1", 1)
    world.registry.available = False
    with pytest.raises(RegistryUnavailable, match="manifests/v1: 503 Service Unavailable"):
        world.registry.resolve(f"{WEB}:v1")
    for asked in (world.registry.upload("runner", f"{WEB}:v2", 1), world.registry.list_tags("runner", WEB)):
        with pytest.raises(RegistryUnavailable):
            world.wait_for(asked)


def test_fallback_gives_public_images_without_a_list() -> None:
    registry = World(fallback=lambda r: ("default", 5) if r.host == "docker.io" else None).registry
    assert registry.resolve("nginx").behaviour == "default"
    assert registry.resolve("nginx") is registry.resolve("docker.io/library/nginx:latest")
    with pytest.raises(ImageNotFound):
        registry.resolve("ghcr.io/x/y")


def test_upload_takes_time_and_can_be_cut_off() -> None:
    world = World()
    made = world.wait_for(world.registry.upload("runner", f"{WEB}:v1", "good", duration=Fixed(5 * SECOND)))
    assert world.engine.now == 5 * SECOND + 60 * MILLISECOND
    assert world.registry.resolve(f"{WEB}:v1") == made
    assert world.wait_for(world.registry.list_tags("runner", WEB)) == ["v1"]
    world.network.set_up("registry.example.com", up=False)
    with pytest.raises(Unreachable):
        world.wait_for(world.registry.upload("runner", f"{WEB}:v2", "good"))


def test_images_nobody_pushed_come_from_the_fallback_by_tag_and_by_digest() -> None:
    registry = World().registry
    registry.fallback = lambda reference: (f"{reference.repository} works", 7)
    assert registry.resolve("nginx:1.27").behaviour == "library/nginx works"
    found = registry.resolve(f"nginx:1.27@{DIGEST}")
    assert (found.digest, found.size) == (DIGEST, 7)
    # A digest says nothing of a tag.
    assert registry.resolve("nginx:1.27").digest != DIGEST


def test_a_reserved_repository_has_only_what_was_pushed() -> None:
    registry = World().registry
    registry.fallback = lambda _reference: ("works", 7)
    registry.reserve(WEB)
    assert registry.is_reserved(f"{WEB}:v1")
    assert not registry.is_reserved("nginx")
    for image in (f"{WEB}:v1", f"{WEB}@{DIGEST}"):
        with pytest.raises(ImageNotFound):
            registry.resolve(image)
    registry.push(f"{WEB}:v1", "built")
    assert registry.resolve(f"{WEB}:v1").behaviour == "built"
