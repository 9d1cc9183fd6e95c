"""Concurrency groups: of all runs or jobs of one group, one goes on and one waits.

**Imitates:** GitHub Actions' `concurrency` (docs.github.com, "Control the concurrency of workflows and jobs"): at most one running and one
pending; who comes later takes the pending place, and the one that held it is canceled; with cancel-in-progress the running
one is canceled, too. GitLab's `resource_group` with `process_mode: newest_first` comes to the same.

**Walk:** `enter` -> the group is free, or the newcomer waits and others are to be canceled -> `leave` -> who waits goes on.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Group:
    holder: Hashable | None = None
    pending: Hashable | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """Whether the newcomer may go on at once, and who is to be canceled for it."""

    at_once: bool
    canceled: tuple[Hashable, ...] = ()


@dataclass(slots=True)
class Groups:
    """The groups of one CI system, by name."""

    _groups: dict[str, _Group] = field(default_factory=dict)

    def enter(self, group: str, who: Hashable, *, cancel_in_progress: bool = False) -> Entered:
        """Somebody wants to go on; whoever is canceled for it still has to `leave`."""
        found = self._groups.setdefault(group, _Group())
        if found.holder is None:
            found.holder = who
            return Entered(at_once=True)
        canceled = (found.pending,) if found.pending is not None else ()
        found.pending = who
        if cancel_in_progress:
            canceled = (*canceled, found.holder)
        return Entered(at_once=False, canceled=canceled)

    def waits(self, group: str, who: Hashable) -> bool:
        """Whether somebody waits for a group."""
        found = self._groups.get(group)
        return found is not None and found.pending is who

    def leave(self, group: str, who: Hashable) -> Hashable | None:
        """Somebody is through, or gives up waiting; gives who goes on now."""
        found = self._groups.get(group)
        if found is None:
            return None
        if found.pending is who:
            found.pending = None
        if found.holder is not who:
            return None
        found.holder, found.pending = found.pending, None
        return found.holder
