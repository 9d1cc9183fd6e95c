"""The health of one object.  Decides; never acts.

**Imitates:** gitops-engine pkg/health/health.go (`GetResourceHealth`, `IsWorse`): what is being deleted is Progressing,
then a customised check, then the built-in one; argo-cd's resource_customizations are built in too, and a check that an
administrator configures comes before them.

**Walk:** live object -> `assess` -> the check of its group and kind -> `Health`, or None for kinds without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import globs
from kcsim.delivery.gitops.argocd.health import conditions, core, custom, workloads
from kcsim.delivery.gitops.argocd.health.status import (
    DEGRADED,
    HEALTHY,
    MISSING,
    PROGRESSING,
    SUSPENDED,
    UNKNOWN,
    Health,
    is_worse,
)
from kcsim.delivery.gitops.argocd.resources import (
    is_deleting,
    kind_of,
)
from kcsim.delivery.gitops.argocd.sync import hooks
from kcsim.delivery.gitops.ordering import group_of

__all__ = [
    "DEGRADED",
    "HEALTHY",
    "MISSING",
    "PROGRESSING",
    "SUSPENDED",
    "UNKNOWN",
    "Check",
    "Health",
    "assess",
    "is_worse",
]

Check = Callable[[Object], Health | None]
"""The health of an object; None leaves the answer to the check that would be asked next."""

_NONE: Mapping[str, Check] = MappingProxyType({})

_CUSTOM: Mapping[str, Check] = {**custom.CHECKS, **conditions.CHECKS}
_BUILT_IN: Mapping[str, Check] = {**workloads.CHECKS, **core.CHECKS}


def assess(obj: Object, customizations: Mapping[str, Check] = _NONE) -> Health | None:
    """The health of a live object; None when nothing is known of its kind.

    `customizations`: checks by `group/Kind` (the kind alone in the core group), as `resource.customizations` of argocd-cm
    has them; globs are asked after exact names.
    """
    if is_deleting(obj) and not hooks.has_finalizer(obj):
        return Health(PROGRESSING, "Pending deletion")
    group = group_of(obj)
    name = f"{group}/{kind_of(obj)}" if group else kind_of(obj)
    asked = _configured(customizations, name) or _CUSTOM.get(name)
    if asked is not None and (health := asked(obj)) is not None:
        return health
    built_in = _BUILT_IN.get(name)
    return built_in(obj) if built_in is not None else None


def _configured(customizations: Mapping[str, Check], name: str) -> Check | None:
    exact = customizations.get(name)
    if exact is not None or not customizations:
        return exact
    patterns = (key for key in customizations if "*" in key or "?" in key)
    return next((customizations[key] for key in patterns if globs.matches(key, name)), None)
