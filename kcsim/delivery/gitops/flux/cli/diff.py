"""flux diff kustomization: what a local checkout would change in the cluster.

**Imitates:** flux2 cmd/flux/diff_kustomization.go and internal/build/diff.go: a server-side dry run object by object; exit
code 1 when there are changes, 2 when it cannot be told. Left out: the layout of dyff, which upstream prints the changes
in: here each changed field has a line of its own.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops import inventory
from kcsim.delivery.gitops.flux.build import BuildFailed, PathNotFound, built
from kcsim.delivery.gitops.flux.cli.session import FluxError, Kind, Session
from kcsim.delivery.gitops.flux.kustomization_plan import apply_options
from kcsim.delivery.gitops.flux.ssa import drift
from kcsim.delivery.gitops.flux.toolkit import KUSTOMIZATIONS, spec
from kcsim.delivery.gitops.flux.variables import postbuild_variables
from kcsim.engine.task import Steps


def diff(session: Session, kinds: tuple[Kind, ...]) -> Steps:
    """Print what would be created, changed and deleted."""
    del kinds
    if not session.arguments.words:
        raise FluxError("kustomization name is required")
    path = session.arguments.get("path")
    root = posixpath.normpath(path) if path else ""
    if not root or (root != "." and not any(p.startswith(f"{root}/") for p in session.files)):
        session.exit_code = 2
        raise FluxError(f'invalid resource path "{path}"')
    obj = yield session.client.get(KUSTOMIZATIONS, session.namespace, session.arguments.words[0])
    local = {**obj, "spec": {**spec(obj), "path": root}}
    try:
        variables = yield from postbuild_variables(session.client, obj)
        made = built(local, session.files, variables)
    except (BuildFailed, PathNotFound, LookupError) as error:
        session.exit_code = 2
        raise FluxError(str(error)) from error
    changed = False
    problems: list[str] = []
    for desired in made:
        try:
            changed |= yield from _compare(session, obj, desired)
        except StatusError as error:
            problems.append(drift.dry_run_message(desired, error))
    if spec(obj).get("prune") and not problems:
        old = objects.get_in(obj, ("status", "inventory", "entries"), [])
        for ref in inventory.stale(old, inventory.entries(made)):
            session.print(f"► {drift.subject(ref.as_object())} deleted")
            changed = True
    if problems:
        session.exit_code = 2
        raise FluxError("\n".join(problems))
    if changed:
        raise FluxError("identified at least one change, exiting with non-zero exit code")


def _compare(session: Session, obj: Object, desired: Object) -> Any:
    """A task's steps: print what would happen to one object; whether anything would."""
    client, options = session.client, apply_options(obj)
    resource = client.endpoint.server.catalog.of(desired)
    if resource is None:
        kind, version = desired.get("kind"), desired.get("apiVersion")
        raise StatusError(0, "", f'no matches for kind "{kind}" in version "{version}"')
    namespace = desired["metadata"].get("namespace", "") if resource.namespaced else ""
    name = objects.name(desired)
    try:
        live = yield client.get(resource, namespace, name)
    except StatusError as error:
        if not error.is_not_found:
            raise
        live = None
    if drift.skips(desired, live, options):
        session.print(f"► {drift.subject(desired)} skipped")
        return False
    dry_run = yield client.patch(
        resource,
        namespace,
        name,
        desired,
        type="apply",
        field_manager=options.manager,
        force=True,
        dry_run=True,
    )
    if live is None:
        session.print(f"► {drift.subject(desired)} created")
        return True
    if not drift.has_drifted(live, dry_run):
        return False
    session.print(f"► {drift.subject(desired)} drifted")
    for line in _lines(live, dry_run, ""):
        session.print(line)
    return True


_SKIPPED = frozenset({"metadata.generation", "metadata.resourceVersion", "status"})


def _lines(old: Any, new: Any, path: str) -> Iterator[str]:
    if path in _SKIPPED or old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from _lines(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        return
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _lines(before, after, f"{path}.{i}")
        return
    if old is not None:
        yield f"  - {path}: {json.dumps(old)}"
    if new is not None:
        yield f"  + {path}: {json.dumps(new)}"
