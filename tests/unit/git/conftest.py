"""A git host whose merge requests a CI host hears of."""

from __future__ import annotations

import pytest

from kcsim.delivery.git.host import GitHost, GitTimings
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.profile.distributions import Fixed


class World:
    """A git host with one repository, and a CI host that hears of everything."""

    def __init__(self):
        self.engine = Engine(1)
        network = Network()
        for name in ("git.example", "ci.example"):
            network.add_host(name, kind="host")
        network.connect("git.example", "ci.example", Fixed(5_000))
        quick = GitTimings(Fixed(100_000), Fixed(100_000), Fixed(SECOND))
        self.git = GitHost(self.engine, network, "git.example", quick)
        self.repository = self.git.create("shop")
        self.heard = []
        self.git.subscribe("shop", "ci.example", self.heard.append, reviews=True)
        self.git.push("shop", "main", {"web.yaml": "a\nb\nc\nd\ne\n"}, "First", "ana")

    @property
    def reviews(self):
        return self.git.reviews

    def branch(self, name, files, author="ana"):
        return self.git.push("shop", name, files, f"Work on {name}", author, start="main")

    def ask(self, name="feature", files=None, **options):
        self.branch(name, files or {f"{name}.yaml": "x\n"})
        return self.reviews.open("shop", name, "main", f"Add {name}", "ana", **options)

    def run(self, duration):
        self.engine.run_until(self.engine.now + duration)

    def check(self, request, name="test", *, passed=True, sha=None):
        self.reviews.check_came_out("shop", sha or request.head, name, passed=passed)

    def verbs(self, request):
        return [r.verb for r in self.engine.trace.records if r.subject == request.subject]


@pytest.fixture
def world():
    return World()
