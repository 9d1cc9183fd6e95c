"""flux trace and flux tree: from an object up to its source, and from a Kustomization down to its objects.

**Imitates:** flux2 cmd/flux/trace.go, tree_kustomization.go and internal/tree.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Key, Object, get_in
from kcsim.api.status import StatusError
from kcsim.delivery.gitops import inventory
from kcsim.delivery.gitops.flux.cli.get import chart_version
from kcsim.delivery.gitops.flux.cli.session import FluxError, Kind, Session
from kcsim.delivery.gitops.flux.helm import terms
from kcsim.delivery.gitops.flux.helm.controller import SOURCES as CHART_SOURCES
from kcsim.delivery.gitops.flux.helm_charts import SOURCES as REPOSITORIES
from kcsim.delivery.gitops.flux.ssa.drift import subject
from kcsim.delivery.gitops.flux.toolkit import (
    HELM_GROUP,
    HELM_RELEASES,
    KUSTOMIZATIONS,
    KUSTOMIZE_GROUP,
    OWNER_NAME,
    OWNER_NAMESPACE,
    READY,
    SOURCES,
    artifact_revision,
    source_key,
    source_kind,
    spec,
    status,
)
from kcsim.engine.clock import parse_rfc3339, rfc3339
from kcsim.engine.task import Steps

# --- trace ------------------------------------------------------------------------------------------------------


def trace(session: Session, kinds: tuple[Kind, ...]) -> Steps:
    """Say which Kustomization and source an object comes from."""
    del kinds
    pairs = _pairs(session)
    for place, (word, name) in enumerate(pairs):
        if place:
            session.print("---")
        obj = yield from _find(session, word, name)
        found = yield from _owner(session, obj)
        if found is None:
            where = objects.namespace(obj)
            raise FluxError(
                f"failed to trace {obj['kind']}/{name} in namespace {where}: object not managed by Flux"
            )
        resource, owner = found
        applier = yield session.client.get(resource, *owner)
        if resource == HELM_RELEASES:
            kind, namespace, chart = terms.source_subject(applier).split("/")
            source = yield session.client.get(CHART_SOURCES[kind], namespace, chart)
            above = None
            if kind == "HelmChart":
                ref = spec(source)["sourceRef"]
                above = yield session.client.get(REPOSITORIES[ref["kind"]], namespace, ref["name"])
            lines = traced_release(obj, applier, source, above)
        else:
            source = yield session.client.get(SOURCES[source_kind(applier)], *source_key(applier))
            lines = traced(obj, applier, source)
        for line in lines:
            session.print(line)


_LABELS = (
    (HELM_RELEASES, terms.ORIGIN_NAME, terms.ORIGIN_NAMESPACE),
    (KUSTOMIZATIONS, OWNER_NAME, OWNER_NAMESPACE),
)


def _pairs(session: Session) -> list[tuple[str, str]]:
    words = session.arguments.words
    if "kind" in session.arguments.flags:
        if not words:
            raise FluxError("object name is required")
        if "api-version" not in session.arguments.flags:
            raise FluxError("object apiVersion is required (--api-version)")
        return [(session.arguments.get("kind"), words[0])]
    if words and all("/" in word for word in words):
        return [(w.partition("/")[0], w.partition("/")[2]) for w in words]
    if len(words) < 2 or any("/" in word for word in words):
        raise FluxError("either `<resource>/<name>` or `<resource> <name>` is required as an argument")
    return [(words[0], name) for name in words[1:]]


def _find(session: Session, word: str, name: str) -> Generator[Any, Any, Object]:
    resource = session.client.endpoint.server.catalog.by_word(word)
    if resource is None:
        raise FluxError(f'the server doesn\'t have a resource type "{word}"')
    obj: Object = yield session.client.get(resource, session.namespace, name)
    return obj


def _owner(session: Session, obj: Object) -> Generator[Any, Any, tuple[str, Key] | None]:
    """The HelmRelease or Kustomization an object, or one of its owners, is labelled with: its resource and key."""
    labels = objects.labels(obj)
    for applier, name, namespace in _LABELS:
        if name in labels and namespace in labels:
            return applier, (labels[namespace], labels[name])
    for ref in objects.owner_refs(obj):
        resource = session.client.endpoint.server.catalog.of(ref)
        if resource is None:
            continue
        try:
            above = yield session.client.get(resource, objects.namespace(obj), ref["name"])
        except StatusError as error:
            if error.is_not_found:
                continue
            raise
        found: tuple[str, Key] | None = yield from _owner(session, above)
        if found is not None:
            return found
    return None


def traced(obj: Object, kustomization: Object, source: Object) -> list[str]:
    """The report, line by line."""
    wanted = spec(kustomization)
    lines = ["", f"Object:          {obj['kind']}/{objects.name(obj)}"]
    if objects.namespace(obj):
        lines.append(f"Namespace:       {objects.namespace(obj)}")
    lines += ["Status:          Managed by Flux", "---", f"Kustomization:   {objects.name(kustomization)}"]
    lines.append(f"Namespace:       {objects.namespace(kustomization)}")
    if wanted.get("targetNamespace"):
        lines.append(f"Target:          {wanted['targetNamespace']}")
    lines.append(f"Path:            {wanted.get('path', '')}")
    lines.append(f"Revision:        {status(kustomization).get('lastAppliedRevision', '')}")
    lines += _standing(kustomization, "Last reconciled at")
    lines += [
        "---",
        f"{source['kind'] + ':':<16} {objects.name(source)}",
        f"Namespace:       {objects.namespace(source)}",
    ]
    lines.append(f"URL:             {spec(source).get('url', '')}")
    ref = spec(source).get("ref") or {}
    if ref.get("tag") or ref.get("semver"):
        lines.append(f"Tag:             {ref.get('tag') or ref.get('semver')}")
    elif ref.get("branch"):
        lines.append(f"Branch:          {ref['branch']}")
    if artifact_revision(source):
        lines.append(f"Revision:        {artifact_revision(source)}")
    failed = objects.condition_is(source, READY, "False")
    lines += _standing(source, "Last reconciliation failed at" if failed else "Last reconciled at")
    return lines


def traced_release(obj: Object, release: Object, source: Object, above: Object | None) -> list[str]:
    """The report of an object that Helm has installed; ``above`` is where its HelmChart comes from."""
    lines = ["", f"Object:          {obj['kind']}/{objects.name(obj)}"]
    if objects.namespace(obj):
        lines.append(f"Namespace:       {objects.namespace(obj)}")
    lines += ["Status:          Managed by Flux", "---", f"HelmRelease:     {objects.name(release)}"]
    lines.append(f"Namespace:       {objects.namespace(release)}")
    if spec(release).get("targetNamespace"):
        lines.append(f"Target:          {spec(release)['targetNamespace']}")
    lines.append(f"Revision:        {chart_version(release)}")
    lines += _standing(release, "Last reconciled at")
    for each in (source, above):
        if each is None:
            continue
        lines += ["---", f"{each['kind'] + ':':<16} {objects.name(each)}"]
        lines.append(f"Namespace:       {objects.namespace(each)}")
        if each["kind"] == "HelmChart":
            lines.append(f"Chart:           {spec(each)['chart']}")
            lines.append(f"Version:         {spec(each).get('version', '')}")
        else:
            lines.append(f"URL:             {spec(each).get('url', '')}")
        if artifact_revision(each):
            lines.append(f"Revision:        {artifact_revision(each)}")
        lines += _standing(each, "Last reconciled at")
    return lines


def _standing(obj: Object, words: str) -> list[str]:
    ready = objects.condition(obj, READY)
    if ready is None:
        return ["Status:          Unknown"]
    # As Go prints a time: 2026-01-01 00:00:07 +0000 UTC.
    when = rfc3339(parse_rfc3339(ready["lastTransitionTime"]))
    text = when.replace("T", " ").replace("Z", " +0000 UTC")
    return [f"Status:          {words} {text}", f"Message:         {ready['message']}"]


# --- tree -------------------------------------------------------------------------------------------------------


def tree(session: Session, kinds: tuple[Kind, ...]) -> Steps:
    """Print what a Kustomization has applied, and what the Kustomizations among it have."""
    del kinds
    if not session.arguments.words:
        raise FluxError("kustomization name is required")
    key = (session.namespace, session.arguments.words[0])
    root = yield session.client.get(KUSTOMIZATIONS, *key)
    session.print(subject(root))
    for line in (yield from _branches(session, root, "", {key})):
        session.print(line)


_APPLIERS = {(KUSTOMIZE_GROUP, "Kustomization"): KUSTOMIZATIONS, (HELM_GROUP, "HelmRelease"): HELM_RELEASES}
"""Kinds among the objects of a tree that have an inventory of their own."""


def _branches(session: Session, obj: Object, indent: str, above: set[Key]) -> Generator[Any, Any, list[str]]:
    refs = [inventory.parse_entry(e) for e in get_in(obj, ("status", "inventory", "entries"), [])]
    if session.arguments.on("compact"):
        refs = [ref for ref in refs if "toolkit.fluxcd.io" in ref.group]
    own = objects.key(obj)
    refs = [
        r for r in refs if (r.group, r.kind, r.namespace, r.name) != (KUSTOMIZE_GROUP, "Kustomization", *own)
    ]
    lines: list[str] = []
    for place, ref in enumerate(refs):
        last = place == len(refs) - 1
        lines.append(f"{indent}{'└── ' if last else '├── '}{subject(ref.as_object())}")
        key = (ref.namespace, ref.name)
        resource = _APPLIERS.get((ref.group, ref.kind))
        if resource is not None and (resource == HELM_RELEASES or key not in above):
            below = yield session.client.get(resource, *key)
            deeper = indent + ("    " if last else "│   ")
            lines += yield from _branches(session, below, deeper, above | {key})
    return lines
