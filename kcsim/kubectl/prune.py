"""kubectl apply --prune: what was applied once and is in the files no longer goes.

**Imitates:** kubectl ``pkg/cmd/apply/prune.go`` and ``pkg/util/prune`` (v1.36): the kinds looked through or those of
``--prune-allowlist``, in the namespaces of what was applied. Left out: ApplySets (alpha: the real client has them with
KUBECTL_APPLYSET=true only).
"""

from __future__ import annotations

from collections.abc import Sequence

from kcsim.api import objects, selectors
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.engine.clock import rfc3339_micro
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.migration import LAST_APPLIED
from kcsim.kubectl.session import KubectlError, Session, named
from kcsim.kubectl.targets import Written

_KINDS = (
    "configmaps",
    "endpoints",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "secrets",
    "services",
    "jobs.batch",
    "cronjobs.batch",
    "ingresses.networking.k8s.io",
    "daemonsets.apps",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "namespaces",
    "persistentvolumes",
)


def check_prune(session: Session, arguments: Arguments) -> None:
    """Refuse flags that do not go together, before anything is applied.

    Raises:
        KubectlError: as kubectl says it.
    """
    if "applyset" in arguments.flags:
        raise KubectlError(
            "error: kcsim does not model 'kubectl apply --applyset', which is alpha: use --prune with -l, --all or "
            "--prune-allowlist"
        )
    if arguments.on("all") and arguments.get("selector"):
        raise KubectlError("error: cannot set --all and --selector at the same time")
    if not arguments.on("prune"):
        return
    if not arguments.get("selector") and not arguments.on("all"):
        raise KubectlError(
            "error: all resources selected for prune without explicitly passing --all. To prune all resources, pass the "
            "--all flag. If you did not mean to prune all resources, specify a label selector"
        )
    _allowed(session, arguments)


def selected(items: Sequence[Written], arguments: Arguments) -> list[Written]:
    """Those of the files' objects that -l chooses."""
    text = arguments.get("selector")
    if not text:
        return list(items)
    try:
        wanted = selectors.parse(text)
    except ValueError as error:
        raise KubectlError(f"error: {error}") from None
    return [item for item in items if wanted.matches(objects.labels(item.object))]


def _allowed(session: Session, arguments: Arguments) -> list[Resource]:
    """The kinds of --prune-allowlist, written group/version/kind; "core" is the group without a name."""
    catalog = session.client.endpoint.server.catalog
    found = []
    for text in arguments.all("prune-allowlist"):
        parts = text.split("/")
        if len(parts) != 3:
            raise KubectlError(
                f"error: invalid GroupVersionKind format: {text}, please follow <group/version/kind>"
            )
        group, version, kind = parts
        group = "" if group == "core" else group
        resource = catalog.by_gvk((group, version, kind))
        if resource is None:
            shown = f"{group}/{version}" if group else version
            raise KubectlError(f'error: no matches for kind "{kind}" in version "{shown}"')
        found.append(resource)
    return found


def prune(session: Session, arguments: Arguments, applied: Sequence[Object]) -> Steps:
    """Delete what carries a last-applied annotation and matches the selector but was not applied."""
    kinds = _allowed(session, arguments)
    if not kinds:
        kinds = [session.resource(plural) for plural in _KINDS]
        session.warn(
            f"W{_klog_time(session)}       1 prune.go:71] Deprecated: kubectl apply will no longer prune non-namespaced "
            "resources by default when used with the --namespace flag in a future release. To preserve the current "
            "behaviour, list the resources you want to target explicitly in the --prune-allowlist flag."
        )
    kept = {objects.uid(obj) for obj in applied}
    namespaces = sorted({objects.namespace(obj) for obj in applied if objects.namespace(obj)})
    for namespace in namespaces:
        for resource in kinds:
            if resource.namespaced:
                yield from _prune_kind(session, arguments, resource, namespace, kept)
    for resource in kinds:
        if not resource.namespaced:
            yield from _prune_kind(session, arguments, resource, "", kept)


def _prune_kind(
    session: Session, arguments: Arguments, resource: Resource, namespace: str, kept: set[str]
) -> Steps:
    found = yield session.client.list(resource, namespace, label_selector=arguments.get("selector"))
    for obj in found["items"]:
        if LAST_APPLIED not in objects.annotations(obj) or objects.uid(obj) in kept:
            continue
        dry = arguments.get("dry-run")
        if dry != "client":
            yield session.client.delete(
                resource,
                namespace,
                objects.name(obj),
                propagation=_PROPAGATION[arguments.get("cascade", "background")],
                dry_run=dry == "server",
            )
        name = named(resource, objects.name(obj))
        said = {"server": " (server dry run)", "client": " (dry run)"}.get(dry, "")
        session.print(name if arguments.get("output") == "name" else f"{name} pruned{said}")


_PROPAGATION = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}


def _klog_time(session: Session) -> str:
    """The moment as klog's headers show it: month and day, then the time."""
    text = rfc3339_micro(session.engine.now)
    return f"{text[5:7]}{text[8:10]} {text[11:26]}"
