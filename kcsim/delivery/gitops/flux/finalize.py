"""What happens to the objects of a Kustomization that is being deleted.

**Imitates:** kustomize-controller finalize and finalizerShouldDeleteResources.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.delivery.gitops import inventory
from kcsim.delivery.gitops.flux import toolkit
from kcsim.delivery.gitops.flux.impersonation import Impersonation
from kcsim.delivery.gitops.flux.ssa import drift
from kcsim.delivery.gitops.flux.ssa.manager import DeleteError, Manager
from kcsim.delivery.gitops.flux.toolkit import OWNER_NAME, OWNER_NAMESPACE, READY, spec
from kcsim.engine.clock import SECOND

_TERMINATION_POLL = 2 * SECOND


def deletes_objects(obj: Object) -> bool:
    """Whether the objects go with their Kustomization."""
    wanted = spec(obj)
    if wanted.get("suspend") or not objects.get_in(obj, ("status", "inventory", "entries")):
        return False
    policy = wanted.get("deletionPolicy") or "MirrorPrune"
    return (
        bool(wanted.get("prune")) if policy == "MirrorPrune" else policy in {"Delete", "WaitForTermination"}
    )


def finalized(
    component: Component,
    identities: Impersonation,
    obj: Object,
    exclude: Mapping[str, str],
    manager_of: Callable[[Client], Manager],
) -> Generator[Any, Any, None]:
    """A task's steps: delete what should go, and wait for it where the policy says so.

    Raises:
        KubeConfigError: the other cluster that it is in cannot be made out; likewise.
        DeleteError: something could not be deleted; the finalizer stays and it is tried again.
    """
    if not deletes_objects(obj):
        return
    refs = [inventory.parse_entry(entry) for entry in obj["status"]["inventory"]["entries"]]
    reason = (objects.condition(obj, READY) or {}).get("reason", "error")
    if not (yield from identities.exists(obj)):
        # Nobody to impersonate: upstream lets the objects be rather than hold the deletion for ever.
        listed = "\n".join(drift.subject(ref.as_object()) for ref in refs)
        component.event(obj, "Warning", reason, f"unable to prune objects: \n{listed}")
        return
    manager = manager_of((yield from identities.client(obj)))
    owner = {OWNER_NAME: objects.name(obj), OWNER_NAMESPACE: objects.namespace(obj)}
    try:
        gone = yield from manager.delete_all(refs, owner, exclude)
    except DeleteError:
        component.event(obj, "Warning", reason, "pruning for deleted resource failed")
        raise
    component.event(obj, "Normal", reason, "\n".join(map(str, gone)))
    if spec(obj).get("deletionPolicy") == "WaitForTermination":
        deleted = [change.ref for change in gone if change.action == drift.DELETED]
        timeout = toolkit.kustomization_timeout(obj)
        if not (yield from manager.wait_for_termination(deleted, _TERMINATION_POLL, timeout)):
            component.event(obj, "Warning", reason, "failed to wait for resources termination")
