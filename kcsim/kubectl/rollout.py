"""kubectl rollout: status, history, undo, restart, pause and resume.

**Imitates:** kubectl ``pkg/polymorphichelpers/{rollout_status,rollback,history}.go`` and ``pkg/cmd/rollout`` (v1.36).
``status`` waits on a watch in kubectl; here it looks again whenever the object has changed.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import rfc3339
from kcsim.engine.task import Steps
from kcsim.kubectl.creators.common import usage
from kcsim.kubectl.creators.shape import printed
from kcsim.kubectl.describers.containers import write_template
from kcsim.kubectl.describers.writer import Writer
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.printing import tell_done
from kcsim.kubectl.session import KubectlError, Session, group_kind, named, server_error
from kcsim.kubectl.targets import Target, choose, namespace_of, tell_all
from kcsim.kubectl.wait import duration
from kcsim.kubectl.watching import Changed

REVISION = "deployment.kubernetes.io/revision"
_RESTARTED = "kubectl.kubernetes.io/restartedAt"
CHANGE_CAUSE = "kubernetes.io/change-cause"
_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    }
)


class RolloutFailed(KubectlError):
    """The rollout cannot complete any more."""


# --- what status says: pure -------------------------------------------------------------------------------------


def deployment_status(obj: Object, revision: int = 0) -> tuple[str, bool]:
    """The line to print and whether the rollout is done.

    Raises:
        RolloutFailed: the progress deadline passed, or another revision than the one asked for is live.
    """
    name = objects.name(obj)
    if revision:
        live = int(objects.annotations(obj).get(REVISION, 0))
        if revision != live:
            raise RolloutFailed(
                f"error: desired revision ({revision}) is different from the running revision ({live})"
            )
    status = obj.get("status") or {}
    if obj["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return "Waiting for deployment spec update to be observed...\n", False
    progressing = objects.condition(obj, "Progressing")
    if progressing is not None and progressing.get("reason") == "ProgressDeadlineExceeded":
        raise RolloutFailed(f'error: deployment "{name}" exceeded its progress deadline')
    wanted = (obj.get("spec") or {}).get("replicas")
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    if wanted is not None and updated < wanted:
        done = f"{updated} out of {wanted} new replicas have been updated"
    elif total > updated:
        done = f"{total - updated} old replicas are pending termination"
    elif available < updated:
        done = f"{available} of {updated} updated replicas are available"
    else:
        return f'deployment "{name}" successfully rolled out\n', True
    return f'Waiting for deployment "{name}" rollout to finish: {done}...\n', False


def daemon_set_status(obj: Object, revision: int = 0) -> tuple[str, bool]:
    """The same for a DaemonSet (``revision`` is not looked at, as upstream)."""
    del revision
    name, spec, status = objects.name(obj), obj.get("spec") or {}, obj.get("status") or {}
    if (spec.get("updateStrategy") or {}).get("type") != "RollingUpdate":
        raise RolloutFailed("error: rollout status is only available for RollingUpdate strategy type")
    if obj["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return "Waiting for daemon set spec update to be observed...\n", False
    desired = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if updated < desired:
        done = f"{updated} out of {desired} new pods have been updated"
    elif available < desired:
        done = f"{available} of {desired} updated pods are available"
    else:
        return f'daemon set "{name}" successfully rolled out\n', True
    return f'Waiting for daemon set "{name}" rollout to finish: {done}...\n', False


def stateful_set_status(obj: Object, revision: int = 0) -> tuple[str, bool]:
    """The same for a StatefulSet."""
    del revision
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") != "RollingUpdate":
        raise RolloutFailed("error: rollout status is only available for RollingUpdate strategy type")
    observed = status.get("observedGeneration", 0)
    if observed == 0 or obj["metadata"].get("generation", 0) > observed:
        return "Waiting for statefulset spec update to be observed...\n", False
    wanted = spec.get("replicas")
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if wanted is not None and ready < wanted:
        return f"Waiting for {wanted - ready} pods to be ready...\n", False
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if wanted is not None and partition is not None:
        if updated < wanted - partition:
            text = f"{updated} out of {wanted - partition} new pods have been updated"
            return f"Waiting for partitioned roll out to finish: {text}...\n", False
        return f"partitioned roll out complete: {updated} new pods have been updated...\n", True
    if status.get("updateRevision") != status.get("currentRevision"):
        text = f"{updated} pods at revision {status.get('updateRevision', '')}"
        return f"waiting for statefulset rolling update to complete {text}...\n", False
    count = status.get("currentReplicas", 0)
    return (
        f"statefulset rolling update complete {count} pods at revision {status.get('currentRevision', '')}...\n",
        True,
    )


_STATUS = {
    "Deployment": deployment_status,
    "DaemonSet": daemon_set_status,
    "StatefulSet": stateful_set_status,
}


_TELL_OF_NOTHING = frozenset({"pause", "restart", "resume", "status"})


# --- the commands -----------------------------------------------------------------------------------------------


def rollout(session: Session, arguments: Arguments) -> Steps:
    """``kubectl rollout status|history|undo|restart|pause|resume``."""
    what, *words = arguments.words or [""]
    command = ROLLOUTS.get(what)
    if command is None:
        raise usage("rollout", f'unknown command "{" ".join(arguments.words)}"')
    if not words and not arguments.flags.get("filename"):
        raise KubectlError("error: required resource not specified")
    failures: list[str] = []
    targets = yield from choose(session, arguments, words, all_of_kind=True)
    if not targets and not session.failed and what in _TELL_OF_NOTHING:
        session.warn(f"No resources found in {namespace_of(session, arguments)} namespace.")
    for target in targets:
        try:
            yield from command(session, arguments, target)
        except StatusError as error:
            failures.append(server_error(error))
        except KubectlError as error:
            failures.append(str(error))
    tell_all(session, failures)
    return None


def _status(session: Session, arguments: Arguments, target: Target) -> Steps:
    describe = _STATUS.get(target.resource.kind)
    if describe is None:
        raise KubectlError(f"error: no status viewer has been implemented for {group_kind(target.resource)}")
    timeout = duration(arguments, "timeout", "0s", forever=0)
    deadline = session.engine.now + timeout if timeout else None
    revision = arguments.integer("revision") or 0
    shown, is_first = "", True
    while True:
        try:
            obj = yield session.client.get(target.resource, target.namespace, target.name)
        except StatusError as error:
            if error.is_not_found and not is_first:
                raise KubectlError("error: object has been deleted") from None
            raise
        text, done = describe(obj, revision)
        if text != shown:
            session.write(text)
            shown = text
        if done or not arguments.on("watch", default=True):
            return None
        left = None if deadline is None else deadline - session.engine.now
        changed = yield Changed(session.client, target.resource, target.namespace, target.name, obj, left)
        if not changed:
            raise KubectlError("error: timed out waiting for the condition")
        is_first = False


def _owned_sets(session: Session, deployment: Object) -> Steps:
    selector = str(selectors.from_object(deployment["spec"]["selector"]))
    namespace = objects.namespace(deployment)
    found = yield session.client.list("replicasets.apps", namespace, label_selector=selector)
    uid = objects.uid(deployment)
    owned = [rs for rs in found["items"] if (ref := objects.controller_of(rs)) and ref["uid"] == uid]
    return {int(objects.annotations(rs).get(REVISION, 0)): rs for rs in owned}


def _owned_revisions(session: Session, owner: Object) -> Steps:
    """The ControllerRevisions of a DaemonSet or StatefulSet, by number."""
    selector = str(selectors.from_object(owner["spec"]["selector"]))
    namespace = objects.namespace(owner)
    found = yield session.client.list("controllerrevisions.apps", namespace, label_selector=selector)
    uid = objects.uid(owner)
    owned = [r for r in found["items"] if (ref := objects.controller_of(r)) and ref["uid"] == uid]
    return {revision["revision"]: revision for revision in owned}


def _history(session: Session, arguments: Arguments, target: Target) -> Steps:
    if target.resource.kind not in _STATUS:
        raise KubectlError(
            f'error: no history viewer has been implemented for "{group_kind(target.resource)}"'
        )
    owner = yield session.client.get(target.resource, target.namespace, target.name)
    find = _owned_sets if target.resource.kind == "Deployment" else _owned_revisions
    sets = yield from find(session, owner)
    asked = arguments.integer("revision")
    title = named(target.resource, target.name)
    if asked:
        if sets and asked not in sets:
            raise KubectlError("error: unable to find the specified revision")
        session.print(f"{title} with revision #{asked}")
        if not sets:
            session.print("No rollout history found.")
            return None
        session.print(_describe_template(sets[asked]))
        return None
    session.print(f"{title} ")
    if not sets:
        session.print("No rollout history found.")
        return None
    rows = [("REVISION", "CHANGE-CAUSE")]
    rows.extend(
        (str(number), objects.annotations(sets[number]).get(CHANGE_CAUSE, "<none>"))
        for number in sorted(sets)
    )
    width = max(len(row[0]) for row in rows) + 2
    for number, cause in rows:
        session.print(f"{number:<{width}}{cause}")
    session.print("")
    return None


def _describe_template(revision: Object) -> str:
    """The pod template of a revision; unlike in describe, columns are not laid out.

    That of a ReplicaSet comes with its change cause.
    """
    template = revision["spec"]["template"] if "spec" in revision else _recorded_template(revision)
    cause = objects.annotations(revision).get(CHANGE_CAUSE)
    if cause and "spec" in revision:
        template = objects.with_annotations({"metadata": {}, **template}, {CHANGE_CAUSE: cause})
    return _template_text(template)


def _template_text(template: Object) -> str:
    writer = Writer()
    write_template(writer, template)
    return writer.raw()


def _recorded_template(revision: Object) -> Object:
    """The pod template that a ControllerRevision puts back."""
    template = revision["data"]["spec"]["template"]
    return {key: value for key, value in template.items() if key != "$patch"}


def _undo_revision(session: Session, arguments: Arguments, target: Target) -> Steps:
    """Put the template of a ControllerRevision back (DaemonSetRollbacker, StatefulSetRollbacker)."""
    owner = yield session.client.get(target.resource, target.namespace, target.name)
    revisions = yield from _owned_revisions(session, owner)
    wanted = arguments.integer("to-revision") or 0
    if not wanted and len(revisions) <= 1:
        raise KubectlError("error: no last revision to roll back to")
    chosen = revisions.get(wanted or _previous(revisions))
    if chosen is None:
        raise KubectlError(f"error: unable to find specified revision {wanted} in history")
    if arguments.get("dry-run") == "client":
        _tell_undone(session, arguments, target, owner, _template_text(_recorded_template(chosen)))
        return None
    if _recorded_template(chosen) == owner["spec"]["template"]:
        _tell_undone(session, arguments, target, owner, _SKIPPED.format(wanted))
        return None
    dry = arguments.get("dry-run") == "server"
    yield session.client.patch(
        target.resource,
        target.namespace,
        target.name,
        chosen["data"],
        type="strategic",
        field_manager="kubectl-rollout",
        dry_run=dry,
    )
    _tell_undone(session, arguments, target, owner, "rolled back")
    return None


_SKIPPED = "skipped rollback (current template already matches revision {})"


def _tell_undone(session: Session, arguments: Arguments, target: Target, before: Object, result: str) -> None:
    """Say how it went. With ``-o`` the real client prints the object as it was found."""
    tell_done(session, arguments, target.resource, printed(before), result)


def _undo(session: Session, arguments: Arguments, target: Target) -> Steps:
    if target.resource.kind in {"DaemonSet", "StatefulSet"}:
        yield from _undo_revision(session, arguments, target)
        return None
    if target.resource.kind != "Deployment":
        raise KubectlError(f'error: no rollbacker has been implemented for "{group_kind(target.resource)}"')
    deployment = yield session.client.get(target.resource, target.namespace, target.name)
    sets = yield from _owned_sets(session, deployment)
    wanted = arguments.integer("to-revision") or 0
    revision = wanted or _previous(sets)
    if revision not in sets:
        text = (
            f"unable to find specified revision {wanted} in history"
            if wanted
            else "no rollout history found for deployment"
        )
        raise KubectlError(f"error: {text}" + ("" if wanted else f' "{target.name}"'))
    if arguments.get("dry-run") == "client":
        _tell_undone(
            session, arguments, target, deployment, _template_text(sets[revision]["spec"]["template"])
        )
        return None
    if deployment["spec"].get("paused"):
        raise KubectlError(
            "error: you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again"
        )
    template = _without_hash(sets[revision]["spec"]["template"])
    if template == _without_hash(deployment["spec"]["template"]):
        _tell_undone(session, arguments, target, deployment, _SKIPPED.format(revision))
        return None
    annotations = {
        **{k: v for k, v in objects.annotations(deployment).items() if k in _NOT_COPIED},
        **{k: v for k, v in objects.annotations(sets[revision]).items() if k not in _NOT_COPIED},
    }
    body = [
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ]
    dry = arguments.get("dry-run") == "server"
    yield session.client.patch(
        target.resource,
        target.namespace,
        target.name,
        body,
        type="json",
        field_manager="kubectl-rollout",
        dry_run=dry,
    )
    _tell_undone(session, arguments, target, deployment, "rolled back")
    return None


def _previous(sets: dict[int, Object]) -> int:
    """The second highest revision; 0 when there is none."""
    numbers = sorted(sets)
    return numbers[-2] if len(numbers) > 1 else 0


def _without_hash(template: Object) -> Object:
    labels = {k: v for k, v in (template["metadata"].get("labels") or {}).items() if k != "pod-template-hash"}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def _restart(session: Session, arguments: Arguments, target: Target) -> Steps:
    if target.resource.kind not in _STATUS:
        raise KubectlError(
            f'error: {target.resource.group_resource} "{target.name}" restarting is not supported'
        )
    now = rfc3339(session.engine.now)
    body = {"spec": {"template": {"metadata": {"annotations": {_RESTARTED: now}}}}}
    live = yield session.client.get(target.resource, target.namespace, target.name)
    if live["spec"].get("paused"):
        raise KubectlError(
            f'error: deployments.apps "{target.name}" can\'t restart paused deployment (run rollout resume first)'
        )
    notes = objects.get_in(live, ("spec", "template", "metadata", "annotations"), None) or {}
    if notes.get(_RESTARTED) == now:
        raise KubectlError(
            f"error: failed to create patch for {target.name}: if restart has already been triggered within the past "
            "second, please wait before attempting to trigger another"
        )
    new = yield _strategic(session, target, body)
    tell_done(session, arguments, target.resource, printed(new), "restarted")
    return None


def _pause(session: Session, arguments: Arguments, target: Target) -> Steps:
    yield from _set_paused(session, arguments, target, paused=True)


def _resume(session: Session, arguments: Arguments, target: Target) -> Steps:
    yield from _set_paused(session, arguments, target, paused=False)


def _set_paused(session: Session, arguments: Arguments, target: Target, *, paused: bool) -> Steps:
    if target.resource.kind != "Deployment":
        name = f'{target.resource.group_resource} "{target.name}"'
        raise KubectlError(f"error: {name} {'pausing' if paused else 'resuming'} is not supported")
    live = yield session.client.get(target.resource, target.namespace, target.name)
    if bool(live["spec"].get("paused")) is paused:
        state = "is already paused" if paused else "is not paused"
        raise KubectlError(f'error: deployments.apps "{target.name}" {state}')
    new = yield _strategic(session, target, {"spec": {"paused": True if paused else None}})
    tell_done(session, arguments, target.resource, printed(new), "paused" if paused else "resumed")
    return None


def _strategic(session: Session, target: Target, body: Object) -> Any:
    return session.client.patch(
        target.resource,
        target.namespace,
        target.name,
        body,
        type="strategic",
        field_manager="kubectl-rollout",
    )


ROLLOUTS = {
    "status": _status,
    "history": _history,
    "undo": _undo,
    "restart": _restart,
    "pause": _pause,
    "resume": _resume,
}
