"""A status while its controller works on it, and the patch that writes what changed.

**Imitates:** fluxcd/pkg runtime/conditions and runtime/patch (SerialPatcher): each condition carries the generation it
was set for, its transition time moves with status, reason or message, Ready stands first; a patch holds only what
differs from what was written last, and nothing is sent when nothing does.

**Walk:** ``Draft(obj)`` -> ``mark`` and ``set`` -> ``patch()`` -> the caller sends it -> ``sent()``.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux.toolkit import PROGRESSING, READY, RECONCILING, RETRYING, STALLED
from kcsim.engine.clock import rfc3339
from kcsim.engine.core import Engine

MESSAGE_LIMIT = 20000


class Draft:
    """The status of one object; the object itself stays as it was read."""

    def __init__(self, engine: Engine, obj: Object) -> None:
        self._engine = engine
        self._generation = obj["metadata"].get("generation", 0)
        self._written: dict[str, Any] = obj.get("status") or {}
        self.status: dict[str, Any] = dict(self._written)

    # --- fields -------------------------------------------------------------------------------------------------

    def get(self, field: str) -> Any:
        """A field of the status."""
        return self.status.get(field)

    def set(self, field: str, value: Any) -> None:
        """Set a field; None removes it."""
        self.status = {k: v for k, v in self.status.items() if k != field}
        if value is not None:
            self.status[field] = value

    def observe_generation(self) -> None:
        """The spec as it is now has been dealt with."""
        self.set("observedGeneration", self._generation)

    # --- conditions ---------------------------------------------------------------------------------------------

    @property
    def conditions(self) -> list[Object]:
        """The conditions as they stand."""
        return self.status.get("conditions") or []

    def condition(self, kind: str) -> Object | None:
        """The condition of a type."""
        return next((c for c in self.conditions if c["type"] == kind), None)

    def is_(self, kind: str, status: str = "True") -> bool:
        """Whether a condition exists with that status."""
        found = self.condition(kind)
        return found is not None and found["status"] == status

    def mark(self, kind: str, status: str, reason: str, message: str) -> None:
        """Set a condition."""
        if len(message) > MESSAGE_LIMIT:
            message = message[: MESSAGE_LIMIT - 3] + "..."
        new = {
            "type": kind,
            "status": status,
            "observedGeneration": self._generation,
            "reason": reason,
            "message": message,
            "lastTransitionTime": rfc3339(self._engine.now),
        }
        old = self.condition(kind)
        if old is not None and all(old.get(k) == new[k] for k in ("status", "reason", "message")):
            new["lastTransitionTime"] = old["lastTransitionTime"]
        rest = [c for c in self.conditions if c["type"] != kind]
        self.set("conditions", sorted([*rest, new], key=lambda c: (c["type"] != READY, c["type"])))

    def drop(self, kind: str) -> None:
        """Remove a condition."""
        if self.condition(kind) is not None:
            self.set("conditions", [c for c in self.conditions if c["type"] != kind])

    def progress(self, message: str, *, drift: bool = False) -> None:
        """Say what is going on; Ready becomes unknown when there is something new, or nothing was known before."""
        self.drop(STALLED)
        if drift or self.condition(READY) is None or self.is_(READY, "Unknown"):
            self.mark(READY, "Unknown", PROGRESSING, message)
        self.mark(RECONCILING, "True", PROGRESSING, message)

    def note_retry(self) -> None:
        """It did not work and will be tried again: what is under way says so."""
        found = self.condition(RECONCILING)
        if found is not None:
            self.mark(RECONCILING, "True", RETRYING, found["message"])

    # --- writing ------------------------------------------------------------------------------------------------

    def patch(self) -> dict[str, Any]:
        """The merge patch of the status since it was written last; empty when nothing changed."""
        return objects.difference(self._written, self.status)  # type: ignore[no-any-return]

    def sent(self) -> None:
        """The patch has been written."""
        self._written = self.status


__all__ = ["Draft"]
