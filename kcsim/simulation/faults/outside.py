"""Faults of what stands outside the clusters: the git host and its webhooks, the registry, the CI system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kcsim.delivery.git.host import Trouble
from kcsim.delivery.git.repository import GitError
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.simulation.faults.fault import Fault, FaultError, Kind, Settle, nothing_to_check

if TYPE_CHECKING:
    from kcsim.delivery.ci.system import CiSystem
    from kcsim.simulation.cluster import Cluster
    from kcsim.simulation.world import World


# --- the git host and webhooks ----------------------------------------------------------------------------------


def _a_repository(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    del cluster
    if fault.target:
        try:
            world.git.repository(fault.target)
        except GitError as error:
            known = ", ".join(r.name for r in world.git.repositories) or "none"
            raise FaultError(
                f"no repository {fault.target!r} on {world.git.name}; there are {known}"
            ) from error
    return {}


def _git_outage(world: World, cluster: Cluster, repository: str, faults: Sequence[Fault]) -> None:
    del cluster
    world.git.set_available(not faults, repository)


def _git_trouble(world: World, cluster: Cluster, target: str, faults: Sequence[Fault]) -> None:
    """All that is wrong with the git host short of an outage, from whatever target it was settled for."""
    del cluster, target, faults
    wrong = Trouble()
    for ongoing in world.faults:
        fault = ongoing.fault
        match fault.kind:
            case "git-slow":
                wrong.delay += fault["delay"]
            case "git-rate-limit":
                wrong.quota = fault["quota"] if wrong.quota is None else min(wrong.quota, fault["quota"])
            case "deploy-key-revoked":
                wrong.locked |= {world.git.repository(fault.target).name}
            case "webhook-loss":
                wrong.lost = max(wrong.lost, fault["share"])
            case "webhook-delay":
                wrong.late += fault["delay"]
            case "webhook-duplicate":
                wrong.again += fault["times"]
    world.git.set_trouble(wrong)


def _outside(
    layer: str,
    summary: str,
    effect: str,
    settle: Settle,
    *,
    target: str = "",
    everywhere: bool = False,
    **takes: Any,
) -> Kind:
    return Kind(
        layer=layer,
        summary=summary,
        effect=effect,
        settle=settle,
        target=target,
        everywhere=everywhere,
        check=_a_repository if target == "repository" else nothing_to_check,
        takes=takes,
        worldwide=True,
    )


# --- the registry -----------------------------------------------------------------------------------------------


def _registry_outage(world: World, cluster: Cluster, target: str, faults: Sequence[Fault]) -> None:
    del cluster, target
    world.registry.available = not faults


def _registry_slow(world: World, cluster: Cluster, target: str, faults: Sequence[Fault]) -> None:
    del cluster, target
    world.registry.delay = sum(fault["delay"] for fault in faults)
    for each in world.clusters.values():
        for kubelet in each.kubelets.values():
            kubelet.images.slowed = world.registry.delay


def _registry_limit(world: World, cluster: Cluster, target: str, faults: Sequence[Fault]) -> None:
    del cluster, target
    world.registry.quota = min((fault["quota"] for fault in faults), default=None)


# --- the CI system ----------------------------------------------------------------------------------------------


def _a_ci_system(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    del cluster
    if not world.ci:
        raise FaultError(f"{fault.kind} hits a CI system, and this world has none")
    known = [name for system in world.ci for name in system.runners]
    if fault.target and fault.target not in known:
        raise FaultError(f"no runner {fault.target!r}; there are {', '.join(known)}")
    return {}


def _ci_outage(world: World, cluster: Cluster, target: str, faults: Sequence[Fault]) -> None:
    del cluster, target
    for system in world.ci:
        system.available = not faults


def _runners(world: World, target: str, act: Callable[[CiSystem, str], None]) -> None:
    for system in world.ci:
        for name in system.runners:
            if target in {"", name}:
                act(system, name)


def _runner_crash(world: World, cluster: Cluster, target: str, faults: Sequence[Fault]) -> None:
    del cluster
    if faults:
        _runners(world, target, lambda system, name: system.stop_runner(name))
    else:
        _runners(world, target, lambda system, name: system.start_runner(name))


KINDS: dict[str, Kind] = {
    "git-outage": _outside(
        "git",
        "The git host, or one repository on it, answers nobody.",
        "Fetches, pushes and webhooks fail. Commits wait in their authors' clones.",
        _git_outage,
        target="repository",
        everywhere=True,
    ),
    "git-slow": _outside(
        "git",
        "The git host takes longer for each question.",
        "Agents and pipelines see commits later; what takes longer than a client's timeout fails.",
        _git_trouble,
        delay=30 * SECOND,
    ),
    "git-rate-limit": _outside(
        "git",
        "The git host answers so many questions a minute, and 429 to the others.",
        "Agents that ask too often fail to fetch and back off; pushes and webhooks go through.",
        _git_trouble,
        quota=0,
    ),
    "webhook-loss": _outside(
        "webhook",
        "Webhooks get lost: all of them, or a share.",
        "A pipeline that waits to be called never hears of the commit; nobody sends a webhook again.",
        _git_trouble,
        share=1.0,
    ),
    "webhook-delay": _outside(
        "webhook",
        "Webhooks come late.",
        "Pipelines start late, and may be overtaken by later commits.",
        _git_trouble,
        delay=5 * MINUTE,
    ),
    "webhook-duplicate": _outside(
        "webhook",
        "Webhooks come more than once.",
        "The same commit is deployed again; it must make no difference.",
        _git_trouble,
        times=1,
    ),
    "deploy-key-revoked": _outside(
        "credentials",
        "The git host does not take the key of a repository's readers any more.",
        "Fetches fail with `authentication required`: what runs stays as it is, and nothing new arrives.",
        _git_trouble,
        target="repository",
    ),
    "registry-outage": _outside(
        "registry",
        "The image registry answers nobody.",
        "Pulls and pushes fail. Cached images still start.",
        _registry_outage,
    ),
    "registry-slow": _outside(
        "registry",
        "The image registry takes longer for each question.",
        "Pods start late where the image is not on the node; builds take longer.",
        _registry_slow,
        delay=MINUTE,
    ),
    "registry-rate-limit": _outside(
        "registry",
        "The image registry answers so many questions a minute, and 429 to the others.",
        "ErrImagePull and ImagePullBackOff where the image is not on the node.",
        _registry_limit,
        quota=0,
    ),
    "ci-outage": Kind(
        layer="ci",
        summary="The CI system takes no webhooks and hands out no runs.",
        effect="Webhooks are lost, queued runs wait; runs under way go on.",
        check=_a_ci_system,
        settle=_ci_outage,
        worldwide=True,
    ),
    "runner-crash": Kind(
        layer="ci",
        summary="A CI runner dies in the middle of what it does; all of them when none is named.",
        effect="What it sent arrives, what it meant to send does not: a deployment may be half done. Its run fails later.",
        target="runner",
        everywhere=True,
        check=_a_ci_system,
        settle=_runner_crash,
        worldwide=True,
    ),
}
