"""The command-line flags of the controllers, as their containers' ``args`` give them.

**Imitates:** the main.go of Flux's controllers, 2.9: defaults, names. Flags that concern what is not
simulated (logging, metrics, storage paths) are taken without effect; those that would change behaviour and are not
modelled are told in the trace.

**Walk:** a pod's args -> ``read`` -> ``Options`` and what to tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kcsim.delivery.gitops.flux.toolkit import JITTER, REQUEUE_DEPENDENCY
from kcsim.engine.clock import SECOND, seconds

CONCURRENT = {
    "source-controller": 2,
    "kustomize-controller": 4,
    "helm-controller": 4,
    "notification-controller": 4,
    "image-reflector-controller": 4,
    "image-automation-controller": 4,
    "source-watcher": 10,
}
CONCURRENT_SSA = 4
WATCHER_REQUEUE = 5 * SECOND
"""--requeue-dependency of source-watcher."""
_WITHOUT_EFFECT = frozenset(
    {
        "enable-leader-election",
        "health-addr",
        "log-encoding",
        "log-level",
        "metrics-addr",
        "pprof-addr",
        "storage-addr",
        "storage-adv-addr",
        "storage-path",
        "watch-all-namespaces",
    }
)


@dataclass(frozen=True, slots=True)
class Options:
    """How a controller runs; durations in µs.

    Attributes:
        concurrent: reconciliations at a time.
        concurrent_ssa: dry runs at a time inside one Kustomization.
        jitter: share by which intervals vary.
        default_service_account: whom a Kustomization acts as that names no account; "" for the controller itself.
        no_cross_namespace_refs: whether sources of other namespaces are refused.
        cancel_health_checks: whether a new revision ends a health check under way.
        force_push: whether a branch for updates of images is overwritten.
        external_artifacts: whether ExternalArtifacts may be sources.
        retry_on_failure: whether HelmReleases that name no strategy retry instead of being remedied.
        notifies: the namespace whose notification-controller gets the events; "" for none.
    """

    concurrent: int
    concurrent_ssa: int = CONCURRENT_SSA
    requeue_dependency: int = REQUEUE_DEPENDENCY
    jitter: float = JITTER
    default_service_account: str = ""
    no_cross_namespace_refs: bool = False
    cancel_health_checks: bool = False
    force_push: bool = True
    external_artifacts: bool = False
    retry_on_failure: bool = False
    notifies: str = ""


def read(controller: str, pod: Mapping[str, Any]) -> tuple[Options, list[str]]:
    """The options of a controller's pod, and the flags that are not modelled."""
    options = Options(CONCURRENT[controller])
    if controller == "source-watcher":
        options = replace(options, requeue_dependency=WATCHER_REQUEUE)
    absent: list[str] = []
    for flag, value in _flags(pod):
        if flag in _WITHOUT_EFFECT:
            continue
        try:
            changed = _changed(options, flag, value)
            if controller == "helm-controller" and changed is not None and changed.cancel_health_checks:
                changed = replace(changed, cancel_health_checks=False)
                absent.append(f"--{flag}={value}: CancelHealthCheckOnNewRevision not modelled")
        except ValueError as error:
            absent.append(f"--{flag}={value}: {error}")
            continue
        if changed is None:
            absent.append(f"--{flag} is not modelled")
        else:
            options = changed
    return options, absent


def _flags(pod: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for container in (pod.get("spec") or {}).get("containers") or ():
        for arg in container.get("args") or ():
            name, equals, value = str(arg).removeprefix("--").partition("=")
            found.append((name, value if equals else "true"))
    return found


def _changed(options: Options, flag: str, value: str) -> Options | None:
    """The options with one flag; None when it is not modelled."""
    match flag:
        case "concurrent":
            return replace(options, concurrent=int(value))
        case "concurrent-ssa":
            return replace(options, concurrent_ssa=int(value))
        case "requeue-dependency":
            return replace(options, requeue_dependency=seconds(value))
        case "interval-jitter-percentage":
            return replace(options, jitter=int(value) / 100)
        case "default-service-account":
            return replace(options, default_service_account=value)
        case "no-cross-namespace-refs":
            return replace(options, no_cross_namespace_refs=value == "true")
        case "events-addr":
            return replace(options, notifies=_namespace_in(value))
        case "feature-gates":
            gates = dict(gate.partition("=")[::2] for gate in value.split(",") if gate)
            cancel = gates.pop("CancelHealthCheckOnNewRevision", "false") == "true"
            force = gates.pop("GitForcePushBranch", "true") == "true"
            external = gates.pop("ExternalArtifact", "false") == "true"
            retry = gates.pop("DefaultToRetryOnFailure", "false") == "true"
            if gates:
                raise ValueError(f"{', '.join(sorted(gates))} not modelled")
            return replace(
                options,
                cancel_health_checks=cancel,
                force_push=force,
                external_artifacts=external,
                retry_on_failure=retry,
            )
        case _:
            return None


def _namespace_in(address: str) -> str:
    """The namespace of ``http://notification-controller.<namespace>.svc...``; "" for no address.

    Raises:
        ValueError: another address.
    """
    if not address:
        return ""
    service, _, rest = address.partition("://")[2].partition(".")
    if service != "notification-controller" or not rest:
        raise ValueError("events go to http://notification-controller.<namespace>.svc.cluster.local./ alone")
    return rest.partition(".")[0]
