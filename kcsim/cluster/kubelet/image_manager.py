"""The images of one node: what is cached, and the pulls under way.

**Imitates:** ``pkg/kubelet/images/image_manager.go`` and ``puller.go`` (v1.36): ``serializeImagePulls``,
``maxParallelImagePulls`` and the limit of pulls a second. Left out: credential checks, the periodic garbage collection.
Differs: pulls at the same time do not slow each other down.

**Walk:** ``precheck`` says present, refused or pull -> ``pull`` queues -> as many at once as the node allows ->
``PullOutcome``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
        self._running: list[tuple[str, Timer]] = []
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
        for _, timer in self._running:
            timer.cancel()
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
            now = self._engine.now
            result = self._resolve(image)
            duration = self._dice.draw(self._timings.manifest) + self.slowed
            digest = result.behaviour.digest if result.behaviour is not None else ""
            if result.behaviour is not None and digest not in self._layers:
                under_way = [timer.when for other, timer in self._running if other == digest]
                if under_way:
                    # The layers are coming already: containerd waits for them.
                    duration = max(duration, max(under_way) - now)
                else:
                    rate = self._timings.pull_bytes_per_s
                    if result.bandwidth:
                        rate = max(min(rate, result.bandwidth // 8), 1)
                    duration += result.behaviour.size_bytes * SECOND // rate
            entry: list[tuple[str, Timer]] = []
            timer = self._engine.after(duration, self._finish, image, result, done, (now, asked), entry)
            entry.append((digest, timer))
            self._running.extend(entry)

    def _finish(
        self,
        image: str,
        result: PullResult,
        done: Pulled,
        times: tuple[int, int],
        entry: list[tuple[str, Timer]],
    ) -> None:
        self._running.remove(entry[0])
        began, asked = times
        if result.behaviour is not None:
            self.preload(image, result.behaviour)
        now = self._engine.now
        self._start_next()
        done(PullOutcome(result.behaviour, result.error, now - began, now - asked))
