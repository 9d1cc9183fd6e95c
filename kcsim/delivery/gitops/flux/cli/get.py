"""flux get: sources, kustomizations, helmreleases, images, artifacts, receivers, alerts, alert-providers, all.

**Imitates:** flux2 cmd/flux/get.go, get_source*.go, get_kustomization.go, get_helmrelease.go, get_image*.go, get_artifact*.go,
get_receiver.go, get_alert.go, get_all.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.cli.session import (
    ALERT,
    ALERT_PROVIDER,
    ARTIFACT_GENERATOR,
    EXTERNAL_ARTIFACT,
    HELM_RELEASE,
    HELM_REPOSITORY,
    IMAGE_POLICY,
    IMAGE_REPOSITORY,
    IMAGE_UPDATE,
    KUSTOMIZATION,
    RECEIVER,
    FluxError,
    Kind,
    Session,
    short,
)
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
            label_selector=arguments.get("label-selector"),
            field_selector=f"metadata.name={name}" if name else "",
        )
        items = found["items"]
        where = "any" if everywhere else f'"{session.namespace}"'
        if not items and not everything:
            what = f"{kind.kind} object '{name}' not found" if name else f"no {kind.kind} objects found"
            raise FluxError(f"{what} in {where} namespace")
        chosen = [o for o in items if _is_chosen(o, arguments.get("status-selector"))]
        if not chosen and everything:
            continue
        with_source = kind is KUSTOMIZATION and arguments.on("show-source")
        columns = _columns(kind, everywhere, everything, with_source)
        session.table(list(columns), [[column(o) for column in columns.values()] for o in chosen])
        if everything:
            session.print("")


_Column = Callable[[Object], str]


def _ready(field: str) -> _Column:
    def read(obj: Object) -> str:
        ready = objects.condition(obj, READY) or {"status": "False", "message": "waiting to be reconciled"}
        return short(ready[field])

    return read


def _at(*path: str) -> _Column:
    return lambda obj: short(str(objects.get_in(obj, ("status", *path), "")))


def _source_of(obj: Object) -> str:
    source: dict[str, Any] = spec(obj).get("sourceRef") or {}
    return f"{source.get('kind')}/{source.get('namespace') or objects.namespace(obj)}/{source.get('name')}"


def chart_version(obj: Object) -> str:
    """The version of the chart that a HelmRelease has released last."""
    history: list[dict[str, Any]] = objects.get_in(obj, ("status", "history"), [])
    newest = max(history, key=lambda seen: int(seen["version"]), default=None)
    return str(newest["chartVersion"]) if newest is not None else ""


def _ready_if_static(field: str, static: str) -> _Column:
    """Of a HelmRepository that only names an address there is nothing to wait for."""
    read = _ready(field)
    return lambda obj: static if spec(obj).get("type") == "oci" else read(obj)


_SUSPENDED: dict[str, _Column] = {"Suspended": lambda obj: str(bool(spec(obj).get("suspend")))}
_OUTCOME: dict[str, _Column] = {"Ready": _ready("status"), "Message": _ready("message")}
_SOURCE: dict[str, _Column] = {
    "Revision": lambda obj: short(artifact_revision(obj)),
    **_SUSPENDED,
    **_OUTCOME,
}
_COLUMNS: dict[Kind, dict[str, _Column]] = {
    KUSTOMIZATION: {"Revision": _at("lastAppliedRevision"), **_SUSPENDED, **_OUTCOME},
    IMAGE_REPOSITORY: {"Last scan": _at("lastScanResult", "scanTime"), **_SUSPENDED, **_OUTCOME},
    IMAGE_POLICY: {"Image": _at("latestRef", "name"), "Tag": _at("latestRef", "tag"), **_OUTCOME},
    IMAGE_UPDATE: {"Last run": _at("lastAutomationRunTime"), **_SUSPENDED, **_OUTCOME},
    HELM_RELEASE: {"Revision": chart_version, **_SUSPENDED, **_OUTCOME},
    HELM_REPOSITORY: {
        "Revision": lambda obj: short(artifact_revision(obj)),
        **_SUSPENDED,
        "Ready": _ready_if_static("status", "True"),
        "Message": _ready_if_static("message", "Helm repository is Ready"),
    },
    EXTERNAL_ARTIFACT: {
        "Revision": lambda obj: short(artifact_revision(obj)),
        "Source": _source_of,
        **_OUTCOME,
    },
    ARTIFACT_GENERATOR: _OUTCOME,
    RECEIVER: {**_SUSPENDED, **_OUTCOME},
    ALERT: _SUSPENDED,
    ALERT_PROVIDER: {},
}
"""What is shown of a kind beside its name; sources alike."""


def _columns(kind: Kind, everywhere: bool, with_kind: bool, with_source: bool) -> dict[str, _Column]:
    def name(obj: Object) -> str:
        return f"{kind.kind.lower()}/{objects.name(obj)}" if with_kind else objects.name(obj)

    return {
        **({"Namespace": objects.namespace} if everywhere else {}),
        "Name": name,
        **({"Source": _source_of} if with_source else {}),
        **_COLUMNS.get(kind, _SOURCE),
    }


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
