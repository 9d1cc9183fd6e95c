"""The images of one node: what is cached, and the pulls under way.

**Imitates:** ``pkg/kubelet/images/image_manager.go`` and ``puller.go`` (v1.36): ``serializeImagePulls``,
``maxParallelImagePulls`` and the limit of pulls a second. Left out: credential checks, the periodic garbage collection.
Differs: pulls at the same time slow each other down only on links with a bandwidth.

**Walk:** ``precheck`` says present, refused or pull -> ``pull`` queues -> as many at once as the node allows ->
``PullOutcome``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from kcsim.cluster.images import ImageBehaviour, PullResult, Resolve
from kcsim.cluster.kubelet.config import DEFAULTS, KubeletConfig
from kcsim.cluster.kubelet.timings import KubeletTimings
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine, Timer

PRESENT = "present"
NEVER = "never"
PULL = "pull"
QPS_EXCEEDED = "pull QPS exceeded"
_NAME = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::\w[\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,})?"
)


@dataclass(frozen=True, slots=True)
class PullOutcome:
    """How a pull ended: ``behaviour`` or ``error``; times in µs, ``waited_us`` includes the queue."""

    behaviour: ImageBehaviour | None
    error: str
    pull_us: int
    waited_us: int


Pulled = Callable[[PullOutcome], None]


def precheck(policy: str, *, present: bool) -> str:
    """``present``: use it; ``never``: refused; ``pull``: ask the registry."""
    if policy == "Always":
        return PULL
    if present:
        return PRESENT
    return NEVER if policy == "Never" else PULL


def pull_policy(container: dict[str, str]) -> str:
    """imagePullPolicy with the API's default: Always for the tag latest or none, else IfNotPresent."""
    policy = container.get("imagePullPolicy")
    if policy:
        return policy
    last = container["image"].rsplit("/", 1)[-1]
    untagged = ":" not in last and "@" not in last
    return "Always" if untagged or last.endswith(":latest") else "IfNotPresent"


@lru_cache(maxsize=4096)
def is_image_name(image: str) -> bool:
    """Whether the text is a reference at all (github.com/distribution/reference)."""
    return _NAME.fullmatch(image) is not None


@dataclass(slots=True, eq=False)
class _Pull:
    """One under way: what ends it, and the pulls of other names that wait for its layers."""

    image: str
    result: PullResult
    done: Pulled
    began: int
    asked: int
    timer: Timer | None = None
    cancel: Callable[[], None] | None = None
    waiters: list[_Pull] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Of what it fetches; "" when there is nothing."""
        return self.result.behaviour.digest if self.result.behaviour is not None else ""


class ImageManager:
    """One node's image store and its pulls."""

    def __init__(
        self,
        engine: Engine,
        node: str,
        resolve: Resolve,
        timings: KubeletTimings,
        config: KubeletConfig = DEFAULTS,
    ) -> None:
        self._engine = engine
        self._dice = engine.dice(f"images/{node}")
        self._resolve = resolve
        self.slowed = 0
        self._timings = timings
        self._config = config
        self._present: dict[str, ImageBehaviour] = {}
        self._layers: set[str] = set()
        self._queue: deque[tuple[str, Pulled, int]] = deque()
        self._running: list[_Pull] = []
        self._full_at = 0

    def get(self, image: str) -> ImageBehaviour | None:
        """The image, when it is on the node."""
        return self._present.get(image)

    def images(self) -> dict[str, ImageBehaviour]:
        """Everything on the node, by the name it was pulled under."""
        return dict(self._present)

    def disk_bytes(self) -> int:
        """What the images take on the disk; layers that several names share count once."""
        sizes = {behaviour.digest: behaviour.size_bytes for behaviour in self._present.values()}
        return sum(sizes.values())

    def preload(self, image: str, behaviour: ImageBehaviour) -> None:
        """Put an image on the node without a pull: it came with the machine."""
        self._present[image] = behaviour
        self._layers.add(behaviour.digest)

    def behave(self, behaviour: ImageBehaviour) -> None:
        """Copies of this image on the node behave differently from now on (a fault, or its end)."""
        for image, present in self._present.items():
            if present.name == behaviour.name:
                self._present[image] = behaviour

    def remove(self, image: str) -> None:
        """Delete an image from the node."""
        behaviour = self._present.pop(image, None)
        if behaviour is not None:
            self._layers.discard(behaviour.digest)

    def remove_unused(self, used: Iterable[str]) -> int:
        """Delete the images that no container needs; gives the bytes that are free now."""
        before, needed = self.disk_bytes(), frozenset(used)
        for image in [image for image in self._present if image not in needed]:
            self.remove(image)
        return before - self.disk_bytes()

    def pull(self, image: str, done: Pulled) -> None:
        """Queue a pull; ``done(outcome)`` comes when it ended."""
        if not self._may_ask():
            self._engine.after(0, done, PullOutcome(None, QPS_EXCEEDED, 0, 0))
            return
        self._queue.append((image, done, self._engine.now))
        self._start_next()

    def stop(self) -> None:
        """The kubelet ends: pulls are dropped, what is on the disk stays."""
        self._queue.clear()
        for pull in self._running:
            if pull.timer is not None:
                pull.timer.cancel()
            if pull.cancel is not None:
                pull.cancel()
        self._running.clear()

    def _may_ask(self) -> bool:
        """throttleImagePulling: a token bucket, which a node that pulls one image after the other never empties."""
        config = self._config
        if config.serialize_image_pulls or not config.registry_qps:
            return True
        now, each = self._engine.now, SECOND // config.registry_qps
        full_at = max(self._full_at, now)
        if full_at - now > (config.registry_burst - 1) * each:
            return False
        self._full_at = full_at + each
        return True

    def _start_next(self) -> None:
        most = self._config.pulls_at_once
        while self._queue and (most is None or len(self._running) < most):
            image, done, asked = self._queue.popleft()
            result = self._resolve(image)
            duration = self._dice.draw(self._timings.manifest) + self.slowed
            pull = _Pull(image, result, done, self._engine.now, asked)
            self._running.append(pull)
            self._begin(pull, duration)

    def _begin(self, pull: _Pull, duration: int) -> None:
        """Ask for the manifest, which takes ``duration`` µs, then for the layers that are not there."""
        behaviour = pull.result.behaviour
        if behaviour is None or behaviour.digest in self._layers:
            pull.timer = self._engine.after(duration, self._finish, pull)
            return
        others = [each for each in self._running if each is not pull and each.digest == pull.digest]
        if pull.result.fetch is not None:
            if others:
                # The layers are coming already: containerd waits for them.
                others[0].waiters.append(pull)
            else:
                pull.timer = self._engine.after(duration, self._fetch, pull, behaviour.size_bytes)
            return
        coming = [each.timer.when for each in others if each.timer is not None]
        if coming:
            duration = max(duration, max(coming) - self._engine.now)
        else:
            duration += behaviour.size_bytes * SECOND // self._timings.pull_bytes_per_s
        pull.timer = self._engine.after(duration, self._finish, pull)

    def _fetch(self, pull: _Pull, size: int) -> None:
        assert pull.result.fetch is not None
        pull.timer = None
        pull.cancel = pull.result.fetch(size, self._timings.pull_bytes_per_s, lambda: self._finish(pull))

    def _finish(self, pull: _Pull) -> None:
        self._running.remove(pull)
        result, now = pull.result, self._engine.now
        if result.behaviour is not None:
            self.preload(pull.image, result.behaviour)
        self._start_next()
        pull.done(PullOutcome(result.behaviour, result.error, now - pull.began, now - pull.asked))
        for each in pull.waiters:
            if each in self._running:
                self._finish(each)
