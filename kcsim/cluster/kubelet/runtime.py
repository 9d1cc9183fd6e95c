"""The truth on one node: which containers are alive, what they listen on, how they answer.

The kubelet asks and orders; the pod network and the probes look. What runs here goes on while the API server is out of
reach, and ends when the machine does.

**Imitates:** containerd behind the CRI, as far as a pod can notice: sandboxes with an address, containers with
attempts, exit codes and reasons. Differs: a program serves requests until it is gone (no drain after SIGTERM).

**Walk:** ``create_sandbox`` -> ``start_container`` -> the program listens after its ``ready_after`` -> it exits by
itself (crash, done, out of memory), or ``stop_container`` plays a termination plan -> ``on_exit`` tells the kubelet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from kcsim.api import quantity
from kcsim.cluster.images import Call, ImageBehaviour
from kcsim.cluster.kubelet.probes import ProbeSpec, probed_ports
from kcsim.cluster.kubelet.restart_policy import is_restartable_init_container
from kcsim.cluster.kubelet.shared import Shared
from kcsim.cluster.kubelet.termination import TerminationPlan
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine, Timer

OOM_KILLED_EXIT = 137
LOST_EXIT = 255
"""What containerd reports for containers that were gone when it came back: exit code 255, reason Unknown."""
INIT_WORK = SECOND
"""How long (µs) an init container works whose image does not say when it exits: [model], it would hold up its pod."""


class ProgramHandle(Protocol):
    """A simulated program inside a container."""

    def stop(self) -> None:
        """The container ended, or the machine died: drop everything at once."""
        ...


StartProgram = Callable[[str, dict[str, Any], str], ProgramHandle]
"""``(program, pod, node) -> handle``: starts the program of that name."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Who answers at an address and port, and how.

    Attributes:
        namespace: of the pod.
        pod: its name.
        uid: its uid.
        container: the container that listens.
        latency: time to answer one request (µs).
        error_fraction: share of requests answered with a 5xx.
        valid_until: the instant (µs) at which this changes by itself; None: only with a notification.
        calls: the requests it makes before it answers one.
    """

    namespace: str
    pod: str
    uid: str
    container: str
    latency: int
    error_fraction: float
    valid_until: int | None
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container will end, as far as that is decided: ``when`` (µs), with which code and for which reason.

    ``drains``: it was told to and ends by itself, so that it answers what it has begun to.
    """

    when: int
    code: int
    reason: str
    drains: bool


def _edges_of(behaviour: ImageBehaviour) -> tuple[int, ...]:
    return behaviour.edges()


_edges = Shared(_edges_of)


NO_PORT = (0,)
"""The ports of what serves nobody: no connection goes to port 0."""


class Container:
    """One attempt at running a container.

    Attributes:
        id: ``containerd://`` and 64 digits.
        attempt: how many came before it.
        started_at: µs.
        finished_at: µs, None while it runs.
        stopping: whether somebody ordered it to end.
        exit_code: meaningful when it is over.
        reason: ``Completed``, ``Error``, ``OOMKilled`` or ``Unknown``, when it is over.
        sigterm_at: when it is told to stop (µs), None while nobody has decided that.
        previous: the attempt before this one, if there was one (it forgets its own).
    """

    __slots__ = (
        "attempt",
        "behaviour",
        "edges",
        "exit_code",
        "exits_with",
        "finished_at",
        "id",
        "image",
        "name",
        "ports",
        "previous",
        "program",
        "reason",
        "sandbox",
        "sigterm_at",
        "spec",
        "started_at",
        "stopping",
        "timer",
    )

    def __init__(
        self, sandbox: Sandbox, spec: dict[str, Any], behaviour: ImageBehaviour, id: str, started_at: int
    ) -> None:
        self.sandbox = sandbox
        self.spec = spec
        self.stopping = False
        self.sigterm_at: int | None = None
        self.name: str = spec["name"]
        self.image: str = spec["image"]
        self.behaviour = behaviour
        self.id = id
        self.attempt = 0
        self.started_at = started_at
        self.finished_at: int | None = None
        self.exit_code = 0
        self.reason = ""
        self.previous: Container | None = None
        self.ports: tuple[int, ...] = ()
        self.program: ProgramHandle | None = None
        self.timer: Timer | None = None
        self.exits_with: tuple[int, str] = (0, "")
        edges = _edges(behaviour)
        self.edges = tuple([started_at + age for age in edges]) if edges else ()

    @property
    def running(self) -> bool:
        """Whether it is alive."""
        return self.finished_at is None

    def plan(
        self,
        engine: Engine,
        after: int,
        code: int,
        reason: str,
        ends: Callable[[Container, int, str], None],
    ) -> None:
        """It will end ``after`` µs with this code and reason, by ``ends``."""
        self.exits_with = code, reason
        self.timer = engine.after(after, ends, self, code, reason)

    def forget_plan(self) -> None:
        """Its end is open again."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    @property
    def ending(self) -> Ending | None:
        """How it will end, as far as that is decided."""
        if self.timer is None or not self.timer.active:
            return None
        code, reason = self.exits_with
        return Ending(self.timer.when, code, reason, _drains(self, code))

    def listens(self, port: int, now: int) -> bool:
        """Whether a connection to ``port`` is accepted."""
        if self.finished_at is not None or now - self.started_at < self.behaviour.ready_after:
            return False
        return not self.ports or port in self.ports

    def answers_probe(self, spec: ProbeSpec, now: int) -> bool:
        """Whether a probe at ``now`` succeeds."""
        behaviour = self.behaviour
        age = now - self.started_at
        if spec.action == "exec":
            if age < behaviour.ready_after:
                return False
        elif not self.listens(spec.port, now):
            return False
        if spec.action != "tcpSocket" and behaviour.latency > spec.timeout:
            return False
        window = behaviour.fails_readiness if spec.kind == "Readiness" else behaviour.fails_liveness
        return window is None or not window.covers(age)


class Sandbox:
    """A pod's place on the node: its addresses, and the newest attempt of each of its containers."""

    __slots__ = ("containers", "ips", "name", "namespace", "pod", "ready", "uid")

    def __init__(self, pod: dict[str, Any], ips: tuple[str, ...]) -> None:
        metadata = pod["metadata"]
        self.pod = pod
        self.uid: str = metadata.get("uid", "")
        self.namespace: str = metadata.get("namespace", "")
        self.name: str = metadata["name"]
        self.ips = ips
        self.ready = True
        self.containers: dict[str, Container] = {}

    def running(self) -> list[Container]:
        """The containers that are alive, in the order of their first start."""
        return [c for c in self.containers.values() if c.finished_at is None]


class ContainerRuntime:
    """All sandboxes of one node."""

    def __init__(self, engine: Engine, node: str, start_program: StartProgram | None = None) -> None:
        self._engine = engine
        self.node = node
        self.powered = True
        self._dice = engine.dice(f"runtime/{node}")
        self._start_program = start_program
        self._sandboxes: dict[str, Sandbox] = {}
        self._written: dict[str, Sandbox] = {}
        self._by_ip: dict[str, dict[Sandbox, None]] = {}
        self._on_change: list[Callable[[str], None]] = []
        self._on_exit: list[Callable[[Container], None]] = []
        self._on_behaviour: list[Callable[[Container], None]] = []

    # --- looking ------------------------------------------------------------------------------------------------

    def sandbox(self, uid: str) -> Sandbox | None:
        """The pod's sandbox, dead or alive."""
        return self._sandboxes.get(uid)

    def written(self, uid: str) -> Sandbox | None:
        """The sandbox whose containers wrote the pod's logs; it may have been removed."""
        return self._sandboxes.get(uid) or self._written.get(uid)

    def sandboxes(self) -> list[Sandbox]:
        """All of them, in the order of their creation."""
        return list(self._sandboxes.values())

    def serving(self, pod_ip: str, port: int) -> Serving | None:
        """Who accepts a connection at this address and port right now; None: nobody, the connection is refused."""
        container = self.container_at(pod_ip, port)
        if container is None:
            return None
        now, sandbox, behaviour = self._engine.now, container.sandbox, container.behaviour
        return Serving(
            sandbox.namespace,
            sandbox.name,
            sandbox.uid,
            container.name,
            behaviour.latency,
            behaviour.errors_at(now - container.started_at),
            next((e for e in container.edges if e > now), None),
            behaviour.calls,
        )

    def container_at(self, pod_ip: str, port: int) -> Container | None:
        """The container that accepts connections at this address and port."""
        now = self._engine.now
        return next(
            (
                container
                for sandbox in self._by_ip.get(pod_ip, ())
                for container in sandbox.containers.values()
                if container.listens(port, now)
            ),
            None,
        )

    def ended_well(self, pod_ip: str, uid: str) -> bool:
        """Whether the containers of a pod that are over here ended after they were told to, and by themselves.

        Such a program stops to listen, and answers what it has begun to.
        """
        sandbox = self._sandboxes.get(uid)
        if sandbox is None or pod_ip not in sandbox.ips:
            return False
        over = [c for c in sandbox.containers.values() if c.finished_at is not None]
        return bool(over) and all(_drains(c, c.exit_code) for c in over)

    def next_change(self, pod_ip: str) -> int | None:
        """The next instant (µs) at which what this address serves changes by itself."""
        now = self._engine.now
        edges = [
            edge
            for sandbox in self._by_ip.get(pod_ip, ())
            for container in sandbox.running()
            for edge in container.edges
            if edge > now
        ]
        return min(edges, default=None)

    def has_ip(self, pod_ip: str) -> bool:
        """Whether a living sandbox has this address: without one, connections time out instead of being refused."""
        return bool(self._by_ip.get(pod_ip))

    def sandbox_at(self, pod_ip: str) -> Sandbox | None:
        """The living sandbox that has this address; the first one where several share their node's."""
        here = self._by_ip.get(pod_ip)
        return next(iter(here)) if here else None

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call ``listener(pod_ip)`` whenever a container at that address starts, ends or behaves differently."""
        self._on_change.append(listener)

    def on_exit(self, listener: Callable[[Container], None]) -> None:
        """Call ``listener(container)`` when one ends, for whatever reason."""
        self._on_exit.append(listener)

    def on_behaviour(self, listener: Callable[[Container], None]) -> None:
        """Call ``listener(container)`` when one is made to behave differently."""
        self._on_behaviour.append(listener)

    def _changed(self, ips: tuple[str, ...]) -> None:
        for listener in self._on_change:
            for ip in ips:
                listener(ip)

    # --- acting -------------------------------------------------------------------------------------------------

    def create_sandbox(self, pod: dict[str, Any], ips: tuple[str, ...]) -> Sandbox:
        """A new sandbox; what is known of earlier containers of the pod is kept."""
        sandbox = Sandbox(pod, ips)
        old = self._sandboxes.get(sandbox.uid)
        if old is not None:
            self._release(old)
            sandbox.containers = old.containers
        self._sandboxes[sandbox.uid] = sandbox
        for ip in ips:
            self._by_ip.setdefault(ip, {})[sandbox] = None
        return sandbox

    def start_container(
        self,
        sandbox: Sandbox,
        spec: dict[str, Any],
        behaviour: ImageBehaviour,
        attempt: int,
        *,
        serves: bool = True,
    ) -> Container:
        """Start an attempt of the container ``spec``; it lives as its image behaves. ``serves``: it may listen."""
        now = self._engine.now
        name = spec["name"]
        if behaviour.exits_after is None and _is_to_end(sandbox.pod, spec):
            behaviour = replace(behaviour, exits_after=INIT_WORK)
        container = Container(sandbox, spec, behaviour, f"containerd://{self._dice.hex(64)}", now)
        container.attempt = attempt
        container.ports = _listening_ports(spec, behaviour) if serves else NO_PORT
        previous = sandbox.containers.get(name)
        if previous is not None:
            previous.previous = None
            container.previous = previous
        sandbox.containers[name] = container
        ending = _natural_end(spec, behaviour, attempt)
        if ending is not None:
            container.plan(self._engine, *ending, self._ends_by_itself)
        if behaviour.program is not None and self._start_program is not None:
            container.program = self._start_program(behaviour.program, sandbox.pod, self.node)
        if self._on_change:
            self._changed(sandbox.ips)
        return container

    def stop_container(self, container: Container, plan: TerminationPlan) -> None:
        """Carry out a termination plan, unless the container ends by itself before."""
        if container.finished_at is not None:
            return
        container.stopping = True
        container.sigterm_at = self._engine.now + plan.sigterm_after
        own = container.timer
        ends_at = self._engine.now + plan.exit_after
        if own is not None and own.active and own.when <= ends_at:
            return
        if own is not None:
            own.cancel()
        reason = "Completed" if plan.exit_code == 0 else "Error"
        container.plan(self._engine, plan.exit_after, plan.exit_code, reason, self._exit)

    def resize_container(self, container: Container, spec: dict[str, Any]) -> None:
        """The container runs on with the sizes of ``spec``: a limit it would have reached may have moved."""
        container.spec = spec
        self._replan(container, container.behaviour)

    def change_behaviour(self, container: Container, behaviour: ImageBehaviour) -> None:
        """From now on the container behaves like this: a fault, or its end. Its planned end stays."""
        container.behaviour = behaviour
        container.edges = tuple(container.started_at + age for age in behaviour.edges())
        self._changed(container.sandbox.ips)
        for listener in self._on_behaviour:
            listener(container)

    def behave(self, behaviour: ImageBehaviour) -> None:
        """The image behaves differently from now on: running containers of it as well (a fault, or its end).

        When they would end by themselves is worked out anew, from their start; what that puts into the past happens
        now. A container that is being stopped keeps to its termination.
        """
        for sandbox in list(self._sandboxes.values()):
            for container in sandbox.running():
                if container.behaviour.name == behaviour.name and container.behaviour != behaviour:
                    self._replan(container, behaviour)
                    self.change_behaviour(container, behaviour)

    def _replan(self, container: Container, behaviour: ImageBehaviour) -> None:
        """Arm the end that the new behaviour gives a container that nobody is stopping."""
        if container.stopping:
            return
        container.forget_plan()
        if container.ports is not NO_PORT:
            container.ports = _listening_ports(container.spec, behaviour)
        ending = _natural_end(container.spec, behaviour, container.attempt)
        if ending is not None:
            after, code, reason = ending
            delay = max(container.started_at + after - self._engine.now, 0)
            container.plan(self._engine, delay, code, reason, self._ends_by_itself)

    def exit_now(self, container: Container, code: int, reason: str = "Error") -> None:
        """End a container at once, as a signal from outside its pod would (a fault)."""
        if container.finished_at is None:
            self._ends_by_itself(container, code, reason)

    def stop_sandbox(self, uid: str) -> None:
        """The addresses are free; what is known of the containers stays until ``remove_sandbox``."""
        sandbox = self._sandboxes.get(uid)
        if sandbox is not None:
            self._release(sandbox)

    def remove_sandbox(self, uid: str, *, keeps_logs: bool = False) -> None:
        """Forget the pod and its containers, but for their logs if so asked."""
        sandbox = self._sandboxes.pop(uid, None)
        if sandbox is None:
            return
        if keeps_logs:
            self._written[uid] = sandbox
        for container in sandbox.running():
            self._end(container, 137, "Error")
        self._release(sandbox)

    def forget_logs(self, uid: str) -> None:
        """The pod's object is gone: nobody can ask for its logs any more."""
        self._written.pop(uid, None)

    def power_off(self) -> None:
        """The machine dies: every container is gone, nobody is told. The disk remembers that they were there."""
        self.powered = False
        for sandbox in self._sandboxes.values():
            for container in sandbox.running():
                self._end(container, LOST_EXIT, "Unknown")
            self._release(sandbox)

    def power_on(self) -> None:
        """The machine is back; what ran before does not run."""
        self.powered = True

    def _release(self, sandbox: Sandbox) -> None:
        sandbox.ready = False
        for ip in sandbox.ips:
            here = self._by_ip.get(ip)
            if here and sandbox in here:
                del here[sandbox]
                if not here:
                    del self._by_ip[ip]
                self._changed((ip,))

    def _ends_by_itself(self, container: Container, code: int, reason: str) -> None:
        sandbox = container.sandbox
        detail = {"container": container.name, "exitCode": code, "reason": reason}
        subject = f"pod/{sandbox.namespace}/{sandbox.name}"
        self._engine.cause = self._engine.note(f"runtime/{self.node}", "exited", subject, detail)
        self._exit(container, code, reason)

    def _exit(self, container: Container, code: int, reason: str) -> None:
        if container.finished_at is not None:
            return
        self._end(container, code, reason)
        self._changed(container.sandbox.ips)
        for listener in self._on_exit:
            listener(container)

    def _end(self, container: Container, code: int, reason: str) -> None:
        container.finished_at = self._engine.now
        container.exit_code = code
        container.reason = reason
        container.forget_plan()
        program, container.program = container.program, None
        if program is not None:
            program.stop()


def _drains(container: Container, code: int) -> bool:
    """Whether a container that ends with this code answers what it has begun to: it was told to end, and did by itself."""
    return container.stopping and code == 0


def _is_to_end(pod: dict[str, Any], spec: dict[str, Any]) -> bool:
    """Whether the pod waits for the end of a container: an init container that is no sidecar."""
    inits = pod["spec"].get("initContainers")
    if not inits:
        return False
    return any(each["name"] == spec["name"] for each in inits) and not is_restartable_init_container(spec)


def _listening_ports(spec: dict[str, Any], behaviour: ImageBehaviour) -> tuple[int, ...]:
    """The image's ports; else those the container declares or is probed at; none of these: it answers anywhere."""
    return behaviour.ports or _declared_ports(spec)


def _ports_of(spec: dict[str, Any]) -> tuple[int, ...]:
    declared = [int(port["containerPort"]) for port in spec.get("ports") or ()]
    return (*declared, *probed_ports(spec)) if declared else ()


_declared_ports = Shared(_ports_of)


def _natural_end(
    spec: dict[str, Any], behaviour: ImageBehaviour, attempt: int
) -> tuple[int, int, str] | None:
    """(after µs, exit code, reason) of a container left alone; None: it runs for ever."""
    endings: list[tuple[int, int, str]] = []
    if behaviour.crash_after is not None and (behaviour.crashes is None or attempt < behaviour.crashes):
        code = behaviour.exit_code
        endings.append((behaviour.crash_after, code, "Error" if code else "Completed"))
    if behaviour.exits_after is not None:
        endings.append((behaviour.exits_after, 0, "Completed"))
    if behaviour.memory_bytes or behaviour.memory_growth:
        limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
        if limit is not None:
            room = quantity.value(limit) - behaviour.memory_bytes
            if room < 0:
                endings.append((0, OOM_KILLED_EXIT, "OOMKilled"))
            elif behaviour.memory_growth:
                endings.append((room * SECOND // behaviour.memory_growth, OOM_KILLED_EXIT, "OOMKilled"))
    return min(endings, default=None)
