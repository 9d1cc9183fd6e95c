"""The program that promotes: it watches one environment, reads git, asks whoever has to approve, and commits.

It runs in the cluster of the environment that it watches, with the right to read workloads there, and hears of commits and
tags by webhook. So a cut network, a git host that is down or a missing right stops promotions as it would in earnest.
What it waits for it keeps in memory, as the version in git is all that counts: after a crash the soak begins anew.

**Walk:** a change of a workload, a push -> ``reconcile`` -> fetch -> which version, is it healthy or tagged -> ``plan.next_step``
-> come back later, note that somebody is asked and what they said, or carry the files by ``carry``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.delivery.ci.render import RenderError, read_objects, render
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import Fetched, GitHost, ServiceUnavailable
from kcsim.delivery.git.repository import HEADS, TAGS, GitError, Update
from kcsim.delivery.promotion import plan
from kcsim.delivery.promotion.plan import WATCHED, Pending, Promotion, Version
from kcsim.engine.clock import SECOND, format_duration
from kcsim.manifests import ManifestError
from kcsim.profile.distributions import Distribution

RETRY = 30 * SECOND
"""After git could not be read."""
Carry = Callable[[Promotion, Mapping[str, bytes | None], str], None]
"""(promotion, files by whole path, why) -> commits them, or opens a merge request."""


class Promoter(Reconciler):
    """Promotes from one environment to the next."""

    name = "promoter"
    rules = (
        {
            "apiGroups": ["", "apps"],
            "resources": ["configmaps", "deployments", "statefulsets", "daemonsets"],
            "verbs": ["get", "list", "watch"],
        },
    )

    def __init__(
        self,
        promotion: Promotion,
        git: GitHost,
        repository: str,
        branch: str,
        answers: Distribution,
        carry: Carry,
    ) -> None:
        """``answers``: how long the approver takes."""
        self._promotion = promotion
        self._git = git
        self._repository = repository
        self._branch = branch
        self._answers = answers
        self._carry = carry
        self._key: Key = ("", f"{promotion.source}-to-{promotion.target}")
        self._pending: Pending | None = None
        self._carried: Version | None = None
        self._held: Version | None = None
        self._tag = ""

    def setup(self, component: Component) -> None:
        """Watch the workloads of the environment, and pushes to the repository."""
        self._informers = {kind: component.informer(resource) for kind, resource in WATCHED.items()}
        for informer in self._informers.values():
            informer.on_change(lambda _old, _new: self.enqueue(self._key))
        self._git.subscribe(self._repository, component.host, self._pushed)

    def reset(self) -> None:
        """What was waited for is forgotten."""
        self._pending = None
        self._carried = self._held = None

    def _pushed(self, update: Update) -> None:
        if not self.component.running or update.new is None:
            return
        tag = update.ref.removeprefix(TAGS)
        if update.ref.startswith(TAGS) and self._promotion.tag and fnmatchcase(tag, self._promotion.tag):
            self._tag = tag
            self._pending = None
        elif update.ref != HEADS + self._branch:
            return
        self.enqueue(self._key)

    def reconcile(self, key: Key) -> Outcome:
        """See how far the version has come that is next, and do what is to be done."""
        del key
        promotion, engine = self._promotion, self.component.engine
        try:
            head = yield from self._fetch(self._branch)
            source = (yield from self._fetch(self._tag)) if self._tag else head
        except (Unreachable, ServiceUnavailable, GitError):
            return Result(RETRY, what="another try to read git")
        has = plan.version_of(head.files, promotion.target_path, promotion.files)
        self._pending = self._look(source, engine.now)
        if self._carried is not None and self._pending is not None and self._pending.version == self._carried:
            return None  # it is on its way: a merge request that has not been merged
        step, wait = plan.next_step(promotion, self._pending, has, engine.now)
        match step:
            case "ask":
                self._ask(engine.now)
            case "carry":
                assert self._pending is not None, "there is a version to carry"
                self._carry_over(self._pending.version, source)
            case "hold":
                self._hold(wait)
        match step:
            case "wait" | "hold" if wait:
                return Result(wait, what=f"the wait of a promotion, {format_duration(wait)}")
        return None

    def _fetch(self, ref: str) -> Generator[Any, Any, Fetched]:
        fetched: Fetched = yield self._git.fetch(self.component.host, self._git.url(self._repository), ref)
        return fetched

    def _look(self, source: Fetched, now: int) -> Pending | None:
        """The version that is to go on, with how far it has come."""
        promotion, known = self._promotion, self._pending
        version = plan.version_of(source.files, promotion.source_path, promotion.files)
        if any(data is None for _, data in version):
            return None  # the environment has no such file: nothing to carry
        if promotion.tag:
            ready = bool(self._tag)
        else:
            try:
                wanted = read_objects(render(source.files, promotion.source_path))
            except (RenderError, ManifestError):
                return None
            ready = plan.is_healthy(wanted, self._live(), now, promotion.namespace)
        if not ready:
            return None  # health has to last anew, and whoever approves is asked anew
        return known if known is not None and known.version == version else Pending(version, now)

    def _live(self) -> dict[tuple[str, str, str], Object]:
        return {
            (kind, *objects.key(obj)): obj
            for kind, informer in self._informers.items()
            for obj in informer.list(None)
        }

    def _hold(self, wait: int) -> None:
        """A freeze keeps the version where it is; said once."""
        assert self._pending is not None, "there is a version that is held"
        if self._held != self._pending.version:
            self._held = self._pending.version
            detail = {"until": format_duration(self.component.engine.now + wait)} if wait else {}
            self.component.engine.note(self.component.name, "hold", self._subject, detail)

    def _ask(self, now: int) -> None:
        """The approver is asked, and answers in their own time."""
        assert self._pending is not None, "there is a version to ask for"
        promotion, engine = self._promotion, self.component.engine
        self._pending = replace(self._pending, asked=now)
        version = self._pending.version
        record = engine.note(self.component.name, "ask", self._subject, {"approver": promotion.approver})
        takes = self._answers.at(self.component.dice("approval").uniform())

        def answered() -> None:
            if self._pending is None or self._pending.version != version:
                engine.note(promotion.approver, "too-late", self._subject, {})
                return
            said = engine.note(promotion.approver, "approve", self._subject, {})
            self._pending = replace(self._pending, approved=engine.now)
            with engine.because(said):
                self.enqueue(self._key)

        with engine.because(record):
            self.component.after(takes, answered)

    def _carry_over(self, version: Version, source: Fetched) -> None:
        promotion, engine = self._promotion, self.component.engine
        folder = "" if promotion.target_path == "." else f"{promotion.target_path}/"
        files = {f"{folder}{name}": data for name, data in version}
        why = f"promote {promotion.source} to {promotion.target}"
        detail = {"sha": source.commit.sha, **({"tag": self._tag} if self._tag else {})}
        with engine.because(engine.note(self.component.name, "promote", self._subject, detail)):
            self._carried, self._pending = version, None
            self._carry(promotion, files, why)

    @property
    def _subject(self) -> str:
        return f"promotion/{self._key[1]}"
