"""ControllerRevisions: how they are made, named, compared, ordered and forgotten.  Decides; never acts.

A revision carries a strategic merge patch that puts back the pod template its owner had. StatefulSets and DaemonSets
name them by different hashes and mark them with different labels, as upstream does.

**Imitates:** ``pkg/controller/history/controller_history.go``, ``getPatch``, ``newRevision``, ``ApplyRevision`` and
``truncateHistory`` of ``pkg/controller/statefulset``, ``snapshot`` and ``cleanupHistory`` of
``pkg/controller/daemon/update.go`` (v1.36).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.deployment.template_hash import compute_hash, safe_encode_string

Object = dict[str, Any]

HASH_LABEL = "controller.kubernetes.io/hash"
"""On the revisions of a StatefulSet: the hash of their data."""
CONTROLLER_REVISION_HASH = "controller-revision-hash"
"""On pods, and on the revisions of a DaemonSet: which revision."""

_PREFIX_MAX = 223
_FNV_OFFSET, _FNV_PRIME = 2166136261, 16777619


# --- making -----------------------------------------------------------------------------------------------------


def get_patch(owner: Object) -> Object:
    """The patch that puts the owner's present template back."""
    return {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}}


def template_of(revision: Object) -> Object:
    """The pod template that a revision puts back (ApplyRevision)."""
    template = revision["data"]["spec"]["template"]
    return {key: value for key, value in template.items() if key != "$patch"}


def new_stateful_set_revision(stateful_set: Object, number: int, collision_count: int) -> Object:
    """The revision of a StatefulSet as it is now."""
    data = get_patch(stateful_set)
    digest = hash_data(data, collision_count)
    labels = (stateful_set["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return _revision(
        stateful_set,
        revision_name(objects.name(stateful_set), digest),
        {**labels, HASH_LABEL: digest},
        data,
        number,
    )


def new_daemon_set_revision(daemon_set: Object, number: int) -> Object:
    """The revision of a DaemonSet as it is now."""
    template = daemon_set["spec"]["template"]
    digest = compute_hash(template, (daemon_set.get("status") or {}).get("collisionCount"))
    labels = (template.get("metadata") or {}).get("labels") or {}
    name = f"{objects.name(daemon_set)}-{digest}"
    return _revision(
        daemon_set, name, {**labels, CONTROLLER_REVISION_HASH: digest}, get_patch(daemon_set), number
    )


def _revision(owner: Object, name: str, labels: dict[str, str], data: Object, number: int) -> Object:
    metadata: Object = {
        "name": name,
        "namespace": objects.namespace(owner),
        "labels": labels,
        "ownerReferences": [objects.owner_reference(owner)],
    }
    annotations = objects.annotations(owner)
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "data": data,
        "revision": number,
    }


def revision_name(owner: str, digest: str) -> str:
    """``<owner>-<hash>``, the owner's part cut so that the whole is a valid name (ControllerRevisionName)."""
    return f"{owner[:_PREFIX_MAX]}-{digest}"


def hash_data(data: Object, probe: int) -> str:
    """The hash text of a revision's data; ``probe`` (the collision count) makes another (HashControllerRevision)."""
    value = _FNV_OFFSET
    for byte in _go_json(data) + str(probe).encode():
        value = ((value * _FNV_PRIME) & 0xFFFFFFFF) ^ byte
    return safe_encode_string(str(value))


def _go_json(data: Object) -> bytes:
    """JSON as Go writes maps: keys sorted, no blanks, and the characters that HTML minds escaped."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character, escaped in _ESCAPED.items():
        text = text.replace(character, escaped)
    return text.encode()


_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


# --- comparing and ordering -------------------------------------------------------------------------------------


def number_of(revision: Object) -> int:
    """The revision number."""
    return revision.get("revision", 0)  # type: ignore[no-any-return]


def sort_revisions(revisions: Iterable[Object]) -> list[Object]:
    """By number, then creation, then name (SortControllerRevisions)."""
    return sorted(
        revisions, key=lambda r: (number_of(r), r["metadata"].get("creationTimestamp", ""), objects.name(r))
    )


def next_number(revisions: Sequence[Object]) -> int:
    """One more than the highest of sorted revisions; 1 for the first."""
    return number_of(revisions[-1]) + 1 if revisions else 1


def max_number(revisions: Iterable[Object]) -> int:
    """The highest number, 0 without revisions."""
    return max(map(number_of, revisions), default=0)


def equal_revision(one: Object, other: Object) -> bool:
    """Whether two revisions hold the same template."""
    return bool(one["data"] == other["data"])


def find_equal(revisions: Iterable[Object], needle: Object) -> list[Object]:
    """Those equal to ``needle``, in their order (FindEqualRevisions)."""
    return [revision for revision in revisions if equal_revision(revision, needle)]


# --- forgetting -------------------------------------------------------------------------------------------------


def revisions_to_truncate(revisions: Sequence[Object], live: Collection[str], limit: int) -> list[Object]:
    """Of a StatefulSet's sorted revisions: the oldest beyond ``limit``, not counting those whose name is ``live``."""
    past = [revision for revision in revisions if objects.name(revision) not in live]
    surplus = len(past) - limit
    return past[:surplus] if limit >= 0 and surplus > 0 else []


def revisions_to_clean_up(old: Sequence[Object], live: Collection[str], limit: int) -> list[Object]:
    """Of a DaemonSet's old revisions: the oldest beyond ``limit``, passing over those whose hash is ``live``."""
    surplus = len(old) - limit
    if surplus <= 0:
        return []
    idle = [r for r in sort_revisions(old) if objects.labels(r).get(CONTROLLER_REVISION_HASH) not in live]
    return idle[:surplus]
