"""Objects one can speak of, and conditions that read well: ``sim.run_until(sim.deploy("web").available)``.

A subject is a name, not a copy: it always tells of the present. A condition has words, so that what a run waited for can be
said; conditions join with ``&``, ``|`` and ``~``.

**Imitates:** ``kubectl wait --for=condition=...`` and ``kubectl rollout status``, whose rules (``kcsim.kubectl.wait``,
``kcsim.kubectl.rollout``) decide.

**Walk:** ``sim.deploy("web")`` -> a ``Subject`` -> ``.available`` -> a ``Condition`` -> asked again and again by ``run_until``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kcsim.api.objects import Object
from kcsim.engine.shown import Shown
from kcsim.kubectl import rollout
from kcsim.kubectl.wait import condition_holds

if TYPE_CHECKING:
    from kcsim.simulation.simulation import Simulation
    from kcsim.simulation.why import Why

_WORKLOADS = {
    "Deployment": rollout.deployment_status,
    "DaemonSet": rollout.daemon_set_status,
    "StatefulSet": rollout.stateful_set_status,
}


@dataclass(frozen=True, slots=True)
class Condition(Shown):
    """Something that holds or does not, of a world as it is when asked; any world can be asked, so twins and forks as well.

    Attributes:
        text: in words: ``deployment/web is available``.
        home: the world it was made of, which is asked when no other is named.
        test: whether it holds in a world now.
        seen: how things stand in a world, for who waited in vain.
    """

    text: str
    home: Simulation
    test: Callable[[Simulation], bool]
    seen: Callable[[Simulation], str]

    def __call__(self, simulation: Simulation | None = None) -> bool:
        """Whether it holds in a world; ``run_until`` hands its own over."""
        return self.test(simulation if simulation is not None else self.home)

    def __bool__(self) -> bool:
        return self()

    def __and__(self, other: Condition) -> Condition:
        return self._joined("and", other, lambda world: self.test(world) and other.test(world))

    def __or__(self, other: Condition) -> Condition:
        return self._joined("or", other, lambda world: self.test(world) or other.test(world))

    def __invert__(self) -> Condition:
        return Condition(f"not ({self.text})", self.home, lambda world: not self.test(world), self.seen)

    def _joined(self, word: str, other: Condition, test: Callable[[Simulation], bool]) -> Condition:
        text = f"{self.text} {word} {other.text}"
        return Condition(text, self.home, test, lambda world: f"{self.seen(world)}; {other.seen(world)}")

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        return f"{self.text}: {'yes' if self() else 'no'} ({self.seen(self.home)})"


class Subject(Shown):
    """One object by its name, whether it is there or not."""

    def __init__(
        self, simulation: Simulation, ref: str, namespace: str | None = None, cluster: str | None = None
    ) -> None:
        """`ref` is ``kind/name``; a kind that the cluster does not serve is refused at once.

        Raises:
            NotFound: there is no such kind.
        """
        self.simulation = simulation
        self.ref = ref
        self.namespace = namespace
        self.cluster = cluster
        simulation.list(ref.partition("/")[0], cluster=cluster)

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def object(self) -> Object:
        """The object as it is now.

        Raises:
            NotFound: there is none; the nearest names are told.
        """
        return self.simulation.get(self.ref, self.namespace, self.cluster)

    @property
    def found(self) -> Object | None:
        """The object as it is now, None when there is none (or several of that name): asked at every step of a wait."""
        server = self.simulation.cluster(self.cluster).server
        kind, _, name = self.ref.partition("/")
        resource, namespace = server.catalog.by_word(kind), self.namespace
        if namespace is None and "/" in name:
            namespace, _, name = name.partition("/")
        if resource is None:
            return None
        space = (namespace if namespace is not None else "default") if resource.namespaced else ""
        version = server.log.get(resource, space, name)
        if version is None and namespace is None and resource.namespaced:
            same = [each for each in server.log.list(resource) if each.key[1] == name]
            version = same[0] if len(same) == 1 else None
        return version.object if version is not None else None

    def why(self) -> Why:
        """The chain of causes of its last change.

        Raises:
            NotFound: nothing of that name ever existed.
        """
        return self.simulation.why(self.ref, self.namespace, self.cluster)

    # --- what can be waited for ---------------------------------------------------------------------------------

    @property
    def exists(self) -> Condition:
        """It is there."""
        return self._condition("exists", lambda subject: subject.found is not None)

    @property
    def gone(self) -> Condition:
        """It is not there."""
        return self._condition("is gone", lambda subject: subject.found is None)

    @property
    def available(self) -> Condition:
        """Its condition Available is True for what is asked of it now (of a Deployment: enough pods serve)."""
        return self.condition("Available", words="is available")

    @property
    def ready(self) -> Condition:
        """All that it asks for is ready: the replicas of a workload, else its condition Ready."""
        return self._condition("is ready", lambda subject: _is_ready(subject.found))

    @property
    def complete(self) -> Condition:
        """A Job has succeeded; a rollout is done, as ``kubectl rollout status`` says."""
        return self._condition("is complete", lambda subject: _is_complete(subject.found))

    rolled_out = complete

    def condition(self, type: str, status: str = "True", *, words: str = "") -> Condition:
        """One of its conditions has a status, as ``kubectl wait --for=condition=Type=Status`` judges."""
        holds = condition_holds(f"{type}={status}")

        def test(subject: Subject) -> bool:
            obj = subject.found
            return obj is not None and holds(obj)

        return self._condition(words or f"has {type}={status}", test)

    def _condition(self, words: str, test: Callable[[Subject], bool]) -> Condition:
        return Condition(
            f"{self.ref} {words}",
            self.simulation,
            lambda world: test(self._in(world)),
            lambda world: self._in(world).seen(),
        )

    def _in(self, world: Simulation) -> Subject:
        """The object of that name in another world."""
        return self if world is self.simulation else Subject(world, self.ref, self.namespace, self.cluster)

    def seen(self) -> str:
        """How it stands, in a few words; when there is none, what there is instead."""
        try:
            return standing(self.object)
        except LookupError as error:
            return str(error)

    def __str__(self) -> str:
        return f"{self.ref}: {self.seen()}"

    def __repr__(self) -> str:
        return f"<{self.ref} {self.seen()}>"


def _is_ready(obj: Object | None) -> bool:
    if obj is None:
        return False
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    observed = status.get("observedGeneration")
    if observed is not None and observed < obj["metadata"].get("generation", 0):
        return False
    if obj["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        return bool(status.get("numberReady", 0) == wanted and observed)
    if obj["kind"] in {"Deployment", "StatefulSet", "ReplicaSet"}:
        return bool(status.get("readyReplicas", 0) == spec.get("replicas", 1) and observed)
    return condition_holds("Ready")(obj)


def _is_complete(obj: Object | None) -> bool:
    if obj is None:
        return False
    judge = _WORKLOADS.get(obj["kind"])
    if judge is None:
        return condition_holds("Complete")(obj)
    try:
        return judge(obj)[1]
    except rollout.RolloutFailed:
        return False


def standing(obj: Object) -> str:
    """How an object stands: its replicas or its phase, and the conditions that are not as one would wish."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    told = []
    if "replicas" in spec:
        told.append(f"{status.get('readyReplicas', 0)} of {spec['replicas']} ready")
    elif "desiredNumberScheduled" in status:
        told.append(f"{status.get('numberReady', 0)} of {status['desiredNumberScheduled']} ready")
    elif status.get("phase"):
        told.append(str(status["phase"]))
    told.extend(_condition(each) for each in status.get("conditions") or () if _is_telling(each))
    return ", ".join(told) or "there"


def _is_telling(condition: dict[str, Any]) -> bool:
    """Whether a condition says more than that nothing is wrong."""
    bad_when_true = str(condition.get("type", "")).endswith(("Pressure", "Unavailable", "Failure", "Target"))
    return not bad_when_true or condition.get("status") != "False"


def _condition(condition: dict[str, Any]) -> str:
    said = f"{condition.get('type')}={condition.get('status')}"
    reason = condition.get("reason")
    return f"{said} ({reason})" if reason and condition.get("status") != "True" else said
