"""An image registry on the network: tags, digests, and how the programs in its images behave.

**Imitates:** the OCI distribution protocol as kubelets, pipelines and image scanners see it; error texts are those of
containerd, which the kubelet passes on; what it deletes by itself is in `retention`. Left out: layers, accounts.

What an image's programs do (`behaviour`) is opaque here: it is kept beside the digest and handed through to whoever
runs the image.

**Walk:** a pipeline's `upload` or a scenario's `push` -> tag -> digest -> a node's `resolve` when it pulls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from kcsim.delivery.exchange import Exchange, Path
from kcsim.delivery.registry.reference import Reference, parse
from kcsim.engine.clock import MILLISECOND, MINUTE, seconds
from kcsim.engine.core import Engine
from kcsim.engine.trace import Record
from kcsim.network.topology import Network
from kcsim.profile.distributions import Distribution, Skewed

DEFAULT_SIZE = 50_000_000
"""Bytes of an image whose size nobody gave."""

DEFAULT_TIMEOUT = seconds("60s")
"""How long a client waits for an answer (µs)."""

_UPLOAD = Skewed(seconds("3s"), seconds("15s"))
_LIST = Skewed(100 * MILLISECOND, 500 * MILLISECOND)
_FETCH = Skewed(200 * MILLISECOND, seconds("1s"))
"""Assumed, as are the others: no published measurement."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image as a registry holds it. `size` is in bytes; `pushed` is virtual µs."""

    name: str
    """Host and repository, e.g. `registry.example.com/shop/web`."""
    digest: str
    size: int
    behaviour: Any
    pushed: int = 0


class ImageNotFound(Exception):
    """The registry has no such repository, tag or digest."""

    def __init__(self, reference: Reference) -> None:
        super().__init__(f'failed to resolve reference "{reference}": {reference}: not found')
        self.reference = reference


class RegistryUnavailable(Exception):
    """The registry is up but refuses to work."""

    def __init__(self, reference: Reference, status: str = "503 Service Unavailable") -> None:
        super().__init__(
            f'failed to resolve reference "{reference}": unexpected status from HEAD request to '
            f"{_address(reference)}: {status}"
        )
        self.reference = reference


def unanswered(reference: Reference, host: str) -> str:
    """What a client says that asks the registry on `host` for a reference and hears nothing."""
    asked = f'failed to do request: Head "{_address(reference)}": dial tcp {host}:443: i/o timeout'
    return f'failed to resolve reference "{reference}": {asked}'


def _address(reference: Reference) -> str:
    """Where the registry's protocol has a manifest."""
    return f"https://{reference.host}/v2/{reference.repository}/manifests/{reference.digest or reference.tag}"


Fallback = Callable[[Reference], tuple[Any, int] | None]
"""(behaviour, size in bytes) of an image nobody pushed, or None when there is none."""


class Registry:
    """A registry.

    Attributes:
        name: its host on the network.
        available: False makes it answer 503 to everything.
        delay: how much longer (µs) it works on each question: a fault.
        quota: how many questions it answers in each minute, the others get 429: a fault; None: all.
        fallback: asked for images that nobody pushed, so that public images need no list.
    """

    def __init__(self, engine: Engine, network: Network, name: str, fallback: Fallback | None = None) -> None:
        self._engine = engine
        self._network = network
        self.name = name
        self._available = True
        self._quota: int | None = None
        self.delay = 0
        self._listeners: list[Callable[[], None]] = []
        self._answered: tuple[int, int] = (-1, 0)
        self.fallback = fallback
        self._tags: dict[str, dict[str, Image]] = {}
        self._digests: dict[tuple[str, str], Image] = {}
        self._pushes = 0
        self._reserved: set[str] = set()
        self._deleted: set[tuple[str, str]] = set()
        """(repository, tag or digest) of what was deleted: `fallback` is not asked for it."""
        self._records: dict[tuple[str, str], Record] = {}

    # ---------------------------------------------------------------- what looks at it

    @property
    def available(self) -> bool:
        """Whether it works."""
        return self._available

    @available.setter
    def available(self, value: bool) -> None:
        self._available = value
        self._changed()

    @property
    def quota(self) -> int | None:
        """How many questions it answers in each minute."""
        return self._quota

    @quota.setter
    def quota(self, value: int | None) -> None:
        self._quota = value
        self._changed()

    @property
    def counts_questions(self) -> bool:
        """Whether a question that is asked makes a difference to the answer of the next."""
        return self._quota is not None

    @property
    def look(self) -> int:
        """How long (µs) it typically takes to name a digest."""
        return _LIST.at(0.5) + self.delay

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever clients may get another answer: a tag moved, the registry failed or came back."""
        self._listeners.append(listener)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    # ---------------------------------------------------------------- what it holds

    def reserve(self, repository: str) -> None:
        """From now on images of a repository exist only once somebody pushed them: `fallback` is not asked for them.

        Raises: InvalidReference.
        """
        self._reserved.add(parse(repository).name)

    def is_reserved(self, image: str) -> bool:
        """Whether an image, or a repository, is one that somebody has to push first.

        Raises: InvalidReference.
        """
        return parse(image).name in self._reserved

    def push(
        self, image: str, behaviour: Any, *, size: int = DEFAULT_SIZE, content: str | None = None
    ) -> Image:
        """Store an image under a tag, now; an existing tag moves and its old digest stays pullable.

        The digest follows from `content` (say, the commit it was built from); without it, each push is new content.
        Raises: InvalidReference.
        """
        reference = parse(image)
        self._pushes += 1
        made = self._store(reference, behaviour, size, content or f"{reference}#{self._pushes}")
        self._deleted -= {(reference.name, reference.tag), (reference.name, made.digest)}
        self._tags.setdefault(reference.name, {})[reference.tag] = made
        pushed = self._engine.note(
            f"registry {self.name}", "push", f"image/{reference}", {"digest": made.digest, "size": size}
        )
        self._records[reference.name, made.digest] = pushed
        with self._engine.because(pushed):
            self._changed()
        return made

    def record_of(self, image: Image) -> Record | None:
        """The trace record of the push that brought an image; None for one that nobody pushed."""
        return self._records.get((image.name, image.digest))

    def resolve(self, image: str) -> Image:
        """The image that a reference names right now.

        Raises: InvalidReference, ImageNotFound, RegistryUnavailable.
        """
        self._answer(parse(image))
        return self.find(image)

    def _answer(self, reference: Reference) -> None:
        """Whether a question is answered at all; it counts."""
        if not self.available:
            raise RegistryUnavailable(reference)
        if self.quota is not None:
            minute = self._engine.now // MINUTE
            count = self._answered[1] if self._answered[0] == minute else 0
            self._answered = (minute, count + 1)
            if count >= self.quota:
                raise RegistryUnavailable(reference, "429 Too Many Requests")

    def find(self, image: str) -> Image:
        """The image a reference names, whether the registry answers or not.

        Raises: InvalidReference, ImageNotFound.
        """
        reference = parse(image)
        if reference.digest:
            found = self._digests.get((reference.name, reference.digest)) or self._fall_back(reference)
        else:
            found = self._tags.get(reference.name, {}).get(reference.tag) or self._fall_back(reference)
        if found is None:
            raise ImageNotFound(reference)
        return found

    def revise(self, image: str, behaviour: Any) -> None:
        """Let the programs of an image behave differently: the same image, with the same digest.

        Raises: InvalidReference, ImageNotFound.
        """
        before = self.find(image)
        revised = self._digests[before.name, before.digest] = replace(before, behaviour=behaviour)
        tags = self._tags.get(before.name, {})
        tags.update({tag: revised for tag, held in tags.items() if held.digest == before.digest})

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository, sorted; empty when there is none."""
        return sorted(self._tags.get(parse(repository).name, ()))

    def repositories(self) -> list[str]:
        """Names (host and path) of all repositories, sorted."""
        return sorted(self._tags)

    def holds(self, image: str) -> bool:
        """Whether there is an image of this reference, pushed or not.

        Raises: InvalidReference.
        """
        try:
            self.find(image)
        except ImageNotFound:
            return False
        return True

    def pushed_tags(self, repository: str) -> dict[str, Image]:
        """The tags of a repository that somebody pushed, and what they name, sorted."""
        name = parse(repository).name
        held = self._tags.get(name, {})
        return {tag: held[tag] for tag in sorted(held) if (name, held[tag].digest) in self._records}

    def pushed_images(self, repository: str) -> list[Image]:
        """Every image of a repository that somebody pushed, with a tag or without one, in the order of their first pushes."""
        name = parse(repository).name
        return [self._digests[key] for key in self._records if key[0] == name and key in self._digests]

    def delete(self, image: str) -> None:
        """Delete a tag, whose digest stays pullable, or a digest with all its tags.

        Raises: InvalidReference, ImageNotFound.
        """
        reference = parse(image)
        name, tags = reference.name, self._tags.get(reference.name, {})
        if reference.digest:
            if self._digests.pop((name, reference.digest), None) is None:
                raise ImageNotFound(reference)
            gone = [tag for tag, held in tags.items() if held.digest == reference.digest]
            self._deleted.add((name, reference.digest))
        elif reference.tag in tags:
            gone = [reference.tag]
        else:
            raise ImageNotFound(reference)
        for tag in gone:
            del tags[tag]
        self._deleted |= {(name, tag) for tag in gone}
        note = self._engine.note(f"registry {self.name}", "delete", f"image/{reference}", {})
        with self._engine.because(note):
            self._changed()

    # ---------------------------------------------------------------- over the network

    def head(self, source: str, image: str, timeout: int = DEFAULT_TIMEOUT) -> Exchange:
        """Ask from host `source` what a reference names; the value is the `Image`.

        Raises (where it is waited for): InvalidReference, ImageNotFound, RegistryUnavailable, Unreachable.
        """
        return Exchange(self._path(source, timeout), lambda: (self.resolve(image), self._draw(_LIST)))

    def fetch(self, source: str, image: str, timeout: int = DEFAULT_TIMEOUT) -> Exchange:
        """Download, to host `source`, a small artifact; the value is the `Image`. Raises as `head` does."""
        return Exchange(self._path(source, timeout), lambda: (self.resolve(image), self._draw(_FETCH)))

    def upload(
        self,
        source: str,
        image: str,
        behaviour: Any,
        *,
        size: int = DEFAULT_SIZE,
        content: str | None = None,
        duration: Distribution = _UPLOAD,
        timeout: int = 10 * DEFAULT_TIMEOUT,
    ) -> Exchange:
        """Push from host `source`; the value is the `Image`. `duration` is how long the layers take (µs)."""

        def serve() -> tuple[Image, int]:
            self._answer(parse(image))
            return self.push(image, behaviour, size=size, content=content), self._draw(duration)

        return Exchange(self._path(source, timeout), serve)

    def list_tags(self, source: str, repository: str, timeout: int = DEFAULT_TIMEOUT) -> Exchange:
        """Ask from host `source` for the tags of a repository; the value is a sorted list."""

        def serve() -> tuple[list[str], int]:
            reference = parse(repository)
            self._answer(reference)
            if reference.name not in self._tags:
                raise ImageNotFound(reference)
            return self.tags(repository), self._draw(_LIST)

        return Exchange(self._path(source, timeout), serve)

    # ---------------------------------------------------------------- inside

    def _store(self, reference: Reference, behaviour: Any, size: int, content: str) -> Image:
        digest = "sha256:" + hashlib.sha256(content.encode()).hexdigest()
        made = Image(reference.name, digest, size, behaviour, self._engine.now)
        self._digests[reference.name, digest] = made
        return made

    def _fall_back(self, reference: Reference) -> Image | None:
        if self.fallback is None or reference.name in self._reserved:
            return None
        if (reference.name, reference.digest or reference.tag) in self._deleted:
            return None
        given = self.fallback(reference)
        if given is None:
            return None
        behaviour, size = given
        if reference.digest:
            # The tag beside a digest is for people: what it names is another matter.
            made = Image(reference.name, reference.digest, size, behaviour, self._engine.now)
            self._digests[reference.name, reference.digest] = made
            return made
        made = self._store(reference, behaviour, size, str(reference))
        self._tags.setdefault(reference.name, {})[reference.tag] = made
        return made

    def _draw(self, distribution: Distribution) -> int:
        return self._engine.dice(f"registry {self.name}").draw(distribution) + self.delay

    def _path(self, source: str, timeout: int) -> Path:
        return Path(self._engine, self._network, source, self.name, f"registry {source}", timeout)
