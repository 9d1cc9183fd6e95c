"""What a Kustomization's fields come to: how it is applied, what is waited for, what its history says.  Decides; never acts.

**Imitates:** kustomize-controller 1.9 internal/controller/kustomization_controller.go (apply options, health checks) and
fluxcd/pkg apis/meta/history.go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.cel.library import MISSING, available
from kcsim.api.objects import Object
from kcsim.delivery.gitops import inventory
from kcsim.delivery.gitops.flux import toolkit
from kcsim.delivery.gitops.flux.build import checksum
from kcsim.delivery.gitops.flux.ssa import drift, ignore
from kcsim.delivery.gitops.flux.ssa.drift import Change, FieldManager, Options
from kcsim.delivery.gitops.flux.toolkit import (
    KUSTOMIZE_GROUP,
    OWNER_NAME,
    OWNER_NAMESPACE,
    READY,
    go_duration,
    spec,
)
from kcsim.delivery.registry.artifacts import REVISION as ORIGIN_REVISION
from kcsim.engine.trace import Record

CONTROLLER = "kustomize-controller"
STATUS_MANAGER = f"gotk-{CONTROLLER}"
"""Who owns status and finalizer of a Kustomization (main.go), so that applying it as ``CONTROLLER`` does not take them away."""
_HISTORY = 5

DISABLED, IGNORE = {f"{KUSTOMIZE_GROUP}/reconcile": "disabled"}, {f"{KUSTOMIZE_GROUP}/ssa": "ignore"}
"""Labels or annotations of objects that are left alone."""
NO_PRUNE = {f"{KUSTOMIZE_GROUP}/prune": "disabled", **DISABLED, **IGNORE}
"""Labels or annotations of objects that are never deleted."""
_TAKE_OVER = (
    FieldManager("kubectl", "Apply"),
    FieldManager("kubectl", "Update"),
    FieldManager("before-first-apply", "Update"),
    FieldManager(CONTROLLER, "Update"),
)


def apply_options(obj: Object) -> Options:
    """How a Kustomization's objects are applied."""
    return Options(
        manager=CONTROLLER,
        force=bool(spec(obj).get("force")),
        exclude={**DISABLED, **IGNORE},
        only_create={f"{KUSTOMIZE_GROUP}/ssa": "IfNotPresent"},
        recreate={f"{KUSTOMIZE_GROUP}/force": "enabled"},
        keep_managers={f"{KUSTOMIZE_GROUP}/ssa": "Merge"},
        drop_annotations=(drift.LAST_APPLIED, f"{KUSTOMIZE_GROUP}/checksum", "fluxcd.io/sync-checksum"),
        drop_labels=("fluxcd.io/sync-gc-mark",),
        take_over=_TAKE_OVER,
        ignore=ignore.rules(spec(obj).get("ignore") or ()),
    )


def owner_labels(obj: Object) -> dict[str, str]:
    """The labels by which the objects of a Kustomization are known."""
    return {OWNER_NAME: objects.name(obj), OWNER_NAMESPACE: objects.namespace(obj)}


def health_refs(obj: Object, changes: Iterable[Change]) -> list[inventory.ObjectRef] | None:
    """The objects whose health is waited for; None when nothing is asked for or nothing is left."""
    wanted = spec(obj)
    if wanted.get("wait"):
        refs = [change.ref for change in changes if change.action != drift.SKIPPED]
    else:
        refs = [
            inventory.ref_of(
                {**check, "metadata": {"name": check.get("name"), "namespace": check.get("namespace", "")}}
            )
            for check in wanted.get("healthChecks") or ()
        ]
    if not refs:
        return None
    own = (objects.namespace(obj), objects.name(obj), "Kustomization")
    return [ref for ref in refs if (ref.namespace, ref.name, ref.kind) != own]


def upserted(
    history: list[Object], digest: str, reason: str, metadata: Mapping[str, str], when: str, took: int
) -> list[Object]:
    """``status.history`` with one more reconciliation of a build: newest first, one entry a digest and outcome."""
    first, total = when, 1
    for entry in history:
        if entry["digest"] == digest and entry["lastReconciledStatus"] == reason:
            first, total = entry["firstReconciled"], entry["totalReconciliations"] + 1
    new = {
        "digest": digest,
        "firstReconciled": first,
        "lastReconciled": when,
        "lastReconciledDuration": go_duration(took),
        "lastReconciledStatus": reason,
        "metadata": dict(metadata),
        "totalReconciliations": total,
    }
    rest = [e for e in history if (e["digest"], e["lastReconciledStatus"]) != (digest, reason)]
    return [new, *rest][:_HISTORY]


def origin_of(artifact: Mapping[str, Any]) -> str | None:
    """The revision of what an artifact was made of, where its metadata says (getOriginRevision)."""
    return (artifact.get("metadata") or {}).get(ORIGIN_REVISION)


def vanishing_jobs(made: Iterable[Object]) -> frozenset[str]:
    """The ids of Jobs that are deleted some time after they have finished."""
    jobs = (o for o in made if o.get("kind") == "Job" and str(o.get("apiVersion")).startswith("batch/"))
    return frozenset(
        inventory.ref_of(o).id for o in jobs if "ttlSecondsAfterFinished" in (o.get("spec") or {})
    )


def source_names(obj: Object) -> Iterable[str]:
    """What a Kustomization is filed under: ``Kind/namespace/name`` of its source."""
    return (toolkit.source_subject(obj),)


def is_at(obj: Object, revision: str) -> bool:
    """Whether a Kustomization is Ready at a revision already, or was ready when it tried it."""
    return (
        objects.condition_is(obj, READY)
        and (obj.get("status") or {}).get("lastAttemptedRevision") == revision
    )


def leads_to(cause: Record | None, record: Record) -> bool:
    """Whether a record is among the causes of what happens now."""
    while cause is not None:
        if cause is record:
            return True
        cause = cause.cause
    return False


def is_encrypted(obj: Object) -> bool:
    """Whether SOPS has encrypted a Secret."""
    return obj.get("kind") == "Secret" and "sops" in obj


def digest_of_build(made: list[Object]) -> str:
    """What ``status.history`` knows a build by."""
    return f"sha256:{hashlib.sha256(checksum(made).encode()).hexdigest()}"


def not_modelled(obj: Object) -> str:
    """What a Kustomization asks for that is not modelled; "" when nothing."""
    wanted = spec(obj)
    kind = toolkit.source_kind(obj)
    if kind not in toolkit.SOURCES:
        return f"spec.sourceRef: kcsim does not model sources of kind {kind} yet"
    asks = wanted.get("healthCheckExprs") or any(r.get("readyExpr") for r in wanted.get("dependsOn") or ())
    return MISSING if asks and not available() else ""
