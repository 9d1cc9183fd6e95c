"""The controllers as programs: what runs in a container of a Flux image while it runs.

**Imitates:** the main.go of each controller: leader election, then the manager; the servers of artifacts, events and webhooks
start with the manager. Differs: notification-controller's servers, which upstream starts in every replica, do, too.

**Walk:** a container starts -> ``Toolkit(git).programs()[name](endpoint, pod, node)`` -> a candidate -> elected: informers, queues
and what answers behind its Services -> the container ends: ``stop``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.kit.leader import ElectionTimes, LeaderElection
from kcsim.api.objects import Object
from kcsim.api.request import service_account
from kcsim.delivery.buckets import ObjectStore
from kcsim.delivery.chart_repositories import ChartRepositories
from kcsim.delivery.exchange import Exchange
from kcsim.delivery.git.host import GitHost
from kcsim.delivery.gitops.flux import source_watcher
from kcsim.delivery.gitops.flux.artifact import Servers, Storage
from kcsim.delivery.gitops.flux.bucket_sources import Buckets
from kcsim.delivery.gitops.flux.doors import Doors
from kcsim.delivery.gitops.flux.events import NOTIFICATION_CONTROLLER, Controller
from kcsim.delivery.gitops.flux.helm.controller import HelmReleases
from kcsim.delivery.gitops.flux.helm_charts import HelmCharts
from kcsim.delivery.gitops.flux.helm_repositories import HelmRepositories
from kcsim.delivery.gitops.flux.image.automation import ImageUpdates
from kcsim.delivery.gitops.flux.image.reflector import ImagePolicies, ImageRepositories, Tags
from kcsim.delivery.gitops.flux.impersonation import LIMITS, Reach
from kcsim.delivery.gitops.flux.kustomize_controller import Kustomizations
from kcsim.delivery.gitops.flux.notification.inbox import Inbox
from kcsim.delivery.gitops.flux.notification.receivers import Hook, Receivers
from kcsim.delivery.gitops.flux.notification.server import Alerts
from kcsim.delivery.gitops.flux.oci_repositories import OciRepositories
from kcsim.delivery.gitops.flux.options import read
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.signatures import Signed
from kcsim.delivery.gitops.flux.source_controller import GitRepositories
from kcsim.delivery.gitops.flux.source_watcher import ArtifactGenerators
from kcsim.delivery.registry.registry import Registry
from kcsim.engine.clock import SECOND

SOURCE_CONTROLLER, KUSTOMIZE_CONTROLLER = "source-controller", "kustomize-controller"
HELM_CONTROLLER = "helm-controller"
SOURCE_WATCHER = source_watcher.CONTROLLER
IMAGE_REFLECTOR, IMAGE_AUTOMATION = "image-reflector-controller", "image-automation-controller"
WEBHOOK_RECEIVER = "webhook-receiver"
"""The Service of notification-controller for requests from outside."""
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
        doors: Doors,
        answers: Mapping[str, object] | None = None,
    ) -> None:
        """``answers``: what answers behind which Service while the process leads."""
        namespace = objects.namespace(pod)
        account = (pod.get("spec") or {}).get("serviceAccountName") or name
        user = service_account(namespace, account)
        self.manager = Controller(endpoint, name, user, host, limits=LIMITS, doors=doors)
        self._process = Component(endpoint, name, user, host)
        self._process.start()
        self._namespace, self._doors, self._answers = namespace, doors, dict(answers or {})
        self.options, absent = read(name, pod)
        self.manager.notifies = self.options.notifies
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
        self._process.after(0, self._election.start)

    def _elected(self) -> None:
        for service, door in self._answers.items():
            self._doors.open(self.manager.endpoint, self._namespace, service, door, self.manager.host)
        self.manager.start()

    def stop(self) -> None:
        """The container ended, or its machine died."""
        if not self._process.running:
            return
        self._election.stop()
        self._process.stop()
        self.manager.stop()
        for service, door in self._answers.items():
            self._doors.close(self.manager.endpoint, self._namespace, service, door)


class Toolkit:
    """The controllers of one world's Flux installations, and what they share with the world around them.

    Attributes:
        signed: who has signed what.
        inbox: what the alerts have sent.
    """

    def __init__(
        self,
        git: GitHost,
        registry: Registry | None = None,
        stores: Mapping[str, ObjectStore] | None = None,
        charts: ChartRepositories | None = None,
        *,
        reach: Reach = lambda _address: None,
        established: bool = False,
    ) -> None:
        """``established`` agents stand for some that have been running for long: their objects' clocks have phases of their own.

        ``stores`` by the host that ``spec.endpoint`` of a Bucket names; without a ``registry`` or ``charts`` no kind
        that needs them is reconciled. ``reach`` leads from the address of another cluster to its API server.
        """
        self._git, self._registry, self._stores, self._charts = git, registry, stores or {}, charts
        self._reach = reach
        self._phases = Phases(drawn=established)
        self._doors = Doors()
        self._servers = Servers(self._doors)
        self.signed = Signed()
        self.inbox = Inbox()

    def programs(self) -> dict[str, Program]:
        """The programs of Flux's images, by the name their images' behaviour gives; they know each other's Services.

        Register them with the world (``world.programs``), in the form its clusters call them.
        """
        return {
            SOURCE_CONTROLLER: self._source,
            KUSTOMIZE_CONTROLLER: self._kustomize,
            HELM_CONTROLLER: self._helm,
            SOURCE_WATCHER: self._watcher,
            NOTIFICATION_CONTROLLER: self._notification,
            IMAGE_REFLECTOR: self._reflector,
            IMAGE_AUTOMATION: self._automation,
        }

    def call(self, endpoint: Endpoint, namespace: str, source: str, hook: Hook) -> Exchange:
        """A request from host ``source`` to the Receivers of an installation, as an Ingress passes it on.

        Raises (where it is waited for): Unreachable, ConnectionRefused.
        """

        def receive(door: Receivers) -> tuple[None, int]:
            door.receive(hook)
            return None, 0

        return self._doors.ask(endpoint, namespace, WEBHOOK_RECEIVER, source, receive, dice=f"hooks {source}")

    def artifacts(self) -> Servers:
        """The way to the artifacts of source-controller, for controllers of one's own."""
        return self._servers

    # --- the programs -------------------------------------------------------------------------------------------

    def _source(self, endpoint: Endpoint, pod: Object, node: str) -> Agent:
        storage = Storage(f"{SOURCE_CONTROLLER}.{objects.namespace(pod)}.svc.cluster.local.")
        agent = Agent(endpoint, SOURCE_CONTROLLER, pod, node, self._doors, {SOURCE_CONTROLLER: storage})
        options, phases = agent.options, self._phases
        agent.manager.run(GitRepositories(self._git, self.signed, storage, options, phases))
        if self._registry is not None:
            agent.manager.run(OciRepositories(self._registry, self.signed, storage, options, phases))
        agent.manager.run(Buckets(self._stores, storage, options, phases))
        if self._charts is not None and self._registry is not None:
            agent.manager.run(HelmRepositories(self._charts, storage, options, phases))
            agent.manager.run(HelmCharts(self._charts, self._registry, storage, options, phases))
        return agent

    def _kustomize(self, endpoint: Endpoint, pod: Object, node: str) -> Agent:
        agent = Agent(endpoint, KUSTOMIZE_CONTROLLER, pod, node, self._doors)
        agent.manager.run(Kustomizations(self._servers, agent.options, self._phases, self._reach))
        return agent

    def _helm(self, endpoint: Endpoint, pod: Object, node: str) -> Agent:
        agent = Agent(endpoint, HELM_CONTROLLER, pod, node, self._doors)
        if self._charts is not None:
            agent.manager.run(HelmReleases(self._servers, agent.options, self._phases, self._reach))
        return agent

    def _watcher(self, endpoint: Endpoint, pod: Object, node: str) -> Agent:
        storage = Storage(f"{SOURCE_WATCHER}.{objects.namespace(pod)}.svc.cluster.local.")
        agent = Agent(endpoint, SOURCE_WATCHER, pod, node, self._doors, {SOURCE_WATCHER: storage})
        charts = self._charts is not None
        agent.manager.run(
            ArtifactGenerators(self._servers, storage, agent.options, self._phases, charts=charts)
        )
        return agent

    def _notification(self, endpoint: Endpoint, pod: Object, node: str) -> Agent:
        options, _ = read(NOTIFICATION_CONTROLLER, pod)
        alerts = Alerts(self._git, self.inbox, options)
        receivers = Receivers(options, self._phases)
        answers = {NOTIFICATION_CONTROLLER: alerts, WEBHOOK_RECEIVER: receivers}
        agent = Agent(endpoint, NOTIFICATION_CONTROLLER, pod, node, self._doors, answers)
        agent.manager.run(receivers)
        agent.manager.run(alerts)
        return agent

    def _reflector(self, endpoint: Endpoint, pod: Object, node: str) -> Agent:
        agent = Agent(endpoint, IMAGE_REFLECTOR, pod, node, self._doors)
        tags: Tags = {}
        if self._registry is not None:
            agent.manager.run(ImageRepositories(self._registry, tags, agent.options, self._phases))
            agent.manager.run(ImagePolicies(self._registry, tags, agent.options, self._phases))
        return agent

    def _automation(self, endpoint: Endpoint, pod: Object, node: str) -> Agent:
        agent = Agent(endpoint, IMAGE_AUTOMATION, pod, node, self._doors)
        agent.manager.run(ImageUpdates(self._git, agent.options, self._phases))
        return agent


def adapted(program: Program) -> Callable[[Any, Object, str], Agent]:
    """A program in the form of ``kcsim.simulation``'s clusters, which hand themselves over instead of their endpoint."""
    return lambda cluster, pod, node: program(cluster.endpoint, pod, node)
