"""How the cluster differs from what a release installed.  Decides; never acts.

**Imitates:** fluxcd/pkg ssa/jsondiff (a dry run against the live object) and helm-controller 1.6 internal/diff/summarize.go. Lists are
compared place by place.

**Walk:** a live object and what a dry run makes of it -> ``operations`` -> ``Difference`` -> ``summary``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.ssa import ignore
from kcsim.delivery.gitops.flux.ssa.drift import subject
from kcsim.delivery.gitops.flux.ssa.ignore import Path

CREATE, UPDATE, EXCLUDE = "create", "update", "exclude"
_KEPT = ("labels", "annotations")


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not as it was installed: ``operations`` as a JSON patch for ``UPDATE``."""

    kind: str
    desired: Object
    operations: Sequence[Mapping[str, Any]] = ()

    @property
    def subject(self) -> str:
        """``Kind/namespace/name``."""
        return subject(self.desired)

    def __str__(self) -> str:
        if self.kind != UPDATE:
            return f"{self.subject} {'removed' if self.kind == CREATE else 'excluded'}"
        count = {op: sum(each["op"] == op for each in self.operations) for op in ("add", "replace", "remove")}
        told = f"{count['add']} additions, {count['replace']} changes, {count['remove']} removals"
        return f"{self.subject} changed ({told})"


def summary(changes: Sequence[Difference]) -> str:
    """What Events and the condition say, a line an object."""
    return "\n".join(map(str, changes))


def operations(live: Object, dry_run: Object, ignored: Sequence[Path]) -> list[dict[str, Any]]:
    """The JSON patch from a live object to what it should be, without the ignored fields."""
    before, after = (ignore.without(_compared(each), ignored) or {} for each in (live, dry_run))
    return _difference("", before, after)


def _compared(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key in _KEPT and value}
    return {**{k: v for k, v in obj.items() if k not in {"metadata", "status"}}, "metadata": metadata}


def _difference(path: str, before: Any, after: Any) -> list[dict[str, Any]]:
    if before == after:
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        made = []
        for key in sorted({*before, *after}):
            inner = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in after:
                made.append({"op": "remove", "path": inner})
            elif key not in before:
                made.append({"op": "add", "path": inner, "value": after[key]})
            else:
                made += _difference(inner, before[key], after[key])
        return made
    if isinstance(before, list) and isinstance(after, list):
        made = []
        for place in range(min(len(before), len(after))):
            made += _difference(f"{path}/{place}", before[place], after[place])
        made += [{"op": "remove", "path": f"{path}/{n}"} for n in reversed(range(len(after), len(before)))]
        return made + [{"op": "add", "path": f"{path}/-", "value": item} for item in after[len(before) :]]
    return [{"op": "replace", "path": path, "value": after}]
