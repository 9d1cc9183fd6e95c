"""When a version goes from one environment to the next.  Decides; never acts.

A version is what some files of the one environment's folder say: `version.yaml`, the images of a kustomization. Promoting
it is a commit that brings the same content to the other folder; so git says what runs where, and when it was promoted.
**Imitates:** promotion by directory as teams do it with GitOps; the gates are those of Kargo's verification (healthy for
some time), of GitHub's and GitLab's protected environments (an approval), and of deploy freezes (GitLab's Freeze Periods).

**Walk:** `Seen` (a version, is it healthy or tagged, what does the next environment have) -> `next_step` -> wait, ask for
approval, or carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kcsim.api.objects import Object
from kcsim.delivery.gitops.kstatus import CURRENT, compute

Version = tuple[tuple[str, bytes | None], ...]
"""(file below the environment's folder, its content; None: it is not there), in the order of the promotion's files."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """From one environment to another.

    Attributes:
        source, target: names of the environments.
        source_path, target_path: their folders.
        namespace: where objects of the source go that name none.
        files: what is carried, relative to both folders.
        tag: a git tag of this pattern asks for it; "": the source being healthy does.
        soak: how long (µs) the source has to be healthy with the version.
        approver: who has to say yes; "": nobody.
        freezes: (from, until) in µs, in which nothing is carried; until None: for good.
    """

    source: str
    target: str
    source_path: str
    target_path: str
    namespace: str
    files: tuple[str, ...]
    tag: str = ""
    soak: int = 0
    approver: str = ""
    freezes: tuple[tuple[int, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """A version on its way. Instants in µs, None where it has not come so far.

    Attributes:
        since: since when it has been healthy without a break, or when it was tagged.
        asked: when the approver was asked.
        approved: when they said yes.
    """

    version: Version
    since: int
    asked: int | None = None
    approved: int | None = None


Step = tuple[Literal["nothing", "wait", "ask", "await", "hold", "carry"], int]
"""What to do, and for `wait` (for health) and `hold` (for a freeze) how long (µs; 0: until something changes)."""


def version_of(files: Mapping[str, bytes], folder: str, names: Iterable[str]) -> Version:
    """What an environment's folder says."""
    return tuple((name, files.get(name if folder == "." else f"{folder}/{name}")) for name in names)


def next_step(promotion: Promotion, pending: Pending | None, has: Version, now: int) -> Step:
    """What to do for a version, None when there is none to promote; `has` is what the target's folder says."""
    if pending is None or pending.version == has:
        return "nothing", 0
    if now < pending.since + promotion.soak:
        return "wait", pending.since + promotion.soak - now
    if promotion.approver and pending.approved is None:
        return ("ask", 0) if pending.asked is None else ("await", 0)
    frozen = frozen_until(promotion.freezes, now)
    if frozen is None:
        return "carry", 0
    return "hold", frozen - now if frozen >= 0 else 0


def frozen_until(freezes: Sequence[tuple[int, int | None]], now: int) -> int | None:
    """When the freeze ends in which an instant lies: None when it lies in none, -1 when it never ends."""
    for begin, end in sorted(freezes, key=lambda window: window[0]):
        if begin <= now and end is None:
            return -1
        if end is not None and begin <= now < end:
            # Windows that touch are one.
            rest = frozen_until([each for each in freezes if each != (begin, end)], end)
            return end if rest is None else rest
    return None


def is_healthy(
    wanted: Sequence[Object], live: Mapping[tuple[str, str, str], Object], now: int, namespace: str
) -> bool:
    """Whether an environment runs what its folder says: every workload has its images and is ready, every ConfigMap its data.

    Args:
        wanted: what the folder says.
        live: objects by (kind, namespace, name).
        now: µs.
        namespace: where objects go that name none.
    """
    judged = [obj for obj in wanted if obj["kind"] in WATCHED]
    return bool(judged) and all(_is_live(obj, live, now, namespace) for obj in judged)


WATCHED = {
    "Deployment": "deployments.apps",
    "StatefulSet": "statefulsets.apps",
    "DaemonSet": "daemonsets.apps",
    "ConfigMap": "configmaps",
}
"""What is looked at: kind -> resource."""


def _is_live(obj: Object, live: Mapping[tuple[str, str, str], Object], now: int, namespace: str) -> bool:
    metadata = obj["metadata"]
    found = live.get((obj["kind"], metadata.get("namespace") or namespace, metadata["name"]))
    if found is None:
        return False
    if obj["kind"] == "ConfigMap":
        return (found.get("data") or {}) == (obj.get("data") or {})
    return _images(obj) == _images(found) and compute(found, now).status == CURRENT


def _images(obj: Object) -> list[Any]:
    template = (((obj.get("spec") or {}).get("template") or {}).get("spec")) or {}
    return [container.get("image") for container in template.get("containers") or ()]
