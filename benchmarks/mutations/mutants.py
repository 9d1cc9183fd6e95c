"""The defects: a condition dropped, a comparison swapped, a requeue forgotten, one line of one module each."""

from __future__ import annotations

from dataclasses import dataclass

_C = "kcsim.cluster.controllers."


@dataclass(frozen=True)
class Mutant:
    """One defect: in ``module`` the text ``before``, which stands there once, becomes ``after``."""

    name: str
    module: str
    before: str
    after: str


MUTANTS = (
    Mutant("a rollout ignores its surge", _C + "deployment.rollout", "replicas + max_surge(deployment) - total", "replicas + 5 + max_surge(deployment) - total"),
    Mutant("a rollout never takes old pods away", _C + "deployment.rollout", "if max_scaled_down <= 0:", "if max_scaled_down <= 99:"),
    Mutant("old pods go before new ones serve", _C + "deployment.rollout", 'left = total_status([*old, new], "availableReplicas") - floor', "left = total_replicas([*old, new])"),
    Mutant("unhealthy old pods are kept", _C + "deployment.rollout", 'unhealthy = size - status_count(rs, "availableReplicas")', "unhealthy = 0"),
    Mutant("surge rounds down", _C + "deployment.rollout", "0 if max_surge is None else max_surge, desired, round_up=True", "0 if max_surge is None else max_surge, desired, round_up=False"),
    Mutant("Recreate does not wait for old pods", _C + "deployment.recreate", 'return total_status(old, "replicas") > 0 or old_pods_exist', "return False"),
    Mutant("the new ReplicaSet is never grown", _C + "deployment.rollout", "return current + min(room, replicas - current)", "return current"),
    Mutant("observedGeneration is not written", _C + "deployment.status", '"observedGeneration": deployment["metadata"].get("generation", 0),', '"observedGeneration": 1,'),
    Mutant("the template is not compared", _C + "deployment.replica_sets", 'if equal_ignore_hash(rs["spec"]["template"], template)]', "]"),
    Mutant("history is kept for ever", _C + "deployment.history", "if surplus <= 0:", "if surplus <= 99:"),
    Mutant("a ReplicaSet makes one pod too few", _C + "replicaset.controller", 'diff = counts.active - rs["spec"].get("replicas", 1)', 'diff = counts.active - max(0, rs["spec"].get("replicas", 1) - 1)'),
    Mutant("a ReplicaSet never deletes", _C + "replicaset.controller", "        if diff > 0:\n", "        if diff > 99:\n"),
    Mutant("creations are not expected", _C + "replicaset.controller", "self.expectations.expect_creations(key, count, self.engine.now)", "pass"),
    Mutant("an orphan is never adopted", _C + "replicaset.controller", "if self.tally.orphans(key[0]):", "if False:"),
    Mutant("pods that serve are deleted first", _C + "replicaset.ranking", "return sort_pods(pods, now, ranks)[:diff]", "return sort_pods(pods, now, ranks)[::-1][:diff]"),
    Mutant("a StatefulSet does not wait for its predecessor", _C + "statefulset.rollout", "    if monotonic and not (\n", "    if False and not (\n"),
    Mutant("a StatefulSet updates from below", _C + "statefulset.rollout", "for pod in reversed(replicas[lowest:]):", "for pod in replicas[lowest:]:"),
    Mutant("a partition is ignored", _C + "statefulset.rollout", 'lowest = rolling.get("partition", 0)', "lowest = 0"),
    Mutant("a StatefulSet never updates", _C + "statefulset.rollout", "        if _is_outdated(pod, update_revision):\n            return [pod]", "        if _is_outdated(pod, update_revision):\n            return []"),
    Mutant("condemned pods go lowest first", _C + "statefulset.rollout", "condemned.sort(key=ordinal_of, reverse=True)", "condemned.sort(key=ordinal_of)"),
    Mutant("a DaemonSet ignores taints", _C + "daemonset.placement", "if taints and find_untolerated_taint(taints, self.tolerations, _NO_START) is not None:", "if False:"),
    Mutant("a DaemonSet replaces all pods at once", _C + "daemonset.rolling", "max(0, max_unavailable - unavailable)", "999"),
    Mutant("a DaemonSet never replaces", _C + "daemonset.rolling", "return broken + list(", "return broken or list([]) and list("),
    Mutant("a Job starts more than its parallelism", _C + "job.scaling", "return max(min(completions - view.succeeded, parallelism), 0)", "return max(completions - view.succeeded, 0)"),
    Mutant("a Job forgets what succeeded", _C + "job.scaling", "return max(min(completions - view.succeeded, parallelism), 0)", "return max(min(completions, parallelism), 0)"),
    Mutant("a slice lists pods that are not ready", _C + "endpointslice.endpoints", "(serving and not terminating)", "True"),
    Mutant("a slice keeps ended pods", _C + "endpointslice.endpoints", 'or status.get("phase") in ("Succeeded", "Failed"):', 'or status.get("phase") in ("Nothing",):'),
    Mutant("readiness does not matter to a slice", _C + "endpointslice.endpoints", 'return status["podIP"], is_ready(pod), deleting,', 'return status["podIP"], True, deleting,'),
    Mutant("a budget allows one more", _C + "disruption.budget", "max(0, self.current_healthy - self.desired_healthy) if", "max(0, self.current_healthy - self.desired_healthy + 1) if"),
    Mutant("a taint evicts nobody", _C + "tainteviction.controller", "            self._process(pod, taints)\n\n    def _pod_changed", "            pass\n\n    def _pod_changed"),
    Mutant("an eviction is marked and not carried out", _C + "tainteviction.controller", '            yield self.client.delete("pods", namespace, name)\n', ""),
    Mutant("a silent node is never noticed", _C + "nodelifecycle.health", "tick = first_tick(start, period, seen + grace)", "tick = first_tick(start, period, seen + grace * 1000)"),
    Mutant("owners are never unblocked", _C + "garbagecollector.controller", "            yield from self._remove_finalizer(node, latest, FOREGROUND)\n            return", "            return"),
    Mutant("orphans keep their owner", _C + "garbagecollector.controller", '                yield from self._drop_references(dependent.resource, latest, [{"uid": node.uid}])', "                pass"),
)  # fmt: skip
"""All of them."""
