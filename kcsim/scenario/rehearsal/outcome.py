"""What came of a change in one world: in what order it was applied, what went, what never became ready, the worst moment.

Read from the trace once the world has run; takes no part in it.
**Walk:** the commits of the play -> for each the writes of its delivery up to the next one -> the objects it asks for,
compared with what is live at the end -> the fewest available replicas of each workload that was there before.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.flux.toolkit import GIT_REPOSITORIES, KUSTOMIZATIONS
from kcsim.delivery.gitops.kstatus import CURRENT, compute
from kcsim.engine.clock import to_seconds
from kcsim.scenario.changes import WORKLOADS, Change
from kcsim.scenario.play import Play
from kcsim.scenario.wanted import ObjectKey, Wanted

_REPLICAS = {
    "deployments.apps": ("replicas", "availableReplicas"),
    "statefulsets.apps": ("replicas", "availableReplicas"),
    "replicasets.apps": ("replicas", "availableReplicas"),
}
_DAEMON_SETS = "daemonsets.apps"
_JUDGED = WORKLOADS | {"PersistentVolumeClaim"}
_DELIVERY = (KUSTOMIZATIONS, GIT_REPOSITORIES, terms.APPLICATIONS)


_KINDS = dict(zip(_DELIVERY, ("kustomization", "gitrepository", "application"), strict=True))


@dataclass(frozen=True, slots=True)
class Applied:
    """A write of the delivery; `verb` as kubectl words it: created, configured, deleted. `at` in µs after the commit."""

    at: int
    verb: str
    object: str
    scope: str


@dataclass(frozen=True, slots=True)
class Unready:
    """An object of the newest commit that is not there, or not ready, when the run ends; `why` as the cluster says it."""

    object: str
    why: str


@dataclass(frozen=True, slots=True)
class Worst:
    """The fewest replicas of a workload that answered after a commit, of as many as there had to be; `at` in µs after it."""

    object: str
    available: int
    of: int
    at: int


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of one commit.

    Attributes:
        converged: µs from the commit until everything it asks for was live and ready, and pruned what it has no longer;
            None: never.
        failure: why its delivery gave up, if it did.
        order: first writes to the objects of this commit and the one before, in time.
        pruned: objects that were deleted because git has them no longer.
        left: objects that git has no longer and that stay.
        unready: see `Unready`; of the newest commit only.
        worst: of every workload that was there before; empty for the first commit.
    """

    sha: str
    title: str
    at: int
    converged: int | None
    failure: str
    order: tuple[Applied, ...]
    pruned: tuple[str, ...]
    left: tuple[str, ...]
    unready: tuple[Unready, ...]
    worst: tuple[Worst, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Plain data; times in virtual seconds."""
        return {
            "commit": self.sha,
            "title": self.title,
            "at": to_seconds(self.at),
            "converged": None if self.converged is None else to_seconds(self.converged),
            "failure": self.failure,
            "order": [
                {"at": to_seconds(each.at), "verb": each.verb, "object": each.object, "by": each.scope}
                for each in self.order
            ],
            "pruned": list(self.pruned),
            "left": list(self.left),
            "unready": [{"object": each.object, "why": each.why} for each in self.unready],
            "worst": [
                {"object": e.object, "available": e.available, "of": e.of, "at": to_seconds(e.at)}
                for e in self.worst
            ],
        }


def rehearsed(play: Play) -> tuple[Rehearsed, ...]:
    """What came of each commit of a world so far, oldest first."""
    changes = play.changes()
    versions = [record for record in play.trace.records if isinstance(record, Version)]
    found = []
    for number, change in enumerate(changes):
        before = changes[number - 1] if number else None
        after = changes[number + 1] if number + 1 < len(changes) else None
        found.append(_of(play, versions, before, change, after))
    return tuple(found)


def _of(
    play: Play, versions: Sequence[Version], before: Change | None, change: Change, after: Change | None
) -> Rehearsed:
    wanted = {each.key: each for each in play.way.wanted(change.sha)}
    earlier = {each.key: each for each in play.way.wanted(before.sha)} if before is not None else {}
    end = after.at if after is not None else play.engine.now
    ours = [
        (key, version)
        for version in versions
        if change.at <= version.time <= end and (key := key_of(version)) in (wanted.keys() | earlier.keys())
    ]
    order = tuple(_order(play, ours, wanted, earlier, change.at))
    gone = earlier.keys() - wanted.keys()
    live, had = _live(versions, end), _live(versions, change.at - 1)
    return Rehearsed(
        change.sha,
        change.title,
        change.at,
        _converged(change, order, {_name(key, earlier[key]) for key in gone}),
        change.failure,
        order,
        tuple(_name(key, earlier[key]) for key in sorted(gone) if key in had and key not in live),
        tuple(_name(key, earlier[key]) for key in sorted(gone) if key in live),
        (*_given_up(play, change.sha), *_unready(play, wanted, live)) if after is None else (),
        tuple(_worst(ours, had, wanted, change.at)) if before is not None else (),
    )


def key_of(version: Version) -> ObjectKey:
    """The object that a version is of."""
    return ObjectKey(version.cluster, version.resource.group_resource, *version.key)


def _live(versions: Sequence[Version], until: int) -> dict[ObjectKey, Object]:
    """Every object at an instant."""
    live: dict[ObjectKey, Object] = {}
    for version in versions:
        if version.time > until:
            break
        if version.deleted:
            live.pop(key_of(version), None)
        else:
            live[key_of(version)] = version.object
    return live


def _converged(change: Change, order: Sequence[Applied], gone: Collection[str]) -> int | None:
    """Until all it asks for was live and ready, and what it has no longer was deleted where that is done."""
    if change.lead_time is None:
        return None
    return max(
        [change.lead_time, *(each.at for each in order if each.verb == "deleted" and each.object in gone)]
    )


# Order.


def _order(
    play: Play,
    ours: Sequence[tuple[ObjectKey, Version]],
    wanted: Mapping[ObjectKey, Wanted],
    earlier: Mapping[ObjectKey, Wanted],
    since: int,
) -> Iterator[Applied]:
    told: set[tuple[ObjectKey, str]] = set()
    for key, version in ours:
        if version.actor not in play.way.actors or version.subresource:
            continue
        verb = _verb(version)
        if not verb or (key, verb) in told:
            continue
        told.add((key, verb))
        known = wanted.get(key) or earlier[key]
        yield Applied(version.time - since, verb, _name(key, known), known.scope)


def _verb(version: Version) -> str:
    """As kubectl words it; "" for what changes nothing that a manifest can say."""
    if version.deleted or version.object["metadata"].get("deletionTimestamp"):
        return "deleted"
    if version.previous is None:
        return "created"
    metadata = ("labels", "annotations")
    old, new = version.previous.object, version.object
    if version.resource.group_resource in _DELIVERY:
        # Its controllers note operations and refreshes beside what git says.
        return "" if old.get("spec") == new.get("spec") else "configured"
    same = all(old.get(field) == new.get(field) for field in {*old, *new} - {"metadata", "status"}) and all(
        old["metadata"].get(field) == new["metadata"].get(field) for field in metadata
    )
    return "" if same else "configured"


def _name(key: ObjectKey, wanted: Wanted) -> str:
    """kind/name in namespace, and the cluster where there are several."""
    space = f"{key.namespace}/" if key.namespace else ""
    place = f" in {key.cluster}" if key.cluster else ""
    return f"{wanted.resource.singular}/{space}{key.name}{place}"


# What is not ready.


def _given_up(play: Play, sha: str) -> Iterator[Unready]:
    """Why pipelines that were to bring a commit failed; agents say so in their own objects."""
    if play.way.notices_drift:
        return
    last = {(attempt.cluster, attempt.scope): attempt for attempt in play.way.attempts if attempt.sha == sha}
    for attempt in last.values():
        if attempt.outcome == "failed":
            yield Unready("the pipeline", attempt.reason)


def _unready(
    play: Play, wanted: Mapping[ObjectKey, Wanted], live: Mapping[ObjectKey, Object]
) -> Iterator[Unready]:
    now = play.engine.now
    for key, obj in live.items():
        said = _said(obj) if key.resource in _DELIVERY else ""
        if said:
            kind = _KINDS[key.resource]
            yield Unready(f"{kind}/{key.namespace}/{key.name}", said)
    for key, each in sorted(wanted.items()):
        if key.resource in _DELIVERY:
            continue
        found = live.get(key)
        if found is None:
            yield Unready(_name(key, each), "was never applied")
        elif each.resource.kind in _JUDGED or (found.get("status") or {}).get("conditions"):
            result = compute(found, now)
            if result.status != CURRENT:
                why = f"{result.status}: {result.message}" if result.message else result.status
                pods = _pods(key, found, live)
                yield Unready(_name(key, each), f"{why}; {pods}" if pods else why)


def _said(obj: Object) -> str:
    """What a Kustomization or an Application says is wrong with it."""
    status = obj.get("status") or {}
    if (obj.get("spec") or {}).get("suspend"):
        return "suspended"
    if obj["kind"] != "Application":
        ready: Mapping[str, Any] = next(
            (c for c in status.get("conditions") or () if c.get("type") == "Ready"), {}
        )
        return (
            ""
            if ready.get("status") == "True"
            else f"{ready.get('reason', 'Unknown')}: {ready.get('message', '')}"
        )
    parts = [f"{c.get('type')}: {c.get('message')}" for c in status.get("conditions") or ()]
    operation = status.get("operationState") or {}
    if operation.get("phase") in {"Failed", "Error"}:
        parts.append(f"sync {operation['phase']}: {operation.get('message', '')}")
    sync, health = ((status.get(name) or {}).get("status", "Unknown") for name in ("sync", "health"))
    if sync != terms.SYNCED:
        automated = ((obj.get("spec") or {}).get("syncPolicy") or {}).get("automated")
        parts.append(sync if automated is not None else f"{sync}, and nothing syncs it by itself")
    if health not in {"Healthy", "Suspended"}:
        parts.append(health)
    return "; ".join(parts)


def _pods(key: ObjectKey, workload: Object, live: Mapping[ObjectKey, Object]) -> str:
    """Why containers of a workload's pods wait or end, the first reason of each kind; why they have no machine."""
    labels = (((workload.get("spec") or {}).get("selector") or {}).get("matchLabels")) or {}
    reasons: dict[str, str] = {}
    for place, pod in sorted(live.items()):
        if place.resource != "pods" or (place.cluster, place.namespace) != (key.cluster, key.namespace):
            continue
        own = pod["metadata"].get("labels") or {}
        if not labels or any(own.get(name) != value for name, value in labels.items()):
            continue
        status = pod.get("status") or {}
        for container in (
            *(status.get("initContainerStatuses") or ()),
            *(status.get("containerStatuses") or ()),
        ):
            for state in (container.get("state") or {}).values():
                if state.get("reason") and state["reason"] not in {
                    "Completed",
                    "ContainerCreating",
                    "PodInitializing",
                }:
                    reasons.setdefault(state["reason"], state.get("message") or "")
        for condition in status.get("conditions") or ():
            if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
                reasons.setdefault(condition.get("reason", ""), condition.get("message", ""))
    return "; ".join(f"{reason}: {message}" if message else reason for reason, message in reasons.items())


# The worst moment.


def _worst(
    ours: Sequence[tuple[ObjectKey, Version]],
    before: Mapping[ObjectKey, Object],
    wanted: Mapping[ObjectKey, Wanted],
    since: int,
) -> Iterator[Worst]:
    fewest: dict[ObjectKey, tuple[int, int, int]] = {}
    for key in sorted(wanted):
        if (had := before.get(key)) is not None and (counted := _counted(key, had)) is not None:
            fewest[key] = (*counted, 0)
    desired = {key: of for key, (_, of, _) in fewest.items()}
    for key, version in ours:
        if key not in fewest:
            continue
        counted = (0, desired[key]) if version.deleted else _counted(key, version.object)
        if counted is None:
            continue
        # What is scaled up on the way is no loss, what is scaled down on purpose neither.
        of = min(counted[1], desired[key])
        available = min(counted[0], of)
        if of and available * fewest[key][1] < fewest[key][0] * of:
            fewest[key] = (available, of, version.time - since)
    for key, (available, of, at) in fewest.items():
        yield Worst(_name(key, wanted[key]), min(available, of), of, at)


def _counted(key: ObjectKey, obj: Object) -> tuple[int, int] | None:
    """(available, desired) replicas of a workload; None for anything else."""
    status = obj.get("status") or {}
    if key.resource == _DAEMON_SETS:
        return status.get("numberAvailable", 0), status.get("desiredNumberScheduled", 0)
    if key.resource not in _REPLICAS:
        return None
    desired, available = _REPLICAS[key.resource]
    return status.get(available, 0), obj["spec"].get(desired, 1)
