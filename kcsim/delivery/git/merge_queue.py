"""The merge queue of a protected branch: it tries merge requests on top of one another, and merges them in groups.

**Imitates:** GitHub's merge queue (docs.github.com, "Managing a merge queue"; the names of its settings are those of the rule
`merge_queue`). Each entry is tried on a branch `gh-readonly-queue/TARGET/pr-N-SHA` that holds the target and everything ahead of
it; so many are checked at once; what passed goes in as a group, by one move of the target. An entry that fails while all ahead of
it have passed is removed, and those behind it are tried again without it. Differs: entries do not jump the queue; what CI still
does for a branch that is gone is not canceled.

**Walk:** `join` -> `_build`: on top of the entry before it -> its checks come out (`came_out`) -> `removable`: removed, or
`mergeable`: so many of the front go in -> the target moves once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from kcsim.delivery.git.protection import Protection, QueueRule
from kcsim.delivery.git.repository import HEADS, QUEUES, MergeConflict, Repository
from kcsim.delivery.git.requests import MergeRequest
from kcsim.engine.core import Engine

State = Literal["waiting", "pending", "passed", "failed"]
"""Of an entry: not tried yet, being checked, and how its checks came out."""


@dataclass(slots=True, eq=False)
class Entry:
    """A merge request in the queue.

    Attributes:
        joined_at: when (virtual µs).
        base: the commit on top of which it is tried; "" while it is not.
        sha, branch: what it gave, and the branch that holds it.
        checks: how the checks of that commit came out, by name: passed or failed.
    """

    request: MergeRequest
    joined_at: int
    base: str = ""
    sha: str = ""
    branch: str = ""
    checks: dict[str, str] = field(default_factory=dict)

    def failed(self, needed: Sequence[str]) -> str:
        """The first required check that failed, "" when none did."""
        return next((name for name in needed if self.checks.get(name) == "failed"), "")

    def state(self, needed: Sequence[str]) -> State:
        """How far it has come; `needed` are the required checks."""
        if not self.base:
            return "waiting"
        if self.failed(needed):
            return "failed"
        return "passed" if all(self.checks.get(name) == "passed" for name in needed) else "pending"


def mergeable(states: Sequence[State], rule: QueueRule, waited: int) -> int:
    """How many entries of the front go in together now; `waited` is how long the first has been in the queue (µs)."""
    reach = states[: rule.max_group]
    if rule.all_green:
        count = next((index for index, state in enumerate(reach) if state != "passed"), len(reach))
    else:
        count = max((index + 1 for index, state in enumerate(reach) if state == "passed"), default=0)
    return count if count >= rule.min_group or waited >= rule.wait else 0


def removable(states: Sequence[State], rule: QueueRule) -> int | None:
    """Which entry is removed for its failed checks: those ahead of it have passed, so that it is to blame.

    Where failed ones may go in with a later one that passes, the first is removed once none of its group can any more.
    """
    if not rule.all_green:
        reach = states[: rule.max_group]
        return 0 if reach and all(state == "failed" for state in reach) else None
    first = next((index for index, state in enumerate(states) if state != "passed"), None)
    return first if first is not None and states[first] == "failed" else None


class Desk(Protocol):
    """What the queue asks of whoever keeps the merge requests."""

    def rule(self, repository: str, branch: str) -> Protection | None:
        """The rule for a branch."""

    def integrate(self, request: MergeRequest, onto: str, moves: str) -> str:
        """Bring its commits onto the branch `onto`, as the ref `moves`; gives the SHA. Raises: MergeConflict."""

    def point(self, repository: str, ref: str, sha: str | None) -> None:
        """Move or remove a ref, as part of merging."""

    def say(self, request: MergeRequest, who: str, verb: str, detail: dict[str, Any]) -> None:
        """Note what happened to it."""

    def went_in(self, requests: Sequence[MergeRequest], shas: Sequence[str]) -> None:
        """They were merged, each as this commit."""


class MergeQueue:
    """The queue of one branch, in the order in which merge requests joined it."""

    def __init__(self, engine: Engine, found: Repository, target: str, desk: Desk) -> None:
        self._engine = engine
        self._found = found
        self._target = target
        self._desk = desk
        self.entries: list[Entry] = []
        self._moving = False

    # ---------------------------------------------------------------- asking

    def tries(self, sha: str) -> Entry | None:
        """The entry that is tried as this commit."""
        return next((entry for entry in self.entries if entry.sha == sha), None)

    # ---------------------------------------------------------------- what happens to it

    def join(self, request: MergeRequest) -> None:
        """A merge request joins at the end."""
        request.state = "queued"
        self._desk.say(request, "git", "enqueue", {"target": self._target})
        entry = Entry(request, self._engine.now)
        self.entries.append(entry)
        rule = self._rule()
        if rule.min_group > 1:
            # By then fewer than the smallest group may go in.
            self._engine.after(rule.wait, self._look_again, entry)
        self.advance()

    def leave(self, request: MergeRequest) -> None:
        """A merge request is changed or closed: it goes, and those behind it are tried without it."""
        entry = next(each for each in self.entries if each.request is request)
        request.state = "open"
        self._drop(entry)
        self.advance()

    def came_out(self, entry: Entry, name: str, state: str) -> None:
        """A check of what is tried came out: passed or failed."""
        entry.checks[name] = state
        self._desk.say(entry.request, "git", "check", {"check": name, "state": state, "sha": entry.sha})
        self.advance()

    def advance(self) -> None:
        """Remove, merge and try what there is to, until nothing is left to do."""
        if self._moving:
            return
        self._moving = True
        try:
            while self._step():
                pass
        finally:
            self._moving = False

    # ---------------------------------------------------------------- inside

    def _step(self) -> bool:
        """Do one thing; whether there was any."""
        if not self.entries:
            return False
        if self._build():
            return True
        rule, needed = self._rule(), self._needed()
        states = [entry.state(needed) for entry in self.entries]
        guilty = removable(states, rule)
        if guilty is not None:
            entry = self.entries[guilty]
            self._remove(entry, f'Required status check "{entry.failed(needed)}" failed')
            return True
        waited = self._engine.now - self.entries[0].joined_at
        count = mergeable(states, rule, waited)
        if count:
            self._merge(self.entries[:count])
        return bool(count)

    def _build(self) -> bool:
        """Try what is not tried on top of what is ahead of it; whether that changed anything."""
        rule, needed = self._rule(), self._needed()
        onto, base, pending = self._target, self._found.head(self._target).sha, 0
        for index, entry in enumerate(self.entries):
            if entry.base != base:
                for behind in self.entries[index:]:
                    self._discard(behind)
                if pending >= rule.build_concurrency:
                    return False
                self._try(entry, onto, base)
                return True
            pending += entry.state(needed) == "pending"
            onto, base = entry.branch, entry.sha
        return False

    def _try(self, entry: Entry, onto: str, base: str) -> None:
        request = entry.request
        branch = f"{QUEUES.removeprefix(HEADS)}{self._target}/pr-{request.number}-{base}"
        with self._engine.because(request.record):
            try:
                sha = self._desk.integrate(request, onto, HEADS + branch)
            except MergeConflict as conflict:
                self._remove(entry, str(conflict))
                return
            self._desk.point(self._found.name, HEADS + branch, sha)  # also where there was nothing to bring
            entry.base, entry.sha, entry.branch, entry.checks = base, sha, branch, {}
            self._engine.after(self._rule().check_timeout, self._give_up, entry, sha)

    def _give_up(self, entry: Entry, sha: str) -> None:
        if entry.sha == sha and entry in self.entries and entry.state(self._needed()) == "pending":
            self._remove(entry, "Timed out waiting for required status checks")
            self.advance()

    def _look_again(self, entry: Entry) -> None:
        if entry in self.entries:
            with self._engine.because(entry.request.record):
                self.advance()

    def _merge(self, group: Sequence[Entry]) -> None:
        """The target moves once, to what the last of the group was tried as."""
        requests = [entry.request for entry in group]
        together = {"group": [request.number for request in requests]} if len(group) > 1 else {}
        for request in requests:
            method = self._rule().method or request.method
            detail = {"method": method, "queue": True, **together, **request.remark}
            with self._engine.because(request.record):
                self._desk.say(request, "git", "merge", detail)
        with self._engine.because(requests[-1].record):
            self._desk.point(self._found.name, HEADS + self._target, group[-1].sha)
            shas = [entry.sha for entry in group]
            for entry in group:
                self._drop(entry)
            self._desk.went_in(requests, shas)

    def _remove(self, entry: Entry, reason: str) -> None:
        """Take it out; it stays open, and is not merged by itself any more."""
        request = entry.request
        request.state, request.automatic = "open", False
        with self._engine.because(request.record):
            self._desk.say(request, "git", "dequeue", {"reason": reason})
        self._drop(entry)

    def _drop(self, entry: Entry) -> None:
        self.entries.remove(entry)
        self._discard(entry)

    def _discard(self, entry: Entry) -> None:
        """What it was tried as counts no more."""
        branch, entry.base, entry.sha, entry.branch, entry.checks = entry.branch, "", "", "", {}
        if branch:
            self._desk.point(self._found.name, HEADS + branch, None)

    def _rule(self) -> QueueRule:
        found = self._desk.rule(self._found.name, self._target)
        return found.queue if found is not None and found.queue is not None else QueueRule()

    def _needed(self) -> tuple[str, ...]:
        found = self._desk.rule(self._found.name, self._target)
        return found.checks if found is not None else ()
