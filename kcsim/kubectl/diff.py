"""kubectl diff: what apply would change.

**Imitates:** kubectl ``pkg/cmd/diff`` (v1.33 to v1.36): a dry run of apply beside the live object, as ``diff -u -N``.
Exit code 1 says that there are differences, 2 that something went wrong. What Secrets hold is masked.
"""

from __future__ import annotations

import difflib

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import rfc3339_micro
from kcsim.engine.task import Steps
from kcsim.kubectl.apply import client_side, server_side
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.prune import selected
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import Written, check_named, written
from kcsim.manifests import dump

_FOLDERS = ("/tmp/kcsim/LIVE", "/tmp/kcsim/MERGED")  # noqa: S108 - names in the output, nothing is written
_DIFFERENT, _ERROR = 1, 2
_MASK = "***"


def diff(session: Session, arguments: Arguments) -> Steps:
    """``kubectl diff -f``."""
    session.failure = _ERROR
    if arguments.on("prune"):
        raise KubectlError("error: kcsim does not model 'kubectl diff --prune'")
    if not arguments.flags.get("filename"):
        raise KubectlError("error: must specify one of -f and -k")
    arguments.flags["dry-run"], arguments.flags["validate"] = ["server"], ["warn"]
    differs = False
    for item in selected(written(session, arguments, schema=False), arguments):
        check_named(item)
        live: Object | None = None
        try:
            live = yield session.client.get(item.resource, item.namespace, objects.name(item.object))
        except StatusError as error:
            if not error.is_not_found:
                raise
        if arguments.on("server-side"):
            merged, _ = yield from server_side(session, arguments, item)
        else:
            merged, _ = yield from client_side(session, arguments, item, annotate=False)
        differs = _write(session, item, *_masked(live, merged)) or differs
    session.failed, session.failure = differs, _DIFFERENT
    return None


def _masked(live: Object | None, merged: Object) -> tuple[Object | None, Object]:
    """Both objects; of Secrets it shows only which keys differ (``Masker``)."""
    if merged.get("kind") != "Secret" or merged.get("apiVersion") != "v1":
        return live, merged
    before: dict[str, str] = (live or {}).get("data") or {}
    after: dict[str, str] = merged.get("data") or {}
    changed = {key for key in before if key in after and before[key] != after[key]}

    def hidden(data: dict[str, str], suffix: str) -> dict[str, str]:
        return {key: _MASK + (suffix if key in changed else "") for key in data}

    masked = {**merged, "data": hidden(after, " (after)")} if after else merged
    if live is None or not before:
        return live, masked
    return {**live, "data": hidden(before, " (before)")}, masked


def _write(session: Session, item: Written, live: Object | None, merged: Object) -> bool:
    """Print the difference; whether there is one."""
    group = f"{item.resource.group}." if item.resource.group else ""
    parts = [f"{group}{item.resource.version}", item.resource.kind, item.namespace, objects.name(item.object)]
    name = ".".join(part for part in parts if part)
    before = dump(live, folded=True).splitlines(True) if live is not None else []
    after = dump(merged, folded=True).splitlines(True)
    if before == after:
        return False
    old, new = (f"{folder}/{name}" for folder in _FOLDERS)
    stamp = rfc3339_micro(session.engine.now).replace("T", " ").replace("Z", "000 +0000")
    session.print(f"diff -u -N {old} {new}")
    session.write("".join(difflib.unified_diff(before, after, old, new, stamp, stamp)))
    return True
