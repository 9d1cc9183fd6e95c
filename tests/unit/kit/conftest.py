"""A world without Kubernetes' own parts: one API server, and whatever component a test runs against it."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler
from kcsim.api.request import ADMIN
from kcsim.api.server import ApiServer
from kcsim.engine.clock import MILLISECOND, seconds
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.profile.api import ApiProfile
from kcsim.profile.distributions import Fixed

STEADY = ApiProfile(
    write=Fixed(MILLISECOND), read=Fixed(MILLISECOND), watch=Fixed(MILLISECOND), reaction=Fixed(MILLISECOND)
)


class World:
    """The server stands on host ``api``, components on host ``here``."""

    def __init__(self, profile: ApiProfile = STEADY) -> None:
        self.engine = Engine(seed=1)
        self.network = Network()
        for host in ("api", "here"):
            self.network.add_host(host, kind="machine")
        self.network.connect("api", "here", Fixed(0))
        self.server = ApiServer(self.engine, checking=True)
        self.endpoint = Endpoint(self.engine, self.network, self.server, "api", profile)
        self.admin = DirectClient(self.endpoint, ADMIN, "api", user_agent="kubectl")
        self.create("Namespace", "default", "", {})

    def component(self, *reconcilers: Reconciler) -> Component:
        component = Component(self.endpoint, "robot", ADMIN, "here")
        for reconciler in reconcilers:
            component.run(reconciler)
        return component

    def create(
        self, kind: str, name: str, namespace: str = "default", body: dict[str, Any] | None = None
    ) -> Any:
        metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
        obj = {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": metadata,
            **({"data": body} if body is not None and namespace else {}),
        }
        return self.admin.now(self.admin.create(kind.lower(), obj))

    def change(self, name: str, **data: str) -> Any:
        return self.admin.now(self.admin.patch("configmaps", "default", name, {"data": data}))

    def run(self, duration: str) -> None:
        self.engine.run_until(self.engine.now + seconds(duration))


@pytest.fixture
def world() -> World:
    return World()
