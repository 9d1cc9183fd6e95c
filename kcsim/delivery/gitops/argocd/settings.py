"""What is set for an installation: flags and environment of the pods, ConfigMap argocd-cm.  Pure.

**Imitates:** argo-cd 3.x cmd/argocd-application-controller, cmd/argocd-repo-server (flags and their environment
variables), util/settings (argocd-cm). What is not modelled is returned by name, for the trace.

**Walk:** a pod's container -> ``controller_settings``, ``repo_settings``; argocd-cm -> ``Configuration``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.diff import ignore
from kcsim.delivery.gitops.argocd.diff.normalize import KnownField, known_fields, unknown_types
from kcsim.delivery.gitops.argocd.diff.state import is_excluded
from kcsim.delivery.gitops.argocd.diff.tracking import ANNOTATION, LABEL_KEY, Tracking
from kcsim.delivery.gitops.argocd.health import customize
from kcsim.delivery.gitops.argocd.health.check import Check
from kcsim.engine.clock import MINUTE, SECOND, seconds
from kcsim.manifests import ManifestError, documents

STATUS_PROCESSORS, OPERATION_PROCESSORS = 20, 10
QPS = 50
REFRESH, JITTER = 120 * SECOND, 60 * SECOND
REPO_SERVER_TIMEOUT = 60 * SECOND
KUBECTL_PARALLELISM = 20
REVISION_EXPIRY = 3 * MINUTE


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """Of argocd-application-controller; times in µs.

    Attributes:
        refresh, jitter, hard_refresh: --app-resync, --app-resync-jitter, --app-hard-resync (0: never).
        grace: how long errors of the repository are kept silent (--repo-error-grace-period-seconds).
        qps: of its client; the burst is twice that (ARGOCD_K8S_CLIENT_QPS).
        sync_timeout: --sync-timeout, 0 for none.
        self_heal_first, self_heal_factor, self_heal_most: the back-off of self-heal.
        replicas: of the controller, between which clusters are shared.
        sharding: the rule by which they are.
        wave_delay: between two waves (ARGOCD_SYNC_WAVE_DELAY).
        persist_health: whether each resource's health is in the status (--persist-resource-health).
    """

    status_processors: int = STATUS_PROCESSORS
    operation_processors: int = OPERATION_PROCESSORS
    refresh: int = REFRESH
    jitter: int = JITTER
    hard_refresh: int = 0
    grace: int = REFRESH + JITTER
    repo_server_timeout: int = REPO_SERVER_TIMEOUT
    kubectl_parallelism: int = KUBECTL_PARALLELISM
    qps: int = QPS
    sync_timeout: int = 0
    self_heal_first: int = 2 * SECOND
    self_heal_factor: int = 3
    self_heal_most: int = 300 * SECOND
    server_side_diff: bool = False
    persist_health: bool = True
    replicas: int = 1
    sharding: str = "legacy"
    wave_delay: int = 2 * SECOND


@dataclass(frozen=True, slots=True)
class RepoSettings:
    """Of argocd-repo-server: generations at once (0: any number), and how long (µs) refs are cached."""

    parallelism: int = 0
    revision_expiry: int = REVISION_EXPIRY


@dataclass(frozen=True, slots=True)
class SetSettings:
    """Of argocd-applicationset-controller: whether syncs go in steps, what sets may do, and whether each may say so itself."""

    progressive: bool = False
    policy: str = "sync"
    policy_override: bool = True


def resolved(pod: Object, config_maps: Mapping[str, Mapping[str, str]]) -> Object:
    """A pod whose containers' environment has the values of the ConfigMaps that it refers to; without those left out."""
    containers = []
    for container in (pod.get("spec") or {}).get("containers") or ():
        variables = []
        for variable in container.get("env") or ():
            ref = (variable.get("valueFrom") or {}).get("configMapKeyRef")
            value = config_maps.get(ref["name"], {}).get(ref["key"]) if ref else variable.get("value")
            if value is not None:
                variables.append({"name": variable["name"], "value": value})
        containers.append({**container, "env": variables})
    return {**pod, "spec": {**pod["spec"], "containers": containers}}


def command_of(pod: Mapping[str, Any]) -> str:
    """Which program of the image a pod runs: ``argocd-repo-server`` ..."""
    for container in (pod.get("spec") or {}).get("containers") or ():
        words = [*(container.get("command") or ()), *(container.get("args") or ())]
        if words:
            return str(words[0]).rpartition("/")[2]
    return ""


_CONTROLLER: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "status-processors": ("status_processors", int),
    "operation-processors": ("operation_processors", int),
    "app-resync": ("refresh", lambda text: int(text) * SECOND),
    "app-resync-jitter": ("jitter", lambda text: int(text) * SECOND),
    "app-hard-resync": ("hard_refresh", lambda text: int(text) * SECOND),
    "repo-error-grace-period-seconds": ("grace", lambda text: int(text) * SECOND),
    "repo-server-timeout-seconds": ("repo_server_timeout", lambda text: int(text) * SECOND),
    "kubectl-parallelism-limit": ("kubectl_parallelism", int),
    "sync-timeout": ("sync_timeout", seconds),
    "self-heal-backoff-timeout-seconds": ("self_heal_first", lambda text: int(text) * SECOND),
    "self-heal-backoff-factor": ("self_heal_factor", int),
    "self-heal-backoff-cap-seconds": ("self_heal_most", lambda text: int(text) * SECOND),
    "server-side-diff-enabled": ("server_side_diff", lambda text: text == "true"),
    "persist-resource-health": ("persist_health", lambda text: text == "true"),
    "sharding-method": ("sharding", str),
}
_CONTROLLER_ENVIRONMENT: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "ARGOCD_RECONCILIATION_TIMEOUT": ("refresh", seconds),
    "ARGOCD_RECONCILIATION_JITTER": ("jitter", seconds),
    "ARGOCD_HARD_RECONCILIATION_TIMEOUT": ("hard_refresh", seconds),
    "ARGOCD_REPO_ERROR_GRACE_PERIOD_SECONDS": ("grace", lambda text: int(text) * SECOND),
    "ARGOCD_APPLICATION_CONTROLLER_STATUS_PROCESSORS": ("status_processors", int),
    "ARGOCD_APPLICATION_CONTROLLER_OPERATION_PROCESSORS": ("operation_processors", int),
    "ARGOCD_APPLICATION_CONTROLLER_REPO_SERVER_TIMEOUT_SECONDS": (
        "repo_server_timeout",
        lambda text: int(text) * SECOND,
    ),
    "ARGOCD_APPLICATION_CONTROLLER_KUBECTL_PARALLELISM_LIMIT": ("kubectl_parallelism", int),
    "ARGOCD_APPLICATION_CONTROLLER_SERVER_SIDE_DIFF": ("server_side_diff", lambda text: text == "true"),
    "ARGOCD_APPLICATION_CONTROLLER_SYNC_TIMEOUT": ("sync_timeout", seconds),
    "ARGOCD_CONTROLLER_REPLICAS": ("replicas", int),
    "ARGOCD_CONTROLLER_SHARDING_ALGORITHM": ("sharding", str),
    "ARGOCD_K8S_CLIENT_QPS": ("qps", int),
    "ARGOCD_SYNC_WAVE_DELAY": ("wave_delay", lambda text: int(text) * SECOND),
}
_REPO_SERVER: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "parallelismlimit": ("parallelism", int),
    "revision-cache-expiration": ("revision_expiry", seconds),
}
_REPO_SERVER_ENVIRONMENT: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "ARGOCD_REPO_SERVER_PARALLELISM_LIMIT": ("parallelism", int),
    "ARGOCD_RECONCILIATION_TIMEOUT": ("revision_expiry", seconds),
}
_SETS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "enable-progressive-syncs": ("progressive", lambda text: text == "true"),
    "policy": ("policy", str),
    "enable-policy-override": ("policy_override", lambda text: text == "true"),
}
_SETS_ENVIRONMENT: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_PROGRESSIVE_SYNCS": ("progressive", lambda text: text == "true"),
    "ARGOCD_APPLICATIONSET_CONTROLLER_POLICY": ("policy", str),
    "ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_POLICY_OVERRIDE": (
        "policy_override",
        lambda text: text == "true",
    ),
}
_WITHOUT_EFFECT = frozenset({"loglevel", "logformat", "redis", "repo-server", "metrics-port"})


def controller_settings(pod: Mapping[str, Any]) -> tuple[ControllerSettings, list[str]]:
    """The settings of a controller's pod, and what of its flags and environment is not modelled."""
    made, absent = _read(ControllerSettings(), pod, _CONTROLLER, _CONTROLLER_ENVIRONMENT)
    if made.grace == REFRESH + JITTER and (made.refresh, made.jitter) != (REFRESH, JITTER):
        # Upstream's default follows the two others.
        made = replace(made, grace=made.refresh + made.jitter)
    return made, absent


def repo_settings(pod: Mapping[str, Any]) -> tuple[RepoSettings, list[str]]:
    """The settings of a repo-server's pod, and what is not modelled."""
    return _read(RepoSettings(), pod, _REPO_SERVER, _REPO_SERVER_ENVIRONMENT)


def set_settings(pod: Mapping[str, Any]) -> tuple[SetSettings, list[str]]:
    """The settings of an ApplicationSet controller's pod, and what is not modelled.

    A policy that is given holds for all sets, unless they may override it.
    """
    made, absent = _read(SetSettings(), pod, _SETS, _SETS_ENVIRONMENT)
    named = any(flag == "policy" for flag, _ in _flags(pod)) or made != SetSettings(made.progressive)
    told = any(flag == "enable-policy-override" for flag, _ in _flags(pod))
    return (replace(made, policy_override=False) if named and not told else made), absent


def unknown_flags(pod: Mapping[str, Any]) -> list[str]:
    """The flags of a pod of which none has an effect here."""
    return [f"--{flag} is not modelled" for flag, _ in _flags(pod) if flag not in _WITHOUT_EFFECT]


_Settings = TypeVar("_Settings", ControllerSettings, RepoSettings, SetSettings)


def _read(
    made: _Settings, pod: Mapping[str, Any], flags: Mapping[str, Any], environment: Mapping[str, Any]
) -> tuple[_Settings, list[str]]:
    absent: list[str] = []
    changes: dict[str, Any] = {}
    for container in (pod.get("spec") or {}).get("containers") or ():
        for variable in container.get("env") or ():
            _take(
                changes, environment, variable["name"], str(variable.get("value") or ""), absent, quiet=True
            )
    for flag, value in _flags(pod):
        if flag not in _WITHOUT_EFFECT:
            _take(changes, flags, flag, value, absent)
    return replace(made, **changes), absent


def _take(
    changes: dict[str, Any],
    known: Mapping[str, tuple[str, Callable[[str], Any]]],
    name: str,
    value: str,
    absent: list[str],
    *,
    quiet: bool = False,
) -> None:
    found = known.get(name)
    if found is None:
        if not quiet or name.startswith("ARGOCD_"):
            absent.append(f"{name} is not modelled")
        return
    try:
        changes[found[0]] = found[1](value)
    except ValueError as error:
        absent.append(f"{name}={value}: {error}")


def _flags(pod: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for container in (pod.get("spec") or {}).get("containers") or ():
        words = [str(word) for word in container.get("args") or ()]
        while words:
            word = words.pop(0)
            if not word.startswith("--"):
                continue
            name, equals, value = word[2:].partition("=")
            if not equals:
                value = words.pop(0) if words and not words[0].startswith("-") else "true"
            yield name, value


# --- argocd-cm --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Configuration:
    """What argocd-cm says.

    Attributes:
        exclusions, inclusions: filters of resources (``apiGroups``, ``kinds``, ``clusters``) beside those built in.
        known: ``resource.customizations.knownTypeFields.*``: fields of custom kinds that hold built-in types.
        aggregated_roles, status_of: ``resource.compareoptions``: are rules of aggregated roles ignored, and whose status.
        ignored: ``resource.customizations.ignoreDifferences.*``: group/Kind -> its rules.
        impersonates, impersonation_enforced: `application.sync.impersonation.enabled` and `.enforced`: syncs act as the account that the
            project names for their destination; where it names none they fail, or act as the controller.
        health: checks of health that come before those built in, by group/Kind.
    """

    tracking: Tracking = field(default_factory=Tracking)
    exclusions: Sequence[Mapping[str, Any]] = ()
    inclusions: Sequence[Mapping[str, Any]] = ()
    ignored: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    health: Mapping[str, Check] = field(default_factory=dict)
    known: Sequence[KnownField] = ()
    aggregated_roles: bool = False
    status_of: str = "all"
    impersonates: bool = False
    impersonation_enforced: bool = True

    def excludes(self, group: str, kind: str, server: str) -> bool:
        """Whether a kind is none of Argo CD's business (IsExcludedResource)."""
        return is_excluded(group, kind, server, self.exclusions, self.inclusions)


_IMPERSONATION = "application.sync.impersonation."
_KNOWN = frozenset(
    {
        f"{_IMPERSONATION}enabled",
        f"{_IMPERSONATION}enforced",
        "application.instanceLabelKey",
        "application.resourceTrackingMethod",
        "installationID",
        "resource.respectRBAC",
        "timeout.hard.reconciliation",
        "timeout.reconciliation",
        "timeout.reconciliation.jitter",
    }
)
"""Read here, or by the pods as their environment."""
_COMPARE_OPTIONS = "resource.compareoptions"
_KNOWN_TYPES = "resource.customizations.knownTypeFields."
_UPDATES = "resource.customizations.ignoreResourceUpdates."
"""Upstream ships some; they are built in."""
_APPLICATION_HEALTH = f"{customize.PREFIX}argoproj.io_Application"


def configuration(config_map: Object | None) -> tuple[Configuration, list[str]]:
    """What argocd-cm says, and what in it is not modelled or cannot be read."""
    data: dict[str, str] = dict((config_map or {}).get("data") or {})
    if "obj.status.health" in data.get(_APPLICATION_HEALTH, ""):
        # The script that the documentation tells to restore the check of Applications with is built in.
        data[_APPLICATION_HEALTH] = "Application"
    absent = [f"argocd-cm {key}: Lua is not run" for key in customize.unread(data)]
    filters: dict[str, list[Mapping[str, Any]]] = {"resource.exclusions": [], "resource.inclusions": []}
    ignored: dict[str, Mapping[str, Any]] = {}
    known: list[KnownField] = []
    options: Mapping[str, Any] = {}
    health: dict[str, Check] = {}
    for key, text in sorted(data.items()):
        try:
            if key in filters:
                filters[key] += [rule for document in documents(text, key) for rule in document.value or ()]
            elif key == _COMPARE_OPTIONS:
                options = _shaped(key, text, dict) or {}
            elif key.startswith(_KNOWN_TYPES):
                group, _, kind = key.removeprefix(_KNOWN_TYPES).rpartition("_")
                known += known_fields(group, kind, _shaped(key, text, list) or ())
            elif key.startswith(ignore.PREFIX):
                ignored[ignore.override_key(key)] = _shaped(key, text, dict) or {}
            elif key not in _KNOWN and not key.startswith((_UPDATES, customize.PREFIX)):
                absent.append(f"argocd-cm {key} is not modelled")
            if key.startswith(customize.PREFIX):
                health |= customize.customizations({key: text})
        except (ManifestError, ValueError) as error:
            absent.append(f"argocd-cm {key}: {error}")
    absent += [f"argocd-cm {_KNOWN_TYPES}*: type {name} is not modelled" for name in unknown_types(known)]
    tracking = Tracking(
        data.get("application.resourceTrackingMethod") or ANNOTATION,
        data.get("application.instanceLabelKey") or LABEL_KEY,
        data.get("installationID") or "",
    )
    return Configuration(
        tracking,
        tuple(filters["resource.exclusions"]),
        tuple(filters["resource.inclusions"]),
        ignored,
        health,
        tuple(known),
        bool(options.get("ignoreAggregatedRoles")),
        str(options.get("ignoreResourceStatusField") or "all"),
        data.get(f"{_IMPERSONATION}enabled") == "true",
        data.get(f"{_IMPERSONATION}enforced") != "false",
    ), absent


def _shaped(key: str, text: str, shape: type) -> Any:
    """The value in a text; None when there is none.

    Raises: ManifestError when it is no YAML, ValueError when it is no object, or no list, as is wanted.
    """
    found = documents(text, key)
    value = found[0].value if found else None
    if value is not None and not isinstance(value, shape):
        raise ValueError(f"it is no {'list' if shape is list else 'object'}")
    return value
