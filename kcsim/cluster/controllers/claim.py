"""Adopting and releasing objects by selector: who controls what.

**Imitates:** ``BaseControllerRefManager`` of ``pkg/controller/controller_ref_manager.go`` (v1.36): an object without a
controller that the selector selects is adopted, one of ours that it no longer selects is released, both by patches with
the object's uid as precondition. Deciding is `claim_action`; the generators act.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any, Literal

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.selectors import LabelSelector
from kcsim.api.status import StatusError
from kcsim.engine.task import Waitable

Object = dict[str, Any]
Steps = Generator[Waitable, Any, Any]


def claim_action(
    owner: Object, selector: LabelSelector, obj: Object
) -> Literal["keep", "adopt", "release", ""]:
    """What to do with an object of the owner's namespace; "" when it is none of ours."""
    ref = objects.controller_of(obj)
    selected = selector.matches(objects.labels(obj))
    if ref is not None:
        if ref["uid"] != objects.uid(owner):
            return ""
        if selected:
            return "keep"
        return "" if objects.is_deleting(owner) else "release"
    if objects.is_deleting(owner) or not selected or objects.is_deleting(obj):
        return ""
    return "adopt"


def controller_index(obj: Object) -> list[str]:
    """For an informer's index: the uid of the controller; the orphans of a namespace under "/<namespace>"."""
    ref = objects.controller_of(obj)
    return [ref["uid"] if ref is not None else f"/{objects.namespace(obj)}"]


def can_adopt(client: Client, resource: str, owner: Object) -> Steps:
    """Ask the API server, not the cache, whether the owner still lives: adopting for a dead one would kill the object.

    Raises:
        StatusError: when it is gone, replaced by another of the same name, or being deleted.
    """
    namespace, name = objects.key(owner)
    fresh = yield client.get(resource, namespace, name)
    kind = owner["kind"]
    if objects.uid(fresh) != objects.uid(owner):
        text = f"original {kind} {namespace}/{name} is gone: got uid {objects.uid(fresh)}, wanted {objects.uid(owner)}"
        raise StatusError(409, "Conflict", text)
    if objects.is_deleting(fresh):
        stamp = fresh["metadata"]["deletionTimestamp"]
        raise StatusError(409, "Conflict", f"{namespace}/{name} has just been deleted at {stamp}")


def adopt(
    client: Client, resource: str, owner: Object, obj: Object, *, finalizers: list[str] | None = None
) -> Steps:
    """Make ``owner`` the controller of ``obj``, adding finalizers; gives the object as patched."""
    metadata: Object = {"ownerReferences": [objects.owner_reference(owner)], "uid": objects.uid(obj)}
    if finalizers:
        metadata["finalizers"] = finalizers
    body = {"metadata": metadata}
    return (yield client.patch(resource, objects.namespace(obj), objects.name(obj), body, type="strategic"))


def release(client: Client, resource: str, owner: Object, obj: Object) -> Steps:
    """Take ``owner`` off the owners of ``obj``; gives the object as patched, None when there was nothing to do."""
    reference = {"$patch": "delete", "uid": objects.uid(owner)}
    body = {"metadata": {"ownerReferences": [reference], "uid": objects.uid(obj)}}
    try:
        return (
            yield client.patch(resource, objects.namespace(obj), objects.name(obj), body, type="strategic")
        )
    except StatusError as error:
        # Gone, or another object by now, or without owners already: all the same to us.
        if error.is_not_found or error.reason == "Invalid":
            return None
        raise


def adopt_all(
    client: Client,
    owners: str,
    owner: Object,
    resource: str,
    orphans: Sequence[Object],
    *,
    finalizers: list[str] | None = None,
) -> Steps:
    """Adopt some orphans, in this order; gives ``(orphan, as patched)`` for each that was still there.

    ``owners`` is the resource of the owner, who is asked for once, and only where there is anything to adopt.

    Raises:
        StatusError: the owner is gone (`can_adopt`), or the server refuses.
    """
    adopted: list[tuple[Object, Object]] = []
    if orphans:
        yield from can_adopt(client, owners, owner)
    for orphan in orphans:
        try:
            patched = yield from adopt(client, resource, owner, orphan, finalizers=finalizers)
        except StatusError as error:
            if not error.is_not_found:
                raise
            continue
        adopted.append((orphan, patched))
    return adopted


def claimed(
    client: Client,
    owners: str,
    owner: Object,
    resource: str,
    candidates: Iterable[Object],
    selector: LabelSelector,
) -> Steps:
    """Those of some objects that are the owner's, adopting and releasing on the way (ClaimObject for each)."""
    kept: list[Object] = []
    orphans: list[Object] = []
    for candidate in candidates:
        action = claim_action(owner, selector, candidate)
        if action == "keep":
            kept.append(candidate)
        elif action == "adopt":
            orphans.append(candidate)
        elif action == "release":
            yield from release(client, resource, owner, candidate)
    adopted = yield from adopt_all(client, owners, owner, resource, orphans)
    return [*kept, *(patched for _, patched in adopted)]
