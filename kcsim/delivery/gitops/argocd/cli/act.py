"""What asks for something: ``argocd app sync``, ``rollback``, ``terminate-op``, ``wait``, ``set``, ``delete``.

**Imitates:** argo-cd 3.x cmd/argocd/commands/app.go and what server/application/application.go (Sync, Rollback,
TerminateOperation) checks before it writes ``operation``. Differs: a revision is resolved by the controller, which every
sync makes look at the git host.

**Walk:** the Application is read -> checks -> ``operation`` is written -> ``waits`` until it is over and has been compared
once more.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.argocd import autosync, terms, windows
from kcsim.delivery.gitops.argocd.cli import show
from kcsim.delivery.gitops.argocd.cli.session import ArgocdError, Session, Usage
from kcsim.delivery.gitops.argocd.health.status import DEGRADED, HEALTHY, SUSPENDED, UNKNOWN
from kcsim.delivery.gitops.argocd.resources import ResourceKey
from kcsim.engine.clock import SECOND, parse_rfc3339, rfc3339
from kcsim.engine.task import Steps

_HEAD = ["TIMESTAMP", "GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "HOOK", "MESSAGE"]
_WIDTHS = (0, 5, 10, 10, 20, 8, 7, 10, 0)
_RESOURCE_PARTS = 3


def sync(session: Session) -> Steps:
    """``argocd app sync``."""
    names = session.arguments.words or (yield from _selected(session))
    for name in names:
        yield from _sync(session, name)
        if session.exit_code:
            return


def _selected(session: Session) -> Steps:
    selector = session.arguments.get("selector")
    if not selector:
        raise Usage("argocd app sync takes the names of applications, or a selector (-l)")
    found = yield session.client.list(terms.APPLICATIONS, session.namespace, label_selector=selector)
    if not found["items"]:
        raise ArgocdError(f"no apps match selector {selector}")
    return [terms.qualified_name(app) for app in found["items"]]


def _sync(session: Session, name: str) -> Steps:
    arguments = session.arguments
    app = yield from session.application(name)
    yield from _check_windows(session, app)
    if objects.is_deleting(app):
        raise _refused("FailedPrecondition", "application is deleting")
    revision = arguments.get("revision")
    target = terms.sources(app)[0].get("targetRevision") or "HEAD"
    if revision and autosync.is_enabled(app) and revision != target and not arguments.on("dry-run"):
        raise _refused(
            "FailedPrecondition", f"Cannot sync to {revision}: auto-sync currently set to {target}"
        )
    chosen = [_resource(text) for text in arguments.all("resource")]
    wanted: dict[str, Any] = {
        "revision": revision,
        "prune": arguments.on("prune"),
        "dryRun": arguments.on("dry-run"),
        "resources": chosen,
        "syncOptions": _options(session, app),
        "syncStrategy": _strategy(session),
    }
    operation: dict[str, Any] = {"sync": {k: v for k, v in wanted.items() if v}}
    retry = _retry(session) or (terms.spec(app).get("syncPolicy") or {}).get("retry")
    if retry:
        operation["retry"] = retry
    yield from _ask(session, app, operation)
    if arguments.on("async"):
        return
    state = yield from _wait(session, name, ("operation",))
    if arguments.on("dry-run") or state is None:
        return
    if state.get("phase") != "Succeeded":
        session.fatal(f"Operation has completed with phase: {state.get('phase')}", 1)
        return
    after = yield from session.application(name)
    if not chosen and (terms.status(after).get("sync") or {}).get("status") != terms.SYNCED:
        results = (state.get("syncResult") or {}).get("resources") or ()
        skipped = sum(1 for result in results if result.get("status") == "PruneSkipped")
        if skipped:
            session.fatal(f"{skipped} resources require pruning", 1)


def _check_windows(session: Session, app: Object) -> Generator[Any, Any, None]:
    found = yield session.client.list(terms.PROJECTS, objects.namespace(app))
    project: Object = next((p for p in found["items"] if objects.name(p) == terms.project_of(app)), {})
    try:
        allowed = windows.can_sync(project, app, session.now, manual=True)
    except ValueError as error:
        raise _refused("PermissionDenied", f"cannot sync: invalid sync window: {error}") from None
    if not allowed:
        raise _refused("PermissionDenied", "cannot sync: blocked by sync window")


def _refused(code: str, why: str) -> ArgocdError:
    return ArgocdError(f"rpc error: code = {code} desc = {why}")


def _resource(text: str) -> dict[str, str]:
    """``GROUP:KIND:NAME`` or ``GROUP:KIND:NAMESPACE/NAME``."""
    parts = text.split(":")
    if len(parts) != _RESOURCE_PARTS:
        raise ArgocdError(f"resource should have GROUP:KIND:NAME, but instead got: {text}")
    namespace, slash, name = parts[2].partition("/")
    found = {"group": parts[0], "kind": parts[1], "name": name if slash else parts[2]}
    if slash:
        found["namespace"] = namespace
    return {k: v for k, v in found.items() if v}


def _options(session: Session, app: Object) -> list[str]:
    """The options of the policy, and those that flags ask for."""
    given = [
        option
        for flag, option in (
            ("replace", "Replace=true"),
            ("server-side", "ServerSideApply=true"),
            ("apply-out-of-sync-only", "ApplyOutOfSyncOnly=true"),
        )
        if session.arguments.on(flag)
    ]
    return [*terms.sync_options(app), *given]


def _strategy(session: Session) -> dict[str, Any]:
    force = {"force": True} if session.arguments.on("force") else {}
    match session.arguments.get("strategy"):
        case "apply":
            return {"apply": force}
        case "" | "hook" as strategy:
            return {"hook": force} if force or strategy else {}
        case other:
            raise ArgocdError(f"Unknown sync strategy: '{other}'")


def _retry(session: Session) -> dict[str, Any] | None:
    arguments = session.arguments
    if not arguments.get("retry-limit"):
        return None
    try:
        limit, factor = int(arguments.get("retry-limit")), int(arguments.get("retry-backoff-factor", "2"))
    except ValueError as error:
        raise Usage(f"invalid argument for a retry flag: {error}") from None
    backoff = {
        "duration": arguments.get("retry-backoff-duration", "5s"),
        "factor": factor,
        "maxDuration": arguments.get("retry-backoff-max-duration", "3m0s"),
    }
    return {"limit": limit, "backoff": backoff}


def _ask(session: Session, app: Object, operation: dict[str, Any]) -> Generator[Any, Any, None]:
    """SetAppOperation: write the operation unless there is one, and forget what became of the last one."""
    user = session.client.user.name
    body: dict[str, Any] = {
        "operation": {**operation, "initiatedBy": {"username": user}},
        "metadata": {"resourceVersion": objects.resource_version(app)},
    }
    if app.get("operation"):
        raise _refused("FailedPrecondition", "another operation is already in progress")
    if terms.operation_state(app):
        body["status"] = {"operationState": None}
    try:
        yield session.client.patch(terms.APPLICATIONS, *objects.key(app), body)
    except StatusError as error:
        raise _refused("Unknown", f"error setting app operation: {error.message}") from None


def rollback(session: Session) -> Steps:
    """``argocd app rollback NAME [ID]``: without an id, to the deployment before the last."""
    words = session.arguments.words
    if not words or len(words) > 2:
        raise Usage("argocd app rollback takes the name of an application, and the id of a deployment")
    app = yield from session.application(words[0])
    chosen = _deployment(app, words[1] if len(words) > 1 else None)
    if objects.is_deleting(app):
        raise _refused("FailedPrecondition", "application is deleting")
    if autosync.is_enabled(app):
        raise _refused("FailedPrecondition", "rollback cannot be initiated when auto-sync is enabled")
    wanted: dict[str, Any] = {
        **{k: chosen[k] for k in ("revision", "revisions", "source", "sources") if chosen.get(k)},
        "prune": session.arguments.on("prune"),
        "syncOptions": terms.sync_options(app),
    }
    request = {k: v for k, v in wanted.items() if v}
    yield from _ask(session, app, {"sync": {**request, "syncStrategy": {"apply": {}}}})
    yield from _wait(session, words[0], ("operation",))


def _deployment(app: Object, number: str | None) -> Mapping[str, Any]:
    history = terms.status(app).get("history") or []
    if number is None:
        if len(history) < 2:
            raise ArgocdError(
                f"application '{objects.name(app)}' should have at least two successful deployments"
            )
        return history[-2]  # type: ignore[no-any-return]
    if not number.isdigit():
        raise ArgocdError(f'strconv.Atoi: parsing "{number}": invalid syntax')
    found = next((entry for entry in history if entry["id"] == int(number)), None)
    if found is None:
        raise ArgocdError(
            f"application '{objects.name(app)}' does not have deployment id '{number}' in history"
        )
    return found  # type: ignore[no-any-return]


def terminate(session: Session) -> Steps:
    """``argocd app terminate-op``."""
    name = session.name()
    app = yield from session.application(name)
    if not app.get("operation") or not terms.operation_state(app):
        raise _refused("InvalidArgument", "Unable to terminate operation. No operation is in progress")
    body = {"status": {"operationState": {"phase": "Terminating"}}}
    yield session.client.patch(terms.APPLICATIONS, *objects.key(app), body)
    session.print(f"Application '{objects.name(app)}' operation terminating")


def sets(session: Session) -> Steps:
    """``argocd app set``: the sync policy and its options, the target revision, the path."""
    arguments = session.arguments
    app = yield from session.application(session.name())
    spec: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    match arguments.get("sync-policy"):
        case "":
            pass
        case "none" | "manual":
            policy["automated"] = None
        case "automatic" | "auto" | "automated":
            policy["automated"] = {}
        case other:
            raise ArgocdError(f"Invalid sync-policy: {other}")
    for flag, field in (("auto-prune", "prune"), ("self-heal", "selfHeal")):
        if arguments.all(flag):
            if policy.get("automated", "") is None or not (autosync.is_enabled(app) or "automated" in policy):
                raise ArgocdError(f"Cannot set --{flag}: application not configured with automatic sync")
            policy.setdefault("automated", {})[field] = arguments.on(flag)
    if arguments.all("sync-option"):
        policy["syncOptions"] = _merged_options(terms.sync_options(app), arguments.all("sync-option"))
    if policy:
        spec["syncPolicy"] = policy
    for flag, field in (("revision", "targetRevision"), ("path", "path"), ("repo", "repoURL")):
        if arguments.get(flag):
            spec.setdefault("source", {})[field] = arguments.get(flag)
    if not spec:
        raise ArgocdError("Please set at least one option to update")
    yield session.client.patch(terms.APPLICATIONS, *objects.key(app), {"spec": spec})


def _merged_options(known: list[str], changes: list[str]) -> list[str]:
    """Options replace those of the same name; ``!name`` takes one away."""
    found = list(known)
    for text in changes:
        name = text.removeprefix("!").partition("=")[0]
        found = [option for option in found if option.partition("=")[0] != name]
        if not text.startswith("!"):
            found.append(text)
    return found


def deletes(session: Session) -> Steps:
    """``argocd app delete``: with the objects (the default, foreground) or, with --cascade=false, without."""
    arguments = session.arguments
    if not arguments.words:
        raise Usage("argocd app delete takes the names of applications")
    policy = arguments.get("propagation-policy", "foreground")
    if policy not in {"foreground", "background"}:
        raise ArgocdError(f"invalid propagation policy: {policy}")
    for name in arguments.words:
        app = yield from session.application(name)
        rest = [f for f in app["metadata"].get("finalizers") or () if not f.startswith(terms.CASCADE)]
        if arguments.on("cascade", default=True):
            rest.append(terms.BACKGROUND if policy == "background" else terms.CASCADE)
        if rest != list(app["metadata"].get("finalizers") or ()):
            body = {"metadata": {"finalizers": rest or None}}
            yield session.client.patch(terms.APPLICATIONS, *objects.key(app), body)
        yield session.client.delete(terms.APPLICATIONS, *objects.key(app))
        session.print(f"application '{objects.name(app)}' deleted")


# --- waiting ----------------------------------------------------------------------------------------------------


def waits(session: Session) -> Steps:
    """``argocd app wait``."""
    arguments = session.arguments
    names = arguments.words or (yield from _selected(session))
    asked = [
        flag
        for flag in ("sync", "health", "suspended", "degraded", "delete", "operation")
        if arguments.on(flag)
    ]
    for name in names:
        yield from _wait(session, name, tuple(asked) or ("sync", "health", "operation"))
        if session.exit_code:
            return


def _wait(
    session: Session, name: str, watched: tuple[str, ...]
) -> Generator[Any, Any, dict[str, Any] | None]:
    """waitOnApplicationStatus: tell what changes until all holds; the state of the operation then."""
    until = _deadline(session)
    known: dict[ResourceKey, show.State] = {}
    asked_for = False
    while True:
        try:
            app = yield from session.application(name)
        except ArgocdError:
            if "delete" not in watched:
                raise
            session.print(f"Application '{'/'.join(session.key(name))}' deleted")
            return None
        asked_for = asked_for or bool(app.get("operation"))
        ready, busy = _is_ready(app, watched)
        state = terms.operation_state(app)
        if ready and not (busy and "operation" in watched):
            yield from _finish(session, name, watched, refresh=asked_for)
            return dict(state)
        worse = _told(session, app, known, health="health" in watched)
        if worse:
            yield from _finish(session, name, watched, refresh=False)
            session.fatal(f"application '{name}' health state has transitioned from {worse} to {DEGRADED}")
            return dict(state)
        if until is not None and session.now >= until:
            session.print()
            session.print("This is the state of the app after wait timed out:")
            session.print()
            session.print("The command timed out waiting for the conditions to be met.")
            yield from _finish(session, name, watched, refresh=False)
            timeout = session.arguments.get("timeout")
            session.fatal(f'timed out ({timeout}s) waiting for app "{name}" match desired state')
            return dict(state)
        yield from session.pause()


def _deadline(session: Session) -> int | None:
    text = session.arguments.get("timeout")
    if not text:
        return None
    if not text.isdigit():
        raise Usage(
            f'invalid argument "{text}" for "--timeout" flag: strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return session.now + int(text) * SECOND if int(text) else None


def _is_ready(app: Object, watched: tuple[str, ...]) -> tuple[bool, bool]:
    """checkAppWaitConditions: whether what is watched holds, and whether an operation, or the look after it, goes on."""
    status, state = terms.status(app), terms.operation_state(app)
    busy = bool(app.get("operation"))
    if not busy and state:
        finished = state.get("finishedAt")
        dry = ((state.get("operation") or {}).get("sync") or {}).get("dryRun")
        seen = status.get("reconciledAt")
        busy = not finished or (not dry and (not seen or parse_rfc3339(seen) < parse_rfc3339(finished)))
    if "delete" in watched:
        return False, busy
    health = (status.get("health") or {}).get("status")
    healths = {"health": HEALTHY, "suspended": SUSPENDED, "degraded": DEGRADED}
    wanted = [value for name, value in healths.items() if name in watched]
    ready = (
        ("sync" not in watched or (status.get("sync") or {}).get("status") == terms.SYNCED)
        and (not wanted or health in wanted)
        and ("operation" not in watched or not app.get("operation"))
    )
    return ready, busy


def _told(session: Session, app: Object, known: dict[ResourceKey, show.State], *, health: bool) -> str:
    """Print the resources that changed; the health that one fell from, when it became Degraded."""
    rows = []
    for state in show.states(app):
        before = known.get(state.key)
        if before is None:
            known[state.key] = state
        else:
            if health and before.health not in {UNKNOWN, DEGRADED} and state.health == DEGRADED:
                return before.health or '""'
            if not _merged(before, state):
                continue
        rows.append(_padded([rfc3339(session.now).replace("Z", "+00:00"), *known[state.key].cells()]))
    if rows:
        if len(rows) == len(known):
            rows.insert(0, _padded(_HEAD))
        session.table(rows, least=5)
    return ""


def _merged(before: show.State, new: show.State) -> bool:
    """Blank fields never replace others; whether any changed."""
    changed = False
    for field in ("status", "health", "hook", "message"):
        value = getattr(new, field)
        if value and value != getattr(before, field):
            setattr(before, field, value)
            changed = True
    return changed


def _padded(cells: list[str]) -> list[str]:
    return [cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True)]


def _finish(
    session: Session, name: str, watched: tuple[str, ...], *, refresh: bool
) -> Generator[Any, Any, None]:
    app = yield from session.application(name, refresh="normal" if refresh else "")
    session.print()
    show.summary(session, app)
    session.print()
    if "operation" in watched and terms.operation_state(app):
        show.operation_result(session, terms.operation_state(app))
    if terms.status(app).get("resources"):
        session.print()
        show.resources_table(session, app)


Command = Callable[[Session], Steps]
