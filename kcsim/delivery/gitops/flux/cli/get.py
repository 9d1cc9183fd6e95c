"""flux get: sources git, kustomizations, all.

**Imitates:** flux2 cmd/flux/get.go, get_source_git.go, get_kustomization.go, get_all.go.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.cli.session import KUSTOMIZATION, FluxError, Kind, Session, short
from kcsim.delivery.gitops.flux.toolkit import READY, artifact_revision, spec
from kcsim.engine.task import Steps


def get(session: Session, kinds: tuple[Kind, ...]) -> Steps:
    """List objects and their status."""
    everything = len(kinds) > 1
    arguments = session.arguments
    name = arguments.words[0] if arguments.words and not everything else ""
    everywhere = arguments.on("all-namespaces")
    for kind in kinds:
        found = yield session.client.list(
            kind.resource,
            "" if everywhere else session.namespace,
            label_selector=arguments.flags.get("label-selector", ""),
            field_selector=f"metadata.name={name}" if name else "",
        )
        items = found["items"]
        where = "any" if everywhere else f'"{session.namespace}"'
        if not items and not everything:
            what = f"{kind.kind} object '{name}' not found" if name else f"no {kind.kind} objects found"
            raise FluxError(f"{what} in {where} namespace")
        chosen = [o for o in items if _is_chosen(o, arguments.flags.get("status-selector", ""))]
        if not chosen and everything:
            continue
        with_source = kind is KUSTOMIZATION and arguments.on("show-source")
        rows = [_row(kind, o, everywhere, everything, with_source) for o in chosen]
        session.table(_headers(everywhere, with_source), rows)
        if everything:
            session.print("")


def _headers(everywhere: bool, with_source: bool) -> list[str]:
    return [
        *(["Namespace"] if everywhere else []),
        "Name",
        *(["Source"] if with_source else []),
        "Revision",
        "Suspended",
        "Ready",
        "Message",
    ]


def _row(kind: Kind, obj: Object, everywhere: bool, with_kind: bool, with_source: bool) -> list[str]:
    name = objects.name(obj)
    if kind is KUSTOMIZATION:
        revision = (obj.get("status") or {}).get("lastAppliedRevision", "")
    else:
        revision = artifact_revision(obj)
    ready = objects.condition(obj, READY) or {"status": "False", "message": "waiting to be reconciled"}
    source: dict[str, Any] = spec(obj).get("sourceRef") or {}
    origin = f"{source.get('kind')}/{source.get('namespace') or objects.namespace(obj)}/{source.get('name')}"
    return [
        *([objects.namespace(obj)] if everywhere else []),
        f"{kind.kind.lower()}/{name}" if with_kind else name,
        *([origin] if with_source else []),
        short(revision),
        str(bool(spec(obj).get("suspend"))),
        ready["status"],
        short(ready["message"]),
    ]


def _is_chosen(obj: Object, selector: str) -> bool:
    if not selector:
        return True
    kind, sign, status = selector.partition("!=" if "!=" in selector else "=")
    if not sign:
        raise FluxError(
            f"expected status selector in type=status or type!=status format, but found: {selector}"
        )
    same = any(
        c["type"].lower() == kind.lower() and c["status"].lower() == status.lower()
        for c in objects.conditions(obj)
    )
    return same != (sign == "!=")
