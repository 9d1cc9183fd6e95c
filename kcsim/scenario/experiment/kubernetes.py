"""The functions of chaostoolkit-kubernetes that experiments call, played against a world.

**Imitates:** chaosk8s 0.40 (pod, deployment, statefulset, service and node actions and probes, and their deprecated names in
``chaosk8s.actions`` and ``chaosk8s.probes``): arguments, defaults, results, and what makes an activity fail. Writes are
kubectl commands of the user ``chaos``; waiting lets virtual time pass.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from kcsim.simulation.finding import NotFound
from kcsim.simulation.simulation import Simulation

PERSON = "chaos"
"""Who the actions are done by."""

Function = Callable[..., Any]


class ActivityFailed(Exception):
    """An activity could not be carried out, or a probe found something that it takes for a failure."""


def typed(sim: Simulation, line: str, namespace: str = "default") -> str:
    """Type a kubectl command; gives what it prints.

    Raises:
        ActivityFailed: with what it printed.
    """
    outcome = sim.kubectl(line, as_=PERSON, namespace=namespace)
    if outcome.exit_code:
        raise ActivityFailed(outcome.stderr.strip() or outcome.stdout.strip())
    return outcome.stdout


# --- pods -------------------------------------------------------------------------------------------------------


def _pods(sim: Simulation, ns: str, label_selector: str | None) -> list[dict[str, Any]]:
    return sim.list("pods", ns, labels=label_selector or "")


def terminate_pods(
    sim: Simulation,
    label_selector: str | None = None,
    name_pattern: str | None = None,
    all: bool = False,
    rand: bool = False,
    mode: str = "fixed",
    qty: int = 1,
    grace_period: int = -1,
    ns: str = "default",
    order: str = "alphabetic",
) -> list[str]:
    """Delete pods that selector and pattern choose; gives their names."""
    if qty < 0:
        raise ActivityFailed(f"Cannot select pods. Quantity '{qty}' is negative.")
    if mode not in {"fixed", "percentage"}:
        raise ActivityFailed(f"Cannot select pods. Mode '{mode}' is invalid.")
    if order not in {"alphabetic", "oldest"}:
        raise ActivityFailed(f"Cannot select pods. Order '{order}' is invalid.")
    pods = _pods(sim, ns, label_selector)
    if name_pattern:
        pods = [p for p in pods if re.search(name_pattern, p["metadata"]["name"])]
    if order == "oldest":
        pods.sort(key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    if not all:
        count = min(math.ceil(qty * len(pods) / 100) if mode == "percentage" else qty, len(pods))
        pods = sim.engine.dice("chaostoolkit/pods").shuffled(pods)[:count] if rand else pods[:count]
    names = [pod["metadata"]["name"] for pod in pods]
    grace = f" --grace-period={grace_period}" + (" --force" * (not grace_period)) if grace_period >= 0 else ""
    for name in names:
        typed(sim, f"delete pod {name} --wait=false{grace}", ns)
    return names


def pods_in_phase(
    sim: Simulation,
    label_selector: str,
    phase: str = "Running",
    ns: str = "default",
    raise_on_invalid_phase: bool = True,
) -> bool:
    """Whether there are such pods, and all are in the phase."""
    pods = _pods(sim, ns, label_selector)
    if not pods:
        return _no(f"no pods '{label_selector}' were found", raise_on_invalid_phase)
    for pod in pods:
        found = pod["status"].get("phase")
        if found != phase:
            message = f"pod '{label_selector}' is in phase '{found}' but should be '{phase}'"
            return _no(message, raise_on_invalid_phase)
    return True


def pods_not_in_phase(
    sim: Simulation,
    label_selector: str,
    phase: str = "Running",
    ns: str = "default",
    raise_on_in_phase: bool = True,
) -> bool:
    """Whether there are such pods, and none is in the phase."""
    pods = _pods(sim, ns, label_selector)
    if not pods:
        return _no(f"no pods '{label_selector}' were found", raise_on_in_phase)
    if any(pod["status"].get("phase") == phase for pod in pods):
        return _no(f"pod '{label_selector}' should not be in phase '{phase}'", raise_on_in_phase)
    return True


def pods_in_conditions(
    sim: Simulation,
    label_selector: str,
    conditions: list[dict[str, str]],
    ns: str = "default",
    raise_on_invalid_conditions: bool = True,
) -> bool:
    """Whether all such pods have the conditions."""
    pods = _pods(sim, ns, label_selector)
    if not pods:
        return _no(f"no pods '{label_selector}' were found", raise_on_invalid_conditions)
    for pod in pods:
        has = [{"type": c["type"], "status": c["status"]} for c in pod["status"].get("conditions") or ()]
        for condition in conditions:
            if condition not in has:
                name = pod["metadata"]["name"]
                message = f"pod {name} does not match the following given condition: {condition}"
                return _no(message, raise_on_invalid_conditions)
    return True


def count_pods(sim: Simulation, label_selector: str, phase: str | None = None, ns: str = "default") -> int:
    """How many such pods there are, in a phase if one is given."""
    return sum(not phase or pod["status"].get("phase") == phase for pod in _pods(sim, ns, label_selector))


def count_min_pods(
    sim: Simulation, label_selector: str, phase: str = "Running", min_count: int = 2, ns: str = "default"
) -> bool:
    """Whether at least so many such pods are in a phase."""
    return count_pods(sim, label_selector, phase, ns) >= min_count


def pod_is_not_available(
    sim: Simulation,
    name: str,
    ns: str = "default",
    label_selector: str = "name in ({name})",
    raise_on_is_available: bool = True,
) -> bool:
    """Whether no pod with that label runs."""
    pods = _pods(sim, ns, label_selector.format(name=name))
    if any(pod["status"].get("phase") == "Running" for pod in pods):
        return _no(f"pod '{name}' is actually running", raise_on_is_available)
    return True


def all_pods_healthy(sim: Simulation, ns: str = "default", raise_on_any_unhealthy: bool = True) -> bool:
    """Whether every pod of a namespace runs or has succeeded."""
    phases = {pod["status"].get("phase") for pod in _pods(sim, ns, None)}
    return (
        True if phases <= {"Running", "Succeeded"} else _no("the system is unhealthy", raise_on_any_unhealthy)
    )


def _no(message: str, raises: bool) -> bool:
    if raises:
        raise ActivityFailed(message)
    return False


# --- workloads --------------------------------------------------------------------------------------------------


def scale_deployment(sim: Simulation, name: str, replicas: int, ns: str = "default") -> None:
    """kubectl scale."""
    typed(sim, f"scale deployment/{name} --replicas={replicas}", ns)


def scale_statefulset(sim: Simulation, name: str, replicas: int, ns: str = "default") -> None:
    """kubectl scale."""
    typed(sim, f"scale statefulset/{name} --replicas={replicas}", ns)


def rollout_deployment(sim: Simulation, name: str, ns: str = "default") -> None:
    """kubectl rollout restart."""
    typed(sim, f"rollout restart deployment/{name}", ns)


def delete_deployment(
    sim: Simulation, name: str | None = None, ns: str = "default", label_selector: str | None = None
) -> None:
    """Delete a Deployment by name, or those that a selector chooses."""
    what = f"deployment/{name}" if name else f"deployment -l {label_selector}"
    typed(sim, f"delete {what} --wait=false", ns)


def kill_microservice(
    sim: Simulation, name: str, ns: str = "default", label_selector: str = "name in ({name})"
) -> None:
    """Delete the Deployments with that label."""
    typed(sim, f"delete deployment -l '{label_selector.format(name=name)}' --wait=false", ns)


def delete_service(sim: Simulation, name: str, ns: str = "default") -> None:
    """Delete a Service."""
    typed(sim, f"delete service/{name}", ns)


def _deployment(sim: Simulation, name: str, ns: str) -> dict[str, Any] | None:
    try:
        return sim.get(f"deployment/{name}", ns)
    except NotFound:
        return None


def deployment_available_and_healthy(
    sim: Simulation,
    name: str,
    ns: str = "default",
    label_selector: str | None = None,
    raise_on_unavailable: bool = True,
) -> bool:
    """Whether as many replicas are available as are asked for."""
    del label_selector
    found = _deployment(sim, name, ns)
    if found is None:
        return _no(f"Deployment '{name}' was not found", raise_on_unavailable)
    if found["status"].get("availableReplicas") != found["spec"]["replicas"]:
        return _no(f"Deployment '{name}' is not healthy", raise_on_unavailable)
    return True


def deployment_partially_available(
    sim: Simulation,
    name: str,
    ns: str = "default",
    label_selector: str | None = None,
    raise_on_not_partially_available: bool = True,
) -> bool:
    """Whether any replica is available."""
    del label_selector
    found = _deployment(sim, name, ns)
    if found is None:
        return _no(f"Deployment '{name}' was not found", raise_on_not_partially_available)
    if not found["status"].get("availableReplicas"):
        return _no(f"Deployment '{name}' is not healthy", raise_on_not_partially_available)
    return True


def _waits(sim: Simulation, kind: str, name: str, ns: str, timeout: int, *, ready: bool) -> bool:
    def is_so(world: Simulation) -> bool:
        found = world.get(f"{kind}/{name}", ns)
        is_ready: bool = found["status"].get("readyReplicas") == found["spec"]["replicas"]
        return is_ready == ready

    try:
        sim.run_until(is_so, timeout=int(timeout))
    except TimeoutError:
        return False
    return True


def deployment_fully_available(
    sim: Simulation,
    name: str,
    ns: str = "default",
    label_selector: str | None = None,
    timeout: int = 30,
    raise_on_not_fully_available: bool = True,
) -> bool:
    """Wait until all replicas are ready."""
    del label_selector
    if _waits(sim, "deployment", name, ns, timeout, ready=True):
        return True
    return _no(f"deployment '{name}' failed to recover within {timeout}s", raise_on_not_fully_available)


def deployment_not_fully_available(
    sim: Simulation,
    name: str,
    ns: str = "default",
    label_selector: str | None = None,
    timeout: int = 30,
    raise_on_fully_available: bool = True,
) -> bool:
    """Wait until not all replicas are ready."""
    del label_selector
    if _waits(sim, "deployment", name, ns, timeout, ready=False):
        return True
    return _no(f"deployment '{name}' failed to stop running within {timeout}s", raise_on_fully_available)


def statefulset_fully_available(
    sim: Simulation, name: str, ns: str = "default", label_selector: str | None = None, timeout: int = 30
) -> bool:
    """Wait until all replicas are ready."""
    del label_selector
    if _waits(sim, "statefulset", name, ns, timeout, ready=True):
        return True
    raise ActivityFailed(f"statefulset '{name}' failed to recover within {timeout}s")


def service_is_initialized(
    sim: Simulation, name: str, ns: str = "default", label_selector: str | None = None
) -> bool:
    """Whether there is such a Service."""
    del label_selector
    try:
        sim.get(f"service/{name}", ns)
    except NotFound:
        raise ActivityFailed(f"service '{name}' is not initialized") from None
    return True


# --- nodes ------------------------------------------------------------------------------------------------------


def _nodes(sim: Simulation, name: str | None, label_selector: str | None) -> list[str]:
    names = [n["metadata"]["name"] for n in sim.list("nodes", labels=label_selector or "")]
    chosen = [each for each in names if name in {None, "", each}]
    if not chosen:
        raise ActivityFailed(f"failed to find a node that matches {name or label_selector}")
    return chosen


def cordon_node(sim: Simulation, name: str | None = None, label_selector: str | None = None) -> None:
    """kubectl cordon."""
    for node in _nodes(sim, name, label_selector):
        typed(sim, f"cordon {node}")


def uncordon_node(sim: Simulation, name: str | None = None, label_selector: str | None = None) -> None:
    """kubectl uncordon."""
    for node in _nodes(sim, name, label_selector):
        typed(sim, f"uncordon {node}")


def drain_nodes(
    sim: Simulation,
    name: str | None = None,
    label_selector: str | None = None,
    delete_pods_with_local_storage: bool = False,
    timeout: int = 120,
) -> bool:
    """kubectl drain."""
    local = " --delete-emptydir-data" if delete_pods_with_local_storage else ""
    for node in _nodes(sim, name, label_selector):
        typed(sim, f"drain {node} --ignore-daemonsets --force --timeout={timeout}s{local}")
    return True


def delete_nodes(sim: Simulation, name: str | None = None, label_selector: str | None = None) -> None:
    """kubectl delete node."""
    for node in _nodes(sim, name, label_selector):
        typed(sim, f"delete node {node}")


FUNCTIONS: Mapping[tuple[str, str], Function] = {
    **{("chaosk8s.pod.actions", each.__name__): each for each in (terminate_pods,)},
    **{
        ("chaosk8s.pod.probes", each.__name__): each
        for each in (
            pods_in_phase,
            pods_not_in_phase,
            pods_in_conditions,
            count_pods,
            count_min_pods,
            pod_is_not_available,
            all_pods_healthy,
        )
    },
    **{
        ("chaosk8s.deployment.actions", each.__name__): each
        for each in (scale_deployment, rollout_deployment, delete_deployment)
    },
    **{
        ("chaosk8s.deployment.probes", each.__name__): each
        for each in (
            deployment_available_and_healthy,
            deployment_partially_available,
            deployment_fully_available,
            deployment_not_fully_available,
        )
    },
    ("chaosk8s.statefulset.actions", "scale_statefulset"): scale_statefulset,
    ("chaosk8s.statefulset.probes", "statefulset_fully_available"): statefulset_fully_available,
    ("chaosk8s.service.actions", "delete_service"): delete_service,
    ("chaosk8s.service.probes", "service_is_initialized"): service_is_initialized,
    **{
        ("chaosk8s.node.actions", each.__name__): each
        for each in (cordon_node, uncordon_node, drain_nodes, delete_nodes)
    },
    ("chaosk8s.actions", "kill_microservice"): kill_microservice,
    ("chaosk8s.actions", "scale_microservice"): scale_deployment,
    ("chaosk8s.actions", "remove_service_endpoint"): delete_service,
    ("chaosk8s.probes", "all_microservices_healthy"): all_pods_healthy,
    ("chaosk8s.probes", "microservice_available_and_healthy"): deployment_available_and_healthy,
    ("chaosk8s.probes", "microservice_is_not_available"): pod_is_not_available,
    ("chaosk8s.probes", "service_endpoint_is_initialized"): service_is_initialized,
    ("chaosk8s.probes", "deployment_is_fully_available"): deployment_fully_available,
    ("chaosk8s.probes", "deployment_is_not_fully_available"): deployment_not_fully_available,
}
"""(module, function) -> how it is played."""
