"""``argocd app diff``: what the last comparison found different, as diff prints it.

**Imitates:** argo-cd 3.x cmd/argocd/commands/app.go (findAndPrintDiff, printResourceDiff). Left out: --revision and
--local, which would need manifests that the cache does not hold.
"""

from __future__ import annotations

import difflib

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.cli.session import ArgocdError, Session
from kcsim.delivery.gitops.argocd.sync import hooks
from kcsim.engine.task import Steps
from kcsim.manifests import dump


def diff(session: Session) -> Steps:
    """``argocd app diff``: exit code 1 when there is a difference."""
    arguments = session.arguments
    if arguments.get("revision"):
        raise ArgocdError(
            "kcsim compares with the revision of the last comparison only; leave --revision away"
        )
    refresh = "hard" if arguments.on("hard-refresh") else "normal" if arguments.on("refresh") else ""
    app = yield from session.application(session.name(), refresh=refresh)
    compared = session.comparisons(objects.key(app))
    if compared is None:
        raise ArgocdError(
            "rpc error: code = Unknown desc = error getting cached app managed resources: cache: key is missing"
        )
    found = False
    for managed in sorted(compared.managed, key=lambda each: str(each.key)):
        difference = managed.difference
        obj = managed.target if managed.target is not None else managed.live
        if obj is not None and hooks.is_hook(obj):
            continue
        gone, new = managed.target is None, managed.live is None
        if not (difference.modified or gone or new):
            continue
        found = True
        key = managed.key
        session.print(f"\n===== {key.group}/{key.kind} {key.namespace}/{key.name} ======")
        predicted = None if gone else difference.predicted
        session.out.extend(f"{line}\n" for line in normal_diff(_text(difference.live), _text(predicted)))
    if found and arguments.on("exit-code", default=True):
        session.exit_code = 1


def _text(obj: Object | None) -> list[str]:
    return dump(dict(obj)).splitlines() if obj is not None else []


def normal_diff(old: list[str], new: list[str]) -> list[str]:
    """The differences of two texts as ``diff`` writes them without options."""
    lines = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        letter = {"replace": "c", "delete": "d", "insert": "a"}[what]
        before = _range(a, b) if b > a else str(a)
        after = _range(c, d) if d > c else str(c)
        lines.append(f"{before}{letter}{after}")
        lines += [f"< {line}" for line in old[a:b]]
        if what == "replace":
            lines.append("---")
        lines += [f"> {line}" for line in new[c:d]]
    return lines


def _range(start: int, end: int) -> str:
    return str(start + 1) if end == start + 1 else f"{start + 1},{end}"
