"""The control plane's processes: instances of which one works and the others stand by, and which can die.

**Imitates:** cmd/kube-controller-manager/app/controllermanager.go and cmd/kube-scheduler/app/server.go (v1.36): leader
election in kube-system before anything else; a process that loses its lease exits, and its node's kubelet starts it
again, under a new identity that has to wait for the old one's lease. Differs: a world begins with leaders elected, and
the scheduler of an instance that stands by fills its caches only when it is elected.

**Walk:** ``Instance.begin`` (the first: leader at once) or ``start`` (a candidate) -> elected: its component starts ->
``crash``, or the lease is lost: the component stops with the process -> ``start`` again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kcsim.api.client import DirectClient, Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.kit.leader import ElectionTimes, LeaderElection
from kcsim.api.kit.lease import LEASES
from kcsim.api.request import User
from kcsim.engine.core import Timer
from kcsim.profile.constants import Profile

NAMESPACE = "kube-system"
CONTROLLER_MANAGER, SCHEDULER = "kube-controller-manager", "kube-scheduler"
COMPONENTS = (CONTROLLER_MANAGER, SCHEDULER)


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """How many instances each component has; each stands on a machine of its own, the first beside the API server.

    ``controllers`` are those that the controller managers run, as their flag ``--controllers`` says it: ``*`` for all,
    ``-replicaset-controller`` for all but that one.
    """

    controller_managers: int = 1
    schedulers: int = 1
    controllers: tuple[str, ...] = ("*",)

    def replicas(self, component: str) -> int:
        """How many instances a component has."""
        return self.controller_managers if component == CONTROLLER_MANAGER else self.schedulers

    def __post_init__(self) -> None:
        if min(self.controller_managers, self.schedulers) < 1:
            raise ValueError("a component of the control plane has at least one instance")


def election_times(component: str, profile: Profile) -> ElectionTimes:
    """How long a component's lease is good, and how often it is renewed."""
    return ElectionTimes(
        lease=profile.us(f"{component}/leader-elect-lease-duration"),
        renew_deadline=profile.us(f"{component}/leader-elect-renew-deadline"),
        retry=profile.us(f"{component}/leader-elect-retry-period"),
    )


class Instance:
    """One process of a component: a candidate, and what it does as the leader.

    Attributes:
        name: the component's.
        host: where it runs.
        work: the component that runs while it leads; made when it is first elected.
        up: whether the process runs.
    """

    def __init__(
        self, endpoint: Endpoint, name: str, host: str, profile: Profile, make: Callable[[str], Component]
    ) -> None:
        self.name = name
        self.host = host
        self.up = False
        self.work: Component | None = None
        self._make = make
        self._times = election_times(name, profile)
        self._restart_after = profile.us(f"{name}/restart-after-exit")
        self._process = Component(endpoint, name, User(f"system:{name}"), host)
        self._restart: Timer | None = None
        self._identities = self._process.dice("identity")
        self._election = self._candidate()

    @property
    def leads(self) -> bool:
        """Whether it is the leader."""
        return self._election.leads

    def begin(self, admin: DirectClient) -> None:
        """Be the leader from the start: the control plane stood before the story begins."""
        self.up = True
        self._process.start()
        self._election.claim(admin.now(admin.create(LEASES, self._election.first_lease())))

    def start(self) -> None:
        """The process starts: a candidate under a new identity."""
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        if self.up:
            return
        self.up = True
        self._process.start()
        self._election = self._candidate()
        self._election.start()

    def crash(self) -> None:
        """The process dies, and with it what it was doing; its lease is not given back."""
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        if not self.up:
            return
        self.up = False
        self._election.stop()
        self._process.stop()
        if self.work is not None:
            self.work.stop()

    def overlook(self, overlooks: bool) -> None:
        """Its renewals are lost and it works on (a fault), or it finds out."""
        self._election.overlook(overlooks)

    def die(self, down: int) -> None:
        """The process dies and is started again ``down`` µs later: a candidate that waits for its old lease to run out."""
        if self.up:
            self.crash()
            self._restart = self._process.engine.after(down, self.start)

    def _candidate(self) -> LeaderElection:
        return LeaderElection(
            self._process,
            NAMESPACE,
            self.name,
            f"{self.host}_{self._identities.uuid()}",
            self._elected,
            times=self._times,
            on_lost=self._lost,
            tells=True,
        )

    def _elected(self) -> None:
        if self.work is None:
            self.work = self._make(self.host)
            self.work.supervisor = self.die
        self.work.start()

    def _lost(self) -> None:
        """Without its lease a process exits; it is started again."""
        self.die(self._restart_after)
