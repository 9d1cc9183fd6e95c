"""Timelines: what a watcher saw of each object, and whether two of them tell the same story.

A timeline is a list of ``{t, event, object, set}``; ``set`` holds what changed of the fields that are shown. Objects with
random names are paired by what happened to them; then names in texts must agree.

Two recordings of the real control plane differ in how many writes of a status a controller needed for several changes
at once. So a status may pass through other counts in between, as long as it stands the same wherever it comes to rest.
They differ too in the nodes that get pods of equal score, so only the nodes of daemon pods are compared. Changes outside
the fields shown are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kcsim.api import objects
from kcsim.api.log import Version
from kcsim.engine.clock import SECOND
from tests.transcripts.binding import PLACEHOLDER, Bindings, Difference

Object = dict[str, Any]
Entry = dict[str, Any]

TOLERANCE = 0.35
"""Seconds: the recordings' 0.3, and what rounding to tenths adds."""
REST = 0.15
"""Seconds for which a state must last to be compared; the fake grace period is twice that."""
MISSING = "(absent)"
_NAMED = frozenset({"rand", "hash"})


# --- what is shown ----------------------------------------------------------------------------------------------


def _counters(names: str) -> Callable[[Object], Object]:
    fields = names.split()
    return lambda obj: {f"status.{f}": (obj.get("status") or {}).get(f) for f in fields}


def _conditions(obj: Object, *, messages: bool = False) -> Object:
    shown = {}
    for condition in objects.conditions(obj):
        text = condition["status"]
        if condition.get("reason"):
            text += f" {condition['reason']}"
        if messages and condition.get("message"):
            text += f": {condition['message']}"
        shown[f"cond.{condition['type']}"] = text
    return shown


def _owner(obj: Object) -> str | None:
    ref = objects.controller_of(obj)
    return f"{ref['kind']}/{ref['name']}" if ref is not None else None


def _pod(pod: Object) -> Object:
    spec, status = pod["spec"], pod.get("status") or {}
    return {
        "phase": status.get("phase"),
        "node": spec.get("nodeName"),
        "owner": _owner(pod),
        "image": spec["containers"][0].get("image"),
        **_conditions(pod),
        **{f"container.{c['name']}": _state(c["state"]) for c in status.get("containerStatuses") or ()},
    }


def _state(state: Object) -> str:
    if "running" in state:
        return "running"
    if "terminated" in state:
        ended = state["terminated"]
        return f"terminated {ended['reason']} exit {ended.get('exitCode', 0)}"
    return f"waiting {state['waiting'].get('reason')}"


_REPLICAS = "observedGeneration replicas readyReplicas availableReplicas terminatingReplicas"
_deployment = _counters(f"{_REPLICAS} unavailableReplicas updatedReplicas")
_replica_set = _counters(f"{_REPLICAS} fullyLabeledReplicas")
_stateful_set = _counters(
    "observedGeneration replicas readyReplicas availableReplicas currentReplicas updatedReplicas "
    "currentRevision updateRevision collisionCount"
)
_daemon_set = _counters(
    "observedGeneration desiredNumberScheduled currentNumberScheduled numberReady updatedNumberScheduled"
)
_job = _counters("active ready succeeded failed terminating completedIndexes")
_budget = _counters("disruptionsAllowed currentHealthy desiredHealthy expectedPods")


def _uncounted(job: Object) -> Object | None:
    pods = (job.get("status") or {}).get("uncountedTerminatedPods") or {}
    return {kind: len(pods[kind]) for kind in sorted(pods) if pods[kind]} or None


def _revision(obj: Object) -> str | None:
    return objects.annotations(obj).get("deployment.kubernetes.io/revision")


_SHOWN: dict[str, Callable[[Object], Object]] = {
    "pods": _pod,
    "deployments": lambda o: {
        **_deployment(o),
        **_conditions(o, messages=True),
        "replicas": o["spec"].get("replicas"),
        "revision": _revision(o),
    },
    "replicasets": lambda o: {
        **_replica_set(o),
        **_conditions(o, messages=True),
        "replicas": o["spec"].get("replicas"),
        "revision": _revision(o),
        "owner": (objects.controller_of(o) or {}).get("name"),
    },
    "statefulsets": lambda o: {**_stateful_set(o), "replicas": o["spec"].get("replicas")},
    "daemonsets": _daemon_set,
    "jobs": lambda o: {
        **_job(o),
        **_conditions(o, messages=True),
        "uncounted": _uncounted(o),
        "completed": True if (o.get("status") or {}).get("completionTime") else None,
    },
    "poddisruptionbudgets": lambda o: {
        **_budget(o),
        **_conditions(o),
        "disrupted": len((o.get("status") or {}).get("disruptedPods") or ()),
    },
    "horizontalpodautoscalers": lambda o: {
        **_conditions(o),
        "current": (o.get("status") or {}).get("currentReplicas"),
        "desired": (o.get("status") or {}).get("desiredReplicas"),
    },
    "resourcequotas": lambda o: {"used": (o.get("status") or {}).get("used")},
    "nodes": lambda o: {
        **_conditions(o),
        "taints": [f"{t['key']}:{t['effect']}" for t in o["spec"].get("taints") or ()],
    },
}
_GENERATIONS = frozenset({"resourcequotas", "nodes", "horizontalpodautoscalers"})


def shown(resource: str, obj: Object) -> Object:
    """The fields of an object that timelines show, without absent ones."""
    fields = _SHOWN[resource](obj)
    if resource not in _GENERATIONS:
        fields["generation"] = obj["metadata"].get("generation")
    if resource in {"pods", "jobs"} and objects.is_deleting(obj):
        fields["deleting"] = True
    return {key: value for key, value in fields.items() if value is not None}


def record(
    versions: Iterable[Version], resources: list[str], namespace: str, nodes: list[str], since: int
) -> list[Entry]:
    """The timeline of what was written from ``since`` (µs) on."""
    entries = []
    for version in versions:
        resource = version.resource.plural
        where, name = version.key
        if resource == "nodes":
            if name not in nodes:
                continue
        elif resource not in resources or where != namespace:
            continue
        entry: Entry = {"t": round((version.time - since) / SECOND, 1)}
        before = version.previous.object if version.previous is not None else None
        if version.deleted:
            entry |= {"event": "DELETED", "object": f"{resource}/{name}"}
        elif resource == "events":
            entry |= _event(version.object, before)
        else:
            entry |= _change(resource, name, before, version.object)
        entries.append(entry)
    return entries


def _change(resource: str, name: str, before: Object | None, after: Object) -> Entry:
    new = shown(resource, after)
    if before is None:
        return {"event": "ADDED", "object": f"{resource}/{name}", "set": new}
    old = shown(resource, before)
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    changed.update({key: None for key in old if key not in new})
    return {"event": "MODIFIED", "object": f"{resource}/{name}", "set": changed or {"other": True}}


def _event(event: Object, before: Object | None) -> Entry:
    about = event["involvedObject"]
    fields = {
        "about": f"{about['kind']}/{about['name']}",
        "reason": event.get("reason"),
        "count": event.get("count"),
    }
    if before is not None:
        return {"event": "MODIFIED", "object": "events", "set": fields}
    source = (event.get("source") or {}).get("component") or event.get("reportingComponent")
    fields |= {"type": event.get("type"), "message": event.get("message"), "from": source}
    return {"event": "ADDED", "object": "events", "set": fields}


# --- comparing --------------------------------------------------------------------------------------------------


def compare(expected: list[Entry], actual: list[Entry], known: Bindings) -> list[Difference]:
    """Where two timelines differ. Names of ``known`` that are not random hold here too."""
    bindings = Bindings(
        {n: v for n, v in known.values.items() if (m := PLACEHOLDER.match(n)) and m[1] not in _NAMED}
    )
    expected, actual = _without_luck(expected), _without_luck(actual)
    left, right = _by_object(expected), _by_object(actual)
    found = []
    for name, entries in left.items():
        found += _pair(name, entries, right, bindings)
    found += [Difference(name, MISSING, entries) for name, entries in right.items()]
    return found + _events(expected, actual, bindings)


def _without_luck(entries: list[Entry]) -> list[Entry]:
    """The entries without unseen changes, and without the nodes that the scheduler chose."""
    daemons = {
        f"Pod/{entry['object'].partition('/')[2]}"
        for entry in entries
        if str(entry.get("set", {}).get("owner", "")).startswith("DaemonSet/")
    }
    kept = []
    for entry in entries:
        changed = dict(entry.get("set", {}))
        if changed == {"other": True}:
            continue
        about = changed.get("about") or f"Pod/{entry['object'].partition('/')[2]}"
        if about not in daemons:
            if changed.get("node") is not None:
                changed["node"] = "a node"
            if changed.get("reason") == "Scheduled" and "message" in changed:
                changed["message"] = changed["message"].rpartition(" to ")[0]
        kept.append({**entry, "set": changed})
    return kept


def _by_object(entries: list[Entry]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry["object"] != "events":
            groups.setdefault(entry["object"], []).append(entry)
    return groups


def _pair(
    name: str, entries: list[Entry], right: dict[str, list[Entry]], bindings: Bindings
) -> list[Difference]:
    """Take the actual object that tells the recorded one's story best out of ``right``."""
    best: tuple[int, str, Bindings, list[Difference]] | None = None
    for candidate, others in right.items():
        tried = Bindings(dict(bindings.values))
        if not tried.match(name, candidate):
            continue
        differences = _stories(candidate, entries, others, tried)
        if best is None or len(differences) < best[0]:
            best = (len(differences), candidate, tried, differences)
    if best is None:
        return [Difference(name, entries, MISSING)]
    _, candidate, tried, differences = best
    del right[candidate]
    bindings.values.update(tried.values)
    return differences


def _stories(name: str, left: list[Entry], right: list[Entry], bindings: Bindings) -> list[Difference]:
    exact = _same_steps(name, left, right, Bindings(dict(bindings.values)))
    if not exact or name.startswith("pods/"):
        return exact or _same_steps(name, left, right, bindings)
    return _same_rests(name, left, right, bindings)


def _same_steps(name: str, left: list[Entry], right: list[Entry], bindings: Bindings) -> list[Difference]:
    """The same changes in the same order at the same times."""
    found = []
    for place, (a, b) in enumerate(zip(left, right, strict=False)):
        where = f"{name}[{place}] at {a['t']}"
        if a["event"] != b["event"] or bindings.compare(a.get("set", {}), b.get("set", {})):
            found.append(Difference(where, a, b))
        elif abs(a["t"] - b["t"]) > TOLERANCE:
            found.append(Difference(f"{where}.t", a["t"], b["t"]))
    if len(left) != len(right):
        rest = left[len(right) :] or right[len(left) :]
        found.append(Difference(f"{name}.length", len(left), f"{len(right)}: {rest[:2]}"))
    return found


def _same_rests(name: str, left: list[Entry], right: list[Entry], bindings: Bindings) -> list[Difference]:
    """The same state wherever nothing was written for a while, reached at the same time."""
    a, b = _rests(left), _rests(right)
    found = []
    for place, ((t, state), (u, other)) in enumerate(zip(a, b, strict=False)):
        where = f"{name} at rest [{place}] at {t}"
        if bindings.compare(state, other):
            found += bindings.compare(state, other, where)
        elif abs(t - u) > TOLERANCE:
            found.append(Difference(f"{where}.t", t, u))
    if len(a) != len(b):
        found.append(Difference(f"{name} rests", a, b))
    return found


def _rests(entries: list[Entry]) -> list[tuple[float, Object]]:
    """The states that lasted for a while, each with the time of the write that began it."""
    states: list[tuple[float, Object]] = []
    state: Object = {}
    for place, entry in enumerate(entries):
        changed = {} if entry["event"] == "DELETED" else entry["set"]
        state = {k: v for k, v in {**state, **changed}.items() if v is not None and k != "other"}
        if entry["event"] == "DELETED":
            state = {"deleted": True}
        follower = entries[place + 1] if place + 1 < len(entries) else None
        if follower is None or follower["t"] - entry["t"] > REST:
            if not states or states[-1][1] != state:
                states.append((entry["t"], state))
    return states


def _events(expected: list[Entry], actual: list[Entry], bindings: Bindings) -> list[Difference]:
    """Each recorded event written, about the same time; no others."""
    left = [entry for entry in expected if entry["object"] == "events"]
    right = [entry for entry in actual if entry["object"] == "events"]
    found = []
    for entry in left:
        match = next((other for other in right if _same_event(entry, other, bindings)), None)
        if match is None:
            texts = {k: bindings.shown(v) if isinstance(v, str) else v for k, v in entry["set"].items()}
            found.append(Difference(f"event at {entry['t']}", texts, MISSING))
        else:
            right.remove(match)
    return found + [Difference(f"event at {other['t']}", MISSING, other["set"]) for other in right]


def _same_event(a: Entry, b: Entry, bindings: Bindings) -> bool:
    return (
        a["event"] == b["event"]
        and abs(a["t"] - b["t"]) <= TOLERANCE
        and not bindings.compare(a["set"], b["set"])
    )
