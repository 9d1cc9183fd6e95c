"""What an object needs: nothing, an apply, a clean-up first, or to be left alone.  Decides; never acts.

**Imitates:** fluxcd/pkg ssa: manager_apply.go, manager_diff.go, patch.go, errors/immutable.go, normalize. Left out:
migration of API versions.

**Walk:** built object -> ``normalised`` -> (live object, dry-run) -> ``skips``, ``cleanup``, ``has_drifted``,
``is_immutable`` -> apply.py carries it out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.apply.fieldset import FieldSet
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux.ssa.ignore import Rule
from kcsim.delivery.gitops.inventory import ObjectRef

CREATED, CONFIGURED, UNCHANGED = "created", "configured", "unchanged"
DELETED, SKIPPED, UNKNOWN = "deleted", "skipped", "unknown"

_IMMUTABLE = re.compile(r"is\simmutable|immutable\sfield")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class FieldManager:
    """Whose entries in managedFields are taken over: those whose manager's name begins so, by kind of operation."""

    prefix: str
    operation: str


@dataclass(frozen=True, slots=True)
class Options:
    """How a set is applied; the selectors are labels or annotations as key -> value.

    Attributes:
        manager: the field manager.
        force: recreate what refuses to be changed.
        exclude: objects to leave alone.
        only_create: desired objects that are never changed once they exist.
        recreate: objects for which ``force`` holds.
        keep_managers: objects whose other managers are left alone.
        drop_annotations, drop_labels: what is taken off live objects.
        take_over: managers whose fields become ours.
        ignore: fields that are left to others.
    """

    manager: str
    force: bool = False
    exclude: Mapping[str, str] = field(default_factory=dict)
    only_create: Mapping[str, str] = field(default_factory=dict)
    recreate: Mapping[str, str] = field(default_factory=dict)
    keep_managers: Mapping[str, str] = field(default_factory=dict)
    drop_annotations: tuple[str, ...] = ()
    drop_labels: tuple[str, ...] = ()
    take_over: tuple[FieldManager, ...] = ()
    ignore: tuple[Rule, ...] = ()


def subject(obj: Mapping[str, Any]) -> str:
    """``Kind/namespace/name``, as messages and change logs write it."""
    metadata = obj.get("metadata") or {}
    namespace = metadata.get("namespace")
    parts = [obj.get("kind", ""), namespace, metadata.get("name", "")]
    return "/".join(p for p in parts if p)


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to one object; ``action`` is one of the words above."""

    ref: ObjectRef
    action: str

    @property
    def subject(self) -> str:
        """``Kind/namespace/name``."""
        return subject(self.ref.as_object())

    def __str__(self) -> str:
        return f"{self.subject} {self.action}"


def any_in_metadata(obj: Object | None, wanted: Mapping[str, str]) -> bool:
    """Whether a label or annotation has one of the values, whatever its case."""
    if obj is None or not wanted:
        return False
    labels, annotations = objects.labels(obj), objects.annotations(obj)
    return any(
        value.lower() in (str(labels.get(key, "")).lower(), str(annotations.get(key, "")).lower())
        for key, value in wanted.items()
    )


def skips(desired: Object, live: Object | None, options: Options) -> bool:
    """Whether an object is left alone."""
    if any_in_metadata(desired, options.exclude) or any_in_metadata(live, options.exclude):
        return True
    return live is not None and any_in_metadata(desired, options.only_create)


def normalised(obj: Object) -> Object:
    """The object as it is applied: without what only servers write, a Secret's texts encoded."""
    metadata = {
        k: v for k, v in (obj.get("metadata") or {}).items() if k != "creationTimestamp" or v is not None
    }
    new = {**obj, "metadata": metadata}
    if obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1" and obj.get("stringData"):
        texts = new.pop("stringData")
        encoded = {k: base64.b64encode(str(v).encode()).decode() for k, v in texts.items()}
        new["data"] = {**(obj.get("data") or {}), **encoded}
    return new


def has_drifted(live: Object | None, dry_run: Object) -> bool:
    """Whether an apply would change labels, annotations, or anything outside metadata and status."""
    if live is None:
        return True
    for read in (objects.labels, objects.annotations):
        if read(live) != read(dry_run):
            return True
    keys = (live.keys() | dry_run.keys()) - {"metadata", "status"}
    return any(not _equal(live.get(k), dry_run.get(k)) for k in sorted(keys))


def _equal(a: Any, b: Any) -> bool:
    # Go's semantic equality takes an empty list or map for an absent one.
    return a is b or a == b or (not a and not b and a in (None, [], {}) and b in (None, [], {}))


def is_immutable(error: StatusError) -> bool:
    """Whether an error is taken to mean that a field cannot be changed: any conflict, anything invalid, or by its text."""
    return error.reason in {"Conflict", "Invalid"} or _IMMUTABLE.search(error.message) is not None


def recreates(desired: Object, live: Object | None, error: StatusError, options: Options) -> bool:
    """Whether a live object that refuses the change is deleted and made anew."""
    if live is None or not is_immutable(error):
        return False
    return (
        options.force or any_in_metadata(desired, options.recreate) or any_in_metadata(live, options.recreate)
    )


def dry_run_message(obj: Object, error: StatusError) -> str:
    """What is said of an object that the server would not take (ssa/errors)."""
    who = subject(obj)
    if error.is_not_found:
        missing = "not found" if (obj.get("metadata") or {}).get("namespace") else "namespace not specified"
        return f"{who} {missing}: {error.message}"
    reason = f" ({error.reason})" if error.reason else ""
    return f"{who} dry-run failed{reason}: {error.message}"


# --- clean-up of a live object ------------------------------------------------------------------------------------


def cleanup(desired: Object, live: Object | None, options: Options) -> list[dict[str, Any]]:
    """The JSON patch that takes legacy metadata off a live object and other managers' fields over; often empty."""
    if live is None or any_in_metadata(desired, options.keep_managers):
        return []
    if any_in_metadata(live, options.keep_managers):
        return []
    patch: list[dict[str, Any]] = [
        {"op": "remove", "path": f"/metadata/{kind}/{key.replace('/', '~1')}"}
        for kind, keys in (("annotations", options.drop_annotations), ("labels", options.drop_labels))
        for key in keys
        if key in (live["metadata"].get(kind) or {})
    ]
    entries = taken_over(live["metadata"].get("managedFields") or [], options.take_over, options.manager)
    if entries is not None:
        patch.append({"op": "replace", "path": "/metadata/managedFields", "value": entries})
    return patch


def taken_over(
    entries: Sequence[Mapping[str, Any]], managers: Sequence[FieldManager], name: str
) -> list[Mapping[str, Any]] | None:
    """managedFields with the entries of some managers merged into the one by which ``name`` applies; None: no change."""
    ours = next((e for e in entries if e["manager"] == name and e["operation"] == "Apply"), None)
    kept: list[Mapping[str, Any]] = []
    edited = False
    for entry in entries:
        if entry is ours:
            continue
        if not any(_matches(entry, manager) for manager in managers):
            kept.append(entry)
            continue
        edited = True
        if ours is None:
            ours = {**entry, "manager": name, "operation": "Apply"}
        else:
            merged = FieldSet.from_json(ours["fieldsV1"]).union(FieldSet.from_json(entry["fieldsV1"]))
            ours = {**ours, "fieldsV1": merged.to_json()}
    return [*kept, ours] if edited and ours is not None else None


def _matches(entry: Mapping[str, Any], manager: FieldManager) -> bool:
    # Entries of sub-resources are left alone: a scale or a status is not a kubectl edit.
    if entry["operation"] != manager.operation or entry.get("subresource"):
        return False
    return str(entry["manager"]).startswith(manager.prefix)
