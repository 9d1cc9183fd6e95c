"""What ``kubectl apply --server-side`` does after applying an object that was applied by the client before.

The annotation of the last client-side apply gets an owner of its own, and what client-side apply owned is handed to
the server-side manager, so that leaving a field out of the manifest removes it.

**Imitates:** kubectl ``pkg/cmd/apply/apply.go`` (saveLastApplyAnnotationIfNecessary, migrateToSSAIfNecessary) and
client-go ``util/csaupgrade`` (v1.36).

**Walk:** applied object -> its managers -> annotation applied as ``kubectl-last-applied`` -> managers handed over by a
JSON patch -> the caller applies again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.apply.fieldset import FieldSet
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps
from kcsim.kubectl.session import Session
from kcsim.kubectl.targets import Written

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
CLIENT_SIDE, LAST_APPLIED_MANAGER, SERVER_SIDE = (
    "kubectl-client-side-apply",
    "kubectl-last-applied",
    "kubectl",
)
_ANNOTATION = ("f:metadata", "f:annotations", f"f:{LAST_APPLIED}")
_FAILED = (
    "Warning: server rejected managed fields migration to Server-Side Apply. This is non-fatal and will be retried next "
    "time you apply. Error: {}\n"
)

Entry = dict[str, Any]


def migrate(session: Session, item: Written, applied: dict[str, Any], manager: str) -> Steps:
    """Hand what client-side apply owns to ``manager``; gives whether there was anything."""
    if LAST_APPLIED not in objects.annotations(applied):
        return False
    name = objects.name(applied)
    try:
        live = yield session.client.get(item.resource, item.namespace, name, managed_fields=True)
        if manager == SERVER_SIDE and annotation_is_orphan(_managers(live)):
            kept = {LAST_APPLIED: objects.annotations(live)[LAST_APPLIED]}
            identity = {k: live["metadata"][k] for k in ("name", "namespace") if k in live["metadata"]}
            body = {
                "apiVersion": live["apiVersion"],
                "kind": live["kind"],
                "metadata": {**identity, "annotations": kept},
            }
            yield session.client.patch(
                item.resource,
                item.namespace,
                name,
                body,
                type="apply",
                field_manager=LAST_APPLIED_MANAGER,
            )
            live = yield session.client.get(item.resource, item.namespace, name, managed_fields=True)
        handed = handed_over(_managers(live), manager)
        if handed is None:
            return False
        version = objects.resource_version(live)
        hand_over = [
            {"op": "replace", "path": "/metadata/managedFields", "value": handed},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]
        yield session.client.patch(item.resource, item.namespace, name, hand_over, type="json")
    except StatusError as error:
        session.warn(_FAILED.format(error.message))
        return False
    return True


def _managers(obj: dict[str, Any]) -> list[Entry]:
    found: list[Entry] = obj["metadata"].get("managedFields") or []
    return found


def annotation_is_orphan(entries: Sequence[Entry]) -> bool:
    """Whether only updates, client-side apply's among them, own the annotation of the last apply."""
    owners = [entry for entry in entries if FieldSet.from_json(entry["fieldsV1"]).has(_ANNOTATION)]
    return any(entry["manager"] == CLIENT_SIDE for entry in owners) and not any(
        entry["operation"] == "Apply" for entry in owners
    )


def handed_over(entries: Sequence[Entry], manager: str) -> list[Entry] | None:
    """The managers with client-side apply's fields added to ``manager``'s; None when it has none."""
    updates = [e for e in entries if e["operation"] == "Update"]
    # Whoever applied last by the client owns the annotation: kubectl, or a tool that uses it under a name of its own.
    appliers = {e["manager"] for e in updates if FieldSet.from_json(e["fieldsV1"]).has(_ANNOTATION)}
    old = [e for e in updates if e["manager"] in appliers and _whole(e)]
    if not old:
        return None
    into = next(
        (e for e in entries if (e["manager"], e["operation"]) == (manager, "Apply") and _whole(e)), None
    )
    fields = FieldSet.from_json(into["fieldsV1"]) if into is not None else FieldSet()
    for entry in old:
        fields = fields.union(FieldSet.from_json(entry["fieldsV1"]))
    merged = {
        **(into or old[0]),
        "manager": manager,
        "operation": "Apply",
        "fieldsV1": fields.to_json(),
    }
    rest = [e for e in entries if e is not into and e not in old]
    return [*rest, merged]


def _whole(entry: Entry) -> bool:
    return not entry.get("subresource")
