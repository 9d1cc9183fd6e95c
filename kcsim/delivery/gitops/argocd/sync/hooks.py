"""Hooks and waves: which objects take part in which phase, when, and when they go.  Decides; never acts.

**Imitates:** gitops-engine pkg/sync/hook (hook.go, delete_policy.go, helm/*.go), syncwaves/waves.go, sync_phase.go,
ignore/ignore.go; argo-cd controller/hook.go (PreDelete and PostDelete, which the engine does not know).

**Walk:** a rendered object -> `is_hook` -> `phases` -> one task a phase -> `delete_policies` say when it goes.
"""

from __future__ import annotations

import re

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.resources import (
    HOOK,
    HOOK_DELETE_POLICY,
    SYNC_WAVE,
    annotation_values,
    annotations_of,
    metadata_of,
)

PRE_SYNC = "PreSync"
SYNC = "Sync"
POST_SYNC = "PostSync"
SYNC_FAIL = "SyncFail"
SKIP = "Skip"
PRE_DELETE = "PreDelete"
POST_DELETE = "PostDelete"

PHASES = (PRE_SYNC, SYNC, POST_SYNC, SYNC_FAIL)
"""The phases of a sync in their order; SyncFail runs only after a failure."""

HOOK_SUCCEEDED = "HookSucceeded"
HOOK_FAILED = "HookFailed"
BEFORE_HOOK_CREATION = "BeforeHookCreation"

FINALIZER = "argocd.argoproj.io/hook-finalizer"
"""Keeps a hook until the sync has seen how it ended."""

_HELM_HOOK = "helm.sh/hook"
_HELM_WEIGHT = "helm.sh/hook-weight"
_HELM_DELETE_POLICY = "helm.sh/hook-delete-policy"
_HELM_TYPES = {
    "pre-install": PRE_SYNC,
    "pre-upgrade": PRE_SYNC,
    "post-upgrade": POST_SYNC,
    "post-install": POST_SYNC,
}
_HELM_POLICIES = {
    "before-hook-creation": BEFORE_HOOK_CREATION,
    "hook-succeeded": HOOK_SUCCEEDED,
    "hook-failed": HOOK_FAILED,
}
_POLICIES = (HOOK_SUCCEEDED, HOOK_FAILED, BEFORE_HOOK_CREATION)
_DELETION = {PRE_DELETE: "pre-delete", POST_DELETE: "post-delete"}
_GO_INTEGER = re.compile(r"[+-]?[0-9]+\Z")


def is_hook(obj: Object) -> bool:
    """Whether an object is a hook; one that is only skipped is none, nor is Helm's crd-install."""
    annotations = annotations_of(obj)
    if HOOK in annotations:
        return not is_skipped(obj)
    return annotations.get(_HELM_HOOK, "crd-install") != "crd-install"


def is_skipped(obj: Object) -> bool:
    """Whether Skip is the only hook type, so that the object is neither applied nor compared."""
    return hook_types(obj) == [SKIP]


def hook_types(obj: Object) -> list[str]:
    """The hook types an object asks for; those of Helm only where Argo CD's own annotation gives none."""
    own = [text for text in annotation_values(obj, HOOK) if text in PHASES or text == SKIP]
    return own or helm_hook_types(obj)


def helm_hook_types(obj: Object) -> list[str]:
    """The phases to which the Helm hooks of an object are mapped; hooks without a counterpart are left out."""
    return [_HELM_TYPES[text] for text in annotation_values(obj, _HELM_HOOK) if text in _HELM_TYPES]


def is_ignored(obj: Object) -> bool:
    """Whether an object is a hook of no phase, such as a Helm test: it is dropped from the rendered set."""
    return is_hook(obj) and not hook_types(obj)


def phases(obj: Object) -> list[str]:
    """The phases in which an object is applied: Sync for what is no hook, none for what is skipped."""
    if is_skipped(obj):
        return []
    if not is_hook(obj):
        return [SYNC]
    # Upstream ranges over a map here; the tasks are sorted afterwards, so that the order is of no account.
    return [phase for phase in PHASES if phase in hook_types(obj)]


def delete_policies(obj: Object) -> list[str]:
    """When a hook is deleted; BeforeHookCreation where nothing valid is said."""
    own = [text for text in annotation_values(obj, HOOK_DELETE_POLICY) if text in _POLICIES]
    helm = [
        _HELM_POLICIES[text] for text in annotation_values(obj, _HELM_DELETE_POLICY) if text in _HELM_POLICIES
    ]
    return own + helm or [BEFORE_HOOK_CREATION]


def has_finalizer(obj: Object) -> bool:
    """Whether the hook finalizer is on an object."""
    return FINALIZER in (metadata_of(obj).get("finalizers") or ())


def wave(obj: Object) -> int:
    """The sync wave of an object: its annotation, else Helm's hook weight, else 0; what is no number counts as absent."""
    annotations = annotations_of(obj)
    for key in (SYNC_WAVE, _HELM_WEIGHT):
        text = annotations.get(key)
        if isinstance(text, str) and _GO_INTEGER.match(text):
            return int(text)
    return 0


def is_deletion_hook(obj: Object, kind: str) -> bool:
    """Whether an object is a hook of the deletion of its Application: `kind` is PreDelete or PostDelete."""
    annotations = annotations_of(obj)
    wanted = ((HOOK, kind), (_HELM_HOOK, _DELETION[kind]))
    return any(text in (part.strip() for part in annotations.get(key, "").split(",")) for key, text in wanted)


def is_any_hook(obj: Object) -> bool:
    """Whether an object is a hook of a sync or of a deletion (controller/hook.go `isHook`)."""
    return is_hook(obj) or any(is_deletion_hook(obj, kind) for kind in _DELETION)


def without_deletion_hooks(targets: list[Object]) -> tuple[list[Object], bool, bool]:
    """What a sync applies of the rendered objects, and whether there are PreDelete and PostDelete hooks among them.

    A hook of a deletion that is also one of a sync phase stays (controller/state.go `partitionTargetObjsForSync`).
    """
    kept = [obj for obj in targets if not _only_deletion(obj)]
    found = {kind: any(is_deletion_hook(obj, kind) for obj in targets) for kind in _DELETION}
    return kept, found[PRE_DELETE], found[POST_DELETE]


def _only_deletion(obj: Object) -> bool:
    in_sync = any(kind in PHASES for kind in hook_types(obj))
    return not in_sync and any(is_deletion_hook(obj, kind) for kind in _DELETION)
