"""The words of helm-controller's API, and how a HelmRelease is read: names, namespaces, timeouts, strategies.  Pure.

**Imitates:** helm-controller 1.6 api/v2 (helmrelease_types.go, condition_types.go, annotations.go) and internal/release/name.go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Key, Object
from kcsim.delivery.gitops.flux.toolkit import HELM_GROUP, duration, requested_at, spec, status
from kcsim.engine.clock import MINUTE, seconds

RELEASED, REMEDIATED, TEST_SUCCESS, DRIFTED = "Released", "Remediated", "TestSuccess", "Drifted"
INSTALL, UPGRADE, ROLLBACK, UNINSTALL = "install", "upgrade", "rollback", "uninstall"
UNINSTALL_REMEDIATION = "uninstall-remediation"
RESET_AT, FORCE_AT = "reconcile.fluxcd.io/resetAt", "reconcile.fluxcd.io/forceAt"
ORIGIN_NAME, ORIGIN_NAMESPACE = f"{HELM_GROUP}/name", f"{HELM_GROUP}/namespace"
NO_DRIFT = {f"{HELM_GROUP}/driftDetection": "disabled"}
"""Label or annotation of an object that drift detection leaves alone."""
TIMEOUT = 5 * MINUTE
RETRY_INTERVAL = 5 * MINUTE
MAX_HISTORY = 5
_LONGEST, _HASH = 53, 12


def part(obj: Object, action: str) -> Mapping[str, Any]:
    """``spec.install``, ``spec.upgrade`` and so on; empty when absent."""
    return spec(obj).get(action) or {}


def release_name(obj: Object) -> str:
    """What the release is called, shortened to what Helm takes."""
    wanted = spec(obj)
    space = wanted.get("targetNamespace")
    name: str = wanted.get("releaseName") or (f"{space}-{objects.name(obj)}" if space else objects.name(obj))
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - _HASH - 1]}-{hashlib.sha256(name.encode()).hexdigest()[:_HASH]}"


def release_namespace(obj: Object) -> str:
    """Where the objects of the release go that name no namespace."""
    return spec(obj).get("targetNamespace") or objects.namespace(obj)


def storage_namespace(obj: Object) -> str:
    """Where the Secrets of the release are kept."""
    return spec(obj).get("storageNamespace") or objects.namespace(obj)


def chart_key(obj: Object) -> Key:
    """(namespace, name) of the HelmChart that is made of ``spec.chart``."""
    ref = objects.get_in(obj, ("spec", "chart", "spec", "sourceRef"), {})
    return ref.get("namespace") or objects.namespace(obj), f"{objects.namespace(obj)}-{objects.name(obj)}"


def source_subject(obj: Object) -> str:
    """``Kind/namespace/name`` of what holds the chart; "" where the spec names none, or two."""
    wanted = spec(obj)
    ref = wanted.get("chartRef")
    if bool(ref) == bool(wanted.get("chart")):
        return ""
    if ref:
        return f"{ref['kind']}/{ref.get('namespace') or objects.namespace(obj)}/{ref['name']}"
    return f"HelmChart/{'/'.join(chart_key(obj))}"


def timeout(obj: Object, action: str = "") -> int:
    """How long (µs) an action may wait for its objects, and for each hook."""
    own = part(obj, action).get("timeout") if action else None
    return seconds(own) if own is not None else duration(obj, "timeout", TIMEOUT)


def max_history(obj: Object) -> int:
    """How many revisions of the release are kept; 0 for all."""
    given = spec(obj).get("maxHistory")
    return MAX_HISTORY if given is None else int(given)


# --- what follows a failure -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remediation:
    """``spec.install.remediation`` or ``spec.upgrade.remediation``, defaults filled in.

    Attributes:
        counter: the field of the status that counts the failures.
        strategy: ``rollback`` or ``uninstall``.
    """

    counter: str
    strategy: str
    retries: int
    ignore_test_failures: bool
    remediate_last: bool

    def failures(self, seen: Mapping[str, Any]) -> int:
        """How often it failed, says a status."""
        return int(seen.get(self.counter) or 0)

    def exhausted(self, seen: Mapping[str, Any]) -> bool:
        """Whether no retries are left."""
        return 0 <= self.retries < self.failures(seen)


def remediation(obj: Object, action: str) -> Remediation | None:
    """What an action that fails is followed by; None for other actions than install and upgrade."""
    if action not in {INSTALL, UPGRADE}:
        return None
    given = part(obj, action).get("remediation") or {}
    retries = int(given.get("retries") or 0)
    ignore = given.get("ignoreTestFailures")
    last = given.get("remediateLastFailure")
    upgrade = action == UPGRADE
    return Remediation(
        counter=f"{action}Failures",
        strategy=(given.get("strategy") or ROLLBACK) if upgrade else UNINSTALL,
        retries=retries,
        ignore_test_failures=bool(part(obj, "test").get("ignoreFailures")) if ignore is None else ignore,
        remediate_last=(upgrade and retries > 0) if last is None else last,
    )


def retry_interval(obj: Object, action: str, *, retries: bool = False) -> int | None:
    """The pause (µs) of the strategy RetryOnFailure; None under RemediateOnFailure. ``retries``: what holds by default."""
    if action not in {INSTALL, UPGRADE}:
        return None
    given = part(obj, action).get("strategy")
    if given is None:
        return RETRY_INTERVAL if retries else None
    if given.get("name") != "RetryOnFailure":
        return None
    own = given.get("retryInterval")
    return RETRY_INTERVAL if own is None else seconds(own)


def drift_mode(obj: Object) -> str:
    """``disabled``, ``warn`` or ``enabled``."""
    return part(obj, "driftDetection").get("mode") or "disabled"


def is_asked(obj: Object, annotation: str, handled: str) -> bool:
    """Whether an annotation asks for something once: it is new, and its value is that of the request beside it."""
    value = objects.annotations(obj).get(annotation, "")
    return bool(value) and value == requested_at(obj) and value != status(obj).get(handled)
