"""The control plane that recordings are played against.

``needs: api`` names the controllers that ran beside the API server: those of namespaces, service accounts, the root
certificate, the garbage collector and the type checks of policies. Nothing else may act.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.request import User
from kcsim.api.server import ApiServer
from kcsim.cluster.controllers.garbagecollector.controller import GarbageCollector
from kcsim.cluster.controllers.namespace.controller import NamespaceController
from kcsim.cluster.controllers.serviceaccount.controller import RootCACertPublisher, ServiceAccountController
from kcsim.cluster.controllers.validatingadmissionpolicystatus.controller import PolicyStatusController
from kcsim.engine.core import Engine
from kcsim.network.topology import Network
from kcsim.profile.api import CONTROLLER_MANAGER
from kcsim.simulation.bootstrap import bootstrap
from kcsim.simulation.places import lay_out, lay_out_cluster


@dataclass
class Plane:
    """An API server with what runs beside it."""

    engine: Engine
    endpoint: Endpoint
    server: ApiServer

    def run(self, duration: int) -> None:
        """Let virtual time pass (µs)."""
        self.engine.run_until(self.engine.now + duration)


def api_plane() -> Plane:
    """The API server and the controllers of ``needs: api``."""
    engine, network = Engine(1), Network()
    lay_out(network)
    _, host = lay_out_cluster(network, "")
    server = ApiServer(engine, "")
    server.tokens["alice-token"] = User("alice", ("system:authenticated",))
    endpoint = Endpoint(engine, network, server, host)
    bootstrap(endpoint)
    manager = Component(endpoint, "kube-controller-manager", User("system:kube-controller-manager"), host)
    for reconciler in (
        NamespaceController(),
        ServiceAccountController(),
        RootCACertPublisher(),
        GarbageCollector(),
        PolicyStatusController(),
    ):
        manager.run(reconciler, limits=CONTROLLER_MANAGER)
    manager.start()
    engine.run_until(engine.now + 1_000_000)
    return Plane(engine, endpoint, server)
