"""What a pod failure policy makes of a failed pod.  Decides; never acts.

**Imitates:** ``pkg/controller/job/pod_failure_policy.go`` (v1.36): the first rule that matches decides; a rule with an
action unknown here is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.api import objects

Object = dict[str, Any]

_ACTIONS = ("Ignore", "FailIndex", "Count", "FailJob")


@dataclass(frozen=True, slots=True)
class Match:
    """The outcome: the rule's ``action``, "" for no rule; whether the failure ``counts``; why the whole Job fails."""

    action: str = ""
    counts: bool = True
    fails_job: str = ""


def match(policy: Object | None, pod: Object, *, per_index: bool = True) -> Match:
    """Which rule applies to a failed pod. ``per_index``: the gate JobBackoffLimitPerIndex."""
    for index, rule in enumerate((policy or {}).get("rules") or ()):
        action = rule.get("action")
        if action not in _ACTIONS or (action == "FailIndex" and not per_index):
            continue
        evidence = _evidence(rule, pod)
        if evidence:
            if action == "FailJob":
                return Match(action, True, f"{evidence} matching FailJob rule at index {index}")
            return Match(action, action != "Ignore")
    return Match()


def _evidence(rule: Object, pod: Object) -> str:
    """What in the pod matches a rule, in words; "" for nothing."""
    status, metadata = pod.get("status") or {}, pod["metadata"]
    where = f"{metadata.get('namespace', '')}/{metadata['name']}"
    if rule.get("onExitCodes") is not None:
        found = _matching_container(status, rule["onExitCodes"])
        if found is not None:
            code = found["state"]["terminated"].get("exitCode", 0)
            return f"Container {found['name']} for pod {where} failed with exit code {code}"
    elif rule.get("onPodConditions") is not None:
        for pattern in rule["onPodConditions"]:
            for condition in status.get("conditions") or ():
                if condition["type"] == pattern["type"] and condition.get("status") == pattern.get("status"):
                    return f"Pod {where} has condition {condition['type']}"
    return ""


def _matching_container(status: Object, requirement: Object) -> Object | None:
    wanted = requirement.get("containerName")
    for each in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        terminated = objects.get_in(each, ("state", "terminated"))
        if terminated is None or (wanted is not None and each["name"] != wanted):
            continue
        code = terminated.get("exitCode", 0)
        if code and _code_matches(code, requirement):
            found: Object = each
            return found
    return None


def _code_matches(code: int, requirement: Object) -> bool:
    listed = code in (requirement.get("values") or ())
    return {"In": listed, "NotIn": not listed}.get(requirement.get("operator", ""), False)
