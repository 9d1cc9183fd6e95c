"""Merge requests on a git host: they are opened, reviewed, checked and merged, through a queue where there is one.

**Imitates:** GitHub's pull requests, branch protection and merge queue (docs.github.com; texts in `protection.py`), under GitLab's
word for them; the queue has a module of its own. Left out: drafts, review comments, review requests of teams, bypassing rules,
reopening.

**Walk:** `open` -> its ref `refs/pull/N/head` (webhook: CI runs) -> reviewers answer after their time, checks come out -> `_consider`
-> nothing blocks: merged, or queued -> the target moves: a commit like any other.

**Trace**, each record caused by the one before it:

===================================== =======================================================================
AUTHOR open merge-request/R/N          `title`, `source`, `target`, `sha`
git update merge-request/R/N           its ref moved: opened, or a further commit; `sha`
REVIEWER approve merge-request/R/N     ... or request-changes; git dismiss when a further commit takes approvals back
git check merge-request/R/N            a check came out; `check`, `state`
git blocked merge-request/R/N          why it cannot be merged, whenever that changes; `why`
git enqueue, git dequeue               it joined the merge queue, or was removed from it with `reason`
WHO merge merge-request/R/N            `method`; the commit on the target follows from it; from the queue `group`:
                                       the numbers of those that went in together
WHO close merge-request/R/N
===================================== =======================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kcsim.delivery.git import codeowners
from kcsim.delivery.git.merge_queue import Entry, MergeQueue
from kcsim.delivery.git.protection import Protection, Standing, blockers, refuses_push
from kcsim.delivery.git.repository import HEADS, GitError, Repository, Update
from kcsim.delivery.git.requests import MergeRequest, Method, Reviewer
from kcsim.engine.core import Engine
from kcsim.engine.trace import Record


class NotMergeable(GitError):
    """A merge request that cannot be merged now; `why` holds the reasons."""

    def __init__(self, why: tuple[str, ...]) -> None:
        super().__init__(f"Pull request is not mergeable: {'; '.join(why)}")
        self.why = why


class Reviews:
    """The merge requests of one git host."""

    def __init__(self, engine: Engine, repository: Callable[[str], Repository]) -> None:
        self._engine = engine
        self._repository = repository
        self._requests: dict[str, list[MergeRequest]] = {}
        self._rules: dict[str, tuple[Protection, ...]] = {}
        self._queues: dict[tuple[str, str], MergeQueue] = {}
        self._merging = False
        self._listeners: list[Callable[[MergeRequest], None]] = []
        self._endings: list[Callable[[MergeRequest], None]] = []

    def on_merged(self, listener: Callable[[MergeRequest], None]) -> None:
        """Call `listener` with each merge request that was merged."""
        self._listeners.append(listener)

    def on_ended(self, listener: Callable[[MergeRequest], None]) -> None:
        """Call `listener` with each merge request that was merged or closed."""
        self._endings.append(listener)

    # ---------------------------------------------------------------- asking

    def protect(self, repository: str, *rules: Protection) -> None:
        """Protect branches of a repository; the first rule that covers a branch counts."""
        self._rules[self._repository(repository).name] = rules

    def rule(self, repository: str, branch: str) -> Protection | None:
        """The rule for a branch, None when it is not protected."""
        return next((rule for rule in self._rules.get(repository, ()) if rule.covers(branch)), None)

    def all(self, repository: str) -> list[MergeRequest]:
        """Every merge request of a repository, in the order of their numbers."""
        return list(self._requests.get(repository, ()))

    def find(self, repository: str, which: str | int) -> MergeRequest:
        """A merge request by its number or its source branch; of several the newest.

        Raises: GitError when there is none.
        """
        found = [each for each in self.all(repository) if which in {each.number, each.source}]
        if not found:
            known = ", ".join(f"#{each.number} {each.source}" for each in self.all(repository)) or "none"
            raise GitError(f"no merge request {which!r} in {repository} (merge requests: {known})")
        return found[-1]

    def of_ref(self, repository: str, ref: str) -> MergeRequest | None:
        """The merge request behind `refs/pull/N/head`."""
        return next((each for each in self.all(repository) if each.ref == ref), None)

    def waits_for(self, repository: str, sha: str) -> bool:
        """Whether a merge request waits for checks of a commit."""
        return self._tried(repository, sha) is not None or any(
            each.is_open and each.head == sha for each in self.all(repository)
        )

    def standing(self, request: MergeRequest) -> Standing:
        """How a merge request stands right now."""
        repository = self._repository(request.repository)
        rule = self.rule(request.repository, request.target)
        target = repository.head(request.target).sha
        owners: tuple[tuple[str, ...], ...] = ()
        if rule is not None and rule.code_owners:
            base = repository.merge_base(target, request.head)
            groups = codeowners.of(repository.files(target)).needed(repository.diff(base, request.head))
            # Nobody reviews their own change: where the author owns a file, that is enough.
            owners = tuple(group for group in groups if request.author not in group)
        return Standing(
            approved=tuple(request.approvals),
            changes_requested=tuple(request.objections),
            checks=request.checks,
            owners=owners,
            behind=not repository.is_ancestor(target, request.head),
            conflicts=repository.conflicts(target, request.head),
        )

    # ---------------------------------------------------------------- what people do

    def open(
        self,
        repository: str,
        source: str,
        target: str,
        title: str,
        author: str,
        *,
        reviewers: tuple[Reviewer, ...] = (),
        method: Method = "merge",
        automatic: bool = True,
        labels: tuple[str, ...] = (),
        remark: Mapping[str, Any] | None = None,
    ) -> MergeRequest:
        """Ask to merge a branch into another.

        Raises: UnknownRevision; GitError when there is nothing to merge.
        """
        found = self._repository(repository)
        head, onto = found.head(source), found.head(target)
        base = found.merge_base(onto.sha, head.sha)
        if base == head.sha:
            raise GitError(f"No commits between {target} and {source}")
        mine = []
        for commit in found.log(head.sha):
            if commit.sha == base:
                break
            mine.append(commit)
        number = len(self._requests.setdefault(found.name, [])) + 1
        detail = {"title": title, "source": source, "target": target, "sha": head.sha, **(remark or {})}
        subject = f"merge-request/{found.name}/{number}"
        record = self._engine.note(author, "open", subject, detail)
        request = MergeRequest(
            found.name, number, title, author, source, target, head.sha, base or "", self._engine.now, mine[-1].when,
            record, reviewers, method, automatic, labels, remark=dict(remark or {}),
        )  # fmt: skip
        self._requests[found.name].append(request)
        with self._engine.because(record):
            found.set_ref(request.ref, head.sha)
            for reviewer in reviewers:
                self._ask(request, reviewer)
            self._consider(request)
        return request

    def approve(self, request: MergeRequest, who: str) -> None:
        """Somebody approves the newest commit.

        Raises: GitError when it is not open any more, or it is their own.
        """
        self._may_review(request, who)
        request.objections.pop(who, None)
        request.approvals[who] = request.head
        request.approved_at = self._engine.now
        self.say(request, who, "approve", {"sha": request.head})
        self._consider(request)

    def request_changes(self, request: MergeRequest, who: str) -> None:
        """Somebody wants changes.

        Raises: GitError when it is not open any more, or it is their own.
        """
        self._may_review(request, who)
        request.approvals.pop(who, None)
        request.objections[who] = request.head
        self.say(request, who, "request-changes", {"sha": request.head})
        self._consider(request)

    def merge(self, request: MergeRequest, who: str) -> None:
        """Somebody presses the button: it is merged, or joins the queue.

        Raises: NotMergeable, with the reasons; GitError when it is not open any more.
        """
        self._must_be_open(request)
        why = self._blockers(request)
        if why:
            raise NotMergeable(why)
        self._merge_or_queue(request, who)

    def close(self, request: MergeRequest, who: str) -> None:
        """Somebody gives it up.

        Raises: GitError when it is not open any more.
        """
        self._must_be_open(request)
        self._leave_queue(request)
        request.state = "closed"
        self.say(request, who, "close", {})
        self._tell_ended(request)

    def check_push(self, repository: str, branch: str, *, forced: bool = False) -> None:
        """Whether a push past merge requests is taken.

        Raises: GitError, as `git push` prints it.
        """
        found = self._repository(repository)
        if HEADS + branch not in found.refs():
            return
        refusal = refuses_push(self.rule(found.name, branch), branch, forced=forced)
        if refusal:
            raise GitError(refusal)

    def _may_review(self, request: MergeRequest, who: str) -> None:
        self._must_be_open(request)
        if who == request.author:
            raise GitError("Can not approve your own pull request")

    @staticmethod
    def _must_be_open(request: MergeRequest) -> None:
        if not request.is_open:
            raise GitError(f"merge request #{request.number} is {request.state}")

    # ---------------------------------------------------------------- reviewers

    def _ask(self, request: MergeRequest, reviewer: Reviewer) -> None:
        times = request.asked[reviewer.name] = request.asked.get(reviewer.name, 0) + 1
        dice = self._engine.dice(f"review/{request.repository}/{request.source}/{reviewer.name}")
        self._engine.after(dice.draw(reviewer.takes), self._answer, request, reviewer, times, request.record)

    def _answer(self, request: MergeRequest, reviewer: Reviewer, times: int, asked: Record) -> None:
        if not request.is_open or reviewer.name in request.approvals:
            return
        with self._engine.because(asked):
            if times <= reviewer.wants_changes:
                self.request_changes(request, reviewer.name)
            else:
                self.approve(request, reviewer.name)

    # ---------------------------------------------------------------- what moves and what comes out

    def ref_moved(self, update: Update) -> None:
        """A ref moved: a further commit of a merge request, or of what it is to be merged into."""
        if self._merging or update.new is None or not update.ref.startswith(HEADS):
            return
        branch = update.ref.removeprefix(HEADS)
        for request in self.all(update.repository):
            if not request.is_open:
                continue
            if request.source == branch and request.head != update.new:
                self._pushed(request, update.new)
            elif request.target == branch:
                self._consider(request)
        if (update.repository, branch) in self._queues:
            self._queue(update.repository, branch).advance()  # all of it is tried again on top of that

    def _pushed(self, request: MergeRequest, sha: str) -> None:
        request.head, request.checks = sha, {}
        self._leave_queue(request)
        rule = self.rule(request.repository, request.target)
        self._repository(request.repository).set_ref(request.ref, sha)
        if rule is not None and rule.dismiss_stale and request.approvals:
            who = list(request.approvals)
            request.approvals.clear()
            self.say(request, "git", "dismiss", {"approvals": who})
        for reviewer in request.reviewers:
            if reviewer.name not in request.approvals:
                self._ask(request, reviewer)
        self._consider(request)

    def note_moved(self, update: Update) -> Record:
        """The trace record of a merge request's ref that moved."""
        request = self.of_ref(update.repository, update.ref)
        assert request is not None, "only `open` and a further commit move it"
        request.record = self._engine.note("git", "update", request.subject, {"sha": update.new})
        return request.record

    def check_came_out(self, repository: str, sha: str, name: str, *, passed: bool) -> None:
        """A check of a commit came out."""
        state = "passed" if passed else "failed"
        tried = self._tried(repository, sha)
        if tried is not None:
            queue, entry = tried
            queue.came_out(entry, name, state)
        for request in self.all(repository):
            if request.is_open and request.head == sha:
                request.checks[name] = state
                self.say(request, "git", "check", {"check": name, "state": state, "sha": sha})
                self._consider(request)

    def _consider(self, request: MergeRequest) -> None:
        """Merge it when it is to be and can be; tell what blocks it when that is new."""
        if request.state != "open":
            return
        why = self._blockers(request)
        if why != request.blocked:
            request.blocked = why
            if why:  # told, but the cause of nothing
                self._engine.note("git", "blocked", request.subject, {"why": list(why)})
        # Somebody who was asked is waited for, whether or not a rule wants it.
        waiting = [each.name for each in request.reviewers if each.name not in request.approvals]
        if request.automatic and not why and not waiting:
            self._merge_or_queue(request, request.author)

    def _blockers(self, request: MergeRequest) -> tuple[str, ...]:
        return blockers(self.standing(request), self.rule(request.repository, request.target))

    # ---------------------------------------------------------------- merging

    def _merge_or_queue(self, request: MergeRequest, who: str) -> None:
        rule = self.rule(request.repository, request.target)
        if rule is None or rule.queue is None:
            self._merge(request, who)
        elif request.state != "queued":
            self._queue(request.repository, request.target).join(request)

    def _merge(self, request: MergeRequest, who: str) -> None:
        with self._engine.because(request.record):
            self.say(request, who, "merge", {"method": request.method, **request.remark})
            self._engine.cause = request.record
            self._integrate(request, who, request.target, "")
            self.went_in([request], [self._repository(request.repository).head(request.target).sha])

    def integrate(self, request: MergeRequest, onto: str, moves: str) -> str:
        """Bring its commits onto a branch, as the ref of the full name `moves`; gives the SHA of the outcome.

        Raises: MergeConflict.
        """
        return self._integrate(request, request.author, onto, moves)

    def _integrate(self, request: MergeRequest, who: str, onto: str, moves: str) -> str:
        repository, now = self._repository(request.repository), self._engine.now
        rule = self.rule(request.repository, request.target)
        queue = rule.queue if rule is not None else None
        method = (queue.method if queue is not None else None) or request.method
        if method == "merge" and rule is not None and rule.linear:
            method = "rebase"
        self._merging = True  # what moves now are its own commits
        try:
            if method == "rebase":
                return repository.rebase(request.source, onto, now, moves=moves or HEADS + onto).sha
            message = f"Merge pull request #{request.number} from {request.source}\n\n{request.title}\n"
            if method == "squash":
                message = f"{request.title} (#{request.number})\n"
            return repository.merge(
                onto,
                request.source,
                request.author if method == "squash" else who,
                now,
                message,
                fast_forward=False,
                squash=method == "squash",
                moves=moves,
            ).sha
        finally:
            self._merging = False

    def went_in(self, requests: Sequence[MergeRequest], shas: Sequence[str]) -> None:
        """They were merged into one branch, each as this commit."""
        for request, sha in zip(requests, shas, strict=True):
            request.state, request.merged_at, request.merged_as = "merged", self._engine.now, sha
            for listener in self._listeners:
                listener(request)
            self._tell_ended(request)
        first = requests[0]
        for other in self.all(first.repository):
            if other.state == "open" and other.target == first.target:
                self._consider(other)

    def _tell_ended(self, request: MergeRequest) -> None:
        for listener in self._endings:
            listener(request)

    # ---------------------------------------------------------------- the merge queue, and what it asks (merge_queue.Desk)

    def _queue(self, repository: str, target: str) -> MergeQueue:
        """The queue of a branch, made when it is first asked for."""
        key = repository, target
        if key not in self._queues:
            self._queues[key] = MergeQueue(self._engine, self._repository(repository), target, self)
        return self._queues[key]

    def _tried(self, repository: str, sha: str) -> tuple[MergeQueue, Entry] | None:
        """What a queue tries as a commit."""
        for (name, _), queue in self._queues.items():
            entry = queue.tries(sha) if name == repository else None
            if entry is not None:
                return queue, entry
        return None

    def _leave_queue(self, request: MergeRequest) -> None:
        if request.state == "queued":
            self._queue(request.repository, request.target).leave(request)

    def point(self, repository: str, ref: str, sha: str | None) -> None:
        """Move or remove a ref, as part of merging: nobody's further commit."""
        self._merging = True
        try:
            self._repository(repository).set_ref(ref, sha)
        finally:
            self._merging = False

    def say(self, request: MergeRequest, who: str, verb: str, detail: Mapping[str, Any]) -> None:
        """Note what happened to a merge request: the cause of what follows."""
        request.record = self._engine.note(who, verb, request.subject, dict(detail))
