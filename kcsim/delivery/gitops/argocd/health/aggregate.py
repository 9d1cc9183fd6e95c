"""The health of an Application from that of its resources.  Decides; never acts.

**Imitates:** argo-cd controller/health.go (`setApplicationHealth`, `formatHealthCauses`).

**Walk:** compared resources -> the health of each -> the worst of those that count -> `status.health`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.health.check import Check, assess
from kcsim.delivery.gitops.argocd.health.status import HEALTHY, MISSING, UNKNOWN, Health, is_worse
from kcsim.delivery.gitops.argocd.resources import (
    IGNORE_HEALTHCHECK,
    ResourceKey,
    annotations_of,
    key_of,
)
from kcsim.delivery.gitops.argocd.sync import hooks

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ApplicationHealth:
    """The health of an Application, and of each resource for which there is one, in the order given.

    `error`: why a check could not be made; it becomes a ComparisonError.
    """

    health: Health
    resources: tuple[Health | None, ...]
    error: str = ""


def application_health(
    resources: Iterable[tuple[Object | None, Object | None]],
    customizations: Mapping[str, Check],
    application: tuple[str, str],
) -> ApplicationHealth:
    """The health of an Application.

    `resources`: target and live object of each managed resource.  `application`: namespace and name, since an Application
    that manages itself takes no account of itself.
    """
    worst, causes = HEALTHY, list[ResourceKey]()
    own: list[Health | None] = []
    any_resource = any_live = False
    errors = list[str]()
    for target, live in resources:
        own.append(None)
        if (target is not None and hooks.is_skipped(target)) or (
            live is not None and (hooks.is_hook(live) or hooks.is_ignored(live))
        ):
            continue
        any_resource = True
        any_live = any_live or live is not None
        if live is None:
            # A single missing resource makes the Application OutOfSync, and does not touch its health.
            own[-1] = Health(MISSING)
            continue
        if annotations_of(live).get(IGNORE_HEALTHCHECK) == "true":
            continue
        key = key_of(live)
        is_application = (key.group, key.kind) == ("argoproj.io", "Application")
        if is_application and (key.namespace, key.name) == application:
            continue
        health = assess(live, customizations)
        if health is None:
            continue
        own[-1] = health
        if health.failed:
            errors.append(_failure(key, health))
        if is_application and health.status in (MISSING, UNKNOWN):
            continue
        if is_worse(worst, health.status):
            worst, causes = health.status, [key]
        elif worst == health.status and worst != HEALTHY:
            causes.append(key)
    if any_resource and not any_live and is_worse(worst, MISSING):
        worst, causes = MISSING, []
    return ApplicationHealth(Health(worst, caused_by(causes)), tuple(own), errors[0] if errors else "")


def caused_by(causes: list[ResourceKey]) -> str:
    """The resources to blame for a health, three of them at most; "" when there are none."""
    if not causes:
        return ""
    shown = ", ".join(_cause(key) for key in causes[:_SHOWN])
    more = len(causes) - _SHOWN
    return f"Caused by {shown}" + (f" and {more} more" if more > 0 else "")


def _cause(key: ResourceKey) -> str:
    kind = f"{key.group}/{key.kind}" if key.group else key.kind
    return f"{kind}:{key.namespace}/{key.name}" if key.namespace else f"{kind}:{key.name}"


def _failure(key: ResourceKey, health: Health) -> str:
    where = f'"{key.kind}" with name "{key.name}" in namespace "{key.namespace}"'
    return f"failed to get resource health for {where}: {health.message}"
