"""Flux in a simulation, for controllers of your own that build on its artifacts.

**Imitates:** a controller written on Flux's GitOps Toolkit (source-watcher): it watches sources and downloads what they store.

**Walk:** ``Flux(sim)`` -> the controllers in pods -> a GitRepository -> your ``Operator`` sees ``status.artifact`` -> ``fetch`` over the
network, from the pod of source-controller to where your controller runs -> the files.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.chart_repositories import ChartRepositories
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.agent import HELM_CONTROLLER, Toolkit, adapted
from kcsim.delivery.gitops.flux.artifact import Artifact, DownloadFailed, NotStored
from kcsim.delivery.gitops.flux.notification.inbox import Inbox
from kcsim.engine.clock import SECOND
from kcsim.scenario.deliveries import create
from kcsim.simulation.simulation import Simulation

__all__ = ["DownloadFailed", "Flux", "NotStored"]


class Flux:
    """Flux's controllers in a cluster of a simulation, running once their pods are.

    Attributes:
        charts: repositories of charts, for helm-controller: ``charts.publish("https://charts.example", files)``, where
            ``kcsim.delivery.charts.chart_files`` makes files of objects.
    """

    def __init__(self, sim: Simulation, *components: str, cluster: str | None = None) -> None:
        """Install source- and kustomize-controller, and ``components`` such as ``notification-controller``, now.

        Raises:
            ValueError: there is no such component.
        """
        unknown = [name for name in components if name not in install.IMAGES]
        if unknown:
            raise ValueError(f"Flux has no component {unknown[0]!r}; it has {', '.join(install.IMAGES)}")
        world = sim.world
        self.charts = ChartRepositories(world.engine, world.network, world.registry)
        charts = self.charts if HELM_CONTROLLER in components else None
        self._toolkit = Toolkit(world.git, world.registry, charts=charts)
        for name, program in self._toolkit.programs().items():
            world.programs[name] = adapted(program)
            world.push_image(ImageBehaviour(install.IMAGES[name], ready_after=2 * SECOND, program=name))
        for obj in install.install_objects(components=(*install.COMPONENTS, *components)):
            create(sim.cluster(cluster), obj)

    @property
    def inbox(self) -> Inbox:
        """What alerts have sent."""
        return self._toolkit.inbox

    def fetch(self, component: Component, source: Object) -> Generator[Any, Any, Mapping[str, bytes]]:
        """Download, to where ``component`` runs, the artifact of a source: its files by path. Wait with ``yield from``.

        Raises:
            ValueError: the source has no artifact (yet).
            NotStored: the server has thrown it away: there is a newer one.
            DownloadFailed: nobody could be reached, ten attempts included.
        """
        stored = objects.get_in(source, ("status", "artifact"))
        if stored is None:
            raise ValueError(f"{source['kind']} {'/'.join(objects.key(source))} has no artifact")
        artifact: Artifact = yield from self._toolkit.artifacts().fetch(
            component.endpoint, component.host, stored
        )
        return artifact.files
