"""What a source's trace records say, and what it learns of pods that are gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kcsim.engine.clock import SECOND
from kcsim.engine.core import Engine
from kcsim.engine.trace import Record


@dataclass(frozen=True, slots=True)
class Gone:
    """A pod that cannot answer any more what it had begun to.

    Attributes:
        pod: ``namespace/name``.
        cause: reset when its connections were closed, timed out when nothing comes any more.
        latency: how long it worked on a request (µs).
        share: of those who asked it, for whom that is so: a cut may part it from some of them.
    """

    pod: str
    cause: str
    latency: int
    share: float = 1.0


class Story:
    """The records of one source.

    Attributes:
        said: the shares of causes that were told last.
    """

    def __init__(self, engine: Engine, name: str, service: str) -> None:
        self._engine = engine
        self._actor = f"traffic/{name}"
        self._subject = f"service/{service}"
        self.said: dict[str, float] = {}

    def tell(self, sent: int, causes: dict[str, float], pods: Sequence[str], where: Sequence[str]) -> Record:
        """Requests fail, or no longer: ``sent`` is when the first of them was (µs)."""
        self.said = causes
        if not causes:
            return self._engine.note(self._actor, "recovered", self._subject)
        detail: dict[str, object] = {"share": causes, "sent": round(sent / SECOND, 6)}
        if pods:
            detail["pods"] = list(pods)
        if where:
            detail["where"] = list(where)
        return self._engine.note(self._actor, "failing", self._subject, detail)
