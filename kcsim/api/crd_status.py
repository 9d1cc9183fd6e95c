"""What the API server says of a CustomResourceDefinition: its names, whether it is served, how it ends.  Decides; never acts.

**Imitates:** apiextensions-apiserver ``pkg/controller/status/naming_controller.go`` (calculateNamesAndConditions),
``pkg/controller/establish/establishing_controller.go``, ``pkg/controller/finalizer/crd_finalizer.go`` and
``pkg/registry/customresourcedefinition`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
"""The finalizer that holds a definition until its objects are gone."""
ESTABLISHED, NAMES_ACCEPTED, TERMINATING = "Established", "NamesAccepted", "Terminating"
_TEXTS = {
    "InstanceDeletionPending": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    "InstanceDeletionInProgress": "CustomResource deletion is in progress",
    "InstanceDeletionCompleted": "removed all instances",
}


def initial(crd: Object) -> Object:
    """The status of a definition that was just created: nothing is accepted yet."""
    stored = [v.get("name", "") for v in crd["spec"].get("versions") or () if v.get("storage")]
    return {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored}


def settled(crd: Object, others: Iterable[Object], now: str) -> Object:
    """The status with the names that are free accepted, and Established once all of them are.

    ``others`` are the definitions of the same group, ``now`` the time as RFC 3339. The same status when nothing changes.
    """
    status = crd["status"]
    names, asked = dict(status.get("acceptedNames") or {}), crd["spec"]["names"]
    taken = _taken(others)
    reason, message = "", ""
    for field, kinds in (
        ("plural", False),
        ("singular", False),
        ("shortNames", False),
        ("kind", True),
        ("listKind", True),
    ):
        used = taken[kinds]
        wanted, had = asked.get(field), names.get(field)
        errors = [f'"{name}" is already in use' for name in _fresh(wanted, had) if name in used]
        if errors:
            reason = f"{field[0].upper()}{field[1:]}Conflict"
            message = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
        elif wanted:
            names[field] = wanted
        else:
            names.pop(field, None)
    if asked.get("categories"):
        names["categories"] = asked["categories"]
    else:
        names.pop("categories", None)
    conditions = list(status.get("conditions") or ())
    accepted = not reason
    conditions = _with(
        conditions, NAMES_ACCEPTED, accepted, reason or "NoConflicts", message or "no conflicts found", now
    )
    if not is_established({"status": {"conditions": conditions}}):
        text = "the initial names have been accepted" if accepted else "not all names are accepted"
        conditions = _with(
            conditions,
            ESTABLISHED,
            accepted,
            "InitialNamesAccepted" if accepted else "NotAccepted",
            text,
            now,
        )
    new = {**status, "conditions": conditions, "acceptedNames": names}
    new["storedVersions"] = _stored_versions(crd, status)
    return status if new == status else new


def is_established(crd: Object) -> bool:
    """Whether its objects are served."""
    return objects.condition_is(crd, ESTABLISHED)


def is_terminating(crd: Object) -> bool:
    """Whether its objects are on their way out, so that no further ones may be created."""
    return objects.condition_is(crd, TERMINATING)


def marked(crd: Object, now: str) -> Object:
    """The definition after the first request to delete it: held by the finalizer of its objects."""
    held = objects.with_metadata(crd, deletionTimestamp=now)
    return with_termination(held, "InstanceDeletionPending", now)


def with_termination(crd: Object, reason: str, now: str) -> Object:
    """The definition with how far the deletion of its objects has come."""
    status = crd["status"]
    ongoing = reason != "InstanceDeletionCompleted"
    conditions = _with(
        list(status.get("conditions") or ()), TERMINATING, ongoing, reason, _TEXTS[reason], now
    )
    return {**crd, "status": {**status, "conditions": conditions}}


def _taken(others: Iterable[Object]) -> tuple[set[str], set[str]]:
    """Names of resources and of kinds that other definitions of the group have been given."""
    resources: set[str] = set()
    kinds: set[str] = set()
    for other in others:
        names = (other.get("status") or {}).get("acceptedNames") or {}
        resources |= {names.get("plural", ""), names.get("singular", ""), *(names.get("shortNames") or ())}
        kinds |= {names.get("kind", ""), names.get("listKind", "")}
    return resources - {""}, kinds - {""}


def _fresh(wanted: Any, had: Any) -> list[str]:
    """The names asked for that were not accepted before."""
    if isinstance(wanted, list):
        return [name for name in wanted if name not in (had or ())]
    return [wanted] if wanted and wanted != had else []


def _stored_versions(crd: Object, status: Object) -> list[str]:
    """Every version that objects may be stored in: the storage version joins those before it."""
    stored = list(status.get("storedVersions") or ())
    return stored + [
        v["name"] for v in crd["spec"].get("versions") or () if v.get("storage") and v["name"] not in stored
    ]


def _with(
    conditions: list[Object], kind: str, true: bool, reason: str, message: str, now: str
) -> list[Object]:
    new = {"type": kind, "status": "True" if true else "False", "lastTransitionTime": now}
    new |= {"reason": reason, "message": message}
    for place, old in enumerate(conditions):
        if old["type"] == kind:
            if old["status"] == new["status"]:
                new["lastTransitionTime"] = old["lastTransitionTime"]
            return [*conditions[:place], new, *conditions[place + 1 :]]
    return [*conditions, new]
