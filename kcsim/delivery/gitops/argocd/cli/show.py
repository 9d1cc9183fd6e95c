"""What only looks: ``argocd app list``, ``get``, ``history``, ``resources``, and the parts that other commands print, too.

**Imitates:** argo-cd 3.x cmd/argocd/commands/app.go (printApplicationTable, printAppSummaryTable, printOperationResult,
getResourceStates, printApplicationHistoryTable) and app_resources.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import autosync, terms, windows
from kcsim.delivery.gitops.argocd.cli.session import ArgocdError, Session
from kcsim.delivery.gitops.argocd.resources import ResourceKey, key_of
from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.engine.task import Steps
from kcsim.manifests import dump

_SHA = re.compile(r"^[0-9a-f]{7,40}$")
_SHORT = 7


def lists(session: Session) -> Steps:
    """``argocd app list``."""
    arguments = session.arguments
    selector = arguments.get("selector")
    found = yield session.client.list(
        terms.APPLICATIONS, arguments.get("app-namespace", session.namespace), label_selector=selector
    )
    apps = [app for app in found["items"] if _is_wanted(session, app)]
    match arguments.get("output", "wide"):
        case "name":
            for app in apps:
                session.print(terms.qualified_name(app))
        case "json":
            session.print(json.dumps(apps, indent=2))
        case "yaml":
            for app in apps:
                session.out.append(f"---\n{dump(app)}")
        case "wide" | "" as output:
            _table(session, apps, wide=output == "wide")
        case other:
            raise ArgocdError(f"unknown output format: {other}")


def _is_wanted(session: Session, app: Object) -> bool:
    arguments = session.arguments
    source = terms.sources(app)[0]
    return (
        (not arguments.all("project") or terms.project_of(app) in arguments.all("project"))
        and arguments.get("repo", source.get("repoURL", "")) == source.get("repoURL", "")
        and arguments.get("path", source.get("path", "")) == source.get("path", "")
        and arguments.get("cluster", server_of(app)) == server_of(app)
    )


def _table(session: Session, apps: Sequence[Object], *, wide: bool) -> None:
    headers = ["NAME", "CLUSTER", "NAMESPACE", "PROJECT", "STATUS", "HEALTH", "SYNCPOLICY", "CONDITIONS"]
    rows = [[*headers, "REPO", "PATH", "TARGET"] if wide else headers]
    for app in apps:
        status, source = terms.status(app), terms.sources(app)[0]
        row = [
            terms.qualified_name(app),
            server_of(app),
            terms.destination(app).get("namespace", ""),
            terms.project_of(app),
            (status.get("sync") or {}).get("status", ""),
            (status.get("health") or {}).get("status", ""),
            _policy(app),
            _conditions(app),
        ]
        if wide:
            row += [source.get(field, "") for field in ("repoURL", "path", "targetRevision")]
        rows.append(row)
    session.table(rows)


def server_of(app: Object) -> str:
    """The destination as a table shows it."""
    destination = terms.destination(app)
    return str(destination.get("server") or destination.get("name") or "")


def _policy(app: Object) -> str:
    if not autosync.is_enabled(app):
        return "Manual"
    prune = ((terms.spec(app).get("syncPolicy") or {}).get("automated") or {}).get("prune")
    return "Auto-Prune" if prune else "Auto"


def _conditions(app: Object) -> str:
    counts: dict[str, int] = {}
    for condition in terms.status(app).get("conditions") or ():
        counts[condition["type"]] = counts.get(condition["type"], 0) + 1
    items = [f"{kind}({count})" if count > 1 else kind for kind, count in counts.items()]
    return ",".join(sorted(items)) or "<none>"


# --- one Application --------------------------------------------------------------------------------------------


def get(session: Session) -> Steps:
    """``argocd app get``."""
    arguments = session.arguments
    refresh = "hard" if arguments.on("hard-refresh") else "normal" if arguments.on("refresh") else ""
    app = yield from session.application(session.name(), refresh=refresh)
    match arguments.get("output", "wide"):
        case "json":
            session.print(json.dumps(app, indent=2))
        case "yaml":
            session.out.append(dump(app))
        case "wide" | "":
            project = yield from _project(session, app)
            summary(session, app, project)
            conditions = terms.status(app).get("conditions") or ()
            if conditions:
                session.print()
                rows = [["CONDITION", "MESSAGE", "LAST TRANSITION"]]
                rows += [
                    [c["type"], c["message"], go_time(c.get("lastTransitionTime", ""))] for c in conditions
                ]
                session.table(rows)
                session.print()
            if arguments.on("show-operation") and terms.operation_state(app):
                session.print()
                operation_result(session, terms.operation_state(app))
            if terms.status(app).get("resources"):
                session.print()
                resources_table(session, app)
        case other:
            raise ArgocdError(f"unknown output format: {other}")


def _project(session: Session, app: Object) -> Steps:
    found = yield session.client.list(terms.PROJECTS, objects.namespace(app))
    named = (p for p in found["items"] if objects.name(p) == terms.project_of(app))
    return next(named, {})


def summary(session: Session, app: Object, project: Object | None = None) -> None:
    """The head of ``argocd app get``; the windows are those of ``project``."""

    def line(label: str, value: str) -> None:
        session.print(f"{label:<20}{value}")

    status = terms.status(app)
    several = terms.has_multiple_sources(app)
    line("Name:", terms.qualified_name(app))
    line("Project:", terms.project_of(app))
    line("Server:", server_of(app))
    line("Namespace:", terms.destination(app).get("namespace", ""))
    line("URL:", f"https://argocd.example/applications/{objects.name(app)}")
    session.print("Sources:" if several else "Source:")
    for source in terms.sources(app):
        line("- Repo:", source.get("repoURL", ""))
        line("  Target:", source.get("targetRevision", ""))
        if source.get("path"):
            line("  Path:", source["path"])
        if source.get("ref"):
            line("  Ref:", source["ref"])
    _windows(session, app, project or {}, line)
    policy = "Manual"
    if autosync.is_enabled(app):
        automated = (terms.spec(app).get("syncPolicy") or {}).get("automated") or {}
        policy = "Automated (Prune)" if automated.get("prune") else "Automated"
    line("Sync Policy:", policy)
    line("Sync Status:", _sync_text(app))
    line("Health Status:", (status.get("health") or {}).get("status", ""))


def _windows(session: Session, app: Object, project: Object, line: Any) -> None:
    found = windows.matching(project, app)
    if not found:
        line("SyncWindow:", "Sync Allowed")
        return
    active = [window for window in found if windows.is_active(window, session.now)]
    denied = any(window.get("kind") == "deny" for window in active)
    closed = not active and any(window.get("kind") == "allow" for window in found)
    text = "Sync Allowed"
    if denied or closed:
        text = "Manual Allowed" if windows.allows(found, session.now, manual=True) else "Sync Denied"
    line("SyncWindow:", text)
    line("Assigned Windows:", ",".join(f"{w['kind']}:{w['schedule']}:{w['duration']}" for w in found))


def _sync_text(app: Object) -> str:
    sync = terms.status(app).get("sync") or {}
    target = terms.sources(app)[0].get("targetRevision", "")
    text = str(sync.get("status", ""))
    text += {terms.SYNCED: f" to {target}", terms.OUT_OF_SYNC: f" from {target}"}.get(text, "")
    revision = sync.get("revision", "")
    if not _SHA.match(target) and len(revision) > _SHORT:
        text += f" ({revision[:_SHORT]})"
    return text


def operation_result(session: Session, state: Mapping[str, Any]) -> None:
    """What became of an operation."""
    result = state.get("syncResult")
    lines = []
    if result:
        revisions = result.get("revisions") or [result.get("revision", "")]
        lines += [("Operation:", "Sync"), ("Sync Revision:", ", ".join(revisions))]
    began = parse_rfc3339(state["startedAt"])
    finished = state.get("finishedAt")
    ended = parse_rfc3339(finished) if finished else session.now
    lines += [
        ("Phase:", state.get("phase", "")),
        ("Start:", go_time(state["startedAt"])),
        ("Finished:", go_time(finished) if finished else "<nil>"),
        ("Duration:", go_seconds((ended - began) // SECOND)),
    ]
    if state.get("message"):
        lines.append(("Message:", state["message"]))
    for label, value in lines:
        session.print(f"{label:<20}{value}")


def go_time(text: str) -> str:
    """A time as Go prints it: ``2026-01-01 00:00:05 +0000 UTC``."""
    return text.replace("T", " ").replace("Z", " +0000 UTC")


def go_seconds(total: int) -> str:
    """Whole seconds as Go prints a duration: ``1m5s``."""
    hours, rest = divmod(total, 3600)
    minutes, seconds = divmod(rest, 60)
    return (f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else "") + f"{seconds}s"


# --- resources --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class State:
    """One resource as tables show it."""

    key: ResourceKey
    status: str = ""
    health: str = ""
    hook: str = ""
    message: str = ""

    def cells(self) -> list[str]:
        """A row."""
        return [*self.key, self.status, self.health, self.hook, self.message]


def states(app: Object) -> list[State]:
    """The resources of the last operation with their results, then the others (getResourceStates)."""
    status = terms.status(app)
    known = {_key(resource): resource for resource in status.get("resources") or ()}
    found = []
    for result in (terms.operation_state(app).get("syncResult") or {}).get("resources") or ():
        key = _key(result)
        state, health = result.get("hookPhase", ""), result.get("status", "")
        resource = known.get(key)
        if resource is not None and not result.get("hookType"):
            health = (resource.get("health") or {}).get("status", "")
            state = resource.get("status", "")
        found.append(State(key, state, health, result.get("hookType", ""), result.get("message", "")))
        known.pop(key, None)
    for key in sorted(known, key=str):
        health = (known[key].get("health") or {}).get("status", "")
        found.append(State(key, known[key].get("status", ""), health))
    return found


def _key(resource: Mapping[str, Any]) -> ResourceKey:
    return ResourceKey(*(str(resource.get(part) or "") for part in ("group", "kind", "namespace", "name")))


def resources_table(session: Session, app: Object) -> None:
    """All resources of an Application."""
    rows = [["GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "HOOK", "MESSAGE"]]
    session.table(rows + [state.cells() for state in states(app)])


def resources(session: Session) -> Steps:
    """``argocd app resources``: first-level resources."""
    if session.arguments.get("output"):
        raise ArgocdError("kcsim shows no tree of resources; leave --output away")
    app = yield from session.application(session.name())
    rows = [["GROUP", "KIND", "NAMESPACE", "NAME", "ORPHANED"]]
    if not session.arguments.on("orphaned"):
        rows += [[*_key(resource), "No"] for resource in terms.status(app).get("resources") or ()]
    orphans = getattr(session.comparisons(objects.key(app)), "orphans", ())
    rows += [[*key_of(obj), "Yes"] for obj in orphans]
    session.table(rows)


# --- history ----------------------------------------------------------------------------------------------------


def history(session: Session) -> Steps:
    """``argocd app history``."""
    app = yield from session.application(session.name())
    entries = terms.status(app).get("history") or ()
    if session.arguments.get("output") == "id":
        for entry in entries:
            session.print(str(entry["id"]))
        return
    found: dict[str, list[list[str]]] = {}
    for entry in entries:
        pairs = [(entry.get("source") or {}, entry.get("revision", ""))]
        if entry.get("sources"):
            revisions = entry.get("revisions") or [""] * len(entry["sources"])
            pairs = list(zip(entry["sources"], revisions, strict=False))
        for source, revision in pairs:
            text = source.get("targetRevision", "")
            if len(revision) >= _SHORT:
                text = f"{text} ({revision[:_SHORT]})"
            row = [str(entry["id"]), go_time(entry["deployedAt"]), text]
            found.setdefault(source.get("repoURL", ""), []).append(row)
    for number, (url, rows) in enumerate(found.items()):
        if number:
            session.print()
        # One run of the tabwriter: the word SOURCE is in the column of the ids.
        session.print(f"SOURCE  {url}")
        session.table(
            [[cells[0].ljust(len("SOURCE")), *cells[1:]] for cells in (["ID", "DATE", "REVISION"], *rows)]
        )
