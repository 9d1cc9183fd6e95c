"""The images of one node: what is cached, and one pull at a time.

**Imitates:** ``pkg/kubelet/images/image_manager.go`` and ``puller.go`` (v1.36) with ``serializeImagePulls: true``.
Left out: registry QPS (5 pulls a second never bind a serial puller), credential checks, garbage collection.

**Walk:** ``precheck`` says present, refused or pull -> ``pull`` queues -> one after another -> ``PullOutcome``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from kcsim.cluster.images import ImageBehaviour, PullResult, Resolve
from kcsim.cluster.kubelet.timings import KubeletTimings
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine, Timer

PRESENT = "present"
NEVER = "never"
PULL = "pull"


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


class ImageManager:
    """One node's image store and its pull queue."""

    def __init__(self, engine: Engine, node: str, resolve: Resolve, timings: KubeletTimings) -> None:
        self._engine = engine
        self._dice = engine.dice(f"images/{node}")
        self._resolve = resolve
        self._timings = timings
        self._present: dict[str, ImageBehaviour] = {}
        self._layers: set[str] = set()
        self._queue: deque[tuple[str, Pulled, int]] = deque()
        self._timer: Timer | None = None

    def get(self, image: str) -> ImageBehaviour | None:
        """The image, when it is on the node."""
        return self._present.get(image)

    def images(self) -> dict[str, ImageBehaviour]:
        """Everything on the node, by the name it was pulled under."""
        return dict(self._present)

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

    def pull(self, image: str, done: Pulled) -> None:
        """Queue a pull; ``done(outcome)`` comes when it ended."""
        self._queue.append((image, done, self._engine.now))
        if self._timer is None:
            self._start_next()

    def stop(self) -> None:
        """The kubelet ends: pulls are dropped, what is on the disk stays."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_next(self) -> None:
        if not self._queue:
            return
        image, done, asked = self._queue.popleft()
        now = self._engine.now
        result = self._resolve(image)
        duration = self._dice.draw(self._timings.manifest)
        if result.behaviour is not None and result.behaviour.digest not in self._layers:
            duration += result.behaviour.size_bytes * SECOND // self._timings.pull_bytes_per_s
        self._timer = self._engine.after(duration, self._finish, image, result, done, (now, asked))

    def _finish(self, image: str, result: PullResult, done: Pulled, times: tuple[int, int]) -> None:
        self._timer = None
        began, asked = times
        if result.behaviour is not None:
            self.preload(image, result.behaviour)
        now = self._engine.now
        self._start_next()
        done(PullOutcome(result.behaviour, result.error, now - began, now - asked))
