"""One sync of one autoscaler, from what was read to what to write.  Decides; never acts.

**Imitates:** ``reconcileAutoscaler``, ``computeReplicasForMetrics`` and ``normalizeDesiredReplicas*`` of
``pkg/controller/podautoscaler/horizontal.go`` (v1.36).
**Walk:** `saw_scale` -> `snap` (outside the limits no metric is asked) or `by_metrics` -> `replicas` says what to
scale to -> `rescaled`, `not_rescaled` or `failed_to_rescale` -> `status`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kcsim.api import objects, quantity
from kcsim.cluster.controllers.horizontalpodautoscaler.evaluate import MetricFailed, Reading, Scaled, evaluate
from kcsim.cluster.controllers.horizontalpodautoscaler.groups import (
    CPU_INITIALIZATION,
    INITIAL_READINESS_DELAY,
)
from kcsim.cluster.controllers.horizontalpodautoscaler.history import (
    DOWNSCALE_WINDOW,
    History,
    ScaleDownStabilized,
)
from kcsim.cluster.controllers.horizontalpodautoscaler.limits import Limited, limit, limit_by_policies
from kcsim.cluster.controllers.horizontalpodautoscaler.replicas import TOLERANCE, Calculator, Tolerances
from kcsim.engine.clock import SECOND, rfc3339

Object = dict[str, Any]
Event = Callable[[str, str, str], None]

_READY = "ReadyForNewScale", "recommended size matches current size"


class CannotScale(Exception):
    """The sync ends here; the text is what the controller reports. ``computing``: no count could be computed."""

    def __init__(self, text: str, *, computing: bool = False) -> None:
        super().__init__(text)
        self.computing = computing


class AutoscalerSync:
    """One sync at the instant ``now`` (µs); ``event(type, reason, message)`` records.

    Attributes:
        current: replicas that the target wants now.
        replicas: what it should want.
        rescale: whether that is to be written.
        reason: why.
        failures: how many metrics gave no count.
    """

    def __init__(
        self,
        autoscaler: Object,
        history: History,
        event: Event,
        now: int,
        *,
        initialization: int = CPU_INITIALIZATION,
        readiness_delay: int = INITIAL_READINESS_DELAY,
    ) -> None:
        self._spec = autoscaler["spec"]
        self._namespace = objects.namespace(autoscaler)
        self._old: Object = autoscaler.get("status") or {}
        self._conditions: list[Object] = list(self._old.get("conditions") or [])
        self._history = history
        self._event = event
        self._now = now
        self._periods = initialization, readiness_delay
        self._metrics: list[Object] | None = None
        self._status: Object = self._old
        self.current = 0
        self.replicas = 0
        self.rescale = True
        self.reason = ""
        self.failures = 0

    @property
    def status(self) -> Object:
        """The status to write."""
        return {**self._status, "conditions": self._conditions}

    def set_condition(self, kind: str, status: str, reason: str, message: str) -> None:
        """Add or change a condition; its time moves with its status."""
        wanted = {"type": kind, "status": status, "reason": reason, "message": message}
        for place, known in enumerate(self._conditions):
            if known["type"] == kind:
                since = known.get("lastTransitionTime") if known["status"] == status else rfc3339(self._now)
                self._conditions[place] = {**wanted, "lastTransitionTime": since}
                return
        self._conditions.append({**wanted, "lastTransitionTime": rfc3339(self._now)})

    # --- the target -------------------------------------------------------------------------------------------------

    def lost_scale(self, error: str) -> None:
        """The target's scale cannot be read."""
        self._event("Warning", "FailedGetScale", error)
        text = f"the HPA controller was unable to get the target's current scale: {error}"
        self.set_condition("AbleToScale", "False", "FailedGetScale", text)

    def saw_scale(self, scale: Object) -> None:
        """What the target wants and has."""
        text = "the HPA controller was able to get the target's current scale"
        self.set_condition("AbleToScale", "True", "SucceededGetScale", text)
        self.current = (scale.get("spec") or {}).get("replicas", 0)
        self._history.begin(self.current, self._now)

    def snap(self) -> bool:
        """Whether the count follows from the limits alone, so that no metric needs to be read."""
        minimum, maximum = self._minimum, self._spec["maxReplicas"]
        if self.current == 0 and minimum != 0:
            self.rescale = False
            text = "scaling is disabled since the replica count of the target is zero"
            self.set_condition("ScalingActive", "False", "ScalingDisabled", text)
        elif self.current > maximum:
            self.replicas, self.reason = maximum, "Current number of replicas above Spec.MaxReplicas"
        elif self.current < minimum:
            self.replicas, self.reason = minimum, "Current number of replicas below Spec.MinReplicas"
        else:
            return False
        return True

    @property
    def _minimum(self) -> int:
        minimum: int | None = self._spec.get("minReplicas")
        return 1 if minimum is None else minimum

    # --- metrics ----------------------------------------------------------------------------------------------------

    def bad_selector(self, reason: str, event_reason: str, message: str, condition: str = "") -> CannotScale:
        """The pods cannot be told, or belong to several autoscalers."""
        self._event("Warning", event_reason, message)
        self.set_condition("ScalingActive", "False", reason, condition or message)
        return self._give_up(message)

    def _give_up(self, error: str) -> CannotScale:
        self._set_status(self._old.get("desiredReplicas", 0))
        return CannotScale(error, computing=True)

    def by_metrics(self, scale: Object, pods: Sequence[Object], readings: Sequence[Reading]) -> None:
        """Take the largest proposal, within what stabilization and limits allow.

        Raises:
            CannotScale: no metric gives a count, or one of several does not and the others would scale down.
        """
        specs = self._spec.get("metrics") or []
        scaled = Scaled(self._namespace, self.current, (scale.get("status") or {}).get("replicas", 0), pods)
        rules = Calculator(self._now, self._tolerances(), *self._periods)
        replicas, name = 0, ""
        first: MetricFailed | None = None
        self._metrics = []
        for spec, reading in zip(specs, readings, strict=True):
            try:
                found = evaluate(spec, reading, scaled, rules)
            except MetricFailed as failure:
                self._event("Warning", failure.reason, failure.why)
                first = first or failure
                self.failures += 1
                self._metrics.append({"type": ""})
                continue
            self._metrics.append(found.status)
            if replicas == 0 or found.replicas > replicas:
                replicas, name = found.replicas, found.name
        if first is not None and (self.failures >= len(specs) or replicas < self.current):
            raise self._no_count(first, len(specs))
        text = f"the HPA was able to successfully calculate a replica count from {name}"
        self.set_condition("ScalingActive", "True", "ValidMetricFound", text)
        self._normalize(replicas, name)

    def _no_count(self, failure: MetricFailed, count: int) -> CannotScale:
        text = f"the HPA was unable to compute the replica count: {failure.why}"
        self.set_condition("ScalingActive", "False", failure.reason, text)
        return self._give_up(
            f"invalid metrics ({self.failures} invalid out of {count}), first error is: {failure}"
        )

    def _tolerances(self) -> Tolerances:
        behavior = self._spec.get("behavior") or {}

        def of(direction: str) -> float:
            tolerance = (behavior.get(direction) or {}).get("tolerance")
            return TOLERANCE if tolerance is None else quantity.of(tolerance).nanos / 10**9

        return Tolerances(of("scaleDown"), of("scaleUp"))

    def _normalize(self, desired: int, name: str) -> None:
        if desired > self.current:
            self.reason = f"{name} above target"
        elif desired < self.current:
            self.reason = "All metrics below target"
        behavior = self._spec.get("behavior")
        if behavior is None:
            stabilized = self._history.stabilize(desired, self._now)
            why = ScaleDownStabilized
            limited = limit(self.current, stabilized, self._minimum, self._spec["maxReplicas"])
        else:
            stabilized, why = self._stabilize_both(behavior, desired)
            limited = self._limit_by_policies(behavior, stabilized)
        self.set_condition("AbleToScale", "True", *(why if stabilized != desired else _READY))
        held = "False" if limited.replicas == stabilized else "True"
        self.set_condition("ScalingLimited", held, limited.reason, limited.message)
        self.replicas = limited.replicas
        self.rescale = self.replicas != self.current

    def _stabilize_both(self, behavior: Object, desired: int) -> tuple[int, tuple[str, str]]:
        up, down = behavior["scaleUp"], behavior["scaleDown"]
        seconds = down.get("stabilizationWindowSeconds")
        down_window = DOWNSCALE_WINDOW if seconds is None else seconds * SECOND
        up_window = up.get("stabilizationWindowSeconds", 0) * SECOND
        return self._history.stabilize_both(self.current, desired, self._now, up_window, down_window)

    def _limit_by_policies(self, behavior: Object, stabilized: int) -> Limited:
        maximum = self._spec["maxReplicas"]
        return limit_by_policies(
            behavior, self._history, self.current, stabilized, self._minimum, maximum, self._now
        )

    # --- the end ----------------------------------------------------------------------------------------------------

    def rescaled(self) -> None:
        """The target was told the new count."""
        text = f"the HPA controller was able to update the target scale to {self.replicas}"
        self.set_condition("AbleToScale", "True", "SucceededRescale", text)
        self._event("Normal", "SuccessfulRescale", f"New size: {self.replicas}; reason: {self.reason}")
        self._history.note_scale(self._spec.get("behavior"), self.current, self.replicas, self._now)
        self._set_status(self.replicas)
        self._status = {**self._status, "lastScaleTime": rfc3339(self._now)}

    def not_rescaled(self) -> None:
        """Nothing was to be done."""
        self._set_status(self.current)

    def failed_to_rescale(self, error: str) -> None:
        """The target could not be told."""
        text = f"New size: {self.replicas}; reason: {self.reason}; error: {error}"
        self._event("Warning", "FailedRescale", text)
        text = f"the HPA controller was unable to update the target scale: {error}"
        self.set_condition("AbleToScale", "False", "FailedUpdateScale", text)
        self._set_status(self._old.get("desiredReplicas", 0))

    def _set_status(self, desired: int) -> None:
        status: Object = {"desiredReplicas": desired, "currentMetrics": self._metrics}
        if self.current:
            status["currentReplicas"] = self.current
        if self._old.get("lastScaleTime"):
            status["lastScaleTime"] = self._old["lastScaleTime"]
        self._status = status
