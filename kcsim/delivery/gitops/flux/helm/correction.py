"""Drift of a release: how the cluster differs from its manifest, and how that is undone.

**Imitates:** helm-controller 1.6 internal/action/diff.go and internal/reconcile/correct_cluster_drift.go.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from kcsim.api.status import StatusError
from kcsim.delivery.charts import objects_of
from kcsim.delivery.gitops import ordering
from kcsim.delivery.gitops.flux.helm import drift, history, state, terms
from kcsim.delivery.gitops.flux.helm.actions import Actions
from kcsim.delivery.gitops.flux.helm.drift import Difference
from kcsim.delivery.gitops.flux.helm.releases import Release
from kcsim.delivery.gitops.flux.helm.resources import CONTROLLER, ActionFailed, owned
from kcsim.delivery.gitops.flux.helm.subject import Subject, metadata_of
from kcsim.delivery.gitops.flux.helm.terms import part
from kcsim.delivery.gitops.flux.ssa import ignore
from kcsim.delivery.gitops.flux.ssa.drift import any_in_metadata
from kcsim.delivery.gitops.flux.ssa.drift import subject as subject_of
from kcsim.delivery.gitops.flux.toolkit import PROGRESSING, READY


def differences(subject: Subject, actions: Actions, last: Release) -> Generator[Any, Any, list[Difference]]:
    """How the cluster differs from the manifest in storage.

    Raises:
        StateUnknown: the server would not say of anything.
    """
    at = actions.at
    rules = ignore.rules(part(subject.obj, "driftDetection").get("ignore") or ())
    found: list[Difference] = []
    problems: list[str] = []
    for obj in objects_of(last.manifest):
        try:
            desired = owned(at.placed(obj), last.name, last.namespace)
            live = yield from at.read(desired)
            if any_in_metadata(desired, terms.NO_DRIFT) or any_in_metadata(live, terms.NO_DRIFT):
                found.append(Difference(drift.EXCLUDE, desired))
                continue
            wanted = yield at.patch(desired, desired, dry_run=True)
        except (ActionFailed, StatusError) as error:
            problems.append(error.message if isinstance(error, StatusError) else str(error))
            continue
        if live is None:
            found.append(Difference(drift.CREATE, desired))
            continue
        changes = drift.operations(live, wanted, ignore.paths(desired, rules))
        if changes:
            found.append(Difference(drift.UPDATE, desired, changes))
    if problems and all(each.kind == drift.EXCLUDE for each in found):
        raise state.StateUnknown(f"unable to determine cluster state: {', '.join(problems)}")
    return found


def corrected(subject: Subject, actions: Actions, changes: Sequence[Difference]) -> Generator[Any, Any, None]:
    """A task's steps: create what was removed, patch what was changed; conditions and Events say so."""
    subject.draft.mark(READY, "Unknown", PROGRESSING, "correcting cluster drift")
    at, done, problems = actions.at, [], []
    by_object = {id(each.desired): each for each in changes}
    ordered = [by_object[id(obj)] for obj in ordering.reconcile_order([each.desired for each in changes])]
    for kind, word in ((drift.CREATE, "created"), (drift.UPDATE, "configured")):
        for change in (each for each in ordered if each.kind == kind):
            desired = change.desired
            try:
                if kind == drift.CREATE:
                    yield at.client.create(at.resource(desired), desired, field_manager=CONTROLLER)
                else:
                    yield at.patch(desired, list(change.operations), type="json")
            except StatusError as error:
                failure = "creation" if kind == drift.CREATE else "patch"
                problems.append(f"{subject_of(desired)} {failure} failure: {error.message}")
                continue
            done.append(f"{subject_of(desired)} {word}")
    current = subject.current
    name = history.full_name(current)
    if problems:
        part_of = "partially " if done else ""
        message = f"Failed to {part_of}correct cluster state of release {name}:\n" + "\n".join(problems)
        if done:
            message += "\n\nSuccessful corrections:\n" + "\n".join(done)
        subject.event("Warning", "DriftCorrectionFailed", message, metadata_of(current))
    elif done:
        message = f"Cluster state of release {name} has been corrected:\n" + "\n".join(done)
        subject.event("Normal", "DriftCorrected", message, metadata_of(current))
