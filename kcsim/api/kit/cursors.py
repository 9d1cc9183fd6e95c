"""What can go wrong between the log and an informer, as data and as what it does to the changes on their way.

``drop``     the n-th change (and those after it, ``times`` in all) never arrives: the cache misses a state
``repeat``   the n-th change is told ``times`` more
``lag``      every change arrives ``by`` later
``reorder``  changes are gathered for ``by`` and told in another order, each object's own in order
``hold``     the cache stands still at ``revision`` (where it is when None), through restarts too: a stale API server
``rewind``   the next list is answered as of ``revision``, or as of ``ago``; the changes since arrive ``by`` later
``relist``   the watch breaks at once and the list is asked for again: every object is told again

When a rule is lifted, what it held back arrives; after a ``drop`` the informer lists again, as a reflector does whose
watch has ended.

**Imitates:** what client-go's reflector and watch caches allow: a watch cache that is behind (reads with
resourceVersion=0), 410 Gone and a fresh list, and events that several watchers see in different orders across kinds and
objects. A plain ``drop`` stands for states that came and went while nobody looked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from kcsim.api.log import EventType, Version

if TYPE_CHECKING:
    from kcsim.api.kit.informer import Informer
    from kcsim.api.kit.seams import Armed, Seams

Change = tuple[EventType, Version]
"""What it is in the watch's eyes (ADDED, MODIFIED, DELETED), and the version."""


@dataclass(frozen=True, slots=True)
class CursorFault:
    """An intervention at the informers of a component.

    Attributes:
        what: a key of ``WHATS``.
        component: whose; "" for all.
        resource: plural name, e.g. ``pods``; "" for all.
        host: where the component runs; "" for anywhere.
        nth: ``drop``, ``repeat``: which change of those that match, from 1, counted from when the rule was armed.
        times: ``drop``: how many in a row; ``repeat``: how often more.
        event: ADDED, MODIFIED or DELETED; "" for any.
        namespace, name: shell patterns for the object; "" for any.
        by: ``lag``, ``reorder``, ``rewind``: how much later (µs).
        revision: ``hold``, ``rewind``: where the cache stands.
        ago: ``rewind`` without a revision: how far back (µs).
    """

    what: str
    component: str = ""
    resource: str = ""
    host: str = ""
    nth: int = 1
    times: int = 1
    event: str = ""
    namespace: str = ""
    name: str = ""
    by: int = 0
    revision: int | None = None
    ago: int = 0

    def matches(self, change: Change) -> bool:
        """Whether it is a change that counts."""
        event, version = change
        namespace, name = version.key
        return (
            self.event in {"", event}
            and (not self.namespace or fnmatchcase(namespace, self.namespace))
            and (not self.name or fnmatchcase(name, self.name))
        )


class Cursor:
    """What a rule does at the informers it is about; this one lets everything pass."""

    def __init__(self, armed: Armed, seams: Seams, rule: CursorFault) -> None:
        self.armed = armed
        self.rule = rule
        self._seams = seams
        self._engine = seams.endpoint.engine
        self._held: dict[Informer, list[Change]] = {}

    def begin(self, informer: Informer) -> None:
        """The rule was armed while the informer was there."""

    def passing(self, informer: Informer, changes: list[Change]) -> list[Change]:
        """What of the changes goes on now."""
        del informer
        return changes

    def lists_from(self, informer: Informer) -> int | None:
        """As of which revision the informer's list is answered."""
        del informer
        return None

    def forget(self, informer: Informer) -> None:
        """The informer's process died."""
        self._held.pop(informer, None)

    def end(self) -> Iterator[tuple[Informer, list[Change]]]:
        """The rule is over: what arrives now."""
        held, self._held = self._held, {}
        yield from held.items()

    def note(self, informer: Informer, change: Change | None = None, **detail: object) -> None:
        """Tell in the trace what was done to whom."""
        component = informer.component
        told: dict[str, object] = {"component": component.name, "host": component.host, **detail}
        if change is None:
            subject = informer.resource
        else:
            event, version = change
            subject = version.subject
            told["event"], told["rv"] = event, version.revision
        self.armed.note(self.rule.what, subject, told)


class _Drop(Cursor):
    """A change that never arrives."""

    def __init__(self, armed: Armed, seams: Seams, rule: CursorFault) -> None:
        super().__init__(armed, seams, rule)
        self._missed: dict[Informer, None] = {}

    def passing(self, informer: Informer, changes: list[Change]) -> list[Change]:
        rule, passed = self.rule, []
        for change in changes:
            if rule.matches(change):
                self.armed.seen += 1
                if rule.nth <= self.armed.seen < rule.nth + rule.times:
                    self.note(informer, change)
                    self._missed[informer] = None
                    continue
            passed.append(change)
        return passed

    def forget(self, informer: Informer) -> None:
        self._missed.pop(informer, None)

    def end(self) -> Iterator[tuple[Informer, list[Change]]]:
        for informer in self._missed:
            informer.relist()
        return super().end()


class _Repeat(Cursor):
    """A change that is told again."""

    def passing(self, informer: Informer, changes: list[Change]) -> list[Change]:
        rule, passed = self.rule, []
        for change in changes:
            passed.append(change)
            if rule.matches(change):
                self.armed.seen += 1
                if self.armed.seen == rule.nth:
                    self.note(informer, change, times=rule.times)
                    passed += [change] * rule.times
        return passed


class _Lag(Cursor):
    """Changes that come late, in order."""

    def passing(self, informer: Informer, changes: list[Change]) -> list[Change]:
        held = self._held.setdefault(informer, [])
        held += changes
        if not self.armed.fired:
            self.note(informer, changes[0])
        self._engine.after(self.rule.by, self._due, informer, held, len(changes))
        return []

    def _due(self, informer: Informer, held: list[Change], count: int) -> None:
        if self._held.get(informer) is held:
            due = self._ordered(held[:count])
            del held[:count]
            self._seams.hand_on(self.armed, informer, due)

    def _ordered(self, due: list[Change]) -> list[Change]:
        return due


class _Reorder(_Lag):
    """Changes of a while that come in another order."""

    def passing(self, informer: Informer, changes: list[Change]) -> list[Change]:
        held = self._held.setdefault(informer, [])
        if not held:
            self._engine.after(self.rule.by, self._gathered, informer, held)
        held += changes
        return []

    def _gathered(self, informer: Informer, held: list[Change]) -> None:
        if self._held.get(informer) is held:
            due = list(held)
            held.clear()
            self._seams.hand_on(self.armed, informer, self._mixed(informer, due))

    def _mixed(self, informer: Informer, due: list[Change]) -> list[Change]:
        """Objects take turns as the dice have it; what happens to one object keeps its order."""
        dice = self._engine.dice(f"fault/reorder/{informer.component.name}/{informer.resource}")
        waiting: dict[tuple[str, str], list[Change]] = {}
        for change in due:
            waiting.setdefault(change[1].key, []).append(change)
        turns = dice.shuffled([change[1].key for change in due])
        mixed = [waiting[key].pop(0) for key in turns]
        if mixed != due:
            self.note(informer, None, changes=len(due))
        return mixed


class _Hold(Cursor):
    """A cache that stands still."""

    def __init__(self, armed: Armed, seams: Seams, rule: CursorFault) -> None:
        super().__init__(armed, seams, rule)
        log = seams.endpoint.server.log
        self._stands = log.revision if rule.revision is None else rule.revision

    def passing(self, informer: Informer, changes: list[Change]) -> list[Change]:
        late = [change for change in changes if change[1].revision > self._stands]
        if not late:
            return changes
        held = self._held.setdefault(informer, [])
        if not held:
            self.note(informer, late[0], stands=self._stands)
        held += late
        return [change for change in changes if change[1].revision <= self._stands]

    def lists_from(self, informer: Informer) -> int | None:
        del informer
        return self._stands


class _Rewind(Cursor):
    """A list as of long ago."""

    def __init__(self, armed: Armed, seams: Seams, rule: CursorFault) -> None:
        super().__init__(armed, seams, rule)
        self._catching_up: dict[Informer, int] = {}
        self._done: set[tuple[str, str, str]] = set()

    def lists_from(self, informer: Informer) -> int | None:
        who = (informer.component.name, informer.component.host, informer.resource)
        if who in self._done:
            return None
        log = self._seams.endpoint.server.log
        revision = self.rule.revision
        if revision is None:
            revision = log.revision_at(max(self._engine.now - self.rule.ago, 0))
        if revision >= log.revision:
            return None
        self._done.add(who)
        self._catching_up[informer] = self._engine.now + self.rule.by
        self.note(informer, None, revision=revision)
        return revision

    def passing(self, informer: Informer, changes: list[Change]) -> list[Change]:
        until = self._catching_up.get(informer)
        if until is None or self._engine.now >= until:
            return changes
        held = self._held.get(informer)
        if held is None:
            held = self._held[informer] = []
            self._engine.at(until, self._caught_up, informer, held)
        held += changes
        return []

    def _caught_up(self, informer: Informer, held: list[Change]) -> None:
        if self._held.get(informer) is held:
            del self._held[informer]
            self._seams.hand_on(self.armed, informer, held)


class _Relist(Cursor):
    """A watch that breaks."""

    def begin(self, informer: Informer) -> None:
        self.note(informer)
        informer.relist()


WHATS: Final[dict[str, type[Cursor]]] = {
    "drop": _Drop,
    "repeat": _Repeat,
    "lag": _Lag,
    "reorder": _Reorder,
    "hold": _Hold,
    "rewind": _Rewind,
    "relist": _Relist,
}
"""what -> how it acts."""


def cursor_for(armed: Armed, seams: Seams) -> Cursor:
    """What carries a rule out.

    Raises:
        ValueError: there is no such intervention.
    """
    rule = armed.rule
    assert isinstance(rule, CursorFault), "asked for those only"
    if rule.what not in WHATS:
        raise ValueError(f"no intervention {rule.what!r} at a cursor; there are {', '.join(WHATS)}")
    return WHATS[rule.what](armed, seams, rule)
