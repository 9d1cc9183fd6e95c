"""The processes: what runs in a container of Argo CD's image, or of Redis', while it runs.

**Imitates:** argo-cd 3.x cmd/main.go (one binary, the command decides) and the main of each component. Left out:
dex, notifications and the commit server, which are told of in the trace. The application controller elects no leader:
its replicas share the clusters.

**Walk:** a container starts -> ``Programs.argocd(endpoint, pod, node)`` -> the pod's settings, with what its environment
takes from ConfigMaps -> the component of its command -> the container ends: ``stop``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kcsim.api import objects
from kcsim.api.client import Client, Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.api.request import User, service_account
from kcsim.api.status import StatusError
from kcsim.delivery.git.host import GitHost
from kcsim.delivery.gitops.argocd import install, redis
from kcsim.delivery.gitops.argocd.application_controller.operations import Operations
from kcsim.delivery.gitops.argocd.application_controller.refresh import Refresh
from kcsim.delivery.gitops.argocd.application_controller.state import Reach, State
from kcsim.delivery.gitops.argocd.applicationset_controller.controller import ApplicationSets
from kcsim.delivery.gitops.argocd.applicationset_controller.webhook import SetWebhook
from kcsim.delivery.gitops.argocd.redis import Cache, Redis
from kcsim.delivery.gitops.argocd.repo_server.server import RepoServer
from kcsim.delivery.gitops.argocd.server.webhook import ApiServer
from kcsim.delivery.gitops.argocd.services import Services
from kcsim.delivery.gitops.argocd.settings import (
    command_of,
    controller_settings,
    repo_settings,
    resolved,
    set_settings,
    unknown_flags,
)
from kcsim.profile.api import ClientLimits

QPS = 50
"""Of the clients of every component; the burst is twice that (common.go, K8sClientConfigQPS)."""
CONFIG_MAPS = ("argocd-cm", "argocd-cmd-params-cm")

Program = Callable[[Endpoint, Object, str], "Process"]
"""``(endpoint, pod, node) -> handle``: starts a program in a container of ``pod`` on host ``node``."""


class _Handle(Protocol):
    def stop(self) -> None: ...


class Process:
    """One running process.

    Attributes:
        component: the process as it reads what it is set to; what it then runs is its own component.
    """

    def __init__(self, endpoint: Endpoint, name: str, pod: Object, host: str) -> None:
        self.namespace = objects.namespace(pod)
        self.pod = pod
        self.name = name
        account = (pod.get("spec") or {}).get("serviceAccountName") or name
        self.user = service_account(self.namespace, account)
        self.component = Component(endpoint, name, self.user, host)
        self._kubelet = Client(
            endpoint,
            User(f"system:node:{host}", ("system:nodes", "system:authenticated")),
            host,
            user_agent="kubelet",
        )
        self._parts: list[_Handle] = []
        self.component.start()

    def begin(self, start: Callable[[Object], None]) -> None:
        """Start with the pod as its kubelet hands it over: with the values that its environment takes from ConfigMaps."""
        self.component.spawn(self._configured(start))

    def _configured(self, start: Callable[[Object], None]) -> Generator[Any, Any, None]:
        known: dict[str, Mapping[str, str]] = {}
        for name in CONFIG_MAPS:
            try:
                found = yield self._kubelet.get("configmaps", self.namespace, name)
            except StatusError as error:
                if not error.is_not_found:
                    raise
                continue
            known[name] = found.get("data") or {}
        start(resolved(self.pod, known))

    def part(self, handle: _Handle) -> None:
        """Something that ends with the process."""
        self._parts.append(handle)

    def new_component(self, qps: int = QPS) -> Component:
        """A component with the process' identity and its client's limits."""
        component = Component(
            self.component.endpoint,
            self.name,
            self.user,
            self.component.host,
            limits=ClientLimits(qps, 2 * qps),
        )
        # One process: what kills a part of it ends the container.
        component.supervisor = self.component.supervisor
        self.part(component)
        return component

    def tell(self, absent: list[str]) -> None:
        """Leave in the trace what of the pod's settings has no effect."""
        where = f"pod/{self.namespace}/{objects.name(self.pod)}"
        for what in absent:
            self.component.engine.note(self.name, "not-modelled", where, {"setting": what})

    def stop(self) -> None:
        """The container ended, or its machine died."""
        if not self.component.running:
            return
        self.component.stop()
        for part in self._parts:
            part.stop()


class Programs:
    """The programs of one world's Argo CD images; its processes know each other's Services.

    Attributes:
        services: who answers behind which Service.
    """

    def __init__(self, git: GitHost, reach: Reach, *, established: bool = False) -> None:
        """``reach`` leads from the address of a cluster to its API server. ``established`` processes stand for some that
        have been running for long: their clocks have phases of their own.
        """
        self.services = Services()
        self._git = git
        self._reach = reach
        self._established = established

    def by_name(self) -> dict[str, Adapted]:
        """The programs by the name that the behaviour of their images gives."""
        return {
            name: Adapted(self, program) for name, program in (("argocd", self.argocd), ("redis", self.redis))
        }

    def redis(self, endpoint: Endpoint, pod: Object, host: str) -> Process:
        """A Redis: an empty cache, that others find from now on."""
        process = Process(endpoint, redis.SERVICE, pod, host)
        self._open(process, redis.SERVICE, process.component, Redis())
        return process

    def argocd(self, endpoint: Endpoint, pod: Object, host: str) -> Process:
        """The component that the pod's command names."""
        name = command_of(pod)
        process = Process(endpoint, name or "argocd", pod, host)
        match name:
            case install.CONTROLLER:
                process.begin(lambda pod: self._controller(process, pod))
            case install.REPO_SERVER:
                process.begin(lambda pod: self._repo_server(process, pod))
            case install.SERVER:
                self._server(process)
            case install.SET_CONTROLLER:
                process.begin(lambda pod: self._set_controller(process, pod))
            case _:
                process.tell([f"the command {name or '(none)'}"])
        return process

    def _open(self, process: Process, service: str, component: Component, handler: Any) -> None:
        self.services.open(service, process.namespace, component, handler)
        process.part(_Closing(self.services, component))

    def _controller(self, process: Process, pod: Object) -> None:
        settings, absent = controller_settings(pod)
        process.tell(absent)
        component = process.new_component(settings.qps)
        shard = objects.name(pod).rpartition("-")[2]
        state = State(
            component,
            process.namespace,
            int(shard) if shard.isdigit() else 0,
            settings,
            self.services,
            self._reach,
        )
        process.part(state)
        phase = (
            component.dice("phase").integer(settings.refresh) if self._established and settings.refresh else 0
        )
        component.run(Refresh(state, phase=phase))
        component.run(Operations(state))
        component.start()

    def _repo_server(self, process: Process, pod: Object) -> None:
        settings, absent = repo_settings(pod)
        process.tell(absent)
        cache = Cache(self.services, process.component.endpoint, process.namespace)
        server = RepoServer(process.component, self._git, cache, settings)
        self._open(process, install.REPO_SERVER, process.component, server)

    def _server(self, process: Process) -> None:
        process.tell(unknown_flags(process.pod))
        component = process.new_component()
        server = ApiServer(component, process.namespace, self._git)
        component.start()
        self._open(process, install.SERVER, component, server)

    def _set_controller(self, process: Process, pod: Object) -> None:
        settings, absent = set_settings(pod)
        process.tell(absent)
        component = process.new_component()
        component.run(ApplicationSets(process.namespace, self.services, self._git, settings))
        webhook = SetWebhook(component, process.namespace, self._git)
        component.start()
        self._open(process, install.SET_CONTROLLER, component, webhook)


class _Closing:
    """A server that answers no longer once its process has stopped."""

    def __init__(self, services: Services, component: Component) -> None:
        self._services = services
        self._component = component

    def stop(self) -> None:
        self._services.close(self._component)


@dataclass(frozen=True, slots=True)
class Adapted:
    """A program in the form of ``kcsim.simulation``'s clusters, which hand themselves over instead of their endpoint.

    Attributes:
        programs: the world's, of which this is one.
    """

    programs: Programs
    program: Program

    def __call__(self, cluster: Any, pod: Object, node: str) -> Process:
        """Start it in a container."""
        return self.program(cluster.endpoint, pod, node)
