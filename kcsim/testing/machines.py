"""State machines for Hypothesis: a cluster, or a delivery set-up, under operations that are made up one by one.

    class TestCluster(ClusterMachine.TestCase):
        settings = settings(max_examples=20, stateful_step_count=15)

Subclass one, add rules and ``@invariant``s of your own. When the steps are over, ``teardown`` heals every fault, lets the
world come to rest, and demands that it did what was asked, and that no invariant of kcsim was broken on the way.

A list of operations as data (``strategies``) finds the same defects in fewer runs and shrinks further, since its value is
the scenario; a machine is for rules that depend on what the world has become (reference: ux.md, D1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from kcsim.engine.clock import SECOND, to_seconds
from kcsim.scenario.model import Scenario, TimelineEntry
from kcsim.scenario.play import Play
from kcsim.simulation.faults import heal_all
from kcsim.simulation.simulation import Simulation
from kcsim.testing.invariants import demand
from kcsim.testing.operations import CONVERGED, KINDS, QUIET, START, STAYS, Operation, Story
from kcsim.testing.promises import as_asked, check_esr
from kcsim.testing.shop import shop
from kcsim.testing.stories import save
from kcsim.testing.temporal import Broken, expect

_WAITS = st.sampled_from((1, 10, 60, 300))
_WHICH = st.integers(0, 7)
_AMOUNT = st.integers(0, 4)


class Machine(RuleBasedStateMachine):
    """What both machines share: a world, waiting, and the last demands.

    Attributes:
        broken_on_purpose: names of invariants that the rules break.
    """

    broken_on_purpose: ClassVar[tuple[str, ...]] = ()
    world: Simulation

    @rule(seconds=_WAITS)
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.world.run(seconds)

    def demand_invariants(self) -> None:
        """No invariant was broken so far, but for those that the rules break on purpose."""
        from kcsim.testing.invariants import INVARIANTS

        demand(self.world, [name for name in INVARIANTS if name not in self.broken_on_purpose])


class ClusterMachine(Machine):
    """A cluster of three nodes in which people make, resize, break and delete Deployments, and machines fail.

    Attributes:
        nodes: how many machines there are.
    """

    nodes: ClassVar[int] = 3

    @initialize(seed=st.integers(1, 1000))
    def begin(self, seed: int) -> None:
        """A bare cluster with one Deployment."""
        self.world = Simulation(nodes=self.nodes, seed=seed)
        self.world.run("5s")
        self._type("create deployment app-0 --image=app:1 --replicas=2")

    @rule(which=_WHICH, replicas=_AMOUNT)
    def scale(self, which: int, replicas: int) -> None:
        """Somebody wants another number of pods."""
        self._to_one(which, lambda name: f"scale deployment/{name} --replicas={replicas}")

    @rule(which=_WHICH, version=st.integers(1, 3))
    def set_image(self, which: int, version: int) -> None:
        """Somebody releases another version."""
        self._to_one(which, lambda name: f"set image deployment/{name} app=app:{version}")

    @rule(number=st.integers(1, 3), replicas=_AMOUNT)
    def create(self, number: int, replicas: int) -> None:
        """Another Deployment, unless it is there already."""
        self._type(f"create deployment app-{number} --image=app:1 --replicas={replicas}")

    @rule(which=_WHICH)
    def restart(self, which: int) -> None:
        """Somebody restarts a rollout."""
        self._to_one(which, lambda name: f"rollout restart deployment/{name}")

    @rule(which=_WHICH)
    def delete_pod(self, which: int) -> None:
        """Somebody deletes a pod."""
        pods = [pod["metadata"]["name"] for pod in self.world.list("pods", "default")]
        if pods:
            self._type(f"delete pod {pods[which % len(pods)]} --wait=false")

    @rule(which=_WHICH)
    def delete(self, which: int) -> None:
        """Somebody deletes a Deployment."""
        self._to_one(which, lambda name: f"delete deployment {name} --wait=false")

    @rule(which=_WHICH, seconds=_WAITS)
    def crash_node(self, which: int, seconds: int) -> None:
        """A machine is off for a while."""
        self.world.inject("node-crash", f"node-{which % self.nodes + 1}", duration=seconds)

    @rule(component=st.sampled_from(("kube-controller-manager", "kube-scheduler")), seconds=_WAITS)
    def crash_component(self, component: str, seconds: int) -> None:
        """A part of the control plane is off for a while."""
        self.world.inject("component-crash", component, duration=seconds)

    def teardown(self) -> None:
        """What was asked for last comes about and stays so, and no invariant was broken."""
        if hasattr(self, "world"):
            check_esr(self.world, as_asked)
            self.demand_invariants()

    def _to_one(self, which: int, line: Callable[[str], str]) -> None:
        names = [obj["metadata"]["name"] for obj in self.world.list("deployments", "default")]
        if names:
            self._type(line(names[which % len(names)]))

    def _type(self, line: str) -> None:
        self.world.kubectl(line)


class DeliveryMachine(Machine):
    """The shop of ``kcsim.testing.shop`` under a delivery: commits, hands in the cluster, faults with their own end.

    What was done becomes a scenario: when the last demand is broken it is saved, and the error names the file.

    Attributes:
        delivery: ``flux``, or ``push``, which is not asked to follow git by itself.
        kinds: the operations (keys of ``operations.KINDS``) that rules may choose.
    """

    delivery: ClassVar[str] = "flux"
    kinds: ClassVar[tuple[str, ...]] = tuple(KINDS)

    @initialize(seed=st.integers(1, 1000))
    def begin(self, seed: int) -> None:
        """The shop is up."""
        self.scenario = replace(shop(), name=f"{type(self).__name__.lower()}", seed=seed, until=10**15)
        self.world: Play = Play(self.scenario, self.delivery)
        self.world.run_until(to_seconds(START))
        self._story = Story()
        self._entries: list[TimelineEntry] = []
        self._healed = START

    @rule(
        kind=_WHICH,
        which=_WHICH,
        amount=_AMOUNT,
        lasts=st.sampled_from((60, 10, 300, 900)),
    )
    def operate(self, kind: int, which: int, amount: int, lasts: int) -> None:
        """One of the operations happens; one that cannot be done does not."""
        chosen = Operation(0, self.kinds[kind % len(self.kinds)], which, amount, lasts)
        fields = KINDS[chosen.kind](self._story, chosen)
        if fields is None:
            return
        now = self.world.engine.now
        entry = TimelineEntry(at=now, name=f"{chosen.kind}-{len(self._entries) + 1}", **fields)
        self._entries.append(entry)
        self._healed = max(self._healed, now + fields.get("for_", 0))
        self.world.act(entry)

    def teardown(self) -> None:
        """Under pull the cluster comes to follow git again and stays so; no invariant was broken."""
        if not hasattr(self, "world"):
            return
        heal_all(self.world.world)
        begin = self.world.now
        self.world.run(to_seconds(QUIET + STAYS))
        try:
            if self.delivery == "flux":
                expect(self.world).eventually(
                    CONVERGED, since=begin, within=to_seconds(QUIET), stays=to_seconds(STAYS)
                )
            self.demand_invariants()
        except AssertionError as error:
            file = save(self.as_scenario())
            raise Broken(f"{error}\nreplay: kcsim run {file}", getattr(error, "finding", None)) from None

    def as_scenario(self) -> Scenario:
        """The story of what was done so far."""
        return replace(
            self.scenario, until=self.world.engine.now // SECOND * SECOND, timeline=tuple(self._entries)
        )
