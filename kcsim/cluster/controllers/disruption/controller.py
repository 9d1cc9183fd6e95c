"""The disruption controller: keeps the status of PodDisruptionBudgets true, and forgets evictions that came to nothing.

**Imitates:** ``pkg/controller/disruption/disruption.go`` (v1.36), its recheck of evicted pods after two minutes and its
clean-up of stale DisruptionTarget conditions. Like upstream it wakes only one budget of a pod that several select.
**Walk:** an eviction is granted -> the pod's name is in ``disruptedPods`` -> its deletion is seen -> the name goes, one
pod less is healthy -> the replacement becomes ready -> the next eviction may come.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.intstr import IntOrStringError
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.disruption import budget as arithmetic
from kcsim.cluster.controllers.disruption.budget import Counts
from kcsim.cluster.controllers.disruption.members import Members
from kcsim.cluster.controllers.disruption.scale import NoScale, Scales
from kcsim.cluster.controllers.pods import is_ready, is_terminal
from kcsim.engine.clock import parse_rfc3339, rfc3339
from kcsim.engine.task import Waitable
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]
Key = tuple[str, str]
Steps = Generator[Waitable, Any, Any]

STALE_AFTER = DEFAULT.us("kube-controller-manager/disruption-stale-after")
"""A pod that was marked for disruption and is still not being deleted after so long is unmarked."""

_UNMANAGED = (
    "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a result, the status of "
    "the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please "
    'set ".spec.minAvailable" field of the PDB to an integer value.'
)


class StaleDisruptions(Reconciler):
    """Sets DisruptionTarget to False on pods whose disruption did not happen."""

    name = "stale-pod-disruption"

    def setup(self, component: Component) -> None:
        """Subscribe to pods."""
        self.engine = component.engine
        self.pods = component.informer("pods")
        self.pods.on_change(self._pod_changed)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None or (old is not None and old.get("status") is new.get("status")):
            return
        wait = self._stale_in(new)
        if wait is not None:
            self.enqueue_after(objects.key(new), wait)

    def _stale_in(self, pod: Object) -> int | None:
        """In how long (µs) the mark on a pod is stale; None when it has none that could be."""
        condition = objects.condition(pod, "DisruptionTarget")
        if condition is None or condition.get("status") != "True" or objects.is_deleting(pod):
            return None
        if condition.get("reason") == "TerminationByKubelet" or is_terminal(pod):
            return None
        since = parse_rfc3339(condition["lastTransitionTime"])
        return max(0, since + STALE_AFTER - self.engine.now)

    def reconcile(self, key: Key) -> Steps | None:
        """Look at one pod again."""
        pod = self.pods.get(*key)
        wait = self._stale_in(pod) if pod is not None else None
        if pod is None or wait is None:
            return None
        if wait > 0:
            self.enqueue_after(key, wait)
            return None
        return self._unmark(pod)

    def _unmark(self, pod: Object) -> Steps:
        condition = {"type": "DisruptionTarget", "status": "False", "lastProbeTime": None}
        generation = pod["metadata"].get("generation")
        if generation:
            condition["observedGeneration"] = generation
        conditions = objects.set_condition(objects.conditions(pod), condition, rfc3339(self.engine.now))
        status = {**pod["status"], "conditions": conditions}
        yield self.client.update_status("pods", {**pod, "status": status})


class DisruptionController(Reconciler):
    """Works out how many pods of each budget may be evicted."""

    name = "disruption"
    workers = 1
    source = "controllermanager"

    def setup(self, component: Component) -> None:
        """Subscribe to budgets, pods and the workloads whose scale counts."""
        self.engine = component.engine
        self.reset()
        self.budgets = component.informer("poddisruptionbudgets")
        self.budgets.on_change(self._budget_changed)
        self.pods = component.informer("pods")
        self.pods.on_change(self._pod_changed)
        self._scales = Scales(
            self.client,
            replica_sets=component.informer("replicasets"),
            deployments=component.informer("deployments"),
            stateful_sets=component.informer("statefulsets"),
        )

    def reset(self) -> None:
        """Forget everything learnt."""
        self._members: dict[Key, tuple[Object | None, Members]] = {}

    def _event(self, obj: Object, kind: str, reason: str, message: str) -> None:
        self.component.events.event(obj, kind, reason, message, self.source)

    # --- what wakes it ------------------------------------------------------------------------------------------

    def _budget_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        if new is None:
            self._members.pop(objects.key(obj), None)
        self.enqueue(objects.key(obj))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod = new or old
        assert pod is not None
        namespace = objects.namespace(pod)
        if not self.budgets.count("namespace", namespace):
            return
        touched: list[Object] = []
        for budget in self.budgets.list(namespace):
            members = self._members_of(budget)
            selected = members.observe(pod) if new is not None else members.drop(objects.name(pod))
            if selected:
                touched.append(budget)
        if not touched or (old is not None and new is not None and _facts(old) == _facts(new)):
            return
        if len(touched) > 1:
            name = objects.name(touched[0])
            text = (
                f'Pod "{namespace}"/"{objects.name(pod)}" matches multiple PodDisruptionBudgets.  '
                f'Chose "{name}" arbitrarily.'
            )
            self._event(pod, "Warning", "MultiplePodDisruptionBudgets", text)
        self.enqueue(objects.key(touched[0]))

    def _members_of(self, budget: Object) -> Members:
        key, selector = objects.key(budget), budget["spec"].get("selector")
        known = self._members.get(key)
        if known is not None and known[0] == selector:
            return known[1]
        members = Members(selectors.from_object(selector), self.pods.list(key[0]))
        self._members[key] = (selector, members)
        return members

    # --- one sync -----------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Steps | None:
        """Bring the status of one budget up to date."""
        budget = self.budgets.get(*key)
        return None if budget is None else self._sync(key, budget)

    def _sync(self, key: Key, budget: Object) -> Steps:
        try:
            yield from self._try_sync(key, budget)
        except (NoScale, IntOrStringError, StatusError) as error:
            if isinstance(error, StatusError) and error.is_conflict:
                raise
            # Better no evictions at all than evictions by numbers that may be wrong.
            status = arithmetic.fail_safe(budget, str(error), self.engine.now)
            yield self.client.update_status("poddisruptionbudgets", {**budget, "status": status})

    def _try_sync(self, key: Key, budget: Object) -> Steps:
        members = self._members_of(budget)
        if not members.pods:
            self._event(budget, "Normal", "NoPods", "No matching pods found")
        scale = 0
        if arithmetic.counts_by_scale(budget):
            try:
                scale = yield from self._expected_scale(key[0], members)
            except (NoScale, StatusError) as error:
                text = f"Failed to calculate the number of expected pods: {error}"
                self._event(budget, "Warning", "CalculateExpectedPodCountFailed", text)
                raise
            if members.unmanaged:
                text = _UNMANAGED.format(arithmetic.go_selector(budget["spec"].get("selector")))
                self._event(budget, "Warning", "UnmanagedPods", text)
        expected, desired = arithmetic.expected_and_desired(budget, len(members.pods), scale)
        now = self.engine.now
        disrupted = arithmetic.build_disrupted(budget, members.pods, now)
        for name in disrupted.overdue:
            # Upstream prints the namespace twice.
            text = f"Pod was expected by PDB {key[0]}/{key[0]} to be deleted but it wasn't"
            self._event(members.pods[name], "Warning", "NotDeleted", text)
        counts = Counts(members.healthy(disrupted.pods), desired, expected)
        status = arithmetic.calculate_status(budget, counts, disrupted.pods, now)
        if status is not None:
            yield self.client.update_status("poddisruptionbudgets", {**budget, "status": status})
        if disrupted.recheck_at is not None:
            self.enqueue_after(key, disrupted.recheck_at - now + 1)

    def _expected_scale(self, namespace: str, members: Members) -> Steps:
        """The sum of what the controllers of the pods ask for."""
        scales: dict[str, int] = {}
        for uid, (ref, _) in list(members.controllers.items()):
            found = yield from self._scales.find(namespace, ref)
            if found is None:
                lost = next(
                    n for n, p in members.pods.items() if (objects.controller_of(p) or {}).get("uid") == uid
                )
                raise NoScale(f'found no controllers for pod "{lost}"')
            scales[found[0]] = found[1]
        return sum(scales.values())


def _facts(pod: Object) -> tuple[Any, ...]:
    """What of a pod a budget counts."""
    metadata = pod["metadata"]
    return (
        metadata.get("deletionTimestamp"),
        metadata.get("labels"),
        metadata.get("ownerReferences"),
        is_ready(pod),
    )
