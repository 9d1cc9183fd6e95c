"""What a pod worker should do next: sandbox, kills, starts. Decides; never acts.

**Imitates:** ``pkg/kubelet/kuberuntime/kuberuntime_manager.go`` (``computePodActions``) and
``kuberuntime_container.go`` (``computeInitContainerActions``), v1.36. Left out: changes of a
container's image in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kcsim.cluster.kubelet.messages import failed_probe, resize_requires_restart
from kcsim.cluster.kubelet.restart_policy import (
    Container,
    PodSpec,
    is_restartable_init_container,
    restarts_after,
)


class Observed(NamedTuple):
    """One container as the kubelet sees it; not in the mapping means it was never created.

    Attributes:
        running: whether it runs.
        exit_code: of the last run, when it does not.
        started: its startup probe succeeded, or there is none.
        alive: its liveness probe's result.
        startup_failed: its startup probe gave up.
        resized: it gets another size, for which it has to be started anew.
    """

    running: bool
    exit_code: int = 0
    started: bool = True
    alive: bool = True
    startup_failed: bool = False
    resized: bool = False


@dataclass(frozen=True, slots=True)
class PodActions:
    """The outcome; lists hold container names, in the order of the spec.

    Attributes:
        create_sandbox: everything starts from nothing.
        kill: container -> why, those to stop and (usually) start again.
        ephemeral_to_start: containers added to debug: once, and before all others.
        init_to_start: init containers and sidecars to start now, one after another.
        to_start: main containers to start.
        kill_pod: nothing runs and nothing will: the sandbox can go.
    """

    create_sandbox: bool = False
    kill: dict[str, str] = field(default_factory=dict)
    ephemeral_to_start: tuple[str, ...] = ()
    init_to_start: tuple[str, ...] = ()
    to_start: tuple[str, ...] = ()
    kill_pod: bool = False


NOTHING = PodActions()


def _condemned(container: Container, state: Observed) -> str | None:
    if not state.alive:
        return failed_probe(container["name"], "liveness")
    if state.startup_failed:
        return failed_probe(container["name"], "startup")
    return resize_requires_restart(container["name"]) if state.resized else None


def compute_pod_actions(
    spec: PodSpec,
    observed: Mapping[str, Observed],
    *,
    sandbox_ready: bool,
    was_created: bool,
) -> PodActions:
    """What to do.

    Args:
        spec: the pod's spec.
        observed: by container name.
        sandbox_ready: whether a sandbox with a network exists.
        was_created: whether containers of this pod existed before.
    """
    if not sandbox_ready:
        return _for_new_sandbox(spec, observed, was_created=was_created)
    kill: dict[str, str] = {}
    # What was added to debug is started whether the pod is initialised or not, and never again.
    ephemeral = tuple([c["name"] for c in spec.get("ephemeralContainers") or () if c["name"] not in observed])
    init_to_start, initialized, failed = _init_actions(spec, observed, kill)
    if failed:
        return PodActions(kill_pod=True)
    if not initialized:
        return PodActions(kill=kill, ephemeral_to_start=ephemeral, init_to_start=init_to_start)

    to_start: list[str] = []
    kept = 0
    for container in spec.get("containers") or ():
        state = observed.get(container["name"])
        if state is None:
            to_start.append(container["name"])
        elif not state.running:
            if restarts_after(container, spec, state.exit_code):
                to_start.append(container["name"])
        else:
            message = _condemned(container, state)
            if message is None:
                kept += 1
            else:
                # A container killed by its probe ends with 137 or 143: not a success.
                if restarts_after(container, spec, 137):
                    to_start.append(container["name"])
                else:
                    message = message.removesuffix(", will be restarted")
                kill[container["name"]] = message
    if not kept and not to_start and not kill:
        return PodActions(kill_pod=True)
    return PodActions(
        kill=kill, ephemeral_to_start=ephemeral, init_to_start=init_to_start, to_start=tuple(to_start)
    )


def _for_new_sandbox(spec: PodSpec, observed: Mapping[str, Observed], *, was_created: bool) -> PodActions:
    if was_created and spec.get("restartPolicy") == "Never":
        return PodActions(kill_pod=True)
    names = []
    for container in spec.get("containers") or ():
        state = observed.get(container["name"])
        done = state is not None and not state.running and state.exit_code == 0
        if not (done and spec.get("restartPolicy") == "OnFailure"):
            names.append(container["name"])
    if not names:
        return PodActions(kill_pod=True)
    init = spec.get("initContainers") or ()
    if init:
        return PodActions(create_sandbox=True, init_to_start=(init[0]["name"],))
    return PodActions(create_sandbox=True, to_start=tuple(names))


def _init_actions(
    spec: PodSpec, observed: Mapping[str, Observed], kill: dict[str, str]
) -> tuple[tuple[str, ...], bool, bool]:
    """(to start, initialised, failed for good); condemned sidecars are added to ``kill``."""
    containers: list[dict[str, Any]] = spec.get("initContainers") or []
    main_ran = any(c["name"] in observed for c in spec.get("containers") or ())
    to_start: list[str] = []
    for container in containers:
        state = observed.get(container["name"])
        if is_restartable_init_container(container):
            if state is None or not state.running:
                to_start.append(container["name"])
            else:
                message = _condemned(container, state)
                if message is not None:
                    kill[container["name"]] = message
                    to_start.append(container["name"])
                elif state.started:
                    continue
            if main_ran:
                continue
            return tuple(to_start), False, False
        if main_ran or (state is not None and not state.running and state.exit_code == 0):
            continue
        if state is None:
            to_start.append(container["name"])
        elif not state.running:
            if not restarts_after(container, spec, state.exit_code):
                return (), False, True
            to_start.append(container["name"])
        return tuple(to_start), False, False
    return tuple(to_start), True, False
