"""kubectl auth reconcile: roles and bindings that hold at least what files say.

**Imitates:** kubectl ``pkg/cmd/auth/reconcile.go`` and component-helpers ``auth/rbac/reconciliation`` (v1.36).

**Walk:** files -> for each role or binding what is missing and what is too much -> it is made, changed, or made anew
(a binding's role cannot be changed) -> what was added is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.escalation import uncovered
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.session import KubectlError, Session, named
from kcsim.kubectl.targets import Written, written

_GROUP = "rbac.authorization.k8s.io"
_PROTECTED = "rbac.authorization.kubernetes.io/autoupdate"
_RULE = {
    "Verbs": "verbs",
    "APIGroups": "apiGroups",
    "Resources": "resources",
    "ResourceNames": "resourceNames",
    "NonResourceURLs": "nonResourceURLs",
}
_SUBJECT = {"Kind": "kind", "APIGroup": "apiGroup", "Name": "name", "Namespace": "namespace"}


def reconcile(session: Session, arguments: Arguments) -> Steps:
    """``kubectl auth reconcile -f FILE``."""
    if arguments.words[1:]:
        raise KubectlError("error: no arguments are allowed")
    if not arguments.flags.get("filename"):
        raise KubectlError("error: must specify one of -f and -k")
    if arguments.get("dry-run") == "server":
        raise KubectlError("error: --dry-run=server for command reconcile is not supported yet")
    for item in written(session, arguments):
        if item.resource.group == _GROUP:
            yield from _one(session, arguments, item)
    return None


def _one(session: Session, arguments: Arguments, item: Written) -> Steps:
    resource, wanted = item.resource, item.object
    name = objects.name(wanted)
    try:
        live: Object | None = yield session.client.get(resource, item.namespace, name)
    except StatusError as error:
        if not error.is_not_found:
            raise
        live = None
    binding = resource.kind.endswith("Binding")
    field, remove = (
        ("subjects", arguments.on("remove-extra-subjects"))
        if binding
        else ("rules", arguments.on("remove-extra-permissions"))
    )
    anew = binding and live is not None and live["roleRef"] != wanted.get("roleRef")
    held, asked = (live or {}).get(field) or [], wanted.get(field) or []
    lacking = _missing_subjects if binding else _missing_rules
    missing = asked if live is None else [] if anew else lacking(held, asked)
    extra = lacking(asked, held) if live is not None and not anew else []
    new = wanted if live is None or anew else _merged(live, wanted, field, missing, extra if remove else [])
    protected = live is not None and objects.annotations(live).get(_PROTECTED) == "false"
    what = "create" if live is None else "recreate" if anew else "update" if new != live else ""
    if what and not protected and arguments.get("dry-run") != "client":
        yield from _written(session, item, new, what)
    said = " (dry run)" if arguments.get("dry-run") == "client" else ""
    session.print(f"{named(resource, name)} reconciled{said}")
    if not what:
        return
    caveat = f", but object opted out ({_PROTECTED}: false)" if protected else ""
    session.warn(f"\treconciliation required {what}{caveat}")
    shape = _SUBJECT if binding else _RULE
    _tell(session, f"missing {field} added:", missing, shape)
    if remove:
        _tell(session, f"extra {field} removed:", extra, shape)


def _merged(live: Object, wanted: Object, field: str, missing: list[Object], extra: list[Object]) -> Object:
    """What is there with what is missing, or what is wanted alone where something has to go."""
    new = live
    if extra:
        new = {**new, field: list(wanted.get(field) or [])}
    elif missing:
        new = {**new, field: [*(live.get(field) or []), *missing]}
    if wanted.get("aggregationRule") and wanted["aggregationRule"] != live.get("aggregationRule"):
        new = {**new, "aggregationRule": wanted["aggregationRule"]}
    metadata = new["metadata"]
    for part in ("labels", "annotations"):
        # What is there wins over what the file says.
        merged = {**(wanted["metadata"].get(part) or {}), **(metadata.get(part) or {})}
        if merged and merged != metadata.get(part):
            metadata = {**metadata, part: merged}
    return new if metadata is new["metadata"] else {**new, "metadata": metadata}


def _missing_rules(held: Sequence[Object], asked: Sequence[Object]) -> list[Object]:
    """One rule for each permission that is missing (rolevalidation.Covers)."""
    return [{**rule, "verbs": [verb]} for rule in uncovered(held, asked) for verb in rule["verbs"]]


def _missing_subjects(held: Sequence[Object], asked: Sequence[Object]) -> list[Object]:
    def identity(subject: Object) -> tuple[Any, ...]:
        return tuple(subject.get(key, "") for key in _SUBJECT.values())

    known = {identity(subject) for subject in held}
    return [subject for subject in asked if identity(subject) not in known]


def _written(session: Session, item: Written, new: Object, what: str) -> Steps:
    client, resource, namespace = session.client, item.resource, item.namespace
    if what == "update":
        yield client.update(resource, new)
        return
    if what == "recreate":
        yield client.delete(resource, namespace, objects.name(new))
    elif namespace:
        try:
            yield client.get("namespaces", "", namespace)
        except StatusError as error:
            if not error.is_not_found:
                raise
            made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            yield client.create("namespaces", made, "")
    yield client.create(resource, new, namespace)


def _tell(session: Session, head: str, items: Sequence[Object], shape: dict[str, str]) -> None:
    if not items:
        return
    session.warn(f"\t{head}")
    for item in items:
        fields = " ".join(f"{shown}:{_shown(item.get(key), shape)}" for shown, key in shape.items())
        session.warn(f"\t\t{{{fields}}}")


def _shown(value: Any, shape: dict[str, str]) -> str:
    """As Go's %+v shows a list of texts, or a text."""
    if shape is _SUBJECT:
        return str(value or "")
    return f"[{' '.join(value or ())}]"
