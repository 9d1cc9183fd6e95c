"""What an operation says of itself.  Decides; never acts.

**Imitates:** gitops-engine pkg/sync/sync_context.go (`setRunningPhase`, `executeSyncFailPhase`, the head of `Sync`) and
argo-cd util/argo/argo.go (`AugmentSyncMsg`).

**Walk:** the tasks that are waited for, or that failed -> one of these -> `operationState.message`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kcsim.delivery.gitops.argocd.resources import kind_of, name_of
from kcsim.delivery.gitops.argocd.sync.plan import ResourceResult
from kcsim.delivery.gitops.argocd.sync.settings import Settings, needs_confirmation
from kcsim.delivery.gitops.argocd.sync.tasks import SYNC_FAILED, Task
from kcsim.delivery.gitops.ordering import group_of

_NOT_FOUND = "the server could not find the requested resource"
_TOO_LONG = "metadata.annotations: Too long: must have at most 262144 bytes"
_TOO_LONG_ADVICE = (
    " \n -Additional Info: This error usually means that you are trying to add a large resource on client side. "
    "Consider using Server-side apply or syncing with replace enabled. Note: Syncing with Replace enabled is "
    "potentially destructive as it may cause resource deletion and re-creation."
)


def running(tasks: Sequence[Task], settings: Settings, *, deletion: bool = False) -> str:
    """What a sync waits for: hooks before resources, an approval of pruning before both."""
    if not tasks:
        return ""
    waiting = [t for t in tasks if t.is_hook]
    reason = "completion of hook" if waiting else "healthy state of"
    if deletion:
        reason = "deletion of hook" if waiting else "deletion of"
    kind = "hooks" if len(waiting) == len(tasks) else "resources"
    first, others = (waiting or tasks)[0], len(tasks) - 1
    unconfirmed = [t for t in tasks if t.is_prune and needs_confirmation(t.live, settings)]
    if unconfirmed:
        reason, first, others = "pruning confirmation of", unconfirmed[0], len(unconfirmed) - 1
    more = f" and {others} more {kind}" if others > 0 else ""
    return f"waiting for {reason} {_name(first)}{more}"


def invalid(results: Iterable[ResourceResult]) -> str:
    """Why a sync could not begin: the distinct reasons of its tasks, sorted."""
    reasons = sorted({r.message for r in results if r.status == SYNC_FAILED and r.message})
    text = "one or more synchronization tasks are not valid"
    return f"{text}: {'; '.join(reasons)}" if reasons else text


def failed(text: str, tasks: Sequence[Task]) -> str:
    """A failure with the distinct messages of the tasks that failed, in the order of the tasks.

    Upstream's order is that of a map.
    """
    if not tasks:
        return text
    return f"{text}, reason: {','.join(dict.fromkeys(t.message for t in tasks))}"


def missing(task: Task) -> str:
    """What is said of a running task whose object is gone."""
    return f"Resource {_name(task)} is missing, it might have been deleted"


def augmented(result: ResourceResult, installed: Sequence[tuple[str, str, str]]) -> str:
    """The message of a result as the status shows it, with advice where upstream gives some.

    `installed`: group, version and kind of what the destination cluster serves.
    """
    key = result.key
    if _NOT_FOUND in result.message:
        found = next((i for i in installed if (i[0], i[2]) == (key.group, key.kind)), None) or next(
            (i for i in installed if i[2] == key.kind), None
        )
        what = f"{key.group}/{key.kind} for requested resource {key.namespace}/{key.name}."
        if found is None:
            advice = f'Make sure the "{key.kind}" CRD is installed on the destination cluster.'
            return f"The Kubernetes API could not find {what} {advice}"
        group, version, kind = found
        advice = f'Version "{version}" of {group}/{kind} is installed on the destination cluster.'
        return f'The Kubernetes API could not find version "{result.version}" of {what} {advice}'
    return result.message + (_TOO_LONG_ADVICE if _TOO_LONG in result.message else "")


def _name(task: Task) -> str:
    return f"{group_of(task.obj)}/{kind_of(task.obj)}/{name_of(task.obj)}"
