"""The hosting service in a tiny world: who hears of a push when, and what clients see when it is away."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import GitHost, GitTimings, RefNotFound, RepositoryNotFound, ServiceUnavailable
from kcsim.delivery.git.repository import Update
from kcsim.engine.clock import MILLISECOND, SECOND, seconds
from kcsim.engine.core import Engine
from kcsim.engine.task import run_now
from kcsim.network.topology import Network
from kcsim.profile.distributions import Fixed

URL = "https://git.example.com/shop/app"


class World:
    """A git host and an agent's node, 10 ms apart."""

    def __init__(self) -> None:
        self.engine = Engine(seed=1)
        self.network = Network()
        for name, kind in (("git.example.com", "git-host"), ("node-1", "node"), ("internet", "router")):
            self.network.add_host(name, kind=kind)
        self.network.connect("git.example.com", "internet", Fixed(5 * MILLISECOND))
        self.network.connect("node-1", "internet", Fixed(5 * MILLISECOND))
        timings = GitTimings(Fixed(100 * MILLISECOND), Fixed(400 * MILLISECOND), Fixed(2 * SECOND))
        self.host = GitHost(self.engine, self.network, "git.example.com", timings)
        self.host.create("shop/app")
        self.first = self.host.push("shop/app", "main", {"web.yaml": "a"}, "Start", "Ana")

    def wait_for(self, exchange: Any) -> Any:
        def steps() -> Any:
            return (yield exchange)

        return run_now(self.engine, steps())


def test_refs_arrive_after_handshake_work_and_travel() -> None:
    world = World()
    assert world.wait_for(world.host.ls_remote("node-1", URL)) == {"refs/heads/main": world.first.sha}
    # Two round trips of 20 ms, the request's own, and the service's work.
    assert world.engine.now == 160 * MILLISECOND


@pytest.mark.parametrize("ref", ["main", "refs/heads/main", "v1", "refs/tags/v1", "SHA"])
@pytest.mark.parametrize("url", [URL, URL + ".git", "ssh://git@git.example.com/shop/app"])
def test_fetch_brings_files_and_their_cause(ref: str, url: str) -> None:
    world = World()
    world.host.repository("shop/app").tag("v1", message="one")
    fetched = world.wait_for(world.host.fetch("node-1", url, world.first.sha if ref == "SHA" else ref))
    assert fetched.commit == world.first
    assert fetched.files == {"web.yaml": b"a"}
    assert fetched.record is not None
    assert (fetched.record.actor, fetched.record.verb) == ("Ana", "commit")
    assert fetched.record.subject == f"commit/shop/app/{world.first.short}"


@pytest.mark.parametrize(
    ("url", "ref", "error", "text"),
    [
        (URL + "x", "main", RepositoryNotFound, "repository not found"),
        ("https://elsewhere.example.com/shop/app", "main", RepositoryNotFound, "repository not found"),
        (URL, "nope", RefNotFound, 'couldn\'t find remote ref "refs/heads/nope"'),
    ],
)
def test_what_is_not_there(url: str, ref: str, error: type[Exception], text: str) -> None:
    world = World()
    with pytest.raises(error, match=text):
        world.wait_for(world.host.fetch("node-1", url, ref))


def test_service_down_answers_at_once_host_down_times_out() -> None:
    world = World()
    world.host.available = False
    with pytest.raises(ServiceUnavailable, match="status code: 503"):
        world.wait_for(world.host.ls_remote("node-1", URL))
    assert world.engine.now == 60 * MILLISECOND
    world.host.available = True
    world.network.set_up("git.example.com", up=False)
    with pytest.raises(Unreachable, match=r"Failed to connect to git\.example\.com port 443"):
        world.wait_for(world.host.ls_remote("node-1", URL, timeout=seconds("30s")))
    assert world.engine.now == 60 * MILLISECOND + 30 * SECOND


def test_a_cut_while_the_answer_travels_is_a_timeout() -> None:
    world = World()
    world.engine.after(50 * MILLISECOND, lambda: world.network.cut(["git.example.com"], ["node-1"]))
    with pytest.raises(Unreachable):
        world.wait_for(world.host.fetch("node-1", URL, "main"))
    assert world.engine.now == 60 * SECOND


def test_webhooks_follow_a_push_and_know_why() -> None:
    world = World()
    heard: list[tuple[int, Update, Any]] = []
    world.host.subscribe(
        "shop/app", "node-1", lambda u: heard.append((world.engine.now, u, world.engine.cause))
    )
    world.engine.run_until(10 * SECOND)
    made = world.host.push("shop/app", "main", {"web.yaml": "b"}, "More", "Ben <ben@x.org>")
    world.engine.run_until(20 * SECOND)
    [(when, update, cause)] = heard
    assert when == 12 * SECOND + 10 * MILLISECOND
    assert (update.old, update.new) == (world.first.sha, made.sha)
    assert cause is world.host.record_of("shop/app", made.sha)
    assert cause.facts()["files"] == ["web.yaml"]


def test_a_webhook_that_cannot_arrive_is_lost_and_told() -> None:
    world = World()
    heard: list[Update] = []
    world.host.subscribe("shop/app", "node-1", heard.append)
    world.network.set_up("node-1", up=False)
    world.host.push("shop/app", "main", {"web.yaml": "b"}, "More", "Ben")
    world.engine.run_until(10 * SECOND)
    assert heard == []
    assert [r.verb for r in world.engine.trace.records][-1] == "webhook-lost"


def test_the_trace_tells_pushes_apart() -> None:
    world = World()
    repo = world.host.repository("shop/app")
    repo.create_branch("fix")
    world.host.push("shop/app", "fix", {"web.yaml": "c"}, "One", "Ben")
    world.host.push("shop/app", "fix", {"web.yaml": "d"}, "Two", "Ben")
    repo.merge("main", "fix", "Ben", 0)
    repo.reset("main", world.first.sha)
    repo.tag("v1")
    repo.delete_branch("fix")
    assert [(r.verb, bool(r.facts().get("forced"))) for r in world.engine.trace.records][2:] == [
        ("commit", False), ("commit", False), ("push", False), ("push", True), ("tag", False), ("delete", False),
    ]  # fmt: skip
