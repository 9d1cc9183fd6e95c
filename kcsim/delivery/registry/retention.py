"""Retention of a registry: which tags and digests it deletes by itself, and when.

**Imitates:** what the clean-up policies of registries have in common (GitLab's cleanup policies: keep the newest, older than, name
patterns, a cadence; Amazon ECR's lifecycle policies: counts and ages of tagged and of untagged images; Harbor's tag retention). A
policy is run every so often; a run that would delete nothing is not carried out. Left out: how long a run takes, limits of one run.

**Walk:** an image is pushed -> the next run at which anything could go is armed -> `expired` -> tags and digests are deleted: who
has the image on its machine goes on with it, everybody else is told `not found`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from kcsim.delivery.registry.registry import Image, Registry
from kcsim.engine.clock import HOUR, format_duration
from kcsim.engine.core import Engine, Timer


@dataclass(frozen=True, slots=True)
class Rule:
    """What is deleted of the repositories that `images` match (names without a tag, `*`). Times are µs.

    Attributes:
        keep_last: so many tags, the newest, are never deleted.
        older_than: a tag has to be as old as that to be deleted; None: whatever its age.
        keep: patterns of tags that are never deleted, and do not count as kept.
        untagged_after: digests without a tag are deleted so long after they were pushed; None: never.
        every: how often the policy is run.
    """

    images: tuple[str, ...] = ("*",)
    keep_last: int | None = None
    older_than: int | None = None
    keep: tuple[str, ...] = ()
    untagged_after: int | None = None
    every: int = 24 * HOUR

    def covers(self, repository: str) -> bool:
        """Whether it is about a repository, by its full name or as Docker Hub's images are called."""
        names = {
            repository,
            repository.removeprefix("docker.io/"),
            repository.removeprefix("docker.io/library/"),
        }
        return any(fnmatchcase(name, pattern) for name in sorted(names) for pattern in self.images)

    @property
    def deletes_tags(self) -> bool:
        """Whether it is about tags at all."""
        return self.keep_last is not None or self.older_than is not None


def expired(tags: Mapping[str, Image], rule: Rule) -> Iterator[tuple[str, int]]:
    """The tags of one repository that a rule deletes, each with the instant (µs) from which on it does; the newest first."""
    if not rule.deletes_tags:
        return
    others = [tag for tag in tags if not any(fnmatchcase(tag, pattern) for pattern in rule.keep)]
    newest = sorted(others, key=lambda tag: (tags[tag].pushed, tag), reverse=True)
    for tag in newest[rule.keep_last or 0 :]:
        yield tag, tags[tag].pushed + (rule.older_than or 0)


def unreferenced(images: Sequence[Image], tags: Mapping[str, Image], rule: Rule) -> Iterator[tuple[str, int]]:
    """The digests of one repository that a rule deletes, each with the instant (µs) from which on it does."""
    if rule.untagged_after is None:
        return
    tagged = {image.digest for image in tags.values()}
    for image in images:
        if image.digest not in tagged:
            yield image.digest, image.pushed + rule.untagged_after


class Retention:
    """The policy of a registry: its rules, each run by a clock of its own from when it is made."""

    def __init__(self, engine: Engine, registry: Registry, rules: Sequence[Rule]) -> None:
        self._engine = engine
        self._registry = registry
        self._rules = tuple(rules)
        self._began = engine.now
        self._timers: dict[int, Timer] = {}
        registry.on_change(self._arm_all)
        self._arm_all()

    def _arm_all(self) -> None:
        for index in range(len(self._rules)):
            self._arm(index)

    def _arm(self, index: int) -> None:
        """Wait for the first run at which the rule finds anything."""
        rule, now = self._rules[index], self._engine.now
        armed = self._timers.pop(index, None)
        if armed is not None:
            armed.cancel()
        first = min((due for _, _, due in self._due(rule)), default=None)
        if first is None:
            return
        runs = max(-(-(first - self._began) // rule.every), (now - self._began) // rule.every + 1)
        delay = self._began + runs * rule.every - now
        name = f"retention every {format_duration(rule.every)}"
        self._timers[index] = self._engine.tick(delay, name, self._run, index)

    def _due(self, rule: Rule) -> Iterator[tuple[str, str, int]]:
        """(repository, tag or digest, the instant from which on it goes) of what a rule deletes sooner or later."""
        for repository in self._registry.repositories():
            if next((each for each in self._rules if each.covers(repository)), None) is rule:
                tags = self._registry.pushed_tags(repository)
                for tag, due in expired(tags, rule):
                    yield repository, f":{tag}", due
                for digest, due in unreferenced(self._registry.pushed_images(repository), tags, rule):
                    yield repository, f"@{digest}", due

    def _run(self, index: int) -> None:
        del self._timers[index]
        rule, now = self._rules[index], self._engine.now
        for part in (":", "@"):  # tags first: a digest may lose its last one now
            for repository, which, due in list(self._due(rule)):
                if due <= now and which.startswith(part):
                    self._registry.delete(repository + which)
        self._arm(index)
