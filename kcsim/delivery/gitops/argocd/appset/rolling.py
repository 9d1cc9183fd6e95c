"""Progressive syncs: the Applications of an ApplicationSet, step by step.  Decides; never acts.

**Imitates:** argo-cd applicationset/progressivesync (progressive_sync.go, validation_issues.go).
Left out: the doubts about a stale cache in a reverse deletion, since caches here cannot miss a deletion for good.

**Walk:** generated Applications -> `steps_of` -> how each is doing (`application_statuses`) -> which step is open
(`to_sync`) -> as many as maxUpdate allows become Pending (`promoted`) -> `with_operation` starts their syncs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import intstr
from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import retries, terms
from kcsim.delivery.gitops.argocd.appset import policy
from kcsim.delivery.gitops.argocd.diff.ignore import Ignores
from kcsim.delivery.gitops.argocd.resources import metadata_of, name_of
from kcsim.engine.clock import parse_rfc3339, seconds

WAITING, PENDING, PROGRESSING, HEALTHY = "Waiting", "Pending", "Progressing", "Healthy"

DELETION_POLL = seconds("10s")
"""How long a reverse deletion waits for one Application to be gone."""

_UNREACHABLE = frozenset({terms.INVALID_SPEC, terms.UNKNOWN_ERROR})

Status = dict[str, Any]
"""One member of `status.applicationStatus`."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Which Applications belong to which step, by name, and what is wrong with the steps."""

    members: list[list[str]]
    step_of: dict[str, int]
    bad_operators: list[tuple[int, str]] = field(default_factory=list)
    selected_twice: dict[str, list[int]] = field(default_factory=dict)
    bad_updates: list[tuple[int, Any]] = field(default_factory=list)

    def shown_step(self, name: str) -> str:
        """The step of an Application, counted from 1; -1 where no step selects it: it is never synced then."""
        return str(self.step_of[name] + 1) if name in self.step_of else "-1"


def is_rolling(appset: Object) -> bool:
    """Whether the strategy is RollingSync."""
    strategy = terms.spec(appset).get("strategy") or {}
    return strategy.get("type") == "RollingSync" and strategy.get("rollingSync") is not None


def rolling_steps(appset: Object) -> list[Mapping[str, Any]]:
    """The steps of a RollingSync; none for other strategies."""
    if not is_rolling(appset):
        return []
    return list((terms.spec(appset)["strategy"]["rollingSync"] or {}).get("steps") or ())


def deletes_in_reverse(appset: Object) -> bool:
    """Whether deleting the set deletes its Applications in reverse steps."""
    order = str((terms.spec(appset).get("strategy") or {}).get("deletionOrder") or "")
    return bool(rolling_steps(appset)) and order.lower() == "reverse"


def steps_of(appset: Object, applications: Sequence[Object]) -> Steps:
    """Sorts generated Applications into steps by their labels; the first step that selects one counts."""
    wanted = rolling_steps(appset)
    found = Steps([[] for _ in wanted], {})
    for app in applications:
        name, labels = name_of(app), metadata_of(app).get("labels") or {}
        for number, step in enumerate(wanted):
            if not _selects(step, labels, number, found):
                continue
            found.members[number].append(name)
            if name not in found.step_of:
                found.step_of[name] = number
            else:
                found.selected_twice.setdefault(name, [found.step_of[name]]).append(number)
    return found


def application_statuses(
    appset: Object,
    current: Sequence[Object],
    generated: Sequence[Object],
    steps: Steps,
    now: str,
    ignores: Ignores,
) -> list[Status]:
    """How far each Application that is there has come, sorted by name.

    `now`: RFC 3339.
    """
    known = {s["application"]: s for s in terms.status(appset).get("applicationStatus") or ()}
    wanted = {name_of(app): app for app in generated}
    found = [
        _application_status(
            app,
            known.get(name_of(app)),
            wanted.get(name_of(app)),
            steps.shown_step(name_of(app)),
            now,
            ignores,
        )
        for app in current
    ]
    return sorted(found, key=lambda status: str(status["application"]))


def to_sync(steps: Steps, statuses: Sequence[Status], current: Sequence[Object]) -> set[str]:
    """The Applications of open steps: a step opens when all Applications of those before it are Healthy."""
    state = {s["application"]: s["status"] for s in statuses}
    there = {name_of(app) for app in current}
    opened = set[str]()
    for members in steps.members:
        opened.update(members)
        if not all(name in there and state.get(name) == HEALTHY for name in members):
            break
    return opened


def promoted(
    appset: Object, statuses: Sequence[Status], opened: Collection[str], steps: Steps, now: str
) -> list[Status]:
    """The statuses with Waiting Applications of open steps made Pending, as many at a time as `maxUpdate` allows.

    `now`: RFC 3339.  Writes into `steps` which `maxUpdate` cannot be read; such a one lets one Application at a time.
    """
    wanted = rolling_steps(appset)
    totals, busy = dict[int, int](), dict[int, int]()
    for status in statuses:
        # Applications of no step are counted with the first one, as upstream's map reads them.
        step = steps.step_of.get(status["application"], 0)
        totals[step] = totals.get(step, 0) + 1
        busy[step] = busy.get(step, 0) + (status["status"] in (PENDING, PROGRESSING))
    made = []
    for status in statuses:
        step = steps.step_of.get(status["application"], 0)
        most = _most(wanted[step].get("maxUpdate") if step < len(wanted) else None, totals[step], step, steps)
        allowed = most is None or busy[step] < most
        if status["status"] == WAITING and status["application"] in opened and allowed:
            text = "Application moved to Pending status, watching for the Application resource to start Progressing"
            status = {**status, "status": PENDING, "message": text, "lastTransitionTime": now}
            busy[step] += 1
        made.append(status)
    return made


def with_operations(
    generated: Sequence[Object], statuses: Sequence[Status], opened: Collection[str]
) -> list[Object]:
    """The Applications as they are written: none syncs itself, and those that are Pending are told to sync."""
    pending = {s["application"] for s in statuses if s["status"] == PENDING}
    made = []
    for app in generated:
        automated = (terms.spec(app).get("syncPolicy") or {}).get("automated")
        enabled = automated is not None and automated.get("enabled") is not False
        prune = enabled and bool((automated or {}).get("prune"))
        app = without_automation(app)
        if name_of(app) in opened and name_of(app) in pending:
            app = _synced(app, prune=prune)
        made.append(app)
    return made


def without_automation(app: Object) -> Object:
    """An Application that does not sync itself; one without automation is left as it is."""
    policy_ = terms.spec(app).get("syncPolicy") or {}
    if policy_.get("automated") is None:
        return app
    automated = {**policy_["automated"], "enabled": False}
    return {**app, "spec": {**terms.spec(app), "syncPolicy": {**policy_, "automated": automated}}}


def next_deletion(appset: Object, current: Sequence[Object]) -> Object | None:
    """The Application that a reverse deletion is at: it is deleted, or waited for when it is being deleted already.

    None when all are gone.  Applications of no step are not waited for.
    """
    steps = steps_of(appset, current)
    ordered = sorted(
        (app for app in current if name_of(app) in steps.step_of),
        key=lambda app: (-steps.step_of[name_of(app)], name_of(app)),
    )
    return ordered[0] if ordered else None


def conditions(appset: Object, statuses: Sequence[Status], steps: Steps) -> list[dict[str, str]]:
    """InvalidRolloutConfig and RolloutProgressing."""
    return [_configuration(steps), _progress(appset, statuses)]


def _configuration(steps: Steps) -> dict[str, str]:
    problem = problem_of(steps)
    if problem:
        return policy.condition(policy.INVALID_ROLLOUT, True, "InvalidRolloutConfig", problem)
    return policy.condition(
        policy.INVALID_ROLLOUT, False, "ValidRolloutConfig", "Rolling Sync Configured correctly"
    )


def problem_of(steps: Steps) -> str:
    """What is wrong with the steps, the gravest of it; "" when nothing is."""
    if steps.bad_operators:
        numbers, operators = (list(part) for part in zip(*steps.bad_operators, strict=True))
        which = ", ".join(str(n + 1) for n in numbers)
        verb = "Step {} has" if len(numbers) == 1 else "Steps {} have"
        wrong = f"{verb.format(which)} invalid matchExpression operators: {', '.join(operators)}"
        return f"{wrong}. Supported Operators are 'In' and 'NotIn'"
    if steps.selected_twice:
        names = sorted(steps.selected_twice)
        where = ["-".join(str(n + 1) for n in steps.selected_twice[name]) for name in names]
        if len(names) == 1:
            return f"Application '{names[0]}' is selected by multiple steps: ({where[0]})"
        every = "', '".join(names)
        return f"Applications '{every}' are selected by multiple steps: [({'), ('.join(where)})]"
    if steps.bad_updates:
        which = ", ".join(str(n + 1) for n, _ in steps.bad_updates)
        values = ", ".join(str(v) for _, v in steps.bad_updates)
        if len(steps.bad_updates) == 1:
            return f"Step {which} has an invalid maxUpdate value: {values}"
        return f"Steps {which} have invalid maxUpdate values: [{values}]"
    empty = [str(number + 1) for number, members in enumerate(steps.members) if not members]
    return f"Steps [{' '.join(empty)}] have no applications matching their criteria" if empty else ""


def _progress(appset: Object, statuses: Sequence[Status]) -> dict[str, str]:
    done: dict[str, bool] = {}
    for status in statuses:
        step = status["step"]
        done[step] = done.get(step, True) and status["status"] == HEALTHY
    for number in range(1, len(rolling_steps(appset)) + 1):
        if done.get(str(number)) is False:
            text = f"ApplicationSet is performing rollout of step {number}"
            return policy.condition(policy.ROLLOUT_PROGRESSING, True, "ApplicationSetModified", text)
    return policy.condition(
        policy.ROLLOUT_PROGRESSING,
        False,
        "ApplicationSetRolloutComplete",
        "ApplicationSet Rollout has completed",
    )


def _selects(step: Mapping[str, Any], labels: Mapping[str, str], number: int, found: Steps) -> bool:
    for rule in step.get("matchExpressions") or ():
        key, operator = rule.get("key"), str(rule.get("operator") or "")
        if key not in labels:
            if operator == "In":
                return False
            continue
        if operator not in ("In", "NotIn"):
            if (number, operator) not in found.bad_operators:
                found.bad_operators.append((number, operator))
            return False
        if (labels[key] in (rule.get("values") or ())) is not (operator == "In"):
            return False
    return True


def _application_status(
    app: Object, known: Status | None, wanted: Object | None, step: str, now: str, ignores: Ignores
) -> Status:
    if known is None:
        text = "No Application status found, defaulting status to Waiting"
        known = _status(name_of(app), WAITING, text, _revisions(app), step, now)
    made = {**known, "step": step}
    revisions = list(known.get("targetRevisions") or ()) != _revisions(app)
    spec = wanted is not None and not policy.specs_alike(app, without_automation(wanted), ignores)
    if revisions or spec:
        what = " (revision and spec differ)" if revisions and spec else " (spec differs)" if spec else ""
        text = f"Application has pending changes{what}, setting status to Waiting"
        made = _status(name_of(app), WAITING, text, _revisions(app), step, now)
    synced = (terms.status(app).get("sync") or {}).get("status") == terms.SYNCED
    healthy = (terms.status(app).get("health") or {}).get("status") == "Healthy"
    if made["status"] == WAITING:
        if synced:
            # It may need no sync: what changed for it is nothing that it has.
            state = HEALTHY if healthy else PROGRESSING
            text = f"Application resource has synced, updating status to {state}"
            made = {**made, "status": state, "message": text, "lastTransitionTime": now}
    elif known["status"] == PENDING:
        text = _left_pending(app, known)
        if text:
            made = {**made, "status": PROGRESSING, "message": text, "lastTransitionTime": now}
    elif known["status"] == PROGRESSING and healthy and synced:
        text = "Application resource became Healthy, updating status from Progressing to Healthy"
        made = {**made, "status": HEALTHY, "message": text, "lastTransitionTime": now}
    return made


def _left_pending(app: Object, known: Status) -> str:
    since = parse_rfc3339(known["lastTransitionTime"])
    status = terms.status(app)
    looked = status.get("reconciledAt")
    if looked and parse_rfc3339(looked) <= since:
        return ""
    operation = status.get("operationState")
    if operation and parse_rfc3339(operation["startedAt"]) > since:
        phase = operation.get("phase")
        if phase == "Succeeded":
            how = "completed a sync successfully"
        else:
            how = "completed a sync" if phase in ("Failed", "Error") else "became Progressing"
        return f"Application resource {how}, updating status from Pending to Progressing"
    if any(c.get("type") in _UNREACHABLE for c in status.get("conditions") or ()):
        return "Application resource has error and cannot sync, updating status to Progressing"
    return ""


def _status(name: str, state: str, text: str, revisions: list[str], step: str, now: str) -> Status:
    return {
        "application": name,
        "status": state,
        "message": text,
        "step": step,
        "targetRevisions": revisions,
        "lastTransitionTime": now,
    }


def _revisions(app: Object) -> list[str]:
    sync = terms.status(app).get("sync") or {}
    if sync.get("revisions"):
        return list(sync["revisions"])
    return [sync["revision"]] if sync.get("revision") else []


def _most(value: Any, total: int, step: int, steps: Steps) -> int | None:
    if value is None:
        return None
    try:
        most = intstr.get_scaled_value_from_int_or_percent(value, total, round_up=False)
    except intstr.IntOrStringError:
        if all(number != step for number, _ in steps.bad_updates):
            steps.bad_updates.append((step, value))
        most = 0
    # Any percentage but none at all is at least one Application.
    return 1 if isinstance(value, str) and value != "0%" and most < 1 else most


def _synced(app: Object, *, prune: bool) -> Object:
    wanted = terms.spec(app).get("syncPolicy") or {}
    sync: dict[str, Any] = {}
    if wanted.get("syncOptions"):
        sync["syncOptions"] = list(wanted["syncOptions"])
    if prune:
        sync["prune"] = True
    operation = {
        "initiatedBy": {"username": "applicationset-controller", "automated": True},
        "info": [
            {
                "name": "Reason",
                "value": "ApplicationSet RollingSync triggered a sync of this Application resource",
            }
        ],
        "sync": sync,
        "retry": wanted.get("retry") or {"limit": retries.AUTOMATED_LIMIT},
    }
    return {**app, "operation": operation}
