"""Checks of health that an administrator configures, as data.  Decides; never acts.

**Imitates:** argo-cd util/lua/lua.go (`GetHealthScript`: exact key, then globs) and docs/operator-manual/health.md.
Differs: a check is written as rules on conditions, or names a check that is built in here; Lua is not run, and
`unread` tells of every script so that whoever configures one learns that it has no effect.

**Walk:** `resource.customizations.health.<group>_<kind>` -> `customizations` -> `check.assess` asks them first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.health import custom
from kcsim.delivery.gitops.argocd.health.check import Check
from kcsim.delivery.gitops.argocd.health.conditions import Rule, Rules
from kcsim.delivery.gitops.argocd.health.status import ORDER, UNKNOWN, Health
from kcsim.manifests import ManifestError, documents

PREFIX = "resource.customizations.health."

_NAMED: Mapping[str, Check] = {"Application": custom.application}


def customizations(data: Mapping[str, Any]) -> dict[str, Check]:
    """The checks that the data of argocd-cm configures, by `group/Kind`, `Kind` for the core group.

    A value is the name of a check (`Application`: the one that the documentation tells to restore), or an object, as such
    or as YAML: `conditions`, a list of `{type, status, health, reason, message}` of which the first that matches counts, and
    `waiting`, the message of an object that none matches.

    Raises: ValueError when a value is neither, or names a health that there is not.
    """
    return {
        kind_key(key): _check(key, found)
        for key, value in data.items()
        if key.startswith(PREFIX) and not isinstance(found := _read(key, value), _Script)
    }


def unread(data: Mapping[str, Any]) -> list[str]:
    """The keys whose value is a Lua script, which is not run."""
    return [key for key in data if key.startswith(PREFIX) and isinstance(_read(key, data[key]), _Script)]


def kind_key(key: str) -> str:
    """`group/Kind` behind a key of argocd-cm, in which an underscore parts the two; `_` alone is the core group."""
    return key.removeprefix(PREFIX).replace("_", "/").removeprefix("/")


class _Script(str):
    """A text that is neither a name nor an object, and so taken for Lua."""

    __slots__ = ()


def _read(key: str, value: Any) -> Any:
    if not isinstance(value, str) or value in _NAMED:
        return value
    try:
        found = documents(value, key)
    except ManifestError:
        return _Script(value)
    made = found[0].value if len(found) == 1 else None
    return made if isinstance(made, Mapping) else _Script(value)


def _check(key: str, value: Any) -> Check:
    if isinstance(value, str):
        return _checked(_NAMED[value])
    if not isinstance(value, Mapping) or not isinstance(value.get("conditions"), Sequence):
        raise ValueError(f"{key}: a check is a name or an object with a list 'conditions'")  # noqa: TRY004
    rules = [_rule(key, raw) for raw in value["conditions"]]
    return Rules([rules], str(value.get("waiting", "")))


def _rule(key: str, raw: Mapping[str, Any]) -> Rule:
    health = str(raw.get("health", ""))
    if health not in ORDER:
        raise ValueError(f"{key}: health {health!r} is none of {', '.join(ORDER)}")
    message = raw.get("message")
    return Rule(
        str(raw.get("type", "")), str(raw.get("status", "")), health, str(raw.get("reason", "")), message
    )


def _checked(check: Check) -> Check:
    # As `ExecuteHealthLua`: what a script calls a health and is none becomes Unknown.
    def checked(obj: Object) -> Health | None:
        health = check(obj)
        if health is not None and health.status not in ORDER:
            return Health(UNKNOWN, "Lua returned an invalid health status")
        return health

    return checked
