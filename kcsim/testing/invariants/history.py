"""A trace as its checkers read it: every write with the object it made, by kind and by object.

Built from a running world's records, or from the lines of a trace.jsonl, whose merge patches are applied one by one.

**Walk:** ``History.of`` -> records -> ``Write`` for each change of an object -> ``writes(kind)`` in order,
``at(write, kind, key, time)`` for what else was true then.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from kcsim.api.log import Version
from kcsim.api.objects import Key, Object
from kcsim.api.patch import merge_patch
from kcsim.engine.clock import SECOND
from kcsim.engine.trace import Record, Trace


class HasTrace(Protocol):
    """A world, a simulation, or anything with an engine that keeps a trace."""

    @property
    def engine(self) -> Any:
        """Its engine."""
        ...


Source = HasTrace | Trace | Iterable[str]
"""What can be checked: a world or simulation, a trace, or the lines of a trace.jsonl."""


class Write:
    """One change of one object.

    Attributes:
        record: the trace's record of it.
        kind: the object's kind as the trace names it: ``pod``, ``replicaset.apps``.
        key: namespace and name.
        cluster: "" for the only one.
        object: the object as written, or as it was when it was deleted.
        before: the write before, None for a creation.
    """

    __slots__ = ("before", "cluster", "deleted", "key", "kind", "object", "record", "revision")

    def __init__(
        self,
        record: Record,
        cluster: str,
        kind: str,
        key: Key,
        obj: Object,
        before: Write | None,
        revision: int,
        *,
        deleted: bool,
    ) -> None:
        self.record = record
        self.cluster = cluster
        self.kind = kind
        self.key = key
        self.object = obj
        self.before = before
        self.revision = revision
        self.deleted = deleted

    @property
    def time(self) -> int:
        """When, in µs."""
        return self.record.time

    @property
    def uid(self) -> str:
        """The object's uid."""
        return str(self.object["metadata"].get("uid", ""))


class _Track:
    """The writes of one key in order, with their times."""

    __slots__ = ("times", "writes")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.writes: list[Write] = []


class History:
    """All writes of a trace. ``records`` are all of its records, ``writes`` those that changed an object."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.records: list[Record] = []
        self.all_writes: list[Write] = []
        self._by_kind: dict[str, list[Write]] = {}
        self._tracks: dict[tuple[str, str, Key], _Track] = {}
        self._keys: dict[tuple[str, str, str], list[Key]] = {}
        self._now = 0
        for record in records:
            self.records.append(record)
            if isinstance(record, Version):
                self._add(
                    record, record.cluster, record.key, record.object, record.revision, deleted=record.deleted
                )

    @classmethod
    def of(cls, source: Source) -> History:
        """The history of whatever can be checked."""
        if isinstance(source, Trace):
            return cls(source.records)
        engine = getattr(source, "engine", None)
        if engine is not None:
            history = cls(engine.trace.records)
            history._now = engine.now
            return history
        if isinstance(source, str) or not isinstance(source, Iterable):
            raise TypeError(f"a world, a trace or the lines of a trace.jsonl is checked, not {source!r:.60}")
        return cls._from_lines(source)

    @classmethod
    def _from_lines(cls, lines: Iterable[str]) -> History:
        history = cls(())
        for number, line in enumerate(lines, 1):
            try:
                history._take(json.loads(line))
            except (KeyError, IndexError, TypeError, ValueError) as error:
                why = f"{type(error).__name__}: {error}"
                raise ValueError(f"line {number} is none of a trace.jsonl ({why}): {line!r:.80}") from error
        return history

    def _take(self, told: dict[str, Any]) -> None:
        whole, _, part = told["t"].partition(".")
        cause = self.records[told["cause"]] if told["cause"] is not None else None
        time = int(whole) * SECOND + int(part)
        record = Record(time, cause, told["actor"], told["verb"], told["object"], told["detail"])
        record.seq = told["seq"]
        self.records.append(record)
        if "rv" in told["detail"]:
            self._add_line(record, told["detail"])

    def _add_line(self, record: Record, detail: dict[str, Any]) -> None:
        kind, *path = record.subject.split("/")
        key = (path[0], path[1]) if len(path) == 2 else ("", path[0])
        cluster = detail.get("cluster", "")
        track = self._tracks.get((cluster, kind, key))
        last = track.writes[-1] if track is not None and not track.writes[-1].deleted else None
        deleted = "set" not in detail
        obj: Object = last.object if last is not None else {"metadata": {}}
        if not deleted:
            obj = merge_patch.apply(obj, detail["set"])
        self._add(record, cluster, key, obj, detail["rv"], deleted=deleted)

    def _add(
        self, record: Record, cluster: str, key: Key, obj: Object, revision: int, *, deleted: bool
    ) -> None:
        kind = record.subject.partition("/")[0]
        track = self._tracks.get((cluster, kind, key))
        if track is None:
            track = self._tracks[cluster, kind, key] = _Track()
            self._keys.setdefault((cluster, kind, key[0]), []).append(key)
        before = track.writes[-1] if track.writes and not track.writes[-1].deleted else None
        write = Write(record, cluster, kind, key, obj, before, revision, deleted=deleted)
        track.times.append(record.time)
        track.writes.append(write)
        self.all_writes.append(write)
        self._by_kind.setdefault(kind, []).append(write)

    @property
    def end(self) -> int:
        """Up to when it tells what happened (µs): a world's present, or the last record."""
        return max(self._now, self.records[-1].time if self.records else 0)

    # --- asking -------------------------------------------------------------------------------------------------

    def writes(self, kind: str) -> list[Write]:
        """The writes of a kind, in order."""
        return self._by_kind.get(kind, [])

    def keys(self, cluster: str, kind: str, namespace: str) -> list[Key]:
        """Every key of a kind that ever existed in a namespace."""
        return self._keys.get((cluster, kind, namespace), [])

    def at(self, cluster: str, kind: str, key: Key, time: int) -> Object | None:
        """The object of a key as the last write up to ``time`` left it; None where there was none."""
        track = self._tracks.get((cluster, kind, key))
        if track is None:
            return None
        place = bisect_right(track.times, time) - 1
        if place < 0 or track.writes[place].deleted:
            return None
        return track.writes[place].object

    def since(
        self, cluster: str, kind: str, key: Key, time: int, holds: Callable[[Object | None], bool]
    ) -> int | None:
        """From when on, up to ``time``, a condition of a key's object (None: there is none) held; None: it does not."""
        track = self._tracks.get((cluster, kind, key))
        place = bisect_right(track.times, time) - 1 if track is not None else -1
        begun = None
        while place >= 0 and track is not None:
            write = track.writes[place]
            if not holds(None if write.deleted else write.object):
                return begun
            begun = write.time
            place -= 1
        return 0 if holds(None) else begun

    def lately(self, cluster: str, kind: str, key: Key, time: int, window: int) -> Iterator[Object]:
        """Every state of a key that was current at some instant of the ``window`` µs up to ``time``."""
        track = self._tracks.get((cluster, kind, key))
        if track is None:
            return
        place = bisect_right(track.times, time) - 1
        while place >= 0:
            if not track.writes[place].deleted:
                yield track.writes[place].object
            if track.times[place] <= time - window:
                return
            place -= 1
