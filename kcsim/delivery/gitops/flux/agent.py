"""The controllers as programs: what runs in a container of a Flux image while it runs.

**Imitates:** the main.go of source-controller and kustomize-controller: leader election, then the manager; the file
server of source-controller starts with the manager.

**Walk:** a container starts -> ``programs(git)[name](endpoint, pod, node)`` -> a candidate -> elected: informers, queues
and, for source-controller, the artifact server -> the container ends: ``stop``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.kit.leader import ElectionTimes, LeaderElection
from kcsim.api.objects import Object
from kcsim.api.request import service_account
from kcsim.delivery.git.host import GitHost
from kcsim.delivery.gitops.flux.artifact import Servers, Storage
from kcsim.delivery.gitops.flux.kustomize_controller import LIMITS, Kustomizations
from kcsim.delivery.gitops.flux.options import read
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.source_controller import GitRepositories
from kcsim.engine.clock import SECOND

SOURCE_CONTROLLER, KUSTOMIZE_CONTROLLER = "source-controller", "kustomize-controller"
ELECTION = ElectionTimes(lease=35 * SECOND, renew_deadline=0, retry=5 * SECOND)
"""fluxcd/pkg/runtime/leaderelection. Differs: a leader that cannot renew within 30 s goes on trying instead of exiting."""

Program = Callable[[Endpoint, Object, str], "Agent"]
"""``(endpoint, pod, node) -> handle``: starts a program in a container of ``pod`` on host ``node``."""


class Agent:
    """One running controller process.

    Attributes:
        manager: its component; started when the process has been elected.
        options: what its flags say.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        name: str,
        pod: Object,
        host: str,
        on_elected: Callable[[Agent], None] | None = None,
        on_stop: Callable[[], None] | None = None,
    ) -> None:
        namespace = objects.namespace(pod)
        account = (pod.get("spec") or {}).get("serviceAccountName") or name
        user = service_account(namespace, account)
        self.manager = Component(endpoint, name, user, host, limits=LIMITS)
        self._process = Component(endpoint, name, user, host)
        self._process.start()
        self._on_elected, self._on_stop = on_elected, on_stop
        self.options, absent = read(name, pod)
        for what in absent:
            endpoint.engine.note(name, "not-modelled", f"pod/{namespace}/{objects.name(pod)}", {"flag": what})
        identity = f"{objects.name(pod)}_{self._process.dice('identity').uuid()}"
        self._election = LeaderElection(
            self._process,
            namespace,
            f"{name}-leader-election",
            identity,
            self._elected,
            times=ELECTION,
            release=True,
        )
        endpoint.engine.after(0, self._election.start)

    def _elected(self) -> None:
        if self._on_elected is not None:
            self._on_elected(self)
        self.manager.start()

    def stop(self) -> None:
        """The container ended, or its machine died."""
        if not self._process.running:
            return
        self._election.stop()
        self._process.stop()
        self.manager.stop()
        if self._on_stop is not None:
            self._on_stop()


def programs(git: GitHost, *, established: bool = False) -> dict[str, Program]:
    """The programs of one world's Flux images, by the name their images' behaviour gives; they know each other's Service.

    ``established`` agents stand for some that have been running for long: their objects' clocks have phases of their own.
    Register them with the world (``world.programs``), in the form its clusters call them.
    """
    servers = Servers()
    phases = Phases(drawn=established)

    def source(endpoint: Endpoint, pod: Object, node: str) -> Agent:
        namespace = objects.namespace(pod)
        storage = Storage(f"{SOURCE_CONTROLLER}.{namespace}.svc.cluster.local.")
        agent = Agent(
            endpoint,
            SOURCE_CONTROLLER,
            pod,
            node,
            lambda _: servers.open(endpoint, namespace, storage, node),
            lambda: servers.close(endpoint, namespace, storage),
        )
        agent.manager.run(GitRepositories(git, storage, agent.options, phases))
        return agent

    def kustomize(endpoint: Endpoint, pod: Object, node: str) -> Agent:
        agent = Agent(endpoint, KUSTOMIZE_CONTROLLER, pod, node)
        agent.manager.run(Kustomizations(servers, agent.options, phases))
        return agent

    return {SOURCE_CONTROLLER: source, KUSTOMIZE_CONTROLLER: kustomize}


def adapted(program: Program) -> Callable[[Any, Object, str], Agent]:
    """A program in the form of ``kcsim.simulation``'s clusters, which hand themselves over instead of their endpoint."""
    return lambda cluster, pod, node: program(cluster.endpoint, pod, node)
